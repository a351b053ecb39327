/* Weight and bias gradient of 3 x 3 in steps of 2, vectors in crossed order (kernels/simd/vector_avx2.h), included by
 * conv_depthwise_in_place_gradient_lanes.h.
 *
 * A walk goes down the rows of one vector of gradients, which meets three rows of the source, the last of them with the next
 * gradients, too. Ten sums, a gradient and three columns are all it has in registers; so the halves of the chains take turns, one
 * vector each: a line of the source has columns of both.
 */

/* One half of the chains of a channel. */
struct crossed_sums {
    tw_vector tap[9], bias;
};

/* Row `at` of a source plane, or zeros. */
static inline const float *crossed_row(const struct tw_conv_descent_in_place *d, const float *plane,
                                       ptrdiff_t at)
{
    return (size_t)at < (size_t)d->height ? plane + at * d->width : d->zeros;
}

IN_PLACE void load_crossed_or_left(const float *x, const bool left, tw_vector met[3])
{
    if (left) {
        load_left(x, met);
    } else {
        load_crossed(x, met);
    }
}

IN_PLACE void cross_sums(const bool left, struct crossed_sums *sums)
{
    TW_UNROLL
    for (int t = 0; t < 9; t++) {
        sums->tap[t] = left ? sums->tap[t] : tw_vector_uncross(sums->tap[t]);
    }
    sums->bias = left ? sums->bias : tw_vector_uncross(sums->bias);
}

IN_PLACE void meet_gradient(const tw_vector met[3], tw_vector gradient, tw_vector tap[3])
{
    TW_UNROLL
    for (int b = 0; b < 3; b++) {
        tap[b] = tw_vector_fma(met[b], gradient, tap[b]);
    }
}

/* The vector of gradients from column `c` on of a plane: all the columns that they meet are inside the rows, but the one left
 * of them if `left`: then lanes stay in order. `more`: another plane follows, so that rows are fetched ahead. */
IN_PLACE void walk_vector(const struct tw_conv_descent_in_place *d, const float *x, const float *dy,
                          ptrdiff_t c, const bool left, bool more, struct crossed_sums *result)
{
    const ptrdiff_t column = 2 * c + d->origin[1] + left, columns = d->columns;
    const ptrdiff_t ahead = more ? TW_CONV_ROWS_AHEAD : 0, fetched_row = more ? d->width : 0;
    const float *fetched = x + column + !left + ahead * d->width;
    struct crossed_sums sums = *result;
    ptrdiff_t at = d->origin[0];
    tw_vector met[3];

    cross_sums(left, &sums);
    load_crossed_or_left(crossed_row(d, x, at) + column, left, met);
    dy += c;
    for (ptrdiff_t r = d->rows; r > 0; r--, dy += columns, at += 2, fetched += 2 * fetched_row) {
        const tw_vector in_order = tw_vector_load(dy);
        const tw_vector gradient = left ? in_order : tw_vector_uncross(in_order);

        __builtin_prefetch(fetched);
        __builtin_prefetch(fetched + fetched_row);
        tw_fetch(dy, ahead / 2 * columns);
        sums.bias = tw_vector_add(sums.bias, gradient);
        meet_gradient(met, gradient, sums.tap);
        load_crossed_or_left(crossed_row(d, x, at + 1) + column, left, met);
        meet_gradient(met, gradient, sums.tap + 3);
        load_crossed_or_left(crossed_row(d, x, at + 2) + column, left, met);
        meet_gradient(met, gradient, sums.tap + 6);
    }
    cross_sums(left, &sums);
    *result = sums;
}

static NOT_IN_PLACE void walk_left(const struct tw_conv_descent_in_place *d, const float *x, const float *dy,
                                   ptrdiff_t c, bool more, struct crossed_sums *sums)
{
    walk_vector(d, x, dy, c, true, more, sums);
}

static NOT_IN_PLACE void walk_crossed(const struct tw_conv_descent_in_place *d, const float *x,
                                      const float *dy, ptrdiff_t c, bool more, struct crossed_sums *sums)
{
    walk_vector(d, x, dy, c, false, more, sums);
}

/* The same with masks. */
static NOT_IN_PLACE void walk_masked(const struct tw_conv_descent_in_place *d, const float *x,
                                     const float *dy, ptrdiff_t c, struct crossed_sums *result)
{
    const struct walk_kind kind = {.vectors = 1, .step = 2};
    const struct walk walk = find_walk(d, 0, c, kind);
    struct walk_sums sums;

    TW_UNROLL
    for (int t = 0; t < 9; t++) {
        sums.tap[0][t] = result->tap[t];
    }
    sums.bias[0] = result->bias;
    walk_columns(d, kind, &walk, x, dy, c, &sums);
    TW_UNROLL
    for (int t = 0; t < 9; t++) {
        result->tap[t] = sums.tap[0][t];
    }
    result->bias = sums.bias[0];
}

/* Channel j of one sample. */
static void walk_plane(const struct tw_conv_descent_in_place *d, ptrdiff_t n, ptrdiff_t j,
                       struct crossed_sums half[2])
{
    const float *x = d->x + n * d->x_sample + j * d->x_channel,
                *dy = d->dy + n * d->dy_sample + j * d->dy_channel;
    const bool more = j + 1 < d->channels && d->x_channel > 0 &&
                      d->height > 2 * TW_CONV_ROWS_AHEAD; /* smaller ones stay near */

    for (ptrdiff_t c = 0; c < d->columns; c += LANES) {
        const unsigned char *inside = d->inside + c / LANES * TW_CONV_IN_PLACE_LOADS;
        struct crossed_sums *sums = &half[c / LANES % 2];

        if (c >= d->whole && c < d->whole_end) {
            walk_crossed(d, x, dy, c, more, sums);
        } else if (c + LANES <= d->columns && inside[0] == 0 && inside[1] == 0xff && inside[2] == 0xff) {
            walk_left(d, x, dy, c, more, sums);
        } else {
            walk_masked(d, x, dy, c, sums);
        }
    }
}

/* Rows of two vectors and more. */
static void descend_crossed(const struct tw_conv_descent_in_place *d)
{
    for (ptrdiff_t j = 0; j < d->channels; j++) {
        struct crossed_sums half[2];
        tw_vector tap[9];

        for (int h = 0; h < 2; h++) {
            for (int t = 0; t < 9; t++) {
                half[h].tap[t] = tw_vector_zero();
            }
            half[h].bias = tw_vector_zero();
        }
        for (ptrdiff_t n = 0; n < d->samples; n++) {
            walk_plane(d, n, j, half);
        }
        TW_UNROLL
        for (int t = 0; t < 9; t++) {
            tap[t] = tw_vector_add(half[0].tap[t], half[1].tap[t]);
        }
        fold_sums(tap, tw_vector_add(half[0].bias, half[1].bias), d->dw + j * 9, d->db ? d->db + j : NULL);
    }
}

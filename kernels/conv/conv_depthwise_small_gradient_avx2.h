/* Weight and bias gradient of 3 x 3 in place over images of at most eight columns, included by conv_depthwise_walks_lanes.h for vectors of
 * eight. A masked load, whose mask comes from memory, for every column of the kernel was as much work as the sums. Here rows are loaded
 * whole, with what lies behind them, and what the outer columns of the kernel meet beside the image is made +0 in the same
 * instruction:
 *
 *   row of 7:   0 1 2 3 4 5 6 n    what the middle column of the kernel meets; n is of the next row or plane
 *               . 0 1 2 3 4 5 6    the left one, . is +0
 *               1 2 3 4 5 6 . .    the right one
 *
 * Lanes behind the row sum up what comes, and are made +0 in the end, as the contract says of chains without columns. A plane
 * before and one behind are in reach of such loads, so that the first and the last channel keep to the masks.
 */

/* A row, with what comes behind it. Row a of the kernel meets `gradient[a]`, for a from `first` to `last`. */
IN_PLACE void meet_small(const float *x, const tw_vector inside[2], const int first, const int last,
                         const tw_vector gradient[3], tw_vector tap[9])
{
    TW_UNROLL
    for (int b = 0; b < 3; b++) {
        const tw_vector row = tw_vector_load(x + b - 1),
                        met = b == 1 ? row : _mm256_and_ps(row, inside[b / 2]);

        TW_UNROLL
        for (int a = first; a <= last; a++) {
            tap[a * 3 + b] = tw_vector_fma(met, gradient[a], tap[a * 3 + b]);
        }
    }
}

/* A row of zeros above or below the image. */
IN_PLACE void meet_zeros(const int a, tw_vector gradient, tw_vector tap[9])
{
    TW_UNROLL
    for (int b = 0; b < 3; b++) {
        tap[a * 3 + b] = tw_vector_fma(tw_vector_zero(), gradient, tap[a * 3 + b]);
    }
}

/* gradient[0] is the next row of gradients, the others those before it. */
IN_PLACE void next_gradients(const float *dy, tw_vector gradient[3], tw_vector *bias)
{
    gradient[2] = gradient[1];
    gradient[1] = gradient[0];
    gradient[0] = tw_vector_load(dy);
    *bias = tw_vector_add(*bias, gradient[0]);
}

/* A plane whose rows begin at `x`, the last of them at `last`, two at least: row r meets the gradients r + 1, r and r - 1. */
IN_PLACE void walk_small_plane(ptrdiff_t width, const tw_vector inside[2], const float *x, const float *last,
                               const float *dy, tw_vector tap[9], tw_vector *bias)
{
    tw_vector gradient[3] = {tw_vector_zero(), tw_vector_zero(), tw_vector_zero()};

    next_gradients(dy, gradient, bias);
    meet_zeros(0, gradient[0], tap);
    next_gradients(dy += width, gradient, bias);
    meet_small(x, inside, 0, 1, gradient, tap);
    for (x += width; x != last; x += width) {
        next_gradients(dy += width, gradient, bias);
        meet_small(x, inside, 0, 2, gradient, tap);
    }
    gradient[2] = gradient[1];
    gradient[1] = gradient[0];
    meet_small(last, inside, 1, 2, gradient, tap);
    meet_zeros(2, gradient[1], tap);
}

/* `sum` of the lanes that are there. A chain that is -0 becomes +0 with the eight that are not. */
IN_PLACE tw_vector end_small(tw_vector sum, tw_some some)
{
    return tw_vector_add(_mm256_and_ps(sum, _mm256_castsi256_ps(some)), tw_vector_zero());
}

/* All samples of a channel. */
IN_PLACE void sum_small(const struct tw_conv_descent_in_place *d, ptrdiff_t channel)
{
    const unsigned columns = (1u << d->columns) - 1;
    const tw_vector inside[2] = {_mm256_castsi256_ps(tw_some_of(0xfe)),
                                 _mm256_castsi256_ps(tw_some_of(columns >> 1))};
    const float *x = d->x + channel * d->x_channel, *dy = d->dy + channel * d->dy_channel;
    tw_vector tap[9], bias = tw_vector_zero();

    TW_UNROLL
    for (int t = 0; t < 9; t++) {
        tap[t] = tw_vector_zero();
    }
    for (ptrdiff_t n = 0; n < d->samples; n++) {
        const float *plane = x + n * d->x_sample;

        walk_small_plane(d->width, inside, plane, plane + (d->rows - 1) * d->width, dy + n * d->dy_sample,
                         tap, &bias);
    }
    TW_UNROLL
    for (int t = 0; t < 9; t++) {
        tap[t] = end_small(tap[t], tw_some_of(columns));
    }
    fold_sums(tap, end_small(bias, tw_some_of(columns)), d->dw + channel * 9, d->db ? d->db + channel : NULL);
}

/* Whether results are as large as the image, which a padding of 1 makes them, and a plane of each channel is as long as the loads of a
 * row reach. */
static bool suits_small(const struct tw_conv_descent_in_place *d)
{
    return d->rows == d->height && d->columns == d->width && d->x_channel > 0 && d->rows * d->columns > LANES;
}

/* Rows of one vector, step 1. */
static NOT_IN_PLACE void narrow(const struct tw_conv_descent_in_place *d)
{
    const ptrdiff_t behind = d->channels - 1;
    const struct tw_conv_descent_in_place first = some_channels(d, 0, 1), last = some_channels(d, behind, 1);

    if (!suits_small(d)) {
        walk_narrow(d, 1);
        return;
    }
    walk_narrow(&first, 1);
    for (ptrdiff_t j = 1; j < behind; j++) {
        sum_small(d, j);
    }
    walk_narrow(&last, 1);
}

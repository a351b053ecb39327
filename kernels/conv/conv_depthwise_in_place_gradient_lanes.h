/* Weight and bias gradient of kernels of 3 x 3 in place, included by conv_depthwise_lanes.h. See
 * conv_depthwise_in_place.h.
 */

/* Vectors of chains that walk down the rows together: all sixteen chains where there are registers for twice ten sums. */
#define HALVES_MAX TW_CONV_WALKS

/* What a walk adds to: chains of one or two neighbouring vectors. */
struct walk_sums {
    tw_vector tap[HALVES_MAX][9], bias[HALVES_MAX];
};

/* A walk down the rows of one sample: constants, and what belongs to its vectors of columns. */
struct walk {
    int halves, step;
    bool whole; /* no masks */
    tw_some inside[HALVES_MAX][TW_CONV_IN_PLACE_LOADS], some[HALVES_MAX];
};

/* Lanes beyond the end of a row: gradients of -0, which with sources of +0 leave whatever sum there is as it is. */
IN_PLACE void load_gradients(const struct walk *walk, const float *dy, struct walk_sums *sums,
                             tw_vector gradient[HALVES_MAX])
{
    TW_UNROLL
    for (int h = 0; h < walk->halves; h++) {
        const float *from = dy + h * LANES;

        gradient[h] =
            walk->whole ? tw_vector_load(from) : tw_vector_load_some_or_minus_zero(from, walk->some[h]);
        sums->bias[h] = tw_vector_add(sums->bias[h], gradient[h]);
    }
}

/* One row of the source, from column `x` on: row a of the kernel meets `gradient[a]` there, for a from `first` to `last` in
 * steps of `by`. */
IN_PLACE void meet_gradients(const struct walk *walk, const float *x, const int first, const int last,
                             const int by, tw_vector gradient[3][HALVES_MAX], struct walk_sums *sums)
{
    const struct in_place_body body = {.step = walk->step, .whole = walk->whole};

    TW_UNROLL
    for (int h = 0; h < walk->halves; h++) {
        tw_vector column[3];

        load_columns(x + h * LANES * walk->step, body, walk->inside[h], column);
        if (walk->step == 2 && !walk->whole) {
            column[0] = tw_vector_choose(walk->some[h], column[0], tw_vector_zero());
        }
        TW_UNROLL
        for (int a = first; a <= last; a += by) {
            TW_UNROLL
            for (int b = 0; b < 3; b++) {
                sums->tap[h][a * 3 + b] = tw_vector_fma(column[b], gradient[a][h], sums->tap[h][a * 3 + b]);
            }
        }
    }
}

/* Column `column` of source row `at`, where it is or in a row of zeros. */
IN_PLACE const float *source_row(const struct tw_conv_descent_in_place *d, const float *x, ptrdiff_t column,
                                 ptrdiff_t at)
{
    return (at >= 0 && at < d->height ? x + at * d->width : d->zeros) + column;
}

IN_PLACE void keep_gradients(const struct walk *walk, const tw_vector from[HALVES_MAX],
                             tw_vector to[HALVES_MAX])
{
    TW_UNROLL
    for (int h = 0; h < walk->halves; h++) {
        to[h] = from[h];
    }
}

/* Step 1: gradient[a] is row q - a of the gradients for source row q. */
IN_PLACE void walk_down(const struct tw_conv_descent_in_place *d, const struct walk *walk, const float *x,
                        ptrdiff_t column, const float *dy, struct walk_sums *sums)
{
    tw_vector gradient[3][HALVES_MAX];
    ptrdiff_t q = d->origin[0];

    load_gradients(walk, dy, sums, gradient[0]);
    meet_gradients(walk, source_row(d, x, column, q++), 0, 0, 1, gradient, sums);
    keep_gradients(walk, gradient[0], gradient[1]);
    load_gradients(walk, dy += d->columns, sums, gradient[0]);
    meet_gradients(walk, source_row(d, x, column, q++), 0, 1, 1, gradient, sums);
    for (ptrdiff_t r = 2; r < d->rows; r++) {
        keep_gradients(walk, gradient[1], gradient[2]);
        keep_gradients(walk, gradient[0], gradient[1]);
        load_gradients(walk, dy += d->columns, sums, gradient[0]);
        meet_gradients(walk, source_row(d, x, column, q++), 0, 2, 1, gradient, sums);
    }
    keep_gradients(walk, gradient[1], gradient[2]);
    keep_gradients(walk, gradient[0], gradient[1]);
    meet_gradients(walk, source_row(d, x, column, q++), 1, 2, 1, gradient, sums);
    keep_gradients(walk, gradient[1], gradient[2]);
    meet_gradients(walk, source_row(d, x, column, q), 2, 2, 1, gradient, sums);
}

/* Step 2: rows 2 r meet gradients r and r - 1, rows 2 r + 1 those of r. */
IN_PLACE void walk_down_by_two(const struct tw_conv_descent_in_place *d, const struct walk *walk,
                               const float *x, ptrdiff_t column, const float *dy, struct walk_sums *sums)
{
    tw_vector gradient[3][HALVES_MAX];
    ptrdiff_t q = d->origin[0];

    load_gradients(walk, dy, sums, gradient[0]);
    meet_gradients(walk, source_row(d, x, column, q++), 0, 0, 1, gradient, sums);
    for (ptrdiff_t r = 1; r < d->rows; r++) {
        keep_gradients(walk, gradient[0], gradient[1]);
        meet_gradients(walk, source_row(d, x, column, q++), 1, 1, 1, gradient, sums);
        keep_gradients(walk, gradient[0], gradient[2]);
        load_gradients(walk, dy += d->columns, sums, gradient[0]);
        meet_gradients(walk, source_row(d, x, column, q++), 0, 2, 2, gradient, sums);
    }
    keep_gradients(walk, gradient[0], gradient[1]);
    meet_gradients(walk, source_row(d, x, column, q++), 1, 1, 1, gradient, sums);
    keep_gradients(walk, gradient[0], gradient[2]);
    meet_gradients(walk, source_row(d, x, column, q), 2, 2, 1, gradient, sums);
}

/* The vectors of columns from `c` on, which belong to chains that follow one another. */
IN_PLACE void walk_columns(const struct tw_conv_descent_in_place *d, const float *x, const float *dy,
                           ptrdiff_t c, const int halves, const int step, const bool whole,
                           struct walk_sums *sums)
{
    const unsigned char *inside = d->inside + c / LANES * TW_CONV_IN_PLACE_LOADS;
    struct walk walk = {.halves = halves, .step = step, .whole = whole};

    TW_UNROLL
    for (int h = 0; h < halves; h++, inside += TW_CONV_IN_PLACE_LOADS) {
        const ptrdiff_t columns = d->columns - c - h * LANES;

        walk.some[h] = tw_some_of((unsigned char)(columns < LANES ? (1 << columns) - 1 : 0xff));
        TW_UNROLL
        for (int l = 0; l < TW_CONV_IN_PLACE_LOADS; l++) {
            walk.inside[h][l] = tw_some_of(inside[l]);
        }
    }
    if (step == 1) {
        walk_down(d, &walk, x, c + d->origin[1], dy + c, sums);
    } else {
        walk_down_by_two(d, &walk, x, 2 * c + d->origin[1], dy + c, sums);
    }
}

/* The chains of `halves` vectors from `first` on, of all samples. */
IN_PLACE void walk_chains(const struct tw_conv_descent_in_place *d, ptrdiff_t first, const int halves,
                          const int step)
{
    struct walk_sums sums;

    TW_UNROLL
    for (int h = 0; h < halves; h++) {
        sums.bias[h] = tw_vector_zero();
        TW_UNROLL
        for (int t = 0; t < 9; t++) {
            sums.tap[h][t] = tw_vector_zero();
        }
    }
    for (ptrdiff_t n = 0; n < d->samples; n++) {
        const float *x = d->x + n * d->x_sample, *dy = d->dy + n * d->dy_sample;
        ptrdiff_t c = first;

        for (; c + (halves - 1) * LANES < d->columns; c += TW_CONV_CHAINS) {
            if (c >= d->whole && c + (halves - 1) * LANES < d->whole_end) {
                walk_columns(d, x, dy, c, halves, step, true, &sums);
            } else {
                walk_columns(d, x, dy, c, halves, step, false, &sums);
            }
        }
        if (halves == 2 && c < d->columns) {
            walk_columns(d, x, dy, c, 1, step, false, &sums);
        }
    }
    TW_UNROLL
    for (int h = 0; h < halves; h++) {
        TW_UNROLL
        for (int t = 0; t < 9; t++) {
            tw_vector_store(d->sums + t * TW_CONV_CHAINS + first + h * LANES, sums.tap[h][t]);
        }
        tw_vector_store(d->sums + 9 * TW_CONV_CHAINS + first + h * LANES, sums.bias[h]);
    }
}

static NOT_IN_PLACE void walk_one(const struct tw_conv_descent_in_place *d, ptrdiff_t first)
{
    walk_chains(d, first, 1, 1);
}

static NOT_IN_PLACE void walk_one_by_two(const struct tw_conv_descent_in_place *d, ptrdiff_t first)
{
    walk_chains(d, first, 1, 2);
}

#if HALVES_MAX == 2
static NOT_IN_PLACE void walk_both(const struct tw_conv_descent_in_place *d)
{
    walk_chains(d, 0, 2, 1);
}

static NOT_IN_PLACE void walk_both_by_two(const struct tw_conv_descent_in_place *d)
{
    walk_chains(d, 0, 2, 2);
}
#endif

static void descend_in_place(const struct tw_conv_descent_in_place *d, ptrdiff_t step)
{
#if HALVES_MAX == 2
    if (d->columns > LANES) {
        (step == 1 ? walk_both : walk_both_by_two)(d);
        return;
    }
#endif
    for (ptrdiff_t first = 0; first < TW_CONV_CHAINS && first < d->columns; first += LANES) {
        (step == 1 ? walk_one : walk_one_by_two)(d, first);
    }
}

/* Ten sums of sixteen chains. The first eight fold side by side, in the order of every single one. */
static void fold_in_place(const float *sums, float *dw, float *db)
{
    tw_vector half[10];
    float last[2];

    TW_UNROLL
    for (int t = 0; t < 10; t++) {
        half[t] = tw_vector_add(tw_vector_load(sums + t * TW_CONV_CHAINS),
                                tw_vector_load(sums + t * TW_CONV_CHAINS + LANES));
    }
    tw_vector_store(dw, tw_vectors_fold_add(half));
    tw_two_vectors_fold_add(half[8], half[9], last);
    dw[8] = last[0];
    if (db) {
        *db = last[1];
    }
}

#undef HALVES_MAX

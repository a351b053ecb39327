/* Weight and bias gradient of 3 x 3 in place (conv_depthwise_in_place.h), included by conv_depthwise_lanes.h. */

/* Vectors that walk down the rows together. */
#define WALKS TW_CONV_WALKS

/* What a walk adds to. */
struct walk_sums {
    tw_vector tap[WALKS][9], bias[WALKS];
};

/* A kind of walk, constants: neighbouring vectors of one channel, or of neighbouring channels those that are alone in their
 * rows; without masks; with what follows fetched ahead, the same places of the next planes. */
struct walk_kind {
    int vectors, step;
    bool channels, whole, fetch;
};

/* A walk down the rows of one sample: its masks, and how far the next channel and the next planes are. */
struct walk {
    tw_some inside[WALKS][TW_CONV_IN_PLACE_LOADS], some[WALKS];
    ptrdiff_t x_channel, dy_channel, x_ahead, dy_ahead;
};

/* A row of the source, counted from row 0 of the image, which `x` points to. */
struct walk_row {
    const float *x;
    ptrdiff_t at, offset;
};

/* Lanes beyond the end of a row: gradients of -0, which with sources of +0 leave whatever sum there is as it is. */
IN_PLACE void load_gradients(const struct walk_kind kind, const struct walk *walk, const float *dy,
                             struct walk_sums *sums, tw_vector gradient[WALKS])
{
    if (kind.fetch) {
        tw_fetch(dy, walk->dy_ahead);
    }
    TW_UNROLL
    for (int k = 0; k < kind.vectors; k++) {
        const float *from = dy + k * (kind.channels ? walk->dy_channel : LANES);

        gradient[k] =
            kind.whole ? tw_vector_load(from) : tw_vector_load_some_or_minus_zero(from, walk->some[k]);
        sums->bias[k] = tw_vector_add(sums->bias[k], gradient[k]);
    }
}

IN_PLACE void keep_gradients(const struct walk_kind kind, const tw_vector from[WALKS], tw_vector to[WALKS])
{
    TW_UNROLL
    for (int k = 0; k < kind.vectors; k++) {
        to[k] = from[k];
    }
}

/* The next row of the source, where it is or a row of zeros: row a of the kernel meets `gradient[a]` there, for a from
 * `first` to `last` in steps of `by`. */
IN_PLACE void meet_gradients(const struct tw_conv_descent_in_place *d, const struct walk_kind kind,
                             const struct walk *walk, ptrdiff_t column, struct walk_row *row, const int first,
                             const int last, const int by, tw_vector gradient[3][WALKS],
                             struct walk_sums *sums)
{
    const struct in_place_body body = {.step = kind.step, .whole = kind.whole};
    const bool outside = (size_t)row->at >= (size_t)d->height; /* above it, too */
    const float *x = (outside ? d->zeros : row->x + row->offset) + column;
    const ptrdiff_t next = !kind.channels ? LANES * kind.step : outside ? 0 : walk->x_channel;

    row->offset += d->width;
    row->at++;
    if (kind.fetch) {
        tw_fetch(x, walk->x_ahead);
    }
    TW_UNROLL
    for (int k = 0; k < kind.vectors; k++) {
        tw_vector met[3];

        load_columns(x + k * next, body, walk->inside[k], met);
        if (kind.step == 2 && !kind.whole) {
            met[0] = tw_vector_choose(walk->some[k], met[0], tw_vector_zero());
        }
        TW_UNROLL
        for (int a = first; a <= last; a += by) {
            TW_UNROLL
            for (int b = 0; b < 3; b++) {
                sums->tap[k][a * 3 + b] = tw_vector_fma(met[b], gradient[a][k], sums->tap[k][a * 3 + b]);
            }
        }
    }
}

/* Step 1: gradient[a] is row q - a of the gradients for source row q. */
IN_PLACE void walk_down(const struct tw_conv_descent_in_place *d, const struct walk_kind kind,
                        const struct walk *walk, struct walk_row row, ptrdiff_t column, const float *dy,
                        struct walk_sums *sums)
{
    tw_vector gradient[3][WALKS];

    load_gradients(kind, walk, dy, sums, gradient[0]);
    meet_gradients(d, kind, walk, column, &row, 0, 0, 1, gradient, sums);
    keep_gradients(kind, gradient[0], gradient[1]);
    load_gradients(kind, walk, dy += d->columns, sums, gradient[0]);
    meet_gradients(d, kind, walk, column, &row, 0, 1, 1, gradient, sums);
    for (ptrdiff_t r = 2; r < d->rows; r++) {
        keep_gradients(kind, gradient[1], gradient[2]);
        keep_gradients(kind, gradient[0], gradient[1]);
        load_gradients(kind, walk, dy += d->columns, sums, gradient[0]);
        meet_gradients(d, kind, walk, column, &row, 0, 2, 1, gradient, sums);
    }
    keep_gradients(kind, gradient[1], gradient[2]);
    keep_gradients(kind, gradient[0], gradient[1]);
    meet_gradients(d, kind, walk, column, &row, 1, 2, 1, gradient, sums);
    keep_gradients(kind, gradient[1], gradient[2]);
    meet_gradients(d, kind, walk, column, &row, 2, 2, 1, gradient, sums);
}

/* Step 2: rows 2 r meet gradients r and r - 1, rows 2 r + 1 those of r. */
IN_PLACE void walk_down_by_two(const struct tw_conv_descent_in_place *d, const struct walk_kind kind,
                               const struct walk *walk, struct walk_row row, ptrdiff_t column,
                               const float *dy, struct walk_sums *sums)
{
    tw_vector gradient[3][WALKS];

    load_gradients(kind, walk, dy, sums, gradient[0]);
    meet_gradients(d, kind, walk, column, &row, 0, 0, 1, gradient, sums);
    for (ptrdiff_t r = 1; r < d->rows; r++) {
        keep_gradients(kind, gradient[0], gradient[1]);
        meet_gradients(d, kind, walk, column, &row, 1, 1, 1, gradient, sums);
        keep_gradients(kind, gradient[0], gradient[2]);
        load_gradients(kind, walk, dy += d->columns, sums, gradient[0]);
        meet_gradients(d, kind, walk, column, &row, 0, 2, 2, gradient, sums);
    }
    keep_gradients(kind, gradient[0], gradient[1]);
    meet_gradients(d, kind, walk, column, &row, 1, 1, 1, gradient, sums);
    keep_gradients(kind, gradient[0], gradient[2]);
    meet_gradients(d, kind, walk, column, &row, 2, 2, 1, gradient, sums);
}

/* The vectors of columns from `c` on of the sample that begins with `x` and `dy`. */
IN_PLACE void walk_columns(const struct tw_conv_descent_in_place *d, const struct walk_kind kind,
                           const struct walk *walk, const float *x, const float *dy, ptrdiff_t c,
                           struct walk_sums *sums)
{
    const struct walk_row row = {x, d->origin[0], d->origin[0] * d->width};

    if (kind.step == 1) {
        walk_down(d, kind, walk, row, c + d->origin[1], dy + c, sums);
    } else {
        walk_down_by_two(d, kind, walk, row, 2 * c + d->origin[1], dy + c, sums);
    }
}

/* The walk from column `c` on of sample `n`. */
IN_PLACE struct walk find_walk(const struct tw_conv_descent_in_place *d, ptrdiff_t n, ptrdiff_t c,
                               const struct walk_kind kind)
{
    const unsigned char *inside = d->inside + c / LANES * TW_CONV_IN_PLACE_LOADS;
    const bool more = n + 1 < d->samples; /* else the next channel comes */
    struct walk walk = {.x_channel = d->x_channel, .dy_channel = d->dy_channel};

    walk.x_ahead = more ? d->x_sample : d->x_channel - n * d->x_sample;
    walk.dy_ahead = more ? d->dy_sample : d->dy_channel - n * d->dy_sample;
    TW_UNROLL
    for (int k = 0; k < kind.vectors; k++, inside += kind.channels ? 0 : TW_CONV_IN_PLACE_LOADS) {
        const ptrdiff_t columns = d->columns - c - (kind.channels ? 0 : k * LANES);

        walk.some[k] = tw_some_of((unsigned char)(columns < LANES ? (1 << columns) - 1 : 0xff));
        TW_UNROLL
        for (int l = 0; l < TW_CONV_IN_PLACE_LOADS; l++) {
            walk.inside[k][l] = tw_some_of(inside[l]);
        }
    }
    return walk;
}

IN_PLACE void clear_sums(const int vectors, struct walk_sums *sums)
{
    TW_UNROLL
    for (int k = 0; k < vectors; k++) {
        sums->bias[k] = tw_vector_zero();
        TW_UNROLL
        for (int t = 0; t < 9; t++) {
            sums->tap[k][t] = tw_vector_zero();
        }
    }
}

/* Nine sums and the bias of eight lanes each. Eight of them fold side by side, in the order of every single one. */
IN_PLACE void fold_sums(const tw_vector tap[9], tw_vector bias, float *dw, float *db)
{
    float last[2];

    tw_vector_store(dw, tw_vectors_fold_add(tap));
    tw_two_vectors_fold_add(tap[8], bias, last);
    dw[8] = last[0];
    if (db) {
        *db = last[1];
    }
}

/* Rows of one vector, several channels at a time. The upper eight chains are +0, and so is what they add to -0. */
IN_PLACE void walk_channels(const struct tw_conv_descent_in_place *d, ptrdiff_t channel, ptrdiff_t end,
                            const struct walk_kind kind)
{
    const struct walk walk = find_walk(d, 0, 0, kind);

    for (; channel + kind.vectors <= end; channel += kind.vectors) {
        struct walk_sums sums;

        clear_sums(kind.vectors, &sums);
        for (ptrdiff_t n = 0; n < d->samples; n++) {
            walk_columns(d, kind, &walk, d->x + n * d->x_sample + channel * d->x_channel,
                         d->dy + n * d->dy_sample + channel * d->dy_channel, 0, &sums);
        }
        TW_UNROLL
        for (int k = 0; k < kind.vectors; k++) {
            TW_UNROLL
            for (int t = 0; t < 9; t++) {
                sums.tap[k][t] = tw_vector_add(sums.tap[k][t], tw_vector_zero());
            }
            fold_sums(sums.tap[k], tw_vector_add(sums.bias[k], tw_vector_zero()), d->dw + (channel + k) * 9,
                      d->db ? d->db + channel + k : NULL);
        }
    }
}

/* Rows of one vector, as many channels together as there are walks. */
IN_PLACE void walk_narrow(const struct tw_conv_descent_in_place *d, const int step)
{
    const ptrdiff_t whole = d->channels / WALKS * WALKS;

    walk_channels(d, 0, whole, (struct walk_kind){WALKS, step, true, false, false});
    walk_channels(d, whole, d->channels, (struct walk_kind){1, step, true, false, false});
}

static NOT_IN_PLACE void narrow_by_two(const struct tw_conv_descent_in_place *d)
{
    walk_narrow(d, 2);
}

#include "kernels/conv/conv_depthwise_crossed_gradient_lanes.h"

#include "kernels/conv/conv_depthwise_walks_lanes.h"

static void descend_in_place(const struct tw_conv_descent_in_place *d, ptrdiff_t step)
{
    if (d->columns <= LANES) {
        (step == 1 ? narrow : narrow_by_two)(d);
    } else if (step == 1) {
        walk_wide(d);
    } else {
        walk_wide_by_two(d);
    }
}

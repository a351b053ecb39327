/* Kernels of 3 x 3 in place, included by conv_depthwise_lanes.h. See conv_depthwise_in_place.h.
 */

#define SOURCES ((ROWS_MANY - 1) * 2 + 3) /* rows of the source that a block of rows meets, at most */

/* A body of `in_place`; constants. */
struct in_place_body {
    int rows, step;
    bool one, whole; /* one channel; no masks */
};

/* Row by row what a block meets of a source plane, from row `top` on. The pointers are volatile so that they stay in
 * memory, where a load finds them: compilers kept them in vector registers, out of which each cost two operations. */
IN_PLACE void find_rows(const struct tw_conv_in_place *s, const float *plane, ptrdiff_t top, const int count,
                        const float *volatile row[SOURCES])
{
    const size_t height = (size_t)s->height;
    ptrdiff_t at = top * s->width;

    TW_UNROLL
    for (int q = 0; q < count; q++, at += s->width) {
        row[q] = (size_t)(top + q) < height ? plane + at : s->zeros;
    }
}

IN_PLACE void load_weights(const struct tw_conv_in_place *s, const float *w, const int count,
                           tw_vector *weight)
{
    TW_UNROLL
    for (int t = 0; t < count; t++) {
        weight[t] = tw_vector_broadcast(w + t * s->w_tap);
    }
}

IN_PLACE tw_vector load_inside(const float *x, const bool whole, tw_some some)
{
    return whole ? tw_vector_load(x) : tw_vector_load_some(x, some);
}

/* What the three columns of the kernel meet in a row of the source, from column `x` on. */
IN_PLACE void load_columns(const float *x, const struct in_place_body body,
                           const tw_some inside[TW_CONV_IN_PLACE_LOADS], tw_vector column[3])
{
    column[1] = load_inside(x + 1, body.whole, inside[1]);
    if (body.step == 1) {
        column[0] = load_inside(x, body.whole, inside[0]);
        column[2] = load_inside(x + 2, body.whole, inside[2]);
    } else {
        column[0] = body.whole ? tw_vector_broadcast(x) : tw_vector_load_some(x, inside[0]);
        column[2] = load_inside(x + 1 + LANES, body.whole, inside[2]);
        tw_vector_split(column[1], column[2], &column[1], &column[2]);
        column[0] = tw_vector_push(column[0], column[2]);
    }
}

/* Down the rows of one channel: kernel rows and columns ascend for every row of the block. */
IN_PLACE void sum_channel(const float *volatile row[SOURCES], ptrdiff_t at, const struct in_place_body body,
                          const tw_some inside[TW_CONV_IN_PLACE_LOADS], const tw_vector weight[9],
                          tw_vector sum[ROWS_MANY])
{
    TW_UNROLL
    for (int q = 0; q < (body.rows - 1) * body.step + 3; q++) {
        tw_vector column[3];

        load_columns(row[q] + at, body, inside, column);
        TW_UNROLL
        for (int b = 0; b < 3; b++) {
            TW_UNROLL
            for (int r = 0; r < body.rows; r++) {
                const int a = q - r * body.step;

                if (a >= 0 && a < 3) {
                    sum[r] = tw_vector_fma(column[b], weight[a * 3 + b], sum[r]);
                }
            }
        }
    }
}

/* Where a block of results is. */
struct place {
    const float *source; /* the first channel of its source */
    ptrdiff_t top;       /* first row there */
    ptrdiff_t column;    /* of the results */
    ptrdiff_t vector;
    bool exact; /* must not run over the end of its last row */
    float *result;
};

IN_PLACE void sum_block(const struct tw_conv_in_place *s, const struct place *place,
                        const struct in_place_body body, const float *volatile row[SOURCES],
                        tw_vector weight[9])
{
    const unsigned char *bits = s->inside + place->vector * TW_CONV_IN_PLACE_LOADS;
    const ptrdiff_t at = place->column * body.step + s->origin[1];
    const tw_some inside[3] = {tw_some_of(bits[0]), tw_some_of(bits[1]), tw_some_of(bits[2])};
    tw_vector sum[ROWS_MANY];

    TW_UNROLL
    for (int r = 0; r < body.rows; r++) {
        sum[r] = s->start ? tw_vector_broadcast(s->start) : tw_vector_zero();
    }
    if (body.one) {
        sum_channel(row, at, body, inside, weight, sum);
    } else {
        for (ptrdiff_t i = 0; i < s->channels; i++) {
            find_rows(s, place->source + i * s->channel, place->top, (body.rows - 1) * body.step + 3, row);
            load_weights(s, s->w + i * s->w_channel, 9, weight);
            sum_channel(row, at, body, inside, weight, sum);
        }
    }
    TW_UNROLL
    for (int r = 0; r < body.rows; r++) {
        if (!body.whole && s->columns < LANES && place->exact) {
            tw_vector_store_some(place->result + r * s->columns, s->columns, sum[r]);
        } else {
            tw_vector_store(place->result + r * s->columns, sum[r]);
        }
    }
}

/* A row of blocks, the last one flush with its end. */
IN_PLACE void sum_rows(const struct tw_conv_in_place *s, struct place place, const struct in_place_body body,
                       tw_vector weight[9])
{
    const struct in_place_body ends = {body.rows, body.step, body.one, false};
    const struct in_place_body middle = {body.rows, body.step, body.one, true};
    const ptrdiff_t last = s->columns < LANES ? 0 : s->columns - LANES;
    float *result = place.result;
    const float *volatile row[SOURCES];

    find_rows(s, place.source, place.top, (body.rows - 1) * body.step + 3, row);
    for (ptrdiff_t c = 0; c < s->columns; c += LANES, place.vector++) {
        place.column = tw_conv_smaller(c, last);
        place.result = result + place.column;
        if (place.column >= s->whole && place.column < s->whole_end) {
            sum_block(s, &place, middle, row, weight);
        } else {
            sum_block(s, &place, ends, row, weight);
        }
    }
}

/* All planes, blocks of rows; the last one overlaps the one before it. Rows shorter than a vector run over their ends
 * into what is written later, but for the last plane's. */
IN_PLACE void sum_planes(const struct tw_conv_in_place *arguments, const struct in_place_body body)
{
    struct tw_conv_in_place s = *arguments;
    tw_vector weight[9];

    for (; s.planes > 0; s.planes--) {
        if (body.one) {
            load_weights(&s, s.w, 9, weight);
        }
        for (ptrdiff_t r = 0; r < s.rows; r += body.rows) {
            const ptrdiff_t first = tw_conv_smaller(r, s.rows - body.rows);
            const struct place place = {.source = s.source,
                                        .top = first * body.step + s.origin[0],
                                        .exact = s.planes == 1 || s.rows * s.columns < LANES,
                                        .result = s.result + first * s.columns};

            sum_rows(&s, place, body, weight);
        }
        s.source += s.source_plane;
        s.w += s.w_result;
        s.start += s.start ? 1 : 0;
        s.result += s.rows * s.columns;
    }
}

#define IN_PLACE_BODY(name, ...)                                    \
    static NOT_IN_PLACE void name(const struct tw_conv_in_place *s) \
    {                                                               \
        sum_planes(s, (struct in_place_body){__VA_ARGS__});         \
    }

IN_PLACE_BODY(in_place_few, ROWS_FEW, 1, true, false)
IN_PLACE_BODY(in_place_few_step2, ROWS_FEW, 2, true, false)
IN_PLACE_BODY(in_place_few_channels, ROWS_FEW, 1, false, false)
IN_PLACE_BODY(in_place_few_channels_step2, ROWS_FEW, 2, false, false)
#if ROWS_MANY > ROWS_FEW
IN_PLACE_BODY(in_place_many, ROWS_MANY, 1, true, false)
IN_PLACE_BODY(in_place_many_step2, ROWS_MANY, 2, true, false)
IN_PLACE_BODY(in_place_many_channels, ROWS_MANY, 1, false, false)
IN_PLACE_BODY(in_place_many_channels_step2, ROWS_MANY, 2, false, false)
#endif

#include "kernels/conv/conv_depthwise_crossed_lanes.h"

static void in_place(const struct tw_conv_in_place *s)
{
    static void (*const few[2][2])(const struct tw_conv_in_place *) = {
        {in_place_few, in_place_few_step2}, {in_place_few_channels, in_place_few_channels_step2}};
#if TW_CONV_SIXTEEN_LANES
    if (tw_conv_depthwise_flat__avx512(s) || tw_conv_depthwise_stream_wide__avx512(s)) {
        return;
    }
#endif
    if (stream_3x3(s) || cross_3x3(s)) { /* of rows that one of them is wide enough for */
        return;
    }
#if ROWS_MANY > ROWS_FEW
    static void (*const many[2][2])(const struct tw_conv_in_place *) = {
        {in_place_many, in_place_many_step2}, {in_place_many_channels, in_place_many_channels_step2}};

    const bool suits = TW_CONV_WEIGHTS_STAY || s->columns <= LANES || s->channels > 1;

    if (suits && prefers_many(s->rows)) {
        many[s->channels > 1][s->step - 1](s);
        return;
    }
#endif
    few[s->channels > 1][s->step - 1](s);
}

#undef IN_PLACE_BODY

/* The bodies of algorithm "depthwise", included by the file of each ISA after its vectors. See
 * conv_depthwise.h.
 */
#include <string.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/simd/unroll.h"

#define IN_PLACE     static inline __attribute__((always_inline))
#define NOT_IN_PLACE __attribute__((noinline)) /* bodies stay apart, and compile times short */
#define LANES        TW_VECTOR_LANES

/* Rows of results in registers: four serve a kernel of three rows with its nine weights beside them. */
#define ROWS 4

/* Taps of the largest body of `descend`. */
#define TAPS_MAX 13

/* --- the zero-padded copy ------------------------------------------------------------------------------- */

/* Whole vectors: what they write too much are the zeros to the right. */
static void copy_row(ptrdiff_t width, const float *from, float *to)
{
    ptrdiff_t c = 0;

    for (; c + LANES <= width; c += LANES) {
        tw_vector_store(to + c, tw_vector_load(from + c));
    }
    if (c < width) {
        tw_vector_store(to + c, tw_vector_load_some(from + c, tw_some_first(width - c)));
    }
}

static void split_row(ptrdiff_t width, const float *from, float *even_to, float *odd_to)
{
    ptrdiff_t c = 0;
    tw_vector a, b, even, odd;

    for (; c + 2 * LANES <= width; c += 2 * LANES) {
        tw_vector_split(tw_vector_load(from + c), tw_vector_load(from + c + LANES), &even, &odd);
        tw_vector_store(even_to + c / 2, even);
        tw_vector_store(odd_to + c / 2, odd);
    }
    if (c == width) {
        return;
    }
    b = tw_vector_zero();
    if (c + LANES < width) {
        a = tw_vector_load(from + c);
        b = tw_vector_load_some(from + c + LANES, tw_some_first(width - c - LANES));
    } else if (c + LANES == width) {
        a = tw_vector_load(from + c);
    } else {
        a = tw_vector_load_some(from + c, tw_some_first(width - c));
    }
    tw_vector_split(a, b, &even, &odd);
    tw_vector_store(even_to + c / 2, even);
    tw_vector_store(odd_to + c / 2, odd);
}

/* Source column c goes to element (left + c) / phases of phase (left + c) mod phases. */
static void pad_row(const struct tw_conv_padded *p, const float *from, float *to)
{
    const ptrdiff_t width = p->source[1];

    if (p->phases == 1) {
        copy_row(width, from, to + p->left);
    } else if (p->phases == 2) {
        float *even = to + p->left / 2 + (p->left % 2 == 0 ? 0 : p->columns);
        float *odd = to + (p->left + 1) / 2 + (p->left % 2 == 0 ? p->columns : 0);

        split_row(width, from, even, odd);
    } else {
        for (ptrdiff_t c = 0; c < width; c++) {
            to[(p->left + c) % p->phases * p->columns + (p->left + c) / p->phases] = from[c];
        }
    }
}

static void pad(const struct tw_conv_padded *p, ptrdiff_t planes, ptrdiff_t top, const float *source,
                ptrdiff_t stride, float *copy)
{
    for (ptrdiff_t i = 0; i < planes; i++, source += stride, copy += p->plane) {
        for (ptrdiff_t r = 0; r < p->rows; r++) {
            if (r >= top && r - top < p->source[0]) {
                pad_row(p, source + (r - top) * p->source[1], copy + r * p->row);
            } else if (!p->whole) {
                memset(copy + r * p->row, 0, (size_t)p->row * sizeof *copy);
            }
        }
    }
}

static void interleave(ptrdiff_t width, const float *const half[2], float *result)
{
    tw_vector a, b;
    ptrdiff_t c = 0;

    for (; c + 2 * LANES <= width; c += 2 * LANES) {
        tw_vector_join(tw_vector_load(half[0] + c / 2), tw_vector_load(half[1] + c / 2), &a, &b);
        tw_vector_store(result + c, a);
        tw_vector_store(result + c + LANES, b);
    }
    if (c == width) {
        return;
    }
    tw_vector_join(tw_vector_load(half[0] + c / 2), tw_vector_load(half[1] + c / 2), &a, &b);
    if (c + LANES <= width) {
        tw_vector_store(result + c, a);
        c += LANES;
        a = b;
    }
    if (c < width) {
        tw_vector_store_some(result + c, width - c, a);
    }
}

/* --- strips --------------------------------------------------------------------------------------------- */

/* How a block of rows is summed. */
enum sums {
    WRITTEN_OUT, /* 3 x 3: weights stay in registers */
    SHARED,      /* kernels of four rows and more whose rows of results are one kernel row apart */
    SINGLE,      /* any */
};

/* A block of rows by one or two vectors, the second one `apart` columns after the first. */
struct block {
    const float *source;
    float *result;
    ptrdiff_t apart;
};

/* One row of the copy meets kernel row a = q - r * step of every row r of the block: kernel rows and columns
 * ascend for each of them. */
IN_PLACE void written_out_sums(const struct tw_conv_strip *s, const struct block *block, const int step,
                               tw_vector sum[ROWS][2])
{
    const float *source = block->source, *w = s->w;
    const ptrdiff_t column[3] = {s->column[0], s->column[1], s->column[2]};

    for (ptrdiff_t i = 0; i < s->channels; i++, source += s->plane, w += 9) {
        const float *from = source;

        TW_UNROLL
        for (int q = 0; q < (ROWS - 1) * step + 3; q++, from += s->tap_step) {
            TW_UNROLL
            for (int b = 0; b < 3; b++) {
                const tw_vector x = tw_vector_load(from + column[b]);

                TW_UNROLL
                for (int r = 0; r < ROWS; r++) {
                    const int a = q - r * step;

                    if (a >= 0 && a < 3) {
                        sum[r][0] = tw_vector_fma(x, tw_vector_broadcast(w + a * 3 + b), sum[r][0]);
                    }
                }
            }
        }
    }
}

/* One row of the copy meets the rows `first` … `last` - 1 of the block. `w`: the kernel row that row 0 meets. */
IN_PLACE void shared_row(const struct tw_conv_strip *s, const float *from, const float *w, ptrdiff_t apart,
                         const int across, const int first, const int last, tw_vector sum[ROWS][2])
{
    for (ptrdiff_t b = 0; b < s->taps[1]; b++) {
        tw_vector x[2];

        TW_UNROLL
        for (int k = 0; k < across; k++) {
            x[k] = tw_vector_load(from + s->column[b] + k * apart);
        }
        TW_UNROLL
        for (int r = first; r < last; r++) {
            const tw_vector weight = tw_vector_broadcast(w + b - r * s->taps[1]);

            TW_UNROLL
            for (int k = 0; k < across; k++) {
                sum[r][k] = tw_vector_fma(x[k], weight, sum[r][k]);
            }
        }
    }
}

/* Kernel rows ascend for every row of the block; the first and last three rows of the copy meet some only. */
IN_PLACE void shared_sums(const struct tw_conv_strip *s, const struct block *block, const int across,
                          tw_vector sum[ROWS][2])
{
    const ptrdiff_t height = s->taps[0], width = s->taps[1], apart = block->apart;
    const float *source = block->source, *w = s->w;

    for (ptrdiff_t i = 0; i < s->channels; i++, source += s->plane, w += height * width) {
        const float *from = source, *row = w;

        shared_row(s, from, row, apart, across, 0, 1, sum);
        shared_row(s, from + s->tap_step, row + width, apart, across, 0, 2, sum);
        shared_row(s, from + 2 * s->tap_step, row + 2 * width, apart, across, 0, 3, sum);
        for (ptrdiff_t q = 3; q < height; q++) {
            shared_row(s, from + q * s->tap_step, row + q * width, apart, across, 0, 4, sum);
        }
        from += height * s->tap_step;
        row += height * width;
        shared_row(s, from, row, apart, across, 1, 4, sum);
        shared_row(s, from + s->tap_step, row + width, apart, across, 2, 4, sum);
        shared_row(s, from + 2 * s->tap_step, row + 2 * width, apart, across, 3, 4, sum);
    }
}

IN_PLACE void single_sums(const struct tw_conv_strip *s, const struct block *block, const int rows,
                          const int across, tw_vector sum[ROWS][2])
{
    const float *source = block->source, *w = s->w;

    for (ptrdiff_t i = 0; i < s->channels; i++, source += s->plane) {
        for (ptrdiff_t a = 0; a < s->taps[0]; a++) {
            for (ptrdiff_t b = 0; b < s->taps[1]; b++) {
                const float *from = source + a * s->tap_step + s->column[b];
                const tw_vector weight = tw_vector_broadcast(w++);

                TW_UNROLL
                for (int r = 0; r < rows; r++, from += s->source_step) {
                    TW_UNROLL
                    for (int k = 0; k < across; k++) {
                        sum[r][k] = tw_vector_fma(tw_vector_load(from + k * block->apart), weight, sum[r][k]);
                    }
                }
            }
        }
    }
}

IN_PLACE void run_block(const struct tw_conv_strip *s, const struct block *block, const enum sums sums,
                        const int rows, const int across, const int step)
{
    tw_vector sum[ROWS][2];

    TW_UNROLL
    for (int r = 0; r < rows; r++) {
        TW_UNROLL
        for (int k = 0; k < across; k++) {
            sum[r][k] = tw_vector_broadcast(&s->start);
        }
    }
    if (sums == WRITTEN_OUT) {
        written_out_sums(s, block, step, sum);
    } else if (sums == SHARED) {
        shared_sums(s, block, across, sum);
    } else {
        single_sums(s, block, rows, across, sum);
    }
    TW_UNROLL
    for (int r = 0; r < rows; r++) {
        TW_UNROLL
        for (int k = 0; k < across; k++) {
            float *to = block->result + r * s->result_row + k * block->apart;

            if (across == 1 && s->width < LANES) {
                tw_vector_store_some(to, s->width, sum[r][k]);
            } else {
                tw_vector_store(to, sum[r][k]);
            }
        }
    }
}

/* `rows` rows of results, from row `row` on: two vectors at a time if `across` is 2, the last one flush with the
 * end of the row. */
IN_PLACE void run_rows(const struct tw_conv_strip *s, ptrdiff_t row, const enum sums sums, const int rows,
                       const int across, const int step)
{
    const float *source = s->source + row * s->source_step;
    float *result = s->result + row * s->result_row;
    const ptrdiff_t last = s->width < LANES ? 0 : s->width - LANES; /* where the last vector begins */
    ptrdiff_t c = 0;

    for (; across == 2 && c + LANES < s->width; c += 2 * LANES) {
        const ptrdiff_t apart = tw_conv_smaller(LANES, last - c);

        run_block(s, &(struct block){source + c, result + c, apart}, sums, rows, 2, step);
    }
    for (; c < s->width; c += LANES) {
        const ptrdiff_t first = tw_conv_smaller(c, last);

        run_block(s, &(struct block){source + first, result + first, 0}, sums, rows, 1, step);
    }
}

/* Blocks of four rows; the last one overlaps the one before it. */
IN_PLACE void run_strip(const struct tw_conv_strip *s, const enum sums sums, const int across, const int step)
{
    for (ptrdiff_t row = 0; row < s->rows; row += ROWS) {
        run_rows(s, tw_conv_smaller(row, s->rows - ROWS), sums, ROWS, across, step);
    }
}

static NOT_IN_PLACE void strip_3x3(const struct tw_conv_strip *s)
{
    run_strip(s, WRITTEN_OUT, 1, 1);
}

static NOT_IN_PLACE void strip_3x3_step2(const struct tw_conv_strip *s)
{
    run_strip(s, WRITTEN_OUT, 1, 2);
}

static NOT_IN_PLACE void strip_shared(const struct tw_conv_strip *s)
{
    run_strip(s, SHARED, 2, 1);
}

static NOT_IN_PLACE void strip_single(const struct tw_conv_strip *s)
{
    run_strip(s, SINGLE, 2, 0);
}

/* Fewer rows than a block has. */
static NOT_IN_PLACE void strip_row_by_row(const struct tw_conv_strip *s)
{
    for (ptrdiff_t row = 0; row < s->rows; row++) {
        run_rows(s, row, SINGLE, 1, 1, 0);
    }
}

static void strip(const struct tw_conv_strip *s)
{
    const bool is_3x3 = s->taps[0] == 3 && s->taps[1] == 3;

    if (s->rows < ROWS) {
        strip_row_by_row(s);
    } else if (is_3x3 && s->source_step == s->tap_step) {
        strip_3x3(s);
    } else if (is_3x3 && s->source_step == 2 * s->tap_step) {
        strip_3x3_step2(s);
    } else if (s->taps[0] >= ROWS && s->source_step == s->tap_step) {
        strip_shared(s);
    } else {
        strip_single(s);
    }
}

/* --- weight gradient ------------------------------------------------------------------------------------ */

/* Down one vector of columns of one sample. */
IN_PLACE void descend_columns(const struct tw_conv_descent *d, const float *x, const float *dy,
                              const int taps, tw_vector *bias, tw_vector sum[TAPS_MAX])
{
    for (ptrdiff_t r = 0; r < d->rows; r++, x += d->x_row, dy += d->width) {
        const tw_vector gradient = tw_vector_load(dy);

        *bias = tw_vector_add(*bias, gradient);
        TW_UNROLL
        for (int t = 0; t < taps; t++) {
            sum[t] = tw_vector_fma(tw_vector_load(x + d->tap[t]), gradient, sum[t]);
        }
    }
}

/* The last vector of the rows, if it has only `columns` columns. */
IN_PLACE void descend_some_columns(const struct tw_conv_descent *d, ptrdiff_t columns, const float *x,
                                   const float *dy, const int taps, tw_vector *bias, tw_vector sum[TAPS_MAX])
{
    const tw_some some = tw_some_first(columns);

    for (ptrdiff_t r = 0; r < d->rows; r++, x += d->x_row, dy += d->width) {
        const tw_vector gradient = tw_vector_neutral(tw_vector_load_some(dy, some), some);

        *bias = tw_vector_add_some(*bias, gradient, some);
        TW_UNROLL
        for (int t = 0; t < taps; t++) {
            sum[t] = tw_vector_fma_some(tw_vector_load(x + d->tap[t]), gradient, sum[t], some);
        }
    }
}

/* The chains `first` … first + LANES - 1 of all samples. */
IN_PLACE void descend_chains(const struct tw_conv_descent *d, ptrdiff_t first, const int taps)
{
    tw_vector bias = tw_vector_load(d->bias + first), sum[TAPS_MAX];

    TW_UNROLL
    for (int t = 0; t < taps; t++) {
        sum[t] = tw_vector_load(d->sums + t * TW_CONV_CHAINS + first);
    }
    for (ptrdiff_t n = 0; n < d->samples; n++) {
        const float *x = d->x + n * d->x_sample, *dy = d->dy + n * d->dy_sample;
        ptrdiff_t c = first;

        for (; c + LANES <= d->width; c += TW_CONV_CHAINS) {
            descend_columns(d, x + c, dy + c, taps, &bias, sum);
        }
        if (c < d->width) {
            descend_some_columns(d, d->width - c, x + c, dy + c, taps, &bias, sum);
        }
    }
    TW_UNROLL
    for (int t = 0; t < taps; t++) {
        tw_vector_store(d->sums + t * TW_CONV_CHAINS + first, sum[t]);
    }
    tw_vector_store(d->bias + first, bias);
}

IN_PLACE void descend_taps(const struct tw_conv_descent *d, const int taps)
{
    for (ptrdiff_t l = 0; l < TW_CONV_CHAINS && l < d->width; l += LANES) {
        descend_chains(d, l, taps);
    }
}

static NOT_IN_PLACE void descend_5(const struct tw_conv_descent *d)
{
    descend_taps(d, 5);
}

static NOT_IN_PLACE void descend_9(const struct tw_conv_descent *d)
{
    descend_taps(d, 9);
}

static NOT_IN_PLACE void descend_13(const struct tw_conv_descent *d)
{
    descend_taps(d, 13);
}

static float fold(const float *chains)
{
    return tw_lanes_fold_add(tw_lanes_load(chains));
}

const struct tw_conv_depthwise TW_VARIANT(tw_conv_depthwise) = {.pad = pad,
                                                                .strip = strip,
                                                                .interleave = interleave,
                                                                .descend = {descend_5, descend_9, descend_13},
                                                                .fold = fold};

#undef IN_PLACE
#undef NOT_IN_PLACE
#undef LANES
#undef ROWS
#undef TAPS_MAX

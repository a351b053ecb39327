/* Algorithm "along rows" for AVX-512: kernels of 5 x 5 in place. See conv_depthwise_in_place.h.
 *
 * Vectors of sixteen lanes, unlike the other bodies': five sums of a column of results are enough to keep the multipliers
 * busy, since a register of sixteen takes two turns of them, and leave 25 registers for the weights. What a load finds beside
 * the image is masked out, which costs nothing, so that all vectors take the same way. */
#include <immintrin.h>
#include <stdint.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/simd/unroll.h"

#if !defined(__AVX512F__)
#error "compile with -mavx512f and its companions"
#endif

#define IN_PLACE TW_IN_PLACE
#define LANES    16
#define TAPS     5
#define ROWS     TW_CONV_5X5_ROWS
#define SOURCES  ((ROWS - 1) * 2 + TAPS) /* rows of the source that a block meets, at most */

/* Bit i: column `at` + i is inside a row. */
static inline uint64_t columns_inside(ptrdiff_t at, ptrdiff_t width)
{
    const ptrdiff_t first = at < 0 ? -at : 0, end = width - at;
    const uint64_t below = end >= 64 ? ~UINT64_C(0) : end <= 0 ? 0 : (UINT64_C(1) << end) - 1;

    return first >= 64 ? 0 : below & (~UINT64_C(0) << first);
}

/* What the columns of the kernel meet, one after the other: with a step of 2 every other one of 32, in crossed order (each
 * quarter holds two of one vector and two of the other), which costs one operation. */
struct columns {
    const float *x;
    uint64_t inside;
};

IN_PLACE __m512 load_from(const struct columns *columns, const int from)
{
    return _mm512_maskz_loadu_ps((__mmask16)(columns->inside >> from), columns->x + from);
}

IN_PLACE __m512 load_column(const struct columns *columns, const int b, const int step)
{
    const int from = b / 2 * 2;

    if (step == 1) {
        return load_from(columns, b);
    }
    return b % 2 == 0 ? _mm512_shuffle_ps(load_from(columns, from), load_from(columns, from + LANES), 0x88)
                      : _mm512_shuffle_ps(load_from(columns, from), load_from(columns, from + LANES), 0xdd);
}

/* From crossed to natural order. */
IN_PLACE __m512 in_order(__m512 a, const int step)
{
    const __m512i order = _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);

    return step == 1 ? a : _mm512_permutexvar_ps(order, a);
}

/* A block of results from row pointers, `at` columns from the beginning of the rows. Kernel rows and columns ascend for
 * every row of results. */
IN_PLACE void sum_block(const struct tw_conv_in_place *s, const float *volatile row[SOURCES],
                        ptrdiff_t column, const int step, const __m512 weight[TAPS * TAPS], __mmask16 some,
                        float *result)
{
    const ptrdiff_t at = column * step + s->origin[1];
    struct columns columns = {.inside = columns_inside(at, s->width)};
    __m512 sum[ROWS];

    TW_UNROLL
    for (int r = 0; r < ROWS; r++) {
        sum[r] = s->start ? _mm512_set1_ps(*s->start) : _mm512_setzero_ps();
    }
    TW_UNROLL
    for (int q = 0; q < (ROWS - 1) * step + TAPS; q++) {
        columns.x = row[q] + at;
        TW_UNROLL
        for (int b = 0; b < TAPS; b++) {
            const __m512 met = load_column(&columns, b, step);

            TW_UNROLL
            for (int r = 0; r < ROWS; r++) {
                const int a = q - r * step;

                if (a >= 0 && a < TAPS) {
                    sum[r] = _mm512_fmadd_ps(met, weight[a * TAPS + b], sum[r]);
                }
            }
        }
    }
    TW_UNROLL
    for (int r = 0; r < ROWS; r++) {
        _mm512_mask_storeu_ps(result + r * s->columns, some, in_order(sum[r], step));
    }
}

/* A row of blocks, the last vector flush with its end. */
IN_PLACE void sum_rows(const struct tw_conv_in_place *s, ptrdiff_t first, const int step,
                       const __m512 weight[TAPS * TAPS])
{
    const ptrdiff_t last = s->columns < LANES ? 0 : s->columns - LANES;
    const __mmask16 some = (__mmask16)columns_inside(0, tw_conv_smaller(s->columns, LANES));
    const float *volatile row[SOURCES]; /* in memory, where a load finds them */

    for (int q = 0; q < (ROWS - 1) * step + TAPS; q++) {
        const ptrdiff_t at = first * step + s->origin[0] + q;

        row[q] = at >= 0 && at < s->height ? s->source + at * s->width : s->zeros;
    }
    for (ptrdiff_t c = 0; c < s->columns; c += LANES) {
        const ptrdiff_t column = tw_conv_smaller(c, last);

        sum_block(s, row, column, step, weight, some, s->result + first * s->columns + column);
    }
}

/* All planes, blocks of rows; the last one overlaps the one before it. */
IN_PLACE void sum_planes(const struct tw_conv_in_place *arguments, const int step)
{
    struct tw_conv_in_place s = *arguments;
    __m512 weight[TAPS * TAPS];

    for (; s.planes > 0; s.planes--) {
        TW_UNROLL
        for (int t = 0; t < TAPS * TAPS; t++) {
            weight[t] = _mm512_set1_ps(s.w[t * s.w_tap]);
        }
        for (ptrdiff_t r = 0; r < s.rows; r += ROWS) {
            sum_rows(&s, tw_conv_smaller(r, s.rows - ROWS), step, weight);
        }
        s.source += s.source_plane;
        s.w += s.w_result;
        s.start += s.start ? 1 : 0;
        s.result += s.rows * s.columns;
    }
}

static __attribute__((noinline)) void by_one(const struct tw_conv_in_place *s)
{
    sum_planes(s, 1);
}

static __attribute__((noinline)) void by_two(const struct tw_conv_in_place *s)
{
    sum_planes(s, 2);
}

void tw_conv_depthwise_5x5__avx512(const struct tw_conv_in_place *s)
{
    (s->step == 1 ? by_one : by_two)(s);
}

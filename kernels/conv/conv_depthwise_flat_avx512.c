/* Algorithm "along rows" for AVX-512: kernels of 3 x 3 in place over small images. See conv_depthwise_in_place.h.
 *
 * Where results are as wide as the source and rows are short, two rows of either are one vector of sixteen lanes: a plane is
 * taken as if it were one long row, and what a tap meets beyond the end of a row, there the neighbouring row, is masked out.
 *
 *   rows of 7:  | 0 1 2 3 4 5 6 | 7 8 9 a b c d |     what the middle column of the kernel meets
 *               | . 0 1 2 3 4 5 | . 7 8 9 a b c |     the left one: the same, a lane on
 *               | 1 2 3 4 5 6 . | 8 9 a b c d . |     the right one
 *
 * Two rows that a pair of rows of results meets last, the next pair meets first: they are loaded once. */
#include <immintrin.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/simd/unroll.h"

#if !defined(__AVX512F__)
#error "compile with -mavx512f and its companions"
#endif

#define IN_PLACE TW_IN_PLACE

/* Widths of rows of which a vector holds two, and not three. */
#define LEAST_WIDTH 6
#define MOST_WIDTH  8

/* The first `count` lanes, of at most 16. */
static inline __mmask16 first_lanes(ptrdiff_t count)
{
    return (__mmask16)((1u << count) - 1);
}

/* Lanes of the two rows that a vector of the source has, and those of the columns that the left and the right column of the
 * kernel find inside. */
struct lanes {
    __mmask16 both, upper, lower, left, right;
};

static struct lanes find_lanes(ptrdiff_t width)
{
    const __mmask16 both = first_lanes(2 * width), upper = first_lanes(width);

    return (struct lanes){.both = both,
                          .upper = upper,
                          .lower = (__mmask16)(both & ~upper),
                          .left = (__mmask16)(both & ~(1u | 1u << width)),
                          .right = (__mmask16)(both & ~(1u << (width - 1) | 1u << (2 * width - 1)))};
}

/* Two rows as the three columns of the kernel meet them, from `x` on, of which `some` lanes are inside. */
IN_PLACE void load_rows(const float *x, __mmask16 some, const struct lanes *lanes, __m512 met[3])
{
    const __m512i rows = _mm512_maskz_loadu_epi32(some, x);

    met[0] = _mm512_castsi512_ps(_mm512_maskz_alignr_epi32(lanes->left, rows, rows, 15));
    met[1] = _mm512_castsi512_ps(rows);
    met[2] = _mm512_castsi512_ps(_mm512_maskz_alignr_epi32(lanes->right, rows, rows, 1));
}

IN_PLACE __m512 meet_rows(const __m512 met[3], const __m512 weight[3], __m512 sum)
{
    TW_UNROLL
    for (int b = 0; b < 3; b++) {
        sum = _mm512_fmadd_ps(met[b], weight[b], sum);
    }
    return sum;
}

/* One plane, in kernel rows and columns that ascend for every result. The vectors of all pairs of rows but the last run over the
 * ends of theirs into results that are written next. */
IN_PLACE void sum_plane(const struct tw_conv_in_place *s, const struct lanes *lanes, const __m512 weight[9])
{
    const ptrdiff_t rows = s->rows, width = s->width, pair = 2 * width;
    const bool odd = rows % 2 == 1;
    const __m512 start = s->start ? _mm512_set1_ps(*s->start) : _mm512_setzero_ps();
    const float *x = s->source;
    float *result = s->result;
    __m512 first[3], middle[3], sum;

    load_rows(x - width, lanes->lower, lanes, first);
    for (ptrdiff_t r = 0; r + 2 < rows; r += 2, x += pair, result += pair) {
        sum = meet_rows(first, weight, start);
        load_rows(x, lanes->both, lanes, middle);
        sum = meet_rows(middle, weight + 3, sum);
        load_rows(x + width, lanes->both, lanes, first);
        _mm512_storeu_ps(result, meet_rows(first, weight + 6, sum));
    }
    sum = meet_rows(first, weight, start);
    load_rows(x, odd ? lanes->upper : lanes->both, lanes, middle);
    sum = meet_rows(middle, weight + 3, sum);
    load_rows(x + width, odd ? 0 : lanes->upper, lanes, first);
    _mm512_mask_storeu_ps(result, odd ? lanes->upper : lanes->both, meet_rows(first, weight + 6, sum));
}

bool tw_conv_depthwise_flat__avx512(const struct tw_conv_in_place *arguments)
{
    struct tw_conv_in_place s = *arguments;
    struct lanes lanes;

    if (s.step != 1 || s.channels != 1 || s.origin[0] != -1 || s.origin[1] != -1 || s.rows != s.height ||
        s.columns != s.width || s.width < LEAST_WIDTH || s.width > MOST_WIDTH) {
        return false;
    }
    lanes = find_lanes(s.width);
    for (; s.planes > 0; s.planes--) {
        __m512 weight[9];

        TW_UNROLL
        for (int t = 0; t < 9; t++) {
            weight[t] = _mm512_set1_ps(s.w[t * s.w_tap]);
        }
        sum_plane(&s, &lanes, weight);
        s.source += s.source_plane;
        s.w += s.w_result;
        s.start += s.start ? 1 : 0;
        s.result += s.rows * s.columns;
    }
    return true;
}

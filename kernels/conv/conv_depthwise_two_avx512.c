/* Algorithm "along rows" for AVX-512: weight and bias gradient of 3 x 3 in place over small images. See conv_depthwise_in_place.h.
 *
 * Where rows have eight columns at most, the upper eight chains of a channel have nothing to sum: the lower ones of two channels
 * are one vector. Where results are as wide as the source, a row of it is loaded once, and what the left and the right column of
 * the kernel meet is the same, a lane on or back. */
#include "kernels/conv/conv_depthwise_sums_avx512.h"

#if !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "compile with -mavx512vl -mavx512dq and their companions"
#endif

#define IN_PLACE TW_IN_PLACE
#define HALF     TW_CONV_IN_PLACE_LANES

/* Lanes that are columns of a row, of one half; and those of both that the left and the right column of the kernel find inside. */
struct lanes {
    __mmask8 some;
    __mmask16 left, right;
};

/* A row of each of two planes that lie `next` floats apart. In other lanes: `others`. */
IN_PLACE __m512 load_two(const float *x, ptrdiff_t next, __m256 others, const struct lanes *lanes)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_mask_loadu_ps(others, lanes->some, x)),
                              _mm256_mask_loadu_ps(others, lanes->some, x + next), 1);
}

/* What the columns of the kernel meet. */
IN_PLACE void load_row(const float *x, ptrdiff_t next, const struct lanes *lanes, __m512 met[3])
{
    const __m512i row = _mm512_castps_si512(load_two(x, next, _mm256_setzero_ps(), lanes));

    met[0] = _mm512_castsi512_ps(_mm512_maskz_alignr_epi32(lanes->left, row, row, 2 * HALF - 1));
    met[1] = _mm512_castsi512_ps(row);
    met[2] = _mm512_castsi512_ps(_mm512_maskz_alignr_epi32(lanes->right, row, row, 1));
}

/* Lanes beyond the end of a row: gradients of -0, which with sources of +0 leave whatever sum there is as it is. */
IN_PLACE __m512 load_gradient(const float *dy, ptrdiff_t next, const struct lanes *lanes, struct sums *sums)
{
    return add_to_bias(load_two(dy, next, _mm256_set1_ps(-0.0f), lanes), sums);
}

/* Down the rows of two planes of the source and of the gradients. Row q of the source meets gradients of rows q + 1, q and q - 1;
 * rows above and below it are zeros. */
IN_PLACE void walk_down(const struct tw_conv_descent_in_place *d, const float *x, const float *dy,
                        const struct lanes *lanes, struct sums *sums)
{
    const ptrdiff_t x_next = d->x_channel, dy_next = d->dy_channel, width = d->width;
    const __m512 zeros[3] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    __m512 met[3], above, same, below;

    same = load_gradient(dy, dy_next, lanes, sums);
    meet_gradient(zeros, same, 0, sums);
    below = load_gradient(dy += width, dy_next, lanes, sums);
    load_row(x, x_next, lanes, met);
    meet_gradient(met, below, 0, sums);
    meet_gradient(met, same, 1, sums);
    for (ptrdiff_t q = 1; q + 1 < d->rows; q++) {
        above = same;
        same = below;
        below = load_gradient(dy += width, dy_next, lanes, sums);
        load_row(x += width, x_next, lanes, met);
        meet_gradient(met, below, 0, sums);
        meet_gradient(met, same, 1, sums);
        meet_gradient(met, above, 2, sums);
    }
    load_row(x + width, x_next, lanes, met);
    meet_gradient(met, below, 1, sums);
    meet_gradient(met, same, 2, sums);
    meet_gradient(zeros, below, 2, sums);
}

bool tw_conv_depthwise_walk_two__avx512(const struct tw_conv_descent_in_place *d, ptrdiff_t channel,
                                        float lanes_of_sums[TW_CONV_WALK_SUMS][TW_CONV_CHAINS])
{
    const ptrdiff_t width = d->width;
    const unsigned row = (1u << width) - 1;
    struct lanes lanes = {.some = (__mmask8)row,
                          .left = (__mmask16)((row & ~1u) * 0x101),
                          .right = (__mmask16)((row >> 1) * 0x101)};
    struct sums sums;

    if (d->columns != width || width > HALF || d->rows != d->height || d->origin[0] != -1 ||
        d->origin[1] != -1) {
        return false;
    }
    clear_sums(&sums);
    for (ptrdiff_t n = 0; n < d->samples; n++) {
        walk_down(d, d->x + n * d->x_sample + channel * d->x_channel,
                  d->dy + n * d->dy_sample + channel * d->dy_channel, &lanes, &sums);
    }
    store_sums(&sums, lanes_of_sums);
    return true;
}

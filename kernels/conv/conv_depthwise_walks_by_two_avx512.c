/* Algorithm "along rows" for AVX-512: weight and bias gradient of 3 x 3 in place, step 2. See conv_depthwise_in_place.h.
 *
 * A walk goes down the rows of one vector of gradients, all chains of a channel. Every row of the source is loaded once, as even and
 * odd columns from the second tap on; what the first tap meets are the odd ones a lane on, and one column before them. (Two channels
 * of up to eight columns side by side were no faster than one after the other.)
 *
 *     source, from the column that tap 0 meets first     tap 0:  0 2 4 …
 *         0 | 1 2 3 4 5 6 …                              tap 1:  1 3 5 …   "even" from there
 *                                                        tap 2:  2 4 6 …   "odd"
 */
#include <stdint.h>

#include "kernels/conv/conv_depthwise_sums_avx512.h"

#define IN_PLACE TW_IN_PLACE
#define LANES    TW_CONV_CHAINS

/* Lanes that are columns of the results, and columns of the source that are inside: the first tap's first, and those from the second
 * tap's first on, as many as lanes need. */
struct lanes {
    __mmask16 some, before, first, second;
};

static struct lanes find_lanes(const struct tw_conv_descent_in_place *d, ptrdiff_t c)
{
    const ptrdiff_t columns = tw_conv_smaller(d->columns - c, LANES), at = 2 * c + d->origin[1];
    uint32_t inside = 0;

    for (ptrdiff_t i = 0; i < 2 * columns; i++) {
        inside |= (uint32_t)(at + 1 + i >= 0 && at + 1 + i < d->width) << i;
    }
    return (struct lanes){.some = (__mmask16)((1u << columns) - 1),
                          .before = at >= 0 && at < d->width,
                          .first = (__mmask16)inside,
                          .second = (__mmask16)(inside >> LANES)};
}

/* A row of the source as the three taps meet it, from the column on that the first one meets first. */
IN_PLACE void load_row(const float *x, const struct lanes *lanes, __m512 met[3])
{
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    const __m512 first = _mm512_maskz_loadu_ps(lanes->first, x + 1);
    const __m512 second = _mm512_maskz_loadu_ps(lanes->second, x + 1 + LANES);
    const __mmask16 stay = (__mmask16)(lanes->some & 0xfffe);
    const __m512i odd = _mm512_castps_si512(_mm512_permutex2var_ps(first, odds, second));
    const __m512i on = _mm512_maskz_alignr_epi32(stay, odd, odd, LANES - 1);

    met[0] = _mm512_mask_loadu_ps(_mm512_castsi512_ps(on), lanes->before, x);
    met[1] = _mm512_permutex2var_ps(first, evens, second);
    met[2] = _mm512_castsi512_ps(odd);
}

/* Planes of one sample, from the vector's column on. */
struct planes {
    const float *x, *dy;
    ptrdiff_t x_ahead, dy_ahead; /* to lines that are fetched */
};

/* Row `at` of the source, where it is or zeros, at the column that the first tap meets first. */
IN_PLACE void load_row_at(const struct tw_conv_descent_in_place *d, const struct planes *planes,
                          const struct lanes *lanes, ptrdiff_t column, ptrdiff_t at, __m512 met[3])
{
    const bool outside = (size_t)at >= (size_t)d->height; /* above it, too */
    const float *x = outside ? d->zeros + column : planes->x + at * d->width;

    tw_fetch(x, planes->x_ahead + 1);
    tw_fetch(x, planes->x_ahead + 1 + LANES);
    load_row(x, lanes, met);
}

/* Rows 2 r of the source meet gradients of row r by row 1 of the kernel, rows 2 r + 1 those of r and of r + 1 by rows 2 and 0. */
IN_PLACE void walk_down(const struct tw_conv_descent_in_place *d, const struct planes *planes,
                        const struct lanes *lanes, ptrdiff_t column, struct sums *sums)
{
    const float *dy = planes->dy;
    ptrdiff_t at = d->origin[0];
    __m512 met[3];

    load_row_at(d, planes, lanes, column, at, met);
    for (ptrdiff_t r = 0; r < d->rows; r++, at += 2, dy += d->columns) {
        const __m512 gradient = load_gradients(dy, lanes->some, sums);

        tw_fetch(dy, planes->dy_ahead);
        meet_gradient(met, gradient, 0, sums);
        load_row_at(d, planes, lanes, column, at + 1, met);
        meet_gradient(met, gradient, 1, sums);
        load_row_at(d, planes, lanes, column, at + 2, met);
        meet_gradient(met, gradient, 2, sums);
    }
}

/* What the walk down the columns from `c` on of sample `n` reads, and the same of the next sample or channel, which is fetched. */
static struct planes find_planes(const struct tw_conv_descent_in_place *d, ptrdiff_t channel, ptrdiff_t n,
                                 ptrdiff_t c)
{
    const bool more = n + 1 < d->samples;

    return (struct planes){.x = d->x + n * d->x_sample + channel * d->x_channel + 2 * c + d->origin[1],
                           .dy = d->dy + n * d->dy_sample + channel * d->dy_channel + c,
                           .x_ahead = more ? d->x_sample : d->x_channel - n * d->x_sample,
                           .dy_ahead = more ? d->dy_sample : d->dy_channel - n * d->dy_sample};
}

void tw_conv_depthwise_walk_by_two__avx512(const struct tw_conv_descent_in_place *d, ptrdiff_t channel,
                                           float lanes_of_sums[TW_CONV_WALK_SUMS][TW_CONV_CHAINS])
{
    struct sums sums;

    clear_sums(&sums);
    for (ptrdiff_t n = 0; n < d->samples; n++) {
        for (ptrdiff_t c = 0; c < d->columns; c += LANES) {
            const struct lanes lanes = find_lanes(d, c);
            const struct planes planes = find_planes(d, channel, n, c);

            walk_down(d, &planes, &lanes, 2 * c + d->origin[1], &sums);
        }
    }
    store_sums(&sums, lanes_of_sums);
}

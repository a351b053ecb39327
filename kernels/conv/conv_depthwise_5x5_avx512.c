/* Algorithm "along rows" for AVX-512: kernels of 5 x 5 in place. See conv_depthwise_in_place.h.
 *
 * Vectors of sixteen lanes. A row of the source is loaded once for all columns of the kernel, as two vectors from which operations
 * on lanes make what each column meets: nearly all loads of their own would cross a cache line. What a load finds beside the image
 * is masked out, which costs nothing. Weights come from memory, each for two or three blocks of rows, whose sums are so many that
 * none waits for itself: with a step of 2 a row meets only five of fifteen. The same rows of the next plane are fetched ahead. */
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

/* Most rows of a block, and most blocks. */
#define ROWS_MANY 7
#define BLOCKS    3

/* A body, constants: rows of a block, blocks, step; whether a vector meets more columns than those in the middle (below). */
struct body {
    int rows, blocks, step;
    bool more;
};

/* Rows of the source that a block meets. */
IN_PLACE int sources(const struct body body)
{
    return (body.rows - 1) * body.step + TAPS;
}

/* Of all bodies, in vectors of eight addresses. */
#define SOURCES_MAX (((ROWS_MANY - 1) * 2 + TAPS + 7) / 8 * 8)

/* Blocks of results, one vector wide. */
struct blocks {
    _Alignas(64) const float *row[BLOCKS][SOURCES_MAX]; /* of the source */
    float *result[BLOCKS];
};

/* Bit i: column `at` + i is inside a row. */
static inline uint64_t columns_inside(ptrdiff_t at, ptrdiff_t width)
{
    const ptrdiff_t first = at < 0 ? -at : 0, end = width - at;
    const uint64_t below = end >= 64 ? ~UINT64_C(0) : end <= 0 ? 0 : (UINT64_C(1) << end) - 1;

    return first >= 64 ? 0 : below & (~UINT64_C(0) << first);
}

/* With a step of 2, sixteen columns of results meet 32 of the source in the middle columns of the kernel, the third and the fourth;
 * the others meet the same, a lane on or back, and three columns more. */
#define MIDDLE 2
#define BEYOND (MIDDLE + 2 * LANES)

/* The lanes of vectors that are inside a row. Step 1: sixteen columns, and those that taps reach beyond them. Step 2: the first and
 * the second sixteen in the middle, then the three columns more, each in the lane where it goes. */
struct inside {
    __mmask16 first, second, left[MIDDLE], beyond;
};

static inline struct inside find_inside(ptrdiff_t at, ptrdiff_t width, const int step)
{
    const uint64_t bits = columns_inside(at, width);

    if (step == 1) {
        return (struct inside){.first = (__mmask16)bits, .beyond = (__mmask16)(bits >> LANES & 0xf)};
    }
    return (struct inside){.first = (__mmask16)(bits >> MIDDLE),
                           .second = (__mmask16)(bits >> (MIDDLE + LANES)),
                           .left = {(__mmask16)(bits & 1), (__mmask16)(bits >> 1 & 1)},
                           .beyond = (__mmask16)((bits >> BEYOND & 1) << (LANES - 1))};
}

/* A row: step 1, its columns from the first tap's on and those beyond; step 2, the even and the odd ones in the middle. */
struct columns {
    const float *x;
    __m512i even, odd;
};

IN_PLACE struct columns load_columns(const float *x, const struct inside *inside, const int step)
{
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    struct columns columns = {.x = x};
    __m512i first, second;

    if (step == 1) {
        columns.even = _mm512_maskz_loadu_epi32(inside->first, x);
        columns.odd = _mm512_maskz_loadu_epi32(inside->beyond, x + LANES);
    } else {
        first = _mm512_maskz_loadu_epi32(inside->first, x + MIDDLE);
        second = _mm512_maskz_loadu_epi32(inside->second, x + MIDDLE + LANES);
        columns.even = _mm512_permutex2var_epi32(first, evens, second);
        columns.odd = _mm512_permutex2var_epi32(first, odds, second);
    }
    return columns;
}

/* A lane on, or back: into the lane that this frees goes the column at `x`, or 0. */
IN_PLACE __m512i lane_on(__m512i columns, const float *x, __mmask16 inside, const bool more)
{
    const __m512i on = _mm512_maskz_alignr_epi32(0xfffe, columns, columns, LANES - 1);

    return more ? _mm512_mask_loadu_epi32(on, inside, x) : on;
}

IN_PLACE __m512i lane_back(__m512i columns, const float *x, __mmask16 inside, const bool more)
{
    const __m512i back = _mm512_maskz_alignr_epi32(0x7fff, columns, columns, 1);

    return more ? _mm512_mask_loadu_epi32(back, inside, x - (LANES - 1)) : back;
}

/* What column b of the kernel meets. */
IN_PLACE __m512 column_of(const struct columns *columns, const struct inside *inside, const int b,
                          const struct body body)
{
    const __m512i even = columns->even, odd = columns->odd;
    const float *x = columns->x;

    switch (body.step == 1 ? b : TAPS + b) { /* cases of steps 1 and 2 */
    case 0:
    case TAPS + 2:
        return _mm512_castsi512_ps(even);
    case 1:
        return _mm512_castsi512_ps(_mm512_alignr_epi32(odd, even, 1));
    case 2:
        return _mm512_castsi512_ps(_mm512_alignr_epi32(odd, even, 2));
    case 3:
        return _mm512_castsi512_ps(_mm512_alignr_epi32(odd, even, 3));
    case 4:
        return _mm512_castsi512_ps(_mm512_alignr_epi32(odd, even, 4));
    case TAPS:
        return _mm512_castsi512_ps(lane_on(even, x, inside->left[0], body.more));
    case TAPS + 1:
        return _mm512_castsi512_ps(lane_on(odd, x + 1, inside->left[1], body.more));
    case TAPS + 3:
        return _mm512_castsi512_ps(odd);
    default:
        return _mm512_castsi512_ps(lane_back(even, x + BEYOND, inside->beyond, body.more));
    }
}

/* What a column of the kernel meets of each block's row q, by the weights of all kernel rows that it meets there. */
IN_PLACE void meet_column(const struct columns columns[BLOCKS], const struct inside *inside, const int q,
                          const int b, const struct body body, const float *w, __m512 sum[BLOCKS][ROWS_MANY])
{
    __m512 met[BLOCKS];

    TW_UNROLL
    for (int k = 0; k < body.blocks; k++) {
        met[k] = column_of(&columns[k], inside, b, body);
    }
    TW_UNROLL
    for (int r = 0; r < body.rows; r++) {
        const int a = q - r * body.step;

        if (a >= 0 && a < TAPS) {
            const __m512 weight = _mm512_set1_ps(w[a * TAPS + b]);

            TW_UNROLL
            for (int k = 0; k < body.blocks; k++) {
                sum[k][r] = _mm512_fmadd_ps(met[k], weight, sum[k][r]);
            }
        }
    }
}

/* A vector of each row of the blocks, from column `column` of the results on. Kernel rows and columns ascend for every row of
 * results. */
IN_PLACE void sum_blocks(const struct tw_conv_in_place *s, const struct blocks *blocks, ptrdiff_t column,
                         const struct body body, __mmask16 some)
{
    const ptrdiff_t at = column * body.step + s->origin[1];
    const struct inside inside = find_inside(at, s->width, body.step);
    __m512 sum[BLOCKS][ROWS_MANY];

    TW_UNROLL
    for (int k = 0; k < body.blocks; k++) {
        TW_UNROLL
        for (int r = 0; r < body.rows; r++) {
            sum[k][r] = s->start ? _mm512_set1_ps(*s->start) : _mm512_setzero_ps();
        }
    }
    TW_UNROLL
    for (int q = 0; q < sources(body); q++) {
        struct columns columns[BLOCKS];
        const float *w = s->w;

        /* Weights are loaded for each row: kept, they would take registers that sums need. */
        __asm__ volatile("" : "+r"(w));
        TW_UNROLL
        for (int k = 0; k < body.blocks; k++) {
            const float *const volatile *row = &blocks->row[k][q]; /* in memory, where a load finds it */
            const float *x = *row + at;

            columns[k] = load_columns(x, &inside, body.step);
            tw_fetch(x, s->channel);
            if (body.step == 2) {
                tw_fetch(x, s->channel + LANES);
            }
        }
        TW_UNROLL
        for (int b = 0; b < TAPS; b++) {
            meet_column(columns, &inside, q, b, body, w, sum);
        }
    }
    TW_UNROLL
    for (int k = 0; k < body.blocks; k++) {
        TW_UNROLL
        for (int r = 0; r < body.rows; r++) {
            _mm512_mask_storeu_ps(blocks->result[k] + column + r * s->columns, some, sum[k][r]);
        }
    }
}

/* Block k begins with row `first` of the results. Addresses of rows are vectors, too: one after the other they took a tenth of the
 * time of a plane of 28 x 28. */
IN_PLACE void find_block(const struct tw_conv_in_place *s, ptrdiff_t first, const int k,
                         const struct body body, struct blocks *blocks)
{
    const ptrdiff_t top = first * body.step + s->origin[0], width = s->width;
    const __m512i height = _mm512_set1_epi64(s->height), zeros = _mm512_set1_epi64((intptr_t)s->zeros);
    const __m512i eight = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    const __m512i rows = _mm512_mullo_epi64(eight, _mm512_set1_epi64(width * (ptrdiff_t)sizeof(float)));
    const float *row = s->source + top * width;

    blocks->result[k] = s->result + first * s->columns;
    TW_UNROLL
    for (int q = 0; q < sources(body); q += 8) {
        const __m512i number = _mm512_add_epi64(eight, _mm512_set1_epi64(top + q));
        const __m512i at = _mm512_add_epi64(rows, _mm512_set1_epi64((intptr_t)(row + q * width)));

        _mm512_store_si512(&blocks->row[k][q],
                           _mm512_mask_blend_epi64(_mm512_cmplt_epu64_mask(number, height), zeros, at));
    }
}

/* A plane by rows of blocks, the last vector flush with its end; the last blocks overlap those before them. */
IN_PLACE void sum_plane(const struct tw_conv_in_place *s, const struct body body)
{
    const ptrdiff_t last = s->columns < LANES ? 0 : s->columns - LANES;
    const __mmask16 some = (__mmask16)columns_inside(0, tw_conv_smaller(s->columns, LANES));

    for (ptrdiff_t r = 0; r < s->rows; r += body.blocks * body.rows) {
        struct blocks blocks;

        TW_UNROLL
        for (int k = 0; k < body.blocks; k++) {
            find_block(s, tw_conv_smaller(r + k * body.rows, s->rows - body.rows), k, body, &blocks);
        }
        for (ptrdiff_t c = 0; c < s->columns; c += LANES) {
            sum_blocks(s, &blocks, tw_conv_smaller(c, last), body, some);
        }
    }
}

#define PLANE(name, ...)                                                         \
    static __attribute__((noinline)) void name(const struct tw_conv_in_place *s) \
    {                                                                            \
        sum_plane(s, (struct body){__VA_ARGS__});                                \
    }

PLANE(few_by_one, TW_CONV_5X5_ROWS, 1, 1, true)
PLANE(many_by_one, ROWS_MANY, 2, 1, true)
PLANE(by_two, TW_CONV_5X5_ROWS, 3, 2, true)
PLANE(by_two_alone, TW_CONV_5X5_ROWS, 3, 2, false)

/* The weights of an input gradient, which descend from `last` on, in the order in which they are met. */
static inline void reverse(const float *last, float w[TAPS * TAPS])
{
    const __m512i descending = _mm512_setr_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const int rest = TAPS * TAPS - LANES;
    const __m512 first = _mm512_loadu_ps(last - (LANES - 1));
    const __m512 second =
        _mm512_maskz_loadu_ps((__mmask16)(0xffff << (LANES - rest)), last - (2 * LANES - 1));

    _mm512_storeu_ps(w, _mm512_permutexvar_ps(descending, first));
    _mm512_mask_storeu_ps(w + LANES, (__mmask16)((1 << rest) - 1), _mm512_permutexvar_ps(descending, second));
}

/* With a step of 2 and padding of 2 or more, what a single vector of a row would meet beside the middle is beside the image. */
static tw_conv_planes_fn *body_for(const struct tw_conv_in_place *s)
{
    if (s->step == 2) {
        return s->columns <= LANES && s->origin[1] <= -MIDDLE ? by_two_alone : by_two;
    }
    return s->rows >= ROWS_MANY ? many_by_one : few_by_one;
}

void tw_conv_depthwise_5x5__avx512(const struct tw_conv_in_place *arguments)
{
    tw_conv_planes_fn *const body = body_for(arguments);
    struct tw_conv_in_place s = *arguments;
    float w[TAPS * TAPS]; /* next to each other, as the bodies want them */

    for (ptrdiff_t j = 0; j < arguments->planes; j++) {
        if (s.w_tap != 1) {
            reverse(arguments->w + j * s.w_result, w);
            s.w = w;
        }
        body(&s);
        s.source += s.source_plane;
        s.w += s.w_tap == 1 ? s.w_result : 0;
        s.start += s.start ? 1 : 0;
        s.result += s.rows * s.columns;
    }
}

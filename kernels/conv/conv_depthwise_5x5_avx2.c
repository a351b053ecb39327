/* Algorithm "along rows" for AVX2: kernels of 5 x 5 in place. See conv_depthwise_in_place.h.
 *
 * Sixteen registers do not hold the weights. Instead a walk goes down the rows of the source, two vectors wide, and each row
 * meets all rows of results that are under way: five with a step of 1, three or two with a step of 2. What is loaded of the
 * source is loaded once, and each of the 25 weights in memory serves two vectors. Where a walk begins and ends, sums of rows
 * beyond the results are thrown away. With a step of 2, chains of additions leave the multipliers idle a third of the time;
 * two walks at once, which would fill it, need more registers than there are, and were a fifth slower.
 */
#include <immintrin.h>

#include "kernels/conv/conv_depthwise.h"
#include "kernels/simd/unroll.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma"
#endif

#define IN_PLACE TW_IN_PLACE
#define LANES    8
#define ACROSS   2
#define TAPS     5
#define LOADS    6 /* of a vector of positions, at most */

/* A body, constants: step; rows of results under way; whether all loads are masked, or only those of taps that reach up to two
 * columns beyond either end of a row (`masked` below). */
struct body {
    int step, under_way;
    bool all;
};

/* Columns of results, two vectors of them, the second one `apart` after the first. */
struct columns {
    const struct tw_conv_in_place *planes;
    ptrdiff_t first, apart; /* position */
    ptrdiff_t at;           /* source column of the first position and tap */
    ptrdiff_t ahead;        /* from each source plane to the next */
    __m256i inside[ACROSS][LOADS];
    const float *w; /* [TAPS][TAPS] */
};

struct walk {
    ptrdiff_t top;   /* the next row of the source */
    ptrdiff_t begun; /* rows of results, those beyond the last one too */
    float *result;   /* the next row */
    __m256 start, sum[TAPS][ACROSS];
};

/* Source column of load `l` of a vector, from its first position and tap on: step 1, one for each tap; step 2, two vectors for
 * taps 0 and 1, two for 2 and 3, two for 4. */
IN_PLACE ptrdiff_t column_of(const int l, const int step)
{
    return step == 1 ? l : l / 2 * 2 + l % 2 * LANES;
}

/* Whether load `l` of vector `k` is masked. */
IN_PLACE bool masked(const struct body body, const int k, const int l)
{
    const bool left = k == 0 && (body.step == 1 ? l < 2 : l == 0);
    const bool right = k == 1 && (body.step == 1 ? l > 2 : l == 3 || l == 5);

    return body.all || left || right;
}

/* In a register from here on: what several operations need, compilers would load for each. */
IN_PLACE __m256 hold(__m256 a)
{
    __asm__("" : "+x"(a));
    return a;
}

IN_PLACE __m256 load(const struct columns *columns, const struct body body, const float *x, const int k,
                     const int l)
{
    const float *from = x + k * columns->apart * body.step + column_of(l, body.step);

    return hold(masked(body, k, l) ? _mm256_maskload_ps(from, columns->inside[k][l]) : _mm256_loadu_ps(from));
}

/* What column b of the kernel meets, and with a step of 2 what column b + 1 does, for even b: every other one of two vectors, in
 * crossed order (each half holds two of one vector and two of the other), which costs one operation. */
IN_PLACE void load_column(const struct columns *columns, const struct body body, const float *x, const int k,
                          const int b, __m256 column[2])
{
    if (body.step == 1) {
        column[0] = load(columns, body, x, k, b);
    } else if (b % 2 == 0) {
        const __m256 low = load(columns, body, x, k, b), high = load(columns, body, x, k, b + 1);

        column[0] = _mm256_shuffle_ps(low, high, 0x88);
        column[1] = _mm256_shuffle_ps(low, high, 0xdd);
    } else {
        column[0] = column[1];
    }
}

/* From crossed to natural order. */
IN_PLACE __m256 in_order(__m256 a, const int step)
{
    return step == 1 ? a : _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(a), 0xd8));
}

/* The next row of the source, or zeros; the same row of the next plane is fetched ahead. */
IN_PLACE const float *next_row(const struct columns *columns, const struct body body, struct walk *walk)
{
    const struct tw_conv_in_place *s = columns->planes;
    const ptrdiff_t row = walk->top++;
    const float *x = s->source + row * s->width + columns->at;

    if (row < 0 || row >= s->height) {
        return s->zeros + columns->at;
    }
    __builtin_prefetch(x + columns->ahead);
    if (body.step == 2) {
        __builtin_prefetch(x + columns->ahead + 2 * LANES);
    }
    return x;
}

/* Sums are made before a branch that leaves some of them out: compilers would put them off until after it. */
IN_PLACE void hold_sums(const int count, __m256 sum[TAPS][ACROSS])
{
    TW_UNROLL
    for (int i = 0; i < count; i++) {
        sum[i][0] = hold(sum[i][0]);
        sum[i][1] = hold(sum[i][1]);
    }
}

/* A row of the source meets every kernel row of the same parity, `odd` or not, and all columns of it in turn. `turn` is the sum
 * that the row of results began with which meets kernel row 0 or 1. */
IN_PLACE void meet_row(const struct columns *columns, const struct body body, const int turn, const int odd,
                       struct walk *walk)
{
    const float *x = next_row(columns, body, walk);
    __m256 first[2], second[2];

    TW_UNROLL
    for (int b = 0; b < TAPS; b++) {
        load_column(columns, body, x, 0, b, first);
        load_column(columns, body, x, 1, b, second);
        TW_UNROLL
        for (int i = 0; i < body.under_way; i++) {
            const int a = i * body.step + odd;

            if (a < TAPS) {
                const __m256 weight = hold(_mm256_broadcast_ss(columns->w + a * TAPS + b));
                __m256 *sum = walk->sum[(turn + body.under_way - i) % body.under_way];

                sum[0] = _mm256_fmadd_ps(first[0], weight, sum[0]);
                sum[1] = _mm256_fmadd_ps(second[0], weight, sum[1]);
            }
        }
    }
    hold_sums(body.under_way, walk->sum);
}

/* A row of results begins, and the one that has met its last row of the source is stored. Whether the walk ends here. */
IN_PLACE bool take_turn(const struct columns *columns, const struct body body, const int turn, ptrdiff_t rows,
                        struct walk *walk)
{
    const __m256 *sum = walk->sum[(turn + 1) % body.under_way];
    float discard[ACROSS * LANES], *to = discard;

    walk->sum[turn][0] = walk->sum[turn][1] = walk->start;
    meet_row(columns, body, turn, 0, walk);
    if (walk->begun >= body.under_way - 1) {
        to = walk->result;
        walk->result += columns->planes->columns;
    }
    _mm256_storeu_ps(to, in_order(sum[0], body.step));
    _mm256_storeu_ps(to + columns->apart, in_order(sum[1], body.step));
    if (++walk->begun == rows) {
        return true;
    }
    if (body.step == 2) {
        meet_row(columns, body, turn, 1, walk);
    }
    return false;
}

IN_PLACE void walk_down(const struct columns *columns, const struct body body)
{
    const struct tw_conv_in_place *s = columns->planes;
    const ptrdiff_t rows = s->rows + body.under_way - 1;
    struct walk walk = {.top = s->origin[0],
                        .result = s->result + columns->first,
                        .start = s->start ? _mm256_broadcast_ss(s->start) : _mm256_setzero_ps()};

    TW_UNROLL
    for (int i = 0; i < body.under_way; i++) {
        walk.sum[i][0] = walk.sum[i][1] = walk.start;
    }
    for (;;) {
        if (take_turn(columns, body, 0, rows, &walk) || take_turn(columns, body, 1, rows, &walk) ||
            take_turn(columns, body, 2, rows, &walk)) {
            return;
        }
        if (body.under_way == 5 &&
            (take_turn(columns, body, 3, rows, &walk) || take_turn(columns, body, 4, rows, &walk))) {
            return;
        }
    }
}

static ptrdiff_t clamp(ptrdiff_t x)
{
    return x < 0 ? 0 : x > LANES ? LANES : x;
}

/* Lanes of `at` … `at` + LANES - 1 that are columns of the source. */
static inline __m256i columns_inside(ptrdiff_t at, ptrdiff_t width)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i outside = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)clamp(-at)), lane);

    return _mm256_andnot_si256(outside, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)clamp(width - at)), lane));
}

/* The first position of the vectors that begin with column `c`, the last ones flush with the end of the row. */
static ptrdiff_t first_of(const struct tw_conv_in_place *s, ptrdiff_t c)
{
    return tw_conv_smaller(c, s->columns < ACROSS * LANES ? 0 : s->columns - ACROSS * LANES);
}

static ptrdiff_t apart(const struct tw_conv_in_place *s)
{
    return tw_conv_smaller(LANES, s->columns - LANES);
}

/* A body, apart from what fills its columns: compilers would keep masks and weights in registers that sums need. */
#define WALK(name, ...)                                                       \
    static __attribute__((noinline)) void name(const struct columns *columns) \
    {                                                                         \
        walk_down(columns, (struct body){__VA_ARGS__});                       \
    }

WALK(by_one, 1, 5, false)
WALK(by_one_masked, 1, 5, true)
WALK(by_two, 2, 3, false)
WALK(by_two_masked, 2, 3, true)

typedef void walk_fn(const struct columns *columns);

/* Whether a load without a mask would leave the row. */
static bool leaves_row(const struct tw_conv_in_place *s, const struct body body)
{
    const int loads = body.step == 1 ? TAPS : LOADS;
    bool leaves = false;

    for (ptrdiff_t c = 0; c < s->columns; c += ACROSS * LANES) {
        for (int i = 0; i < ACROSS * loads; i++) {
            const int k = i / loads, l = i % loads;
            const ptrdiff_t at =
                (first_of(s, c) + k * apart(s)) * body.step + s->origin[1] + column_of(l, body.step);

            leaves = leaves || (!masked(body, k, l) && (at < 0 || at + LANES > s->width));
        }
    }
    return leaves;
}

/* Goes to the columns from position `first` on. */
static void go_to(struct columns *columns, ptrdiff_t first)
{
    const struct tw_conv_in_place *s = columns->planes;

    columns->first = first;
    columns->at = first * s->step + s->origin[1];
    for (int k = 0; k < ACROSS; k++) {
        for (int l = 0; l < LOADS; l++) {
            const ptrdiff_t at = columns->at + k * columns->apart * s->step + column_of(l, (int)s->step);

            columns->inside[k][l] = columns_inside(at, s->width);
        }
    }
}

void tw_conv_depthwise_5x5__avx2(const struct tw_conv_in_place *planes)
{
    static walk_fn *const walks[2][2] = {{by_one, by_one_masked}, {by_two, by_two_masked}};
    struct tw_conv_in_place s = *planes;
    float w[TAPS * TAPS];
    struct columns columns = {.planes = &s, .apart = apart(&s)};
    walk_fn *const walk = walks[s.step - 1][leaves_row(&s, (struct body){.step = (int)s.step})];

    go_to(&columns, 0);
    for (; s.planes > 0; s.planes--) {
        columns.ahead = s.planes > 1 ? s.source_plane : 0;
        columns.w = s.w;
        if (s.w_tap != 1) {
            for (int t = 0; t < TAPS * TAPS; t++) {
                w[t] = s.w[t * s.w_tap];
            }
            columns.w = w;
        }
        for (ptrdiff_t c = 0; c < s.columns; c += ACROSS * LANES) {
            if (s.columns > ACROSS * LANES) {
                go_to(&columns, first_of(&s, c));
            }
            walk(&columns);
        }
        s.source += s.source_plane;
        s.w += s.w_result;
        s.start += s.start ? 1 : 0;
        s.result += s.rows * s.columns;
    }
}

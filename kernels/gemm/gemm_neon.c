/* GEMM tiles for AArch64 Advanced SIMD: 6 x 16 (24 accumulators, 4 registers of B, 3 of A), 8 x 8 and 8 x 4.
 * An element of A is one scalar load: fmla takes its operand by lane, so nothing is broadcast. */
#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "gemm_neon.c must be compiled for AArch64 with Advanced SIMD"
#endif

#include <arm_neon.h>
#include <stdatomic.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/gemm_transpose_neon.h"

#define ROWS     8
#define VECTORS  4
#define LANES    4
#define IN_PLACE static inline __attribute__((always_inline))

/* Rows and vectors are written out with constant subscripts, and `rows` and `vectors` are constants once a
 * tile is inlined: then both gcc and clang keep the accumulators in registers, which neither does reliably
 * for loops. */
#define FOR_ROWS(DO)       DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define FOR_VECTORS(DO, i) DO(i, 0) DO(i, 1) DO(i, 2) DO(i, 3)

#define START_ZERO(i, v)             \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = vdupq_n_f32(0.0f);
#define START_LOAD(i, v)             \
    if ((i) < rows && (v) < vectors) \
        acc[i][v] = vld1q_f32(t->start + (t->start_at ? t->start_at[i] : 0) + (v)*LANES);
#define STORE(i, v)                  \
    if ((i) < rows && (v) < vectors) \
        vst1q_f32(t->c + t->c_at[i] + (v)*LANES, acc[i][v]);
#define START_ZERO_ROW(i) FOR_VECTORS(START_ZERO, i)
#define START_LOAD_ROW(i) FOR_VECTORS(START_LOAD, i)
#define STORE_ROW(i)      FOR_VECTORS(STORE, i)
#define ADDRESS_ROW(i) \
    if ((i) < rows)    \
        from[i] = t->a + t->row[i];

#define LOAD_B(i, v)   \
    if ((v) < vectors) \
        row_of_b[v] = vld1q_f32(b + (v)*LANES);
#define MULTIPLY(i, v) \
    if ((v) < vectors) \
        acc[i][v] = vfmaq_n_f32(acc[i][v], row_of_b[v], element);
/* Three rows of A are in registers at a time. Without the fence (which is no instruction) gcc loads all six
 * of the widest tile before the first fmla and then has to keep three accumulators in memory. */
#define MULTIPLY_ROW(i)                                \
    if ((i) < rows) {                                  \
        const float element = a[i][at];                \
        FOR_VECTORS(MULTIPLY, i)                       \
        if ((i) == 2 && vectors == VECTORS)            \
            atomic_signal_fence(memory_order_seq_cst); \
    }

/* The next fma of every chain of the tile. */
IN_PLACE void step(int rows, int vectors, const float *const *a, ptrdiff_t at, const float *b,
                   float32x4_t acc[ROWS][VECTORS])
{
    float32x4_t row_of_b[VECTORS];

    FOR_VECTORS(LOAD_B, 0)
    FOR_ROWS(MULTIPLY_ROW)
}

IN_PLACE void tile(int rows, int vectors, const struct tw_f32_tile *t)
{
    float32x4_t acc[ROWS][VECTORS];
    const float *from[ROWS], *b = t->b;
    const ptrdiff_t columns = vectors * LANES, k = t->k, *at = t->at, *b_at = t->b_at;

    FOR_ROWS(ADDRESS_ROW)
    if (t->start) {
        FOR_ROWS(START_LOAD_ROW)
    } else {
        FOR_ROWS(START_ZERO_ROW)
    }
    if (b_at) {
        for (ptrdiff_t p = 0; p < k; p++)
            step(rows, vectors, from, at[p], b + b_at[p] * columns, acc);
    } else {
        for (ptrdiff_t p = 0; p < k; p++, b += columns)
            step(rows, vectors, from, at[p], b, acc);
    }
    FOR_ROWS(STORE_ROW)
}

#define DEFINE_TILE(rows, vectors)                                          \
    static void tile_##rows##x##vectors(const struct tw_f32_tile *operands) \
    {                                                                       \
        tile(rows, vectors, operands);                                      \
    }
#define DEFINE_TILES(vectors) \
    DEFINE_TILE(1, vectors)   \
    DEFINE_TILE(2, vectors)   \
    DEFINE_TILE(3, vectors)   \
    DEFINE_TILE(4, vectors)   \
    DEFINE_TILE(5, vectors)   \
    DEFINE_TILE(6, vectors)

DEFINE_TILES(1)
DEFINE_TILE(7, 1)
DEFINE_TILE(8, 1)
DEFINE_TILES(2)
DEFINE_TILE(7, 2)
DEFINE_TILE(8, 2)
DEFINE_TILES(4)

/* --- strided tiles -------------------------------------------------------------------------------------- */

#define VECTORS_MAX VECTORS

typedef float32x4_t vector;
typedef int part;

IN_PLACE vector load(const float *x)
{
    return vld1q_f32(x);
}

IN_PLACE void store(float *y, vector v)
{
    vst1q_f32(y, v);
}

IN_PLACE vector broadcast(const float *x)
{
    return vld1q_dup_f32(x);
}

IN_PLACE vector zero(void)
{
    return vdupq_n_f32(0.0f);
}

IN_PLACE vector multiply_add(vector a, vector b, vector c)
{
    return vfmaq_f32(c, a, b);
}

IN_PLACE part part_first(int count)
{
    return count;
}

IN_PLACE vector load_part(const float *x, part lanes)
{
    vector v = vld1q_lane_f32(x, zero(), 0);

    if (lanes == LANES) {
        return vld1q_f32(x);
    }
    if (lanes > 1) {
        v = vld1q_lane_f32(x + 1, v, 1);
    }
    if (lanes > 2) {
        v = vld1q_lane_f32(x + 2, v, 2);
    }
    return v;
}

IN_PLACE void store_part(float *y, int count, part lanes, vector v)
{
    (void)lanes;
    if (count == LANES) {
        vst1q_f32(y, v);
        return;
    }
    vst1q_lane_f32(y, v, 0);
    if (count > 1) {
        vst1q_lane_f32(y + 1, v, 1);
    }
    if (count > 2) {
        vst1q_lane_f32(y + 2, v, 2);
    }
}

#include "kernels/gemm/vector_strided.h"

#include "kernels/gemm/vector_stream.h"

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED(7, 1)
DEFINE_STRIDED(8, 1)
DEFINE_STRIDED_ROWS_6(2)
DEFINE_STRIDED(7, 2)
DEFINE_STRIDED(8, 2)
DEFINE_STRIDED_ROWS_6(4)

DEFINE_STREAM(1, 8)
DEFINE_STREAM(2, 8)
DEFINE_STREAM(3, 6)
DEFINE_STREAM(4, 4)
DEFINE_STREAM(5, 4)

static const struct tw_f32_few_rows few_rows = {
    .stream = {stream_1, stream_2, stream_3, stream_4, stream_5},
};

const struct tw_f32_tiles tw_f32_tiles__neon = {
    .width = {{16, 6, {tile_1x4, tile_2x4, tile_3x4, tile_4x4, tile_5x4, tile_6x4}},
              {8, ROWS, {tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2, tile_7x2, tile_8x2}},
              {4, ROWS, {tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1, tile_7x1, tile_8x1}}},
    .widths = 3,
    .strided = {{16, 6, STRIDED_ROWS_6(4, whole), STRIDED_ROWS_6(4, part), {NULL}},
                {8, 8, STRIDED_ROWS_8(2, whole), STRIDED_ROWS_8(2, part), {NULL}},
                {4, 8, STRIDED_ROWS_8(1, whole), STRIDED_ROWS_8(1, part), {NULL}}},
    .strided_widths = 3,
    .strided_general = 0,
    .few_rows = &few_rows,
    .kc = 256,
    .mc = 144,
    .nc = 512,
    .transpose = transpose,
};

void tw_f32_gemm__neon(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c,
                       void *workspace)
{
    tw_gemm_blocked(&tw_f32_tiles__neon, shape, a, b, c, workspace);
}

size_t tw_f32_gemm_workspace__neon(const struct tw_gemm_shape *shape)
{
    return tw_gemm_blocked_workspace(&tw_f32_tiles__neon, shape);
}

const char *tw_f32_gemm_algorithm__neon(const struct tw_gemm_shape *shape)
{
    return tw_gemm_algorithm(&tw_f32_tiles__neon, shape);
}

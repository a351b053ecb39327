/* GEMM tiles for AArch64 Advanced SIMD: 6 x 16 (24 accumulators, 4 registers of B, 3 of A), 8 x 8 and 8 x 4. */
#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "gemm_neon.c must be compiled for AArch64 with Advanced SIMD"
#endif

#include <arm_neon.h>
#include <stdatomic.h>

#include "kernels/gemm/gemm_tile.h"
#include "kernels/gemm/gemm_transpose_neon.h"

#define LANES           4
#define IN_PLACE        static inline __attribute__((always_inline))
#define VECTORS_MAX     4
#define STRIDED_FETCHES 0

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

/* An element of A is one scalar load: fmla takes its operand by lane, so nothing is broadcast. */
typedef float tile_element;

IN_PLACE tile_element load_element(const float *x)
{
    return *x;
}

IN_PLACE vector multiply_element(tile_element e, vector b, vector c)
{
    return vfmaq_n_f32(c, b, e);
}

/* Three rows of A are in registers at a time. Without the fence (which is no instruction) gcc loads all six of the widest
 * tile before the first fmla and then has to keep three accumulators in memory. */
#define TILE_ROW_ENDS(i, vectors)   \
    if ((i) == 2 && (vectors) == 4) \
        atomic_signal_fence(memory_order_seq_cst);

#include "kernels/gemm/vector_along.h"
#include "kernels/gemm/vector_strided.h"
#include "kernels/gemm/vector_tile.h"

#include "kernels/gemm/vector_stream.h"

DEFINE_TILE_ROWS_8(1)
DEFINE_TILE_ROWS_8(2)
DEFINE_TILE_ROWS_6(4)

DEFINE_STRIDED_ROWS_6(1)
DEFINE_STRIDED(7, 1)
DEFINE_STRIDED(8, 1)
DEFINE_STRIDED_ROWS_6(2)
DEFINE_STRIDED(7, 2)
DEFINE_STRIDED(8, 2)
DEFINE_STRIDED_ALONG_8(2)
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
    .width = {{16, 6, TILE_ROWS_6(4)}, {8, 8, TILE_ROWS_8(2)}, {4, 8, TILE_ROWS_8(1)}},
    .widths = 3,
    .strided = {{16, 6, STRIDED_ROWS_6(4, whole), STRIDED_ROWS_6(4, part), {NULL}},
                {8, 8, STRIDED_ROWS_8(2, whole), STRIDED_ROWS_8(2, part), {NULL}},
                {4, 8, STRIDED_ROWS_8(1, whole), STRIDED_ROWS_8(1, part), {NULL}}},
    .strided_widths = 3,
    .strided_general = 0,
    .one_vector = {5, 5},
    .transposing = {3, 3, 3},
    .along = {8, 8, STRIDED_ROWS_8(2, along), STRIDED_ROWS_8(2, tabled), 0, NULL},
    .few_rows = &few_rows,
    .links = 256,
    .blocking = {{256, 144, 512}, {256, 144, 512}},
    .shallow = {32, 32},
    .in_place = 8192,
    .fetch = STRIDED_FETCHES,
    .transpose = transpose,
    .take_pairs = tw_f32_take_pairs__neon,
    .put_pairs = tw_f32_put_pairs__neon,
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

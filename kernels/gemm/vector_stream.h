/* The product of few rows of A with a B that is read once: B streams by in whole rows, `depth` of them at a time, and
 * the few rows of C go to and fro between L1 and the registers. Written once for all vector ISAs, with the names that
 * vector_strided.h describes.
 *
 *     a[i][p … p+depth-1]   in registers        b[p … p+depth-1][j …]    as many streams, in ascending order
 *     c[i][j …]             one chain of `depth` fma for every vector on its way
 */
#ifndef TOWER_KERNELS_GEMM_VECTOR_STREAM_H
#define TOWER_KERNELS_GEMM_VECTOR_STREAM_H

#include "kernels/gemm/vector_strided.h"

enum { STREAM_DEPTH_MAX = 8 };

STRIDED_IN_PLACE void stream_vector(int rows, int depth, enum strided_kind kind, part lanes, int count,
                                    vector element[TW_STREAM_ROWS_MAX][STREAM_DEPTH_MAX], const float *b,
                                    ptrdiff_t b_row, float *c, ptrdiff_t c_row)
{
    vector acc[TW_STREAM_ROWS_MAX];

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        acc[i] = strided_load(kind, 0, 1, c + i * c_row, lanes);
    }
    TW_UNROLL
    for (int d = 0; d < depth; d++) {
        const vector row_of_b = strided_load(kind, 0, 1, b + d * b_row, lanes);

        TW_UNROLL
        for (int i = 0; i < rows; i++) {
            acc[i] = multiply_add(element[i][d], row_of_b, acc[i]);
        }
    }
    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        if (kind == STRIDED_PART) {
            store_part(c + i * c_row, count, lanes, acc[i]);
        } else {
            store(c + i * c_row, acc[i]);
        }
    }
}

/* `depth` rows of B. */
STRIDED_IN_PLACE void stream_rows(int rows, int depth, const struct tw_gemm_shape *s, const float *a,
                                  const float *b, float *c)
{
    const ptrdiff_t rest = s->n % LANES, whole = s->n - rest, b_row = s->b_row, c_row = s->c_row;
    vector element[TW_STREAM_ROWS_MAX][STREAM_DEPTH_MAX];

    TW_UNROLL
    for (int i = 0; i < rows; i++) {
        TW_UNROLL
        for (int d = 0; d < depth; d++) {
            element[i][d] = broadcast(a + i * s->a_row + d * s->a_col);
        }
    }
    for (ptrdiff_t j = 0; j < whole; j += LANES) {
        stream_vector(rows, depth, STRIDED_WHOLE, part_first(LANES), LANES, element, b + j, b_row, c + j,
                      c_row);
    }
    if (rest > 0) {
        stream_vector(rows, depth, STRIDED_PART, part_first((int)rest), (int)rest, element, b + whole, b_row,
                      c + whole, c_row);
    }
}

STRIDED_IN_PLACE void stream(int rows, int depth, const struct tw_gemm_shape *s, const float *a,
                             const float *b, float *c)
{
    ptrdiff_t p = 0;

    for (; p + depth <= s->k; p += depth) {
        stream_rows(rows, depth, s, a + p * s->a_col, b + p * s->b_row, c);
    }
    for (; p < s->k; p++) {
        stream_rows(rows, 1, s, a + p * s->a_col, b + p * s->b_row, c);
    }
}

#define DEFINE_STREAM(rows, depth)                                                                         \
    static void stream_##rows(const struct tw_gemm_shape *shape, const float *a, const float *b, float *c) \
    {                                                                                                      \
        stream(rows, depth, shape, a, b, c);                                                               \
    }

#endif

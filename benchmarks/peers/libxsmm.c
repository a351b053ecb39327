/* LIBXSMM: code generated for one small shape. It does not block for caches, so it takes part up to a work of
 * 128 x 128 x 128, twice the edge it is advertised for, and, since it transposes only its second operand, not
 * with a transposed B (its operands are ours exchanged, its matrices being column-major). */
#include <libxsmm.h>
#include <stdio.h>

#include "benchmarks/peers/gemm.h"

#define MOST_WORK (128 * 128 * 128)

struct small_gemm {
    struct tw_peer_gemm gemm;
    libxsmm_smmfunction function;
};

static void run(void *context)
{
    const struct small_gemm *small = context;

    small->function(small->gemm.b, small->gemm.a, small->gemm.c);
}

static libxsmm_smmfunction dispatch(const struct tw_gemm_shape *s)
{
    const libxsmm_blasint lda = (libxsmm_blasint)s->b_row, ldc = (libxsmm_blasint)s->c_row;
    const libxsmm_blasint ldb = (libxsmm_blasint)(s->a_col == 1 ? s->a_row : s->a_col);
    const int flags = s->a_col == 1 ? LIBXSMM_GEMM_FLAG_NONE : LIBXSMM_GEMM_FLAG_TRANS_B;
    const int prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
    const float one = 1.0f, zero = 0.0f;

    if (s->b_col != 1 || s->m * s->n * s->k > MOST_WORK)
        return NULL;
    return libxsmm_smmdispatch((libxsmm_blasint)s->n, (libxsmm_blasint)s->m, (libxsmm_blasint)s->k, &lda,
                               &ldb, &ldc, &one, &zero, &flags, &prefetch);
}

struct tw_entrant tw_libxsmm_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm)
{
    const libxsmm_smmfunction function = dispatch(&gemm->shape);
    struct small_gemm *small;

    if (!function)
        return (struct tw_entrant){.name = "libxsmm"};
    small = tw_contest_bytes(contest, sizeof *small);
    *small = (struct small_gemm){*gemm, function};
    return (struct tw_entrant){.name = "libxsmm", .context = small, .run = run};
}

void tw_libxsmm_version(char text[TW_PEER_VERSION])
{
    snprintf(text, TW_PEER_VERSION, "LIBXSMM %s", LIBXSMM_VERSION);
}

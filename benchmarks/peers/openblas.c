/* OpenBLAS, loaded at run time: it and BLIS export the same names, and neither must be found in the other. */
#include <dlfcn.h>
#include <stdio.h>

#include "benchmarks/peers/gemm.h"

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 }; /* cblas.h */

typedef void sgemm_fn(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

static void *library(void)
{
    static void *handle;

    if (!handle)
        handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    return handle;
}

static sgemm_fn *sgemm;

static void run(void *context)
{
    const struct tw_peer_gemm *gemm = context;
    const struct tw_gemm_shape *s = &gemm->shape;
    const bool plain_a = s->a_col == 1, plain_b = s->b_col == 1;

    sgemm(ROW_MAJOR, plain_a ? PLAIN : TRANSPOSED, plain_b ? PLAIN : TRANSPOSED, (int)s->m, (int)s->n,
          (int)s->k, 1.0f, gemm->a, (int)(plain_a ? s->a_row : s->a_col), gemm->b,
          (int)(plain_b ? s->b_row : s->b_col), 0.0f, gemm->c, (int)s->c_row);
}

struct tw_entrant tw_openblas_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm)
{
    struct tw_peer_gemm *own;

    if (!library() || !(sgemm = (sgemm_fn *)dlsym(library(), "cblas_sgemm")))
        return (struct tw_entrant){.name = "openblas"};
    own = tw_contest_bytes(contest, sizeof *own);
    *own = *gemm;
    return (struct tw_entrant){.name = "openblas", .context = own, .run = run};
}

void tw_openblas_version(char text[TW_PEER_VERSION])
{
    char *(*config)(void) = library() ? (char *(*)(void))dlsym(library(), "openblas_get_config") : NULL;

    snprintf(text, TW_PEER_VERSION, "%s", config ? config() : "");
}

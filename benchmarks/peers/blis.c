/* BLIS, loaded at run time (see openblas.c), by its own interface: any strides, no copy of the arguments. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

#include "benchmarks/peers/gemm.h"

/* blis.h: dim_t and inc_t have 64 bits in Debian's build, enumerations are ints. */
typedef void sgemm_fn(int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k, float *alpha,
                      float *a, int64_t a_row, int64_t a_column, float *b, int64_t b_row, int64_t b_column,
                      float *beta, float *c, int64_t c_row, int64_t c_column);

static void *library(void)
{
    static void *handle;

    if (!handle)
        handle = dlopen("libblis.so.4", RTLD_NOW | RTLD_LOCAL);
    return handle;
}

static sgemm_fn *sgemm;

static void run(void *context)
{
    const struct tw_peer_gemm *gemm = context;
    const struct tw_gemm_shape *s = &gemm->shape;
    float one = 1.0f, zero = 0.0f;

    sgemm(0, 0, s->m, s->n, s->k, &one, (float *)gemm->a, s->a_row, s->a_col, (float *)gemm->b, s->b_row,
          s->b_col, &zero, gemm->c, s->c_row, 1);
}

struct tw_entrant tw_blis_gemm(struct tw_contest *contest, const struct tw_peer_gemm *gemm)
{
    struct tw_peer_gemm *own;

    if (!library() || !(sgemm = (sgemm_fn *)dlsym(library(), "bli_sgemm")))
        return (struct tw_entrant){.name = "blis"};
    own = tw_contest_bytes(contest, sizeof *own);
    *own = *gemm;
    return (struct tw_entrant){.name = "blis", .context = own, .run = run};
}

void tw_blis_version(char text[TW_PEER_VERSION])
{
    char *(*version)(void) = library() ? (char *(*)(void))dlsym(library(), "bli_info_get_version_str") : NULL;

    snprintf(text, TW_PEER_VERSION, "%s%s", version ? "BLIS " : "", version ? version() : "");
}

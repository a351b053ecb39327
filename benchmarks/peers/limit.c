#include "benchmarks/peers/limit.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* $BLIS_ARCH_TYPE is a number that changes between releases: asks for the one of a name. */
static void limit_blis(const char *architecture)
{
    enum { MOST = 12 };
    void *library = dlopen("libblis.so.4", RTLD_NOW | RTLD_LOCAL);
    char *(*name_of)(int) = library ? (char *(*)(int))dlsym(library, "bli_arch_string") : NULL;
    char number[16];

    for (int id = 0; name_of && id < MOST; id++)
        if (strcmp(name_of(id), architecture) == 0) {
            snprintf(number, sizeof number, "%d", id);
            setenv("BLIS_ARCH_TYPE", number, 0);
        }
}

/* The OpenMP runtime was loaded with this program and has read its environment already. */
static void limit_openmp(int threads)
{
    void (*set_threads)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");

    if (set_threads)
        set_threads(threads);
}

void tw_peers_limit(enum tw_isa isa)
{
    limit_openmp(1);
    setenv("OPENBLAS_NUM_THREADS", "1", 0);
    setenv("BLIS_NUM_THREADS", "1", 0);
    if (isa != TW_ISA_AVX2 || !tw_cpu()->avx512f)
        return;
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 0);
    setenv("OPENBLAS_CORETYPE", "Haswell", 0);
    setenv("LIBXSMM_TARGET", "hsw", 0);
    limit_blis(strcmp(tw_cpu()->vendor, "AuthenticAMD") == 0 ? "zen3" : "haswell");
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"

/* Which kernels this build contains: all that are for its architecture. */
#if defined(__x86_64__)
#define TW_BUILD_AVX 1
#else
#define TW_BUILD_AVX 0
#endif
#if defined(__aarch64__)
#define TW_BUILD_NEON 1
#else
#define TW_BUILD_NEON 0
#endif

static const char *const names[TW_ISA_COUNT] = {
    [TW_ISA_REFERENCE] = "reference",
    [TW_ISA_NEON] = "neon",
    [TW_ISA_AVX2] = "avx2",
    [TW_ISA_AVX512] = "avx512",
};

const char *tw_isa_name(enum tw_isa isa)
{
    return (unsigned)isa < TW_ISA_COUNT ? names[isa] : "?";
}

enum tw_status tw_isa_parse(const char *text, enum tw_isa *isa)
{
    for (int i = 0; i < TW_ISA_COUNT; i++) {
        if (strcmp(text, names[i]) == 0) {
            *isa = (enum tw_isa)i;
            return TW_OK;
        }
    }
    return tw_fail(TW_ERROR_ARGUMENT,
                   "instruction set \"%s\" is unknown, expected reference, neon, avx2 or avx512", text);
}

bool tw_isa_available(enum tw_isa isa)
{
    const struct tw_cpu *cpu = tw_cpu();
    bool avx2 = TW_BUILD_AVX && cpu->avx2 && cpu->fma;

    switch (isa) {
    case TW_ISA_REFERENCE:
        return true;
    case TW_ISA_NEON:
        return TW_BUILD_NEON && cpu->neon;
    case TW_ISA_AVX2:
        return avx2;
    case TW_ISA_AVX512:
        return avx2 && cpu->avx512f && cpu->avx512bw && cpu->avx512dq && cpu->avx512vl;
    case TW_ISA_COUNT:
        break;
    }
    return false;
}

/* Lowers `*isa` to `wanted`, which must be usable whether it changes anything or not. */
static enum tw_status lower(enum tw_isa wanted, const char *by, enum tw_isa *isa, const char **reason)
{
    if ((unsigned)wanted >= TW_ISA_COUNT) {
        return tw_fail(TW_ERROR_ARGUMENT, "instruction set %d (%s) is unknown", (int)wanted, by);
    }
    if (!tw_isa_available(wanted)) {
        return tw_fail(TW_ERROR_UNSUPPORTED,
                       "instruction set %s (%s) is not there: the best of this CPU and build is %s",
                       names[wanted], by, names[*isa]);
    }
    if (wanted < *isa || *reason == NULL) {
        *isa = wanted;
        *reason = by;
    }
    return TW_OK;
}

enum tw_status tw_isa_choose(enum tw_isa requested, enum tw_isa *isa, const char **reason)
{
    const char *text = getenv("TOWER_ISA"), *why = NULL;
    enum tw_isa chosen = TW_ISA_COUNT - 1, wanted = chosen;
    enum tw_status status;

    while (!tw_isa_available(chosen)) {
        chosen--;
    }
    if (text != NULL && text[0] != '\0') {
        if (tw_isa_parse(text, &wanted) != TW_OK) {
            return tw_fail_in("TOWER_ISA: ");
        }
        status = lower(wanted, "TOWER_ISA", &chosen, &why);
        if (status != TW_OK) {
            return status;
        }
    }
    if (requested != TW_ISA_COUNT) {
        status = lower(requested, "requested", &chosen, &why);
        if (status != TW_OK) {
            return status;
        }
    }
    *isa = chosen;
    if (reason != NULL) {
        *reason = why == NULL ? "best this CPU and build have" : why;
    }
    return TW_OK;
}

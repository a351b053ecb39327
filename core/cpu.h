/* Which instruction sets this CPU has and the operating system lets us use. */
#ifndef TOWER_CORE_CPU_H
#define TOWER_CORE_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

/* From slowest to fastest; within one architecture a higher one includes the lower ones. */
enum tw_isa {
    TW_ISA_REFERENCE, /* portable C, scalar */
    TW_ISA_NEON,      /* AArch64 Advanced SIMD */
    TW_ISA_AVX2,      /* AVX2 + FMA */
    TW_ISA_AVX512,    /* AVX-512 F, BW, DQ, VL */
    TW_ISA_COUNT
};

/* "reference", "neon", "avx2", "avx512". */
const char *tw_isa_name(enum tw_isa isa);

/* The reverse; TW_ERROR_ARGUMENT quoting the text and listing the names. */
enum tw_status tw_isa_parse(const char *text, enum tw_isa *isa);

struct tw_cpu {
    char vendor[16];      /* "AuthenticAMD", "GenuineIntel", "aarch64", "unknown" */
    char model_name[64];  /* brand string, trimmed; "" if the CPU does not tell */
    bool avx2, fma, f16c; /* CPU has it and the OS saves the state it needs */
    bool avx512f, avx512bw, avx512dq, avx512vl, avx512_vnni, avx512_bf16;
    bool neon;
    unsigned long long xcr0;              /* XGETBV(0); 0 where there is none */
    size_t l1d_bytes, l2_bytes, l3_bytes; /* per instance as seen by one core; 0 if unknown */
};

/* Detected once, then constant. Thread-safe. On x86: CPUID leaves 1, 7, 0x80000002-4 and OSXSAVE with XCR0
 * bits 1-2 (ymm) and 5-7 (zmm): Intel SDM vol. 1, 13.3 and 14.3. On AArch64: AT_HWCAP of the auxiliary vector. */
const struct tw_cpu *tw_cpu(void);

/* Whether kernels of `isa` can run here: this build has them, CPU and operating system allow them. */
bool tw_isa_available(enum tw_isa isa);

/* The ISA to use: the best available one, lowered by $TOWER_ISA if that is set and not empty, lowered further
 * by `requested` unless that is TW_ISA_COUNT (none); so the lower of the two wins. TW_ERROR_ARGUMENT for an
 * unknown name in $TOWER_ISA, TW_ERROR_UNSUPPORTED if the CPU or this build lacks what either asked for
 * (never a silent substitute). `reason`, unless NULL, receives a short constant text: "best this CPU and
 * build have", "TOWER_ISA" or "requested". */
enum tw_status tw_isa_choose(enum tw_isa requested, enum tw_isa *isa, const char **reason);

#endif

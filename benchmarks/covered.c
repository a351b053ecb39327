#include "benchmarks/covered.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* MEMBERS(apply): apply(name, type, compared) for every function of struct tw_kernels; of covered.cmake. */
#include <covered_members.h>

#define COUNT(name, type, compared) +1
_Static_assert(sizeof(struct tw_kernels) - offsetof(struct tw_kernels, f32_gemm) ==
                   (MEMBERS(COUNT)) * sizeof(void (*)(void)),
               "covered.cmake has not found every member of struct tw_kernels");

static void refuse(const char *name)
{
    fprintf(stderr, "tower-bench: %s is refused: no test in tests/kernels compares it with the reference\n",
            name);
    exit(1);
}

/* Takes the place of a kernel, of any: it reads no argument and does not return. */
#define REFUSE(name, type, compared) \
    static void refuse_##name(void)  \
    {                                \
        refuse(#name);               \
    }
MEMBERS(REFUSE)

static bool is_covered(const char *name, bool compared, const char *untested)
{
    return compared && !(untested && strcmp(name, untested) == 0);
}

const struct tw_kernels *tw_covered_kernels(const struct tw_kernels *kernels, const char *untested)
{
    static struct tw_kernels covered;

    covered = *kernels;
#define REPLACE(name, type, compared)           \
    if (!is_covered(#name, compared, untested)) \
        covered.name = (type *)refuse_##name;
    MEMBERS(REPLACE)
    return &covered;
}

/* Prints a line. What tells sizes and names computes nothing and may be left out. */
static bool print(const char *name, bool covered)
{
    printf("%-32s %s\n", name, covered ? "compared" : "not compared");
    return covered || strstr(name, "_workspace") || strstr(name, "_algorithm");
}

bool tw_covered_print(const char *untested)
{
    bool all = true;

#define PRINT(name, type, compared) all = print(#name, is_covered(#name, compared, untested)) && all;
    MEMBERS(PRINT)
    return all;
}

/* What a program computes with: instruction set and team, each with the reason for the choice.
 */
#ifndef TOWER_APPS_COMMON_COMPUTE_H
#define TOWER_APPS_COMMON_COMPUTE_H

#include <stdio.h>

#include "core/cpu.h"
#include "core/team.h"
#include "kernels/kernels.h"

struct compute {
    enum tw_isa isa;
    const char *isa_why; /* constant text */
    const struct tw_kernels *kernels;
    struct tw_team_size size;
    struct tw_team *team;
};

/* `isa` TW_ISA_COUNT: the best there is, for plan level 0 the reference. `threads` 0: chosen;
 * `samples`: of a batch, 0 if there is none. TW_ERROR_* as
 * tw_isa_choose and tw_team_choose_size. `*compute` is empty on failure. */
enum tw_status compute_open(enum tw_isa isa, int threads, ptrdiff_t samples, enum tw_bind bind,
                            int plan_level, struct compute *compute);
void compute_release(struct compute *compute);

/* Two lines: ISA and threads, with reasons. */
void compute_print(FILE *out, const struct compute *compute);

#endif

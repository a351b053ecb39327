/* What a program of accuracy has beside its tests: the kernels that it measures, its random numbers, and the setup that
 * chooses both and prints the head of the table. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_ACCURACY_PROGRAM_H
#define TOWER_TESTS_KERNELS_ACCURACY_ACCURACY_PROGRAM_H

#include "tests/kernels/accuracy/accuracy.h"

static const struct tw_kernels *kernels;
static struct tw_rng rng;

static int choose_kernels(void **state)
{
    (void)state;
    kernels = measured_kernels();
    rng = tw_test_rng(1);
    accuracy_heading();
    return 0;
}

#endif

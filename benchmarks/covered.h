/* Which kernels the tests compare with the reference, as covered.cmake found out: others are not timed.
 */
#ifndef TOWER_BENCHMARKS_COVERED_H
#define TOWER_BENCHMARKS_COVERED_H

#include <stdbool.h>

#include "kernels/kernels.h"

/* The table, but with functions that end the program with a message and status 1 in place of kernels that no test compares;
 * of `untested` (a member's name, or NULL) that is taken as said. One list holds for the tables of all ISAs: the tests run
 * every one of them that the CPU has. One table at a time: the next call changes it. */
const struct tw_kernels *tw_covered_kernels(const struct tw_kernels *kernels, const char *untested);

/* Prints a line for every kernel of the table and whether it is compared; false if one is not that computes something. */
bool tw_covered_print(const char *untested);

#endif

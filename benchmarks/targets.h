/* What the kernels are meant to reach, read from a text file: one a line, `#` begins a comment.
 *
 *   avx512 linear-forward fc1 ratio 1.05       the best peer's time is at least so many times Tower's
 *   avx512 gemm-square * geomean 1.0           the ratios' geometric mean over the operation's shapes
 *   avx512 conv2d-forward * least 0.7          the least of them
 *   avx512 gemm-square * peak 92               per cent of the peak; with `*` the least of all shapes
 */
#ifndef TOWER_BENCHMARKS_TARGETS_H
#define TOWER_BENCHMARKS_TARGETS_H

#include <stdbool.h>

#include "benchmarks/results.h"

/* Prints each with what was measured and whether it was met, and by how many shapes if some have no ratio or peak; and, of
 * the ISAs that were, the names of those that were not measured. False after printing to stderr which line of the file is wrong. */
bool tw_targets_print(const char *path, const struct tw_results *results, int count);

#endif

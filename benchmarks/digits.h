/* Pixels as training has them, for kernels whose time depends on them.
 */
#ifndef TOWER_BENCHMARKS_DIGITS_H
#define TOWER_BENCHMARKS_DIGITS_H

#include <stddef.h>
#include <stdint.h>

/* `count` pixels of test images, one after the other and over again: MNIST's where $TOWER_DATA has them, otherwise Tower's
 * own digits. Without either the program ends. */
void tw_bench_digits(ptrdiff_t count, uint8_t *pixels);

#endif

/* What must be known to read the numbers, for the "context" of the JSON file. */
#ifndef TOWER_BENCHMARKS_NOTES_H
#define TOWER_BENCHMARKS_NOTES_H

#include "benchmarks/contest.h"

/* Processor, instruction sets, compiler, peers and their versions, and the peaks: fma and the bandwidths of each
 * cache and of memory, measured here. */
void tw_notes_write(const struct tw_session *session);

#endif

/* Equal conditions for all peers. */
#ifndef TOWER_BENCHMARKS_PEERS_LIMIT_H
#define TOWER_BENCHMARKS_PEERS_LIMIT_H

#include "core/cpu.h"

/* Gives every peer one thread and, where `isa` is less than this CPU has, no more than that ISA, each by the
 * environment variable it reads. What the caller's environment sets already stays. Before the first use of any
 * peer. */
void tw_peers_limit(enum tw_isa isa);

#endif

/* The machine as hwloc sees it: which processing units there are and in what order to fill them.
 *
 * The only file that includes hwloc is topology.c.
 */
#ifndef TOWER_CORE_TOPOLOGY_H
#define TOWER_CORE_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

enum tw_bind {
    TW_BIND_NONE,    /* leave threads where the operating system puts them */
    TW_BIND_COMPACT, /* neighbours first: fill the cores of a package before the next one's */
    TW_BIND_SCATTER, /* far apart first: spread over packages and NUMA nodes, then cores, then SMT siblings */
};

const char *tw_bind_name(enum tw_bind bind);
enum tw_status tw_bind_parse(const char *text, enum tw_bind *bind);

struct tw_topology;
struct tw_affinity;

/* Discovers this machine, or builds the machine that `synthetic` describes in hwloc's language
 * ("package:2 numa:1 core:4 pu:2"; NULL: this machine). NULL with TW_ERROR_ARGUMENT for a bad description, or
 * TW_ERROR_UNSUPPORTED where discovery fails. */
struct tw_topology *tw_topology_new(const char *synthetic);
void tw_topology_release(struct tw_topology *topology);

/* Counts of what the thread that called tw_topology_new may use (affinity and cpusets applied), each at least
 * 1. */
struct tw_machine {
    int processing_units, cores, packages, numa_nodes;
};
struct tw_machine tw_topology_machine(const struct tw_topology *topology);

/* Fills `unit[0 … threads-1]` with the operating system's index of the processing unit for each thread under
 * `bind`, wrapping around when there are more threads than units. Both policies use one unit of every core
 * before the second of any. TW_BIND_NONE fills with -1. */
enum tw_status tw_topology_place(const struct tw_topology *topology, enum tw_bind bind, int threads,
                                 int *unit);

/* Binds the calling thread to one processing unit (-1: does nothing). TW_ERROR_UNSUPPORTED with the system's
 * reason if it refuses. On a synthetic machine nothing is bound. Any number of threads may call it at a
 * time. */
enum tw_status tw_topology_bind_thread(const struct tw_topology *topology, int unit);

/* The calling thread's whole affinity, to be brought back later, in the same thread or another. NULL with
 * TW_ERROR_MEMORY or, where the system does not tell, TW_ERROR_UNSUPPORTED. The caller owns it. */
struct tw_affinity *tw_topology_save_affinity(const struct tw_topology *topology);
void tw_topology_restore_affinity(const struct tw_topology *topology, const struct tw_affinity *affinity);
void tw_affinity_release(struct tw_affinity *affinity);

#endif

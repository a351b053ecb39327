/* Questions to the system about threads. For core/team.c alone. */
#ifndef TOWER_CORE_THREADS_H
#define TOWER_CORE_THREADS_H

#include "core/status.h"

/* Whether `count` more threads can run at the same time: starts them, each doing nothing, and ends them.
 * TW_ERROR_UNSUPPORTED with the system's reason otherwise. The OpenMP runtimes end the program when a thread
 * cannot be started (a limit of a container on its processes, say), so we ask first. */
enum tw_status tw_threads_can_start(int count);

/* Processing units that the calling thread may run on at this moment, at least 1. */
int tw_threads_affinity(void);

#endif

/* The things tower-inspect can show. Each prints on stdout and returns the status of what it asked the
 * libraries.
 */
#ifndef TOWER_INSPECT_INSPECT_H
#define TOWER_INSPECT_INSPECT_H

#include <stdint.h>

#include "core/status.h"

/* The CPU, the ISA chosen and why, the topology, the team's size and why. */
enum tw_status inspect_cpu(void);

/* The module tree and the table of operations and parameters. */
enum tw_status inspect_model(void);

/* The training plan of one level for a batch. */
enum tw_status inspect_plan(int64_t level, int64_t batch_size);

/* A safetensors file: names, dtypes, shapes, least, greatest and mean element. */
enum tw_status inspect_file(const char *path);

#endif

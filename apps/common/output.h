/* Standard output as a result: it has to arrive.
 */
#ifndef TOWER_APPS_COMMON_OUTPUT_H
#define TOWER_APPS_COMMON_OUTPUT_H

#include "core/status.h"

/* From now on a pipe whose reader is gone is an error of the write, not a signal that ends the program before it has
 * saved its work. Call it first. */
void output_open(void);

/* Flushes standard output. TW_ERROR_IO if anything printed on it was lost: a full disk, a closed pipe. */
enum tw_status output_flush(void);

#endif

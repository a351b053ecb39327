/* Standard output as a result: it has to arrive.
 */
#ifndef TOWER_APPS_COMMON_OUTPUT_H
#define TOWER_APPS_COMMON_OUTPUT_H

#include "core/status.h"

/* Flushes standard output. TW_ERROR_IO if anything printed on it was lost: a full disk, a closed pipe. */
enum tw_status output_flush(void);

#endif

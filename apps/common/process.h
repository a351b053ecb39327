/* What the system knows about this process.
 */
#ifndef TOWER_APPS_COMMON_PROCESS_H
#define TOWER_APPS_COMMON_PROCESS_H

#include <stddef.h>

/* Seconds since the system started this process, the loading of its libraries included, to a hundredth or so, never too
 * few; 0 if the system does not tell (/proc/self/stat). */
double process_age(void);

/* The most memory that was resident at a time: all that the process has touched, libraries and stacks included. Of this
 * program alone, where the system tells (/proc/self/status), else also of what the process ran before exec. */
size_t process_peak_memory(void);

#endif

/* Values as people read them.
 */
#ifndef TOWER_APPS_COMMON_TEXT_H
#define TOWER_APPS_COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define APP_TEXT_BYTES 32

/* "421,642". Writes into `text` (APP_TEXT_BYTES) and returns it. */
const char *app_count_text(int64_t count, char *text);

/* "71.3 MiB", "3.0 KiB", "12 bytes". */
const char *app_bytes_text(size_t bytes, char *text);

/* "7 s", "3 min 05 s", "2 h 10 min". */
const char *app_duration_text(double seconds, char *text);

/* Seconds of a clock that only runs forward. */
double app_seconds(void);

#endif

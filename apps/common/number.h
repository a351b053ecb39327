/* Numbers from the command line, taken only when the whole text is one inside its domain.
 */
#ifndef TOWER_APPS_COMMON_NUMBER_H
#define TOWER_APPS_COMMON_NUMBER_H

#include <stdint.h>

#include "core/status.h"

/* A decimal whole number in [low, high]. TW_ERROR_ARGUMENT quotes option, text and domain for anything else:
 * empty, trailing characters, out of range, too long for int64_t. `*value` changes on success only. */
enum tw_status app_parse_integer(const char *option, const char *text, int64_t low, int64_t high,
                                 int64_t *value);

/* The same for every uint64_t: seeds. */
enum tw_status app_parse_seed(const char *option, const char *text, uint64_t *value);

/* A finite real number in [low, high], point as the decimal separator. */
enum tw_status app_parse_real(const char *option, const char *text, double low, double high, double *value);

#endif

/* Whether two names are of one file.
 */
#ifndef TOWER_APPS_COMMON_SAME_FILE_H
#define TOWER_APPS_COMMON_SAME_FILE_H

#include <stdbool.h>

/* Whether writing one of the paths could change what the other names: both lead to the same existing file, by whatever
 * spelling, folder or link, or neither exists and both would be created under one name in the same folder. Names in a
 * folder that does not exist are compared as they are spelled. */
bool app_same_file(const char *one, const char *other);

#endif

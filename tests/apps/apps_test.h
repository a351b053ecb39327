/* What tests of the programs have in common: a folder of digits for every test, and the fields of what they print as JSON. */
#ifndef TOWER_TESTS_APPS_APPS_TEST_H
#define TOWER_TESTS_APPS_APPS_TEST_H

#include <cjson/cJSON.h>

#include "tests/support/program.h"
#include "tests/support/test_support.h"

#define FEW_TRAIN_IMAGES 150
#define FEW_TEST_IMAGES  70

/* Set-up and tear-down of a test, whose state is the folder. */
static inline int make_folder_of_digits(void **state)
{
    *state = tw_test_temporary_folder();
    tw_test_write_digits(*state, FEW_TRAIN_IMAGES, FEW_TEST_IMAGES);
    return 0;
}

static inline int remove_folder(void **state)
{
    tw_test_remove_folder(*state);
    return 0;
}

static inline const cJSON *item(const cJSON *object, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!found)
        fail_msg("no \"%s\" in the JSON", name);
    return found;
}

static inline double number(const cJSON *object, const char *name)
{
    if (!cJSON_IsNumber(item(object, name)))
        fail_msg("no number under \"%s\"", name);
    return item(object, name)->valuedouble;
}

#endif

/* A folder for atomic files, and the one that tests write there.
 */
#ifndef TOWER_TESTS_LAYERS_IO_ATOMIC_FILES_H
#define TOWER_TESTS_LAYERS_IO_ATOMIC_FILES_H

#include <dirent.h>
#include <limits.h>
#include <string.h>

#include "layers/io/atomic_file.h"
#include "tests/support/test_support.h"

static char *folder;
static char path[PATH_MAX];

static inline int set_up(void **state)
{
    (void)state;
    folder = tw_test_temporary_folder();
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    tw_test_remove_folder(folder);
    return 0;
}

static inline void assert_content(const char *expected)
{
    char content[256] = {0};
    FILE *stream = fopen(path, "rb");

    assert_non_null(stream);
    content[fread(content, 1, sizeof content - 1, stream)] = 0;
    fclose(stream);
    assert_string_equal(content, expected);
}

static inline int entries(void)
{
    DIR *listing = opendir(folder);
    int count = 0;

    assert_non_null(listing);
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2; /* . and .. */
}

static inline enum tw_status write_whole(const char *content)
{
    struct tw_atomic_file file;
    enum tw_status status = tw_atomic_open(&file, path);

    if (status == TW_OK)
        status = tw_atomic_write(&file, content, strlen(content));
    if (status == TW_OK)
        status = tw_atomic_commit(&file);
    tw_atomic_abandon(&file);
    return status;
}

/* Makes `path` a name of so many characters in the folder. */
static inline void name_of(size_t length)
{
    size_t start = strlen(folder) + 1;

    path[start - 1] = '/';
    memset(path + start, 'n', length);
    path[start + length] = 0;
}

#endif

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "tests/support/test_support.h"

uint64_t tw_test_seed(void)
{
    static uint64_t seed;
    static bool chosen;
    const char *text = getenv("TOWER_TEST_SEED");

    if (chosen)
        return seed;
    if (text != NULL)
        seed = strtoull(text, NULL, 0);
    else if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
        seed &= UINT32_MAX;
    chosen = true;
    print_message("TOWER_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

struct tw_rng tw_test_rng(uint64_t stream)
{
    struct tw_rng rng;

    tw_rng_seed(&rng, tw_test_seed() + stream);
    return rng;
}

ptrdiff_t tw_test_integer(struct tw_rng *rng, ptrdiff_t low, ptrdiff_t high)
{
    return low + (ptrdiff_t)(tw_rng_u64(rng) % (uint64_t)(high - low + 1));
}

ptrdiff_t tw_test_cases(ptrdiff_t full)
{
    const char *text = getenv("TOWER_TEST_SCALE");
    char *end = NULL;
    const long scale = text == NULL ? 1 : strtol(text, &end, 10);

    if (text != NULL && (end == text || *end != '\0' || scale < 1))
        fail_msg("TOWER_TEST_SCALE is \"%s\", expected a whole number from 1", text);
    return full > scale ? full / scale : 1;
}

void tw_test_fill(struct tw_rng *rng, float *values, ptrdiff_t count, float from, float to)
{
    tw_rng_fill_uniform(rng, values, count, from, to);
}

char *tw_test_temporary_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char *folder = tw_sprintf("%s/tower-test-XXXXXX", parent == NULL ? "/tmp" : parent);

    assert_non_null(folder);
    if (mkdtemp(folder) == NULL)
        fail_msg("mkdtemp %s: %s", folder, strerror(errno));
    return folder;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *position)
{
    (void)status, (void)kind, (void)position;
    return remove(path);
}

void tw_test_remove_folder(char *folder)
{
    if (nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        fail_msg("removing %s: %s", folder, strerror(errno));
    tw_free(folder);
}

void tw_test_write_file(const char *folder, const char *name, const void *content, size_t bytes)
{
    char *path = tw_sprintf("%s/%s", folder, name);
    FILE *file;

    assert_non_null(path);
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            fail_msg("mkdir %s: %s", path, strerror(errno));
        *slash = '/';
    }
    file = fopen(path, "wb");
    if (file == NULL || fwrite(content, 1, bytes, file) != bytes || fclose(file) != 0)
        fail_msg("writing %s: %s", path, strerror(errno));
    tw_free(path);
}

#include "apps/common/digits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"

/* The folder in which tools/fetch-mnist leaves its files; NULL if the environment names none (no error), or
 * without memory. The XDG specification says to ignore relative paths. */
static char *cache_folder(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    if (cache && cache[0] == '/')
        return tw_sprintf("%s/tower/mnist", cache);
    if (home && home[0] != '\0')
        return tw_sprintf("%s/.cache/tower/mnist", home);
    return NULL;
}

/* The first place that has MNIST, with the reason in `*why`; NULL with an error that lists where it is not.
 */
static char *find_mnist(const char **why)
{
    const char *given = getenv("TOWER_DATA");
    char *cache = cache_folder();

    *why = "from $TOWER_DATA";
    if (given && tw_dataset_has_mnist(given)) {
        tw_free(cache);
        return tw_strdup(given);
    }
    *why = "found in the cache";
    if (cache && tw_dataset_has_mnist(cache))
        return cache;
    tw_fail(TW_ERROR_IO, "no MNIST in %s%s%s%s: run tools/fetch-mnist, or give --data a folder that has it",
            given ? "$TOWER_DATA (" : "", given ? given : "", given ? ") or " : "",
            cache ? cache : "the cache folder ($HOME is not set)");
    tw_free(cache);
    return NULL;
}

static enum tw_status read_folder(const char *folder, bool want_train, struct digits *digits)
{
    enum tw_status status = TW_OK;

    if (want_train)
        status = tw_dataset_read_mnist(folder, TW_SUBSET_TRAIN, &digits->train);
    if (!status)
        status = tw_dataset_read_mnist(folder, TW_SUBSET_TEST, &digits->test);
    return status;
}

static enum tw_status open_given(const char *folder, bool want_train, struct digits *digits)
{
    struct stat facts;

    if (stat(folder, &facts) || !S_ISDIR(facts.st_mode))
        return tw_fail(TW_ERROR_IO, "--data: '%s' is neither mnist, synthetic, nor a folder", folder);
    digits->source = tw_sprintf("MNIST files in %s, as asked", folder);
    return digits->source ? read_folder(folder, want_train, digits) : TW_ERROR_MEMORY;
}

static enum tw_status open_synthetic(const char *why, bool want_train, struct digits *digits)
{
    enum tw_status status = TW_OK;

    digits->source = tw_sprintf("synthetic digits, %s", why);
    if (!digits->source)
        return TW_ERROR_MEMORY;
    if (want_train)
        status = tw_dataset_synthetic(DIGITS_SYNTHETIC_TRAIN, TW_SUBSET_TRAIN, DIGITS_SYNTHETIC_SEED,
                                      &digits->train);
    if (!status)
        status =
            tw_dataset_synthetic(DIGITS_SYNTHETIC_TEST, TW_SUBSET_TEST, DIGITS_SYNTHETIC_SEED, &digits->test);
    return status;
}

static enum tw_status open_found(bool fall_back, bool want_train, struct digits *digits)
{
    const char *why;
    enum tw_status status;
    char *folder = find_mnist(&why);

    if (!folder && fall_back && tw_error_status() == TW_ERROR_IO) {
        char *reason = tw_sprintf("because there is %s", tw_error_message());
        status = reason ? open_synthetic(reason, want_train, digits) : TW_ERROR_MEMORY;
        tw_free(reason);
        return status;
    }
    if (!folder)
        return tw_error_status();
    digits->source = tw_sprintf("MNIST in %s, %s", folder, why);
    status = digits->source ? read_folder(folder, want_train, digits) : TW_ERROR_MEMORY;
    tw_free(folder);
    return status;
}

enum tw_status digits_open(const char *request, bool want_train, struct digits *digits)
{
    enum tw_status status;

    *digits = (struct digits){0};
    if (!request || !strcmp(request, "mnist"))
        status = open_found(!request, want_train, digits);
    else if (!strcmp(request, "synthetic"))
        status = open_synthetic("as asked", want_train, digits);
    else
        status = open_given(request, want_train, digits);
    if (status)
        digits_release(digits);
    return status;
}

void digits_release(struct digits *digits)
{
    tw_dataset_release(&digits->train);
    tw_dataset_release(&digits->test);
    tw_free(digits->source);
    digits->source = NULL;
}

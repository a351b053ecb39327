/* MNIST in a folder, under any of the names its files go by. */
#include <sys/stat.h>

#include "core/memory.h"
#include "layers/data/dataset.h"

#define CLASSES 10

/* {train|t10k}-{images|labels}{-|.}{idx3|idx1}-ubyte{|.gz}. */
struct spelling {
    char separator;
    const char *suffix;
};

/* Plain files first: they load faster. */
static const struct spelling spellings[] = {{'-', ""}, {'.', ""}, {'-', ".gz"}, {'.', ".gz"}};

#define SPELLINGS (sizeof spellings / sizeof spellings[0])

static const char *prefix_of(enum tw_subset subset)
{
    return subset == TW_SUBSET_TRAIN ? "train" : "t10k";
}

/* Sets `*path` to the first spelling that is a regular file, owned by the caller, or to NULL if there is
 * none. */
static enum tw_status find_file(const char *folder, enum tw_subset subset, const char *content,
                                const char *format, char **path)
{
    struct stat status;

    for (size_t i = 0; i < SPELLINGS; i++) {
        *path = tw_sprintf("%s/%s-%s%c%s-ubyte%s", folder, prefix_of(subset), content, spellings[i].separator,
                           format, spellings[i].suffix);
        if (!*path) {
            return TW_ERROR_MEMORY;
        }
        if (stat(*path, &status) == 0 && S_ISREG(status.st_mode)) {
            return TW_OK;
        }
        tw_free(*path);
    }
    *path = NULL;
    return TW_OK;
}

/* As find_file; that there is no such file is a failure. */
static enum tw_status need_file(const char *folder, enum tw_subset subset, const char *content,
                                const char *format, char **path)
{
    enum tw_status status = find_file(folder, subset, content, format, path);

    if (status == TW_OK && !*path) {
        status = tw_fail(TW_ERROR_IO, "no %s-%s-%s-ubyte or %s-%s-%s-ubyte.gz in folder '%s'",
                         prefix_of(subset), content, format, prefix_of(subset), content, format, folder);
    }
    return status;
}

static enum tw_status check_counts(const struct tw_dataset *dataset, const char *images_path,
                                   const char *labels_path)
{
    ptrdiff_t images = dataset->images->shape.extent[0], labels = dataset->labels->shape.extent[0];

    if (images == labels) {
        return TW_OK;
    }
    return tw_fail(TW_ERROR_FORMAT, "%s has %td images, %s has %td labels; expected as many", images_path,
                   images, labels_path, labels);
}

enum tw_status tw_dataset_read_mnist(const char *folder, enum tw_subset subset, struct tw_dataset *dataset)
{
    char *images_path = NULL, *labels_path = NULL;
    enum tw_status status;

    *dataset = (struct tw_dataset){.classes = CLASSES};
    status = need_file(folder, subset, "images", "idx3", &images_path);
    if (status == TW_OK) {
        status = need_file(folder, subset, "labels", "idx1", &labels_path);
    }
    if (status == TW_OK) {
        status = tw_idx_read_labels(labels_path, CLASSES, &dataset->labels);
    }
    if (status == TW_OK) {
        status = tw_idx_read_images(images_path, &dataset->images);
    }
    if (status == TW_OK) {
        status = check_counts(dataset, images_path, labels_path);
    }
    if (status != TW_OK) {
        tw_dataset_release(dataset);
    }
    tw_free(images_path);
    tw_free(labels_path);
    return status;
}

static bool has_file(const char *folder, enum tw_subset subset, const char *content, const char *format)
{
    char *path = NULL;

    if (find_file(folder, subset, content, format, &path) != TW_OK || !path) {
        return false;
    }
    tw_free(path);
    return true;
}

bool tw_dataset_has_mnist(const char *folder)
{
    for (int subset = TW_SUBSET_TRAIN; subset <= TW_SUBSET_TEST; subset++) {
        if (!has_file(folder, (enum tw_subset)subset, "images", "idx3") ||
            !has_file(folder, (enum tw_subset)subset, "labels", "idx1")) {
            return false;
        }
    }
    return true;
}

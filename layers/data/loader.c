/* Batches: gathers the samples of a permutation into one contiguous block. */
#include <inttypes.h>
#include <string.h>

#include "core/memory.h"
#include "layers/data/dataset.h"

static size_t image_bytes(const struct tw_dataset *dataset)
{
    const struct tw_shape *shape = &dataset->images->shape;

    return (size_t)(shape->extent[1] * shape->extent[2] * shape->extent[3]);
}

static enum tw_status check_tensors(const struct tw_dataset *dataset)
{
    const struct tw_tensor *images = dataset->images, *labels = dataset->labels;
    char images_text[TW_SHAPE_TEXT_BYTES], labels_text[TW_SHAPE_TEXT_BYTES];

    if (!images || !labels) {
        return tw_fail(TW_ERROR_ARGUMENT, "loader: the data set has no %s", images ? "labels" : "images");
    }
    if (images->dtype != TW_U8 || labels->dtype != TW_I32) {
        return tw_fail(TW_ERROR_ARGUMENT, "loader: images are %s and labels %s, expected uint8 and int32",
                       tw_dtype_name(images->dtype), tw_dtype_name(labels->dtype));
    }
    if (!tw_tensor_is_contiguous(images) || !tw_tensor_is_contiguous(labels)) {
        return tw_fail(TW_ERROR_ARGUMENT, "loader: images and labels must be contiguous");
    }
    if (images->shape.ndim != 4 || labels->shape.ndim != 1 ||
        images->shape.extent[0] != labels->shape.extent[0]) {
        return tw_fail(TW_ERROR_SHAPE, "loader: images are %s and labels %s, expected (n, c, h, w) and (n,)",
                       tw_shape_text(&images->shape, images_text),
                       tw_shape_text(&labels->shape, labels_text));
    }
    return TW_OK;
}

/* The losses index by label: an impossible one must not get that far. */
static enum tw_status check_labels(const struct tw_dataset *dataset, ptrdiff_t count)
{
    const int32_t *labels = dataset->labels->data;

    for (ptrdiff_t i = 0; i < count; i++) {
        if (labels[i] < 0 || labels[i] >= dataset->classes) {
            return tw_fail(TW_ERROR_ARGUMENT,
                           "loader: label %" PRId32 " of sample %td, expected 0 to %" PRId32, labels[i], i,
                           dataset->classes - 1);
        }
    }
    return TW_OK;
}

static enum tw_status check_sizes(const struct tw_dataset *dataset, ptrdiff_t batch_size, ptrdiff_t limit)
{
    ptrdiff_t available = tw_dataset_count(dataset);

    if (batch_size < 1) {
        return tw_fail(TW_ERROR_ARGUMENT, "loader: batch size %td, expected at least 1", batch_size);
    }
    if (limit < 0 || limit > available) {
        return tw_fail(TW_ERROR_ARGUMENT, "loader: limit %td, expected 0 (all) to %td samples", limit,
                       available);
    }
    return TW_OK;
}

static enum tw_status allocate(struct tw_loader *loader)
{
    size_t batch = (size_t)loader->batch_size;

    loader->order = tw_alloc_array((size_t)loader->count, sizeof *loader->order);
    loader->labels = tw_alloc_array(batch, sizeof *loader->labels);
    loader->images = tw_alloc_array(batch, image_bytes(loader->dataset));
    loader->ahead_labels = tw_alloc_array(batch, sizeof *loader->labels);
    loader->ahead_images = tw_alloc_array(batch, image_bytes(loader->dataset));
    return loader->order && loader->images && loader->labels && loader->ahead_images && loader->ahead_labels
               ? TW_OK
               : tw_error_status();
}

enum tw_status tw_loader_init(struct tw_loader *loader, const struct tw_dataset *dataset,
                              ptrdiff_t batch_size, ptrdiff_t limit)
{
    enum tw_status status = check_tensors(dataset);

    *loader = (struct tw_loader){0};
    if (status == TW_OK) {
        status = check_sizes(dataset, batch_size, limit);
    }
    if (status != TW_OK) {
        return status;
    }
    loader->dataset = dataset;
    loader->batch_size = batch_size;
    loader->count = limit ? limit : tw_dataset_count(dataset);
    status = check_labels(dataset, loader->count);
    if (status == TW_OK) {
        status = allocate(loader);
    }
    if (status != TW_OK) {
        tw_loader_release(loader);
        return status;
    }
    for (ptrdiff_t i = 0; i < loader->count; i++) {
        loader->order[i] = i;
    }
    return TW_OK;
}

void tw_loader_release(struct tw_loader *loader)
{
    tw_free(loader->order);
    tw_free(loader->images);
    tw_free(loader->labels);
    tw_free(loader->ahead_images);
    tw_free(loader->ahead_labels);
    *loader = (struct tw_loader){0};
}

void tw_loader_augment(struct tw_loader *loader, const struct tw_augmentation *augmentation, uint64_t seed)
{
    loader->augmentation = *augmentation;
    loader->augmentation_seed = seed;
    loader->ahead = 0;
}

void tw_loader_start(struct tw_loader *loader, struct tw_rng *rng)
{
    loader->position = 0;
    loader->ahead = 0;
    loader->epoch++;
    if (rng) {
        tw_rng_permutation(rng, loader->order, loader->count);
    }
}

/* Image `sample` of the data set to `image`, augmented if that is asked for. */
static void gather_image(const struct tw_loader *loader, int64_t sample, uint8_t *image)
{
    const struct tw_shape *shape = &loader->dataset->images->shape;
    const size_t bytes = image_bytes(loader->dataset);
    const uint8_t *source = (const uint8_t *)loader->dataset->images->data + (size_t)sample * bytes;

    if (loader->augmentation.translate == 0) {
        memcpy(image, source, bytes);
        return;
    }
    tw_translate_image(shape->extent[1], shape->extent[2], shape->extent[3],
                       tw_augmentation_offset(&loader->augmentation, loader->augmentation_seed, loader->epoch,
                                              (uint64_t)sample),
                       source, image);
}

void tw_loader_gather_ahead(struct tw_loader *loader)
{
    const int32_t *labels = loader->dataset->labels->data;
    size_t bytes = image_bytes(loader->dataset);
    ptrdiff_t left = loader->count - loader->position;
    ptrdiff_t size = left < loader->batch_size ? left : loader->batch_size;

    for (ptrdiff_t i = 0; i < size && loader->ahead == 0; i++) {
        int64_t sample = loader->order[loader->position + i];

        gather_image(loader, sample, loader->ahead_images + (size_t)i * bytes);
        loader->ahead_labels[i] = labels[sample];
    }
    loader->ahead = size;
}

ptrdiff_t tw_loader_next(struct tw_loader *loader)
{
    uint8_t *images = loader->images;
    int32_t *labels = loader->labels;
    ptrdiff_t size;

    tw_loader_gather_ahead(loader);
    loader->images = loader->ahead_images;
    loader->labels = loader->ahead_labels;
    loader->ahead_images = images;
    loader->ahead_labels = labels;
    size = loader->ahead;
    loader->ahead = 0;
    loader->position += size;
    return size;
}

ptrdiff_t tw_loader_batches(const struct tw_loader *loader)
{
    return loader->count / loader->batch_size + (loader->count % loader->batch_size != 0);
}

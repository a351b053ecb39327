/* Any bytes as an IDX file: read or refused, never a crash, a leak or a label out of range.
 */
#include "core/memory.h"
#include "layers/data/dataset.h"
#include "tests/fuzz/memory_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = memory_path(data, size);
    size_t live = tw_memory_usage().live_blocks;
    struct tw_tensor *images, *labels;

    check((tw_idx_read_images(path, &images) == TW_OK) == (images != NULL));
    tw_tensor_release(images);
    check((tw_idx_read_labels(path, 10, &labels) == TW_OK) == (labels != NULL));
    for (ptrdiff_t i = 0; labels && i < tw_tensor_count(labels); i++) {
        int32_t label = ((const int32_t *)labels->data)[i];

        check(label >= 0 && label < 10);
    }
    tw_tensor_release(labels);
    check(tw_memory_usage().live_blocks == live);
    return 0;
}

/* What every data set has in common, wherever it came from. */
#include "layers/data/dataset.h"

void tw_dataset_release(struct tw_dataset *dataset)
{
    tw_tensor_release(dataset->images);
    tw_tensor_release(dataset->labels);
    *dataset = (struct tw_dataset){0};
}

enum tw_status tw_dataset_slice(const struct tw_dataset *dataset, ptrdiff_t begin, ptrdiff_t end,
                                struct tw_dataset *part)
{
    const ptrdiff_t count = tw_dataset_count(dataset);

    *part = (struct tw_dataset){.classes = dataset->classes};
    if (begin < 0 || begin >= end || end > count) {
        *part = (struct tw_dataset){0};
        return tw_fail(TW_ERROR_ARGUMENT, "data set: samples [%td, %td) of %td, expected some inside", begin,
                       end, count);
    }
    part->images = tw_tensor_slice(dataset->images, 0, begin, end, 1);
    part->labels = tw_tensor_slice(dataset->labels, 0, begin, end, 1);
    if (!part->images || !part->labels) {
        tw_dataset_release(part);
        return tw_error_status();
    }
    return TW_OK;
}

ptrdiff_t tw_dataset_count(const struct tw_dataset *dataset)
{
    return dataset->labels ? tw_tensor_count(dataset->labels) : 0;
}

/* What every data set has in common, wherever it came from. */
#include "layers/data/dataset.h"

void tw_dataset_release(struct tw_dataset *dataset)
{
    tw_tensor_release(dataset->images);
    tw_tensor_release(dataset->labels);
    *dataset = (struct tw_dataset){0};
}

ptrdiff_t tw_dataset_count(const struct tw_dataset *dataset)
{
    return dataset->labels ? tw_tensor_count(dataset->labels) : 0;
}

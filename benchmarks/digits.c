#include "benchmarks/digits.h"

#include <stdio.h>
#include <stdlib.h>

#include "layers/data/dataset.h"

void tw_bench_digits(ptrdiff_t count, uint8_t *pixels)
{
    const char *folder = getenv("TOWER_DATA");
    struct tw_dataset digits = {0};
    const enum tw_status status = folder && tw_dataset_has_mnist(folder)
                                      ? tw_dataset_read_mnist(folder, TW_SUBSET_TEST, &digits)
                                      : tw_dataset_synthetic(256, TW_SUBSET_TEST, 1, &digits);

    if (status != TW_OK) {
        fprintf(stderr, "tower-bench: %s\n", tw_error_message());
        exit(1);
    }
    for (ptrdiff_t i = 0; i < count; i++)
        pixels[i] = ((const uint8_t *)digits.images->data)[i % tw_tensor_count(digits.images)];
    tw_dataset_release(&digits);
}

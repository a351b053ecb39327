#include <math.h>
#include <stdio.h>

#include "apps/common/text.h"
#include "apps/tower-inspect/inspect.h"
#include "layers/io/safetensors.h"

struct range {
    double least, greatest, mean;
    ptrdiff_t not_finite;
};

/* Over the finite elements; all NAN if there are none. */
static struct range range_of(const double *values, ptrdiff_t count)
{
    struct range range = {.least = NAN, .greatest = NAN};
    double sum = 0;

    for (ptrdiff_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            range.not_finite++;
            continue;
        }
        range.least = fmin(range.least, values[i]);
        range.greatest = fmax(range.greatest, values[i]);
        sum += values[i];
    }
    range.mean = sum / (double)(count - range.not_finite);
    return range;
}

static enum tw_status print_tensor(const char *name, const struct tw_tensor *tensor)
{
    char shape[TW_SHAPE_TEXT_BYTES], count[APP_TEXT_BYTES];
    struct tw_tensor *wide = tw_tensor_new(TW_F64, tensor->shape);
    struct range range;
    enum tw_status status;

    if (!wide)
        return tw_error_status();
    status = tw_tensor_copy(wide, tensor);
    if (!status) {
        range = range_of(wide->data, tw_tensor_count(wide));
        printf("%-24s %-8s %-20s %10s %12.5g %12.5g %12.5g", name, tw_dtype_name(tensor->dtype),
               tw_shape_text(&tensor->shape, shape), app_count_text(tw_tensor_count(tensor), count),
               range.least, range.greatest, range.mean);
        if (range.not_finite > 0)
            printf("  %td not finite", range.not_finite);
        printf("\n");
    }
    tw_tensor_release(wide);
    return status;
}

enum tw_status inspect_file(const char *path)
{
    tw_state_dict dict = {0};
    enum tw_status status = tw_safetensors_load(path, &dict);
    ptrdiff_t elements = 0;
    char count[APP_TEXT_BYTES];

    if (!status)
        printf("%-24s %-8s %-20s %10s %12s %12s %12s\n", "name", "dtype", "shape", "elements", "least",
               "greatest", "mean");
    for (size_t i = 0; !status && i < dict.count; i++) {
        status = print_tensor(dict.items[i].name, dict.items[i].tensor);
        elements += tw_tensor_count(dict.items[i].tensor);
    }
    if (!status)
        printf("%zu tensors, %s elements\n", dict.count, app_count_text(elements, count));
    tw_state_dict_release(&dict);
    return status;
}

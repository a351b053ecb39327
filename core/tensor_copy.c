#include <math.h>
#include <string.h>

#include "core/tensor.h"

/* One element on its way between two dtypes: exact for every dtype. */
struct number {
    bool integral;
    int64_t integer;
    double real;
};

static struct number load(enum tw_dtype dtype, const void *from)
{
    switch (dtype) {
    case TW_F32:
        return (struct number){.real = (double)*(const float *)from};
    case TW_F64:
        return (struct number){.real = *(const double *)from};
    case TW_U8:
        return (struct number){.integral = true, .integer = *(const uint8_t *)from};
    case TW_U16:
        return (struct number){.integral = true, .integer = *(const uint16_t *)from};
    case TW_I32:
        return (struct number){.integral = true, .integer = *(const int32_t *)from};
    case TW_I64:
        return (struct number){.integral = true, .integer = *(const int64_t *)from};
    }
    return (struct number){0};
}

/* Towards zero as C does; what C leaves undefined ends at the nearest limit, a NaN at 0. The limits are
 * integers of at most 64 bits; the upper one of int64_t is not a double, so the comparison is with 2^63. */
static int64_t real_to_integer(double real, int64_t lowest, int64_t highest)
{
    if (isnan(real)) {
        return 0;
    }
    if (real <= (double)lowest) {
        return lowest;
    }
    if (real >= (double)highest) {
        return highest;
    }
    return (int64_t)real;
}

static void store(enum tw_dtype dtype, void *to, struct number value)
{
    switch (dtype) {
    case TW_F32:
        *(float *)to = value.integral ? (float)value.integer : (float)value.real;
        break;
    case TW_F64:
        *(double *)to = value.integral ? (double)value.integer : value.real;
        break;
    case TW_U8:
        *(uint8_t *)to =
            (uint8_t)(value.integral ? value.integer : real_to_integer(value.real, 0, UINT8_MAX));
        break;
    case TW_U16:
        *(uint16_t *)to =
            (uint16_t)(value.integral ? value.integer : real_to_integer(value.real, 0, UINT16_MAX));
        break;
    case TW_I32:
        *(int32_t *)to =
            (int32_t)(value.integral ? value.integer : real_to_integer(value.real, INT32_MIN, INT32_MAX));
        break;
    case TW_I64:
        *(int64_t *)to = value.integral ? value.integer : real_to_integer(value.real, INT64_MIN, INT64_MAX);
        break;
    }
}

/* Byte offset of element `index`. */
static ptrdiff_t offset_of(const struct tw_tensor *tensor, const ptrdiff_t *index)
{
    ptrdiff_t elements = 0;

    for (int dim = 0; dim < tensor->shape.ndim; dim++) {
        elements += index[dim] * tensor->stride[dim];
    }
    return elements * (ptrdiff_t)tw_dtype_size(tensor->dtype);
}

/* Moves `index` to the next row, that is, to the next index of all dimensions but the last; false after the
 * last row. */
static bool next_row(const struct tw_shape *shape, ptrdiff_t *index)
{
    for (int dim = shape->ndim - 2; dim >= 0; dim--) {
        if (++index[dim] < shape->extent[dim]) {
            return true;
        }
        index[dim] = 0;
    }
    return false;
}

/* Extent of the last dimension and bytes between two of its elements; a scalar is a row of one. */
static ptrdiff_t row_length(const struct tw_tensor *tensor)
{
    return tensor->shape.ndim == 0 ? 1 : tensor->shape.extent[tensor->shape.ndim - 1];
}

static ptrdiff_t row_step(const struct tw_tensor *tensor)
{
    ptrdiff_t stride = tensor->shape.ndim == 0 ? 1 : tensor->stride[tensor->shape.ndim - 1];

    return stride * (ptrdiff_t)tw_dtype_size(tensor->dtype);
}

static void copy_row(struct tw_tensor *target, const struct tw_tensor *source, const ptrdiff_t *index)
{
    char *to = (char *)target->data + offset_of(target, index);
    const char *from = (const char *)source->data + offset_of(source, index);
    ptrdiff_t length = row_length(source), to_step = row_step(target), from_step = row_step(source);

    for (ptrdiff_t i = 0; i < length; i++) {
        store(target->dtype, to + i * to_step, load(source->dtype, from + i * from_step));
    }
}

enum tw_status tw_tensor_copy(struct tw_tensor *target, const struct tw_tensor *source)
{
    char to[TW_SHAPE_TEXT_BYTES], from[TW_SHAPE_TEXT_BYTES];
    ptrdiff_t index[TW_MAX_DIMS] = {0};

    if (!tw_shape_equal(&target->shape, &source->shape)) {
        return tw_fail(TW_ERROR_SHAPE, "copy: source has shape %s, target %s",
                       tw_shape_text(&source->shape, from), tw_shape_text(&target->shape, to));
    }
    if (tw_tensor_count(source) == 0) {
        return TW_OK;
    }
    tw_tensor_changed(target);
    if (target->dtype == source->dtype && tw_tensor_is_contiguous(target) &&
        tw_tensor_is_contiguous(source)) {
        memmove(target->data, source->data, tw_tensor_bytes(source));
        return TW_OK;
    }
    do {
        copy_row(target, source, index);
    } while (next_row(&source->shape, index));
    return TW_OK;
}

struct tw_tensor *tw_tensor_clone(const struct tw_tensor *source)
{
    struct tw_tensor *clone = tw_tensor_new(source->dtype, source->shape);

    if (clone != NULL) {
        tw_tensor_copy(clone, source);
    }
    return clone;
}

void tw_tensor_fill(struct tw_tensor *tensor, double value)
{
    ptrdiff_t index[TW_MAX_DIMS] = {0};
    ptrdiff_t length = row_length(tensor), step = row_step(tensor);

    if (tw_tensor_count(tensor) == 0) {
        return;
    }
    tw_tensor_changed(tensor);
    do {
        char *row = (char *)tensor->data + offset_of(tensor, index);

        for (ptrdiff_t i = 0; i < length; i++) {
            store(tensor->dtype, row + i * step, (struct number){.real = value});
        }
    } while (next_row(&tensor->shape, index));
}

static enum tw_status check_index(const struct tw_tensor *tensor, const ptrdiff_t *index)
{
    char text[TW_SHAPE_TEXT_BYTES];

    for (int dim = 0; dim < tensor->shape.ndim; dim++) {
        if (index[dim] < 0 || index[dim] >= tensor->shape.extent[dim]) {
            return tw_fail(TW_ERROR_ARGUMENT, "tensor: index %td in dimension %d of shape %s", index[dim],
                           dim, tw_shape_text(&tensor->shape, text));
        }
    }
    return TW_OK;
}

enum tw_status tw_tensor_get(const struct tw_tensor *tensor, const ptrdiff_t *index, double *value)
{
    struct number number;

    if (check_index(tensor, index) != TW_OK) {
        return TW_ERROR_ARGUMENT;
    }
    number = load(tensor->dtype, (const char *)tensor->data + offset_of(tensor, index));
    *value = number.integral ? (double)number.integer : number.real;
    return TW_OK;
}

enum tw_status tw_tensor_set(struct tw_tensor *tensor, const ptrdiff_t *index, double value)
{
    if (check_index(tensor, index) != TW_OK) {
        return TW_ERROR_ARGUMENT;
    }
    tw_tensor_changed(tensor);
    store(tensor->dtype, (char *)tensor->data + offset_of(tensor, index), (struct number){.real = value});
    return TW_OK;
}

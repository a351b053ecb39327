#include "core/tensor.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

struct tw_storage {
    atomic_size_t references; /* tensors that view it */
    atomic_uint_least64_t version;
    void *owned; /* the bytes, unless a caller owns them */
};

static atomic_uint_least64_t latest_version;

size_t tw_dtype_size(enum tw_dtype dtype)
{
    switch (dtype) {
    case TW_F32:
        return sizeof(float);
    case TW_F64:
        return sizeof(double);
    case TW_U8:
        return sizeof(uint8_t);
    case TW_U16:
        return sizeof(uint16_t);
    case TW_I32:
        return sizeof(int32_t);
    case TW_I64:
        return sizeof(int64_t);
    }
    return 0;
}

const char *tw_dtype_name(enum tw_dtype dtype)
{
    switch (dtype) {
    case TW_F32:
        return "float32";
    case TW_F64:
        return "float64";
    case TW_U8:
        return "uint8";
    case TW_U16:
        return "uint16";
    case TW_I32:
        return "int32";
    case TW_I64:
        return "int64";
    }
    return "?";
}

static void drop_storage(struct tw_storage *storage)
{
    if (atomic_fetch_sub(&storage->references, 1) > 1) {
        return;
    }
    tw_free(storage->owned);
    tw_free(storage);
}

/* The geometry of a contiguous tensor, without data. The strides of an empty tensor take its zero extents for
 * ones, which tw_shape_count has checked to fit. */
static struct tw_tensor *new_geometry(enum tw_dtype dtype, const struct tw_shape *shape)
{
    ptrdiff_t count = tw_shape_count(shape), stride = 1;
    size_t size = tw_dtype_size(dtype);
    struct tw_tensor *tensor;
    char text[TW_SHAPE_TEXT_BYTES];

    if (size == 0) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "tensor: unknown dtype %d", (int)dtype);
    }
    if (count < 0 || count > PTRDIFF_MAX / (ptrdiff_t)size) {
        return tw_fail_null(
            TW_ERROR_SHAPE,
            "tensor: shape %s of %s; expected 0 to %d extents, none negative, at most %td bytes",
            tw_shape_text(shape, text), tw_dtype_name(dtype), TW_MAX_DIMS, PTRDIFF_MAX);
    }
    tensor = tw_alloc(sizeof *tensor);
    if (tensor == NULL) {
        return NULL;
    }
    tensor->dtype = dtype;
    tensor->shape.ndim = shape->ndim;
    for (int dim = shape->ndim - 1; dim >= 0; dim--) {
        tensor->shape.extent[dim] = shape->extent[dim];
        tensor->stride[dim] = stride;
        stride *= shape->extent[dim] > 0 ? shape->extent[dim] : 1;
    }
    return tensor;
}

static struct tw_tensor *new_tensor(enum tw_dtype dtype, const struct tw_shape *shape, void *foreign)
{
    struct tw_tensor *tensor = new_geometry(dtype, shape);

    if (tensor == NULL) {
        return NULL;
    }
    tensor->storage = tw_alloc(sizeof *tensor->storage);
    if (tensor->storage == NULL) {
        goto fail;
    }
    atomic_init(&tensor->storage->references, 1);
    tw_tensor_changed(tensor);
    if (foreign == NULL) {
        tensor->storage->owned = tw_alloc(tw_tensor_bytes(tensor));
        if (tensor->storage->owned == NULL) {
            goto fail;
        }
    }
    tensor->data = foreign == NULL ? tensor->storage->owned : foreign;
    return tensor;
fail:
    tw_free(tensor->storage);
    tw_free(tensor);
    return NULL;
}

struct tw_tensor *tw_tensor_new(enum tw_dtype dtype, struct tw_shape shape)
{
    return new_tensor(dtype, &shape, NULL);
}

struct tw_tensor *tw_tensor_from(enum tw_dtype dtype, struct tw_shape shape, const void *data)
{
    struct tw_tensor *tensor = new_tensor(dtype, &shape, NULL);

    if (tensor != NULL && tw_tensor_count(tensor) > 0) {
        memcpy(tensor->data, data, tw_tensor_bytes(tensor));
    }
    return tensor;
}

struct tw_tensor *tw_tensor_wrap(enum tw_dtype dtype, struct tw_shape shape, void *data)
{
    if (data == NULL) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "tensor: NULL cannot be wrapped");
    }
    return new_tensor(dtype, &shape, data);
}

struct tw_tensor *tw_tensor_alias(const struct tw_tensor *source)
{
    struct tw_tensor *tensor = tw_alloc(sizeof *tensor);

    if (tensor == NULL) {
        return NULL;
    }
    *tensor = *source;
    atomic_fetch_add(&source->storage->references, 1);
    return tensor;
}

void tw_tensor_release(struct tw_tensor *tensor)
{
    if (tensor == NULL) {
        return;
    }
    drop_storage(tensor->storage);
    tw_free(tensor);
}

uint64_t tw_tensor_version(const struct tw_tensor *tensor)
{
    return atomic_load(&tensor->storage->version);
}

void tw_tensor_changed(const struct tw_tensor *tensor)
{
    atomic_store(&tensor->storage->version, atomic_fetch_add(&latest_version, 1) + 1);
}

bool tw_tensor_shares_storage(const struct tw_tensor *a, const struct tw_tensor *b)
{
    return a->storage == b->storage;
}

bool tw_tensor_is_contiguous(const struct tw_tensor *tensor)
{
    ptrdiff_t expected = 1;

    if (tw_tensor_count(tensor) == 0) {
        return true;
    }
    for (int dim = tensor->shape.ndim - 1; dim >= 0; dim--) {
        if (tensor->shape.extent[dim] == 1) {
            continue;
        }
        if (tensor->stride[dim] != expected) {
            return false;
        }
        expected *= tensor->shape.extent[dim];
    }
    return true;
}

ptrdiff_t tw_tensor_count(const struct tw_tensor *tensor)
{
    return tw_shape_count(&tensor->shape);
}

size_t tw_tensor_bytes(const struct tw_tensor *tensor)
{
    return (size_t)tw_tensor_count(tensor) * tw_dtype_size(tensor->dtype);
}

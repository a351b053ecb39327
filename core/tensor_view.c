#include "core/tensor.h"

/* Turns `*dim`, which may count from the end, into an index of the shape. */
static enum tw_status resolve_dim(const char *operation, const struct tw_tensor *tensor, int *dim)
{
    int ndim = tensor->shape.ndim;
    char text[TW_SHAPE_TEXT_BYTES];

    if (*dim < -ndim || *dim >= ndim) {
        return tw_fail(TW_ERROR_ARGUMENT, "%s: dimension %d of shape %s, expected %d to %d", operation, *dim,
                       tw_shape_text(&tensor->shape, text), -ndim, ndim - 1);
    }
    *dim += *dim < 0 ? ndim : 0;
    return TW_OK;
}

/* Moves `view` on by `elements` elements. */
static void advance(struct tw_tensor *view, ptrdiff_t elements)
{
    view->data = (char *)view->data + elements * (ptrdiff_t)tw_dtype_size(view->dtype);
}

struct tw_tensor *tw_tensor_reshape(const struct tw_tensor *source, struct tw_shape shape)
{
    char from[TW_SHAPE_TEXT_BYTES], to[TW_SHAPE_TEXT_BYTES];
    struct tw_tensor *view;
    ptrdiff_t stride = 1;

    if (!tw_tensor_is_contiguous(source)) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "reshape: %s to %s needs a contiguous tensor",
                            tw_shape_text(&source->shape, from), tw_shape_text(&shape, to));
    }
    tw_shape_text(&shape, to);
    if (tw_shape_resolve(&shape, tw_tensor_count(source)) != TW_OK) {
        return tw_fail_null(TW_ERROR_SHAPE, "reshape: %s to %s: element counts differ",
                            tw_shape_text(&source->shape, from), to);
    }
    view = tw_tensor_alias(source);
    if (view == NULL) {
        return NULL;
    }
    view->shape = (struct tw_shape){.ndim = shape.ndim};
    for (int dim = 0; dim < TW_MAX_DIMS; dim++) {
        view->stride[dim] = 0;
    }
    for (int dim = shape.ndim - 1; dim >= 0; dim--) {
        view->shape.extent[dim] = shape.extent[dim];
        view->stride[dim] = stride;
        stride *= shape.extent[dim] > 0 ? shape.extent[dim] : 1;
    }
    return view;
}

struct tw_tensor *tw_tensor_transpose(const struct tw_tensor *source, int dim0, int dim1)
{
    struct tw_tensor *view;

    if (resolve_dim("transpose", source, &dim0) != TW_OK ||
        resolve_dim("transpose", source, &dim1) != TW_OK) {
        return NULL;
    }
    view = tw_tensor_alias(source);
    if (view == NULL) {
        return NULL;
    }
    view->shape.extent[dim0] = source->shape.extent[dim1];
    view->shape.extent[dim1] = source->shape.extent[dim0];
    view->stride[dim0] = source->stride[dim1];
    view->stride[dim1] = source->stride[dim0];
    return view;
}

struct tw_tensor *tw_tensor_slice(const struct tw_tensor *source, int dim, ptrdiff_t start, ptrdiff_t stop,
                                  ptrdiff_t step)
{
    char text[TW_SHAPE_TEXT_BYTES];
    struct tw_tensor *view;
    ptrdiff_t extent;

    if (resolve_dim("slice", source, &dim) != TW_OK) {
        return NULL;
    }
    extent = source->shape.extent[dim];
    if (start < 0 || start > stop || stop > extent || step <= 0) {
        return tw_fail_null(
            TW_ERROR_ARGUMENT,
            "slice: [%td, %td) by %td in dimension %d of shape %s, expected 0 <= start <= stop <= "
            "%td and a positive step",
            start, stop, step, dim, tw_shape_text(&source->shape, text), extent);
    }
    view = tw_tensor_alias(source);
    if (view == NULL) {
        return NULL;
    }
    extent = start == stop ? 0 : (stop - start - 1) / step + 1;
    view->shape.extent[dim] = extent;
    if (tw_tensor_count(view) == 0) { /* a start at the end would point outside; strides may be any number */
        return view;
    }
    advance(view, start * source->stride[dim]);
    if (extent > 1) { /* otherwise the step may be too large to be multiplied, and is not needed */
        view->stride[dim] *= step;
    }
    return view;
}

struct tw_tensor *tw_tensor_select(const struct tw_tensor *source, int dim, ptrdiff_t index)
{
    char text[TW_SHAPE_TEXT_BYTES];
    struct tw_tensor *view;

    if (resolve_dim("select", source, &dim) != TW_OK) {
        return NULL;
    }
    if (index < 0 || index >= source->shape.extent[dim]) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "select: index %td in dimension %d of shape %s", index, dim,
                            tw_shape_text(&source->shape, text));
    }
    view = tw_tensor_alias(source);
    if (view == NULL) {
        return NULL;
    }
    if (tw_tensor_count(source) > 0) {
        advance(view, index * source->stride[dim]);
    }
    view->shape.ndim--;
    for (int i = dim; i < view->shape.ndim; i++) {
        view->shape.extent[i] = source->shape.extent[i + 1];
        view->stride[i] = source->stride[i + 1];
    }
    view->shape.extent[view->shape.ndim] = 0;
    view->stride[view->shape.ndim] = 0;
    return view;
}

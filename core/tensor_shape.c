#include <stdio.h>

#include "core/tensor.h"

ptrdiff_t tw_shape_count(const struct tw_shape *shape)
{
    ptrdiff_t count = 1;
    bool empty = false;

    if (shape->ndim < 0 || shape->ndim > TW_MAX_DIMS) {
        return -1;
    }
    for (int dim = 0; dim < shape->ndim; dim++) {
        ptrdiff_t extent = shape->extent[dim];

        if (extent < 0) {
            return -1;
        }
        if (extent == 0) {
            empty = true;
        } else if (__builtin_mul_overflow(count, extent, &count)) {
            return -1;
        }
    }
    return empty ? 0 : count;
}

bool tw_shape_equal(const struct tw_shape *a, const struct tw_shape *b)
{
    if (a->ndim != b->ndim) {
        return false;
    }
    for (int dim = 0; dim < a->ndim; dim++) {
        if (a->extent[dim] != b->extent[dim]) {
            return false;
        }
    }
    return true;
}

const char *tw_shape_text(const struct tw_shape *shape, char *text)
{
    size_t length = 0;

    if (shape->ndim < 0 || shape->ndim > TW_MAX_DIMS) {
        snprintf(text, TW_SHAPE_TEXT_BYTES, "(%d dimensions)", shape->ndim);
        return text;
    }
    text[length++] = '(';
    for (int dim = 0; dim < shape->ndim; dim++) {
        length += (size_t)snprintf(text + length, TW_SHAPE_TEXT_BYTES - length, dim == 0 ? "%td" : ", %td",
                                   shape->extent[dim]);
    }
    snprintf(text + length, TW_SHAPE_TEXT_BYTES - length, shape->ndim == 1 ? ",)" : ")");
    return text;
}

/* The dimension given as -1, or -1 if there is none; TW_ERROR_SHAPE if there are two. */
static enum tw_status find_free_extent(const struct tw_shape *shape, int *free_dim)
{
    char text[TW_SHAPE_TEXT_BYTES];

    *free_dim = -1;
    if (shape->ndim < 0 || shape->ndim > TW_MAX_DIMS) {
        return tw_fail(TW_ERROR_SHAPE, "shape: %d dimensions, expected 0 to %d", shape->ndim, TW_MAX_DIMS);
    }
    for (int dim = 0; dim < shape->ndim; dim++) {
        if (shape->extent[dim] != -1) {
            continue;
        }
        if (*free_dim >= 0) {
            return tw_fail(TW_ERROR_SHAPE, "shape: %s leaves more than one extent open",
                           tw_shape_text(shape, text));
        }
        *free_dim = dim;
    }
    return TW_OK;
}

enum tw_status tw_shape_resolve(struct tw_shape *shape, ptrdiff_t count)
{
    struct tw_shape resolved = *shape;
    char text[TW_SHAPE_TEXT_BYTES];
    ptrdiff_t known;
    int free_dim;

    if (find_free_extent(shape, &free_dim) != TW_OK) {
        return TW_ERROR_SHAPE;
    }
    if (free_dim >= 0) {
        resolved.extent[free_dim] = 1;
    }
    known = tw_shape_count(&resolved);
    if (free_dim >= 0 && known > 0 && count >= 0 && count % known == 0) {
        resolved.extent[free_dim] = count / known;
    } else if (free_dim >= 0 || known < 0 || known != count) {
        return tw_fail(TW_ERROR_SHAPE, "shape: %s cannot hold %td elements", tw_shape_text(shape, text),
                       count);
    }
    *shape = resolved;
    return TW_OK;
}

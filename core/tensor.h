/* Tensors: a typed, shaped, strided view of a shared storage.
 *
 * A tensor is data and geometry and nothing else. It has no gradient, no name and no place in a module: that
 * is what a parameter (layers/module/parameter.h) adds. Several tensors may view one storage; the storage
 * lives until its last tensor is released.
 *
 *   shape  (2, 3, 4)   strides (12, 4, 1)      element (i, j, k) at data + i*12 + j*4 + k*1
 *
 * Strides count elements, not bytes, and may be 0 only where the extent is 1 or the tensor is expanded.
 */
#ifndef TOWER_CORE_TENSOR_H
#define TOWER_CORE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

#define TW_MAX_DIMS 8

enum tw_dtype {
    TW_F32, /* float: parameters, activations, gradients */
    TW_F64, /* double: checks */
    TW_U8,  /* uint8_t: pixels */
    TW_U16, /* uint16_t: positions inside a pooling window */
    TW_I32, /* int32_t: class labels */
    TW_I64, /* int64_t: permutations */
};

/* Bytes of one element; 0 for a value outside the enum. */
size_t tw_dtype_size(enum tw_dtype dtype);

/* "float32", "float64", "uint8", "uint16", "int32", "int64"; "?" for a value outside the enum. */
const char *tw_dtype_name(enum tw_dtype dtype);

struct tw_shape {
    int ndim;                      /* 0 (a scalar) to TW_MAX_DIMS */
    ptrdiff_t extent[TW_MAX_DIMS]; /* entries from ndim on are 0 */
};

/* TW_SHAPE(64, 1, 28, 28): a shape of up to TW_MAX_DIMS extents; TW_SHAPE() is not allowed, see
 * tw_scalar_shape. */
#define TW_SHAPE(...)                                                                         \
    ((struct tw_shape){.ndim = (int)(sizeof((ptrdiff_t[]){__VA_ARGS__}) / sizeof(ptrdiff_t)), \
                       .extent = {__VA_ARGS__}})

/* The shape of a single number: no dimension, one element. */
static inline struct tw_shape tw_scalar_shape(void)
{
    return (struct tw_shape){0};
}

/* Number of elements: the product of the extents, 1 for a scalar. -1 if an extent is negative, ndim is out of
 * range, or the product, a zero extent taken for one, overflows ptrdiff_t. */
ptrdiff_t tw_shape_count(const struct tw_shape *shape);

bool tw_shape_equal(const struct tw_shape *a, const struct tw_shape *b);

/* Enough for any shape as text. */
#define TW_SHAPE_TEXT_BYTES 192

/* Writes "(64, 1, 28, 28)" into `text` (TW_SHAPE_TEXT_BYTES bytes) and returns `text`. A scalar is "()", a
 * vector "(10,)". */
const char *tw_shape_text(const struct tw_shape *shape, char *text);

struct tw_storage; /* reference-counted bytes, private to tensor.c */

struct tw_tensor {
    enum tw_dtype dtype;
    struct tw_shape shape;
    ptrdiff_t stride[TW_MAX_DIMS]; /* elements */
    void *data;                    /* first element; points into the storage */
    struct tw_storage *storage;
};

/* A new contiguous tensor of zeros. NULL with TW_ERROR_SHAPE or TW_ERROR_MEMORY. The caller owns it and gives
 * it back with tw_tensor_release. */
struct tw_tensor *tw_tensor_new(enum tw_dtype dtype, struct tw_shape shape);

/* A new contiguous tensor holding a copy of `data` (shape's count elements of dtype). */
struct tw_tensor *tw_tensor_from(enum tw_dtype dtype, struct tw_shape shape, const void *data);

/* A tensor over memory that the caller owns and keeps valid until the last view is released. */
struct tw_tensor *tw_tensor_wrap(enum tw_dtype dtype, struct tw_shape shape, void *data);

/* Gives up one tensor; its storage goes with its last view. NULL does nothing. Thread-safe between
 * tensors. */
void tw_tensor_release(struct tw_tensor *tensor);

/* Views: new tensors that share the storage of `source`; each is released on its own. NULL with
 * TW_ERROR_SHAPE (message with both shapes), TW_ERROR_ARGUMENT or TW_ERROR_MEMORY. Negative dimensions count
 * from the end; indices do not.
 *   alias      the same view once more, for an owner of its own
 *   reshape    same elements in row-major order, one extent may be -1; needs a contiguous source
 *   transpose  swaps two dimensions
 *   slice      keeps [start, stop) by `step` > 0 of one dimension; 0 <= start <= stop <= extent
 *   select     takes one index of one dimension, which disappears */
struct tw_tensor *tw_tensor_alias(const struct tw_tensor *source);
struct tw_tensor *tw_tensor_reshape(const struct tw_tensor *source, struct tw_shape shape);
struct tw_tensor *tw_tensor_transpose(const struct tw_tensor *source, int dim0, int dim1);
struct tw_tensor *tw_tensor_slice(const struct tw_tensor *source, int dim, ptrdiff_t start, ptrdiff_t stop,
                                  ptrdiff_t step);
struct tw_tensor *tw_tensor_select(const struct tw_tensor *source, int dim, ptrdiff_t index);

/* Replaces a single -1 in `shape` by what makes it hold `count` elements. TW_ERROR_SHAPE if there are two, or
 * if it does not divide, or without a -1 the counts differ. */
enum tw_status tw_shape_resolve(struct tw_shape *shape, ptrdiff_t count);

/* Whether elements lie in row-major order without gaps. */
bool tw_tensor_is_contiguous(const struct tw_tensor *tensor);

/* A new contiguous tensor with the same elements and a storage of its own. */
struct tw_tensor *tw_tensor_clone(const struct tw_tensor *source);

/* Copies every element of `source` into `target` through both stride sets, converting between dtypes with C's
 * rules; a floating value that its integer target cannot hold becomes the nearest one that it can, NaN 0.
 * Same shapes required (TW_ERROR_SHAPE). The two must not overlap partially. */
enum tw_status tw_tensor_copy(struct tw_tensor *target, const struct tw_tensor *source);

/* Sets every element to `value`, converted to the dtype as tw_tensor_copy does. */
void tw_tensor_fill(struct tw_tensor *tensor, double value);

/* One element as a double / set from a double. `index` has ndim entries, each inside its extent
 * (TW_ERROR_ARGUMENT otherwise). For tests and inspection, not for inner loops. */
enum tw_status tw_tensor_get(const struct tw_tensor *tensor, const ptrdiff_t *index, double *value);
enum tw_status tw_tensor_set(struct tw_tensor *tensor, const ptrdiff_t *index, double value);

/* When the bytes behind a tensor were last written: a number that grows whenever a function of the libraries writes
 * the storage through any of its views, and differs between any two writes in the process. Who writes through
 * `data` says so with tw_tensor_changed: plans keep what they derive from parameters for as long as these numbers
 * stand still (layers/plan/plan.h). Thread-safe. */
uint64_t tw_tensor_version(const struct tw_tensor *tensor);
void tw_tensor_changed(const struct tw_tensor *tensor);

/* Whether two tensors view the same storage. */
bool tw_tensor_shares_storage(const struct tw_tensor *a, const struct tw_tensor *b);

/* Elements in all, and bytes they take when contiguous. */
ptrdiff_t tw_tensor_count(const struct tw_tensor *tensor);
size_t tw_tensor_bytes(const struct tw_tensor *tensor);

#endif

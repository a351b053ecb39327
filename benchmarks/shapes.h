/* Shapes to benchmark, read from text files: one a line, `#` begins a comment.
 *
 *   gemm    fc1-forward  m=64 n=128 k=3136 b_transposed=1
 *   conv2d  conv2        samples=64 in=32 height=14 width=14 out=64 kernel=3 padding=1
 *
 * First the family that takes the shape, then its name, then the sizes. What a family's sizes mean and which may
 * be left out stands in front of its lines in shapes/.
 */
#ifndef TOWER_BENCHMARKS_SHAPES_H
#define TOWER_BENCHMARKS_SHAPES_H

#include <stddef.h>

#define TW_SHAPE_NAME  32
#define TW_SHAPE_SIZES 16

struct tw_shape {
    char family[TW_SHAPE_NAME], name[TW_SHAPE_NAME];
    struct {
        char key[TW_SHAPE_NAME];
        ptrdiff_t value;
    } sizes[TW_SHAPE_SIZES];
    int count;
};

/* The size called `key`, or `otherwise` if the line has none. */
ptrdiff_t tw_shape_size(const struct tw_shape *shape, const char *key, ptrdiff_t otherwise);

/* Calls `each` for every shape of the file, in its order. Returns how many there were, or -1 after printing
 * what is wrong with which line. */
int tw_shapes_read(const char *path, void (*each)(const struct tw_shape *shape, void *context),
                   void *context);

#endif

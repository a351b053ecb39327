/* What a run was asked for: names of families, of contests ("conv2d-forward") and of files of shapes, and a shape's name.
 *
 * Families and contests add up, so do files; of both kinds, what is in the files AND of the families. A name that is a
 * family's is that ("gemm"), a file has a path then ("shapes/gemm.txt").
 */
#ifndef TOWER_BENCHMARKS_SELECTION_H
#define TOWER_BENCHMARKS_SELECTION_H

#include "benchmarks/shapes.h"

#include <stdbool.h>

struct tw_selection {
    char *const *names;
    int count;
    const char *shape; /* its name if there is such a shape, else a part of names; NULL: all */
};

/* Whether every name is one; prints the first that is not. */
bool tw_selection_is_valid(const struct tw_selection *selection);

/* Whether contests of that operation were asked for. */
bool tw_selection_wants(const struct tw_selection *selection, const char *operation);

/* Calls `each` for every shape of the files that was asked for; false after printing what cannot be read. */
bool tw_selection_shapes(const struct tw_selection *selection,
                         void (*each)(const struct tw_shape *shape, void *context), void *context);

#endif

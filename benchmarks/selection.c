#include "benchmarks/selection.h"

#include <stdio.h>
#include <string.h>

#include "benchmarks/families.h"

/* The shapes of TOWER_SHAPES_DIR. */
static const char *const files[] = {"tower", "gemm", "resnet", "layers"};

#define FILES (sizeof files / sizeof *files)

static bool is_file(const char *name)
{
    for (size_t i = 0; i < FILES; i++)
        if (strcmp(files[i], name) == 0)
            return true;
    return false;
}

static bool is_path(const char *name)
{
    const size_t length = strlen(name);

    return strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".txt") == 0);
}

/* A family or a contest. */
static bool is_operation(const char *name)
{
    return tw_family_named(name) || tw_family_of(name);
}

bool tw_selection_is_valid(const struct tw_selection *selection)
{
    for (int i = 0; i < selection->count; i++) {
        const char *name = selection->names[i];

        if (!is_operation(name) && !is_file(name) && !is_path(name)) {
            fprintf(stderr, "tower-bench: \"%s\" is neither a family, a contest nor a file of shapes\n",
                    name);
            return false;
        }
    }
    return true;
}

bool tw_selection_wants(const struct tw_selection *selection, const char *operation)
{
    const struct tw_family *family = tw_family_of(operation);
    bool all = true;

    for (int i = 0; i < selection->count; i++) {
        const char *name = selection->names[i];

        if (strcmp(name, operation) == 0 || (family && tw_family_named(name) == family))
            return true;
        all = all && !is_operation(name);
    }
    return all;
}

/* Whether any contest of a shape's family is asked for. A family that does not exist is: somebody has to say so. */
static bool wants_family(const struct tw_selection *selection, const char *name)
{
    const struct tw_family *family = tw_family_named(name);

    if (!family)
        return true;
    for (const char *const *operation = family->operations; *operation; operation++)
        if (tw_selection_wants(selection, *operation))
            return true;
    return false;
}

/* What reading the files needs to know. */
struct reading {
    const struct tw_selection *selection;
    bool exact; /* the shape's name is the selection's */
    void (*each)(const struct tw_shape *shape, void *context);
    void *context;
    int found;
};

static void take(const struct tw_shape *shape, void *context)
{
    struct reading *reading = context;
    const char *name = reading->selection->shape;

    if (!wants_family(reading->selection, shape->family))
        return;
    if (name && !(reading->exact ? strcmp(shape->name, name) == 0 : strstr(shape->name, name) != NULL))
        return;
    reading->found++;
    if (reading->each)
        reading->each(shape, reading->context);
}

/* The files named, or all that come with this program. */
static bool read_files(struct reading *reading)
{
    const struct tw_selection *selection = reading->selection;
    char path[4096];
    bool named = false;

    for (int i = 0; i < selection->count; i++) {
        const char *name = selection->names[i];

        if (is_operation(name))
            continue;
        named = true;
        snprintf(path, sizeof path, "%s/%s.txt", TOWER_SHAPES_DIR, name);
        if (tw_shapes_read(is_path(name) ? name : path, take, reading) < 0)
            return false;
    }
    for (size_t i = 0; i < FILES && !named; i++) {
        snprintf(path, sizeof path, "%s/%s.txt", TOWER_SHAPES_DIR, files[i]);
        if (tw_shapes_read(path, take, reading) < 0)
            return false;
    }
    return true;
}

bool tw_selection_shapes(const struct tw_selection *selection,
                         void (*each)(const struct tw_shape *shape, void *context), void *context)
{
    struct reading reading = {.selection = selection, .exact = true};

    if (selection->shape && !read_files(&reading))
        return false;
    reading.exact = reading.found > 0;
    reading.each = each;
    reading.context = context;
    return read_files(&reading);
}

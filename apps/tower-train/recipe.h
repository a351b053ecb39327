/* Recipes: named sets of defaults for tower-train's options, which the command line overrides one by one.
 */
#ifndef TOWER_TRAIN_RECIPE_H
#define TOWER_TRAIN_RECIPE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/status.h"
#include "layers/optim/optim.h"

struct recipe {
    const char *name, *purpose;
    int64_t epochs, batch_size;
    enum tw_optimizer_kind optimizer;
    /* Of that optimizer; with another one, that one's own defaults hold. */
    struct tw_optimizer_options knobs;
    const char *schedule, *augmentation; /* as --schedule and --augment take them */
    double label_smoothing;
};

/* The recipes; the first one is the default. docs/recipes.md says how they were chosen. */
#define RECIPE_COUNT 2
const struct recipe *recipe_at(size_t i);

/* TW_ERROR_ARGUMENT lists the names. */
enum tw_status recipe_parse(const char *text, const struct recipe **recipe);

/* Two lines for --help: name and purpose, then the options that the recipe stands for. */
void recipe_print(const struct recipe *recipe, FILE *out);

#endif

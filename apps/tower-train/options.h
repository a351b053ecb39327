/* What the user asked tower-train for.
 */
#ifndef TOWER_TRAIN_OPTIONS_H
#define TOWER_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/tower-train/recipe.h"
#include "core/cpu.h"
#include "core/topology.h"
#include "layers/data/augment.h"
#include "layers/optim/optim.h"

struct options {
    const char *data; /* "mnist", "synthetic" or a folder; NULL: MNIST if it is found, else synthetic */
    const struct recipe *recipe; /* where what was not given comes from */
    int64_t epochs;
    int64_t batch_size;
    int64_t limit;      /* training samples to use; 0: all */
    int64_t validation; /* training samples held back and evaluated in place of the test set; 0: none */
    uint64_t seed;
    enum tw_optimizer_kind optimizer;
    struct tw_optimizer_options
        knobs; /* complete: what was not given is the recipe's, or the optimizer's default */
    const char *schedule, *init, *augmentation; /* checked text */
    struct tw_augmentation augment;             /* the last of these, parsed */
    double label_smoothing;
    int64_t threads; /* 0: chosen */
    enum tw_bind bind;
    enum tw_isa isa; /* TW_ISA_COUNT: chosen */
    int64_t plan;
    const char *save, *load, *log; /* files; NULL: none */
    bool eval_only, quiet, json, print_model, print_plan, profile;
};

/* Fills `*options` from the command line. Bad usage prints one line that quotes what is wrong and a hint on
 * stderr and exits with 2; --help and --version print on stdout and exit with 0. Strings point into argv. */
void options_parse(struct options *options, int argc, char **argv);

#endif

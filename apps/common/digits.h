/* Where the digits come from: a folder given, MNIST found where Tower keeps it, or synthetic ones.
 */
#ifndef TOWER_APPS_COMMON_DIGITS_H
#define TOWER_APPS_COMMON_DIGITS_H

#include <stdbool.h>

#include "layers/data/dataset.h"

/* Mean and standard deviation of MNIST's training pixels scaled to [0, 1], the usual constants. Synthetic
 * digits are normalised alike, so that weights move between the two. */
#define DIGITS_MEAN               0.1307
#define DIGITS_STANDARD_DEVIATION 0.3081

#define DIGITS_SYNTHETIC_TRAIN 60000 /* as many as MNIST has */
#define DIGITS_SYNTHETIC_TEST  10000
#define DIGITS_SYNTHETIC_SEED  1 /* fixed: --seed changes weights and order, not the data */

struct digits {
    struct tw_dataset train, test; /* train is empty unless it was wanted */
    char *source;                  /* "MNIST in /x, from $TOWER_DATA": owned, one line */
};

/* `request`: "mnist" ($TOWER_DATA, then ${XDG_CACHE_HOME:-~/.cache}/tower/mnist), "synthetic", or a folder;
 * NULL: MNIST if it is found, else synthetic. Errors name every place looked at and what to run. `*digits` is
 * empty on failure. */
enum tw_status digits_open(const char *request, bool want_train, struct digits *digits);

void digits_release(struct digits *digits);

#endif

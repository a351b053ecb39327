/* What the user asked tower-predict for.
 */
#ifndef TOWER_PREDICT_OPTIONS_H
#define TOWER_PREDICT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu.h"
#include "core/topology.h"

struct options {
    const char *images, *load; /* files */
    const char *labels;        /* file; NULL: none */
    int64_t limit;             /* images to read from the front; 0: all */
    int64_t batch_size;
    int64_t threads; /* 0: chosen */
    enum tw_bind bind;
    enum tw_isa isa; /* TW_ISA_COUNT: chosen */
    int64_t plan;
    double time; /* seconds to measure for; 0: not at all */
    bool json, summary, print_plan;
};

/* Fills `*options` from the command line. Bad usage prints one line that quotes what is wrong and a hint on stderr and
 * exits with 2; --help and --version print on stdout and exit with 0. Strings point into argv. */
void options_parse(struct options *options, int argc, char **argv);

#endif

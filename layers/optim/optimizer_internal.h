/* What an optimizer keeps, shared by the files of layers/optim and nobody else. */
#ifndef TOWER_LAYERS_OPTIM_OPTIMIZER_INTERNAL_H
#define TOWER_LAYERS_OPTIM_OPTIMIZER_INTERNAL_H

#include "layers/optim/optim.h"

/* One parameter, its state, and its part in the step that is being made. */
struct tw_optimizer_slot {
    tw_parameter *parameter; /* borrowed */
    char *name;              /* path of the parameter, for messages */
    size_t group;
    int64_t steps;                   /* updates made; for SGD those with momentum */
    struct tw_tensor *first_moment;  /* Adam's m, SGD's velocity; NULL: SGD without momentum */
    struct tw_tensor *second_moment; /* Adam's v; NULL for SGD */

    ptrdiff_t chunk_begin, chunk_end; /* its chunks among those of the whole step; equal: not updated */
    const float *gradient;            /* NULL: the run of a plan that is being made does not update it */
    union {
        struct tw_sgd_coefficients sgd;
        struct tw_adam_coefficients adam;
    } coefficients;
};

struct tw_optimizer {
    enum tw_optimizer_kind kind;
    const struct tw_kernels *kernels;
    struct tw_optimizer_options *groups;
    size_t group_count, group_capacity;
    struct tw_optimizer_slot *slots;
    size_t slot_count, slot_capacity;
};

/* TW_ERROR_ARGUMENT quoting the first option outside its domain. */
enum tw_status tw_optimizer_check_options(enum tw_optimizer_kind kind,
                                          const struct tw_optimizer_options *options);

/* The parts of a step: what must be right before anything changes, of the options and of each slot that takes part; one
 * slot's coefficients, count of steps and version of its parameter, with the gradient it is about; and elements
 * [begin, end) of it, on any thread, whose gradients begin at `gradient`. */
enum tw_status tw_optimizer_check_groups(const tw_optimizer *optimizer);
enum tw_status tw_optimizer_check_slot(const tw_optimizer *optimizer, const struct tw_optimizer_slot *slot);
void tw_optimizer_prepare_slot(const tw_optimizer *optimizer, struct tw_optimizer_slot *slot,
                               const float *gradient);
void tw_optimizer_update_range(const tw_optimizer *optimizer, const struct tw_optimizer_slot *slot,
                               ptrdiff_t begin, ptrdiff_t end, const float *gradient);

#endif

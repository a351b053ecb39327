/* Optimizers: SGD, Adam and AdamW over groups of parameters, schedules and gradient clipping.
 *
 * After torch.optim (PyTorch 1.13), same defaults, same formulas (kernels/optimizer). An optimizer
 * borrows the parameters: the module they came from must outlive it. Updates run on the team; results do not
 * depend on its size. Moments and counts of steps are not saved: neither a state dict nor a file has them, and a new
 * optimizer starts without them, also on weights that were loaded.
 */
#ifndef TOWER_LAYERS_OPTIM_OPTIM_H
#define TOWER_LAYERS_OPTIM_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/team.h"
#include "kernels/kernels.h"
#include "layers/module/module.h"
#include "layers/module/parameter_update.h"

typedef struct tw_optimizer tw_optimizer;

enum tw_optimizer_kind { TW_SGD, TW_ADAM, TW_ADAMW };

/* "sgd", "adam", "adamw"; parse: TW_ERROR_ARGUMENT lists them. */
const char *tw_optimizer_name(enum tw_optimizer_kind kind);
enum tw_status tw_optimizer_parse(const char *text, enum tw_optimizer_kind *kind);

/* The knobs of one group. Start from tw_optimizer_defaults. */
struct tw_optimizer_options {
    double learning_rate;         /* >= 0 */
    double weight_decay;          /* >= 0; added to the gradient (SGD, Adam), decoupled (AdamW) */
    double momentum, dampening;   /* SGD */
    bool nesterov;                /* SGD; needs momentum > 0 and dampening 0 */
    double beta1, beta2, epsilon; /* Adam, AdamW: betas in [0, 1), epsilon >= 0 */
};

/* PyTorch's: Adam and AdamW 1e-3, (0.9, 0.999), 1e-8, weight decay 0 / 1e-2; SGD 1e-2 where PyTorch asks for
 * one. */
struct tw_optimizer_options tw_optimizer_defaults(enum tw_optimizer_kind kind);

/* An optimizer with no group yet. `kernels` NULL: the best this CPU has. NULL on failure. */
tw_optimizer *tw_optimizer_new(enum tw_optimizer_kind kind, const struct tw_kernels *kernels);
void tw_optimizer_release(tw_optimizer *optimizer);

/* Adds a group: every parameter of `list` (the list itself may go afterwards). TW_ERROR_ARGUMENT for an
 * option outside its domain (quoted), or a parameter that is in a group already. State (moments) is allocated
 * here: steps allocate nothing. */
enum tw_status tw_optimizer_add_group(tw_optimizer *optimizer, const struct tw_parameter_list *list,
                                      const struct tw_optimizer_options *options);

/* All parameters of a module as one group. */
enum tw_status tw_optimizer_add_module(tw_optimizer *optimizer, const tw_module *module,
                                       const struct tw_optimizer_options *options);

size_t tw_optimizer_groups(const tw_optimizer *optimizer);
/* The options of group `i`, to be changed between steps (schedules do); NULL beyond the end. Valid until a
 * group is added. */
struct tw_optimizer_options *tw_optimizer_group(tw_optimizer *optimizer, size_t i);

/* One update of every parameter that requires a gradient and has one; the others keep their values and state,
 * as in PyTorch. A gradient that is marked zero counts as zeros. Before anything is changed:
 * TW_ERROR_ARGUMENT for an option that has been changed to something outside its domain, TW_ERROR_STATE for
 * an SGD momentum above 0 in a group that was added with 0. */
enum tw_status tw_optimizer_step(tw_optimizer *optimizer, struct tw_team *team);

/* For tw_plan_options.update: each backward run of that plan is also a step, of the same bits as tw_optimizer_step
 * afterwards, for the parameters whose gradients it computes and which still require one; the others, such as those of
 * another plan, keep values and state. Its errors are those of the step, before anything has changed. The optimizer must
 * outlive the plan and have all its groups. */
struct tw_parameter_update tw_optimizer_update(tw_optimizer *optimizer);

/* Zeroes the gradients of every parameter of every group (tw_parameter_zero_grad). */
void tw_optimizer_zero_grad(tw_optimizer *optimizer);

/* --- gradient clipping ---------------------------------------------------------------------------------- */

/* torch.nn.utils.clip_grad_norm_: the L2 norm over all gradients of `list`, which are scaled by
 * max_norm / (norm + 1e-6) if that is below 1. The norm is the square root of the double sum, over parameters
 * in order, of tw_f32_sum_of_squares over fixed blocks of TW_CLIP_BLOCK elements. `norm` (may be NULL)
 * receives it. `kernels` NULL: the best this CPU has. TW_ERROR_ARGUMENT if max_norm is not > 0. */
#define TW_CLIP_BLOCK 4096
enum tw_status tw_clip_gradient_norm(const struct tw_parameter_list *list, double max_norm,
                                     const struct tw_kernels *kernels, double *norm);
/* torch.nn.utils.clip_grad_value_: every gradient element into [-limit, limit]; NaN stays.
 * TW_ERROR_ARGUMENT if limit is not >= 0. */
enum tw_status tw_clip_gradient_value(const struct tw_parameter_list *list, double limit);

/* --- schedules ------------------------------------------------------------------------------------------ */

enum tw_schedule_kind {
    /* base */
    TW_SCHEDULE_CONSTANT,
    /* StepLR: base * gamma^floor(t / step_size). */
    TW_SCHEDULE_STEP,
    /* CosineAnnealingLR, closed form: min + (base - min)(1 + cos(pi t / total))/2, and min after total. */
    TW_SCHEDULE_COSINE,
    /* OneCycleLR with cosine annealing: base/div_factor up to base in pct_start of the steps, then down to
     * base/div_factor/final_div_factor, where it stays. */
    TW_SCHEDULE_ONE_CYCLE,
};

struct tw_schedule {
    enum tw_schedule_kind kind;
    double base;                         /* the optimizer's learning rate; one-cycle's max_lr */
    int64_t total;                       /* steps in all; cosine and one-cycle */
    int64_t step_size;                   /* step */
    double gamma;                        /* step; 0.1 */
    double minimum;                      /* cosine */
    double pct_start;                    /* one-cycle; 0.3 */
    double div_factor, final_div_factor; /* one-cycle; 25, 1e4 */
};

/* From text: "constant", "step:SIZE[:GAMMA]", "cosine[:MIN]", "one-cycle[:PCT_START]"; `base` and `total` as
 * above; SIZE counts steps. TW_ERROR_ARGUMENT quotes what is wrong and lists the forms. */
enum tw_status tw_schedule_parse(const char *text, double base, int64_t total, struct tw_schedule *schedule);

/* Learning rate for step t = 0, 1, … */
double tw_schedule_rate(const struct tw_schedule *schedule, int64_t t);

#endif

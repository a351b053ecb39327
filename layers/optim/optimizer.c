#include "layers/optim/optim.h"

#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "core/memory.h"
#include "layers/optim/optimizer_internal.h"

static const char *const kind_names[] = {[TW_SGD] = "sgd", [TW_ADAM] = "adam", [TW_ADAMW] = "adamw"};
#define KIND_COUNT (sizeof kind_names / sizeof kind_names[0])

const char *tw_optimizer_name(enum tw_optimizer_kind kind)
{
    return (size_t)kind < KIND_COUNT ? kind_names[kind] : "?";
}

enum tw_status tw_optimizer_parse(const char *text, enum tw_optimizer_kind *kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(text, kind_names[i]) == 0) {
            *kind = (enum tw_optimizer_kind)i;
            return TW_OK;
        }
    }
    return tw_fail(TW_ERROR_ARGUMENT, "unknown optimizer \"%s\": expected sgd, adam or adamw", text);
}

struct tw_optimizer_options tw_optimizer_defaults(enum tw_optimizer_kind kind)
{
    struct tw_optimizer_options options = {
        .learning_rate = kind == TW_SGD ? 1e-2 : 1e-3,
        .weight_decay = kind == TW_ADAMW ? 1e-2 : 0,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
    };

    return options;
}

static enum tw_status check_at_least_zero(const char *kind, const char *option, double value)
{
    if (isfinite(value) && value >= 0) {
        return TW_OK;
    }
    return tw_fail(TW_ERROR_ARGUMENT, "%s: %s is %g, expected a finite number of at least 0", kind, option,
                   value);
}

static enum tw_status check_beta(const char *kind, const char *option, double value)
{
    if (value >= 0 && value < 1) {
        return TW_OK;
    }
    return tw_fail(TW_ERROR_ARGUMENT, "%s: %s is %g, expected a number in [0, 1)", kind, option, value);
}

static enum tw_status check_sgd(const struct tw_optimizer_options *options)
{
    enum tw_status status = check_at_least_zero("sgd", "momentum", options->momentum);

    if (status == TW_OK && !isfinite(options->dampening)) {
        status =
            tw_fail(TW_ERROR_ARGUMENT, "sgd: dampening is %g, expected a finite number", options->dampening);
    }
    if (status == TW_OK && options->nesterov && !(options->momentum > 0 && options->dampening == 0)) {
        status = tw_fail(TW_ERROR_ARGUMENT,
                         "sgd: nesterov needs momentum above 0 and dampening 0, got momentum %g and "
                         "dampening %g",
                         options->momentum, options->dampening);
    }
    return status;
}

enum tw_status tw_optimizer_check_options(enum tw_optimizer_kind kind,
                                          const struct tw_optimizer_options *options)
{
    const char *name = tw_optimizer_name(kind);
    enum tw_status status = check_at_least_zero(name, "learning_rate", options->learning_rate);

    if (status == TW_OK) {
        status = check_at_least_zero(name, "weight_decay", options->weight_decay);
    }
    if (kind == TW_SGD) {
        return status == TW_OK ? check_sgd(options) : status;
    }
    if (status == TW_OK) {
        status = check_beta(name, "beta1", options->beta1);
    }
    if (status == TW_OK) {
        status = check_beta(name, "beta2", options->beta2);
    }
    if (status == TW_OK) {
        status = check_at_least_zero(name, "epsilon", options->epsilon);
    }
    return status;
}

static const struct tw_kernels *best_kernels(void)
{
    enum tw_isa isa;

    return tw_isa_choose(TW_ISA_COUNT, &isa, NULL) == TW_OK ? tw_kernels_of(isa) : NULL;
}

tw_optimizer *tw_optimizer_new(enum tw_optimizer_kind kind, const struct tw_kernels *kernels)
{
    tw_optimizer *optimizer;

    if ((size_t)kind >= KIND_COUNT) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "unknown optimizer kind %d", (int)kind);
    }
    if (!kernels) {
        kernels = best_kernels();
    }
    if (!kernels) {
        return NULL;
    }
    optimizer = tw_alloc(sizeof *optimizer);
    if (!optimizer) {
        return NULL;
    }
    optimizer->kind = kind;
    optimizer->kernels = kernels;
    return optimizer;
}

static void release_slots(tw_optimizer *optimizer, size_t from)
{
    for (size_t i = from; i < optimizer->slot_count; i++) {
        tw_tensor_release(optimizer->slots[i].first_moment);
        tw_tensor_release(optimizer->slots[i].second_moment);
        tw_free(optimizer->slots[i].name);
    }
    optimizer->slot_count = from;
}

void tw_optimizer_release(tw_optimizer *optimizer)
{
    if (!optimizer) {
        return;
    }
    release_slots(optimizer, 0);
    tw_free(optimizer->slots);
    tw_free(optimizer->groups);
    tw_free(optimizer);
}

static enum tw_status check_not_taken(const tw_optimizer *optimizer, const struct tw_named_parameter *item)
{
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        if (optimizer->slots[i].parameter == item->parameter) {
            return tw_fail(TW_ERROR_ARGUMENT, "%s: parameter \"%s\" is in group %zu already, as \"%s\"",
                           tw_optimizer_name(optimizer->kind), item->name, optimizer->slots[i].group,
                           optimizer->slots[i].name);
        }
    }
    return TW_OK;
}

/* Appends a slot with its state at zero; there is room for it. */
static enum tw_status add_slot(tw_optimizer *optimizer, const struct tw_named_parameter *item,
                               const struct tw_optimizer_options *options)
{
    struct tw_optimizer_slot *slot = &optimizer->slots[optimizer->slot_count];
    bool adam = optimizer->kind != TW_SGD;
    enum tw_status status = check_not_taken(optimizer, item);

    if (status != TW_OK) {
        return status;
    }
    *slot = (struct tw_optimizer_slot){.parameter = item->parameter, .group = optimizer->group_count};
    optimizer->slot_count++;
    slot->name = tw_strdup(item->name);
    if (!slot->name) {
        return tw_error_status();
    }
    if (adam || options->momentum != 0) {
        slot->first_moment = tw_tensor_new(TW_F32, item->parameter->data->shape);
        if (!slot->first_moment) {
            return tw_error_status();
        }
    }
    if (adam) {
        slot->second_moment = tw_tensor_new(TW_F32, item->parameter->data->shape);
        if (!slot->second_moment) {
            return tw_error_status();
        }
    }
    return TW_OK;
}

static enum tw_status reserve(tw_optimizer *optimizer, size_t slots)
{
    void *grown = tw_array_grow(optimizer->groups, &optimizer->group_capacity, optimizer->group_count + 1,
                                sizeof *optimizer->groups);

    if (!grown) {
        return TW_ERROR_MEMORY;
    }
    optimizer->groups = grown;
    grown = tw_array_grow(optimizer->slots, &optimizer->slot_capacity, optimizer->slot_count + slots,
                          sizeof *optimizer->slots);
    if (!grown) {
        return TW_ERROR_MEMORY;
    }
    optimizer->slots = grown;
    return TW_OK;
}

enum tw_status tw_optimizer_add_group(tw_optimizer *optimizer, const struct tw_parameter_list *list,
                                      const struct tw_optimizer_options *options)
{
    size_t before = optimizer->slot_count;
    enum tw_status status = tw_optimizer_check_options(optimizer->kind, options);

    if (status == TW_OK) {
        status = reserve(optimizer, list->count);
    }
    for (size_t i = 0; status == TW_OK && i < list->count; i++) {
        status = add_slot(optimizer, &list->items[i], options);
    }
    if (status != TW_OK) {
        release_slots(optimizer, before);
        return status;
    }
    optimizer->groups[optimizer->group_count++] = *options;
    return TW_OK;
}

enum tw_status tw_optimizer_add_module(tw_optimizer *optimizer, const tw_module *module,
                                       const struct tw_optimizer_options *options)
{
    struct tw_parameter_list list;
    enum tw_status status = tw_module_named_parameters(module, &list);

    if (status != TW_OK) {
        return status;
    }
    status = tw_optimizer_add_group(optimizer, &list, options);
    tw_parameter_list_release(&list);
    return status;
}

size_t tw_optimizer_groups(const tw_optimizer *optimizer)
{
    return optimizer->group_count;
}

struct tw_optimizer_options *tw_optimizer_group(tw_optimizer *optimizer, size_t i)
{
    return i < optimizer->group_count ? &optimizer->groups[i] : NULL;
}

void tw_optimizer_zero_grad(tw_optimizer *optimizer)
{
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        tw_parameter_zero_grad(optimizer->slots[i].parameter);
    }
}

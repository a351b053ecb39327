/* Initialisation of a whole tree from a line of text. */
#include "layers/module/init.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A scheme as it was read: what to do, and the number behind the colon. */
struct scheme;

typedef enum tw_status fill_weight(const struct scheme *scheme, struct tw_tensor *weight, struct tw_rng *rng);

struct scheme_kind {
    const char *name;
    const char *number;      /* what stands behind the colon: "BOUND"; NULL: no colon */
    bool may_be_negative;    /* the number */
    bool random;             /* draws from the generator */
    fill_weight *weight;     /* NULL: leave everything as the constructors made it */
    bool biases_like_weight; /* instead of zeros */
};

struct scheme {
    const struct scheme_kind *kind;
    double number;
};

static enum tw_status kaiming_uniform(const struct scheme *scheme, struct tw_tensor *weight,
                                      struct tw_rng *rng)
{
    (void)scheme;
    return tw_init_kaiming_uniform(weight, rng, 0.0, TW_FAN_IN, TW_NONLINEARITY_RELU);
}

static enum tw_status kaiming_normal(const struct scheme *scheme, struct tw_tensor *weight,
                                     struct tw_rng *rng)
{
    (void)scheme;
    return tw_init_kaiming_normal(weight, rng, 0.0, TW_FAN_IN, TW_NONLINEARITY_RELU);
}

static enum tw_status xavier_uniform(const struct scheme *scheme, struct tw_tensor *weight,
                                     struct tw_rng *rng)
{
    (void)scheme;
    return tw_init_xavier_uniform(weight, rng, 1.0);
}

static enum tw_status xavier_normal(const struct scheme *scheme, struct tw_tensor *weight, struct tw_rng *rng)
{
    (void)scheme;
    return tw_init_xavier_normal(weight, rng, 1.0);
}

static enum tw_status uniform(const struct scheme *scheme, struct tw_tensor *weight, struct tw_rng *rng)
{
    return tw_init_uniform(weight, rng, -scheme->number, scheme->number);
}

static enum tw_status normal(const struct scheme *scheme, struct tw_tensor *weight, struct tw_rng *rng)
{
    return tw_init_normal(weight, rng, 0.0, scheme->number);
}

static enum tw_status constant(const struct scheme *scheme, struct tw_tensor *weight, struct tw_rng *rng)
{
    (void)rng;
    return tw_init_constant(weight, scheme->number);
}

static enum tw_status zeros(const struct scheme *scheme, struct tw_tensor *weight, struct tw_rng *rng)
{
    (void)scheme;
    (void)rng;
    return tw_init_zeros(weight);
}

static const struct scheme_kind kinds[] = {
    {.name = "torch"},
    {.name = "kaiming-uniform", .random = true, .weight = kaiming_uniform},
    {.name = "kaiming-normal", .random = true, .weight = kaiming_normal},
    {.name = "xavier-uniform", .random = true, .weight = xavier_uniform},
    {.name = "xavier-normal", .random = true, .weight = xavier_normal},
    {.name = "uniform", .number = "BOUND", .random = true, .weight = uniform},
    {.name = "normal", .number = "STD", .random = true, .weight = normal},
    {.name = "constant",
     .number = "VALUE",
     .may_be_negative = true,
     .weight = constant,
     .biases_like_weight = true},
    {.name = "zeros", .weight = zeros},
};

#define SCHEMES                                                                              \
    "torch, kaiming-uniform, kaiming-normal, xavier-uniform, xavier-normal, uniform:BOUND, " \
    "normal:STD, constant:VALUE or zeros"

/* The number behind the colon. The difference of a uniform's bounds must be a float as well, hence the
 * half. */
static enum tw_status parse_number(struct scheme *scheme, const char *text, const char *whole)
{
    char *end;

    scheme->number = strtod(text, &end);
    if (end == text || *end != '\0' || !(fabs(scheme->number) <= (double)FLT_MAX / 2) ||
        (scheme->number < 0.0 && !scheme->kind->may_be_negative)) {
        return tw_fail(TW_ERROR_ARGUMENT, "init: \"%s\" in \"%s\", expected %s:%s with a finite number%s",
                       text, whole, scheme->kind->name, scheme->kind->number,
                       scheme->kind->may_be_negative ? "" : " that is not negative");
    }
    return TW_OK;
}

static enum tw_status parse(const char *text, struct scheme *scheme)
{
    size_t length = text != NULL ? strcspn(text, ":") : 0;

    for (size_t i = 0; text != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strlen(kinds[i].name) != length || memcmp(kinds[i].name, text, length) != 0 ||
            (text[length] == ':') != (kinds[i].number != NULL)) {
            continue;
        }
        *scheme = (struct scheme){.kind = &kinds[i]};
        return kinds[i].number != NULL ? parse_number(scheme, text + length + 1, text) : TW_OK;
    }
    return tw_fail(TW_ERROR_ARGUMENT, "init: unknown scheme \"%s\", expected " SCHEMES,
                   text != NULL ? text : "");
}

static enum tw_status fill(const struct scheme *scheme, struct tw_tensor *tensor, struct tw_rng *rng)
{
    if (tensor->shape.ndim >= 2 || scheme->kind->biases_like_weight) {
        return scheme->kind->weight(scheme, tensor, rng);
    }
    return tw_init_zeros(tensor);
}

enum tw_status tw_init_module(tw_module *module, const char *scheme_text, struct tw_rng *rng)
{
    struct tw_parameter_list list;
    struct scheme scheme;
    enum tw_status status = parse(scheme_text, &scheme);

    if (status != TW_OK || scheme.kind->weight == NULL) {
        return status;
    }
    if (scheme.kind->random && rng == NULL) {
        return tw_fail(TW_ERROR_ARGUMENT, "init: scheme \"%s\" needs a random generator, got NULL",
                       scheme_text);
    }
    status = tw_module_named_parameters(module, &list);
    for (size_t i = 0; status == TW_OK && i < list.count; i++) {
        status = fill(&scheme, list.items[i].parameter->data, rng);
    }
    tw_parameter_list_release(&list);
    return status;
}

enum tw_status tw_init_check(const char *scheme)
{
    struct scheme parsed;

    return parse(scheme, &parsed);
}

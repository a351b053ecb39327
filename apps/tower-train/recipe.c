#include "apps/tower-train/recipe.h"

#include <inttypes.h>
#include <string.h>

/* Adam's and AdamW's knobs that no recipe changes. */
#define ADAM_KNOBS .beta1 = 0.9, .epsilon = 1e-8

static const struct recipe recipes[RECIPE_COUNT] = {
    {
        .name = "default",
        .purpose = "the textbook's, as a first PyTorch script has it",
        .epochs = 5,
        .batch_size = 64,
        .optimizer = TW_ADAM,
        .knobs = {.learning_rate = 1e-3, .beta2 = 0.999, ADAM_KNOBS},
        .schedule = "constant",
        .augmentation = "none",
    },
    {
        .name = "fast",
        .purpose = "99 % of MNIST's test set in the shortest time",
        .epochs = 3,
        .batch_size = 128,
        .optimizer = TW_ADAM,
        .knobs = {.learning_rate = 3e-3, .beta2 = 0.999, ADAM_KNOBS},
        .schedule = "one-cycle",
        .augmentation = "translate:1",
    },
};

const struct recipe *recipe_at(size_t i)
{
    return &recipes[i];
}

enum tw_status recipe_parse(const char *text, const struct recipe **recipe)
{
    for (size_t i = 0; i < RECIPE_COUNT; i++) {
        if (strcmp(text, recipes[i].name) == 0) {
            *recipe = &recipes[i];
            return TW_OK;
        }
    }
    return tw_fail(TW_ERROR_ARGUMENT, "--recipe: unknown recipe '%s', expected default or fast", text);
}

void recipe_print(const struct recipe *r, FILE *out)
{
    fprintf(out,
            "  %-8s %s:\n           --epochs %" PRId64 " --batch-size %" PRId64
            " --optimizer %s --lr %g --beta1 %g --beta2 %g --weight-decay %g --schedule %s "
            "--label-smoothing %g --augment %s\n",
            r->name, r->purpose, r->epochs, r->batch_size, tw_optimizer_name(r->optimizer),
            r->knobs.learning_rate, r->knobs.beta1, r->knobs.beta2, r->knobs.weight_decay, r->schedule,
            r->label_smoothing, r->augmentation);
}

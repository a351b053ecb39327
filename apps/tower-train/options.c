#include "apps/tower-train/options.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>

#include "apps/common/number.h"
#include "apps/common/same_file.h"
#include "core/team.h"
#include "layers/module/init.h"
#include "layers/plan/plan.h"

const char *argp_program_version = "tower-train " TOWER_VERSION;

/* Above every character: long options only. Grouped by the function that takes them. */
enum key {
    KEY_EPOCHS = 256,
    KEY_BATCH_SIZE,
    KEY_LIMIT,
    KEY_VALIDATION,
    KEY_THREADS,
    KEY_PLAN,
    KEY_SEED,
    KEY_LEARNING_RATE,
    KEY_MOMENTUM,
    KEY_BETA1,
    KEY_BETA2,
    KEY_LABEL_SMOOTHING,
    KEY_WEIGHT_DECAY, /* the last number */
    KEY_OPTIMIZER,
    KEY_RECIPE,
    KEY_SCHEDULE,
    KEY_AUGMENT,
    KEY_INIT,
    KEY_BIND,
    KEY_ISA, /* the last name */
    KEY_DATA,
    KEY_SAVE,
    KEY_LOAD,
    KEY_LOG, /* the last file */
    KEY_EVAL_ONLY,
    KEY_QUIET,
    KEY_JSON,
    KEY_PRINT_MODEL,
    KEY_PRINT_PLAN,
    KEY_PROFILE, /* the last flag */
};

#define OPTION(long_name, option_key, value, text)                              \
    {                                                                           \
        .name = (long_name), .key = (option_key), .arg = (value), .doc = (text) \
    }
#define HEADING(text) \
    {                 \
        .doc = (text) \
    }

static const struct argp_option option_table[] = {
    HEADING("Data:"),
    OPTION("data", KEY_DATA, "mnist|synthetic|DIR",
           "digits to train on (default: MNIST where it is found, else synthetic)"),
    OPTION("limit", KEY_LIMIT, "N", "train on the first N images only"),
    OPTION("validation", KEY_VALIDATION, "N",
           "hold back the last N training images and evaluate on them; the test set is not looked at"),
    HEADING("Training; a recipe is a set of defaults, in parentheses those of the first:"),
    OPTION("recipe", KEY_RECIPE, "default|fast", "what the options below start from, listed at the end"),
    OPTION("epochs", KEY_EPOCHS, "N", "passes over the training images (5); 0 only evaluates and saves"),
    OPTION("batch-size", KEY_BATCH_SIZE, "N", "images per step (64)"),
    OPTION("optimizer", KEY_OPTIMIZER, "adam|adamw|sgd", "(adam)"),
    OPTION("lr", KEY_LEARNING_RATE, "X", "learning rate (1e-3; 1e-2 for sgd)"),
    OPTION("momentum", KEY_MOMENTUM, "X", "of sgd (0)"),
    OPTION("beta1", KEY_BETA1, "X", "of adam and adamw (0.9)"),
    OPTION("beta2", KEY_BETA2, "X", "of adam and adamw (0.999)"),
    OPTION("weight-decay", KEY_WEIGHT_DECAY, "X", "(0; 1e-2 for adamw)"),
    OPTION("label-smoothing", KEY_LABEL_SMOOTHING, "X", "share of the target that all classes get alike (0)"),
    OPTION("augment", KEY_AUGMENT, "FORM",
           "how training images change from epoch to epoch: none, translate:PIXELS (none)"),
    OPTION("schedule", KEY_SCHEDULE, "FORM",
           "learning rate over the steps: constant, step:SIZE[:GAMMA], cosine[:MIN], one-cycle[:PCT_START] "
           "(constant)"),
    OPTION("init", KEY_INIT, "SCHEME",
           "initial weights: torch, kaiming-uniform, kaiming-normal, xavier-uniform, xavier-normal, "
           "uniform:BOUND, normal:STD, constant:VALUE, zeros (torch)"),
    OPTION("seed", KEY_SEED, "N", "of initial weights and shuffling, as torch.manual_seed (1)"),
    HEADING("Machine; threads, bind and isa change no result:"),
    OPTION("threads", KEY_THREADS, "N", "threads of the team (OMP_NUM_THREADS, else one per core allowed)"),
    OPTION("bind", KEY_BIND, "none|compact|scatter", "where threads are pinned (none)"),
    OPTION("isa", KEY_ISA, "NAME", "kernels: reference, neon, avx2, avx512 (the best this CPU has)"),
    OPTION("plan", KEY_PLAN, "0|1|2",
           "0: reference kernels, every intermediate kept; 1: SIMD kernels; 2: fused (2)"),
    HEADING("Files:"),
    OPTION("save", KEY_SAVE, "FILE", "write the weights at the end (safetensors)"),
    OPTION("load", KEY_LOAD, "FILE", "start from these weights"),
    OPTION("log", KEY_LOG, "FILE", "one JSON object per epoch; the file is replaced"),
    OPTION("eval-only", KEY_EVAL_ONLY, NULL, "only evaluate the weights of --load"),
    HEADING("Output:"),
    OPTION("quiet", KEY_QUIET, NULL, "print errors only"),
    OPTION("json", KEY_JSON, NULL, "the final summary as JSON on stdout, everything else on stderr"),
    OPTION("print-model", KEY_PRINT_MODEL, NULL, "print the module tree"),
    OPTION("print-plan", KEY_PRINT_PLAN, NULL, "print what runs where"),
    OPTION("profile", KEY_PROFILE, NULL, "at the end, where the time went, stage by stage"),
    {0},
};

static const char description[] =
    "Trains the Tower, a small convolutional network, on handwritten digits."
    "\vThe first Ctrl-C ends training after the current step, saves if --save was given, and exits with 0; "
    "the second one ends at once. Exit status: 0 success, 1 the work failed, 2 bad usage.";

/* Below 1, where a moment would never move. */
#define LARGEST_BETA 0.999999

static enum tw_status parse_plan(const char *text, int64_t *plan)
{
    return app_parse_integer("--plan", text, 0, TW_PLAN_LEVELS - 1, plan);
}

static enum tw_status set_number(struct options *o, int key, const char *text)
{
    struct tw_optimizer_options *knobs = &o->knobs;

    switch (key) {
    case KEY_EPOCHS:
        return app_parse_integer("--epochs", text, 0, 100000, &o->epochs);
    case KEY_BATCH_SIZE:
        return app_parse_integer("--batch-size", text, 1, INT32_MAX, &o->batch_size);
    case KEY_LIMIT:
        return app_parse_integer("--limit", text, 1, INT32_MAX, &o->limit);
    case KEY_VALIDATION:
        return app_parse_integer("--validation", text, 1, INT32_MAX, &o->validation);
    case KEY_THREADS:
        return app_parse_integer("--threads", text, 1, TW_TEAM_MAX_THREADS, &o->threads);
    case KEY_PLAN:
        return parse_plan(text, &o->plan);
    case KEY_SEED:
        return app_parse_seed("--seed", text, &o->seed);
    case KEY_LEARNING_RATE:
        return app_parse_real("--lr", text, 0, 1e6, &knobs->learning_rate);
    case KEY_MOMENTUM:
        return app_parse_real("--momentum", text, 0, 1, &knobs->momentum);
    case KEY_BETA1:
        return app_parse_real("--beta1", text, 0, LARGEST_BETA, &knobs->beta1);
    case KEY_BETA2:
        return app_parse_real("--beta2", text, 0, LARGEST_BETA, &knobs->beta2);
    case KEY_LABEL_SMOOTHING:
        return app_parse_real("--label-smoothing", text, 0, 1, &o->label_smoothing);
    default:
        return app_parse_real("--weight-decay", text, 0, 1e6, &knobs->weight_decay);
    }
}

/* Names are checked by those who know them. */
static enum tw_status set_name(struct options *o, int key, const char *text)
{
    struct tw_schedule schedule;

    switch (key) {
    case KEY_OPTIMIZER:
        return tw_optimizer_parse(text, &o->optimizer);
    case KEY_RECIPE:
        return recipe_parse(text, &o->recipe);
    case KEY_AUGMENT:
        o->augmentation = text;
        return tw_augmentation_parse(text, &o->augment);
    case KEY_SCHEDULE:
        o->schedule = text;
        return tw_schedule_parse(text, 1, 1, &schedule);
    case KEY_INIT:
        o->init = text;
        return tw_init_check(text);
    case KEY_BIND:
        return tw_bind_parse(text, &o->bind);
    default:
        return tw_isa_parse(text, &o->isa);
    }
}

static enum tw_status set_file(struct options *o, int key, const char *text)
{
    if (text[0] == '\0')
        return tw_fail(TW_ERROR_ARGUMENT, "a file or folder name is empty");
    if (key == KEY_DATA)
        o->data = text;
    else if (key == KEY_SAVE)
        o->save = text;
    else if (key == KEY_LOAD)
        o->load = text;
    else
        o->log = text;
    return TW_OK;
}

static void set_flag(struct options *o, int key)
{
    o->eval_only |= key == KEY_EVAL_ONLY;
    o->quiet |= key == KEY_QUIET;
    o->json |= key == KEY_JSON;
    o->print_model |= key == KEY_PRINT_MODEL;
    o->print_plan |= key == KEY_PRINT_PLAN;
    o->profile |= key == KEY_PROFILE;
}

static void take_given(double *knob, double given)
{
    if (!isnan(given)) {
        *knob = given;
    }
}

/* NAN marks what was not given; the defaults depend on the optimizer, which may come last. */
static void complete_knobs(struct options *o)
{
    struct tw_optimizer_options given = o->knobs;

    o->knobs = o->optimizer == o->recipe->optimizer ? o->recipe->knobs : tw_optimizer_defaults(o->optimizer);
    take_given(&o->knobs.learning_rate, given.learning_rate);
    take_given(&o->knobs.momentum, given.momentum);
    take_given(&o->knobs.beta1, given.beta1);
    take_given(&o->knobs.beta2, given.beta2);
    take_given(&o->knobs.weight_decay, given.weight_decay);
}

/* The log must neither replace weights nor be replaced by them; that --save replaces what --load has read is fine. */
static enum tw_status check_log(const char *option, const char *weights, const char *log)
{
    if (!weights || !log || !app_same_file(weights, log))
        return TW_OK;
    return tw_fail(TW_ERROR_ARGUMENT, "%s and --log: '%s' and '%s' are the same file, expected two", option,
                   weights, log);
}

/* What no option can check alone. */
static enum tw_status check_together(struct options *o)
{
    if (!isnan(o->knobs.momentum) && o->optimizer != TW_SGD)
        return tw_fail(TW_ERROR_ARGUMENT, "--momentum: for --optimizer sgd only, not for %s",
                       tw_optimizer_name(o->optimizer));
    if (o->optimizer == TW_SGD && !(isnan(o->knobs.beta1) && isnan(o->knobs.beta2))) {
        return tw_fail(TW_ERROR_ARGUMENT, "--%s: for --optimizer adam and adamw only, not for sgd",
                       isnan(o->knobs.beta1) ? "beta2" : "beta1");
    }
    if (o->eval_only && o->validation > 0) {
        return tw_fail(TW_ERROR_ARGUMENT, "--eval-only: evaluates the test set, not images held back by "
                                          "--validation");
    }
    if (o->eval_only && !o->load)
        return tw_fail(TW_ERROR_ARGUMENT, "--eval-only: needs weights to evaluate: give --load FILE");
    if (o->eval_only && (o->save || o->log))
        return tw_fail(TW_ERROR_ARGUMENT, "--eval-only: trains nothing, so there is nothing for %s",
                       o->save ? "--save" : "--log");
    if (check_log("--save", o->save, o->log) || check_log("--load", o->load, o->log))
        return TW_ERROR_ARGUMENT;
    complete_knobs(o);
    return TW_OK;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct options *o = state->input;
    enum tw_status status = TW_OK;

    if (key == ARGP_KEY_ARG)
        status = tw_fail(TW_ERROR_ARGUMENT, "'%s': every argument is an option", text);
    else if (key == ARGP_KEY_END)
        status = check_together(o);
    else if (key < KEY_EPOCHS || key > KEY_PROFILE)
        return ARGP_ERR_UNKNOWN;
    else if (key <= KEY_WEIGHT_DECAY)
        status = set_number(o, key, text);
    else if (key <= KEY_ISA)
        status = set_name(o, key, text);
    else if (key <= KEY_LOG)
        status = set_file(o, key, text);
    else
        set_flag(o, key);
    if (status)
        argp_error(state, "%s", tw_error_message());
    return 0;
}

/* The first reading looks for the recipe alone: options may come before it. */
static error_t find_recipe(int key, char *text, struct argp_state *state)
{
    struct options *o = state->input;

    if (key == KEY_RECIPE && recipe_parse(text, &o->recipe)) {
        argp_error(state, "%s", tw_error_message());
    }
    return key < KEY_EPOCHS ? ARGP_ERR_UNKNOWN : 0;
}

/* The recipes behind the rest of --help; argp frees what it gets. */
static char *add_recipes(int key, const char *text, void *input)
{
    char *all = NULL;
    size_t bytes;
    FILE *stream;

    (void)input;
    if (key != ARGP_KEY_HELP_EXTRA) {
        return (char *)(uintptr_t)text;
    }
    stream = open_memstream(&all, &bytes);
    if (!stream) {
        return NULL;
    }
    fprintf(stream, "Recipes (docs/recipes.md says how they were chosen):\n");
    for (size_t i = 0; i < RECIPE_COUNT; i++) {
        recipe_print(recipe_at(i), stream);
    }
    fclose(stream);
    return all;
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct argp first = {
        .options = option_table, .parser = find_recipe, .doc = description, .help_filter = add_recipes};
    static const struct argp parser = {.options = option_table, .parser = parse_option, .doc = description};
    struct options found = {.recipe = recipe_at(0)};
    const struct recipe *recipe;

    argp_err_exit_status = 2;
    argp_parse(&first, argc, argv, 0, NULL, &found);
    recipe = found.recipe;
    *options = (struct options){
        .recipe = recipe,
        .epochs = recipe->epochs,
        .batch_size = recipe->batch_size,
        .seed = 1,
        .optimizer = recipe->optimizer,
        .knobs = {.learning_rate = NAN, .momentum = NAN, .beta1 = NAN, .beta2 = NAN, .weight_decay = NAN},
        .schedule = recipe->schedule,
        .augmentation = recipe->augmentation,
        .label_smoothing = recipe->label_smoothing,
        .init = "torch",
        .bind = TW_BIND_NONE,
        .isa = TW_ISA_COUNT,
        .plan = TW_PLAN_LEVELS - 1,
    };
    tw_augmentation_parse(options->augmentation, &options->augment);
    argp_parse(&parser, argc, argv, 0, NULL, options);
}

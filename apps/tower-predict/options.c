#include "apps/tower-predict/options.h"

#include <argp.h>

#include "apps/common/number.h"
#include "core/team.h"
#include "layers/plan/plan.h"

const char *argp_program_version = "tower-predict " TOWER_VERSION;

/* Above every character: long options only. Grouped by the function that takes them. */
enum key {
    KEY_LIMIT = 256,
    KEY_BATCH_SIZE,
    KEY_THREADS,
    KEY_PLAN, /* the last number */
    KEY_LOAD,
    KEY_LABELS,
    KEY_BIND,
    KEY_ISA,
    KEY_TIME, /* the last other value */
    KEY_JSON,
    KEY_SUMMARY,
    KEY_PRINT_PLAN, /* the last flag */
};

#define DEFAULT_SECONDS 1.0

#define OPTION(long_name, option_key, value, text)                              \
    {                                                                           \
        .name = (long_name), .key = (option_key), .arg = (value), .doc = (text) \
    }
#define HEADING(text) \
    {                 \
        .doc = (text) \
    }

static const struct argp_option option_table[] = {
    HEADING("Files:"),
    OPTION("load", KEY_LOAD, "FILE", "the weights, as tower-train --save writes them; must be given"),
    OPTION("labels", KEY_LABELS, "FILE", "the right digits (IDX): tells accuracy and confusion matrix"),
    OPTION("limit", KEY_LIMIT, "N", "take the first N images only"),
    HEADING("Machine; none of these changes a result within a plan level:"),
    OPTION("batch-size", KEY_BATCH_SIZE, "N", "images predicted at a time (64)"),
    OPTION("threads", KEY_THREADS, "N", "threads of the team (OMP_NUM_THREADS, else one per core allowed)"),
    OPTION("bind", KEY_BIND, "none|compact|scatter", "where threads are pinned (none)"),
    OPTION("isa", KEY_ISA, "NAME", "kernels: reference, neon, avx2, avx512 (the best this CPU has)"),
    OPTION("plan", KEY_PLAN, "0|1|2", "0: reference kernels; 1: SIMD kernels; 2: fused (2)"),
    HEADING("Output:"),
    OPTION("json", KEY_JSON, NULL, "all results as one JSON object on stdout, everything else on stderr"),
    OPTION("summary", KEY_SUMMARY, NULL, "leave out what is told image by image"),
    OPTION("print-plan", KEY_PRINT_PLAN, NULL, "print what runs where"),
    {.name = "time",
     .key = KEY_TIME,
     .arg = "SECONDS",
     .flags = OPTION_ARG_OPTIONAL,
     .doc = "then predict the images again and again for so long (1): latency and images/s"},
    {0},
};

static const char description[] =
    "Reads handwritten digits with a Tower that tower-train has trained. IMAGES is an IDX file, gzip or not."
    "\vExit status: 0 success, 1 the work failed, 2 bad usage.";

static enum tw_status set_number(struct options *o, int key, const char *text)
{
    switch (key) {
    case KEY_LIMIT:
        return app_parse_integer("--limit", text, 1, INT32_MAX, &o->limit);
    case KEY_BATCH_SIZE:
        return app_parse_integer("--batch-size", text, 1, 65536, &o->batch_size);
    case KEY_THREADS:
        return app_parse_integer("--threads", text, 1, TW_TEAM_MAX_THREADS, &o->threads);
    default:
        return app_parse_integer("--plan", text, 0, TW_PLAN_LEVELS - 1, &o->plan);
    }
}

static enum tw_status set_value(struct options *o, int key, const char *text)
{
    switch (key) {
    case KEY_LOAD:
        o->load = text;
        return TW_OK;
    case KEY_LABELS:
        o->labels = text;
        return TW_OK;
    case KEY_BIND:
        return tw_bind_parse(text, &o->bind);
    case KEY_ISA:
        return tw_isa_parse(text, &o->isa);
    default:
        o->time = DEFAULT_SECONDS;
        return text ? app_parse_real("--time", text, 1e-3, 3600, &o->time) : TW_OK;
    }
}

static void set_flag(struct options *o, int key)
{
    o->json |= key == KEY_JSON;
    o->summary |= key == KEY_SUMMARY;
    o->print_plan |= key == KEY_PRINT_PLAN;
}

static enum tw_status set_argument(struct options *o, const char *text)
{
    if (o->images) {
        return tw_fail(TW_ERROR_ARGUMENT, "'%s': one file of images at a time", text);
    }
    o->images = text;
    return TW_OK;
}

static enum tw_status check_together(const struct options *o)
{
    if (!o->images) {
        return tw_fail(TW_ERROR_ARGUMENT, "no images: name an IDX file");
    }
    if (!o->load) {
        return tw_fail(TW_ERROR_ARGUMENT, "no weights: give --load FILE, as tower-train --save writes it");
    }
    return TW_OK;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct options *o = state->input;
    enum tw_status status = TW_OK;

    if (key == ARGP_KEY_ARG) {
        status = set_argument(o, text);
    } else if (key == ARGP_KEY_END) {
        status = check_together(o);
    } else if (key < KEY_LIMIT || key > KEY_PRINT_PLAN) {
        return ARGP_ERR_UNKNOWN;
    } else if (key <= KEY_PLAN) {
        status = set_number(o, key, text);
    } else if (key <= KEY_TIME) {
        status = set_value(o, key, text);
    } else {
        set_flag(o, key);
    }
    if (status) {
        argp_error(state, "%s", tw_error_message());
    }
    return 0;
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct argp parser = {
        .options = option_table, .parser = parse_option, .args_doc = "IMAGES", .doc = description};

    *options = (struct options){
        .batch_size = 64,
        .bind = TW_BIND_NONE,
        .isa = TW_ISA_COUNT,
        .plan = TW_PLAN_LEVELS - 1,
    };
    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, options);
}

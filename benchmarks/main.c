/* tower-bench: times Tower's kernels and, in the same process, those of other libraries on the same work. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/families.h"
#include "benchmarks/notes.h"
#include "benchmarks/peers/limit.h"

struct options {
    const char *isa, *shape, *json;
    char **names; /* families or shape files; none: all */
    int name_count;
    double seconds, spread;
    int repetitions;
    bool quick, no_peers;
};

static const struct {
    const char *name;
    tw_family_fn *hold;
} families[] = {
    {"gemm", tw_family_gemm},           {"linear", tw_family_linear},       {"conv2d", tw_family_conv2d},
    {"conv_pool", tw_family_conv_pool}, {"pool", tw_family_pool},           {"relu", tw_family_relu},
    {"softmax", tw_family_softmax},     {"optimizer", tw_family_optimizer},
};

/* The shapes of TOWER_SHAPES_DIR. */
static const char *const files[] = {"tower", "gemm", "resnet"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct argp_option option_list[] = {
    {"isa", 'i', "NAME", 0, "kernels of this ISA, peers limited to it (avx2, avx512 …)", 0},
    {"shape", 's', "TEXT", 0, "only shapes whose name contains TEXT", 0},
    {"repetitions", 'r', "N", 0, "times each row is measured (default 7)", 0},
    {"seconds", 't', "S", 0, "least time of a repetition (default 0.02)", 0},
    {"spread", 'p', "PER CENT", 0,
     "measure a contest again, up to twice, if the spread of its ratio is larger (default 15)", 0},
    {"json", 'j', "FILE", 0, "write all measurements there", 0},
    {"no-peers", 'n', NULL, 0, "Tower alone", 0},
    {"quick", 'q', NULL, 0, "small batches, once each: a test that everything runs", 0},
    {0},
};

static double positive(struct argp_state *state, const char *name, const char *text)
{
    char *end = NULL;
    const double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value > 0.0 && value <= 1000.0))
        argp_error(state, "--%s: \"%s\", expected a number above 0, up to 1000", name, text);
    return value;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'i':
        options->isa = value;
        return 0;
    case 's':
        options->shape = value;
        return 0;
    case 'r':
        options->repetitions = (int)positive(state, "repetitions", value);
        if (options->repetitions < 1)
            argp_error(state, "--repetitions: at least 1");
        return 0;
    case 't':
        options->seconds = positive(state, "seconds", value);
        return 0;
    case 'p':
        options->spread = positive(state, "spread", value) / 100.0;
        return 0;
    case 'j':
        options->json = value;
        return 0;
    case 'n':
        options->no_peers = true;
        return 0;
    case 'q':
        options->quick = true;
        return 0;
    case ARGP_KEY_ARGS:
        options->names = state->argv + state->next;
        options->name_count = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {.options = option_list,
                                   .parser = parse_option,
                                   .args_doc = "[FAMILY|SHAPES …]",
                                   .doc = "Times Tower's kernels beside those of other libraries."};

/* What reading a shape file needs to know. */
struct run {
    struct tw_session session;
    const struct options *options;
    const char *file;
};

static bool is_named(const struct options *options, const char *name)
{
    for (int i = 0; i < options->name_count; i++)
        if (strcmp(options->names[i], name) == 0)
            return true;
    return options->name_count == 0;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (strcmp(families[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < COUNT(files); i++)
        if (strcmp(files[i], name) == 0)
            return true;
    return false;
}

static void hold(const struct tw_shape *shape, void *context)
{
    struct run *run = context;
    const struct options *options = run->options;

    if (options->shape && !strstr(shape->name, options->shape))
        return;
    if (!is_named(options, run->file) && !is_named(options, shape->family))
        return;
    for (size_t i = 0; i < COUNT(families); i++)
        if (strcmp(families[i].name, shape->family) == 0) {
            families[i].hold(&run->session, shape);
            return;
        }
    fprintf(stderr, "tower-bench: shape %s: no family \"%s\"\n", shape->name, shape->family);
    run->session.refused++;
}

static bool hold_all(struct run *run)
{
    char path[4096];

    for (size_t i = 0; i < COUNT(files); i++) {
        run->file = files[i];
        snprintf(path, sizeof path, "%s/%s.txt", TOWER_SHAPES_DIR, files[i]);
        if (tw_shapes_read(path, hold, run) < 0)
            return false;
    }
    return true;
}

/* Kernels of the ISA asked for or of the best one; false after printing why not. */
static bool choose_kernels(struct tw_session *session, const char *name)
{
    enum tw_isa isa = TW_ISA_COUNT;

    if (name && tw_isa_parse(name, &isa) != TW_OK)
        return false;
    if (tw_isa_choose(isa, &isa, NULL) != TW_OK)
        return false;
    session->kernels = tw_kernels_of(isa);
    session->reference = tw_kernels_of(TW_ISA_REFERENCE);
    return session->kernels && session->reference;
}

static int hold_and_report(struct run *run)
{
    const struct options *options = run->options;
    const struct tw_bench_settings settings = {.json_path = options->json,
                                               .seconds = options->quick ? 1e-6 : options->seconds,
                                               .repetitions = options->quick ? 1 : options->repetitions,
                                               .spread = options->spread};
    bool ok;

    if (!tw_bench_open(&settings)) {
        fprintf(stderr, "tower-bench: %s: %s\n", options->json, strerror(errno));
        return 1;
    }
    tw_notes_write(&run->session);
    ok = hold_all(run);
    if (!tw_bench_close()) {
        fprintf(stderr, "tower-bench: %s: could not be written\n", options->json);
        ok = false;
    }
    if (run->session.held == 0)
        fprintf(stderr, "tower-bench: nothing matches\n");
    if (run->session.refused > 0)
        fprintf(stderr, "tower-bench: %d refused\n", run->session.refused);
    return ok && run->session.held > 0 && run->session.refused == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options options = {.seconds = 0.02, .repetitions = 7, .spread = 0.15};
    struct run run = {.options = &options};

    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
    for (int i = 0; i < options.name_count; i++)
        if (!is_known(options.names[i])) {
            fprintf(stderr, "tower-bench: \"%s\" is neither a family nor a file of shapes\n",
                    options.names[i]);
            return 2;
        }
    if (!choose_kernels(&run.session, options.isa)) {
        fprintf(stderr, "tower-bench: %s\n", tw_error_message());
        return 1;
    }
    run.session.quick = options.quick;
    run.session.peers = !options.no_peers && run.session.kernels->isa >= TW_ISA_AVX2;
    tw_peers_limit(run.session.kernels->isa);
    return hold_and_report(&run);
}

/* tower-bench: times Tower's kernels and, in the same process, those of other libraries on the same work. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/covered.h"
#include "benchmarks/families.h"
#include "benchmarks/notes.h"
#include "benchmarks/peers/limit.h"
#include "benchmarks/selection.h"

struct options {
    const char *isa, *json, *untested;
    struct tw_selection selection;
    double seconds, spread;
    int repetitions;
    bool quick, no_peers, covered;
};

enum { KEY_COVERED = 256, KEY_UNTESTED };

static const struct argp_option option_list[] = {
    {"isa", 'i', "NAME", 0, "kernels of this ISA, peers limited to it (avx2, avx512 …)", 0},
    {"shape", 's', "TEXT", 0, "only the shape TEXT; if there is none, those whose name contains it", 0},
    {"repetitions", 'r', "N", 0, "times each row is measured (default 7)", 0},
    {"seconds", 't', "S", 0, "least time of a repetition (default 0.02)", 0},
    {"spread", 'p', "PER CENT", 0,
     "measure a contest again, up to twice, if the spread of its ratio is larger (default 15)", 0},
    {"json", 'j', "FILE", 0, "write all measurements there", 0},
    {"no-peers", 'n', NULL, 0, "Tower alone", 0},
    {"quick", 'q', NULL, 0, "small batches, once each: a test that everything runs", 0},
    {"covered", KEY_COVERED, NULL, 0, "print which kernels the tests compare with the reference", 0},
    {"as-untested", KEY_UNTESTED, "KERNEL", 0, "take it that no test compares it: a test that it is refused",
     0},
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
        options->selection.shape = value;
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
    case KEY_COVERED:
        options->covered = true;
        return 0;
    case KEY_UNTESTED:
        options->untested = value;
        return 0;
    case ARGP_KEY_ARGS:
        options->selection.names = state->argv + state->next;
        options->selection.count = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[FAMILY|CONTEST|SHAPES …]",
    .doc =
        "Times Tower's kernels beside those of other libraries.\v"
        "Families and contests (conv2d, conv2d-forward …; the tables name them) and files of shapes (tower, "
        "resnet, or a path) can be combined: \"tower linear relu\" is what tower.txt has of these two."};

static void hold(const struct tw_shape *shape, void *context)
{
    struct tw_session *session = context;
    const struct tw_family *family = tw_family_named(shape->family);

    if (family) {
        family->hold(session, shape);
        return;
    }
    fprintf(stderr, "tower-bench: shape %s: no family \"%s\"\n", shape->name, shape->family);
    session->refused++;
}

/* Kernels of the ISA asked for or of the best one; false after printing why not. */
static bool choose_kernels(struct tw_session *session, const struct options *options)
{
    const char *name = options->isa;
    enum tw_isa isa = TW_ISA_COUNT;
    const struct tw_kernels *kernels;

    if (name && tw_isa_parse(name, &isa) != TW_OK)
        return false;
    if (tw_isa_choose(isa, &isa, NULL) != TW_OK)
        return false;
    kernels = tw_kernels_of(isa);
    session->reference = tw_kernels_of(TW_ISA_REFERENCE);
    if (!kernels || !session->reference)
        return false;
    session->kernels = tw_covered_kernels(kernels, options->untested);
    return true;
}

static int hold_and_report(struct tw_session *session, const struct options *options)
{
    const struct tw_bench_settings settings = {.json_path = options->json,
                                               .seconds = options->quick ? 1e-6 : options->seconds,
                                               .repetitions = options->quick ? 1 : options->repetitions,
                                               .spread = options->spread};
    bool ok;

    if (!tw_bench_open(&settings)) {
        fprintf(stderr, "tower-bench: %s: %s\n", options->json, strerror(errno));
        return 1;
    }
    tw_notes_write(session);
    ok = tw_selection_shapes(&options->selection, hold, session);
    if (!tw_bench_close()) {
        fprintf(stderr, "tower-bench: %s: could not be written\n", options->json);
        ok = false;
    }
    if (session->held == 0)
        fprintf(stderr, "tower-bench: nothing was measured\n");
    if (session->refused > 0)
        fprintf(stderr, "tower-bench: %d refused\n", session->refused);
    return ok && session->held > 0 && session->refused == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options options = {.seconds = 0.02, .repetitions = 7, .spread = 0.15};
    struct tw_session session = {.selection = &options.selection};

    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
    if (!tw_selection_is_valid(&options.selection))
        return 2;
    if (options.covered)
        return tw_covered_print(options.untested) ? 0 : 1;
    if (!choose_kernels(&session, &options)) {
        fprintf(stderr, "tower-bench: %s\n", tw_error_message());
        return 1;
    }
    session.quick = options.quick;
    session.peers = !options.no_peers && session.kernels->isa >= TW_ISA_AVX2;
    tw_peers_limit(session.kernels->isa);
    return hold_and_report(&session, &options);
}

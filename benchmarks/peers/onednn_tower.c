/* onednn-tower: trains the tower on MNIST with a step put together by hand from oneDNN primitives. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "benchmarks/peers/onednn_tower_step.h"
#include "core/rng.h"
#include "layers/models/tower.h"

#define STEPS_PER_LINE 100

struct options {
    const char *data; /* NULL: synthetic digits */
    long batch_size, limit, epochs, seed;
    struct tw_onednn_step_options step;
    bool json;
};

static const struct argp_option option_list[] = {
    {"data", 'd', "DIR", 0, "folder with MNIST's files (default: synthetic digits)", 0},
    {"batch-size", 'b', "N", 0, "images per step (64)", 0},
    {"limit", 'l', "N", 0, "train on the first N images, a multiple of the batch size (12800)", 0},
    {"epochs", 'e', "N", 0, "passes over them; the last one is timed (2)", 0},
    {"seed", 's', "N", 0, "of initial weights and shuffling, as tower-train (1)", 0},
    {"relu", 'r', "pooled|full", 0,
     "take relu's gradient of the pooled arrays, which is the same and cheaper, or of the full ones (pooled)",
     0},
    {"profile", 'p', NULL, 0, "print the time of every primitive", 0},
    {"json", 'j', NULL, 0, "print the result as JSON on stdout alone", 0},
    {0},
};

static long whole(struct argp_state *state, const char *name, const char *text)
{
    char *end = NULL;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || end == text || *end != '\0' || value < 1 || value > 1000000)
        argp_error(state, "--%s: \"%s\", expected a whole number from 1 to 1000000", name, text);
    return value;
}

static enum tw_relu_place relu_place(struct argp_state *state, const char *text)
{
    if (strcmp(text, "pooled") != 0 && strcmp(text, "full") != 0)
        argp_error(state, "--relu: \"%s\", expected pooled or full", text);
    return strcmp(text, "full") == 0 ? TW_RELU_FULL : TW_RELU_POOLED;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'd':
        options->data = value;
        return 0;
    case 'b':
        options->batch_size = whole(state, "batch-size", value);
        return 0;
    case 'l':
        options->limit = whole(state, "limit", value);
        return 0;
    case 'e':
        options->epochs = whole(state, "epochs", value);
        return 0;
    case 's':
        options->seed = whole(state, "seed", value);
        return 0;
    case 'r':
        options->step.relu = relu_place(state, value);
        return 0;
    case 'p':
        options->step.profile = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_END:
        if (options->limit % options->batch_size != 0)
            argp_error(state, "--limit %ld is no multiple of --batch-size %ld", options->limit,
                       options->batch_size);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .doc = "Trains the tower with a step put together by hand from oneDNN primitives and prints its speed, "
           "without the time of reorders between layouts. Threads: OMP_NUM_THREADS, which must be set. "
           "Instruction sets: ONEDNN_MAX_CPU_ISA for oneDNN, TOWER_ISA for the rest.",
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* All that a run holds. */
struct trainer {
    struct options options;
    struct tw_dataset dataset;
    struct tw_loader loader;
    struct tw_rng rng;
    struct tw_team *team;
    tw_module *tower; /* initial weights */
    struct tw_onednn_step step;
    bool step_ready;
    double train_loss, seconds, reorder_seconds; /* of the last epoch; seconds without reorders */
};

/* oneDNN takes the threads of its OpenMP runtime, so the team has to have the same number. */
static enum tw_status make_team(struct trainer *trainer)
{
    struct tw_team_size size;
    enum tw_status status = tw_team_choose_size(0, 0, &size);

    if (status)
        return status;
    if (size.limits.environment == 0)
        return tw_fail(TW_ERROR_ARGUMENT, "OMP_NUM_THREADS is not set, expected the number of threads");
    trainer->team = tw_team_new(size.threads, TW_BIND_NONE);
    return trainer->team ? TW_OK : tw_error_status();
}

static enum tw_status read_data(struct trainer *trainer)
{
    const struct options *options = &trainer->options;
    enum tw_status status = options->data
                                ? tw_dataset_read_mnist(options->data, TW_SUBSET_TRAIN, &trainer->dataset)
                                : tw_dataset_synthetic(options->limit, TW_SUBSET_TRAIN, 1, &trainer->dataset);

    return status ? status
                  : tw_loader_init(&trainer->loader, &trainer->dataset, options->batch_size, options->limit);
}

static enum tw_status prepare(struct trainer *trainer)
{
    enum tw_isa isa;
    enum tw_status status = make_team(trainer);

    if (!status)
        status = read_data(trainer);
    if (!status)
        status = tw_isa_choose(TW_ISA_COUNT, &isa, NULL);
    if (status)
        return status;
    tw_rng_seed(&trainer->rng, (uint64_t)trainer->options.seed);
    trainer->tower = tw_tower_new(&trainer->rng);
    if (!trainer->tower)
        return tw_error_status();
    status = tw_onednn_step_init(&trainer->step, &trainer->options.step, trainer->team, tw_kernels_of(isa),
                                 &trainer->loader, trainer->tower);
    trainer->step_ready = !status;
    return status;
}

static void train_epoch(struct trainer *trainer)
{
    struct tw_onednn_step *step = &trainer->step;
    const double started = now();
    double sum = 0.0, recent = 0.0;
    long steps = 0;

    tw_program_forget_seconds(&step->program);
    tw_loader_start(&trainer->loader, &trainer->rng);
    while (tw_loader_next(&trainer->loader) > 0) {
        tw_onednn_step_run(step);
        sum += (double)step->loss;
        recent += (double)step->loss;
        if (++steps % STEPS_PER_LINE == 0) {
            if (!trainer->options.json)
                printf("step %5lld  mean loss of the last %d steps %.4f\n", (long long)step->steps,
                       STEPS_PER_LINE, recent / STEPS_PER_LINE);
            recent = 0.0;
        }
    }
    trainer->train_loss = sum / (double)steps;
    trainer->reorder_seconds = tw_program_reorder_seconds(&step->program);
    trainer->seconds = now() - started - trainer->reorder_seconds;
}

static void print_profile(const struct trainer *trainer)
{
    const struct tw_program *program = &trainer->step.program;
    const double steps = (double)(trainer->options.limit / trainer->options.batch_size);

    printf("\n%-24s %10s %8s  %s\n", "part", "us", "%", "implementation");
    for (int i = 0; i < program->part_count; i++) {
        const struct tw_program_part *part = &program->parts[i];

        if (part->reorder)
            printf("%-24s %10.1f %8s  %s\n", part->name, 1e6 * part->seconds / steps, "left out",
                   part->implementation);
        else
            printf("%-24s %10.1f %8.1f  %s\n", part->name, 1e6 * part->seconds / steps,
                   100.0 * part->seconds / trainer->seconds, part->implementation);
    }
    printf("%-24s %10.1f\n\n", "step, gathering included", 1e6 * trainer->seconds / steps);
}

static void report(const struct trainer *trainer)
{
    const struct options *options = &trainer->options;
    const dnnl_version_t *version = dnnl_version();
    const double speed = (double)options->limit / trainer->seconds;
    const double with_reorders = (double)options->limit / (trainer->seconds + trainer->reorder_seconds);

    if (options->step.profile && !options->json)
        print_profile(trainer);
    if (options->json)
        printf(
            "{\"images_per_second\": %.1f, \"images_per_second_with_reorders\": %.1f, \"train_loss\": %.9f, "
            "\"threads\": %d, \"version\": \"%d.%d.%d\"}\n",
            speed, with_reorders, trainer->train_loss, tw_team_threads(trainer->team), version->major,
            version->minor, version->patch);
    else
        printf("oneDNN %d.%d.%d, %d threads: train loss %.6f, %.0f images/s (%.0f with reorders)\n",
               version->major, version->minor, version->patch, tw_team_threads(trainer->team),
               trainer->train_loss, speed, with_reorders);
}

static void release(struct trainer *trainer)
{
    if (trainer->step_ready)
        tw_onednn_step_release(&trainer->step);
    tw_module_release(trainer->tower);
    tw_team_release(trainer->team);
    tw_loader_release(&trainer->loader);
    tw_dataset_release(&trainer->dataset);
}

int main(int argc, char **argv)
{
    struct trainer trainer = {.options = {.batch_size = 64, .limit = 12800, .epochs = 2, .seed = 1}};
    enum tw_status status;

    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &trainer.options);
    status = prepare(&trainer);
    for (long epoch = 0; !status && epoch < trainer.options.epochs; epoch++)
        train_epoch(&trainer);
    if (status)
        fprintf(stderr, "onednn-tower: %s\n", tw_error_message());
    else
        report(&trainer);
    release(&trainer);
    return status ? 1 : 0;
}

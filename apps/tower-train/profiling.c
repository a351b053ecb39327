#include "apps/tower-train/profiling.h"

#include "apps/common/profile_json.h"
#include "core/memory.h"

enum tw_status profiling_start(const struct trainer *trainer)
{
    enum tw_status status = TW_OK;

    if (!trainer->options->profile) {
        return TW_OK;
    }
    if (trainer->training.plan) {
        status = tw_plan_profile_start(trainer->training.plan);
    }
    return status ? status : tw_plan_profile_start(trainer->evaluation.plan);
}

/* Streams of 4 bytes that an update goes through: value, gradient and moments, read or written. */
static int optimizer_streams(const struct options *options)
{
    if (options->optimizer != TW_SGD) {
        return 7;
    }
    return options->knobs.momentum != 0 ? 5 : 3;
}

/* Seconds of one step, and of its parts. */
struct parts {
    double step, gather, run, optimizer, bytes_updated;
};

static struct parts parts_of(const struct trainer *trainer)
{
    const struct step_times *times = &trainer->times;
    double steps = (double)trainer->step;

    return (struct parts){
        .step = 1e-9 * (double)times->total / steps,
        .gather = 1e-9 * (double)times->gather / steps,
        .run = 1e-9 * (double)times->run / steps,
        .optimizer = 1e-9 * (double)times->optimizer / steps,
        .bytes_updated = 4.0 * optimizer_streams(trainer->options) *
                         (double)tw_module_parameter_elements(trainer->model, true),
    };
}

static void print_part(FILE *out, const char *name, double seconds, double step)
{
    fprintf(out, "  %-42s %8.1f us  %5.1f %%\n", name, 1e6 * seconds, 100.0 * seconds / step);
}

static void print_step(FILE *out, const struct trainer *trainer)
{
    struct parts parts = parts_of(trainer);

    fprintf(out, "\nA training step, mean of %lld\n", (long long)trainer->step);
    print_part(out, "gathering batches, where not beside a run", parts.gather, parts.step);
    if (trainer_updates_in_plan(trainer)) {
        print_part(out, "plan: forward, backward and updates", parts.run, parts.step);
    } else {
        print_part(out, "plan: forward and backward", parts.run, parts.step);
        print_part(out, tw_optimizer_name(trainer->options->optimizer), parts.optimizer, parts.step);
    }
    print_part(out, "schedule, tally, progress", parts.step - parts.gather - parts.run - parts.optimizer,
               parts.step);
    print_part(out, "in all", parts.step, parts.step);
    if (!trainer_updates_in_plan(trainer)) {
        fprintf(out, "  the optimizer moves %.1f MB: %.1f GB/s\n", 1e-6 * parts.bytes_updated,
                1e-9 * parts.bytes_updated / parts.optimizer);
    }
}

static void print_plan(FILE *out, const char *name, const tw_plan *plan)
{
    char *text = plan && tw_plan_profile(plan).runs > 0 ? tw_plan_profile_text(plan) : NULL;

    if (text) {
        fprintf(out, "\nProfile of %s: %s", name, text);
    }
    tw_free(text);
}

void profiling_print(FILE *out, const struct trainer *trainer)
{
    if (!trainer->options->profile) {
        return;
    }
    print_plan(out, "training", trainer->training.plan);
    print_plan(out, "evaluation", trainer->evaluation.plan);
    if (trainer->step > 0) {
        print_step(out, trainer);
    }
}

static bool add_plan(cJSON *object, const char *name, const tw_plan *plan)
{
    bool ran = plan && tw_plan_profile(plan).runs > 0;
    cJSON *profile = ran ? profile_json(plan) : cJSON_CreateNull();

    return profile && cJSON_AddItemToObject(object, name, profile);
}

static bool add_step(cJSON *object, const struct trainer *trainer)
{
    struct parts parts = parts_of(trainer);
    cJSON *step = trainer->step > 0 ? cJSON_AddObjectToObject(object, "step") : NULL;

    return trainer->step == 0 || (step && cJSON_AddNumberToObject(step, "seconds", parts.step) &&
                                  cJSON_AddNumberToObject(step, "gather_seconds", parts.gather) &&
                                  cJSON_AddNumberToObject(step, "run_seconds", parts.run) &&
                                  cJSON_AddNumberToObject(step, "optimizer_seconds", parts.optimizer) &&
                                  cJSON_AddNumberToObject(step, "optimizer_bytes", parts.bytes_updated));
}

bool profiling_json(cJSON *object, const struct trainer *trainer)
{
    cJSON *profile;

    if (!trainer->options->profile) {
        return true;
    }
    profile = cJSON_AddObjectToObject(object, "profile");
    return profile && add_plan(profile, "training", trainer->training.plan) &&
           add_plan(profile, "evaluation", trainer->evaluation.plan) && add_step(profile, trainer);
}

#include "apps/tower-train/summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "apps/common/process.h"
#include "apps/common/text.h"
#include "apps/tower-train/profiling.h"
#include "core/memory.h"

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return text ? cJSON_AddStringToObject(object, name, text) != NULL
                : cJSON_AddNullToObject(object, name) != NULL;
}

static bool add_number(cJSON *object, const char *name, double value)
{
    return cJSON_AddNumberToObject(object, name, value) != NULL;
}

static bool add_request(cJSON *object, const struct trainer *t)
{
    const struct options *o = t->options;
    char seed[APP_TEXT_BYTES];

    /* Raw: cJSON keeps numbers as doubles, which cannot hold every seed. */
    snprintf(seed, sizeof seed, "%" PRIu64, o->seed);
    return add_text(object, "recipe", o->recipe->name) && add_number(object, "epochs", (double)o->epochs) &&
           add_number(object, "batch_size", (double)o->batch_size) &&
           cJSON_AddRawToObject(object, "seed", seed) &&
           add_text(object, "optimizer", tw_optimizer_name(o->optimizer)) &&
           add_number(object, "learning_rate", o->knobs.learning_rate) &&
           add_number(object, "momentum", o->knobs.momentum) && add_number(object, "beta1", o->knobs.beta1) &&
           add_number(object, "beta2", o->knobs.beta2) &&
           add_number(object, "weight_decay", o->knobs.weight_decay) &&
           add_number(object, "label_smoothing", o->label_smoothing) &&
           add_text(object, "augmentation", o->augmentation) && add_text(object, "schedule", o->schedule) &&
           add_text(object, "init", o->load ? NULL : o->init) && add_text(object, "loaded_from", o->load) &&
           cJSON_AddBoolToObject(object, "eval_only", o->eval_only);
}

static bool add_choices(cJSON *object, const struct trainer *t)
{
    return add_text(object, "data", t->digits.source) &&
           add_number(object, "train_images", (double)t->train_loader.count) &&
           add_number(object, t->options->validation > 0 ? "validation_images" : "test_images",
                      (double)t->evaluation_loader.count) &&
           add_number(object, "parameters", (double)tw_module_parameter_elements(t->model, false)) &&
           add_number(object, "plan", (double)t->options->plan) &&
           add_number(object, "threads", t->compute.size.threads) &&
           add_text(object, "threads_why", t->compute.size.why) &&
           add_text(object, "bind", tw_bind_name(t->options->bind)) &&
           add_text(object, "isa", tw_isa_name(t->compute.isa)) &&
           add_text(object, "isa_why", t->compute.isa_why);
}

static bool add_ending(cJSON *object, const struct report *report, const struct trainer *trainer,
                       bool interrupted, bool saved)
{
    return add_number(object, "total_seconds", app_seconds() - report->started) &&
           add_number(object, "total_images_per_second",
                      report->train_seconds > 0 ? report->images / report->train_seconds : NAN) &&
           add_number(object, "first_step_seconds",
                      trainer->first_step_after > 0 ? trainer->first_step_after : NAN) &&
           add_number(object, "peak_memory_bytes", (double)tw_memory_usage().peak_bytes) &&
           add_number(object, "peak_resident_bytes", (double)process_peak_memory()) &&
           cJSON_AddBoolToObject(object, "interrupted", interrupted) &&
           add_text(object, "saved_to", saved ? report->options->save : NULL) &&
           add_text(object, "version", TOWER_VERSION);
}

enum tw_status summary_print(const struct report *report, const struct trainer *trainer, bool interrupted,
                             bool saved)
{
    cJSON *object = cJSON_CreateObject();
    char *text = NULL;
    enum tw_status status = TW_OK;

    if (object && epoch_log_fields(object, &report->latest) && add_request(object, trainer) &&
        add_choices(object, trainer) && add_ending(object, report, trainer, interrupted, saved) &&
        profiling_json(object, trainer))
        text = cJSON_Print(object);
    if (text)
        printf("%s\n", text);
    else
        status = tw_fail(TW_ERROR_MEMORY, "no memory for the summary");
    cJSON_free(text);
    cJSON_Delete(object);
    return status;
}

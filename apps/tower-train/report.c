#include "apps/tower-train/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/common/model_table.h"
#include "apps/common/process.h"
#include "apps/common/text.h"
#include "core/memory.h"

static struct epoch_result nothing_measured(const struct options *options, int64_t epoch)
{
    return (struct epoch_result){
        .epoch = epoch,
        .train_loss = NAN,
        .validation = options->validation > 0,
        .test_loss = NAN,
        .test_accuracy = NAN,
        .images_per_second = NAN,
        .seconds = NAN,
    };
}

void report_open(const struct options *options, struct report *report)
{
    *report = (struct report){
        .options = options,
        .out = options->quiet  ? NULL
               : options->json ? stderr
                               : stdout,
        .log = {.path = options->log},
        .started = app_seconds(),
        .latest = nothing_measured(options, 0),
    };
    report->progress = progress_on(report->out);
}

void report_release(struct report *report)
{
    epoch_log_release(&report->log);
}

/* The recipe, and what the command line made different. */
static void print_recipe(FILE *out, const struct options *o)
{
    const struct recipe *r = o->recipe;
    const struct tw_optimizer_options *knobs = &r->knobs;
    const struct {
        const char *option;
        bool differs;
    } changes[] = {
        {"--epochs", o->epochs != r->epochs},
        {"--batch-size", o->batch_size != r->batch_size},
        {"--optimizer", o->optimizer != r->optimizer},
        {"--lr", o->knobs.learning_rate != knobs->learning_rate},
        {"--momentum", o->knobs.momentum != knobs->momentum},
        {"--beta1", o->knobs.beta1 != knobs->beta1},
        {"--beta2", o->knobs.beta2 != knobs->beta2},
        {"--weight-decay", o->knobs.weight_decay != knobs->weight_decay},
        {"--schedule", strcmp(o->schedule, r->schedule) != 0},
        {"--label-smoothing", o->label_smoothing != r->label_smoothing},
        {"--augment", strcmp(o->augmentation, r->augmentation) != 0},
    };
    const char *separator = ", but for ";

    fprintf(out, "  recipe     %s", r->name);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (changes[i].differs) {
            fprintf(out, "%s%s", separator, changes[i].option);
            separator = " ";
        }
    }
    fprintf(out, "\n");
}

static void print_training(FILE *out, const struct trainer *t)
{
    const struct options *o = t->options;
    char count[APP_TEXT_BYTES];

    print_recipe(out, o);
    fprintf(out, "  training   %" PRId64 " %s of %s images in batches of %" PRId64 ", seed %" PRIu64 "\n",
            o->epochs, o->epochs == 1 ? "epoch" : "epochs", app_count_text(t->train_loader.count, count),
            o->batch_size, o->seed);
    fprintf(out, "  optimizer  %s, learning rate %g (%s), weight decay %g", tw_optimizer_name(o->optimizer),
            o->knobs.learning_rate, o->schedule, o->knobs.weight_decay);
    if (o->optimizer == TW_SGD)
        fprintf(out, ", momentum %g\n", o->knobs.momentum);
    else
        fprintf(out, ", betas %g and %g, epsilon %g\n", o->knobs.beta1, o->knobs.beta2, o->knobs.epsilon);
    if (o->label_smoothing > 0) {
        fprintf(out, "  labels     smoothed by %g in the training loss\n", o->label_smoothing);
    }
    if (o->augment.translate > 0) {
        fprintf(out, "  images     moved by up to %td %s each epoch\n", o->augment.translate,
                o->augment.translate == 1 ? "pixel" : "pixels");
    }
}

static void print_plan(FILE *out, const char *name, const struct recording *recording)
{
    char *text = recording->plan ? tw_plan_text(recording->plan) : NULL;

    if (text)
        fprintf(out, "\nPlan of %s\n%s", name, text);
    tw_free(text);
}

static void print_choices(FILE *out, const struct trainer *t)
{
    const struct options *o = t->options;
    char count[APP_TEXT_BYTES];

    fprintf(out, "Tower " TOWER_VERSION "\n");
    fprintf(out, "  data       %s\n", t->digits.source);
    compute_print(out, &t->compute);
    fprintf(out, "  plan       level %" PRId64 "\n", o->plan);
    if (!o->eval_only)
        print_training(out, t);
    app_count_text(t->evaluation_loader.count, count);
    if (o->validation > 0) {
        fprintf(out,
                "  validation %s images, the last of the training set; the test set is not looked at\n\n",
                count);
    } else {
        fprintf(out, "  test set   %s images\n\n", count);
    }
}

void report_start(struct report *report, const struct trainer *trainer)
{
    const struct options *o = report->options;
    const bool validation = o->validation > 0;
    char *tree;

    if (!report->out)
        return;
    print_choices(report->out, trainer);
    if (o->load)
        fprintf(report->out, "  weights from %s\n", o->load);
    model_table_print(report->out, trainer->evaluation.graph, trainer->model, o->load ? "loaded" : o->init);
    if (o->print_model) {
        tree = tw_module_text(trainer->model);
        fprintf(report->out, "\n%s\n", tree ? tree : tw_error_message());
        tw_free(tree);
    }
    if (o->print_plan) {
        print_plan(report->out, "training", &trainer->training);
        print_plan(report->out, "evaluation", &trainer->evaluation);
    }
    if (!o->eval_only && o->epochs > 0)
        fprintf(report->out, "\n%7s  %10s  %9s  %13s  %8s  %7s  %s\n", "epoch", "train loss",
                validation ? "val. loss" : "test loss", validation ? "val. accuracy" : "test accuracy",
                "images/s", "seconds", "SHA-256 of the weights");
    fflush(report->out);
}

void report_step(void *context, const struct step_result *step)
{
    struct report *report = context;

    progress_update(&report->progress, step, report->options->epochs);
}

void report_epoch(void *context, const struct epoch_result *result)
{
    struct report *report = context;
    char epoch[2 * APP_TEXT_BYTES], speed[APP_TEXT_BYTES];

    report->latest = *result;
    report->epochs_done = result->epoch;
    report->train_seconds += result->train_seconds;
    report->images += result->images_per_second * result->train_seconds;
    progress_clear(&report->progress);
    if (report->out) {
        snprintf(epoch, sizeof epoch, "%" PRId64 "/%" PRId64, result->epoch, report->options->epochs);
        fprintf(report->out, "%7s  %10.5f  %9.5f  %11.2f %%  %8s  %7.1f  %s\n", epoch, result->train_loss,
                result->test_loss, 100 * result->test_accuracy,
                app_count_text((int64_t)result->images_per_second, speed), result->seconds,
                result->weights_sha256);
        fflush(report->out);
    }
    if (!report->log_status) {
        report->log_status = epoch_log_append(&report->log, result);
        if (report->log_status)
            report_message(report, tw_error_message());
    }
}

void report_evaluation(struct report *report, const struct epoch_result *result)
{
    report->latest = *result;
    if (report->out)
        fprintf(report->out, "\ntest loss %.5f, test accuracy %.2f %%\nSHA-256 of the weights %s\n",
                result->test_loss, 100 * result->test_accuracy, result->weights_sha256);
}

enum tw_status report_interruption(struct report *report, const struct trainer *trainer, bool saved)
{
    report->latest = nothing_measured(report->options, report->epochs_done);
    report_message(report, saved ? "the weights were saved" : "nothing was saved: --save was not given");
    return tw_module_sha256(trainer->model, report->latest.weights_sha256);
}

void report_end(struct report *report, const struct trainer *trainer, bool saved)
{
    char total[APP_TEXT_BYTES], resident[APP_TEXT_BYTES], own[APP_TEXT_BYTES];

    if (!report->out)
        return;
    fprintf(report->out, "\n%s in all", app_duration_text(app_seconds() - report->started, total));
    if (trainer->first_step_after > 0)
        fprintf(report->out, ", the first step done %.2f s after the start", trainer->first_step_after);
    fprintf(report->out, "; peak memory %s; data, model and plans %s\n",
            app_bytes_text(process_peak_memory(), resident),
            app_bytes_text(tw_memory_usage().peak_bytes, own));
    if (saved)
        fprintf(report->out, "weights in %s\n", report->options->save);
    if (report->log.lines && !report->log_status)
        fprintf(report->out, "log in %s\n", report->options->log);
}

void report_message(struct report *report, const char *message)
{
    progress_clear(&report->progress);
    fprintf(stderr, "tower-train: %s\n", message);
}

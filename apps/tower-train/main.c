/* tower-train: trains the Tower on handwritten digits. */
#include <stdlib.h>

#include "apps/common/output.h"
#include "apps/tower-train/interrupt.h"
#include "apps/tower-train/profiling.h"
#include "apps/tower-train/summary.h"

/* Without training, what fails is the fault of the weights given. */
static enum tw_status evaluate(struct trainer *trainer, struct epoch_result *result)
{
    enum tw_status status = train_evaluate(trainer, result);

    return status == TW_ERROR_ARGUMENT && trainer->options->load ? tw_fail_in("%s: ", trainer->options->load)
                                                                 : status;
}

static enum tw_status work(struct trainer *trainer, struct report *report)
{
    const struct train_observer observer = {.context = report, .step = report_step, .epoch = report_epoch};
    struct epoch_result result = report->latest;
    enum tw_status status;

    report_start(report, trainer);
    status = profiling_start(trainer);
    if (status) {
        return status;
    }
    if (!trainer->options->eval_only && trainer->options->epochs > 0)
        return train_run(trainer, &observer);
    status = evaluate(trainer, &result);
    if (!status)
        report_evaluation(report, &result);
    return status;
}

/* Saves what there is to save, then says how it ended: whoever reads that may be gone, and the weights are not to depend
 * on it. An interruption is no failure: what was asked for then, a clean end, was done. */
static enum tw_status finish(struct trainer *trainer, struct report *report, enum tw_status status)
{
    const bool interrupted = status == TW_ERROR_INTERRUPTED;
    char reason[TW_ERROR_MESSAGE_BYTES];
    bool saved;

    if (status && !interrupted)
        return status;
    snprintf(reason, sizeof reason, "%s", tw_error_message());
    status = trainer_save(trainer);
    saved = trainer->options->save && !status;
    if (interrupted)
        report_message(report, reason);
    if (!status && interrupted)
        status = report_interruption(report, trainer, saved);
    if (status)
        return status;
    if (report->out) {
        profiling_print(report->out, trainer);
    }
    report_end(report, trainer, saved);
    return trainer->options->json ? summary_print(report, trainer, interrupted, saved) : TW_OK;
}

int main(int argc, char **argv)
{
    struct options options;
    struct trainer trainer;
    struct report report;
    enum tw_status status;

    output_open();
    options_parse(&options, argc, argv);
    interrupt_listen();
    report_open(&options, &report);
    status = trainer_open(&options, &trainer);
    if (!status)
        status = finish(&trainer, &report, work(&trainer, &report));
    if (!status)
        status = output_flush();
    if (status)
        report_message(&report, tw_error_message());
    else
        status = report.log_status;
    trainer_release(&trainer);
    report_release(&report);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* tower-predict: reads handwritten digits with weights that tower-train has trained. */
#include <stdlib.h>

#include "apps/common/output.h"
#include "apps/tower-predict/report.h"

static enum tw_status run(const struct options *options, struct work *work)
{
    FILE *out = options->json ? stderr : stdout;
    enum tw_status status;

    report_choices(out, work);
    status = work_predict(work);
    if (!status && options->time > 0) {
        status = work_measure(work);
    }
    if (status) {
        return status;
    }
    if (options->json) {
        return report_json(work);
    }
    report_results(out, work);
    return TW_OK;
}

int main(int argc, char **argv)
{
    struct options options;
    struct work work;
    enum tw_status status;

    output_open();
    options_parse(&options, argc, argv);
    status = work_open(&options, &work);
    if (!status) {
        status = run(&options, &work);
    }
    if (!status) {
        status = output_flush();
    }
    if (status) {
        fprintf(stderr, "tower-predict: %s\n", tw_error_message());
    }
    work_release(&work);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

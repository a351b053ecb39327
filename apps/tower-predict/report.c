#include "apps/tower-predict/report.h"

#include <inttypes.h>

#include "apps/common/text.h"
#include "core/memory.h"

void report_choices(FILE *out, const struct work *work)
{
    const struct options *o = work->options;
    const ptrdiff_t *extent = work->images->shape.extent;
    char count[APP_TEXT_BYTES], *text;

    fprintf(out, "Tower " TOWER_VERSION "\n");
    fprintf(out, "  weights    %s\n", o->load);
    fprintf(out, "  images     %s of %td x %td pixels in %s\n", app_count_text(work->count, count), extent[2],
            extent[3], o->images);
    compute_print(out, &work->compute);
    fprintf(out, "  plan       level %" PRId64 ", batches of %td\n", o->plan, work->predictor.batch);
    text = o->print_plan ? tw_plan_text(work->predictor.plan) : NULL;
    if (text) {
        fprintf(out, "\n%s", text);
    }
    tw_free(text);
}

static ptrdiff_t second_best(const float *probabilities, ptrdiff_t classes, ptrdiff_t best)
{
    ptrdiff_t second = best == 0;

    for (ptrdiff_t c = 0; c < classes; c++) {
        second = c != best && probabilities[c] > probabilities[second] ? c : second;
    }
    return second;
}

static void print_image(FILE *out, const struct work *work, ptrdiff_t image)
{
    ptrdiff_t classes = work->predictor.classes, digit = work->digits[image];
    const float *probabilities = work->probabilities + image * classes;
    ptrdiff_t second = second_best(probabilities, classes, digit);

    fprintf(out, "%8td  %5td  %9.3f %%  %7td  %9.3f %%", image, digit, 100.0 * (double)probabilities[digit],
            second, 100.0 * (double)probabilities[second]);
    if (work->labels) {
        int32_t label = ((const int32_t *)work->labels->data)[image];

        fprintf(out, "  %5" PRId32 "%s", label, label == digit ? "" : "  wrong");
    }
    fprintf(out, "\n");
}

static void print_images(FILE *out, const struct work *work)
{
    fprintf(out, "\n%8s  %5s  %11s  %7s  %11s%s\n", "image", "digit", "probability", "else", "probability",
            work->labels ? "  label" : "");
    for (ptrdiff_t i = 0; i < work->count; i++) {
        print_image(out, work, i);
    }
}

static void print_confusion(FILE *out, const struct work *work)
{
    ptrdiff_t classes = work->predictor.classes;

    fprintf(out, "\nlabel  read as\n     ");
    for (ptrdiff_t c = 0; c < classes; c++) {
        fprintf(out, "  %6td", c);
    }
    fprintf(out, "\n");
    for (ptrdiff_t row = 0; row < classes; row++) {
        fprintf(out, "%5td", row);
        for (ptrdiff_t c = 0; c < classes; c++) {
            fprintf(out, "  %6" PRId64, work->confusion[row * classes + c]);
        }
        fprintf(out, "\n");
    }
}

static void print_timing(FILE *out, const struct timing *t)
{
    char runs[APP_TEXT_BYTES], speed[APP_TEXT_BYTES];

    fprintf(out, "\n%s runs of %td %s: median %.1f us, 99 %% within %.1f us, least %.1f us; %s images/s\n",
            app_count_text(t->runs, runs), t->samples, t->samples == 1 ? "image" : "images", 1e6 * t->median,
            1e6 * t->percentile_99, 1e6 * t->least, app_count_text((int64_t)t->images_per_second, speed));
}

void report_results(FILE *out, const struct work *work)
{
    char correct[APP_TEXT_BYTES], count[APP_TEXT_BYTES];

    if (!work->options->summary) {
        print_images(out, work);
    }
    if (work->labels) {
        print_confusion(out, work);
        fprintf(out, "\naccuracy %.2f %%: %s of %s images\n",
                100.0 * (double)work->correct / (double)work->count, app_count_text(work->correct, correct),
                app_count_text(work->count, count));
    }
    if (work->timing.runs > 0) {
        print_timing(out, &work->timing);
    }
}

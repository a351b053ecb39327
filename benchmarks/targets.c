#include "benchmarks/targets.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 512

struct target {
    char isa[TW_RESULT_NAME], operation[TW_RESULT_NAME], shape[TW_RESULT_NAME], measure[TW_RESULT_NAME];
    double value;
};

/* Ratios, or per cents of peak, of the contests that a target is about. */
struct summary {
    int contests, count; /* what the target is about, and those of them that were measured */
    double least, logarithms;
    const char *shape; /* of the least */
};

static bool is_about(const struct target *target, const struct tw_contest_result *contest)
{
    return strcmp(contest->operation, target->operation) == 0 &&
           (strcmp(target->shape, "*") == 0 || strcmp(contest->shape, target->shape) == 0);
}

static double value_of(const struct target *target, const struct tw_contest_result *contest)
{
    const struct tw_result *tower = tw_result_of(contest, "tower");

    if (strcmp(target->measure, "peak") == 0)
        return tower ? tower->per_cent : 0.0;
    return tw_result_ratio(contest);
}

static struct summary summarize(const struct target *target, const struct tw_results *results)
{
    struct summary summary = {.least = INFINITY};

    for (int i = 0; i < results->count; i++) {
        const bool about = is_about(target, &results->contests[i]);
        const double value = about ? value_of(target, &results->contests[i]) : 0.0;

        summary.contests += about;
        if (value <= 0.0)
            continue;
        summary.count++;
        summary.shape = value < summary.least ? results->contests[i].shape : summary.shape;
        summary.least = fmin(summary.least, value);
        summary.logarithms += log(value);
    }
    return summary;
}

/* The measurements of that ISA, or NULL. */
static const struct tw_results *results_of(const char *isa, const struct tw_results *results, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(tw_results_note(&results[i], "isa"), isa) == 0)
            return &results[i];
    return NULL;
}

static bool is_measure(const struct target *target)
{
    const bool all = strcmp(target->shape, "*") == 0;

    if (strcmp(target->measure, "geomean") == 0 || strcmp(target->measure, "least") == 0)
        return all;
    return strcmp(target->measure, "peak") == 0 || (!all && strcmp(target->measure, "ratio") == 0);
}

/* The number of words of a line: 5, 0 for a comment; -1 if it is no target. */
static int parse(char *line, struct target *target)
{
    char value[TW_RESULT_NAME], more[2], *end;
    int words;

    line[strcspn(line, "#\n")] = '\0';
    words = sscanf(line, "%47s %47s %47s %47s %47s %1s", target->isa, target->operation, target->shape,
                   target->measure, value, more);
    if (words <= 0)
        return 0;
    if (words != 5 || !is_measure(target))
        return -1;
    target->value = strtod(value, &end);
    return *end == '\0' && target->value > 0.0 ? words : -1;
}

static void print_target(const struct target *target, const struct summary *summary)
{
    const bool peak = strcmp(target->measure, "peak") == 0, mean = strcmp(target->measure, "geomean") == 0;
    const bool all = strcmp(target->shape, "*") == 0;
    const double value = mean ? exp(summary->logarithms / summary->count) : summary->least;

    printf("| %s | %s | %s | %s | ", target->isa, target->operation, all ? "all" : target->shape,
           target->measure);
    printf(peak ? "%g %% | %.1f %%" : "%g | %.3f", target->value, value);
    if (all && !mean)
        printf(" (%s)", summary->shape);
    printf(" | %s", value >= target->value ? "met" : "**missed**");
    if (summary->count < summary->contests)
        printf(" (%d of %d shapes)", summary->count, summary->contests);
    printf(" |\n");
}

/* Appends the target to what was not measured. */
static void miss(const struct target *target, char *missing, size_t bytes)
{
    const size_t used = strlen(missing);

    snprintf(missing + used, bytes - used, "%s%s %s %s %s", used > 0 ? "; " : "", target->isa,
             target->operation, target->shape, target->measure);
}

/* Targets of an ISA that was not measured at all are not mentioned. */
static void print_or_miss(const struct target *target, const struct tw_results *results, char *missing,
                          size_t bytes)
{
    struct summary summary;

    if (!results)
        return;
    summary = summarize(target, results);
    if (summary.count > 0)
        print_target(target, &summary);
    else
        miss(target, missing, bytes);
}

bool tw_targets_print(const char *path, const struct tw_results *results, int count)
{
    FILE *file = fopen(path, "r");
    char line[LINE_BYTES], missing[16 * LINE_BYTES] = "";
    struct target target;
    int words = 0;

    if (!file) {
        fprintf(stderr, "tower-bench-table: %s: %s\n", path, strerror(errno));
        return false;
    }
    printf("## Targets\n\n| ISA | operation | shape | | at least | measured | |\n");
    printf("| --- | --- | --- | --- | ---: | ---: | --- |\n");
    for (int number = 1; words >= 0 && fgets(line, sizeof line, file); number++) {
        words = parse(line, &target);
        if (words < 0)
            fprintf(stderr, "%s:%d: expected ISA OPERATION SHAPE MEASURE VALUE (benchmarks/targets.h)\n",
                    path, number);
        if (words > 0)
            print_or_miss(&target, results_of(target.isa, results, count), missing, sizeof missing);
    }
    fclose(file);
    if (*missing)
        printf("\nNot measured: %s.\n", missing);
    printf("\n");
    return words >= 0;
}

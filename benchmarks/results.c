#include "benchmarks/results.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static enum tw_status read_text(const char *path, char **text)
{
    FILE *file = fopen(path, "rb");
    enum tw_status status = TW_OK;
    long bytes;

    if (!file)
        return tw_fail(TW_ERROR_IO, "%s: %s", path, strerror(errno));
    if (fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
        status = tw_fail(TW_ERROR_IO, "%s: %s", path, strerror(errno));
    else if (!(*text = tw_alloc((size_t)bytes + 1)))
        status = tw_error_status();
    else if (fread(*text, 1, (size_t)bytes, file) != (size_t)bytes)
        status = tw_fail(TW_ERROR_IO, "%s: could not be read to its end", path);
    fclose(file);
    return status;
}

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNumber(item) ? item->valuedouble : 0.0;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

    return text ? text : "";
}

/* The contest of that operation and shape, added if it is new. The array has room for all. */
static struct tw_contest_result *contest_of(struct tw_results *results, const char *operation,
                                            const char *shape)
{
    struct tw_contest_result *contest = results->contests;

    for (int i = 0; i < results->count; i++, contest++)
        if (strcmp(contest->operation, operation) == 0 && strcmp(contest->shape, shape) == 0)
            return contest;
    results->count++;
    snprintf(contest->operation, sizeof contest->operation, "%s", operation);
    snprintf(contest->shape, sizeof contest->shape, "%s", shape);
    return contest;
}

static struct tw_result *result_of(struct tw_contest_result *contest, const char *entrant)
{
    struct tw_result *result = contest->results;

    for (int i = 0; i < contest->count; i++, result++)
        if (strcmp(result->entrant, entrant) == 0)
            return result;
    if (contest->count == TW_RESULT_ENTRANTS)
        return NULL;
    contest->count++;
    snprintf(result->entrant, sizeof result->entrant, "%s", entrant);
    return result;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(const double *values, int count)
{
    double sorted[TW_RESULT_REPETITIONS];

    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]);
}

/* One repetition of one row. */
static void add_row(struct tw_results *results, const cJSON *row)
{
    char operation[TW_RESULT_NAME], shape[TW_RESULT_NAME], entrant[TW_RESULT_NAME];
    const bool flops = cJSON_HasObjectItem(row, "GFLOP/s");
    struct tw_result *result;
    double time;

    if (sscanf(text_of(row, "run_name"), "%47[^/]/%47[^/]/%47[^/]", operation, shape, entrant) != 3)
        return;
    result = result_of(contest_of(results, operation, shape), entrant);
    if (!result || result->count == TW_RESULT_REPETITIONS)
        return;
    time = number(row, "cpu_time") / 1e3; /* nanoseconds there */
    result->times[result->count++] = time;
    result->median = median_of(result->times, result->count);
    /* Rate times time is the work, the same in every repetition; so is per cent times time. */
    result->rate = number(row, flops ? "GFLOP/s" : "GB/s") * time / result->median;
    result->per_cent = number(row, flops ? "peak%" : "bandwidth%") * time / result->median;
}

enum tw_status tw_results_read(const char *path, struct tw_results *results)
{
    const cJSON *rows, *row;
    enum tw_status status;
    char *text = NULL;

    *results = (struct tw_results){.count = 0};
    if ((status = read_text(path, &text)) != TW_OK)
        goto out;
    results->document = cJSON_Parse(text);
    rows = cJSON_GetObjectItemCaseSensitive(results->document, "benchmarks");
    if (!cJSON_IsArray(rows)) {
        status = tw_fail(TW_ERROR_FORMAT, "%s: not what tower-bench --json writes", path);
        goto out;
    }
    results->contests = tw_alloc_array((size_t)cJSON_GetArraySize(rows) + 1, sizeof *results->contests);
    if (!results->contests) {
        status = tw_error_status();
        goto out;
    }
    cJSON_ArrayForEach(row, rows) if (strcmp(text_of(row, "run_type"), "iteration") == 0)
        add_row(results, row);
out:
    tw_free(text);
    if (status != TW_OK)
        tw_results_release(results);
    return status;
}

void tw_results_release(struct tw_results *results)
{
    cJSON_Delete(results->document);
    tw_free(results->contests);
    *results = (struct tw_results){.count = 0};
}

const char *tw_results_note(const struct tw_results *results, const char *key)
{
    return text_of(cJSON_GetObjectItemCaseSensitive(results->document, "context"), key);
}

const struct tw_result *tw_result_of(const struct tw_contest_result *contest, const char *entrant)
{
    for (int i = 0; i < contest->count; i++)
        if (strcmp(contest->results[i].entrant, entrant) == 0)
            return &contest->results[i];
    return NULL;
}

const struct tw_result *tw_result_of_best_peer(const struct tw_contest_result *contest)
{
    const struct tw_result *best = NULL;

    for (int i = 0; i < contest->count; i++) {
        const struct tw_result *result = &contest->results[i];

        if (strncmp(result->entrant, "tower", 5) != 0 && (!best || result->median < best->median))
            best = result;
    }
    return best;
}

double tw_result_ratio(const struct tw_contest_result *contest)
{
    const struct tw_result *tower = tw_result_of(contest, "tower"), *peer = tw_result_of_best_peer(contest);

    return tower && peer ? peer->median / tower->median : 0.0;
}

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers/optim/optim.h"

#define SCHEDULE_FORMS "constant, step:SIZE[:GAMMA], cosine[:MIN] or one-cycle[:PCT_START]"
#define PI             3.14159265358979323846

static enum tw_status bad_schedule(const char *text, const char *what)
{
    return tw_fail(TW_ERROR_ARGUMENT, "schedule \"%s\": %s; expected " SCHEDULE_FORMS, text, what);
}

/* Reads the finite number that `*cursor`, ":NUMBER…", goes on with, and moves behind it; keeps `*value` if
 * nothing is left. */
static bool read_number(const char **cursor, double *value)
{
    char *end;
    double number;

    if (**cursor == '\0') {
        return true;
    }
    if (**cursor != ':') {
        return false;
    }
    number = strtod(*cursor + 1, &end);
    if (end == *cursor + 1 || !isfinite(number)) {
        return false;
    }
    *cursor = end;
    *value = number;
    return true;
}

/* Reads the positive whole number of ":SIZE". */
static bool read_size(const char **cursor, int64_t *size)
{
    char *end;
    long long number;

    if (**cursor != ':') {
        return false;
    }
    errno = 0;
    number = strtoll(*cursor + 1, &end, 10);
    if (end == *cursor + 1 || (*end != ':' && *end != '\0') || errno != 0 || number < 1) {
        return false;
    }
    *cursor = end;
    *size = number;
    return true;
}

static enum tw_status parse_step(const char *text, const char *rest, struct tw_schedule *schedule)
{
    schedule->kind = TW_SCHEDULE_STEP;
    if (!read_size(&rest, &schedule->step_size)) {
        return bad_schedule(text, "SIZE must be a whole number of at least 1");
    }
    if (!read_number(&rest, &schedule->gamma) || *rest != '\0' || !(schedule->gamma > 0)) {
        return bad_schedule(text, "GAMMA must be a number above 0");
    }
    return TW_OK;
}

static enum tw_status check_total(const char *text, const struct tw_schedule *schedule)
{
    if (schedule->total >= 1) {
        return TW_OK;
    }
    return tw_fail(TW_ERROR_ARGUMENT, "schedule \"%s\": %lld steps in all, expected at least 1", text,
                   (long long)schedule->total);
}

static enum tw_status parse_cosine(const char *text, const char *rest, struct tw_schedule *schedule)
{
    schedule->kind = TW_SCHEDULE_COSINE;
    if (!read_number(&rest, &schedule->minimum) || *rest != '\0' || !(schedule->minimum >= 0)) {
        return bad_schedule(text, "MIN must be a number of at least 0");
    }
    return check_total(text, schedule);
}

static enum tw_status parse_one_cycle(const char *text, const char *rest, struct tw_schedule *schedule)
{
    schedule->kind = TW_SCHEDULE_ONE_CYCLE;
    if (!read_number(&rest, &schedule->pct_start) || *rest != '\0' ||
        !(schedule->pct_start >= 0 && schedule->pct_start <= 1)) {
        return bad_schedule(text, "PCT_START must be a number in [0, 1]");
    }
    return check_total(text, schedule);
}

/* Whether `text` is `name`, alone or with ":…", which `*rest` then points to. */
static bool is_form(const char *text, const char *name, const char **rest)
{
    size_t length = strlen(name);

    *rest = text + length;
    return strncmp(text, name, length) == 0 && (text[length] == '\0' || text[length] == ':');
}

enum tw_status tw_schedule_parse(const char *text, double base, int64_t total, struct tw_schedule *schedule)
{
    const char *rest;

    *schedule = (struct tw_schedule){.base = base,
                                     .total = total,
                                     .gamma = 0.1,
                                     .pct_start = 0.3,
                                     .div_factor = 25,
                                     .final_div_factor = 1e4};
    if (!isfinite(base) || base < 0) {
        return tw_fail(TW_ERROR_ARGUMENT,
                       "schedule \"%s\": learning rate is %g, expected a finite number of at least 0", text,
                       base);
    }
    if (strcmp(text, "constant") == 0) {
        return TW_OK;
    }
    if (is_form(text, "step", &rest)) {
        return parse_step(text, rest, schedule);
    }
    if (is_form(text, "cosine", &rest)) {
        return parse_cosine(text, rest, schedule);
    }
    if (is_form(text, "one-cycle", &rest)) {
        return parse_one_cycle(text, rest, schedule);
    }
    return bad_schedule(text, "unknown schedule");
}

/* From `start` at fraction 0 to `end` at 1, along half a cosine. */
static double anneal(double start, double end, double fraction)
{
    return end + (start - end) / 2 * (1 + cos(PI * fraction));
}

/* PyTorch's two phases end at the steps pct_start*total - 1 (possibly not whole, possibly negative) and
 * total - 1. */
static double one_cycle_rate(const struct tw_schedule *schedule, int64_t t)
{
    double low = schedule->base / schedule->div_factor;
    double peak = schedule->pct_start * (double)schedule->total - 1;
    double last = (double)(schedule->total - 1);

    if ((double)t <= peak) {
        return peak > 0 ? anneal(low, schedule->base, (double)t / peak) : low;
    }
    if ((double)t >= last) {
        return low / schedule->final_div_factor;
    }
    return anneal(schedule->base, low / schedule->final_div_factor, ((double)t - peak) / (last - peak));
}

double tw_schedule_rate(const struct tw_schedule *schedule, int64_t t)
{
    switch (schedule->kind) {
    case TW_SCHEDULE_STEP:
        return schedule->base * pow(schedule->gamma, (double)(t / schedule->step_size));
    case TW_SCHEDULE_COSINE:
        if (t >= schedule->total) {
            return schedule->minimum;
        }
        return anneal(schedule->base, schedule->minimum, (double)t / (double)schedule->total);
    case TW_SCHEDULE_ONE_CYCLE:
        return one_cycle_rate(schedule, t);
    case TW_SCHEDULE_CONSTANT:
        break;
    }
    return schedule->base;
}

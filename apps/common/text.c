#include "apps/common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

const char *app_count_text(int64_t count, char *text)
{
    char digits[APP_TEXT_BYTES];
    int length = snprintf(digits, sizeof digits, "%" PRId64, count);
    size_t out = 0;

    for (int i = 0; i < length; i++) {
        text[out++] = digits[i];
        if (digits[i] != '-' && i + 1 < length && (length - i - 1) % 3 == 0)
            text[out++] = ',';
    }
    text[out] = '\0';
    return text;
}

const char *app_bytes_text(size_t bytes, char *text)
{
    static const char *const unit[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes / 1024;
    size_t i = 0;

    if (bytes < 1024) {
        snprintf(text, APP_TEXT_BYTES, "%zu bytes", bytes);
        return text;
    }
    for (; value >= 1024 && i + 1 < sizeof unit / sizeof *unit; i++)
        value /= 1024;
    snprintf(text, APP_TEXT_BYTES, "%.1f %s", value, unit[i]);
    return text;
}

const char *app_duration_text(double seconds, char *text)
{
    long long whole = seconds < 1e9 ? (long long)(seconds + 0.5) : 1000000000;

    if (whole < 60)
        snprintf(text, APP_TEXT_BYTES, "%lld s", whole);
    else if (whole < 3600)
        snprintf(text, APP_TEXT_BYTES, "%lld min %02lld s", whole / 60, whole % 60);
    else
        snprintf(text, APP_TEXT_BYTES, "%lld h %02lld min", whole / 3600, whole % 3600 / 60);
    return text;
}

double app_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

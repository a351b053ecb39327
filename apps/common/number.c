#include "apps/common/number.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* strtoll and its kin skip leading white space, and strtoull takes "-1" for the largest value: look first. */
static bool starts_number(const char *text, bool sign_allowed)
{
    if (sign_allowed && (*text == '-' || *text == '+'))
        text++;
    return isdigit((unsigned char)*text) || (*text == '.' && isdigit((unsigned char)text[1]));
}

enum tw_status app_parse_integer(const char *option, const char *text, int64_t low, int64_t high,
                                 int64_t *value)
{
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);

    if (!starts_number(text, true) || *end != '\0' || errno == ERANGE || parsed < low || parsed > high)
        return tw_fail(TW_ERROR_ARGUMENT, "%s: '%s' is not a whole number from %" PRId64 " to %" PRId64,
                       option, text, low, high);
    *value = parsed;
    return TW_OK;
}

enum tw_status app_parse_seed(const char *option, const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);

    if (!starts_number(text, false) || *end != '\0' || errno == ERANGE)
        return tw_fail(TW_ERROR_ARGUMENT, "%s: '%s' is not a whole number from 0 to %" PRIu64, option, text,
                       UINT64_MAX);
    *value = parsed;
    return TW_OK;
}

enum tw_status app_parse_real(const char *option, const char *text, double low, double high, double *value)
{
    char *end;
    double parsed = strtod(text, &end);

    if (!starts_number(text, true) || *end != '\0' || !isfinite(parsed) || parsed < low || parsed > high)
        return tw_fail(TW_ERROR_ARGUMENT, "%s: '%s' is not a number from %g to %g", option, text, low, high);
    *value = parsed;
    return TW_OK;
}

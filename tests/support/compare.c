#include <math.h>
#include <string.h>

#include "tests/support/test_support.h"

void tw_test_bits_equal_f32(const float *expected, const float *actual, ptrdiff_t count, const char *file,
                            int line)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t e, a;

        memcpy(&e, &expected[i], sizeof e);
        memcpy(&a, &actual[i], sizeof a);
        if (e == a)
            continue;
        print_error("element %td of %td: expected %08x (%.9g), is %08x (%.9g)\n", i, count, (unsigned)e,
                    (double)expected[i], (unsigned)a, (double)actual[i]);
        _fail(file, line);
    }
}

/* Maps the bits to integers that count up with the value; 0 and -0 share one. */
static int64_t position(float value)
{
    int32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits >= 0 ? bits : (int64_t)INT32_MIN - bits;
}

uint32_t tw_test_ulp(float a, float b)
{
    int64_t distance = position(a) - position(b);

    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b) ? 0 : UINT32_MAX;
    return (uint32_t)(distance < 0 ? -distance : distance);
}

uint32_t tw_test_max_ulp(const float *expected, const float *actual, ptrdiff_t count)
{
    uint32_t most = 0;

    for (ptrdiff_t i = 0; i < count; i++) {
        uint32_t distance = tw_test_ulp(expected[i], actual[i]);

        most = distance > most ? distance : most;
    }
    return most;
}

void tw_test_close_f32(const float *expected, const float *actual, ptrdiff_t count, double absolute,
                       double relative, const char *file, int line)
{
    ptrdiff_t worst = -1;
    double worst_excess = 0;

    for (ptrdiff_t i = 0; i < count; i++) {
        double allowed = absolute + relative * fabs((double)expected[i]);
        double excess = fabs((double)expected[i] - (double)actual[i]) - allowed;

        if (excess <= 0)
            continue;
        if (worst < 0 || isnan(excess) || excess > worst_excess)
            worst = i, worst_excess = excess;
        if (isnan(excess))
            break;
    }
    if (worst < 0)
        return;
    print_error("element %td of %td: expected %.9g, is %.9g, off by %.3g beyond what is allowed\n", worst,
                count, (double)expected[worst], (double)actual[worst], worst_excess);
    _fail(file, line);
}

void tw_test_ok(enum tw_status status, const char *call, const char *file, int line)
{
    if (status == TW_OK)
        return;
    print_error("%s: %s: %s\n", call, tw_status_name(status), tw_error_message());
    _fail(file, line);
}

void tw_test_fails(enum tw_status expected, const char *part, enum tw_status status, const char *call,
                   const char *file, int line)
{
    const char *message = status == TW_OK ? "" : tw_error_message();

    if (status == expected && strstr(message, part) != NULL)
        return;
    print_error("%s: expected %s with \"%s\", is %s with \"%s\"\n", call, tw_status_name(expected), part,
                tw_status_name(status), message);
    _fail(file, line);
}

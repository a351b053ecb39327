/* Learning-rate schedules against PyTorch's, and the texts they are given in. */
#include <math.h>

#include "layers/optim/optim.h"
#include "tests/support/test_support.h"

/* PyTorch multiplies its rates up step by step: each of the recorded ones carries as many roundings. */
static void check_rates(const char *file, const char *text, int64_t total)
{
    struct tw_tensor *recorded = tw_test_load_npy(file);
    const double *expected = recorded->data;
    struct tw_schedule schedule;

    assert_ok(tw_schedule_parse(text, 0.5, total, &schedule));
    for (ptrdiff_t t = 0; t < tw_tensor_count(recorded); t++) {
        double rate = tw_schedule_rate(&schedule, t);

        if (!(fabs(rate - expected[t]) <= 8 * (double)(t + 1) * 0x1p-53 * 0.5))
            fail_msg("%s: step %td has rate %.17g, recorded %.17g", text, t, rate, expected[t]);
    }
    tw_tensor_release(recorded);
}

static void test_recorded(void **state)
{
    (void)state;
    check_rates("optimizers/schedule_step.npy", "step:7:0.3", 40);
    check_rates("optimizers/schedule_cosine.npy", "cosine:0.01", 37);
    check_rates("optimizers/schedule_one_cycle.npy", "one-cycle", 41);
    check_rates("optimizers/schedule_one_cycle_early.npy", "one-cycle:0.05", 30);
}

static double rate_of(const char *text, int64_t total, int64_t t)
{
    struct tw_schedule schedule;

    assert_ok(tw_schedule_parse(text, 0.5, total, &schedule));
    return tw_schedule_rate(&schedule, t);
}

/* Behind the last step, with one step in all, and with phases of no length: finite, and where they ended. */
static void test_ends(void **state)
{
    (void)state;
    assert_true(rate_of("constant", 10, 1000000) == 0.5);
    assert_true(rate_of("cosine:0.25", 10, 10) == 0.25);
    assert_true(rate_of("cosine:0.25", 10, 1000000) == 0.25);
    assert_true(rate_of("cosine", 1, 0) == 0.5);
    assert_true(rate_of("step:3", 10, 2) == 0.5);
    assert_true(fabs(rate_of("step:3", 10, 3) - 0.05) < 1e-15);
    assert_true(rate_of("one-cycle", 10, 1000000) == 0.5 / 25 / 1e4);
    for (int64_t total = 1; total <= 20; total++)
        for (int64_t t = 0; t < total + 2; t++)
            for (int tenth = 0; tenth <= 10; tenth++) {
                char text[32];
                double rate;

                snprintf(text, sizeof text, "one-cycle:%g", tenth / 10.0);
                rate = rate_of(text, total, t);
                assert_true(rate > 0 && rate <= 0.5 * (1 + 1e-15));
            }
}

static void test_texts_refused(void **state)
{
    struct tw_schedule schedule;
    static const struct {
        const char *text, *part;
    } bad[] = {
        {"", "unknown schedule"},
        {"linear", "schedule \"linear\": unknown schedule; expected constant, step:SIZE[:GAMMA]"},
        {"constant:1", "unknown schedule"},
        {"step", "SIZE must be a whole number"},
        {"step:", "SIZE must be"},
        {"step:0", "SIZE must be"},
        {"step:-3", "SIZE must be"},
        {"step:99999999999999999999", "SIZE must be"},
        {"step:3.5", "SIZE must be"},
        {"step:3:", "GAMMA must be"},
        {"step:3:0", "GAMMA must be"},
        {"step:3:0.1x", "GAMMA must be"},
        {"steps:3", "unknown schedule"},
        {"cosine:-1", "MIN must be"},
        {"cosine:inf", "MIN must be"},
        {"one-cycle:1.5", "PCT_START must be a number in [0, 1]"},
        {"one-cycle:nan", "PCT_START must be"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(TW_ERROR_ARGUMENT, bad[i].part, tw_schedule_parse(bad[i].text, 0.1, 10, &schedule));
    assert_fails(TW_ERROR_ARGUMENT, "0 steps in all", tw_schedule_parse("cosine", 0.1, 0, &schedule));
    assert_fails(TW_ERROR_ARGUMENT, "-4 steps in all", tw_schedule_parse("one-cycle", 0.1, -4, &schedule));
    assert_fails(TW_ERROR_ARGUMENT, "learning rate is -0.1",
                 tw_schedule_parse("constant", -0.1, 10, &schedule));
    assert_ok(tw_schedule_parse("step:4", 0.1, 0, &schedule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_texts_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

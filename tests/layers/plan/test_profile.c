/* Profiles: work as counted by hand, laps that leave no gap, and no trace of the measuring in the results. */
#include "layers/plan/plan_profile.h"

#include <string.h>

#include "core/memory.h"
#include "layers/models/tower.h"
#include "layers/module/state_dict.h"
#include "layers/operation/nonzeros.h"
#include "tests/support/test_support.h"
#include "tests/support/trial.h"

enum { BATCH = 19, STEPS = 3 };

static struct tw_dataset digits;

struct run {
    tw_module *tower;
    struct tw_trial trial;
};

static struct run open_run(int threads, int level)
{
    struct run run = {0};
    struct tw_rng rng;

    tw_rng_seed(&rng, 1);
    run.tower = tw_tower_new(&rng);
    run.trial = tw_trial_new(run.tower,
                             &(struct tw_trial_options){.threads = threads, .level = level, .batch = BATCH});
    return run;
}

static void close_run(struct run *run)
{
    tw_trial_release(&run->trial);
    tw_module_release(run->tower);
}

static void step(struct run *run, ptrdiff_t samples)
{
    tw_trial_step(&run->trial, digits.images->data, digits.labels->data, samples);
}

static bool is_product(const struct tw_plan_node_profile *node)
{
    return strncmp(node->operation, "conv", 4) == 0 ||
           (strncmp(node->operation, "linear", 6) == 0 && !strstr(node->operation, "bias"));
}

/* Multiply-adds of the tower for one image, times 2. */
static const double conv1 = 2.0 * 28 * 28 * 32 * 9, conv2 = 2.0 * 14 * 14 * 64 * 32 * 9,
                    fc1 = 2.0 * 3136 * 128, fc2 = 2.0 * 128 * 10;

/* Products of both halves, dense and done. */
static void sum_products(const tw_plan *plan, struct tw_plan_work *forward, struct tw_plan_work *backward)
{
    *forward = *backward = (struct tw_plan_work){0};
    for (size_t i = 0; i < tw_plan_profile_nodes(plan); i++) {
        struct tw_plan_stage_profile stage;
        struct tw_plan_node_profile node;

        assert_ok(tw_plan_profile_node(plan, i, &node));
        assert_ok(tw_plan_profile_stage(plan, node.stage, &stage));
        if (is_product(&node)) {
            struct tw_plan_work *sum = stage.backward ? backward : forward;

            sum->dense += node.work.dense;
            sum->done += node.work.done;
        }
    }
}

/* 25.0 MFLOP per image, whatever the level; what is done of them depends on the algorithm. */
static void work_is_what_a_hand_counts(void **state)
{
    (void)state;
    for (int level = 0; level < TW_PLAN_LEVELS; level++) {
        struct run run = open_run(1, level);
        struct tw_plan_work forward, backward;

        sum_products(run.trial.plan, &forward, &backward);
        assert_float_equal(forward.dense, BATCH * (conv1 + conv2 + fc1 + fc2), 1e-3);
        assert_float_equal(backward.dense, BATCH * (conv1 + 2 * conv2 + 2 * fc1 + 2 * fc2), 1e-3);
        assert_float_equal((forward.dense + backward.dense) / BATCH, 24.995e6, 0.001e6);
        if (level < 2) {
            assert_float_equal(forward.done, forward.dense, 1e-3);
            assert_float_equal(backward.done, backward.dense, 1e-3);
        } else { /* Winograd, and one position of four of every window as long as nothing has run */
            assert_float_equal(forward.done, BATCH * (conv1 + conv2 * 16 / 36 + fc1 + fc2), 1e-3);
            assert_float_equal(backward.done, BATCH * (conv1 / 4 + 2 * conv2 / 4 + 2 * fc1 + 2 * fc2), 1e-3);
        }
        close_run(&run);
    }
}

/* Elements above 0 of the first value of such a shape, which has `count`. */
static double count_positive(const struct run *run, int ndim, ptrdiff_t last, ptrdiff_t count)
{
    const tw_graph *graph = run->trial.graph;
    double positive = 0.0;

    for (uint32_t i = 1; i < graph->value_count; i++) {
        const struct tw_graph_value *value = &graph->values[i];

        if (value->shape.ndim == ndim && value->shape.extent[ndim - 1] == last && value->dtype == TW_F32 &&
            tw_shape_count(&value->shape) == count) {
            const float *y = tw_plan_data(run->trial.plan, (tw_value){i});

            assert_non_null(y);
            for (ptrdiff_t j = 0; j < count; j++) {
                positive += y[j] > 0.0f;
            }
            assert_true(positive > 0.0);
            return positive;
        }
    }
    fail_msg("no value of %d dimensions, the last of %td", ndim, last);
    return 0.0;
}

static void add_to_bias(struct run *run, const char *layer, float by)
{
    struct tw_tensor *bias = tw_module_find(run->tower, layer)->parameters[1].parameter->data;

    for (ptrdiff_t i = 0; i < bias->shape.extent[0]; i++) {
        ((float *)bias->data)[i] += by;
    }
}

static void add_to_biases(struct run *run, float conv2_bias, float fc1_bias)
{
    add_to_bias(run, "conv2", conv2_bias);
    add_to_bias(run, "fc1", fc1_bias);
}

/* Few enough or too many for every ISA that has a limit, and not all, so that either count would show. */
static bool is_clear(double density)
{
    return density < 0.5 || (density > 0.8 && density < 0.999);
}

static const struct tw_kernels *chosen_kernels(void)
{
    enum tw_isa isa;

    assert_ok(tw_isa_choose(TW_ISA_COUNT, &isa, NULL));
    return tw_kernels_of(isa);
}

/* Once it has run, the open windows of conv2 and the open units of fc1 are counted, and the non-zeros that fc1 reads:
 * as many as what is above 0 in front of the next layer. Where those are many, products are dense, and where so few
 * samples are not worth transposing fc1's weights (test_nonzeros.c counts with more). */
static void count_open(float conv2_bias, float fc1_bias)
{
    struct run run = open_run(2, 2), plain = open_run(1, 0);
    const struct tw_kernels *kernels = chosen_kernels();
    const double *limit = kernels->sparse_density, all_windows = BATCH * 64.0 * 49, all_units = BATCH * 128.0;
    struct tw_plan_work forward, backward;
    double windows, units, windows_done, units_done; /* of both gradients */

    add_to_biases(&run, conv2_bias, fc1_bias);
    add_to_biases(&plain, conv2_bias, fc1_bias);
    assert_ok(tw_plan_profile_start(run.trial.plan));
    step(&run, BATCH);
    step(&plain, BATCH);
    windows = count_positive(&plain, 4, 7, BATCH * 64 * 49);
    units = count_positive(&plain, 2, 128, BATCH * 128);
    assert_true(is_clear(windows / all_windows) && is_clear(units / all_units));
    windows_done = kernels->sparse_rows > BATCH || windows > limit[1] * TW_NONZEROS_NARROW * all_windows
                       ? all_windows
                       : windows;
    units_done = units > limit[0] * all_units ? all_units : units;
    units_done += units > limit[0] * TW_NONZEROS_NARROW * all_units ? all_units : units;
    sum_products(run.trial.plan, &forward, &backward);
    /* Winograd rounds in its own way: a handful of outputs about 0 may fall on the other side. */
    assert_float_equal(forward.done, BATCH * (conv1 + conv2 * 16 / 36 + fc2) + windows_done * 2 * 128,
                       8.0 * 2 * 128);
    assert_float_equal(backward.done,
                       BATCH * (conv1 / 4 + 2 * fc2) + windows * 2 * 9 * 32 * 2 + units_done * 2 * 3136,
                       8.0 * 2 * 9 * 32 * 2 + 2.0 * 2 * 3136 * 2);
    close_run(&run);
    close_run(&plain);
}

static void what_is_open_is_counted(void **state)
{
    (void)state;
    count_open(-0.3f, -0.1f);
    count_open(0.15f, -0.1f);
    count_open(-0.3f, 0.1f);
}

/* The sum of every thread's laps is the time of the runs; stages and the rest add up to it. */
static void laps_leave_no_gap(void **state)
{
    static const int teams[] = {1, 2, 3};

    (void)state;
    for (size_t t = 0; t < 3; t++) {
        struct run run = open_run(teams[t], 2);
        struct tw_plan_profile profile;
        struct tw_plan_thread_profile thread;
        double stages = 0.0;

        assert_ok(tw_plan_profile_start(run.trial.plan));
        for (int i = 0; i < STEPS; i++) {
            step(&run, BATCH - i);
        }
        profile = tw_plan_profile(run.trial.plan);
        assert_int_equal(profile.runs, STEPS);
        assert_int_equal(profile.backward_runs, STEPS);
        assert_int_equal(profile.samples, BATCH - 1);
        for (int rank = 0; rank < teams[t]; rank++) {
            int64_t laps;

            assert_ok(tw_plan_profile_thread(run.trial.plan, rank, &thread));
            laps = thread.entry + thread.nodes + thread.waits + thread.sums + thread.beside + thread.counting;
            assert_int_equal(thread.runs, STEPS);
            assert_float_equal(1e-9 * (double)laps, STEPS * profile.seconds, 1e-9);
        }
        for (size_t i = 0; i < tw_plan_profile_stages(run.trial.plan); i++) {
            struct tw_plan_stage_profile stage;

            assert_ok(tw_plan_profile_stage(run.trial.plan, i, &stage));
            assert_true(stage.longest_seconds <= stage.busy_seconds && stage.wait_seconds >= 0.0);
            assert_true(stage.longest_seconds > 0.0);
            stages += stage.seconds;
        }
        assert_float_equal(stages + profile.entry_seconds + profile.sums_seconds + profile.beside_seconds +
                               profile.counting_seconds,
                           profile.seconds, 1e-8);
        close_run(&run);
    }
}

static void off_means_nothing_is_counted(void **state)
{
    struct run run = open_run(2, 2);
    struct tw_plan_thread_profile thread, later;
    struct tw_plan_stage_profile stage;

    (void)state;
    step(&run, BATCH);
    assert_int_equal(tw_plan_profile(run.trial.plan).runs, 0);
    assert_int_equal(tw_plan_profile_thread(run.trial.plan, 0, &thread), TW_ERROR_ARGUMENT);
    assert_ok(tw_plan_profile_stage(run.trial.plan, 0, &stage));
    assert_true(stage.seconds == 0.0 && stage.busy_seconds == 0.0 && stage.wait_seconds == 0.0);
    assert_null(tw_plan_profile_text(run.trial.plan));
    assert_int_equal(tw_error_status(), TW_ERROR_STATE);
    assert_ok(tw_plan_profile_start(run.trial.plan));
    step(&run, BATCH);
    tw_plan_profile_stop(run.trial.plan);
    assert_ok(tw_plan_profile_thread(run.trial.plan, 0, &thread));
    step(&run, BATCH);
    assert_ok(tw_plan_profile_thread(run.trial.plan, 0, &later));
    assert_memory_equal(&thread, &later, sizeof thread);
    assert_int_equal(tw_plan_profile(run.trial.plan).runs, 1);
    assert_int_equal(tw_plan_profile_thread(run.trial.plan, 2, &thread), TW_ERROR_ARGUMENT);
    assert_int_equal(tw_plan_profile_stage(run.trial.plan, 1000, &stage), TW_ERROR_ARGUMENT);
    close_run(&run);
}

/* Same weights, and no allocation in a measured step. */
static void measuring_changes_nothing(void **state)
{
    char hash[2][TW_SHA256_TEXT_BYTES];

    (void)state;
    for (int level = 0; level < TW_PLAN_LEVELS; level++) {
        for (int measured = 0; measured < 2; measured++) {
            struct run run = open_run(2, level);
            uint64_t calls;

            if (measured) {
                assert_ok(tw_plan_profile_start(run.trial.plan));
            }
            step(&run, BATCH);
            calls = tw_memory_usage().calls;
            for (int i = 1; i < STEPS; i++) {
                step(&run, BATCH);
            }
            assert_int_equal(tw_memory_usage().calls, calls);
            assert_ok(tw_module_sha256(run.tower, hash[measured]));
            close_run(&run);
        }
        assert_string_equal(hash[0], hash[1]);
    }
}

/* Two runs without zeroing in between add up; the time of adding is on the books. */
static void sums_and_forward_runs_are_counted(void **state)
{
    struct run run = open_run(2, 2);
    struct tw_plan_profile profile;
    struct tw_plan_stage_profile stage;

    (void)state;
    assert_ok(tw_plan_profile_start(run.trial.plan));
    tw_trial_predict(&run.trial, digits.images->data, digits.labels->data, BATCH);
    for (int i = 0; i < 2; i++) {
        assert_ok(tw_plan_run(run.trial.plan, BATCH, TW_PLAN_BACKWARD));
    }
    profile = tw_plan_profile(run.trial.plan);
    assert_int_equal(profile.runs, 3);
    assert_int_equal(profile.backward_runs, 2);
    assert_true(profile.sums_seconds > 0.0);
    assert_ok(tw_plan_profile_stage(run.trial.plan, tw_plan_profile_stages(run.trial.plan) - 1, &stage));
    assert_true(stage.backward && stage.busy_seconds > 0.0);
    close_run(&run);
}

static void text_shows_what_was_measured(void **state)
{
    struct run run = open_run(2, 2);
    char *text;

    (void)state;
    assert_ok(tw_plan_profile_start(run.trial.plan));
    step(&run, BATCH);
    text = tw_plan_profile_text(run.trial.plan);
    assert_non_null(text);
    assert_non_null(strstr(text, "1 runs of 19 samples on 2 threads"));
    assert_non_null(strstr(text, "conv+relu+pool (winograd)"));
    assert_non_null(strstr(text, "blocked"));
    assert_non_null(strstr(text, "backward"));
    tw_free(text);
    close_run(&run);
}

static void out_of_memory_is_an_error(void **state)
{
    struct run run = open_run(2, 2);

    (void)state;
    for (long allowed = 0; allowed < 4; allowed++) {
        enum tw_status status;

        tw_memory_fail_after(allowed);
        status = tw_plan_profile_start(run.trial.plan);
        tw_memory_fail_after(-1);
        assert_int_equal(status, TW_ERROR_MEMORY);
        step(&run, BATCH);
        assert_int_equal(tw_plan_profile(run.trial.plan).runs, 0);
    }
    close_run(&run);
}

static int make_digits(void **state)
{
    (void)state;
    return tw_dataset_synthetic(BATCH, TW_SUBSET_TRAIN, 1, &digits) == TW_OK ? 0 : -1;
}

static int free_digits(void **state)
{
    (void)state;
    tw_dataset_release(&digits);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_what_a_hand_counts),
        cmocka_unit_test(what_is_open_is_counted),
        cmocka_unit_test(laps_leave_no_gap),
        cmocka_unit_test(off_means_nothing_is_counted),
        cmocka_unit_test(measuring_changes_nothing),
        cmocka_unit_test(sums_and_forward_runs_are_counted),
        cmocka_unit_test(text_shows_what_was_measured),
        cmocka_unit_test(out_of_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_digits, free_digits);
}

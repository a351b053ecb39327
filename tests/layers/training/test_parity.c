/* Training the tower on MNIST goes as it goes in PyTorch: same weights, same order, same losses.
 *
 * Needs MNIST in $TOWER_DATA, and counts as skipped without. $TOWER_TEST_LONG=1 adds a whole epoch.
 */
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "layers/models/tower.h"
#include "layers/module/state_dict.h"
#include "tests/support/test_support.h"
#include "tests/support/trial.h"

#define BATCH 64

static struct tw_dataset training_set;

static bool has_mnist(void)
{
    const char *folder = getenv("TOWER_DATA");

    return folder && tw_dataset_has_mnist(folder);
}

/* Reads it once. */
static void need_mnist(void)
{
    const char *folder = getenv("TOWER_DATA");

    if (!has_mnist()) {
        print_message("no MNIST in $TOWER_DATA\n");
        skip();
    }
    if (!training_set.images)
        assert_ok(tw_dataset_read_mnist(folder, TW_SUBSET_TRAIN, &training_set));
}

static struct tw_tensor *load(unsigned seed, const char *what)
{
    char path[128];

    snprintf(path, sizeof path, "training/seed%u_%s.npy", seed, what);
    return tw_test_load_npy(path);
}

/* The initial weights, bit for bit: all of them by their hash, every 97th by its value. */
static void check_weights(unsigned seed, const tw_module *tower)
{
    struct tw_tensor *hash = load(seed, "weights_sha256"), *sample = load(seed, "weights_sample");
    char expected[TW_SHA256_TEXT_BYTES], found[TW_SHA256_TEXT_BYTES];
    struct tw_parameter_list list;
    ptrdiff_t position = 0;

    assert_ok(tw_module_named_parameters(tower, &list));
    for (size_t i = 0; i < list.count; i++) {
        const struct tw_tensor *data = list.items[i].parameter->data;

        for (ptrdiff_t j = 0; j < tw_tensor_count(data); j++, position++)
            if (position % 97 == 0)
                assert_bits_equal_f32((const float *)sample->data + position / 97,
                                      (const float *)data->data + j, 1);
    }
    for (int i = 0; i < 32; i++)
        snprintf(expected + 2 * i, 3, "%02x", ((const uint8_t *)hash->data)[i]);
    assert_ok(tw_module_sha256(tower, found));
    assert_string_equal(found, expected);
    tw_parameter_list_release(&list);
    tw_tensor_release(sample);
    tw_tensor_release(hash);
}

/* A tower and the order of the first epoch, drawn from one generator as the recording did. */
static tw_module *build(unsigned seed, int64_t *order, ptrdiff_t count)
{
    struct tw_rng rng;
    tw_module *tower;

    tw_rng_seed(&rng, seed);
    tower = tw_tower_new(&rng);
    assert_non_null(tower);
    tw_rng_permutation(&rng, order, count);
    return tower;
}

static void test_weights_and_order(void **state)
{
    const ptrdiff_t count = 60000;
    int64_t *order = tw_alloc_array((size_t)count, sizeof *order);

    (void)state;
    for (unsigned seed = 1; seed <= 3; seed++) {
        struct tw_tensor *recorded = load(seed, "order");
        tw_module *tower = build(seed, order, count);

        check_weights(seed, tower);
        for (ptrdiff_t i = 0; i < tw_tensor_count(recorded); i++)
            assert_int_equal(order[i], ((const int32_t *)recorded->data)[i]);
        tw_module_release(tower);
        tw_tensor_release(recorded);
    }
    tw_free(order);
}

#define STEPS 50
#define CLOSE 20

/* The largest distance of PyTorch's two float32 runs of a seed, which differ in their order of summation
 * alone, from the run in double, relatively, up to step t. */
static double torch_distance(unsigned seed, int t)
{
    struct tw_tensor *runs[2] = {load(seed, "losses"), load(seed, "losses_native")};
    struct tw_tensor *exact = load(seed, "losses_double");
    double largest = 0;

    for (int r = 0; r < 2; r++)
        for (int i = 0; i <= t; i++) {
            double loss = (double)((const float *)runs[r]->data)[i];
            double in_double = ((const double *)exact->data)[i];

            largest = fmax(largest, fabs(loss - in_double) / in_double);
        }
    tw_tensor_release(runs[0]);
    tw_tensor_release(runs[1]);
    tw_tensor_release(exact);
    return largest;
}

/* How far a float32 run may be from the run in double at step t, relatively. Rounding differs with the order
 * of summation, training amplifies it, and a sign or a maximum that falls the other way makes it jump; how
 * much that is, PyTorch's runs tell: four times the larger of their distances, and never less than the
 * rounding of the loss itself, a sum of 64 terms. `jumps`: one fell the other way that did not in PyTorch's
 * runs of this seed; seed 2's, in which some did, are the measure then. */
static double distance_allowed(unsigned seed, bool jumps, int t)
{
    return 4 * fmax(64 * 0x1p-24 / 4, torch_distance(jumps ? 2 : seed, t));
}

/* Losses of the recorded order's steps at `level`. */
static void train(unsigned seed, int level, int steps, double losses[])
{
    struct tw_tensor *order = load(seed, "order");
    int64_t *whole = tw_alloc_array(60000, sizeof *whole);
    tw_module *tower = build(seed, whole, 60000);
    struct tw_trial trial =
        tw_trial_new(tower, &(struct tw_trial_options){.threads = 2, .level = level, .batch = BATCH});
    static uint8_t images[BATCH * TW_TRIAL_PIXELS];
    int32_t labels[BATCH];

    assert_true(tw_tensor_count(order) >= (ptrdiff_t)steps * BATCH);
    for (int t = 0; t < steps; t++) {
        tw_trial_gather(&training_set, (const int32_t *)order->data + t * BATCH, BATCH, images, labels);
        losses[t] = (double)tw_trial_step(&trial, images, labels, BATCH);
    }
    tw_trial_release(&trial);
    tw_module_release(tower);
    tw_free(whole);
    tw_tensor_release(order);
}

/* What is asked of one run beside the distance from the double run. */
struct parity {
    unsigned seed;
    int level;
    double close; /* of the first 20 losses to PyTorch's; 1e-3 of all */
    bool jumps;
};

static void check_losses(const struct parity *parity)
{
    struct tw_tensor *torch = load(parity->seed, "losses"), *exact = load(parity->seed, "losses_double");
    double losses[STEPS], largest[2] = {0, 0};

    assert_int_equal(tw_tensor_count(exact), STEPS);
    train(parity->seed, parity->level, STEPS, losses);
    for (int t = 0; t < STEPS; t++) {
        double expected = (double)((const float *)torch->data)[t], distance = fabs(losses[t] / expected - 1);
        double in_double = ((const double *)exact->data)[t];

        if (!(distance <= (t < CLOSE ? parity->close : 1e-3)) ||
            !(fabs(losses[t] / in_double - 1) <= distance_allowed(parity->seed, parity->jumps, t)))
            fail_msg("seed %u, level %d: loss of step %d is %.9g, PyTorch's %.9g, in double %.9g",
                     parity->seed, parity->level, t, losses[t], expected, in_double);
        largest[t >= CLOSE] = fmax(largest[t >= CLOSE], distance);
    }
    print_message("seed %u, level %d: at most %.2e from PyTorch in the first %d steps, %.2e later\n",
                  parity->seed, parity->level, largest[0], CLOSE, largest[1]);
    tw_tensor_release(torch);
    tw_tensor_release(exact);
}

/* With seed 2 PyTorch's own float32 runs are 2.6e-5 apart within 20 steps: there only the distance from the
 * double run is asked for. */
static void test_losses_at_level_1(void **state)
{
    (void)state;
    need_mnist();
    check_losses(&(struct parity){.seed = 1, .level = 1, .close = 1e-5});
    check_losses(&(struct parity){.seed = 2, .level = 1, .close = 1e-3});
    check_losses(&(struct parity){.seed = 3, .level = 1, .close = 1e-5});
}

/* With seed 3, one window of channel 60 of the second convolution, in step 6, has two outputs so close that
 * Winograd's rounding lets the other one win: at those weights, only this channel's weight gradient, and what
 * lies before it, differ from level 1's by more than 5e-7. The losses, up to then 8e-8 from the double run's,
 * go their own way from step 7 on and are 1.01e-5 from PyTorch's at step 14. */
static void test_losses_at_level_2(void **state)
{
    (void)state;
    need_mnist();
    check_losses(&(struct parity){.seed = 1, .level = 2, .close = 1e-5});
    check_losses(&(struct parity){.seed = 2, .level = 2, .close = 1e-3});
    check_losses(&(struct parity){.seed = 3, .level = 2, .close = 1e-3, .jumps = true});
}

static double accuracy(struct tw_trial *trial, const struct tw_dataset *dataset)
{
    ptrdiff_t count = tw_dataset_count(dataset), correct = 0;

    for (ptrdiff_t begin = 0; begin < count; begin += trial->batch) {
        ptrdiff_t samples = count - begin < trial->batch ? count - begin : trial->batch;
        const int32_t *labels = (const int32_t *)dataset->labels->data + begin;
        const float *logits = tw_trial_predict(
            trial, (const uint8_t *)dataset->images->data + begin * TW_TRIAL_PIXELS, labels, samples);

        for (ptrdiff_t i = 0; i < samples; i++) {
            int best = 0;

            for (int c = 1; c < 10; c++)
                best = logits[10 * i + c] > logits[10 * i + best] ? c : best;
            correct += best == labels[i];
        }
    }
    return (double)correct / (double)count;
}

/* A whole epoch is too long for losses to stay together; the accuracy it ends at may differ by four standard
 * deviations of what 10000 images measure. */
static void test_epoch(void **state)
{
    struct tw_tensor *recorded = load(1, "epoch");
    int64_t *order = tw_alloc_array(60000, sizeof *order);
    double expected = ((const double *)recorded->data)[0], found;
    static uint8_t images[BATCH * TW_TRIAL_PIXELS];
    struct tw_dataset test_set;
    struct tw_trial trial;
    tw_module *tower;

    (void)state;
    if (!getenv("TOWER_TEST_LONG")) {
        tw_free(order);
        tw_tensor_release(recorded);
        skip();
    }
    need_mnist();
    assert_ok(tw_dataset_read_mnist(getenv("TOWER_DATA"), TW_SUBSET_TEST, &test_set));
    tower = build(1, order, 60000);
    trial = tw_trial_new(tower, &(struct tw_trial_options){.threads = 2, .level = 2, .batch = BATCH});
    for (ptrdiff_t begin = 0; begin < 60000; begin += BATCH) {
        ptrdiff_t samples = 60000 - begin < BATCH ? 60000 - begin : BATCH;
        int32_t batch[BATCH], labels[BATCH];

        for (ptrdiff_t i = 0; i < samples; i++)
            batch[i] = (int32_t)order[begin + i];
        tw_trial_gather(&training_set, batch, samples, images, labels);
        tw_trial_step(&trial, images, labels, samples);
    }
    found = accuracy(&trial, &test_set);
    print_message("accuracy after one epoch: %.4f, PyTorch's %.4f\n", found, expected);
    assert_true(fabs(found - expected) <= 4 * sqrt(expected * (1 - expected) / 10000));
    tw_trial_release(&trial);
    tw_module_release(tower);
    tw_dataset_release(&test_set);
    tw_tensor_release(recorded);
    tw_free(order);
}

static int release_data(void **state)
{
    (void)state;
    if (training_set.images)
        tw_dataset_release(&training_set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_and_order),
        cmocka_unit_test(test_losses_at_level_1),
        cmocka_unit_test(test_losses_at_level_2),
        cmocka_unit_test(test_epoch),
    };
    int failed = cmocka_run_group_tests(tests, NULL, release_data);

    return failed == 0 && !has_mnist() ? 77 : failed;
}

/* What initialisation does to learning: zeros never leave the symmetry, small normal numbers and Xavier's do.
 *
 * On the first digits of MNIST if $TOWER_DATA has it, else on synthetic ones.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layers/models/tower.h"
#include "layers/module/init.h"
#include "tests/support/test_support.h"
#include "tests/support/trial.h"

#define BATCH  32
#define COUNT  256
#define EPOCHS 6

static struct tw_dataset digits;

/* A trained tower and what it says about the digits it was trained on. */
struct result {
    tw_module *tower;
    float logits[COUNT][10];
    double loss; /* mean of the last epoch */
};

static void train(const char *scheme, struct result *result)
{
    struct tw_trial trial;
    struct tw_rng rng;

    tw_rng_seed(&rng, 1);
    result->tower = tw_tower_new(&rng);
    assert_non_null(result->tower);
    assert_ok(tw_init_module(result->tower, scheme, &rng));
    trial = tw_trial_new(result->tower, &(struct tw_trial_options){.threads = 2, .level = 2, .batch = BATCH});
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        result->loss = 0;
        for (ptrdiff_t begin = 0; begin < COUNT; begin += BATCH)
            result->loss +=
                (double)tw_trial_step(&trial, (const uint8_t *)digits.images->data + begin * TW_TRIAL_PIXELS,
                                      (const int32_t *)digits.labels->data + begin, BATCH) *
                BATCH / COUNT;
    }
    for (ptrdiff_t begin = 0; begin < COUNT; begin += BATCH)
        memcpy(result->logits[begin],
               tw_trial_predict(&trial, (const uint8_t *)digits.images->data + begin * TW_TRIAL_PIXELS,
                                (const int32_t *)digits.labels->data + begin, BATCH),
               BATCH * sizeof result->logits[0]);
    tw_trial_release(&trial);
}

static int prediction(const float *logits)
{
    int best = 0;

    for (int c = 1; c < 10; c++)
        best = logits[c] > logits[best] ? c : best;
    return best;
}

static int32_t label_of(int i)
{
    return ((const int32_t *)digits.labels->data)[i];
}

static double accuracy(const struct result *result)
{
    int correct = 0;

    for (int i = 0; i < COUNT; i++)
        correct += prediction(result->logits[i]) == label_of(i);
    return (double)correct / COUNT;
}

/* Share of a class among the digits; 0 … 9. */
static double share_of(int class)
{
    int found = 0;

    for (int i = 0; i < COUNT; i++)
        found += label_of(i) == class;
    return (double)found / COUNT;
}

/* Every weight and every bias but the last gets the gradient 0 for ever: all digits get the same logits. */
static void test_zeros_do_not_learn(void **state)
{
    struct tw_parameter_list list;
    static struct result result;
    double most_common = 0;

    (void)state;
    train("zeros", &result);
    assert_ok(tw_module_named_parameters(result.tower, &list));
    for (size_t i = 0; i < list.count; i++) {
        const struct tw_tensor *data = list.items[i].parameter->data;
        bool last_bias = strcmp(list.items[i].name, "fc2.bias") == 0;
        ptrdiff_t moved = 0;

        for (ptrdiff_t j = 0; j < tw_tensor_count(data); j++)
            moved += ((const float *)data->data)[j] != 0;
        assert_int_equal(moved, last_bias ? 10 : 0);
    }
    for (int i = 0; i < COUNT; i++)
        assert_memory_equal(result.logits[0], result.logits[i], sizeof result.logits[0]);
    for (int c = 0; c < 10; c++)
        most_common = fmax(most_common, share_of(c));
    assert_true(accuracy(&result) == share_of(prediction(result.logits[0])));
    assert_true(accuracy(&result) <= most_common);
    /* The bias can at best learn the shares of the classes, whose entropy is a little below ln 10. */
    assert_true(fabs(result.loss - log(10)) < 0.1);
    tw_parameter_list_release(&list);
    tw_module_release(result.tower);
}

static void assert_learns(const char *scheme)
{
    static struct result result;

    train(scheme, &result);
    print_message("%s: accuracy %.3f, loss %.3f\n", scheme, accuracy(&result), result.loss);
    assert_true(accuracy(&result) > 0.5);
    assert_true(result.loss < 0.75 * log(10));
    tw_module_release(result.tower);
}

static void test_small_normal_learns(void **state)
{
    (void)state;
    assert_learns("normal:0.01");
}

static void test_xavier_learns(void **state)
{
    (void)state;
    assert_learns("xavier-uniform");
}

static int read_digits(void **state)
{
    const char *folder = getenv("TOWER_DATA");

    (void)state;
    if (folder && tw_dataset_has_mnist(folder))
        return tw_dataset_read_mnist(folder, TW_SUBSET_TEST, &digits) == TW_OK ? 0 : -1;
    return tw_dataset_synthetic(COUNT, TW_SUBSET_TRAIN, 1, &digits) == TW_OK ? 0 : -1;
}

static int release_digits(void **state)
{
    (void)state;
    tw_dataset_release(&digits);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeros_do_not_learn),
        cmocka_unit_test(test_small_normal_learns),
        cmocka_unit_test(test_xavier_learns),
    };

    return cmocka_run_group_tests(tests, read_digits, release_digits);
}

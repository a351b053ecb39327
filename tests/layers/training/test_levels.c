/* Levels 1 and 2 compute the same steps: at the weights a training run goes through, their losses and
 * gradients agree to rounding, but for the few windows whose two largest outputs are closer than that.
 */
#include <math.h>

#include "layers/models/tower.h"
#include "tests/support/test_support.h"
#include "tests/support/trial.h"

#define BATCH      16
#define COUNT      (10 * BATCH)
#define STEPS      50
#define PARAMETERS 8

enum { CONV1_WEIGHT, CONV1_BIAS, CONV2_WEIGHT, CONV2_BIAS };

/* Rounding errors of a sum of n terms are about sqrt(n) units (Higham and Mary, "A new approach to
 * probabilistic rounding error analysis", 2019), relatively to the largest result; the longest sums are
 * fc1's, of 3136 products, and an error passes through four layers. */
#define TOLERANCE (4 * 56 * 0x1p-24)

static double distance(const struct tw_tensor *expected, const struct tw_tensor *actual)
{
    const float *e = expected->data, *a = actual->data;
    double largest = 0, difference = 0;

    for (ptrdiff_t i = 0; i < tw_tensor_count(expected); i++) {
        largest = fmax(largest, fabs((double)e[i]));
        difference = fmax(difference, fabs((double)e[i] - (double)a[i]));
    }
    assert_true(largest > 0);
    return difference / largest;
}

/* Rows of a convolution's weight gradient, one per output channel, that differ by more than rounding. */
static int rows_apart(const struct tw_tensor *expected, const struct tw_tensor *actual)
{
    ptrdiff_t rows = expected->shape.extent[0], width = tw_tensor_count(expected) / rows;
    const float *e = expected->data, *a = actual->data;
    double largest = 0;
    int apart = 0;

    for (ptrdiff_t i = 0; i < rows * width; i++)
        largest = fmax(largest, fabs((double)e[i]));
    for (ptrdiff_t r = 0; r < rows; r++) {
        double difference = 0;

        for (ptrdiff_t i = r * width; i < (r + 1) * width; i++)
            difference = fmax(difference, fabs((double)e[i] - (double)a[i]));
        apart += difference > TOLERANCE * largest;
    }
    return apart;
}

/* Loss and gradients of one batch; the weights stay. */
static float differentiate(struct tw_trial *trial, const uint8_t *images, const int32_t *labels,
                           struct tw_tensor *gradients[PARAMETERS])
{
    struct tw_parameter_list list;

    tw_optimizer_zero_grad(trial->optimizer);
    assert_ok(tw_plan_bind(trial->plan, trial->images, images));
    assert_ok(tw_plan_bind(trial->plan, trial->labels, labels));
    assert_ok(tw_plan_run(trial->plan, BATCH, TW_PLAN_BACKWARD));
    assert_ok(tw_module_named_parameters(trial->tower, &list));
    assert_int_equal(list.count, PARAMETERS);
    for (int i = 0; i < PARAMETERS; i++) {
        gradients[i] = tw_tensor_clone(tw_parameter_gradient(list.items[i].parameter));
        assert_non_null(gradients[i]);
    }
    tw_parameter_list_release(&list);
    return tw_plan_scalar(trial->plan, trial->loss);
}

/* A window whose winner falls the other way hands its gradient to a neighbouring position: loss, linear
 * layers and the bias of the second convolution do not notice; one channel of its weight gradient does,
 * and all that lies before it. Returns the number of such channels. */
static int compare_step(struct tw_tensor *const expected[PARAMETERS],
                        struct tw_tensor *const actual[PARAMETERS], int step)
{
    int apart = rows_apart(expected[CONV2_WEIGHT], actual[CONV2_WEIGHT]);

    for (int i = 0; i < PARAMETERS; i++) {
        double found = distance(expected[i], actual[i]);

        if (apart > 0 && (i == CONV1_WEIGHT || i == CONV1_BIAS || i == CONV2_WEIGHT))
            continue;
        if (!(found <= TOLERANCE))
            fail_msg("step %d, parameter %d: gradients are %.2g apart, expected %.2g", step, i, found,
                     TOLERANCE);
    }
    return apart;
}

/* Of 150000 windows a step, those with two outputs within some 1e-7 of each other and of 1: one in 50
 * steps, if differences are spread evenly; more than five would be no accident. */
static void test_gradients_agree(void **state)
{
    struct tw_trial trial[2];
    struct tw_dataset digits;
    struct tw_rng rng;
    tw_module *tower;
    int apart = 0;

    (void)state;
    assert_ok(tw_dataset_synthetic(COUNT, TW_SUBSET_TRAIN, 1, &digits));
    tw_rng_seed(&rng, 1);
    tower = tw_tower_new(&rng);
    for (int i = 0; i < 2; i++)
        trial[i] =
            tw_trial_new(tower, &(struct tw_trial_options){.threads = 2, .level = 1 + i, .batch = BATCH});
    for (int step = 0; step < STEPS; step++) {
        const uint8_t *images = (const uint8_t *)digits.images->data + step * BATCH % COUNT * TW_TRIAL_PIXELS;
        const int32_t *labels = (const int32_t *)digits.labels->data + step * BATCH % COUNT;
        struct tw_tensor *gradients[2][PARAMETERS];
        float loss[2];

        for (int i = 0; i < 2; i++)
            loss[i] = differentiate(&trial[i], images, labels, gradients[i]);
        assert_close_f32(&loss[0], &loss[1], 1, 0, TOLERANCE);
        apart += compare_step(gradients[0], gradients[1], step);
        assert_ok(tw_optimizer_step(trial[1].optimizer, trial[1].team));
        for (int i = 0; i < PARAMETERS; i++) {
            tw_tensor_release(gradients[0][i]);
            tw_tensor_release(gradients[1][i]);
        }
    }
    print_message("%d channels with another winner in %d steps\n", apart, STEPS);
    assert_in_range(apart, 0, 5);
    tw_trial_release(&trial[0]);
    tw_trial_release(&trial[1]);
    tw_module_release(tower);
    tw_dataset_release(&digits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whole small networks against central differences: convolution, relu, pooling and linear one behind the
 * other, as in the tower, and with a residual connection.
 */
#include "tests/support/graph_check.h"

static tw_value conv2d(struct tw_check *check, struct tw_rng *rng, tw_value x, ptrdiff_t in, ptrdiff_t out)
{
    tw_value weight =
        tw_check_parameter(check, "weight", tw_check_uniform(rng, TW_SHAPE(out, in, 3, 3), 0.5F));
    tw_value bias = tw_check_parameter(check, "bias", tw_check_uniform(rng, TW_SHAPE(out), 0.5F));

    return tw_conv2d(check->graph, x, weight, bias, (tw_conv2d_geometry){.padding = {1, 1}});
}

static tw_value linear(struct tw_check *check, struct tw_rng *rng, tw_value x, ptrdiff_t in, ptrdiff_t out)
{
    tw_value weight = tw_check_parameter(check, "weight", tw_check_uniform(rng, TW_SHAPE(out, in), 0.5F));
    tw_value bias = tw_check_parameter(check, "bias", tw_check_uniform(rng, TW_SHAPE(out), 0.5F));

    return tw_linear(check->graph, x, weight, bias);
}

static struct tw_check tower(struct tw_rng *rng)
{
    struct tw_check check = tw_check_begin(NULL);
    tw_graph *g = check.graph;
    tw_value x = tw_check_input(&check, "x", tw_check_uniform(rng, TW_SHAPE(3, 1, 6, 6), 1));
    tw_value label = tw_check_input(&check, "label", tw_check_labels(rng, 3, 4));

    x = tw_max_pool2d(g, tw_relu(g, conv2d(&check, rng, x, 1, 2)), 2);
    x = tw_avg_pool2d(g, tw_relu(g, conv2d(&check, rng, x, 2, 3)), 3);
    x = tw_relu(g, linear(&check, rng, tw_flatten(g, x), 3, 5));
    tw_check_loss(&check, tw_cross_entropy(g, linear(&check, rng, x, 5, 4), label, TW_REDUCTION_MEAN));
    return check;
}

static struct tw_check residual(struct tw_rng *rng)
{
    struct tw_check check = tw_check_begin(NULL);
    tw_graph *g = check.graph;
    tw_value x = tw_check_input(&check, "x", tw_check_uniform(rng, TW_SHAPE(2, 2, 3, 3), 1));
    tw_value label = tw_check_input(&check, "label", tw_check_labels(rng, 2, 4));
    tw_value y = conv2d(&check, rng, tw_relu(g, conv2d(&check, rng, x, 2, 2)), 2, 2);

    x = tw_relu(g, tw_add(g, y, x));
    x = linear(&check, rng, tw_flatten(g, x), 18, 4);
    tw_check_loss(&check, tw_cross_entropy(g, x, label, TW_REDUCTION_SUM));
    return check;
}

/* About one tower in twelve is clear, and two residual blocks in three: of 1000 draws there are enough. */
static void check_clear_draws(struct tw_check (*build)(struct tw_rng *rng), struct tw_rng *rng, int wanted)
{
    for (int draw = 0; wanted > 0; draw++) {
        struct tw_check check = build(rng);

        assert_in_range(draw, 0, 1000);
        if (tw_check_is_clear(&check)) {
            tw_check_differences(&check, rng);
            tw_check_plans_agree(&check);
            wanted--;
        }
        tw_check_end(&check);
    }
}

static void test_tower(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    check_clear_draws(tower, &rng, 5);
}

static void test_residual(void **state)
{
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    check_clear_draws(residual, &rng, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tower),
        cmocka_unit_test(test_residual),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Level 2's rules of size: from where on a faster way is taken, and the recorded one below. */
#include "tests/support/test_support.h"

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/operation/conv_pool.h"
#include "layers/operation/linear_nonzeros.h"
#include "layers/operation/nonzeros.h"
#include "layers/operation/operations.h"
#include "layers/plan/lower.h"
#include "tests/layers/plan/graph_parts.h"

enum { SAMPLES = 16 };

static tw_graph *lowered(tw_graph *graph)
{
    uint32_t *map = NULL;
    tw_graph *lowered = tw_graph_lower(graph, false, false, &map);

    assert_non_null(lowered);
    tw_free(map);
    return lowered;
}

/* --- convolution, relu, max-pool ------------------------------------------------------------------------ */

struct convolution {
    ptrdiff_t in, out, height, width;
    bool wants_input;
};

/* conv2d 3x3 -> relu -> max_pool2d 2x2 -> linear -> loss. */
static tw_graph *record_convolution(const struct convolution *c)
{
    const ptrdiff_t features = c->out * (c->height / 2) * (c->width / 2);
    tw_graph *g = tw_graph_new();
    tw_value x = tw_graph_input(g, "x", TW_F32, TW_SHAPE(SAMPLES, c->in, c->height, c->width), true), h;
    tw_value label = tw_graph_input(g, "label", TW_I32, TW_SHAPE(SAMPLES), true);

    if (c->wants_input) {
        tw_graph_require_grad(g, x);
    }
    h = tw_conv2d(g, x, parameter_of_graph(g, TW_SHAPE(c->out, c->in, 3, 3)), TW_INVALID_VALUE,
                  (tw_conv2d_geometry){.padding = {1, 1}});
    h = tw_flatten(g, tw_max_pool2d(g, tw_relu(g, h), 2));
    h = tw_linear(g, h, parameter_of_graph(g, TW_SHAPE(2, features)), TW_INVALID_VALUE);
    assert_ok(tw_graph_differentiate(g, tw_cross_entropy(g, h, label, TW_REDUCTION_MEAN)));
    return g;
}

static void assert_convolution(struct convolution c, const struct tw_operation *forward,
                               const struct tw_operation *gradient)
{
    tw_graph *graph = record_convolution(&c), *plan = lowered(graph);

    assert_int_equal(count_nodes(plan, forward), 1);
    assert_int_equal(count_nodes(plan, gradient), 1);
    assert_int_equal(count_nodes(plan, &tw_operation_max_pool2d), forward == &tw_operation_conv2d);
    tw_graph_release(plan);
    tw_graph_release(graph);
}

static void fused_convolutions_have_channels_enough(void **state)
{
    const struct tw_operation *separate = &tw_operation_conv2d,
                              *separate_gradient = &tw_operation_conv2d_weight_gradient,
                              *planar = &tw_operation_conv_pool_planar,
                              *planar_gradient = &tw_operation_conv_pool_planar_gradient,
                              *blocked = &tw_operation_conv_pool,
                              *blocked_gradient = &tw_operation_conv_pool_gradient;

    (void)state;
    assert_convolution((struct convolution){1, 12, 8, 8, false}, planar, planar_gradient);
    assert_convolution((struct convolution){1, 11, 8, 8, false}, separate, separate_gradient);
    assert_convolution((struct convolution){4, 12, 2, 2, false}, planar, planar_gradient);
    assert_convolution((struct convolution){4, 12, 8, 8, true}, separate, separate_gradient);
    assert_convolution((struct convolution){5, 16, 8, 8, false}, separate, separate_gradient);
    assert_convolution((struct convolution){6, 12, 3, 2, false}, blocked, blocked_gradient);
    assert_convolution((struct convolution){6, 12, 3, 3, true}, blocked, blocked_gradient);
    assert_convolution((struct convolution){6, 11, 8, 8, true}, separate, separate_gradient);
    assert_convolution((struct convolution){64, 64, 2, 8, true}, separate, separate_gradient);
    assert_convolution((struct convolution){32, 64, 14, 14, true}, blocked, blocked_gradient);
}

/* --- zeros left out ------------------------------------------------------------------------------------- */

/* linear `in` -> `out` -> relu -> linear -> loss, whose input's gradient is wanted. */
static tw_graph *record_linear(ptrdiff_t samples, ptrdiff_t in, ptrdiff_t out)
{
    tw_graph *g = tw_graph_new();
    tw_value x = tw_graph_input(g, "x", TW_F32, TW_SHAPE(samples, in), true), h;
    tw_value label = tw_graph_input(g, "label", TW_I32, TW_SHAPE(samples), true);

    tw_graph_require_grad(g, x);
    h = tw_relu(g, tw_linear(g, x, parameter_of_graph(g, TW_SHAPE(out, in)), TW_INVALID_VALUE));
    h = tw_linear(g, h, parameter_of_graph(g, TW_SHAPE(3, out)), TW_INVALID_VALUE);
    assert_ok(tw_graph_differentiate(g, tw_cross_entropy(g, h, label, TW_REDUCTION_MEAN)));
    return g;
}

static void assert_gradients(ptrdiff_t samples, ptrdiff_t in, ptrdiff_t out, int input, int weight)
{
    tw_graph *graph = record_linear(samples, in, out), *plan = lowered(graph);

    assert_int_equal(count_nodes(plan, &tw_operation_linear_input_gradient_nonzeros), input);
    assert_int_equal(count_nodes(plan, &tw_operation_linear_weight_gradient_nonzeros), weight);
    tw_graph_release(plan);
    tw_graph_release(graph);
}

static void gradients_leave_zeros_out_where_weights_are_large(void **state)
{
    (void)state;
    assert_gradients(16, 64, 80, 1, 1);
    assert_gradients(16, 63, 80, 0, 0);
    assert_gradients(15, 64, 80, 0,
                     1); /* the weight's is handed to the update in pieces whatever the batch */
    assert_gradients(16, 512, 16, 1, 1);
    assert_gradients(16, 512, 15, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fused_convolutions_have_channels_enough),
        cmocka_unit_test(gradients_leave_zeros_out_where_weights_are_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

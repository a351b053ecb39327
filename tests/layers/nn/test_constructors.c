/* layers/nn/nn.h: what constructors draw, refuse, print and leave behind. */
#include <math.h>
#include <string.h>

#include "layers/nn/nn.h"
#include "tests/layers/module/golden_modules.h"
#include "tests/layers/module/module_test.h"

static const tw_module_class odd_class = {.name = "Odd"};

/* The model of that name in golden/record_init.py. */
static tw_module *new_odd(struct tw_rng *rng)
{
    tw_module *odd = tw_module_new(sizeof *odd, &odd_class);

    if (odd == NULL) {
        return NULL;
    }
    tw_module_add(odd, "grouped",
                  tw_nn_conv2d(rng, 6, 4,
                               (tw_conv2d_geometry){
                                   .kernel = {3, 5}, .stride = {1, 2}, .dilation = {2, 1}, .groups = 2},
                               false));
    tw_module_add(odd, "one", tw_nn_linear(rng, 1, 1, true));
    tw_module_add(odd, "thin", tw_nn_linear(rng, 7, 3, false));
    tw_module_add(odd, "flat",
                  tw_nn_conv2d(rng, 3, 2, (tw_conv2d_geometry){.kernel = {1, 4}, .padding = {0, 2}}, true));
    return tw_module_ready(odd);
}

/* The third model there. Every module that has no weights is in it. */
static tw_module *new_every_module(void)
{
    const tw_pool2d_geometry two = {.kernel = {2, 2}},
                             odd = {.kernel = {2, 3}, .stride = {1, 1}, .padding = {1, 0}};
    tw_module *list = tw_nn_module_list(), *model;

    if (list != NULL) {
        (void)tw_nn_module_list_append(list, tw_nn_softmax());
        (void)tw_nn_module_list_append(list, tw_nn_log_softmax());
    }
    model = tw_nn_sequential(
        (tw_module *[]){
            tw_nn_conv2d(NULL, 1, 4, (tw_conv2d_geometry){.kernel = {5, 5}, .stride = {2, 2}}, true),
            tw_nn_relu(), tw_nn_max_pool2d(two), tw_nn_avg_pool2d(odd),
            tw_nn_sequential((tw_module *[]){tw_nn_dropout(0.25), tw_nn_flatten()}, 2), list,
            tw_nn_module_list(), tw_nn_cross_entropy_loss(TW_REDUCTION_MEAN),
            tw_nn_nll_loss(TW_REDUCTION_SUM)},
        9);
    if (model != NULL) {
        (void)tw_module_register_module(model, "none", NULL);
    }
    return tw_module_ready(model);
}

static void weights_are_pytorchs_bit_for_bit(void **state)
{
    (void)state;
    assert_int_equal(tw_test_compare_weights("odd", new_odd), 6 * 6);
}

static void modules_print_as_in_pytorch(void **state)
{
    tw_module *odd = new_odd(NULL), *every = new_every_module();

    (void)state;
    tw_test_compare_print(odd, 1);
    tw_test_compare_print(every, 2);
    tw_module_release(odd);
    tw_module_release(every);
}

static void without_a_generator_weights_are_zero(void **state)
{
    tw_module *linear = tw_nn_linear(NULL, 3, 2, true);
    const float zeros[6] = {0};

    (void)state;
    assert_bits_equal_f32(zeros, linear->parameters[0].parameter->data->data, 6);
    assert_bits_equal_f32(zeros, linear->parameters[1].parameter->data->data, 2);
    tw_module_release(linear);
}

/* The name "bias" is taken even where there is none, as in PyTorch. */
static void a_missing_bias_is_registered_as_none(void **state)
{
    tw_module *linear = tw_nn_linear(NULL, 3, 2, false);

    (void)state;
    assert_int_equal(tw_module_parameter_elements(linear, false), 6);
    assert_fails(TW_ERROR_ARGUMENT, "\"bias\" is taken", tw_module_register_parameter(linear, "bias", NULL));
    tw_module_release(linear);
}

/* --- refusals ---------------------------------------------------------------------------------------------
 */

static void assert_refused(tw_module *module, const char *part)
{
    assert_null(module);
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    if (strstr(tw_error_message(), part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, tw_error_message());
    }
}

static void senseless_sizes_are_refused(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    tw_conv2d_geometry kernel0 = {.kernel = {3, 0}}, stride = {.kernel = {3, 3}, .stride = {-1, 1}},
                       padding = {.kernel = {3, 3}, .padding = {0, -2}},
                       dilation = {.kernel = {3, 3}, .dilation = {-1, 1}},
                       groups = {.kernel = {3, 3}, .groups = 2}, negative = {.kernel = {3, 3}, .groups = -1},
                       good = {.kernel = {3, 3}};

    (void)state;
    assert_refused(tw_nn_linear(NULL, 0, 5, true), "in_features 0, out_features 5");
    assert_refused(tw_nn_linear(NULL, 5, -5, true), "out_features -5");
    assert_refused(tw_nn_conv2d(NULL, 1, 2, kernel0, true), "kernel (3, 0), expected 1");
    assert_refused(tw_nn_conv2d(NULL, 1, 2, stride, true), "stride (-1, 1)");
    assert_refused(tw_nn_conv2d(NULL, 1, 2, padding, true), "padding (0, -2), expected 0");
    assert_refused(tw_nn_conv2d(NULL, 1, 2, dilation, true), "dilation (-1, 1)");
    assert_refused(tw_nn_conv2d(NULL, 1, 2, groups, true), "groups 2, expected");
    assert_refused(tw_nn_conv2d(NULL, 2, 3, groups, true), "out_channels 3");
    assert_refused(tw_nn_conv2d(NULL, 2, 2, negative, true), "groups -1");
    assert_refused(tw_nn_conv2d(NULL, 0, 2, good, true), "in_channels 0");
    assert_refused(tw_nn_max_pool2d((tw_pool2d_geometry){.kernel = {0, 2}}), "kernel 0");
    assert_refused(tw_nn_max_pool2d((tw_pool2d_geometry){.kernel = {2, 2}, .padding = {0, 2}}), "padding 2");
    assert_refused(tw_nn_avg_pool2d((tw_pool2d_geometry){.kernel = {2, 2}, .stride = {2, -1}}), "stride -1");
    assert_refused(tw_nn_dropout(1), "probability 1");
    assert_refused(tw_nn_dropout(-0.1), "probability -0.1");
    assert_refused(tw_nn_dropout(NAN), "nan");
    assert_refused(tw_nn_nll_loss((enum tw_reduction)7), "reduction 7");
    assert_refused(tw_nn_cross_entropy_loss_with((enum tw_reduction)7, 0.1), "reduction 7");
    assert_refused(tw_nn_cross_entropy_loss_with(TW_REDUCTION_SUM, -0.1), "label smoothing is -0.1");
    assert_null(tw_nn_linear(NULL, PTRDIFF_MAX, PTRDIFF_MAX, true));
    assert_int_equal(tw_error_status(), TW_ERROR_SHAPE);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

/* --- memory -----------------------------------------------------------------------------------------------
 */

static tw_module *new_odd_without_weights(void)
{
    return new_odd(NULL);
}

static tw_module *new_odd_with_weights(void)
{
    struct tw_rng rng = tw_test_rng(0);

    return new_odd(&rng);
}

static void constructors_survive_lack_of_memory(void **state)
{
    (void)state;
    assert_constructor_survives(new_odd_without_weights);
    assert_constructor_survives(new_odd_with_weights);
    assert_constructor_survives(new_every_module);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_pytorchs_bit_for_bit),
        cmocka_unit_test(modules_print_as_in_pytorch),
        cmocka_unit_test(without_a_generator_weights_are_zero),
        cmocka_unit_test(a_missing_bias_is_registered_as_none),
        cmocka_unit_test(senseless_sizes_are_refused),
        cmocka_unit_test(constructors_survive_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

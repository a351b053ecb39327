/* max_pool2d and avg_pool2d: against PyTorch, against differences, between plans, and what they refuse. */
#include "tests/support/graph_check.h"

typedef tw_value pool_fn(tw_graph *graph, tw_value x, tw_pool2d_geometry geometry);

/* From the file of a case: kernel, stride, padding, (dilation), two each, (groups), exclude_pad. */
static tw_pool2d_geometry recorded_geometry(const char *folder)
{
    char path[4096];
    struct tw_tensor *tensor;
    const int64_t *number;
    tw_pool2d_geometry geometry;

    snprintf(path, sizeof path, "%s/geometry.npy", folder);
    tensor = tw_test_read_npy(path);
    number = tensor->data;
    geometry = (tw_pool2d_geometry){.kernel = {number[0], number[1]},
                                    .stride = {number[2], number[3]},
                                    .padding = {number[4], number[5]},
                                    .exclude_pad = number[9] != 0};
    tw_tensor_release(tensor);
    return geometry;
}

static void check_recorded(const char *folder, pool_fn *pool)
{
    struct tw_check check = tw_check_begin(folder);
    tw_value x = tw_check_recorded_input(&check, "x");

    tw_check_project(&check, pool(check.graph, x, recorded_geometry(folder)), NULL);
    tw_check_recorded(&check);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_recorded(void **state)
{
    (void)state;
    check_recorded(TOWER_GOLDEN_DIR "/operations/max_pool2d", tw_max_pool2d_with);
    check_recorded(TOWER_GOLDEN_DIR "/operations/max_pool2d_odd", tw_max_pool2d_with);
    check_recorded(TOWER_GOLDEN_DIR "/operations/max_pool2d_overlapping", tw_max_pool2d_with);
    check_recorded(TOWER_GOLDEN_DIR "/operations/max_pool2d_rectangular", tw_max_pool2d_with);
    check_recorded(TOWER_GOLDEN_DIR "/operations/avg_pool2d", tw_avg_pool2d_with);
    check_recorded(TOWER_GOLDEN_DIR "/operations/avg_pool2d_padding", tw_avg_pool2d_with);
    check_recorded(TOWER_GOLDEN_DIR "/operations/avg_pool2d_exclude_pad", tw_avg_pool2d_with);
    check_recorded(TOWER_GOLDEN_DIR "/operations/avg_pool2d_rectangular", tw_avg_pool2d_with);
}

static void check_random_geometry(struct tw_rng *rng, pool_fn *pool)
{
    struct tw_check check = tw_check_begin(NULL);
    ptrdiff_t samples = tw_test_integer(rng, 1, 5), channels = tw_test_integer(rng, 1, 3), extent[2];
    tw_pool2d_geometry geometry = {.exclude_pad = tw_test_integer(rng, 0, 1) == 1};
    tw_value x;

    for (int i = 0; i < 2; i++) {
        geometry.kernel[i] = tw_test_integer(rng, 1, 4);
        geometry.stride[i] = tw_test_integer(rng, 0, 3);
        geometry.padding[i] = tw_test_integer(rng, 0, geometry.kernel[i] / 2);
        extent[i] = tw_test_integer(rng, geometry.kernel[i], geometry.kernel[i] + 5);
    }
    x = tw_check_input(&check, "x",
                       tw_check_separated(rng, TW_SHAPE(samples, channels, extent[0], extent[1])));
    x = pool(check.graph, x, geometry);
    assert_ok(tw_graph_status(check.graph));
    tw_check_project(&check, x, tw_check_uniform(rng, tw_graph_value_of(check.graph, x)->shape, 1));
    tw_check_differences(&check, rng);
    tw_check_plans_agree(&check);
    tw_check_end(&check);
}

static void test_differences(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (int i = 0; i < 10; i++) {
        check_random_geometry(&rng, tw_max_pool2d_with);
        check_random_geometry(&rng, tw_avg_pool2d_with);
    }
}

/* The short forms: square windows, stride = kernel. */
static void test_short_forms(void **state)
{
    tw_graph *graph = tw_graph_new();
    tw_value x = tw_graph_input(graph, "x", TW_F32, TW_SHAPE(2, 3, 9, 7), true);
    struct tw_shape expected = TW_SHAPE(2, 3, 3, 2);

    (void)state;
    assert_true(tw_shape_equal(&tw_graph_value_of(graph, tw_max_pool2d(graph, x, 3))->shape, &expected));
    assert_true(tw_shape_equal(&tw_graph_value_of(graph, tw_avg_pool2d(graph, x, 3))->shape, &expected));
    tw_graph_release(graph);
}

static void assert_refused(pool_fn *pool, struct tw_shape x, tw_pool2d_geometry geometry,
                           enum tw_status status, const char *part)
{
    tw_graph *graph = tw_graph_new();

    assert_int_equal(pool(graph, tw_graph_input(graph, "x", TW_F32, x, true), geometry).index, 0);
    assert_fails(status, part, tw_graph_status(graph));
    tw_graph_release(graph);
}

static void test_refuses(void **state)
{
    const tw_pool2d_geometry window = {.kernel = {3, 4}}, padded = {.kernel = {3, 3}, .padding = {2, 1}};
    const tw_pool2d_geometry backwards = {.kernel = {2, 2}, .stride = {-2, 2}}, none = {.kernel = {0, 2}};

    (void)state;
    assert_refused(tw_max_pool2d_with, TW_SHAPE(2, 3, 5, 3), window, TW_ERROR_SHAPE,
                   "max_pool2d: window (3, 4) does not fit into input (2, 3, 5, 3) with padding (0, 0)");
    assert_refused(tw_avg_pool2d_with, TW_SHAPE(2, 3, 5, 3), window, TW_ERROR_SHAPE,
                   "avg_pool2d: window (3, 4) does not fit into input (2, 3, 5, 3) with padding (0, 0)");
    assert_refused(tw_max_pool2d_with, TW_SHAPE(2, 3, 5, 5), padded, TW_ERROR_ARGUMENT, "padding (2, 1)");
    assert_refused(tw_max_pool2d_with, TW_SHAPE(2, 3, 5, 5), backwards, TW_ERROR_ARGUMENT, "stride (-2, 2)");
    assert_refused(tw_avg_pool2d_with, TW_SHAPE(2, 3, 5, 5), none, TW_ERROR_ARGUMENT, "kernel (0, 2)");
    assert_refused(tw_max_pool2d_with, TW_SHAPE(2, 3, 5), window, TW_ERROR_SHAPE, "(2, 3, 5)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_short_forms),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What --print-plan shows: the algorithm of every pass, and up to where zeros are left out. */
#include "tests/support/test_support.h"

#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/plan/plan.h"
#include "tests/layers/plan/graph_parts.h"

enum { SAMPLES = 32, SIDE = 40 };

/* A stem whose three passes take three ways (conv_select.c), and a linear whose gradients leave zeros out. */
static tw_graph *record(void)
{
    tw_graph *g = tw_graph_new();
    tw_value x = tw_graph_input(g, "x", TW_F32, TW_SHAPE(SAMPLES, 3, SIDE, SIDE), true), h;
    tw_value label = tw_graph_input(g, "label", TW_I32, TW_SHAPE(SAMPLES), true);

    tw_graph_require_grad(g, x);
    h = tw_conv2d(g, x, parameter_of_graph(g, TW_SHAPE(32, 3, 3, 3)), TW_INVALID_VALUE,
                  (tw_conv2d_geometry){.padding = {1, 1}});
    h = tw_flatten(g, tw_max_pool2d(g, tw_relu(g, h), 8));
    h = tw_relu(g, tw_linear(g, h, parameter_of_graph(g, TW_SHAPE(64, 32 * 25)), TW_INVALID_VALUE));
    h = tw_linear(g, h, parameter_of_graph(g, TW_SHAPE(2, 64)), TW_INVALID_VALUE);
    assert_ok(tw_graph_differentiate(g, tw_cross_entropy(g, h, label, TW_REDUCTION_MEAN)));
    return g;
}

/* The plan's text for one ISA; `contains` it or not, each. */
static void assert_text(enum tw_isa isa, int level, const char *const contained[], const char *absent)
{
    tw_graph *graph = record();
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);
    tw_plan *plan = tw_plan_new(
        graph, &(struct tw_plan_options){.level = level, .team = team, .kernels = tw_kernels_of(isa)});
    char *text = plan ? tw_plan_text(plan) : NULL;

    assert_non_null(text);
    for (int i = 0; contained[i]; i++) {
        if (!strstr(text, contained[i])) {
            fail_msg("\"%s\" is not in\n%s", contained[i], text);
        }
    }
    assert_true(!absent || !strstr(text, absent));
    tw_free(text);
    tw_plan_release(plan);
    tw_team_release(team);
    tw_graph_release(graph);
}

static void every_pass_names_its_algorithm(void **state)
{
    const char *const x86[] = {"conv2d (im2col+gemm)", "conv2d_input_gradient (along rows)",
                               "conv2d_weight_gradient (windows)", NULL};
    const char *const neon[] = {"conv2d (im2col+gemm)", "conv2d_input_gradient (im2col+gemm)",
                                "conv2d_weight_gradient (windows)", NULL};
    const char *const reference[] = {"conv2d (reference)", "conv2d_input_gradient (reference)",
                                     "conv2d_weight_gradient (reference)", NULL};

    (void)state;
    assert_text(TW_ISA_REFERENCE, 1, reference, "along rows");
    for (int isa = TW_ISA_REFERENCE + 1; isa < TW_ISA_COUNT; isa++) {
        if (tw_isa_available((enum tw_isa)isa)) {
            assert_text((enum tw_isa)isa, 1, isa == TW_ISA_NEON ? neon : x86, "while few");
        }
    }
}

static void the_limit_of_density_is_told(void **state)
{
    (void)state;
    for (int isa = 0; isa < TW_ISA_COUNT; isa++) {
        char limits[80], samples[80];
        const char *const texts[] = {"linear_input_gradient (non-zeros while few)",
                                     "linear_weight_gradient (non-zeros while few)", limits, samples, NULL};

        if (!tw_isa_available((enum tw_isa)isa)) {
            continue;
        }
        snprintf(limits, sizeof limits, "up to %.2f of the elements, %.2f where",
                 tw_kernels_of((enum tw_isa)isa)->sparse_density[0],
                 tw_kernels_of((enum tw_isa)isa)->sparse_density[1]);
        snprintf(samples, sizeof samples, "transposed, for %td samples and more at a time",
                 tw_kernels_of((enum tw_isa)isa)->sparse_rows);
        assert_text((enum tw_isa)isa, 2, texts, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pass_names_its_algorithm),
        cmocka_unit_test(the_limit_of_density_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

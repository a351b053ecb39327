/* A team, parameters of random numbers and plans for tests that run one graph at several levels. */
#ifndef TOWER_TESTS_LAYERS_PLAN_LEVELS_H
#define TOWER_TESTS_LAYERS_PLAN_LEVELS_H

#include "layers/graph/functional.h"
#include "layers/plan/plan.h"
#include "tests/support/test_support.h"

static struct tw_team *team; /* of two threads, made by main */

static inline tw_parameter *new_parameter(struct tw_shape shape, uint64_t stream)
{
    struct tw_rng rng = tw_test_rng(stream);
    tw_parameter *parameter = tw_parameter_new(shape);

    assert_non_null(parameter);
    tw_test_fill(&rng, parameter->data->data, tw_shape_count(&shape), -1.0f, 1.0f);
    return parameter;
}

static inline tw_plan *new_plan(tw_graph *graph, int level, bool constant)
{
    tw_plan *plan = tw_plan_new(
        graph, &(struct tw_plan_options){.level = level, .team = team, .constant_parameters = constant});

    assert_non_null(plan);
    return plan;
}

#endif

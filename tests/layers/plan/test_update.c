/* Updates inside a run: the bits of a run and a step of the optimizer, whatever the team; and what is refused. */
#include <string.h>

#include "core/memory.h"
#include "layers/graph/functional.h"
#include "layers/models/tower.h"
#include "layers/optim/optim.h"
#include "layers/plan/plan.h"
#include "tests/support/test_support.h"

enum { BATCH = 21, PIXELS = 28 * 28, STEPS = 4, PARAMETERS = 421642 };

static uint8_t pixels[STEPS * BATCH * PIXELS];
static int32_t labels[STEPS * BATCH];

struct training {
    tw_module *tower;
    tw_graph *graph;
    tw_value images, labels, loss;
    struct tw_team *team;
    tw_optimizer *optimizer;
    struct tw_parameter_update update;
    tw_plan *plan;
};

/* Who updates: the optimizer's step, or the plan, whose gradients are kept or used up. */
enum updates { AFTER, INSIDE, USING_UP };

static void open_training(struct training *t, enum tw_optimizer_kind kind, int threads, enum updates updates)
{
    struct tw_optimizer_options options = tw_optimizer_defaults(kind);
    struct tw_rng rng;
    tw_graph *g = tw_graph_new();

    tw_rng_seed(&rng, 3);
    t->tower = tw_tower_new(&rng);
    t->graph = g;
    t->images = tw_graph_input(g, "images", TW_U8, TW_SHAPE(BATCH, 1, 28, 28), true);
    t->labels = tw_graph_input(g, "labels", TW_I32, TW_SHAPE(BATCH), true);
    t->loss = tw_cross_entropy(g, tw_call(t->tower, g, tw_normalize(g, t->images, 0.5, 0.5)), t->labels,
                               TW_REDUCTION_MEAN);
    assert_ok(tw_graph_differentiate(g, t->loss));
    t->team = tw_team_new(threads, TW_BIND_NONE);
    t->optimizer = tw_optimizer_new(kind, NULL);
    options.weight_decay = 0.01;
    options.momentum = kind == TW_SGD ? 0.9 : 0;
    assert_ok(tw_optimizer_add_module(t->optimizer, t->tower, &options));
    t->update = tw_optimizer_update(t->optimizer);
    t->plan = tw_plan_new(g, &(struct tw_plan_options){.level = 2,
                                                       .team = t->team,
                                                       .update = updates == AFTER ? NULL : &t->update,
                                                       .keep_gradients = updates == INSIDE});
    assert_non_null(t->plan);
}

static void close_training(struct training *t)
{
    tw_plan_release(t->plan);
    tw_optimizer_release(t->optimizer);
    tw_team_release(t->team);
    tw_graph_release(t->graph);
    tw_module_release(t->tower);
}

static enum tw_status run(struct training *t, int step, ptrdiff_t samples)
{
    assert_ok(tw_plan_bind(t->plan, t->images, pixels + step * BATCH * PIXELS));
    assert_ok(tw_plan_bind(t->plan, t->labels, labels + step * BATCH));
    return tw_plan_run(t->plan, samples, TW_PLAN_BACKWARD);
}

/* Parameters, or their gradients, one after the other. */
static void copy_parameters(const struct training *t, bool gradients, float *to)
{
    struct tw_parameter_list list;

    assert_ok(tw_module_named_parameters(t->tower, &list));
    for (size_t i = 0; i < list.count; i++) {
        tw_parameter *parameter = list.items[i].parameter;
        const struct tw_tensor *tensor = gradients ? tw_parameter_gradient(parameter) : parameter->data;

        memcpy(to, tensor->data, tw_tensor_bytes(tensor));
        to += tw_tensor_count(tensor);
    }
    tw_parameter_list_release(&list);
}

static void train(struct training *t, int step, ptrdiff_t samples, enum updates updates)
{
    tw_optimizer_zero_grad(t->optimizer);
    assert_ok(run(t, step, samples));
    if (updates == AFTER) {
        assert_ok(tw_optimizer_step(t->optimizer, t->team));
    }
}

static void assert_same(const struct training *expected, const struct training *actual, bool gradients)
{
    static float bits[2][PARAMETERS];

    copy_parameters(expected, gradients, bits[0]);
    copy_parameters(actual, gradients, bits[1]);
    assert_bits_equal_f32(bits[0], bits[1], PARAMETERS);
}

static void updates_inside_have_the_bits_of_a_step_afterwards(void **state)
{
    static const int teams[] = {1, 2, 3, 8};
    static const enum tw_optimizer_kind kinds[] = {TW_SGD, TW_ADAM, TW_ADAMW};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct training after, inside, using_up;
        enum tw_optimizer_kind kind = kinds[i % 3];

        open_training(&after, kind, 1, AFTER);
        open_training(&inside, kind, teams[i], INSIDE);
        open_training(&using_up, kind, teams[i], USING_UP);
        for (int step = 0; step < STEPS; step++) {
            ptrdiff_t samples = step == 1 ? BATCH - 4 : BATCH;

            train(&after, step, samples, AFTER);
            train(&inside, step, samples, INSIDE);
            train(&using_up, step, samples, USING_UP);
            assert_true(tw_plan_scalar(after.plan, after.loss) == tw_plan_scalar(inside.plan, inside.loss));
        }
        assert_same(&after, &inside, true);
        assert_same(&after, &inside, false);
        assert_same(&after, &using_up, false);
        close_training(&after);
        close_training(&inside);
        close_training(&using_up);
    }
}

static void plan_again(struct training *t, const struct tw_parameter_update *update)
{
    tw_plan_release(t->plan);
    t->plan = tw_plan_new(t->graph, &(struct tw_plan_options){.level = 2, .team = t->team, .update = update});
    assert_non_null(t->plan);
}

/* Two plans and one optimizer: a run counts no step, and asks no gradient, of what the other plan updates. */
static void plans_share_an_optimizer(void **state)
{
    struct training alone, first, second;
    struct tw_optimizer_options options;

    (void)state;
    open_training(&alone, TW_ADAM, 1, AFTER);
    open_training(&first, TW_ADAM, 2, USING_UP);
    open_training(&second, TW_ADAM, 2, AFTER);
    options = *tw_optimizer_group(first.optimizer, 0);
    assert_ok(tw_optimizer_add_module(first.optimizer, second.tower, &options));
    plan_again(&second, &first.update);
    for (int step = 0; step < STEPS; step++) {
        train(&alone, step, BATCH, AFTER);
        train(&first, step, BATCH, USING_UP);
        assert_ok(run(&second, step, BATCH));
    }
    assert_same(&alone, &first, false);
    assert_same(&alone, &second, false);
    tw_plan_release(second.plan);
    second.plan = NULL;
    close_training(&first);
    close_training(&second);
    close_training(&alone);
}

/* Every second parameter, the large one among them. */
static void freeze(const struct training *t, bool frozen)
{
    struct tw_parameter_list list;

    assert_ok(tw_module_named_parameters(t->tower, &list));
    for (size_t i = 0; i < list.count; i += 2) {
        list.items[i].parameter->requires_grad = !frozen;
    }
    tw_parameter_list_release(&list);
}

static void what_was_frozen_later_keeps_values_and_state(void **state)
{
    struct training after, inside;

    (void)state;
    open_training(&after, TW_ADAMW, 1, AFTER);
    open_training(&inside, TW_ADAMW, 3, USING_UP);
    for (int step = 0; step < STEPS; step++) {
        freeze(&after, step % 2 == 0);
        freeze(&inside, step % 2 == 0);
        train(&after, step, BATCH, AFTER);
        train(&inside, step, BATCH, USING_UP);
        assert_same(&after, &inside, false);
    }
    close_training(&after);
    close_training(&inside);
}

/* The barriers are no more than without updates. */
static void updates_cost_no_stage(void **state)
{
    struct training after, inside;

    (void)state;
    open_training(&after, TW_ADAM, 2, AFTER);
    open_training(&inside, TW_ADAM, 2, USING_UP);
    assert_int_equal(tw_plan_facts(inside.plan).stages, tw_plan_facts(after.plan).stages);
    assert_int_equal(tw_plan_facts(inside.plan).barriers, tw_plan_facts(after.plan).barriers);
    close_training(&after);
    close_training(&inside);
}

static void what_cannot_be_is_refused(void **state)
{
    static float before[PARAMETERS], later[PARAMETERS];
    struct training t;

    (void)state;
    open_training(&t, TW_ADAM, 2, USING_UP);
    assert_null(
        tw_plan_new(t.graph, &(struct tw_plan_options){.level = 1, .team = t.team, .update = &t.update}));
    assert_int_equal(tw_error_status(), TW_ERROR_UNSUPPORTED);
    assert_ok(run(&t, 0, BATCH)); /* what planning has made is zero */
    copy_parameters(&t, false, before);
    assert_int_equal(run(&t, 1, BATCH), TW_ERROR_STATE); /* nobody has zeroed */
    tw_optimizer_zero_grad(t.optimizer);
    tw_optimizer_group(t.optimizer, 0)->learning_rate = -1;
    assert_int_equal(run(&t, 1, BATCH), TW_ERROR_ARGUMENT);
    copy_parameters(&t, false, later);
    assert_bits_equal_f32(before, later, PARAMETERS);
    tw_optimizer_group(t.optimizer, 0)->learning_rate = 0.1;
    assert_ok(tw_plan_run(t.plan, BATCH, TW_PLAN_FORWARD)); /* changes nothing */
    copy_parameters(&t, false, later);
    assert_bits_equal_f32(before, later, PARAMETERS);
    close_training(&t);
}

/* A gradient that was used up is not there for anybody, until zero_grad makes it zero; the others are. */
static void what_is_used_up_is_not_stale(void **state)
{
    struct training t;
    struct tw_parameter_list list;
    double norm;
    int gone = 0;

    (void)state;
    open_training(&t, TW_ADAM, 2, USING_UP);
    tw_optimizer_zero_grad(t.optimizer);
    assert_ok(run(&t, 0, BATCH));
    assert_ok(tw_module_named_parameters(t.tower, &list));
    for (size_t i = 0; i < list.count; i++) {
        if (!tw_parameter_gradient(list.items[i].parameter)) {
            assert_int_equal(tw_error_status(), TW_ERROR_STATE);
            assert_string_equal(list.items[i].name, "fc1.weight");
            gone++;
        }
    }
    assert_int_equal(gone, 1);
    assert_fails(TW_ERROR_STATE, "fc1.weight", tw_optimizer_step(t.optimizer, t.team));
    assert_fails(TW_ERROR_STATE, "fc1.weight", tw_clip_gradient_norm(&list, 1, NULL, &norm));
    assert_fails(TW_ERROR_STATE, "fc1.weight", tw_clip_gradient_value(&list, 1));
    tw_optimizer_zero_grad(t.optimizer);
    assert_ok(tw_clip_gradient_norm(&list, 1, NULL, &norm));
    assert_true(norm == 0);
    assert_ok(run(&t, 1, BATCH));
    tw_parameter_list_release(&list);
    close_training(&t);
}

/* Parameters that the optimizer does not know keep their values. */
static void others_keep_their_values(void **state)
{
    static float before[PARAMETERS], later[PARAMETERS];
    struct training t;
    struct tw_parameter_list list;
    ptrdiff_t offset = 0;
    tw_optimizer *narrow = tw_optimizer_new(TW_SGD, NULL);
    struct tw_optimizer_options options = tw_optimizer_defaults(TW_SGD);
    struct tw_parameter_update update;

    (void)state;
    open_training(&t, TW_ADAM, 2, AFTER);
    assert_ok(tw_module_named_parameters(t.tower, &list));
    options.learning_rate = 1;
    assert_ok(tw_optimizer_add_group(narrow, &(struct tw_parameter_list){.items = list.items, .count = 1},
                                     &options));
    update = tw_optimizer_update(narrow);
    plan_again(&t, &update);
    copy_parameters(&t, false, before);
    train(&t, 0, BATCH, USING_UP);
    copy_parameters(&t, false, later);
    offset = tw_tensor_count(list.items[0].parameter->data);
    assert_true(memcmp(before, later, (size_t)offset * sizeof *before) != 0);
    assert_bits_equal_f32(before + offset, later + offset, PARAMETERS - offset);
    tw_parameter_list_release(&list);
    tw_optimizer_release(narrow);
    close_training(&t);
}

static void count_call(void *context)
{
    (*(_Atomic int *)context)++;
}

/* Once in every backward run, whoever does it, and never in a forward one. */
static void work_beside_is_done_once(void **state)
{
    (void)state;
    for (int threads = 1; threads < 10; threads += 4) {
        struct training t;
        _Atomic int calls = 0;

        open_training(&t, TW_SGD, threads, AFTER);
        tw_plan_release(t.plan);
        t.plan = tw_plan_new(t.graph,
                             &(struct tw_plan_options){
                                 .level = 2, .team = t.team, .beside = count_call, .beside_context = &calls});
        for (int step = 0; step < STEPS; step++) {
            assert_ok(run(&t, step, 1 + step));
            assert_int_equal(calls, step + 1);
            assert_ok(tw_plan_run(t.plan, BATCH, TW_PLAN_FORWARD));
        }
        assert_int_equal(calls, STEPS);
        close_training(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_inside_have_the_bits_of_a_step_afterwards),
        cmocka_unit_test(plans_share_an_optimizer),
        cmocka_unit_test(what_was_frozen_later_keeps_values_and_state),
        cmocka_unit_test(updates_cost_no_stage),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(what_is_used_up_is_not_stale),
        cmocka_unit_test(others_keep_their_values),
        cmocka_unit_test(work_beside_is_done_once),
    };

    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * i % 251);
    }
    for (int i = 0; i < STEPS * BATCH; i++) {
        labels[i] = i * 7 % 10;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

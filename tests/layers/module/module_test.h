/* What the tests of modules share: modules of their own, and the hunt for leaks when memory runs out.
 */
#ifndef TOWER_TESTS_LAYERS_MODULE_MODULE_TEST_H
#define TOWER_TESTS_LAYERS_MODULE_MODULE_TEST_H

#include "core/memory.h"
#include "layers/module/module.h"
#include "layers/module/state_dict.h"
#include "tests/support/test_support.h"

/* A module with everything a module can have: a parameter, one registered as none, a running count that is
 * saved, a scratch buffer that is not, and a tensor that is merely a field. */
struct counter {
    tw_module super;
    tw_parameter *scale;
    struct tw_tensor *count, *scratch, *plain;
    int *destroyed; /* counts calls of destroy; NULL: nobody is interested */
};

static inline void counter_destroy(tw_module *self)
{
    struct counter *counter = TW_SELF(self, struct counter);

    tw_tensor_release(counter->plain);
    if (counter->destroyed != NULL) {
        ++*counter->destroyed;
    }
}

static inline tw_value counter_forward(tw_module *self, tw_graph *graph, tw_value x)
{
    double count = 0;

    (void)graph;
    tw_tensor_get(TW_SELF(self, struct counter)->count, NULL, &count);
    tw_tensor_set(TW_SELF(self, struct counter)->count, NULL, count + 1);
    return x;
}

static const tw_module_class counter_class = {
    .name = "Counter",
    .forward = counter_forward,
    .destroy = counter_destroy,
};

static inline tw_module *new_counter(void)
{
    struct counter *counter = tw_module_new(sizeof *counter, &counter_class);

    if (counter == NULL) {
        return NULL;
    }
    counter->scale = tw_module_new_parameter(&counter->super, "scale", TW_SHAPE(2, 3));
    (void)tw_module_register_parameter(&counter->super, "shift", NULL);
    counter->count = tw_tensor_new(TW_I64, tw_scalar_shape());
    (void)tw_module_register_buffer(&counter->super, "count", counter->count, true);
    counter->scratch = tw_tensor_new(TW_F32, TW_SHAPE(4));
    (void)tw_module_register_buffer(&counter->super, "scratch", counter->scratch, false);
    counter->plain = tw_tensor_new(TW_F32, TW_SHAPE(100));
    if (counter->count == NULL || counter->scratch == NULL || counter->plain == NULL) {
        counter->super.failed = true;
    }
    return tw_module_ready(&counter->super);
}

/* A module that only contains others. */
static const tw_module_class box_class = {.name = "Box"};

static inline tw_module *new_box(void)
{
    return tw_module_new(sizeof(tw_module), &box_class);
}

/* "first" and "second" Counters, "again" the first one; every element of the i-th scale is `value` + i. */
static inline tw_module *new_counters(double value)
{
    tw_module *box = new_box();
    tw_module *first = tw_module_add(box, "first", new_counter());
    tw_module *second = tw_module_add(box, "second", new_counter());

    assert_ok(tw_module_register_module(box, "again", tw_module_retain(first)));
    tw_tensor_fill(TW_SELF(first, struct counter)->scale->data, value);
    tw_tensor_fill(TW_SELF(second, struct counter)->scale->data, value + 1);
    return box;
}

static inline double element_of(tw_module *module, const char *name)
{
    const ptrdiff_t origin[TW_MAX_DIMS] = {0};
    tw_state_dict dict;
    double value = -1;

    assert_ok(tw_module_state_dict(module, &dict));
    assert_non_null(tw_state_dict_find(&dict, name));
    assert_ok(tw_tensor_get(tw_state_dict_find(&dict, name), origin, &value));
    tw_state_dict_release(&dict);
    return value;
}

/* Calls attempt(context) with memory for 0, 1, 2, … allocations until it succeeds. Each failure must be one
 * of memory and leave as many blocks as there were; `undo` (may be NULL) takes back the success, and then
 * too. */
static inline void assert_survives_lack_of_memory(enum tw_status (*attempt)(void *context),
                                                  void (*undo)(void *context), void *context)
{
    size_t live = tw_memory_usage().live_blocks;
    enum tw_status status = TW_ERROR_MEMORY;
    long allocations;

    for (allocations = 0; status != TW_OK; allocations++) {
        assert_true(allocations < 10000);
        tw_memory_fail_after(allocations);
        status = attempt(context);
        tw_memory_fail_after(-1);
        if (status != TW_OK) {
            assert_int_equal(status, TW_ERROR_MEMORY);
            assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
            assert_int_equal(tw_memory_usage().live_blocks, live);
        }
    }
    assert_true(allocations > 1);
    if (undo != NULL) {
        undo(context);
        assert_int_equal(tw_memory_usage().live_blocks, live);
    }
}

/* The same for a constructor. */
struct construction {
    tw_module *(*construct)(void);
    tw_module *module;
};

static inline enum tw_status attempt_construction(void *context)
{
    struct construction *construction = context;

    construction->module = construction->construct();
    return construction->module != NULL ? TW_OK : tw_error_status();
}

static inline void undo_construction(void *context)
{
    tw_module_release(((struct construction *)context)->module);
}

static inline void assert_constructor_survives(tw_module *(*construct)(void))
{
    struct construction construction = {.construct = construct};

    assert_survives_lack_of_memory(attempt_construction, undo_construction, &construction);
}

#endif

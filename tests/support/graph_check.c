#include "tests/support/graph_check.h"

#include "core/memory.h"

struct tw_check tw_check_begin(const char *folder)
{
    struct tw_check check = {.folder = folder, .graph = tw_graph_new()};

    assert_non_null(check.graph);
    return check;
}

void tw_check_end(struct tw_check *check)
{
    for (int i = 0; i < check->leaves; i++) {
        tw_tensor_release(check->leaf[i].data);
        tw_parameter_release(check->leaf[i].parameter);
    }
    tw_graph_release(check->graph);
}

static struct tw_check_leaf *new_leaf(struct tw_check *check, const char *name)
{
    struct tw_check_leaf *leaf = &check->leaf[check->leaves++];

    assert_true(check->leaves <= TW_CHECK_LEAVES);
    leaf->name = name;
    return leaf;
}

tw_value tw_check_input(struct tw_check *check, const char *name, struct tw_tensor *data)
{
    struct tw_check_leaf *leaf = new_leaf(check, name);

    assert_non_null(data);
    leaf->data = data;
    leaf->value = tw_graph_input(check->graph, name, data->dtype, data->shape, true);
    if (data->dtype == TW_F32)
        tw_graph_require_grad(check->graph, leaf->value);
    if (check->samples == 0)
        check->samples = data->shape.extent[0];
    return leaf->value;
}

tw_value tw_check_parameter(struct tw_check *check, const char *name, struct tw_tensor *data)
{
    struct tw_check_leaf *leaf = new_leaf(check, name);

    assert_non_null(data);
    leaf->parameter = tw_parameter_new(data->shape);
    assert_non_null(leaf->parameter);
    assert_ok(tw_tensor_copy(leaf->parameter->data, data));
    tw_tensor_release(data);
    leaf->value = tw_graph_parameter(check->graph, name, leaf->parameter);
    return leaf->value;
}

struct tw_tensor *tw_check_load(const struct tw_check *check, const char *prefix, const char *name)
{
    char path[4096];

    assert_true(snprintf(path, sizeof path, "%s/%s%s.npy", check->folder, prefix, name) < (int)sizeof path);
    return tw_test_read_npy(path);
}

tw_value tw_check_recorded_input(struct tw_check *check, const char *name)
{
    return tw_check_input(check, name, tw_check_load(check, "", name));
}

tw_value tw_check_recorded_parameter(struct tw_check *check, const char *name)
{
    return tw_check_parameter(check, name, tw_check_load(check, "", name));
}

struct tw_tensor *tw_check_uniform(struct tw_rng *rng, struct tw_shape shape, float size)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, shape);

    assert_non_null(tensor);
    tw_test_fill(rng, tensor->data, tw_tensor_count(tensor), -size, size);
    return tensor;
}

struct tw_tensor *tw_check_separated(struct tw_rng *rng, struct tw_shape shape)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_F32, shape);
    ptrdiff_t count = tw_shape_count(&shape);
    int64_t *order = tw_alloc_array((size_t)count, sizeof *order);

    assert_non_null(tensor);
    assert_non_null(order);
    tw_rng_permutation(rng, order, count);
    for (ptrdiff_t i = 0; i < count; i++)
        ((float *)tensor->data)[i] = ((float)(order[i] - count / 2) + 0.5F) / 8;
    tw_free(order);
    return tensor;
}

struct tw_tensor *tw_check_labels(struct tw_rng *rng, ptrdiff_t count, ptrdiff_t classes)
{
    struct tw_tensor *tensor = tw_tensor_new(TW_I32, TW_SHAPE(count));

    assert_non_null(tensor);
    for (ptrdiff_t i = 0; i < count; i++)
        ((int32_t *)tensor->data)[i] = (int32_t)tw_test_integer(rng, 0, classes - 1);
    return tensor;
}

/* --- ends of a graph --------------------------------------------------------------------------------------
 */

static void finish(struct tw_check *check, tw_value out, tw_value loss)
{
    assert_ok(tw_graph_status(check->graph));
    assert_ok(tw_graph_differentiate(check->graph, loss));
    check->out = out;
    check->loss = loss;
    tw_graph_keep(check->graph, out);
    for (int i = 0; i < check->leaves; i++)
        tw_graph_keep(check->graph, tw_graph_gradient(check->graph, check->leaf[i].value));
}

void tw_check_loss(struct tw_check *check, tw_value loss)
{
    finish(check, loss, loss);
}

/* A frozen weight, and the labels 0, 1, 2, … that pick the diagonal. */
void tw_check_project(struct tw_check *check, tw_value out, struct tw_tensor *cotangent)
{
    ptrdiff_t samples = check->samples, width;
    struct tw_tensor *weight, *labels = tw_tensor_new(TW_I32, TW_SHAPE(samples));
    tw_value frozen, picked;

    assert_ok(tw_graph_status(check->graph));
    if (!cotangent)
        cotangent = tw_check_load(check, "", "cotangent");
    width = tw_tensor_count(cotangent) / samples;
    weight = tw_tensor_new(TW_F32, TW_SHAPE(samples, width));
    assert_non_null(weight);
    assert_non_null(labels);
    for (ptrdiff_t i = 0; i < samples * width; i++)
        ((float *)weight->data)[i] = -((const float *)cotangent->data)[i];
    for (ptrdiff_t i = 0; i < samples; i++)
        ((int32_t *)labels->data)[i] = (int32_t)i;
    tw_tensor_release(cotangent);
    frozen = tw_check_parameter(check, "cotangent", weight);
    check->leaf[check->leaves - 1].parameter->requires_grad = false;
    check->graph->values[frozen.index].requires_grad = false;
    picked = tw_linear(check->graph, tw_view(check->graph, out, TW_SHAPE(samples, width)), frozen,
                       TW_INVALID_VALUE);
    finish(check, out,
           tw_nll_loss(check->graph, picked, tw_check_input(check, "diagonal", labels), TW_REDUCTION_SUM));
}

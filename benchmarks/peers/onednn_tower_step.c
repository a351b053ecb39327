#include "benchmarks/peers/onednn_tower_step.h"

#include <math.h>

#include "core/memory.h"

#define PIXELS  (28 * 28)
#define CLASSES 10

/* Cache lines between the parameters of the flat vectors. */
#define LINE_FLOATS (TW_ALIGNMENT / (ptrdiff_t)sizeof(float))

/* --- what is not oneDNN's ------------------------------------------------------------------------------ */

static void normalise_share(void *context, int rank, int threads)
{
    struct tw_onednn_step *step = context;
    ptrdiff_t begin, end;

    tw_team_share(step->batch_size, rank, threads, &begin, &end);
    step->kernels->f32_normalize_u8((end - begin) * PIXELS, step->loader->images + begin * PIXELS, 0.1307f,
                                    0.3081f, step->pixels + begin * PIXELS);
}

static void normalise(void *context)
{
    struct tw_onednn_step *step = context;

    tw_team_run(step->team, normalise_share, step);
}

static void cross_entropy(void *context)
{
    struct tw_onednn_step *step = context;
    const struct tw_kernels *k = step->kernels;
    const ptrdiff_t rows = step->batch_size;
    const float scale = 1.0f / (float)rows;
    float *p = step->log_probabilities, *d = step->logits_gradient;

    k->f32_log_softmax_forward(rows, CLASSES, p, p);
    k->f32_nll_forward(rows, CLASSES, p, step->loader->labels, scale, &step->loss);
    k->f32_nll_gradient(rows, CLASSES, step->loader->labels, scale, 1.0f, d);
    k->f32_log_softmax_gradient(rows, CLASSES, p, d, d);
}

struct update {
    const struct tw_onednn_step *step;
    struct tw_adam_coefficients coefficients;
};

static void update_share(void *context, int rank, int threads)
{
    const struct update *update = context;
    const struct tw_onednn_step *step = update->step;
    ptrdiff_t begin, end;

    tw_team_share(step->floats / LINE_FLOATS, rank, threads, &begin, &end);
    begin *= LINE_FLOATS;
    end *= LINE_FLOATS;
    step->kernels->f32_adam(end - begin, &update->coefficients, step->gradients + begin,
                            step->parameters + begin, step->first_moments + begin,
                            step->second_moments + begin);
}

static void adam(void *context)
{
    struct tw_onednn_step *step = context;
    const double t = (double)++step->steps, correction2_sqrt = sqrt(1 - pow(0.999, t));
    struct update update = {
        .step = step,
        .coefficients = {.beta1 = 0.9f,
                         .one_minus_beta1 = (float)(1 - 0.9),
                         .beta2 = 0.999f,
                         .one_minus_beta2 = (float)(1 - 0.999),
                         .step_size = (float)(1e-3 * correction2_sqrt / (1 - pow(0.9, t))),
                         .epsilon = (float)(1e-8 * correction2_sqrt),
                         .decay_factor = 1.0f},
    };

    tw_team_run(step->team, update_share, &update);
}

/* --- the network --------------------------------------------------------------------------------------- */

static void describe_layers(struct tw_onednn_step *step)
{
    const ptrdiff_t n = step->batch_size;
    const struct tw_onednn_layer layers[TW_TOWER_LAYERS] = {
        {.name = {"conv1 forward + relu", "conv1 relu gradient", "conv1 input gradient",
                  "conv1 weight gradient", "conv1 reorder"},
         .convolution = true,
         .relu = true,
         .ndims = 4,
         .y_ndims = 4,
         .x = {n, 1, 28, 28},
         .w = {32, 1, 3, 3},
         .y = {n, 32, 28, 28}},
        {.name = {"conv2 forward + relu", "conv2 relu gradient", "conv2 input gradient",
                  "conv2 weight gradient", "conv2 reorder"},
         .convolution = true,
         .relu = true,
         .ndims = 4,
         .y_ndims = 4,
         .x = {n, 32, 14, 14},
         .w = {64, 32, 3, 3},
         .y = {n, 64, 14, 14}},
        {.name = {"fc1 forward + relu", "fc1 relu gradient", "fc1 input gradient", "fc1 weight gradient",
                  "fc1 reorder"},
         .relu = true,
         .ndims = 4,
         .y_ndims = 2,
         .x = {n, 64, 7, 7},
         .w = {128, 64, 7, 7},
         .y = {n, 128}},
        {.name = {"fc2 forward", "", "fc2 input gradient", "fc2 weight gradient", "fc2 reorder"},
         .ndims = 2,
         .y_ndims = 2,
         .x = {n, 128},
         .w = {CLASSES, 128},
         .y = {n, CLASSES}},
    };

    for (int i = 0; i < TW_TOWER_LAYERS; i++) {
        step->layers[i] = layers[i];
        tw_onednn_layer_describe(&step->program, &step->layers[i], i == 0);
    }
    step->pools[0].name.forward = "pool1 forward";
    step->pools[0].name.gradient = "pool1 gradient";
    step->pools[0].name.reorder = "pool1 reorder";
    step->pools[1].name.forward = "pool2 forward";
    step->pools[1].name.gradient = "pool2 gradient";
    step->pools[1].name.reorder = "pool2 reorder";
}

static ptrdiff_t whole_lines(ptrdiff_t floats)
{
    return (floats + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

static enum tw_status allocate(struct tw_onednn_step *step)
{
    for (int i = 0; i < TW_TOWER_LAYERS; i++)
        step->floats += whole_lines(tw_onednn_layer_weight_floats(&step->layers[i])) +
                        whole_lines(tw_onednn_layer_bias_floats(&step->layers[i]));
    step->parameters = tw_alloc_array((size_t)step->floats, sizeof(float));
    step->gradients = tw_alloc_array((size_t)step->floats, sizeof(float));
    step->first_moments = tw_alloc_array((size_t)step->floats, sizeof(float));
    step->second_moments = tw_alloc_array((size_t)step->floats, sizeof(float));
    step->pixels = tw_alloc_array((size_t)step->batch_size * PIXELS, sizeof(float));
    step->logits_gradient = tw_alloc_array((size_t)step->batch_size * CLASSES, sizeof(float));
    if (!step->parameters || !step->gradients || !step->first_moments || !step->second_moments ||
        !step->pixels || !step->logits_gradient)
        return TW_ERROR_MEMORY;
    return TW_OK;
}

/* Parameters come in the order of the layers, weight before bias. */
static enum tw_status place_layers(struct tw_onednn_step *step, const tw_module *tower)
{
    struct tw_parameter_list list;
    enum tw_status status = tw_module_named_parameters(tower, &list);
    ptrdiff_t offset = 0;

    if (status)
        return status;
    for (int i = 0; i < TW_TOWER_LAYERS; i++) {
        struct tw_onednn_layer *layer = &step->layers[i];
        const ptrdiff_t weights = whole_lines(tw_onednn_layer_weight_floats(layer));

        tw_onednn_layer_place(&step->program, layer, step->parameters + offset, step->gradients + offset,
                              weights, list.items[2 * i].parameter->data->data,
                              list.items[2 * i + 1].parameter->data->data);
        offset += weights + whole_lines(tw_onednn_layer_bias_floats(layer));
    }
    tw_parameter_list_release(&list);
    return TW_OK;
}

/* Returns the logits in rows. */
static dnnl_memory_t add_forward(struct tw_onednn_step *step)
{
    struct tw_program *program = &step->program;
    struct tw_onednn_layer *layers = step->layers;
    const dnnl_memory_desc_t rows = tw_program_rows(4, layers[TW_TOWER_CONV1].x);
    const dnnl_memory_desc_t logits = tw_program_rows(2, layers[TW_TOWER_FC2].y);
    dnnl_memory_t x = tw_program_memory(program, &rows, step->pixels);

    tw_program_add_function(program, "normalise", normalise, step);
    x = tw_onednn_layer_add_forward(program, &layers[TW_TOWER_CONV1], x);
    x = tw_onednn_max_pool_add_forward(program, &step->pools[0], x);
    x = tw_onednn_layer_add_forward(program, &layers[TW_TOWER_CONV2], x);
    x = tw_onednn_max_pool_add_forward(program, &step->pools[1], x);
    x = tw_onednn_layer_add_forward(program, &layers[TW_TOWER_FC1], x);
    x = tw_onednn_layer_add_forward(program, &layers[TW_TOWER_FC2], x);
    return tw_program_in_layout(program, "fc2 reorder", x, &logits);
}

/* From the gradient of a pooled array to that of the convolution's sums. */
static dnnl_memory_t add_pool_gradient(struct tw_onednn_step *step, enum tw_relu_place relu, int i,
                                       dnnl_memory_t dy)
{
    struct tw_program *program = &step->program;
    struct tw_onednn_layer *layer = &step->layers[i];

    if (relu == TW_RELU_POOLED)
        dy = tw_onednn_add_relu_gradient(program, layer, step->pools[i].result, dy);
    dy = tw_onednn_max_pool_add_gradient(program, &step->pools[i], dy);
    if (relu == TW_RELU_FULL)
        dy = tw_onednn_add_relu_gradient(program, layer, layer->output, dy);
    return dy;
}

static void add_backward(struct tw_onednn_step *step, enum tw_relu_place relu)
{
    struct tw_program *program = &step->program;
    struct tw_onednn_layer *layers = step->layers;
    const dnnl_memory_desc_t logits = tw_program_rows(2, layers[TW_TOWER_FC2].y);
    dnnl_memory_t dy = tw_program_memory(program, &logits, step->logits_gradient);

    tw_onednn_layer_add_weight_gradient(program, &layers[TW_TOWER_FC2], dy);
    dy = tw_onednn_layer_add_input_gradient(program, &layers[TW_TOWER_FC2], dy);
    dy = tw_onednn_add_relu_gradient(program, &layers[TW_TOWER_FC1], layers[TW_TOWER_FC1].output, dy);
    tw_onednn_layer_add_weight_gradient(program, &layers[TW_TOWER_FC1], dy);
    dy = tw_onednn_layer_add_input_gradient(program, &layers[TW_TOWER_FC1], dy);
    dy = add_pool_gradient(step, relu, TW_TOWER_CONV2, dy);
    tw_onednn_layer_add_weight_gradient(program, &layers[TW_TOWER_CONV2], dy);
    dy = tw_onednn_layer_add_input_gradient(program, &layers[TW_TOWER_CONV2], dy);
    dy = add_pool_gradient(step, relu, TW_TOWER_CONV1, dy);
    tw_onednn_layer_add_weight_gradient(program, &layers[TW_TOWER_CONV1], dy);
}

enum tw_status tw_onednn_step_init(struct tw_onednn_step *step, const struct tw_onednn_step_options *options,
                                   struct tw_team *team, const struct tw_kernels *kernels,
                                   const struct tw_loader *loader, const tw_module *tower)
{
    enum tw_status status;

    *step = (struct tw_onednn_step){
        .team = team, .kernels = kernels, .loader = loader, .batch_size = loader->batch_size};
    tw_program_init(&step->program, options->profile);
    describe_layers(step);
    status = allocate(step);
    if (!status)
        status = place_layers(step, tower);
    if (status) {
        tw_onednn_step_release(step);
        return status;
    }
    step->log_probabilities = tw_program_values(add_forward(step));
    tw_program_add_function(&step->program, "cross-entropy", cross_entropy, step);
    add_backward(step, options->relu);
    tw_program_add_function(&step->program, "Adam", adam, step);
    return TW_OK;
}

void tw_onednn_step_release(struct tw_onednn_step *step)
{
    for (int i = 0; i < TW_TOWER_LAYERS; i++)
        tw_onednn_layer_release(&step->layers[i]);
    for (int i = 0; i < 2; i++)
        tw_onednn_max_pool_release(&step->pools[i]);
    tw_program_release(&step->program);
    tw_free(step->parameters);
    tw_free(step->gradients);
    tw_free(step->first_moments);
    tw_free(step->second_moments);
    tw_free(step->pixels);
    tw_free(step->logits_gradient);
}

void tw_onednn_step_run(struct tw_onednn_step *step)
{
    tw_program_run(&step->program);
}

/* Convolution, relu and max-pool as one operation (kernels/conv_pool), and its gradient: what the plan puts
 * in place of the three. */
#include "layers/operation/conv_pool.h"

#include "layers/operation/operations.h"

static const struct tw_conv_pool_shape *shape_of(const struct tw_execution *execution)
{
    return &execution->node->attributes.conv_pool.shape;
}

static const struct tw_pixel_scale *pixels_of(const struct tw_execution *execution)
{
    return execution->node->attributes.conv_pool.bytes ? &execution->node->attributes.conv_pool.pixels : NULL;
}

/* Floats of one sample. */
static ptrdiff_t x_blocked(const struct tw_conv_pool_shape *shape)
{
    return tw_blocked_size(shape->in_channels, shape->height, shape->width, 1);
}

static ptrdiff_t y_blocked(const struct tw_conv_pool_shape *shape)
{
    return tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
}

/* Planar x of sample `n`: bytes or floats. */
static const void *planar_x(const struct tw_execution *execution, ptrdiff_t n)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);
    ptrdiff_t size = shape->in_channels * shape->height * shape->width;

    return (const char *)execution->in[0] + n * size * (pixels_of(execution) ? 1 : (ptrdiff_t)sizeof(float));
}

/* What the convolution costs densely, for `times` of its three products. */
static double dense_flops(const struct tw_execution *execution, double times)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);

    return times * 2.0 * 9.0 * (double)execution->samples *
           (double)(shape->in_channels * shape->out_channels) * (double)(shape->height / 2 * 2) *
           (double)(shape->width / 2 * 2);
}

static double forward_flops(const struct tw_execution *execution)
{
    return dense_flops(execution, 1.0);
}

static double gradient_flops(const struct tw_execution *execution)
{
    return dense_flops(execution, execution->node->outputs > 2 ? 2.0 : 1.0);
}

/* Winograd F(2x2, 3x3): 16 products per window in place of 4 times 9. */
static double winograd_flops(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    return dense_flops(execution, 16.0 / 36.0) * (double)(end - begin) / (double)execution->samples;
}

/* Samples of slots [begin, end), as a part of all. */
static double part_of_slots(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    ptrdiff_t samples =
        tw_slot_begin(execution->samples, (int)end) - tw_slot_begin(execution->samples, (int)begin);

    return (double)samples / (double)execution->samples;
}

/* One position of the four of every window, open or not. */
static double planar_gradient_flops(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    return gradient_flops(execution) / 4.0 * part_of_slots(execution, begin, end);
}

/* Open windows of one sample; lanes that only fill up a block of channels are not counted. */
static ptrdiff_t open_windows(const struct tw_conv_pool_shape *shape, const uint8_t *code)
{
    ptrdiff_t windows = (shape->height / 2) * (shape->width / 2), open = 0;

    for (ptrdiff_t block = 0; block < tw_blocks(shape->out_channels); block++) {
        ptrdiff_t left = shape->out_channels - block * TW_BLOCK, lanes = left < TW_BLOCK ? left : TW_BLOCK;

        for (ptrdiff_t w = 0; w < windows; w++, code += TW_BLOCK) {
            for (ptrdiff_t lane = 0; lane < lanes; lane++) {
                open += code[lane] < TW_CODE_CLOSED;
            }
        }
    }
    return open;
}

/* One position of every open window; as long as nothing is known of them, of every window. */
static double open_flops(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);
    ptrdiff_t last = tw_slot_begin(execution->samples, (int)end), open = 0;
    const uint8_t *code = execution->in[1];

    if (!code) {
        return planar_gradient_flops(execution, begin, end);
    }
    for (ptrdiff_t n = tw_slot_begin(execution->samples, (int)begin); n < last; n++) {
        open += open_windows(shape, code + n * tw_code_size(shape));
    }
    return (double)open * 2.0 * 9.0 * (double)shape->in_channels * (execution->node->outputs > 2 ? 2.0 : 1.0);
}

static size_t workspace(const struct tw_execution *execution)
{
    return tw_f32_conv_pool_workspace(shape_of(execution));
}

static const char *planar_algorithm(const struct tw_execution *execution)
{
    return pixels_of(execution) ? "direct, from pixels" : "direct";
}

static const char *blocked_algorithm(const struct tw_execution *execution)
{
    (void)execution;
    return "winograd";
}

static const char *gradient_algorithm(const struct tw_execution *execution)
{
    (void)execution;
    return "open windows only";
}

/* Codes from sample `n` on; NULL where nobody wants them. */
static uint8_t *codes_at(const struct tw_execution *execution, ptrdiff_t n)
{
    uint8_t *codes = execution->out[1];

    return codes ? codes + n * tw_code_size(shape_of(execution)) : NULL;
}

/* --- (x, planar weights, bias) -> y, code or none ------------------------------------------------------- */

static void run_planar(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *memory)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);

    execution->kernels->f32_conv_pool_planar_forward(shape, end - begin, planar_x(execution, begin),
                                                     pixels_of(execution), execution->in[1], execution->in[2],
                                                     (float *)execution->out[0] + begin * y_blocked(shape),
                                                     codes_at(execution, begin), memory);
}

const struct tw_operation tw_operation_conv_pool_planar = {
    .name = "conv+relu+pool",
    .split = TW_SPLIT_SAMPLES,
    .flops = forward_flops,
    .workspace = workspace,
    .run = run_planar,
    .algorithm = planar_algorithm,
    .layout = "blocked",
};

/* --- (x blocked, winograd weights, bias) -> y, code or none --------------------------------------------- */

static void run_blocked(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *memory)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);

    execution->kernels->f32_conv_pool_forward(
        shape, end - begin, (const float *)execution->in[0] + begin * x_blocked(shape), execution->in[1],
        execution->in[2], (float *)execution->out[0] + begin * y_blocked(shape), codes_at(execution, begin),
        memory);
}

const struct tw_operation tw_operation_conv_pool = {
    .name = "conv+relu+pool",
    .split = TW_SPLIT_SAMPLES,
    .flops = forward_flops,
    .flops_done = winograd_flops,
    .workspace = workspace,
    .run = run_blocked,
    .algorithm = blocked_algorithm,
    .layout = "blocked",
};

/* --- (x, code, dy) -> slots of dw, slots of db ---------------------------------------------------------- */

static void run_planar_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                void *memory)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);
    float *db = execution->out[1];

    for (ptrdiff_t slot = begin; slot < end; slot++) {
        ptrdiff_t first = tw_slot_begin(execution->samples, (int)slot);
        ptrdiff_t last = tw_slot_begin(execution->samples, (int)slot + 1);

        execution->kernels->f32_conv_pool_planar_gradient(
            shape, last - first, planar_x(execution, first), pixels_of(execution),
            (const uint8_t *)execution->in[1] + first * tw_code_size(shape),
            (const float *)execution->in[2] + first * y_blocked(shape),
            (float *)execution->out[0] + slot * shape->out_channels * shape->in_channels * 9,
            db ? db + slot * shape->out_channels : NULL, memory);
    }
}

const struct tw_operation tw_operation_conv_pool_planar_gradient = {
    .name = "conv+relu+pool gradient",
    .split = TW_SPLIT_SLOTS,
    .flops = gradient_flops,
    .flops_done = planar_gradient_flops,
    .workspace = workspace,
    .run = run_planar_gradient,
    .algorithm = gradient_algorithm,
    .layout = "slots",
};

/* --- (x blocked, code, dy, scatter weights or none) -> slots of dw, slots of db, dx or none ------------- */

static void run_gradient(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *memory)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);
    ptrdiff_t weights = tw_blocks(shape->in_channels) * shape->out_channels * 9 * TW_BLOCK;
    float *db = execution->out[1], *dx = execution->out[2];

    for (ptrdiff_t slot = begin; slot < end; slot++) {
        ptrdiff_t first = tw_slot_begin(execution->samples, (int)slot);
        ptrdiff_t last = tw_slot_begin(execution->samples, (int)slot + 1);

        execution->kernels->f32_conv_pool_gradient(
            shape, last - first, (const float *)execution->in[0] + first * x_blocked(shape), execution->in[3],
            (const uint8_t *)execution->in[1] + first * tw_code_size(shape),
            (const float *)execution->in[2] + first * y_blocked(shape),
            (float *)execution->out[0] + slot * weights, db ? db + slot * shape->out_channels : NULL,
            dx ? dx + first * x_blocked(shape) : NULL, memory);
    }
}

const struct tw_operation tw_operation_conv_pool_gradient = {
    .name = "conv+relu+pool gradient",
    .split = TW_SPLIT_SLOTS,
    .flops = gradient_flops,
    .flops_done = open_flops,
    .workspace = workspace,
    .run = run_gradient,
    .algorithm = gradient_algorithm,
    .layout = "scatter slots",
};

/* Changes of layout at the edges of fused operations: packed weights, blocked activations. */
#include "layers/operation/conv_pool.h"
#include "layers/operation/operations.h"

static const struct tw_conv_pool_shape *shape_of(const struct tw_execution *execution)
{
    return &execution->node->attributes.conv_pool.shape;
}

static ptrdiff_t out_blocks(const struct tw_execution *execution)
{
    return tw_blocks(shape_of(execution)->out_channels);
}

static ptrdiff_t in_blocks(const struct tw_execution *execution)
{
    return tw_blocks(shape_of(execution)->in_channels);
}

static void run_pack_planar(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                            void *workspace)
{
    (void)workspace;
    tw_f32_pack_planar_weights(shape_of(execution), execution->in[0], execution->out[0], begin, end);
}

static void run_pack_winograd(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                              void *workspace)
{
    (void)workspace;
    tw_f32_pack_winograd_weights(shape_of(execution), execution->in[0], execution->out[0], begin, end);
}

static void run_pack_scatter(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             void *workspace)
{
    (void)workspace;
    tw_f32_pack_scatter_weights(shape_of(execution), execution->kernels->vector_lanes, execution->in[0],
                                execution->out[0], begin, end);
}

/* Slots of a block of input channels, which are one range of the scatter form, are folded into output 1 and from
 * there, still in cache, unpacked. */
static void run_fold_scatter(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                             void *workspace)
{
    struct tw_shape packed = tw_execution_output_shape(execution, 1);
    ptrdiff_t count = tw_shape_count(&packed), each = count / packed.extent[0];

    (void)workspace;
    execution->kernels->f32_fold_slots((end - begin) * each, (const float *)execution->in[0] + begin * each,
                                       count, (float *)execution->out[1] + begin * each);
    tw_f32_unpack_scatter_weights(shape_of(execution), execution->kernels->vector_lanes, execution->out[1],
                                  execution->out[0], begin, end);
}

/* Blocks of input channels are apart from each other in every output channel. */
static void fold_scatter_written(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end,
                                 tw_range_fn *take, void *context)
{
    const struct tw_conv_pool_shape *shape = shape_of(execution);
    ptrdiff_t last = end * TW_BLOCK < shape->in_channels ? end * TW_BLOCK : shape->in_channels;

    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        take(context, (o * shape->in_channels + begin * TW_BLOCK) * 9, (o * shape->in_channels + last) * 9);
    }
}

static double fold_scatter_flops(const struct tw_execution *execution)
{
    return TW_GRADIENT_SLOTS * tw_flops_per_output_element(execution);
}

const struct tw_operation tw_operation_pack_planar = {
    .name = "pack weights",
    .split = TW_SPLIT_TILES,
    .units = out_blocks,
    .flops = tw_flops_per_output_element,
    .run = run_pack_planar,
    .layout = "planar",
};

const struct tw_operation tw_operation_pack_winograd = {
    .name = "transform weights",
    .split = TW_SPLIT_TILES,
    .units = out_blocks,
    .flops = tw_flops_per_output_element,
    .run = run_pack_winograd,
    .layout = "winograd",
};

const struct tw_operation tw_operation_pack_scatter = {
    .name = "pack weights",
    .split = TW_SPLIT_TILES,
    .units = in_blocks,
    .flops = tw_flops_per_output_element,
    .run = run_pack_scatter,
    .layout = "scatter",
};

const struct tw_operation tw_operation_fold_scatter = {
    .name = "fold_slots",
    .split = TW_SPLIT_TILES,
    .units = in_blocks,
    .flops = fold_scatter_flops,
    .run = run_fold_scatter,
    .written = fold_scatter_written,
};

/* Samples [begin, end) through tw_f32_block or its reverse; `plain` and `blocked` are the whole batches. */
static void run_block(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    ptrdiff_t channels = execution->node->attributes.block.channels,
              height = execution->node->attributes.block.height;
    ptrdiff_t width = execution->node->attributes.block.width, halo = execution->node->attributes.block.halo;

    (void)workspace;
    for (ptrdiff_t n = begin; n < end; n++) {
        tw_f32_block(channels, height, width, halo,
                     (const float *)execution->in[0] + n * channels * height * width,
                     (float *)execution->out[0] + n * tw_blocked_size(channels, height, width, halo));
    }
}

static void run_unblock(const struct tw_execution *execution, ptrdiff_t begin, ptrdiff_t end, void *workspace)
{
    ptrdiff_t channels = execution->node->attributes.block.channels,
              height = execution->node->attributes.block.height;
    ptrdiff_t width = execution->node->attributes.block.width, halo = execution->node->attributes.block.halo;

    (void)workspace;
    for (ptrdiff_t n = begin; n < end; n++) {
        tw_f32_unblock(channels, height, width, halo,
                       (const float *)execution->in[0] + n * tw_blocked_size(channels, height, width, halo),
                       (float *)execution->out[0] + n * channels * height * width);
    }
}

const struct tw_operation tw_operation_block = {
    .name = "block",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_block,
    .layout = "blocked",
};

const struct tw_operation tw_operation_unblock = {
    .name = "unblock",
    .split = TW_SPLIT_SAMPLES,
    .flops = tw_flops_per_output_element,
    .run = run_unblock,
};

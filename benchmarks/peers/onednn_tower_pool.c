#include "benchmarks/peers/onednn_tower_layer.h"

static const dnnl_dims_t two = {2, 2}, none = {0, 0};

dnnl_memory_t tw_onednn_max_pool_add_forward(struct tw_program *program, struct tw_onednn_max_pool *pool,
                                             dnnl_memory_t x)
{
    const dnnl_memory_desc_t *layout;
    dnnl_memory_desc_t y, winners;
    dnnl_pooling_desc_t operation;
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_SRC, x}};

    tw_program_must(dnnl_memory_get_memory_desc(x, &layout), "layout of a memory");
    pool->x = *layout;
    y = tw_program_any(
        4, (const dnnl_dims_t){layout->dims[0], layout->dims[1], layout->dims[2] / 2, layout->dims[3] / 2});
    tw_program_must(dnnl_pooling_forward_desc_init(&operation, dnnl_forward_training, dnnl_pooling_max,
                                                   layout, &y, two, two, none, none),
                    pool->name.forward);
    pool->forward = tw_program_describe(program, pool->name.forward, &operation, NULL, NULL);
    pool->y = tw_program_wanted(pool->forward, DNNL_ARG_DST);
    winners = tw_program_wanted(pool->forward, DNNL_ARG_WORKSPACE);
    pool->winners = tw_program_memory(program, &winners, NULL);
    pool->result = tw_program_memory(program, &pool->y, NULL);
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_DST, pool->result};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, pool->winners};
    tw_program_add(program, pool->name.forward, pool->forward, arguments, 3);
    return pool->result;
}

dnnl_memory_t tw_onednn_max_pool_add_gradient(struct tw_program *program, struct tw_onednn_max_pool *pool,
                                              dnnl_memory_t dy)
{
    dnnl_pooling_desc_t operation;
    dnnl_primitive_desc_t gradient;
    dnnl_exec_arg_t arguments[3];

    tw_program_must(dnnl_pooling_backward_desc_init(&operation, dnnl_pooling_max, &pool->x, &pool->y, two,
                                                    two, none, none),
                    pool->name.gradient);
    gradient = tw_program_describe(program, pool->name.gradient, &operation, NULL, pool->forward);
    dy = tw_program_in_layout(program, pool->name.reorder, dy, &pool->y);
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_DST, dy};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, pool->winners};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_SRC, tw_program_memory(program, &pool->x, NULL)};
    tw_program_add(program, pool->name.gradient, gradient, arguments, 3);
    dnnl_primitive_desc_destroy(gradient);
    return arguments[2].memory;
}

void tw_onednn_max_pool_release(struct tw_onednn_max_pool *pool)
{
    dnnl_primitive_desc_destroy(pool->forward);
}

#include "benchmarks/peers/onednn_pool.h"

#include <math.h>

#include "benchmarks/peers/layers.h"
#include "core/clock.h"

/* Kernel, padding before and after: the last is negative where the image is no multiple of the kernel. */
struct window {
    dnnl_dims_t kernel, before, after;
};

static struct window window_of(const struct tw_onednn_pool *pool)
{
    const ptrdiff_t kernel = pool->kernel;

    return (struct window){.kernel = {kernel, kernel},
                           .before = {0, 0},
                           .after = {-(pool->y.dims[2] % kernel), -(pool->y.dims[3] % kernel)}};
}

struct tw_onednn_pool tw_onednn_pool_begin(struct tw_onednn *onednn, const dnnl_memory_desc_t *y,
                                           ptrdiff_t kernel)
{
    const dnnl_dims_t sizes = {y->dims[0], y->dims[1], y->dims[2] / kernel, y->dims[3] / kernel};
    struct tw_onednn_pool pool = {.kernel = kernel, .y = *y, .rows = tw_onednn_rows(onednn, 4, sizes)};
    const dnnl_memory_desc_t pooled = tw_onednn_any(onednn, 4, sizes);
    const struct window window = window_of(&pool);
    dnnl_pooling_desc_t operation;

    tw_onednn_note(onednn, dnnl_pooling_forward_desc_init(&operation, dnnl_forward_training, dnnl_pooling_max,
                                                          y, &pooled, window.kernel, window.kernel,
                                                          window.before, window.after));
    pool.forward = tw_onednn_describe(onednn, &operation, NULL, NULL);
    return pool;
}

void tw_onednn_pool_end(struct tw_onednn_pool *pool)
{
    dnnl_primitive_desc_destroy(pool->forward);
    dnnl_primitive_desc_destroy(pool->gradient);
}

dnnl_memory_t tw_onednn_add_pool(struct tw_onednn *onednn, const struct tw_onednn_pool *pool, dnnl_memory_t y,
                                 dnnl_memory_t *winners)
{
    const dnnl_memory_desc_t pooled = tw_onednn_wanted(onednn, pool->forward, DNNL_ARG_DST);
    const dnnl_memory_desc_t record = tw_onednn_wanted(onednn, pool->forward, DNNL_ARG_WORKSPACE);
    const dnnl_memory_t result = tw_onednn_memory(onednn, &pooled);
    dnnl_exec_arg_t arguments[3] = {{DNNL_ARG_SRC, y}, {DNNL_ARG_DST, result}};

    *winners = tw_onednn_memory(onednn, &record);
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, *winners};
    tw_onednn_step(onednn, pool->forward, arguments, 3);
    return result;
}

dnnl_memory_t tw_onednn_add_pool_gradient(struct tw_onednn *onednn, struct tw_onednn_pool *pool,
                                          dnnl_memory_t y, const float *dy)
{
    const dnnl_memory_desc_t pooled = tw_onednn_wanted(onednn, pool->forward, DNNL_ARG_DST);
    const dnnl_memory_t result = tw_onednn_memory(onednn, &pool->y);
    const struct window window = window_of(pool);
    dnnl_memory_t winners = NULL;
    dnnl_pooling_desc_t operation;
    dnnl_exec_arg_t arguments[3];

    tw_onednn_add_pool(onednn, pool, y, &winners);
    tw_onednn_run(onednn);
    tw_onednn_forget_steps(onednn);
    tw_onednn_note(onednn, dnnl_pooling_backward_desc_init(&operation, dnnl_pooling_max, &pool->y, &pooled,
                                                           window.kernel, window.kernel, window.before,
                                                           window.after));
    pool->gradient = tw_onednn_describe(onednn, &operation, NULL, pool->forward);
    arguments[0] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_DST, tw_onednn_filled(onednn, &pooled, &pool->rows, dy)};
    arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_WORKSPACE, winners};
    arguments[2] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_SRC, result};
    tw_onednn_step(onednn, pool->gradient, arguments, 3);
    return result;
}

/* --- entrants ------------------------------------------------------------------------------------------ */

typedef struct tw_entrant enter_fn(const struct tw_peer_pool *peer, dnnl_format_tag_t layout);

static dnnl_memory_desc_t described(struct tw_onednn *onednn, const struct tw_peer_pool *pool,
                                    dnnl_format_tag_t tag)
{
    const dnnl_dims_t sizes = {pool->samples, pool->channels, pool->height, pool->width};
    dnnl_memory_desc_t desc = {0};

    tw_onednn_note(onednn, dnnl_memory_desc_init_by_tag(&desc, 4, sizes, dnnl_f32, tag));
    return desc;
}

static struct tw_entrant enter_forward(const struct tw_peer_pool *peer, dnnl_format_tag_t tag)
{
    struct tw_onednn *onednn = tw_onednn_new();
    const dnnl_memory_desc_t layout = described(onednn, peer, tag), rows = described(onednn, peer, dnnl_nchw);
    struct tw_onednn_pool pool = tw_onednn_pool_begin(onednn, &layout, peer->kernel);
    dnnl_memory_t winners;
    const dnnl_memory_t y =
        tw_onednn_add_pool(onednn, &pool, tw_onednn_filled(onednn, &layout, &rows, peer->x), &winners);

    tw_onednn_pool_end(&pool);
    return tw_onednn_entrant(onednn, y, &pool.rows);
}

static struct tw_entrant enter_gradient(const struct tw_peer_pool *peer, dnnl_format_tag_t tag)
{
    struct tw_onednn *onednn = tw_onednn_new();
    const dnnl_memory_desc_t layout = described(onednn, peer, tag), rows = described(onednn, peer, dnnl_nchw);
    struct tw_onednn_pool pool = tw_onednn_pool_begin(onednn, &layout, peer->kernel);
    const dnnl_memory_t dx = tw_onednn_add_pool_gradient(
        onednn, &pool, tw_onednn_filled(onednn, &layout, &rows, peer->x), peer->dy);

    tw_onednn_pool_end(&pool);
    return tw_onednn_entrant(onednn, dx, &rows);
}

/* The least seconds of three runs after one that warms up. */
static double seconds(const struct tw_entrant *entrant)
{
    double least = HUGE_VAL;

    for (int i = 0; i < 4; i++) {
        const int64_t start = tw_clock();
        double passed;

        entrant->run(entrant->context);
        passed = (double)(tw_clock() - start) * 1e-9;
        if (i > 0 && passed < least)
            least = passed;
    }
    return least;
}

/* In the layout it is fastest with: pooling takes any, and blocks of 16 channels are a hundred times slower than
 * blocks of 8 where it is limited to AVX2. */
static struct tw_entrant fastest(enter_fn *enter, const struct tw_peer_pool *peer)
{
    const dnnl_format_tag_t layouts[] = {dnnl_nChw16c, dnnl_nChw8c, dnnl_nhwc, dnnl_nchw};
    struct tw_entrant best = {.name = "onednn"};
    double best_seconds = HUGE_VAL;

    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        struct tw_entrant entrant = enter(peer, layouts[i]), slower = entrant;
        const double needed = entrant.context ? seconds(&entrant) : HUGE_VAL;

        if (needed < best_seconds) {
            slower = best;
            best = entrant;
            best_seconds = needed;
        }
        if (slower.context)
            slower.release(slower.context);
    }
    return best;
}

struct tw_entrant tw_onednn_max_pool_forward(const struct tw_peer_pool *peer)
{
    return fastest(enter_forward, peer);
}

struct tw_entrant tw_onednn_max_pool_gradient(const struct tw_peer_pool *peer)
{
    return fastest(enter_gradient, peer);
}

/* The two convolutions of the tower on data as in training: synthetic digits, PyTorch's initial weights, the
 * second layer's input the pooled output of the first. And layers of other sizes like them. */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_TOWER_LAYERS_H
#define TOWER_TESTS_KERNELS_ACCURACY_TOWER_LAYERS_H

#include "layers/data/dataset.h"
#include "tests/kernels/accuracy/exact_convolution.h"

struct layer {
    ptrdiff_t samples;
    struct tw_conv2d_shape conv;
    struct tw_conv_pool_shape pool;
    float *x, *w, *bias; /* x: NCHW */
    float *blocked;      /* x with a halo of 1 */
    float *dy;           /* of the pooled output, blocked */
    uint8_t *code;       /* of a forward */
    float *y;            /* pooled, NCHW */
    float *dense;        /* what code and dy stand for: the gradient of the convolution's output, NCHW */
    void *workspace;     /* enough for every kernel here */
};

static inline ptrdiff_t x_count(const struct layer *l)
{
    return l->samples * l->conv.in_channels * l->conv.in_height * l->conv.in_width;
}

static inline ptrdiff_t y_count(const struct layer *l)
{
    return l->samples * l->conv.out_channels * l->conv.out_height * l->conv.out_width;
}

static inline ptrdiff_t w_count(const struct layer *l)
{
    return l->conv.out_channels * l->conv.in_channels * 9;
}

/* Windows of one sample and channel. */
static inline ptrdiff_t windows(const struct layer *l)
{
    return l->pool.height / 2 * (l->pool.width / 2);
}

static inline void make_buffers(struct layer *l, const struct tw_kernels *k, struct tw_rng *rng)
{
    const ptrdiff_t fan_in = l->conv.in_channels * 9, pooled = tw_blocks(l->conv.out_channels) * windows(l);
    const float bound = (float)(1 / sqrt((double)fan_in));
    const size_t direct = k->f32_conv2d_workspace(&l->conv), fused = tw_f32_conv_pool_workspace(&l->pool);

    l->w = new_values(w_count(l));
    l->bias = new_values(l->conv.out_channels);
    tw_test_fill(rng, l->w, w_count(l), -bound, bound);
    tw_test_fill(rng, l->bias, l->conv.out_channels, -bound, bound);
    l->blocked =
        new_values(l->samples * tw_blocked_size(l->pool.in_channels, l->pool.height, l->pool.width, 1));
    l->dy = new_values(l->samples * pooled * TW_BLOCK);
    l->code = new_bytes((size_t)(l->samples * pooled * TW_BLOCK));
    l->y = new_values(l->samples * l->conv.out_channels * windows(l));
    l->dense = new_values(y_count(l));
    l->workspace = new_bytes(direct > fused ? direct : fused);
}

static inline struct layer layer_new(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t samples,
                                     ptrdiff_t in_channels, ptrdiff_t out_channels, ptrdiff_t height,
                                     ptrdiff_t width)
{
    struct layer l = {
        .samples = samples,
        .conv = {.in_channels = in_channels,
                 .in_height = height,
                 .in_width = width,
                 .out_channels = out_channels,
                 .out_height = height,
                 .out_width = width,
                 .kernel_height = 3,
                 .kernel_width = 3,
                 .stride = {1, 1},
                 .padding = {1, 1},
                 .dilation = {1, 1},
                 .groups = 1},
        .pool = {.in_channels = in_channels, .out_channels = out_channels, .height = height, .width = width},
    };

    l.x = new_values(x_count(&l));
    make_buffers(&l, k, rng);
    return l;
}

/* The pooled output and the codes of a layer, by the kernel that training runs for it. */
static inline void run_forward(struct layer *l, const struct tw_kernels *k)
{
    const ptrdiff_t blocks = tw_blocks(l->conv.out_channels);
    const ptrdiff_t in_size = tw_blocked_size(l->pool.in_channels, l->pool.height, l->pool.width, 1);
    const ptrdiff_t out_size = blocks * windows(l) * TW_BLOCK, plane = x_count(l) / l->samples;
    float *packed = new_values(blocks * 16 * l->conv.in_channels * TW_BLOCK);
    float *y = new_values(l->samples * out_size);

    if (l->conv.in_channels <= TW_CONV_POOL_PLANAR_CHANNELS) {
        tw_f32_pack_planar_weights(&l->pool, l->w, packed, 0, blocks);
        k->f32_conv_pool_planar_forward(&l->pool, l->samples, l->x, NULL, packed, l->bias, y, l->code,
                                        l->workspace);
    } else {
        for (ptrdiff_t n = 0; n < l->samples; n++) {
            tw_f32_block(l->pool.in_channels, l->pool.height, l->pool.width, 1, l->x + n * plane,
                         l->blocked + n * in_size);
        }
        tw_f32_pack_winograd_weights(&l->pool, l->w, packed, 0, blocks);
        k->f32_conv_pool_forward(&l->pool, l->samples, l->blocked, packed, l->bias, y, l->code, l->workspace);
    }
    for (ptrdiff_t n = 0; n < l->samples; n++) {
        tw_f32_unblock(l->conv.out_channels, l->pool.height / 2, l->pool.width / 2, 0, y + n * out_size,
                       l->y + n * l->conv.out_channels * windows(l));
    }
    free(packed);
    free(y);
}

/* A gradient of the pooled output, as large as a mean over a batch leaves it, and the dense one it stands for.
 * Extents are even. */
static inline void draw_gradient(struct layer *l, struct tw_rng *rng)
{
    const ptrdiff_t columns = l->pool.width / 2;

    for (ptrdiff_t n = 0; n < l->samples; n++) {
        for (ptrdiff_t o = 0; o < l->conv.out_channels; o++) {
            float *plane = l->dense + (n * l->conv.out_channels + o) * 4 * windows(l);

            for (ptrdiff_t w = 0; w < windows(l); w++) {
                const ptrdiff_t block = n * tw_blocks(l->conv.out_channels) + o / TW_BLOCK;
                const ptrdiff_t at = (block * windows(l) + w) * TW_BLOCK + o % TW_BLOCK;
                const ptrdiff_t r = 2 * (w / columns) + l->code[at] / 2 % 2;

                l->dy[at] = tw_rng_uniform_f32(rng, -1e-3f, 1e-3f);
                if (l->code[at] != TW_CODE_CLOSED) {
                    plane[r * 2 * columns + 2 * (w % columns) + l->code[at] % 2] = l->dy[at];
                }
            }
        }
    }
}

static inline struct layer first_layer(const struct tw_kernels *k, struct tw_rng *rng, ptrdiff_t samples)
{
    struct layer l = layer_new(k, rng, samples, 1, 32, 28, 28);
    struct tw_dataset digits;

    assert_ok(tw_dataset_synthetic(samples, TW_SUBSET_TRAIN, tw_rng_u32(rng), &digits));
    k->f32_normalize_u8(x_count(&l), digits.images->data, 0.1307f, 0.3081f, l.x);
    tw_dataset_release(&digits);
    run_forward(&l, k);
    draw_gradient(&l, rng);
    return l;
}

static inline struct layer second_layer(const struct tw_kernels *k, struct tw_rng *rng,
                                        const struct layer *first)
{
    struct layer l = layer_new(k, rng, first->samples, 32, 64, 14, 14);

    memcpy(l.x, first->y, (size_t)x_count(&l) * sizeof(float));
    run_forward(&l, k);
    draw_gradient(&l, rng);
    return l;
}

static inline void layer_release(struct layer *l)
{
    void *buffers[] = {l->x, l->w, l->bias, l->blocked, l->dy, l->code, l->y, l->dense, l->workspace};

    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        free(buffers[i]);
    }
}

/* The convolution of a layer, for exact_convolution.h; its gradients are those of the dense dy. */
static inline struct convolution convolution_of(const struct layer *l)
{
    return (struct convolution){l->conv, l->samples, l->x, l->w, l->bias, l->dense};
}

#endif

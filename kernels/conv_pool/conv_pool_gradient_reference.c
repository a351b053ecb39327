/* The gradients of kernels/conv_pool straight from their contract: all positions (r, c) of the convolution's
 * output in order, those without a gradient passed over. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/conv_pool/conv_pool.h"

/* Whether position (r, c) of output channel o is its window's winner and relu let it through; then `*value`
 * is its gradient. */
static bool gradient_at(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                        ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float *value)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2, halo = shape->y_halo,
              block = o / TW_BLOCK;

    if (r / 2 >= rows || c / 2 >= columns ||
        code[((block * rows + r / 2) * columns + c / 2) * TW_BLOCK + o % TW_BLOCK] != 2 * (r % 2) + c % 2) {
        return false;
    }
    *value =
        dy[((block * (rows + 2 * halo) + r / 2 + halo) * (columns + 2 * halo) + c / 2 + halo) * TW_BLOCK +
           o % TW_BLOCK];
    return true;
}

/* Calls `visit` for every non-zero of channel o of one sample. */
typedef void visit_fn(void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float value);

static void visit_all(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                      visit_fn *visit, void *context)
{
    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        for (ptrdiff_t r = 0; r < shape->height; r++) {
            for (ptrdiff_t c = 0; c < shape->width; c++) {
                float value;

                if (gradient_at(shape, code, dy, o, r, c, &value)) {
                    visit(context, o, r, c, value);
                }
            }
        }
    }
}

struct gradient {
    const struct tw_conv_pool_shape *shape;
    const struct tw_pixel_scale *pixels;
    const void *x;
    const float *weights;
    float *dw, *db, *dx;
};

static void visit_planar(void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float value)
{
    const struct gradient *gradient = context;
    const struct tw_conv_pool_shape *shape = gradient->shape;

    if (gradient->db) {
        gradient->db[o] += value;
    }
    for (ptrdiff_t i = 0; i < shape->in_channels; i++) {
        for (ptrdiff_t tap = 0; tap < 9; tap++) {
            ptrdiff_t row = r + tap / 3 - 1, column = c + tap % 3 - 1,
                      at = (i * shape->height + row) * shape->width + column;
            bool inside = row >= 0 && row < shape->height && column >= 0 && column < shape->width;
            float *dw = &gradient->dw[(o * shape->in_channels + i) * 9 + tap], pixel = 0.0f;

            if (inside && gradient->pixels) {
                pixel = (((float)((const uint8_t *)gradient->x)[at] / 255.0f) - gradient->pixels->mean) /
                        gradient->pixels->standard_deviation;
            } else if (inside) {
                pixel = ((const float *)gradient->x)[at];
            }
            *dw = fmaf(pixel, value, *dw);
        }
    }
}

void tw_f32_conv_pool_planar_gradient__reference(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                                 const void *x, const struct tw_pixel_scale *pixels,
                                                 const uint8_t *code, const float *dy, float *dw, float *db,
                                                 void *workspace)
{
    ptrdiff_t x_bytes =
        shape->in_channels * shape->height * shape->width * (pixels ? 1 : (ptrdiff_t)sizeof(float));
    ptrdiff_t dy_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);

    (void)workspace;
    memset(dw, 0, (size_t)(shape->out_channels * shape->in_channels * 9) * sizeof *dw);
    if (db) {
        memset(db, 0, (size_t)shape->out_channels * sizeof *db);
    }
    for (ptrdiff_t n = 0; n < samples; n++) {
        struct gradient gradient = {
            .shape = shape, .pixels = pixels, .x = (const char *)x + n * x_bytes, .dw = dw, .db = db};

        visit_all(shape, code + n * tw_code_size(shape), dy + n * dy_size, visit_planar, &gradient);
    }
}

static void visit_blocked(void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float value)
{
    const struct gradient *gradient = context;
    const struct tw_conv_pool_shape *shape = gradient->shape;
    ptrdiff_t columns = shape->width + 2, rows = shape->height + 2;

    if (gradient->db) {
        gradient->db[o] += value;
    }
    for (ptrdiff_t i = 0; i < tw_blocks(shape->in_channels) * TW_BLOCK; i++) {
        ptrdiff_t block = i / TW_BLOCK, lane = i % TW_BLOCK;

        for (ptrdiff_t tap = 0; tap < 9; tap++) {
            ptrdiff_t at = ((block * rows + r + tap / 3) * columns + c + tap % 3) * TW_BLOCK + lane;
            ptrdiff_t w = ((block * shape->out_channels + o) * 9 + tap) * TW_BLOCK + lane;

            gradient->dw[w] = fmaf(((const float *)gradient->x)[at], value, gradient->dw[w]);
            if (gradient->dx) {
                gradient->dx[at] = fmaf(gradient->weights[w], value, gradient->dx[at]);
            }
        }
    }
}

void tw_f32_conv_pool_gradient__reference(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                          const float *x, const float *scatter_weights, const uint8_t *code,
                                          const float *dy, float *dw, float *db, float *dx, void *workspace)
{
    ptrdiff_t x_size = tw_blocked_size(shape->in_channels, shape->height, shape->width, 1);
    ptrdiff_t dy_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);

    (void)workspace;
    memset(dw, 0, (size_t)(tw_blocks(shape->in_channels) * shape->out_channels * 9 * TW_BLOCK) * sizeof *dw);
    if (db) {
        memset(db, 0, (size_t)shape->out_channels * sizeof *db);
    }
    if (dx) {
        memset(dx, 0, (size_t)(samples * x_size) * sizeof *dx);
    }
    for (ptrdiff_t n = 0; n < samples; n++) {
        struct gradient gradient = {.shape = shape,
                                    .x = x + n * x_size,
                                    .weights = scatter_weights,
                                    .dw = dw,
                                    .db = db,
                                    .dx = dx ? dx + n * x_size : NULL};

        visit_all(shape, code + n * tw_code_size(shape), dy + n * dy_size, visit_blocked, &gradient);
    }
}

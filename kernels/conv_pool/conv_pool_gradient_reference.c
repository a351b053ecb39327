/* The gradients of kernels/conv_pool straight from their contract, one window after the other. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/conv_pool/conv_pool.h"

/* Called for a window of output channel o whose gradient `value` goes to position (r, c) of the convolution's
 * output. */
typedef void visit_fn(void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float value);

static uint8_t code_of(const struct tw_conv_pool_shape *shape, const uint8_t *code, ptrdiff_t o, ptrdiff_t r,
                       ptrdiff_t c)
{
    ptrdiff_t rows = shape->height / 2, columns = shape->width / 2;

    return code[((o / TW_BLOCK * rows + r) * columns + c) * TW_BLOCK + o % TW_BLOCK];
}

static float dy_of(const struct tw_conv_pool_shape *shape, const float *dy, ptrdiff_t o, ptrdiff_t r,
                   ptrdiff_t c)
{
    ptrdiff_t rows = shape->height / 2 + 2 * shape->y_halo, columns = shape->width / 2 + 2 * shape->y_halo;

    return dy[((o / TW_BLOCK * rows + r + shape->y_halo) * columns + c + shape->y_halo) * TW_BLOCK +
              o % TW_BLOCK];
}

/* Every window of every channel row by row; a closed one with a gradient of zero at its third position. */
static void visit_rows(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                       visit_fn *visit, void *context)
{
    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        for (ptrdiff_t r = 0; r < shape->height / 2; r++) {
            for (ptrdiff_t c = 0; c < shape->width / 2; c++) {
                int winner = code_of(shape, code, o, r, c);
                bool closed = winner == TW_CODE_CLOSED;

                winner = closed ? 2 : winner;
                visit(context, o, 2 * r + winner / 2, 2 * c + winner % 2,
                      closed ? 0.0f : dy_of(shape, dy, o, r, c));
            }
        }
    }
}

/* The open windows of every channel row by row. */
static void visit_open(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                       visit_fn *visit, void *context)
{
    for (ptrdiff_t o = 0; o < shape->out_channels; o++) {
        for (ptrdiff_t r = 0; r < shape->height / 2; r++) {
            for (ptrdiff_t c = 0; c < shape->width / 2; c++) {
                int winner = code_of(shape, code, o, r, c);

                if (winner != TW_CODE_CLOSED) {
                    visit(context, o, 2 * r + winner / 2, 2 * c + winner % 2, dy_of(shape, dy, o, r, c));
                }
            }
        }
    }
}

/* Groups of 64 channels, the positions of the convolution's output row by row, the channels whose window it won. */
static void visit_positions(const struct tw_conv_pool_shape *shape, const uint8_t *code, const float *dy,
                            visit_fn *visit, void *context)
{
    for (ptrdiff_t group = 0; group < shape->out_channels; group += 64) {
        ptrdiff_t end = group + 64 < shape->out_channels ? group + 64 : shape->out_channels;

        for (ptrdiff_t r = 0; r < shape->height / 2 * 2; r++) {
            for (ptrdiff_t c = 0; c < shape->width / 2 * 2; c++) {
                for (ptrdiff_t o = group; o < end; o++) {
                    if (code_of(shape, code, o, r / 2, c / 2) == r % 2 * 2 + c % 2) {
                        visit(context, o, r, c, dy_of(shape, dy, o, r / 2, c / 2));
                    }
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

        visit_rows(shape, code + n * tw_code_size(shape), dy + n * dy_size, visit_planar, &gradient);
    }
}

/* Where the 3x3 patches of position (r, c) in x, and of output channel o in the weights, have input channel i and
 * `tap`. */
static ptrdiff_t blocked_x_at(const struct tw_conv_pool_shape *shape, ptrdiff_t i, ptrdiff_t r, ptrdiff_t c,
                              ptrdiff_t tap)
{
    ptrdiff_t row = i / TW_BLOCK * (shape->height + 2) + r + tap / 3;

    return (row * (shape->width + 2) + c + tap % 3) * TW_BLOCK + i % TW_BLOCK;
}

static ptrdiff_t blocked_w_at(const struct tw_conv_pool_shape *shape, ptrdiff_t i, ptrdiff_t o, ptrdiff_t tap)
{
    return ((i / TW_BLOCK * shape->out_channels + o) * 9 + tap) * TW_BLOCK + i % TW_BLOCK;
}

static void visit_weights(void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float value)
{
    const struct gradient *gradient = context;
    const struct tw_conv_pool_shape *shape = gradient->shape;

    if (gradient->db) {
        gradient->db[o] += value;
    }
    for (ptrdiff_t i = 0; i < tw_blocks(shape->in_channels) * TW_BLOCK; i++) {
        for (ptrdiff_t tap = 0; tap < 9; tap++) {
            float *dw = &gradient->dw[blocked_w_at(shape, i, o, tap)];

            *dw = fmaf(((const float *)gradient->x)[blocked_x_at(shape, i, r, c, tap)], value, *dw);
        }
    }
}

static void visit_input(void *context, ptrdiff_t o, ptrdiff_t r, ptrdiff_t c, float value)
{
    const struct gradient *gradient = context;
    const struct tw_conv_pool_shape *shape = gradient->shape;

    for (ptrdiff_t i = 0; i < tw_blocks(shape->in_channels) * TW_BLOCK; i++) {
        for (ptrdiff_t tap = 0; tap < 9; tap++) {
            float *dx = &gradient->dx[blocked_x_at(shape, i, r, c, tap)];

            *dx = fmaf(gradient->weights[blocked_w_at(shape, i, o, tap)], value, *dx);
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

        visit_open(shape, code + n * tw_code_size(shape), dy + n * dy_size, visit_weights, &gradient);
        if (dx) {
            visit_positions(shape, code + n * tw_code_size(shape), dy + n * dy_size, visit_input, &gradient);
        }
    }
}

/* Winograd F(2x2, 3x3) and F(4x2, 3x3) straight from the formulas of conv.h, one tile at a time. */
#include <math.h>

#include "kernels/conv/conv_winograd.h"

enum { TOGETHER = 8 };

struct pass {
    ptrdiff_t channels, results; /* of a group */
    ptrdiff_t source[2], result[2], padding[2];
    bool gradient;
    ptrdiff_t rows, points; /* of a tile: results, 4 * (rows + 2) */
};

static struct pass pass_of(const struct tw_conv2d_shape *s, bool gradient)
{
    const ptrdiff_t in = s->in_channels / s->groups, out = s->out_channels / s->groups;
    const ptrdiff_t rows =
        tw_conv2d_winograd_rows(s, gradient ? TW_CONV2D_INPUT_GRADIENT : TW_CONV2D_FORWARD);
    const ptrdiff_t points = 4 * (rows + 2);

    if (gradient) {
        return (struct pass){.channels = out,
                             .results = in,
                             .source = {s->out_height, s->out_width},
                             .result = {s->in_height, s->in_width},
                             .padding = {2 - s->padding[0], 2 - s->padding[1]},
                             .gradient = true,
                             .rows = rows,
                             .points = points};
    }
    return (struct pass){.channels = in,
                         .results = out,
                         .source = {s->in_height, s->in_width},
                         .result = {s->out_height, s->out_width},
                         .padding = {s->padding[0], s->padding[1]},
                         .rows = rows,
                         .points = points};
}

/* (g0, (g0 + g2 + g1) / 2, (g0 + g2 - g1) / 2, g2), numbers `stride` apart. */
static void weight_step(const float *g, ptrdiff_t stride, float *u, ptrdiff_t u_stride)
{
    const float outer = g[0] + g[2 * stride];

    u[0] = g[0];
    u[u_stride] = (outer + g[stride]) * 0.5f;
    u[2 * u_stride] = (outer - g[stride]) * 0.5f;
    u[3 * u_stride] = g[2 * stride];
}

static void tall_weight_step(const float *g, ptrdiff_t stride, float *u, ptrdiff_t u_stride)
{
    const float e = fmaf(TW_WINOGRAD_A2, g[2 * stride], g[0]), f = fmaf(TW_WINOGRAD_B2, g[2 * stride], g[0]);

    u[0] = g[0] * TW_WINOGRAD_Q_INVERSE;
    u[u_stride] = fmaf(TW_WINOGRAD_A, g[stride], e) * TW_WINOGRAD_N_INVERSE;
    u[2 * u_stride] = fmaf(-TW_WINOGRAD_A, g[stride], e) * TW_WINOGRAD_N_INVERSE;
    u[3 * u_stride] = fmaf(TW_WINOGRAD_B, g[stride], f) * TW_WINOGRAD_O_INVERSE;
    u[4 * u_stride] = fmaf(-TW_WINOGRAD_B, g[stride], f) * TW_WINOGRAD_O_INVERSE;
    u[5 * u_stride] = g[2 * stride];
}

/* Down the columns of taps first, then along their rows. */
static void weight_points(const struct pass *pass, const float *w, float u[TW_WINOGRAD_POINTS_MOST])
{
    float taps[9], half[18];

    for (int t = 0; t < 9; t++) {
        taps[t] = w[pass->gradient ? 8 - t : t];
    }
    for (ptrdiff_t c = 0; c < 3; c++) {
        (pass->rows == 4 ? tall_weight_step : weight_step)(taps + c, 3, half + c, 3);
    }
    for (ptrdiff_t r = 0; r < pass->rows + 2; r++) {
        weight_step(half + 3 * r, 1, u + 4 * r, 1);
    }
}

/* (d0 - d2, d1 + d2, d2 - d1, d1 - d3), numbers `stride` apart, in place. */
static void input_step(float *d, ptrdiff_t stride)
{
    const float d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride];

    d[0] = d0 - d2;
    d[stride] = d1 + d2;
    d[2 * stride] = d2 - d1;
    d[3 * stride] = d1 - d3;
}

static void tall_input_step(float *d, ptrdiff_t stride)
{
    const float d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride], d4 = d[4 * stride],
                d5 = d[5 * stride];
    const float e = fmaf(-TW_WINOGRAD_B2, d2, d4), h = fmaf(-TW_WINOGRAD_B2, d1, d3);
    const float f = fmaf(-TW_WINOGRAD_A2, d2, d4), k = fmaf(-TW_WINOGRAD_A2, d1, d3);

    d[0] = fmaf(TW_WINOGRAD_Q, d0, fmaf(-TW_WINOGRAD_S, d2, d4));
    d[stride] = fmaf(TW_WINOGRAD_A, h, e);
    d[2 * stride] = fmaf(-TW_WINOGRAD_A, h, e);
    d[3 * stride] = fmaf(TW_WINOGRAD_B, k, f);
    d[4 * stride] = fmaf(-TW_WINOGRAD_B, k, f);
    d[5 * stride] = fmaf(TW_WINOGRAD_Q, d1, fmaf(-TW_WINOGRAD_S, d3, d5));
}

/* Down the columns of pixels first, then along the rows. */
static void input_points(const struct pass *pass, const float *plane, ptrdiff_t row, ptrdiff_t column,
                         float d[TW_WINOGRAD_POINTS_MOST])
{
    for (ptrdiff_t p = 0; p < pass->points; p++) {
        const ptrdiff_t r = pass->rows * row + p / 4 - pass->padding[0],
                        c = 2 * column + p % 4 - pass->padding[1];
        const bool inside = r >= 0 && r < pass->source[0] && c >= 0 && c < pass->source[1];

        d[p] = inside ? plane[r * pass->source[1] + c] : 0.0f;
    }
    for (ptrdiff_t c = 0; c < 4; c++) {
        (pass->rows == 4 ? tall_input_step : input_step)(d + c, 4);
    }
    for (ptrdiff_t r = 0; r < pass->rows + 2; r++) {
        input_step(d + 4 * r, 1);
    }
}

/* (m0 + m1) + m2 and (m1 - m2) - m3, numbers `stride` apart. */
static void output_step(const float *m, ptrdiff_t stride, float *v, ptrdiff_t v_stride)
{
    v[0] = (m[0] + m[stride]) + m[2 * stride];
    v[v_stride] = (m[stride] - m[2 * stride]) - m[3 * stride];
}

static void tall_output_step(const float *m, ptrdiff_t stride, float *v, ptrdiff_t v_stride)
{
    const float m1 = m[stride], m2 = m[2 * stride], m3 = m[3 * stride], m4 = m[4 * stride];
    const float e = m1 + m2, h = m1 - m2, f = m3 + m4, k = m3 - m4;

    v[0] = (m[0] + e) + f;
    v[v_stride] = fmaf(TW_WINOGRAD_A, h, TW_WINOGRAD_B * k);
    v[2 * v_stride] = fmaf(TW_WINOGRAD_A2, e, TW_WINOGRAD_B2 * f);
    v[3 * v_stride] = fmaf(TW_WINOGRAD_A3, h, fmaf(TW_WINOGRAD_B3, k, m[5 * stride]));
}

/* Down the columns of points first, then along the rows of results. */
static void two_rows(const float *m, float v[4])
{
    float half[8];

    for (ptrdiff_t c = 0; c < 4; c++) {
        output_step(m + c, 4, half + c, 4);
    }
    for (ptrdiff_t r = 0; r < 2; r++) {
        output_step(half + 4 * r, 1, v + 2 * r, 1);
    }
}

/* Along the rows of points first, then down the columns of results. */
static void four_rows(const float *m, float v[8])
{
    float half[12];

    for (ptrdiff_t r = 0; r < 6; r++) {
        output_step(m + 4 * r, 1, half + 2 * r, 1);
    }
    for (ptrdiff_t c = 0; c < 2; c++) {
        tall_output_step(half + c, 2, v + c, 2);
    }
}

static void put_tile(const struct pass *pass, const float *m, float bias, ptrdiff_t row, ptrdiff_t column,
                     float *plane)
{
    float v[8];

    (pass->rows == 4 ? four_rows : two_rows)(m, v);
    for (ptrdiff_t i = 0; i < 2 * pass->rows; i++) {
        const ptrdiff_t r = pass->rows * row + i / 2, c = 2 * column + i % 2;

        if (r < pass->result[0] && c < pass->result[1]) {
            plane[r * pass->result[1] + c] = v[i] + bias;
        }
    }
}

/* Tile (row, column) of result channels first … end-1 of a group: a chain per point over the channels. They share what is seen of
 * the source, for which tests would wait otherwise. */
static void tile(const struct pass *pass, const float *source, const float *w, const float *bias,
                 ptrdiff_t row, ptrdiff_t column, ptrdiff_t first, ptrdiff_t end, float *result)
{
    float m[TOGETHER][TW_WINOGRAD_POINTS_MOST] = {{0}};

    for (ptrdiff_t i = 0; i < pass->channels; i++) {
        float d[TW_WINOGRAD_POINTS_MOST];

        input_points(pass, source + i * pass->source[0] * pass->source[1], row, column, d);
        for (ptrdiff_t j = first; j < end; j++) {
            const ptrdiff_t filter = pass->gradient ? i * pass->results + j : j * pass->channels + i;
            float u[TW_WINOGRAD_POINTS_MOST];

            weight_points(pass, w + filter * 9, u);
            for (ptrdiff_t p = 0; p < pass->points; p++) {
                m[j - first][p] = fmaf(u[p], d[p], m[j - first][p]);
            }
        }
    }
    for (ptrdiff_t j = first; j < end; j++) {
        put_tile(pass, m[j - first], bias ? bias[j] : 0.0f, row, column,
                 result + j * pass->result[0] * pass->result[1]);
    }
}

void tw_conv_winograd_reference(const struct tw_conv2d_shape *shape, bool gradient, ptrdiff_t samples,
                                const float *source, const float *w, const float *bias, float *result)
{
    const struct pass pass = pass_of(shape, gradient);
    const ptrdiff_t rows = (pass.result[0] + pass.rows - 1) / pass.rows, columns = (pass.result[1] + 1) / 2;

    for (ptrdiff_t n = 0; n < samples * shape->groups; n++) {
        const ptrdiff_t g = n % shape->groups;

        for (ptrdiff_t j = 0; j < pass.results; j += TOGETHER) {
            for (ptrdiff_t t = 0; t < rows * columns; t++) {
                tile(&pass, source, w + g * pass.results * pass.channels * 9,
                     bias ? bias + g * pass.results : NULL, t / columns, t % columns, j,
                     tw_conv_smaller(j + TOGETHER, pass.results), result);
            }
        }
        source += pass.channels * pass.source[0] * pass.source[1];
        result += pass.results * pass.result[0] * pass.result[1];
    }
}

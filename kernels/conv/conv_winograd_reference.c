/* Winograd F(2x2, 3x3) straight from the formulas of conv.h, one tile at a time. */
#include <math.h>

#include "kernels/conv/conv_winograd.h"

enum { TOGETHER = 8 };

struct pass {
    ptrdiff_t channels, results; /* of a group */
    ptrdiff_t source[2], result[2], padding[2];
    bool gradient;
};

static struct pass pass_of(const struct tw_conv2d_shape *s, bool gradient)
{
    const ptrdiff_t in = s->in_channels / s->groups, out = s->out_channels / s->groups;

    if (gradient) {
        return (struct pass){.channels = out,
                             .results = in,
                             .source = {s->out_height, s->out_width},
                             .result = {s->in_height, s->in_width},
                             .padding = {2 - s->padding[0], 2 - s->padding[1]},
                             .gradient = true};
    }
    return (struct pass){.channels = in,
                         .results = out,
                         .source = {s->in_height, s->in_width},
                         .result = {s->out_height, s->out_width},
                         .padding = {s->padding[0], s->padding[1]}};
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

/* Down the columns of taps first, then along their rows. */
static void weight_points(const struct pass *pass, const float *w, float u[16])
{
    float taps[9], half[12];

    for (int t = 0; t < 9; t++) {
        taps[t] = w[pass->gradient ? 8 - t : t];
    }
    for (ptrdiff_t c = 0; c < 3; c++) {
        weight_step(taps + c, 3, half + c, 3);
    }
    for (ptrdiff_t r = 0; r < 4; r++) {
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

/* Down the columns of pixels first, then along the rows. */
static void input_points(const struct pass *pass, const float *plane, ptrdiff_t row, ptrdiff_t column,
                         float d[16])
{
    for (ptrdiff_t p = 0; p < 16; p++) {
        const ptrdiff_t r = 2 * row + p / 4 - pass->padding[0], c = 2 * column + p % 4 - pass->padding[1];
        const bool inside = r >= 0 && r < pass->source[0] && c >= 0 && c < pass->source[1];

        d[p] = inside ? plane[r * pass->source[1] + c] : 0.0f;
    }
    for (ptrdiff_t c = 0; c < 4; c++) {
        input_step(d + c, 4);
    }
    for (ptrdiff_t r = 0; r < 4; r++) {
        input_step(d + 4 * r, 1);
    }
}

/* (m0 + m1) + m2 and (m1 - m2) - m3, numbers `stride` apart. */
static void output_step(const float *m, ptrdiff_t stride, float *v, ptrdiff_t v_stride)
{
    v[0] = (m[0] + m[stride]) + m[2 * stride];
    v[v_stride] = (m[stride] - m[2 * stride]) - m[3 * stride];
}

static void put_tile(const struct pass *pass, const float m[16], float bias, ptrdiff_t row, ptrdiff_t column,
                     float *plane)
{
    float half[8], v[4];

    for (ptrdiff_t c = 0; c < 4; c++) {
        output_step(m + c, 4, half + c, 4);
    }
    for (ptrdiff_t r = 0; r < 2; r++) {
        output_step(half + 4 * r, 1, v + 2 * r, 1);
    }
    for (ptrdiff_t i = 0; i < 4; i++) {
        const ptrdiff_t r = 2 * row + i / 2, c = 2 * column + i % 2;

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
    float m[TOGETHER][16] = {{0}};

    for (ptrdiff_t i = 0; i < pass->channels; i++) {
        float d[16];

        input_points(pass, source + i * pass->source[0] * pass->source[1], row, column, d);
        for (ptrdiff_t j = first; j < end; j++) {
            const ptrdiff_t filter = pass->gradient ? i * pass->results + j : j * pass->channels + i;
            float u[16];

            weight_points(pass, w + filter * 9, u);
            for (int p = 0; p < 16; p++) {
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
    const ptrdiff_t rows = (pass.result[0] + 1) / 2, columns = (pass.result[1] + 1) / 2;

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

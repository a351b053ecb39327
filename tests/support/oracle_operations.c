#include <math.h>
#include <string.h>

#include "layers/graph/operation.h"
#include "tests/support/oracle_internal.h"
#include "tests/support/test_support.h"

static double at4(const double *data, const struct tw_shape *shape, ptrdiff_t a, ptrdiff_t b, ptrdiff_t c,
                  ptrdiff_t d)
{
    return data[((a * shape->extent[1] + b) * shape->extent[2] + c) * shape->extent[3] + d];
}

static bool inside(const struct tw_shape *image, ptrdiff_t row, ptrdiff_t column)
{
    return row >= 0 && row < image->extent[2] && column >= 0 && column < image->extent[3];
}

static ptrdiff_t at_least_1(ptrdiff_t number)
{
    return number > 0 ? number : 1;
}

static double conv2d_element(const struct tw_oracle_work *work, ptrdiff_t n, ptrdiff_t o, ptrdiff_t r,
                             ptrdiff_t c)
{
    const tw_conv2d_geometry *geometry = &work->node->attributes.conv2d;
    const struct tw_shape *x = work->in_shape[0], *w = work->in_shape[1];
    ptrdiff_t group = o / (w->extent[0] / at_least_1(geometry->groups));
    double sum = work->in[2] ? work->in[2][o] : 0;

    for (ptrdiff_t i = 0; i < w->extent[1]; i++)
        for (ptrdiff_t u = 0; u < w->extent[2]; u++)
            for (ptrdiff_t v = 0; v < w->extent[3]; v++) {
                ptrdiff_t row = r * at_least_1(geometry->stride[0]) + u * at_least_1(geometry->dilation[0]) -
                                geometry->padding[0];
                ptrdiff_t column = c * at_least_1(geometry->stride[1]) +
                                   v * at_least_1(geometry->dilation[1]) - geometry->padding[1];

                if (inside(x, row, column))
                    sum += at4(work->in[1], w, o, i, u, v) *
                           at4(work->in[0], x, n, group * w->extent[1] + i, row, column);
            }
    return sum;
}

/* Calls `element` for every (n, channel, row, column) of the output. */
static void for_each_output(struct tw_oracle_work *work,
                            double (*element)(const struct tw_oracle_work *work, ptrdiff_t n, ptrdiff_t o,
                                              ptrdiff_t r, ptrdiff_t c))
{
    const struct tw_shape *y = work->out_shape;
    ptrdiff_t next = 0;

    for (ptrdiff_t n = 0; n < y->extent[0]; n++)
        for (ptrdiff_t o = 0; o < y->extent[1]; o++)
            for (ptrdiff_t r = 0; r < y->extent[2]; r++)
                for (ptrdiff_t c = 0; c < y->extent[3]; c++)
                    work->out[next++] = element(work, n, o, r, c);
}

static void evaluate_conv2d(struct tw_oracle_work *work)
{
    for_each_output(work, conv2d_element);
}

static void evaluate_linear(struct tw_oracle_work *work)
{
    ptrdiff_t rows = work->out_shape->extent[0], columns = work->out_shape->extent[1];
    ptrdiff_t terms = work->in_shape[0]->extent[1];

    for (ptrdiff_t n = 0; n < rows; n++)
        for (ptrdiff_t o = 0; o < columns; o++) {
            double sum = work->in[2] ? work->in[2][o] : 0;

            for (ptrdiff_t i = 0; i < terms; i++)
                sum += work->in[0][n * terms + i] * work->in[1][o * terms + i];
            work->out[n * columns + o] = sum;
        }
}

static void narrow_margin(struct tw_oracle_work *work, double distance)
{
    if (distance < work->oracle->margin)
        work->oracle->margin = distance;
}

static void evaluate_relu(struct tw_oracle_work *work)
{
    ptrdiff_t count = tw_shape_count(work->out_shape);

    for (ptrdiff_t i = 0; i < count; i++) {
        double x = work->in[0][i];

        narrow_margin(work, fabs(x));
        work->out[i] = work->majorant || x > 0 ? x : 0;
    }
}

struct window {
    double sum, largest, second;
    ptrdiff_t candidates, taps;
};

static struct window window_of(const struct tw_oracle_work *work, ptrdiff_t n, ptrdiff_t o, ptrdiff_t r,
                               ptrdiff_t c)
{
    const tw_pool2d_geometry *geometry = &work->node->attributes.pool2d;
    const ptrdiff_t *kernel = geometry->kernel;
    ptrdiff_t down = geometry->stride[0] ? geometry->stride[0] : kernel[0];
    ptrdiff_t across = geometry->stride[1] ? geometry->stride[1] : kernel[1];
    struct window window = {.largest = -INFINITY, .second = -INFINITY, .taps = kernel[0] * kernel[1]};

    for (ptrdiff_t u = 0; u < kernel[0]; u++)
        for (ptrdiff_t v = 0; v < kernel[1]; v++) {
            ptrdiff_t row = r * down + u - geometry->padding[0];
            ptrdiff_t column = c * across + v - geometry->padding[1];
            double x;

            if (!inside(work->in_shape[0], row, column))
                continue;
            x = at4(work->in[0], work->in_shape[0], n, o, row, column);
            window.candidates++;
            window.sum += x;
            window.second = fmax(window.second, fmin(x, window.largest));
            window.largest = fmax(window.largest, x);
        }
    return window;
}

static double max_pool2d_element(const struct tw_oracle_work *work, ptrdiff_t n, ptrdiff_t o, ptrdiff_t r,
                                 ptrdiff_t c)
{
    struct window window = window_of(work, n, o, r, c);

    narrow_margin((struct tw_oracle_work *)work, window.largest - window.second);
    return work->majorant ? window.sum : window.largest;
}

static double avg_pool2d_element(const struct tw_oracle_work *work, ptrdiff_t n, ptrdiff_t o, ptrdiff_t r,
                                 ptrdiff_t c)
{
    struct window window = window_of(work, n, o, r, c);

    return window.sum / (double)(work->node->attributes.pool2d.exclude_pad ? window.candidates : window.taps);
}

static void evaluate_max_pool2d(struct tw_oracle_work *work)
{
    for_each_output(work, max_pool2d_element);
}

static void evaluate_avg_pool2d(struct tw_oracle_work *work)
{
    for_each_output(work, avg_pool2d_element);
}

static void evaluate_view(struct tw_oracle_work *work)
{
    memcpy(work->out, work->in[0], (size_t)tw_shape_count(work->out_shape) * sizeof *work->out);
}

static void evaluate_add(struct tw_oracle_work *work)
{
    ptrdiff_t count = tw_shape_count(work->out_shape);

    for (ptrdiff_t i = 0; i < count; i++)
        work->out[i] = work->in[0][i] + work->in[1][i];
}

static void evaluate_normalize(struct tw_oracle_work *work)
{
    ptrdiff_t count = tw_shape_count(work->out_shape);
    double mean = work->node->attributes.normalize.mean;
    double deviation = work->node->attributes.normalize.standard_deviation;

    for (ptrdiff_t i = 0; i < count; i++) {
        double y = (work->in[0][i] / 255 - mean) / deviation;

        work->out[i] = work->majorant ? fabs(y) : y;
    }
}

/* Both derivatives are made of identity and probabilities, at most delta_ij + 1 in absolute value; an error
 * of the row's elements, relative to their size `largest`, moves the probabilities by as much again. */
static void dominate_softmax(const double *x, ptrdiff_t columns, double *y)
{
    double largest = 0, sum = 0;

    for (ptrdiff_t i = 0; i < columns; i++) {
        largest = fmax(largest, x[i]);
        sum += x[i];
    }
    for (ptrdiff_t i = 0; i < columns; i++)
        y[i] = (1 + largest) * (x[i] + sum);
}

static void softmax_rows(struct tw_oracle_work *work, bool logarithm)
{
    const struct tw_shape *shape = work->out_shape;
    ptrdiff_t columns = shape->extent[shape->ndim - 1], rows = tw_shape_count(shape) / columns;

    for (ptrdiff_t r = 0; r < rows; r++) {
        const double *x = work->in[0] + r * columns;
        double *y = work->out + r * columns, largest = -INFINITY, sum = 0;

        for (ptrdiff_t i = 0; i < columns; i++)
            largest = fmax(largest, x[i]);
        for (ptrdiff_t i = 0; i < columns; i++)
            sum += exp(x[i] - largest);
        for (ptrdiff_t i = 0; i < columns; i++)
            y[i] = logarithm ? x[i] - largest - log(sum) : exp(x[i] - largest) / sum;
        if (work->majorant)
            dominate_softmax(x, columns, y);
    }
}

static void evaluate_softmax(struct tw_oracle_work *work)
{
    softmax_rows(work, false);
}

static void evaluate_log_softmax(struct tw_oracle_work *work)
{
    softmax_rows(work, true);
}

static void evaluate_nll_loss(struct tw_oracle_work *work)
{
    ptrdiff_t rows = work->in_shape[0]->extent[0], columns = work->in_shape[0]->extent[1];
    bool mean = work->node->attributes.nll.reduction == TW_REDUCTION_MEAN;
    double smoothing = work->node->attributes.nll.smoothing, sum = 0;

    for (ptrdiff_t r = 0; r < rows; r++) {
        const double *row = work->in[0] + r * columns;

        sum += (1 - smoothing) * row[(ptrdiff_t)work->in[1][r]];
        for (ptrdiff_t c = 0; smoothing > 0 && c < columns; c++) {
            sum += smoothing / (double)columns * row[c];
        }
    }
    work->out[0] = (work->majorant ? sum : -sum) / (mean ? (double)rows : 1);
}

/* --- lengths of sums --------------------------------------------------------------------------------------
 */

static double longest(double a, double b, double c)
{
    return fmax(a, fmax(b, c));
}

static double conv2d_roundings(const struct tw_oracle_work *work)
{
    const struct tw_shape *w = work->in_shape[1], *y = work->out_shape;
    double taps = (double)(w->extent[2] * w->extent[3]);
    double groups = (double)at_least_1(work->node->attributes.conv2d.groups);

    return longest((double)w->extent[1] * taps + 1, (double)w->extent[0] / groups * taps,
                   (double)(y->extent[0] * y->extent[2] * y->extent[3]));
}

static double linear_roundings(const struct tw_oracle_work *work)
{
    return longest((double)work->in_shape[0]->extent[1] + 1, (double)work->out_shape->extent[1],
                   (double)work->out_shape->extent[0]);
}

static double pool2d_roundings(const struct tw_oracle_work *work)
{
    const ptrdiff_t *kernel = work->node->attributes.pool2d.kernel;

    return (double)(kernel[0] * kernel[1]) + 1;
}

/* A sum over the row, an exponential and a logarithm of 4 units each, and a few operations more. */
static double softmax_roundings(const struct tw_oracle_work *work)
{
    return 2 * (double)work->out_shape->extent[work->out_shape->ndim - 1] + 16;
}

static double nll_loss_roundings(const struct tw_oracle_work *work)
{
    const struct tw_shape *x = work->in_shape[0];

    /* Over the rows, and with smoothing over each row and its two weights. */
    return (double)x->extent[0] + 2 +
           (work->node->attributes.nll.smoothing > 0 ? (double)x->extent[1] + 6 : 0);
}

static double three_roundings(const struct tw_oracle_work *work)
{
    (void)work;
    return 3;
}

static double no_roundings(const struct tw_oracle_work *work)
{
    (void)work;
    return 0;
}

/* --- the whole graph --------------------------------------------------------------------------------------
 */

static const struct tw_oracle_definition definitions[] = {
    {"conv2d", evaluate_conv2d, conv2d_roundings},
    {"linear", evaluate_linear, linear_roundings},
    {"relu", evaluate_relu, no_roundings},
    {"max_pool2d", evaluate_max_pool2d, pool2d_roundings},
    {"avg_pool2d", evaluate_avg_pool2d, pool2d_roundings},
    {"view", evaluate_view, no_roundings},
    {"add", evaluate_add, three_roundings},
    {"normalize", evaluate_normalize, three_roundings},
    {"softmax", evaluate_softmax, softmax_roundings},
    {"log_softmax", evaluate_log_softmax, softmax_roundings},
    {"nll_loss", evaluate_nll_loss, nll_loss_roundings},
};

const struct tw_oracle_definition *tw_oracle_definition_of(const struct tw_graph_node *node)
{
    for (size_t i = 0; i < sizeof definitions / sizeof definitions[0]; i++)
        if (strcmp(definitions[i].name, node->operation->name) == 0)
            return &definitions[i];
    fail_msg("the oracle does not know the operation %s", node->operation->name);
    return NULL;
}

/* Winograd's transforms of the weight gradient (conv_winograd.h). Included after the lanes of an ISA, behind
 * conv_winograd_lanes.h. */

/* --- dy ------------------------------------------------------------------------------------------------- */

/* The two rows of dy that are the lower and upper halves of sixteen tiles, even and odd columns apart. */
struct halves {
    struct pairs upper, lower;
};

/* (y0, y0 + y1, y0 - y1, y1) down the columns, then along the rows, to the sixteen points of those tiles. */
TW_IN_PLACE void spread_points(const struct halves *y, struct tw_lanes points[16])
{
    struct pairs row[4] = {[0] = y->upper, [3] = y->lower};

    row[1].even = tw_lanes_add(y->upper.even, y->lower.even);
    row[1].odd = tw_lanes_add(y->upper.odd, y->lower.odd);
    row[2].even = tw_lanes_sub(y->upper.even, y->lower.even);
    row[2].odd = tw_lanes_sub(y->upper.odd, y->lower.odd);
    TW_UNROLL
    for (int k = 0; k < 4; k++) {
        points[4 * k] = row[k].even;
        points[4 * k + 1] = tw_lanes_add(row[k].even, row[k].odd);
        points[4 * k + 2] = tw_lanes_sub(row[k].even, row[k].odd);
        points[4 * k + 3] = row[k].odd;
    }
}

/* Both rows of dy of a run; a lower one that is outside is zeros. */
static inline const float *lower_row(const struct tw_conv_winograd_planes *planes,
                                     const struct tw_conv_winograd_run *run, const float *plane)
{
    const ptrdiff_t row = 2 * run->row + 1;

    return row < planes->source[0] ? plane + row * planes->source[1] : planes->zeros;
}

TW_IN_PLACE struct pairs load_columns(const float *row, ptrdiff_t column, ptrdiff_t width)
{
    struct pairs pairs;

    tw_lanes_split(load_some(row, column, width - column),
                   load_some(row, column + TW_WINOGRAD_LANES, width - column - TW_WINOGRAD_LANES),
                   &pairs.even, &pairs.odd);
    return pairs;
}

static void spread_gradient(const struct tw_conv_winograd_planes *planes,
                            const struct tw_conv_winograd_run *run, const float *dy, float *m,
                            ptrdiff_t point_step)
{
    const ptrdiff_t width = planes->source[1], first = 2 * run->column;
    const float *upper = dy + 2 * run->row * width, *lower = lower_row(planes, run, dy);

    for (ptrdiff_t t = 0; t < run->tiles; t += TW_WINOGRAD_LANES) {
        const struct halves halves = {load_columns(upper, first + 2 * t, width),
                                      load_columns(lower, first + 2 * t, width)};
        struct tw_lanes points[16];

        spread_points(&halves, points);
        TW_UNROLL
        for (int p = 0; p < 16; p++) {
            tw_lanes_store(m + p * point_step + run->at + t, points[p]);
        }
    }
}

/* Two runs of up to seven tiles in the halves of a vector. */
static void spread_two_gradients(const struct tw_conv_winograd_planes *planes,
                                 const struct tw_conv_winograd_run *run, const float *dy,
                                 const float *second_dy, float *m, ptrdiff_t point_step)
{
    const ptrdiff_t width = planes->source[1];
    const float *upper[2] = {dy + 2 * run[0].row * width, second_dy + 2 * run[1].row * width};
    const float *lower[2] = {lower_row(planes, &run[0], dy), lower_row(planes, &run[1], second_dy)};
    struct tw_lanes points[16];
    struct halves halves;

    tw_lanes_split(load_some(upper[0], 0, width), load_some(upper[1], 0, width), &halves.upper.even,
                   &halves.upper.odd);
    tw_lanes_split(load_some(lower[0], 0, width), load_some(lower[1], 0, width), &halves.lower.even,
                   &halves.lower.odd);
    spread_points(&halves, points);
    TW_UNROLL
    for (int p = 0; p < 16; p++) {
        float *to = m + p * point_step;

        tw_lanes_store_halves(to + run[0].at, to + run[1].at, points[p]);
    }
}

/* --- x -------------------------------------------------------------------------------------------------- */

/* (d0 - d2, d1 + d2, d2 - d1, d3 - d1) */
static inline void window_step(struct tw_lanes d0, struct tw_lanes d1, struct tw_lanes d2, struct tw_lanes d3,
                               struct tw_lanes out[4])
{
    out[0] = tw_lanes_sub(d0, d2);
    out[1] = tw_lanes_add(d1, d2);
    out[2] = tw_lanes_sub(d2, d1);
    out[3] = tw_lanes_sub(d3, d1);
}

/* Sixteen channels of a tile: down the columns first, then along the rows. */
TW_IN_PLACE void window_points(const float *const row[4], ptrdiff_t at, ptrdiff_t pitch, float *v,
                               ptrdiff_t point_step)
{
    struct tw_lanes half[4][4]; /* [column][transformed row] */

    TW_UNROLL
    for (int c = 0; c < 4; c++) {
        const ptrdiff_t pixel = at + c * pitch;

        window_step(tw_lanes_load(row[0] + pixel), tw_lanes_load(row[1] + pixel),
                    tw_lanes_load(row[2] + pixel), tw_lanes_load(row[3] + pixel), half[c]);
    }
    TW_UNROLL
    for (int k = 0; k < 4; k++) {
        struct tw_lanes full[4];

        window_step(half[0][k], half[1][k], half[2][k], half[3][k], full);
        TW_UNROLL
        for (int c = 0; c < 4; c++) {
            tw_lanes_store(v + (4 * k + c) * point_step, full[c]);
        }
    }
}

static void transform_windows(const float *const row[4], ptrdiff_t tiles, ptrdiff_t pitch, float *v,
                              ptrdiff_t point_step)
{
    for (ptrdiff_t t = 0; t < tiles; t++) {
        for (ptrdiff_t i = 0; i < pitch; i += TW_WINOGRAD_LANES) {
            window_points(row, 2 * t * pitch + i, pitch, v + t * pitch + i, point_step);
        }
    }
}

/* --- dw ------------------------------------------------------------------------------------------------- */

/* (u0 + (u1 + u2) / 2, (u1 - u2) / 2, (u1 + u2) / 2 + u3) */
static inline void filter_step(struct tw_lanes u0, struct tw_lanes u1, struct tw_lanes u2, struct tw_lanes u3,
                               struct tw_lanes out[3])
{
    const struct tw_lanes half = tw_lanes_set(0.5f), inner = tw_lanes_mul(tw_lanes_add(u1, u2), half);

    out[0] = tw_lanes_add(u0, inner);
    out[1] = tw_lanes_mul(tw_lanes_sub(u1, u2), half);
    out[2] = tw_lanes_add(inner, u3);
}

/* Down the columns of points first, then along their rows. */
static void transform_taps(ptrdiff_t channels, const float *u, ptrdiff_t point_step, float *taps,
                           ptrdiff_t tap_step)
{
    for (ptrdiff_t i = 0; i < channels; i += TW_WINOGRAD_LANES) {
        struct tw_lanes half[4][3]; /* [column][row of taps] */

        TW_UNROLL
        for (int c = 0; c < 4; c++) {
            const float *point = u + c * point_step + i;

            filter_step(tw_lanes_load(point), tw_lanes_load(point + 4 * point_step),
                        tw_lanes_load(point + 8 * point_step), tw_lanes_load(point + 12 * point_step),
                        half[c]);
        }
        TW_UNROLL
        for (int k = 0; k < 3; k++) {
            struct tw_lanes row[3];

            filter_step(half[0][k], half[1][k], half[2][k], half[3][k], row);
            TW_UNROLL
            for (int c = 0; c < 3; c++) {
                tw_lanes_store(taps + (3 * k + c) * tap_step + i, row[c]);
            }
        }
    }
}

const struct tw_conv_winograd_lanes TW_VARIANT(tw_conv_winograd) = {
    .weights = transform_weights,
    .tall_weights = transform_tall_weights,
    .input = {transform_input, transform_two_inputs},
    .tall_input = {.one = transform_tall_input},
    .output = transform_output,
    .tall_output = transform_tall_output,
    .output_two = transform_two_outputs,
    .gradient = {spread_gradient, spread_two_gradients},
    .windows = transform_windows,
    .taps = transform_taps,
};

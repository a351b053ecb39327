/* The transforms of conv_winograd.h, those of weights and results here. Included after the lanes of an ISA. */
#include "kernels/conv/conv_winograd_input_lanes.h"

/* --- weights -------------------------------------------------------------------------------------------- */

/* (g0, (g0 + g2 + g1) / 2, (g0 + g2 - g1) / 2, g2) */
static inline void weight_step(struct tw_lanes g0, struct tw_lanes g1, struct tw_lanes g2,
                               struct tw_lanes out[4])
{
    const struct tw_lanes half = tw_lanes_set(0.5f), outer = tw_lanes_add(g0, g2);

    out[0] = g0;
    out[1] = tw_lanes_mul(tw_lanes_add(outer, g1), half);
    out[2] = tw_lanes_mul(tw_lanes_sub(outer, g1), half);
    out[3] = g2;
}

/* (g0 + p^2 g2 + p g1, g0 + p^2 g2 - p g1) by a factor */
TW_IN_PLACE void weights_at(float p, float square, float factor, const struct tw_lanes g[3],
                            struct tw_lanes out[2])
{
    const struct tw_lanes even = tw_lanes_fma(tw_lanes_set(square), g[2], g[0]);

    out[0] = tw_lanes_mul(tw_lanes_fma(tw_lanes_set(p), g[1], even), tw_lanes_set(factor));
    out[1] = tw_lanes_mul(tw_lanes_fma(tw_lanes_set(-p), g[1], even), tw_lanes_set(factor));
}

static inline void tall_weight_step(struct tw_lanes g0, struct tw_lanes g1, struct tw_lanes g2,
                                    struct tw_lanes out[6])
{
    const struct tw_lanes g[3] = {g0, g1, g2};

    out[0] = tw_lanes_mul(g0, tw_lanes_set(TW_WINOGRAD_Q_INVERSE));
    weights_at(TW_WINOGRAD_A, TW_WINOGRAD_A2, TW_WINOGRAD_N_INVERSE, g, out + 1);
    weights_at(TW_WINOGRAD_B, TW_WINOGRAD_B2, TW_WINOGRAD_O_INVERSE, g, out + 3);
    out[5] = g2;
}

/* One vector of channels, taps to points: down the columns of taps first, then along their rows. */
TW_IN_PLACE void weight_points(const int rows, const struct tw_lanes g[9], struct tw_lanes *u)
{
    struct tw_lanes half[3][6]; /* [column][transformed row] */

    TW_UNROLL
    for (int c = 0; c < 3; c++) {
        if (rows == 4) {
            tall_weight_step(g[c], g[3 + c], g[6 + c], half[c]);
        } else {
            weight_step(g[c], g[3 + c], g[6 + c], half[c]);
        }
    }
    TW_UNROLL
    for (int r = 0; r < rows + 2; r++) {
        weight_step(half[0][r], half[1][r], half[2][r], u + (ptrdiff_t)4 * r);
    }
}

TW_IN_PLACE void transform_taps_of(const int rows, ptrdiff_t channels, const float *taps, ptrdiff_t tap_step,
                                   float *u, ptrdiff_t point_step)
{
    for (ptrdiff_t i = 0; i < channels; i += TW_WINOGRAD_LANES) {
        struct tw_lanes g[9], points[TW_WINOGRAD_POINTS_MOST];

        TW_UNROLL
        for (int t = 0; t < 9; t++) {
            g[t] = tw_lanes_load(taps + t * tap_step + i);
        }
        weight_points(rows, g, points);
        TW_UNROLL
        for (int p = 0; p < 4 * (rows + 2); p++) {
            tw_lanes_store(u + p * point_step + i, points[p]);
        }
    }
}

static void transform_weights(ptrdiff_t channels, const float *taps, ptrdiff_t tap_step, float *u,
                              ptrdiff_t point_step)
{
    transform_taps_of(2, channels, taps, tap_step, u, point_step);
}

static void transform_tall_weights(ptrdiff_t channels, const float *taps, ptrdiff_t tap_step, float *u,
                                   ptrdiff_t point_step)
{
    transform_taps_of(4, channels, taps, tap_step, u, point_step);
}

/* --- output --------------------------------------------------------------------------------------------- */

/* The first `count` of sixteen, or more where there is room for them: rows that follow in the plane are written later. */
static inline void store_some(float *y, ptrdiff_t count, ptrdiff_t room, struct tw_lanes a)
{
    if (count >= TW_WINOGRAD_LANES || room >= TW_WINOGRAD_LANES) {
        tw_lanes_store(y, a);
    } else if (count > 0) {
        tw_lanes_store_part(y, (int)count, a);
    }
}

/* The four results of sixteen tiles: upper left and right, lower left and right. */
TW_IN_PLACE void tile_results(const struct tw_lanes m[16], float bias, struct tw_lanes v[4])
{
    const struct tw_lanes start = tw_lanes_set(bias);
    struct tw_lanes half[2][4]; /* [row of results][column] */

    TW_UNROLL
    for (int c = 0; c < 4; c++) {
        struct tw_lanes both[2];

        winograd_output_step(m[c], m[4 + c], m[8 + c], m[12 + c], both);
        half[0][c] = both[0];
        half[1][c] = both[1];
    }
    TW_UNROLL
    for (int r = 0; r < 2; r++) {
        winograd_output_step(half[r][0], half[r][1], half[r][2], half[r][3], v + (ptrdiff_t)2 * r);
        v[2 * r] = tw_lanes_add(v[2 * r], start);
        v[2 * r + 1] = tw_lanes_add(v[2 * r + 1], start);
    }
}

/* Down a column of six. */
TW_IN_PLACE void tall_output_step(const struct tw_lanes m[6], struct tw_lanes v[4])
{
    const struct tw_lanes e = tw_lanes_add(m[1], m[2]), h = tw_lanes_sub(m[1], m[2]);
    const struct tw_lanes f = tw_lanes_add(m[3], m[4]), k = tw_lanes_sub(m[3], m[4]);

    v[0] = tw_lanes_add(tw_lanes_add(m[0], e), f);
    v[1] = tw_lanes_fma(tw_lanes_set(TW_WINOGRAD_A), h, tw_lanes_mul(tw_lanes_set(TW_WINOGRAD_B), k));
    v[2] = tw_lanes_fma(tw_lanes_set(TW_WINOGRAD_A2), e, tw_lanes_mul(tw_lanes_set(TW_WINOGRAD_B2), f));
    v[3] = tw_lanes_fma(tw_lanes_set(TW_WINOGRAD_A3), h, tw_lanes_fma(tw_lanes_set(TW_WINOGRAD_B3), k, m[5]));
}

/* The eight results of sixteen tiles of four rows, row by row, of points m[p*point_step]: along the rows of points first. */
TW_IN_PLACE void tall_results(const float *m, ptrdiff_t point_step, float bias, struct tw_lanes v[4][2])
{
    const struct tw_lanes start = tw_lanes_set(bias);
    struct tw_lanes half[2][6]; /* [column of results][row] */

    TW_UNROLL
    for (int r = 0; r < 6; r++) {
        const float *row = m + (ptrdiff_t)4 * r * point_step;
        struct tw_lanes both[2];

        winograd_output_step(tw_lanes_load(row), tw_lanes_load(row + point_step),
                             tw_lanes_load(row + 2 * point_step), tw_lanes_load(row + 3 * point_step), both);
        half[0][r] = both[0];
        half[1][r] = both[1];
    }
    TW_UNROLL
    for (int c = 0; c < 2; c++) {
        struct tw_lanes column[4];

        tall_output_step(half[c], column);
        TW_UNROLL
        for (int r = 0; r < 4; r++) {
            v[r][c] = tw_lanes_add(column[r], start);
        }
    }
}

/* A row of the results of sixteen tiles, of which `count` numbers are wanted. */
static inline void store_row(struct tw_lanes even, struct tw_lanes odd, ptrdiff_t count, ptrdiff_t room,
                             float *y)
{
    struct tw_lanes a, b;

    tw_lanes_merge(even, odd, &a, &b);
    store_some(y, count, room, a);
    if (count > TW_WINOGRAD_LANES) {
        store_some(y + TW_WINOGRAD_LANES, count - TW_WINOGRAD_LANES, room - TW_WINOGRAD_LANES, b);
    }
}

/* From the last tiles to the first: what the last vector of the upper row writes over the beginning of the lower one is written
 * again. That holds for runs that are whole rows of tiles. */
static void transform_output(const struct tw_conv_winograd_planes *planes,
                             const struct tw_conv_winograd_run *run, const float *m, ptrdiff_t point_step,
                             float bias, float *result)
{
    const ptrdiff_t width = planes->result[1], first = 2 * run->column;
    const ptrdiff_t end = tw_conv_smaller(first + 2 * run->tiles, width),
                    rows = planes->result[0] - 2 * run->row;
    const bool whole = first == 0 && end == width;
    float *y = result + 2 * run->row * width;

    for (ptrdiff_t t = (run->tiles - 1) / TW_WINOGRAD_LANES * TW_WINOGRAD_LANES; t >= 0;
         t -= TW_WINOGRAD_LANES) {
        const ptrdiff_t column = first + 2 * t, room = whole ? rows * width - column : 0;
        struct tw_lanes points[16], v[4];

        TW_UNROLL
        for (int p = 0; p < 16; p++) {
            points[p] = tw_lanes_load(m + p * point_step + run->at + t);
        }
        tile_results(points, bias, v);
        store_row(v[0], v[1], end - column, room, y + column);
        if (rows > 1) {
            store_row(v[2], v[3], end - column, room - width, y + width + column);
        }
    }
}

/* Likewise, the rows of a tile from the first to the last. */
static void transform_tall_output(const struct tw_conv_winograd_planes *planes,
                                  const struct tw_conv_winograd_run *run, const float *m,
                                  ptrdiff_t point_step, float bias, float *result)
{
    const ptrdiff_t width = planes->result[1], first = 2 * run->column;
    const ptrdiff_t end = tw_conv_smaller(first + 2 * run->tiles, width),
                    rows = planes->result[0] - 4 * run->row;
    const bool whole = first == 0 && end == width;
    float *y = result + 4 * run->row * width;

    for (ptrdiff_t t = (run->tiles - 1) / TW_WINOGRAD_LANES * TW_WINOGRAD_LANES; t >= 0;
         t -= TW_WINOGRAD_LANES) {
        const ptrdiff_t column = first + 2 * t;
        struct tw_lanes v[4][2];

        tall_results(m + run->at + t, point_step, bias, v);
        TW_UNROLL
        for (int r = 0; r < 4; r++) {
            if (r < rows) {
                store_row(v[r][0], v[r][1], end - column, whole ? (rows - r) * width - column : 0,
                          y + r * width + column);
            }
        }
    }
}

static void transform_two_outputs(const struct tw_conv_winograd_planes *planes,
                                  const struct tw_conv_winograd_run *run, const float *m,
                                  ptrdiff_t point_step, float bias, float *result, float *second_result)
{
    const ptrdiff_t width = planes->result[1];
    float *const planes_of[2] = {result, second_result};
    struct tw_lanes points[16], v[4], upper[2], lower[2]; /* rows of each run */

    TW_UNROLL
    for (int p = 0; p < 16; p++) {
        const float *point = m + p * point_step;

        points[p] = tw_lanes_load_halves(point + run[0].at, point + run[1].at);
    }
    tile_results(points, bias, v);
    tw_lanes_merge(v[0], v[1], &upper[0], &upper[1]);
    tw_lanes_merge(v[2], v[3], &lower[0], &lower[1]);
    TW_UNROLL
    for (int i = 0; i < 2; i++) {
        const ptrdiff_t rows = planes->result[0] - 2 * run[i].row;
        float *y = planes_of[i] + 2 * run[i].row * width;

        store_some(y, width, rows * width, upper[i]);
        if (rows > 1) {
            store_some(y + width, width, (rows - 1) * width, lower[i]);
        }
    }
}

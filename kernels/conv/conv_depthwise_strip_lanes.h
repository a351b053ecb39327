/* Strips of algorithm "depthwise", included by conv_depthwise_lanes.h. See conv_depthwise.h.
 */

/* Rows of results in registers: four serve a kernel of three rows with its nine weights beside them. */
#define ROWS 4

/* A block of rows by one or two vectors, the second one `apart` columns after the first. */
struct block {
    const float *source;
    float *result;
    ptrdiff_t apart;
};

/* 3 x 3, one channel: row q of the copy meets kernel row a = q - r * step of every row r of the block, kernel rows
 * and columns ascending for each of them. */
IN_PLACE void sums_3x3(const struct tw_conv_strip *s, const struct block *block, const int step,
                       const tw_vector weight[9], tw_vector sum[ROWS][2])
{
    const float *from = block->source;

    TW_UNROLL
    for (int q = 0; q < (ROWS - 1) * step + 3; q++, from += s->tap_step) {
        TW_UNROLL
        for (int b = 0; b < 3; b++) {
            const tw_vector x = tw_vector_load(from + s->column[b]);

            TW_UNROLL
            for (int r = 0; r < ROWS; r++) {
                const int a = q - r * step;

                if (a >= 0 && a < 3) {
                    sum[r][0] = tw_vector_fma(x, weight[a * 3 + b], sum[r][0]);
                }
            }
        }
    }
}

/* Any kernel: all rows meet the same tap, so that no sum waits for another. */
IN_PLACE void sums_any(const struct tw_conv_strip *s, const struct block *block, const int rows,
                       const int across, tw_vector sum[ROWS][2])
{
    const float *source = block->source, *w = s->w;

    for (ptrdiff_t i = 0; i < s->channels; i++, source += s->plane) {
        for (ptrdiff_t a = 0; a < s->taps[0]; a++) {
            for (ptrdiff_t b = 0; b < s->taps[1]; b++) {
                const float *from = source + a * s->tap_step + s->column[b];
                const tw_vector weight = tw_vector_broadcast(w++);

                TW_UNROLL
                for (int r = 0; r < rows; r++, from += s->source_step) {
                    TW_UNROLL
                    for (int k = 0; k < across; k++) {
                        sum[r][k] = tw_vector_fma(tw_vector_load(from + k * block->apart), weight, sum[r][k]);
                    }
                }
            }
        }
    }
}

/* One row of a block. A row shorter than a vector may run over its end if that is written later. */
IN_PLACE void store_row(const struct tw_conv_strip *s, bool exact, ptrdiff_t apart, const int across,
                        const tw_vector sum[2], float *to)
{
    if (across == 1 && exact && s->width < LANES) {
        tw_vector_store_some(to, s->width, sum[0]);
        return;
    }
    TW_UNROLL
    for (int k = 0; k < across; k++) {
        tw_vector_store(to + k * apart, sum[k]);
    }
}

/* `step` 0: any kernel, otherwise sums_3x3 with `weight`. */
IN_PLACE void run_block(const struct tw_conv_strip *s, const struct block *block, bool exact, const int rows,
                        const int across, const int step, const tw_vector weight[9])
{
    tw_vector sum[ROWS][2];

    TW_UNROLL
    for (int r = 0; r < rows; r++) {
        TW_UNROLL
        for (int k = 0; k < across; k++) {
            sum[r][k] = s->start ? tw_vector_broadcast(s->start) : tw_vector_zero();
        }
    }
    if (step > 0) {
        sums_3x3(s, block, step, weight, sum);
    } else {
        sums_any(s, block, rows, across, sum);
    }
    TW_UNROLL
    for (int r = 0; r < rows; r++) {
        store_row(s, exact, block->apart, across, sum[r], block->result + r * s->result_row);
    }
}

/* `rows` rows of results, from row `row` on: two vectors at a time if `across` is 2, the last one flush with the
 * end of the row. */
IN_PLACE void run_rows(const struct tw_conv_strip *s, ptrdiff_t row, bool exact, const int rows,
                       const int across, const int step, const tw_vector weight[9])
{
    const float *source = s->source + row * s->source_step;
    float *result = s->result + row * s->result_row;
    const ptrdiff_t last = s->width < LANES ? 0 : s->width - LANES; /* where the last vector begins */
    ptrdiff_t c = 0;

    for (; across == 2 && c + LANES < s->width; c += 2 * LANES) {
        const struct block block = {source + c, result + c, tw_conv_smaller(LANES, last - c)};

        run_block(s, &block, exact, rows, 2, step, weight);
    }
    for (; c < s->width; c += LANES) {
        const ptrdiff_t first = tw_conv_smaller(c, last);
        const struct block block = {source + first, result + first, 0};

        run_block(s, &block, exact, rows, 1, step, weight);
    }
}

/* All planes, blocks of `rows` rows; the last one overlaps the one before it. The copy of the arguments stays in
 * registers, which what they point to would not: results might alias it. */
IN_PLACE void run_planes(const struct tw_conv_strip *strip, const int rows, const int across, const int step)
{
    struct tw_conv_strip s = *strip;
    const ptrdiff_t column[3] = {s.column[0], step > 0 ? s.column[1] : 0, step > 0 ? s.column[2] : 0};
    const bool gapless =
        s.result_row == s.width && s.result_plane == s.rows * s.width && s.result_plane >= LANES;
    tw_vector weight[9];

    s.column = step > 0 ? column : s.column;
    for (; s.planes > 0; s.planes--) {
        TW_UNROLL
        for (int t = 0; step > 0 && t < 9; t++) {
            weight[t] = tw_vector_broadcast(s.w + t);
        }
        for (ptrdiff_t row = 0; row < s.rows; row += rows) {
            run_rows(&s, tw_conv_smaller(row, s.rows - rows), !gapless || s.planes == 1, rows, across, step,
                     weight);
        }
        s.source += s.source_plane;
        s.w += s.channels * s.taps[0] * s.taps[1];
        s.start += s.start ? 1 : 0;
        s.result += s.result_plane;
    }
}

static NOT_IN_PLACE void strip_3x3(const struct tw_conv_strip *s)
{
    run_planes(s, ROWS, 1, 1);
}

static NOT_IN_PLACE void strip_3x3_step2(const struct tw_conv_strip *s)
{
    run_planes(s, ROWS, 1, 2);
}

static NOT_IN_PLACE void strip_any(const struct tw_conv_strip *s)
{
    run_planes(s, ROWS, 2, 0);
}

/* Fewer rows than a block has. */
static NOT_IN_PLACE void strip_row_by_row(const struct tw_conv_strip *s)
{
    run_planes(s, 1, 1, 0);
}

static void strip(const struct tw_conv_strip *s)
{
    const bool is_3x3 = s->channels == 1 && s->taps[0] == 3 && s->taps[1] == 3;

    if (s->rows < ROWS) {
        strip_row_by_row(s);
    } else if (is_3x3 && s->source_step == s->tap_step) {
        strip_3x3(s);
    } else if (is_3x3 && s->source_step == 2 * s->tap_step) {
        strip_3x3_step2(s);
    } else {
        strip_any(s);
    }
}

#undef ROWS

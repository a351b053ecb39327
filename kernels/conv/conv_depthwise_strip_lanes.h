/* Strips of algorithm "along rows", included by conv_depthwise_lanes.h. See conv_depthwise.h.
 */

/* Rows of results in registers: few for images of any height, many (TW_CONV_ROWS, of the ISA) where they waste no more
 * in the last block. */
#define ROWS_FEW  4
#define ROWS_MANY TW_CONV_ROWS

#if ROWS_MANY > ROWS_FEW
/* Whether blocks of many rows compute no more rows than blocks of few. */
static bool prefers_many(ptrdiff_t rows)
{
    const ptrdiff_t many = (rows + ROWS_MANY - 1) / ROWS_MANY * ROWS_MANY;
    const ptrdiff_t few = (rows + ROWS_FEW - 1) / ROWS_FEW * ROWS_FEW;

    return rows >= ROWS_MANY && many <= few;
}
#endif

/* Most rows and columns of a kernel with a body of its own. */
#define TAPS_ACROSS 7

/* A block of rows by one or two vectors, the second one `apart` columns after the first. */
struct block {
    const float *source;
    float *result;
    ptrdiff_t apart;
};

/* A body of `strip`: rows and vectors of a block; `taps` x `taps` taps, whose row 0 meets every `step`-th row of the
 * source, or 0 for any. All are constants. */
struct body {
    int rows, across, taps, step;
};

/* One column b of the kernel and row q of the copy, which meets kernel row a = q - r * step of every row r of the block:
 * a vector is loaded once for all of them. The nine weights of 3 x 3 are in registers. */
IN_PLACE void meet_column(const struct tw_conv_strip *s, const struct block *block, const struct body body,
                          const float *from, const int q, ptrdiff_t b, const tw_vector weight[9],
                          tw_vector sum[ROWS_MANY][2])
{
    tw_vector x[2];

    TW_UNROLL
    for (int k = 0; k < body.across; k++) {
        x[k] = tw_vector_load(from + s->column[b] + k * block->apart);
    }
    TW_UNROLL
    for (int r = 0; r < body.rows; r++) {
        const int a = q - r * body.step;

        if (a >= 0 && a < body.taps) {
            const ptrdiff_t tap = a * body.taps + b;
            const tw_vector by = body.taps == 3 ? weight[tap] : tw_vector_broadcast(s->w + tap);

            TW_UNROLL
            for (int k = 0; k < body.across; k++) {
                sum[r][k] = tw_vector_fma(x[k], by, sum[r][k]);
            }
        }
    }
}

/* One channel: down the rows of the copy, kernel rows and columns ascending for every row of the block. */
IN_PLACE void sums_down(const struct tw_conv_strip *s, const struct block *block, const struct body body,
                        const tw_vector weight[9], tw_vector sum[ROWS_MANY][2])
{
    const float *from = block->source;

    TW_UNROLL
    for (int q = 0; q < (body.rows - 1) * body.step + body.taps; q++, from += s->tap_step) {
        if (body.taps == 3) {
            meet_column(s, block, body, from, q, 0, weight, sum);
            meet_column(s, block, body, from, q, 1, weight, sum);
            meet_column(s, block, body, from, q, 2, weight, sum);
        } else {
            TW_ROLLED
            for (ptrdiff_t b = 0; b < body.taps; b++) {
                meet_column(s, block, body, from, q, b, weight, sum);
            }
        }
    }
}

/* Column b of the kernel with a step of 2, for all pairs of rows: the first row of a pair meets kernel row t where the
 * second one meets t - 2, so that both take what is loaded, and all pairs the same two weights. */
IN_PLACE void meet_pairs(const struct tw_conv_strip *s, const struct block *block, const struct body body,
                         const int t, ptrdiff_t b, tw_vector sum[ROWS_MANY][2])
{
    const float *from = block->source + t * s->tap_step + s->column[b], *w = s->w + b;
    const bool first = t < body.taps, second = t >= 2;
    const tw_vector by_first = first ? tw_vector_broadcast(w + t * body.taps) : tw_vector_zero();
    const tw_vector by_second = second ? tw_vector_broadcast(w + (t - 2) * body.taps) : tw_vector_zero();

    TW_UNROLL
    for (int r = 0; r < body.rows; r += 2, from += 4 * s->tap_step) {
        if (!first && r + 1 == body.rows) {
            break; /* a first row without a second one, which has met all of the kernel */
        }
        TW_UNROLL
        for (int k = 0; k < body.across; k++) {
            const tw_vector x = tw_vector_load(from + k * block->apart);

            if (first) {
                sum[r][k] = tw_vector_fma(x, by_first, sum[r][k]);
            }
            if (second && r + 1 < body.rows) {
                sum[r + 1][k] = tw_vector_fma(x, by_second, sum[r + 1][k]);
            }
        }
    }
}

/* Steps of 2: few rows meet the same row of the source, and sums that go down it one after the other would wait for
 * themselves. */
IN_PLACE void sums_in_pairs(const struct tw_conv_strip *s, const struct block *block, const struct body body,
                            tw_vector sum[ROWS_MANY][2])
{
    TW_UNROLL
    for (int t = 0; t < body.taps + 2; t++) {
        TW_ROLLED
        for (ptrdiff_t b = 0; b < body.taps; b++) {
            meet_pairs(s, block, body, t, b, sum);
        }
    }
}

/* Any kernel: all rows meet the same tap, so that no sum waits for another. */
IN_PLACE void sums_any(const struct tw_conv_strip *s, const struct block *block, const struct body body,
                       tw_vector sum[ROWS_MANY][2])
{
    const float *source = block->source, *w = s->w;

    for (ptrdiff_t i = 0; i < s->channels; i++, source += s->plane) {
        for (ptrdiff_t a = 0; a < s->taps[0]; a++) {
            for (ptrdiff_t b = 0; b < s->taps[1]; b++) {
                const float *from = source + a * s->tap_step + s->column[b];
                const tw_vector weight = tw_vector_broadcast(w++);

                TW_UNROLL
                for (int r = 0; r < body.rows; r++, from += s->source_step) {
                    TW_UNROLL
                    for (int k = 0; k < body.across; k++) {
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

IN_PLACE void run_block(const struct tw_conv_strip *s, const struct block *block, bool exact,
                        const struct body body, const tw_vector weight[9])
{
    tw_vector sum[ROWS_MANY][2];

    TW_UNROLL
    for (int r = 0; r < body.rows; r++) {
        TW_UNROLL
        for (int k = 0; k < body.across; k++) {
            sum[r][k] = s->start ? tw_vector_broadcast(s->start) : tw_vector_zero();
        }
    }
    if (body.step == 2) {
        sums_in_pairs(s, block, body, sum);
    } else if (body.taps > 0) {
        sums_down(s, block, body, weight, sum);
    } else {
        sums_any(s, block, body, sum);
    }
    TW_UNROLL
    for (int r = 0; r < body.rows; r++) {
        store_row(s, exact, block->apart, body.across, sum[r], block->result + r * s->result_row);
    }
}

/* A row of blocks, from row `row` of the results on: two vectors at a time if `across` is 2, the last one flush with
 * the end of the row. */
IN_PLACE void run_rows(const struct tw_conv_strip *s, ptrdiff_t row, bool exact, const struct body body,
                       const tw_vector weight[9])
{
    const struct body narrow = {body.rows, 1, body.taps, body.step};
    const float *source = s->source + row * s->source_step;
    float *result = s->result + row * s->result_row;
    const ptrdiff_t last = s->width < LANES ? 0 : s->width - LANES; /* where the last vector begins */
    ptrdiff_t c = 0;

    for (; body.across == 2 && c + LANES < s->width; c += 2 * LANES) {
        const struct block block = {source + c, result + c, tw_conv_smaller(LANES, last - c)};

        run_block(s, &block, exact, body, weight);
    }
    for (; c < s->width; c += LANES) {
        const ptrdiff_t first = tw_conv_smaller(c, last);
        const struct block block = {source + first, result + first, 0};

        run_block(s, &block, exact, narrow, weight);
    }
}

/* All planes, blocks of rows; the last one overlaps the one before it. The copy of the arguments stays in registers,
 * which what they point to would not: results might alias it. */
IN_PLACE void run_planes(const struct tw_conv_strip *strip, const struct body body)
{
    struct tw_conv_strip s = *strip;
    ptrdiff_t column[TAPS_ACROSS];
    const bool gapless =
        s.result_row == s.width && s.result_plane == s.rows * s.width && s.result_plane >= LANES;
    tw_vector weight[9];

    TW_UNROLL
    for (int b = 0; b < body.taps; b++) {
        column[b] = s.column[b];
    }
    s.column = body.taps > 0 ? column : s.column;
    for (; s.planes > 0; s.planes--) {
        if (body.taps == 3) {
            TW_UNROLL
            for (int t = 0; t < 9; t++) {
                weight[t] = tw_vector_broadcast(s.w + t);
            }
        }
        for (ptrdiff_t row = 0; row < s.rows; row += body.rows) {
            run_rows(&s, tw_conv_smaller(row, s.rows - body.rows), !gapless || s.planes == 1, body, weight);
        }
        s.source += s.source_plane;
        s.w += s.channels * s.taps[0] * s.taps[1];
        s.start += s.start ? 1 : 0;
        s.result += s.result_plane;
    }
}

#define STRIP(name, ...)                                         \
    static NOT_IN_PLACE void name(const struct tw_conv_strip *s) \
    {                                                            \
        run_planes(s, (struct body){__VA_ARGS__});               \
    }

STRIP(strip_few_3x3, ROWS_FEW, 1, 3, 1)
STRIP(strip_few_5x5, ROWS_FEW, 2, 5, 1)
STRIP(strip_few_5x5_step2, ROWS_FEW, 2, 5, 2)
STRIP(strip_few_7x7, ROWS_FEW, 2, 7, 1)
STRIP(strip_any, ROWS_FEW, 2, 0, 0)
STRIP(strip_row_by_row, 1, 1, 0, 0) /* fewer rows than a block has */

/* [taps / 2 - 1][step - 1]; what is left of 3 x 3 are phases of input gradients and dilated columns. */
static void (*const strips_few[3][2])(const struct tw_conv_strip *) = {
    {strip_few_3x3, strip_any}, {strip_few_5x5, strip_few_5x5_step2}, {strip_few_7x7, strip_any}};
#if ROWS_MANY > ROWS_FEW
STRIP(strip_many_3x3, ROWS_MANY, 1, 3, 1)
STRIP(strip_many_5x5, ROWS_MANY, 2, 5, 1)
STRIP(strip_many_5x5_step2, ROWS_MANY, 2, 5, 2)
STRIP(strip_many_7x7, ROWS_MANY, 2, 7, 1)

static void (*const strips_many[3][2])(const struct tw_conv_strip *) = {
    {strip_many_3x3, strip_any}, {strip_many_5x5, strip_many_5x5_step2}, {strip_many_7x7, strip_any}};
#endif

static void strip(const struct tw_conv_strip *s)
{
    const ptrdiff_t taps = s->taps[0];
    const bool square = s->channels == 1 && taps == s->taps[1] && (taps == 3 || taps == 5 || taps == 7);
    const ptrdiff_t step = square && s->source_step % s->tap_step == 0 ? s->source_step / s->tap_step : 0;

#if TW_CONV_SIXTEEN_LANES
    if (tw_conv_depthwise_strip_wide__avx512(s)) {
        return;
    }
#endif
    if (s->rows < ROWS_FEW) {
        strip_row_by_row(s);
#if ROWS_MANY > ROWS_FEW
    } else if ((step == 1 || step == 2) && prefers_many(s->rows)) {
        strips_many[taps / 2 - 1][step - 1](s);
#endif
    } else if (step == 1 || step == 2) {
        strips_few[taps / 2 - 1][step - 1](s);
    } else {
        strip_any(s);
    }
}

#undef TAPS_ACROSS
#undef STRIP

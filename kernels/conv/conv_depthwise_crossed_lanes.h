/* Two rows of results of 3 x 3 in steps of 2, vectors in crossed order (kernels/simd/vector_avx2.h), included by
 * conv_depthwise_in_place_lanes.h.
 *
 * In order, the columns that a kernel meets in a row of the source take three operations across the halves of vectors, of which
 * there is one a cycle; crossed they take one load more and none, and the sums are put in order once. Two rows of results meet
 * five of the source: so few that processors foresee how they are read, and nine weights stay in registers beside the sums, in a
 * function that has no masks for the rows' ends.
 */

#define ROWS_CROSSED    2
#define SOURCES_CROSSED ((ROWS_CROSSED - 1) * 2 + 3)

/* What the three columns of the kernel meet in a row of the source, from column `x` on. */
IN_PLACE void load_crossed(const float *x, tw_vector column[3])
{
    tw_vector third;

    tw_vector_split_crossed(tw_vector_load(x), tw_vector_load(x + LANES), &column[0], &third);
    tw_vector_split_crossed(tw_vector_load(x + 1), tw_vector_load(x + 1 + LANES), &column[1], &column[2]);
}

/* The same in order, from the second of them on, where the first is outside the row: a zero. */
IN_PLACE void load_left(const float *x, tw_vector column[3])
{
    tw_vector_split(tw_vector_load(x), tw_vector_load(x + LANES), &column[1], &column[2]);
    column[0] = tw_vector_push(tw_vector_zero(), column[2]);
}

IN_PLACE void meet_crossed(const int q, const tw_vector column[3], const tw_vector weight[9],
                           tw_vector sum[ROWS_CROSSED])
{
    TW_UNROLL
    for (int b = 0; b < 3; b++) {
        TW_UNROLL
        for (int r = 0; r < ROWS_CROSSED; r++) {
            const int a = q - 2 * r;

            if (a >= 0 && a < 3) {
                sum[r] = tw_vector_fma(column[b], weight[a * 3 + b], sum[r]);
            }
        }
    }
}

struct crossed_rows {
    const float *row[SOURCES_CROSSED]; /* of the source */
    ptrdiff_t ahead;                   /* floats from the last four to those that are fetched; 0: none */
    float *result;
};

/* How a vector meets its columns. */
enum crossed_kind {
    CROSSED,      /* all are inside the row */
    CROSSED_LEFT, /* all but the first one; in order */
    CROSSED_ENDS  /* those that masks tell; in order */
};

/* A vector of each of two rows of results, which meet the columns of the source from `at` on. */
IN_PLACE void sum_crossed(const float *const row[SOURCES_CROSSED], ptrdiff_t at, ptrdiff_t ahead,
                          const enum crossed_kind kind, const unsigned char *bits, const tw_vector weight[9],
                          tw_vector start, float *result, ptrdiff_t result_row)
{
    tw_vector sum[ROWS_CROSSED] = {start, start};

    TW_UNROLL
    for (int q = 0; q < SOURCES_CROSSED; q++) {
        const float *x = row[q] + at;
        tw_vector met[3];

        if (kind == CROSSED) {
            load_crossed(x, met);
        } else if (kind == CROSSED_LEFT) {
            load_left(x, met);
        } else {
            const tw_some inside[3] = {tw_some_of(bits[0]), tw_some_of(bits[1]), tw_some_of(bits[2])};

            load_columns(x, (struct in_place_body){.step = 2}, inside, met);
        }
        if (q > 0) {
            tw_fetch(x, ahead + LANES);
        }
        meet_crossed(q, met, weight, sum);
    }
    TW_UNROLL
    for (int r = 0; r < ROWS_CROSSED; r++) {
        tw_vector_store(result + r * result_row, kind == CROSSED ? tw_vector_uncross(sum[r]) : sum[r]);
    }
}

/* The last vectors of two rows, number `vector`: apart from the others, whose registers masks would take. */
static NOT_IN_PLACE void sum_crossed_end(const struct tw_conv_in_place *s, const struct crossed_rows *rows,
                                         ptrdiff_t vector)
{
    const tw_vector start = s->start ? tw_vector_broadcast(s->start) : tw_vector_zero();
    const ptrdiff_t column = s->columns - LANES;
    tw_vector weight[9];

    load_weights(s, s->w, 9, weight);
    sum_crossed(rows->row, 2 * column + s->origin[1], rows->ahead, CROSSED_ENDS,
                s->inside + vector * TW_CONV_IN_PLACE_LOADS, weight, start, rows->result + column,
                s->columns);
}

/* Of two rows what needs no masks; returns the column where that ends. The last vector is flush with the rows' end. Compilers
 * think that stores of vectors change what `rows` points to: hence the copies. */
IN_PLACE ptrdiff_t sum_crossed_whole(const struct tw_conv_in_place *s, const struct crossed_rows *rows,
                                     const tw_vector weight[9], tw_vector start)
{
    const ptrdiff_t columns = s->columns, ahead = rows->ahead, first = s->origin[1];
    const ptrdiff_t last = tw_conv_smaller(columns - LANES, s->whole_end - 1);
    float *const result = rows->result;
    const float *row[SOURCES_CROSSED];
    ptrdiff_t c = s->whole;

    TW_UNROLL
    for (int q = 0; q < SOURCES_CROSSED; q++) {
        row[q] = rows->row[q];
    }
    if (c > 0) {
        sum_crossed(row, first + 1, ahead, CROSSED_LEFT, NULL, weight, start, result, columns);
    }
    for (; c < columns && tw_conv_smaller(c, columns - LANES) <= last; c += LANES) {
        const ptrdiff_t column = tw_conv_smaller(c, last);

        sum_crossed(row, 2 * column + first, ahead, CROSSED, NULL, weight, start, result + column, columns);
    }
    return c;
}

/* Two rows. */
static NOT_IN_PLACE void sum_crossed_rows(const struct tw_conv_in_place *s, const struct crossed_rows *rows)
{
    const tw_vector start = s->start ? tw_vector_broadcast(s->start) : tw_vector_zero();
    tw_vector weight[9];
    ptrdiff_t c;

    load_weights(s, s->w, 9, weight);
    c = sum_crossed_whole(s, rows, weight, start);
    if (c < s->columns) {
        sum_crossed_end(s, rows, c / LANES);
    }
}

/* Rows are fetched in planes that do not stay near, if another one follows and of those that are met none but the first, which
 * is not fetched for, is zeros. */
static struct crossed_rows crossed_rows(const struct tw_conv_in_place *s, ptrdiff_t r)
{
    const ptrdiff_t top = 2 * r + s->origin[0];
    struct crossed_rows rows = {.result = s->result + r * s->columns};

    if (s->planes > 1 && s->source_plane > 0 && s->height > 2 * TW_CONV_ROWS_AHEAD && top >= -1 &&
        top + SOURCES_CROSSED <= s->height) {
        rows.ahead = TW_CONV_ROWS_AHEAD * s->width;
    }
    for (int q = 0; q < SOURCES_CROSSED; q++) {
        const bool inside = (size_t)(top + q) < (size_t)s->height;

        rows.row[q] = inside ? s->source + (top + q) * s->width : s->zeros;
    }
    return rows;
}

/* The rows of a plane, two at a time; the last two are flush with its end. */
static void sum_crossed_ends(const struct tw_conv_in_place *s)
{
    for (ptrdiff_t r = 0; r < s->rows; r += ROWS_CROSSED) {
        const struct crossed_rows rows = crossed_rows(s, tw_conv_smaller(r, s->rows - ROWS_CROSSED));

        sum_crossed_rows(s, &rows);
    }
}

/* The same where rows need no masks at their ends: without a call between them weights stay in registers. */
static NOT_IN_PLACE void sum_crossed_plane(const struct tw_conv_in_place *s)
{
    const tw_vector start = s->start ? tw_vector_broadcast(s->start) : tw_vector_zero();
    tw_vector weight[9];

    load_weights(s, s->w, 9, weight);
    for (ptrdiff_t r = 0; r < s->rows; r += ROWS_CROSSED) {
        const struct crossed_rows rows = crossed_rows(s, tw_conv_smaller(r, s->rows - ROWS_CROSSED));

        sum_crossed_whole(s, &rows, weight, start);
    }
}

/* Whether rows are long enough, and outside them are at most the column left of the first vector's and columns of the last one,
 * that is flush with the end. */
static bool suits_crossed(const struct tw_conv_in_place *s)
{
    const unsigned char *first = s->inside;
    const bool left = first[0] == 0 && first[1] == 0xff && first[2] == 0xff;
    const ptrdiff_t before_last = (s->columns - 1) / LANES * LANES - LANES;

    return s->step == 2 && s->channels == 1 && s->columns >= 2 * LANES &&
           (s->whole == 0 || (left && s->whole == LANES)) && before_last < s->whole_end;
}

/* Does planes of the kind, or returns false. */
static bool cross_3x3(const struct tw_conv_in_place *arguments)
{
    struct tw_conv_in_place s = *arguments;

    if (!suits_crossed(&s)) {
        return false;
    }
    for (; s.planes > 0; s.planes--) {
        if (s.whole_end > s.columns - LANES) {
            sum_crossed_plane(&s);
        } else {
            sum_crossed_ends(&s);
        }
        s.source += s.source_plane;
        s.w += s.w_result;
        s.start += s.start ? 1 : 0;
        s.result += s.rows * s.columns;
    }
    return true;
}

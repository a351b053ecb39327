/* Input gradients of kernels of 3 x 3 in steps of 2, in place, included by conv_depthwise_lanes.h. See
 * conv_depthwise_in_place.h.
 */

/* The four results of a pair of rows and a pair of columns. */
enum { ODD_ODD, ODD_EVEN, EVEN_ODD, EVEN_EVEN, PAIRED };

/* What one channel adds for a vector of pairs that meets rows `row` of the gradient from column `at` on. */
IN_PLACE void sum_pairs(const float *volatile row[2], ptrdiff_t at, const bool whole, const tw_some inside[2],
                        const tw_vector weight[9], tw_vector sum[PAIRED])
{
    tw_vector y = load_inside(row[0] + at, whole, inside[0]);

    sum[ODD_ODD] = tw_vector_fma(y, weight[4], sum[ODD_ODD]);
    sum[ODD_EVEN] = tw_vector_fma(y, weight[5], sum[ODD_EVEN]);
    sum[EVEN_ODD] = tw_vector_fma(y, weight[7], sum[EVEN_ODD]);
    sum[EVEN_EVEN] = tw_vector_fma(y, weight[8], sum[EVEN_EVEN]);
    y = load_inside(row[0] + at + 1, whole, inside[1]);
    sum[ODD_EVEN] = tw_vector_fma(y, weight[3], sum[ODD_EVEN]);
    sum[EVEN_EVEN] = tw_vector_fma(y, weight[6], sum[EVEN_EVEN]);
    y = load_inside(row[1] + at, whole, inside[0]);
    sum[EVEN_ODD] = tw_vector_fma(y, weight[1], sum[EVEN_ODD]);
    sum[EVEN_EVEN] = tw_vector_fma(y, weight[2], sum[EVEN_EVEN]);
    y = load_inside(row[1] + at + 1, whole, inside[1]);
    sum[EVEN_EVEN] = tw_vector_fma(y, weight[0], sum[EVEN_EVEN]);
}

/* Pairs of columns next to each other; `count` results, or two whole vectors. */
IN_PLACE void store_pairs(tw_vector odd, tw_vector even, const bool whole, ptrdiff_t count, float *to)
{
    tw_vector a, b;

    tw_vector_join(odd, even, &a, &b);
    if (whole || count >= 2 * LANES) {
        tw_vector_store(to, a);
        tw_vector_store(to + LANES, b);
    } else if (count > LANES) {
        tw_vector_store(to, a);
        tw_vector_store_some(to + LANES, count - LANES, b);
    } else if (count == LANES) {
        tw_vector_store(to, a);
    } else {
        tw_vector_store_some(to, count, a);
    }
}

/* A vector of pairs. */
IN_PLACE void sum_pairs_block(const struct tw_conv_in_place *s, const struct place *place, const bool one,
                              const bool whole, bool both_rows, const float *volatile row[SOURCES],
                              tw_vector weight[9])
{
    const unsigned char *bits = s->inside + place->vector * TW_CONV_IN_PLACE_LOADS;
    const tw_some inside[2] = {tw_some_of(bits[0]), tw_some_of(bits[1])};
    const ptrdiff_t at = place->column + s->origin[1], count = s->columns - 2 * place->column;
    tw_vector sum[PAIRED];

    TW_UNROLL
    for (int i = 0; i < PAIRED; i++) {
        sum[i] = tw_vector_zero();
    }
    if (one) {
        sum_pairs(row, at, whole, inside, weight, sum);
    } else {
        for (ptrdiff_t i = 0; i < s->channels; i++) {
            find_rows(s, place->source + i * s->channel, place->top, 2, row);
            load_weights(s, s->w + i * s->w_channel, weight);
            sum_pairs(row, at, whole, inside, weight, sum);
        }
    }
    store_pairs(sum[ODD_ODD], sum[ODD_EVEN], whole, count, place->result);
    if (both_rows) {
        store_pairs(sum[EVEN_ODD], sum[EVEN_EVEN], whole, count, place->result + s->columns);
    }
}

/* A pair of rows, the last vector flush with the end of the pairs. */
IN_PLACE void sum_pair_of_rows(const struct tw_conv_in_place *s, struct place place, const bool one,
                               bool both_rows, tw_vector weight[9])
{
    const ptrdiff_t pairs = (s->columns + 1) / 2, last = pairs < LANES ? 0 : pairs - LANES;
    float *result = place.result;
    const float *volatile row[SOURCES];

    find_rows(s, place.source, place.top, 2, row);
    for (ptrdiff_t c = 0; c < pairs; c += LANES, place.vector++) {
        place.column = tw_conv_smaller(c, last);
        place.result = result + 2 * place.column;
        if (place.column >= s->whole && place.column < s->whole_end &&
            2 * (place.column + LANES) <= s->columns) {
            sum_pairs_block(s, &place, one, true, both_rows, row, weight);
        } else {
            sum_pairs_block(s, &place, one, false, both_rows, row, weight);
        }
    }
}

IN_PLACE void sum_planes_of_pairs(const struct tw_conv_in_place *arguments, const bool one)
{
    struct tw_conv_in_place s = *arguments;
    tw_vector weight[9];

    for (; s.planes > 0; s.planes--) {
        if (one) {
            load_weights(&s, s.w, weight);
        }
        for (ptrdiff_t r = 0; r < s.rows; r += 2) {
            const struct place place = {
                .source = s.source, .top = r / 2 + s.origin[0], .result = s.result + r * s.columns};

            sum_pair_of_rows(&s, place, one, r + 1 < s.rows, weight);
        }
        s.source += s.source_plane;
        s.w += s.w_result;
        s.result += s.rows * s.columns;
    }
}

static NOT_IN_PLACE void pairs_of_one_channel(const struct tw_conv_in_place *s)
{
    sum_planes_of_pairs(s, true);
}

static NOT_IN_PLACE void pairs_of_channels(const struct tw_conv_in_place *s)
{
    sum_planes_of_pairs(s, false);
}

static void pairs_in_place(const struct tw_conv_in_place *s)
{
    (s->channels > 1 ? pairs_of_channels : pairs_of_one_channel)(s);
}

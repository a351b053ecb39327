/* Input gradients of kernels of 3 x 3 and 5 x 5 in steps of 2, in place, included by conv_depthwise_lanes.h. See
 * conv_depthwise_in_place.h.
 */

/* The four results of a pair of rows and a pair of columns: [row][column]. */
#define PAIRED 4

/* Most rows and columns of a kernel. */
#define TAPS_OF_PAIRS 5

/* Gradients that a pair meets each way. */
#define MET(taps) (((taps) + 1) / 2)

/* The kernel row or column of the first or second one of a pair for the gradient `i` rows or columns on; may be outside
 * the kernel. */
IN_PLACE int tap_of(const int taps, const int which, const int i)
{
    return (taps == 3 ? 1 : 4) + which - 2 * i;
}

/* What one channel adds for a vector of pairs that meets rows `row` of the gradient from column `at` on. */
IN_PLACE void sum_pairs(const float *volatile row[SOURCES], ptrdiff_t at, const int taps, const bool whole,
                        const tw_some inside[3], const tw_vector *weight, tw_vector sum[PAIRED])
{
    TW_UNROLL
    for (int i = 0; i < MET(taps); i++) {
        const float *from = row[i] + at;

        TW_UNROLL
        for (int j = 0; j < MET(taps); j++) {
            const tw_vector y = load_inside(from + j, whole, inside[j]);

            TW_UNROLL
            for (int p = 0; p < PAIRED; p++) {
                const int a = tap_of(taps, p / 2, i), b = tap_of(taps, p % 2, j);

                if (a >= 0 && a < taps && b >= 0 && b < taps) {
                    sum[p] = tw_vector_fma(y, weight[a * taps + b], sum[p]);
                }
            }
        }
    }
}

/* Pairs of columns next to each other; `count` results, or two whole vectors. */
IN_PLACE void store_pairs(tw_vector first, tw_vector second, const bool whole, ptrdiff_t count, float *to)
{
    tw_vector a, b;

    tw_vector_join(first, second, &a, &b);
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
IN_PLACE void sum_pairs_block(const struct tw_conv_in_place *s, const struct place *place, const int taps,
                              const bool one, const bool whole, bool both_rows,
                              const float *volatile row[SOURCES], tw_vector *weight)
{
    const unsigned char *bits = s->inside + place->vector * TW_CONV_IN_PLACE_LOADS;
    const tw_some inside[3] = {tw_some_of(bits[0]), tw_some_of(bits[1]), tw_some_of(bits[2])};
    const ptrdiff_t at = place->column + s->origin[1], count = s->columns - 2 * place->column;
    tw_vector sum[PAIRED];

    TW_UNROLL
    for (int i = 0; i < PAIRED; i++) {
        sum[i] = tw_vector_zero();
    }
    if (one) {
        sum_pairs(row, at, taps, whole, inside, weight, sum);
    } else {
        for (ptrdiff_t i = 0; i < s->channels; i++) {
            find_rows(s, place->source + i * s->channel, place->top, MET(taps), row);
            load_weights(s, s->w + i * s->w_channel, taps * taps, weight);
            sum_pairs(row, at, taps, whole, inside, weight, sum);
        }
    }
    store_pairs(sum[0], sum[1], whole, count, place->result);
    if (both_rows) {
        store_pairs(sum[2], sum[3], whole, count, place->result + s->columns);
    }
}

/* A pair of rows, the last vector flush with the end of the pairs. */
IN_PLACE void sum_pair_of_rows(const struct tw_conv_in_place *s, struct place place, const int taps,
                               const bool one, bool both_rows, tw_vector *weight)
{
    const ptrdiff_t pairs = (s->columns + 1) / 2, last = pairs < LANES ? 0 : pairs - LANES;
    float *result = place.result;
    const float *volatile row[SOURCES];

    find_rows(s, place.source, place.top, MET(taps), row);
    for (ptrdiff_t c = 0; c < pairs; c += LANES, place.vector++) {
        place.column = tw_conv_smaller(c, last);
        place.result = result + 2 * place.column;
        if (place.column >= s->whole && place.column < s->whole_end &&
            2 * (place.column + LANES) <= s->columns) {
            sum_pairs_block(s, &place, taps, one, true, both_rows, row, weight);
        } else {
            sum_pairs_block(s, &place, taps, one, false, both_rows, row, weight);
        }
    }
}

IN_PLACE void sum_planes_of_pairs(const struct tw_conv_in_place *arguments, const int taps, const bool one)
{
    struct tw_conv_in_place s = *arguments;
    tw_vector weight[TAPS_OF_PAIRS * TAPS_OF_PAIRS];

    for (; s.planes > 0; s.planes--) {
        if (one) {
            load_weights(&s, s.w, taps * taps, weight);
        }
        for (ptrdiff_t r = 0; r < s.rows; r += 2) {
            const struct place place = {
                .source = s.source, .top = r / 2 + s.origin[0], .result = s.result + r * s.columns};

            sum_pair_of_rows(&s, place, taps, one, r + 1 < s.rows, weight);
        }
        s.source += s.source_plane;
        s.w += s.w_result;
        s.result += s.rows * s.columns;
    }
}

#define PAIRS(name, ...)                                            \
    static NOT_IN_PLACE void name(const struct tw_conv_in_place *s) \
    {                                                               \
        sum_planes_of_pairs(s, __VA_ARGS__);                        \
    }

PAIRS(pairs_3x3, 3, true)
PAIRS(pairs_3x3_of_channels, 3, false)
PAIRS(pairs_5x5, 5, true)
PAIRS(pairs_5x5_of_channels, 5, false)

static void pairs_3x3_in_place(const struct tw_conv_in_place *s)
{
    (s->channels > 1 ? pairs_3x3_of_channels : pairs_3x3)(s);
}

static void pairs_5x5_in_place(const struct tw_conv_in_place *s)
{
    (s->channels > 1 ? pairs_5x5_of_channels : pairs_5x5)(s);
}

#undef PAIRED
#undef MET
#undef TAPS_OF_PAIRS
#undef PAIRS

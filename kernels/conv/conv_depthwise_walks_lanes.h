/* Weight and bias gradient of 3 x 3 in place, included by conv_depthwise_in_place_gradient_lanes.h: walks of sixteen lanes where the
 * ISA has them, folded here, or of eight.
 */

/* `channels` of them, from `first` on. */
static struct tw_conv_descent_in_place some_channels(const struct tw_conv_descent_in_place *d,
                                                     ptrdiff_t first, ptrdiff_t channels)
{
    struct tw_conv_descent_in_place some = *d;

    some.x += first * d->x_channel;
    some.dy += first * d->dy_channel;
    some.dw += first * 9;
    some.db += d->db ? first : 0;
    some.channels = channels;
    return some;
}

#if TW_CONV_SIXTEEN_LANES
typedef void walk_one_fn(const struct tw_conv_descent_in_place *d, ptrdiff_t channel,
                         float sums[TW_CONV_WALK_SUMS][TW_CONV_CHAINS]);

/* Rows of more than one vector. */
static void walk_one_by_one(const struct tw_conv_descent_in_place *d, walk_one_fn *walk)
{
    float lanes[TW_CONV_WALK_SUMS][TW_CONV_CHAINS];

    for (ptrdiff_t j = 0; j < d->channels; j++) {
        tw_vector sum[TW_CONV_WALK_SUMS];

        walk(d, j, lanes);
        TW_UNROLL
        for (int i = 0; i < TW_CONV_WALK_SUMS; i++) {
            sum[i] = tw_vector_add(tw_vector_load(lanes[i]), tw_vector_load(lanes[i] + LANES));
        }
        fold_sums(sum, sum[9], d->dw + j * 9, d->db ? d->db + j : NULL);
    }
}

static void walk_wide(const struct tw_conv_descent_in_place *d)
{
    walk_one_by_one(d, tw_conv_depthwise_walk__avx512);
}

/* Step 2. Stripes of large planes come from memory a tenth faster in the narrower vectors. */
static void walk_wide_by_two(const struct tw_conv_descent_in_place *d)
{
    if (d->height * d->width > TW_CONV_PLANE_OF_ROWS_AHEAD) {
        descend_crossed(d);
    } else {
        walk_one_by_one(d, tw_conv_depthwise_walk_by_two__avx512);
    }
}

/* Rows of one vector, step 1, two channels side by side, or at a time. */
static void narrow(const struct tw_conv_descent_in_place *d)
{
    float lanes[TW_CONV_WALK_SUMS][TW_CONV_CHAINS];
    struct tw_conv_descent_in_place rest;
    ptrdiff_t j = 0;

    for (; j + 2 <= d->channels && tw_conv_depthwise_walk_two__avx512(d, j, lanes); j += 2) {
        TW_UNROLL
        for (int k = 0; k < 2; k++) {
            tw_vector sum[TW_CONV_WALK_SUMS];

            TW_UNROLL
            for (int i = 0; i < TW_CONV_WALK_SUMS; i++) {
                sum[i] = tw_vector_add(tw_vector_load(lanes[i] + k * LANES), tw_vector_zero());
            }
            fold_sums(sum, sum[9], d->dw + (j + k) * 9, d->db ? d->db + j + k : NULL);
        }
    }
    rest = some_channels(d, j, d->channels - j);
    walk_narrow(&rest, 1);
}
#else /* vectors of eight */
/* Some samples, and the columns from `column` on, every sixteenth vector of chains of them, below `end`. */
struct walk_part {
    ptrdiff_t sample, samples, column, end;
};

/* A part of one channel, step 1: adds to `result`. */
IN_PLACE void walk_chains(const struct tw_conv_descent_in_place *d, ptrdiff_t channel, struct walk_part part,
                          const struct walk_kind kind, struct walk_sums *result)
{
    const struct walk_kind whole = {1, 1, false, true, kind.fetch};
    struct walk_sums sums = *result;

    for (ptrdiff_t n = part.sample; n < part.sample + part.samples; n++) {
        const float *x = d->x + n * d->x_sample + channel * d->x_channel;
        const float *dy = d->dy + n * d->dy_sample + channel * d->dy_channel;
        ptrdiff_t c = part.column;
        struct walk walk;

        for (; c < part.end; c += TW_CONV_CHAINS) {
            if (c >= d->whole && c < d->whole_end) {
                walk = find_walk(d, n, c, whole);
                walk_columns(d, whole, &walk, x, dy, c, &sums);
            } else {
                walk = find_walk(d, n, c, kind);
                walk_columns(d, kind, &walk, x, dy, c, &sums);
            }
        }
    }
    *result = sums;
}

typedef void walk_chains_fn(const struct tw_conv_descent_in_place *d, ptrdiff_t channel,
                            struct walk_part part, struct walk_sums *sums);

#define WALK_CHAINS(name, ...)                                                                 \
    static NOT_IN_PLACE void name(const struct tw_conv_descent_in_place *d, ptrdiff_t channel, \
                                  struct walk_part part, struct walk_sums *sums)               \
    {                                                                                          \
        walk_chains(d, channel, part, (struct walk_kind){1, 1, __VA_ARGS__}, sums);            \
    }

WALK_CHAINS(walk_small, false, false, false)
WALK_CHAINS(walk_large, false, false, true)

/* All chains of a channel, half after half. What does not stay in L1 is fetched ahead: down a column the processor foresees
 * little. The halves take turns then, because each line has columns of both. */
static void walk_channel(const struct tw_conv_descent_in_place *d, ptrdiff_t j, struct walk_sums half[2])
{
    static walk_chains_fn *const walks[2] = {walk_small, walk_large};
    const bool large = d->height * d->width + d->rows * d->columns > TW_CONV_PLANES_IN_L1;
    const ptrdiff_t samples = large ? 1 : d->samples, columns = large ? TW_CONV_CHAINS : d->columns;

    for (int i = 0; i < 2; i++) {
        clear_sums(1, &half[i]);
    }
    for (ptrdiff_t n = 0; n < d->samples; n += samples) {
        for (ptrdiff_t c = 0; c < d->columns; c += columns) {
            for (int i = 0; i < 2; i++) {
                const struct walk_part part = {n, samples, c + i * LANES,
                                               tw_conv_smaller(c + columns, d->columns)};

                walks[large](d, j, part, &half[i]);
            }
        }
    }
}

/* Rows of more than one vector, step 1. */
static void walk_wide(const struct tw_conv_descent_in_place *d)
{
    for (ptrdiff_t j = 0; j < d->channels; j++) {
        struct walk_sums half[2];
        tw_vector tap[9];

        walk_channel(d, j, half);
        TW_UNROLL
        for (int t = 0; t < 9; t++) {
            tap[t] = tw_vector_add(half[0].tap[0][t], half[1].tap[0][t]);
        }
        fold_sums(tap, tw_vector_add(half[0].bias[0], half[1].bias[0]), d->dw + j * 9,
                  d->db ? d->db + j : NULL);
    }
}

#include "kernels/conv/conv_depthwise_small_gradient_avx2.h"

static void walk_wide_by_two(const struct tw_conv_descent_in_place *d)
{
    descend_crossed(d);
}
#endif

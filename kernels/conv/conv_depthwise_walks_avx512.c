/* Algorithm "along rows" for AVX-512: weight and bias gradient of 3 x 3 in place, step 1. See conv_depthwise_in_place.h.
 *
 * A walk goes down the rows of one vector of sixteen lanes, all chains of a channel, with ten sums in registers. */
#include "kernels/conv/conv_depthwise_sums_avx512.h"

#define IN_PLACE TW_IN_PLACE
#define HALF     TW_CONV_IN_PLACE_LANES

/* Floats to lines that are fetched: from the source, from the gradients. */
struct ahead {
    ptrdiff_t x, dy;
};

/* One vector's way: a column of the results, and the lanes that are inside. */
struct walk {
    __mmask16 tap[3], some;
    struct ahead ahead;
};

IN_PLACE __m512 load_gradient(const struct walk *walk, const float *dy, struct sums *sums)
{
    tw_fetch(dy, walk->ahead.dy);
    return load_gradients(dy, walk->some, sums);
}

/* A row of the source. */
struct row {
    const float *x; /* row 0, at the column that the first tap meets first */
    ptrdiff_t at, offset;
};

/* The next row of the source, where it is or a row of zeros: row a of the kernel meets `gradient[a]` there, for a from `first` to
 * `last`. */
IN_PLACE void meet_row(const struct tw_conv_descent_in_place *d, const struct walk *walk, ptrdiff_t column,
                       struct row *row, const int first, const int last, const __m512 gradient[3],
                       struct sums *sums)
{
    const bool outside = (size_t)row->at >= (size_t)d->height; /* above it, too */
    const float *x = outside ? d->zeros + column : row->x + row->offset;
    __m512 met[3];

    row->at++;
    row->offset += d->width;
    tw_fetch(x, walk->ahead.x);
    TW_UNROLL
    for (int b = 0; b < 3; b++) {
        met[b] = _mm512_maskz_loadu_ps(walk->tap[b], x + b);
    }
    TW_UNROLL
    for (int a = first; a <= last; a++) {
        meet_gradient(met, gradient[a], a, sums);
    }
}

/* Down the columns from `c` on of the planes that begin with `x` and `dy`: gradient[a] is row q - a of the gradients for source
 * row q. */
IN_PLACE void walk_down(const struct tw_conv_descent_in_place *d, const struct walk *walk, const float *x,
                        const float *dy, ptrdiff_t c, struct sums *sums)
{
    const ptrdiff_t column = c + d->origin[1], columns = d->columns;
    struct row row = {x + column, d->origin[0], d->origin[0] * d->width};
    __m512 gradient[3];

    dy += c;
    gradient[0] = load_gradient(walk, dy, sums);
    meet_row(d, walk, column, &row, 0, 0, gradient, sums);
    gradient[1] = gradient[0];
    gradient[0] = load_gradient(walk, dy += columns, sums);
    meet_row(d, walk, column, &row, 0, 1, gradient, sums);
    for (ptrdiff_t r = 2; r < d->rows; r++) {
        gradient[2] = gradient[1];
        gradient[1] = gradient[0];
        gradient[0] = load_gradient(walk, dy += columns, sums);
        meet_row(d, walk, column, &row, 0, 2, gradient, sums);
    }
    gradient[2] = gradient[1];
    gradient[1] = gradient[0];
    meet_row(d, walk, column, &row, 1, 2, gradient, sums);
    gradient[2] = gradient[1];
    meet_row(d, walk, column, &row, 2, 2, gradient, sums);
}

/* The masks of the vector from column `c` on: those of one or two vectors of eight. */
static void find_lanes(const struct tw_conv_descent_in_place *d, ptrdiff_t c, struct walk *walk)
{
    const unsigned char *inside = d->inside + c / HALF * TW_CONV_IN_PLACE_LOADS;
    const ptrdiff_t columns = tw_conv_smaller(d->columns - c, 2 * HALF);

    walk->some = (__mmask16)((1u << columns) - 1);
    for (int b = 0; b < 3; b++) {
        const unsigned upper = columns > HALF ? inside[TW_CONV_IN_PLACE_LOADS + b] : 0;

        walk->tap[b] = (__mmask16)(inside[b] | upper << HALF);
    }
}

/* What is fetched on the way through sample `n`. */
static struct ahead find_ahead(const struct tw_conv_descent_in_place *d, ptrdiff_t n)
{
    const ptrdiff_t plane = d->height * d->width;

    if (plane > TW_CONV_PLANE_OF_ROWS_AHEAD) {
        return (struct ahead){TW_CONV_ROWS_AHEAD * d->width, TW_CONV_ROWS_AHEAD * d->columns};
    }
    if (n + 1 < d->samples) {
        return (struct ahead){d->x_sample, d->dy_sample};
    }
    return (struct ahead){d->x_channel - n * d->x_sample, d->dy_channel - n * d->dy_sample};
}

void tw_conv_depthwise_walk__avx512(const struct tw_conv_descent_in_place *d, ptrdiff_t channel,
                                    float lanes[TW_CONV_WALK_SUMS][TW_CONV_CHAINS])
{
    struct sums sums;

    clear_sums(&sums);
    for (ptrdiff_t n = 0; n < d->samples; n++) {
        const float *x = d->x + n * d->x_sample + channel * d->x_channel;
        const float *dy = d->dy + n * d->dy_sample + channel * d->dy_channel;
        struct walk walk = {.ahead = find_ahead(d, n)};

        for (ptrdiff_t c = 0; c < d->columns; c += TW_CONV_CHAINS) {
            find_lanes(d, c, &walk);
            walk_down(d, &walk, x, dy, c, &sums);
        }
    }
    store_sums(&sums, lanes);
}

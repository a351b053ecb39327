/* The zero-padded copy that algorithm "along rows" reads: its extents. */
#include "kernels/conv/conv_depthwise.h"

/* The copy stays in L1 (20 KiB of it) beside what is read and written around it. */
#define COPY_FLOATS 5120

/* Fewest rows of positions of a band: below, rows that two bands need would be copied too often. */
#define BAND_LEAST 8

static ptrdiff_t larger(ptrdiff_t x, ptrdiff_t y)
{
    return x > y ? x : y;
}

static ptrdiff_t round_up(ptrdiff_t x, ptrdiff_t to)
{
    return (x + to - 1) / to * to;
}

/* The source rows or columns that any tap of any pass meets at the first position: from *first to *last. */
static void reach(const struct tw_conv_pass *passes, ptrdiff_t count, int d, ptrdiff_t *first,
                  ptrdiff_t *last)
{
    bool any = false;

    *first = *last = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t from = passes[i].origin[d];
        const ptrdiff_t to = from + (passes[i].taps[d] - 1) * passes[i].tap_step[d];

        if (passes[i].taps[d] > 0) {
            *first = any ? tw_conv_smaller(*first, from) : from;
            *last = any ? larger(*last, to) : to;
            any = true;
        }
    }
}

/* Elements of a phase of a row: room for whole vectors of positions at the last tap, for whole vectors of the
 * source, and not a multiple of 256 bytes, or a walk down the rows would meet few sets of L1. */
static ptrdiff_t columns_of(const struct tw_conv_pass *pass, ptrdiff_t positions, ptrdiff_t left,
                            ptrdiff_t last)
{
    const ptrdiff_t read = round_up(positions, 16) + (left + last) / pass->step[1] + 1;
    const ptrdiff_t whole = pass->step[1] == 1 ? larger(pass->source[1], 16) : round_up(pass->source[1], 32);
    const ptrdiff_t written = (left + whole) / pass->step[1] + 2;
    const ptrdiff_t columns = round_up(larger(read, written), 16);

    return columns % 64 == 0 ? columns + 16 : columns;
}

struct tw_conv_padded tw_conv_padded_for(const struct tw_conv_pass *passes, ptrdiff_t count, ptrdiff_t planes)
{
    struct tw_conv_padded p = {.source = {passes->source[0], passes->source[1]}, .phases = passes->step[1]};
    ptrdiff_t first, last, positions[2] = {1, 1};

    for (ptrdiff_t i = 0; i < count; i++) {
        positions[0] = larger(positions[0], passes[i].positions[0]);
        positions[1] = larger(positions[1], passes[i].positions[1]);
    }
    reach(passes, count, 1, &first, &last);
    p.left = larger(0, -first);
    p.columns = columns_of(passes, positions[1], p.left, last);
    p.row = p.phases * p.columns;
    reach(passes, count, 0, &first, &last);
    p.top = -first;
    p.band = positions[0];
    if (planes > 0) {
        const ptrdiff_t rows = COPY_FLOATS / (planes * p.row);
        const ptrdiff_t most = larger((rows - (last - first) - 1) / passes->step[0] + 1, BAND_LEAST);
        const ptrdiff_t bands = (positions[0] + most - 1) / most;

        p.band = (positions[0] + bands - 1) / bands;
    }
    p.whole = p.band == positions[0];
    p.rows = (p.band - 1) * passes->step[0] + last - first + 1;
    p.plane = p.rows * p.row;
    p.planes = p.whole ? larger(COPY_FLOATS / (larger(planes, 1) * p.plane), 1) * larger(planes, 1) : planes;
    return p;
}

void tw_conv_padded_columns(const struct tw_conv_pass *pass, const struct tw_conv_padded *padded,
                            ptrdiff_t *column)
{
    for (ptrdiff_t b = 0; b < pass->taps[1]; b++) {
        const ptrdiff_t at = padded->left + pass->origin[1] + b * pass->tap_step[1];

        column[b] = at % padded->phases * padded->columns + at / padded->phases;
    }
}

/* Tables of the weight gradient by direct sums: which taps meet the same positions, where those are, and which bands share them. */
#include <string.h>

#include "kernels/conv/conv_weight_direct.h"

/* The positions of [first, last) that tap `t` meets in direction d; neighbours, or none. */
static struct tw_conv_weight_range meet(const struct tw_conv2d_shape *shape, int d, ptrdiff_t t,
                                        ptrdiff_t first, ptrdiff_t last)
{
    struct tw_conv_weight_range range = {.begin = first, .end = first};

    for (ptrdiff_t p = first; p < last; p++) {
        if (tw_conv_meets(shape, d, false, p, t) >= 0) {
            range.begin = range.begin == range.end ? p : range.begin;
            range.end = p + 1;
        }
    }
    return range;
}

int tw_conv_weight_list_ranges(const struct tw_conv2d_shape *shape, int d, ptrdiff_t first, ptrdiff_t last,
                               struct tw_conv_weight_range *ranges)
{
    const ptrdiff_t taps = d == 0 ? shape->kernel_height : shape->kernel_width;
    int count = 0;

    for (ptrdiff_t t = 0; t < taps; t++) {
        const struct tw_conv_weight_range range = meet(shape, d, t, first, last);
        int i = 0;

        while (i < count && (ranges[i].begin != range.begin || ranges[i].end != range.end)) {
            i++;
        }
        if (i == count) {
            ranges[count++] = range;
        }
        ranges[i].tap[ranges[i].taps++] = t;
    }
    return count;
}

/* Positions of one set: in the image, from where its taps meet the band's first position, and in the panels. */
static ptrdiff_t list_positions(const struct tw_conv_weight_parts *parts,
                                const struct tw_conv_weight_band *band,
                                const struct tw_conv_weight_range *high,
                                const struct tw_conv_weight_range *wide, ptrdiff_t *at, ptrdiff_t *b_at)
{
    const struct tw_conv2d_shape *shape = parts->shape;
    ptrdiff_t count = 0;

    for (ptrdiff_t n = 0; n < band->samples; n++) {
        for (ptrdiff_t r = high->begin; r < high->end; r++) {
            const ptrdiff_t from = n * parts->x_sample + r * shape->stride[0] * shape->in_width;
            const ptrdiff_t first = (n * band->rows + r) * shape->out_width;

            for (ptrdiff_t c = wide->begin; c < wide->end; c++) {
                at[count] = from + c * shape->stride[1];
                b_at[count++] = first + c;
            }
        }
    }
    return count;
}

/* Rows of A and of C of one set. */
static ptrdiff_t list_rows(const struct tw_conv_weight_parts *parts, const struct tw_conv_weight_block *block,
                           const struct tw_conv_weight_range *high, const struct tw_conv_weight_range *wide,
                           ptrdiff_t *row, ptrdiff_t *place)
{
    const struct tw_conv2d_shape *s = parts->shape;
    ptrdiff_t count = 0;

    for (ptrdiff_t i = 0; i < block->channels; i++) {
        for (int a = 0; a < high->taps; a++) {
            const ptrdiff_t u = high->tap[a], top = u * s->dilation[0] - s->padding[0];

            for (int b = 0; b < wide->taps; b++) {
                const ptrdiff_t v = wide->tap[b];

                row[count] = i * parts->x_plane + top * s->in_width + v * s->dilation[1] - s->padding[1];
                place[count++] = (i * parts->taps + u * s->kernel_width + v) * parts->pitch;
            }
        }
    }
    return count;
}

static void list_sets(const struct tw_conv_weight_parts *parts, const struct tw_conv_weight_band *band,
                      const struct tw_conv_weight_block *block, struct tw_conv_weight_tables *tables)
{
    ptrdiff_t positions = 0, rows = 0;
    struct tw_conv_weight_set *set = tables->sets;

    for (int h = 0; h < tables->highs; h++) {
        const struct tw_conv_weight_range *high = &tables->high[h];

        for (int w = 0; w < parts->wides; w++, set++) {
            const struct tw_conv_weight_range *wide = &parts->wide[w];

            set->at = tables->at + positions;
            set->b_at = tables->b_at + positions;
            set->begin = rows;
            set->positions =
                list_positions(parts, band, high, wide, tables->at + positions, tables->b_at + positions);
            set->rows = list_rows(parts, block, high, wide, tables->row + rows, tables->place + rows);
            positions += set->positions;
            rows += set->rows;
            if (set->positions == band->samples * band->rows * parts->shape->out_width) {
                set->b_at = NULL;
            }
        }
    }
    tables->count = (int)(set - tables->sets);
}

static bool are_same(const struct tw_conv_weight_range *a, const struct tw_conv_weight_range *b)
{
    bool are = a->begin == b->begin && a->end == b->end && a->taps == b->taps;

    for (int i = 0; are && i < a->taps; i++) {
        are = a->tap[i] == b->tap[i];
    }
    return are;
}

/* Whether these are the tables of a band with such taps. */
static bool suit(const struct tw_conv_weight_tables *tables, const struct tw_conv_weight_band *band,
                 int highs, const struct tw_conv_weight_range high[TW_CONV2D_LISTED_TAPS])
{
    bool do_suit = tables->rows == band->rows && tables->samples == band->samples && tables->highs == highs;

    for (int h = 0; do_suit && h < highs; h++) {
        do_suit = are_same(&tables->high[h], &high[h]);
    }
    return do_suit;
}

void tw_conv_weight_clear_tables(const struct tw_conv_weight_parts *parts,
                                 struct tw_conv_weight_tables kinds[TW_CONV_WEIGHT_KINDS])
{
    for (int i = 0; i < TW_CONV_WEIGHT_KINDS; i++) {
        kinds[i].rows = 0;
        kinds[i].at = parts->at + i * parts->taps * parts->positions;
        kinds[i].b_at = parts->b_at + i * parts->taps * parts->positions;
        kinds[i].row = parts->row + i * parts->block * parts->taps;
        kinds[i].place = parts->place + i * parts->block * parts->taps;
    }
}

const struct tw_conv_weight_tables *tw_conv_weight_find_tables(
    const struct tw_conv_weight_parts *parts, const struct tw_conv_weight_band *band,
    const struct tw_conv_weight_block *block, struct tw_conv_weight_tables kinds[TW_CONV_WEIGHT_KINDS],
    int *oldest)
{
    struct tw_conv_weight_range high[TW_CONV2D_LISTED_TAPS] = {0};
    const int highs = tw_conv_weight_list_ranges(parts->shape, 0, band->row, band->row + band->rows, high);
    struct tw_conv_weight_tables *tables = &kinds[*oldest];

    for (int h = 0; h < highs; h++) {
        high[h].begin -= band->row;
        high[h].end -= band->row;
    }
    for (int i = 0; i < TW_CONV_WEIGHT_KINDS; i++) {
        if (suit(&kinds[i], band, highs, high)) {
            return &kinds[i];
        }
    }
    *oldest = (*oldest + 1) % TW_CONV_WEIGHT_KINDS;
    tables->rows = band->rows;
    tables->samples = band->samples;
    tables->highs = highs;
    memcpy(tables->high, high, sizeof high);
    list_sets(parts, band, block, tables);
    return tables;
}

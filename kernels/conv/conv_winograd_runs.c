/* What the passes of Winograd's convolution divide their work into (conv_winograd.h). */
#include "kernels/conv/conv_winograd.h"

/* U takes 4 MiB and stays in L3; but of fewer results than these, transforming the planes again would cost more than it saves. */
#define FLOATS_OF_WEIGHTS 1048576
#define RESULTS_LEAST     64

ptrdiff_t tw_conv_winograd_block(ptrdiff_t results, ptrdiff_t channels, ptrdiff_t points)
{
    const ptrdiff_t most = FLOATS_OF_WEIGHTS / points / channels;

    return tw_conv_even(results, most > RESULTS_LEAST ? most / 8 * 8 : RESULTS_LEAST);
}

/* Rows of V and M are an odd number of cache lines apart, so that the same place of neighbouring rows has other sets of L1. */
struct tw_conv_winograd_grid tw_conv_winograd_grid(const ptrdiff_t extent[2], ptrdiff_t rows, ptrdiff_t most)
{
    struct tw_conv_winograd_grid grid = {.tiles = {(extent[0] + rows - 1) / rows, (extent[1] + 1) / 2}};
    ptrdiff_t lines;

    grid.run = tw_conv_even(grid.tiles[1], most);
    if (grid.run < grid.tiles[1]) {
        grid.run = tw_conv_winograd_up(grid.run);
    }
    grid.runs = most / grid.run;
    grid.across = (grid.tiles[1] + grid.run - 1) / grid.run;
    lines = tw_conv_winograd_up(grid.runs * grid.run + TW_WINOGRAD_LANES - 1) / TW_WINOGRAD_LANES;
    grid.pitch = (lines | 1) * TW_WINOGRAD_LANES;
    return grid;
}

ptrdiff_t tw_conv_winograd_list(const struct tw_conv_winograd_grid *grid, ptrdiff_t first, ptrdiff_t count,
                                struct tw_conv_winograd_run *list)
{
    ptrdiff_t at = 0;

    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t row = (first + i) / grid->across, column = (first + i) % grid->across * grid->run;

        list[i] = (struct tw_conv_winograd_run){.sample = row / grid->tiles[0],
                                                .row = row % grid->tiles[0],
                                                .column = column,
                                                .tiles = tw_conv_smaller(grid->run, grid->tiles[1] - column),
                                                .at = at};
        at += list[i].tiles;
    }
    return at;
}

void tw_conv_winograd_read(const struct tw_conv_winograd_reader *reader,
                           const struct tw_conv_winograd_planes *planes,
                           const struct tw_conv_winograd_run *list, ptrdiff_t runs, const float *source,
                           ptrdiff_t sample_step, float *to, ptrdiff_t point_step)
{
    ptrdiff_t r = 0;

    for (; planes->narrow && r + 1 < runs; r += 2) {
        reader->two(planes, &list[r], source + list[r].sample * sample_step,
                    source + list[r + 1].sample * sample_step, to, point_step);
    }
    for (; r < runs; r++) {
        reader->one(planes, &list[r], source + list[r].sample * sample_step, to, point_step);
    }
}

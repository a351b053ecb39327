/* The blocked forward: Winograd F(2x2, 3x3), whose 2x2 output tile is the pooling window. Included after the
 * lanes and the vectors of an ISA.
 *
 * Tiles go through in groups small enough that their transformed input (16 points) stays in L1 while the
 * weights stream by:
 *
 *   x patches 4x4 --B--> V[16][tiles][in]  --U[16][in][16 out]-->  M[16][tiles][16 out]  --A--> window
 * --pool, relu--> y, code
 */
#include "kernels/conv_pool/conv_pool_window_lanes.h"
#include "kernels/simd/winograd_lanes.h"

/* One 4x4 patch of sixteen channels to its 16 points, `point` floats apart: columns of pixels first, then
 * rows. */
static inline void winograd_input(const float *patch, ptrdiff_t row_pitch, float *out, ptrdiff_t point)
{
    struct tw_lanes half[4][4]; /* [column][transformed row] */

    TW_UNROLL
    for (int c = 0; c < 4; c++) {
        const float *pixel = patch + c * TW_BLOCK;

        winograd_input_step(tw_lanes_load(pixel), tw_lanes_load(pixel + row_pitch),
                            tw_lanes_load(pixel + 2 * row_pitch), tw_lanes_load(pixel + 3 * row_pitch),
                            half[c]);
    }
    TW_UNROLL
    for (int r = 0; r < 4; r++) {
        struct tw_lanes full[4];

        winograd_input_step(half[0][r], half[1][r], half[2][r], half[3][r], full);
        TW_UNROLL
        for (int c = 0; c < 4; c++) {
            tw_lanes_store(out + (r * 4 + c) * point, full[c]);
        }
    }
}

/* The 16 products of a tile, `point` floats apart, to the window's four outputs. */
static inline void winograd_output(const float *m, ptrdiff_t point, struct tw_lanes bias,
                                   struct tw_lanes v[4])
{
    struct tw_lanes half[4][2]; /* [column][output row] */

    TW_UNROLL
    for (int c = 0; c < 4; c++) {
        winograd_output_step(tw_lanes_load(m + c * point), tw_lanes_load(m + (4 + c) * point),
                             tw_lanes_load(m + (8 + c) * point), tw_lanes_load(m + (12 + c) * point),
                             half[c]);
    }
    TW_UNROLL
    for (int r = 0; r < 2; r++) {
        struct tw_lanes row[2];

        winograd_output_step(half[0][r], half[1][r], half[2][r], half[3][r], row);
        v[2 * r] = tw_lanes_add(row[0], bias);
        v[2 * r + 1] = tw_lanes_add(row[1], bias);
    }
}

/* Blocks of output channels that go through the products at once, where a register tile of one takes a load for every fma: with
 * AVX-512, whose multipliers may be as fast as loads. */
enum { WINOGRAD_BLOCKS = TW_VECTORS == 1 ? 2 : 1, WINOGRAD_VECTORS = WINOGRAD_BLOCKS * TW_VECTORS };

/* The products of some tiles at one point: v[tile][in], `v_pitch` floats apart; u[in][16] and m[tile][16] of a block, those of the
 * next `u_block` and `m_block` floats behind. */
struct winograd_product {
    ptrdiff_t in_channels, v_pitch, u_block, m_block;
    const float *v, *u;
    float *m;
};

/* Vector `part` of a row of all blocks; `block` floats from block to block. */
static inline ptrdiff_t winograd_part(int part, ptrdiff_t block)
{
    return part / TW_VECTORS * block + part % TW_VECTORS * TW_VECTOR_LANES;
}

/* m[t][16] = sum over i of v[t][i] u[i][16] for `rows` tiles and `vectors` vectors of output channels: one fma chain per element.
 * Both are constants at every call. */
static inline __attribute__((always_inline)) void winograd_rows(const int rows, const int vectors,
                                                                const struct winograd_product *p)
{
    const ptrdiff_t in_channels = p->in_channels, v_pitch = p->v_pitch, u_block = p->u_block;
    tw_vector sums[TW_TILE_ROWS][WINOGRAD_VECTORS];

    TW_UNROLL
    for (int t = 0; t < rows; t++) {
        TW_UNROLL
        for (int part = 0; part < vectors; part++) {
            sums[t][part] = tw_vector_zero();
        }
    }
    for (ptrdiff_t i = 0; i < in_channels; i++) {
        tw_vector weights[WINOGRAD_VECTORS];

        TW_UNROLL
        for (int part = 0; part < vectors; part++) {
            weights[part] = tw_vector_load(p->u + i * TW_BLOCK + winograd_part(part, u_block));
        }
        TW_UNROLL
        for (int t = 0; t < rows; t++) {
            const tw_vector pixel = tw_vector_broadcast(p->v + t * v_pitch + i);

            TW_UNROLL
            for (int part = 0; part < vectors; part++) {
                sums[t][part] = tw_vector_fma(pixel, weights[part], sums[t][part]);
            }
        }
    }
    TW_UNROLL
    for (int t = 0; t < rows; t++) {
        TW_UNROLL
        for (int part = 0; part < vectors; part++) {
            tw_vector_store(p->m + t * TW_BLOCK + winograd_part(part, p->m_block), sums[t][part]);
        }
    }
}

typedef void winograd_rows_fn(const struct winograd_product *product);

#define DEFINE_WINOGRAD_ROWS(rows)                                                  \
    static void winograd_rows_##rows(const struct winograd_product *product)        \
    {                                                                               \
        winograd_rows(rows, TW_VECTORS, product);                                   \
    }                                                                               \
    static void winograd_rows_of_all_##rows(const struct winograd_product *product) \
    {                                                                               \
        winograd_rows(rows, WINOGRAD_VECTORS, product);                             \
    }

DEFINE_WINOGRAD_ROWS(1)
DEFINE_WINOGRAD_ROWS(2)
DEFINE_WINOGRAD_ROWS(3)
DEFINE_WINOGRAD_ROWS(4)
DEFINE_WINOGRAD_ROWS(5)
DEFINE_WINOGRAD_ROWS(6)
#if TW_TILE_ROWS > 6
DEFINE_WINOGRAD_ROWS(7)
DEFINE_WINOGRAD_ROWS(8)
DEFINE_WINOGRAD_ROWS(9)
DEFINE_WINOGRAD_ROWS(10)
DEFINE_WINOGRAD_ROWS(11)
DEFINE_WINOGRAD_ROWS(12)
#define WINOGRAD_ROWS_LIST(name)                                                                     \
    NULL, name##1, name##2, name##3, name##4, name##5, name##6, name##7, name##8, name##9, name##10, \
        name##11, name##12
#else
#define WINOGRAD_ROWS_LIST(name) NULL, name##1, name##2, name##3, name##4, name##5, name##6
#endif

/* [blocks - 1][rows] */
static winograd_rows_fn *const winograd_rows_of[2][TW_TILE_ROWS + 1] = {
    {WINOGRAD_ROWS_LIST(winograd_rows_)}, {WINOGRAD_ROWS_LIST(winograd_rows_of_all_)}};

/* Tiles [first, first + count) of one sample and everything about them that later steps need. */
struct winograd_group {
    const struct tw_conv_pool_shape *shape;
    struct tw_conv_pool_workspace parts;
    ptrdiff_t first, count, channels; /* channels: of a transformed tile, rounded up to blocks */
    ptrdiff_t row, column;            /* of the first tile's window */
};

static void winograd_transform(const struct winograd_group *group, const float *x)
{
    const struct tw_conv_pool_shape *shape = group->shape;
    ptrdiff_t columns = shape->width / 2, pitch = (shape->width + 2) * TW_BLOCK;

    for (ptrdiff_t block = 0; block < tw_blocks(shape->in_channels); block++) {
        const float *plane = x + block * (shape->height + 2) * pitch;
        ptrdiff_t row = group->row, column = group->column;

        for (ptrdiff_t t = 0; t < group->count; t++, column++) {
            if (column == columns) {
                column = 0;
                row++;
            }
            winograd_input(plane + 2 * row * pitch + 2 * column * TW_BLOCK, pitch,
                           group->parts.transformed + t * group->channels + block * TW_BLOCK,
                           TW_WINOGRAD_GROUP * group->channels);
        }
    }
}

/* The products of `blocks` blocks of output channels, rows of tiles as evenly as the register tile allows. */
static void winograd_multiply(const struct winograd_group *group, const float *weights, ptrdiff_t blocks)
{
    const ptrdiff_t in = group->shape->in_channels, runs = (group->count + TW_TILE_ROWS - 1) / TW_TILE_ROWS;

    for (int point = 0; point < 16; point++) {
        const float *v = group->parts.transformed + point * TW_WINOGRAD_GROUP * group->channels;
        float *m = group->parts.products + point * TW_WINOGRAD_GROUP * TW_BLOCK;
        struct winograd_product product = {.in_channels = in,
                                           .v_pitch = group->channels,
                                           .u_block = 16 * in * TW_BLOCK,
                                           .m_block = TW_WINOGRAD_PRODUCTS,
                                           .u = weights + point * in * TW_BLOCK};

        for (ptrdiff_t run = 0; run < runs; run++) {
            ptrdiff_t begin = group->count * run / runs, end = group->count * (run + 1) / runs;

            product.v = v + begin * group->channels;
            product.m = m + begin * TW_BLOCK;
            winograd_rows_of[blocks - 1][end - begin](&product);
        }
    }
}

/* Pools a block's tiles; returns the doubt (conv_pool_window_lanes.h). `careful` is a constant at every call. */
static inline __attribute__((always_inline)) struct tw_lanes winograd_finish(
    const bool careful, const struct winograd_group *group, const float *products, struct tw_lanes bias,
    float *y, uint8_t *code)
{
    const struct tw_window_layout layout = tw_window_layout(group->shape);
    ptrdiff_t columns = group->shape->width / 2, row = group->row, column = group->column;
    struct tw_lanes doubt = tw_lanes_set(0.0f);

    for (ptrdiff_t t = 0; t < group->count; t++, column++) {
        struct tw_lanes v[4];

        if (column == columns) {
            column = 0;
            row++;
        }
        winograd_output(products + t * TW_BLOCK, TW_WINOGRAD_GROUP * TW_BLOCK, bias, v);
        doubt = tw_window_end(careful, v, y + layout.first + row * layout.row + column * TW_BLOCK,
                              tw_code_at(code, (group->first + t) * TW_BLOCK), doubt);
    }
    return doubt;
}

static __attribute__((noinline)) void winograd_finish_careful(const struct winograd_group *group,
                                                              const float *products, struct tw_lanes bias,
                                                              float *y, uint8_t *code)
{
    winograd_finish(true, group, products, bias, y, code);
}

/* `blocks` blocks of output channels of a group from `block` on. */
static void winograd_blocks(const struct winograd_group *group, ptrdiff_t block, ptrdiff_t blocks,
                            const float *weights, const float *bias, float *y, uint8_t *code)
{
    const struct tw_conv_pool_shape *shape = group->shape;
    const struct tw_window_layout layout = tw_window_layout(shape);
    const ptrdiff_t tiles = (shape->height / 2) * (shape->width / 2);

    winograd_multiply(group, weights + block * 16 * shape->in_channels * TW_BLOCK, blocks);
    for (ptrdiff_t b = 0; b < blocks; b++) {
        const struct tw_lanes start = tw_block_bias(bias, block + b, shape->out_channels);
        const float *products = group->parts.products + b * TW_WINOGRAD_PRODUCTS;
        float *to = y + (block + b) * layout.block;
        uint8_t *code_to = tw_code_at(code, (block + b) * tiles * TW_BLOCK);

        if (tw_windows_in_doubt(winograd_finish(false, group, products, start, to, code_to))) {
            winograd_finish_careful(group, products, start, to, code_to);
        }
    }
}

static void winograd_sample(struct winograd_group *group, const float *x, const float *weights,
                            const float *bias, float *y, uint8_t *code)
{
    const struct tw_conv_pool_shape *shape = group->shape;
    const ptrdiff_t tiles = (shape->height / 2) * (shape->width / 2), out = tw_blocks(shape->out_channels);
    const ptrdiff_t groups = (tiles + TW_WINOGRAD_GROUP - 1) / TW_WINOGRAD_GROUP;

    for (ptrdiff_t g = 0; g < groups; g++) {
        group->first = tiles * g / groups;
        group->count = tiles * (g + 1) / groups - group->first;
        group->row = group->first / (shape->width / 2);
        group->column = group->first % (shape->width / 2);
        winograd_transform(group, x);
        for (ptrdiff_t block = 0, blocks; block < out; block += blocks) {
            blocks = out - block < WINOGRAD_BLOCKS ? out - block : WINOGRAD_BLOCKS;
            winograd_blocks(group, block, blocks, weights, bias, y, code);
        }
    }
    tw_clear_missing(shape, y, code);
}

void TW_VARIANT(tw_f32_conv_pool_forward)(const struct tw_conv_pool_shape *shape, ptrdiff_t samples,
                                          const float *x, const float *winograd_weights, const float *bias,
                                          float *y, uint8_t *code, void *workspace)
{
    ptrdiff_t x_size = tw_blocked_size(shape->in_channels, shape->height, shape->width, 1);
    ptrdiff_t y_size =
        tw_blocked_size(shape->out_channels, shape->height / 2, shape->width / 2, shape->y_halo);
    struct winograd_group group = {.shape = shape, .channels = tw_blocks(shape->in_channels) * TW_BLOCK};

    tw_conv_pool_carve(shape, workspace, &group.parts);
    for (ptrdiff_t n = 0; n < samples; n++) {
        tw_clear_halo(shape, y + n * y_size);
        winograd_sample(&group, x + n * x_size, winograd_weights, bias, y + n * y_size,
                        tw_code_at(code, n * tw_code_size(shape)));
    }
}

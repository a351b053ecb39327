/* A linear layer on packed weights. Included after the lanes and the vectors of an ISA.
 *
 * A register tile is a few samples against one block of sixteen outputs; where there are not enough samples to hide the
 * latency of the fma, several blocks side by side, and two of them where a block is one vector (AVX-512), for which every fma
 * would take a load: Zen 5 starts two of each in a cycle. With more samples than a tile has rows, the sum is taken in parts:
 * the weights of a part come from memory once and from L2 for all other samples, and what a tile's samples have of a part
 * stays in L1 from one block of outputs to the next. The outputs hold the chains meanwhile.
 */
#include "kernels/linear/linear.h"
#include "kernels/simd/unroll.h"

enum {
    LINEAR_WIDEST = 4, /* blocks of a tile */
    LINEAR_ROWS = TW_TILE_ROWS < 8
                      ? TW_TILE_ROWS
                      : 8, /* more than hide the latency of fma would not leave a blocked x in L1 */
    LINEAR_PAIRS = TW_VECTORS == 1,
    LINEAR_TILE_BLOCKS = LINEAR_PAIRS ? 16 : 8, /* rows times blocks of a tile, at most */
    LINEAR_DEPTH = 800                          /* terms of a part, about: 50 KiB of weights per block */
};

/* Terms [from, to) of the sums of some samples, the first of which is at x. */
struct linear_part {
    const struct tw_linear_shape *shape;
    const float *x;
    ptrdiff_t from, to; /* multiples of shape->plane */
};

/* Where the chains of a tile begin, rows `start_row` apart, and where they go. Handed over in registers: a copy of a struct
 * that was just written waited for its stores, in a layer of ten outputs for a tenth of the time. */
#define LINEAR_CHAINS const float *start, ptrdiff_t start_row, float *y, ptrdiff_t y_row

/* `packed` is the first of its blocks. `rows` and `blocks` are constants at every call. */
static inline __attribute__((always_inline)) void linear_tile(const int rows, const int blocks,
                                                              const struct linear_part *part,
                                                              const float *packed, LINEAR_CHAINS)
{
    const struct tw_linear_shape *shape = part->shape;
    const ptrdiff_t x_row = tw_linear_x_size(shape), step = shape->plane > 0 ? TW_BLOCK : 1;
    const ptrdiff_t run = shape->plane > 0 ? shape->plane : part->to - part->from;
    const ptrdiff_t block = shape->in * TW_BLOCK;
    const float *weights = packed + part->from * TW_BLOCK;
    tw_vector sums[LINEAR_ROWS][LINEAR_WIDEST * TW_VECTORS];

    TW_UNROLL
    for (int i = 0; i < rows * blocks * TW_VECTORS; i++) {
        const int row = i / (blocks * TW_VECTORS), column = i % (blocks * TW_VECTORS);

        sums[row][column] = tw_vector_load(start + row * start_row + column * TW_VECTOR_LANES);
    }
    for (ptrdiff_t p = part->from; p < part->to; p += run) {
        const float *x = part->x + tw_linear_x_at(shape, p);

        for (ptrdiff_t i = 0; i < run; i++, x += step, weights += TW_BLOCK) {
            tw_vector weight[LINEAR_WIDEST * TW_VECTORS];

            TW_UNROLL
            for (int column = 0; column < blocks * TW_VECTORS; column++) {
                weight[column] = tw_vector_load(weights + column / TW_VECTORS * block +
                                                column % TW_VECTORS * TW_VECTOR_LANES);
            }
            TW_UNROLL
            for (int row = 0; row < rows; row++) {
                const tw_vector element = tw_vector_broadcast(x + row * x_row);

                TW_UNROLL
                for (int column = 0; column < blocks * TW_VECTORS; column++) {
                    sums[row][column] = tw_vector_fma(element, weight[column], sums[row][column]);
                }
            }
        }
    }
    TW_UNROLL
    for (int i = 0; i < rows * blocks * TW_VECTORS; i++) {
        const int row = i / (blocks * TW_VECTORS), column = i % (blocks * TW_VECTORS);

        tw_vector_store(y + row * y_row + column * TW_VECTOR_LANES, sums[row][column]);
    }
}

typedef void linear_tile_fn(const struct linear_part *part, const float *packed, LINEAR_CHAINS);

#define DEFINE_LINEAR_TILE(rows, blocks)                                                           \
    static void linear_tile_##rows##x##blocks(const struct linear_part *part, const float *packed, \
                                              LINEAR_CHAINS)                                       \
    {                                                                                              \
        linear_tile(rows, blocks, part, packed, start, start_row, y, y_row);                       \
    }

DEFINE_LINEAR_TILE(1, 1)
DEFINE_LINEAR_TILE(1, 2)
DEFINE_LINEAR_TILE(1, 4)
DEFINE_LINEAR_TILE(2, 1)
DEFINE_LINEAR_TILE(2, 2)
DEFINE_LINEAR_TILE(3, 1)
DEFINE_LINEAR_TILE(4, 1)
DEFINE_LINEAR_TILE(5, 1)
DEFINE_LINEAR_TILE(6, 1)
#if TW_TILE_ROWS >= 8
DEFINE_LINEAR_TILE(7, 1)
DEFINE_LINEAR_TILE(8, 1)
DEFINE_LINEAR_TILE(3, 2)
DEFINE_LINEAR_TILE(4, 2)
DEFINE_LINEAR_TILE(5, 2)
DEFINE_LINEAR_TILE(6, 2)
DEFINE_LINEAR_TILE(7, 2)
DEFINE_LINEAR_TILE(8, 2)
#endif

/* By rows; of one, two and four blocks. */
static linear_tile_fn *const linear_tiles[LINEAR_ROWS + 1][3] = {
    {NULL},
    {linear_tile_1x1, linear_tile_1x2, linear_tile_1x4},
    {linear_tile_2x1, linear_tile_2x2},
#if TW_TILE_ROWS >= 8
    {linear_tile_3x1, linear_tile_3x2},
    {linear_tile_4x1, linear_tile_4x2},
    {linear_tile_5x1, linear_tile_5x2},
    {linear_tile_6x1, linear_tile_6x2},
    {linear_tile_7x1, linear_tile_7x2},
    {linear_tile_8x1, linear_tile_8x2},
#else
    {linear_tile_3x1},
    {linear_tile_4x1},
    {linear_tile_5x1},
    {linear_tile_6x1},
#endif
};

_Static_assert(!LINEAR_PAIRS || TW_TILE_ROWS >= 8, "pairs of blocks have tiles of any rows");

/* Blocks of the next tile, as their power of two: eight chains (AVX-512: four), as far as there are so many blocks and registers; or
 * pairs. */
static int linear_width(ptrdiff_t samples, ptrdiff_t blocks)
{
    const int widest = samples == 1 ? 2 : samples == 2 || LINEAR_PAIRS ? 1 : 0;

    return blocks >= LINEAR_WIDEST && widest == 2 ? 2 : blocks >= 2 && widest > 0 ? 1 : 0;
}

static inline struct tw_lanes linear_positive(struct tw_lanes value)
{
    return tw_lanes_clear(tw_lanes_less_equal(value, tw_lanes_set(0.0f)), value);
}

/* A row of outputs of which the last block holds only `last`: the lanes behind it are +0 in the buffer, and stay out of y. */
static inline void linear_widen(const float *y, float *row, ptrdiff_t blocks, int last)
{
    for (ptrdiff_t block = 0; block + 1 < blocks; block++, y += TW_BLOCK, row += TW_BLOCK) {
        tw_lanes_store(row, tw_lanes_load(y));
    }
    tw_lanes_store(row, tw_lanes_load_part(y, last));
}

/* The last block goes through relu on its way, if this is the end of its sums: to read it again would be to wait for stores of
 * parts of lines, one row after the other, a fifth of the time of a layer of ten outputs. */
static inline void linear_narrow(const float *row, float *y, ptrdiff_t blocks, int last, bool relu)
{
    struct tw_lanes value;

    for (ptrdiff_t block = 0; block + 1 < blocks; block++, y += TW_BLOCK, row += TW_BLOCK) {
        tw_lanes_store(y, tw_lanes_load(row));
    }
    value = tw_lanes_load(row);
    tw_lanes_store_part(y, last, relu ? linear_positive(value) : value);
}

/* A tile whose last block has fewer than sixteen outputs, 1 … 15: computed in a buffer of full blocks. */
static void linear_last(ptrdiff_t rows, int width, int last, const struct linear_part *part,
                        const float *packed, LINEAR_CHAINS)
{
    float buffer[LINEAR_TILE_BLOCKS * TW_BLOCK];
    const ptrdiff_t blocks = (ptrdiff_t)1 << width, row = blocks * TW_BLOCK;
    const bool relu = part->shape->relu && part->to == part->shape->in;

    linear_widen(start, buffer, blocks, last);
    for (ptrdiff_t i = 1; i < rows && start_row > 0; i++) {
        linear_widen(start + i * start_row, buffer + i * row, blocks, last);
    }
    linear_tiles[rows][width](part, packed, buffer, start_row > 0 ? row : 0, buffer, row);
    for (ptrdiff_t i = 0; i < rows; i++) {
        linear_narrow(buffer + i * row, y + i * y_row, blocks, last, relu);
    }
}

/* Zeros for layers without a bias. */
static const float linear_nothing[LINEAR_WIDEST * TW_BLOCK];

/* Blocks [begin, end) of one tile's rows; y is that of block 0. */
static void linear_rows(const struct linear_part *part, ptrdiff_t samples, ptrdiff_t rows,
                        const float *packed, const float *bias, float *y, ptrdiff_t begin, ptrdiff_t end)
{
    const ptrdiff_t out = part->shape->out, in = part->shape->in, start_row = part->from > 0 ? out : 0;

    for (ptrdiff_t block = begin, blocks; block < end; block += blocks) {
        const int width = linear_width(samples, end - block);
        const ptrdiff_t at = block * TW_BLOCK;
        const float *start = part->from > 0 ? y + at : bias ? bias + at : linear_nothing;

        blocks = (ptrdiff_t)1 << width;
        if (out - at < blocks * TW_BLOCK) {
            linear_last(rows, width, (int)(out % TW_BLOCK), part, packed + at * in, start, start_row, y + at,
                        out);
        } else {
            linear_tiles[rows][width](part, packed + at * in, start, start_row, y + at, out);
        }
    }
}

/* Of whole blocks. */
static void linear_relu(ptrdiff_t samples, ptrdiff_t row, float *y, ptrdiff_t blocks)
{
    for (ptrdiff_t n = 0; n < samples; n++, y += row) {
        for (ptrdiff_t c = 0; c < blocks * TW_BLOCK; c += TW_BLOCK) {
            tw_lanes_store(y + c, linear_positive(tw_lanes_load(y + c)));
        }
    }
}

/* Terms of a part: all if every weight is used once only. Of a blocked x whole blocks of channels: parts of lines would
 * come from L2 for one block of outputs after the other. */
static ptrdiff_t linear_depth(const struct tw_linear_shape *shape, ptrdiff_t samples)
{
    ptrdiff_t block = shape->plane * TW_BLOCK;

    if (samples <= LINEAR_ROWS) {
        return shape->in;
    }
    return block == 0 ? LINEAR_DEPTH : block < LINEAR_DEPTH ? LINEAR_DEPTH / block * block : block;
}

void TW_VARIANT(tw_f32_linear_forward)(const struct tw_linear_shape *shape, ptrdiff_t samples, const float *x,
                                       const float *packed, const float *bias, float *y, ptrdiff_t begin,
                                       ptrdiff_t end)
{
    ptrdiff_t depth = linear_depth(shape, samples), tiles = (samples + LINEAR_ROWS - 1) / LINEAR_ROWS;
    ptrdiff_t whole = end * TW_BLOCK < shape->out ? end : shape->out / TW_BLOCK;
    struct linear_part part = {.shape = shape};

    do {
        part.to = shape->in - part.from < depth ? shape->in : part.from + depth;
        for (ptrdiff_t i = 0; i < tiles; i++) {
            ptrdiff_t first = samples * i / tiles, rows = samples * (i + 1) / tiles - first;

            part.x = x + first * tw_linear_x_size(shape);
            linear_rows(&part, samples, rows, packed, bias, y + first * shape->out, begin, end);
        }
        part.from = part.to;
    } while (part.from < shape->in);
    if (shape->relu) {
        linear_relu(samples, shape->out, y + begin * TW_BLOCK, whole - begin);
    }
}

/* The transposition is a copy: every variant keeps every bit, of NaNs too, in rows of either direction, and touches
 * nothing between them. */
#include "tests/kernels/kernel_test.h"
#include "tests/kernels/matrix.h"

#define CASES 120

struct problem {
    ptrdiff_t rows, columns;
    struct strides src, dst;
    struct buffers buffers;
    const float *elements; /* all that src spans */
    float *expected;       /* all that dst spans */
};

/* `backwards`: of src, 1, and of dst, 2. Rows of src that are to lie 4 KiB apart do, and those of
 * dst 2 KiB. */
static struct problem new_problem(struct tw_rng *rng, ptrdiff_t rows, ptrdiff_t columns, int backwards)
{
    const ptrdiff_t dst_row = rows >= 480 && rows <= 512 ? 512 : leading_dimension(rng, rows);
    const ptrdiff_t src_row = columns % 1024 == 0 ? columns : leading_dimension(rng, columns);
    struct problem p = {.rows = rows,
                        .columns = columns,
                        .src = strides_of(rows, columns, backwards & 1 ? -src_row : src_row, 1),
                        .dst = strides_of(columns, rows, backwards & 2 ? -dst_row : dst_row, 1)};
    float *elements = take(&p.buffers, p.src.count);

    for (ptrdiff_t i = 0; i < p.src.count; i++)
        elements[i] =
            float_of_bits(tw_test_integer(rng, 0, 3) == 0 ? 0x7f800000u | tw_rng_u32(rng) : tw_rng_u32(rng));
    p.elements = elements;
    p.expected = take(&p.buffers, p.dst.count);
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            p.expected[p.dst.first + j * p.dst.row + i] = elements[p.src.first + i * p.src.row + j];
    return p;
}

static void check_table(struct problem *p, const struct tw_kernels *k)
{
    float *dst = take(&p->buffers, p->dst.count);

    k->f32_transpose(p->rows, p->columns, p->elements + p->src.first, p->src.row, dst + p->dst.first,
                     p->dst.row);
    assert_bits_equal_f32(p->expected, dst, p->dst.count);
}

/* The reference, too, and both directions of both. */
static void check(struct tw_rng *rng, ptrdiff_t rows, ptrdiff_t columns)
{
    const struct variants v = variants_here();

    for (int backwards = 0; backwards < 4; backwards++) {
        struct problem p = new_problem(rng, rows, columns, backwards);

        check_table(&p, tw_kernels_of(TW_ISA_REFERENCE));
        for (int t = 0; t < v.count; t++)
            check_table(&p, v.table[t]);
        release(&p.buffers);
    }
}

static void every_tail_is_copied(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    for (ptrdiff_t size = 0; size <= 70; size++) {
        check(&rng, size, 13);
        check(&rng, 13, size);
    }
}

static void random_sizes_are_copied(void **state)
{
    const ptrdiff_t cases = tw_test_cases(CASES);
    struct tw_rng rng = tw_test_rng(2);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++)
        check(&rng, tw_test_integer(&rng, 0, 140), tw_test_integer(&rng, 0, 140));
}

/* Rows and columns far longer than any block, more columns than lines of dst stay in L1, rows of src and of dst whose lines
 * meet in few sets of it. */
static void long_sides_are_copied(void **state)
{
    static const ptrdiff_t sizes[][2] = {{1, 4099},  {4099, 1},  {7, 2049},  {2049, 7},   {515, 386},
                                         {515, 397}, {35, 413},  {35, 1024}, {600, 1024}, {512, 21},
                                         {500, 21},  {483, 613}, {512, 512}};
    struct tw_rng rng = tw_test_rng(3);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check(&rng, sizes[i][0], sizes[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tail_is_copied),
        cmocka_unit_test(random_sizes_are_copied),
        cmocka_unit_test(long_sides_are_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

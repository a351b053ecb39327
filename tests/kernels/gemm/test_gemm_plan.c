/* The rule by which a product gets its way (kernels/gemm/gemm_plan.h), on both sides of every limit of every ISA. Naming a way
 * needs no instruction of the ISA; nothing is multiplied. */
#include <string.h>

#include "kernels/gemm/gemm.h"
#include "kernels/gemm/gemm_plan.h"
#include "tests/kernels/matrix.h"

/* The ISAs that this build has, and which column of the tables is theirs. */
enum { AVX2, AVX512, NEON, COLUMNS_OF_TABLES };

static const struct {
    int column;
    tw_f32_gemm_algorithm_fn *algorithm;
} isas[] = {
#if defined(__x86_64__)
    {AVX2, tw_f32_gemm_algorithm__avx2},
    {AVX512, tw_f32_gemm_algorithm__avx512},
#elif defined(__aarch64__)
    {NEON, tw_f32_gemm_algorithm__neon},
#endif
    {0, NULL}, /* the end */
};

#define ISAS ((int)(sizeof isas / sizeof *isas) - 1)

/* Leading dimensions as small as they can be. */
static struct strides packed_strides(enum layout layout, ptrdiff_t rows, ptrdiff_t columns)
{
    switch (layout) {
    case COLUMNS:
        return strides_of(rows, columns, 1, rows);
    case GAPS:
        return strides_of(rows, columns, 3 * columns, 3);
    default:
        return strides_of(rows, columns, columns, 1);
    }
}

static struct tw_gemm_shape shape_of(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, enum layout a_layout,
                                     enum layout b_layout)
{
    const struct strides a = packed_strides(a_layout, m, k), b = packed_strides(b_layout, k, n);

    return (struct tw_gemm_shape){.m = m,
                                  .n = n,
                                  .k = k,
                                  .a_row = a.row,
                                  .a_col = a.column,
                                  .b_row = b.row,
                                  .b_col = b.column,
                                  .c_row = n};
}

struct edge {
    const char *way[COLUMNS_OF_TABLES];
    ptrdiff_t m, n, k;
    enum layout a, b;
};

static void check(const struct edge *edges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct edge *e = &edges[i];
        const struct tw_gemm_shape shape = shape_of(e->m, e->n, e->k, e->a, e->b);

        for (int isa = 0; isa < ISAS; isa++) {
            const char *found = isas[isa].algorithm(&shape), *expected = e->way[isas[isa].column];

            if (strcmp(found, expected) != 0)
                fail_msg("%td x %td x %td, layouts %d and %d: expected \"%s\", got \"%s\"", e->m, e->n, e->k,
                         (int)e->a, (int)e->b, expected, found);
        }
    }
}

#define CHECK(edges) check(edges, sizeof(edges) / sizeof *(edges))

static void small_products(void **state)
{
    static const struct edge edges[] = {
        {{"small", "small", "small"}, 48, 48, 48, ROWS, ROWS},
        {{"small", "small", "small"}, 48, 48, 48, COLUMNS, ROWS},
        {{"rows", "rows", "panels"}, 49, 48, 48, ROWS, ROWS},
        {{"rows", "rows", "panels"}, 48, 49, 48, ROWS, ROWS},
        {{"rows", "rows", "panels"}, 48, 48, 49, ROWS, ROWS},
        {{"rows", "rows", "panels"}, 48, 48, 48, ROWS, COLUMNS},
        {{"rows", "rows", "panels"}, 48, 48, 48, ROWS, GAPS},
    };

    (void)state;
    CHECK(edges);
}

/* Up to 8 rows, on AVX-512 10, of a B whose columns lie contiguous. */
static void dots(void **state)
{
    static const struct edge edges[] = {
        {{"dots", "dots", "one tile"}, 1, 100, 300, ROWS, COLUMNS},
        {{"dots", "dots", "panels"}, 8, 100, 300, ROWS, COLUMNS},
        {{"panels", "dots", "panels"}, 9, 100, 300, ROWS, COLUMNS},
        {{"panels", "dots", "panels"}, 10, 100, 300, ROWS, COLUMNS},
        {{"panels", "panels", "transposed panels"}, 11, 100, 300, ROWS, COLUMNS},
        {{"panels", "panels", "panels"}, 8, 100, 300, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 8, 100, 300, ROWS, GAPS},
    };

    (void)state;
    CHECK(edges);
}

/* Up to 5 rows, on AVX-512 3 unless B has more than 2^20 floats; n from 32 on, and more than 8192 floats of B. */
static void streams(void **state)
{
    static const struct edge edges[] = {
        {{"streamed", "streamed", "streamed"}, 3, 100, 300, ROWS, ROWS},
        {{"streamed", "one tile", "streamed"}, 4, 100, 300, ROWS, ROWS},
        {{"streamed", "one tile", "streamed"}, 5, 100, 300, ROWS, ROWS},
        {{"one tile", "one tile", "one tile"}, 6, 100, 300, ROWS, ROWS},
        {{"streamed", "one tile", "streamed"}, 4, 1024, 1024, ROWS, ROWS},
        {{"streamed", "streamed", "streamed"}, 4, 1024, 1025, ROWS, ROWS},
        {{"streamed", "one tile", "streamed"}, 5, 1024, 1024, ROWS, ROWS},
        {{"streamed", "streamed", "streamed"}, 5, 1024, 1025, ROWS, ROWS},
        {{"one tile", "one tile", "one tile"}, 6, 1024, 1025, ROWS, ROWS},
        {{"one tile", "one tile", "one tile"}, 3, 31, 300, ROWS, ROWS},
        {{"streamed", "streamed", "streamed"}, 3, 32, 300, ROWS, ROWS},
        {{"one tile", "one tile", "one tile"}, 2, 64, 128, ROWS, ROWS},
        {{"streamed", "streamed", "streamed"}, 2, 64, 129, ROWS, ROWS},
        {{"streamed", "streamed", "streamed"}, 2, 2731, 3, ROWS, ROWS},
        {{"one tile", "one tile", "one tile"}, 3, 100, 300, ROWS, GAPS},
    };

    (void)state;
    CHECK(edges);
}

/* 6 rows of the widest panel for any number of rows; narrow ones have more on AVX-512 and NEON. */
static void single_tiles(void **state)
{
    static const struct edge edges[] = {
        {{"one tile", "one tile", "one tile"}, 6, 100, 300, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 7, 100, 300, ROWS, ROWS},
        {{"panels", "one tile", "panels"}, 8, 40, 300, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 9, 40, 300, ROWS, ROWS},
        {{"panels", "one tile", "one tile"}, 8, 8, 300, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 9, 8, 300, ROWS, ROWS},
    };

    (void)state;
    CHECK(edges);
}

/* k up to 128 (A transposed: 32), 256 or 32; 33 rows of A where lines of B meet in L1; k up to 63 of a B of more than 65,536 floats,
 * but AVX2 with 32 rows of A. */
static void tiles_along_rows(void **state)
{
    static const struct edge edges[] = {
        {{"rows", "rows", "rows"}, 50, 100, 32, ROWS, ROWS},
        {{"rows", "rows", "panels"}, 50, 100, 33, ROWS, ROWS},
        {{"rows", "rows", "panels"}, 50, 100, 128, ROWS, ROWS},
        {{"panels", "rows", "panels"}, 50, 100, 129, ROWS, ROWS},
        {{"panels", "rows", "panels"}, 50, 100, 256, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 50, 100, 257, ROWS, ROWS},
        {{"rows", "rows", "rows"}, 50, 100, 32, COLUMNS, ROWS},
        {{"panels", "rows", "panels"}, 50, 100, 33, COLUMNS, ROWS},
        {{"panels", "rows", "panels"}, 50, 100, 256, COLUMNS, ROWS},
        {{"panels", "panels", "panels"}, 50, 100, 257, COLUMNS, ROWS},
        {{"rows", "rows", "rows"}, 32, 1024, 8, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 32, 1024, 9, ROWS, ROWS},
        {{"rows", "rows", "rows"}, 33, 1024, 9, ROWS, ROWS},
        {{"rows", "rows", "rows"}, 32, 1023, 9, ROWS, ROWS},
        {{"rows", "rows", "rows"}, 32, 1024, 9, ROWS, GAPS},
        {{"rows", "rows", "panels"}, 33, 1024, 64, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 33, 1025, 64, ROWS, ROWS},
        {{"rows", "panels", "panels"}, 32, 1025, 64, ROWS, ROWS},
        {{"rows", "rows", "panels"}, 33, 1100, 63, ROWS, ROWS},
        {{"panels", "rows", "panels"}, 33, 1024, 64, COLUMNS, ROWS},
        {{"panels", "panels", "panels"}, 33, 1025, 64, COLUMNS, ROWS},
    };

    (void)state;
    CHECK(edges);
}

/* A transposed B: 11 to 64 rows of an A that is not, twice to 512 columns, k from 256 on, and of the lanes that the rows of
 * A fill as columns an eighth idle at most: of 8, 16 and 4 at a time. */
static void smaller_transposes(void **state)
{
    static const struct edge edges[] = {
        {{"panels", "rows", "panels"}, 62, 129, 255, ROWS, COLUMNS},
        {{"transposed panels", "transposed rows", "transposed panels"}, 62, 129, 256, ROWS, COLUMNS},
        {{"transposed panels", "transposed panels", "transposed panels"}, 62, 129, 257, ROWS, COLUMNS},
        {{"panels", "panels", "panels"}, 62, 129, 257, COLUMNS, COLUMNS},
        {{"panels", "panels", "panels"}, 62, 129, 257, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 62, 129, 257, ROWS, GAPS},
        {{"transposed panels", "transposed panels", "transposed panels"}, 64, 130, 257, ROWS, COLUMNS},
        {{"panels", "panels", "panels"}, 65, 130, 257, ROWS, COLUMNS},
        {{"transposed panels", "transposed panels", "transposed panels"}, 64, 128, 257, ROWS, COLUMNS},
        {{"panels", "panels", "panels"}, 64, 127, 257, ROWS, COLUMNS},
        {{"transposed panels", "transposed panels", "transposed panels"}, 16, 512, 257, ROWS, COLUMNS},
        {{"panels", "panels", "panels"}, 16, 513, 257, ROWS, COLUMNS},
        {{"transposed panels", "transposed panels", "transposed panels"}, 57, 129, 257, ROWS, COLUMNS},
        {{"transposed panels", "panels", "transposed panels"}, 56, 129, 257, ROWS, COLUMNS},
        {{"transposed panels", "panels", "transposed panels"}, 50, 129, 257, ROWS, COLUMNS},
        {{"panels", "panels", "transposed panels"}, 49, 129, 257, ROWS, COLUMNS},
        {{"transposed panels", "panels", "transposed panels"}, 22, 129, 257, ROWS, COLUMNS},
        {{"panels", "panels", "panels"}, 21, 129, 257, ROWS, COLUMNS},
        {{"panels", "panels", "transposed panels"}, 12, 129, 257, ROWS, COLUMNS},
    };

    (void)state;
    CHECK(edges);
}

/* Few columns: k from 16 on, as many rows as a panel is wide, and then any way but small ones with more than 48 of them. */
static void few_columns(void **state)
{
    static const struct edge edges[] = {
        {{"rows", "rows", "rows"}, 100, 17, 15, ROWS, ROWS},
        {{"transposed rows", "transposed rows", "transposed rows"}, 100, 17, 16, ROWS, ROWS},
        {{"panels", "panels", "panels"}, 15, 17, 300, ROWS, ROWS},
        {{"transposed panels", "panels", "transposed panels"}, 16, 17, 300, ROWS, ROWS},
        {{"transposed panels", "panels", "transposed panels"}, 63, 17, 300, ROWS, ROWS},
        {{"transposed panels", "transposed panels", "transposed panels"}, 64, 17, 300, ROWS, ROWS},
        {{"transposed small", "rows", "transposed small"}, 40, 17, 20, COLUMNS, COLUMNS},
        {{"transposed small", "rows", "transposed small"}, 48, 17, 48, COLUMNS, COLUMNS},
        {{"transposed rows", "transposed rows", "transposed rows"}, 65, 17, 20, COLUMNS, COLUMNS},
        {{"transposed dots", "transposed dots", "panels"}, 90, 2, 50, ROWS, ROWS},
        {{"transposed one tile", "transposed one tile", "panels"}, 90, 3, 128, COLUMNS, ROWS},
        {{"transposed streamed", "transposed streamed", "panels"}, 90, 3, 129, COLUMNS, ROWS},
        {{"transposed streamed", "transposed one tile", "panels"}, 90, 4, 129, COLUMNS, ROWS},
    };

    (void)state;
    CHECK(edges);
}

/* Of 1 to 40 columns those with which C^T is cheaper: panels of 16 and 8 columns, of 64, 48, 32, 24, 16 and 8, of 16, 8 and 4. */
static void columns_that_are_few(void **state)
{
    static const struct {
        enum layout a, b;
        const char *few[COLUMNS_OF_TABLES];
    } rules[] = {
        {ROWS,
         ROWS,
         {[AVX2] = "xxxxxx..xxx.....xxx.....xxx.............",
          [AVX512] = "xxxxxxxxxx......xxxx....xx..............",
          [NEON] = "........x.......x.......x..............."}},
        {ROWS,
         COLUMNS,
         {[AVX2] = "xxxxxxx.xxxx....xxxx....xxxx............",
          [AVX512] = "xxxxxxxxxx......xxxx....xx..............",
          [NEON] = "........x.......x.......x..............."}},
        {COLUMNS,
         ROWS,
         {[AVX2] = "xxxxxxxxxxxxxx..xxxxxx..xxxxxx..........",
          [AVX512] = "xxxxxxxxxxxxxx..xxxxxxxxxxxxxx..........",
          [NEON] = "........x.......x.......x..............."}},
    };

    (void)state;
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (int isa = 0; isa < ISAS; isa++)
            for (ptrdiff_t n = 1; n <= 40; n++) {
                const struct tw_gemm_shape shape = shape_of(100, n, 40, rules[r].a, rules[r].b);
                const bool transposed = strncmp(isas[isa].algorithm(&shape), "transposed ", 11) == 0;

                if (transposed != (rules[r].few[isas[isa].column][n - 1] == 'x'))
                    fail_msg("ISA %d: 100 x %td x 40, rule %zu, is %s", isas[isa].column, n, r,
                             transposed ? "exchanged" : "not exchanged");
            }
}

/* Most depth of a block, 384 on AVX2 and from 512 rows on 512: in the fewest even parts, multiples of four. */
static void depths_of_blocks(void **state)
{
#if defined(__x86_64__)
    static const struct {
        ptrdiff_t rows, k, avx2, avx512;
    } cases[] = {
        {511, 384, 384, 384}, {511, 385, 196, 385}, {511, 1024, 344, 1024}, {512, 385, 385, 385},
        {512, 512, 512, 512}, {512, 513, 260, 513}, {512, 1024, 512, 1024}, {512, 1025, 344, 516},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct tw_gemm_shape shape = shape_of(cases[i].rows, 100, cases[i].k, ROWS, ROWS);

        assert_int_equal(tw_gemm_plan(&tw_f32_tiles__avx2, &shape).kc, cases[i].avx2);
        assert_int_equal(tw_gemm_plan(&tw_f32_tiles__avx512, &shape).kc, cases[i].avx512);
    }
#endif
    (void)state;
}

static void empty_products(void **state)
{
    (void)state;
    for (int zeros = 1; zeros < 8; zeros++) {
        const struct tw_gemm_shape shape =
            shape_of(zeros & 1 ? 0 : 5, zeros & 2 ? 0 : 5, zeros & 4 ? 0 : 5, ROWS, ROWS);

        for (int isa = 0; isa < ISAS; isa++)
            assert_string_equal(isas[isa].algorithm(&shape), "empty");
        assert_string_equal(tw_f32_gemm_algorithm__reference(&shape), "reference");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_products),   cmocka_unit_test(dots),
        cmocka_unit_test(streams),          cmocka_unit_test(single_tiles),
        cmocka_unit_test(tiles_along_rows), cmocka_unit_test(smaller_transposes),
        cmocka_unit_test(few_columns),      cmocka_unit_test(columns_that_are_few),
        cmocka_unit_test(depths_of_blocks), cmocka_unit_test(empty_products),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

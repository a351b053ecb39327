/* Rows of B so far apart that the distance of two of them fits no 32 bits: kernels/sparse lists the places of rows as such
 * numbers, and has to copy what lies too far. Only the rows can be touched; what lies between them is reserved. */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/kernels/kernel_test.h"
#include "tests/kernels/matrix.h"

#define ROWS_OF_C 3
#define WIDTH     20 /* whole vectors and a rest */

struct far_matrix {
    struct strides strides;
    char *reserved;
    size_t bytes;
    float *first; /* element (0, 0) */
};

/* Gives the row's pages, and finite values with a few special ones among them. */
static void fill_row(struct tw_rng *rng, struct far_matrix *b, float *row)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t from = (size_t)((char *)row - b->reserved) / page * page;
    const size_t to = (size_t)((char *)(row + WIDTH) - b->reserved);

    assert_int_equal(mprotect(b->reserved + from, to - from, PROT_READ | PROT_WRITE), 0);
    tw_test_fill(rng, row, WIDTH, -1.0f, 1.0f);
    strew(rng, row, WIDTH, tw_test_integer(rng, 0, 9) == 0);
}

static struct far_matrix new_far_matrix(struct tw_rng *rng, ptrdiff_t rows, ptrdiff_t row)
{
    struct far_matrix b = {.strides = strides_of(rows, WIDTH, row, 1)};

    b.bytes = (size_t)b.strides.count * sizeof(float);
    b.reserved = mmap(NULL, b.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(b.reserved != MAP_FAILED);
    b.first = (float *)(void *)b.reserved + b.strides.first;
    for (ptrdiff_t p = 0; p < rows; p++)
        fill_row(rng, &b, b.first + p * row);
    return b;
}

static void check(struct tw_rng *rng, const struct variants *v, ptrdiff_t k, ptrdiff_t b_row)
{
    struct far_matrix b = new_far_matrix(rng, k, b_row);
    const struct tw_gemm_shape shape = {.m = ROWS_OF_C,
                                        .n = WIDTH,
                                        .k = k,
                                        .a_row = k,
                                        .a_col = 1,
                                        .b_row = b_row,
                                        .b_col = 1,
                                        .c_row = WIDTH};
    struct buffers buffers = {.count = 0};
    float *a = take_uniform(&buffers, rng, ROWS_OF_C * k, -1.0f, 1.0f);
    float *expected = take(&buffers, ROWS_OF_C * WIDTH), *c = take(&buffers, ROWS_OF_C * WIDTH);
    void *workspace = take_bytes(&buffers, TW_SPARSE_GEMM_WORKSPACE);

    for (ptrdiff_t i = 0; i < ROWS_OF_C * k; i++)
        a[i] = tw_test_integer(rng, 0, 2) == 0 ? 0.0f : a[i];
    tw_f32_sparse_gemm__reference(&shape, a, b.first, expected, NULL);
    for (int t = 0; t < v->count; t++) {
        v->table[t]->f32_sparse_gemm(&shape, a, b.first, c, workspace);
        assert_same_floats(expected, c, ROWS_OF_C * WIDTH, tw_isa_name(v->table[t]->isa));
    }
    release(&buffers);
    assert_int_equal(munmap(b.reserved, b.bytes), 0);
}

/* The last primes below 2^24, up to where rows are met in place, 2^25 and 2^26. Blocks of 96 and of 48 rows are what the ISAs
 * list at a time: so many rows of these distances span 2^31 elements and more, but the first. */
static void far_rows_are_met(void **state)
{
    static const ptrdiff_t prime[][2] = {{(1 << 24) - 3, 96}, {(1 << 25) - 39, 96}, {(1 << 26) - 5, 48}};
    const struct variants v = variants_here();
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    if (v.count == 0)
        skip();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(prime_from(prime[i][0]), prime[i][0]);
        check(&rng, &v, prime[i][1], prime[i][0]);
        check(&rng, &v, prime[i][1], -prime[i][0]);
    }
    check(&rng, &v, 96, (1 << 24) + 1);
    check(&rng, &v, 96, -(1 << 24) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_rows_are_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

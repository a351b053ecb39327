/* Every number of columns from 1 to 70, as many output features as a small layer may have, with few rows and
 * short chains; finite values, and with NaN and infinity among them. Every variant against the reference, bit
 * for bit, on rows at odd distances. */
#include "tests/kernels/kernel_test.h"
#include "tests/kernels/matrix.h"

#define MOST 70

struct operands {
    struct tw_gemm_shape shape;
    struct buffers buffers;
    const float *a, *b;
    float *start; /* C before */
    ptrdiff_t c_count;
};

/* A by rows, B by rows or by columns, as forward and gradients of a linear layer read them. */
static struct operands new_operands(struct tw_rng *rng, ptrdiff_t n, bool special)
{
    const ptrdiff_t m = tw_test_integer(rng, 1, 15), k = tw_test_integer(rng, 1, 40);
    const bool transposed = tw_test_integer(rng, 0, 1) == 1;
    struct operands o = {.shape = {.m = m,
                                   .n = n,
                                   .k = k,
                                   .a_row = leading_dimension(rng, k),
                                   .a_col = 1,
                                   .b_row = transposed ? 1 : leading_dimension(rng, n),
                                   .b_col = transposed ? leading_dimension(rng, k) : 1,
                                   .c_row = leading_dimension(rng, n),
                                   .accumulate = tw_test_integer(rng, 0, 1) == 1}};
    const ptrdiff_t a_count = (m - 1) * o.shape.a_row + k;
    const ptrdiff_t b_count = (k - 1) * o.shape.b_row + (n - 1) * o.shape.b_col + 1;

    o.c_count = (m - 1) * o.shape.c_row + n;
    if (special) {
        o.a = take_any(&o.buffers, rng, a_count);
        o.b = take_any(&o.buffers, rng, b_count);
    } else {
        o.a = take_uniform(&o.buffers, rng, a_count, -1.0f, 1.0f);
        o.b = take_uniform(&o.buffers, rng, b_count, -1.0f, 1.0f);
    }
    o.start = take_uniform(&o.buffers, rng, o.c_count, -1.0f, 1.0f);
    return o;
}

static void compare(const struct tw_kernels *k, struct operands *o)
{
    float *expected = take_copy(&o->buffers, o->start, o->c_count);
    float *found = take_copy(&o->buffers, o->start, o->c_count);
    void *workspace = take_bytes(&o->buffers, (ptrdiff_t)k->f32_gemm_workspace(&o->shape));

    tw_f32_gemm__reference(&o->shape, o->a, o->b, expected, NULL);
    k->f32_gemm(&o->shape, o->a, o->b, found, workspace);
    assert_same_floats(expected, found, o->c_count, "C");
}

/* In an emulator only some of the numbers, from a random one on. */
static void sweep(bool special, uint64_t stream)
{
    const struct variants variants = variants_here();
    struct tw_rng rng = tw_test_rng(stream);
    const ptrdiff_t step = MOST / tw_test_cases(MOST);

    if (variants.count == 0)
        skip();
    for (ptrdiff_t n = tw_test_integer(&rng, 1, step); n <= MOST; n += step)
        for (int v = 0; v < variants.count; v++) {
            struct operands o = new_operands(&rng, n, special);

            compare(variants.table[v], &o);
            release(&o.buffers);
        }
}

static void every_number_of_columns(void **state)
{
    (void)state;
    for (uint64_t stream = 1; stream <= 4; stream++)
        sweep(false, stream);
}

static void special_values_flow(void **state)
{
    (void)state;
    for (uint64_t stream = 5; stream <= 8; stream++)
        sweep(true, stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_columns),
        cmocka_unit_test(special_values_flow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

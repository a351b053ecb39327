#include "core/memory.h"
#include "tests/support/test_support.h"

struct tw_tensor *tw_test_counting(enum tw_dtype dtype, struct tw_shape shape)
{
    struct tw_tensor *line, *tensor = tw_tensor_new(dtype, shape);

    assert_non_null(tensor);
    line = tw_tensor_reshape(tensor, TW_SHAPE(-1));
    assert_non_null(line);
    for (ptrdiff_t i = 0; i < tw_tensor_count(tensor); i++)
        assert_ok(tw_tensor_set(line, &i, (double)i));
    tw_tensor_release(line);
    return tensor;
}

double tw_test_at(const struct tw_tensor *tensor, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k)
{
    double value = -1;

    assert_ok(tw_tensor_get(tensor, (ptrdiff_t[]){i, j, k}, &value));
    return value;
}

static size_t noted_blocks;

int tw_test_note_blocks(void **state)
{
    (void)state;
    noted_blocks = tw_memory_usage().live_blocks;
    return 0;
}

int tw_test_no_block_left(void **state)
{
    size_t now = tw_memory_usage().live_blocks;

    (void)state;
    tw_memory_fail_after(-1);
    if (now == noted_blocks)
        return 0;
    print_error("%zu blocks before the test, %zu after\n", noted_blocks, now);
    return -1;
}

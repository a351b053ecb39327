#include <pthread.h>
#include <string.h>

#include "core/memory.h"
#include "tests/support/test_support.h"

static bool all_zero(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void blocks_are_aligned_zeroed_and_separate(void **state)
{
    enum { BLOCKS = 200 };
    unsigned char *block[BLOCKS];
    struct tw_rng rng = tw_test_rng(1);
    size_t bytes[BLOCKS];

    (void)state;
    for (int i = 0; i < BLOCKS; i++) {
        bytes[i] = (size_t)tw_test_integer(&rng, 0, 3000);
        block[i] = tw_alloc(bytes[i]);
        assert_non_null(block[i]);
        assert_int_equal((uintptr_t)block[i] % TW_ALIGNMENT, 0);
        assert_true(all_zero(block[i], bytes[i]));
        memset(block[i], i + 1, bytes[i]);
    }
    for (int i = 0; i < BLOCKS; i++) {
        for (size_t j = 0; j < bytes[i]; j++)
            assert_int_equal(block[i][j], (unsigned char)(i + 1));
        tw_free(block[i]);
    }
    /* Dirty memory that comes back must be zero again. */
    block[0] = tw_alloc(3000);
    assert_true(all_zero(block[0], 3000));
    tw_free(block[0]);
}

static void empty_blocks_are_distinct(void **state)
{
    void *a = tw_alloc(0), *b = tw_alloc(0);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    tw_free(a);
    tw_free(b);
    tw_free(NULL);
}

static void impossible_sizes_are_refused(void **state)
{
    static const size_t too_large[] = {(size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, (size_t)PTRDIFF_MAX - 64,
                                       SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof too_large / sizeof *too_large; i++) {
        assert_null(tw_alloc(too_large[i]));
        assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
    }
    assert_null(tw_alloc_array(SIZE_MAX / 4 + 2, 4)); /* the product wraps to 4 */
    assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
    assert_non_null(strstr(tw_error_message(), "4611686018427387905 elements of 4 bytes"));
}

static void accounting_follows_every_block(void **state)
{
    struct tw_memory_usage before = tw_memory_usage(), now;
    void *a, *b;

    (void)state;
    a = tw_alloc(1000);
    b = tw_alloc_array(10, 50);
    now = tw_memory_usage();
    assert_int_equal(now.live_bytes - before.live_bytes, 1500);
    assert_int_equal(now.live_blocks - before.live_blocks, 2);
    assert_int_equal(now.calls - before.calls, 2);
    assert_in_range(now.peak_bytes, before.live_bytes + 1500, SIZE_MAX);
    tw_memory_reset_peak();
    tw_free(a);
    now = tw_memory_usage();
    assert_int_equal(now.live_bytes - before.live_bytes, 500);
    assert_int_equal(now.peak_bytes - before.live_bytes, 1500);
    tw_memory_reset_peak();
    assert_int_equal(tw_memory_usage().peak_bytes, before.live_bytes + 500);
    tw_free(b);
    now = tw_memory_usage();
    assert_int_equal(now.live_bytes, before.live_bytes);
    assert_int_equal(now.live_blocks, before.live_blocks);
    assert_int_equal(now.calls - before.calls, 2);
}

static void *allocate_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5000; i++)
        tw_free(tw_alloc(7));
    return NULL;
}

static void accounting_is_exact_with_threads(void **state)
{
    struct tw_memory_usage before, after;
    pthread_t thread[4];

    (void)state;
    tw_memory_reset_peak();
    before = tw_memory_usage();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, allocate_often, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    after = tw_memory_usage();
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_int_equal(after.live_blocks, before.live_blocks);
    assert_int_equal(after.calls - before.calls, 20000);
    assert_in_range(after.peak_bytes - before.live_bytes, 7, 4 * 7);
}

static void *allocate_once(void *result)
{
    *(void **)result = tw_alloc(1);
    return NULL;
}

static void allocations_fail_on_request_in_this_thread_only(void **state)
{
    struct tw_memory_usage before = tw_memory_usage();
    void *block, *elsewhere = NULL;
    pthread_t thread;

    (void)state;
    tw_memory_fail_after(1);
    block = tw_alloc(8);
    assert_non_null(block);
    assert_null(tw_alloc(8));
    assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
    assert_null(tw_strdup("text"));
    assert_null(tw_sprintf("%d", 1));
    assert_int_equal(tw_arena_init(&(struct tw_arena){0}, 64), TW_ERROR_MEMORY);
    assert_int_equal(pthread_create(&thread, NULL, allocate_once, &elsewhere), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_non_null(elsewhere);
    tw_memory_fail_after(-1);
    tw_free(elsewhere);
    tw_free(block);
    block = tw_alloc(8);
    assert_non_null(block);
    tw_free(block);
    assert_int_equal(tw_memory_usage().live_blocks, before.live_blocks);
    assert_int_equal(tw_memory_usage().calls - before.calls, 3); /* refused ones are not counted */
}

static void strings_are_copied_and_formatted(void **state)
{
    char *copy = tw_strdup("conv1.weight"), *empty = tw_strdup(""), *text;

    (void)state;
    assert_string_equal(copy, "conv1.weight");
    assert_string_equal(empty, "");
    text = tw_sprintf("%s.%d %*d", copy, 7, 3000, 1);
    assert_int_equal(strlen(text), strlen("conv1.weight.7 ") + 3000);
    assert_memory_equal(text, "conv1.weight.7  ", 16);
    tw_free(copy);
    tw_free(empty);
    tw_free(text);
}

static void arrays_grow_and_keep_their_elements(void **state)
{
    struct tw_memory_usage before = tw_memory_usage();
    size_t capacity = 0;
    int *array = NULL;

    (void)state;
    for (size_t count = 0; count < 1000; count++) {
        int *grown = tw_array_grow(array, &capacity, count + 1, sizeof *grown);

        assert_non_null(grown);
        assert_true(capacity > count);
        array = grown;
        array[count] = (int)count * 3;
    }
    for (int i = 0; i < 1000; i++)
        assert_int_equal(array[i], i * 3);
    assert_in_range(tw_memory_usage().calls - before.calls, 1, 10); /* grows by a factor */
    tw_free(array);
    assert_int_equal(tw_memory_usage().live_bytes, before.live_bytes);
}

static void an_array_that_cannot_grow_is_unchanged(void **state)
{
    size_t capacity = 0, kept;
    unsigned char *array = tw_array_grow(NULL, &capacity, 1, 8);

    (void)state;
    assert_non_null(array);
    memset(array, 1, 8);
    kept = capacity;
    tw_memory_fail_after(0);
    assert_null(tw_array_grow(array, &capacity, kept + 1, 8));
    assert_non_null(strstr(tw_error_message(), "cannot allocate"));
    tw_memory_fail_after(-1);
    assert_null(tw_array_grow(array, &capacity, SIZE_MAX, 8));
    assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
    assert_non_null(strstr(tw_error_message(), "cannot allocate"));
    assert_int_equal(capacity, kept);
    assert_int_equal(array[7], 1);
    tw_free(array);
}

static void an_arena_hands_out_aligned_pieces(void **state)
{
    struct tw_memory_usage before = tw_memory_usage();
    struct tw_arena arena;
    unsigned char *a, *b, *c;

    (void)state;
    assert_ok(tw_arena_init(&arena, 64 + 64 + 100));
    a = tw_arena_take(&arena, 1);
    b = tw_arena_take(&arena, 64);
    assert_ptr_equal(a, arena.base);
    assert_ptr_equal(b, a + 64);
    assert_int_equal(arena.used, 128);
    assert_null(tw_arena_take(&arena, 101));
    assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
    assert_non_null(strstr(tw_error_message(), "100 of 228 bytes left, 101 asked for"));
    assert_null(tw_arena_take(&arena, SIZE_MAX));
    c = tw_arena_take(&arena, 100); /* its padding would reach beyond the end */
    assert_ptr_equal(c, b + 64);
    assert_int_equal(arena.used, 228);
    memset(c, 1, 100);
    assert_null(tw_arena_take(&arena, 1));
    assert_int_equal(tw_memory_usage().calls - before.calls, 1);
    tw_arena_reset(&arena);
    assert_ptr_equal(tw_arena_take(&arena, 228), a);
    tw_arena_release(&arena);
    assert_null(arena.base);
    assert_int_equal(arena.capacity + arena.used, 0);
    assert_int_equal(tw_memory_usage().live_bytes, before.live_bytes);
    tw_arena_release(&arena);
}

static void sizes_round_up_to_the_alignment(void **state)
{
    (void)state;
    assert_int_equal(tw_align_up(0), 0);
    assert_int_equal(tw_align_up(1), 64);
    assert_int_equal(tw_align_up(64), 64);
    assert_int_equal(tw_align_up(65), 128);
}

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>

static void the_sanitizer_sees_overruns(void **state)
{
    struct tw_arena arena;
    char *piece;

    (void)state;
    for (size_t bytes = 0; bytes < 200; bytes++) {
        char *block = tw_alloc(bytes);

        assert_null(__asan_region_is_poisoned(block, bytes));
        assert_true(__asan_address_is_poisoned(block + bytes));
        assert_true(__asan_address_is_poisoned(block - 1));
        tw_free(block);
    }
    assert_ok(tw_arena_init(&arena, 1000));
    piece = tw_arena_take(&arena, 10);
    assert_null(__asan_region_is_poisoned(piece, 10));
    assert_true(__asan_address_is_poisoned(piece + 10));
    assert_true(__asan_address_is_poisoned(piece + 64));
    tw_arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(piece));
    tw_arena_release(&arena);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_zeroed_and_separate),
        cmocka_unit_test(empty_blocks_are_distinct),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(accounting_follows_every_block),
        cmocka_unit_test(accounting_is_exact_with_threads),
        cmocka_unit_test(allocations_fail_on_request_in_this_thread_only),
        cmocka_unit_test(strings_are_copied_and_formatted),
        cmocka_unit_test(arrays_grow_and_keep_their_elements),
        cmocka_unit_test(an_array_that_cannot_grow_is_unchanged),
        cmocka_unit_test(an_arena_hands_out_aligned_pieces),
        cmocka_unit_test(sizes_round_up_to_the_alignment),
#ifdef WITH_ASAN
        cmocka_unit_test(the_sanitizer_sees_overruns),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

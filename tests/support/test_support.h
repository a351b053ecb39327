/* What the test programs share: seeds, temporary folders, guarded buffers, exact comparisons, golden files.
 *
 * Everything here may end the running CMocka test; none of it belongs in a library.
 */
#ifndef TOWER_TESTS_SUPPORT_TEST_SUPPORT_H
#define TOWER_TESTS_SUPPORT_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/rng.h"
#include "core/tensor.h"

/* The seed of this run: $TOWER_TEST_SEED (decimal or 0x…) or a new one. Printed once per program as
 * "TOWER_TEST_SEED=…", ready to be put in front of the command. */
uint64_t tw_test_seed(void);

/* A generator seeded with tw_test_seed() + `stream`, so that each test draws its own numbers. */
struct tw_rng tw_test_rng(uint64_t stream);

/* How many random cases to try where `full` are usual: full / $TOWER_TEST_SCALE (a whole number from 1,
 * default 1), at least one. For machines that are emulated; fixed lists of cases stay whole. */
ptrdiff_t tw_test_cases(ptrdiff_t full);

/* A whole number in [low, high]; `count` floats in [from, to). */
ptrdiff_t tw_test_integer(struct tw_rng *rng, ptrdiff_t low, ptrdiff_t high);
void tw_test_fill(struct tw_rng *rng, float *values, ptrdiff_t count, float from, float to);

/* A new, empty folder below $TMPDIR or /tmp. Give it back with tw_test_remove_folder, which deletes
 * everything inside and frees the name. */
char *tw_test_temporary_folder(void);
void tw_test_remove_folder(char *folder);

/* Writes `bytes` bytes as `folder`/`name`, making the folders in between. */
void tw_test_write_file(const char *folder, const char *name, const void *content, size_t bytes);

/* A buffer whose surroundings are watched:
 *
 *   band:             | canary 256 B | data, `bytes` | canary 256 B |
 *   page, behind:     | canary 256 B or more | data, `bytes` | page without access
 *   page, in front:   page without access | data, `bytes` | canary 256 B or more |
 *
 * Touching a page without access ends the program with SIGSEGV. Fresh data are all ones: every float, double
 * and bfloat16 in it is a NaN, so that reading what should have been written first is seen. The band's data
 * start `misalignment` bytes after a 64-byte boundary. The page is behind the data unless the environment says
 * TOWER_TEST_PLACE=in-front: the same tests then see what is touched before a buffer. */
struct tw_guard {
    void *data;
    size_t bytes;
    unsigned char *base; /* of the bytes that may be touched */
    size_t mapped;       /* how many they are */
    void *reservation;   /* with the pages without access around them */
    size_t reserved;
};

struct tw_guard tw_guard_band(size_t bytes, size_t misalignment);
struct tw_guard tw_guard_page(size_t bytes);

/* `count` floats with a page as above; with TOWER_TEST_PLACE=misaligned a band at 4, 8, … 60 bytes after a
 * 64-byte boundary, call by call. For data of which a contract asks no alignment. */
struct tw_guard tw_guard_floats(ptrdiff_t count);

/* Fails the test, naming the distance, if a canary byte changed. */
#define tw_guard_assert_intact(guard) tw_guard_check(guard, __FILE__, __LINE__)
void tw_guard_check(const struct tw_guard *guard, const char *file, int line);

/* Checks the canaries, then unmaps. */
#define tw_guard_release(guard) tw_guard_end(guard, __FILE__, __LINE__)
void tw_guard_end(struct tw_guard *guard, const char *file, int line);

/* Fails the test at the first float whose bits differ, giving its index and both values in hexadecimal; so
 * -0 differs from 0 and NaNs are equal when their bits are. */
#define assert_bits_equal_f32(expected, actual, count) \
    tw_test_bits_equal_f32(expected, actual, count, __FILE__, __LINE__)
void tw_test_bits_equal_f32(const float *expected, const float *actual, ptrdiff_t count, const char *file,
                            int line);

/* Distance of two floats counted in representable values between them; 0 for two NaNs and for 0 and -0,
 * UINT32_MAX for a NaN and a number. And the largest of `count` such distances. */
uint32_t tw_test_ulp(float a, float b);
uint32_t tw_test_max_ulp(const float *expected, const float *actual, ptrdiff_t count);

/* Fails unless |expected - actual| <= absolute + relative * |expected| for every element; the message names
 * the worst one. NaN is never within a tolerance. Tolerances are the caller's to derive. */
#define assert_close_f32(expected, actual, count, absolute, relative) \
    tw_test_close_f32(expected, actual, count, absolute, relative, __FILE__, __LINE__)
void tw_test_close_f32(const float *expected, const float *actual, ptrdiff_t count, double absolute,
                       double relative, const char *file, int line);

/* Fails, quoting the message, unless a call gave TW_OK; unless it gave `status` and a message that contains
 * `part`. */
#define assert_ok(call) tw_test_ok(call, #call, __FILE__, __LINE__)
void tw_test_ok(enum tw_status status, const char *call, const char *file, int line);
#define assert_fails(expected, part, call) tw_test_fails(expected, part, call, #call, __FILE__, __LINE__)
void tw_test_fails(enum tw_status expected, const char *part, enum tw_status status, const char *call,
                   const char *file, int line);

/* A tensor that counts 0, 1, 2, … in row-major order; its element (i, j, k), of which the first ndim count.
 */
struct tw_tensor *tw_test_counting(enum tw_dtype dtype, struct tw_shape shape);
double tw_test_at(const struct tw_tensor *tensor, ptrdiff_t i, ptrdiff_t j, ptrdiff_t k);

/* Setup and teardown for cmocka_unit_test_setup_teardown: together they fail a test that leaves more or fewer
 * blocks of core/memory.h behind than it found. The teardown also ends tw_memory_fail_after. */
int tw_test_note_blocks(void **state);
int tw_test_no_block_left(void **state);

/* Reads the NumPy file `path` (.npy format 1.0 to 3.0, little-endian, C order; f4, f8, i8, i4 or u1) into a
 * new tensor; fails the test if it cannot. */
struct tw_tensor *tw_test_read_npy(const char *path);

#ifdef TOWER_GOLDEN_DIR
/* A recorded file below tests/golden, such as "rng/uniform.npy". */
static inline struct tw_tensor *tw_test_load_npy(const char *name)
{
    char path[4096];

    assert_true(snprintf(path, sizeof path, "%s/%s", TOWER_GOLDEN_DIR, name) < (int)sizeof path);
    return tw_test_read_npy(path);
}
#endif

#endif

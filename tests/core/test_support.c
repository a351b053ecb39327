/* The helpers of tests/support must see what they are for. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/memory.h"
#include "tests/support/test_support.h"

/* Runs `act` in a child process on a page guard of `bytes` bytes; the signal that ended the child, or 0. */
static int signal_of(void (*act)(volatile unsigned char *data, size_t bytes), size_t bytes)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        struct tw_guard guard = tw_guard_page(bytes);

        signal(SIGSEGV, SIG_DFL); /* not the sanitizer's report */
        act(guard.data, bytes);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void write_inside(volatile unsigned char *data, size_t bytes)
{
    data[0] = data[bytes - 1] = 1;
}

static void read_behind(volatile unsigned char *data, size_t bytes)
{
    (void)data[bytes];
}

static void read_in_front(volatile unsigned char *data, size_t bytes)
{
    (void)bytes;
    (void)data[-1];
}

static void a_page_guard_stops_reads_behind(void **state)
{
    (void)state;
    assert_int_equal(signal_of(write_inside, 12), 0);
    assert_int_equal(signal_of(read_behind, 12), SIGSEGV);
    assert_int_equal(signal_of(read_behind, 4096), SIGSEGV);
}

static void a_page_guard_stops_reads_in_front(void **state)
{
    (void)state;
    assert_int_equal(signal_of(read_in_front, 12), 0);
    assert_int_equal(setenv("TOWER_TEST_PLACE", "in-front", 1), 0);
    assert_int_equal(signal_of(write_inside, 12), 0);
    assert_int_equal(signal_of(read_in_front, 12), SIGSEGV);
    assert_int_equal(signal_of(read_in_front, 4096), SIGSEGV);
    assert_int_equal(unsetenv("TOWER_TEST_PLACE"), 0);
}

static void floats_are_misaligned_on_request(void **state)
{
    (void)state;
    assert_int_equal(setenv("TOWER_TEST_PLACE", "misaligned", 1), 0);
    for (int i = 0; i < 15; i++) {
        struct tw_guard guard = tw_guard_floats(16);

        assert_int_not_equal((uintptr_t)guard.data % 64, 0);
        assert_int_equal((uintptr_t)guard.data % sizeof(float), 0);
        tw_guard_release(&guard);
    }
    assert_int_equal(unsetenv("TOWER_TEST_PLACE"), 0);
}

static void guards_place_and_poison_their_data(void **state)
{
    struct tw_guard band = tw_guard_band(100, 4), page = tw_guard_page(20), empty = tw_guard_band(0, 0);

    (void)state;
    assert_int_equal((uintptr_t)band.data % 64, 4);
    assert_int_equal(((uintptr_t)page.data + 20) % 4096, 0);
    assert_true(isnan(((float *)band.data)[24]));
    memset(band.data, 0, 100);
    tw_guard_release(&band);
    tw_guard_release(&page);
    tw_guard_release(&empty);
}

/* A check that fails leaves through longjmp to cmocka, so the failing half runs in a program of its own. */
static int outcome_of(void (*test)(void **))
{
    const struct CMUnitTest tests[] = {{"expected to fail", test, NULL, NULL, NULL}};
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        assert_non_null(freopen("/dev/null", "w", stdout));
        assert_non_null(freopen("/dev/null", "w", stderr));
        _exit(cmocka_run_group_tests(tests, NULL, NULL));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void overrun_by(ptrdiff_t offset)
{
    struct tw_guard guard = tw_guard_band(100, 0);

    ((unsigned char *)guard.data)[offset] ^= 1;
    tw_guard_release(&guard);
}

static void overrun_behind(void **state)
{
    (void)state;
    overrun_by(100);
}

static void overrun_in_front(void **state)
{
    (void)state;
    overrun_by(-256);
}

static void differ_in_the_sign_of_zero(void **state)
{
    (void)state;
    assert_bits_equal_f32(((float[]){1, 0.0f}), ((float[]){1, -0.0f}), 2);
}

static void be_far_off(void **state)
{
    (void)state;
    assert_close_f32(((float[]){1, 2}), ((float[]){1, 2.1f}), 2, 0.01, 0.04);
}

static void be_no_number(void **state)
{
    (void)state;
    assert_close_f32(((float[]){1, 2}), ((float[]){NAN, 2}), 2, 1e30, 1);
}

static void fail_otherwise(void **state)
{
    (void)state;
    assert_fails(TW_ERROR_IO, "disk", tw_fail(TW_ERROR_IO, "network"));
}

static void the_checks_can_fail(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(overrun_behind), 1);
    assert_int_equal(outcome_of(overrun_in_front), 1);
    assert_int_equal(outcome_of(differ_in_the_sign_of_zero), 1);
    assert_int_equal(outcome_of(be_far_off), 1);
    assert_int_equal(outcome_of(be_no_number), 1);
    assert_int_equal(outcome_of(fail_otherwise), 1);
}

static void the_checks_can_pass(void **state)
{
    (void)state;
    assert_bits_equal_f32(((float[]){NAN, -0.0f}), ((float[]){NAN, -0.0f}), 2);
    assert_close_f32(((float[]){1, 2}), ((float[]){1, 2.1f}), 2, 0.03, 0.04);
    assert_fails(TW_ERROR_IO, "disk", tw_fail(TW_ERROR_IO, "disk full"));
}

static void ulps_are_counted_across_zero(void **state)
{
    (void)state;
    assert_int_equal(tw_test_ulp(1.0f, 1.0f + 0x1p-23f), 1);
    assert_int_equal(tw_test_ulp(1.0f, 1.0f - 0x1p-24f), 1);
    assert_int_equal(tw_test_ulp(0.0f, -0.0f), 0);
    assert_int_equal(tw_test_ulp(0x1p-149f, -0x1p-149f), 2);
    assert_int_equal(tw_test_ulp(NAN, NAN), 0);
    assert_int_equal(tw_test_ulp(NAN, 1), UINT32_MAX);
    assert_int_equal(tw_test_ulp(-INFINITY, INFINITY), 2U * 0x7f800000U);
    assert_int_equal(tw_test_max_ulp((float[]){1, 2, 3}, (float[]){1, 2 + 0x1p-20f, 3}, 3), 4);
}

static void folders_come_and_go(void **state)
{
    char *folder = tw_test_temporary_folder(), *name = tw_strdup(folder);
    struct stat status;

    (void)state;
    tw_test_write_file(folder, "a/b/c.txt", "text", 4);
    tw_test_write_file(folder, "a/d", "", 0);
    assert_int_equal(stat(folder, &status), 0);
    tw_test_remove_folder(folder);
    assert_int_equal(stat(name, &status), -1);
    tw_free(name);
}

static void npy_files_are_read(void **state)
{
    char *folder = tw_test_temporary_folder(), *path = tw_sprintf("%s/x.npy", folder);
    char *header = tw_sprintf("\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0,
                              "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 1), }");
    unsigned char file[128 + 8] = {0};
    struct tw_tensor *tensor;

    (void)state;
    memcpy(file, header, 128);
    memcpy(file + 128, (int32_t[]){7, -1}, 8);
    tw_test_write_file(folder, "x.npy", file, sizeof file);
    tensor = tw_test_read_npy(path);
    assert_int_equal(tensor->dtype, TW_I32);
    assert_true(tw_shape_equal(&tensor->shape, &TW_SHAPE(2, 1)));
    assert_memory_equal(tensor->data, file + 128, 8);
    tw_tensor_release(tensor);
    tw_free(header);
    tw_free(path);
    tw_test_remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_guard_stops_reads_behind),
        cmocka_unit_test(a_page_guard_stops_reads_in_front),
        cmocka_unit_test(floats_are_misaligned_on_request),
        cmocka_unit_test(guards_place_and_poison_their_data),
        cmocka_unit_test(the_checks_can_fail),
        cmocka_unit_test(the_checks_can_pass),
        cmocka_unit_test(ulps_are_counted_across_zero),
        cmocka_unit_test(folders_come_and_go),
        cmocka_unit_test(npy_files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How many threads: what is asked for, what the system grants, and what happens when it grants fewer. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/team.h"
#include "tests/support/test_support.h"

static void sizes_follow_the_request_then_the_environment(void **state)
{
    struct tw_team_size size;

    (void)state;
    assert_int_equal(setenv("OMP_NUM_THREADS", "3,2", 1), 0);
    assert_ok(tw_team_choose_size(7, 0, &size));
    assert_int_equal(size.threads, 7);
    assert_string_equal(size.why, "requested");
    assert_int_equal(size.limits.environment, 3);
    assert_ok(tw_team_choose_size(0, 0, &size));
    assert_int_equal(size.threads, 3);
    assert_string_equal(size.why, "OMP_NUM_THREADS");
    assert_int_equal(setenv("OMP_NUM_THREADS", "1025", 1), 0);
    assert_fails(TW_ERROR_ARGUMENT, "OMP_NUM_THREADS asks for 1025", tw_team_choose_size(0, 0, &size));
    assert_ok(tw_team_choose_size(1, 0, &size));
    assert_fails(TW_ERROR_ARGUMENT, "-1 threads", tw_team_choose_size(-1, 0, &size));
    assert_fails(TW_ERROR_ARGUMENT, "1025 threads", tw_team_choose_size(1025, 0, &size));
    assert_ok(tw_team_choose_size(1024, 0, &size));
    assert_int_equal(unsetenv("OMP_NUM_THREADS"), 0);
}

static void the_default_size_is_what_the_system_grants(void **state)
{
    static const char *const nonsense[] = {"", "x", "0", "-2", "2x", " ,3"};
    cpu_set_t home;
    struct tw_team_size size;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof home, &home), 0);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        assert_int_equal(setenv("OMP_NUM_THREADS", nonsense[i], 1), 0);
        assert_ok(tw_team_choose_size(0, 0, &size));
        assert_int_equal(size.limits.environment, 0);
        assert_int_equal(size.limits.affinity, CPU_COUNT(&home));
        assert_in_range(size.limits.cores, 1, CPU_COUNT(&home));
        assert_int_equal(size.limits.quota, tw_cgroup_cpu_quota(""));
        assert_int_equal(size.threads, size.limits.quota > 0 && size.limits.quota < size.limits.cores
                                           ? size.limits.quota
                                           : size.limits.cores);
    }
    assert_int_equal(unsetenv("OMP_NUM_THREADS"), 0);
}

static void check_rule(struct tw_team_limits limits, int threads, const char *why)
{
    struct tw_team_size size = tw_team_size_rule(&limits);

    assert_int_equal(size.threads, threads);
    assert_string_equal(size.why, why);
    assert_memory_equal(&size.limits, &limits, sizeof limits);
}

static void the_least_limit_decides_and_is_named(void **state)
{
    (void)state;
    check_rule((struct tw_team_limits){.affinity = 2, .cores = 2, .samples = 64}, 2, "affinity");
    check_rule((struct tw_team_limits){.affinity = 1, .cores = 1, .samples = 64}, 1, "affinity");
    check_rule((struct tw_team_limits){.affinity = 256, .cores = 128, .samples = 64}, 128, "one per core");
    check_rule((struct tw_team_limits){.affinity = 256, .cores = 128, .samples = 63}, 126, "small batch");
    check_rule((struct tw_team_limits){.affinity = 128, .cores = 128, .samples = 8}, 16, "small batch");
    check_rule((struct tw_team_limits){.affinity = 2, .cores = 2, .samples = 1}, 2, "affinity");
    check_rule((struct tw_team_limits){.affinity = 8, .cores = 8, .samples = PTRDIFF_MAX}, 8, "affinity");
    check_rule((struct tw_team_limits){.affinity = 8, .cores = 4, .quota = 1, .samples = 64}, 1,
               "cgroup quota");
    check_rule((struct tw_team_limits){.affinity = 8, .cores = 4, .quota = 6}, 4, "one per core");
    check_rule((struct tw_team_limits){.affinity = 8, .cores = 8, .thread_limit = 3, .quota = 5}, 3,
               "OMP_THREAD_LIMIT");
    check_rule((struct tw_team_limits){.affinity = 4096, .cores = 4096}, TW_TEAM_MAX_THREADS, "at most 1024");
}

static void what_is_asked_for_goes_before_what_is_granted(void **state)
{
    (void)state;
    check_rule((struct tw_team_limits){.requested = 16,
                                       .environment = 3,
                                       .thread_limit = 2,
                                       .affinity = 2,
                                       .cores = 1,
                                       .quota = 1,
                                       .samples = 1},
               16, "requested");
    check_rule((struct tw_team_limits){.environment = 5, .affinity = 2, .cores = 1, .quota = 1, .samples = 1},
               5, "OMP_NUM_THREADS");
    check_rule((struct tw_team_limits){.environment = 5, .thread_limit = 4, .affinity = 8, .cores = 8}, 4,
               "OMP_THREAD_LIMIT");
}

/* Small work must not depend on how many cores there are. */
static void small_work_takes_as_many_threads_on_any_larger_machine(void **state)
{
    (void)state;
    for (ptrdiff_t samples = 1; samples <= 1024; samples *= 2) {
        int previous = 0;

        for (int cores = 1; cores <= 512; cores++) {
            struct tw_team_limits limits = {.affinity = cores, .cores = cores, .samples = samples};
            int threads = tw_team_size_rule(&limits).threads;

            assert_in_range(threads, previous, cores);
            assert_true(threads <= 2 * samples);
            assert_true(cores <= 2 * samples || threads == previous);
            previous = threads;
        }
    }
}

/* The runtime reads its settings when a program starts, so these checks are made by this program started
 * anew: with `setting` in the environment it must find that tw_team_new(threads, bind) fails with `part` in
 * the message, and leaves with 0. */
static int expect_refusal(int threads, enum tw_bind bind, const char *part)
{
    if (tw_team_new(threads, bind) == NULL && tw_error_status() == TW_ERROR_UNSUPPORTED &&
        strstr(tw_error_message(), part) != NULL)
        return 0;
    fprintf(stderr, "expected a refusal with \"%s\", is \"%s\"\n", part, tw_error_message());
    return 1;
}

enum { CHILD_FAILED = 9, CHILD_CANNOT_START = 77 };

static void start_anew(const char *name, const char *value, const char *check)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        setenv(name, value, 1);
        execl("/proc/self/exe", "test-core.team_size", check, (char *)NULL);
        _exit(errno == ENOEXEC ? CHILD_CANNOT_START : CHILD_FAILED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_CANNOT_START) {
        print_message("skipped: the kernel cannot start programs of this instruction set (emulation?)\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void fewer_threads_than_asked_are_noticed(void **state)
{
    (void)state;
    start_anew("OMP_THREAD_LIMIT", "3", "thread-limit");
}

static void the_runtimes_own_binding_is_not_fought(void **state)
{
    (void)state;
    start_anew("OMP_PROC_BIND", "true", "proc-bind");
}

static void a_limit_on_processes_is_no_crash(void **state)
{
    (void)state;
    start_anew("TOWER_TEST_SEED", "0", "process-limit");
}

static int check_process_limit(void)
{
    const struct rlimit none = {0, 0};

    /* The limit does not hold for root. */
    if (getuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 0;
    if (setrlimit(RLIMIT_NPROC, &none) != 0)
        return 1;
    if (expect_refusal(4, TW_BIND_NONE, "threads: 0 of 3 could be started") != 0)
        return 2;
    /* Nor is the runtime asked for threads that are to be sent home. */
    return expect_refusal(4, TW_BIND_COMPACT, "threads: 0 of 3 could be started");
}

static int check_proc_bind(void)
{
    struct tw_team *team = tw_team_new(2, TW_BIND_NONE);

    if (team == NULL)
        return 2;
    tw_team_release(team);
    return expect_refusal(2, TW_BIND_COMPACT, "OMP_PROC_BIND");
}

static int run_check(const char *name)
{
    if (strcmp(name, "thread-limit") == 0)
        return expect_refusal(5, TW_BIND_COMPACT, "OpenMP gives 3 of 5 threads");
    if (strcmp(name, "proc-bind") == 0)
        return check_proc_bind();
    if (strcmp(name, "process-limit") == 0)
        return check_process_limit();
    return CHILD_FAILED;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_follow_the_request_then_the_environment),
        cmocka_unit_test(the_default_size_is_what_the_system_grants),
        cmocka_unit_test(the_least_limit_decides_and_is_named),
        cmocka_unit_test(what_is_asked_for_goes_before_what_is_granted),
        cmocka_unit_test(small_work_takes_as_many_threads_on_any_larger_machine),
        cmocka_unit_test(fewer_threads_than_asked_are_noticed),
        cmocka_unit_test(the_runtimes_own_binding_is_not_fought),
        cmocka_unit_test(a_limit_on_processes_is_no_crash),
    };

    if (argc == 2)
        _exit(run_check(argv[1])); /* past the leak check, which could not start its thread under the limit */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

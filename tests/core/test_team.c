#include <dirent.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/team.h"
#include "tests/support/test_support.h"

#if defined(__clang__) && defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>

/* clang 14's libomp keeps some of what it allocates for its threads. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libomp.so";
}
#endif
#endif

#define MOST 16

/* More threads than most test machines have CPUs, too. */
static const int sizes[] = {1, 2, 3, 5, MOST};

static const enum tw_bind binds[] = {TW_BIND_NONE, TW_BIND_COMPACT, TW_BIND_SCATTER};

struct shared {
    struct tw_team *team;
    int calls[MOST], threads[MOST], stage[MOST], mismatches[MOST];
    cpu_set_t affinity[MOST];
};

static void note_call(void *context, int rank, int threads)
{
    struct shared *shared = context;

    shared->calls[rank]++;
    shared->threads[rank] = threads;
    sched_getaffinity(0, sizeof shared->affinity[rank], &shared->affinity[rank]);
}

static void every_rank_runs_once(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t b = 0; b < sizeof binds / sizeof *binds; b++) {
            struct tw_team *team = tw_team_new(sizes[s], binds[b]);
            struct shared shared = {0};

            assert_non_null(team);
            assert_int_equal(tw_team_threads(team), sizes[s]);
            assert_int_equal(tw_team_bind(team), binds[b]);
            for (int run = 1; run <= 10; run++) {
                tw_team_run(team, note_call, &shared);
                for (int rank = 0; rank < MOST; rank++) {
                    assert_int_equal(shared.calls[rank], rank < sizes[s] ? run : 0);
                    assert_int_equal(shared.threads[rank], rank < sizes[s] ? sizes[s] : 0);
                }
            }
            tw_team_release(team);
        }
    tw_team_release(NULL);
}

/* Each member sets its own entry, then looks at all others: without a barrier in between, or with one that
 * lets a member run ahead, some are still behind or already beyond. */
static void walk_through_stages(void *context, int rank, int threads)
{
    struct shared *shared = context;

    for (int stage = 1; stage <= 200; stage++) {
        shared->stage[rank] = stage;
        tw_team_barrier(shared->team);
        for (int other = 0; other < threads; other++)
            shared->mismatches[rank] += shared->stage[other] != stage;
        tw_team_barrier(shared->team);
    }
}

static void barriers_separate_stages(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct shared shared = {.team = tw_team_new(sizes[s], TW_BIND_COMPACT)};

        assert_non_null(shared.team);
        tw_team_run(shared.team, walk_through_stages, &shared);
        for (int rank = 0; rank < sizes[s]; rank++) {
            assert_int_equal(shared.stage[rank], 200);
            assert_int_equal(shared.mismatches[rank], 0);
        }
        tw_team_release(shared.team);
    }
}

static void a_run_allocates_nothing(void **state)
{
    struct shared shared = {.team = tw_team_new(3, TW_BIND_SCATTER)};
    uint64_t calls = tw_memory_usage().calls;

    (void)state;
    tw_team_run(shared.team, walk_through_stages, &shared);
    tw_team_run(shared.team, note_call, &shared);
    assert_int_equal(tw_memory_usage().calls, calls);
    tw_team_release(shared.team);
}

/* Fails unless every member of a run of `team` is on its unit under `bind`, or has `home` for TW_BIND_NONE.
 */
static void assert_placed(struct tw_team *team, const cpu_set_t *home)
{
    struct tw_topology *topology;
    struct shared shared = {0};
    cpu_set_t before;
    int unit[MOST];

    tw_team_run(team, note_call, &shared);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(sched_setaffinity(0, sizeof *home, home), 0);
    topology = tw_topology_new(NULL);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_ok(tw_topology_place(topology, tw_team_bind(team), tw_team_threads(team), unit));
    for (int rank = 0; rank < tw_team_threads(team); rank++) {
        if (unit[rank] < 0) {
            assert_true(CPU_EQUAL(&shared.affinity[rank], home));
        } else {
            assert_int_equal(CPU_COUNT(&shared.affinity[rank]), 1);
            assert_true(CPU_ISSET(unit[rank], &shared.affinity[rank]));
        }
    }
    tw_topology_release(topology);
}

static cpu_set_t affinity_here(void)
{
    cpu_set_t set;

    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return set;
}

/* Every thread of the process, in whatever the runtime does with those that wait. */
static void assert_all_threads_at(const cpu_set_t *home)
{
    DIR *tasks = opendir("/proc/self/task");
    int threads = 0;

    assert_non_null(tasks);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        cpu_set_t set;

        /* A thread may end between the two calls. */
        if (entry->d_name[0] == '.' || sched_getaffinity(atoi(entry->d_name), sizeof set, &set) != 0)
            continue;
        assert_true(CPU_EQUAL(&set, home));
        threads++;
    }
    closedir(tasks);
    assert_true(threads >= 1);
}

static void members_are_placed_and_sent_home(void **state)
{
    cpu_set_t home = affinity_here();

    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t b = 0; b < sizeof binds / sizeof *binds; b++) {
            struct tw_team *team = tw_team_new(sizes[s], binds[b]), *free_team;

            assert_placed(team, &home);
            tw_team_release(team);
            assert_all_threads_at(&home);
            /* The runtime's threads are used again: they must be where they were, too. */
            free_team = tw_team_new(sizes[s], TW_BIND_NONE);
            assert_placed(free_team, &home);
            tw_team_release(free_team);
        }
}

/* A smaller team in between makes libgomp end threads of the larger one and start new ones later, which
 * inherit the affinity of a caller that is bound. */
static void teams_of_one_thread_can_alternate(void **state)
{
    cpu_set_t home = affinity_here(), after;
    struct tw_team *large = tw_team_new(5, TW_BIND_SCATTER), *small = tw_team_new(2, TW_BIND_COMPACT);
    struct tw_team *single = tw_team_new(1, TW_BIND_COMPACT), *unbound = tw_team_new(4, TW_BIND_NONE);

    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_placed(small, &home);
        assert_placed(large, &home);
        assert_placed(single, &home);
        assert_placed(unbound, &home);
    }
    /* Not in the reverse order of their making. */
    tw_team_release(large);
    after = affinity_here();
    assert_true(CPU_EQUAL(&after, &home));
    assert_placed(single, &home);
    assert_placed(small, &home);
    assert_int_equal(tw_team_affinity(), CPU_COUNT(&home));
    assert_placed(small, &home);
    tw_team_release(unbound);
    tw_team_release(small);
    tw_team_release(single);
    assert_all_threads_at(&home);
    unbound = tw_team_new(5, TW_BIND_NONE);
    assert_placed(unbound, &home);
    tw_team_release(unbound);
}

static void bad_sizes_are_refused(void **state)
{
    static const int bad[] = {0, -1, TW_TEAM_MAX_THREADS + 1};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(tw_team_new(bad[i], TW_BIND_NONE));
        assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
        assert_non_null(strstr(tw_error_message(), "expected 1 to 1024"));
    }
    assert_null(tw_team_new(2, (enum tw_bind)7));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
}

static void every_failed_allocation_is_cleaned_up(void **state)
{
    size_t live = tw_memory_usage().live_blocks;
    cpu_set_t home = affinity_here(), after;
    struct tw_team *team = NULL;
    long allowed;

    (void)state;
    for (allowed = 0; team == NULL && allowed < 50; allowed++) {
        tw_memory_fail_after(allowed);
        team = tw_team_new(2, TW_BIND_COMPACT);
        tw_memory_fail_after(-1);
        if (team == NULL) {
            assert_int_equal(tw_error_status(), TW_ERROR_MEMORY);
            assert_int_equal(tw_memory_usage().live_blocks, live);
            after = affinity_here();
            assert_true(CPU_EQUAL(&after, &home));
        }
    }
    assert_in_range(allowed, 3, 49);
    tw_team_release(team);
    assert_int_equal(tw_memory_usage().live_blocks, live);
}

static void shares_cover_the_whole(void **state)
{
    (void)state;
    for (ptrdiff_t count = 0; count <= 40; count++)
        for (int threads = 1; threads <= 17; threads++) {
            ptrdiff_t expected = 0, largest = (count + threads - 1) / threads, before = largest;

            for (int rank = 0; rank < threads; rank++) {
                ptrdiff_t begin, end;

                tw_team_share(count, rank, threads, &begin, &end);
                assert_int_equal(begin, expected);
                assert_true(end - begin <= before && end - begin >= count / threads);
                before = end - begin;
                expected = end;
            }
            assert_int_equal(expected, count);
        }
}

struct attendance {
    atomic_int came, threads;
};

static void sign(void *context, int rank, int threads)
{
    struct attendance *attendance = context;

    (void)rank;
    atomic_fetch_add(&attendance->came, 1);
    atomic_store(&attendance->threads, threads);
}

/* As many as there are CPUs, or as TOWER_CPUS says; all of them where those are more. */
static void working_members_have_a_cpu_each(void **state)
{
    static const struct {
        const char *cpus;
        int threads, working;
    } cases[] = {{"1", 5, 1}, {"3", 5, 3}, {"1024", 5, 5}, {"nonsense", 1, 1}, {"2", 1, 1}};
    const char *home = getenv("TOWER_CPUS");
    char kept[16];

    (void)state;
    assert_true(!home || snprintf(kept, sizeof kept, "%s", home) < (int)sizeof kept);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct attendance attendance = {0};
        struct tw_team *team;

        assert_int_equal(setenv("TOWER_CPUS", cases[i].cpus, 1), 0);
        team = tw_team_new(cases[i].threads, TW_BIND_NONE);
        assert_non_null(team);
        assert_int_equal(tw_team_working(team), cases[i].working);
        assert_int_equal(tw_team_threads(team), cases[i].threads);
        tw_team_run_working(team, sign, &attendance);
        assert_int_equal(attendance.came, cases[i].working);
        assert_int_equal(attendance.threads, cases[i].working);
        tw_team_release(team);
    }
    assert_int_equal(unsetenv("TOWER_CPUS"), 0);
    {
        struct tw_team *team = tw_team_new(64, TW_BIND_NONE);

        assert_non_null(team);
        assert_in_range(tw_team_working(team), 1, tw_team_affinity() < 64 ? tw_team_affinity() : 64);
        tw_team_release(team);
    }
    assert_int_equal(home ? setenv("TOWER_CPUS", kept, 1) : 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rank_runs_once),
        cmocka_unit_test(barriers_separate_stages),
        cmocka_unit_test(working_members_have_a_cpu_each),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(members_are_placed_and_sent_home),
        cmocka_unit_test(teams_of_one_thread_can_alternate),
        cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(every_failed_allocation_is_cleaned_up),
        cmocka_unit_test(shares_cover_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

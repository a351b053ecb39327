#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/team.h"
#include "tests/support/test_support.h"

/* Runs inside runs, and beside them. What fails here mostly hangs, so CTest ends it (tests/CMakeLists.txt), which also
 * runs these tests where the OpenMP runtime gives threads to a region inside another. */

enum { STAGES = 100, MOST = 3 };

struct walk {
    struct tw_team *team;
    int stage[MOST], mismatches[MOST];
};

/* As in test_team.c: every member must see all others in its own stage. */
static void walk_stages(struct walk *walk, int rank, int threads)
{
    for (int stage = 1; stage <= STAGES; stage++) {
        walk->stage[rank] = stage;
        tw_team_barrier(walk->team);
        for (int other = 0; other < threads; other++)
            walk->mismatches[rank] += walk->stage[other] != stage;
        tw_team_barrier(walk->team);
    }
}

static void assert_walked(const struct walk *walk)
{
    for (int rank = 0; rank < tw_team_threads(walk->team); rank++) {
        assert_int_equal(walk->stage[rank], STAGES);
        assert_int_equal(walk->mismatches[rank], 0);
    }
}

typedef void run_function(struct tw_team *team, tw_team_body *body, void *context);

struct nested {
    struct walk outer;
    struct tw_team *inner;
    run_function *run;
    atomic_int calls, most_threads;
};

static void note_inner(void *context, int rank, int threads)
{
    struct nested *nested = context;

    (void)rank;
    atomic_fetch_add(&nested->calls, 1);
    if (threads > atomic_load(&nested->most_threads))
        atomic_store(&nested->most_threads, threads);
    tw_team_barrier(nested->inner); /* one member: must not wait for those of the outer run */
}

/* The others walk meanwhile: the inner run must neither join them at their barriers nor change who meets there. */
static void run_inside(void *context, int rank, int threads)
{
    struct nested *nested = context;

    if (rank == 0)
        nested->run(nested->inner, note_inner, nested);
    walk_stages(&nested->outer, rank, threads);
    if (rank == 0)
        nested->run(nested->inner, note_inner, nested);
}

/* Fails unless `run` of `inner` inside a run of `outer` gets one thread, the outer run all of its own. */
static void assert_one_inside(struct tw_team *outer, struct tw_team *inner, run_function *run)
{
    struct nested nested = {.outer = {.team = outer}, .inner = inner, .run = run};

    tw_team_run(outer, run_inside, &nested);
    assert_int_equal(nested.calls, 2);
    assert_int_equal(nested.most_threads, 1);
    assert_walked(&nested.outer);
}

/* Also inside a run of one, which is no region to the OpenMP runtime. */
static void a_run_inside_a_run_gets_one_thread(void **state)
{
    (void)state;
    for (int threads = 1; threads <= MOST; threads++) {
        struct tw_team *outer = tw_team_new(threads, TW_BIND_NONE);

        assert_one_inside(outer, outer, tw_team_run);
        assert_one_inside(outer, outer, tw_team_run_working);
        for (int inside = 1; inside <= MOST; inside++) {
            struct tw_team *inner = tw_team_new(inside, TW_BIND_NONE);

            assert_one_inside(outer, inner, tw_team_run);
            assert_one_inside(outer, inner, tw_team_run_working);
            tw_team_release(inner);
        }
        tw_team_release(outer);
    }
}

/* A run of the only member that has a CPU enters no region: the one around it has two threads. */
static void a_barrier_is_not_that_of_the_region_around(void **state)
{
    const char *home = getenv("TOWER_CPUS");
    char kept[16];
    struct tw_team *outer = tw_team_new(2, TW_BIND_NONE), *inner;

    (void)state;
    assert_true(!home || snprintf(kept, sizeof kept, "%s", home) < (int)sizeof kept);
    assert_int_equal(setenv("TOWER_CPUS", "1", 1), 0);
    inner = tw_team_new(2, TW_BIND_NONE);
    assert_int_equal(home ? setenv("TOWER_CPUS", kept, 1) : unsetenv("TOWER_CPUS"), 0);
    assert_int_equal(tw_team_working(inner), 1);
    assert_one_inside(outer, inner, tw_team_run_working);
    assert_one_inside(outer, inner, tw_team_run);
    tw_team_release(inner);
    tw_team_release(outer);
}

/* From inside the inner run, the outer team's barrier is still that of all its members. */
static void walk_outer(void *context, int rank, int threads)
{
    struct nested *nested = context;

    (void)rank, (void)threads;
    walk_stages(&nested->outer, 0, tw_team_threads(nested->outer.team));
}

static void walk_from_inside(void *context, int rank, int threads)
{
    struct nested *nested = context;

    if (rank == 0) {
        tw_team_run(nested->inner, walk_outer, nested);
    } else {
        walk_stages(&nested->outer, rank, threads);
    }
}

static void a_barrier_belongs_to_its_team(void **state)
{
    struct nested nested = {.outer = {.team = tw_team_new(3, TW_BIND_NONE)},
                            .inner = tw_team_new(2, TW_BIND_NONE)};

    (void)state;
    tw_team_run(nested.outer.team, walk_from_inside, &nested);
    assert_walked(&nested.outer);
    tw_team_release(nested.inner);
    tw_team_release(nested.outer.team);
}

static void make_teams(void *context, int rank, int threads)
{
    struct tw_team **refused = context, *own = tw_team_new(1, TW_BIND_COMPACT);

    (void)threads;
    tw_team_barrier(own);
    tw_team_release(own);
    if (rank == 0)
        *refused = tw_team_new(2, TW_BIND_NONE);
}

static void a_team_made_inside_a_run_has_one_thread(void **state)
{
    (void)state;
    for (int threads = 1; threads <= MOST; threads++) {
        struct tw_team *outer = tw_team_new(threads, TW_BIND_NONE), *refused = outer;

        tw_team_run(outer, make_teams, &refused);
        assert_null(refused);
        assert_int_equal(tw_error_status(), TW_ERROR_UNSUPPORTED);
        assert_non_null(strstr(tw_error_message(), "OpenMP gives 1 of 2 threads"));
        tw_team_release(outer);
    }
}

/* A thread of the program's own, with teams of its own; CMocka's assertions are for the main thread. */
struct side {
    struct nested nested;
    pthread_t thread;
};

static void *run_one_side(void *context)
{
    struct side *side = context;
    struct nested *nested = &side->nested;

    nested->outer.team = tw_team_new(MOST, TW_BIND_NONE);
    nested->inner = tw_team_new(2, TW_BIND_NONE);
    nested->run = tw_team_run;
    if (nested->outer.team != NULL && nested->inner != NULL) {
        for (int run = 0; run < 10; run++)
            tw_team_run(nested->outer.team, run_inside, nested);
    }
    tw_team_release(nested->inner);
    tw_team_release(nested->outer.team);
    return NULL;
}

static void teams_of_two_threads_run_side_by_side(void **state)
{
    struct side sides[2] = {0};

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&sides[i].thread, NULL, run_one_side, &sides[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(sides[i].thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        const struct nested *nested = &sides[i].nested;

        assert_int_equal(nested->calls, 20);
        assert_int_equal(nested->most_threads, 1);
        for (int rank = 0; rank < MOST; rank++) {
            assert_int_equal(nested->outer.stage[rank], STAGES);
            assert_int_equal(nested->outer.mismatches[rank], 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_inside_a_run_gets_one_thread),
        cmocka_unit_test(a_barrier_is_not_that_of_the_region_around),
        cmocka_unit_test(a_barrier_belongs_to_its_team),
        cmocka_unit_test(a_team_made_inside_a_run_has_one_thread),
        cmocka_unit_test(teams_of_two_threads_run_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

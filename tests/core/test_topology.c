#include <sched.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"
#include "core/topology.h"
#include "tests/support/test_support.h"

#define MOST 64

static void check_order(const char *machine, enum tw_bind bind, int threads, const int *expected)
{
    struct tw_topology *topology = tw_topology_new(machine);
    int unit[MOST];

    assert_non_null(topology);
    assert_ok(tw_topology_place(topology, bind, threads, unit));
    for (int i = 0; i < threads; i++)
        if (unit[i] != expected[i])
            fail_msg("%s, %s: thread %d is on unit %d, expected %d", machine, tw_bind_name(bind), i, unit[i],
                     expected[i]);
    tw_topology_release(topology);
}

#define ORDER(machine, bind, ...) \
    check_order(machine, bind, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__})

static void compact_fills_one_package_first(void **state)
{
    (void)state;
    ORDER("package:2 core:3 pu:1", TW_BIND_COMPACT, 0, 1, 2, 3, 4, 5);
    ORDER("package:2 numa:2 core:2 pu:1", TW_BIND_COMPACT, 0, 1, 2, 3, 4, 5, 6, 7);
}

static void compact_takes_every_core_before_a_second_unit(void **state)
{
    (void)state;
    ORDER("package:2 numa:1 core:2 pu:2", TW_BIND_COMPACT, 0, 2, 4, 6, 1, 3, 5, 7);
    ORDER("core:2 pu:4", TW_BIND_COMPACT, 0, 4, 1, 5, 2, 6, 3, 7);
}

static void scatter_alternates_between_packages(void **state)
{
    (void)state;
    ORDER("package:2 numa:1 core:3 pu:1", TW_BIND_SCATTER, 0, 3, 1, 4, 2, 5);
    ORDER("package:2 numa:1 core:2 pu:2", TW_BIND_SCATTER, 0, 4, 2, 6, 1, 5, 3, 7);
}

static void scatter_spreads_over_numa_nodes_within_packages(void **state)
{
    (void)state;
    /* Units 0 1 | 2 3 are the nodes of package 0, units 4 5 | 6 7 those of package 1. */
    ORDER("package:2 group:2 [numa] core:2 pu:1", TW_BIND_SCATTER, 0, 4, 2, 6, 1, 5, 3, 7);
    ORDER("group:2 [numa] package:2 core:2 pu:1", TW_BIND_SCATTER, 0, 4, 2, 6, 1, 5, 3, 7);
}

static void scatter_spreads_over_shared_caches(void **state)
{
    (void)state;
    ORDER("package:1 l3:2 core:3 pu:1", TW_BIND_SCATTER, 0, 3, 1, 4, 2, 5);
    ORDER("package:2 l3:2 l2:2 core:1 pu:2", TW_BIND_SCATTER, 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11,
          7, 15);
}

/* Indices as the system numbers them: siblings 4 apart, as Linux does on most x86 machines. */
static void units_are_the_systems_indices(void **state)
{
    (void)state;
    ORDER("package:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)", TW_BIND_COMPACT, 0, 1, 2, 3, 4, 5, 6, 7);
    ORDER("package:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)", TW_BIND_SCATTER, 0, 2, 1, 3, 4, 6, 5, 7);
}

static void too_many_threads_wrap_around(void **state)
{
    (void)state;
    ORDER("core:3 pu:1", TW_BIND_COMPACT, 0, 1, 2, 0, 1, 2, 0);
    ORDER("package:2 core:1 pu:2", TW_BIND_SCATTER, 0, 2, 1, 3, 0, 2);
    ORDER("core:1 pu:1", TW_BIND_SCATTER, 0, 0, 0);
}

static void cores_may_be_unknown(void **state)
{
    (void)state;
    ORDER("package:2 pu:2", TW_BIND_COMPACT, 0, 1, 2, 3);
    ORDER("package:2 pu:2", TW_BIND_SCATTER, 0, 2, 1, 3);
}

static void none_binds_nothing(void **state)
{
    (void)state;
    ORDER("package:2 core:2 pu:2", TW_BIND_NONE, -1, -1, -1);
}

static void every_unit_is_used_once(void **state)
{
    static const char *const machines[] = {"package:2 numa:2 l3:2 core:4 pu:2", "package:4 core:3 pu:4",
                                           "numa:8 core:8 pu:1", "package:1 core:48 pu:1"};

    (void)state;
    for (size_t m = 0; m < sizeof machines / sizeof *machines; m++)
        for (enum tw_bind bind = TW_BIND_COMPACT; bind <= TW_BIND_SCATTER; bind++) {
            struct tw_topology *topology = tw_topology_new(machines[m]);
            int units = tw_topology_machine(topology).processing_units, unit[MOST] = {0};
            bool seen[MOST] = {false};

            assert_in_range(units, 1, MOST);
            assert_ok(tw_topology_place(topology, bind, units, unit));
            for (int i = 0; i < units; i++) {
                assert_in_range(unit[i], 0, units - 1);
                assert_false(seen[unit[i]]);
                seen[unit[i]] = true;
            }
            tw_topology_release(topology);
        }
}

static void machines_are_counted(void **state)
{
    struct tw_topology *topology = tw_topology_new("package:2 [numa] core:4 pu:2");
    struct tw_machine machine = tw_topology_machine(topology);

    (void)state;
    assert_int_equal(machine.packages, 2);
    assert_int_equal(machine.numa_nodes, 2);
    assert_int_equal(machine.cores, 8);
    assert_int_equal(machine.processing_units, 16);
    tw_topology_release(topology);
    topology = tw_topology_new("pu:3");
    machine = tw_topology_machine(topology);
    assert_int_equal(machine.packages, 1);
    assert_int_equal(machine.cores, 1);
    assert_int_equal(machine.processing_units, 3);
    tw_topology_release(topology);
}

static void bad_input_is_refused(void **state)
{
    struct tw_topology *topology = tw_topology_new("core:2 pu:1");
    int unit[1];

    (void)state;
    assert_null(tw_topology_new("package:two"));
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
    assert_non_null(strstr(tw_error_message(), "\"package:two\""));
    assert_null(tw_topology_new(""));
    assert_fails(TW_ERROR_ARGUMENT, "binding 9", tw_topology_place(topology, (enum tw_bind)9, 1, unit));
    tw_memory_fail_after(0);
    assert_fails(TW_ERROR_MEMORY, "allocate", tw_topology_place(topology, TW_BIND_COMPACT, 1, unit));
    assert_null(tw_topology_new("core:2 pu:1"));
    assert_null(tw_topology_save_affinity(topology));
    tw_memory_fail_after(-1);
    tw_topology_release(topology);
    tw_topology_release(NULL);
    tw_affinity_release(NULL);
}

static void bindings_have_names(void **state)
{
    enum tw_bind bind;

    (void)state;
    for (enum tw_bind i = TW_BIND_NONE; i <= TW_BIND_SCATTER; i++) {
        assert_ok(tw_bind_parse(tw_bind_name(i), &bind));
        assert_int_equal(bind, i);
    }
    assert_string_equal(tw_bind_name((enum tw_bind)5), "?");
    assert_fails(TW_ERROR_ARGUMENT, "\"close\" is unknown, expected none, compact or scatter",
                 tw_bind_parse("close", &bind));
}

static void this_machine_is_what_the_thread_may_use(void **state)
{
    struct tw_topology *topology = tw_topology_new(NULL);
    struct tw_machine machine = tw_topology_machine(topology);
    cpu_set_t before, one;
    int unit[3], allowed = 0;

    (void)state;
    assert_int_equal(machine.processing_units, tw_threads_affinity());
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    while (!CPU_ISSET(allowed, &before))
        allowed++;
    CPU_ZERO(&one);
    CPU_SET(allowed, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    tw_topology_release(topology);
    topology = tw_topology_new(NULL);
    assert_int_equal(tw_topology_machine(topology).processing_units, 1);
    assert_int_equal(tw_topology_machine(topology).cores, 1);
    assert_ok(tw_topology_place(topology, TW_BIND_SCATTER, 3, unit));
    for (int i = 0; i < 3; i++)
        assert_int_equal(unit[i], allowed);
    tw_topology_release(topology);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void a_thread_is_bound_and_set_free(void **state)
{
    struct tw_topology *topology = tw_topology_new(NULL);
    struct tw_affinity *affinity = tw_topology_save_affinity(topology);
    cpu_set_t before, now;
    int unit[2];

    (void)state;
    assert_non_null(affinity);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_ok(tw_topology_place(topology, TW_BIND_COMPACT, 2, unit));
    for (int i = 1; i >= 0; i--) {
        assert_ok(tw_topology_bind_thread(topology, unit[i]));
        assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
        assert_int_equal(CPU_COUNT(&now), 1);
        assert_true(CPU_ISSET(unit[i], &now));
    }
    assert_ok(tw_topology_bind_thread(topology, -1));
    assert_int_equal(tw_threads_affinity(), 1);
    assert_fails(TW_ERROR_UNSUPPORTED, "processing unit 100000", tw_topology_bind_thread(topology, 100000));
    tw_topology_restore_affinity(topology, affinity);
    assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
    assert_true(CPU_EQUAL(&before, &now));
    tw_affinity_release(affinity);
    tw_topology_release(topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_fills_one_package_first),
        cmocka_unit_test(compact_takes_every_core_before_a_second_unit),
        cmocka_unit_test(scatter_alternates_between_packages),
        cmocka_unit_test(scatter_spreads_over_numa_nodes_within_packages),
        cmocka_unit_test(scatter_spreads_over_shared_caches),
        cmocka_unit_test(units_are_the_systems_indices),
        cmocka_unit_test(too_many_threads_wrap_around),
        cmocka_unit_test(cores_may_be_unknown),
        cmocka_unit_test(none_binds_nothing),
        cmocka_unit_test(every_unit_is_used_once),
        cmocka_unit_test(machines_are_counted),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(bindings_have_names),
        cmocka_unit_test(this_machine_is_what_the_thread_may_use),
        cmocka_unit_test(a_thread_is_bound_and_set_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

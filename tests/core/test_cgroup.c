#include <string.h>

#include "core/team.h"
#include "tests/support/test_support.h"

static int make_tree(void **state)
{
    *state = tw_test_temporary_folder();
    return 0;
}

static int remove_tree(void **state)
{
    tw_test_remove_folder(*state);
    return 0;
}

static void put(const char *root, const char *path, const char *text)
{
    tw_test_write_file(root, path, text, strlen(text));
}

static void no_files_are_no_limit(void **state)
{
    assert_int_equal(tw_cgroup_cpu_quota(*state), 0);
    put(*state, "proc/self/cgroup", "0::/user.slice\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 0);
}

static void version_2_rounds_up(void **state)
{
    static const struct {
        const char *text;
        int cpus;
    } cases[] = {
        {"max 100000\n", 0},  {"200000 100000\n", 2}, {"200001 100000\n", 3},
        {"1000 100000\n", 1}, {"150000 50000\n", 3},  {"99999999999999 1\n", INT32_MAX},
    };

    put(*state, "proc/self/cgroup", "0::/a/b\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(*state, "sys/fs/cgroup/a/b/cpu.max", cases[i].text);
        assert_int_equal(tw_cgroup_cpu_quota(*state), cases[i].cpus);
    }
}

static void the_least_of_the_ancestors_counts(void **state)
{
    put(*state, "proc/self/cgroup", "0::/a/b/c\n");
    put(*state, "sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 8);
    put(*state, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put(*state, "sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 3);
    put(*state, "sys/fs/cgroup/cpu.max", "150000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 2);
    put(*state, "sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 1);
}

static void a_sibling_does_not_count(void **state)
{
    put(*state, "proc/self/cgroup", "0::/a/b\n");
    put(*state, "sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
    put(*state, "sys/fs/cgroup/a/b/below/cpu.max", "100000 100000\n");
    put(*state, "sys/fs/cgroup/a/beside/cpu.max", "100000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 4);
}

/* A container sees its own group as the mount's root, while the path may be the host's. */
static void a_containers_root_counts(void **state)
{
    put(*state, "sys/fs/cgroup/cpu.max", "250000 100000\n");
    put(*state, "proc/self/cgroup", "0::/docker/51ab\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 3);
    put(*state, "proc/self/cgroup", "0::/\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 3);
    put(*state, "proc/self/cgroup", "0::/../other\n");
    put(*state, "sys/fs/other/cpu.max", "100000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 3);
}

static void version_1_counts_the_cpu_controller_only(void **state)
{
    put(*state, "proc/self/cgroup", "12:cpuset:/x\n4:cpuacct,cpu:/a/b\n1:name=systemd:/y\n");
    put(*state, "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n");
    put(*state, "sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    put(*state, "sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n");
    put(*state, "sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 0);
    put(*state, "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "520000\n");
    put(*state, "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 6);
}

static void both_versions_may_limit(void **state)
{
    put(*state, "proc/self/cgroup", "3:cpu:/a\n0::/b\n");
    put(*state, "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "500000\n");
    put(*state, "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    put(*state, "sys/fs/cgroup/unified/b/cpu.max", "700000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 5);
    put(*state, "sys/fs/cgroup/unified/b/cpu.max", "400000 100000\n");
    assert_int_equal(tw_cgroup_cpu_quota(*state), 4);
}

static void nonsense_is_no_limit(void **state)
{
    static const char *const lines[] = {"",        "\n",    "0",      "0:", "0::", "0::relative\n",
                                        ":::::\n", "4:cpu", "0::/a\n"};
    static const char *const limits[] = {"",           "\n",       "abc def\n", "-5 100000\n",
                                         "100000 0\n", "100000\n", "0 100000\n"};

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        put(*state, "proc/self/cgroup", lines[i]);
        assert_int_equal(tw_cgroup_cpu_quota(*state), 0);
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        put(*state, "sys/fs/cgroup/a/cpu.max", limits[i]);
        assert_int_equal(tw_cgroup_cpu_quota(*state), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_tree, remove_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_files_are_no_limit),
        TEST(version_2_rounds_up),
        TEST(the_least_of_the_ancestors_counts),
        TEST(a_sibling_does_not_count),
        TEST(a_containers_root_counts),
        TEST(version_1_counts_the_cpu_controller_only),
        TEST(both_versions_may_limit),
        TEST(nonsense_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

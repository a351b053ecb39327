#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "tests/support/test_support.h"

/* Whether the kernel lists `flag` for this CPU; the kernel too leaves out what it does not let programs use.
 */
static bool kernel_lists(const char *flag)
{
    char line[8192], key[64];
    bool found = false;
    FILE *file = fopen("/proc/cpuinfo", "r");

    assert_non_null(file);
    snprintf(key, sizeof key, " %s ", flag);
    while (!found && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = ' ';
        found = strncmp(line, "flags", 5) == 0 && strstr(line, key) != NULL;
    }
    fclose(file);
    return found;
}

static void features_are_those_the_kernel_lists(void **state)
{
    const struct tw_cpu *cpu = tw_cpu();
    const struct {
        const char *flag;
        bool detected;
    } features[] = {
        {"avx2", cpu->avx2},
        {"fma", cpu->fma},
        {"f16c", cpu->f16c},
        {"avx512f", cpu->avx512f},
        {"avx512bw", cpu->avx512bw},
        {"avx512dq", cpu->avx512dq},
        {"avx512vl", cpu->avx512vl},
        {"avx512_vnni", cpu->avx512_vnni},
        {"avx512_bf16", cpu->avx512_bf16},
    };

    (void)state;
#if !defined(__x86_64__)
    skip();
#endif
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (features[i].detected != kernel_lists(features[i].flag))
            fail_msg("%s: %d, /proc/cpuinfo disagrees", features[i].flag, features[i].detected);
    assert_int_equal(cpu->xcr0 & 1, kernel_lists("xsave")); /* x87 state is always on where XCR0 exists */
    assert_int_equal(strlen(cpu->vendor), 12);
    assert_false(cpu->neon);
}

static void names_are_trimmed(void **state)
{
    const char *name = tw_cpu()->model_name;
    size_t length = strlen(name);

    (void)state;
    assert_true(length == 0 || (name[0] != ' ' && name[length - 1] != ' '));
    assert_true(tw_cpu()->vendor[0] != '\0');
    assert_ptr_equal(tw_cpu(), tw_cpu());
}

/* What is known must be plausible: at least 4 KiB, and no level smaller than the one before. */
static void cache_sizes_are_plausible_or_unknown(void **state)
{
    const struct tw_cpu *cpu = tw_cpu();
    size_t size[] = {cpu->l1d_bytes, cpu->l2_bytes, cpu->l3_bytes}, before = 4096;

    (void)state;
    for (int level = 0; level < 3; level++) {
        if (size[level] == 0)
            continue;
        assert_in_range(size[level], before, (size_t)4 << 30);
        before = size[level];
    }
}

static void isa_names_can_be_parsed(void **state)
{
    enum tw_isa isa;

    (void)state;
    for (int i = 0; i < TW_ISA_COUNT; i++) {
        assert_ok(tw_isa_parse(tw_isa_name((enum tw_isa)i), &isa));
        assert_int_equal(isa, i);
    }
    assert_string_equal(tw_isa_name(TW_ISA_AVX512), "avx512");
    assert_string_equal(tw_isa_name(TW_ISA_COUNT), "?");
    assert_fails(TW_ERROR_ARGUMENT, "\"sse9\" is unknown, expected reference, neon, avx2 or avx512",
                 tw_isa_parse("sse9", &isa));
    assert_fails(TW_ERROR_ARGUMENT, "\"\"", tw_isa_parse("", &isa));
}

static enum tw_isa best_isa(void)
{
    for (int isa = TW_ISA_COUNT - 1; isa > TW_ISA_REFERENCE; isa--)
        if (tw_isa_available((enum tw_isa)isa))
            return (enum tw_isa)isa;
    return TW_ISA_REFERENCE;
}

static void availability_needs_all_of_an_isa(void **state)
{
    const struct tw_cpu *cpu = tw_cpu();

    (void)state;
    assert_true(tw_isa_available(TW_ISA_REFERENCE));
#if defined(__aarch64__)
    assert_true(cpu->neon); /* part of the base architecture */
#endif
    assert_int_equal(tw_isa_available(TW_ISA_NEON), cpu->neon);
    assert_false(tw_isa_available(TW_ISA_COUNT));
    assert_int_equal(tw_isa_available(TW_ISA_AVX2), cpu->avx2 && cpu->fma);
    assert_int_equal(tw_isa_available(TW_ISA_AVX512), cpu->avx2 && cpu->fma && cpu->avx512f &&
                                                          cpu->avx512bw && cpu->avx512dq && cpu->avx512vl);
}

static void the_best_isa_is_chosen(void **state)
{
    const char *reason = NULL;
    enum tw_isa isa;

    (void)state;
    assert_int_equal(unsetenv("TOWER_ISA"), 0);
    assert_ok(tw_isa_choose(TW_ISA_COUNT, &isa, &reason));
    assert_int_equal(isa, best_isa());
    assert_string_equal(reason, "best this CPU and build have");
    assert_int_equal(setenv("TOWER_ISA", "", 1), 0);
    assert_ok(tw_isa_choose(TW_ISA_COUNT, &isa, NULL));
    assert_int_equal(isa, best_isa());
}

static void the_lower_request_wins(void **state)
{
    enum tw_isa isa, best = best_isa();
    const char *reason;

    (void)state;
    assert_int_equal(setenv("TOWER_ISA", "reference", 1), 0);
    assert_ok(tw_isa_choose(TW_ISA_COUNT, &isa, &reason));
    assert_int_equal(isa, TW_ISA_REFERENCE);
    assert_string_equal(reason, "TOWER_ISA");
    assert_ok(tw_isa_choose(best, &isa, &reason));
    assert_int_equal(isa, TW_ISA_REFERENCE);
    assert_string_equal(reason, "TOWER_ISA");
    assert_int_equal(setenv("TOWER_ISA", tw_isa_name(best), 1), 0);
    assert_ok(tw_isa_choose(TW_ISA_COUNT, &isa, &reason));
    assert_int_equal(isa, best);
    assert_string_equal(reason, "TOWER_ISA");
    if (best != TW_ISA_REFERENCE) {
        assert_ok(tw_isa_choose(TW_ISA_REFERENCE, &isa, &reason));
        assert_int_equal(isa, TW_ISA_REFERENCE);
        assert_string_equal(reason, "requested");
    }
    assert_int_equal(unsetenv("TOWER_ISA"), 0);
}

static void what_is_not_there_is_refused(void **state)
{
    enum tw_isa isa = TW_ISA_REFERENCE;
    int refused = 0;

    (void)state;
    for (int i = 0; i < TW_ISA_COUNT; i++) {
        const char *name = tw_isa_name((enum tw_isa)i);
        char by_environment[32];

        if (tw_isa_available((enum tw_isa)i))
            continue;
        snprintf(by_environment, sizeof by_environment, "%s (TOWER_ISA)", name);
        assert_int_equal(unsetenv("TOWER_ISA"), 0);
        assert_fails(TW_ERROR_UNSUPPORTED, name, tw_isa_choose((enum tw_isa)i, &isa, NULL));
        assert_int_equal(setenv("TOWER_ISA", name, 1), 0);
        assert_fails(TW_ERROR_UNSUPPORTED, by_environment, tw_isa_choose(TW_ISA_REFERENCE, &isa, NULL));
        refused++;
    }
    assert_true(refused > 0); /* no machine has both NEON and AVX2 */
    assert_int_equal(setenv("TOWER_ISA", "AVX2", 1), 0);
    assert_fails(TW_ERROR_ARGUMENT, "TOWER_ISA: instruction set \"AVX2\"",
                 tw_isa_choose(TW_ISA_COUNT, &isa, NULL));
    assert_int_equal(unsetenv("TOWER_ISA"), 0);
    assert_fails(TW_ERROR_ARGUMENT, "77", tw_isa_choose((enum tw_isa)77, &isa, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_those_the_kernel_lists),
        cmocka_unit_test(names_are_trimmed),
        cmocka_unit_test(cache_sizes_are_plausible_or_unknown),
        cmocka_unit_test(isa_names_can_be_parsed),
        cmocka_unit_test(availability_needs_all_of_an_isa),
        cmocka_unit_test(the_best_isa_is_chosen),
        cmocka_unit_test(the_lower_request_wins),
        cmocka_unit_test(what_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tower-bench-table: makes a page of Markdown from what tower-bench measured, one file per instruction set, and, if asked
 * for, of what was to be reached. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "benchmarks/results.h"
#include "benchmarks/targets.h"
#include "core/cpu.h"

#define MOST_FILES 8

/* How much longer the peer takes, repetition by repetition: they were interleaved. */
struct ratio {
    double median, low, high;
};

static struct ratio ratio_of(const struct tw_result *tower, const struct tw_result *peer)
{
    const int count = tower->count < peer->count ? tower->count : peer->count;
    struct ratio ratio = {peer->median / tower->median, INFINITY, 0.0};

    for (int i = 0; i < count; i++) {
        const double each = peer->times[i] / tower->times[i];

        ratio.low = fmin(ratio.low, each);
        ratio.high = fmax(ratio.high, each);
    }
    return ratio;
}

static void print_machine(const struct tw_results *results)
{
    static const char *const keys[] = {"isa",          "peers",        "compiler",     "fma peak",
                                       "bandwidth L1", "bandwidth L2", "bandwidth L3", "bandwidth memory"};

    printf("| | |\n| --- | --- |\n");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (*tw_results_note(results, keys[i]))
            printf("| %s | %s |\n", keys[i], tw_results_note(results, keys[i]));
    printf("| measured | %s |\n\n", tw_results_note(results, "date"));
}

/* Three significant digits, more in front of the point. */
static void print_time(double microseconds)
{
    int digits = 2;

    for (double value = microseconds; value > 0.0 && value < 1.0 && digits < 6; value *= 10.0)
        digits++;
    for (double value = microseconds; value >= 10.0 && digits > 0; value /= 10.0)
        digits--;
    printf(" %.*f |", digits, microseconds);
}

static void print_result(const struct tw_result *result)
{
    print_time(result->median);
    printf(" %.1f |", result->rate);
    if (result->per_cent > 0.0)
        printf(" %.0f %% |", result->per_cent);
    else
        printf(" |");
}

/* Tower's dense way beside the one that leaves zeros out. */
static void print_dense(const struct tw_result *tower, const struct tw_result *dense)
{
    if (!dense) {
        printf(" | |");
        return;
    }
    print_time(dense->median);
    printf(" %.2f |", dense->median / tower->median);
}

static void print_contest(const struct tw_contest_result *contest, bool has_dense)
{
    const struct tw_result *tower = tw_result_of(contest, "tower"), *peer = tw_result_of_best_peer(contest);

    if (!tower)
        return;
    printf("| %s |", contest->shape);
    print_result(tower);
    if (peer) {
        const struct ratio ratio = ratio_of(tower, peer);

        printf(" %s |", peer->entrant);
        print_time(peer->median);
        printf(" **%.2f** | %.2f … %.2f |", ratio.median, ratio.low, ratio.high);
    } else {
        printf(" | | | |");
    }
    if (has_dense)
        print_dense(tower, tw_result_of(contest, "tower-dense"));
    printf("\n");
}

/* The ratios' geometric mean and least. */
static void print_ratios(const struct tw_results *results, const char *operation)
{
    double logarithms = 0.0, least = INFINITY;
    int ratios = 0;

    for (int i = 0; i < results->count; i++) {
        const struct tw_contest_result *contest = &results->contests[i];
        const double ratio = strcmp(contest->operation, operation) == 0 ? tw_result_ratio(contest) : 0.0;

        if (ratio > 0.0) {
            logarithms += log(ratio);
            least = fmin(least, ratio);
            ratios++;
        }
    }
    if (ratios > 1)
        printf("\n%d shapes: geometric mean of the ratios %.2f, least %.2f\n", ratios,
               exp(logarithms / ratios), least);
}

/* The contests of one operation, in the order of the file. */
static void print_operation(const struct tw_results *results, const char *operation)
{
    bool has_dense = false;

    for (int i = 0; i < results->count; i++)
        has_dense = has_dense || (strcmp(results->contests[i].operation, operation) == 0 &&
                                  tw_result_of(&results->contests[i], "tower-dense"));
    printf("### %s\n\n", operation);
    printf("| shape | Tower, us | GFLOP/s or GB/s | of peak | best peer | its us | ratio | spread |%s\n",
           has_dense ? " dense, us | dense : Tower |" : "");
    printf("| --- | ---: | ---: | ---: | --- | ---: | ---: | --- |%s\n", has_dense ? " ---: | ---: |" : "");
    for (int i = 0; i < results->count; i++)
        if (strcmp(results->contests[i].operation, operation) == 0)
            print_contest(&results->contests[i], has_dense);
    print_ratios(results, operation);
    printf("\n");
}

static bool is_first_of_operation(const struct tw_results *results, int index)
{
    for (int i = 0; i < index; i++)
        if (strcmp(results->contests[i].operation, results->contests[index].operation) == 0)
            return false;
    return true;
}

static void print_results(const struct tw_results *results)
{
    printf("## %s\n\n", tw_results_note(results, "isa"));
    print_machine(results);
    for (int i = 0; i < results->count; i++)
        if (is_first_of_operation(results, i))
            print_operation(results, results->contests[i].operation);
}

/* Says so where an instruction set that Tower has kernels for is missing, rather than leaving it out. */
static void print_missing(const char *printed)
{
    for (int isa = TW_ISA_AVX2; isa < TW_ISA_COUNT; isa++) {
        const char *name = tw_isa_name((enum tw_isa)isa);

        if (!strstr(printed, name))
            printf("## %s\n\nNot measured: %s.\n\n", name,
                   tw_isa_available((enum tw_isa)isa) ? "not asked for" : "this CPU does not have it");
    }
}

/* Reads and prints the files; false after printing which one cannot be read. */
static bool print_files(char **paths, int count, struct tw_results *results)
{
    char printed[256] = "";

    for (int i = 0; i < count; i++) {
        const size_t used = strlen(printed);

        if (tw_results_read(paths[i], &results[i]) != TW_OK) {
            fprintf(stderr, "tower-bench-table: %s\n", tw_error_message());
            return false;
        }
        print_results(&results[i]);
        snprintf(printed + used, sizeof printed - used, " %s", tw_results_note(&results[i], "isa"));
    }
    print_missing(printed);
    return true;
}

int main(int argc, char **argv)
{
    const bool has_targets = argc > 2 && strcmp(argv[1], "--targets") == 0;
    const int first = has_targets ? 3 : 1, count = argc - first;
    struct tw_results results[MOST_FILES] = {{0}};
    bool ok;

    if (count < 1 || count > MOST_FILES) {
        fprintf(stderr, "Usage: tower-bench-table [--targets FILE.txt] FILE.json …, up to %d of these\n",
                MOST_FILES);
        return 2;
    }
    ok = print_files(argv + first, count, results) &&
         (!has_targets || tw_targets_print(argv[2], results, count));
    for (int i = 0; i < count; i++)
        tw_results_release(&results[i]);
    return ok ? 0 : 1;
}

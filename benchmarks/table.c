/* tower-bench-table: makes a page of Markdown from what tower-bench measured, one file per instruction set. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "benchmarks/results.h"
#include "core/cpu.h"

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

static void print_result(const struct tw_result *result)
{
    printf(" %.1f | %.1f |", result->median, result->rate);
    if (result->per_cent > 0.0)
        printf(" %.0f %% |", result->per_cent);
    else
        printf(" |");
}

/* One shape. Returns the ratio, 0 if there was no peer. */
static double print_contest(const struct tw_contest_result *contest)
{
    const struct tw_result *tower = tw_result_of_tower(contest), *peer = tw_result_of_best_peer(contest);
    struct ratio ratio;

    if (!tower)
        return 0.0;
    printf("| %s |", contest->shape);
    print_result(tower);
    if (!peer) {
        printf(" | | | |\n");
        return 0.0;
    }
    ratio = ratio_of(tower, peer);
    printf(" %s | %.1f | **%.2f** | %.2f … %.2f |\n", peer->entrant, peer->median, ratio.median, ratio.low,
           ratio.high);
    return ratio.median;
}

/* The contests of one operation, in the order of the file, and the ratios' geometric mean and least. */
static void print_operation(const struct tw_results *results, const char *operation)
{
    double logarithms = 0.0, least = INFINITY;
    int ratios = 0;

    printf("### %s\n\n", operation);
    printf("| shape | Tower, us | GFLOP/s or GB/s | of peak | best peer | its us | ratio | spread |\n");
    printf("| --- | ---: | ---: | ---: | --- | ---: | ---: | --- |\n");
    for (int i = 0; i < results->count; i++) {
        double ratio;

        if (strcmp(results->contests[i].operation, operation) != 0)
            continue;
        ratio = print_contest(&results->contests[i]);
        if (ratio <= 0.0)
            continue;
        logarithms += log(ratio);
        least = fmin(least, ratio);
        ratios++;
    }
    if (ratios > 1)
        printf("\n%d shapes: geometric mean of the ratios %.2f, least %.2f\n", ratios,
               exp(logarithms / ratios), least);
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

int main(int argc, char **argv)
{
    struct tw_results results;
    char printed[256] = "";

    if (argc < 2) {
        fprintf(stderr, "Usage: tower-bench-table FILE.json …\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        const size_t used = strlen(printed);

        if (tw_results_read(argv[i], &results) != TW_OK) {
            fprintf(stderr, "tower-bench-table: %s\n", tw_error_message());
            return 1;
        }
        print_results(&results);
        snprintf(printed + used, sizeof printed - used, " %s", tw_results_note(&results, "isa"));
        tw_results_release(&results);
    }
    print_missing(printed);
    return 0;
}

#include "benchmarks/notes.h"

#include <stdio.h>
#include <string.h>

#include "benchmarks/peers/gemm.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void write_isas(const struct tw_session *session)
{
    char available[64] = "";

    for (int isa = 0; isa < TW_ISA_COUNT; isa++)
        if (tw_isa_available((enum tw_isa)isa)) {
            const size_t used = strlen(available);

            snprintf(available + used, sizeof available - used, "%s%s", used > 0 ? ", " : "",
                     tw_isa_name((enum tw_isa)isa));
        }
    tw_bench_note("isa", tw_isa_name(session->kernels->isa));
    tw_bench_note("available isas", available);
}

static void write_peers(const struct tw_session *session)
{
    void (*const versions[])(char[TW_PEER_VERSION]) = {tw_onednn_version, tw_openblas_version,
                                                       tw_blis_version, tw_libxsmm_version};
    char peers[5 * TW_PEER_VERSION] = "", version[TW_PEER_VERSION];

    for (size_t i = 0; session->peers && i < sizeof versions / sizeof *versions; i++) {
        const size_t used = strlen(peers);

        versions[i](version);
        if (*version)
            snprintf(peers + used, sizeof peers - used, "%s%s", used > 0 ? "; " : "", version);
    }
    tw_bench_note("peers", *peers ? peers : "none");
}

/* Half of each cache, so that nothing else matters, and several times the largest for memory. */
static void write_bandwidths(enum tw_isa isa)
{
    const struct tw_cpu *cpu = tw_cpu();
    const size_t most = (size_t)64 << 20;
    const struct {
        const char *name;
        size_t bytes;
    } levels[] = {{"L1", cpu->l1d_bytes / 2},
                  {"L2", cpu->l2_bytes / 2},
                  {"L3", cpu->l3_bytes / 2 < most / 4 ? cpu->l3_bytes / 2 : most / 4},
                  {"memory", 4 * cpu->l3_bytes > most ? 4 * cpu->l3_bytes : most}};
    char key[32], text[128];

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].bytes == 0 || levels[i].bytes > (size_t)1 << 30)
            continue;
        snprintf(key, sizeof key, "bandwidth %s", levels[i].name);
        snprintf(text, sizeof text, "load %.1f, store %.1f, copy %.1f GB/s (%zu KiB)",
                 tw_peak_bandwidth(isa, TW_TRAFFIC_LOAD, levels[i].bytes) / 1e9,
                 tw_peak_bandwidth(isa, TW_TRAFFIC_STORE, levels[i].bytes) / 1e9,
                 tw_peak_bandwidth(isa, TW_TRAFFIC_COPY, levels[i].bytes) / 1e9, levels[i].bytes >> 10);
        tw_bench_note(key, text);
    }
}

void tw_notes_write(const struct tw_session *session)
{
    const enum tw_isa isa = session->kernels->isa;
    char text[64];

    tw_bench_note("cpu", *tw_cpu()->model_name ? tw_cpu()->model_name : tw_cpu()->vendor);
    tw_bench_note("compiler", COMPILER);
    write_isas(session);
    write_peers(session);
    if (tw_peak_flops(isa) == 0.0)
        return;
    snprintf(text, sizeof text, "%.1f GFLOP/s", tw_peak_flops(isa) / 1e9);
    tw_bench_note("fma peak", text);
    if (!session->quick)
        write_bandwidths(isa);
}

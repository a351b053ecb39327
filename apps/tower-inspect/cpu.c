#include <stdio.h>

#include "apps/common/compute.h"
#include "apps/common/text.h"
#include "apps/tower-inspect/inspect.h"
#include "core/topology.h"

static void print_features(const struct tw_cpu *cpu)
{
    const struct {
        const char *name;
        bool present;
    } feature[] = {
        {"avx2", cpu->avx2},         {"fma", cpu->fma},
        {"f16c", cpu->f16c},         {"avx512f", cpu->avx512f},
        {"avx512bw", cpu->avx512bw}, {"avx512dq", cpu->avx512dq},
        {"avx512vl", cpu->avx512vl}, {"avx512_vnni", cpu->avx512_vnni},
        {"neon", cpu->neon},         {"avx512_bf16", cpu->avx512_bf16},
    };
    const char *separator = "";

    printf("  features   ");
    for (size_t i = 0; i < sizeof feature / sizeof *feature; i++) {
        if (!feature[i].present)
            continue;
        printf("%s%s", separator, feature[i].name);
        separator = " ";
    }
    printf("%s\n", *separator ? "" : "none that Tower has kernels for");
}

static void print_cpu(const struct tw_cpu *cpu)
{
    char l1[APP_TEXT_BYTES], l2[APP_TEXT_BYTES], l3[APP_TEXT_BYTES];

    printf("  cpu        %s, %s\n", cpu->model_name[0] ? cpu->model_name : "unnamed", cpu->vendor);
    print_features(cpu);
    if (cpu->xcr0)
        printf("  xcr0       %#llx: the operating system saves %s\n", cpu->xcr0,
               (cpu->xcr0 & 0xe6) == 0xe6   ? "ymm and zmm registers"
               : (cpu->xcr0 & 0x06) == 0x06 ? "ymm registers"
                                            : "neither ymm nor zmm registers");
    printf("  caches     L1d %s, L2 %s, L3 %s\n", app_bytes_text(cpu->l1d_bytes, l1),
           app_bytes_text(cpu->l2_bytes, l2), app_bytes_text(cpu->l3_bytes, l3));
}

static enum tw_status print_topology(void)
{
    struct tw_topology *topology = tw_topology_new(NULL);
    struct tw_machine machine;

    if (!topology)
        return tw_error_status();
    machine = tw_topology_machine(topology);
    printf("  topology   %d processing units, %d cores, %d packages, %d NUMA nodes\n",
           machine.processing_units, machine.cores, machine.packages, machine.numa_nodes);
    tw_topology_release(topology);
    return TW_OK;
}

enum tw_status inspect_cpu(void)
{
    struct compute compute;
    enum tw_status status;

    print_cpu(tw_cpu());
    status = print_topology();
    if (!status)
        status = compute_open(TW_ISA_COUNT, 0, 0, TW_BIND_NONE, 1, &compute);
    if (status)
        return status;
    compute_print(stdout, &compute);
    for (int isa = 0; isa < TW_ISA_COUNT; isa++)
        printf("  %-10s %s\n", tw_isa_name(isa), tw_isa_available(isa) ? "can run here" : "cannot run here");
    compute_release(&compute);
    return TW_OK;
}

#include "core/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* Register bits: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
enum {
    LEAF1_ECX_FMA = 12,
    LEAF1_ECX_OSXSAVE = 27,
    LEAF1_ECX_F16C = 29,
    LEAF7_EBX_AVX2 = 5,
    LEAF7_EBX_AVX512F = 16,
    LEAF7_EBX_AVX512DQ = 17,
    LEAF7_EBX_AVX512BW = 30,
    LEAF7_EBX_AVX512VL = 31,
    LEAF7_ECX_AVX512_VNNI = 11,
    LEAF7_1_EAX_AVX512_BF16 = 5,
};

#define XCR0_YMM 0x06U /* bits 1 and 2: xmm and upper ymm state */
#define XCR0_ZMM 0xe6U /* and bits 5 to 7: mask registers, upper zmm, zmm16 to zmm31 */

struct leaf {
    unsigned eax, ebx, ecx, edx; /* all 0 if the CPU does not have the leaf */
};

static struct leaf read_leaf(unsigned number, unsigned part)
{
    struct leaf leaf = {0};

    __get_cpuid_count(number, part, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx);
    return leaf;
}

static bool bit(unsigned word, int position)
{
    return (word >> position & 1U) != 0;
}

/* xgetbv as an instruction: the intrinsic would need -mxsave. Only where OSXSAVE says that it exists. */
static unsigned long long read_xcr0(void)
{
    unsigned low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (unsigned long long)high << 32 | low;
}

static void detect_features(struct tw_cpu *cpu)
{
    struct leaf one = read_leaf(1, 0), seven = read_leaf(7, 0), seven_one = {0};
    bool ymm, zmm;

    if (seven.eax >= 1) {
        seven_one = read_leaf(7, 1);
    }
    if (bit(one.ecx, LEAF1_ECX_OSXSAVE)) {
        cpu->xcr0 = read_xcr0();
    }
    ymm = (cpu->xcr0 & XCR0_YMM) == XCR0_YMM;
    zmm = (cpu->xcr0 & XCR0_ZMM) == XCR0_ZMM;
    cpu->fma = ymm && bit(one.ecx, LEAF1_ECX_FMA);
    cpu->f16c = ymm && bit(one.ecx, LEAF1_ECX_F16C);
    cpu->avx2 = ymm && bit(seven.ebx, LEAF7_EBX_AVX2);
    cpu->avx512f = zmm && bit(seven.ebx, LEAF7_EBX_AVX512F);
    cpu->avx512dq = zmm && bit(seven.ebx, LEAF7_EBX_AVX512DQ);
    cpu->avx512bw = zmm && bit(seven.ebx, LEAF7_EBX_AVX512BW);
    cpu->avx512vl = zmm && bit(seven.ebx, LEAF7_EBX_AVX512VL);
    cpu->avx512_vnni = zmm && bit(seven.ecx, LEAF7_ECX_AVX512_VNNI);
    cpu->avx512_bf16 = zmm && bit(seven_one.eax, LEAF7_1_EAX_AVX512_BF16);
}

static void detect_names(struct tw_cpu *cpu)
{
    struct leaf zero = read_leaf(0, 0);
    char brand[3 * sizeof(struct leaf) + 1] = "";
    size_t length;

    memcpy(cpu->vendor, &zero.ebx, 4);
    memcpy(cpu->vendor + 4, &zero.edx, 4);
    memcpy(cpu->vendor + 8, &zero.ecx, 4);
    for (unsigned part = 0; part < 3; part++) {
        struct leaf leaf = read_leaf(0x80000002U + part, 0);

        memcpy(brand + part * sizeof leaf, &leaf, sizeof leaf);
    }
    snprintf(cpu->model_name, sizeof cpu->model_name, "%s", brand + strspn(brand, " "));
    for (length = strlen(cpu->model_name); length > 0 && cpu->model_name[length - 1] == ' '; length--) {
        cpu->model_name[length - 1] = '\0';
    }
}

static void detect_architecture(struct tw_cpu *cpu)
{
    detect_names(cpu);
    detect_features(cpu);
}

#elif defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

/* What the operating system tells programs at their start: Linux, Documentation/arm64/elf_hwcaps.rst. */
static void detect_architecture(struct tw_cpu *cpu)
{
    snprintf(cpu->vendor, sizeof cpu->vendor, "aarch64");
    cpu->neon = (getauxval(AT_HWCAP) & HWCAP_ASIMD) != 0;
}

#else

static void detect_architecture(struct tw_cpu *cpu)
{
    snprintf(cpu->vendor, sizeof cpu->vendor, "unknown");
}

#endif

/* One line of one file about a cache of CPU `unit`; false if there is no such file. */
static bool read_cache_file(int unit, int index, const char *name, char *line, int bytes)
{
    char path[96];
    FILE *file;
    bool read;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/%s", unit, index, name);
    file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    read = fgets(line, bytes, file) != NULL;
    fclose(file);
    return read;
}

/* Linux tells the size of one instance, where CPUID tells some AMD models' level 3 for the whole package. */
static void detect_caches_by_sysfs(struct tw_cpu *cpu)
{
    int unit = sched_getcpu();
    char level[16], type[16], size[32];

    for (int index = 0; unit >= 0 && read_cache_file(unit, index, "level", level, sizeof level); index++) {
        unsigned long kibibytes;

        if (!read_cache_file(unit, index, "type", type, sizeof type) || type[0] == 'I' ||
            !read_cache_file(unit, index, "size", size, sizeof size) ||
            sscanf(size, "%luK", &kibibytes) != 1) {
            continue;
        }
        if (level[0] == '1') {
            cpu->l1d_bytes = kibibytes << 10;
        } else if (level[0] == '2') {
            cpu->l2_bytes = kibibytes << 10;
        } else if (level[0] == '3') {
            cpu->l3_bytes = kibibytes << 10;
        }
    }
}

static void set_if_unknown(size_t *bytes, int name)
{
    long value = *bytes == 0 ? sysconf(name) : 0;

    if (value > 0) {
        *bytes = (size_t)value;
    }
}

static struct tw_cpu detected;

static void detect(void)
{
    detect_architecture(&detected);
    detect_caches_by_sysfs(&detected);
#ifdef _SC_LEVEL1_DCACHE_SIZE
    set_if_unknown(&detected.l1d_bytes, _SC_LEVEL1_DCACHE_SIZE);
    set_if_unknown(&detected.l2_bytes, _SC_LEVEL2_CACHE_SIZE);
    set_if_unknown(&detected.l3_bytes, _SC_LEVEL3_CACHE_SIZE);
#endif
}

const struct tw_cpu *tw_cpu(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, detect);
    return &detected;
}

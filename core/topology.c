#include "core/topology.h"

#include <errno.h>
#include <hwloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

struct tw_topology {
    hwloc_topology_t whole;  /* the machine: any affinity of any thread can be saved and restored */
    hwloc_topology_t usable; /* the part of it that the calling thread may run on */
};

struct tw_affinity {
    hwloc_bitmap_t units;
};

static const char *const bind_names[] = {
    [TW_BIND_NONE] = "none", [TW_BIND_COMPACT] = "compact", [TW_BIND_SCATTER] = "scatter"};

#define BIND_COUNT ((int)(sizeof bind_names / sizeof *bind_names))

const char *tw_bind_name(enum tw_bind bind)
{
    return (unsigned)bind < (unsigned)BIND_COUNT ? bind_names[bind] : "?";
}

enum tw_status tw_bind_parse(const char *text, enum tw_bind *bind)
{
    for (int i = 0; i < BIND_COUNT; i++) {
        if (strcmp(text, bind_names[i]) == 0) {
            *bind = (enum tw_bind)i;
            return TW_OK;
        }
    }
    return tw_fail(TW_ERROR_ARGUMENT, "binding \"%s\" is unknown, expected none, compact or scatter", text);
}

/* Loads `topology->whole`. hwloc must not move our threads about to look around. */
static enum tw_status discover(struct tw_topology *topology, const char *synthetic)
{
    unsigned long flags = synthetic == NULL ? HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING : 0;

    if (hwloc_topology_init(&topology->whole) != 0) {
        topology->whole = NULL;
        return tw_fail(TW_ERROR_UNSUPPORTED, "topology: hwloc cannot start: %s", strerror(errno));
    }
    if (synthetic != NULL && hwloc_topology_set_synthetic(topology->whole, synthetic) != 0) {
        return tw_fail(TW_ERROR_ARGUMENT, "topology: \"%s\" describes no machine in hwloc's language",
                       synthetic);
    }
    if (hwloc_topology_set_flags(topology->whole, flags) != 0 || hwloc_topology_load(topology->whole) != 0) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "topology: discovery failed: %s", strerror(errno));
    }
    return TW_OK;
}

/* Makes `topology->usable`: a copy, cut down to the calling thread's affinity where the system tells it. */
static enum tw_status restrict_to_affinity(struct tw_topology *topology)
{
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    enum tw_status status = TW_OK;

    if (allowed == NULL || hwloc_topology_dup(&topology->usable, topology->whole) != 0) {
        topology->usable = NULL;
        status = tw_fail(TW_ERROR_MEMORY, "topology: no memory for a copy");
    } else if (hwloc_topology_is_thissystem(topology->whole) &&
               hwloc_get_cpubind(topology->whole, allowed, HWLOC_CPUBIND_THREAD) == 0 &&
               hwloc_topology_restrict(topology->usable, allowed, HWLOC_RESTRICT_FLAG_REMOVE_CPULESS) != 0) {
        status = tw_fail(TW_ERROR_UNSUPPORTED, "topology: cannot be restricted to this thread's affinity: %s",
                         strerror(errno));
    }
    hwloc_bitmap_free(allowed);
    return status;
}

struct tw_topology *tw_topology_new(const char *synthetic)
{
    struct tw_topology *topology = tw_alloc(sizeof *topology);

    if (topology == NULL) {
        return NULL;
    }
    if (discover(topology, synthetic) == TW_OK && restrict_to_affinity(topology) == TW_OK) {
        return topology;
    }
    tw_topology_release(topology);
    return NULL;
}

void tw_topology_release(struct tw_topology *topology)
{
    if (topology == NULL) {
        return;
    }
    if (topology->usable != NULL) {
        hwloc_topology_destroy(topology->usable);
    }
    if (topology->whole != NULL) {
        hwloc_topology_destroy(topology->whole);
    }
    tw_free(topology);
}

static int at_least_one(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(topology, type);

    return count < 1 ? 1 : count;
}

struct tw_machine tw_topology_machine(const struct tw_topology *topology)
{
    return (struct tw_machine){
        .processing_units = at_least_one(topology->usable, HWLOC_OBJ_PU),
        .cores = at_least_one(topology->usable, HWLOC_OBJ_CORE),
        .packages = at_least_one(topology->usable, HWLOC_OBJ_PACKAGE),
        .numa_nodes = at_least_one(topology->usable, HWLOC_OBJ_NUMANODE),
    };
}

/* A processing unit with its place in the order. */
struct candidate {
    hwloc_obj_t unit, core; /* where hwloc knows no cores, each unit is its own */
    unsigned sibling;       /* rank among the units of its core */
};

static int compare_numbers(unsigned a, unsigned b)
{
    return (a > b) - (a < b);
}

static int compare_compact(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    if (a->sibling != b->sibling) {
        return compare_numbers(a->sibling, b->sibling);
    }
    return compare_numbers(a->unit->logical_index, b->unit->logical_index);
}

/* Writing the ranks among their siblings of a core and of the objects around it (cache, NUMA group, package)
 * as the digits of a number, core first, consecutive numbers differ in the outermost object: the last digit
 * turns fastest. Levels that one of the two cores lacks count as rank 0. */
static int compare_scatter(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    hwloc_obj_t x = a->core, y = b->core;

    if (a->sibling != b->sibling) {
        return compare_numbers(a->sibling, b->sibling);
    }
    while (x != y) {
        int depth_of_x = x->depth, depth_of_y = y->depth;
        unsigned rank_of_x = depth_of_x >= depth_of_y ? x->sibling_rank : 0;
        unsigned rank_of_y = depth_of_y >= depth_of_x ? y->sibling_rank : 0;

        if (rank_of_x != rank_of_y) {
            return compare_numbers(rank_of_x, rank_of_y);
        }
        x = depth_of_x >= depth_of_y ? x->parent : x;
        y = depth_of_y >= depth_of_x ? y->parent : y;
    }
    return compare_numbers(a->unit->logical_index, b->unit->logical_index);
}

static void collect(hwloc_topology_t topology, struct candidate *candidate, int count)
{
    for (int i = 0; i < count; i++) {
        hwloc_obj_t unit = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)i);
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, unit);

        candidate[i] = (struct candidate){.unit = unit, .core = core == NULL ? unit : core};
        /* Units are counted in logical order, in which those of one core follow each other. */
        if (i > 0 && candidate[i - 1].core == candidate[i].core) {
            candidate[i].sibling = candidate[i - 1].sibling + 1;
        }
    }
}

enum tw_status tw_topology_place(const struct tw_topology *topology, enum tw_bind bind, int threads,
                                 int *unit)
{
    int count = hwloc_get_nbobjs_by_type(topology->usable, HWLOC_OBJ_PU);
    struct candidate *candidate;

    if ((unsigned)bind >= (unsigned)BIND_COUNT) {
        return tw_fail(TW_ERROR_ARGUMENT, "topology: binding %d is unknown", (int)bind);
    }
    if (bind == TW_BIND_NONE) {
        for (int i = 0; i < threads; i++) {
            unit[i] = -1;
        }
        return TW_OK;
    }
    if (count < 1) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "topology: hwloc finds no processing unit");
    }
    candidate = tw_alloc_array((size_t)count, sizeof *candidate);
    if (candidate == NULL) {
        return TW_ERROR_MEMORY;
    }
    collect(topology->usable, candidate, count);
    qsort(candidate, (size_t)count, sizeof *candidate,
          bind == TW_BIND_COMPACT ? compare_compact : compare_scatter);
    for (int i = 0; i < threads; i++) {
        unit[i] = (int)candidate[i % count].unit->os_index;
    }
    tw_free(candidate);
    return TW_OK;
}

enum tw_status tw_topology_bind_thread(const struct tw_topology *topology, int unit)
{
    hwloc_bitmap_t units;
    int failed, reason;

    if (unit < 0) {
        return TW_OK;
    }
    units = hwloc_bitmap_alloc();
    if (units == NULL || hwloc_bitmap_only(units, (unsigned)unit) != 0) {
        hwloc_bitmap_free(units);
        return tw_fail(TW_ERROR_MEMORY, "topology: no memory for a set of units");
    }
    failed = hwloc_set_cpubind(topology->whole, units, HWLOC_CPUBIND_THREAD);
    reason = errno;
    hwloc_bitmap_free(units);
    if (failed != 0) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "topology: a thread cannot be bound to processing unit %d: %s",
                       unit, strerror(reason));
    }
    return TW_OK;
}

struct tw_affinity *tw_topology_save_affinity(const struct tw_topology *topology)
{
    struct tw_affinity *affinity = tw_alloc(sizeof *affinity);

    if (affinity == NULL) {
        return NULL;
    }
    affinity->units = hwloc_bitmap_alloc();
    if (affinity->units != NULL &&
        hwloc_get_cpubind(topology->whole, affinity->units, HWLOC_CPUBIND_THREAD) == 0) {
        return affinity;
    }
    tw_fail(TW_ERROR_UNSUPPORTED, "topology: the thread's affinity cannot be read: %s", strerror(errno));
    tw_affinity_release(affinity);
    return NULL;
}

void tw_topology_restore_affinity(const struct tw_topology *topology, const struct tw_affinity *affinity)
{
    hwloc_set_cpubind(topology->whole, affinity->units, HWLOC_CPUBIND_THREAD);
}

void tw_affinity_release(struct tw_affinity *affinity)
{
    if (affinity == NULL) {
        return;
    }
    hwloc_bitmap_free(affinity->units);
    tw_free(affinity);
}

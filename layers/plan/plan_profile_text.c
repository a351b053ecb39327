/* A profile as a table: what --profile shows. */
#include <stdio.h>

#include "layers/plan/plan_profile_internal.h"
#include "layers/plan/plan_text_internal.h"

/* One row; what is 0 because it is not known or does not apply stays blank. */
struct row {
    const char *stage, *operation, *module, *layout;
    char units[32];
    struct tw_plan_work work;
    double seconds;      /* elapsed */
    double busy_seconds; /* of all threads */
    double wait_seconds; /* per thread; negative: blank */
};

static void add_number(struct tw_plan_lines *lines, int width, int digits, double value, bool shown)
{
    if (shown) {
        tw_plan_lines_add(lines, " %*.*f", width, digits, value);
    } else {
        tw_plan_lines_add(lines, " %*s", width, "");
    }
}

static void add_row(struct tw_plan_lines *lines, const struct tw_plan_profile *profile, const struct row *row)
{
    const struct tw_plan_work *work = &row->work;
    double bytes = work->read + work->written;
    bool computes = work->done > 0.0;

    tw_plan_lines_add(lines, "%-5s %-43s %-8s %-13s %-11s", row->stage, row->operation, row->module,
                      row->layout, row->units);
    add_number(lines, 8, 1, 1e6 * row->seconds, true);
    add_number(lines, 6, 1, 100.0 * row->seconds / profile->seconds, true);
    add_number(lines, 8, 3, 1e-6 * work->dense, computes);
    add_number(lines, 8, 3, 1e-6 * work->done, computes);
    add_number(lines, 8, 1, 1e-9 * work->done / row->seconds, computes && row->seconds > 0.0);
    add_number(lines, 7, 1, 100.0 * work->done / row->busy_seconds / profile->peak_flops,
               computes && row->busy_seconds > 0.0 && profile->peak_flops > 0.0);
    add_number(lines, 8, 0, work->read / 1024.0, bytes > 0.0);
    add_number(lines, 8, 0, work->written / 1024.0, bytes > 0.0);
    add_number(lines, 7, 1, work->done / bytes, computes && bytes > 0.0);
    add_number(lines, 7, 1, 1e6 * row->wait_seconds, row->wait_seconds >= 0.0);
    tw_plan_lines_add(lines, "\n");
}

static void add_heading(struct tw_plan_lines *lines, const tw_plan *plan,
                        const struct tw_plan_profile *profile)
{
    tw_plan_lines_add(lines, "%lld runs of %td samples on %d thread%s, %.1f us each (mean)",
                      (long long)profile->runs, profile->samples, profile->threads,
                      profile->threads == 1 ? "" : "s", 1e6 * profile->seconds);
    if (profile->peak_flops > 0.0) {
        tw_plan_lines_add(lines, "; FMA peak %.1f GFLOP/s per thread", 1e-9 * profile->peak_flops);
    }
    tw_plan_lines_add(lines, "; %s kernels, plan level %d\n", tw_isa_name(plan->kernels->isa), plan->level);
    tw_plan_lines_add(lines, "%-5s %-43s %-8s %-13s %-11s %8s %6s %8s %8s %8s %7s %8s %8s %7s %7s\n", "stage",
                      "operation (algorithm)", "module", "layout", "units", "us", "% run", "Mop", "done",
                      "GFLOP/s", "% peak", "KiB in", "KiB out", "op/byte", "wait us");
}

/* A node's elapsed time is the mean of the threads that take part in its stage. */
static void add_node(struct tw_plan_lines *lines, const struct tw_plan_profile *profile,
                     const struct tw_plan_stage_profile *stage, const struct tw_plan_node_profile *node,
                     const char *label)
{
    struct row row = {
        .stage = label,
        .module = node->path,
        .layout = node->layout,
        .work = node->work,
        .seconds = node->busy_seconds / stage->threads,
        .busy_seconds = node->busy_seconds,
        .wait_seconds = -1.0,
    };
    char name[64];

    snprintf(name, sizeof name, "%s%s%s%s%s", label[0] ? "" : "  ", node->operation,
             node->algorithm[0] ? " (" : "", node->algorithm, node->algorithm[0] ? ")" : "");
    row.operation = name;
    snprintf(row.units, sizeof row.units, "%td", node->units);
    if (label[0]) { /* alone in its stage */
        row.seconds = stage->seconds;
        row.wait_seconds = stage->wait_seconds / profile->threads;
        snprintf(row.units, sizeof row.units, "%td %s", stage->units, stage->split);
    }
    add_row(lines, profile, &row);
}

static void add_stage(struct tw_plan_lines *lines, const tw_plan *plan, const struct tw_plan_profile *profile,
                      size_t index)
{
    struct tw_plan_stage_profile stage;
    struct tw_plan_node_profile node;
    char label[24];

    (void)tw_plan_profile_stage(plan, index, &stage);
    snprintf(label, sizeof label, "%zu", index + 1);
    if (stage.nodes > 1) {
        struct row row = {label,
                          "",
                          "",
                          "",
                          "",
                          stage.work,
                          stage.seconds,
                          stage.busy_seconds,
                          stage.wait_seconds / profile->threads};

        snprintf(row.units, sizeof row.units, "%td %s", stage.units, stage.split);
        add_row(lines, profile, &row);
    }
    for (size_t i = 0; i < tw_plan_profile_nodes(plan); i++) {
        (void)tw_plan_profile_node(plan, i, &node);
        if (node.stage == index) {
            add_node(lines, profile, &stage, &node, stage.nodes > 1 ? "" : label);
        }
    }
}

/* Bytes are left out of sums: what one stage writes and the next reads is no traffic of both together. */
static void add_half(struct tw_plan_lines *lines, const tw_plan *plan, const struct tw_plan_profile *profile,
                     bool backward)
{
    struct row sum = {
        .stage = "", .operation = backward ? "backward" : "forward", .module = "", .layout = ""};

    for (size_t i = 0; i < tw_plan_profile_stages(plan); i++) {
        struct tw_plan_stage_profile stage;

        (void)tw_plan_profile_stage(plan, i, &stage);
        if (stage.backward == backward) {
            sum.work.dense += stage.work.dense;
            sum.work.done += stage.work.done;
            sum.seconds += stage.seconds;
            sum.busy_seconds += stage.busy_seconds;
            sum.wait_seconds += stage.wait_seconds / profile->threads;
        }
    }
    if (sum.seconds > 0.0) {
        add_row(lines, profile, &sum);
    }
}

static void add_rest(struct tw_plan_lines *lines, const struct tw_plan_profile *profile, const char *what,
                     double seconds)
{
    if (seconds > 0.0) {
        add_row(lines, profile,
                &(struct row){"", what, "", "", "", .seconds = seconds, .wait_seconds = -1.0});
    }
}

char *tw_plan_profile_text(const tw_plan *plan)
{
    struct tw_plan_profile profile = tw_plan_profile(plan);
    struct tw_plan_lines lines = {0};

    if (profile.runs == 0) {
        return tw_fail_null(TW_ERROR_STATE, "plan: no run has been measured");
    }
    add_heading(&lines, plan, &profile);
    for (size_t i = 0; i < tw_plan_profile_stages(plan); i++) {
        add_stage(&lines, plan, &profile, i);
    }
    add_half(&lines, plan, &profile, false);
    add_half(&lines, plan, &profile, true);
    add_rest(&lines, &profile, "checks, entering the parallel region", profile.entry_seconds);
    add_rest(&lines, &profile, "adding gradients to earlier ones", profile.sums_seconds);
    add_rest(&lines, &profile, "work beside the run", profile.beside_seconds);
    add_rest(&lines, &profile, "counting open windows", profile.counting_seconds);
    return tw_plan_lines_finish(&lines);
}

#include "apps/common/compute.h"

static enum tw_status choose_isa(enum tw_isa isa, int plan_level, struct compute *compute)
{
    if (plan_level == 0 && isa == TW_ISA_COUNT) {
        compute->isa = TW_ISA_REFERENCE;
        compute->isa_why = "plan level 0";
        return TW_OK;
    }
    return tw_isa_choose(isa, &compute->isa, &compute->isa_why);
}

enum tw_status compute_open(enum tw_isa isa, int threads, ptrdiff_t samples, enum tw_bind bind,
                            int plan_level, struct compute *compute)
{
    enum tw_status status;

    *compute = (struct compute){0};
    status = choose_isa(isa, plan_level, compute);
    if (status)
        return status;
    compute->kernels = tw_kernels_of(compute->isa);
    if (!compute->kernels)
        return tw_error_status();
    status = tw_team_choose_size(threads, samples, &compute->size);
    if (status)
        return status;
    compute->team = tw_team_new(compute->size.threads, bind);
    return compute->team ? TW_OK : tw_error_status();
}

void compute_release(struct compute *compute)
{
    tw_team_release(compute->team);
    compute->team = NULL;
}

/* A share of the batch; threads beyond its samples have none. */
static void print_shares(FILE *out, ptrdiff_t samples, int threads)
{
    ptrdiff_t share = samples / threads + (samples % threads != 0);

    fprintf(out, "; batch %td: %s%td %s each", samples, samples % threads == 0 ? "" : "up to ", share,
            share == 1 ? "sample" : "samples");
}

static void print_threads(FILE *out, const struct tw_team_size *size)
{
    const struct tw_team_limits *limits = &size->limits;

    fprintf(out, "  threads    %d of %d %s: %s (", size->threads, limits->cores,
            limits->cores == 1 ? "core" : "cores", size->why);
    if (limits->affinity != limits->cores) {
        fprintf(out, "CPUs allowed %d, ", limits->affinity);
    }
    if (limits->quota > 0) {
        fprintf(out, "cgroup quota %d", limits->quota);
    } else {
        fprintf(out, "no cgroup quota");
    }
    if (limits->environment > 0) {
        fprintf(out, ", OMP_NUM_THREADS %d", limits->environment);
    }
    if (limits->samples > 0) {
        print_shares(out, limits->samples, size->threads);
    }
    fprintf(out, ")");
}

void compute_print(FILE *out, const struct compute *compute)
{
    const struct tw_cpu *cpu = tw_cpu();

    fprintf(out, "  isa        %s: %s (%s)\n", tw_isa_name(compute->isa), compute->isa_why,
            cpu->model_name[0] ? cpu->model_name : cpu->vendor);
    print_threads(out, &compute->size);
    fprintf(out, ", bind %s\n", tw_bind_name(tw_team_bind(compute->team)));
}

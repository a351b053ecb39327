#include "benchmarks/families.h"
#include "benchmarks/peers/layers.h"

/* MNIST's. */
#define PIXEL_MEAN      0.1307f
#define PIXEL_DEVIATION 0.3081f

struct vector {
    const struct tw_kernels *kernels;
    ptrdiff_t count;    /* floats, or pixels, that an operation reads of one array */
    const float *x, *z; /* uniform in [-1, 1); in [1/8, 2), for log */
    const uint8_t *pixels;
    float *y;
};

static void run_add(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_add(v->count, v->x, v->z, v->y);
}

static void run_scale(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_scale(v->count, v->x, 0.3f, v->y);
}

static void run_exp(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_exp(v->count, v->x, v->y);
}

static void run_log(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_log(v->count, v->z, v->y);
}

static void run_dropout(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_dropout(v->count, 0, 12345, UINT32_C(1) << 31, 2.0f, v->x, v->y);
}

static void run_normalize(void *context)
{
    const struct vector *v = context;

    v->kernels->f32_normalize_u8(v->count, v->pixels, PIXEL_MEAN, PIXEL_DEVIATION, v->y);
}

static void run_sum(void *context)
{
    const struct vector *v = context;

    v->y[0] = v->kernels->f32_sum(v->count, v->x);
}

static void run_sum_of_squares(void *context)
{
    const struct vector *v = context;

    v->y[0] = v->kernels->f32_sum_of_squares(v->count, v->x);
}

static void run_fold_slots(void *context)
{
    const struct vector *v = context;
    const ptrdiff_t count = v->count / TW_GRADIENT_SLOTS;

    v->kernels->f32_fold_slots(count, v->x, count, v->y);
}

static struct tw_entrant peer_add(const struct vector *v)
{
    return tw_onednn_add(v->count, v->x, v->z);
}

static struct tw_entrant peer_scale(const struct vector *v)
{
    return tw_onednn_scale(v->count, v->x, 0.3f);
}

static struct tw_entrant peer_exp(const struct vector *v)
{
    return tw_onednn_exp(v->count, v->x);
}

static struct tw_entrant peer_log(const struct vector *v)
{
    return tw_onednn_log(v->count, v->z);
}

static const struct operation {
    const char *name;
    void (*run)(void *context);
    struct tw_entrant (*peer)(const struct vector *v); /* NULL: no library has it */
    enum tw_traffic traffic;
    double bytes;    /* that are moved for each element */
    ptrdiff_t reads; /* elements that one result is made of; 0: all */
    ptrdiff_t terms; /* roundings that a peer may be off by: its polynomials are not Tower's */
} operations[] = {
    {"add", run_add, peer_add, TW_TRAFFIC_MERGE, 12.0, 1, 1},
    {"scale", run_scale, peer_scale, TW_TRAFFIC_COPY, 8.0, 1, 1},
    {"exp", run_exp, peer_exp, TW_TRAFFIC_COPY, 8.0, 1, 4},
    {"log", run_log, peer_log, TW_TRAFFIC_COPY, 8.0, 1, 16},
    {"dropout", run_dropout, NULL, TW_TRAFFIC_COPY, 8.0, 1, 0},
    {"normalize-u8", run_normalize, NULL, TW_TRAFFIC_STORE, 5.0, 1, 0},
    {"sum", run_sum, NULL, TW_TRAFFIC_LOAD, 4.0, 0, 0},
    {"sum-of-squares", run_sum_of_squares, NULL, TW_TRAFFIC_LOAD, 4.0, 0, 0},
    {"fold-slots", run_fold_slots, NULL, TW_TRAFFIC_LOAD, 4.0 + 4.0 / TW_GRADIENT_SLOTS, TW_GRADIENT_SLOTS,
     0},
};

static struct vector new_vector(struct tw_contest *contest, ptrdiff_t count)
{
    struct vector v = {.kernels = contest->session->kernels, .count = count};
    float *z = tw_contest_zeros(contest, count);
    uint8_t *pixels = tw_contest_bytes(contest, (size_t)count);

    v.x = tw_contest_uniform(contest, count);
    tw_rng_fill_uniform(&contest->rng, z, count, 0.125f, 2.0f);
    for (ptrdiff_t i = 0; i < count; i++)
        pixels[i] = (uint8_t)(151 * i);
    v.z = z;
    v.pixels = pixels;
    v.y = tw_contest_zeros(contest, count);
    return v;
}

static ptrdiff_t result_count(const struct operation *operation, ptrdiff_t count)
{
    return operation->reads > 0 ? count / operation->reads : 1;
}

static void check(struct tw_contest *contest, const struct operation *operation, struct vector *v)
{
    struct vector reference = *v;

    reference.kernels = contest->session->reference;
    reference.y = tw_contest_zeros(contest, v->count);
    operation->run(v);
    operation->run(&reference);
    tw_contest_check_exact(contest, reference.y, v->y, result_count(operation, v->count));
}

static void hold(struct tw_session *session, const struct tw_shape *shape, const struct operation *operation)
{
    struct tw_contest contest = tw_contest_new(session, operation->name, shape->name);
    struct vector v = new_vector(&contest, tw_vector_count(session, shape));
    const double bytes = operation->bytes * (double)v.count;

    check(&contest, operation, &v);
    tw_contest_set_traffic(&contest, operation->traffic, bytes, (size_t)bytes);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &v, .run = operation->run});
    if (session->peers && operation->peer)
        tw_contest_enter_peer(&contest, operation->peer(&v), v.y, NULL, v.count, operation->terms);
    tw_contest_hold(&contest);
}

/* Size count: elements of an array that is read; fold-slots makes a sixteenth of them. */
void tw_family_elementwise(struct tw_session *session, const struct tw_shape *shape)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (tw_session_wants(session, operations[i].name))
            hold(session, shape, &operations[i]);
}

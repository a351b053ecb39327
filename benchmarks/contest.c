#include "benchmarks/contest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/families.h"
#include "benchmarks/selection.h"
#include "core/memory.h"

bool tw_session_wants(const struct tw_session *session, const char *operation)
{
    return tw_selection_wants(session->selection, operation);
}

static void *checked(void *block)
{
    if (!block) {
        fprintf(stderr, "tower-bench: %s\n", tw_error_message());
        exit(1);
    }
    return block;
}

__attribute__((format(printf, 2, 3))) static void refuse(struct tw_contest *contest, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "tower-bench: %s: refused: ", contest->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    contest->refused = true;
}

struct tw_contest tw_contest_new(struct tw_session *session, const char *operation, const char *shape)
{
    struct tw_contest contest = {.session = session,
                                 .wanted = tw_session_wants(session, operation),
                                 .work.peak_flops = tw_peak_flops(session->kernels->isa)};

    snprintf(contest.name, sizeof contest.name, "%s/%s", operation, shape);
    if (!tw_family_of(operation))
        refuse(&contest, "families.c does not name this operation");
    tw_rng_seed(&contest.rng, 1);
    return contest;
}

void *tw_contest_page(void *block)
{
    const uintptr_t page = TW_CONTEST_PAGE;

    return (unsigned char *)block + (page - (uintptr_t)block % page) % page;
}

void *tw_contest_bytes(struct tw_contest *contest, size_t bytes)
{
    void *block;

    if (contest->block_count == TW_CONTEST_BLOCKS) {
        fprintf(stderr, "tower-bench: %s: more than %d blocks\n", contest->name, TW_CONTEST_BLOCKS);
        exit(1);
    }
    block = checked(tw_alloc(bytes + TW_CONTEST_PAGE));
    contest->blocks[contest->block_count++] = block;
    return tw_contest_page(block);
}

float *tw_contest_zeros(struct tw_contest *contest, ptrdiff_t count)
{
    return tw_contest_bytes(contest, (size_t)count * sizeof(float));
}

float *tw_contest_uniform(struct tw_contest *contest, ptrdiff_t count)
{
    float *values = tw_contest_zeros(contest, count);

    tw_rng_fill_uniform(&contest->rng, values, count, -1.0f, 1.0f);
    return values;
}

void tw_contest_set_traffic(struct tw_contest *contest, enum tw_traffic traffic, double bytes,
                            size_t working_set)
{
    contest->work.bytes = bytes;
    contest->traffic = traffic;
    contest->working_set = working_set;
}

void tw_contest_check_exact(struct tw_contest *contest, const float *expected, const float *actual,
                            ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count && !contest->refused; i++)
        if (memcmp(&expected[i], &actual[i], sizeof(float)) != 0 && !(isnan(expected[i]) && isnan(actual[i])))
            refuse(contest, "element %td of %td: expected %a, the kernel has %a", i, count,
                   (double)expected[i], (double)actual[i]);
}

void tw_contest_check_bytes(struct tw_contest *contest, const uint8_t *expected, const uint8_t *actual,
                            ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count && !contest->refused; i++)
        if (expected[i] != actual[i])
            refuse(contest, "byte %td of %td: expected %d, the kernel has %d", i, count, expected[i],
                   actual[i]);
}

static void add(struct tw_contest *contest, struct tw_entrant entrant)
{
    if (contest->count == TW_CONTEST_ENTRANTS) {
        fprintf(stderr, "tower-bench: %s: more than %d entrants\n", contest->name, TW_CONTEST_ENTRANTS);
        exit(1);
    }
    contest->entrants[contest->count++] = entrant;
}

void tw_contest_enter(struct tw_contest *contest, struct tw_entrant tower)
{
    tower.run(tower.context);
    add(contest, tower);
}

static void check_close(struct tw_contest *contest, const char *name, const float *expected,
                        const float *actual, ptrdiff_t count, ptrdiff_t terms)
{
    const double unit = 0x1p-24; /* rounding error of a float near 1 */
    double largest = 0.0, tolerance;

    for (ptrdiff_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)expected[i]));
    tolerance = 2.0 * unit * (double)(terms + 1) * largest;
    for (ptrdiff_t i = 0; i < count && !contest->refused; i++)
        if (!(fabs((double)expected[i] - (double)actual[i]) <= tolerance))
            refuse(contest, "element %td of %td: Tower has %g, %s %g, tolerance %g", i, count,
                   (double)expected[i], name, (double)actual[i], tolerance);
}

void tw_contest_enter_peer(struct tw_contest *contest, struct tw_entrant peer, const float *expected,
                           const float *result, ptrdiff_t count, ptrdiff_t terms)
{
    float *fetched = NULL;

    if (!peer.context)
        return;
    peer.run(peer.context);
    if (peer.fetch) {
        fetched = checked(tw_alloc_array((size_t)count, sizeof(float)));
        peer.fetch(peer.context, fetched);
    }
    check_close(contest, peer.name, expected, fetched ? fetched : result, count, terms);
    tw_free(fetched);
    peer.peer = true;
    add(contest, peer);
}

static void time_entrants(struct tw_contest *contest)
{
    struct tw_bench_row rows[TW_CONTEST_ENTRANTS];
    char names[TW_CONTEST_ENTRANTS][sizeof contest->name + 32];

    struct tw_stream stream;
    struct tw_bench_row stream_row = {.name = "stream", .run = tw_stream_run, .context = &stream};
    const bool streams = contest->working_set > 0 && tw_stream_begin(&stream, contest->session->kernels->isa,
                                                                     contest->traffic, contest->working_set);

    for (int i = 0; i < contest->count; i++) {
        const struct tw_entrant *entrant = &contest->entrants[i];

        snprintf(names[i], sizeof names[i], "%s/%s", contest->name, entrant->name);
        rows[i] =
            (struct tw_bench_row){names[i], entrant->run, entrant->context, contest->work, entrant->peer};
        if (entrant->flops > 0.0)
            rows[i].work.flops = entrant->flops;
    }
    stream_row.work.bytes = streams ? stream.bytes : 0.0;
    tw_bench_run(rows, contest->count, streams ? &stream_row : NULL);
    if (streams)
        tw_stream_end(&stream);
    contest->session->held++;
}

void tw_contest_hold(struct tw_contest *contest)
{
    if (contest->refused)
        contest->session->refused++;
    else if (contest->wanted)
        time_entrants(contest);
    for (int i = 0; i < contest->count; i++)
        if (contest->entrants[i].release)
            contest->entrants[i].release(contest->entrants[i].context);
    for (int i = 0; i < contest->block_count; i++)
        tw_free(contest->blocks[i]);
}

#include <math.h>
#include <string.h>

#include "benchmarks/families.h"
#include "benchmarks/peers/gemm.h"

struct gemm {
    struct tw_gemm_shape shape;
    tw_f32_gemm_fn *function;
    const float *a, *b;
    float *c;
    void *workspace;
};

static void run(void *context)
{
    const struct gemm *gemm = context;

    gemm->function(&gemm->shape, gemm->a, gemm->b, gemm->c, gemm->workspace);
}

/* Compares a block of C, computed by the reference on its own: any part of C has the bits it has in the whole. */
static void check_block(struct tw_contest *contest, const struct gemm *gemm, ptrdiff_t row, ptrdiff_t column,
                        ptrdiff_t rows, ptrdiff_t columns, float *expected)
{
    struct tw_gemm_shape part = gemm->shape;

    part.m = rows;
    part.n = columns;
    part.c_row = columns;
    contest->session->reference->f32_gemm(&part, gemm->a + row * part.a_row, gemm->b + column * part.b_col,
                                          expected, NULL);
    for (ptrdiff_t i = 0; i < rows; i++)
        tw_contest_check_exact(contest, expected + i * columns,
                               gemm->c + (row + i) * gemm->shape.c_row + column, columns);
}

/* All of C, by Tower itself: blocks of it, products of their own that go other ways than the whole. */
static void check_own_blocks(struct tw_contest *contest, const struct gemm *gemm)
{
    enum { ROWS = 97, COLUMNS = 353 };
    float *block = tw_contest_zeros(contest, ROWS * COLUMNS);
    struct tw_gemm_shape part = gemm->shape;

    part.c_row = COLUMNS;
    for (ptrdiff_t row = 0; row < gemm->shape.m; row += ROWS)
        for (ptrdiff_t column = 0; column < gemm->shape.n; column += COLUMNS) {
            part.m = gemm->shape.m - row < ROWS ? gemm->shape.m - row : ROWS;
            part.n = gemm->shape.n - column < COLUMNS ? gemm->shape.n - column : COLUMNS;
            gemm->function(&part, gemm->a + row * part.a_row, gemm->b + column * part.b_col, block,
                           gemm->workspace);
            for (ptrdiff_t i = 0; i < part.m; i++)
                tw_contest_check_exact(contest, block + i * COLUMNS,
                                       gemm->c + (row + i) * gemm->shape.c_row + column, part.n);
        }
}

/* By the reference the four corners and the middle, or everything where that costs no more. */
static void check(struct tw_contest *contest, struct gemm *gemm)
{
    enum { BLOCKS = 5 };
    const ptrdiff_t m = gemm->shape.m, n = gemm->shape.n;
    const ptrdiff_t edge = (ptrdiff_t)sqrt((double)TW_CHECK_WORK / BLOCKS / (double)gemm->shape.k) + 1;
    const ptrdiff_t rows = m < edge ? m : edge, columns = n < edge ? n : edge;
    float *expected = tw_contest_zeros(contest, rows * columns);
    const ptrdiff_t corners[BLOCKS][2] = {{0, 0},
                                          {0, n - columns},
                                          {m - rows, 0},
                                          {m - rows, n - columns},
                                          {(m - rows) / 2, (n - columns) / 2}};

    run(gemm);
    for (int i = 0; i < (rows < m || columns < n ? BLOCKS : 1); i++)
        check_block(contest, gemm, corners[i][0], corners[i][1], rows, columns, expected);
    if (rows < m || columns < n)
        check_own_blocks(contest, gemm);
}

/* Sizes m, n, k; a_transposed, b_transposed: stored with rows and columns exchanged; a_gap, b_gap, c_gap: floats
 * between the end of a stored row and the next. */
static struct tw_gemm_shape read_shape(const struct tw_shape *shape)
{
    const ptrdiff_t m = tw_shape_size(shape, "m", 1), n = tw_shape_size(shape, "n", 1);
    const ptrdiff_t k = tw_shape_size(shape, "k", 1);
    const ptrdiff_t a_gap = tw_shape_size(shape, "a_gap", 0), b_gap = tw_shape_size(shape, "b_gap", 0);
    struct tw_gemm_shape gemm = {.m = m, .n = n, .k = k, .c_row = n + tw_shape_size(shape, "c_gap", 0)};

    gemm.a_row = tw_shape_size(shape, "a_transposed", 0) ? 1 : k + a_gap;
    gemm.a_col = tw_shape_size(shape, "a_transposed", 0) ? m + a_gap : 1;
    gemm.b_row = tw_shape_size(shape, "b_transposed", 0) ? 1 : n + b_gap;
    gemm.b_col = tw_shape_size(shape, "b_transposed", 0) ? k + b_gap : 1;
    return gemm;
}

static void enter_peers(struct tw_contest *contest, const struct gemm *tower, ptrdiff_t c_count)
{
    struct tw_entrant (*const peers[])(struct tw_contest *, const struct tw_peer_gemm *) = {
        tw_openblas_gemm, tw_blis_gemm, tw_libxsmm_gemm, tw_onednn_gemm};
    const struct tw_peer_gemm gemm = {tower->shape, tower->a, tower->b, tw_contest_zeros(contest, c_count)};

    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        memset(gemm.c, 0, (size_t)c_count * sizeof(float));
        tw_contest_enter_peer(contest, peers[i](contest, &gemm), tower->c, gemm.c, c_count, tower->shape.k);
    }
}

/* Large squares are a table of their own: the peak is expected there. */
static const char *operation_of(const struct tw_gemm_shape *s)
{
    return s->m == s->n && s->n == s->k && s->k >= 256 ? "gemm-square" : "gemm";
}

void tw_family_gemm(struct tw_session *session, const struct tw_shape *shape)
{
    const struct tw_gemm_shape s = read_shape(shape);
    const double flops = 2.0 * (double)s.m * (double)s.n * (double)s.k;
    const ptrdiff_t c_count = (s.m - 1) * s.c_row + s.n;
    struct tw_contest contest = tw_contest_new(session, operation_of(&s), shape->name);
    struct gemm gemm = {.shape = s, .function = session->kernels->f32_gemm};

    if (!contest.wanted || (session->quick && flops > TW_QUICK_FLOPS))
        return;
    contest.work.flops = flops;
    gemm.a = tw_contest_uniform(&contest, (s.m - 1) * s.a_row + (s.k - 1) * s.a_col + 1);
    gemm.b = tw_contest_uniform(&contest, (s.k - 1) * s.b_row + (s.n - 1) * s.b_col + 1);
    gemm.c = tw_contest_zeros(&contest, c_count);
    gemm.workspace = tw_contest_bytes(&contest, session->kernels->f32_gemm_workspace(&s));
    check(&contest, &gemm);
    tw_contest_enter(&contest, (struct tw_entrant){.name = "tower", .context = &gemm, .run = run});
    if (session->peers)
        enter_peers(&contest, &gemm, c_count);
    tw_contest_hold(&contest);
}

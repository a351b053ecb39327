/* Errors of sums, softmax and losses: asserted to keep their bounds, and printed
 * (docs/numerics.md has the table). */
#include "tests/kernels/accuracy/accuracy_program.h"

/* --- sums ----------------------------------------------------------------------------------------------- */

static void test_sums(void **state)
{
    const ptrdiff_t count = 4096, cases = tw_test_cases(200);
    struct accuracy sum = accuracy_of("sum", count), squares = accuracy_of("sum of squares", count);

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        float *x = new_uniform(&rng, count, -1, 1);
        struct exact exact[2] = {exact_new(1), exact_new(1)};

        for (ptrdiff_t j = 0; j < count; j++) {
            exact_add(&exact[0], 0, x[j], 1);
            exact_add(&exact[1], 0, x[j], x[j]);
        }
        accuracy_add(&sum, kernels->f32_sum(count, x), exact[0].sum[0], exact[0].size[0],
                     bound_of(lane_roundings(count), exact[0].size[0]));
        accuracy_add(&squares, kernels->f32_sum_of_squares(count, x), exact[1].sum[0], exact[1].size[0],
                     bound_of(lane_roundings(count), exact[1].size[0]));
        exact_release(&exact[0]);
        exact_release(&exact[1]);
        free(x);
    }
    accuracy_report(&sum);
    accuracy_report(&squares);
}

/* Columns of a matrix: a chain down the rows, and the fold of gradient slots. */
static void test_columns(void **state)
{
    const ptrdiff_t columns = 500, rows = 64;
    struct accuracy down = accuracy_of("sum of rows", rows);
    struct accuracy fold = accuracy_of("fold of gradient slots", TW_GRADIENT_SLOTS);
    float *x = new_uniform(&rng, rows * columns, -1, 1), *found = new_values(columns);
    struct exact exact = exact_new(columns), exact_fold = exact_new(columns);

    (void)state;
    for (ptrdiff_t i = 0; i < rows * columns; i++) {
        exact_add(&exact, i % columns, x[i], 1);
        if (i < TW_GRADIENT_SLOTS * columns) {
            exact_add(&exact_fold, i % columns, x[i], 1);
        }
    }
    kernels->f32_sum_rows(rows, columns, x, columns, found);
    for (ptrdiff_t c = 0; c < columns; c++) {
        accuracy_add_chain(&down, found[c], exact.sum[c], exact.size[c]);
    }
    kernels->f32_fold_slots(columns, x, columns, found);
    for (ptrdiff_t c = 0; c < columns; c++) {
        accuracy_add(&fold, found[c], exact_fold.sum[c], exact_fold.size[c], bound_of(4, exact_fold.size[c]));
    }
    accuracy_report(&down);
    accuracy_report(&fold);
    exact_release(&exact);
    exact_release(&exact_fold);
    free(x);
    free(found);
}

/* --- softmax -------------------------------------------------------------------------------------------- */

/* Largest errors of exp and log in units of u * |result|: docs/numerics.md, an ulp being at most 2 u. */
#define EXP_ROUNDINGS (2 * 0.892)
#define LOG_ROUNDINGS (2 * 0.807)

struct row {
    ptrdiff_t columns;
    double largest, sum;  /* of x; of exp(x - largest) */
    double sum_roundings; /* of that sum: x - m is off by u |x - m|, exp of it by as much, relatively */
};

static struct row row_of(ptrdiff_t columns, const float *x)
{
    struct row row = {.columns = columns, .largest = (double)x[0]};
    double least = row.largest;

    for (ptrdiff_t c = 0; c < columns; c++) {
        row.largest = fmax(row.largest, (double)x[c]);
        least = fmin(least, (double)x[c]);
    }
    for (ptrdiff_t c = 0; c < columns; c++) {
        row.sum += exp((double)x[c] - row.largest);
    }
    row.sum_roundings = row.largest - least + EXP_ROUNDINGS + lane_roundings(columns);
    return row;
}

static void measure_softmax(const char *what, const char *what_log, ptrdiff_t rows, ptrdiff_t columns)
{
    struct accuracy plain = accuracy_of(what, columns), logs = accuracy_of(what_log, columns);
    float *x = new_uniform(&rng, rows * columns, -5, 5), *y = new_values(rows * columns),
          *log_y = new_values(rows * columns);

    kernels->f32_softmax_forward(rows, columns, x, y);
    kernels->f32_log_softmax_forward(rows, columns, x, log_y);
    for (ptrdiff_t i = 0; i < rows * columns; i++) {
        const struct row row = row_of(columns, x + i / columns * columns);
        const double d = (double)x[i] - row.largest, exact = exp(d) / row.sum, log_sum = log(row.sum);

        accuracy_add(&plain, y[i], exact, exact,
                     bound_of(fabs(d) + EXP_ROUNDINGS + row.sum_roundings + 1, exact));
        accuracy_add(&logs, log_y[i], d - log_sum, fabs(d) + log_sum + 1,
                     bound_of(1, fabs(d) + LOG_ROUNDINGS * log_sum + fabs(d - log_sum) + row.sum_roundings));
    }
    accuracy_report(&plain);
    accuracy_report(&logs);
    free(x);
    free(y);
    free(log_y);
}

static void test_softmax(void **state)
{
    (void)state;
    measure_softmax("softmax of 10", "log-softmax of 10", 64, 10);
    measure_softmax("softmax of 1,000", "log-softmax of 1,000", 2, 1000);
}

/* t goes through a 16-lane sum; softmax's gradient then through a difference and a product, log-softmax's
 * through exp and an fma. */
static void test_softmax_gradients(void **state)
{
    const ptrdiff_t rows = 64, columns = 10, count = rows * columns;
    struct accuracy plain = accuracy_of("softmax gradient", columns);
    struct accuracy logs = accuracy_of("log-softmax gradient", columns);
    float *y = new_uniform(&rng, count, 0.01f, 0.2f), *log_y = new_uniform(&rng, count, -5, 0);
    float *dy = new_uniform(&rng, count, -1, 1), *dx = new_values(count), *log_dx = new_values(count);
    struct exact t = exact_new(rows), log_t = exact_new(rows);
    const double roundings = lane_roundings(columns);

    (void)state;
    for (ptrdiff_t i = 0; i < count; i++) {
        exact_add(&t, i / columns, dy[i], y[i]);
        exact_add(&log_t, i / columns, dy[i], 1);
    }
    kernels->f32_softmax_gradient(rows, columns, y, dy, dx);
    kernels->f32_log_softmax_gradient(rows, columns, log_y, dy, log_dx);
    for (ptrdiff_t i = 0; i < count; i++) {
        const double d = (double)dy[i], p = (double)y[i], e = exp((double)log_y[i]);
        const double size = p * (fabs(d) + t.size[i / columns]),
                     log_size = fabs(d) + e * log_t.size[i / columns];

        accuracy_add(&plain, dx[i], p * (d - t.sum[i / columns]), size, bound_of(roundings + 2, size));
        accuracy_add(&logs, log_dx[i], d - e * log_t.sum[i / columns], log_size,
                     bound_of(roundings + EXP_ROUNDINGS + 1, log_size));
    }
    accuracy_report(&plain);
    accuracy_report(&logs);
    exact_release(&t);
    exact_release(&log_t);
    free(y);
    free(log_y);
    free(dy);
    free(dx);
    free(log_dx);
}

/* A 16-lane sum over the rows, times the scale. */
static void test_nll(void **state)
{
    const ptrdiff_t rows = 64, columns = 10, cases = tw_test_cases(100);
    struct accuracy accuracy = accuracy_of("NLL", rows);
    const float scale = 1.0f / 64;

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        float *x = new_uniform(&rng, rows * columns, -5, 0), total;
        struct exact exact = exact_new(1);
        int32_t label[64];

        for (ptrdiff_t r = 0; r < rows; r++) {
            label[r] = (int32_t)tw_test_integer(&rng, 0, columns - 1);
            exact_add(&exact, 0, -scale, x[r * columns + label[r]]);
        }
        kernels->f32_nll_forward(rows, columns, x, label, scale, &total);
        accuracy_add(&accuracy, total, exact.sum[0], exact.size[0],
                     bound_of(lane_roundings(rows) + 1, exact.size[0]));
        exact_release(&exact);
        free(x);
    }
    accuracy_report(&accuracy);
}

/* A row: a 16-lane sum over its columns, times the share, plus the label's; then as above. */
static void test_smoothed_nll(void **state)
{
    const ptrdiff_t rows = 64, columns = 10, cases = tw_test_cases(100);
    const struct tw_smoothing smoothing = {.keep = 0.9f, .share = 0.01f};
    struct accuracy accuracy = accuracy_of("smoothed NLL", rows);
    const float scale = 1.0f / 64;

    (void)state;
    for (ptrdiff_t i = 0; i < cases; i++) {
        float *x = new_uniform(&rng, rows * columns, -5, 0), total;
        struct exact exact = exact_new(1);
        int32_t label[64];

        for (ptrdiff_t at = 0; at < rows * columns; at++) {
            const ptrdiff_t r = at / columns;

            label[r] = at % columns == 0 ? (int32_t)tw_test_integer(&rng, 0, columns - 1) : label[r];
            exact_add(&exact, 0, x[at], smoothing.share);
            exact_add(&exact, 0, x[at], at % columns == label[r] ? smoothing.keep : 0.0f);
        }
        kernels->f32_smoothed_nll_forward(rows, columns, x, label, smoothing, scale, &total);
        accuracy_add(
            &accuracy, total, -(double)scale * exact.sum[0], (double)scale * exact.size[0],
            bound_of(lane_roundings(columns) + 2 + lane_roundings(rows) + 1, (double)scale * exact.size[0]));
        exact_release(&exact);
        free(x);
    }
    accuracy_report(&accuracy);
}

static void test_exp_log(void **state)
{
    const ptrdiff_t count = 4000;
    struct accuracy exps = accuracy_of("exp", 1), logs = accuracy_of("log", 1);
    float *x = new_uniform(&rng, count, -80, 80), *z = new_uniform(&rng, count, 0.001f, 10),
          *y = new_values(count);

    (void)state;
    kernels->f32_exp(count, x, y);
    for (ptrdiff_t i = 0; i < count; i++) {
        const double exact = exp((double)x[i]);

        accuracy_add(&exps, y[i], exact, exact, bound_of(EXP_ROUNDINGS, exact));
    }
    kernels->f32_log(count, z, y);
    for (ptrdiff_t i = 0; i < count; i++) {
        const double exact = log((double)z[i]);

        accuracy_add(&logs, y[i], exact, fabs(exact), bound_of(LOG_ROUNDINGS, fabs(exact)));
    }
    accuracy_report(&exps);
    accuracy_report(&logs);
    free(x);
    free(z);
    free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),    cmocka_unit_test(test_columns),
        cmocka_unit_test(test_softmax), cmocka_unit_test(test_softmax_gradients),
        cmocka_unit_test(test_nll),     cmocka_unit_test(test_smoothed_nll),
        cmocka_unit_test(test_exp_log),
    };

    return cmocka_run_group_tests(tests, choose_kernels, NULL);
}

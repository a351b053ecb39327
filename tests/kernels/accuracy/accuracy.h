/* How far a kernel's results are from the same formula in double, in units of
 *
 *     epsilon * length * size      epsilon = 2^-23
 *
 * with `length` the number of terms of the longest sum and, of each result, `size` the sum of its terms' absolute
 * values. In this unit one chain of fma is off by 1/2 at most, whatever its data.
 */
#ifndef TOWER_TESTS_KERNELS_ACCURACY_ACCURACY_H
#define TOWER_TESTS_KERNELS_ACCURACY_ACCURACY_H

#include <stdlib.h>

#include "tests/kernels/kernel_test.h"

/* The kernels that are measured: the best this machine has, or those of $TOWER_ISA. Their bits are the
 * reference's, as other tests see to. */
static inline const struct tw_kernels *measured_kernels(void)
{
    enum tw_isa isa;

    assert_ok(tw_isa_choose(TW_ISA_COUNT, &isa, NULL));
    return tw_kernels_of(isa);
}

struct accuracy {
    const char *what;
    double length;
    double largest, squares; /* errors in the unit above */
    double share;            /* the largest error, measured by its bound */
    ptrdiff_t count;
};

static inline struct accuracy accuracy_of(const char *what, ptrdiff_t length)
{
    return (struct accuracy){.what = what, .length = (double)length};
}

/* One result. Fails if it is further than `bound` from `exact`. */
static inline void accuracy_add(struct accuracy *a, float found, double exact, double size, double bound)
{
    const double error = fabs((double)found - exact);
    const double units = size > 0.0 ? error / ((double)FLT_EPSILON * a->length * size) : 0.0;

    if (!(error <= bound)) {
        fail_msg("%s, result %td: %.9g, in double %.17g: off by %g, expected at most %g", a->what, a->count,
                 (double)found, exact, error, bound);
    }
    a->largest = fmax(a->largest, units);
    a->squares += units * units;
    a->share = bound > 0.0 ? fmax(a->share, error / bound) : a->share;
    a->count++;
}

/* `roundings` of them, each of something that is no larger than `size`; 1 % for what is beyond the first order
 * and for the double sums. */
static inline double bound_of(double roundings, double size)
{
    return 1.01 * TW_UNIT_ROUNDOFF * roundings * size;
}

/* Roundings an element goes through in a 16-lane sum. */
static inline double lane_roundings(ptrdiff_t count)
{
    return (double)((count + TW_LANES - 1) / TW_LANES + 4);
}

/* A chain of `length` fma or additions. */
static inline void accuracy_add_chain(struct accuracy *a, float found, double exact, double size)
{
    accuracy_add(a, found, exact, size, bound_of(a->length, size));
}

static inline double accuracy_rms(const struct accuracy *a)
{
    return sqrt(a->squares / (double)a->count);
}

static inline void accuracy_heading(void)
{
    print_message("%-60s %6s %9s  %-9s %-9s %s\n", "", "length", "results", "largest", "rms", "of its bound");
}

static inline void accuracy_report(const struct accuracy *a)
{
    assert_true(a->count > 0);
    print_message("%-60s %6.0f %9td  %-9.2g %-9.2g %.2g\n", a->what, a->length, a->count, a->largest,
                  accuracy_rms(a), a->share);
}

/* Memory aligned to 64 bytes; the test ends without. */
static inline void *new_bytes(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);

    assert_non_null(memory);
    memset(memory, 0, (bytes + 64) / 64 * 64);
    return memory;
}

static inline float *new_values(ptrdiff_t count)
{
    return new_bytes((size_t)count * sizeof(float));
}

static inline float *new_uniform(struct tw_rng *rng, ptrdiff_t count, float from, float to)
{
    float *values = new_values(count);

    tw_test_fill(rng, values, count, from, to);
    return values;
}

/* Sums in double, and the sums of their terms' absolute values. */
struct exact {
    double *sum, *size;
};

static inline struct exact exact_new(ptrdiff_t count)
{
    return (struct exact){new_bytes((size_t)count * sizeof(double)),
                          new_bytes((size_t)count * sizeof(double))};
}

static inline void exact_release(struct exact *exact)
{
    free(exact->sum);
    free(exact->size);
}

static inline void exact_add(struct exact *exact, ptrdiff_t at, float a, float b)
{
    const double product = (double)a * (double)b;

    exact->sum[at] += product;
    exact->size[at] += fabs(product);
}

/* Results each of which is one chain of a->length terms at most, reported; gives `exact` back. */
static inline void accuracy_of_chains(struct accuracy *a, const float *found, struct exact *exact,
                                      ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        accuracy_add_chain(a, found[i], exact->sum[i], exact->size[i]);
    }
    accuracy_report(a);
    exact_release(exact);
}

#endif

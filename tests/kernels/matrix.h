/* Matrices for the tests of kernels that take strides: how the elements lie in a buffer that holds nothing but what they
 * span. */
#ifndef TOWER_TESTS_KERNELS_MATRIX_H
#define TOWER_TESTS_KERNELS_MATRIX_H

#include "tests/support/test_support.h"

/* Leading dimension rows or columns; rows that follow each other; rows backwards, all rows the same; the same two of
 * columns. Of all these one stride is 1. Then gaps in both directions; all backwards. */
enum layout {
    ROWS,
    COLUMNS,
    DENSE,
    BACKWARDS,
    REPEATED,
    COLUMNS_BACKWARDS,
    COLUMNS_REPEATED,
    UNIT_LAYOUTS,
    GAPS = UNIT_LAYOUTS,
    MIRRORED,
    LAYOUTS
};

struct strides {
    ptrdiff_t row, column;
    ptrdiff_t count; /* elements that the matrix spans, … */
    ptrdiff_t first; /* … of which this one is element (0, 0) */
};

static inline ptrdiff_t distance(ptrdiff_t extent, ptrdiff_t stride)
{
    return (extent - 1) * (stride < 0 ? -stride : stride);
}

static inline struct strides strides_of(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t row, ptrdiff_t column)
{
    struct strides strides = {.row = row, .column = column};

    if (rows > 0 && columns > 0) {
        strides.count = distance(rows, row) + distance(columns, column) + 1;
        strides.first = (row < 0 ? distance(rows, row) : 0) + (column < 0 ? distance(columns, column) : 0);
    }
    return strides;
}

/* The smallest prime that is not below `least`. */
static inline ptrdiff_t prime_from(ptrdiff_t least)
{
    ptrdiff_t divisor = 2;

    least = least < 2 ? 2 : least;
    while (divisor * divisor <= least) {
        if (least % divisor == 0) {
            least++;
            divisor = 1;
        }
        divisor++;
    }
    return least;
}

/* For rows of `extent` elements; half of the time a prime, which has no divisor in common with any vector, tile or
 * block. */
static inline ptrdiff_t leading_dimension(struct tw_rng *rng, ptrdiff_t extent)
{
    const ptrdiff_t apart = extent + tw_test_integer(rng, 0, 5);

    return tw_test_integer(rng, 0, 1) == 0 ? prime_from(apart) : apart;
}

static inline struct strides random_strides(struct tw_rng *rng, enum layout layout, ptrdiff_t rows,
                                            ptrdiff_t columns)
{
    ptrdiff_t row = leading_dimension(rng, columns), column = 1;

    switch (layout) {
    case COLUMNS:
    case COLUMNS_BACKWARDS:
    case COLUMNS_REPEATED:
        row = 1;
        column = layout == COLUMNS_REPEATED ? 0 : leading_dimension(rng, rows);
        column = layout == COLUMNS_BACKWARDS ? -column : column;
        break;
    case DENSE:
        row = columns;
        break;
    case BACKWARDS:
        row = -row;
        break;
    case REPEATED:
        row = 0;
        break;
    case GAPS:
        column = 3;
        row = leading_dimension(rng, 3 * columns);
        break;
    case MIRRORED:
        column = -1;
        row = -row;
        break;
    default:
        break;
    }
    return strides_of(rows, columns, row, column);
}

#endif

/* Filling one tensor. Schemes for whole trees are in init_scheme.c. */
#include "layers/module/init.h"

#include <float.h>
#include <math.h>

double tw_init_gain(enum tw_nonlinearity nonlinearity, double a)
{
    switch (nonlinearity) {
    case TW_NONLINEARITY_TANH:
        return 5.0 / 3.0;
    case TW_NONLINEARITY_RELU:
        return sqrt(2.0);
    case TW_NONLINEARITY_LEAKY_RELU:
        /* pow, not a * a: Python's `a ** 2` calls pow, and the bits shall be the same. */
        return sqrt(2.0 / (1.0 + pow(a, 2.0)));
    case TW_NONLINEARITY_SELU:
        return 3.0 / 4.0;
    case TW_NONLINEARITY_LINEAR:
        break;
    }
    return 1.0;
}

enum tw_status tw_init_fans(const struct tw_shape *shape, ptrdiff_t *fan_in, ptrdiff_t *fan_out)
{
    char text[TW_SHAPE_TEXT_BYTES];
    ptrdiff_t receptive = 1;
    bool overflow = false;

    if (shape->ndim < 2 || shape->ndim > TW_MAX_DIMS) {
        return tw_fail(TW_ERROR_SHAPE,
                       "init: a shape of %d dimensions has no fan-in and fan-out, expected 2 to %d",
                       shape->ndim, TW_MAX_DIMS);
    }
    for (int i = 2; i < shape->ndim; i++) {
        overflow |= __builtin_mul_overflow(receptive, shape->extent[i], &receptive);
    }
    overflow |= __builtin_mul_overflow(shape->extent[1], receptive, fan_in);
    overflow |= __builtin_mul_overflow(shape->extent[0], receptive, fan_out);
    if (overflow) {
        return tw_fail(TW_ERROR_SHAPE, "init: the fans of shape %s overflow", tw_shape_text(shape, text));
    }
    return TW_OK;
}

static enum tw_status check_tensor(const struct tw_tensor *tensor)
{
    if (tensor == NULL) {
        return tw_fail(TW_ERROR_ARGUMENT, "init: the tensor is NULL");
    }
    if (tensor->dtype != TW_F32 || !tw_tensor_is_contiguous(tensor)) {
        return tw_fail(TW_ERROR_ARGUMENT, "init: the tensor is %s%s, expected contiguous float32",
                       tw_tensor_is_contiguous(tensor) ? "" : "non-contiguous ",
                       tw_dtype_name(tensor->dtype));
    }
    return TW_OK;
}

static enum tw_status check_draw(const struct tw_tensor *tensor, const struct tw_rng *rng)
{
    if (rng == NULL) {
        return tw_fail(TW_ERROR_ARGUMENT, "init: the random generator is NULL");
    }
    return check_tensor(tensor);
}

/* Whether a double survives the conversion to float as a number. */
static bool fits_float(double value)
{
    return fabs(value) <= FLT_MAX;
}

enum tw_status tw_init_uniform(struct tw_tensor *tensor, struct tw_rng *rng, double low, double high)
{
    enum tw_status status = check_draw(tensor, rng);

    if (status != TW_OK) {
        return status;
    }
    if (!fits_float(low) || !fits_float(high) || low > high || !fits_float(high - low)) {
        return tw_fail(TW_ERROR_ARGUMENT, "init: uniform from %g to %g, expected finite floats low <= high",
                       low, high);
    }
    tw_tensor_changed(tensor);
    tw_rng_fill_uniform(rng, tensor->data, tw_tensor_count(tensor), (float)low, (float)high);
    return TW_OK;
}

enum tw_status tw_init_normal(struct tw_tensor *tensor, struct tw_rng *rng, double mean,
                              double standard_deviation)
{
    enum tw_status status = check_draw(tensor, rng);

    if (status != TW_OK) {
        return status;
    }
    if (!fits_float(mean) || !fits_float(standard_deviation) || standard_deviation < 0.0) {
        return tw_fail(TW_ERROR_ARGUMENT,
                       "init: normal with mean %g and standard deviation %g, expected finite floats and a "
                       "deviation that is not negative",
                       mean, standard_deviation);
    }
    tw_tensor_changed(tensor);
    tw_rng_fill_normal(rng, tensor->data, tw_tensor_count(tensor), (float)mean, (float)standard_deviation);
    return TW_OK;
}

enum tw_status tw_init_constant(struct tw_tensor *tensor, double value)
{
    enum tw_status status = check_tensor(tensor);

    if (status != TW_OK) {
        return status;
    }
    if (!fits_float(value)) {
        return tw_fail(TW_ERROR_ARGUMENT, "init: constant %g, expected a finite float", value);
    }
    tw_tensor_fill(tensor, value);
    return TW_OK;
}

enum tw_status tw_init_zeros(struct tw_tensor *tensor)
{
    return tw_init_constant(tensor, 0.0);
}

/* --- from fans ------------------------------------------------------------------------------------------ */

/* `*deviation` is gain * sqrt(2 / (fan_in + fan_out)); 0 for an empty tensor, which draws nothing. */
static enum tw_status xavier_deviation(const struct tw_tensor *tensor, double gain, double *deviation)
{
    ptrdiff_t fan_in = 0, fan_out = 0;
    enum tw_status status = check_tensor(tensor);

    if (status == TW_OK) {
        status = tw_init_fans(&tensor->shape, &fan_in, &fan_out);
    }
    if (status != TW_OK) {
        return status;
    }
    *deviation = tw_tensor_count(tensor) > 0 ? gain * sqrt(2.0 / ((double)fan_in + (double)fan_out)) : 0.0;
    return TW_OK;
}

/* `*deviation` is gain / sqrt(fan); 0 for a tensor without elements. */
static enum tw_status kaiming_deviation(const struct tw_tensor *tensor, double a, enum tw_fan_mode mode,
                                        enum tw_nonlinearity nonlinearity, double *deviation)
{
    ptrdiff_t fan_in = 0, fan_out = 0;
    enum tw_status status = check_tensor(tensor);

    if (status == TW_OK) {
        status = tw_init_fans(&tensor->shape, &fan_in, &fan_out);
    }
    if (status != TW_OK) {
        return status;
    }
    *deviation = 0.0;
    if (tw_tensor_count(tensor) > 0) {
        *deviation = tw_init_gain(nonlinearity, a) / sqrt((double)(mode == TW_FAN_IN ? fan_in : fan_out));
    }
    return TW_OK;
}

static enum tw_status uniform_of_deviation(struct tw_tensor *tensor, struct tw_rng *rng, double deviation)
{
    double bound = sqrt(3.0) * deviation;

    return tw_init_uniform(tensor, rng, -bound, bound);
}

enum tw_status tw_init_xavier_uniform(struct tw_tensor *tensor, struct tw_rng *rng, double gain)
{
    double deviation;
    enum tw_status status = xavier_deviation(tensor, gain, &deviation);

    return status == TW_OK ? uniform_of_deviation(tensor, rng, deviation) : status;
}

enum tw_status tw_init_xavier_normal(struct tw_tensor *tensor, struct tw_rng *rng, double gain)
{
    double deviation;
    enum tw_status status = xavier_deviation(tensor, gain, &deviation);

    return status == TW_OK ? tw_init_normal(tensor, rng, 0.0, deviation) : status;
}

enum tw_status tw_init_kaiming_uniform(struct tw_tensor *tensor, struct tw_rng *rng, double a,
                                       enum tw_fan_mode mode, enum tw_nonlinearity nonlinearity)
{
    double deviation;
    enum tw_status status = kaiming_deviation(tensor, a, mode, nonlinearity, &deviation);

    return status == TW_OK ? uniform_of_deviation(tensor, rng, deviation) : status;
}

enum tw_status tw_init_kaiming_normal(struct tw_tensor *tensor, struct tw_rng *rng, double a,
                                      enum tw_fan_mode mode, enum tw_nonlinearity nonlinearity)
{
    double deviation;
    enum tw_status status = kaiming_deviation(tensor, a, mode, nonlinearity, &deviation);

    return status == TW_OK ? tw_init_normal(tensor, rng, 0.0, deviation) : status;
}

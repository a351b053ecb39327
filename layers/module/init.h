/* Initialisation of weights: torch.nn.init in C.
 *
 * Each function fills a contiguous float32 tensor in place, drawing from `rng` as PyTorch draws. Glorot and
 * Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010 (Xavier);
 * He et al., "Delving deep into rectifiers", arXiv 1502.01852 (Kaiming).
 *
 *   fan_in = shape[1] * receptive,  fan_out = shape[0] * receptive,  receptive = product of shape[2 …]
 *   Xavier:   std = gain * sqrt(2 / (fan_in + fan_out))      uniform bound = sqrt(3) * std
 *   Kaiming:  std = gain(nonlinearity, a) / sqrt(fan)        uniform bound = sqrt(3) * std
 * in double, converted to float last.
 */
#ifndef TOWER_LAYERS_MODULE_INIT_H
#define TOWER_LAYERS_MODULE_INIT_H

#include <stddef.h>

#include "core/rng.h"
#include "core/tensor.h"
#include "layers/module/module.h"

enum tw_fan_mode { TW_FAN_IN, TW_FAN_OUT };

enum tw_nonlinearity {
    TW_NONLINEARITY_LINEAR,     /* gain 1; also convolution and sigmoid */
    TW_NONLINEARITY_TANH,       /* 5/3 */
    TW_NONLINEARITY_RELU,       /* sqrt(2) */
    TW_NONLINEARITY_LEAKY_RELU, /* sqrt(2 / (1 + a^2)) */
    TW_NONLINEARITY_SELU,       /* 3/4 */
};

double tw_init_gain(enum tw_nonlinearity nonlinearity, double a);

/* TW_ERROR_SHAPE for fewer than two dimensions. */
enum tw_status tw_init_fans(const struct tw_shape *shape, ptrdiff_t *fan_in, ptrdiff_t *fan_out);

/* TW_ERROR_ARGUMENT for a tensor that is not contiguous float32, a negative deviation, or low > high. */
enum tw_status tw_init_uniform(struct tw_tensor *tensor, struct tw_rng *rng, double low, double high);
enum tw_status tw_init_normal(struct tw_tensor *tensor, struct tw_rng *rng, double mean,
                              double standard_deviation);
enum tw_status tw_init_constant(struct tw_tensor *tensor, double value);
enum tw_status tw_init_zeros(struct tw_tensor *tensor);
enum tw_status tw_init_xavier_uniform(struct tw_tensor *tensor, struct tw_rng *rng, double gain);
enum tw_status tw_init_xavier_normal(struct tw_tensor *tensor, struct tw_rng *rng, double gain);
enum tw_status tw_init_kaiming_uniform(struct tw_tensor *tensor, struct tw_rng *rng, double a,
                                       enum tw_fan_mode mode, enum tw_nonlinearity nonlinearity);
enum tw_status tw_init_kaiming_normal(struct tw_tensor *tensor, struct tw_rng *rng, double a,
                                      enum tw_fan_mode mode, enum tw_nonlinearity nonlinearity);

/* A scheme for a whole tree, from text: "torch" (what the constructors did: nothing to do),
 * "kaiming-uniform", "kaiming-normal" (fan-in, relu), "xavier-uniform", "xavier-normal" (gain 1),
 * "uniform:BOUND", "normal:STD", "constant:VALUE", "zeros". Weights (two or more dimensions) get the scheme;
 * biases (one dimension) become 0 for every scheme but "torch" and "constant:VALUE". Draws happen in the
 * order of tw_module_named_parameters. TW_ERROR_ARGUMENT quotes an unknown scheme or a bad number and lists
 * what there is. */
enum tw_status tw_init_module(tw_module *module, const char *scheme, struct tw_rng *rng);

/* Whether `scheme` is one that tw_init_module takes: to fail before any work is done. */
enum tw_status tw_init_check(const char *scheme);

#endif

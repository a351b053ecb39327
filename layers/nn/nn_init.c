#include "layers/nn/nn_init.h"

#include <math.h>

#include "layers/module/init.h"

tw_parameter *tw_nn_new_bias(tw_module *self, ptrdiff_t extent, bool bias)
{
    if (bias) {
        return tw_module_new_parameter(self, "bias", TW_SHAPE(extent));
    }
    /* A failure stays with the module, whose tw_module_ready comes next. */
    (void)tw_module_register_parameter(self, "bias", NULL);
    return NULL;
}

static enum tw_status draw(struct tw_tensor *weight, struct tw_tensor *bias, struct tw_rng *rng)
{
    ptrdiff_t fan_in, fan_out;
    double bound;
    enum tw_status status = tw_init_fans(&weight->shape, &fan_in, &fan_out);

    if (status == TW_OK) {
        status = tw_init_kaiming_uniform(weight, rng, sqrt(5.0), TW_FAN_IN, TW_NONLINEARITY_LEAKY_RELU);
    }
    if (status != TW_OK || bias == NULL) {
        return status;
    }
    bound = 1.0 / sqrt((double)fan_in);
    return tw_init_uniform(bias, rng, -bound, bound);
}

tw_module *tw_nn_ready(tw_module *self, tw_parameter *weight, tw_parameter *bias, struct tw_rng *rng)
{
    self = tw_module_ready(self);
    if (self != NULL && rng != NULL && draw(weight->data, bias != NULL ? bias->data : NULL, rng) != TW_OK) {
        tw_module_release(self);
        self = NULL;
    }
    return self;
}

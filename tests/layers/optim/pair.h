/* Two parameters of a layer that is not there, for the tests of this folder.
 */
#ifndef TOWER_TESTS_LAYERS_OPTIM_PAIR_H
#define TOWER_TESTS_LAYERS_OPTIM_PAIR_H

#include <string.h>

#include "core/memory.h"
#include "layers/module/module.h"
#include "tests/support/test_support.h"

struct pair {
    tw_parameter *parameter[2];
    struct tw_named_parameter items[2];
    struct tw_parameter_list list;
};

static inline void pair_init(struct pair *pair, struct tw_shape first, struct tw_shape second)
{
    pair->parameter[0] = tw_parameter_new(first);
    pair->parameter[1] = tw_parameter_new(second);
    assert_non_null(pair->parameter[0]);
    assert_non_null(pair->parameter[1]);
    pair->items[0] = (struct tw_named_parameter){tw_strdup("fc.weight"), pair->parameter[0]};
    pair->items[1] = (struct tw_named_parameter){tw_strdup("fc.bias"), pair->parameter[1]};
    pair->list = (struct tw_parameter_list){pair->items, 2};
}

static inline void pair_release(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        tw_parameter_release(pair->parameter[i]);
        tw_free(pair->items[i].name);
    }
}

static inline void set_gradient(tw_parameter *parameter, const float *values)
{
    struct tw_tensor *gradient = tw_parameter_gradient(parameter);

    assert_non_null(gradient);
    memcpy(gradient->data, values, tw_tensor_bytes(gradient));
    parameter->gradient_is_zero = false;
}

#endif

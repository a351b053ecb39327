#include "benchmarks/families.h"

#include <string.h>

static const struct tw_family families[] = {
    {"gemm", tw_family_gemm, {"gemm", "gemm-square"}},
    {"linear", tw_family_linear, {"linear-forward", "linear-input-gradient", "linear-weight-gradient"}},
    {"linear_packed", tw_family_linear_packed, {"linear-packed-forward"}},
    {"conv2d", tw_family_conv2d, {"conv2d-forward", "conv2d-input-gradient", "conv2d-weight-gradient"}},
    {"conv_pool", tw_family_conv_pool, {"conv-pool-forward", "conv-pool-gradient"}},
    {"pool", tw_family_pool, {"max-pool-forward", "max-pool-gradient"}},
    {"relu", tw_family_relu, {"relu-forward", "relu-gradient"}},
    {"elementwise",
     tw_family_elementwise,
     {"add", "scale", "exp", "log", "dropout", "normalize-u8", "sum", "sum-of-squares", "fold-slots"}},
    {"softmax",
     tw_family_softmax,
     {"softmax-forward", "softmax-gradient", "log-softmax-forward", "log-softmax-gradient", "nll-forward",
      "nll-gradient", "smoothed-nll-forward", "smoothed-nll-gradient"}},
    {"transpose", tw_family_transpose, {"transpose"}},
    {"optimizer", tw_family_optimizer, {"adam", "sgd-momentum"}},
};

#define FAMILIES (sizeof families / sizeof *families)

const struct tw_family *tw_family_named(const char *name)
{
    for (size_t i = 0; i < FAMILIES; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

const struct tw_family *tw_family_of(const char *operation)
{
    for (size_t i = 0; i < FAMILIES; i++)
        for (const char *const *each = families[i].operations; *each; each++)
            if (strcmp(*each, operation) == 0)
                return &families[i];
    return NULL;
}

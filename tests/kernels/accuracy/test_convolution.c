/* Errors of the tower's convolutions and of their gradients, on data as in training: asserted to keep their
 * bounds, and printed (docs/numerics.md has the table). Winograd's: test_winograd.c. */
#include "tests/kernels/accuracy/pooled_forward.h"

static const struct tw_kernels *kernels;
static struct layer layers[2];

static int make_layers(void **state)
{
    struct tw_rng rng = tw_test_rng(1);

    (void)state;
    kernels = measured_kernels();
    layers[0] = first_layer(kernels, &rng, tw_test_cases(4));
    layers[1] = second_layer(kernels, &rng, &layers[0]);
    accuracy_heading();
    return 0;
}

static int release_layers(void **state)
{
    (void)state;
    layer_release(&layers[0]);
    layer_release(&layers[1]);
    return 0;
}

static void direct_forward(void **state)
{
    const struct layer *l = &layers[1];
    const struct convolution c = convolution_of(l);
    struct accuracy a = accuracy_of("conv2, direct forward", l->conv.in_channels * 9);
    struct exact exact = exact_convolution(&c, INTO_Y);
    float *y = new_values(y_count(l));

    (void)state;
    kernels->f32_conv2d_forward(&l->conv, l->samples, l->x, l->w, l->bias, y, l->workspace);
    accuracy_of_chains(&a, y, &exact, y_count(l));
    free(y);
}

static void direct_gradients(void **state)
{
    const struct layer *l = &layers[1];
    const struct convolution c = convolution_of(l);
    const ptrdiff_t positions = l->samples * l->conv.out_height * l->conv.out_width;
    struct accuracy dx = accuracy_of("conv2, direct input gradient", l->conv.out_channels * 9);
    struct accuracy dw = accuracy_of("conv2, direct weight gradient", positions);
    struct accuracy db = accuracy_of("conv2, bias gradient", positions);
    struct exact exact_dx = exact_convolution(&c, INTO_DX), exact_dw = exact_convolution(&c, INTO_DW);
    struct exact exact_db = exact_bias(&c);
    float *found_dx = new_values(x_count(l)), *found_dw = new_values(w_count(l)), found_db[64];

    (void)state;
    kernels->f32_conv2d_input_gradient(&l->conv, l->samples, l->dense, l->w, found_dx, l->workspace);
    kernels->f32_conv2d_weight_gradient(&l->conv, l->samples, l->x, l->dense, found_dw, found_db,
                                        l->workspace);
    accuracy_of_chains(&dx, found_dx, &exact_dx, x_count(l));
    accuracy_of_chains(&dw, found_dw, &exact_dw, w_count(l));
    accuracy_of_chains(&db, found_db, &exact_db, 64);
    free(found_dx);
    free(found_dw);
}

static void planar_forward(void **state)
{
    const struct layer *l = &layers[0];
    const struct convolution c = convolution_of(l);
    struct exact exact = exact_convolution(&c, INTO_Y);
    double *bound = chain_bounds(l, &exact);

    (void)state;
    pooled_accuracy(l, "conv1 + relu + pool, planar", l->y, &exact, bound);
    free(bound);
    exact_release(&exact);
}

static void planar_gradient(void **state)
{
    const struct layer *l = &layers[0];
    const struct convolution c = convolution_of(l);
    struct accuracy dw = accuracy_of("conv1 + relu + pool, dw", l->samples * windows(l));
    struct accuracy db = accuracy_of("conv1 + relu + pool, db", l->samples * windows(l));
    struct exact exact_dw = exact_convolution(&c, INTO_DW), exact_db = exact_bias(&c);
    float *found_dw = new_values(w_count(l)), found_db[32];

    (void)state;
    kernels->f32_conv_pool_planar_gradient(&l->pool, l->samples, l->x, NULL, l->code, l->dy, found_dw,
                                           found_db, l->workspace);
    accuracy_of_chains(&dw, found_dw, &exact_dw, w_count(l));
    accuracy_of_chains(&db, found_db, &exact_db, 32);
    free(found_dw);
}

/* An element of dx lies in four windows' reach, and each has at most one open position an output channel. */
static void blocked_gradient(void **state)
{
    const struct layer *l = &layers[1];
    const struct convolution c = convolution_of(l);
    const ptrdiff_t lanes = kernels->vector_lanes, in_blocks = tw_blocks(l->conv.in_channels);
    const ptrdiff_t size = tw_blocked_size(l->conv.in_channels, 14, 14, 1), plane = x_count(l) / l->samples;
    struct accuracy dw = accuracy_of("conv2 + relu + pool, dw", l->samples * windows(l));
    struct accuracy db = accuracy_of("conv2 + relu + pool, db", l->samples * windows(l));
    struct accuracy dx = accuracy_of("conv2 + relu + pool, dx", 4 * l->conv.out_channels);
    struct exact exact_dw = exact_convolution(&c, INTO_DW), exact_dx = exact_convolution(&c, INTO_DX);
    struct exact exact_db = exact_bias(&c);
    float *packed = new_values(w_count(l)), *found_dw = new_values(w_count(l)), found_db[64];
    float *weights = new_values(w_count(l)), *blocked = new_values(l->samples * size);
    float *found_dx = new_values(x_count(l));

    (void)state;
    assert_int_equal(l->conv.in_channels % TW_BLOCK, 0); /* so that the scatter form is no larger than w */
    tw_f32_pack_scatter_weights(&l->pool, lanes, l->w, weights, 0, in_blocks);
    kernels->f32_conv_pool_gradient(&l->pool, l->samples, l->blocked, weights, l->code, l->dy, packed,
                                    found_db, blocked, l->workspace);
    tw_f32_unpack_scatter_weights(&l->pool, lanes, packed, found_dw, 0, in_blocks);
    for (ptrdiff_t n = 0; n < l->samples; n++) {
        tw_f32_unblock(l->conv.in_channels, 14, 14, 1, blocked + n * size, found_dx + n * plane);
    }
    accuracy_of_chains(&dw, found_dw, &exact_dw, w_count(l));
    accuracy_of_chains(&db, found_db, &exact_db, 64);
    accuracy_of_chains(&dx, found_dx, &exact_dx, x_count(l));
    free(packed);
    free(found_dw);
    free(weights);
    free(blocked);
    free(found_dx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_forward),   cmocka_unit_test(direct_gradients),
        cmocka_unit_test(planar_forward),   cmocka_unit_test(planar_gradient),
        cmocka_unit_test(blocked_gradient),
    };

    return cmocka_run_group_tests(tests, make_layers, release_layers);
}

/* Every number of channels from 1 to 70, in, out, both and depthwise, on small images of odd and even extents;
 * finite values, and with NaN and infinity among them. Every variant of the three functions against the
 * reference, bit for bit. */
#include "tests/kernels/kernel_test.h"

#define MOST 70

enum part { INTO_CHANNELS, FROM_CHANNELS, BOTH_1X1, DEPTHWISE, PARTS };

/* `channels` where the part says, few elsewhere; 3 x 3 or 1 x 1 kernels, every third with stride 2. */
static struct tw_conv2d_shape shape_of(struct tw_rng *rng, enum part part, ptrdiff_t channels)
{
    const ptrdiff_t kernel = part == BOTH_1X1 ? 1 : 3, few = tw_test_integer(rng, 1, 4);
    const ptrdiff_t stride = tw_test_integer(rng, 0, 2) == 0 ? 2 : 1;
    struct tw_conv2d_shape s = {.in_channels = part == INTO_CHANNELS ? few : channels,
                                .out_channels = part == FROM_CHANNELS ? few : channels,
                                .in_height = tw_test_integer(rng, 1, 5),
                                .in_width = tw_test_integer(rng, 1, 7),
                                .kernel_height = kernel,
                                .kernel_width = kernel,
                                .stride = {stride, stride},
                                .padding = {kernel / 2, kernel / 2},
                                .dilation = {1, 1},
                                .groups = part == DEPTHWISE ? channels : 1};

    s.out_height = tw_conv2d_output_extent(s.in_height, kernel, stride, s.padding[0], 1);
    s.out_width = tw_conv2d_output_extent(s.in_width, kernel, stride, s.padding[1], 1);
    return s;
}

struct operands {
    struct tw_conv2d_shape shape;
    ptrdiff_t samples, x_count, y_count, w_count;
    struct buffers buffers;
    const float *x, *dy, *w, *bias;
};

static const float *take_inputs(struct operands *o, struct tw_rng *rng, ptrdiff_t count, bool special)
{
    return special ? take_any(&o->buffers, rng, count) : take_uniform(&o->buffers, rng, count, -1.0f, 1.0f);
}

static struct operands new_operands(struct tw_rng *rng, enum part part, ptrdiff_t channels, bool special)
{
    struct operands o = {.shape = shape_of(rng, part, channels), .samples = tw_test_integer(rng, 1, 2)};
    const struct tw_conv2d_shape *s = &o.shape;

    o.x_count = o.samples * s->in_channels * s->in_height * s->in_width;
    o.y_count = o.samples * s->out_channels * s->out_height * s->out_width;
    o.w_count = s->out_channels * (s->in_channels / s->groups) * s->kernel_height * s->kernel_width;
    o.x = take_inputs(&o, rng, o.x_count, special);
    o.dy = take_inputs(&o, rng, o.y_count, special);
    o.w = take_inputs(&o, rng, o.w_count, special);
    o.bias = tw_test_integer(rng, 0, 1) ? take_inputs(&o, rng, s->out_channels, special) : NULL;
    return o;
}

struct results {
    float *y, *dx, *dw, *db;
};

static struct results run(const struct tw_kernels *k, struct operands *o)
{
    const struct tw_conv2d_shape *s = &o->shape;
    void *workspace = take_bytes(&o->buffers, (ptrdiff_t)k->f32_conv2d_workspace(s));
    struct results r = {take(&o->buffers, o->y_count), take(&o->buffers, o->x_count),
                        take(&o->buffers, o->w_count), take(&o->buffers, s->out_channels)};

    k->f32_conv2d_forward(s, o->samples, o->x, o->w, o->bias, r.y, workspace);
    k->f32_conv2d_input_gradient(s, o->samples, o->dy, o->w, r.dx, workspace);
    k->f32_conv2d_weight_gradient(s, o->samples, o->x, o->dy, r.dw, r.db, workspace);
    return r;
}

static void compare(const struct tw_kernels *k, struct operands *o)
{
    const struct results expected = run(tw_kernels_of(TW_ISA_REFERENCE), o), found = run(k, o);

    assert_same_floats(expected.y, found.y, o->y_count, "y");
    assert_same_floats(expected.dx, found.dx, o->x_count, "dx");
    assert_same_floats(expected.dw, found.dw, o->w_count, "dw");
    assert_same_floats(expected.db, found.db, o->shape.out_channels, "db");
}

/* In an emulator only some of the numbers, from a random one on. */
static void sweep(bool special, uint64_t stream)
{
    const struct variants variants = variants_here();
    struct tw_rng rng = tw_test_rng(stream);
    const ptrdiff_t step = MOST / tw_test_cases(MOST);

    if (variants.count == 0)
        skip();
    for (int part = 0; part < PARTS; part++)
        for (ptrdiff_t channels = tw_test_integer(&rng, 1, step); channels <= MOST; channels += step)
            for (int v = 0; v < variants.count; v++) {
                struct operands o = new_operands(&rng, (enum part)part, channels, special);

                compare(variants.table[v], &o);
                release(&o.buffers);
            }
}

static void every_number_of_channels(void **state)
{
    (void)state;
    sweep(false, 1);
}

static void special_values_flow(void **state)
{
    (void)state;
    sweep(true, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_channels),
        cmocka_unit_test(special_values_flow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

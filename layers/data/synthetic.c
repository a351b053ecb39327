/* Synthetic digits: glyphs bent, turned, scaled and moved, drawn with a pen of varying width, then noise.
 *
 * Image i of a subset depends on (seed, subset, i) alone: its random numbers come from Philox with the seed
 * as key and (subset, i, draw) as counter. The first n images of a larger set are therefore the set of n.
 */
#include "core/rng.h"
#include "layers/data/dataset.h"
#include "layers/data/digit_glyphs.h"
#include "layers/data/stroke.h"

/* How much the digits vary; tuned so that a linear model fails where a convolutional one does not. */
#define TURN         0.19F /* tangent of half the largest angle: 21 degrees */
#define SHEAR        0.25F
#define SCALE_LOW    0.72F
#define SCALE_HIGH   1.08F
#define ASPECT_LOW   0.75F /* width relative to height */
#define ASPECT_HIGH  1.15F
#define SHIFT        2.2F  /* pixels, each axis */
#define BEND         0.12F /* how far what lies ten pixels from the centre is bent aside, in tens of pixels */
#define JITTER       0.7F  /* pixels, every control point on its own */
#define RADIUS_LOW   0.6F  /* half the pen's width in pixels */
#define RADIUS_HIGH  1.5F
#define SOFT_LOW     1.0F
#define SOFT_HIGH    1.7F
#define INK_LOW      150.0F
#define INK_HIGH     255.0F
#define NOISE_HIGH   40   /* see add_noise */
#define STRAY_CHANCE 0.3F /* of a short stroke that belongs to no digit */

/* The random numbers of one image, four at a time. */
struct draws {
    uint64_t key, image, block;
    uint32_t word[4];
    int used;
};

static uint32_t draw(struct draws *draws)
{
    if (draws->used == 4) {
        tw_philox4x32(draws->key, draws->block++, draws->image, draws->word);
        draws->used = 0;
    }
    return draws->word[draws->used++];
}

/* Uniform in [low, high). */
static float between(struct draws *draws, float low, float high)
{
    return low + (high - low) * ((float)(draw(draws) >> 8) * 0x1p-24F);
}

/* Uniform in 0 … count-1, for a small count. */
static uint32_t below(struct draws *draws, uint32_t count)
{
    return (uint32_t)((uint64_t)draw(draws) * count >> 32);
}

/* Where the points of a glyph go: a quadratic bend, then scale, shear, turn and shift. */
struct placement {
    float bend_x, bend_y;   /* pixels^-1 */
    float xx, xy, yx, yy;   /* the linear map, row by row */
    float shift_x, shift_y; /* pixels */
};

static struct placement draw_placement(struct draws *draws)
{
    /* With t the tangent of half the angle, cos = (1 - t^2) / (1 + t^2) and sin = 2t / (1 + t^2). */
    float t = between(draws, -TURN, TURN), shear = between(draws, -SHEAR, SHEAR);
    float height = between(draws, SCALE_LOW, SCALE_HIGH);
    float width = height * between(draws, ASPECT_LOW, ASPECT_HIGH);
    float cosine = (1 - t * t) / (1 + t * t), sine = 2 * t / (1 + t * t);

    return (struct placement){
        .bend_x = between(draws, -BEND, BEND) / 10,
        .bend_y = between(draws, -BEND, BEND) / 10,
        .xx = cosine * width,
        .xy = (cosine * shear - sine) * height,
        .yx = sine * width,
        .yy = (sine * shear + cosine) * height,
        .shift_x = between(draws, -SHIFT, SHIFT),
        .shift_y = between(draws, -SHIFT, SHIFT),
    };
}

static struct tw_point place(const struct placement *placement, struct tw_point point)
{
    float x = point.x + placement->bend_x * point.y * point.y;
    float y = point.y + placement->bend_y * point.x * point.x;
    float centre = 0.5F * (TW_CANVAS_SIDE - 1);

    return (struct tw_point){centre + placement->shift_x + placement->xx * x + placement->xy * y,
                             centre + placement->shift_y + placement->yx * x + placement->yy * y};
}

static void draw_digit(struct draws *draws, struct tw_canvas *canvas, uint32_t digit)
{
    const struct tw_glyph *glyph = &tw_digit_glyphs[digit][below(draws, TW_GLYPH_STYLES)];
    struct placement placement = draw_placement(draws);
    struct tw_point points[TW_GLYPH_MAX_POINTS];

    for (int i = 0; i < TW_GLYPH_MAX_POINTS; i++) {
        float jitter_x = between(draws, -JITTER, JITTER), jitter_y = between(draws, -JITTER, JITTER);
        struct tw_point point = {0.1F * glyph->point[i][0] + jitter_x, 0.1F * glyph->point[i][1] + jitter_y};

        points[i] = place(&placement, point);
    }
    tw_canvas_path(canvas, glyph->path, points);
}

/* A short line somewhere, as if the neighbouring character reached into the image. */
static void draw_stray(struct draws *draws, struct tw_canvas *canvas)
{
    struct tw_point from = {between(draws, 0, TW_CANVAS_SIDE), between(draws, 0, TW_CANVAS_SIDE)};
    struct tw_point to = {from.x + between(draws, -5, 5), from.y + between(draws, -5, 5)};

    tw_canvas_line(canvas, from, to);
}

/* Adds to every pixel a sum of four random bytes (nearly normal, standard deviation 148) times
 * amplitude / 256, in integers. */
static void add_noise(struct draws *draws, uint8_t *pixels)
{
    int amplitude = (int)below(draws, NOISE_HIGH);

    for (int i = 0; i < TW_CANVAS_PIXELS; i++) {
        uint32_t word = draw(draws);
        int sum = (int)((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
        int value = pixels[i] + (sum - 510) * amplitude / 256;

        pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* Draws one image and returns its label. */
static int32_t draw_image(struct draws *draws, uint8_t *pixels)
{
    uint32_t digit = below(draws, 10);
    struct tw_canvas canvas;

    tw_canvas_clear(&canvas, RADIUS_HIGH + 0.5F * SOFT_HIGH);
    draw_digit(draws, &canvas, digit);
    if (between(draws, 0, 1) < STRAY_CHANCE) {
        draw_stray(draws, &canvas);
    }

    float radius = between(draws, RADIUS_LOW, RADIUS_HIGH), softness = between(draws, SOFT_LOW, SOFT_HIGH);

    tw_canvas_ink(&canvas, radius, softness, between(draws, INK_LOW, INK_HIGH), pixels);
    add_noise(draws, pixels);
    return (int32_t)digit;
}

enum tw_status tw_dataset_synthetic(ptrdiff_t count, enum tw_subset subset, uint64_t seed,
                                    struct tw_dataset *dataset)
{
    *dataset = (struct tw_dataset){.classes = 10};
    if (count < 1) {
        return tw_fail(TW_ERROR_ARGUMENT, "synthetic digits: count %td, expected at least 1", count);
    }
    dataset->images = tw_tensor_new(TW_U8, TW_SHAPE(count, 1, TW_CANVAS_SIDE, TW_CANVAS_SIDE));
    dataset->labels = tw_tensor_new(TW_I32, TW_SHAPE(count));
    if (!dataset->images || !dataset->labels) {
        tw_dataset_release(dataset);
        return tw_error_status();
    }

    uint8_t *images = dataset->images->data;
    int32_t *labels = dataset->labels->data;

    for (ptrdiff_t i = 0; i < count; i++) {
        struct draws draws = {.key = seed, .image = (uint64_t)i * 2 + (subset == TW_SUBSET_TEST), .used = 4};

        labels[i] = draw_image(&draws, images + i * TW_CANVAS_PIXELS);
    }
    return TW_OK;
}

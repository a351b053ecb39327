/* Strokes as distance fields: each line segment lowers the distances around it, ink comes last. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "layers/data/stroke.h"

/* Line segments per curve. */
#define CURVE_STEPS 4

void tw_canvas_clear(struct tw_canvas *canvas, float reach)
{
    for (int i = 0; i < TW_CANVAS_PIXELS; i++) {
        canvas->distance_squared[i] = TW_CANVAS_FAR;
    }
    canvas->reach = reach;
}

static float clamp(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

/* The first and last pixel between `a` and `b` widened by the reach, kept inside the image. */
static void span(float a, float b, float reach, int *first, int *last)
{
    float low = (a < b ? a : b) - reach, high = (a < b ? b : a) + reach;

    *first = (int)clamp(low + 1, 0, TW_CANVAS_SIDE);
    *last = (int)clamp(high, -1, TW_CANVAS_SIDE - 1);
}

void tw_canvas_line(struct tw_canvas *canvas, struct tw_point from, struct tw_point to)
{
    float dx = to.x - from.x, dy = to.y - from.y, length_squared = dx * dx + dy * dy;
    float along_x = length_squared > 0 ? dx / length_squared : 0;
    float along_y = length_squared > 0 ? dy / length_squared : 0;
    int first_x, last_x, first_y, last_y;

    span(from.x, to.x, canvas->reach, &first_x, &last_x);
    span(from.y, to.y, canvas->reach, &first_y, &last_y);
    for (int y = first_y; y <= last_y; y++) {
        float *row = canvas->distance_squared + (ptrdiff_t)y * TW_CANVAS_SIDE;
        float from_y = (float)y - from.y;

        for (int x = first_x; x <= last_x; x++) {
            float from_x = (float)x - from.x;
            float t = clamp(from_x * along_x + from_y * along_y, 0, 1);
            float off_x = from_x - t * dx, off_y = from_y - t * dy;
            float distance_squared = off_x * off_x + off_y * off_y;

            row[x] = row[x] < distance_squared ? row[x] : distance_squared;
        }
    }
}

static struct tw_point half_way(struct tw_point from, struct tw_point to)
{
    return (struct tw_point){0.5F * (to.x - from.x), 0.5F * (to.y - from.y)};
}

/* The Hermite curve from `a` to `b` with tangents `ta` and `tb`. */
static void draw_curve(struct tw_canvas *canvas, struct tw_point a, struct tw_point ta, struct tw_point b,
                       struct tw_point tb)
{
    struct tw_point previous = a;

    for (int step = 1; step <= CURVE_STEPS; step++) {
        float t = (float)step / CURVE_STEPS, s = 1 - t;
        float at_a = (1 + 2 * t) * s * s, at_ta = t * s * s;
        float at_b = t * t * (3 - 2 * t), at_tb = -(t * t * s);
        struct tw_point next = {at_a * a.x + at_ta * ta.x + at_b * b.x + at_tb * tb.x,
                                at_a * a.y + at_ta * ta.y + at_b * b.y + at_tb * tb.y};

        tw_canvas_line(canvas, previous, next);
        previous = next;
    }
}

static bool is_corner(char letter)
{
    return letter >= 'A' && letter <= 'Z';
}

static struct tw_point point_of(const struct tw_point *points, char letter)
{
    return points[is_corner(letter) ? letter - 'A' : letter - 'a'];
}

/* Draws the `length` letters of one stroke. */
static void draw_stroke(struct tw_canvas *canvas, const char *stroke, int length,
                        const struct tw_point *points)
{
    bool closed = stroke[0] == stroke[length - 1];

    for (int i = 0; i + 1 < length; i++) {
        int before = i > 0 ? i - 1 : closed ? length - 2 : i;
        int after = i + 2 < length ? i + 2 : closed ? 1 : i + 1;
        struct tw_point a = point_of(points, stroke[i]), b = point_of(points, stroke[i + 1]);
        struct tw_point ta = half_way(is_corner(stroke[i]) ? a : point_of(points, stroke[before]), b);
        struct tw_point tb = half_way(a, is_corner(stroke[i + 1]) ? b : point_of(points, stroke[after]));

        draw_curve(canvas, a, ta, b, tb);
    }
}

void tw_canvas_path(struct tw_canvas *canvas, const char *path, const struct tw_point *points)
{
    while (*path) {
        int length = 0;

        while (path[length] && path[length] != ' ') {
            length++;
        }
        if (length > 0) {
            draw_stroke(canvas, path, length, points);
        }
        path += length;
        path += *path == ' ';
    }
}

void tw_canvas_ink(const struct tw_canvas *canvas, float radius, float softness, float ink, uint8_t *pixels)
{
    for (int i = 0; i < TW_CANVAS_PIXELS; i++) {
        float inside = (radius - sqrtf(canvas->distance_squared[i])) / softness + 0.5F;

        pixels[i] = (uint8_t)(clamp(inside, 0, 1) * ink + 0.5F);
    }
}

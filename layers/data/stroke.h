/* Drawing pen strokes into a small image.
 *
 * Only + - * / and square roots of float are used, each rounded once (IEEE 754), so that the same strokes
 * give the same pixels on every machine.
 */
#ifndef TOWER_LAYERS_DATA_STROKE_H
#define TOWER_LAYERS_DATA_STROKE_H

#include <stdint.h>

#define TW_CANVAS_SIDE   28
#define TW_CANVAS_PIXELS (TW_CANVAS_SIDE * TW_CANVAS_SIDE)

struct tw_point {
    float x, y; /* pixels; the centre of the top left pixel is (0, 0), y downwards */
};

/* How far every pixel is from the nearest stroke drawn so far, in pixels. */
struct tw_canvas {
    float distance_squared[TW_CANVAS_PIXELS]; /* row by row; TW_CANVAS_FAR or more: no ink near */
    float reach;                              /* pixels; distances beyond it are not needed */
};

#define TW_CANVAS_FAR 1e6F

/* An empty canvas. */
void tw_canvas_clear(struct tw_canvas *canvas, float reach);

/* Draws the straight line from `from` to `to`; the two may be equal, and may lie outside the image. */
void tw_canvas_line(struct tw_canvas *canvas, struct tw_point from, struct tw_point to);

/* Draws a glyph path (layers/data/digit_glyphs.h) over `points`: cubic Hermite curves with Catmull-Rom
 * tangents (half the way from the previous to the next point), a corner counting as its own neighbour. */
void tw_canvas_path(struct tw_canvas *canvas, const char *path, const struct tw_point *points);

/* Turns distances into ink: `ink` within `radius` of a stroke, falling linearly to 0 over `softness` pixels
 * around that edge. Writes TW_CANVAS_PIXELS bytes. reach must be at least radius + softness / 2. */
void tw_canvas_ink(const struct tw_canvas *canvas, float radius, float softness, float ink, uint8_t *pixels);

#endif

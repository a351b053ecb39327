/* The ten digits as pen strokes: the alphabet that tw_dataset_synthetic writes with.
 *
 * A glyph is a set of points and a path over them. Points are in tenths of a pixel around the centre of the
 * image, y downwards; an upright digit spans about -100 … 100. In a path every letter names a point ('a' is
 * the first), a space lifts the pen, a lower-case letter is passed smoothly and an upper-case one is a
 * corner. A stroke whose first and last letter are the same closes smoothly.
 */
#ifndef TOWER_LAYERS_DATA_DIGIT_GLYPHS_H
#define TOWER_LAYERS_DATA_DIGIT_GLYPHS_H

#include <stdint.h>

#define TW_GLYPH_MAX_POINTS 11
#define TW_GLYPH_STYLES     3

struct tw_glyph {
    const char *path;
    int8_t point[TW_GLYPH_MAX_POINTS][2]; /* x, y */
};

/* Every digit in three styles of writing. */
extern const struct tw_glyph tw_digit_glyphs[10][TW_GLYPH_STYLES];

#endif

/* Augmentation: images that change a little from epoch to epoch, made while a batch is gathered.
 *
 * What happens to a sample is a function of (seed, epoch, index of the sample in its data set) alone, through a
 * counter-based generator: neither batch size, order, number of threads nor where a run was taken up again matter.
 */
#ifndef TOWER_LAYERS_DATA_AUGMENT_H
#define TOWER_LAYERS_DATA_AUGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

struct tw_augmentation {
    ptrdiff_t translate; /* move by up to so many pixels along each axis; 0: not at all */
};

/* The largest `translate`: no image that anyone trains on is wider. */
#define TW_TRANSLATE_MOST 4096

/* From text: "none", "translate:PIXELS" with PIXELS from 1 to TW_TRANSLATE_MOST. TW_ERROR_ARGUMENT quotes what is
 * wrong and lists the forms. */
enum tw_status tw_augmentation_parse(const char *text, struct tw_augmentation *augmentation);

/* Where a sample is moved to, each from -translate to translate with equal chances (word 0 and word 1 of
 * Philox(seed; sample, epoch), scaled to 2 * translate + 1 values). */
struct tw_offset {
    ptrdiff_t down, right; /* pixels */
};
struct tw_offset tw_augmentation_offset(const struct tw_augmentation *augmentation, uint64_t seed,
                                        uint64_t epoch, uint64_t sample);

/* Copies an image (channels, height, width), contiguous, moved: moved[c][y][x] = image[c][y - down][x - right], and 0,
 * MNIST's background, where that lies outside. Any offset; the two must not overlap. */
void tw_translate_image(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, struct tw_offset offset,
                        const uint8_t *image, uint8_t *moved);

#endif

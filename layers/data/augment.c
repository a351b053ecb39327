#include "layers/data/augment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

/* Upper half of the counter: keeps these numbers apart from those that others draw under the same seed. */
#define STREAM (0x61756765ULL << 32)

enum tw_status tw_augmentation_parse(const char *text, struct tw_augmentation *augmentation)
{
    static const char prefix[] = "translate:";
    const char *digits = text + sizeof prefix - 1;
    char *end;
    long pixels;

    *augmentation = (struct tw_augmentation){0};
    if (strcmp(text, "none") == 0) {
        return TW_OK;
    }
    if (strncmp(text, prefix, sizeof prefix - 1) != 0) {
        return tw_fail(TW_ERROR_ARGUMENT, "augmentation \"%s\": unknown; expected none or translate:PIXELS",
                       text);
    }
    errno = 0;
    pixels = strtol(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0 || pixels < 1 ||
        pixels > TW_TRANSLATE_MOST) {
        return tw_fail(TW_ERROR_ARGUMENT,
                       "augmentation \"%s\": PIXELS must be a whole number from 1 to %d; expected none or "
                       "translate:PIXELS",
                       text, TW_TRANSLATE_MOST);
    }
    augmentation->translate = pixels;
    return TW_OK;
}

/* -most … most, from 32 uniform bits. The values differ in likelihood by less than one part in 2^18. */
static ptrdiff_t scaled(uint32_t word, ptrdiff_t most)
{
    return (ptrdiff_t)((uint64_t)word * (uint64_t)(2 * most + 1) >> 32) - most;
}

struct tw_offset tw_augmentation_offset(const struct tw_augmentation *augmentation, uint64_t seed,
                                        uint64_t epoch, uint64_t sample)
{
    uint32_t word[4];

    tw_philox4x32(seed, sample, STREAM + epoch, word);
    return (struct tw_offset){.down = scaled(word[0], augmentation->translate),
                              .right = scaled(word[1], augmentation->translate)};
}

/* Elements that a line of `extent` keeps when it moves by `by`. */
static ptrdiff_t kept(ptrdiff_t extent, ptrdiff_t by)
{
    const ptrdiff_t distance = by < 0 ? -by : by;

    return distance < extent ? extent - distance : 0;
}

static ptrdiff_t positive(ptrdiff_t value)
{
    return value > 0 ? value : 0;
}

void tw_translate_image(ptrdiff_t channels, ptrdiff_t height, ptrdiff_t width, struct tw_offset offset,
                        const uint8_t *image, uint8_t *moved)
{
    const ptrdiff_t rows = kept(height, offset.down), columns = kept(width, offset.right);

    memset(moved, 0, (size_t)(channels * height * width));
    if (rows == 0 || columns == 0) {
        return;
    }
    for (ptrdiff_t c = 0; c < channels; c++) {
        const uint8_t *from = image + (c * height + positive(-offset.down)) * width + positive(-offset.right);
        uint8_t *to = moved + (c * height + positive(offset.down)) * width + positive(offset.right);

        for (ptrdiff_t row = 0; row < rows; row++) {
            memcpy(to + row * width, from + row * width, (size_t)columns);
        }
    }
}

#include "benchmarks/shapes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 512

/* Every key some family knows: a misspelt one must not pass for a size left out. */
static const char *const known_keys[] = {
    "m",      "n",       "k",        "a_transposed", "b_transposed", "a_gap",   "b_gap",
    "c_gap",  "samples", "in",       "out",          "height",       "width",   "kernel",
    "stride", "padding", "dilation", "groups",       "rows",         "columns", "count",
    "pixels", "density", "plane",    "winograd",     "peer_winograd"};

static bool is_known(const char *key)
{
    for (size_t i = 0; i < sizeof known_keys / sizeof *known_keys; i++)
        if (strcmp(key, known_keys[i]) == 0)
            return true;
    return false;
}

ptrdiff_t tw_shape_size(const struct tw_shape *shape, const char *key, ptrdiff_t otherwise)
{
    for (int i = 0; i < shape->count; i++)
        if (strcmp(shape->sizes[i].key, key) == 0)
            return shape->sizes[i].value;
    return otherwise;
}

/* `text` is key=value. */
static bool parse_size(struct tw_shape *shape, const char *text)
{
    const char *equals = strchr(text, '=');
    const size_t length = equals ? (size_t)(equals - text) : TW_SHAPE_NAME;
    char *end = NULL;

    if (length >= TW_SHAPE_NAME || shape->count == TW_SHAPE_SIZES)
        return false;
    memcpy(shape->sizes[shape->count].key, text, length);
    shape->sizes[shape->count].key[length] = '\0';
    errno = 0;
    shape->sizes[shape->count].value = (ptrdiff_t)strtoll(equals + 1, &end, 10);
    if (errno != 0 || end == equals + 1 || *end != '\0' || shape->sizes[shape->count].value < 0)
        return false;
    return is_known(shape->sizes[shape->count++].key);
}

static bool parse_word(struct tw_shape *shape, int position, const char *word)
{
    char *name = position == 0 ? shape->family : shape->name;

    if (position >= 2)
        return parse_size(shape, word);
    return snprintf(name, TW_SHAPE_NAME, "%s", word) < TW_SHAPE_NAME && !strchr(word, '/');
}

/* The number of words, or -1 after printing which one is wrong. */
static int parse_line(char *line, struct tw_shape *shape, const char *path, int number)
{
    int words = 0;
    char *rest = NULL;

    *shape = (struct tw_shape){.count = 0};
    line[strcspn(line, "#\n")] = '\0';
    for (char *word = strtok_r(line, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest), words++)
        if (!parse_word(shape, words, word)) {
            fprintf(stderr, "%s:%d: \"%s\", expected FAMILY NAME KEY=SIZE …\n", path, number, word);
            return -1;
        }
    return words;
}

int tw_shapes_read(const char *path, void (*each)(const struct tw_shape *shape, void *context), void *context)
{
    FILE *file = fopen(path, "r");
    char line[LINE_BYTES];
    struct tw_shape shape;
    int shapes = 0, words = 0;

    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    for (int number = 1; words >= 0 && fgets(line, sizeof line, file); number++) {
        words = parse_line(line, &shape, path, number);
        if (words == 1) {
            fprintf(stderr, "%s:%d: \"%s\" without a name, expected FAMILY NAME KEY=SIZE …\n", path, number,
                    shape.family);
            words = -1;
        }
        if (words > 0) {
            each(&shape, context);
            shapes++;
        }
    }
    fclose(file);
    return words < 0 ? -1 : shapes;
}

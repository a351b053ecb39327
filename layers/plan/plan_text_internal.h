/* Text that grows line by line: what the plan's tables are written with. */
#ifndef TOWER_LAYERS_PLAN_PLAN_TEXT_INTERNAL_H
#define TOWER_LAYERS_PLAN_PLAN_TEXT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

struct tw_plan_lines {
    char *bytes;
    size_t length, capacity;
    bool failed; /* once there was no memory, nothing more is added */
};

/* Adds printf-formatted text. */
void tw_plan_lines_add(struct tw_plan_lines *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text, the caller's; NULL with TW_ERROR_MEMORY if any part was lost. */
char *tw_plan_lines_finish(struct tw_plan_lines *lines);

#endif

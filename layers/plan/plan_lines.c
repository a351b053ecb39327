#include <stdarg.h>
#include <stdio.h>

#include "core/memory.h"
#include "layers/plan/plan_text_internal.h"

void tw_plan_lines_add(struct tw_plan_lines *lines, const char *format, ...)
{
    va_list arguments;
    char *grown = NULL;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (!lines->failed && length >= 0) {
        grown = tw_array_grow(lines->bytes, &lines->capacity, lines->length + (size_t)length + 1, 1);
    }
    if (!grown) {
        lines->failed = true;
        return;
    }
    lines->bytes = grown;
    va_start(arguments, format);
    vsnprintf(lines->bytes + lines->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    lines->length += (size_t)length;
}

char *tw_plan_lines_finish(struct tw_plan_lines *lines)
{
    if (lines->failed) {
        tw_free(lines->bytes);
        return NULL;
    }
    return lines->bytes;
}

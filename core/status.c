#include "core/status.h"

#include <stdio.h>
#include <string.h>

static _Thread_local char latest_message[TW_ERROR_MESSAGE_BYTES];
static _Thread_local enum tw_status latest_status = TW_OK;

/* The text is built beside the old message and copied over it: the arguments may quote the old one. */
static void record(enum tw_status status, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void record(enum tw_status status, const char *format, va_list arguments)
{
    char text[TW_ERROR_MESSAGE_BYTES];

    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        text[0] = '\0';
    }
    memcpy(latest_message, text, sizeof text);
    latest_status = status;
}

enum tw_status tw_fail(enum tw_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(status, format, arguments);
    va_end(arguments);
    return status;
}

void *tw_fail_null(enum tw_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(status, format, arguments);
    va_end(arguments);
    return NULL;
}

enum tw_status tw_fail_in(const char *format, ...)
{
    char message[TW_ERROR_MESSAGE_BYTES];
    va_list arguments;
    size_t length;

    memcpy(message, latest_message, sizeof message);
    va_start(arguments, format);
    record(latest_status, format, arguments);
    va_end(arguments);
    length = strlen(latest_message);
    snprintf(latest_message + length, sizeof latest_message - length, "%s", message);
    return latest_status;
}

const char *tw_error_message(void)
{
    return latest_message;
}

enum tw_status tw_error_status(void)
{
    return latest_status;
}

const char *tw_status_name(enum tw_status status)
{
    switch (status) {
    case TW_OK:
        return "ok";
    case TW_ERROR_MEMORY:
        return "memory";
    case TW_ERROR_ARGUMENT:
        return "argument";
    case TW_ERROR_SHAPE:
        return "shape";
    case TW_ERROR_STATE:
        return "state";
    case TW_ERROR_IO:
        return "io";
    case TW_ERROR_FORMAT:
        return "format";
    case TW_ERROR_UNSUPPORTED:
        return "unsupported";
    case TW_ERROR_INTERRUPTED:
        return "interrupted";
    }
    return "unknown";
}

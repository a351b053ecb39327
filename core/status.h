/* Status values and the message that goes with a failure.
 *
 * Every function of Tower that can fail either returns an `enum tw_status`, or returns a pointer that is NULL
 * on failure. In both cases a one-line message that quotes what was wrong and what was expected is kept for
 * the calling thread until its next failure. Nothing in the libraries prints and nothing exits.
 */
#ifndef TOWER_CORE_STATUS_H
#define TOWER_CORE_STATUS_H

#include <stdarg.h>

enum tw_status {
    TW_OK = 0,
    TW_ERROR_MEMORY,      /* an allocation failed */
    TW_ERROR_ARGUMENT,    /* a value outside its domain: batch size 0, unknown option, empty name */
    TW_ERROR_SHAPE,       /* shapes that do not fit each other */
    TW_ERROR_STATE,       /* a call in the wrong order: registering before the module is initialised */
    TW_ERROR_IO,          /* the operating system refused to open, read, write, sync or rename */
    TW_ERROR_FORMAT,      /* a file's content is not what its format promises */
    TW_ERROR_UNSUPPORTED, /* well-formed, but this build or this CPU cannot do it */
    TW_ERROR_INTERRUPTED, /* stopped on request */
};

/* Longest message kept, terminator included; longer ones are cut. */
#define TW_ERROR_MESSAGE_BYTES 1024

/* Records `format` (printf) as the calling thread's message and returns `status`, so that a failing function
 * ends in `return tw_fail(TW_ERROR_SHAPE, "linear: input has %td features, weight %s expects %td", …)`.
 * Also records `status` for tw_error_status(). `status` must not be TW_OK. Thread-safe. */
enum tw_status tw_fail(enum tw_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As tw_fail, for functions that return a pointer: `return tw_fail_null(…)`. Always returns NULL. */
void *tw_fail_null(enum tw_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a context in front of the calling thread's message ("conv1: " + message) and returns its status; for
 * callers that know more than the callee did. Call it only after a failure. */
enum tw_status tw_fail_in(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The calling thread's latest message; "" if nothing has failed yet. Owned by the thread, valid until its
 * next failure. */
const char *tw_error_message(void);

/* The status recorded with that message; TW_OK if nothing has failed yet. */
enum tw_status tw_error_status(void);

/* A constant lower-case word for a status: "shape". Never NULL. */
const char *tw_status_name(enum tw_status status);

#endif

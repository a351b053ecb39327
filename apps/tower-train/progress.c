#include "apps/tower-train/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/common/text.h"

#define UPDATE_SECONDS 0.1
#define LINE_BYTES     256

struct progress progress_on(FILE *out)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return (struct progress){
        .out = out && isatty(fileno(out)) ? out : NULL,
        .colour = (!no_colour || !no_colour[0]) && terminal && strcmp(terminal, "dumb") != 0,
    };
}

/* Columns of the terminal, less one: a line that fills them all would wrap. */
static int columns(FILE *out)
{
    struct winsize size;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) || size.ws_col == 0)
        return 79;
    return size.ws_col - 1;
}

/* Writes `text` over the previous one, cut to the terminal, blanks over what the previous one had more. */
static void overwrite(struct progress *p, const char *text)
{
    int room = columns(p->out), length = (int)strlen(text);
    int shown = length < room ? length : room, blanks = p->width > shown ? p->width - shown : 0;

    fprintf(p->out, "\r%s%.*s%s%*s\r", p->colour ? "\033[2m" : "", shown, text, p->colour ? "\033[0m" : "",
            blanks, "");
    fflush(p->out);
    p->width = shown;
}

void progress_update(struct progress *progress, const struct step_result *step, int64_t epochs)
{
    char line[LINE_BYTES], speed[APP_TEXT_BYTES], left[APP_TEXT_BYTES];
    double now = app_seconds();

    if (!progress->out || now - progress->last_time < UPDATE_SECONDS)
        return;
    progress->last_time = now;
    snprintf(line, sizeof line,
             "epoch %" PRId64 "/%" PRId64 "  step %" PRId64 "/%" PRId64
             "  loss %.4f  accuracy %.2f %%  %s images/s  %s left",
             step->epoch, epochs, step->step, step->steps, step->loss, 100 * step->accuracy,
             app_count_text((int64_t)step->images_per_second, speed),
             app_duration_text(step->seconds_left, left));
    overwrite(progress, line);
}

void progress_clear(struct progress *progress)
{
    if (progress->out && progress->width > 0)
        overwrite(progress, "");
}

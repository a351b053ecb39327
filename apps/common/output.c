#include "apps/common/output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

void output_open(void)
{
    signal(SIGPIPE, SIG_IGN);
}

enum tw_status output_flush(void)
{
    if (fflush(stdout)) {
        return tw_fail(TW_ERROR_IO, "standard output: %s", strerror(errno));
    }
    if (ferror(stdout)) {
        return tw_fail(TW_ERROR_IO, "standard output: an earlier write failed");
    }
    return TW_OK;
}

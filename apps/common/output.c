#include "apps/common/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum tw_status output_flush(void)
{
    if (fflush(stdout) || ferror(stdout)) {
        return tw_fail(TW_ERROR_IO, "standard output: %s", strerror(errno));
    }
    return TW_OK;
}

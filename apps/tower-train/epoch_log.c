#include "apps/tower-train/epoch_log.h"

#include <string.h>

#include "core/memory.h"
#include "layers/io/atomic_file.h"

bool epoch_log_fields(cJSON *object, const struct epoch_result *result)
{
    return cJSON_AddNumberToObject(object, "epoch", (double)result->epoch) &&
           cJSON_AddNumberToObject(object, "train_loss", result->train_loss) &&
           cJSON_AddNumberToObject(object, result->validation ? "validation_loss" : "test_loss",
                                   result->test_loss) &&
           cJSON_AddNumberToObject(object, result->validation ? "validation_accuracy" : "test_accuracy",
                                   result->test_accuracy) &&
           cJSON_AddNumberToObject(object, "images_per_second", result->images_per_second) &&
           cJSON_AddNumberToObject(object, "seconds", result->seconds) &&
           (result->weights_sha256[0] != '\0'
                ? cJSON_AddStringToObject(object, "weights_sha256", result->weights_sha256)
                : cJSON_AddNullToObject(object, "weights_sha256"));
}

/* The lines so far and a new one, or NULL without memory. */
static char *extended(const char *lines, const struct epoch_result *result)
{
    cJSON *object = cJSON_CreateObject();
    char *line = NULL, *all = NULL;

    if (object && epoch_log_fields(object, result))
        line = cJSON_PrintUnformatted(object);
    if (line)
        all = tw_sprintf("%s%s\n", lines ? lines : "", line);
    cJSON_free(line);
    cJSON_Delete(object);
    return all;
}

static enum tw_status write_whole(const char *path, const char *text)
{
    struct tw_atomic_file file;
    enum tw_status status = tw_atomic_open(&file, path);

    if (status)
        return status;
    /* A short write shows in the stream's error flag, which the commit checks. */
    fputs(text, file.stream);
    return tw_atomic_commit(&file);
}

enum tw_status epoch_log_append(struct epoch_log *log, const struct epoch_result *result)
{
    char *all;

    if (!log->path)
        return TW_OK;
    all = extended(log->lines, result);
    if (!all)
        return tw_fail(TW_ERROR_MEMORY, "no memory for a line of %s", log->path);
    tw_free(log->lines);
    log->lines = all;
    return write_whole(log->path, log->lines);
}

void epoch_log_release(struct epoch_log *log)
{
    tw_free(log->lines);
    log->lines = NULL;
}

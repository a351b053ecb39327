#include "apps/common/same_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* An existing file, or a folder and a name in it. */
struct identity {
    dev_t device;
    ino_t number;
    const char *name; /* "" for an existing file */
};

static bool folder_facts(const char *path, const char *slash, struct stat *facts)
{
    char folder[PATH_MAX];
    int length;

    if (!slash)
        return stat(".", facts) == 0;
    length = snprintf(folder, sizeof folder, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    return length < (int)sizeof folder && stat(folder, facts) == 0;
}

static bool identify(const char *path, struct identity *identity)
{
    const char *slash = strrchr(path, '/');
    struct stat facts;

    identity->name = "";
    if (stat(path, &facts)) {
        identity->name = slash ? slash + 1 : path;
        if (!folder_facts(path, slash, &facts))
            return false;
    }
    identity->device = facts.st_dev;
    identity->number = facts.st_ino;
    return true;
}

bool app_same_file(const char *one, const char *other)
{
    struct identity a, b;

    if (!strcmp(one, other))
        return true;
    return identify(one, &a) && identify(other, &b) && a.device == b.device && a.number == b.number &&
           !strcmp(a.name, b.name);
}

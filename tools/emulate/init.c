/* Process 1 of the emulated machine: runs every command of /commands, one per line, and reports on the
 * console.
 *
 * Lines with '=' before the first '/' set environment variables; every other line is a program and its
 * arguments, separated by spaces. Reports are lines that begin with "emulated:"; the last one is "emulated:
 * end", after which the machine is switched off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAXIMUM_ARGUMENTS   64
#define BOCHS_SHUTDOWN_PORT 0x8900 /* Bochs ends when "Shutdown" has been written to it, byte by byte */

static void mount_or_warn(const char *type, const char *folder)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        perror(folder);
    if (mount(type, folder, type, 0, NULL) != 0 && errno != EBUSY)
        perror(folder);
}

static void switch_off(void)
{
    fflush(stdout);
    sleep(1); /* the serial port sends what is still in its queue; Bochs skips idle time */
    if (ioperm(BOCHS_SHUTDOWN_PORT, 1, 1) != 0)
        perror("ioperm");
    for (const char *byte = "Shutdown"; *byte != '\0'; byte++)
        outb((unsigned char)*byte, BOCHS_SHUTDOWN_PORT);
    for (;;)
        pause();
}

/* The exit status as a shell counts it: 128 + signal for a killed program. */
static int run(char **arguments)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        execv(arguments[0], arguments);
        perror(arguments[0]);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return 127;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void run_line(char *line)
{
    char *arguments[MAXIMUM_ARGUMENTS + 1] = {NULL};
    int count = 0;
    struct timespec begin, end;

    for (char *word = strtok(line, " "); word != NULL && count < MAXIMUM_ARGUMENTS; word = strtok(NULL, " "))
        arguments[count++] = word;
    if (count == 0)
        return;
    printf("emulated: run %s\n", arguments[0]);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    int status = run(arguments);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("emulated: exit %d %s after %.1f emulated seconds\n", status, arguments[0],
           (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    FILE *commands = fopen("/commands", "re");

    setvbuf(stdout, NULL, _IOLBF, 0);
    mount_or_warn("proc", "/proc");
    mount_or_warn("sysfs", "/sys");
    mount_or_warn("devtmpfs", "/dev");
    if (commands == NULL)
        perror("/commands");
    while (commands != NULL && (length = getline(&line, &capacity, commands)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (line[0] != '/' && strchr(line, '=') != NULL)
            putenv(strdup(line));
        else
            run_line(line);
    }
    printf("emulated: end\n");
    switch_off();
}

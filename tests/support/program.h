/* Running Tower's programs from tests, and small folders of digits for them to train on.
 */
#ifndef TOWER_TESTS_SUPPORT_PROGRAM_H
#define TOWER_TESTS_SUPPORT_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

struct tw_program {
    pid_t process;
    int status;  /* what the program exited with; 128 + number of the signal that ended it */
    char *out;   /* all of its standard output, terminated; after tw_program_wait */
    char *error; /* likewise its standard error */
    int stream[2];
};

/* Starts `command` (printf) with /bin/sh, Tower's programs on the PATH and no $TOWER_DATA, no cache folder,
 * no $OMP_NUM_THREADS and no $TOWER_ISA in its environment. Put `exec` in front of a program that is to be
 * sent signals. */
struct tw_program tw_program_start(const char *command, ...) __attribute__((format(printf, 1, 2)));

/* Waits for its end and collects what it wrote. */
void tw_program_wait(struct tw_program *program);

/* Both in one. */
struct tw_program tw_program_run(const char *command, ...) __attribute__((format(printf, 1, 2)));

void tw_program_release(struct tw_program *program);

/* Fails the test unless the program exited with `status` and its standard error contains `text`. */
void tw_program_assert(const struct tw_program *program, int status, const char *text);

/* Programs are looked for in `folder` from now on. Ends the test program as skipped if they cannot be started
 * here (cross builds). Call it first: tw_program_use(TOWER_BIN_DIR). */
void tw_program_use(const char *folder);

/* Writes plain IDX files of synthetic digits into `folder`. */
void tw_test_write_digits(const char *folder, ptrdiff_t train, ptrdiff_t test);

/* The bytes of a file and their number; ends the test if it cannot be read. Released with free. */
char *tw_test_read_file(const char *folder, const char *name, size_t *bytes);

#endif

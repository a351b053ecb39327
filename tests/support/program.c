#include "tests/support/program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layers/data/dataset.h"
#include "tests/support/test_support.h"

static const char *program_folder = ".";

/* An unnamed file that collects one of the program's streams. */
static int collector(void)
{
    FILE *file = tmpfile();
    int descriptor;

    assert_non_null(file);
    descriptor = dup(fileno(file));
    fclose(file);
    assert_true(descriptor >= 0);
    return descriptor;
}

/* What somebody set for other programs. */
static void forget_settings(void)
{
    static const char *const names[] = {
        "TOWER_DATA",    "TOWER_ISA",  "OMP_NUM_THREADS",   "OMP_THREAD_LIMIT", "OMP_MAX_ACTIVE_LEVELS",
        "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

/* What a test started ends with it, even if the test is killed: some trainings are meant to be stopped by it. */
static void end_with(pid_t test)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != test)
        _exit(127);
}

static void become(pid_t test, const char *command, const int stream[2])
{
    char path[4096];

    end_with(test);
    forget_settings();
    snprintf(path, sizeof path, "%s:%s", program_folder, getenv("PATH") ? getenv("PATH") : "/bin:/usr/bin");
    setenv("PATH", path, 1);
    setenv("XDG_CACHE_HOME", "/nonexistent", 1);
    if (dup2(stream[0], STDOUT_FILENO) >= 0 && dup2(stream[1], STDERR_FILENO) >= 0)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

__attribute__((format(printf, 1, 0))) static struct tw_program start(const char *format, va_list arguments)
{
    struct tw_program program = {.stream = {collector(), collector()}};
    const pid_t test = getpid();
    char command[4096];

    assert_in_range(vsnprintf(command, sizeof command, format, arguments), 1, sizeof command - 1);
    program.process = fork();
    assert_true(program.process >= 0);
    if (program.process == 0)
        become(test, command, program.stream);
    return program;
}

struct tw_program tw_program_start(const char *command, ...)
{
    va_list arguments;
    struct tw_program program;

    va_start(arguments, command);
    program = start(command, arguments);
    va_end(arguments);
    return program;
}

static char *read_all(int descriptor, size_t *bytes)
{
    off_t size = lseek(descriptor, 0, SEEK_END);
    char *text;

    assert_true(size >= 0);
    text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(pread(descriptor, text, (size_t)size, 0), size);
    close(descriptor);
    if (bytes)
        *bytes = (size_t)size;
    return text;
}

void tw_program_wait(struct tw_program *program)
{
    int status;

    assert_int_equal(waitpid(program->process, &status, 0), program->process);
    program->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    program->out = read_all(program->stream[0], NULL);
    program->error = read_all(program->stream[1], NULL);
}

struct tw_program tw_program_run(const char *command, ...)
{
    va_list arguments;
    struct tw_program program;

    va_start(arguments, command);
    program = start(command, arguments);
    va_end(arguments);
    tw_program_wait(&program);
    return program;
}

void tw_program_release(struct tw_program *program)
{
    free(program->out);
    free(program->error);
    *program = (struct tw_program){0};
}

void tw_program_assert(const struct tw_program *program, int status, const char *text)
{
    if (program->status != status || !strstr(program->error, text))
        fail_msg("expected exit status %d and '%s' on standard error, got %d and:\n%s", status, text,
                 program->status, program->error);
}

void tw_program_use(const char *folder)
{
    struct tw_program program;

    program_folder = folder;
    program = tw_program_run("tower-train --version");

    if (program.status == 126 || program.status == 127) {
        printf("programs cannot be started here: %s", program.error);
        tw_program_release(&program);
        exit(77);
    }
    tw_program_release(&program);
}

static void write_idx(const char *folder, const char *name, const unsigned char *header, size_t header_bytes,
                      const void *content, size_t bytes)
{
    unsigned char *whole = malloc(header_bytes + bytes);

    assert_non_null(whole);
    memcpy(whole, header, header_bytes);
    memcpy(whole + header_bytes, content, bytes);
    tw_test_write_file(folder, name, whole, header_bytes + bytes);
    free(whole);
}

static void write_subset(const char *folder, enum tw_subset subset, ptrdiff_t count)
{
    const char *prefix = subset == TW_SUBSET_TRAIN ? "train" : "t10k";
    unsigned char high = (unsigned char)(count >> 8), low = (unsigned char)count;
    unsigned char image_header[16] = {0, 0, 8, 3, 0, 0, high, low, 0, 0, 0, 28, 0, 0, 0, 28};
    unsigned char label_header[8] = {0, 0, 8, 1, 0, 0, high, low};
    unsigned char *labels = malloc((size_t)count);
    struct tw_dataset dataset;
    char name[64];

    assert_non_null(labels);
    assert_int_equal(tw_dataset_synthetic(count, subset, 1, &dataset), TW_OK);
    for (ptrdiff_t i = 0; i < count; i++)
        labels[i] = (unsigned char)((const int32_t *)dataset.labels->data)[i];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    write_idx(folder, name, image_header, sizeof image_header, dataset.images->data,
              tw_tensor_bytes(dataset.images));
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    write_idx(folder, name, label_header, sizeof label_header, labels, (size_t)count);
    tw_dataset_release(&dataset);
    free(labels);
}

void tw_test_write_digits(const char *folder, ptrdiff_t train, ptrdiff_t test)
{
    write_subset(folder, TW_SUBSET_TRAIN, train);
    write_subset(folder, TW_SUBSET_TEST, test);
}

char *tw_test_read_file(const char *folder, const char *name, size_t *bytes)
{
    char path[4096];
    int descriptor;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        fail_msg("cannot read %s", path);
    return read_all(descriptor, bytes);
}

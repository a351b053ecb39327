/* Bad input and outputs that cannot be written: exit status 1, one line that names the file, nothing damaged.
 */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/apps/apps_test.h"

#define TRAIN_IMAGES 12
#define TEST_IMAGES  7

static const char precious[] = "precious";

/* A folder with a small data set below "data" and a file that must survive. */
static int make_folder(void **state)
{
    char *folder = tw_test_temporary_folder();
    char data[4096];

    tw_test_write_file(folder, "data/README", "digits", 6);
    snprintf(data, sizeof data, "%s/data", folder);
    tw_test_write_digits(data, TRAIN_IMAGES, TEST_IMAGES);
    tw_test_write_file(folder, "kept", precious, sizeof precious - 1);
    *state = folder;
    return 0;
}

static int count_entries(const char *folder)
{
    DIR *stream = opendir(folder);
    int count = 0;

    assert_non_null(stream);
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

/* Runs `arguments` in `folder`: exit status 1, a single line with `quoted`, "kept" as it was, no new file. */
static void assert_refused(const char *folder, const char *arguments, const char *quoted)
{
    int entries = count_entries(folder);
    struct tw_program program = tw_program_run("cd %s && exec tower-train %s", folder, arguments);
    char *kept = tw_test_read_file(folder, "kept", NULL);

    tw_program_assert(&program, 1, quoted);
    assert_int_equal(strncmp(program.error, "tower-train: ", 13), 0);
    if (strchr(program.error, '\n') != program.error + strlen(program.error) - 1)
        fail_msg("%s: more than one line:\n%s", arguments, program.error);
    assert_string_equal(kept, precious);
    assert_int_equal(count_entries(folder), entries);
    free(kept);
    tw_program_release(&program);
}

/* Rewrites data/`name` with `bytes` bytes changed at `offset`, then expects a refusal that names the file. */
static void assert_refused_with(const char *folder, const char *name, size_t offset, const char *change,
                                size_t bytes)
{
    char path[256];
    size_t size;
    char *content;

    snprintf(path, sizeof path, "data/%s", name);
    content = tw_test_read_file(folder, path, &size);
    assert_true(offset + bytes <= size);
    memcpy(content + offset, change, bytes);
    tw_test_write_file(folder, path, content, size);
    assert_refused(folder, "--data data --quiet --epochs 1 --save kept --log kept2", name);
    free(content);
}

static void refuses_a_missing_file(void **state)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/data/t10k-labels-idx1-ubyte", (char *)*state);
    assert_int_equal(unlink(path), 0);
    assert_refused(*state, "--data data --quiet --save kept", "t10k-labels");
}

static void refuses_a_missing_folder(void **state)
{
    assert_refused(*state, "--data nowhere --quiet --save kept", "'nowhere'");
    assert_refused(*state, "--data mnist --quiet --save kept", "tools/fetch-mnist");
}

static void refuses_truncated_files(void **state)
{
    static const size_t cuts[] = {0, 3, 15, 16, 1000};
    size_t size;
    char *content = tw_test_read_file(*state, "data/train-images-idx3-ubyte", &size);

    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        tw_test_write_file(*state, "data/train-images-idx3-ubyte", content, cuts[i]);
        assert_refused(*state, "--data data --quiet --save kept", "train-images-idx3-ubyte");
    }
    tw_test_write_file(*state, "data/train-images-idx3-ubyte", content, size - 1);
    assert_refused(*state, "--data data --quiet --save kept", "train-images-idx3-ubyte");
    free(content);
}

static void refuses_a_wrong_magic(void **state)
{
    assert_refused_with(*state, "train-images-idx3-ubyte", 2, "\x0d", 1);
}

static void refuses_an_oversized_header(void **state)
{
    assert_refused_with(*state, "t10k-images-idx3-ubyte", 4,
                        "\x7f\xff\xff\xff\x7f\xff\xff\xff\x7f\xff\xff\xff", 12);
}

static void refuses_a_negative_count(void **state)
{
    assert_refused_with(*state, "t10k-labels-idx1-ubyte", 4, "\xff\xff\xff\xff", 4);
}

static void refuses_other_image_sizes(void **state)
{
    size_t size;
    char *content = tw_test_read_file(*state, "data/t10k-images-idx3-ubyte", &size);

    /* 7 images of 28 x 28 pixels are 14 of 28 x 14: lengths agree, but neither counts nor shapes. */
    content[7] = 14;
    content[15] = 14;
    tw_test_write_file(*state, "data/t10k-images-idx3-ubyte", content, size);
    assert_refused(*state, "--data data --quiet --save kept", "14");
    free(content);
}

static void refuses_a_label_out_of_range(void **state)
{
    assert_refused_with(*state, "train-labels-idx1-ubyte", 8 + TRAIN_IMAGES - 1, "\x0a", 1);
}

/* Replaces the plain test images by gzip with one bit flipped, anywhere behind the gzip header. */
static void refuses_flipped_bits_in_gzip(void **state)
{
    struct tw_rng rng = tw_test_rng(1);
    const char *folder = *state;
    char path[4096], plain[4000];
    size_t size, packed;
    char *content = tw_test_read_file(folder, "data/t10k-images-idx3-ubyte", &size), *bytes;
    gzFile file;

    snprintf(plain, sizeof plain, "%s/data/t10k-images-idx3-ubyte", folder);
    snprintf(path, sizeof path, "%s.gz", plain);
    assert_int_equal(unlink(plain), 0);
    file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, content, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
    bytes = tw_test_read_file(folder, "data/t10k-images-idx3-ubyte.gz", &packed);
    for (int i = 0; i < 8; i++) {
        size_t offset = (size_t)tw_test_integer(&rng, 10, (ptrdiff_t)packed - 1);
        char bit = (char)(1 << tw_test_integer(&rng, 0, 7));
        bytes[offset] = (char)(bytes[offset] ^ bit);
        tw_test_write_file(folder, "data/t10k-images-idx3-ubyte.gz", bytes, packed);
        assert_refused(folder, "--data data --quiet --save kept", "t10k-images-idx3-ubyte.gz");
        bytes[offset] = (char)(bytes[offset] ^ bit);
    }
    free(bytes);
    free(content);
}

static void refuses_more_images_than_there_are(void **state)
{
    assert_refused(*state, "--data data --quiet --limit 13 --save kept", "13");
}

static void refuses_outputs_that_cannot_be_written(void **state)
{
    assert_refused(*state, "--data data --quiet --save nowhere/weights", "nowhere/weights");
    assert_refused(*state, "--data data --quiet --log nowhere/log", "nowhere/log");
    assert_refused(*state, "--data data --quiet --save data", "data");
    assert_refused(*state, "--data data --quiet --save /proc/weights", "/proc/weights");
    assert_refused(*state, "--data data --quiet --save kept/weights", "kept/weights");
}

/* The folder takes files, but not whole ones: what was there stays, and nothing is left over. */
static void keeps_the_old_file_when_the_disk_is_full(void **state)
{
    int entries = count_entries(*state);
    struct tw_program program =
        tw_program_run("cd %s && trap '' XFSZ && ulimit -f 64 && exec tower-train --data data "
                       "--epochs 1 --quiet --save kept",
                       (char *)*state);
    char *kept = tw_test_read_file(*state, "kept", NULL);

    tw_program_assert(&program, 1, "kept");
    assert_string_equal(kept, precious);
    assert_int_equal(count_entries(*state), entries);
    free(kept);
    tw_program_release(&program);
}

static void notices_that_output_is_lost(void **state)
{
    assert_refused(*state, "--data data --epochs 0 --json --quiet >/dev/full", "standard output");
    assert_refused(*state, "--data data --epochs 0 >/dev/full", "standard output");
}

static void refuses_bad_weights(void **state)
{
    assert_refused(*state, "--data data --quiet --load nowhere --save kept", "nowhere");
    assert_refused(*state, "--data data --quiet --load kept --save kept", "kept");
    assert_refused(*state, "--data data --quiet --load data --save kept", "data");
}

/* A well-formed file of another model: a single tensor with the right name and a wrong shape. */
static void names_what_does_not_fit_the_model(void **state)
{
    static const char header[] =
        "{\"fc2.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}     ";
    char file[8 + sizeof header - 1 + 8] = {sizeof header - 1};

    memcpy(file + 8, header, sizeof header - 1);
    tw_test_write_file(*state, "other.safetensors", file, sizeof file);
    assert_refused(*state, "--data data --quiet --load other.safetensors --save kept", "fc2.bias");
    assert_refused(*state, "--data data --quiet --load other.safetensors --save kept", "(2,)");
    assert_refused(*state, "--data data --quiet --load other.safetensors --save kept", "conv1.weight");
}

static void stops_when_the_loss_is_not_finite(void **state)
{
    assert_refused(*state,
                   "--data data --quiet --optimizer sgd --lr 1e6 --batch-size 1 --epochs 50 --save kept",
                   "loss");
}

/* Two steps, of which the second one's update is too large: no training loss tells, but the evaluation does. */
static void stops_when_the_last_step_diverges(void **state)
{
    static const char diverges[] =
        "--data data --quiet --optimizer sgd --batch-size 4 --schedule step:1:1e300 "
        "--epochs 1 --limit 8 --save kept --log kept2";
    char arguments[256];

    assert_refused(*state, diverges, "epoch 1: the test loss is ");
    snprintf(arguments, sizeof arguments, "%s --validation 4", diverges);
    assert_refused(*state, arguments, "epoch 1: the validation loss is ");
}

/* Writes "weights", but for its last four bytes, an element of the last tensor, to `name`. */
static void write_spoilt_weights(const char *folder, const char *name, float last)
{
    struct tw_program program =
        tw_program_run("cd %s && exec tower-train --data data --quiet --epochs 0 --save weights", folder);
    size_t bytes;
    char *content;

    tw_program_assert(&program, 0, "");
    content = tw_test_read_file(folder, "weights", &bytes);
    memcpy(content + bytes - sizeof last, &last, sizeof last);
    tw_test_write_file(folder, name, content, bytes);
    free(content);
    tw_program_release(&program);
}

/* Minus infinity as the last bias says "never 9", which no loss tells where there is no 9: weights are looked at
 * themselves, as after an interruption, which has no loss of theirs. */
static void saves_no_weights_that_are_not_finite(void **state)
{
    size_t bytes;
    char *labels = tw_test_read_file(*state, "data/t10k-labels-idx1-ubyte", &bytes);

    memset(labels + 8, 1, bytes - 8);
    tw_test_write_file(*state, "data/t10k-labels-idx1-ubyte", labels, bytes);
    write_spoilt_weights(*state, "spoilt", -INFINITY);
    assert_refused(*state, "--data data --quiet --load spoilt --epochs 0 --save kept",
                   "kept: fc2.bias holds -inf");
    free(labels);
}

static void refuses_weights_that_are_not_numbers(void **state)
{
    write_spoilt_weights(*state, "spoilt", NAN);
    assert_refused(*state, "--data data --quiet --load spoilt --eval-only", "spoilt: the test loss is nan");
    assert_refused(*state, "--data data --quiet --load spoilt --epochs 0 --save kept",
                   "spoilt: the test loss is nan");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_a_missing_file),
        TEST(refuses_a_missing_folder),
        TEST(refuses_truncated_files),
        TEST(refuses_a_wrong_magic),
        TEST(refuses_an_oversized_header),
        TEST(refuses_a_negative_count),
        TEST(refuses_other_image_sizes),
        TEST(refuses_a_label_out_of_range),
        TEST(refuses_flipped_bits_in_gzip),
        TEST(refuses_more_images_than_there_are),
        TEST(refuses_outputs_that_cannot_be_written),
        TEST(keeps_the_old_file_when_the_disk_is_full),
        TEST(notices_that_output_is_lost),
        TEST(refuses_bad_weights),
        TEST(names_what_does_not_fit_the_model),
        TEST(stops_when_the_loss_is_not_finite),
        TEST(stops_when_the_last_step_diverges),
        TEST(refuses_weights_that_are_not_numbers),
        TEST(saves_no_weights_that_are_not_finite),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

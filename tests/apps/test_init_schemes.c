/* What initial weights are for: with zeros nothing but the last bias learns, with random ones the tower does.
 */
#include <cjson/cJSON.h>
#include <math.h>

#include "tests/support/program.h"
#include "tests/support/test_support.h"

static int make_folder(void **state)
{
    *state = tw_test_temporary_folder();
    tw_test_write_digits(*state, 400, 200);
    return 0;
}

static int remove_folder(void **state)
{
    tw_test_remove_folder(*state);
    return 0;
}

static void train(const char *folder, const char *scheme, double *loss, double *accuracy)
{
    struct tw_program program = tw_program_run(
        "tower-train --data %s --json --quiet --epochs 5 --batch-size 20 --init %s", folder, scheme);
    cJSON *summary = cJSON_Parse(program.out);

    tw_program_assert(&program, 0, "");
    *loss = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(summary, "test_loss"));
    *accuracy = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(summary, "test_accuracy"));
    cJSON_Delete(summary);
    tw_program_release(&program);
}

/* Zero weights pass zeros forward and back: every image gets the same logits, the last bias, so that one
 * class is said of all of them. Labels are balanced to a few per cent, and ln 10 is the loss of knowing
 * nothing. */
static void zeros_learn_nothing(void **state)
{
    double loss, accuracy;

    train(*state, "zeros", &loss, &accuracy);
    assert_true(accuracy < 0.2);
    assert_true(fabs(loss - log(10)) < 0.05);
}

/* Far better than the one in ten of guessing, after 100 steps. */
static void random_weights_learn(void **state)
{
    static const char *const schemes[] = {"torch", "normal:0.01", "xavier-uniform", "kaiming-normal"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        double loss, accuracy;
        train(*state, schemes[i], &loss, &accuracy);
        print_message("%s: loss %.3f, accuracy %.3f\n", schemes[i], loss, accuracy);
        if (!(accuracy > 0.4 && loss < 2))
            fail_msg("%s: test accuracy %g, test loss %g", schemes[i], accuracy, loss);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_learn_nothing),
        cmocka_unit_test(random_weights_learn),
    };

    tw_program_use(TOWER_BIN_DIR);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

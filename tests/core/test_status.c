#include <pthread.h>
#include <string.h>

#include "core/status.h"
#include "tests/support/test_support.h"

static void failures_record_their_message_and_status(void **state)
{
    (void)state;
    assert_int_equal(tw_fail(TW_ERROR_SHAPE, "linear: %d features, expected %d", 3137, 3136), TW_ERROR_SHAPE);
    assert_string_equal(tw_error_message(), "linear: 3137 features, expected 3136");
    assert_int_equal(tw_error_status(), TW_ERROR_SHAPE);
    assert_null(tw_fail_null(TW_ERROR_IO, "second"));
    assert_string_equal(tw_error_message(), "second");
    assert_int_equal(tw_error_status(), TW_ERROR_IO);
}

static void a_message_may_quote_the_one_before(void **state)
{
    (void)state;
    tw_fail(TW_ERROR_IO, "disk full");
    tw_fail(TW_ERROR_FORMAT, "cannot save: %s", tw_error_message());
    assert_string_equal(tw_error_message(), "cannot save: disk full");
}

static void context_goes_in_front_and_keeps_the_status(void **state)
{
    (void)state;
    tw_fail(TW_ERROR_ARGUMENT, "stride 0, expected 1 or more");
    assert_int_equal(tw_fail_in("%s: ", "conv1"), TW_ERROR_ARGUMENT);
    assert_string_equal(tw_error_message(), "conv1: stride 0, expected 1 or more");
    assert_int_equal(tw_error_status(), TW_ERROR_ARGUMENT);
}

static void long_messages_are_cut(void **state)
{
    char text[2 * TW_ERROR_MESSAGE_BYTES];

    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    tw_fail(TW_ERROR_IO, "%s", text);
    assert_int_equal(strlen(tw_error_message()), TW_ERROR_MESSAGE_BYTES - 1);
    tw_fail_in("%s", "front: ");
    assert_int_equal(strlen(tw_error_message()), TW_ERROR_MESSAGE_BYTES - 1);
    assert_memory_equal(tw_error_message(), "front: xxx", 10);
    tw_fail_in("%s", text);
    assert_int_equal(strlen(tw_error_message()), TW_ERROR_MESSAGE_BYTES - 1);
}

static void *fail_elsewhere(void *fresh)
{
    *(bool *)fresh = tw_error_message()[0] == '\0' && tw_error_status() == TW_OK;
    tw_fail(TW_ERROR_MEMORY, "elsewhere");
    return NULL;
}

static void every_thread_has_its_own_message(void **state)
{
    bool fresh = false;
    pthread_t thread;

    (void)state;
    tw_fail(TW_ERROR_STATE, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &fresh), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(fresh);
    assert_string_equal(tw_error_message(), "here");
    assert_int_equal(tw_error_status(), TW_ERROR_STATE);
}

static void every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(tw_status_name(TW_OK), "ok");
    assert_string_equal(tw_status_name(TW_ERROR_SHAPE), "shape");
    assert_string_equal(tw_status_name(TW_ERROR_INTERRUPTED), "interrupted");
    assert_string_equal(tw_status_name((enum tw_status)99), "unknown");
    for (int a = TW_OK; a <= TW_ERROR_INTERRUPTED; a++)
        for (int b = TW_OK; b < a; b++)
            assert_string_not_equal(tw_status_name((enum tw_status)a), tw_status_name((enum tw_status)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_record_their_message_and_status),
        cmocka_unit_test(a_message_may_quote_the_one_before),
        cmocka_unit_test(context_goes_in_front_and_keeps_the_status),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(every_thread_has_its_own_message),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

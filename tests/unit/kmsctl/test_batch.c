#include "kmsctl/batch.h"
#include "kmsctl/verbs.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct work {
    atomic_uint done;
    unsigned fail_every; /* 0: never */
    int os_error;
    enum kmsctl_exit code;
    enum kmsctl_exit other_code; /* every second time; KMSCTL_OK: the same */
};

static enum kmsctl_exit do_one(struct kmsctl_app *app, void *context,
    const struct kmsctl_batch_item *item, const struct kms_envelope_fd_options *fd_options,
    struct kmsctl_batch_result *result)
{
    struct work *work = context;
    unsigned number = atomic_fetch_add(&work->done, 1) + 1;

    assert_non_null(kms_arena_alloc(&app->arena, 100));
    assert_true(fd_options->progress(fd_options->progress_context, item->size / 2) ||
                work->fail_every != 0);
    if (work->fail_every != 0 && number % work->fail_every == 0) {
        bool other = work->other_code != KMSCTL_OK && number / work->fail_every % 2 == 0;

        (void)kmsctl_fail(
            &app->failure, other ? work->other_code : work->code, "cannot do %s", item->name);
        return kmsctl_fail_with_errno(&app->failure, work->os_error);
    }
    result->finished = number % 10 == 0;
    result->bytes = result->finished ? 0 : item->size;
    return KMSCTL_OK;
}

struct outcome {
    enum kmsctl_exit status;
    json_t *summary;
    char text[KMSCTL_FAILURE_TEXT_SIZE];
};

static struct outcome run(struct work *work, const char *jobs, unsigned files, bool fatal_refusals)
{
    char *argv[] = {(char *)"kmsctl", (char *)"re-encrypt", (char *)"-kk", (char *)"--output",
        (char *)"json", (char *)"-j", (char *)jobs, (char *)"f"};
    struct kmsctl_failure failure = {0};
    struct kmsctl_args args;
    struct kmsctl_app app;
    struct kmsctl_batch *batch = NULL;
    struct kmsctl_batch_options options = {
        .run = do_one, .context = work, .what = "done", .refusal_is_fatal = fatal_refusals};
    struct kmsctl_root root = {-1, "root/"};
    struct outcome outcome = {0};
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);

    assert_int_equal(kmsctl_args_parse(&kmsctl_verbs, 8, argv, &args, &failure), KMSCTL_OK);
    assert_int_equal(kmsctl_app_init(&app, &args, out), KMSCTL_OK);
    assert_int_equal(kmsctl_batch_start(&app, &options, &batch), KMSCTL_OK);
    unsigned added = 0;
    while (added < files && kmsctl_batch_add(batch, added % 2 ? &root : NULL, "file", 10))
        added++;
    kmsctl_batch_skip(batch, &root, "link", "a symbolic link");
    outcome.status = kmsctl_batch_finish(batch, KMSCTL_OK);
    (void)snprintf(outcome.text, sizeof(outcome.text), "%s", app.failure.text);
    assert_int_equal(fclose(out), 0);
    outcome.summary = json_loads(printed, 0, NULL);
    assert_non_null(outcome.summary);
    free(printed);
    kmsctl_app_clean_up(&app);
    kmsctl_args_clean_up(&args);
    return outcome;
}

static long long number(const struct outcome *outcome, const char *name)
{
    return json_integer_value(json_object_get(outcome->summary, name));
}

static void does_every_file_once(void **state)
{
    static const char *const jobs[] = {"1", "3", "64"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct work work = {0};
        struct outcome outcome = run(&work, jobs[i], 1000, false);

        assert_int_equal(outcome.status, KMSCTL_OK);
        assert_int_equal(atomic_load(&work.done), 1000);
        assert_int_equal(number(&outcome, "Done"), 900);
        assert_int_equal(number(&outcome, "Finished"), 100);
        assert_int_equal(number(&outcome, "Skipped"), 1);
        assert_int_equal(number(&outcome, "PlaintextLength"), 9000);
        json_decref(outcome.summary);
    }
}

static void goes_on_after_failures(void **state)
{
    struct work work = {.fail_every = 7, .code = KMSCTL_BAD_INPUT};

    (void)state;
    struct outcome outcome = run(&work, "4", 70, false);
    assert_int_equal(outcome.status, KMSCTL_BAD_INPUT);
    assert_int_equal(atomic_load(&work.done), 70);
    assert_int_equal(number(&outcome, "Failed"), 10);
    assert_int_equal(json_array_size(json_object_get(outcome.summary, "Failures")), 10);
    assert_string_equal(outcome.text, "10 of 70 files failed");
    json_decref(outcome.summary);

    struct work mixed = {.fail_every = 7, .code = KMSCTL_BAD_INPUT, .other_code = KMSCTL_EXISTS};
    outcome = run(&mixed, "4", 70, false);
    assert_int_equal(outcome.status, KMSCTL_FAILED);
    json_decref(outcome.summary);
}

static void gives_up_when_all_would_fail(void **state)
{
    static const struct {
        enum kmsctl_exit code;
        int os_error;
        bool refusal_is_fatal;
        bool gives_up;
    } rows[] = {
        {KMSCTL_IO, ENOSPC, false, true},
        {KMSCTL_IO, EROFS, false, true},
        {KMSCTL_IO, EACCES, false, false},
        {KMSCTL_UNAVAILABLE, 0, false, true},
        {KMSCTL_DENIED, 0, false, false},
        {KMSCTL_DENIED, 0, true, true},
        {KMSCTL_NOT_FOUND, 0, true, true},
        {KMSCTL_EXISTS, 0, true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct work work = {.fail_every = 5, .code = rows[i].code, .os_error = rows[i].os_error};
        struct outcome outcome = run(&work, "1", 2000, rows[i].refusal_is_fatal);

        assert_int_equal(outcome.status, rows[i].code);
        assert_int_equal(number(&outcome, "Failed"), rows[i].gives_up ? 1 : 400);
        assert_int_equal(atomic_load(&work.done), rows[i].gives_up ? 5 : 2000);
        assert_int_equal(strncmp(outcome.text, "given up", 8) == 0, rows[i].gives_up);
        json_decref(outcome.summary);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_every_file_once),
        cmocka_unit_test(goes_on_after_failures),
        cmocka_unit_test(gives_up_when_all_would_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "kmsd/admin/admin.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static enum kms_err echo(void *context, const struct kmsd_admin_call *call)
{
    struct kms_str text;
    enum kms_err err = kmsd_admin_text(call, "text", 8, &text);
    ++*(int *)context;
    return err == KMS_OK ? kmsd_admin_put_text(call, "text", text) : err;
}

static enum kms_err refuse(void *context, const struct kmsd_admin_call *call)
{
    (void)context;
    kmsd_detail_set(call->detail, "not today");
    return KMS_ERR_NOT_FOUND;
}

static const struct kmsd_admin_action actions[] = {
    {"text.echo", {"text", "?loud"}, echo},
    {"refuse", {NULL}, refuse},
};

static int calls;
static const struct kmsd_admin_table table = {actions, 2, &calls};

static enum kms_err run(const char *name, json_t *input, json_t **output)
{
    struct kmsd_detail detail = {.text = ""};
    enum kms_err err = kmsd_admin_run(&table, 1, 1000, kms_str(name), input, output, &detail);
    json_decref(input);
    if (err != KMS_OK)
        assert_int_not_equal(detail.text[0], '\0');
    return err;
}

static void runs_what_is_in_the_table(void **state)
{
    json_t *output = NULL;
    (void)state;
    assert_int_equal(run("text.echo", json_pack("{s:s}", "text", "hello"), &output), KMS_OK);
    assert_string_equal(json_string_value(json_object_get(output, "text")), "hello");
    json_decref(output);
    assert_int_equal(run("text.ech", json_object(), &output), KMS_ERR_UNSUPPORTED);
    assert_null(output);
}

static void refuses_members_that_are_wrong(void **state)
{
    json_t *output = NULL;
    (void)state;
    calls = 0;
    assert_int_equal(run("text.echo", json_object(), &output), KMS_ERR_VALIDATION);
    assert_int_equal(run("text.echo", json_pack("{s:s,s:s}", "text", "a", "lout", "b"), &output),
        KMS_ERR_VALIDATION);
    assert_int_equal(run("text.echo", json_array(), &output), KMS_ERR_VALIDATION);
    assert_int_equal(calls, 0);
    assert_int_equal(run("text.echo", json_pack("{s:i}", "text", 1), &output), KMS_ERR_VALIDATION);
    assert_int_equal(
        run("text.echo", json_pack("{s:s}", "text", "123456789"), &output), KMS_ERR_VALIDATION);
    assert_int_equal(
        run("text.echo", json_pack("{s:s, s:b}", "text", "12345678", "loud", 1), &output), KMS_OK);
    json_decref(output);
}

/* --- the socket ------------------------------------------------------------------------------- */

struct place {
    char folder[PATH_MAX / 4];
    char path[PATH_MAX];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    const char *tmp = getenv("TMPDIR");
    assert_non_null(place);
    (void)snprintf(
        place->folder, sizeof(place->folder), "%s/admin.XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof(place->path), "%s/admin.sock", place->folder);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    int failed = rmdir(place->folder);
    free(place);
    return failed;
}

static enum kms_err start(const char *path, struct kmsd_admin **out)
{
    struct kmsd_detail detail = {.text = ""};
    const struct kmsd_admin_options options = {.path = path, .tables = &table, .table_count = 1};
    return kmsd_admin_start(&options, out, &detail);
}

static void check_that_it_answers(const char *path)
{
    struct kmsd_detail detail = {.text = ""};
    json_t *output = NULL;
    json_t *input = json_pack("{s:s}", "text", "hello");
    assert_int_equal(kmsd_admin_send(path, "text.echo", input, &output, &detail), KMS_OK);
    assert_string_equal(json_string_value(json_object_get(output, "text")), "hello");
    json_decref(output);
    json_decref(input);
    input = json_object();
    output = NULL;
    assert_int_equal(kmsd_admin_send(path, "refuse", input, &output, &detail), KMS_ERR_FAULT);
    assert_string_equal(detail.text, "not today");
    assert_null(output);
    json_decref(input);
}

static void answers_on_its_socket(void **state)
{
    struct place *place = *state;
    struct kmsd_admin *admin = NULL;
    struct kmsd_admin *second = NULL;
    struct stat status;
    assert_int_equal(start(place->path, &admin), KMS_OK);
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    check_that_it_answers(place->path);
    assert_int_equal(start(place->path, &second), KMS_ERR_BUSY);
    kmsd_admin_stop(admin);
    assert_int_equal(access(place->path, F_OK), -1);

    struct kmsd_detail detail = {.text = ""};
    json_t *input = json_object();
    json_t *output = NULL;
    assert_int_equal(
        kmsd_admin_send(place->path, "refuse", input, &output, &detail), KMS_ERR_TRANSPORT);
    char expected[sizeof(place->path) + 64];
    (void)snprintf(expected, sizeof(expected), "no daemon answers at %s: No such file or directory",
        place->path);
    assert_string_equal(detail.text, expected);
    json_decref(input);
}

static void replaces_a_dead_socket_and_nothing_else(void **state)
{
    struct place *place = *state;
    struct kmsd_admin *admin = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", place->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd); /* as a killed daemon leaves it */
    assert_int_equal(start(place->path, &admin), KMS_OK);
    check_that_it_answers(place->path);
    kmsd_admin_stop(admin);

    FILE *file = fopen(place->path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(start(place->path, &admin), KMS_ERR_EXISTS);
    assert_int_equal(access(place->path, F_OK), 0);
}

static void takes_paths_longer_than_an_address(void **state)
{
    struct place *place = *state;
    struct kmsd_admin *admin = NULL;
    char folder[PATH_MAX / 2];
    char path[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s/%0150d", place->folder, 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/admin.sock", folder);
    assert_int_equal(start(path, &admin), KMS_OK);
    check_that_it_answers(path);
    kmsd_admin_stop(admin);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_what_is_in_the_table),
        cmocka_unit_test(refuses_members_that_are_wrong),
        cmocka_unit_test_setup_teardown(answers_on_its_socket, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            replaces_a_dead_socket_and_nothing_else, make_place, remove_place),
        cmocka_unit_test_setup_teardown(
            takes_paths_longer_than_an_address, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

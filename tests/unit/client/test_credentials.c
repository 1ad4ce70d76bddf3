#include "libkms/client/credentials.h"

#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NOW    INT64_C(1764000000000)
#define MINUTE (60 * 1000)

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static enum kms_err make_chain(const struct kms_client_options *options, const char *profile,
    struct kms_credentials_chain **chain, struct kms_detail *detail)
{
    static const struct kms_client_options defaults;
    struct kms_settings settings;
    assert_int_equal(kms_settings_load(kms_str(profile), &settings, detail), KMS_OK);
    enum kms_err err = kms_credentials_chain_new(
        options == NULL ? &defaults : options, &settings, NOW, chain, detail);
    kms_settings_clean_up(&settings); /* the chain must not need them any more */
    return err;
}

/* The identity that a new chain finds: "id secret token". */
static void assert_found(
    const struct kms_client_options *options, const char *profile, const char *expected)
{
    struct kms_credentials_chain *chain = NULL;
    struct kms_detail detail = {""};
    enum kms_err err = make_chain(options, profile, &chain, &detail);
    if (err != KMS_OK)
        fail_msg("%s: %s", kms_err_text(err), detail.text);
    KMS_IDENTITY_AUTO identity = NULL;
    assert_int_equal(kms_credentials_get(chain, NOW, &identity, NULL, &detail), KMS_OK);
    kms_credentials_chain_free(chain); /* the share survives it */
    char got[256];
    struct kms_bytes secret = kms_identity_secret_access_key(identity);
    struct kms_str token = kms_identity_session_token(identity);
    (void)snprintf(got, sizeof(got), "%.*s %.*s %.*s",
        (int)kms_identity_access_key_id(identity).len, kms_identity_access_key_id(identity).data,
        (int)secret.len, (const char *)secret.data, (int)token.len,
        token.data == NULL ? "" : token.data);
    assert_string_equal(got, expected);
}

static void assert_fails(const struct kms_client_options *options, const char *profile,
    enum kms_err expected, const char *text)
{
    struct kms_credentials_chain *chain = NULL;
    struct kms_detail detail = {""};
    enum kms_err err = make_chain(options, profile, &chain, &detail);
    if (err != expected || strstr(detail.text, text) == NULL)
        fail_msg("%s: %s", kms_err_text(err), detail.text);
    assert_null(chain);
}

static const char both_files[] = "[default]\naws_access_key_id = DEFAULT\n"
                                 "aws_secret_access_key = ds\n"
                                 "[work]\naws_access_key_id = WORK\n"
                                 "aws_secret_access_key = ws\n"
                                 "aws_session_token = wt\n";

static void test_order(void **state)
{
    (void)state;
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "AWS_ACCESS_KEY_ID");
    sandbox_write("config", "[default]\naws_access_key_id = CONFIG\naws_secret_access_key = cs\n");
    assert_found(NULL, NULL, "CONFIG cs ");
    sandbox_write("credentials", both_files);
    assert_found(NULL, NULL, "DEFAULT ds ");
    set("AWS_PROFILE", "work");
    assert_found(NULL, NULL, "WORK ws wt");
    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "es");
    assert_found(NULL, NULL, "ENV es "); /* beats AWS_PROFILE ... */
    set("AWS_SESSION_TOKEN", "et");
    assert_found(NULL, NULL, "ENV es et");
    assert_found(NULL, "work", "WORK ws wt"); /* ... but not the profile that was asked for */
    struct kms_client_options options = {
        .credentials = {.access_key_id = kms_str("GIVEN"), .secret_access_key = kms_str("gs")}};
    assert_found(&options, "work", "GIVEN gs ");
}

static void test_half_credentials_are_refused(void **state)
{
    (void)state;
    sandbox_write("credentials", both_files);
    set("AWS_ACCESS_KEY_ID", "ENV");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "AWS_SECRET_ACCESS_KEY is not");
    struct kms_client_options options = {.credentials = {.secret_access_key = kms_str("gs")}};
    assert_fails(&options, NULL, KMS_ERR_NO_CREDENTIALS, "access key id");
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    sandbox_write("credentials", "[default]\naws_access_key_id = X\n");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "aws_secret_access_key");
}

static void test_headers_cannot_be_smuggled(void **state)
{
    (void)state;
    static const char *const ids[] = {"A\r\nX: y", "A B", "A,B", "A/B", "\x80"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct kms_client_options options = {
            .credentials = {.access_key_id = kms_str(ids[i]), .secret_access_key = kms_str("s")}};
        assert_fails(&options, NULL, KMS_ERR_NO_CREDENTIALS, "access key id");
    }
    struct kms_client_options options = {.credentials = {.access_key_id = kms_str("A"),
                                             .secret_access_key = kms_str("s"),
                                             .session_token = kms_str("t\n")}};
    assert_fails(&options, NULL, KMS_ERR_NO_CREDENTIALS, "session token");
}

static void test_unsupported_is_said_not_skipped(void **state)
{
    (void)state;
    static const char *const settings[] = {"role_arn = arn:aws:iam::1:role/r",
        "web_identity_token_file = /t", "sso_session = s", "sso_account_id = 1",
        "sso_start_url = https://x", "login_session = arn:x"};
    sandbox_write("credentials", "[work]\naws_access_key_id = WORK\naws_secret_access_key = ws\n");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char config[256];
        (void)snprintf(config, sizeof(config), "[profile work]\n%s\n", settings[i]);
        sandbox_write("config", config);
        assert_fails(NULL, "work", KMS_ERR_UNSUPPORTED, "work");
    }
    /* What comes earlier in the chain makes it unnecessary. */
    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "es");
    set("AWS_PROFILE", "work");
    assert_found(NULL, NULL, "ENV es ");
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_PROFILE");
    set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    assert_fails(NULL, NULL, KMS_ERR_UNSUPPORTED, "AWS_WEB_IDENTITY_TOKEN_FILE");
    (void)unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/");
    assert_fails(NULL, NULL, KMS_ERR_UNSUPPORTED, "container");
}

static void write_helper(const char *body)
{
    char text[1024];
    (void)snprintf(text, sizeof(text), "#!/bin/sh\nprintf x >>'%s'\n", sandbox_path("asked"));
    size_t len = strlen(text);
    (void)snprintf(text + len, sizeof(text) - len, "%s\n", body);
    sandbox_write("helper", text);
    assert_int_equal(chmod(sandbox_path(".aws/helper"), 0700), 0);
    char config[1024];
    (void)snprintf(config, sizeof(config),
        "[default]\ncredential_process = '%s' --flag\naws_access_key_id = CONFIG\n"
        "aws_secret_access_key = cs\n",
        sandbox_path(".aws/helper"));
    sandbox_write("config", config);
}

static int times_asked(void)
{
    struct stat info;
    return stat(sandbox_path("asked"), &info) == 0 ? (int)info.st_size : 0;
}

static void test_process(void **state)
{
    (void)state;
    write_helper("test \"$1\" = --flag || exit 1\n"
                 "echo '{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"ps\","
                 "\"SessionToken\":\"pt\",\"Other\":[1]}'");
    assert_found(NULL, NULL, "PROC ps pt"); /* before the config file's keys */
    assert_int_equal(times_asked(), 1);
    sandbox_write("credentials", both_files);
    assert_found(NULL, NULL, "DEFAULT ds "); /* after the credentials file's */
    assert_int_equal(times_asked(), 1);
    sandbox_write("credentials", "");
    write_helper("echo '{\"Version\":2,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"ps\"}'");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "version 1");
    write_helper("echo nonsense");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "version 1");
    write_helper("echo '{\"Version\":1,\"AccessKeyId\":\"PROC\"}'");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "secret access key");
    write_helper("echo '{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"ps\","
                 "\"Expiration\":\"tomorrow\"}'");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "Expiration");
    write_helper("echo '{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"ps\","
                 "\"Expiration\":\"2020-01-01T00:00:00Z\"}'");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "expired");
    write_helper("echo 'log in first' >&2; exit 7");
    assert_fails(NULL, NULL, KMS_ERR_NO_CREDENTIALS, "log in first");
}

static void test_process_is_asked_again_before_the_end(void **state)
{
    (void)state;
    /* NOW is 2025-11-24T16:00:00Z. */
    write_helper("echo '{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"ps\","
                 "\"Expiration\":\"2025-11-24T16:30:00+00:00\"}'");
    struct kms_credentials_chain *chain = NULL;
    struct kms_detail detail = {""};
    assert_int_equal(make_chain(NULL, NULL, &chain, &detail), KMS_OK);
    static const struct {
        int64_t minutes;
        int asked;
        bool stale;
        enum kms_err err;
    } steps[] = {
        {0, 1, false, KMS_OK}, {24, 1, false, KMS_OK},
        {26, 2, false, KMS_OK}, /* gives what ends at the same time */
        {26, 2, false, KMS_OK}, /* not again at once */
        {28, 3, false, KMS_OK},
        {31, 4, false, KMS_ERR_NO_CREDENTIALS}, /* what it gives has expired */
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        KMS_IDENTITY_AUTO identity = NULL;
        bool stale = true;
        enum kms_err err =
            kms_credentials_get(chain, NOW + steps[i].minutes * MINUTE, &identity, &stale, &detail);
        assert_int_equal(err, steps[i].err);
        assert_int_equal(times_asked(), steps[i].asked);
        assert_true(stale == steps[i].stale);
        assert_true((identity != NULL) == (err == KMS_OK));
    }
    kms_credentials_chain_free(chain);
}

/* --- a provider ------------------------------------------------------------------------------- */

struct source {
    atomic_int asked;
    atomic_int inside;
    enum kms_err err;
    int64_t expires_ms;
    char id[32];
};

static enum kms_err provide(void *context, struct kms_credentials *out, struct kms_detail *detail)
{
    struct source *source = context;
    if (atomic_fetch_add(&source->inside, 1) != 0)
        abort(); /* "one at a time" */
    int number = atomic_fetch_add(&source->asked, 1) + 1;
    (void)snprintf(source->id, sizeof(source->id), "ID%d", number);
    if (source->err == KMS_OK) {
        out->access_key_id = kms_str(source->id);
        out->secret_access_key = kms_str("secret");
        out->expires_ms = source->expires_ms;
    } else {
        (void)snprintf(detail->text, sizeof(detail->text), "the source is dry");
    }
    (void)atomic_fetch_sub(&source->inside, 1);
    return source->err;
}

static void assert_gives(
    struct kms_credentials_chain *chain, int64_t now_ms, const char *id, bool expected_stale)
{
    KMS_IDENTITY_AUTO identity = NULL;
    bool stale = !expected_stale;
    struct kms_detail detail = {""};
    assert_int_equal(kms_credentials_get(chain, now_ms, &identity, &stale, &detail), KMS_OK);
    assert_true(kms_str_is(kms_identity_access_key_id(identity), id));
    assert_true(stale == expected_stale);
}

static void test_provider_renews_and_may_fail_for_a_while(void **state)
{
    (void)state;
    set("AWS_ACCESS_KEY_ID", "ENV");
    set("AWS_SECRET_ACCESS_KEY", "es");
    struct source source = {.err = KMS_OK, .expires_ms = NOW + 30 * MINUTE};
    struct kms_client_options options = {
        .credentials_provider = provide, .credentials_context = &source};
    struct kms_credentials_chain *chain = NULL;
    struct kms_detail detail = {""};
    assert_int_equal(make_chain(&options, NULL, &chain, &detail), KMS_OK);
    assert_int_equal(source.asked, 0); /* not before the first call */
    assert_gives(chain, NOW, "ID1", false);
    assert_gives(chain, NOW + 20 * MINUTE, "ID1", false);
    source.err = KMS_ERR_TRANSPORT;
    assert_gives(chain, NOW + 26 * MINUTE, "ID1", true); /* still good */
    assert_int_equal(source.asked, 2);
    assert_gives(chain, NOW + 26 * MINUTE + 1, "ID1", false); /* does not try at once */
    assert_int_equal(source.asked, 2);
    KMS_IDENTITY_AUTO identity = NULL;
    assert_int_equal(
        kms_credentials_get(chain, NOW + 30 * MINUTE, &identity, NULL, &detail), KMS_ERR_TRANSPORT);
    assert_string_equal(detail.text, "the source is dry");
    assert_null(identity);
    source.err = KMS_OK;
    source.expires_ms = 0;
    assert_gives(chain, NOW + 31 * MINUTE, "ID4", false);
    assert_gives(chain, NOW + 100000 * (int64_t)MINUTE, "ID4", false);
    assert_int_equal(source.asked, 4);
    kms_credentials_chain_free(chain);
}

struct worker {
    struct kms_credentials_chain *chain;
    int failures;
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < 200; i++) {
        KMS_IDENTITY_AUTO identity = NULL;
        enum kms_err err =
            kms_credentials_get(worker->chain, NOW + i * MINUTE, &identity, NULL, NULL);
        if (err != KMS_OK || kms_identity_secret_access_key(identity).len != 6)
            worker->failures++;
    }
    return NULL;
}

static void test_threads_share_renewals(void **state)
{
    (void)state;
    struct source source = {.err = KMS_OK, .expires_ms = NOW + 1000 * (int64_t)MINUTE};
    struct kms_client_options options = {
        .credentials_provider = provide, .credentials_context = &source};
    struct kms_credentials_chain *chain = NULL;
    struct kms_detail detail = {""};
    assert_int_equal(make_chain(&options, NULL, &chain, &detail), KMS_OK);
    pthread_t threads[8];
    struct worker workers[8];
    for (size_t i = 0; i < 8; i++) {
        workers[i] = (struct worker){.chain = chain};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failures, 0);
    }
    assert_int_equal(source.asked, 1); /* by whoever came first, for all */
    kms_credentials_chain_free(chain);
}

static void test_null_is_allowed(void **state)
{
    (void)state;
    kms_identity_release(NULL);
    kms_credentials_chain_free(NULL);
}

#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOXED(test_order),
        SANDBOXED(test_half_credentials_are_refused),
        SANDBOXED(test_headers_cannot_be_smuggled),
        SANDBOXED(test_unsupported_is_said_not_skipped),
        SANDBOXED(test_process),
        SANDBOXED(test_process_is_asked_again_before_the_end),
        SANDBOXED(test_provider_renews_and_may_fail_for_a_while),
        SANDBOXED(test_threads_share_renewals),
        cmocka_unit_test(test_null_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

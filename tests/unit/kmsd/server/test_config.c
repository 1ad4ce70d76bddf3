/* The configuration: every member and its range, and refusals that name what is wrong. */
#include "kmsd/server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void has_sane_defaults(void **state)
{
    struct kmsd_config config;
    struct kmsd_detail detail = {.text = ""};
    (void)state;
    kmsd_config_init(&config);
    assert_int_equal(config.limits.max_body, 1 << 20);
    assert_int_equal(config.limits.unverified_bodies, 64 << 20);
    assert_int_equal(config.limits.connections, 1024);
    assert_int_equal(config.drain_timeout_ms, 10000);
    assert_int_equal(config.log_level, KMSD_LOG_INFO);
    assert_false(config.insecure_http);
    assert_int_equal(config.web_identity.fetch, KMSD_FETCH_PUBLIC);
    /* "Resource quotas" of the developer guide */
    assert_int_equal(config.quotas.keys, 100000);
    assert_int_equal(config.quotas.aliases_per_key, 50);
    assert_int_equal(config.quotas.grants_per_key, 50000);
    assert_int_equal(config.quotas.tags_per_key, 50);
    assert_int_equal(config.quotas.on_demand_rotations, 25);
    assert_int_equal(config.quotas.policy_bytes, 32768);
    assert_int_equal(kmsd_config_check(&config, &detail), KMS_ERR_CONFIG); /* listens nowhere */
    assert_int_equal(kmsd_config_parse(&config, kms_str("{}"), &detail), KMS_OK);
}

static void takes_in_every_member(void **state)
{
    struct kmsd_config config;
    struct kmsd_detail detail = {.text = ""};
    char text[KMSD_LISTEN_TEXT_SIZE];
    (void)state;
    kmsd_config_init(&config);
    assert_int_equal(
        kmsd_config_parse(&config,
            kms_str("{\"listen\": [\"0.0.0.0:4599\", \"[::1]:0\"], \"insecure_http\": true,"
                    " \"tls\": {\"certificate_file\": \"/c\", \"key_file\": \"/k\"},"
                    " \"root_key_file\": \"/r\", \"log_level\": \"debug\","
                    " \"limits\": {\"max_body_bytes\": 16384, \"unverified_body_bytes\": 65536,"
                    " \"connection_memory_bytes\": 8192,"
                    " \"connections\": 7, \"connections_per_address\": 3, \"idle_timeout_s\": 1,"
                    " \"request_timeout_s\": 2, \"network_threads\": 4, \"worker_threads\": 5,"
                    " \"worker_queue\": 6, \"generator_threads\": 7, \"generator_queue\": 8,"
                    " \"drain_timeout_ms\": 0},"
                    " \"web_identity\": {\"fetch\": \"any\", \"ca_file\": \"/i\","
                    " \"refresh_s\": 9, \"retry_s\": 10},"
                    " \"quotas\": {\"keys\": 11, \"aliases_per_key\": 12, \"grants_per_key\": 13,"
                    " \"tags_per_key\": 14, \"on_demand_rotations\": 15, \"policy_bytes\": 1024}}"),
            &detail),
        KMS_OK);
    assert_int_equal(config.listen_count, 2);
    kmsd_listen_format(&config.listen[1], text);
    assert_string_equal(text, "[::1]:0");
    assert_true(config.insecure_http);
    assert_string_equal(config.tls_certificate_file, "/c");
    assert_string_equal(config.tls_key_file, "/k");
    assert_string_equal(config.root_key_file, "/r");
    assert_int_equal(config.log_level, KMSD_LOG_DEBUG);
    assert_int_equal(config.limits.max_body, 16384);
    assert_int_equal(config.limits.unverified_bodies, 65536);
    assert_int_equal(config.limits.connection_memory, 8192);
    assert_int_equal(config.limits.connections, 7);
    assert_int_equal(config.limits.connections_per_address, 3);
    assert_int_equal(config.limits.idle_timeout_s, 1);
    assert_int_equal(config.limits.request_timeout_s, 2);
    assert_int_equal(config.limits.network_threads, 4);
    assert_int_equal(config.limits.worker_threads, 5);
    assert_int_equal(config.limits.worker_queue, 6);
    assert_int_equal(config.limits.generator_threads, 7);
    assert_int_equal(config.limits.generator_queue, 8);
    assert_int_equal(config.drain_timeout_ms, 0);
    assert_int_equal(config.web_identity.fetch, KMSD_FETCH_ANY);
    assert_string_equal(config.web_identity.ca_file, "/i");
    assert_int_equal(config.web_identity.refresh_s, 9);
    assert_int_equal(config.web_identity.retry_s, 10);
    assert_int_equal(config.quotas.keys, 11);
    assert_int_equal(config.quotas.aliases_per_key, 12);
    assert_int_equal(config.quotas.grants_per_key, 13);
    assert_int_equal(config.quotas.tags_per_key, 14);
    assert_int_equal(config.quotas.on_demand_rotations, 15);
    assert_int_equal(config.quotas.policy_bytes, 1024);
    assert_int_equal(kmsd_config_check(&config, &detail), KMS_OK);
}

static void refuses_by_name(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {"", "line 1"},
        {"{", "line 1"},
        {"[]", "'configuration' must be an object"},
        {"{} {}", "line 1"},
        {"{\"listen\": [\"127.0.0.1:1\"], \"lisen\": []}", "unknown member 'lisen'"},
        {"{\"log_level\": \"info\", \"log_level\": \"debug\"}", "duplicate"},
        {"{\"listen\": \"127.0.0.1:1\"}", "'listen' must be an array"},
        {"{\"listen\": []}", "'listen' must be an array"},
        {"{\"listen\": [1]}", "'listen' must be an array of addresses"},
        {"{\"listen\": [\"nowhere\"]}", "'nowhere' is no address"},
        {"{\"insecure_http\": 1}", "'insecure_http' must be true or false"},
        {"{\"tls\": true}", "'tls' must be an object"},
        {"{\"tls\": {\"certificate_file\": \"\"}}", "'certificate_file' must be the path"},
        {"{\"tls\": {\"key_file\": 1}}", "'key_file' must be the path"},
        {"{\"tls\": {\"ca_file\": \"/x\"}}", "unknown member 'ca_file' in 'tls'"},
        {"{\"root_key_file\": \"a\\u0000b\"}", "line 1"},
        {"{\"log_level\": \"loud\"}", "'log_level' must be"},
        {"{\"limits\": []}", "'limits' must be an object"},
        {"{\"limits\": {\"max_body\": 1}}", "unknown member 'max_body' in 'limits'"},
        {"{\"limits\": {\"max_body_bytes\": 16383}}", "from 16384 to 67108864"},
        {"{\"limits\": {\"max_body_bytes\": 67108865}}", "'max_body_bytes' must be"},
        {"{\"limits\": {\"max_body_bytes\": \"1\"}}", "'max_body_bytes' must be"},
        {"{\"limits\": {\"max_body_bytes\": 20000.5}}", "'max_body_bytes' must be"},
        {"{\"limits\": {\"connections\": 0}}", "'connections' must be"},
        {"{\"limits\": {\"connections\": -1}}", "'connections' must be"},
        {"{\"limits\": {\"connections\": 99999999999}}", "'connections' must be"},
        {"{\"limits\": {\"connection_memory_bytes\": 1}}", "'connection_memory_bytes' must be"},
        {"{\"limits\": {\"idle_timeout_s\": 0}}", "'idle_timeout_s' must be"},
        {"{\"limits\": {\"request_timeout_s\": 0}}", "'request_timeout_s' must be"},
        {"{\"limits\": {\"worker_queue\": 0}}", "'worker_queue' must be"},
        {"{\"limits\": {\"worker_threads\": 2000}}", "'worker_threads' must be"},
        {"{\"limits\": {\"network_threads\": 2000}}", "'network_threads' must be"},
        {"{\"limits\": {\"drain_timeout_ms\": 600001}}", "'drain_timeout_ms' must be"},
        {"{\"web_identity\": {\"fetch\": true}}", "'fetch' must be \"never\", \"public\""},
        {"{\"web_identity\": {\"fetch\": \"all\"}}", "'fetch' must be"},
        {"{\"web_identity\": {\"retry_s\": 0}}", "'retry_s' must be"},
        {"{\"web_identity\": {\"jwks\": \"/x\"}}", "unknown member 'jwks' in 'web_identity'"},
        {"{\"quotas\": 7}", "'quotas' must be an object"},
        {"{\"quotas\": {\"key\": 7}}", "unknown member 'key' in 'quotas'"},
        {"{\"quotas\": {\"keys\": -1}}", "'keys' must be"},
        {"{\"quotas\": {\"keys\": 100000001}}", "'keys' must be"},
        {"{\"quotas\": {\"grants_per_key\": 1000001}}", "'grants_per_key' must be"},
        {"{\"quotas\": {\"tags_per_key\": 51}}", "'tags_per_key' must be"},
        {"{\"quotas\": {\"policy_bytes\": 1023}}", "'policy_bytes' must be"},
        {"{\"quotas\": {\"policy_bytes\": 32769}}", "'policy_bytes' must be"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kmsd_config config;
        struct kmsd_config before;
        struct kmsd_detail detail = {.text = ""};
        kmsd_config_init(&config);
        before = config;
        enum kms_err err = kmsd_config_parse(&config, kms_str(cases[i].text), &detail);
        if (err != KMS_ERR_CONFIG || strstr(detail.text, cases[i].said) == NULL)
            print_error("case %s: %s\n", cases[i].text, detail.text);
        assert_int_equal(err, KMS_ERR_CONFIG);
        assert_non_null(strstr(detail.text, cases[i].said));
        assert_memory_equal(&config, &before, sizeof(config));
    }
}

static void wants_tls_where_others_listen(void **state)
{
    struct kmsd_config config;
    struct kmsd_detail detail = {.text = ""};
    (void)state;
    kmsd_config_init(&config);
    assert_int_equal(kmsd_config_add_listen(&config, "127.0.0.1:0", &detail), KMS_OK);
    assert_int_equal(kmsd_config_check(&config, &detail), KMS_OK);
    assert_int_equal(kmsd_config_add_listen(&config, "0.0.0.0:0", &detail), KMS_OK);
    assert_int_equal(kmsd_config_check(&config, &detail), KMS_ERR_CONFIG);
    assert_non_null(strstr(detail.text, "0.0.0.0:0"));
    assert_non_null(strstr(detail.text, "insecure_http"));
    config.insecure_http = true;
    assert_int_equal(kmsd_config_check(&config, &detail), KMS_OK);
    config.insecure_http = false;
    (void)strcpy(config.tls_certificate_file, "/c");
    assert_int_equal(kmsd_config_check(&config, &detail), KMS_ERR_CONFIG);
    (void)strcpy(config.tls_key_file, "/k");
    assert_int_equal(kmsd_config_check(&config, &detail), KMS_OK);
}

static void bounds_the_addresses(void **state)
{
    struct kmsd_config config;
    struct kmsd_detail detail = {.text = ""};
    (void)state;
    kmsd_config_init(&config);
    for (int i = 0; i < KMSD_MAX_LISTEN; i++)
        assert_int_equal(kmsd_config_add_listen(&config, "127.0.0.1:0", &detail), KMS_OK);
    assert_int_equal(kmsd_config_add_listen(&config, "127.0.0.1:0", &detail), KMS_ERR_CONFIG);
    assert_int_equal(config.listen_count, KMSD_MAX_LISTEN);
}

static void reads_files(void **state)
{
    struct kmsd_config config;
    struct kmsd_detail detail = {.text = ""};
    char path[] = "/tmp/kmsd-config-XXXXXX";
    (void)state;
    kmsd_config_init(&config);
    assert_int_equal(kmsd_config_read(&config, "/nonexistent/x", &detail), KMS_ERR_IO);
    assert_string_equal(detail.text, "/nonexistent/x: No such file or directory");
    assert_int_equal(kmsd_config_read(&config, "/tmp", &detail), KMS_ERR_IO);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "{\"log_level\": \"error\"}";
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    assert_int_equal(kmsd_config_read(&config, path, &detail), KMS_OK);
    assert_int_equal(config.log_level, KMSD_LOG_ERROR);
    assert_int_equal(ftruncate(fd, (off_t)KMSD_CONFIG_MAX_SIZE + 1), 0);
    assert_int_equal(kmsd_config_read(&config, path, &detail), KMS_ERR_LIMIT);
    (void)close(fd);
    (void)unlink(path);
}

/* What the audit trail says of a configuration can be read again, and has no secret in it. */
static void is_told_as_it_is_read(void **state)
{
    static const char text[] =
        "{\"listen\": [\"127.0.0.1:4599\"], \"log_level\": \"debug\", \"quotas\": {\"keys\": 7},"
        "\"limits\": {\"connections\": 5, \"drain_timeout_ms\": 1}, \"audit\": {\"sync\": "
        "\"always\","
        "\"syslog\": true, \"webhook\": \"https://host:8443/secret?token=x\","
        "\"limits\": {\"retention_days\": 400}}}";
    struct kmsd_config config;
    struct kmsd_detail detail = {.text = ""};
    (void)state;
    kmsd_config_init(&config);
    assert_int_equal(kmsd_config_parse(&config, kms_str(text), &detail), KMS_OK);
    json_t *told = kmsd_config_tell(&config);
    json_t *audit = json_object_get(told, "audit");
    json_t *read = json_loads(text, 0, NULL);
    assert_true(json_equal(json_object_get(told, "listen"), json_object_get(read, "listen")));
    json_t *limits = json_object_get(told, "limits");
    assert_int_equal(json_integer_value(json_object_get(limits, "connections")), 5);
    assert_int_equal(json_integer_value(json_object_get(limits, "drain_timeout_ms")), 1);
    assert_int_equal(json_object_size(limits), 13);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(told, "quotas"), "keys")), 7);
    assert_string_equal(json_string_value(json_object_get(told, "log_level")), "debug");
    assert_string_equal(json_string_value(json_object_get(audit, "sync")), "always");
    assert_string_equal(json_string_value(json_object_get(audit, "syslog")), "/dev/log");
    assert_string_equal(json_string_value(json_object_get(audit, "webhook")), "https://host:8443");
    (void)snprintf(config.audit_webhook, sizeof(config.audit_webhook), "https://me:secret@host/x");
    json_decref(told);
    told = kmsd_config_tell(&config);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(told, "audit"), "webhook")), "not shown");
    json_decref(told);
    json_decref(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_sane_defaults),
        cmocka_unit_test(takes_in_every_member),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(wants_tls_where_others_listen),
        cmocka_unit_test(bounds_the_addresses),
        cmocka_unit_test(reads_files),
        cmocka_unit_test(is_told_as_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

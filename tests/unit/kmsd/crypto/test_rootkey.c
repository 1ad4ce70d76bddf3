/* The root key file: made once, read strictly, refused when others can reach it. */
#include "crypto_fixture.h"

#include "kmsd/crypto/rootkey.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char example_text[] = "kmsd-root-key 1\n"
                                   "key AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
                                   "check " EXAMPLE_ROOT_CHECK "\n";

struct fixture {
    char folder[64];
    char path[96];
    char other[96];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    (void)strcpy(fixture->folder, "/tmp/kmsd-rootkey-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/root.key", fixture->folder);
    (void)snprintf(fixture->other, sizeof(fixture->other), "%s/other", fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->path);
    (void)unlink(fixture->other);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void write_file(const char *path, const char *text, size_t len)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    (void)close(fd);
}

static enum kms_err load_fails(const char *path, const char *why)
{
    struct kms_secret *key = NULL;
    struct kmsd_detail detail = {""};
    enum kms_err err = kmsd_rootkey_load(path, &key, &detail);
    assert_int_not_equal(err, KMS_OK);
    assert_null(key);
    if (strstr(detail.text, why) == NULL || strstr(detail.text, path) == NULL)
        fail_msg("unclear: %s", detail.text);
    assert_int_equal(kmsd_rootkey_load(path, &key, NULL), err);
    return err;
}

static void a_new_key_reads_back(void **state)
{
    const struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    mode_t before = umask(0);
    assert_int_equal(kmsd_rootkey_create(fixture->path, &detail), KMS_OK);
    (void)umask(before);
    struct stat info;
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, strlen(example_text));

    KMS_SECRET_AUTO one = NULL;
    KMS_SECRET_AUTO again = NULL;
    KMS_SECRET_AUTO other = NULL;
    assert_int_equal(kmsd_rootkey_load(fixture->path, &one, &detail), KMS_OK);
    assert_int_equal(kmsd_rootkey_load(fixture->path, &again, NULL), KMS_OK);
    assert_int_equal(kms_secret_len(one), KMSD_ROOT_KEY_SIZE);
    assert_true(kms_secret_eq(one, again));
    assert_int_equal(kmsd_rootkey_create(fixture->other, NULL), KMS_OK);
    assert_int_equal(kmsd_rootkey_load(fixture->other, &other, &detail), KMS_OK);
    assert_false(kms_secret_eq(one, other));
}

static void the_example_is_as_documented(void **state)
{
    const struct fixture *fixture = *state;
    KMS_SECRET_AUTO key = NULL;
    write_file(fixture->path, example_text, strlen(example_text));
    assert_int_equal(kmsd_rootkey_load(fixture->path, &key, NULL), KMS_OK);
    assert_bytes(kms_secret_bytes(key), EXAMPLE_ROOT_KEY);
}

static void nothing_is_overwritten(void **state)
{
    const struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    KMS_SECRET_AUTO key = NULL;
    write_file(fixture->path, example_text, strlen(example_text));
    assert_int_equal(kmsd_rootkey_create(fixture->path, &detail), KMS_ERR_EXISTS);
    assert_non_null(strstr(detail.text, fixture->path));
    assert_int_equal(kmsd_rootkey_load(fixture->path, &key, NULL), KMS_OK);
    assert_bytes(kms_secret_bytes(key), EXAMPLE_ROOT_KEY);

    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(symlink(fixture->other, fixture->path), 0); /* to nowhere */
    assert_int_equal(kmsd_rootkey_create(fixture->path, &detail), KMS_ERR_EXISTS);
    assert_int_equal(access(fixture->other, F_OK), -1);
}

static void every_character_matters(void **state)
{
    const struct fixture *fixture = *state;
    size_t len = strlen(example_text);
    char text[sizeof(example_text) + 1];
    struct kms_secret *key = NULL;
    for (size_t i = 0; i < len; i++) {
        memcpy(text, example_text, sizeof(example_text));
        text[i] = (char)(text[i] ^ 1);
        write_file(fixture->path, text, len);
        enum kms_err err = kmsd_rootkey_load(fixture->path, &key, NULL);
        /* Up to the version's number it may be a later version. */
        assert_int_equal(err, i == 14 || i == 15 ? KMS_ERR_UNSUPPORTED : KMS_ERR_CORRUPT);
        write_file(fixture->path, example_text, i);
        assert_int_equal(kmsd_rootkey_load(fixture->path, &key, NULL), KMS_ERR_CORRUPT);
    }
    memcpy(text, example_text, sizeof(example_text));
    text[len] = '\n';
    write_file(fixture->path, text, len + 1);
    assert_int_equal(load_fails(fixture->path, "damaged"), KMS_ERR_CORRUPT);
    static const char later[] = "kmsd-root-key 2\nwrapped by something else\n";
    write_file(fixture->path, later, strlen(later));
    assert_int_equal(load_fails(fixture->path, "version"), KMS_ERR_UNSUPPORTED);
}

static void files_that_others_reach_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    write_file(fixture->path, example_text, strlen(example_text));
    for (mode_t bit = 1; bit <= 0040; bit <<= 1) {
        assert_int_equal(chmod(fixture->path, 0600 | bit), 0);
        assert_int_equal(load_fails(fixture->path, "accessible to others"), KMS_ERR_POLICY);
    }
    KMS_SECRET_AUTO key = NULL;
    assert_int_equal(chmod(fixture->path, 0400), 0);
    assert_int_equal(kmsd_rootkey_load(fixture->path, &key, NULL), KMS_OK);
    if (geteuid() == 0) {
        assert_int_equal(chown(fixture->path, 65534, 65534), 0);
        assert_int_equal(load_fails(fixture->path, "65534"), KMS_ERR_POLICY);
    }
}

static void other_kinds_of_file_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(load_fails(fixture->path, "No such file"), KMS_ERR_NOT_FOUND);
    assert_int_equal(load_fails(fixture->folder, "not a regular file"), KMS_ERR_POLICY);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    assert_int_equal(load_fails(fixture->path, "not a regular file"), KMS_ERR_POLICY);
}

/* As Kubernetes mounts secrets; what counts is the file at the end of the link. */
static void links_are_followed(void **state)
{
    const struct fixture *fixture = *state;
    KMS_SECRET_AUTO key = NULL;
    write_file(fixture->other, example_text, strlen(example_text));
    assert_int_equal(symlink(fixture->other, fixture->path), 0);
    assert_int_equal(kmsd_rootkey_load(fixture->path, &key, NULL), KMS_OK);
    assert_int_equal(chmod(fixture->other, 0604), 0);
    assert_int_equal(load_fails(fixture->path, "accessible to others"), KMS_ERR_POLICY);
}

static void a_failed_creation_leaves_no_file(void **state)
{
    const struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    assert_int_equal(kmsd_rootkey_create("/nonexistent/root.key", &detail), KMS_ERR_IO);
    assert_non_null(strstr(detail.text, "/nonexistent/root.key"));

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    struct rlimit limit;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit small = {.rlim_cur = 10, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum kms_err err = kmsd_rootkey_create(fixture->path, &detail);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
    assert_int_equal(err, KMS_ERR_IO);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(errno, ENOENT);
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_folder(a_new_key_reads_back),
        in_a_folder(the_example_is_as_documented),
        in_a_folder(nothing_is_overwritten),
        in_a_folder(every_character_matters),
        in_a_folder(files_that_others_reach_are_refused),
        in_a_folder(other_kinds_of_file_are_refused),
        in_a_folder(links_are_followed),
        in_a_folder(a_failed_creation_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

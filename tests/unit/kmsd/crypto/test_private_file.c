/* Files that hold private keys: who may reach them. */
#include "kmsd/crypto/private_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACL_NAME "system.posix_acl_access"

enum { USER_OBJ = 0x01, USER = 0x02, GROUP_OBJ = 0x04, GROUP = 0x08, MASK = 0x10, OTHER = 0x20 };

struct entry {
    uint16_t tag;
    uint16_t permissions;
    uint32_t id;
};

struct fixture {
    char path[64];
    int fd;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    (void)strcpy(fixture->path, "/tmp/kmsd-private-XXXXXX");
    fixture->fd = mkstemp(fixture->path);
    assert_true(fixture->fd >= 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)close(fixture->fd);
    assert_int_equal(unlink(fixture->path), 0);
    free(fixture);
    return 0;
}

static void assert_refused(const struct fixture *fixture, const char *why)
{
    struct kmsd_detail detail = {""};
    assert_int_equal(kmsd_private_file_check(fixture->fd, "example file", fixture->path, &detail),
        KMS_ERR_POLICY);
    assert_non_null(strstr(detail.text, why));
    assert_non_null(strstr(detail.text, fixture->path));
    assert_non_null(strstr(detail.text, "example file"));
}

static void assert_taken(const struct fixture *fixture)
{
    struct kmsd_detail detail = {""};
    assert_int_equal(
        kmsd_private_file_check(fixture->fd, "example file", fixture->path, &detail), KMS_OK);
    assert_string_equal(detail.text, "");
}

static void the_mode_counts(void **state)
{
    const struct fixture *fixture = *state;
    assert_taken(fixture);
    for (mode_t bit = 1; bit <= 0040; bit <<= 1) {
        assert_int_equal(fchmod(fixture->fd, 0600 | bit), 0);
        assert_refused(fixture, "accessible to others");
    }
    assert_int_equal(fchmod(fixture->fd, 0400), 0);
    assert_taken(fixture);
}

static void the_owner_counts(void **state)
{
    const struct fixture *fixture = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(fchown(fixture->fd, 65534, 65534), 0);
    assert_refused(fixture, "65534");
}

/* Sets the list as the kernel takes it; this machine and those the tests run on are little-endian
 * or their lists would be written another way. False: this file system has none. */
static bool set_list(const struct fixture *fixture, const struct entry *entries, size_t count)
{
    uint8_t list[4 + 8 * 8] = {2};
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = list + 4 + 8 * i;
        at[0] = (uint8_t)entries[i].tag;
        at[2] = (uint8_t)entries[i].permissions;
        for (unsigned byte = 0; byte < 4; byte++)
            at[4 + byte] = (uint8_t)(entries[i].id >> 8 * byte);
    }
    if (fsetxattr(fixture->fd, ACL_NAME, list, 4 + 8 * count, 0) == 0)
        return true;
    assert_int_equal(errno, ENOTSUP);
    return false;
}

#define NOBODY UINT32_MAX
#define LIST(...)                                          \
    set_list(fixture, (const struct entry[]){__VA_ARGS__}, \
        sizeof((const struct entry[]){__VA_ARGS__}) / sizeof(struct entry))

static void an_access_control_list_counts_where_there_is_one(void **state)
{
    const struct fixture *fixture = *state;
    uint32_t self = geteuid();
    struct stat status;
    if (!LIST({USER_OBJ, 4, NOBODY}, {USER, 4, self}, {GROUP_OBJ, 0, NOBODY}, {MASK, 4, NOBODY},
            {OTHER, 0, NOBODY}))
        skip();
    assert_int_equal(fstat(fixture->fd, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0440); /* the mask, in the place of the group */
    assert_taken(fixture);

    assert_true(LIST({USER_OBJ, 4, NOBODY}, {USER, 4, 65533}, {GROUP_OBJ, 0, NOBODY},
        {MASK, 4, NOBODY}, {OTHER, 0, NOBODY}));
    assert_refused(fixture, "accessible to others");
    assert_true(LIST({USER_OBJ, 4, NOBODY}, {USER, 4, self}, {GROUP_OBJ, 4, NOBODY},
        {MASK, 4, NOBODY}, {OTHER, 0, NOBODY}));
    assert_refused(fixture, "accessible to others");
    assert_true(LIST({USER_OBJ, 4, NOBODY}, {USER, 4, self}, {GROUP_OBJ, 0, NOBODY},
        {GROUP, 4, 65533}, {MASK, 4, NOBODY}, {OTHER, 0, NOBODY}));
    assert_refused(fixture, "accessible to others");
    assert_true(LIST({USER_OBJ, 4, NOBODY}, {USER, 4, self}, {GROUP_OBJ, 0, NOBODY},
        {MASK, 4, NOBODY}, {OTHER, 4, NOBODY}));
    assert_refused(fixture, "accessible to others");
}

static void other_kinds_of_file_are_refused(void **state)
{
    struct fixture fixture = *(const struct fixture *)*state;
    fixture.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fixture.fd >= 0);
    assert_refused(&fixture, "not a regular file");
    (void)close(fixture.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_mode_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_owner_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_access_control_list_counts_where_there_is_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_kinds_of_file_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

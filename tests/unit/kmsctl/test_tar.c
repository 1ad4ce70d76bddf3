#include "kmsctl/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/kmsctl-tar-XXXXXX";
static int above = -1; /* that directory */

/* --- what somebody does between the look at a file and its opening ---------------------------- */

static const char *awaited; /* the name that is looked at */
static void (*exchange)(void);

/* Stands before the C library's. */
int fstatat(int at, const char *restrict name, struct stat *restrict about, int flags)
{
    int result = (int)syscall(SYS_newfstatat, at, name, about, flags);

    if (awaited != NULL && strcmp(name, awaited) == 0) {
        awaited = NULL;
        exchange();
    }
    return result;
}

static void write_file(const char *path, const char *text)
{
    int fd = openat(above, path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void put_link(void)
{
    assert_int_equal(unlinkat(above, "tree/file", 0), 0);
    assert_int_equal(symlinkat("../secret", above, "tree/file"), 0);
}

static void put_pipe(void)
{
    assert_int_equal(unlinkat(above, "tree/file", 0), 0);
    assert_int_equal(mkfifoat(above, "tree/file", 0600), 0);
}

static void put_other_file(void)
{
    assert_int_equal(renameat(above, "secret", above, "tree/file"), 0);
}

static void put_file_for_link(void)
{
    assert_int_equal(renameat(above, "secret", above, "tree/link"), 0);
}

static void put_link_for_directory(void)
{
    assert_int_equal(renameat(above, "tree/sub", above, "moved"), 0);
    assert_int_equal(symlinkat("../private", above, "tree/sub"), 0);
}

/* --- packing ---------------------------------------------------------------------------------- */

static char packed[256 * 1024];
static size_t packed_len;

static struct kmsctl_tar pack(void)
{
    struct kmsctl_tar tar = {.root = "tree"};
    int out = openat(above, "archive", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

    tar.pipe_fd = fcntl(out, F_DUPFD_CLOEXEC, 0);
    tar.root_fd = openat(above, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(tar.pipe_fd >= 0 && tar.root_fd >= 0);
    assert_null(kmsctl_tar_pack(&tar));
    ssize_t got = pread(out, packed, sizeof(packed), 0);
    assert_true(got >= 0 && (size_t)got < sizeof(packed));
    packed_len = (size_t)got;
    assert_int_equal(close(out), 0);
    assert_int_equal(close(tar.root_fd), 0);
    return tar;
}

static bool has_packed(const char *text)
{
    return memmem(packed, packed_len, text, strlen(text)) != NULL;
}

static void remove_all(void)
{
    char command[64];

    (void)snprintf(command, sizeof(command), "rm -rf %s/*", directory);
    assert_int_equal(system(command), 0);
}

static void make_tree(void)
{
    remove_all();
    assert_int_equal(mkdirat(above, "tree", 0700), 0);
    assert_int_equal(mkdirat(above, "tree/sub", 0700), 0);
    assert_int_equal(mkdirat(above, "private", 0700), 0);
    write_file("tree/file", "ordinary");
    write_file("tree/sub/below", "lower");
    write_file("secret", "confidential");
    write_file("private/id", "confidential");
    assert_int_equal(symlinkat("../secret", above, "tree/link"), 0);
}

static void packs_links_as_links(void **state)
{
    (void)state;
    make_tree();
    struct kmsctl_tar tar = pack();
    assert_false(tar.failed);
    assert_int_equal(tar.entries, 5);
    assert_true(has_packed("ordinary"));
    assert_true(has_packed("./sub/below"));
    assert_true(has_packed("../secret"));
    assert_false(has_packed("confidential"));
}

static void follows_nothing_that_was_exchanged(void **state)
{
    static const struct {
        const char *name;
        void (*exchange)(void);
        const char *text;
    } cases[] = {
        {"file", put_link, "tree/file: a symbolic link is in the way"},
        {"file", put_pipe, "tree/file: it was changed while it was read"},
        {"file", put_other_file, "tree/file: it was changed while it was read"},
        {"link", put_file_for_link, "tree/link"},
        {"sub", put_link_for_directory,
            "tree/sub: a file or a symbolic link is where a directory should be"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_tree();
        awaited = cases[i].name;
        exchange = cases[i].exchange;
        struct kmsctl_tar tar = pack();
        assert_null(awaited);
        assert_true(tar.failed);
        assert_non_null(strstr(tar.text, cases[i].text));
        assert_false(has_packed("confidential"));
        assert_int_not_equal(packed_len % 512, 0); /* no whole archive */
    }
}

/* --- unpacking -------------------------------------------------------------------------------- */

/* An archive that tells of nothing but the directory itself. */
static int archive_of_root(const char *name, unsigned mode)
{
    struct archive *out = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    int fd = openat(above, "archive", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

    assert_non_null(out);
    assert_non_null(entry);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFDIR);
    archive_entry_set_perm(entry, mode);
    assert_int_equal(archive_write_set_format_pax(out), ARCHIVE_OK);
    assert_int_equal(archive_write_open_fd(out, fd), ARCHIVE_OK);
    assert_int_equal(archive_write_header(out, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_close(out), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(out);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static unsigned mode_of(int fd)
{
    struct stat about;

    assert_int_equal(fstat(fd, &about), 0);
    return about.st_mode & 07777;
}

static void opens_the_directory_last(void **state)
{
    static const char *const names[] = {".", "./", "./.", "././", ".//"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        remove_all();
        assert_int_equal(mkdirat(above, "new", 0700), 0);
        struct kmsctl_tar tar = {.pipe_fd = archive_of_root(names[i], 01755), .preserve = true};
        tar.root_fd = openat(above, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(tar.root_fd >= 0);
        assert_null(kmsctl_tar_unpack(&tar));
        assert_false(tar.failed);
        assert_int_equal(mode_of(tar.root_fd), 0700); /* it is not verified yet */
        assert_non_null(tar.root_entry);
        assert_true(kmsctl_tar_restore_root(&tar));
        assert_int_equal(mode_of(tar.root_fd), 01755);
        archive_entry_free(tar.root_entry);
        assert_int_equal(close(tar.root_fd), 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    above = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return above < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_all();
    (void)close(above);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_links_as_links),
        cmocka_unit_test(follows_nothing_that_was_exchanged),
        cmocka_unit_test(opens_the_directory_last),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "kmsctl/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/kmsctl-tree-XXXXXX";
static int root = -1;

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    (void)close(root);
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static void write_file(const char *path)
{
    int fd = openat(root, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(close(fd), 0);
}

struct seen {
    size_t counts[5];
    size_t depth;
    size_t deepest;
    int error;
    char order[256];
    size_t stop_after;
    size_t total;
};

static bool see(void *context, const struct kmsctl_tree_entry *entry)
{
    struct seen *seen = context;
    size_t used = strlen(seen->order);

    seen->counts[entry->event]++;
    if (entry->event == KMSCTL_TREE_ENTER)
        seen->depth++;
    if (entry->event == KMSCTL_TREE_LEAVE)
        seen->depth--;
    if (seen->depth > seen->deepest)
        seen->deepest = seen->depth;
    if (entry->event == KMSCTL_TREE_FAILED)
        seen->error = entry->error;
    if (used + strlen(entry->path) + 3 < sizeof(seen->order))
        (void)snprintf(seen->order + used, sizeof(seen->order) - used, "%s%s ",
            entry->event == KMSCTL_TREE_LEAVE ? "/" : "", entry->path);
    return ++seen->total != seen->stop_after;
}

static void walks_without_following(void **state)
{
    struct kmsctl_failure failure;
    struct seen seen = {0};

    (void)state;
    assert_int_equal(mkdirat(root, "walk", 0700), 0);
    int walk = openat(root, "walk", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(walk >= 0);
    assert_int_equal(mkdirat(walk, "d", 0700), 0);
    assert_int_equal(symlinkat("/", walk, "d/link"), 0);
    assert_int_equal(kmsctl_tree_walk(walk, see, &seen, &failure), KMSCTL_OK);
    assert_string_equal(seen.order, "d d/link /d ");
    assert_int_equal(seen.counts[KMSCTL_TREE_OTHER], 1);

    write_file("walk/d/file");
    assert_int_equal(mkfifoat(walk, "fifo", 0600), 0);
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(kmsctl_tree_walk(walk, see, &seen, &failure), KMSCTL_OK);
    assert_int_equal(seen.counts[KMSCTL_TREE_FILE], 1);
    assert_int_equal(seen.counts[KMSCTL_TREE_OTHER], 2);
    assert_int_equal(seen.counts[KMSCTL_TREE_ENTER], 1);
    assert_int_equal(seen.counts[KMSCTL_TREE_LEAVE], 1);

    for (size_t stop = 1; stop <= 5; stop++) {
        memset(&seen, 0, sizeof(seen));
        seen.stop_after = stop;
        assert_int_equal(kmsctl_tree_walk(walk, see, &seen, &failure), KMSCTL_OK);
        assert_int_equal(seen.total, stop);
    }
    (void)close(walk);
}

static void ends_at_a_depth(void **state)
{
    struct kmsctl_failure failure;
    struct seen seen = {0};

    (void)state;
    assert_int_equal(mkdirat(root, "deep", 0700), 0);
    int top = openat(root, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int at = dup(top);
    for (size_t i = 0; i < KMSCTL_TREE_DEPTH_MAX + 10; i++) {
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(at);
        at = next;
    }
    (void)close(at);
    assert_int_equal(kmsctl_tree_walk(top, see, &seen, &failure), KMSCTL_OK);
    assert_int_equal(seen.deepest, KMSCTL_TREE_DEPTH_MAX - 1);
    assert_int_equal(seen.counts[KMSCTL_TREE_FAILED], 1);
    assert_int_equal(seen.error, ELOOP);
    (void)close(top);
}

/* The superuser may read and write what modes forbid. */
static void become_ordinary(int fd)
{
    if (geteuid() == 0) {
        assert_int_equal(fchown(fd, 65534, 65534), 0);
        assert_int_equal(fchmodat(root, ".", 0755, 0), 0);
        assert_int_equal(seteuid(65534), 0);
    }
}

static void become_oneself(void)
{
    assert_int_equal(seteuid(getuid()), 0);
}

static int make_directory(const char *path)
{
    assert_int_equal(mkdirat(root, path, 0700), 0);
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void clears_what_modes_protect(void **state)
{
    struct stat about;

    (void)state;
    write_file("outside");
    int top = make_directory("closed");
    become_ordinary(top);
    assert_int_equal(mkdirat(top, "a", 0700), 0);
    assert_int_equal(mkdirat(top, "a/b", 0700), 0);
    assert_int_equal(mkdirat(top, "a/b/c", 0700), 0);
    assert_int_equal(mkdirat(top, "a/b/none", 0), 0);
    assert_int_equal(symlinkat("../../../outside", top, "a/b/link"), 0);
    assert_int_equal(symlinkat("../..", top, "a/b/up"), 0);
    assert_int_equal(mkfifoat(top, "a/b/c/fifo", 0), 0);
    assert_int_equal(fchmodat(top, "a/b/c", 0500, 0), 0);
    assert_int_equal(fchmodat(top, "a/b", 0555, 0), 0);
    assert_int_equal(fchmodat(top, "a", 0100, 0), 0);
    bool cleared = kmsctl_tree_clear(top);
    become_oneself();
    assert_true(cleared);
    assert_int_equal(unlinkat(root, "closed", AT_REMOVEDIR), 0);
    assert_int_equal(fstatat(root, "outside", &about, AT_SYMLINK_NOFOLLOW), 0);
    (void)close(top);
}

static void clears_any_depth(void **state)
{
    (void)state;
    int top = make_directory("very-deep");
    int at = dup(top);
    for (size_t i = 0; i < 3000;
         i++) { /* deeper than there are descriptors, longer than PATH_MAX */
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        assert_int_equal(mkdirat(at, "e", 0700), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(at);
        at = next;
    }
    (void)close(at);
    assert_true(kmsctl_tree_clear(top));
    assert_int_equal(unlinkat(root, "very-deep", AT_REMOVEDIR), 0);
    assert_true(kmsctl_tree_clear(top)); /* which is nowhere any more */
    (void)close(top);
}

static void opens_only_what_was_made(void **state)
{
    (void)state;
    int above = make_directory("making");
    become_ordinary(above);
    assert_int_equal(mkdirat(above, "made", 0700), 0);
    assert_int_equal(mkdirat(above, "open", 0750), 0);
    assert_int_equal(fchmodat(above, "open", 0750, 0), 0);
    assert_int_equal(mkdirat(above, "full", 0700), 0);
    assert_int_equal(mkdirat(above, "full/sub", 0700), 0);
    assert_int_equal(symlinkat("made", above, "link"), 0);
    assert_int_equal(kmsctl_tree_open_made(above, "open"), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(kmsctl_tree_open_made(above, "full"), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(kmsctl_tree_open_made(above, "link"), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(kmsctl_tree_open_made(above, "none"), -1);
    assert_int_equal(errno, ENOENT);
    int fd = kmsctl_tree_open_made(above, "made");
    assert_true(fd >= 0);
    (void)close(fd);
    become_oneself();
    if (geteuid() == 0) { /* to whom it belongs no more */
        assert_int_equal(kmsctl_tree_open_made(above, "made"), -1);
        assert_int_equal(errno, EPERM);
    }
    assert_true(kmsctl_tree_clear(above));
    (void)close(above);
}

static void tells_what_it_cannot_clear(void **state)
{
    (void)state;
    int top = make_directory("stays");
    assert_int_equal(mkdirat(top, "a", 0700), 0);
    become_ordinary(top);
    assert_int_equal(fchmod(top, 0500), 0);
    bool cleared = kmsctl_tree_clear(top);
    become_oneself();
    assert_false(cleared);
    assert_int_equal(fchmod(top, 0700), 0);
    assert_true(kmsctl_tree_clear(top));
    (void)close(top);
}

static void names_stay_below_the_root(void **state)
{
    static const char *const refused[] = {
        "", ".", "..", "/", "/etc", "a/..", "a/../b", "a//b", "a/", "a/.", "../x", "./a"};
    const char *name = NULL;

    (void)state;
    assert_true(kmsctl_tree_make(root, "a", 0700));
    assert_true(kmsctl_tree_make(root, "a/b", 0700));
    assert_true(kmsctl_tree_make(root, "a/b", 0700)); /* again */
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(kmsctl_tree_parent(root, refused[i], &name), -1);
        assert_false(kmsctl_tree_make(root, refused[i], 0700));
    }
    int fd = kmsctl_tree_parent(root, "a/b/c", &name);
    assert_true(fd >= 0);
    assert_string_equal(name, "c");
    (void)close(fd);

    assert_int_equal(symlinkat("b", root, "a/link"), 0);
    assert_int_equal(kmsctl_tree_parent(root, "a/link/c", &name), -1);
    assert_false(kmsctl_tree_make(root, "a/link", 0700));
    write_file("a/b/file");
    assert_int_equal(symlinkat("b/file", root, "a/file"), 0);
    assert_int_equal(kmsctl_tree_open(root, "a/file", O_RDONLY), -1);
    assert_int_equal(errno, ELOOP);
    fd = kmsctl_tree_open(root, "a/b/file", O_RDONLY);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_false(kmsctl_tree_make(root, "a/b/file", 0700));
}

static void knows_what_is_below(void **state)
{
    (void)state;
    assert_true(kmsctl_tree_make(root, "up", 0700));
    assert_true(kmsctl_tree_make(root, "up/mid", 0700));
    assert_true(kmsctl_tree_make(root, "up/mid/low", 0700));
    int up = kmsctl_tree_open(root, "up", O_RDONLY);
    int low = kmsctl_tree_open(root, "up/mid/low", O_RDONLY);
    assert_true(up >= 0 && low >= 0);
    assert_true(kmsctl_tree_is_below(low, up));
    assert_true(kmsctl_tree_is_below(up, up));
    assert_false(kmsctl_tree_is_below(up, low));
    assert_true(kmsctl_tree_is_below(low, root));
    (void)close(up);
    (void)close(low);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_without_following),
        cmocka_unit_test(ends_at_a_depth),
        cmocka_unit_test(clears_what_modes_protect),
        cmocka_unit_test(clears_any_depth),
        cmocka_unit_test(opens_only_what_was_made),
        cmocka_unit_test(tells_what_it_cannot_clear),
        cmocka_unit_test(names_stay_below_the_root),
        cmocka_unit_test(knows_what_is_below),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

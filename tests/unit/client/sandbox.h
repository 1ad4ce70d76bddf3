/* A home directory of its own and an environment without any setting that the client reads. */
#ifndef KMS_TEST_SANDBOX_H
#define KMS_TEST_SANDBOX_H

/* cmocka setup and teardown: each test begins with an empty home, and leaves nothing behind. */
int sandbox_enter(void **state);
int sandbox_leave(void **state);

/* Writes home/.aws/name. */
void sandbox_write(const char *name, const char *text);

/* The path of home/name; valid until the next call. */
const char *sandbox_path(const char *name);

#endif

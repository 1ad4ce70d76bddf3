#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/kms-client-test-XXXXXX";

static const char *const variables[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_KMS", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_CA_BUNDLE",
    "AWS_MAX_ATTEMPTS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "KMS_PROTOCOL", "http_proxy", "https_proxy",
    "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};

const char *sandbox_path(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", home, name);
    return path;
}

int sandbox_enter(void **state)
{
    (void)state;
    for (const char *const *name = variables; *name != NULL; name++)
        (void)unsetenv(*name);
    memcpy(strrchr(home, '-') + 1, "XXXXXX", 6);
    if (mkdtemp(home) == NULL || setenv("HOME", home, 1) != 0)
        return -1;
    return mkdir(sandbox_path(".aws"), 0700);
}

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

int sandbox_leave(void **state)
{
    (void)state;
    return nftw(home, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void sandbox_write(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/.aws/%s", home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

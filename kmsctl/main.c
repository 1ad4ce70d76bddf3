/* kmsctl: the command line of the key management service. Reference: docs/kmsctl.md */
#include "kmsctl/app.h"
#include "kmsctl/output.h"
#include "kmsctl/sink.h"
#include "kmsctl/verbs.h"

#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/resource.h>

/* Plaintexts and data keys pass through: no core file may show them. */
static void forbid_core_files(void)
{
    struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
}

static int report(const struct kmsctl_failure *failure)
{
    (void)fputs("kmsctl: ", stderr);
    kmsctl_print_visible(stderr, kms_str(failure->text));
    (void)fputs("\n", stderr);
    return (int)failure->code;
}

/* What was printed has to have arrived: a full disk must not look like success. */
static enum kmsctl_exit finish_stdout(struct kmsctl_failure *failure)
{
    bool failed_before = ferror(stdout) != 0;

    errno = 0;
    if (fflush(stdout) != 0 || failed_before)
        return kmsctl_fail_errno(failure, errno == 0 ? EIO : errno, "cannot write standard output");
    return KMSCTL_OK;
}

static enum kmsctl_exit run(const struct kmsctl_args *args, struct kmsctl_failure *failure)
{
    struct kmsctl_app app;

    enum kmsctl_exit status = kmsctl_app_init(&app, args, stdout);
    if (status == KMSCTL_OK)
        status = args->verb->run(&app, args);
    if (status != KMSCTL_OK)
        *failure = app.failure;
    kmsctl_app_clean_up(&app);
    return status;
}

int main(int argc, char **argv)
{
    struct kmsctl_failure failure = {0};
    struct kmsctl_failure at_end = {0};
    struct kmsctl_args args;

    forbid_core_files();
    kmsctl_sink_set_up();
    (void)setlocale(LC_MESSAGES, ""); /* errno's texts; numbers and bytes stay as they are */

    enum kmsctl_exit status = kmsctl_args_parse(&kmsctl_verbs, argc, argv, &args, &failure);
    if (status != KMSCTL_OK)
        return report(&failure);
    if (kmsctl_args_has(&args, KMSCTL_OPT_HELP))
        kmsctl_help(&kmsctl_verbs, &args, stdout);
    else if (kmsctl_args_has(&args, KMSCTL_OPT_VERSION))
        (void)puts("kmsctl " KMS_VERSION);
    else
        status = run(&args, &failure);
    kmsctl_args_clean_up(&args);

    if (finish_stdout(&at_end) != KMSCTL_OK && status == KMSCTL_OK)
        return report(&at_end);
    return status == KMSCTL_OK ? 0 : report(&failure);
}

/* kmsctl policy ...: key policies read, put, edited and checked. */
#include "kmsctl/policy_verbs.h"

#include "kmsctl/crypt.h"
#include "kmsctl/listing.h"
#include "kmsctl/verbs.h"
#include "kmsd/policy/lint.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void free_document_at(struct kmsd_policy_document **document)
{
    kmsd_policy_document_free(*document);
}
#define DOCUMENT_AUTO __attribute__((cleanup(free_document_at))) struct kmsd_policy_document *

/* --- reading ---------------------------------------------------------------------------------- */

enum kmsctl_exit kmsctl_policy_read(struct kmsctl_app *app, const char *path, size_t max,
    enum kmsctl_exit refusal, struct kms_str *out)
{
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    KMS_BUF_AUTO text;

    kms_buf_init(&text, max + 1);
    enum kmsctl_exit status = kmsctl_input_open(&input, path, &app->failure);
    if (status == KMSCTL_OK)
        status = kmsctl_input_read_all(&input, &text, &app->failure);
    if (status != KMSCTL_OK)
        return status;
    if (text.len == 0 || text.len > max)
        return kmsctl_fail(&app->failure, refusal, "%s is no policy: it has to have 1 to %zu bytes",
            input.name, max);
    *out = kms_arena_str(&app->arena, kms_buf_str(&text));
    return out->data == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

/* The policy of a key as the service prints it; lives as long as the run. */
static enum kmsctl_exit fetch(
    struct kmsctl_app *app, const char *name, struct kms_str key, struct kms_str *out)
{
    struct kms_get_key_policy_request request = {.key_id = key, .policy_name = kms_str("default")};
    KMSCTL_RESPONSE_AUTO const struct kms_get_key_policy_response *response = NULL;
    struct kms_fault fault;

    enum kms_err err = kms_get_key_policy(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    *out = kms_arena_str(&app->arena, response->policy);
    return out->data == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_policy_get(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_str key = {NULL, 0}, policy = {NULL, 0};

    enum kmsctl_exit status = kmsctl_app_resolved_key(app, name, &key);
    if (status == KMSCTL_OK)
        status = fetch(app, name, key, &policy);
    if (status != KMSCTL_OK)
        return status;
    /* A policy is JSON already: both formats show it as it is. */
    (void)fwrite(policy.data, 1, policy.len, app->out);
    (void)fputs("\n", app->out);
    return KMSCTL_OK;
}

/* --- checking --------------------------------------------------------------------------------- */

/* Where the JSON ends to be JSON; the engine's parser says nothing about it. */
static enum kmsctl_exit fail_json(struct kmsctl_app *app, const char *name, struct kms_str text)
{
    json_error_t error = {.line = 0};
    json_auto_t *json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);

    (void)json;
    return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT, "%s: line %d, column %d: %s", name,
        error.line, error.column, error.text);
}

static enum kmsctl_exit parse(struct kmsctl_app *app, const char *name, struct kms_str text,
    enum kmsd_policy_kind kind, struct kmsd_policy_document **out)
{
    struct kmsd_policy_problem problem;

    enum kms_err err = kmsd_policy_parse(text, kind, out, &problem);
    if (err == KMS_ERR_SYNTAX)
        return fail_json(app, name, text);
    if (err == KMS_ERR_VALIDATION || err == KMS_ERR_LIMIT)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT, "%s: %s", name, problem.text);
    return err == KMS_OK ? KMSCTL_OK : kmsctl_fail_call(&app->failure, err, NULL, name);
}

struct hints {
    const struct kmsd_policy_document *document;
    json_t *list;
    bool is_out_of_memory;
};

static void add_hint(void *arg, size_t statement, const char *text)
{
    struct hints *hints = arg;
    struct kms_str sid = kmsd_policy_document_sid(hints->document, statement);
    json_t *hint = json_pack("{s:I, s:s}", "Statement", (json_int_t)statement + 1, "Text", text);

    if (hint != NULL && sid.data != NULL && !kmsctl_json_add(hint, "Sid", kmsctl_json_str(sid)))
        hints->is_out_of_memory = true;
    if (json_array_append_new(hints->list, hint) != 0)
        hints->is_out_of_memory = true;
}

static enum kmsctl_exit read_kind(struct kmsctl_app *app, enum kmsd_policy_kind *out)
{
    static const char *const names[] = {[KMSD_POLICY_KIND_KEY] = "key",
        [KMSD_POLICY_KIND_IDENTITY] = "identity",
        [KMSD_POLICY_KIND_SESSION] = "session",
        [KMSD_POLICY_KIND_BOUNDARY] = "boundary",
        [KMSD_POLICY_KIND_TRUST] = "trust"};
    const char *text = kmsctl_args_value(app->args, KMSCTL_OPT_KIND);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text == NULL ? "key" : text, names[i]) != 0)
            continue;
        *out = (enum kmsd_policy_kind)i;
        return KMSCTL_OK;
    }
    return kmsctl_fail(&app->failure, KMSCTL_USAGE,
        "--kind is key, identity, session, boundary or trust, not '%s'", text);
}

enum kmsctl_exit kmsctl_policy_lint(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    static const char *const columns[] = {"Statement", "Sid", "Text"};
    const char *path = kmsctl_args_argument(args, 0);
    enum kmsd_policy_kind kind = KMSD_POLICY_KIND_KEY;
    struct kms_str text = {NULL, 0};
    DOCUMENT_AUTO document = NULL;
    json_auto_t *list = json_array();

    enum kmsctl_exit status = read_kind(app, &kind);
    if (status == KMSCTL_OK)
        status = kmsctl_policy_read(app, path, KMSD_POLICY_TEXT_MAX, KMSCTL_BAD_INPUT, &text);
    if (status == KMSCTL_OK)
        status = parse(app, path == NULL ? "-" : path, text, kind, &document);
    if (status != KMSCTL_OK)
        return status;
    struct hints hints = {.document = document, .list = list, .is_out_of_memory = list == NULL};
    kmsd_policy_lint(document, add_hint, &hints);
    if (hints.is_out_of_memory)
        return kmsctl_fail_memory(&app->failure);
    json_auto_t *result = json_pack("{s:I, s:O}", "Statements",
        (json_int_t)kmsd_policy_document_statements(document), "Hints", list);
    return kmsctl_print_rows(app, result, "Hints", columns, 3);
}

/* --- putting ---------------------------------------------------------------------------------- */

static enum kmsctl_exit put(
    struct kmsctl_app *app, const char *name, struct kms_str key, struct kms_str policy)
{
    bool bypass = kmsctl_args_has(app->args, KMSCTL_OPT_BYPASS_LOCKOUT_CHECK);
    struct kms_put_key_policy_request request = {.key_id = key,
        .policy_name = kms_str("default"),
        .policy = policy,
        .bypass_policy_lockout_safety_check = {bypass, bypass}};
    struct kms_fault fault;

    enum kms_err err = kms_put_key_policy(app->client, &request, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    json_auto_t *result = json_pack("{s:o}", "KeyId", kmsctl_json_str(key));
    return kmsctl_print_done(app, result);
}

enum kmsctl_exit kmsctl_policy_put(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_str key = {NULL, 0}, policy = {NULL, 0};

    enum kmsctl_exit status = kmsctl_policy_read(
        app, kmsctl_args_argument(args, 1), KMSD_POLICY_KEY_MAX, KMSCTL_USAGE, &policy);
    if (status == KMSCTL_OK)
        status = kmsctl_app_resolved_key(app, name, &key);
    return status == KMSCTL_OK ? put(app, name, key, policy) : status;
}

/* --- editing ---------------------------------------------------------------------------------- */

/* The policy in a file of its own, which only its owner can read; the caller removes it. */
static enum kmsctl_exit write_draft(
    struct kmsctl_app *app, struct kms_str policy, char path[KMSCTL_DRAFT_PATH_MAX])
{
    const char *folder = getenv("TMPDIR");
    int len = snprintf(path, KMSCTL_DRAFT_PATH_MAX, "%s/kmsctl-policy-XXXXXX.json",
        folder == NULL || folder[0] == '\0' ? "/tmp" : folder);
    if (len < 0 || len >= KMSCTL_DRAFT_PATH_MAX)
        return kmsctl_fail(&app->failure, KMSCTL_IO, "TMPDIR is too long");
    int fd = mkstemps(path, (int)strlen(".json"));
    if (fd < 0)
        return kmsctl_fail_errno(&app->failure, errno, path);
    FILE *file = fdopen(fd, "w");
    if (file == NULL) {
        int error = errno;
        (void)close(fd);
        (void)unlink(path);
        return kmsctl_fail_errno(&app->failure, error, path);
    }
    bool is_written =
        fwrite(policy.data, 1, policy.len, file) == policy.len && fputs("\n", file) != EOF;
    if (fclose(file) != 0 || !is_written) {
        int error = errno;
        (void)unlink(path);
        return kmsctl_fail_errno(&app->failure, error, path);
    }
    return KMSCTL_OK;
}

/* The editor is a command line of the shell, as other programs take it ("code --wait"). */
static enum kmsctl_exit run_editor(struct kmsctl_app *app, char *path)
{
    const char *editor = getenv("VISUAL");
    char command[1024];
    pid_t child = 0;
    int status = 0;

    if (editor == NULL || editor[0] == '\0')
        editor = getenv("EDITOR");
    if (editor == NULL || editor[0] == '\0')
        editor = "vi";
    int len = snprintf(command, sizeof(command), "%s \"$@\"", editor);
    if (len < 0 || (size_t)len >= sizeof(command))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "VISUAL or EDITOR is too long");
    char shell[] = "sh", flag[] = "-c", self[] = "kmsctl";
    char *const argv[] = {shell, flag, command, self, path, NULL};
    int error = posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environ);
    if (error != 0)
        return kmsctl_fail_errno(&app->failure, error, editor);
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return kmsctl_fail_errno(&app->failure, errno, editor);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return kmsctl_fail(
            &app->failure, KMSCTL_FAILED, "the editor failed; nothing was changed: %s", editor);
    return KMSCTL_OK;
}

static bool same_but_for_its_end(struct kms_str draft, struct kms_str policy)
{
    while (draft.len > 0 && draft.data[draft.len - 1] == '\n')
        draft.len--;
    return kms_str_eq(draft, policy);
}

/* Puts the draft unless somebody else has put a policy meanwhile. */
static enum kmsctl_exit put_draft(struct kmsctl_app *app, const char *name, struct kms_str key,
    struct kms_str before, const char *path)
{
    struct kms_str draft = {NULL, 0}, now = {NULL, 0};
    DOCUMENT_AUTO document = NULL;

    enum kmsctl_exit status =
        kmsctl_policy_read(app, path, KMSD_POLICY_KEY_MAX, KMSCTL_BAD_INPUT, &draft);
    if (status != KMSCTL_OK)
        return status;
    if (same_but_for_its_end(draft, before))
        return KMSCTL_OK;
    status = parse(app, path, draft, KMSD_POLICY_KIND_KEY, &document);
    if (status == KMSCTL_OK)
        status = fetch(app, name, key, &now);
    if (status != KMSCTL_OK)
        return status;
    if (!kms_str_eq(now, before))
        return kmsctl_fail(&app->failure, KMSCTL_FAILED,
            "the policy of %s was changed by somebody else meanwhile", name);
    return put(app, name, key, draft);
}

/* Whether there is nothing in the draft that anybody could miss. */
static bool is_untouched(struct kmsctl_app *app, const char *path, struct kms_str policy)
{
    const struct kmsctl_failure said = app->failure;
    struct kms_str draft = {NULL, 0};

    if (access(path, F_OK) != 0)
        return true;
    enum kmsctl_exit status =
        kmsctl_policy_read(app, path, KMSD_POLICY_KEY_MAX, KMSCTL_BAD_INPUT, &draft);
    app->failure = said;
    return status == KMSCTL_OK && same_but_for_its_end(draft, policy);
}

enum kmsctl_exit kmsctl_policy_edit(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_str key = {NULL, 0}, policy = {NULL, 0};
    char path[KMSCTL_DRAFT_PATH_MAX];

    enum kmsctl_exit status = kmsctl_app_resolved_key(app, name, &key);
    if (status == KMSCTL_OK)
        status = fetch(app, name, key, &policy);
    if (status == KMSCTL_OK)
        status = write_draft(app, policy, path);
    if (status != KMSCTL_OK)
        return status;
    status = run_editor(app, path);
    bool is_edited = status == KMSCTL_OK || !is_untouched(app, path, policy);
    if (status == KMSCTL_OK)
        status = put_draft(app, name, key, policy, path);
    if (status != KMSCTL_OK && is_edited) { /* somebody's work is in it */
        size_t len = strlen(app->failure.text);
        (void)snprintf(app->failure.text + len, sizeof(app->failure.text) - len,
            "; what was written is in %s", path);
        return status;
    }
    (void)unlink(path);
    return status;
}

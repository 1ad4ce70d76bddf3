#include "kmsctl/verbs.h"

/* clang-format off */

/* A table of options ends with a row without a name. */
#define END {0, 0, NULL, NULL, 0, NULL}

static const struct kmsctl_option global_options[] = {
    {KMSCTL_OPT_ENDPOINT_URL, 0, "endpoint-url", "URL", 0, "where the service is"},
    {KMSCTL_OPT_REGION, 0, "region", "REGION", 0, "region to work in"},
    {KMSCTL_OPT_PROFILE, 0, "profile", "NAME", 0, "profile of ~/.aws to use"},
    {KMSCTL_OPT_PROTOCOL, 0, "protocol", "cbor|json", 0, "how to talk to the service (default: json with AWS, else cbor)"},
    {KMSCTL_OPT_CA_FILE, 0, "ca-file", "FILE", 0, "trusted authorities for https, PEM"},
    {KMSCTL_OPT_OUTPUT, 0, "output", "text|json", 0, "form of results (default: text)"},
    {KMSCTL_OPT_QUIET, 'q', "quiet", NULL, 0, "nothing on standard error but errors"},
    {KMSCTL_OPT_NO_PROGRESS, 0, "no-progress", NULL, 0, "no progress bar on a terminal"},
    {KMSCTL_OPT_VERSION, 0, "version", NULL, 0, "print the version"},
    {KMSCTL_OPT_HELP, 'h', "help", NULL, 0, "print this help"},
    END,
};

#define FORCE_ROW {KMSCTL_OPT_FORCE, 'f', "force", NULL, 0, "replace an existing OUT"}
#define OUT_ROW   {KMSCTL_OPT_OUT, 'o', "out", "OUT", 0, "file to write; - is standard output"}

#define DIRECT_ROW {KMSCTL_OPT_DIRECT, 0, "direct", NULL, 0, "it is a CiphertextBlob, whatever it looks like"}

/* What messages are encrypted under, and what is to be known to decrypt them. */
#define MAKING_ROWS \
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", KMSCTL_REQUIRED | KMSCTL_REPEATS, "key to encrypt under; repeated, any of them decrypts"}, \
    {KMSCTL_OPT_SIGN, 0, "sign", NULL, 0, "also sign (suite 0x0578)"}, \
    {KMSCTL_OPT_KEY_SLOTS, 0, "key-slots", NULL, 0, "keys can be changed later, see key-slot; only kmsctl and libkms read it"}
#define OPENING_ROWS \
    {KMSCTL_OPT_UNSTORED_CONTEXT, 0, "unstored-context", "KEY=VALUE", KMSCTL_REPEATS, "pair that is bound to it but not stored in it"}, \
    {KMSCTL_OPT_ALLOW_UNCOMMITTED, 0, "allow-uncommitted", NULL, 0, "also read suites without key commitment"}, \
    DIRECT_ROW
#define OPENING_KEY_ROWS \
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", KMSCTL_REPEATS, "use only this key (repeatable; default: the one it names)"}, \
    {KMSCTL_OPT_CONTEXT, 'c', "context", "KEY=VALUE", KMSCTL_REPEATS, "pair that the encryption context must have (repeatable)"}

/* Many files at a time. */
#define JOBS_ROW   {KMSCTL_OPT_JOBS, 'j', "jobs", "N", 0, "files at a time, or threads for one (default: by the cores)"}
#define SUFFIX_ROW {KMSCTL_OPT_SUFFIX, 0, "suffix", "TEXT", 0, "with -r: end of the names of encrypted files (default: .kms)"}
#define RESUME_ROW {KMSCTL_OPT_RESUME, 0, "resume", NULL, 0, "leave out files that an earlier run has finished"}
#define PRESERVE_ROW {KMSCTL_OPT_PRESERVE, 'p', "preserve", NULL, 0, "keep mode and time of change"}
#define IN_PLACE_ROWS \
    {KMSCTL_OPT_RECURSIVE, 'r', "recursive", NULL, 0, "all files of directories whose names have the suffix"}, \
    SUFFIX_ROW
#define TREE_ROWS \
    {KMSCTL_OPT_RECURSIVE, 'r', "recursive", NULL, 0, "all files of a directory, into the directory OUT"}, \
    SUFFIX_ROW, \
    RESUME_ROW, \
    PRESERVE_ROW, \
    JOBS_ROW

static const struct kmsctl_option key_create_options[] = {
    {KMSCTL_OPT_ALIAS, 0, "alias", "alias/NAME", 0, "name for the key"},
    {KMSCTL_OPT_DESCRIPTION, 0, "description", "TEXT", 0, "what the key is for"},
    {KMSCTL_OPT_ADMIN, 0, "admin", "ARN", KMSCTL_REPEATS, "user or role that may manage the key (repeatable)"},
    {KMSCTL_OPT_USER, 0, "user", "ARN", KMSCTL_REPEATS, "user or role that may use the key (repeatable)"},
    {KMSCTL_OPT_POLICY, 0, "policy", "FILE", 0, "key policy to set instead, JSON"},
    {KMSCTL_OPT_TAG, 0, "tag", "KEY=VALUE", KMSCTL_REPEATS, "tag (repeatable)"},
    END,
};

static const struct kmsctl_option key_list_options[] = {
    {KMSCTL_OPT_LONG, 'l', "long", NULL, 0, "also state, date and description; one more call per key"},
    END,
};

static const struct kmsctl_option key_delete_options[] = {
    {KMSCTL_OPT_PENDING_WINDOW_DAYS, 0, "pending-window-days", "N", 0, "days until then, 7 to 30 (default: 30)"},
    END,
};

static const struct kmsctl_option encrypt_options[] = {
    MAKING_ROWS,
    {KMSCTL_OPT_CONTEXT, 'c', "context", "KEY=VALUE", KMSCTL_REPEATS, "pair of the encryption context (repeatable)"},
    {KMSCTL_OPT_UNSTORED_CONTEXT, 0, "unstored-context", "KEY=VALUE", KMSCTL_REPEATS, "pair that is bound but not stored: decrypting needs it"},
    OUT_ROW,
    FORCE_ROW,
    TREE_ROWS,
    {KMSCTL_OPT_TAR, 0, "tar", NULL, 0, "all of a directory as one archive in one message"},
    {KMSCTL_OPT_DIRECT, 0, "direct", NULL, 0, "by the Encrypt operation: at most 4096 bytes, raw CiphertextBlob"},
    END,
};

static const struct kmsctl_option decrypt_options[] = {
    OPENING_KEY_ROWS,
    OPENING_ROWS,
    OUT_ROW,
    FORCE_ROW,
    {KMSCTL_OPT_RANGE, 0, "range", "OFFSET:LENGTH", 0, "only these bytes of the plaintext; OFFSET: to the end"},
    {KMSCTL_OPT_IGNORE_SIGNATURE, 0, "ignore-signature", NULL, 0, "with --range: read signed messages, whose signature is for the whole"},
    {KMSCTL_OPT_TAR, 0, "tar", NULL, 0, "unpack the archive that it is into a new directory OUT"},
    {KMSCTL_OPT_SPARSE, 0, "sparse", NULL, 0, "blocks of zeros become holes"},
    TREE_ROWS,
    END,
};

static const struct kmsctl_option reencrypt_options[] = {
    MAKING_ROWS,
    {KMSCTL_OPT_SOURCE_KEY, 0, "source-key", "KEY", KMSCTL_REPEATS, "decrypt only with this key (repeatable)"},
    {KMSCTL_OPT_CONTEXT, 'c', "source-context", "KEY=VALUE", KMSCTL_REPEATS, "pair that the old encryption context must have"},
    {KMSCTL_OPT_CONTEXT, 0, "context", "KEY=VALUE", KMSCTL_REPEATS, NULL},
    OPENING_ROWS,
    {KMSCTL_OPT_DESTINATION_CONTEXT, 0, "destination-context", "KEY=VALUE", KMSCTL_REPEATS, "pair of the new encryption context (default: the old one)"},
    {KMSCTL_OPT_CLEAR_CONTEXT, 0, "clear-context", NULL, 0, "no encryption context from now on"},
    {KMSCTL_OPT_OUT, 'o', "out", "OUT", 0, "file to write; - is standard output (default: replace FILE)"},
    FORCE_ROW,
    IN_PLACE_ROWS,
    RESUME_ROW,
    PRESERVE_ROW,
    JOBS_ROW,
    END,
};

static const struct kmsctl_option verify_options[] = {
    OPENING_KEY_ROWS,
    {KMSCTL_OPT_UNSTORED_CONTEXT, 0, "unstored-context", "KEY=VALUE", KMSCTL_REPEATS, "pair that is bound to it but not stored in it"},
    {KMSCTL_OPT_ALLOW_UNCOMMITTED, 0, "allow-uncommitted", NULL, 0, "also read suites without key commitment"},
    IN_PLACE_ROWS,
    JOBS_ROW,
    END,
};

#define SLOT_ROW {KMSCTL_OPT_SLOT, 0, "slot", "ID", KMSCTL_REPEATS, "the slot of that number, see list (repeatable)"}
#define SLOT_FILE_ROWS \
    {KMSCTL_OPT_SOURCE_KEY, 0, "source-key", "KEY", KMSCTL_REPEATS, "open the files only with this key (repeatable)"}, \
    {KMSCTL_OPT_UNSTORED_CONTEXT, 0, "unstored-context", "KEY=VALUE", KMSCTL_REPEATS, "pair that is bound to them but not stored in them"}, \
    IN_PLACE_ROWS, \
    JOBS_ROW

static const struct kmsctl_option key_slot_add_options[] = {
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", KMSCTL_REQUIRED | KMSCTL_REPEATS, "key that shall be able to open them (repeatable)"},
    SLOT_FILE_ROWS,
    END,
};

static const struct kmsctl_option key_slot_remove_options[] = {
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", KMSCTL_REPEATS, "key that shall no longer be able to (repeatable)"},
    SLOT_ROW,
    SLOT_FILE_ROWS,
    END,
};

static const struct kmsctl_option key_slot_replace_options[] = {
    {KMSCTL_OPT_OLD_KEY, 0, "old-key", "KEY", KMSCTL_REPEATS, "key whose slots shall go (repeatable)"},
    SLOT_ROW,
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", KMSCTL_REQUIRED | KMSCTL_REPEATS, "key that shall be able to open them instead (repeatable)"},
    SLOT_FILE_ROWS,
    END,
};

static const struct kmsctl_option inspect_options[] = {
    DIRECT_ROW,
    END,
};

static const struct kmsctl_option random_options[] = {
    {KMSCTL_OPT_HEX, 0, "hex", NULL, 0, "hexadecimal (default)"},
    {KMSCTL_OPT_BASE64, 0, "base64", NULL, 0, "base64"},
    {KMSCTL_OPT_RAW, 0, "raw", NULL, 0, "as they are"},
    END,
};

static const struct kmsctl_option data_key_options[] = {
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", KMSCTL_REQUIRED, "key to encrypt it under"},
    {KMSCTL_OPT_SPEC, 0, "spec", "AES_256|AES_128", 0, "kind of data key (default: AES_256)"},
    {KMSCTL_OPT_BYTES, 0, "bytes", "N", 0, "or its size, 1 to 1024"},
    {KMSCTL_OPT_CONTEXT, 'c', "context", "KEY=VALUE", KMSCTL_REPEATS, "pair of the encryption context (repeatable)"},
    {KMSCTL_OPT_CIPHERTEXT_OUT, 0, "ciphertext-out", "FILE", 0, "where the encrypted key goes, raw (default: printed, base64)"},
    {KMSCTL_OPT_PLAINTEXT_OUT, 0, "plaintext-out", "FILE", 0, "where the key itself goes, raw, mode 0600 (default: nowhere)"},
    {KMSCTL_OPT_FORCE, 'f', "force", NULL, 0, "replace existing files"},
    END,
};

#define DRY_RUN_ROW {KMSCTL_OPT_DRY_RUN, 0, "dry-run", NULL, 0, "ask whether it would succeed, and do nothing"}
#define BYPASS_ROW  {KMSCTL_OPT_BYPASS_LOCKOUT_CHECK, 0, "bypass-lockout-check", NULL, 0, "also if the caller could not change it again"}

static const struct kmsctl_option policy_put_options[] = {
    BYPASS_ROW,
    END,
};

static const struct kmsctl_option policy_lint_options[] = {
    {KMSCTL_OPT_KIND, 0, "kind", "KIND", 0, "key (default), identity, session, boundary or trust"},
    END,
};

static const struct kmsctl_option policy_explain_options[] = {
    {KMSCTL_OPT_PRINCIPAL, 0, "principal", "P", KMSCTL_REQUIRED, "who: the ARN of a user, session or root, an account, a service"},
    {KMSCTL_OPT_ACTION, 0, "action", "A", KMSCTL_REQUIRED, "what, as kms:Decrypt"},
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", 0, "with which key (default: with none)"},
    {KMSCTL_OPT_CONTEXT, 'c', "context", "KEY=VALUE", KMSCTL_REPEATS, "pair of the encryption context, or aws:... or kms:... condition key"},
    {KMSCTL_OPT_ADMIN_SOCKET, 0, "admin-socket", "PATH", 0, "the daemon's socket (default: KMSD_ADMIN_SOCKET)"},
    END,
};

static const struct kmsctl_option grant_create_options[] = {
    {KMSCTL_OPT_GRANTEE, 0, "grantee", "PRINCIPAL", KMSCTL_REQUIRED, "who may: an ARN, an account, or the name of a service"},
    {KMSCTL_OPT_OPERATION, 0, "operation", "OPERATION", KMSCTL_REQUIRED | KMSCTL_REPEATS, "what, as Decrypt (repeatable)"},
    {KMSCTL_OPT_RETIREE, 0, "retiree", "PRINCIPAL", 0, "who may retire it"},
    {KMSCTL_OPT_CONTEXT_EQUALS, 0, "context-equals", "KEY=VALUE", KMSCTL_REPEATS, "pair of the encryption context, which must have no other"},
    {KMSCTL_OPT_CONTEXT_SUBSET, 0, "context-subset", "KEY=VALUE", KMSCTL_REPEATS, "pair that the encryption context must have"},
    {KMSCTL_OPT_SOURCE_ARN, 0, "source-arn", "ARN", 0, "resource for which a service must be asking"},
    {KMSCTL_OPT_NAME, 0, "name", "NAME", 0, "the same name and all else again makes no second grant"},
    {KMSCTL_OPT_GRANT_TOKEN, 0, "grant-token", "TOKEN", KMSCTL_REPEATS, "of a grant that lets the caller make this one"},
    DRY_RUN_ROW,
    END,
};

static const struct kmsctl_option grant_list_options[] = {
    {KMSCTL_OPT_GRANTEE, 0, "grantee", "PRINCIPAL", 0, "only those that this one holds"},
    {KMSCTL_OPT_GRANT_ID, 0, "grant-id", "ID", 0, "only this one"},
    {KMSCTL_OPT_RETIREE, 0, "retiree", "PRINCIPAL", 0, "instead of KEY: those of all keys that this one may retire"},
    END,
};

static const struct kmsctl_option dry_run_options[] = {
    DRY_RUN_ROW,
    END,
};

#define MANY ((size_t)-1) /* arguments */

#define PATH_ROW        {KMSCTL_OPT_PATH, 0, "path", "/PATH/", 0, "create: path in its ARN (default: /)"}
#define TAG_ROW         {KMSCTL_OPT_TAG, 0, "tag", "KEY=VALUE", KMSCTL_REPEATS, "create: tag (repeatable)"}
#define BOUNDARY_ROW    {KMSCTL_OPT_BOUNDARY, 0, "boundary", "POLICY", 0, "create: policy that it can never go beyond"}
#define DESCRIPTION_ROW {KMSCTL_OPT_DESCRIPTION, 0, "description", "TEXT", 0, "create: description"}

static const struct kmsctl_option iam_user_options[] = {PATH_ROW, TAG_ROW, BOUNDARY_ROW, END};
static const struct kmsctl_option iam_group_options[] = {PATH_ROW, END};
static const struct kmsctl_option iam_role_options[] = {
    {KMSCTL_OPT_TRUST, 0, "trust", "FILE", 0, "create: policy that says who may assume it, JSON"},
    PATH_ROW, TAG_ROW, BOUNDARY_ROW, DESCRIPTION_ROW, END,
};
static const struct kmsctl_option iam_policy_options[] = {PATH_ROW, TAG_ROW, DESCRIPTION_ROW, END};

#define SESSION_ROWS \
    {KMSCTL_OPT_SESSION_NAME, 0, "session-name", "NAME", 0, "what the session is called (default: kmsctl)"}, \
    {KMSCTL_OPT_DURATION, 0, "duration", "SECONDS", 0, "how long it lasts, from 900 on (default: 3600)"}, \
    {KMSCTL_OPT_POLICY, 0, "policy", "FILE", 0, "session policy: the session may no more than this, JSON"}

static const struct kmsctl_option assume_role_options[] = {
    SESSION_ROWS,
    {KMSCTL_OPT_EXTERNAL_ID, 0, "external-id", "ID", 0, "what the role's owner asks others for"},
    {KMSCTL_OPT_TAG, 0, "tag", "KEY=VALUE", KMSCTL_REPEATS, "session tag (repeatable)"},
    END,
};

static const struct kmsctl_option login_options[] = {
    {KMSCTL_OPT_WEB_IDENTITY, 0, "web-identity", "FILE", KMSCTL_REQUIRED, "token of an OpenID Connect issuer; - is standard input"},
    {KMSCTL_OPT_ROLE, 0, "role", "ROLE", KMSCTL_REQUIRED, "ARN of the role to assume"},
    SESSION_ROWS,
    END,
};

/* Which records of an audit trail. */
#define WHICH_ROWS \
    {KMSCTL_OPT_KEY, 'k', "key", "KEY", 0, "about this key: ARN or id, or an alias' ARN"}, \
    {KMSCTL_OPT_PRINCIPAL, 0, "principal", "WHO", 0, "by this principal: ARN, or name of a user or session"}, \
    {KMSCTL_OPT_OPERATION, 0, "operation", "NAME", 0, "of this name, such as Decrypt"}, \
    {KMSCTL_OPT_ERROR, 0, "error", "CODE", 0, "that ended with this error; * is any"}, \
    {KMSCTL_OPT_SINCE, 0, "since", "TIME", 0, "not before this time (RFC 3339, or a day)"}, \
    {KMSCTL_OPT_UNTIL, 0, "until", "TIME", 0, "not after it"}

static const struct kmsctl_option audit_verify_options[] = {
    {KMSCTL_OPT_PUBLIC_KEY, 0, "public-key", "FILE", 0, "key to trust (default: DIR/public-key.pem, as it lies there)"},
    {KMSCTL_OPT_HEAD, 0, "head", "N:HASH", 0, "head that an earlier verification printed: it must still be there"},
    {KMSCTL_OPT_ACCEPT_CLOCK_CHANGES, 0, "accept-clock-changes", NULL, 0, "a clock set back is no finding if kmsd noted it"},
    END,
};

static const struct kmsctl_option audit_lookup_options[] = {
    WHICH_ROWS,
    {KMSCTL_OPT_LIMIT, 'n', "limit", "N", 0, "at most so many, 1 to 10000 (default: 50)"},
    END,
};

static const struct kmsctl_option audit_export_options[] = {
    WHICH_ROWS,
    END,
};

static const struct kmsctl_verb rows[] = {
    {"key", "create", "", "Creates a key and prints its ARN",
        "With --admin or --user the key gets the policy that the AWS console writes: the account\n"
        "keeps full access and identity policies count; administrators manage the key, users\n"
        "encrypt and decrypt with it.",
        0, 0, key_create_options, kmsctl_key_create},
    {"key", "list", "", "Lists the keys: id and aliases, divided by a tab", NULL,
        0, 0, key_list_options, kmsctl_key_list},
    {"key", "describe", "KEY", "Shows what is known of a key", NULL,
        1, 1, NULL, kmsctl_key_describe},
    {"key", "policy", "KEY", "Prints the key policy", NULL,
        1, 1, NULL, kmsctl_policy_get},
    {"key", "enable", "KEY", "Makes a disabled key usable again", NULL,
        1, 1, NULL, kmsctl_key_enable},
    {"key", "disable", "KEY", "Makes a key unusable until it is enabled", NULL,
        1, 1, NULL, kmsctl_key_disable},
    {"key", "delete", "KEY", "Schedules the deletion of a key",
        "Until the day comes, 'kmsctl key cancel-deletion' takes it back. After it, nothing that\n"
        "was encrypted under the key can be decrypted, ever.",
        1, 1, key_delete_options, kmsctl_key_delete},
    {"key", "cancel-deletion", "KEY", "Cancels a scheduled deletion; the key comes back disabled", NULL,
        1, 1, NULL, kmsctl_key_cancel_deletion},

    {"alias", "create", "alias/NAME KEY", "Gives a key a name", NULL,
        2, 2, NULL, kmsctl_alias_create},
    {"alias", "update", "alias/NAME KEY", "Lets a name stand for another key", NULL,
        2, 2, NULL, kmsctl_alias_update},
    {"alias", "delete", "alias/NAME", "Takes a name away; the key stays", NULL,
        1, 1, NULL, kmsctl_alias_delete},
    {"alias", "list", "[KEY]", "Lists aliases and the keys they stand for", NULL,
        0, 1, NULL, kmsctl_alias_list},

    {NULL, "whoami", "", "Shows who the credentials are: account, ARN, id", NULL,
        0, 0, NULL, kmsctl_whoami},

    {NULL, "login", "", "Turns a workload's web identity token into credentials",
        "Needs no credentials. Prints what 'sts assume-role' prints. As a profile that renews itself:\n"
        "  [profile app]\n"
        "  credential_process = kmsctl --output json --endpoint-url URL --region REGION\n"
        "      login --web-identity /run/token --role ROLE      (in one line)",
        0, 0, login_options, kmsctl_login},
    {"sts", "assume-role", "ROLE", "Prints credentials of a session of a role",
        "Lines for a shell, or with --output json what credential_process of a profile takes:\n"
        "  eval \"$(kmsctl sts assume-role arn:aws:iam::111122223333:role/backup)\"",
        1, 1, assume_role_options, kmsctl_sts_assume_role},

    {"iam", "user", "ACTION [NAME [POLICY [FILE]]]", "Administers users",
        "  create NAME                     list\n"
        "  describe NAME                   delete NAME\n"
        "  attach NAME POLICY              detach NAME POLICY             attached NAME\n"
        "  put-policy NAME POLICY FILE     get-policy NAME POLICY\n"
        "  delete-policy NAME POLICY       list-policies NAME\n"
        "  set-boundary NAME POLICY        delete-boundary NAME           list-groups NAME\n"
        "POLICY is the ARN of a managed policy, of an inline one (put, get, delete) its name.",
        1, 4, iam_user_options, kmsctl_iam},
    {"iam", "group", "ACTION [NAME [USER|POLICY [FILE]]]", "Administers groups",
        "  create NAME                     list\n"
        "  members NAME                    delete NAME\n"
        "  add NAME USER                   remove NAME USER\n"
        "  attach NAME POLICY              detach NAME POLICY             attached NAME\n"
        "  put-policy NAME POLICY FILE     get-policy NAME POLICY\n"
        "  delete-policy NAME POLICY       list-policies NAME",
        1, 4, iam_group_options, kmsctl_iam},
    {"iam", "role", "ACTION [NAME [POLICY [FILE]]]", "Administers roles",
        "  create NAME --trust FILE        list\n"
        "  describe NAME                   delete NAME\n"
        "  get-trust NAME                  set-trust NAME FILE\n"
        "  attach NAME POLICY              detach NAME POLICY             attached NAME\n"
        "  put-policy NAME POLICY FILE     get-policy NAME POLICY\n"
        "  delete-policy NAME POLICY       list-policies NAME\n"
        "  set-boundary NAME POLICY        delete-boundary NAME",
        1, 4, iam_role_options, kmsctl_iam},
    {"iam", "policy", "ACTION [NAME|POLICY [FILE|VERSION]]", "Administers managed policies",
        "  create NAME FILE                list\n"
        "  describe POLICY                 delete POLICY\n"
        "  get POLICY [VERSION]            put POLICY FILE (a new version, which counts from now on)\n"
        "  versions POLICY                 delete-version POLICY VERSION\n"
        "  set-default POLICY VERSION      entities POLICY",
        1, 3, iam_policy_options, kmsctl_iam},
    {"iam", "access-key", "ACTION [USER [ID]]", "Administers access keys",
        "  create [USER]                   list [USER]\n"
        "  enable USER ID                  disable USER ID\n"
        "  delete USER ID                  last-used ID\n"
        "Without USER they are the caller's own. The secret is printed by create, and never again.",
        1, 3, NULL, kmsctl_iam},

    {"policy", "get", "KEY", "Prints the key policy", NULL,
        1, 1, NULL, kmsctl_policy_get},
    {"policy", "put", "KEY FILE|-", "Replaces the key policy", NULL,
        2, 2, policy_put_options, kmsctl_policy_put},
    {"policy", "edit", "KEY", "Opens the key policy in an editor, and puts what comes of it",
        "The editor is VISUAL, else EDITOR, else vi. The result is checked first; if it is refused,\n"
        "or the policy was changed by somebody else meanwhile, the file is kept and named.",
        1, 1, policy_put_options, kmsctl_policy_edit},
    {"policy", "lint", "[FILE|-]", "Says whether a document is a policy, and what it may not mean",
        "Needs neither key nor service. Exit code 5 when the service would refuse it; what it would\n"
        "take but looks like a mistake is printed: statement, Sid, text.",
        0, 1, policy_lint_options, kmsctl_policy_lint},

    {"policy", "explain", "", "Tells why somebody may or may not do something",
        "Asks the daemon itself, through the socket on which it is administered. Every statement that\n"
        "was looked at is printed, with * before those that apply, and last the decision.",
        0, 0, policy_explain_options, kmsctl_policy_explain},

    {"grant", "create", "KEY", "Lets somebody use a key", "Prints the grant's id and a token for it.",
        1, 1, grant_create_options, kmsctl_grant_create},
    {"grant", "list", "[KEY]", "Lists grants: id, name, who holds it, operations", NULL,
        0, 1, grant_list_options, kmsctl_grant_list},
    {"grant", "retire", "TOKEN | KEY GRANT-ID", "Gives up a grant, as who holds or may retire it", NULL,
        1, 2, dry_run_options, kmsctl_grant_retire},
    {"grant", "revoke", "KEY GRANT-ID", "Takes back a grant", NULL,
        2, 2, dry_run_options, kmsctl_grant_revoke},

    {"audit", "verify", "DIR", "Proves that an audit trail is as it was written",
        "Names the first record that was altered, removed, added or put elsewhere. DIR is the audit\n"
        "folder of a data directory, or a copy of one. Exit code 5 when something was found.",
        1, 1, audit_verify_options, kmsctl_audit_verify},
    {"audit", "tail", "DIR", "Shows the last records, the newest last", NULL,
        1, 1, audit_lookup_options, kmsctl_audit_tail},
    {"audit", "lookup", "DIR", "Finds records, the newest first",
        "All options that are given must hold.\n"
        "  kmsctl audit lookup /var/lib/kmsd/audit --key KEY --error AccessDenied --since 2026-11-01",
        1, 1, audit_lookup_options, kmsctl_audit_lookup},
    {"audit", "export", "DIR", "Prints the records, the oldest first, one JSON object on each line",
        "All options that are given must hold; without any it is the whole trail.",
        1, 1, audit_export_options, kmsctl_audit_export},

    {NULL, "encrypt", "[FILE|-|-r DIR]", "Encrypts a file of any size, or a tree of them",
        "The result is a message of the AWS Encryption SDK. It appears under its name only when it\n"
        "is whole. Without FILE, standard input is encrypted to standard output.\n"
        "  kmsctl encrypt -k alias/backups -c purpose=backup backup.tar -o backup.tar.kms\n"
        "  tar -c /srv | kmsctl encrypt -k alias/backups -o srv.tar.kms\n"
        "  kmsctl encrypt -k alias/backups -r /srv -o /backup/srv",
        0, 1, encrypt_options, kmsctl_encrypt},
    {NULL, "decrypt", "[FILE|-|-r DIR]", "Decrypts what encrypt, an Encryption SDK or the Encrypt operation wrote",
        "A file appears under its name only when all of it has been authenticated. Standard output\n"
        "gets authenticated frames as they come: what was written counts only if kmsctl succeeds.\n"
        "  kmsctl decrypt -c purpose=backup backup.tar.kms -o backup.tar\n"
        "  kmsctl decrypt -c purpose=backup -r /backup/srv -o /srv.restored",
        0, 1, decrypt_options, kmsctl_decrypt},
    {NULL, "re-encrypt", "[FILE...|-]", "Encrypts anew, under another key or context",
        "A message gets a new data key in one pass, with no plaintext on disk; FILE is replaced when\n"
        "the new message is whole. A CiphertextBlob goes through the ReEncrypt operation: its\n"
        "plaintext never leaves the service. The encryption context stays unless told otherwise.\n"
        "  kmsctl re-encrypt -k alias/new backup.tar.kms\n"
        "  kmsctl re-encrypt -k alias/new -r /backup",
        0, MANY, reencrypt_options, kmsctl_reencrypt},
    {NULL, "verify", "[FILE...|-]", "Decrypts to nowhere: every tag is checked, nothing is written",
        "  kmsctl verify -k alias/backups -r /backup",
        0, MANY, verify_options, kmsctl_verify},
    {NULL, "inspect", "[FILE|-]", "Shows what a ciphertext says of itself; verifies nothing",
        "Needs neither key nor service. Exit code 5 when the message is truncated or malformed.",
        0, 1, inspect_options, kmsctl_inspect},
    {"key-slot", "add", "FILE...", "Lets another key open files that were encrypted with --key-slots",
        "The files are changed in place, in milliseconds whatever their size.",
        0, MANY, key_slot_add_options, kmsctl_key_slot_add},
    {"key-slot", "remove", "FILE...", "Takes away a key's way of opening files",
        "Whoever has opened a file before, or has an old copy of it, may still be able to open it;\n"
        "re-encrypt makes sure of that.",
        0, MANY, key_slot_remove_options, kmsctl_key_slot_remove},
    {"key-slot", "replace", "FILE...", "Replaces a key by another one, in one step",
        "  kmsctl key-slot replace --old-key alias/2026 -k alias/2027 -r /backup",
        0, MANY, key_slot_replace_options, kmsctl_key_slot_replace},
    {"key-slot", "list", "FILE...", "Shows which keys can open files: FILE, slot, key, time", NULL,
        1, MANY, NULL, kmsctl_key_slot_list},

    {NULL, "random", "N", "Prints N random bytes of the service, up to 1048576", NULL,
        1, 1, random_options, kmsctl_random},
    {NULL, "data-key", "", "Makes a data key, encrypted under a key",
        "The plaintext of the data key leaves the service only with --plaintext-out.",
        0, 0, data_key_options, kmsctl_data_key},

    {NULL, "completion", "bash|zsh|fish", "Prints what makes a shell complete kmsctl's command lines",
        "  . <(kmsctl completion bash)                             in ~/.bashrc\n"
        "  kmsctl completion zsh >~/.zfunc/_kmsctl                 in a directory of fpath\n"
        "  kmsctl completion fish >~/.config/fish/completions/kmsctl.fish",
        1, 1, NULL, kmsctl_completion},
};

const struct kmsctl_verb_table kmsctl_verbs = {rows, sizeof(rows) / sizeof(rows[0]), global_options};

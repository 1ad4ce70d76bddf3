/* OpenID Connect providers, and sessions for whoever they vouch for. */
#include "kmsd/query/providers.h"

#include "kmsd/iam/jwt.h"
#include "kmsd/query/sts.h"

#define SCHEME "https://"

/* --- providers -------------------------------------------------------------------------------- */

/* "HOST[:PORT][/PATH]" */
static bool is_host_and_path(struct kms_str text)
{
    enum { PORT_MAX_LEN = 5 };
    const char *slash = memchr(text.data, '/', text.len);
    size_t host_len = slash == NULL ? text.len : (size_t)(slash - text.data);
    const char *colon = memchr(text.data, ':', host_len);
    size_t port_len = colon == NULL ? 0 : host_len - (size_t)(colon + 1 - text.data);
    if (host_len == 0 || colon == text.data || text.data[text.len - 1] == '/' ||
        (colon != NULL && (port_len == 0 || port_len > PORT_MAX_LEN)))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        const char *at = &text.data[i];
        bool is_digit = c >= '0' && c <= '9';
        bool is_port = colon != NULL && at > colon && at <= colon + port_len;
        bool is_plain = is_digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        strchr("-._~/", c) != NULL;
        if (at != colon && (is_port ? !is_digit : !is_plain))
            return false;
    }
    return true;
}

static enum kms_err read_url(struct kmsd_query_call *call, struct kms_str *name)
{
    const size_t len = sizeof(SCHEME) - 1;
    struct kms_str url;
    enum kms_err err = kmsd_query_need(call, "Url", KMSD_RULE_TEXT, &url);
    if (err != KMS_OK)
        return err;
    bool is_good = url.len > len && url.len - len <= KMSD_IAM_PROVIDER_NAME_MAX &&
                   memcmp(url.data, SCHEME, len) == 0;
    *name = is_good ? (struct kms_str){url.data + len, url.len - len} : url;
    if (is_good && is_host_and_path(*name))
        return KMS_OK;
    return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
        "Invalid Open ID Connect Provider URL: it has to be https://HOST[:PORT][/PATH].");
}

enum kms_err kmsd_iam_op_create_provider(struct kmsd_query_call *call)
{
    struct kmsd_iam_entity draft = {.kind = KMSD_IAM_PROVIDER,
        .account = call->account,
        .path = kms_str("/"),
        .created_ms = call->request.now_ms};
    enum kms_err err = read_url(call, &draft.name);
    if (err == KMS_OK)
        err = kmsd_query_list(call, "ClientIDList", NULL, KMSD_IAM_CLIENTS_MAX, &draft.clients);
    if (err == KMS_OK)
        err = kmsd_query_list(
            call, "ThumbprintList", NULL, KMSD_IAM_THUMBPRINTS_MAX, &draft.thumbprints);
    if (err == KMS_OK)
        err = kmsd_query_tags(call, &draft.tags);
    if (err != KMS_OK)
        return err;
    draft.jwks = call->is_operator ? kmsd_form_get(&call->form, "Jwks") : kms_str(NULL);
    if (draft.jwks.data != NULL &&
        (draft.jwks.len > KMSD_IAM_JWKS_MAX || !kmsd_jwks_is_usable(draft.jwks)))
        return kmsd_query_fault(
            call, KMSD_QUERY_VALIDATION, "Jwks holds no key that can verify a token.");
    draft.arn = kmsd_iam_entity_arn(&draft, kmsd_iam_partition(call->iam), call->arena);
    if (draft.arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    err = kmsd_iam_put(call->iam, NULL, &draft);
    if (err == KMS_ERR_EXISTS)
        return kmsd_query_fault(call, KMSD_QUERY_ENTITY_ALREADY_EXISTS,
            "Provider with url " SCHEME "%.*s already exists.", KMSD_STR_ARGS(draft.name));
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "OpenIDConnectProviderArn", draft.arn);
    return err == KMS_OK && draft.tags.count != 0 ? kmsd_put_tags(call->result, "Tags", &draft.tags)
                                                  : err;
}

static enum kms_err put_texts(json_t *out, const char *name, const struct kmsd_iam_list *texts)
{
    json_t *list = kmsd_put_list(out, name);
    enum kms_err err = list == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
    for (size_t i = 0; i < texts->count && err == KMS_OK; i++)
        err = kmsd_append_text(list, texts->items[i]);
    return err;
}

enum kms_err kmsd_iam_op_get_provider(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *provider = NULL;
    enum kms_err err = kmsd_iam_subject(call, &provider);
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "Url", provider->name);
    if (err == KMS_OK)
        err = put_texts(call->result, "ClientIDList", &provider->clients);
    if (err == KMS_OK)
        err = put_texts(call->result, "ThumbprintList", &provider->thumbprints);
    if (err == KMS_OK)
        err = kmsd_put_time(call->result, "CreateDate", provider->created_ms);
    return err == KMS_OK && provider->tags.count != 0
               ? kmsd_put_tags(call->result, "Tags", &provider->tags)
               : err;
}

struct listing {
    json_t *list;
    enum kms_err err;
};

static bool list_one(void *context, const struct kmsd_iam_entity *provider)
{
    struct listing *listing = context;
    json_t *out = kmsd_append_object(listing->list);
    listing->err = out == NULL ? KMS_ERR_NO_MEMORY : kmsd_put_text(out, "Arn", provider->arn);
    return listing->err == KMS_OK;
}

enum kms_err kmsd_iam_op_list_providers(struct kmsd_query_call *call)
{
    struct listing listing = {.list = kmsd_put_list(call->result, "OpenIDConnectProviderList")};
    if (listing.list == NULL)
        return KMS_ERR_NO_MEMORY;
    kmsd_iam_each(call->iam, call->account, KMSD_IAM_PROVIDER, kms_str(NULL), list_one, &listing);
    return listing.err;
}

enum kms_err kmsd_iam_op_delete_provider(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *provider = NULL;
    enum kms_err err = kmsd_iam_subject(call, &provider);
    return err == KMS_OK ? kmsd_iam_delete(call->iam, provider) : err;
}

/* --- AssumeRoleWithWebIdentity ---------------------------------------------------------------- */

/* A provider of the role's account that is the token's issuer. */
static enum kms_err find_provider(struct kmsd_query_call *call, struct kms_str account,
    struct kms_str issuer, const struct kmsd_iam_entity **out)
{
    const size_t len = sizeof(SCHEME) - 1;
    *out = NULL;
    if (issuer.len > len && memcmp(issuer.data, SCHEME, len) == 0)
        *out = kmsd_iam_find(call->iam, account, KMSD_IAM_PROVIDER,
            (struct kms_str){issuer.data + len, issuer.len - len});
    if (*out != NULL)
        return KMS_OK;
    return kmsd_query_fault(call, KMSD_QUERY_INVALID_IDENTITY_TOKEN,
        "No OpenIDConnect provider found in your account for %.*s",
        (int)(issuer.len > 255 ? 255 : issuer.len), issuer.data);
}

static enum kms_err refuse_token(struct kmsd_query_call *call, enum kmsd_jwt_verdict verdict)
{
    static const struct {
        enum kmsd_query_code code;
        const char *text;
    } answers[] = {
        [KMSD_JWT_MALFORMED] = {KMSD_QUERY_INVALID_IDENTITY_TOKEN,
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an "
            "Access Token)"},
        [KMSD_JWT_ALGORITHM] = {KMSD_QUERY_INVALID_IDENTITY_TOKEN,
            "The token's signing algorithm is not supported."},
        [KMSD_JWT_NO_KEY] = {KMSD_QUERY_INVALID_IDENTITY_TOKEN,
            "Couldn't retrieve verification key from your identity provider"},
        [KMSD_JWT_SIGNATURE] = {KMSD_QUERY_INVALID_IDENTITY_TOKEN,
            "The signature of the token does not verify."},
        [KMSD_JWT_ISSUER] = {KMSD_QUERY_INVALID_IDENTITY_TOKEN, "Incorrect token issuer"},
        [KMSD_JWT_AUDIENCE] = {KMSD_QUERY_INVALID_IDENTITY_TOKEN, "Incorrect token audience"},
        [KMSD_JWT_EXPIRED] = {KMSD_QUERY_EXPIRED_IDENTITY_TOKEN, "Token expired"},
        [KMSD_JWT_NOT_YET] = {KMSD_QUERY_INVALID_IDENTITY_TOKEN, "The token is not valid yet"},
    };
    return kmsd_query_fault(call, answers[verdict].code, "%s", answers[verdict].text);
}

/* Where a provider came without keys, its issuer has them. */
static enum kms_err find_keys(struct kmsd_query_call *call, enum kmsd_oidc_wish wish,
    const struct kmsd_iam_entity *provider, struct kmsd_jwt_expectation *expected)
{
    struct kmsd_oidc *oidc = call->query->oidc;
    expected->jwks = provider->jwks.data == NULL ? kms_str("{\"keys\":[]}") : provider->jwks;
    if (provider->jwks.data != NULL || oidc == NULL)
        return KMS_OK;
    enum kms_err err = kmsd_oidc_keys(
        oidc, expected->issuer, wish, call->request.now_ms, call->arena, &expected->jwks);
    if (err == KMS_ERR_TRANSPORT || err == KMS_ERR_BUSY)
        return kmsd_query_fault(call, KMSD_QUERY_IDP_COMMUNICATION,
            "Couldn't retrieve verification key from your identity provider, please reference "
            "AssumeRoleWithWebIdentity documentation for requirements");
    return err;
}

static enum kms_err verify(struct kmsd_query_call *call, struct kms_str token,
    const struct kmsd_iam_entity *provider, struct kmsd_jwt_claims *claims)
{
    enum kmsd_jwt_verdict verdict = KMSD_JWT_NO_KEY;
    struct kmsd_jwt_expectation expected = {
        .issuer = kms_arena_printf(call->arena, SCHEME "%.*s", KMSD_STR_ARGS(provider->name)),
        .audiences = provider->clients.items,
        .audience_count = provider->clients.count,
        .now_s = call->request.now_ms / 1000,
    };
    if (expected.issuer.data == NULL)
        return KMS_ERR_NO_MEMORY;
    for (int wish = KMSD_OIDC_ANY; wish <= KMSD_OIDC_NEWER && verdict == KMSD_JWT_NO_KEY; wish++) {
        enum kms_err err = find_keys(call, (enum kmsd_oidc_wish)wish, provider, &expected);
        if (err == KMS_OK)
            err = kmsd_jwt_verify(token, &expected, call->arena, claims, &verdict);
        if (err != KMS_OK)
            return err;
    }
    if (verdict != KMSD_JWT_GOOD)
        return refuse_token(call, verdict);
    call->web_identity = (struct kmsd_query_web_identity){
        .principal_id =
            kms_arena_printf(call->arena, "%.*s:%.*s:%.*s", KMSD_STR_ARGS(provider->arn),
                KMSD_STR_ARGS(claims->audience), KMSD_STR_ARGS(claims->subject)),
        .subject = claims->subject,
        .provider = kms_arena_str(call->arena, provider->arn),
    };
    bool has_all =
        call->web_identity.principal_id.data != NULL && call->web_identity.provider.data != NULL;
    return has_all ? KMS_OK : KMS_ERR_NO_MEMORY;
}

/* The role has to trust the provider by name: nobody else is behind such a request. */
static enum kms_err decide(struct kmsd_query_call *call, const struct kmsd_iam_entity *role,
    const struct kmsd_iam_entity *provider, const struct kmsd_jwt_claims *claims,
    struct kms_str session_name)
{
    const struct kmsd_policy_document *trust =
        kmsd_iam_policy_parsed(&role->trust, KMSD_POLICY_KIND_TRUST);
    struct kms_str aud = kms_arena_printf(call->arena, "%.*s:aud", KMSD_STR_ARGS(provider->name));
    struct kms_str sub = kms_arena_printf(call->arena, "%.*s:sub", KMSD_STR_ARGS(provider->name));
    if (trust == NULL || aud.data == NULL || sub.data == NULL)
        return trust == NULL ? KMS_ERR_CORRUPT : KMS_ERR_NO_MEMORY;
    struct kmsd_query_facts facts = {.count = 0};
    kmsd_query_add_fact(&facts, aud.data, kmsd_policy_text(claims->audience));
    kmsd_query_add_fact(&facts, sub.data, kmsd_policy_text(claims->subject));
    kmsd_query_add_fact(&facts, "sts:RoleSessionName", kmsd_policy_text(session_name));
    kmsd_query_common_facts(call, &facts);
    const struct kmsd_policy_subject subject = {
        .kind = KMSD_SUBJECT_FEDERATED_USER, .federated_provider = provider->arn};
    const struct kmsd_policy_context context = {
        .subject = &subject,
        .resource_account = role->account,
        .entries = facts.entries,
        .entry_count = facts.count,
    };
    const struct kmsd_policy_question question = {
        .action = kms_str("sts:AssumeRoleWithWebIdentity"),
        .resource = role->arn,
        .context = &context,
    };
    struct kmsd_policy_verdict verdict;
    kmsd_policy_evaluate(trust, &question, NULL, &verdict);
    if (verdict.deny == KMSD_POLICY_NO_STATEMENT &&
        verdict.allow[KMSD_MATCH_PRINCIPAL] != KMSD_POLICY_NO_STATEMENT)
        return KMS_OK;
    return kmsd_query_fault(
        call, KMSD_QUERY_ACCESS_DENIED, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
}

static enum kms_err answer(struct kmsd_query_call *call, const struct kmsd_iam_entity *role,
    const struct kmsd_iam_entity *provider, const struct kmsd_jwt_claims *claims,
    struct kmsd_session_content *content)
{
    enum kms_err err = kmsd_sts_read_session(call, role, content);
    if (err != KMS_OK)
        return err;
    content->provider = provider->arn;
    content->web_subject = claims->subject;
    content->web_audience = claims->audience;
    err = kmsd_sts_issue(call, content);
    if (err == KMS_OK)
        err = kmsd_sts_put_role_user(call, role, content);
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "SubjectFromWebIdentityToken", claims->subject);
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "Audience", claims->audience);
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "Provider", provider->arn);
    return err;
}

enum kms_err kmsd_sts_assume_role_with_web_identity(struct kmsd_query_call *call)
{
    struct kms_str role_arn;
    struct kms_str token;
    struct kms_str issuer;
    struct kmsd_jwt_claims claims;
    enum kmsd_jwt_verdict verdict = KMSD_JWT_MALFORMED;
    struct kmsd_session_content content = {.kind = KMSD_SESSION_ROLE};
    enum kms_err err = kmsd_query_need(call, "RoleArn", KMSD_RULE_ARN, &role_arn);
    if (err == KMS_OK)
        err =
            kmsd_query_need(call, "RoleSessionName", KMSD_RULE_SESSION_NAME, &content.session_name);
    if (err == KMS_OK)
        err = kmsd_query_need(call, "WebIdentityToken", KMSD_RULE_TOKEN, &token);
    if (err == KMS_OK)
        err = kmsd_jwt_issuer(token, call->arena, &issuer, &verdict);
    if (err != KMS_OK)
        return err;
    if (verdict != KMSD_JWT_GOOD)
        return refuse_token(call, verdict);
    KMSD_IAM_ENTITY_AUTO role = kmsd_iam_find_arn(call->iam, KMSD_IAM_ROLE, role_arn);
    if (role == NULL)
        return kmsd_query_fault(call, KMSD_QUERY_ACCESS_DENIED,
            "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    KMSD_IAM_ENTITY_AUTO provider = NULL;
    err = find_provider(call, role->account, issuer, &provider);
    if (err == KMS_OK)
        err = verify(call, token, provider, &claims);
    if (err == KMS_OK)
        err = decide(call, role, provider, &claims, content.session_name);
    return err == KMS_OK ? answer(call, role, provider, &claims, &content) : err;
}

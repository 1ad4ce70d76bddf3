#include "tests/support/decision_maker.h"

#include <stdbool.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct bytes {
    const uint8_t *at;
    size_t left;
};

/* Below n, which is not zero. */
static size_t choose(struct bytes *bytes, size_t n)
{
    if (bytes->left == 0)
        return 0;
    bytes->left--;
    return *bytes->at++ % n;
}

static const char *pick(struct bytes *bytes, const char *const *texts, size_t count)
{
    return texts[choose(bytes, count)];
}
#define PICK(bytes, texts) pick(bytes, texts, COUNT(texts))

/* One of the texts, or a list of some. */
static json_t *some(struct bytes *bytes, const char *const *texts, size_t count)
{
    size_t wanted = choose(bytes, 4);
    if (wanted < 2)
        return json_string(pick(bytes, texts, count));
    json_t *list = json_array();
    for (size_t i = 0; i < wanted; i++)
        (void)json_array_append_new(list, json_string(pick(bytes, texts, count)));
    return list;
}
#define SOME(bytes, texts) some(bytes, texts, COUNT(texts))

/* --- words ------------------------------------------------------------------------------------ */

static const char *const callers[] = {
    "{\"arn\":\"arn:aws:iam::111122223333:user/alice\",\"user_id\":\"AIDAALICE\",\"tags\":{"
    "\"team\":\"red\",\"Team\":\"Red\",\"*\":\"?\"}}",
    "{\"arn\":\"arn:aws:iam::111122223333:root\"}",
    "{\"arn\":\"arn:aws:iam::111122223333:user/path/bob\"}",
    "{\"arn\":\"arn:aws:sts::111122223333:assumed-role/r/s\",\"issuer\":\"arn:aws:iam::"
    "111122223333:role/r\",\"user_id\":\"AROA:s\",\"tags\":{\"team\":\"a:b\"}}",
    "{\"arn\":\"arn:aws:sts::111122223333:federated-user/f\",\"issuer\":\"arn:aws:iam::"
    "111122223333:user/alice\",\"provider\":\"idp.example.com\"}",
    "{\"arn\":\"arn:aws:iam::444455556666:user/carol\"}",
    "{\"arn\":\"arn:aws:iam::444455556666:root\"}",
    "{\"arn\":\"arn:aws:sts::444455556666:assumed-role/r/s\",\"issuer\":\"arn:aws:iam::"
    "444455556666:role/r\"}",
    "{\"arn\":\"arn:aws:sts::444455556666:federated-user/f\",\"issuer\":\"arn:aws:iam::"
    "444455556666:root\"}",
    "{\"arn\":\"s3.us-west-2.amazonaws.com\"}",
};

static const char *const names[] = {"*", "111122223333", "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/path/bob",
    "arn:aws:iam::111122223333:role/r", "arn:aws:sts::111122223333:assumed-role/r/s",
    "arn:aws:sts::111122223333:federated-user/f", "444455556666",
    "arn:aws:iam::444455556666:user/carol", "arn:aws:iam::444455556666:role/r",
    "arn:aws:sts::444455556666:assumed-role/r/s", "arn:aws:sts::444455556666:federated-user/f"};

static const char *const services[] = {"s3.us-west-2.amazonaws.com", "ec2.us-west-2.amazonaws.com"};
static const char *const providers[] = {
    "idp.example.com", "arn:aws:iam::111122223333:saml-provider/x"};

static const char *const actions[] = {"kms:*", "kms:Decrypt", "kms:decrypt", "KMS:De*", "*",
    "kms:?ncrypt", "kms:Encrypt", "kms:*crypt*", "s3:*", "kms:ReEncrypt*", "kms:*e*r*t"};
static const char *const asked[] = {"kms:Decrypt", "kms:Encrypt", "kms:ReEncryptFrom",
    "kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant", "kms:Sign", "KMS:DECRYPT"};
#define THE_KEY "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
static const char *const resources[] = {"*", THE_KEY, "arn:aws:kms:*:111122223333:key/*",
    "arn:aws:kms:us-west-2:*:key/1234*ab", "arn:*", "arn:aws:kms:*:*:alias/*",
    "arn:aws:kms:us-west-2:111122223333:alias/${aws:username}", "arn:aws:kms:*",
    "arn:aws:kms:us-*-2:1111????3333:key/*-*-*", "arn:aws:s3:::b", "arn:aws:*:key/*",
    "arn:aws:kms:us-west-2:111122223333:*/${aws:PrincipalTag/team, 'app'}"};
static const char *const targets[] = {THE_KEY, "arn:aws:kms:us-west-2:111122223333:alias/alice",
    "arn:aws:kms:us-west-2:111122223333:alias/app"};

static const char *const keys[] = {"kms:EncryptionContext:a", "kms:encryptioncontext:A",
    "kms:EncryptionContextKeys", "kms:GrantOperations", "aws:SourceIp", "aws:CurrentTime",
    "aws:EpochTime", "kms:RotationPeriodInDays", "aws:SecureTransport", "aws:PrincipalArn",
    "aws:PrincipalTag/team", "aws:PrincipalTag/TEAM", "aws:username", "aws:userid",
    "aws:PrincipalType", "aws:PrincipalAccount", "aws:ResourceAccount", "aws:SourceArn",
    "aws:PrincipalIsAWSService", "aws:FederatedProvider", "aws:TokenIssueTime", "x:Other"};

static const char *const operators[] = {"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike", "NumericEquals", "NumericNotEquals",
    "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
    "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
    "DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals",
    "ArnNotEquals", "ArnLike", "ArnNotLike", "Null"};

static const char *const text_values[] = {"a", "A", "red", "r?d", "*", "a*b", "${aws:username}",
    "${aws:PrincipalTag/team}", "${aws:PrincipalTag/none}", "${aws:PrincipalTag/none, 'red'}",
    "x${aws:userid}*", "${*}", "${?}", "alice", "AIDAALICE", "User", "b\xc3\xa9?", "B\xc3\x89",
    "111122223333", "true", "", "${kms:EncryptionContextKeys}", "203.0.113.7", "7",
    "2026-11-23T01:12:53Z", "arn:aws:iam::111122223333:user/*", "arn:aws:s3:::b*"};
static const char *const arn_values[] = {"arn:aws:iam::111122223333:user/*", "arn:aws:s3:::b*",
    "arn:*:iam::*:role/r", "arn:aws:iam::*", "arn:aws:*", "*", "arn:aws:*:::b",
    "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}", "arn:aws:iam::111122223333:role/?",
    "arn:aws:*:*:*:*/r", "arn:${aws:PrincipalTag/team}:x:::y", "arn:aws:s3:::a:b"};
static const char *const number_values[] = {
    "7", "365", "-1", "365.5", "0.000000001", "1795396373", "364.999999999", "9223372036854775807"};
static const char *const time_values[] = {"2026-11-23T01:12:53Z", "2026-11-23", "2026",
    "1795396373", "2026-11-23T02:12:53+01:00", "2026-11-23T01:12:53.500Z", "2030-01-01T00:00:00Z"};
static const char *const ip_values[] = {
    "203.0.113.0/24", "203.0.113.7", "2001:db8::/32", "0.0.0.0/0", "::/0", "203.0.112.0/22"};
static const char *const truths[] = {"true", "false", "TRUE"};
static const char *const binaries[] = {"AAEC", "AA==", ""};

static const char *const grantees[] = {"arn:aws:iam::111122223333:user/alice", "111122223333",
    "arn:aws:iam::111122223333:role/r", "arn:aws:sts::111122223333:assumed-role/r/s",
    "arn:aws:iam::444455556666:user/carol", "444455556666", "arn:aws:iam::444455556666:role/r"};
static const char *const granted[] = {
    "Decrypt", "Encrypt", "ReEncryptFrom", "DescribeKey", "CreateGrant", "RetireGrant", "Sign"};

/* --- documents -------------------------------------------------------------------------------- */

static json_t *make_values(struct bytes *bytes, const char *operator_name)
{
    switch (operator_name[0]) {
    case 'N':
        if (operator_name[1] == 'o')
            return SOME(bytes, ip_values);
        return operator_name[2] == 'l' ? SOME(bytes, truths) : SOME(bytes, number_values);
    case 'D':
        return SOME(bytes, time_values);
    case 'I':
        return SOME(bytes, ip_values);
    case 'A':
        return SOME(bytes, arn_values);
    case 'B':
        return operator_name[1] == 'o' ? SOME(bytes, truths) : SOME(bytes, binaries);
    default:
        return SOME(bytes, text_values);
    }
}

static json_t *make_conditions(struct bytes *bytes)
{
    static const char *const sets[] = {"", "", "", "ForAnyValue:", "ForAllValues:"};
    static const char *const suffixes[] = {"", "", "IfExists"};
    json_t *conditions = json_object();
    for (size_t left = choose(bytes, 3); left > 0; left--) {
        const char *name = PICK(bytes, operators);
        bool is_null = name[0] == 'N' && name[2] == 'l';
        json_t *whole = json_sprintf(
            "%s%s%s", is_null ? "" : PICK(bytes, sets), name, is_null ? "" : PICK(bytes, suffixes));
        json_t *of_operator = json_object_get(conditions, json_string_value(whole));
        if (of_operator == NULL) {
            of_operator = json_object();
            (void)json_object_set_new(conditions, json_string_value(whole), of_operator);
        }
        const char *key = PICK(bytes, keys);
        (void)json_object_set_new(of_operator, key, make_values(bytes, name));
        json_decref(whole);
    }
    return conditions;
}

static json_t *make_principal(struct bytes *bytes)
{
    switch (choose(bytes, 8)) {
    case 0:
        return json_string("*");
    case 1:
        return json_pack("{s:o}", "Service", SOME(bytes, services));
    case 2:
        return json_pack(
            "{s:o, s:o}", "AWS", SOME(bytes, names), "Federated", SOME(bytes, providers));
    default:
        return json_pack("{s:o}", "AWS", SOME(bytes, names));
    }
}

static json_t *make_statement(struct bytes *bytes, size_t number, bool names_principals)
{
    bool is_deny = choose(bytes, 4) == 3;
    json_t *statement = json_pack("{s:s}", "Effect", is_deny ? "Deny" : "Allow");
    if (choose(bytes, 8) != 7)
        (void)json_object_set_new(
            statement, "Sid", json_sprintf("%c%zu", is_deny ? 'D' : 'A', number));
    if (names_principals)
        (void)json_object_set_new(statement,
            is_deny && choose(bytes, 3) == 2 ? "NotPrincipal" : "Principal", make_principal(bytes));
    (void)json_object_set_new(
        statement, choose(bytes, 6) == 5 ? "NotAction" : "Action", SOME(bytes, actions));
    if (!names_principals || choose(bytes, 16) != 15)
        (void)json_object_set_new(
            statement, choose(bytes, 6) == 5 ? "NotResource" : "Resource", SOME(bytes, resources));
    (void)json_object_set_new(statement, "Condition", make_conditions(bytes));
    return statement;
}

static json_t *make_document(struct bytes *bytes, bool names_principals)
{
    json_t *statements = json_array();
    size_t count = 1 + choose(bytes, 4);
    const char *version = choose(bytes, 8) == 7 ? "2008-10-17" : "2012-10-17";
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(statements, make_statement(bytes, i, names_principals));
    return json_pack("{s:s, s:o}", "Version", version, "Statement", statements);
}

static json_t *make_documents(struct bytes *bytes, size_t most)
{
    json_t *list = json_array();
    for (size_t left = choose(bytes, most + 1); left > 0; left--)
        (void)json_array_append_new(list, make_document(bytes, false));
    return list;
}

/* --- what the request has --------------------------------------------------------------------- */

static json_t *make_value(struct bytes *bytes, const char *key)
{
    static const char *const plain[] = {"a", "A", "red", "", "alice",
        ("b\xc3\xa9"
         "c"),
        "7", "365.5", "203.0.113.7", "arn:aws:s3:::b", "arn:aws:s3:::a:b", "2026-11-23T01:12:53Z",
        "true"};
    static const char *const times[] = {"2026-11-23T01:12:53Z", "2026-11-23T01:12:53.500Z"};
    static const char *const addresses[] = {"203.0.113.7", "2001:db8::1", "198.51.100.1"};
    bool is_list = key[4] == 'E' && key[strlen(key) - 1] == 's';
    if (is_list || key[4] == 'G') {
        json_t *list = json_array();
        for (size_t left = choose(bytes, 4); left > 0; left--)
            (void)json_array_append_new(list, json_string(PICK(bytes, plain)));
        return list;
    }
    switch (choose(bytes, 8)) {
    case 0:
        return json_integer((json_int_t)choose(bytes, 256) * 365 / 255);
    case 1:
        return json_boolean(choose(bytes, 2) == 1);
    case 2:
        return json_pack("{s:s}", "time", PICK(bytes, times));
    case 3:
        return json_pack("{s:s}", "ip", PICK(bytes, addresses));
    case 4:
        return json_pack("{s:s}", "binary", PICK(bytes, binaries));
    default:
        return json_string(PICK(bytes, plain));
    }
}

static json_t *make_pairs(struct bytes *bytes)
{
    static const char *const pair_keys[] = {"a", "b", "A"};
    static const char *const pair_values[] = {"1", "2"};
    json_t *pairs = json_object();
    for (size_t left = choose(bytes, 4); left > 0; left--) {
        const char *key = PICK(bytes, pair_keys);
        (void)json_object_set_new(pairs, key, json_string(PICK(bytes, pair_values)));
    }
    return pairs;
}

static json_t *make_grant(struct bytes *bytes, size_t number)
{
    json_t *operations = json_array();
    json_t *grant = json_pack("{s:o}", "id", json_sprintf("g%zu", number));
    for (size_t left = 1 + choose(bytes, 2); left > 0; left--)
        (void)json_array_append_new(operations, json_string(PICK(bytes, granted)));
    (void)json_object_set_new(grant, "operations", operations);
    if (choose(bytes, 8) == 7)
        (void)json_object_set_new(grant, "grantee_service", json_string(services[0]));
    else
        (void)json_object_set_new(grant, "grantee", json_string(PICK(bytes, grantees)));
    if (choose(bytes, 3) == 2)
        (void)json_object_set_new(grant, "equals", make_pairs(bytes));
    if (choose(bytes, 3) == 2)
        (void)json_object_set_new(grant, "subset", make_pairs(bytes));
    if (choose(bytes, 4) == 3)
        (void)json_object_set_new(grant, "source_arn", json_string("arn:aws:s3:::b"));
    return grant;
}

/* --- the case --------------------------------------------------------------------------------- */

json_t *decision_make(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    json_t *with = json_object(), *grants = json_array();
    json_t *row = json_pack("{s:o, s:s, s:s, s:b}", "as",
        json_loads(PICK(&bytes, callers), 0, NULL), "do", PICK(&bytes, asked), "on",
        targets[choose(&bytes, 6) % COUNT(targets)], "own_account_only", choose(&bytes, 6) == 5);
    for (size_t left = choose(&bytes, 6); left > 0; left--) {
        const char *key = PICK(&bytes, keys);
        (void)json_object_set_new(with, key, make_value(&bytes, key));
    }
    for (size_t i = 0, count = choose(&bytes, 4) % 3; i < count; i++)
        (void)json_array_append_new(grants, make_grant(&bytes, i));
    (void)json_object_set_new(row, "with", with);
    (void)json_object_set_new(row, "grants", grants);
    (void)json_object_set_new(row, "encryption_context", make_pairs(&bytes));
    if (choose(&bytes, 3) == 2)
        (void)json_object_set_new(row, "source_arn", json_string("arn:aws:s3:::b"));
    if (choose(&bytes, 8) != 7)
        (void)json_object_set_new(row, "key", make_document(&bytes, true));
    (void)json_object_set_new(row, "identity", make_documents(&bytes, 3));
    if (choose(&bytes, 4) == 3)
        (void)json_object_set_new(row, "boundary", make_document(&bytes, false));
    (void)json_object_set_new(row, "session", make_documents(&bytes, 1));
    (void)json_object_set_new(row, "left_to_account", json_boolean(choose(&bytes, 4) == 3));
    return row;
}

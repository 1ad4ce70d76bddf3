#include "kmsd/policy/pattern.h"

#include "kmsd/policy/parse.h"

/* --- letters ---------------------------------------------------------------------------------- */

/* Latin-1 letters are C3 80..9E (capitals) and C3 A0..BE in UTF-8, 97 and B7 being no letters. */
static uint8_t fold(uint8_t byte, uint8_t before)
{
    bool is_ascii_capital = byte >= 'A' && byte <= 'Z';
    bool is_latin_capital = before == 0xc3 && byte >= 0x80 && byte <= 0x9e && byte != 0x97;
    return is_ascii_capital || is_latin_capital ? (uint8_t)(byte + 0x20) : byte;
}

static bool bytes_equal(
    const char *a, const char *b, size_t len, enum kmsd_policy_letter_case letters)
{
    if (len == 0)
        return true;
    if (letters == KMSD_LETTERS_EXACT)
        return memcmp(a, b, len) == 0;
    uint8_t before_a = 0, before_b = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte_a = (uint8_t)a[i], byte_b = (uint8_t)b[i];
        if (fold(byte_a, before_a) != fold(byte_b, before_b))
            return false;
        before_a = byte_a;
        before_b = byte_b;
    }
    return true;
}

bool kmsd_policy_letters_equal(
    struct kms_str a, struct kms_str b, enum kmsd_policy_letter_case letters)
{
    return a.len == b.len && bytes_equal(a.data, b.data, a.len, letters);
}

/* --- taking apart ----------------------------------------------------------------------------- */

struct reader {
    struct kms_str text;
    size_t at;
    unsigned flags;
    unsigned colons; /* passed so far */
    uint32_t tokens;
    uint32_t variables;
    struct kmsd_policy_token *out; /* NULL: only counting */
    struct kmsd_policy_build *build;
};

static bool is_in_fields(const struct reader *reader)
{
    return (reader->flags & KMSD_PATTERN_ARN) != 0 && reader->colons < 5;
}

static void put(struct reader *reader, struct kmsd_policy_token token)
{
    if (reader->out != NULL)
        reader->out[reader->tokens] = token;
    reader->tokens++;
}

static enum kms_err put_text(struct reader *reader, struct kms_str text)
{
    if (reader->out == NULL) {
        reader->tokens++;
        return KMS_OK;
    }
    bool is_lowered = (reader->flags & KMSD_PATTERN_LOWER_CASE) != 0;
    uint8_t *copy = kmsd_policy_build_alloc(reader->build, text.len, 1);
    if (copy == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        copy[i] = is_lowered ? fold(byte, 0) : byte;
    }
    struct kms_str kept = {(const char *)copy, text.len};
    put(reader, (struct kmsd_policy_token){.kind = KMSD_TOKEN_TEXT, .text = kept});
    return KMS_OK;
}

/* Whether text goes on with what at *at; if so moves past it. */
static bool take(struct kms_str text, size_t *at, const char *what)
{
    size_t len = strlen(what);
    if (text.len - *at < len || memcmp(text.data + *at, what, len) != 0)
        return false;
    *at += len;
    return true;
}

static enum kms_err put_variable(
    struct reader *reader, struct kms_str name, struct kms_str fallback)
{
    struct kmsd_policy_variable variable = {.fallback = fallback};
    bool is_misplaced = (reader->flags & KMSD_PATTERN_RESOURCE) != 0 && is_in_fields(reader);
    if (is_misplaced || reader->variables == KMSD_POLICY_VARIABLES_MAX ||
        kmsd_policy_key_name_parse(name, &variable.name) != KMS_OK)
        return KMS_ERR_SYNTAX;
    reader->variables++;
    if (reader->out == NULL) {
        reader->tokens++;
        return KMS_OK;
    }
    struct kmsd_policy_variable *kept = kmsd_policy_build_alloc(reader->build, 1, sizeof(*kept));
    struct kms_str kept_name = kmsd_policy_build_str(reader->build, name);
    if (kept == NULL || kept_name.data == NULL)
        return KMS_ERR_NO_MEMORY;
    *kept = variable;
    if (fallback.data != NULL) {
        kept->fallback = kmsd_policy_build_str(reader->build, fallback);
        if (kept->fallback.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    enum kms_err err = kmsd_policy_key_name_parse(kept_name, &kept->name);
    put(reader,
        (struct kmsd_policy_token){
            .kind = KMSD_TOKEN_VARIABLE, .stops_at_colon = is_in_fields(reader), .variable = kept});
    return err;
}

/* After "${": *, ? or $ as themselves, a key name, or a key name, a comma and a default value in
 * single quotes; then "}". */
static enum kms_err read_variable(struct reader *reader)
{
    struct kms_str text = reader->text;
    size_t start = reader->at;
    if (take(text, &reader->at, "*}") || take(text, &reader->at, "?}") ||
        take(text, &reader->at, "$}"))
        return put_text(reader, (struct kms_str){text.data + start, 1});
    while (reader->at < text.len && text.data[reader->at] != '}' && text.data[reader->at] != ',')
        reader->at++;
    struct kms_str name = {text.data + start, reader->at - start};
    struct kms_str fallback = {NULL, 0};
    if (take(text, &reader->at, ",")) {
        while (take(text, &reader->at, " "))
            continue;
        if (!take(text, &reader->at, "'"))
            return KMS_ERR_SYNTAX;
        const char *quote = memchr(text.data + reader->at, '\'', text.len - reader->at);
        if (quote == NULL)
            return KMS_ERR_SYNTAX;
        fallback =
            (struct kms_str){text.data + reader->at, (size_t)(quote - text.data) - reader->at};
        reader->at += fallback.len + 1;
    }
    if (!take(text, &reader->at, "}"))
        return KMS_ERR_SYNTAX;
    return put_variable(reader, name, fallback);
}

static void read_wildcard(struct reader *reader, char c)
{
    bool is_last = reader->at == reader->text.len;
    bool ends_field = !is_last && reader->text.data[reader->at] == ':';
    bool expands = is_last || ((reader->flags & KMSD_PATTERN_RESOURCE) != 0 && ends_field);
    struct kmsd_policy_token token = {.kind = KMSD_TOKEN_ONE};
    token.stops_at_colon = is_in_fields(reader);
    if (c == '*') {
        token.kind = KMSD_TOKEN_MANY;
        token.stops_at_colon = token.stops_at_colon && !expands;
    }
    put(reader, token);
}

/* Text up to the next wildcard or variable. */
static enum kms_err read_text(struct reader *reader)
{
    size_t start = reader->at;
    for (; reader->at < reader->text.len; reader->at++) {
        char c = reader->text.data[reader->at];
        bool is_wildcard = (reader->flags & KMSD_PATTERN_WILDCARDS) != 0 && (c == '*' || c == '?');
        bool is_variable = (reader->flags & KMSD_PATTERN_VARIABLES) != 0 && c == '$' &&
                           reader->at + 1 < reader->text.len &&
                           reader->text.data[reader->at + 1] == '{';
        if (is_wildcard || is_variable)
            break;
        reader->colons += c == ':' ? 1 : 0;
    }
    struct kms_str text = {reader->text.data + start, reader->at - start};
    return text.len == 0 ? KMS_OK : put_text(reader, text);
}

static enum kms_err read_all(struct reader *reader)
{
    enum kms_err err = read_text(reader);
    while (err == KMS_OK && reader->at < reader->text.len) {
        char c = reader->text.data[reader->at++];
        if (c == '$') {
            reader->at++;
            err = read_variable(reader);
        } else {
            read_wildcard(reader, c);
        }
        if (err == KMS_OK)
            err = read_text(reader);
    }
    return err;
}

enum kms_err kmsd_policy_pattern_build(struct kms_str text, unsigned flags,
    struct kmsd_policy_build *build, struct kmsd_policy_pattern *out)
{
    struct reader counting = {.text = text, .flags = flags, .build = build};
    enum kms_err err = read_all(&counting);
    if (err != KMS_OK)
        return err;
    struct reader reader = {.text = text, .flags = flags, .build = build};
    reader.out = kmsd_policy_build_alloc(build, counting.tokens, sizeof(*reader.out));
    if (reader.out == NULL)
        return KMS_ERR_NO_MEMORY;
    err = read_all(&reader);
    if (err != KMS_OK)
        return err;
    *out = (struct kmsd_policy_pattern){reader.out, reader.tokens, reader.variables};
    return KMS_OK;
}

/* --- matching --------------------------------------------------------------------------------- */

/* The values of a pattern's variables, in order. */
struct values {
    struct kms_str texts[KMSD_POLICY_VARIABLES_MAX];
    char buffers[KMSD_POLICY_VARIABLES_MAX][KMSD_POLICY_VALUE_TEXT_MAX];
};

/* Only keys that cannot have several values may be variables. */
static bool resolve(const struct kmsd_policy_variable *variable,
    const struct kmsd_policy_context *context, char buffer[KMSD_POLICY_VALUE_TEXT_MAX],
    struct kms_str *text)
{
    struct kmsd_policy_value value;
    *text = (struct kms_str){NULL, 0};
    if (context != NULL && kmsd_policy_context_find(context, &variable->name, &value) &&
        !value.is_list)
        *text = kmsd_policy_value_text(&value, 0, buffer);
    if (text->data == NULL)
        *text = variable->fallback;
    return text->data != NULL;
}

/* The length of the character at a byte; texts are UTF-8, and if not, nothing is read past them. */
static size_t character_len(struct kms_str text, size_t at)
{
    uint8_t lead = (uint8_t)text.data[at];
    size_t len = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return len <= text.len - at ? len : text.len - at;
}

/* Where to go on when the text does not match: after a wildcard, which then takes one character
 * more. */
struct retry {
    bool is_set;
    uint32_t token;
    uint32_t variable;
    size_t at;
};

struct matcher {
    const struct kmsd_policy_pattern *pattern;
    struct kms_str text;
    enum kmsd_policy_letter_case letters;
    const struct values *values;
    uint32_t token;
    uint32_t variable;
    size_t at;
};

/* Matches one token that is not MANY at the present place and moves on. */
static bool step(struct matcher *m)
{
    const struct kmsd_policy_token *token = &m->pattern->tokens[m->token];
    size_t left = m->text.len - m->at;
    if (token->kind == KMSD_TOKEN_ONE) {
        if (left == 0 || (token->stops_at_colon && m->text.data[m->at] == ':'))
            return false;
        m->at += character_len(m->text, m->at);
        m->token++;
        return true;
    }
    bool is_variable = token->kind == KMSD_TOKEN_VARIABLE && m->values != NULL;
    struct kms_str text = is_variable ? m->values->texts[m->variable] : token->text;
    if (is_variable && token->stops_at_colon && text.len != 0 &&
        memchr(text.data, ':', text.len) != NULL)
        return false;
    if (text.len > left || !bytes_equal(text.data, m->text.data + m->at, text.len, m->letters))
        return false;
    m->at += text.len;
    m->token++;
    m->variable += is_variable ? 1 : 0;
    return true;
}

static bool go_back(struct matcher *m, struct retry *retry, bool stops_at_colon)
{
    if (!retry->is_set || retry->at == m->text.len ||
        (stops_at_colon && m->text.data[retry->at] == ':'))
        return false;
    retry->at += character_len(m->text, retry->at);
    m->token = retry->token;
    m->variable = retry->variable;
    m->at = retry->at;
    return true;
}

/* Two places to go back to suffice. What stands between two wildcards that match anything is best
 * matched as early as possible, since the later one can take up whatever that leaves. Between
 * wildcards that stop at a colon the same holds within the field; when they fail, the last wildcard
 * that matches anything moves on. */
static bool match_tokens(struct matcher *m)
{
    struct retry anywhere = {.is_set = false}, in_field = {.is_set = false};
    for (;;) {
        bool is_at_end = m->token == m->pattern->token_count;
        const struct kmsd_policy_token *token = &m->pattern->tokens[m->token];
        if (is_at_end && m->at == m->text.len)
            return true;
        if (!is_at_end && token->kind == KMSD_TOKEN_MANY) {
            struct retry retry = {true, ++m->token, m->variable, m->at};
            if (!token->stops_at_colon && m->token == m->pattern->token_count)
                return true;
            if (token->stops_at_colon) {
                in_field = retry;
            } else {
                anywhere = retry;
                in_field.is_set = false;
            }
            continue;
        }
        if (!is_at_end && step(m))
            continue;
        if (go_back(m, &in_field, true))
            continue;
        in_field.is_set = false;
        if (!go_back(m, &anywhere, false))
            return false;
    }
}

static enum kmsd_policy_answer match_with_variables(const struct kmsd_policy_pattern *pattern,
    struct kms_str text, enum kmsd_policy_letter_case letters,
    const struct kmsd_policy_context *context)
{
    struct values values;
    uint32_t count = 0;
    for (uint32_t i = 0; i < pattern->token_count; i++) {
        const struct kmsd_policy_token *token = &pattern->tokens[i];
        if (token->kind != KMSD_TOKEN_VARIABLE)
            continue;
        if (!resolve(token->variable, context, values.buffers[count], &values.texts[count]))
            return KMSD_ANSWER_UNKNOWN;
        count++;
    }
    struct matcher m = {.pattern = pattern, .text = text, .letters = letters, .values = &values};
    return match_tokens(&m) ? KMSD_ANSWER_YES : KMSD_ANSWER_NO;
}

enum kmsd_policy_answer kmsd_policy_pattern_match(const struct kmsd_policy_pattern *pattern,
    struct kms_str text, enum kmsd_policy_letter_case letters,
    const struct kmsd_policy_context *context)
{
    if (pattern->variable_count != 0)
        return match_with_variables(pattern, text, letters, context);
    if (pattern->token_count == 1 && pattern->tokens[0].kind == KMSD_TOKEN_TEXT)
        return kmsd_policy_letters_equal(pattern->tokens[0].text, text, letters) ? KMSD_ANSWER_YES
                                                                                 : KMSD_ANSWER_NO;
    struct matcher m = {.pattern = pattern, .text = text, .letters = letters};
    return match_tokens(&m) ? KMSD_ANSWER_YES : KMSD_ANSWER_NO;
}

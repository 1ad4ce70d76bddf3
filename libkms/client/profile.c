#include "libkms/client/profile.h"

#include "libkms/base/buf.h"
#include "libkms/client/detail.h"
#include "libkms/client/words.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Values are copied once, continued ones once per line; names and nodes come on top. */
#define ARENA_MAX (8 * KMS_PROFILE_FILE_MAX)

struct parser {
    enum kms_profile_file_kind kind;
    struct kms_profile_file *file;
    struct kms_profile_section **next_section;
    struct kms_profile_section *section; /* NULL before the first header */
    size_t section_count;
    struct kms_profile_property **next_property;
    struct kms_profile_property *property; /* that an indented line continues; NULL: none */
    size_t property_count;
    size_t indent; /* of that property's line */
};

void kms_profile_file_init(struct kms_profile_file *file)
{
    kms_arena_init(&file->arena, ARENA_MAX);
    file->sections = NULL;
}

void kms_profile_file_clean_up(struct kms_profile_file *file)
{
    if (file == NULL)
        return;
    kms_arena_clean_up(&file->arena);
    kms_profile_file_init(file);
}

/* --- text ------------------------------------------------------------------------------------- */

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\f' || letter == '\v';
}

static bool starts_comment(char letter)
{
    return letter == '#' || letter == ';';
}

static struct kms_str trim(struct kms_str text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static struct kms_str lower_case(struct kms_arena *arena, struct kms_str text)
{
    struct kms_str copy = kms_arena_str(arena, text);
    if (copy.data == NULL)
        return copy;
    char *letters = (char *)copy.data; /* the arena's, just made */
    for (size_t i = 0; i < copy.len; i++) {
        if (letters[i] >= 'A' && letters[i] <= 'Z')
            letters[i] = (char)(letters[i] - 'A' + 'a');
    }
    return copy;
}

/* --- lines ------------------------------------------------------------------------------------ */

static enum kms_err classify_section(struct parser *parser, struct kms_profile_section *section)
{
    section->kind = KMS_SECTION_OTHER;
    section->name = section->header;
    if (parser->kind == KMS_PROFILE_CREDENTIALS || kms_str_is(section->header, "default")) {
        section->kind = KMS_SECTION_PROFILE;
        return KMS_OK;
    }
    char **words = NULL;
    size_t count = 0;
    KMS_ARENA_AUTO scratch;
    kms_arena_init(&scratch, 2 * KMS_PROFILE_FILE_MAX);
    enum kms_err err = kms_words_split(section->header, &scratch, &words, &count);
    if (err == KMS_ERR_SYNTAX || err == KMS_ERR_LIMIT)
        return KMS_OK; /* not ours to understand */
    if (err != KMS_OK)
        return err;
    if (count != 2)
        return KMS_OK;
    if (strcmp(words[0], "profile") == 0)
        section->kind = KMS_SECTION_PROFILE;
    else if (strcmp(words[0], "services") == 0)
        section->kind = KMS_SECTION_SERVICES;
    else
        return KMS_OK;
    section->name = kms_arena_str(&parser->file->arena, kms_str(words[1]));
    section->explicit_default = kms_str_is(section->name, "default");
    return section->name.data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

/* "[profile x]" and "[profile "x"]" are one profile, of which the AWS CLI would take the last. That
 * "[default]" stands beside "[profile default]" is in order. */
static bool is_known(const struct parser *parser, const struct kms_profile_section *section)
{
    const struct kms_profile_section *known = parser->file->sections;
    while (known != NULL &&
           (known->kind != section->kind || known->explicit_default != section->explicit_default ||
               !kms_str_eq(known->name, section->name)))
        known = known->next;
    return known != NULL;
}

static enum kms_err add_section(struct parser *parser, struct kms_str line)
{
    const char *end = memchr(line.data, ']', line.len);
    if (end == NULL || end == line.data + 1)
        return KMS_ERR_SYNTAX;
    struct kms_str header = trim((struct kms_str){line.data + 1, (size_t)(end - line.data) - 1});
    if (++parser->section_count > KMS_PROFILE_MAX_SECTIONS)
        return KMS_ERR_LIMIT;

    struct kms_profile_section *section = kms_arena_alloc(&parser->file->arena, sizeof(*section));
    if (section == NULL)
        return KMS_ERR_NO_MEMORY;
    section->header = kms_arena_str(&parser->file->arena, header);
    if (section->header.data == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = classify_section(parser, section);
    if (err != KMS_OK)
        return err;
    if (is_known(parser, section))
        return KMS_ERR_SYNTAX;
    *parser->next_section = section;
    parser->next_section = &section->next;
    parser->section = section;
    parser->next_property = &section->properties;
    parser->property = NULL;
    parser->property_count = 0;
    return KMS_OK;
}

static enum kms_err make_property(struct parser *parser, struct kms_str name, struct kms_str value,
    struct kms_profile_property **out)
{
    if (name.len == 0)
        return KMS_ERR_SYNTAX;
    if (++parser->property_count > KMS_PROFILE_MAX_PROPERTIES)
        return KMS_ERR_LIMIT;
    struct kms_arena *arena = &parser->file->arena;
    struct kms_profile_property *property = kms_arena_alloc(arena, sizeof(*property));
    if (property == NULL)
        return KMS_ERR_NO_MEMORY;
    property->name = lower_case(arena, name);
    property->value = kms_arena_str(arena, value);
    if (property->name.data == NULL || property->value.data == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = property;
    return KMS_OK;
}

static enum kms_err add_property(struct parser *parser, struct kms_str line)
{
    if (parser->section == NULL)
        return KMS_ERR_SYNTAX;
    size_t split = 0;
    while (split < line.len && line.data[split] != '=' && line.data[split] != ':')
        split++;
    if (split == line.len)
        return KMS_ERR_SYNTAX;
    struct kms_str name = trim((struct kms_str){line.data, split});
    struct kms_str value = {line.data + split + 1, line.len - split - 1};

    struct kms_profile_property *property = NULL;
    enum kms_err err = make_property(parser, name, trim(value), &property);
    if (err != KMS_OK)
        return err;
    for (const struct kms_profile_property *known = parser->section->properties; known != NULL;
         known = known->next) {
        if (kms_str_eq(known->name, property->name))
            return KMS_ERR_SYNTAX;
    }
    *parser->next_property = property;
    parser->next_property = &property->next;
    parser->property = property;
    return KMS_OK;
}

static enum kms_err continue_property(struct parser *parser, struct kms_str line)
{
    struct kms_profile_property *property = parser->property;
    if (property->value.len > 0) {
        struct kms_str joined = kms_arena_printf(&parser->file->arena, "%.*s\n%.*s",
            (int)property->value.len, property->value.data, (int)line.len, line.data);
        if (joined.data == NULL)
            return KMS_ERR_LIMIT;
        property->value = joined;
        return KMS_OK;
    }
    const char *equals = memchr(line.data, '=', line.len);
    if (equals == NULL)
        return KMS_ERR_SYNTAX;
    size_t split = (size_t)(equals - line.data);
    struct kms_str value = {equals + 1, line.len - split - 1};
    struct kms_profile_property *nested = NULL;
    enum kms_err err =
        make_property(parser, trim((struct kms_str){line.data, split}), trim(value), &nested);
    if (err != KMS_OK)
        return err;
    nested->next = property->nested; /* newest first: of two, the later one counts */
    property->nested = nested;
    return KMS_OK;
}

static enum kms_err take_line(struct parser *parser, struct kms_str raw)
{
    struct kms_str line = trim(raw);
    if (line.len == 0 || starts_comment(line.data[0]))
        return KMS_OK;
    size_t indent = (size_t)(line.data - raw.data);
    if (parser->property != NULL && indent > parser->indent)
        return continue_property(parser, line);
    parser->indent = indent;
    return line.data[0] == '[' ? add_section(parser, line) : add_property(parser, line);
}

enum kms_err kms_profile_parse(enum kms_profile_file_kind kind, struct kms_str text,
    struct kms_profile_file *file, size_t *line)
{
    if (text.len > KMS_PROFILE_FILE_MAX)
        return KMS_ERR_LIMIT;
    struct parser parser = {.kind = kind, .file = file, .next_section = &file->sections};
    size_t number = 0;
    enum kms_err err = KMS_OK;
    for (size_t at = 0; at < text.len && err == KMS_OK;) {
        const char *begin = text.data + at;
        const char *end = memchr(begin, '\n', text.len - at);
        size_t len = end == NULL ? text.len - at : (size_t)(end - begin);
        number++;
        struct kms_str raw = {begin, len};
        err = memchr(begin, '\0', len) != NULL ? KMS_ERR_SYNTAX : take_line(&parser, raw);
        at += len + 1;
    }
    if (err != KMS_OK) {
        kms_profile_file_clean_up(file);
        if (err == KMS_ERR_SYNTAX)
            *line = number;
    }
    return err;
}

/* --- files ------------------------------------------------------------------------------------ */

static void close_at(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static enum kms_err read_all(int fd, struct kms_buf *out)
{
    for (;;) {
        uint8_t *at = kms_buf_extend(out, 4096);
        if (at == NULL)
            return out->err;
        ssize_t got = read(fd, at, 4096);
        kms_buf_truncate(out, out->len - 4096 + (got > 0 ? (size_t)got : 0));
        if (got == 0)
            return KMS_OK;
        if (got < 0 && errno != EINTR)
            return KMS_ERR_IO;
    }
}

enum kms_err kms_profile_load(enum kms_profile_file_kind kind, const char *path,
    struct kms_profile_file *file, struct kms_detail *detail)
{
    /* O_NONBLOCK: opening a FIFO must not wait; it is passed over right after. */
    __attribute__((cleanup(close_at))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return KMS_OK;
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        kms_detail_set(detail, "cannot read %s: %s", path, strerrordesc_np(errno));
        return KMS_ERR_CONFIG;
    }
    if (!S_ISREG(info.st_mode))
        return KMS_OK;

    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMS_PROFILE_FILE_MAX + 4096);
    enum kms_err err = read_all(fd, &text);
    size_t line = 0;
    if (err == KMS_ERR_IO) {
        kms_detail_set(detail, "cannot read %s: %s", path, strerrordesc_np(errno));
        return KMS_ERR_CONFIG;
    }
    if (err == KMS_OK)
        err = kms_profile_parse(kind, kms_buf_str(&text), file, &line);
    if (err == KMS_ERR_SYNTAX)
        kms_detail_set(detail, "%s:%zu: malformed or repeated section or setting", path, line);
    else if (err == KMS_ERR_LIMIT)
        kms_detail_set(detail, "%s is too large", path);
    return err == KMS_ERR_SYNTAX || err == KMS_ERR_LIMIT ? KMS_ERR_CONFIG : err;
}

/* --- look-up ---------------------------------------------------------------------------------- */

const struct kms_profile_section *kms_profile_find(
    const struct kms_profile_file *file, enum kms_profile_section_kind kind, struct kms_str name)
{
    const struct kms_profile_section *found = NULL;
    for (const struct kms_profile_section *section = file->sections; section != NULL;
         section = section->next) {
        if (section->kind == kind && kms_str_eq(section->name, name) &&
            (found == NULL || section->explicit_default))
            found = section;
    }
    return found;
}

static const struct kms_profile_property *find_property(
    const struct kms_profile_property *list, const char *name)
{
    while (list != NULL && !kms_str_is(list->name, name))
        list = list->next;
    return list;
}

struct kms_str kms_profile_get(const struct kms_profile_section *section, const char *name)
{
    const struct kms_profile_property *property =
        section == NULL ? NULL : find_property(section->properties, name);
    return property == NULL ? kms_str(NULL) : property->value;
}

struct kms_str kms_profile_get_nested(
    const struct kms_profile_section *section, const char *name, const char *nested)
{
    const struct kms_profile_property *property =
        section == NULL ? NULL : find_property(section->properties, name);
    const struct kms_profile_property *pair =
        property == NULL ? NULL : find_property(property->nested, nested);
    return pair == NULL ? kms_str(NULL) : pair->value;
}

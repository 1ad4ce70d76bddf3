/*
 * kmsctl completion: scripts for bash, zsh and fish, made from the tables of verbs and options. In
 * each shell a function finds out which verb has been typed; then the script has, verb by verb, the
 * options, what their values are, and whether arguments are files.
 */
#include "kmsctl/app.h"
#include "kmsctl/verbs.h"

#include <ctype.h>
#include <string.h>

enum value_kind {
    VALUE_OTHER,
    VALUE_PATH,
    VALUE_CHOICE, /* "cbor|json": one of these words */
};

static bool is_choice(const char *text)
{
    bool literal = false; /* an alternative with no more than capitals is a placeholder */

    if (strchr(text, '|') == NULL)
        return false;
    for (const char *at = text;; at++) {
        if (*at == '|' || *at == '\0') {
            if (!literal)
                return false;
            literal = false;
        } else if (islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_') {
            literal = true;
        } else if (!isupper((unsigned char)*at) && *at != '-') {
            return false;
        }
        if (*at == '\0')
            return true;
    }
}

static enum value_kind kind_of(const char *value)
{
    if (value == NULL)
        return VALUE_OTHER;
    if (strstr(value, "FILE") != NULL || strstr(value, "DIR") != NULL || strcmp(value, "OUT") == 0)
        return VALUE_PATH;
    return is_choice(value) ? VALUE_CHOICE : VALUE_OTHER;
}

/* --- pieces ----------------------------------------------------------------------------------- */

/* In single quotes, for POSIX shells and for fish. */
static void quote(FILE *out, const char *text, bool for_fish)
{
    (void)fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            (void)fputs(for_fish ? "\\'" : "'\\''", out);
        else if (*text == '\\' && for_fish)
            (void)fputs("\\\\", out);
        else
            (void)fputc(*text, out);
    }
    (void)fputc('\'', out);
}

/* The words of a choice, divided by blanks. */
static void print_choices(FILE *out, const char *value)
{
    for (; *value != '\0'; value++)
        (void)fputc(*value == '|' ? ' ' : *value, out);
}

static bool is_first_of_noun(const struct kmsctl_verb_table *table, size_t row)
{
    for (size_t i = 0; i < row; i++) {
        if (table->rows[i].noun != NULL && strcmp(table->rows[i].noun, table->rows[row].noun) == 0)
            return false;
    }
    return true;
}

typedef void word_fn(FILE *out, const char *word, const char *help);

/* What can stand first: verbs that stand alone, and nouns. */
static void print_first_words(FILE *out, const struct kmsctl_verb_table *table, word_fn *print)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct kmsctl_verb *row = &table->rows[i];

        if (row->noun == NULL)
            print(out, row->name, row->summary);
        else if (is_first_of_noun(table, i))
            print(out, row->noun, "more verbs");
    }
}

static void print_verbs_of(
    FILE *out, const struct kmsctl_verb_table *table, const char *noun, word_fn *print)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct kmsctl_verb *row = &table->rows[i];

        if (row->noun != NULL && strcmp(row->noun, noun) == 0)
            print(out, row->name, row->summary);
    }
}

/* "key|alias" */
static void print_nouns(FILE *out, const struct kmsctl_verb_table *table)
{
    const char *separator = "";

    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].noun == NULL || !is_first_of_noun(table, i))
            continue;
        (void)fprintf(out, "%s%s", separator, table->rows[i].noun);
        separator = "|";
    }
}

/* "-k|--key", as shell patterns. */
static void print_spellings(FILE *out, const struct kmsctl_option *row)
{
    if (row->letter != 0)
        (void)fprintf(out, "-%c|", row->letter);
    (void)fprintf(out, "--%s", row->name);
}

static void print_names_with_values(FILE *out, const struct kmsctl_option *rows)
{
    const char *separator = "";

    for (; rows != NULL && rows->name != NULL; rows++) {
        if (rows->value == NULL)
            continue;
        (void)fputs(separator, out);
        print_spellings(out, rows);
        separator = "|";
    }
}

static void print_command(FILE *out, const struct kmsctl_verb *verb)
{
    (void)fprintf(out, "%s%s%s", verb->noun == NULL ? "" : verb->noun,
        verb->noun == NULL ? "" : " ", verb->name);
}

/* --- bash and zsh, which differ little -------------------------------------------------------- */

struct dialect {
    word_fn *word;
    const char *begin;
    const char *add_options;
    const char *set_words;
    const char *end;
};

static void bash_word(FILE *out, const char *word, const char *help)
{
    (void)help;
    (void)fprintf(out, " %s", word);
}

static void zsh_word(FILE *out, const char *word, const char *help)
{
    char both[512];

    (void)snprintf(both, sizeof(both), "%s:%s", word, help);
    (void)fputc(' ', out);
    quote(out, both, false);
}

static const struct dialect bash = {
    .word = bash_word,
    .begin = "# bash completion for kmsctl; made by 'kmsctl completion bash'\n"
             "_kmsctl() {\n"
             "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
             "    local words=(\"${COMP_WORDS[@]}\") current=$COMP_CWORD first=1\n"
             "    local names='' candidates='' arguments='' values='' command='' i\n"
             "    COMPREPLY=()\n"
             "    # --option=value comes as three words\n"
             "    if [[ $cur == '=' ]]; then\n"
             "        cur=\n"
             "    elif [[ $prev == '=' && $current -gt 2 ]]; then\n"
             "        prev=${COMP_WORDS[current-2]}\n"
             "    fi\n",
    .add_options = "names+=\"",
    .set_words = "candidates=\"",
    .end = "    if [[ $values == path ]]; then\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
           "    elif [[ -n $values ]]; then\n"
           "        [[ $values == other ]] || mapfile -t COMPREPLY < <(compgen -W \"$values\" -- "
           "\"$cur\")\n"
           "    elif [[ $cur == -?* ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$cur\")\n"
           "    elif [[ -n $candidates ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$candidates\" -- \"$cur\")\n"
           "    elif [[ $arguments == path ]]; then\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
           "    elif [[ -n $arguments ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$arguments\" -- \"$cur\")\n"
           "    fi\n"
           "}\n"
           "complete -F _kmsctl kmsctl\n",
};

static const struct dialect zsh = {
    .word = zsh_word,
    .begin = "#compdef kmsctl\n"
             "# zsh completion for kmsctl; made by 'kmsctl completion zsh'\n"
             "_kmsctl() {\n"
             "    local cur=$words[CURRENT] prev=$words[CURRENT-1]\n"
             "    local current=$CURRENT first=2 arguments='' values='' command='' i\n"
             "    local -a names candidates\n"
             "    if [[ $cur == --*=* ]]; then\n"
             "        prev=${cur%%=*}\n"
             "        compset -P '*='\n"
             "    fi\n",
    .add_options = "names+=(",
    .set_words = "candidates=(",
    .end = "    if [[ $values == path ]]; then\n"
           "        _files\n"
           "    elif [[ -n $values ]]; then\n"
           "        [[ $values == other ]] || compadd -- ${=values}\n"
           "    elif [[ $cur == -?* ]]; then\n"
           "        _describe -o option names\n"
           "    elif (( $#candidates )); then\n"
           "        _describe verb candidates\n"
           "    elif [[ $arguments == path ]]; then\n"
           "        _files\n"
           "    elif [[ -n $arguments ]]; then\n"
           "        compadd -- ${=arguments}\n"
           "    fi\n"
           "}\n"
           "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
           "    _kmsctl \"$@\"\n"
           "else\n"
           "    compdef _kmsctl kmsctl\n"
           "fi\n",
};

static void print_options(
    FILE *out, const struct dialect *dialect, const struct kmsctl_option *rows, const char *indent)
{
    char close = dialect->add_options[strlen(dialect->add_options) - 1] == '(' ? ')' : '"';

    if (rows == NULL || rows->name == NULL)
        return;
    (void)fprintf(out, "%s%s", indent, dialect->add_options);
    for (const struct kmsctl_option *row = rows; row->name != NULL; row++) {
        char letter[3] = {'-', row->letter, '\0'};
        char name[80];

        if (row->help == NULL)
            continue;
        (void)snprintf(name, sizeof(name), "--%s", row->name);
        if (row->letter != 0)
            dialect->word(out, letter, row->help);
        dialect->word(out, name, row->help);
    }
    (void)fprintf(out, "%c\n%scase $prev in\n", close, indent);
    for (const struct kmsctl_option *row = rows; row->name != NULL; row++) {
        enum value_kind kind = kind_of(row->value);

        if (row->value == NULL)
            continue;
        (void)fprintf(out, "%s(", indent);
        print_spellings(out, row);
        (void)fputs(") values='", out);
        if (kind == VALUE_CHOICE)
            print_choices(out, row->value);
        else
            (void)fputs(kind == VALUE_PATH ? "path" : "other", out);
        (void)fputs("' ;;\n", out);
    }
    (void)fprintf(out, "%sesac\n", indent);
}

static void print_verb_case(
    FILE *out, const struct dialect *dialect, const struct kmsctl_verb *verb)
{
    (void)fputs("    ('", out);
    print_command(out, verb);
    (void)fputs("')\n", out);
    switch (kind_of(verb->arguments)) {
    case VALUE_PATH:
        (void)fputs("        arguments='path'\n", out);
        break;
    case VALUE_CHOICE:
        (void)fputs("        arguments='", out);
        print_choices(out, verb->arguments);
        (void)fputs("'\n", out);
        break;
    case VALUE_OTHER:
    default:
        break;
    }
    print_options(out, dialect, verb->options, "        ");
    (void)fputs("        ;;\n", out);
}

static void print_like_bash(
    FILE *out, const struct kmsctl_verb_table *table, const struct dialect *dialect)
{
    char close = dialect->set_words[strlen(dialect->set_words) - 1] == '(' ? ')' : '"';

    (void)fputs(dialect->begin, out);
    (void)fputs(
        "    for ((i = first; i < current; i++)); do\n        case ${words[i]} in\n        (", out);
    print_names_with_values(out, table->global_options);
    (void)fputs(")\n"
                "            i=$((i + 1))\n"
                "            [[ ${words[i]} != '=' ]] || i=$((i + 1)) ;;\n"
                "        (-*) ;;\n"
                "        (*)\n"
                "            command+=\"${command:+ }${words[i]}\"\n"
                "            case $command in\n"
                "            (",
        out);
    print_nouns(out, table);
    (void)fputs(") ;;\n"
                "            (*) break ;;\n"
                "            esac ;;\n"
                "        esac\n"
                "    done\n"
                "    case $command in\n"
                "    ('')\n        ",
        out);
    (void)fputs(dialect->set_words, out);
    print_first_words(out, table, dialect->word);
    (void)fprintf(out, "%c ;;\n", close);
    for (size_t i = 0; i < table->count; i++) {
        const char *noun = table->rows[i].noun;

        if (noun != NULL && is_first_of_noun(table, i)) {
            (void)fprintf(out, "    ('%s')\n        %s", noun, dialect->set_words);
            print_verbs_of(out, table, noun, dialect->word);
            (void)fprintf(out, "%c ;;\n", close);
        }
        print_verb_case(out, dialect, &table->rows[i]);
    }
    (void)fputs("    esac\n", out);
    print_options(out, dialect, table->global_options, "    ");
    (void)fputs(dialect->end, out);
}

/* --- fish ------------------------------------------------------------------------------------- */

static void print_fish_option(FILE *out, const char *condition, const struct kmsctl_option *row)
{
    enum value_kind kind = kind_of(row->value);

    if (row->help == NULL)
        return;
    (void)fputs("complete -c kmsctl", out);
    if (condition != NULL) {
        (void)fputs(" -n ", out);
        quote(out, condition, true);
    }
    if (row->letter != 0)
        (void)fprintf(out, " -s %c", row->letter);
    (void)fprintf(out, " -l %s", row->name);
    if (kind == VALUE_PATH)
        (void)fputs(" -rF", out);
    else if (row->value != NULL)
        (void)fputs(" -x", out);
    if (kind == VALUE_CHOICE) {
        (void)fputs(" -a '", out);
        print_choices(out, row->value);
        (void)fputc('\'', out);
    }
    (void)fputs(" -d ", out);
    quote(out, row->help, true);
    (void)fputc('\n', out);
}

static void print_fish_word(
    FILE *out, const char *condition, const char *word, const char *description)
{
    (void)fputs("complete -c kmsctl -n ", out);
    quote(out, condition, true);
    (void)fprintf(out, " -a '%s' -d ", word);
    quote(out, description, true);
    (void)fputc('\n', out);
}

static void print_fish_verb(
    FILE *out, const struct kmsctl_verb_table *table, const struct kmsctl_verb *verb, size_t row)
{
    enum value_kind kind = kind_of(verb->arguments);
    char condition[128];

    if (verb->noun != NULL && is_first_of_noun(table, row))
        print_fish_word(out, "__kmsctl_verb_is \"\"", verb->noun, "more verbs");
    (void)snprintf(condition, sizeof(condition), "__kmsctl_verb_is \"%s\"",
        verb->noun == NULL ? "" : verb->noun);
    print_fish_word(out, condition, verb->name, verb->summary);

    (void)snprintf(condition, sizeof(condition), "__kmsctl_verb_is \"%s%s%s\"",
        verb->noun == NULL ? "" : verb->noun, verb->noun == NULL ? "" : " ", verb->name);
    if (kind == VALUE_PATH) {
        (void)fputs("complete -c kmsctl -F -n ", out);
        quote(out, condition, true);
        (void)fputc('\n', out);
    } else if (kind == VALUE_CHOICE) {
        (void)fputs("complete -c kmsctl -n ", out);
        quote(out, condition, true);
        (void)fputs(" -a '", out);
        print_choices(out, verb->arguments);
        (void)fputs("'\n", out);
    }
    for (const struct kmsctl_option *option = verb->options; option != NULL && option->name != NULL;
         option++)
        print_fish_option(out, condition, option);
}

static void print_fish(FILE *out, const struct kmsctl_verb_table *table)
{
    (void)fputs("# fish completion for kmsctl; made by 'kmsctl completion fish'\n"
                "function __kmsctl_verb_is\n"
                "    set -l words (commandline -opc)\n"
                "    set -l command ''\n"
                "    set -l i 2\n"
                "    while test $i -le (count $words)\n"
                "        switch $words[$i]\n"
                "            case",
        out);
    for (const struct kmsctl_option *row = table->global_options; row->name != NULL; row++) {
        if (row->value != NULL)
            (void)fprintf(out, " --%s", row->name);
    }
    (void)fputs("\n"
                "                set i (math $i + 1)\n"
                "            case '-*'\n"
                "            case '*'\n"
                "                set command (string trim \"$command $words[$i]\")\n"
                "                string match -qr '^(",
        out);
    print_nouns(out, table);
    (void)fputs(")$' -- $command; or break\n"
                "        end\n"
                "        set i (math $i + 1)\n"
                "    end\n"
                "    test \"$command\" = \"$argv[1]\"\n"
                "end\n"
                "complete -c kmsctl -f\n",
        out);
    for (const struct kmsctl_option *row = table->global_options; row->name != NULL; row++)
        print_fish_option(out, NULL, row);
    for (size_t i = 0; i < table->count; i++)
        print_fish_verb(out, table, &table->rows[i], i);
}

enum kmsctl_exit kmsctl_completion(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *shell = kmsctl_args_argument(args, 0);

    if (strcmp(shell, "bash") == 0)
        print_like_bash(app->out, &kmsctl_verbs, &bash);
    else if (strcmp(shell, "zsh") == 0)
        print_like_bash(app->out, &kmsctl_verbs, &zsh);
    else if (strcmp(shell, "fish") == 0)
        print_fish(app->out, &kmsctl_verbs);
    else
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "there is completion for bash, zsh and fish");
    return KMSCTL_OK;
}

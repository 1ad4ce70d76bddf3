#!/usr/bin/env bash
# kmsctl completion: what bash, zsh and fish make of it.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
mkdir "$WORK/d"
cd "$WORK/d" || exit 1
touch plain.txt 'with blank'

expect 2 "other shells have none" "$k" completion csh
for shell in bash zsh fish; do
    expect 0 "a script for $shell" "$k" completion $shell
    cp "$WORK/out" "$WORK/script.$shell"
done
all_verbs=$("$k" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | sort -u | xargs)

# in_bash WORD...: what the last word is completed to.
in_bash() {
    bash --norc -c '. "$1"; shift; COMP_WORDS=(kmsctl "$@"); COMP_CWORD=$#; _kmsctl
        [ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$WORK/script.bash" "$@" | sort | xargs -d '\n'
}
# The same for zsh's function; what it would show is printed.
in_zsh() {
    zsh -f -c 'script=$1; shift
        compdef() { :; }
        . $script
        _describe() { print -rl -- ${(P)${@[-1]}%%:*}; }
        _files() { print -rl -- *; }
        compadd() { shift; print -rl -- $@; }
        compset() { cur=${cur#*=}; }
        words=(kmsctl "$@"); CURRENT=$#words; last=$words[-1]; [[ $last == --*=* ]] && last=${last#*=}
        _kmsctl' zsh "$WORK/script.zsh" "$@" | grep -e "^$(printf '%s' "${*: -1}" | sed 's/^--[a-z-]*=//')" | sort | xargs -d '\n'
}
in_fish() { # from version 4 on it also offers what has the typed letters further in
    fish --no-config -c 'source $argv[1]; complete -C (string join " " -- kmsctl (string escape -- $argv[2..-2]) $argv[-1])' "$WORK/script.fish" "$@" |
        cut -f 1 | grep -e "^${*: -1}" | sort | xargs -d '\n'
}

for shell in bash zsh fish; do
    if ! command -v $shell >/dev/null; then
        skip "completion in $shell" "it is not installed"
        continue
    fi
    check "$shell takes the script" $shell -n "$WORK/script.$shell"
    equal "$shell: all verbs" "$(in_$shell '')" "$all_verbs"
    equal "$shell: the beginning of a verb" "$(in_$shell enc)" encrypt
    equal "$shell: verbs of a noun" "$(in_$shell alias '')" "create delete list update"
    equal "$shell: after global options" "$(in_$shell --region r -q alias up)" update
    equal "$shell: a value that looks like a verb is none" "$(in_$shell --region alias enc)" encrypt
    equal "$shell: options of a verb" "$(in_$shell encrypt -k x --su)" "--suffix"
    equal "$shell: and global ones" "$(in_$shell alias list --out)" "--output"
    equal "$shell: options of other verbs are not offered" "$(in_$shell decrypt --si)" ""
    equal "$shell: the words of a choice" "$(in_$shell --output '')" "json text"
    equal "$shell: after the verb, too" "$(in_$shell key list --protocol '')" "cbor json"
    equal "$shell: a file as value" "$(in_$shell encrypt -o pla)" "plain.txt"
    equal "$shell: a file as argument" "$(in_$shell encrypt -k x pla)" "plain.txt"
    equal "$shell: no file where none belongs" "$(in_$shell key describe pla)" ""
    equal "$shell: nor where a key belongs" "$(in_$shell encrypt -k pla)" ""
    equal "$shell: the words of an argument" "$(in_$shell completion '')" "bash fish zsh"
done
equal "bash: a file with a blank is one" "$(in_bash encrypt with)" "with blank"
equal "bash: --option=value" "$(in_bash --output = js)" json
! command -v zsh >/dev/null || equal "zsh: --option=value" "$(in_zsh --output=js)" json
! command -v fish >/dev/null || equal "fish: --option=value" "$(in_fish --output=js)" "--output=json"

# --- typed at a prompt
if command -v zsh >/dev/null; then
    cat >"$WORK/typed.zsh" <<'END'
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell "PS1= ; unsetopt beep; autoload -Uz compinit; compinit -D -u; . $1; kmsctl() { print -r -- \"\$*\" >$2; }"
zpty -w -n shell $'kmsctl encr\t-k x --suf\t.x pla\t\n'
for ((i = 0; i < 100 && ! $#answer; i++)); do
    zpty -r -t shell >/dev/null
    sleep 0.1
    [[ ! -s $2 ]] || answer=$(<$2)
done
print -r -- $answer
zpty -d shell
END
    equal "zsh, typed: tabs complete the line" "$(timeout 20 zsh -f "$WORK/typed.zsh" "$WORK/script.zsh" "$WORK/typed")" \
        "encrypt -k x --suffix .x plain.txt"
fi
equal "bash, typed: tabs complete the line" "$(printf 'PS1=; . %s; kmsctl() { echo "GOT:$*:"; }\nkmsctl encr\t-k x --suf\t.x pla\t\nexit\n' "$WORK/script.bash" |
    timeout 20 script -qec 'bash --norc --noprofile -i' /dev/null 2>/dev/null | sed -n 's/.*GOT:\([^$]*\):.*/\1/p' | tail -n 1)" \
    "encrypt -k x --suffix .x plain.txt"

finish

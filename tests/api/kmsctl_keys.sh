#!/usr/bin/env bash
# kmsctl key ... and kmsctl alias ...
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
ann=arn:aws:iam::000000000000:user/ann
bob=arn:aws:iam::000000000000:role/bob

# The daemon is new: that this key is in account 000000000000 can be learned from the key only.
expect 0 "the first key of an account gets a policy" "$k" key create --alias alias/keys-first --admin "$ann"
account=$(cut -d: -f5 "$WORK/out")
expect 0 "it is there" "$k" key policy alias/keys-first
equal "with the right account" "$(json '.Statement[0].Principal.AWS')" "arn:aws:iam::$account:root"
equal "and the administrator" "$(json '.Statement[1].Principal.AWS')" "$ann"

expect 0 "a key is created" "$k" key create --alias alias/keys-a --description "first key" --tag team=red --tag empty=
arn=$(cat "$WORK/out")
prints "its ARN is printed, alone" "^arn:aws:kms:[a-z0-9-]*:[0-9]\{12\}:key/[0-9a-f-]\{36\}$"
id=${arn##*/}
expect 9 "an alias in use is refused before a key is made" "$k" key create --alias alias/keys-a
equal "so no key is left behind" "$("$k" key list | wc -l)" 2
expect 0 "a key is created, JSON" "$k" --output json key create --alias alias/keys-b
equal "its metadata are printed" "$(json .KeyState) $(json '.Aliases[0]') $(json .Arn | cut -d: -f1-3)" "Enabled alias/keys-b arn:aws:kms"

plain=$("$k" key create)
plain=${plain##*/}
expect 0 "keys are listed" "$k" key list
equal "id and alias, divided by a tab" "$(grep "^$id" "$WORK/out")" "$id"$'\t'"alias/keys-a"
equal "a dash where there is no alias" "$(grep "^$plain" "$WORK/out")" "$plain"$'\t-'
expect 0 "keys are listed at length" "$k" key list --long
equal "with state and description" "$(grep "^$id" "$WORK/out" | cut -f2,4,5)" "Enabled"$'\t'"alias/keys-a"$'\t'"first key"
expect 0 "keys are listed, JSON" "$k" key list --output json
equal "as objects" "$(json ".Keys[] | select(.KeyId == \"$id\") | .KeyArn + \" \" + .Aliases[0]")" "$arn alias/keys-a"

for name in "$id" "$arn" alias/keys-a "${arn%key/*}alias/keys-a"; do
    expect 0 "describe takes ${name%%[0-9]*}..." "$k" key describe "$name"
    equal "it is the same key" "$(sed -n 's/^Arn: //p' "$WORK/out")" "$arn"
done
prints "describe shows the description" "^Description: first key$"
prints "describe shows aliases" "^Aliases: alias/keys-a$"
prints "describe shows tags" "^Tags.team: red$"
prints "describe shows an empty tag" "^Tags.empty:$"
expect 0 "describe, JSON" "$k" key describe alias/keys-a --output json
equal "tags as an object" "$(json .Tags.team)" red

# --- states, each with an alias where the API takes none
expect 0 "a key is disabled by its alias" "$k" key disable alias/keys-a
equal "nothing is printed" "$(cat "$WORK/out")" ""
equal "it is disabled" "$("$k" key describe "$id" | sed -n 's/^KeyState: //p')" Disabled
expect 8 "encrypting under it fails with the key's state" "$k" encrypt -k alias/keys-a -o "$WORK/x" /etc/hostname
says "the service's words are shown" "DisabledException: $arn is disabled"
expect 0 "it is enabled by the alias's ARN" "$k" key enable "${arn%key/*}alias/keys-a"
expect 0 "and encrypts again" "$k" encrypt -k alias/keys-a -o "$WORK/x" /etc/hostname
expect 0 "its deletion is scheduled" "$k" key delete alias/keys-a --pending-window-days 7
prints "with the date" "^DeletionDate: 20"
prints "and the state" "^KeyState: PendingDeletion$"
expect 8 "a second time it is not" "$k" key delete alias/keys-a
expect 8 "decrypting fails meanwhile" "$k" decrypt "$WORK/x" -o "$WORK/y"
expect 0 "the deletion is cancelled" "$k" key cancel-deletion alias/keys-a --output json
equal "JSON names the key" "$(json .KeyId)" "$arn"
expect 8 "cancelling twice fails" "$k" key cancel-deletion alias/keys-a
expect 0 "it comes back disabled, and is enabled" "$k" key enable alias/keys-a
expect 0 "and decrypts" "$k" decrypt "$WORK/x" -o "$WORK/y"
check "what it did before" cmp "$WORK/y" /etc/hostname
expect 2 "a waiting time of 6 days is refused" "$k" key delete alias/keys-a --pending-window-days 6
expect 2 "and one of 31" "$k" key delete alias/keys-a --pending-window-days 31
expect 2 "and one that is no number" "$k" key delete alias/keys-a --pending-window-days soon

# --- policies
expect 0 "a key with administrators and users" "$k" key create --alias alias/keys-policy --admin "$ann" --user "$ann" --user "$bob"
expect 0 "its policy is printed" "$k" key policy alias/keys-policy
equal "the account keeps it" "$(json '.Statement[0].Principal.AWS')" "arn:aws:iam::$account:root"
equal "four statements" "$(json '[.Statement[].Sid] | join("; ")')" "Enable IAM User Permissions; Allow access for Key Administrators; Allow use of the key; Allow attachment of persistent resources"
equal "one administrator" "$(json '.Statement[1].Principal.AWS')" "$ann"
equal "two users" "$(json '.Statement[2].Principal.AWS | join(" ")')" "$ann $bob"
equal "users may let services use it, and nobody else" "$(json '.Statement[3].Condition.Bool["kms:GrantIsForAWSResource"]')" true
"$k" key policy alias/keys-policy | jq '.Id = "by-hand"' >"$WORK/policy.json"
expect 0 "a key with a policy of one's own" "$k" key create --alias alias/keys-own --policy "$WORK/policy.json"
expect 0 "it has it" "$k" key policy alias/keys-own
equal "as written" "$(json .Id)" by-hand
expect 2 "--policy excludes --admin" "$k" key create --policy "$WORK/policy.json" --admin "$ann"
expect 2 "an administrator is an ARN" "$k" key create --admin ann
expect 6 "a policy file has to be there" "$k" key create --policy "$WORK/none.json"
echo "no json" >"$WORK/bad.json"
expect 1 "a malformed policy is the service's to refuse" "$k" key create --policy "$WORK/bad.json"
says "and it does" MalformedPolicyDocumentException

# --- a name that cannot be an alias makes no key
before=$("$k" key list | wc -l)
for name in alias/keys:x "alias/keys x" alias/keys.x alias/ alias/aws/mine keys "alias/$(printf 'k%.0s' $(seq 251))"; do
    expect 2 "no key is created for the alias '${name:0:20}'" "$k" key create --alias "$name"
done
says "whose length is told" "at most 256 characters"
equal "there are as many keys as before" "$("$k" key list | wc -l)" "$before"
longest=alias/$(printf 'k%.0s' $(seq 250))
expect 0 "an alias of 256 characters is one" "$k" key create --alias "$longest"
"$k" alias delete "$longest"
expect 2 "no alias of such characters is created either" "$k" alias create alias/keys:x alias/keys-a

# --- aliases
expect 0 "an alias is created, for an alias" "$k" alias create alias/keys-c alias/keys-a
expect 9 "twice it is not" "$k" alias create alias/keys-c alias/keys-a
expect 0 "it stands for the same key" "$k" alias list alias/keys-a
equal "both are listed" "$(cut -f1 "$WORK/out" | sort | tr '\n' ' ')" "alias/keys-a alias/keys-c "
equal "with the key's id" "$(cut -f2 "$WORK/out" | sort -u)" "$id"
expect 0 "it is moved to another key" "$k" alias update alias/keys-c alias/keys-b --output json
equal "JSON says to which" "$(json .TargetKeyId)" "$("$k" key describe alias/keys-b | sed -n 's/^Arn: //p')"
expect 0 "all aliases, JSON" "$k" alias list --output json
equal "as objects" "$(json '.Aliases[] | select(.AliasName == "alias/keys-c") | .TargetKeyId')" "$("$k" key describe alias/keys-c | sed -n 's/^KeyId: //p')"
expect 0 "it is deleted" "$k" alias delete alias/keys-c
expect 4 "twice it is not" "$k" alias delete alias/keys-c
expect 4 "nor can it be moved" "$k" alias update alias/keys-c alias/keys-a
expect 4 "an alias needs a key" "$k" alias create alias/keys-d alias/none
expect 2 "an alias is written with alias/" "$k" alias create keys-d "$id"
says "with a hint" "but alias/keys-d"
expect 3 "alias/aws/ is reserved" "$k" alias create alias/aws/mine "$id"

# --- not found
for verb in describe policy enable disable delete cancel-deletion; do
    expect 4 "$verb of an unknown alias" "$k" key $verb alias/none
    expect 4 "$verb of an unknown id" "$k" key $verb 00000000-0000-4000-8000-000000000000
done
expect 4 "aws/none is short for alias/aws/none" "$k" key describe aws/none
says "and is looked for" "alias/aws/none is not found"

# --- more than one page
# (a key has room for 50 aliases)
many=("$("$k" key create)" "$("$k" key create)" "$("$k" key create)")
for i in $(seq 0 104); do
    "$k" alias create "alias/keys-many-$i" "${many[i % 3]}" || fail "alias $i" "not created"
done
equal "more aliases than fit in one page" "$("$k" alias list | grep -c keys-many)" 105
equal "those of one key" "$("$k" alias list "${many[0]}" | grep -c keys-many)" 35
equal "and in the list of keys" "$("$k" key list | tr ',' '\n' | grep -c keys-many)" 105

finish

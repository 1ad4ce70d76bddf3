#!/usr/bin/env bash
# kmsctl policy ... and kmsctl grant ...
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
ann=arn:aws:iam::000000000000:user/ann
key=$("$k" key create --alias alias/policies)

# --- policies
expect 0 "a policy is read by an alias" "$k" policy get alias/policies
cp "$WORK/out" "$WORK/policy.json"
equal "it is the default one" "$(json .Id)" key-default-1
jq ".Statement += [{Sid: \"ann\", Effect: \"Allow\", Principal: {AWS: \"$ann\"}, Action: \"kms:Encrypt\", Resource: \"*\"}]" \
    "$WORK/policy.json" >"$WORK/more.json"
expect 0 "a policy is put from a file" "$k" policy put alias/policies "$WORK/more.json"
equal "nothing is printed" "$(cat "$WORK/out")" ""
expect 0 "and read back" "$k" policy get "$key"
equal "it is the new one" "$(json '.Statement[1].Sid')" ann
expect 0 "a policy is put from standard input, JSON" "$k" --output json policy put "$key" - <"$WORK/more.json"
equal "the key is told" "$(json .KeyId)" "$key"
echo '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}}' \
    >"$WORK/locked.json"
expect 1 "a policy that locks the caller out is refused" "$k" policy put "$key" "$WORK/locked.json"
says "in the service's words" "will not allow you to update the key policy"
head -c 40000 /dev/zero | tr '\0' ' ' >"$WORK/long.json"
expect 2 "a policy that is too long is not sent" "$k" policy put "$key" "$WORK/long.json"
expect 6 "a policy file that is not there" "$k" policy put "$key" "$WORK/nothing.json"
expect 4 "the policy of a key that is not there" "$k" policy get alias/policies-none

# --- editing
cat >"$WORK/editor" <<'EOF'
#!/bin/sh
sed -i 's/"ann"/"anna"/' "$1" && stat -c %a "$1" >"$0.mode"
EOF
printf '#!/bin/sh\ntrue\n' >"$WORK/idle"
printf '#!/bin/sh\nexit 3\n' >"$WORK/failing"
printf '#!/bin/sh\necho "{" >"$1"\n' >"$WORK/breaking"
printf '#!/bin/sh\necho "hours of work" >"$1"\nexit 1\n' >"$WORK/crashing"
printf '#!/bin/sh\nsed -i s/anna/hers/ "$1"\nsed s/anna/his/ "%s" | "%s" policy put "%s" -\n' "$WORK/now.json" "$k" "$key" >"$WORK/racing"
chmod +x "$WORK"/editor "$WORK"/idle "$WORK"/failing "$WORK"/breaking "$WORK"/crashing "$WORK"/racing
unset VISUAL
expect 0 "a policy is edited" env EDITOR="$WORK/editor" "$k" policy edit alias/policies
equal "what the editor wrote is put" "$("$k" policy get "$key" | jq -r '.Statement[1].Sid')" anna
equal "nobody else can read the draft" "$(cat "$WORK/editor.mode")" 600
expect 0 "an editor that changes nothing" env EDITOR="$WORK/idle" "$k" policy edit "$key"
equal "leaves everything as it was" "$("$k" policy get "$key" | jq -r '.Statement[1].Sid')" anna
expect 0 "VISUAL goes before EDITOR" env VISUAL="$WORK/idle" EDITOR="$WORK/failing" "$k" policy edit "$key"
expect 1 "an editor that fails" env EDITOR="$WORK/failing" TMPDIR="$WORK" "$k" policy edit "$key"
equal "leaves nothing behind" "$(ls "$WORK" | grep -c kmsctl-policy-)" 0
expect 1 "an editor that fails with work in it" env EDITOR="$WORK/crashing" TMPDIR="$WORK" "$k" policy edit "$key"
says "has its work kept" "; what was written is in $WORK/kmsctl-policy-"
equal "as it was written, too" "$(cat "$WORK"/kmsctl-policy-*.json)" "hours of work"
rm -f "$WORK"/kmsctl-policy-*.json
expect 5 "what is no policy is not put" env EDITOR="$WORK/breaking" TMPDIR="$WORK" "$k" policy edit "$key"
says "and is kept" "; what was written is in $WORK/kmsctl-policy-"
equal "as it was written" "$(cat "$WORK"/kmsctl-policy-*.json)" "{"
rm -f "$WORK"/kmsctl-policy-*.json
"$k" policy get "$key" >"$WORK/now.json"
expect 1 "a policy that somebody else changed meanwhile" env EDITOR="$WORK/racing" TMPDIR="$WORK" "$k" policy edit "$key"
says "is not overwritten" "changed by somebody else meanwhile"
equal "the other one stays" "$("$k" policy get "$key" | jq -r '.Statement[1].Sid')" his
equal "and the draft" "$(jq -r '.Statement[1].Sid' "$WORK"/kmsctl-policy-*.json)" hers
rm -f "$WORK"/kmsctl-policy-*.json

# --- checking, without a service
lint() {
    env -i "$k" policy lint "$@"
}
expect 0 "a good policy needs no service" lint "$WORK/more.json"
equal "and nothing is to be said" "$(cat "$WORK/out")" ""
expect 0 "one that may not mean what it says" lint "$WORK/locked.json"
equal "is told, by its statement" "$(cat "$WORK/out")" $'1\t-\tit allows everyone, of every account'
expect 0 "the same, JSON" lint --output json "$WORK/locked.json"
equal "as an object" "$(json '.Statements'),$(json '.Hints[0].Statement')" 1,1
echo '{"Statement": [{"Effect": "Allow" "Principal"' >"$WORK/broken.json"
expect 5 "what is no JSON" lint "$WORK/broken.json"
says "is told by its place" "broken.json: line 1, column 45"
expect 5 "what is no policy" lint - <<<'{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
says "is told in the service's words" "Policy contains a statement with no principal."
expect 0 "as an identity policy it is one" lint --kind identity - <<<'{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
expect 5 "a trap" lint - <<<'{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"kms:EncryptionContext:a": "b"}}}}'
says "is refused as the service refuses it" "OverlyPermissiveCondition:EncryptionContext:"
expect 5 "an empty file" lint /dev/null
says "is no policy" "is no policy"
expect 2 "a kind of policy that there is none of" lint --kind resource "$WORK/more.json"

# --- explaining, without a daemon
expect 7 "nobody at the socket" "$k" policy explain --admin-socket "$WORK/none.sock" --principal "$ann" --action kms:Encrypt
equal "is told by its path" "$(cat "$WORK/err")" "kmsctl: no daemon answers at $WORK/none.sock: No such file or directory"

# --- grants
expect 0 "a grant is made" "$k" grant create alias/policies --grantee "$ann" --operation Encrypt --operation Decrypt \
    --retiree 000000000000 --name job --context-subset team=red --context-subset part=1
id=$(sed -n 's/^GrantId: //p' "$WORK/out")
prints "its id is printed" "^GrantId: [0-9a-f]\{64\}$"
prints "and a token" "^GrantToken: [A-Za-z0-9+/=]*$"
expect 0 "the same again" "$k" --output json grant create alias/policies --grantee "$ann" --operation Encrypt --operation Decrypt \
    --retiree 000000000000 --name job --context-subset team=red --context-subset part=1
equal "is the same grant" "$(json .GrantId)" "$id"
expect 0 "a grant to a service, for a source" "$k" --output json grant create "$key" --grantee ledger.example.internal \
    --operation GenerateDataKey --operation DescribeKey --source-arn arn:aws:ledger:::book --context-equals a=b
service=$(json .GrantId)
token=$(json .GrantToken)
expect 0 "grants are listed" "$k" grant list alias/policies
equal "id, name, who, what" "$(grep "^$id" "$WORK/out")" "$id"$'\tjob\t'"$ann"$'\t'"Decrypt,Encrypt"
equal "services too" "$(grep "^$service" "$WORK/out" | cut -f2,3)" $'-\tledger.example.internal'
expect 0 "grants are listed, JSON" "$k" grant list "$key" --output json
equal "with their constraints" \
    "$(json ".Grants[] | select(.GrantId == \"$id\") | .Constraints.EncryptionContextSubset.team + .RetiringPrincipal")" "red000000000000"
equal "of each kind" "$(json ".Grants[] | select(.GrantId == \"$service\") | .Constraints.SourceArn + .Constraints.EncryptionContextEquals.a")" \
    "arn:aws:ledger:::bookb"
expect 0 "grants of one grantee" "$k" grant list "$key" --grantee ledger.example.internal
equal "and no other" "$(cut -f1 "$WORK/out")" "$service"
expect 0 "one grant" "$k" grant list "$key" --grant-id "$id"
equal "by its id" "$(cut -f1 "$WORK/out")" "$id"
expect 0 "grants that somebody may retire" "$k" grant list --retiree 000000000000
equal "over all keys" "$(cut -f1 "$WORK/out")" "$id"
expect 2 "grants of neither" "$k" grant list
expect 2 "grants of both" "$k" grant list "$key" --retiree 000000000000
expect 2 "an operation that no grant can allow" "$k" grant create "$key" --grantee "$ann" --operation PutKeyPolicy
expect 2 "a grant without an operation" "$k" grant create "$key" --grantee "$ann"
expect 0 "a dry run" "$k" grant create "$key" --grantee "$ann" --operation Encrypt --dry-run
expect 0 "revoking, dry" "$k" grant revoke "$key" "$id" --dry-run
equal "nothing has come or gone" "$("$k" grant list "$key" | wc -l)" 2
expect 0 "a grant is retired by its token" "$k" grant retire "$token"
expect 0 "a grant is revoked" "$k" grant revoke alias/policies "$id"
equal "they are gone" "$("$k" grant list "$key")" ""
expect 4 "a grant that is not there" "$k" grant revoke "$key" "$id"
id=$("$k" --output json grant create "$key" --grantee "$ann" --operation Encrypt | jq -r .GrantId)
expect 0 "a grant is retired by key and id" "$k" grant retire "$key" "$id"
finish

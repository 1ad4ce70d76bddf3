#!/usr/bin/env bash
# The AWS CLI (Debian's awscli) against kmsd, in the forms that its own documentation shows.
set -uo pipefail
# Debian 12's CLI predates AWS_ENDPOINT_URL.
cat >"$TMPDIR/aws" <<EOF
#!/bin/sh
exec /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" "\$@"
EOF
chmod +x "$TMPDIR/aws"
aws=$TMPDIR/aws
cd "$TMPDIR" || exit 1
failed=0

check() { # NAME COMMAND...: passes when the command succeeds
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok - $name"
    else
        echo "not ok - $name: $(tr '\n' ' ' <<<"$output")"
        failed=1
    fi
}

refused() { # NAME TEXT COMMAND...: passes when the command fails and says TEXT
    local name=$1 text=$2 output
    shift 2
    if output=$("$@" 2>&1); then
        echo "not ok - $name: succeeded"
        failed=1
    elif grep -qF -- "$text" <<<"$output"; then
        echo "ok - $name"
    else
        echo "not ok - $name: said $(tr '\n' ' ' <<<"$output")"
        failed=1
    fi
}

key=$($aws kms create-key --description "cli" --query KeyMetadata.KeyId --output text)
other=$($aws kms create-key --query KeyMetadata.KeyId --output text)
check "create-key gives a UUID" grep -qE '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' <<<"$key"
check "create-alias" "$aws" kms create-alias --alias-name alias/cli --target-key-id "$key"
check "list-aliases shows it" sh -c "$aws kms list-aliases --query 'Aliases[].AliasName' --output text | grep -qw alias/cli"

printf 'attack at dawn' >plain

encrypt_form() {
    $aws kms encrypt --key-id "$1" --plaintext fileb://plain --output text --query CiphertextBlob |
        base64 --decode >cipher
}
decrypt_form() {
    $aws kms decrypt --ciphertext-blob fileb://cipher --output text --query Plaintext "$@" |
        base64 --decode | cmp - plain
}
re_encrypt_form() {
    $aws kms re-encrypt --destination-key-id "$other" --ciphertext-blob fileb://cipher \
        --output text --query CiphertextBlob | base64 --decode >cipher2 && mv cipher2 cipher
}
data_key_form() {
    $aws kms generate-data-key --key-id "$key" --key-spec AES_256 >data-key.json &&
        [ "$(jq -r .Plaintext data-key.json | base64 --decode | wc -c)" = 32 ] &&
        jq -r .CiphertextBlob data-key.json | base64 --decode >wrapped &&
        [ "$($aws kms decrypt --ciphertext-blob fileb://wrapped --query Plaintext --output text)" = \
            "$(jq -r .Plaintext data-key.json)" ]
}
for id in "$key" "alias/cli" "arn:aws:kms:us-east-1:000000000000:key/$key" \
    "arn:aws:kms:us-east-1:000000000000:alias/cli"; do
    check "encrypt --key-id $id | base64 --decode" encrypt_form "$id"
    check "decrypt --ciphertext-blob fileb://" decrypt_form
done
check "decrypt --key-id" decrypt_form --key-id "$key"
check "re-encrypt --destination-key-id" re_encrypt_form
check "decrypt what was re-encrypted" decrypt_form --key-id "$other"
refused "decrypt with the key it left" "(IncorrectKeyException)" decrypt_form --key-id "$key"
check "generate-data-key --key-spec AES_256, decrypt gives it back" data_key_form

with_context() {
    $aws kms encrypt --key-id alias/cli --plaintext fileb://plain --encryption-context a=1,b=2 \
        --output text --query CiphertextBlob | base64 --decode >cipher
}
check "encrypt with an encryption context" with_context
check "decrypt with the pairs in another order" decrypt_form --encryption-context b=2,a=1
refused "decrypt without the context" "(InvalidCiphertextException)" decrypt_form
refused "decrypt with another context" "(InvalidCiphertextException)" decrypt_form --encryption-context a=1,b=3

head -c 4096 /dev/urandom >plain
check "encrypt 4096 bytes" encrypt_form "$key"
check "decrypt 4096 bytes" decrypt_form
head -c 4097 /dev/zero >plain
refused "encrypt 4097 bytes" "Member must have length less than or equal to 4096" \
    "$aws" kms encrypt --key-id "$key" --plaintext fileb://plain

check "disable-key" "$aws" kms disable-key --key-id "$key"
printf x >plain
refused "encrypt under a disabled key" "(DisabledException)" \
    "$aws" kms encrypt --key-id "$key" --plaintext fileb://plain
check "enable-key" "$aws" kms enable-key --key-id "$key"
check "schedule-key-deletion" "$aws" kms schedule-key-deletion --key-id "$key" --pending-window-in-days 7
refused "encrypt under a key pending deletion" "(KMSInvalidStateException)" \
    "$aws" kms encrypt --key-id "$key" --plaintext fileb://plain
check "cancel-key-deletion" "$aws" kms cancel-key-deletion --key-id "$key"
check "the key is disabled then" sh -c \
    "[ \$($aws kms describe-key --key-id $key --query KeyMetadata.KeyState --output text) = Disabled ]"
check "list-keys pages with --page-size" sh -c \
    "[ \$($aws kms list-keys --page-size 1 --query 'Keys[].KeyId' --output text | wc -w) -ge 2 ]"
check "tag-resource" "$aws" kms tag-resource --key-id "$key" --tags TagKey=team,TagValue=ops
check "list-resource-tags" sh -c \
    "$aws kms list-resource-tags --key-id $key --query 'Tags[0].TagValue' --output text | grep -qx ops"
check "get-key-policy" sh -c \
    "$aws kms get-key-policy --key-id $key --policy-name default --query Policy --output text | jq -e .Statement[0].Sid"
check "generate-random" sh -c \
    "[ \$($aws kms generate-random --number-of-bytes 32 --query Plaintext --output text | base64 --decode | wc -c) = 32 ]"
refused "a wrong secret" "(InvalidSignatureException)" \
    env AWS_SECRET_ACCESS_KEY=wrong "$aws" kms list-keys
refused "an unknown access key" "(UnrecognizedClientException)" \
    env AWS_ACCESS_KEY_ID=AKIAUNKNOWNUNKNOWN12 "$aws" kms list-keys
refused "an unknown key" "(NotFoundException)" \
    "$aws" kms describe-key --key-id 00000000-0000-0000-0000-000000000000
refused "no unsigned request" "MissingAuthenticationToken" \
    "$aws" kms list-keys --no-sign-request
exit $failed

#!/usr/bin/env bash
# kmsctl's command line: help, usage, configuration, credentials, terminals, exit codes.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
"$k" key create --alias alias/cli >/dev/null
cd "$WORK" || exit 1
echo hello >plain

# --- help and version
expect 0 "--version" "$k" --version
prints "names program and version" "^kmsctl [0-9]"
expect 0 "--help" "$k" --help
for verb in "key create" "key list" "key describe" "key enable" "key disable" "key delete" "key cancel-deletion" \
    "alias create" "alias update" "alias delete" "alias list" encrypt decrypt re-encrypt inspect random data-key; do
    check "--help lists $verb" grep -q "^  $verb" "$WORK/out"
    check "$verb --help" "$k" $verb --help
done
check "a long line of --help is two" grep -qx "  grant retire TOKEN | KEY GRANT-ID" "$WORK/out"
expect 0 "key --help" "$k" key --help
prints "lists its verbs" "^  key create"

# --- usage: exit code 2, nothing done, a hint where help is
for line in "" bogus key "key bogus" "key list x" "encrypt --bogus" "encrypt -k" "decrypt a b" "--bogus key list" \
    "key list --output xml" "key list --protocol soap" "key describe" "random" "alias create alias/x"; do
    expect 2 "usage: kmsctl $line" "$k" $line
done
expect 2 "an unknown option" "$k" encrypt --kye alias/cli plain -o x
says "leads to help" "'kmsctl encrypt --help'"
expect 2 "--output with a file's name" "$k" encrypt -k alias/cli plain --output x
says "leads to -o" "named by -o"
expect 2 "a context without =" "$k" encrypt -k alias/cli -c purpose plain -o x
expect 2 "a reserved context key" "$k" encrypt -k alias/cli -c aws-crypto-public-key=x plain -o x
absent "nothing was written" x

# --- where the service is, and who asks
expect 0 "--endpoint-url, --region" env -u AWS_ENDPOINT_URL -u AWS_REGION -u AWS_DEFAULT_REGION \
    "$k" --endpoint-url "$AWS_ENDPOINT_URL" --region us-east-1 key describe alias/cli
expect 4 "another region has other keys" "$k" --region eu-central-1 key describe alias/cli
expect 2 "no region" env -u AWS_REGION -u AWS_DEFAULT_REGION "$k" key list
expect 2 "a malformed endpoint" "$k" --endpoint-url nonsense key list
expect 7 "nobody listens" "$k" --endpoint-url http://127.0.0.1:1 key list
expect 7 "encrypting, nobody listens" "$k" --endpoint-url http://127.0.0.1:1 encrypt -k alias/cli plain -o x
says "and where, and why" "127.0.0.1:1\b.*refused\|127.0.0.1 port 1\b"
absent "nothing was written" x
"$k" encrypt -k alias/cli plain -o cli.kms
expect 7 "decrypting, nobody listens" "$k" --endpoint-url http://127.0.0.1:1 decrypt cli.kms -o x
says "and where, and why" "127.0.0.1:1\b.*refused\|127.0.0.1 port 1\b"
absent "nothing was written" x
expect 3 "a wrong secret" env AWS_SECRET_ACCESS_KEY=wrong "$k" key list
says "in the service's words" InvalidSignatureException
expect 3 "a wrong secret, encrypting" env AWS_SECRET_ACCESS_KEY=wrong "$k" encrypt -k alias/cli plain -o x
expect 3 "an unknown access key" env AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE "$k" key list
says "in the service's words" UnrecognizedClientException
expect 3 "no credentials" env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY "$k" key list
cat >config <<END
[profile here]
region = us-east-1
endpoint_url = $AWS_ENDPOINT_URL
aws_access_key_id = test
aws_secret_access_key = test
END
expect 0 "--profile" env -u AWS_ENDPOINT_URL -u AWS_REGION -u AWS_DEFAULT_REGION -u AWS_ACCESS_KEY_ID \
    -u AWS_SECRET_ACCESS_KEY AWS_CONFIG_FILE="$WORK/config" "$k" key describe alias/cli --profile here
expect 2 "an unknown profile" env AWS_CONFIG_FILE="$WORK/config" "$k" --profile there key list
for protocol in cbor json; do
    expect 0 "--protocol $protocol" "$k" --protocol $protocol key describe alias/cli
    prints "gives the same" "^Aliases: alias/cli$"
    expect 4 "errors by $protocol" "$k" --protocol $protocol key describe alias/none
    says "with code and message" "NotFoundException: Alias .*alias/none is not found"
done

# --- text that could drive a terminal is shown, not obeyed
"$k" key create --alias alias/cli-odd --description "$(printf 'a\033[31mb\nc')" >/dev/null
expect 0 "control characters in a description" "$k" key describe alias/cli-odd
prints "are made visible" '^Description: a\\x1b\[31mb\\nc$'

# --- terminals, by script(1), which gives the command one
on_terminal() { script -qec "$1" /dev/null </dev/null; }
if command -v script >/dev/null; then
    mkfifo fifo
    slowly() { # also ends if nobody reads
        timeout 30 sh -c '(head -c 500000 /dev/zero; sleep 1; head -c 500000 /dev/zero; sleep 0.3) >fifo' &
    }
    slowly
    on_terminal "'$k' encrypt -k alias/cli fifo -o shown" >shown.log
    wait
    check "a terminal sees progress" grep -q "KiB/s" shown.log
    slowly
    on_terminal "'$k' encrypt -k alias/cli fifo -o shown --force --no-progress" >quiet.log
    wait
    equal "not with --no-progress" "$(cat quiet.log)" ""
    slowly
    on_terminal "'$k' --quiet encrypt -k alias/cli fifo -o shown --force" >quiet.log
    wait
    equal "nor with --quiet" "$(cat quiet.log)" ""
    slowly
    "$k" encrypt -k alias/cli fifo -o piped 2>quiet.log
    wait
    equal "nor does a log file" "$(cat quiet.log)" ""
    on_terminal "echo hello | '$k' encrypt -k alias/cli" >refused.log
    check "ciphertext is not written to a terminal" grep -q "ciphertext is not written to a terminal" refused.log
    on_terminal "'$k' random 16 --raw" >refused.log
    check "nor are raw bytes" grep -q "not written to a terminal" refused.log
    on_terminal "'$k' data-key -k alias/cli --plaintext-out - --ciphertext-out dk" >refused.log
    check "nor plaintext keys" grep -q "not written to a terminal" refused.log
    absent "and nothing is made" dk
    "$k" encrypt -k alias/cli plain -o message
    check "plaintext is, when asked for" sh -c "script -qec \"'$k' decrypt -o - message\" /dev/null </dev/null | grep -q '^hello'"
else
    skip "terminals" "there is no script(1)"
fi

# --- secrets stay out of what others can see
expect 0 "a plaintext key goes where it is told" "$k" data-key -k alias/cli --plaintext-out dk.plain --ciphertext-out dk.blob
if grep -qF "$(base64 <dk.plain)" "$WORK/out" "$WORK/err"; then fail "and nowhere else" "it was printed"; else pass "and nowhere else"; fi

finish

#!/usr/bin/env bash
# The Encryption SDK's own command line (PyPI's aws-encryption-sdk-cli, installed here unless ESDK_CLI
# names one) and kmsctl read each other's messages, with kmsd behind both.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
if [ -z "${ESDK_CLI:-}" ]; then
    # apart from the other Python packages: it wants an older version of the SDK
    if ! { /usr/bin/python3 -m venv "$WORK/venv" && "$WORK/venv/bin/pip" install --quiet aws-encryption-sdk-cli==4.3.0; } >"$WORK/pip.log" 2>&1; then
        skip "esdk_cli" "aws-encryption-sdk-cli does not install: $(tail -n 1 "$WORK/pip.log")"
        finish
        exit
    fi
    ESDK_CLI=$WORK/venv/bin/aws-encryption-cli
fi
a=$("$k" key create)
b=$("$k" key create)
cd "$WORK" || exit 1
cli() { # the commitment policy is the strictest one by default
    "$ESDK_CLI" --suppress-metadata --no-overwrite "$@"
}

for size in 0 1 4096 262144 300001; do
    head -c $size /dev/urandom >plain
    rm -f sealed opened
    for sign in "" --sign; do
        # shellcheck disable=SC2086
        "$k" encrypt $sign -k "$a" -k "$b" -c purpose=backup plain -o sealed
        check "$size bytes of kmsctl ${sign:-without signature} are decrypted" cli --decrypt --input sealed --output opened \
            --wrapping-keys key="$b" --encryption-context purpose=backup
        check "to the same" cmp plain opened
        rm -f sealed opened
    done
    for suite in AES_256_GCM_HKDF_SHA512_COMMIT_KEY AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384; do
        check "$size bytes are encrypted, $suite" cli --encrypt --input plain --output sealed --algorithm $suite \
            --frame-length 4096 --wrapping-keys key="$a" key="$b" --encryption-context purpose=backup
        expect 0 "and kmsctl decrypts them" "$k" decrypt -k "$b" -c purpose=backup sealed -o opened
        check "to the same" cmp plain opened
        rm -f sealed opened
    done
done
finish

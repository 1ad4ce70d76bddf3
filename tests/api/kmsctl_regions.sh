#!/usr/bin/env bash
# kmsctl with keys in several regions: a backup opens with a key in any of them, wherever kmsctl works.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
east=$("$k" key create --region us-east-1 --alias alias/region-east)
west=$("$k" key create --region eu-west-1 --alias alias/region-west)
cd "$WORK" || exit 1
head -c 300000 /dev/urandom >plain
opens() { "$k" decrypt "$@" -o - | cmp - plain; }

expect 0 "encrypting under keys in two regions" "$k" encrypt --region us-east-1 -k alias/region-east -k "$west" plain -o both
for region in us-east-1 eu-west-1 sa-east-1; do
    check "opens in $region" opens --region $region both
    check "also with the one key" opens --region $region -k "$east" both
    check "and with the other" opens --region $region -k "$west" both
done
check "an alias is known in its region" opens --region eu-west-1 -k alias/region-west both
check "or by its ARN" opens --region us-east-1 -k "${west%key/*}alias/region-west" both
"$k" key disable --region us-east-1 "$east" >/dev/null
check "without the first key the second one opens it" opens --region us-east-1 both
"$k" key disable --region eu-west-1 "$west" >/dev/null
"$k" decrypt --region us-east-1 both -o none >"$WORK/out" 2>"$WORK/err"
equal "without both of them nothing does" $? 8
"$k" key enable --region us-east-1 "$east" >/dev/null
"$k" key enable --region eu-west-1 "$west" >/dev/null

expect 0 "re-encrypting under a key elsewhere" "$k" re-encrypt --region sa-east-1 -k "$west" both
equal "is done with it" "$("$k" inspect both | grep -o 'arn:aws:kms:[a-z0-9-]*')" arn:aws:kms:eu-west-1
check "and opens" opens --region us-east-1 both

expect 0 "key slots for two regions" "$k" encrypt --region us-east-1 --key-slots -k "$east" -k "$west" plain -o slots
"$k" key disable --region us-east-1 "$east" >/dev/null
check "open with what is left" opens --region us-east-1 slots
"$k" key enable --region us-east-1 "$east" >/dev/null
alias_west=${west%key/*}alias/region-west
expect 0 "a slot is replaced by one elsewhere" "$k" key-slot replace --region us-east-1 --old-key "$east" -k "$alias_west" slots
equal "of the key that the alias has there" "$("$k" key-slot list slots | cut -f 3 | xargs)" "$west"

expect 5 "a region that there cannot be has no key" "$k" decrypt --region us-east-1 -k "arn:aws:kms:a/b:${west#arn:aws:kms:eu-west-1:}" both -o none

# --- multi-Region keys
mrk=$(aws kms create-key --region us-east-1 --multi-region --query KeyMetadata.KeyId --output text)
aws kms replicate-key --region us-east-1 --key-id "$mrk" --replica-region eu-west-1 >/dev/null
expect 0 "encrypting under a multi-Region key" "$k" encrypt --region us-east-1 -k "$mrk" plain -o replicated
"$k" key disable --region us-east-1 "$mrk" >/dev/null
check "opens with its replica" opens --region eu-west-1 replicated
check "that may be named" opens --region us-east-1 -k "arn:aws:kms:eu-west-1:000000000000:key/$mrk" replicated
"$k" decrypt --region us-east-1 replicated -o none >"$WORK/out" 2>"$WORK/err"
equal "but not without one" $? 8
"$k" key enable --region us-east-1 "$mrk" >/dev/null
check "where there is no replica, the key that is named opens it" opens --region sa-east-1 replicated

finish

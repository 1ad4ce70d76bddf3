#!/usr/bin/env bash
# The AWS CLI (Debian's awscli) administers identities: what somebody new to kmsd would do first, as AWS's own
# documentation shows it, and then what shall not work.
set -u
. "$(dirname "$0")/../support/checks.sh"
aws() { /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" --output json "$@"; } # Debian 12's predates AWS_ENDPOINT_URL
get() { # FILTER COMMAND...: of what the command prints
    local filter=$1
    shift
    aws "$@" 2>"$WORK/err" | jq -er "$filter"
}
as() { # ID SECRET TOKEN COMMAND...
    local id=$1 secret=$2 token=$3
    shift 3
    env AWS_ACCESS_KEY_ID="$id" AWS_SECRET_ACCESS_KEY="$secret" AWS_SESSION_TOKEN="$token" \
        /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" --output json "$@"
}
refused() { # NAME CODE COMMAND...
    local name=$1 code=$2
    shift 2
    if "$@" >"$WORK/out" 2>"$WORK/err"; then fail "$name" "succeeded"; else says "$name" "($code)"; fi
}
cd "$WORK" || exit 1

account=$(get .Account sts get-caller-identity)
cat >policy.json <<EOF
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*"}]}
EOF
cat >trust.json <<EOF
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:user/alice"}, "Action": "sts:AssumeRole"}]}
EOF
equal "create-user" "$(get .User.Arn iam create-user --user-name alice --tags Key=team,Value=blue)" "arn:aws:iam::$account:user/alice"
aws iam create-access-key --user-name alice >key.json
id=$(jq -r .AccessKey.AccessKeyId key.json) secret=$(jq -r .AccessKey.SecretAccessKey key.json)
key=$(get .KeyMetadata.KeyId kms create-key --description "the first one")
equal "the key works" "$(as "$id" "$secret" "" sts get-caller-identity | jq -r .Arn)" "arn:aws:iam::$account:user/alice"
refused "but may nothing yet" AccessDeniedException as "$id" "$secret" "" kms encrypt --key-id "$key" --plaintext aGVsbG8=
policy=$(get .Policy.Arn iam create-policy --policy-name use-keys --policy-document file://policy.json)
check "attach-user-policy" aws iam attach-user-policy --user-name alice --policy-arn "$policy"
blob=$(as "$id" "$secret" "" kms encrypt --key-id "$key" --plaintext aGVsbG8= | jq -r .CiphertextBlob)
equal "it is used" "$(as "$id" "$secret" "" kms decrypt --ciphertext-blob "$blob" | jq -r .Plaintext)" "aGVsbG8="
equal "simulate-principal-policy" "$(get '.EvaluationResults | map(.EvalDecision) | join(" ")' iam simulate-principal-policy \
    --policy-source-arn "arn:aws:iam::$account:user/alice" --action-names kms:Encrypt kms:CreateKey)" "allowed implicitDeny"
equal "simulate-custom-policy" "$(get '.EvaluationResults[0].EvalDecision' iam simulate-custom-policy \
    --policy-input-list "$(jq -n --rawfile p policy.json '[$p]')" --action-names kms:Decrypt)" allowed
equal "create-role" "$(get .Role.Arn iam create-role --role-name backup --assume-role-policy-document file://trust.json)" \
    "arn:aws:iam::$account:role/backup"
check "put-role-policy" aws iam put-role-policy --role-name backup --policy-name use --policy-document file://policy.json
as "$id" "$secret" "" sts assume-role --role-arn "arn:aws:iam::$account:role/backup" --role-session-name nightly >session.json
sid=$(jq -r .Credentials.AccessKeyId session.json) ssecret=$(jq -r .Credentials.SecretAccessKey session.json)
token=$(jq -r .Credentials.SessionToken session.json)
equal "assume-role" "$(as "$sid" "$ssecret" "$token" sts get-caller-identity | jq -r .Arn)" \
    "arn:aws:sts::$account:assumed-role/backup/nightly"
equal "and the session uses keys" "$(as "$sid" "$ssecret" "$token" kms decrypt --ciphertext-blob "$blob" | jq -r .Plaintext)" "aGVsbG8="
equal "list-users" "$(get '.Users | map(.UserName) | join(" ")' iam list-users)" alice
equal "list-attached-user-policies" "$(get '.AttachedPolicies[0].PolicyName' iam list-attached-user-policies --user-name alice)" use-keys
equal "get-policy-version" "$(get '.PolicyVersion.Document.Statement[0].Effect' iam get-policy-version --policy-arn "$policy" --version-id v1)" Allow
check "create-open-id-connect-provider" aws iam create-open-id-connect-provider --url https://issuer.example --client-id-list kms \
    --thumbprint-list 0123456789012345678901234567890123456789

# --- nobody raises himself
for words in "iam attach-user-policy --user-name alice --policy-arn arn:aws:iam::aws:policy/AdministratorAccess" \
    "iam put-user-policy --user-name alice --policy-name all --policy-document file://policy.json" \
    "iam create-policy-version --policy-arn $policy --policy-document file://policy.json --set-as-default" \
    "iam create-access-key --user-name alice" \
    "iam create-access-key" \
    "iam update-assume-role-policy --role-name backup --policy-document file://trust.json" \
    "iam put-role-policy --role-name backup --policy-name all --policy-document file://policy.json" \
    "iam delete-user-permissions-boundary --user-name alice" \
    "iam create-user --user-name eve" \
    "iam create-open-id-connect-provider --url https://evil.example --client-id-list kms --thumbprint-list 0123456789012345678901234567890123456789"; do
    refused "a user may not: ${words%% --*}" AccessDenied as "$id" "$secret" "" $words
    refused "nor a session: ${words%% --*}" AccessDenied as "$sid" "$ssecret" "$token" $words
done
refused "a session without its token" UnrecognizedClientException as "$sid" "$ssecret" "" kms list-keys
refused "with another's secret" InvalidSignatureException as "$sid" "$secret" "$token" kms list-keys
refused "a user's key with a token" UnrecognizedClientException as "$id" "$secret" "$token" kms list-keys

check "update-access-key" aws iam update-access-key --user-name alice --access-key-id "$id" --status Inactive
refused "an inactive key" UnrecognizedClientException as "$id" "$secret" "" kms list-keys
refused "and the sessions made with it" UnrecognizedClientException as "$sid" "$ssecret" "$token" kms list-keys
check "delete-access-key" aws iam delete-access-key --user-name alice --access-key-id "$id"
check "detach-user-policy" aws iam detach-user-policy --user-name alice --policy-arn "$policy"
check "delete-user" aws iam delete-user --user-name alice
check "delete-policy" aws iam delete-policy --policy-arn "$policy"
check "delete-role-policy" aws iam delete-role-policy --role-name backup --policy-name use
check "delete-role" aws iam delete-role --role-name backup
finish

#!/usr/bin/env bash
# kmsctl iam ... and kmsctl sts ...: identities made, used and taken away.
set -u
. "$(dirname "$0")/../support/checks.sh"
k=$KMSCTL
account=000000000000
user=arn:aws:iam::$account:user
read_only=arn:aws:iam::aws:policy/ReadOnlyAccess
power=arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser

policy() { # ACTION
    printf '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "%s", "Resource": "*"}]}' "$1"
}
as() { # FILE COMMAND...: with the access key that 'iam access-key create' printed there
    local id secret
    id=$(sed -n 's/^AccessKeyId: //p' "$1") secret=$(sed -n 's/^SecretAccessKey: //p' "$1")
    shift
    env AWS_ACCESS_KEY_ID="$id" AWS_SECRET_ACCESS_KEY="$secret" "$@"
}

# --- users and access keys
expect 0 "a user is made" "$k" iam user create ann --path /ops/ --tag team=blue --boundary "$power"
equal "its ARN is printed" "$(cat "$WORK/out")" "$user/ops/ann"
expect 9 "not twice" "$k" iam user create ANN
says "in the service's words" "EntityAlreadyExists: User with name ANN already exists"
expect 0 "it is described" "$k" iam user describe ann
prints "with its tags" '^Tags.1.Value: blue$'
prints "and boundary" "^PermissionsBoundary.PermissionsBoundaryArn: $power$"
expect 4 "one that is not there is not" "$k" iam user describe bob
expect 0 "users are listed" "$k" iam user list
prints "name, id, ARN" "^ann	AIDA[A-Z0-9]*	$user/ops/ann$"
expect 0 "an access key is made" "$k" iam access-key create ann
cp "$WORK/out" "$WORK/ann"
id=$(sed -n 's/^AccessKeyId: //p' "$WORK/ann")
expect 0 "it works" as "$WORK/ann" "$k" whoami
prints "as the user" "^Arn: $user/ops/ann$"
expect 3 "who may nothing yet" as "$WORK/ann" "$k" key list
expect 0 "a policy is attached" "$k" iam user attach ann "$power"
expect 0 "which counts at once" as "$WORK/ann" "$k" key list
expect 0 "attached policies are listed" "$k" iam user attached ann
equal "name and ARN" "$(cat "$WORK/out")" "$(printf 'AWSKeyManagementServicePowerUser\t%s' "$power")"
expect 0 "it is detached" "$k" iam user detach ann "$power"
expect 3 "and counts no more" as "$WORK/ann" "$k" key list
expect 4 "what is not attached is not detached" "$k" iam user detach ann "$power"
policy 'kms:List*' >"$WORK/list.json"
expect 0 "an inline policy is put" "$k" iam user put-policy ann own "$WORK/list.json"
expect 0 "from standard input too" "$k" iam user put-policy ann more - <"$WORK/list.json"
expect 0 "inline policies are listed" "$k" iam user list-policies ann
equal "by name" "$(sort "$WORK/out" | xargs)" "more own"
expect 0 "one is read" "$k" iam user get-policy ann own
equal "as it was put" "$(cat "$WORK/out")" "$(cat "$WORK/list.json")"
expect 0 "it counts" as "$WORK/ann" "$k" key list
expect 0 "a key is disabled" "$k" iam access-key disable ann "$id"
expect 3 "at once" as "$WORK/ann" "$k" key list
expect 0 "keys are listed" "$k" iam access-key list ann
prints "with their state" "^$id	Inactive	"
expect 0 "and enabled again" "$k" iam access-key enable ann "$id"
expect 0 "when it was used" "$k" iam access-key last-used "$id"
prints "is known" '^AccessKeyLastUsed.LastUsedDate: 20'
expect 3 "a user may not help itself to a policy" as "$WORK/ann" "$k" iam user attach ann "$power"
expect 0 "a boundary is taken away" "$k" iam user delete-boundary ann
expect 0 "and set" "$k" iam user set-boundary ann "$read_only"
expect 0 "JSON has what the API says" "$k" --output json iam user list
equal "all of it" "$(json '.Users[0].UserName')" ann

# --- pages
for number in $(seq 105); do printf 'u%03d\n' "$number"; done >"$WORK/names"
for name in $(cat "$WORK/names"); do "$k" iam user create "$name" --path /many/ >/dev/null || break; done
expect 0 "a list longer than a page" "$k" iam user list
equal "is whole" "$(cut -f1 "$WORK/out" | grep -c '^u')" 105
for name in $(cat "$WORK/names"); do "$k" iam user delete "$name" || break; done

# --- groups
expect 0 "a group is made" "$k" iam group create staff
expect 0 "a member is added" "$k" iam group add staff ann
expect 0 "members are listed" "$k" iam group members staff
prints "as users are" "^ann	AIDA"
expect 0 "and a user's groups" "$k" iam user list-groups ann
prints "as they are" "^staff	arn:aws:iam::$account:group/staff$"
expect 1 "a group with members stays" "$k" iam group delete staff
says "for a reason" "DeleteConflict"
expect 0 "a member is removed" "$k" iam group remove staff ann
expect 0 "the group is deleted" "$k" iam group delete staff

# --- policies
expect 0 "a policy is made" "$k" iam policy create p "$WORK/list.json" --description d
arn=$(cat "$WORK/out")
equal "its ARN is printed" "$arn" "arn:aws:iam::$account:policy/p"
policy kms:Encrypt >"$WORK/encrypt.json"
expect 0 "a new version is put" "$k" iam policy put "$arn" "$WORK/encrypt.json"
prints "and is the one that counts" '^IsDefaultVersion: true$'
expect 0 "it is read" "$k" iam policy get "$arn"
equal "by default" "$(cat "$WORK/out")" "$(cat "$WORK/encrypt.json")"
expect 0 "the first is read" "$k" iam policy get "$arn" v1
equal "by its name" "$(cat "$WORK/out")" "$(cat "$WORK/list.json")"
expect 0 "versions are listed" "$k" iam policy versions "$arn"
prints "and which counts" '^v2	true	'
expect 0 "the first counts again" "$k" iam policy set-default "$arn" v1
expect 0 "the second is deleted" "$k" iam policy delete-version "$arn" v2
expect 0 "who has it" "$k" iam policy entities "$arn"
expect 0 "policies are listed" "$k" iam policy list
prints "AWS's too" "^ReadOnlyAccess	$read_only	v1	0$"
expect 0 "it is deleted" "$k" iam policy delete "$arn"
printf '{"Version": "2012-10-17"}' >"$WORK/bad.json"
expect 1 "what is no policy" "$k" iam policy create q "$WORK/bad.json"
says "is refused" "MalformedPolicyDocument"

# --- roles
printf '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "%s"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "x7"}}}]}' \
    "$user/ops/ann" >"$WORK/trust.json"
expect 2 "a role that nobody may assume" "$k" iam role create app
expect 0 "a role is made" "$k" iam role create app --trust "$WORK/trust.json" --tag project=p
role=$(cat "$WORK/out")
equal "its ARN is printed" "$role" "arn:aws:iam::$account:role/app"
expect 0 "its trust policy is read" "$k" iam role get-trust app
equal "as it was put" "$(cat "$WORK/out")" "$(cat "$WORK/trust.json")"
expect 0 "a role gets a policy" "$k" iam role put-policy app use "$WORK/list.json"
expect 3 "it is assumed by none but those with the id" as "$WORK/ann" "$k" sts assume-role "$role"
expect 0 "it is assumed" as "$WORK/ann" "$k" sts assume-role "$role" --external-id x7 --session-name tuesday --duration 900
cp "$WORK/out" "$WORK/session"
expect 0 "the session works" bash -c '. "$1"; "$2" whoami' _ "$WORK/session" "$k"
prints "as what it is" "^Arn: arn:aws:sts::$account:assumed-role/app/tuesday$"
expect 0 "and may what the role may" bash -c '. "$1"; "$2" key list' _ "$WORK/session" "$k"
expect 3 "and no more" bash -c '. "$1"; "$2" key create' _ "$WORK/session" "$k"
expect 0 "a session policy narrows" as "$WORK/ann" "$k" sts assume-role "$role" --external-id x7 --policy "$WORK/encrypt.json"
cp "$WORK/out" "$WORK/session"
expect 3 "to what both allow" bash -c '. "$1"; "$2" key list' _ "$WORK/session" "$k"
expect 0 "in JSON it is for credential_process" as "$WORK/ann" "$k" --output json sts assume-role "$role" --external-id x7
equal "of version 1" "$(json '.Version')" 1
prints "with the hour of its end" '"Expiration": "20'
expect 2 "a duration that can't be" "$k" sts assume-role "$role" --duration 60
expect 3 "root assumes no role" "$k" sts assume-role "$role"
expect 0 "trust is changed" "$k" iam role set-trust app "$WORK/trust.json"
expect 0 "the policy goes" "$k" iam role delete-policy app use
expect 0 "the role goes" "$k" iam role delete app

# --- keys name these identities
expect 0 "a key names an administrator" "$k" key create --admin "$user/ops/ann" --user "$user/ops/ann"
key=$(cat "$WORK/out")
expect 0 "who may use it then" as "$WORK/ann" "$k" encrypt --direct -k "$key" -o "$WORK/blob" "$WORK/bad.json"

# --- the command line
expect 2 "an action that is none" "$k" iam user rename ann
says "and where they are" "see 'kmsctl iam user --help'"
expect 2 "too few arguments" "$k" iam user attach ann
expect 2 "too many" "$k" iam user list ann
expect 2 "an option of another action" "$k" iam user delete ann --path /x/
expect 2 "a file that is empty" "$k" iam user put-policy ann p /dev/null
expect 6 "a file that is not there" "$k" iam user put-policy ann p "$WORK/nothing"
expect 0 "help has the actions" "$k" iam user --help
prints "of its noun" 'put-policy NAME POLICY FILE'
expect 3 "no login without a provider" "$k" login --web-identity "$WORK/trust.json" --role "$role"

for name in own more; do "$k" iam user delete-policy ann "$name"; done
expect 0 "a key is deleted" "$k" iam access-key delete ann "$id"
expect 0 "the user goes" "$k" iam user delete ann
finish

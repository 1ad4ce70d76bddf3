"""Identities through boto3: what IAM answers, and that changes take effect at once."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon, init_data_dir, kmsd  # noqa: E402
from tap import check, finish  # noqa: E402

OTHER = "444455556666"


def connect(url, service, credentials):
    return boto3.client(service, endpoint_url=url, region_name=REGION,
                        aws_access_key_id=credentials["AccessKeyId"],
                        aws_secret_access_key=credentials["SecretAccessKey"],
                        aws_session_token=credentials.get("SessionToken"),
                        config=Config(retries={"max_attempts": 1, "mode": "standard"}))


def ensure(name, holds):
    with check(name):
        assert holds


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "OK"


def text_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Message"]
    return ""


def raw(url, key, action, **form):
    """The code of a request that may have parameters which boto3 would not send."""
    body = urllib.parse.urlencode({"Action": action, "Version": "2010-05-08", **form}).encode()
    request = AWSRequest("POST", url + "/", data=body,
                         headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "iam", REGION).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(url + "/", data=body, headers=dict(request.headers))):
            return "OK"
    except urllib.error.HTTPError as error:
        return re.search("<Code>(.*?)</Code>", error.read().decode()).group(1)


def allow(action, resource="*", **more):
    return json.dumps({"Version": "2012-10-17",
                       "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]})


def trust(principal, action="sts:AssumeRole", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": action, **more}]})


def admin(directory, *words):
    done = subprocess.run([kmsd(), "admin", "--data-dir", directory, *words], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else done.stderr


def users_and_keys(url, root):
    iam = connect(url, "iam", root)
    made = iam.create_user(UserName="alice", Path="/dev/", Tags=[{"Key": "team", "Value": "<blue> & \"x\""}])["User"]
    ensure("CreateUser", made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/dev/alice" and made["UserId"].startswith("AIDA"))
    ensure("GetUser gives it back, tags and all",
          iam.get_user(UserName="ALICE")["User"]["Tags"] == [{"Key": "team", "Value": "<blue> & \"x\""}])
    ensure("a name is taken whatever its case", code_of(iam.create_user, UserName="Alice") == "EntityAlreadyExists")
    ensure("a bad name", code_of(iam.create_user, UserName="a/b") == "ValidationError")
    ensure("no such user", text_of(iam.get_user, UserName="bob") == "The user with name bob cannot be found.")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    ensure("the secret is not listed",
          all("SecretAccessKey" not in entry for entry in iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]))
    iam.create_access_key(UserName="alice")
    ensure("no third access key", code_of(iam.create_access_key, UserName="alice") == "LimitExceeded")
    ensure("whoami", connect(url, "sts", key).get_caller_identity()["Arn"] == made["Arn"])
    ensure("a user may nothing by itself", code_of(connect(url, "kms", key).create_key) == "AccessDeniedException")
    ensure("nor in IAM", code_of(connect(url, "iam", key).list_users) == "AccessDenied")
    iam.attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser")
    ensure("what is attached counts at once", code_of(connect(url, "kms", key).create_key) == "OK")
    iam.detach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser")
    ensure("and no more when detached", code_of(connect(url, "kms", key).create_key) == "AccessDeniedException")
    iam.put_user_policy(UserName="alice", PolicyName="own", PolicyDocument=allow("kms:*"))
    ensure("an inline policy counts", code_of(connect(url, "kms", key).list_keys) == "OK")
    ensure("and is given back as it was put", iam.get_user_policy(UserName="alice", PolicyName="own")["PolicyDocument"]
          == json.loads(allow("kms:*")))
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    ensure("a boundary bounds", (code_of(connect(url, "kms", key).list_keys),
                                code_of(connect(url, "kms", key).create_key)) == ("OK", "AccessDeniedException"))
    iam.delete_user_permissions_boundary(UserName="alice")
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    ensure("an inactive key is refused at once",
          code_of(connect(url, "kms", key).list_keys) == "UnrecognizedClientException")
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Active")
    iam.update_user(UserName="alice", NewUserName="alicia", NewPath="/ops/")
    ensure("a renamed user keeps its keys",
          connect(url, "sts", key).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ops/alicia")
    ensure("a user with keys stays", text_of(iam.delete_user, UserName="alicia")
          == "Cannot delete entity, must delete access keys first.")
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    ensure("last used", used["UserName"] == "alicia" and "LastUsedDate" in used["AccessKeyLastUsed"])
    for entry in iam.list_access_keys(UserName="alicia")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="alicia", AccessKeyId=entry["AccessKeyId"])
    ensure("a deleted key is refused", code_of(connect(url, "kms", key).list_keys) == "UnrecognizedClientException")
    ensure("a user with policies stays", code_of(iam.delete_user, UserName="alicia") == "DeleteConflict")
    iam.delete_user_policy(UserName="alicia", PolicyName="own")
    iam.delete_user(UserName="alicia")
    ensure("gone", code_of(iam.get_user, UserName="alicia") == "NoSuchEntity")


def groups(url, root):
    iam = connect(url, "iam", root)
    iam.create_group(GroupName="staff")
    iam.create_user(UserName="gina")
    key = iam.create_access_key(UserName="gina")["AccessKey"]
    iam.put_group_policy(GroupName="staff", PolicyName="use", PolicyDocument=allow("kms:ListKeys"))
    ensure("not yet a member", code_of(connect(url, "kms", key).list_keys) == "AccessDeniedException")
    iam.add_user_to_group(GroupName="staff", UserName="gina")
    ensure("a member", code_of(connect(url, "kms", key).list_keys) == "OK")
    ensure("GetGroup", [user["UserName"] for user in iam.get_group(GroupName="staff")["Users"]] == ["gina"])
    iam.update_group(GroupName="staff", NewGroupName="people")
    ensure("a renamed group keeps its members", code_of(connect(url, "kms", key).list_keys) == "OK"
          and iam.list_groups_for_user(UserName="gina")["Groups"][0]["GroupName"] == "people")
    iam.delete_group_policy(GroupName="people", PolicyName="use")
    ensure("the group's policy is gone", code_of(connect(url, "kms", key).list_keys) == "AccessDeniedException")
    ensure("a group with members stays", code_of(iam.delete_group, GroupName="people") == "DeleteConflict")
    iam.remove_user_from_group(GroupName="people", UserName="gina")
    iam.delete_group(GroupName="people")
    iam.delete_access_key(UserName="gina", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="gina")


def policies(url, root):
    iam = connect(url, "iam", root)
    arn = iam.create_policy(PolicyName="p", PolicyDocument=allow("kms:ListKeys"), Description="d")["Policy"]["Arn"]
    ensure("CreatePolicy", arn == f"arn:aws:iam::{ACCOUNT}:policy/p")
    ensure("malformed", code_of(iam.create_policy, PolicyName="q", PolicyDocument="{]") == "MalformedPolicyDocument")
    iam.create_user(UserName="paul")
    key = iam.create_access_key(UserName="paul")["AccessKey"]
    iam.attach_user_policy(UserName="paul", PolicyArn=arn)
    ensure("attached", iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
          and iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"] == "paul"
          and iam.list_attached_user_policies(UserName="paul")["AttachedPolicies"]
          == [{"PolicyName": "p", "PolicyArn": arn}])
    ensure("what is attached stays", text_of(iam.delete_policy, PolicyArn=arn)
          == "Cannot delete a policy attached to entities.")
    ensure("version 1 rules", code_of(connect(url, "kms", key).list_aliases) == "AccessDeniedException")
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("kms:ListAliases"), SetAsDefault=True)
    ensure("version 2 rules at once", version["PolicyVersion"]["VersionId"] == "v2"
          and code_of(connect(url, "kms", key).list_aliases) == "OK"
          and code_of(connect(url, "kms", key).list_keys) == "AccessDeniedException")
    ensure("the default version stays",
          code_of(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == "DeleteConflict")
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    ensure("version 1 again", code_of(connect(url, "kms", key).list_keys) == "OK")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("kms:*"))
    ensure("at most 5 versions", code_of(iam.create_policy_version, PolicyArn=arn, PolicyDocument=allow("kms:*"))
          == "LimitExceeded")
    ensure("numbers are not used twice", [entry["VersionId"] for entry in
                                         iam.list_policy_versions(PolicyArn=arn)["Versions"]]
          == ["v6", "v5", "v4", "v3", "v1"])
    ensure("a policy of AWS can't be changed", code_of(
        iam.delete_policy, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess") == "AccessDenied")
    ensure("Scope", [entry["PolicyName"] for entry in iam.list_policies(Scope="Local")["Policies"]] == ["p"]
          and len(iam.list_policies(Scope="AWS")["Policies"]) == 3)
    iam.detach_user_policy(UserName="paul", PolicyArn=arn)
    ensure("versions first", code_of(iam.delete_policy, PolicyArn=arn) == "DeleteConflict")
    for number in (3, 4, 5, 6):
        iam.delete_policy_version(PolicyArn=arn, VersionId=f"v{number}")
    iam.delete_policy(PolicyArn=arn)
    ensure("gone", code_of(iam.get_policy, PolicyArn=arn) == "NoSuchEntity")
    iam.delete_access_key(UserName="paul", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="paul")


def pages(url, root):
    iam = connect(url, "iam", root)
    names = [f"user{number:02}" for number in range(12)]
    for name in reversed(names):
        iam.create_user(UserName=name, Path="/many/")
    seen = []
    for page in iam.get_paginator("list_users").paginate(PathPrefix="/many/", PaginationConfig={"PageSize": 5}):
        ensure("a page is no longer than asked", len(page["Users"]) <= 5)
        seen += [user["UserName"] for user in page["Users"]]
    ensure("all of them, in order, once", seen == names)
    for name in names:
        iam.delete_user(UserName=name)


def policy_pages(url, root):
    iam = connect(url, "iam", root)
    arns = [iam.create_policy(PolicyName=f"page{number}", PolicyDocument=allow("kms:*"))["Policy"]["Arn"]
            for number in range(5)]
    whole = [entry["Arn"] for entry in iam.list_policies()["Policies"]]
    ensure("AWS's policies and the account's", len(whole) == 8 and whole[3:] == arns)
    for size in (1, 2, 3, 4, 5, 7, 8):
        pages = [[entry["Arn"] for entry in page["Policies"]] for page in iam.get_paginator("list_policies").paginate(
            PaginationConfig={"PageSize": size})]
        ensure(f"policies in pages of {size}", [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
               and len(pages) == -(-8 // size) and sum(pages, []) == whole)
    for scope, those in (("AWS", whole[:3]), ("Local", arns)):
        ensure(f"in pages of {scope}", [entry["Arn"] for page in iam.get_paginator("list_policies").paginate(
            Scope=scope, PaginationConfig={"PageSize": 2}) for entry in page["Policies"]] == those)
    for arn in arns:
        iam.delete_policy(PolicyArn=arn)


def conditions(url, root):
    """A condition sees what the action obeys, and nothing else that the form has."""
    iam = connect(url, "iam", root)
    prefix = f"arn:aws:iam::{ACCOUNT}:user/"
    bound = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    power = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"
    for name in ("carl", "free", "tame"):
        iam.create_user(UserName=name)
    iam.create_user(UserName="low", Path="/low/")
    iam.create_group(GroupName="lows", Path="/low/")
    iam.put_user_permissions_boundary(UserName="tame", PermissionsBoundary=bound)
    carl = iam.create_access_key(UserName="carl")["AccessKey"]

    def let(*statements):
        iam.put_user_policy(UserName="carl", PolicyName="own", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Resource": "*", **statement} for statement in statements]}))

    def only(action, operator="StringEquals", **facts):
        return {"Action": action, "Condition": {operator: {name.replace("_", ":"): value
                                                           for name, value in facts.items()}}}

    let(only(["iam:AttachUserPolicy", "iam:CreateUser", "iam:PutUserPermissionsBoundary"],
             iam_PermissionsBoundary=bound))
    ensure("a boundary that the action ignores meets no condition", raw(
        url, carl, "AttachUserPolicy", UserName="free", PolicyArn=power, PermissionsBoundary=bound) == "AccessDenied")
    ensure("the user's own does", raw(url, carl, "AttachUserPolicy", UserName="tame", PolicyArn=power) == "OK")
    ensure("whatever the form says", raw(url, carl, "AttachUserPolicy", UserName="tame", PolicyArn=bound,
                                         PermissionsBoundary=power) == "OK")
    ensure("a new user's is the one it gets",
           raw(url, carl, "CreateUser", UserName="next") == "AccessDenied"
           and raw(url, carl, "CreateUser", UserName="next", PermissionsBoundary=bound) == "OK")
    ensure("a boundary is put by what it will be", raw(
        url, carl, "PutUserPermissionsBoundary", UserName="tame", PermissionsBoundary=power) == "AccessDenied"
        and raw(url, carl, "PutUserPermissionsBoundary", UserName="free", PermissionsBoundary=bound) == "OK")

    let(only(["iam:PutUserPolicy", "iam:DetachUserPolicy"], "ArnEquals", iam_PolicyARN=power))
    ensure("nor a policy", raw(url, carl, "PutUserPolicy", UserName="tame", PolicyName="p",
                               PolicyDocument=allow("kms:*"), PolicyArn=power) == "AccessDenied")
    ensure("but one that is detached", raw(url, carl, "DetachUserPolicy", UserName="tame", PolicyArn=bound)
           == "AccessDenied" and raw(url, carl, "DetachUserPolicy", UserName="tame", PolicyArn=power) == "OK")

    let(only(["iam:DeleteUser", "iam:TagUser"], **{"aws_RequestTag/team": "blue"}))
    tags = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "blue"}
    ensure("nor tags", raw(url, carl, "DeleteUser", UserName="next", **tags) == "AccessDenied")
    ensure("but those that are set", raw(url, carl, "TagUser", UserName="next", **tags) == "OK")
    let(only("iam:UntagUser", "ForAllValues:StringEquals", aws_TagKeys=["team"]),
        {"Effect": "Deny", **only("iam:UntagUser", "Null", aws_TagKeys="true")})
    ensure("the keys of tags to take away", raw(
        url, carl, "UntagUser", UserName="next", **tags, **{"TagKeys.member.1": "owner"}) == "AccessDenied"
        and raw(url, carl, "UntagUser", UserName="next", **{"TagKeys.member.1": "team"}) == "OK")

    let({"Action": ["iam:UpdateUser", "iam:UpdateGroup"],
         "Resource": [prefix + "low/*", f"arn:aws:iam::{ACCOUNT}:group/low/*"]})
    who = connect(url, "iam", carl)
    ensure("to move a user takes both places", code_of(who.update_user, UserName="low", NewPath="/high/")
           == "AccessDenied" and code_of(who.update_user, UserName="low", NewPath="/low/er/") == "OK")
    ensure("and to move a group", code_of(who.update_group, GroupName="lows", NewPath="/")
           == "AccessDenied" and code_of(who.update_group, GroupName="lows", NewGroupName="lowest") == "OK")
    let({"Action": "iam:UpdateUser", "Resource": prefix + "low/er/low"})
    ensure("to rename one both names", code_of(who.update_user, UserName="low", NewUserName="x") == "AccessDenied")

    let(only("iam:CreateAccessKey", **{"aws_ResourceTag/keys": "own", "iam_ResourceTag/keys": "own"},
             iam_PermissionsBoundary=power))
    ensure("not without the tag", code_of(who.create_access_key) == "AccessDenied")
    iam.tag_user(UserName="carl", Tags=[{"Key": "keys", "Value": "own"}])
    iam.put_user_permissions_boundary(UserName="carl",
                                      PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess")
    ensure("not with another boundary", code_of(who.create_access_key) == "AccessDenied")
    let(only("iam:CreateAccessKey", **{"aws_ResourceTag/keys": "own", "iam_ResourceTag/keys": "own"},
             iam_PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"))
    ensure("a caller's own tags and boundary are known without its name", code_of(who.create_access_key) == "OK")
    for name in ("carl", "free", "tame", "low", "next"):
        for entry in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=entry["AccessKeyId"])
        for entry in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=entry)
        for entry in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
            iam.detach_user_policy(UserName=name, PolicyArn=entry["PolicyArn"])
        iam.delete_user(UserName=name)
    iam.delete_group(GroupName="lowest")


def roles(url, root, other_root, clock):
    iam = connect(url, "iam", root)
    iam.create_user(UserName="rita")
    rita = iam.create_access_key(UserName="rita")["AccessKey"]
    ensure("who is trusted has to be there", code_of(
        iam.create_role, RoleName="app",
        AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/x"})) == "MalformedPolicyDocument")
    role = iam.create_role(RoleName="app", Description="d", Tags=[{"Key": "project", "Value": "p"}],
                           AssumeRolePolicyDocument=trust(
                               {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/rita", f"arn:aws:iam::{OTHER}:root"]},
                               ["sts:AssumeRole", "sts:TagSession"]))["Role"]
    iam.put_role_policy(RoleName="app", PolicyName="use", PolicyDocument=allow("kms:*"))
    sts = connect(url, "sts", rita)
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="batch")
    ensure("AssumeRole", given["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/app/batch")
    session = given["Credentials"]
    ensure("the session is who it is", connect(url, "sts", session).get_caller_identity()
          ["UserId"] == role["RoleId"] + ":batch")
    kms = connect(url, "kms", session)
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    ensure("the session may", code_of(kms.encrypt, KeyId=key_id, Plaintext=b"x") == "OK")
    ensure("without its token it is nobody", code_of(
        connect(url, "kms", {**session, "SessionToken": None}).list_keys) == "UnrecognizedClientException")
    ensure("with another's token neither", code_of(
        connect(url, "kms", {**session, "SessionToken": sts.assume_role(
            RoleArn=role["Arn"], RoleSessionName="other")["Credentials"]["SessionToken"]}).list_keys)
        == "UnrecognizedClientException")
    ensure("nor with an altered one", code_of(connect(url, "kms", {
        **session, "SessionToken": "A" + session["SessionToken"]}).list_keys) == "UnrecognizedClientException")
    narrow = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="nn", Policy=allow("kms:Decrypt"))["Credentials"]
    ensure("a session policy narrows", code_of(connect(url, "kms", narrow).encrypt, KeyId=key_id, Plaintext=b"x")
          == "AccessDeniedException")
    ensure("a managed one too", code_of(connect(url, "kms", sts.assume_role(
        RoleArn=role["Arn"], RoleSessionName="mm", PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}])
        ["Credentials"]).create_key) == "AccessDeniedException")
    iam.put_role_policy(RoleName="app", PolicyName="use", PolicyDocument=allow(
        "kms:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue", "aws:PrincipalTag/project": "p"}}))
    ensure("a session without the tag", code_of(kms.list_keys) == "AccessDeniedException")
    tagged = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="tt", Tags=[{"Key": "team", "Value": "blue"}])
    ensure("a session with the tag", code_of(connect(url, "kms", tagged["Credentials"]).list_keys) == "OK")
    iam.put_role_policy(RoleName="app", PolicyName="use", PolicyDocument=allow("kms:*"))
    ensure("too long", code_of(sts.assume_role, RoleArn=role["Arn"], RoleSessionName="ll", DurationSeconds=7200)
          == "ValidationError")
    iam.update_role(RoleName="app", MaxSessionDuration=7200)
    ensure("longer now", code_of(sts.assume_role, RoleArn=role["Arn"], RoleSessionName="ll", DurationSeconds=7200) == "OK")
    ensure("no chain beyond an hour", code_of(connect(url, "sts", session).assume_role, RoleArn=role["Arn"],
                                            RoleSessionName="cc", DurationSeconds=7200) == "AccessDenied")
    missing = text_of(sts.assume_role, RoleArn=role["Arn"] + "x", RoleSessionName="xx")
    ensure("no such role, no such permission: the same words", missing ==
          f"User: arn:aws:iam::{ACCOUNT}:user/rita is not authorized to perform: sts:AssumeRole on resource: "
          + role["Arn"] + "x")
    ensure("root may not", code_of(connect(url, "sts", root).assume_role, RoleArn=role["Arn"], RoleSessionName="rr")
          == "AccessDenied")

    other = connect(url, "iam", other_root)
    other.create_user(UserName="otto")
    otto = other.create_access_key(UserName="otto")["AccessKey"]
    abroad = connect(url, "sts", otto)
    ensure("another account has to allow it, too",
          code_of(abroad.assume_role, RoleArn=role["Arn"], RoleSessionName="oo") == "AccessDenied")
    other.put_user_policy(UserName="otto", PolicyName="p", PolicyDocument=allow("sts:AssumeRole", role["Arn"]))
    foreign = abroad.assume_role(RoleArn=role["Arn"], RoleSessionName="oo")["Credentials"]
    ensure("from another account", code_of(connect(url, "kms", foreign).describe_key, KeyId=key_id) == "OK")
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=trust(
        {"AWS": f"arn:aws:iam::{OTHER}:root"}, Condition={"StringEquals": {"sts:ExternalId": "xyz"}}))
    ensure("an external id is asked for", code_of(abroad.assume_role, RoleArn=role["Arn"], RoleSessionName="oo")
          == "AccessDenied" and code_of(abroad.assume_role, RoleArn=role["Arn"], RoleSessionName="oo",
                                        ExternalId="xyz") == "OK")
    ensure("rita is not trusted any more", code_of(sts.assume_role, RoleArn=role["Arn"], RoleSessionName="rr")
          == "AccessDenied")

    own = sts.get_session_token(DurationSeconds=900)["Credentials"]
    ensure("GetSessionToken is the user", connect(url, "sts", own).get_caller_identity()["Arn"]
          == f"arn:aws:iam::{ACCOUNT}:user/rita")
    ensure("no session from a session", code_of(connect(url, "sts", own).get_session_token) == "AccessDenied")
    of_root = connect(url, "sts", root).get_session_token(DurationSeconds=900)["Credentials"]
    ensure("root's session is root", code_of(connect(url, "iam", of_root).list_users) == "OK")
    iam.update_access_key(UserName="rita", AccessKeyId=rita["AccessKeyId"], Status="Inactive")
    ensure("sessions end with the key behind them", code_of(connect(url, "sts", own).get_caller_identity)
          == "InvalidClientTokenId" and code_of(kms.list_keys) == "UnrecognizedClientException")
    iam.update_access_key(UserName="rita", AccessKeyId=rita["AccessKeyId"], Status="Active")
    ensure("and come back with it", code_of(kms.list_keys) == "OK")
    clock(3601)
    ensure("sessions end with their time", text_of(kms.list_keys)
          == "The security token included in the request is expired")
    ensure("in the code of each service", (code_of(kms.list_keys), code_of(connect(
        url, "sts", session).get_caller_identity)) == ("ExpiredTokenException", "ExpiredToken"))
    late = abroad.assume_role(RoleArn=role["Arn"], RoleSessionName="oo", ExternalId="xyz")["Credentials"]
    iam.delete_role_policy(RoleName="app", PolicyName="use")
    iam.delete_role(RoleName="app")
    ensure("sessions end with their role",
          code_of(connect(url, "sts", late).get_caller_identity) == "InvalidClientTokenId")


def source_identities(url, root):
    iam = connect(url, "iam", root)
    iam.create_user(UserName="sid")
    sid = iam.create_access_key(UserName="sid")["AccessKey"]
    both = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    first = iam.create_role(RoleName="first", AssumeRolePolicyDocument=trust(
        {"AWS": f"arn:aws:iam::{ACCOUNT}:user/sid"}, both))["Role"]["Arn"]
    second = iam.create_role(RoleName="second", AssumeRolePolicyDocument=trust({"AWS": first}, both))["Role"]["Arn"]
    iam.put_role_policy(RoleName="second", PolicyName="use", PolicyDocument=allow(
        "kms:ListKeys", Condition={"StringEquals": {"aws:SourceIdentity": "Ann"}}))

    def chain(who, **more):
        session = connect(url, "sts", sid).assume_role(RoleArn=first, RoleSessionName="one", **who)["Credentials"]
        return connect(url, "sts", session).assume_role(RoleArn=second, RoleSessionName="two", **more)

    given = chain({"SourceIdentity": "Ann"})
    ensure("a source identity goes along the chain", given["SourceIdentity"] == "Ann")
    ensure("and KMS knows it", code_of(connect(url, "kms", given["Credentials"]).list_keys) == "OK")
    ensure("another one's does not do", code_of(connect(
        url, "kms", chain({"SourceIdentity": "Bob"})["Credentials"]).list_keys) == "AccessDeniedException")
    ensure("nor none", code_of(connect(url, "kms", chain({})["Credentials"]).list_keys) == "AccessDeniedException")
    ensure("it can't be changed", code_of(chain, who={"SourceIdentity": "Bob"}, SourceIdentity="Ann")
           == "AccessDenied")
    ensure("but said again", chain({"SourceIdentity": "Ann"}, SourceIdentity="Ann")["SourceIdentity"] == "Ann")
    iam.update_assume_role_policy(RoleName="second", PolicyDocument=trust({"AWS": first}))
    ensure("taking it along needs the permission", code_of(chain, who={"SourceIdentity": "Ann"}) == "AccessDenied")
    iam.delete_role_policy(RoleName="second", PolicyName="use")
    iam.delete_role(RoleName="second")
    iam.delete_role(RoleName="first")
    iam.delete_access_key(UserName="sid", AccessKeyId=sid["AccessKeyId"])
    iam.delete_user(UserName="sid")


def replaced_keys(url, root):
    """While its access key is replaced over and over, what is denied to a user stays denied."""
    iam = connect(url, "iam", root)
    user = iam.create_user(UserName="rex")["User"]["Arn"]
    rex = iam.create_access_key(UserName="rex")["AccessKey"]
    iam.put_user_policy(UserName="rex", PolicyName="no", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "kms:DescribeKey", "Resource": "*"}]}))
    key_id = connect(url, "kms", root).create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [user, f"arn:aws:iam::{ACCOUNT}:root"]}, "Action": "kms:*",
         "Resource": "*"}]}))["KeyMetadata"]["KeyId"]
    over = threading.Event()

    def replace():
        mine = connect(url, "iam", root)
        while not over.is_set():
            mine.update_access_key(UserName="rex", AccessKeyId=rex["AccessKeyId"], Status="Active")

    threads = [threading.Thread(target=replace) for _ in range(2)]
    for thread in threads:
        thread.start()
    kms = connect(url, "kms", rex)
    codes = {code_of(kms.describe_key, KeyId=key_id) for _ in range(300)}
    over.set()
    for thread in threads:
        thread.join()
    ensure(f"denied while the key is replaced: {sorted(codes)}", "AccessDeniedException" in codes and "OK" not in codes)
    iam.delete_access_key(UserName="rex", AccessKeyId=rex["AccessKeyId"])
    iam.delete_user_policy(UserName="rex", PolicyName="no")
    iam.delete_user(UserName="rex")


def between_accounts(url, root, other_root):
    """What one account has is neither shown to the other nor, by conditions, guessed at."""
    mine, other = connect(url, "iam", root), connect(url, "iam", other_root)
    arn = mine.create_policy(PolicyName="mine", PolicyDocument=allow("kms:*"),
                             Tags=[{"Key": "project", "Value": "secret"}])["Policy"]["Arn"]
    other.create_user(UserName="spy")
    spy = connect(url, "iam", other.create_access_key(UserName="spy")["AccessKey"])
    answers = set()
    for value in ("secret", "guess"):
        other.put_user_policy(UserName="spy", PolicyName="p", PolicyDocument=allow(
            "iam:*", Condition={"StringEquals": {"aws:ResourceTag/project": value}}))
        answers.add((code_of(spy.get_policy, PolicyArn=arn), code_of(spy.list_policy_tags, PolicyArn=arn)))
    ensure(f"another account's tags meet no condition: {answers}", answers == {("AccessDenied", "AccessDenied")})
    ensure("another account's policy is not there", code_of(other.get_policy, PolicyArn=arn) == "NoSuchEntity"
           and code_of(other.attach_user_policy, UserName="spy", PolicyArn=arn) == "NoSuchEntity"
           and code_of(other.delete_policy, PolicyArn=arn) == "NoSuchEntity")
    ensure("nor simulated", code_of(
        other.simulate_principal_policy, PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/spy",
        ActionNames=["kms:Encrypt"]) == "NoSuchEntity")
    mine.delete_policy(PolicyArn=arn)
    key = other.list_access_keys(UserName="spy")["AccessKeyMetadata"][0]["AccessKeyId"]
    ensure("nor is its access key", code_of(mine.get_access_key_last_used, AccessKeyId=key) != "OK"
           and code_of(mine.delete_access_key, AccessKeyId=key) == "NoSuchEntity")
    other.delete_access_key(UserName="spy", AccessKeyId=key)
    other.delete_user_policy(UserName="spy", PolicyName="p")
    other.delete_user(UserName="spy")


def odd_texts(url, root):
    """Whatever text is taken in, answers stay readable."""
    iam = connect(url, "iam", root)
    odd = "<a> & \"b\" ]]> \u00e9 \u2028 \U0001f511 \t\n\r \x01 \x7f \ufffe\uffff &#0; <!--"
    iam.create_user(UserName="odd", Tags=[{"Key": "k", "Value": odd}])
    got = iam.get_user(UserName="odd")["User"]["Tags"][0]["Value"]
    ensure("what XML can hold is given back", got == odd.replace("\x01", "").replace("\ufffe\uffff", ""))
    ensure("in lists, too", "odd" in [user["UserName"] for user in iam.list_users()["Users"]])
    iam.delete_user(UserName="odd")


def on_disk(directory, root):
    daemon = Daemon(["run", "--data-dir", directory])
    iam = connect(daemon.url, "iam", root)
    iam.create_user(UserName="dora")
    key = iam.create_access_key(UserName="dora")["AccessKey"]
    iam.put_user_policy(UserName="dora", PolicyName="own", PolicyDocument=allow("kms:*"))
    status, printed = admin(directory, "iam", "GetUser", "UserName=dora")
    ensure("kmsd admin iam", status == 0 and printed["User"]["UserName"] == "dora")
    status, printed = admin(directory, "iam", "GetUser", "UserName=nobody")
    ensure("and its refusals", status == 1 and "NoSuchEntity" in printed)
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    for words, named in ((["PermissionBoundary=" + boundary], "PermissionBoundary"),
                         (["Tags.member.1.Key=a", "Tags.member.1.Vaule=b"], "Tags.member.1.Vaule"),
                         (["Tags.member.2.Key=a", "Tags.member.2.Value=b"], "Tags.member.2.Key"),
                         (["Path=/a/", "Path=/b/"], "Path is given twice")):
        status, printed = admin(directory, "iam", "CreateUser", "UserName=erna", *words)
        ensure(f"kmsd admin iam refuses: {named}", status == 1 and named in printed)
        ensure("and makes no user", code_of(iam.get_user, UserName="erna") == "NoSuchEntity")
    status, _ = admin(directory, "iam", "CreateUser", "UserName=erna", "Path=/a/", "PermissionsBoundary=" + boundary,
                      "Tags.member.1.Key=a", "Tags.member.1.Value=b", "Tags.member.2.Key=c", "Tags.member.2.Value=d")
    made = iam.get_user(UserName="erna")["User"]
    ensure("kmsd admin iam with every parameter", status == 0 and len(made["Tags"]) == 2 and made["Path"] == "/a/" and
           made["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary)
    status, _ = admin(directory, "iam", "UntagUser", "UserName=erna", "TagKeys.member.1=a", "TagKeys.member.2=c")
    ensure("and with a list", status == 0 and "Tags" not in iam.get_user(UserName="erna")["User"])
    iam.delete_user(UserName="erna")
    status, _ = admin(directory, "account", "create", "account=" + ACCOUNT)
    ensure("no account twice", status == 1)
    ensure("stops", daemon.stop() == 0)
    with open(os.path.join(directory, "kmsd.db"), "rb") as store:
        text = store.read()
    ensure("no secret is in the store", key["SecretAccessKey"].encode() not in text
          and root["SecretAccessKey"].encode() not in text)
    daemon = Daemon(["run", "--data-dir", directory])
    ensure("everything outlives the daemon", code_of(connect(daemon.url, "kms", key).list_keys) == "OK"
          and connect(daemon.url, "iam", root).list_user_policies(UserName="dora")["PolicyNames"] == ["own"])
    ensure("stops again", daemon.stop() == 0)


def protocol(url, root):
    def send(body, **headers):
        request = urllib.request.Request(url, data=body.encode(), headers={
            "Content-Type": "application/x-www-form-urlencoded", **headers})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, text = send("Action=GetCallerIdentity&Version=2011-06-15")
    ensure("unsigned", status == 403 and "<Code>MissingAuthenticationToken</Code>" in text
          and text.startswith("<ErrorResponse xmlns="))
    iam = connect(url, "iam", {**root, "SecretAccessKey": "wrong"})
    ensure("wrong secret", code_of(iam.list_users) == "SignatureDoesNotMatch")
    ensure("unknown key", code_of(connect(url, "iam", {**root, "AccessKeyId": "AKIAUNKNOWN"}).list_users)
          == "InvalidClientTokenId")
    ensure("unknown action", code_of(connect(url, "iam", root).list_saml_providers) == "InvalidAction")


with tempfile.TemporaryDirectory() as folder:
    socket = os.path.join(folder, "admin.sock")
    daemon = Daemon(["dev", "--account-id", ACCOUNT, "--admin-socket", socket, "--virtual-clock"])
    root = {"AccessKeyId": "test", "SecretAccessKey": "test"}
    made = subprocess.run([kmsd(), "admin", "--socket", socket, "account", "create", "account=" + OTHER],
                          capture_output=True, text=True, check=True).stdout

    def clock(seconds):
        subprocess.run([kmsd(), "admin", "--socket", socket, "time", "advance", f"seconds:={seconds}"], check=True,
                       capture_output=True)

    users_and_keys(daemon.url, root)
    groups(daemon.url, root)
    policies(daemon.url, root)
    pages(daemon.url, root)
    policy_pages(daemon.url, root)
    conditions(daemon.url, root)
    source_identities(daemon.url, root)
    replaced_keys(daemon.url, root)
    protocol(daemon.url, root)
    odd_texts(daemon.url, root)
    between_accounts(daemon.url, root, json.loads(made))
    roles(daemon.url, root, json.loads(made), clock)
    ensure("the daemon stops", daemon.stop() == 0)
    data = os.path.join(folder, "data")
    on_disk(data, init_data_dir(data))
finish()

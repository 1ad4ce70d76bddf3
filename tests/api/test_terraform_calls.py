"""The calls that Terraform's AWS provider makes for aws_kms_key, aws_kms_alias, aws_kms_grant, aws_iam_user, aws_iam_role and
aws_iam_policy, in its order and with its parameters: create, read, update, delete, and what it concludes from each answer.

Source: hashicorp/terraform-provider-aws, internal/service/kms/{key,alias,grant}.go, internal/service/iam/{user,role,policy}.go.
The provider itself is a Go program of a gigabyte of sources, too much to build here. After a change it polls until an answer is
the one it wants, several times in a row, to bear a service that is consistent only after a while; here the first answer has to be it.
"""

import json
import os
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon  # noqa: E402
from tap import check, finish  # noqa: E402

daemon = Daemon(["dev", "--account-id", ACCOUNT])


def connect(service):
    return boto3.client(service, endpoint_url=daemon.url, region_name=REGION, aws_access_key_id="test",
                        aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}))


def call(operation, **members):
    """Of KMS, where Debian 12's boto3 does not know all of the members."""
    body = json.dumps(members).encode()
    request = AWSRequest("POST", daemon.url + "/", data=body, headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService." + operation})
    SigV4Auth(Credentials("test", "test"), "kms", REGION).add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(daemon.url + "/", data=body, headers=dict(request.headers))) as answer:
        return json.loads(answer.read() or "{}")


kms, iam, sts = connect("kms"), connect("iam"), connect("sts")


def ensure(name, holds):
    with check(name):
        assert holds


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "OK"


def document(action, **more):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **more}]}


def text(value):
    """As the provider normalises JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def pages(call, member, **arguments):
    return [item for page in kms.get_paginator(call).paginate(**arguments) for item in page[member]] \
        if hasattr(kms, call) else \
        [item for page in iam.get_paginator(call).paginate(**arguments) for item in page[member]]


# --- aws_kms_key ------------------------------------------------------------------------------------------------------


def read_key(key_id):
    found = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    if found["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    status = call("GetKeyRotationStatus", KeyId=key_id) if found["Origin"] == "AWS_KMS" else {}
    return {
        "arn": found["Arn"], "spec": found["KeySpec"], "usage": found["KeyUsage"], "enabled": found["Enabled"],
        "description": found["Description"], "multi_region": found["MultiRegion"],
        "policy": json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]),
        "rotation": status["KeyRotationEnabled"], "period": status.get("RotationPeriodInDays"),
        "tags": {tag["TagKey"]: tag["TagValue"] for tag in pages("list_resource_tags", "Tags", KeyId=key_id)}}


def kms_key():
    whole = document("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Resource="*")
    key_id = kms.create_key(KeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT", Description="made by terraform",
                            Policy=text(whole), Tags=[{"TagKey": "env", "TagValue": "prod"}])["KeyMetadata"]["KeyId"]
    call("EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=180)
    ensure("aws_kms_key: create", read_key(key_id) == {
        "arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}", "spec": "SYMMETRIC_DEFAULT", "usage": "ENCRYPT_DECRYPT",
        "enabled": True, "description": "made by terraform", "multi_region": False, "policy": whole, "rotation": True,
        "period": 180, "tags": {"env": "prod"}})
    other = {**whole, "Id": "changed"}
    call("EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=365)
    kms.update_key_description(KeyId=key_id, Description="")
    kms.put_key_policy(KeyId=key_id, Policy=text(other), PolicyName="default")
    kms.untag_resource(KeyId=key_id, TagKeys=["env"])
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "team", "TagValue": "blue"}])
    kms.disable_key(KeyId=key_id)
    got = read_key(key_id)
    ensure("aws_kms_key: update, disabling last", (got["description"], got["policy"], got["tags"], got["enabled"],
                                                   got["period"]) == ("", other, {"team": "blue"}, False, 365))
    kms.enable_key(KeyId=key_id)
    kms.disable_key_rotation(KeyId=key_id)
    got = read_key(key_id)
    ensure("aws_kms_key: update, enabling first", got["enabled"] and not got["rotation"])
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    ensure("aws_kms_key: delete", read_key(key_id) is None)
    with check("aws_kms_key: delete what is being deleted"):
        try:
            kms.schedule_key_deletion(KeyId=key_id)
            raise AssertionError("not refused")
        except kms.exceptions.KMSInvalidStateException as error:
            assert "is pending deletion" in str(error)
    ensure("aws_kms_key: read what never was", code_of(
        kms.describe_key, KeyId="00000000-0000-0000-0000-000000000000") == "NotFoundException")


# --- aws_kms_alias, aws_kms_grant -------------------------------------------------------------------------------------


def kms_alias():
    def read():
        found = [entry for entry in pages("list_aliases", "Aliases") if entry["AliasName"] == "alias/terraform"]
        return (found[0]["AliasArn"], found[0]["TargetKeyId"]) if found else None

    first, second = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/terraform"
    kms.create_alias(AliasName="alias/terraform", TargetKeyId=first)
    ensure("aws_kms_alias: create", read() == (arn, first))
    kms.update_alias(AliasName="alias/terraform", TargetKeyId=second)
    ensure("aws_kms_alias: update", read() == (arn, second))
    kms.delete_alias(AliasName="alias/terraform")
    ensure("aws_kms_alias: delete", read() is None)
    ensure("aws_kms_alias: delete what is gone", code_of(kms.delete_alias, AliasName="alias/terraform")
           == "NotFoundException")


def kms_grant():
    def read():
        found = [entry for entry in pages("list_grants", "Grants", KeyId=key_id, Limit=100)
                 if entry["GrantId"] == grant["GrantId"]]
        return found[0] if found else None

    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    role = iam.create_role(RoleName="grantee", Path="/", MaxSessionDuration=3600, AssumeRolePolicyDocument=text(
        document("sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})))["Role"]["Arn"]
    for way in ("revoke", "retire"):
        grant = kms.create_grant(GranteePrincipal=role, KeyId=key_id, Operations=["Encrypt", "Decrypt"], Name="tf",
                                 Constraints={"EncryptionContextEquals": {"Department": "Finance"}},
                                 RetiringPrincipal=f"arn:aws:iam::{ACCOUNT}:root")
        got = read()
        ensure("aws_kms_grant: create", (got["GranteePrincipal"], sorted(got["Operations"]), got["Name"],
                                         got["Constraints"], got["RetiringPrincipal"]) == (
            role, ["Decrypt", "Encrypt"], "tf", {"EncryptionContextEquals": {"Department": "Finance"}},
            f"arn:aws:iam::{ACCOUNT}:root"))
        arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}"
        if way == "revoke":
            kms.revoke_grant(GrantId=grant["GrantId"], KeyId=key_id)
        else:
            kms.retire_grant(GrantId=grant["GrantId"], KeyId=arn)
        ensure(f"aws_kms_grant: {way}", read() is None)
    ensure("aws_kms_grant: delete what is gone", code_of(
        kms.revoke_grant, GrantId=grant["GrantId"], KeyId=key_id) == "NotFoundException")
    iam.delete_role(RoleName="grantee")


# --- aws_iam_user -----------------------------------------------------------------------------------------------------


def read_tags(entity):
    return {tag["Key"]: tag["Value"] for tag in entity.get("Tags", [])}


def read_user(name):
    try:
        found = iam.get_user(UserName=name)["User"]
    except iam.exceptions.NoSuchEntityException:
        return None
    return (found["Arn"], found["UserName"], found["Path"],
            found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"), read_tags(found))


def iam_user():
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    made = iam.create_user(Path="/", Tags=[{"Key": "env", "Value": "prod"}], UserName="tf",
                           PermissionsBoundary=boundary)["User"]
    ensure("aws_iam_user: create", read_user("tf") == (f"arn:aws:iam::{ACCOUNT}:user/tf", "tf", "/", boundary,
                                                       {"env": "prod"}))
    iam.update_user(UserName="tf", NewUserName="tf2", NewPath="/system/")
    iam.delete_user_permissions_boundary(UserName="tf2")
    iam.untag_user(UserName="tf2", TagKeys=["env"])
    iam.tag_user(UserName="tf2", Tags=[{"Key": "team", "Value": "blue"}])
    ensure("aws_iam_user: update", read_user("tf2") == (f"arn:aws:iam::{ACCOUNT}:user/system/tf2", "tf2", "/system/",
                                                        None, {"team": "blue"}) and read_user("tf") is None)
    ensure("aws_iam_user: it is still the same", iam.get_user(UserName="tf2")["User"]["UserId"] == made["UserId"])
    iam.put_user_permissions_boundary(UserName="tf2", PermissionsBoundary=boundary)
    ensure("aws_iam_user: a boundary", read_user("tf2")[3] == boundary)

    iam.create_group(GroupName="tf")
    iam.add_user_to_group(GroupName="tf", UserName="tf2")
    iam.create_access_key(UserName="tf2")
    for group in pages("list_groups_for_user", "Groups", UserName="tf2"):  # force_destroy from here on
        iam.remove_user_from_group(UserName="tf2", GroupName=group["GroupName"])
    for key in pages("list_access_keys", "AccessKeyMetadata", UserName="tf2"):
        iam.delete_access_key(UserName="tf2", AccessKeyId=key["AccessKeyId"])
    ensure("aws_iam_user: nothing else to take away", [
        pages("list_ssh_public_keys", "SSHPublicKeys", UserName="tf2"),
        pages("list_virtual_mfa_devices", "VirtualMFADevices", AssignmentStatus="Assigned"),
        pages("list_mfa_devices", "MFADevices", UserName="tf2"),
        code_of(iam.delete_login_profile, UserName="tf2"),
        pages("list_signing_certificates", "Certificates", UserName="tf2"),
        iam.list_service_specific_credentials(UserName="tf2")["ServiceSpecificCredentials"],
    ] == [[], [], [], "NoSuchEntity", [], []])
    iam.delete_user(UserName="tf2")
    ensure("aws_iam_user: delete", read_user("tf2") is None)
    ensure("aws_iam_user: delete what is gone", code_of(iam.delete_user, UserName="tf2") == "NoSuchEntity")
    iam.delete_group(GroupName="tf")


# --- aws_iam_role -----------------------------------------------------------------------------------------------------


def read_role(name):
    try:
        found = iam.get_role(RoleName=name)["Role"]
    except iam.exceptions.NoSuchEntityException:
        return None
    inline = {policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
              for policy in pages("list_role_policies", "PolicyNames", RoleName=name)}
    attached = [entry["PolicyArn"] for entry in pages("list_attached_role_policies", "AttachedPolicies", RoleName=name)]
    return {"arn": found["Arn"], "trust": found["AssumeRolePolicyDocument"], "description": found.get("Description"),
            "seconds": found["MaxSessionDuration"], "path": found["Path"], "tags": read_tags(found), "inline": inline,
            "boundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"), "attached": attached}


def iam_role():
    trust = document("sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    read_only, admin = (f"arn:aws:iam::aws:policy/{name}" for name in ("ReadOnlyAccess", "AdministratorAccess"))
    use = document("kms:Decrypt", Resource="*")
    iam.create_role(AssumeRolePolicyDocument=text(trust), Path="/app/", RoleName="tf", Description="d",
                    MaxSessionDuration=3600, PermissionsBoundary=admin, Tags=[{"Key": "env", "Value": "prod"}])
    iam.put_role_policy(PolicyDocument=text(use), PolicyName="use", RoleName="tf")
    iam.attach_role_policy(PolicyArn=read_only, RoleName="tf")
    ensure("aws_iam_role: create", read_role("tf") == {
        "arn": f"arn:aws:iam::{ACCOUNT}:role/app/tf", "trust": trust, "description": "d", "seconds": 3600,
        "path": "/app/", "tags": {"env": "prod"}, "inline": {"use": use}, "boundary": admin, "attached": [read_only]})
    with check("aws_iam_role: a principal that is not there yet is asked for again"):
        try:
            iam.update_assume_role_policy(RoleName="tf", PolicyDocument=text(
                document("sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/later"})))
            raise AssertionError("not refused")
        except iam.exceptions.MalformedPolicyDocumentException as error:
            assert "Invalid principal in policy" in str(error)
    other = {**trust, "Id": "changed"}
    iam.update_assume_role_policy(RoleName="tf", PolicyDocument=text(other))
    iam.update_role_description(RoleName="tf", Description="")
    iam.update_role(RoleName="tf", MaxSessionDuration=7200)
    iam.delete_role_permissions_boundary(RoleName="tf")
    iam.delete_role_policy(PolicyName="use", RoleName="tf")
    iam.put_role_policy(PolicyDocument=text(use), PolicyName="use2", RoleName="tf")
    iam.detach_role_policy(PolicyArn=read_only, RoleName="tf")
    iam.attach_role_policy(PolicyArn=admin, RoleName="tf")
    iam.untag_role(RoleName="tf", TagKeys=["env"])
    iam.tag_role(RoleName="tf", Tags=[{"Key": "team", "Value": "blue"}])
    got = read_role("tf")
    ensure("aws_iam_role: update", (got["trust"], got["description"] or "", got["tags"], got["inline"], got["boundary"],
                                    got["attached"]) == (other, "", {"team": "blue"}, {"use2": use}, None, [admin]))
    ensure("aws_iam_role: update of one thing leaves the others", got["seconds"] == 7200)
    ensure("aws_iam_role: no instance profiles", pages(
        "list_instance_profiles_for_role", "InstanceProfiles", RoleName="tf") == [])
    ensure("aws_iam_role: not while it has policies", code_of(iam.delete_role, RoleName="tf") == "DeleteConflict")
    for arn in read_role("tf")["attached"]:
        iam.detach_role_policy(PolicyArn=arn, RoleName="tf")
    for name in read_role("tf")["inline"]:
        iam.delete_role_policy(PolicyName=name, RoleName="tf")
    iam.delete_role(RoleName="tf")
    ensure("aws_iam_role: delete", read_role("tf") is None)
    ensure("aws_iam_role: delete what is gone", code_of(iam.delete_role, RoleName="tf") == "NoSuchEntity" and code_of(
        iam.list_instance_profiles_for_role, RoleName="tf") in ("OK", "NoSuchEntity"))


# --- aws_iam_policy ---------------------------------------------------------------------------------------------------


def read_policy(arn):
    try:
        found = iam.get_policy(PolicyArn=arn)["Policy"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    except iam.exceptions.NoSuchEntityException:
        return None
    return (found["Arn"], found["AttachmentCount"], found.get("Description", ""), found["PolicyName"], found["Path"],
            read_tags(found), version["Document"])


def iam_policy():
    first, second = document("kms:Encrypt", Resource="*"), document("kms:Decrypt", Resource="*")
    arn = iam.create_policy(Description="", Path="/", PolicyDocument=text(first), PolicyName="tf",
                            Tags=[{"Key": "env", "Value": "prod"}])["Policy"]["Arn"]
    ensure("aws_iam_policy: create", read_policy(arn) == (
        f"arn:aws:iam::{ACCOUNT}:policy/tf", 0, "", "tf", "/", {"env": "prod"}, first))
    for number in range(7):  # more often than there are versions
        versions = pages("list_policy_versions", "Versions", PolicyArn=arn)
        if len(versions) >= 5:
            oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: v["CreateDate"])
            iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(second if number % 2 == 0 else first))
        iam.set_default_policy_version(PolicyArn=arn, VersionId=made["PolicyVersion"]["VersionId"])
    iam.untag_policy(PolicyArn=arn, TagKeys=["env"])
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "team", "Value": "blue"}])
    ensure("aws_iam_policy: update", read_policy(arn)[5:] == ({"team": "blue"}, second))
    for version in pages("list_policy_versions", "Versions", PolicyArn=arn):
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=arn)
    ensure("aws_iam_policy: delete", read_policy(arn) is None)
    ensure("aws_iam_policy: delete what is gone", code_of(iam.list_policy_versions, PolicyArn=arn) == "NoSuchEntity"
           and code_of(iam.delete_policy, PolicyArn=arn) == "NoSuchEntity")


ensure("the provider asks who it is", sts.get_caller_identity()["Account"] == ACCOUNT)
kms_key()
kms_alias()
kms_grant()
iam_user()
iam_role()
iam_policy()
ensure("the daemon stops", daemon.stop() == 0)
finish()

"""Who may do what, asked of a whole daemon with several accounts, users, roles and sessions."""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from botocore.exceptions import ClientError  # noqa: E402
from daemon import Daemon, client  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from tap import check, finish  # noqa: E402
from wire import JSON, send, sign  # noqa: E402

HOME, OTHER, REGION = "111122223333", "444455556666", "eu-central-1"
USER = f"arn:aws:iam::{HOME}:user/"
ROLE = f"arn:aws:iam::{HOME}:role/"
FOREIGN_USER = f"arn:aws:iam::{OTHER}:user/"
ADMINISTER = ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:Get*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
              "kms:Disable*", "kms:Delete*", "kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion",
              "kms:CancelKeyDeletion"]
USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]


def statement(action, effect="Allow", resource="*", principal=None, condition=None):
    made = {"Effect": effect, "Action": action, "Resource": resource}
    if principal is not None:
        made["Principal"] = principal if principal == "*" else {"AWS": principal}
    if condition is not None:
        made["Condition"] = condition
    return made


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def access_key(name):
    return {"AccessKeyId": "AKIA" + name.upper(), "SecretAccessKey": "secret of " + name}


def user(name, *policies, account=HOME, **more):
    return {"Arn": f"arn:aws:iam::{account}:user/{name}", "UserId": "AIDA" + name.upper(), "Policies": list(policies),
            "AccessKeys": [access_key(name)], **more}


EVERYTHING = policy(statement("kms:*"))
IDENTITIES = {
    "Roots": [{"Account": HOME, "AccessKeys": [access_key("root")]},
              {"Account": OTHER, "AccessKeys": [access_key("otherroot")]}],
    "Users": [
        user("maker", policy(statement(["kms:CreateKey", "kms:PutKeyPolicy"]))),
        user("admin"), user("worker"), user("nobody"),
        user("delegated", policy(statement(USE))),
        user("denied", policy(statement("kms:*"), statement("kms:Encrypt", "Deny"))),
        user("bounded", EVERYTHING, PermissionsBoundary=policy(statement("kms:DescribeKey"))),
        user("tagged", EVERYTHING, Tags={"team": "blue"}),
        user("namer", policy(statement("kms:*Alias", resource=f"arn:aws:kms:*:{HOME}:alias/names/*"))),
        user("lister", policy(statement("kms:ListAliases"))),
        user("keylister", policy(statement("kms:ListAliases", resource=f"arn:aws:kms:*:{HOME}:key/*"))),
        *(user(name, policy(statement(["kms:CreateKey", "kms:ReplicateKey"]),
                            statement("kms:PutKeyPolicy", resource=f"arn:aws:kms:{place}:{HOME}:key/{which}")))
          for name, place, which in (("herewriter", REGION, "*"), ("therewriter", "eu-west-1", "*"),
                                     ("mrkwriter", "eu-west-1", "mrk-*"))),
        user("retirer", policy(statement("kms:RetireGrant", condition={
            "StringEquals": {"kms:EncryptionContext:department": "IT"}}))),
        user("foreign", EVERYTHING, account=OTHER),
        user("idle", account=OTHER),
    ],
    "Roles": [{"Arn": ROLE + "app", "RoleId": "AROAAPP", "Policies": [policy(statement(USE))], "Sessions": [
        {"Name": "wide", "AccessKeys": [access_key("wide")]},
        {"Name": "narrow", "AccessKeys": [access_key("narrow")], "SessionPolicies": [policy(statement("kms:Encrypt"))]},
    ]}],
    "Services": [{"Service": name + ".example.internal", "AccessKeys": [access_key(name)]} for name in ("ledger", "backup")],
}

_clients = {}


def kms(name):
    if name not in _clients:
        _clients[name] = client(daemon.url, access_key(name), REGION)
    return _clients[name]


def refused(code, text, call, *arguments, **members):
    """The call must be refused with that code, and a message that holds the text."""
    try:
        call(*arguments, **members)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
        return error.response["Error"]["Message"]
    raise AssertionError("it was allowed")


def denied(text, call, **members):
    return refused("AccessDeniedException", text, call, **members)


def new_key(*statements, **members):
    """A key of HOME whose policy is these statements and one for root."""
    document = policy(statement("kms:*", principal=HOME), *statements)
    return kms("root").create_key(Policy=json.dumps(document), **members)["KeyMetadata"]["Arn"]


def context_is(value):
    return {"StringEquals": {"kms:EncryptionContext:department": value}}


def test_separation_of_duties():
    key = new_key(statement(ADMINISTER, principal=USER + "admin"), statement(USE, principal=USER + "worker"))
    with check("an administrator administers"):
        kms("admin").update_key_description(KeyId=key, Description="mine")
        kms("admin").disable_key(KeyId=key)
        kms("admin").enable_key(KeyId=key)
        assert "Statement" in json.loads(kms("admin").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    with check("an administrator does not use the key"):
        said = denied("", kms("admin").encrypt, KeyId=key, Plaintext=b"x")
        assert said == (f"User: {USER}admin is not authorized to perform: kms:Encrypt on resource: {key} because no "
                        "identity-based policy allows the kms:Encrypt action"), said
    with check("a user uses the key, and opens what it made"):
        blob = kms("worker").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms("worker").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    with check("a user does not administer the key"):
        denied("kms:DisableKey", kms("worker").disable_key, KeyId=key)
        denied("kms:PutKeyPolicy", kms("worker").put_key_policy, KeyId=key, PolicyName="default", Policy=json.dumps(EVERYTHING))
        denied("kms:ScheduleKeyDeletion", kms("worker").schedule_key_deletion, KeyId=key)
    with check("whoever is not named does neither"):
        denied("kms:Decrypt", kms("nobody").decrypt, CiphertextBlob=blob)
        denied("kms:DescribeKey", kms("nobody").describe_key, KeyId=key)
    with check("an alias is a resource of its own"):
        denied("alias/duty", kms("admin").create_alias, AliasName="alias/duty", TargetKeyId=key)
        kms("root").create_alias(AliasName="alias/duty", TargetKeyId=key)
        kms("worker").encrypt(KeyId="alias/duty", Plaintext=b"x")


def test_account_and_identity_policies():
    key = new_key()
    closed = new_key()
    kms("root").put_key_policy(KeyId=closed, PolicyName="default", BypassPolicyLockoutSafetyCheck=True,
                               Policy=json.dumps(policy(statement("kms:*", principal=USER + "admin"))))
    with check("where the account is allowed, identity policies decide"):
        kms("delegated").encrypt(KeyId=key, Plaintext=b"x")
        denied("no identity-based policy", kms("delegated").disable_key, KeyId=key)
    with check("where it is not, they count for nothing, and root for no more"):
        denied("no resource-based policy", kms("delegated").encrypt, KeyId=closed, Plaintext=b"x")
        denied("no resource-based policy", kms("root").encrypt, KeyId=closed, Plaintext=b"x")
        kms("admin").encrypt(KeyId=closed, Plaintext=b"x")
    with check("an explicit deny wins over everything"):
        kms("denied").describe_key(KeyId=key)
        denied("with an explicit deny in an identity-based policy", kms("denied").encrypt, KeyId=key, Plaintext=b"x")
        named = new_key(statement("kms:*", principal=USER + "denied"))
        denied("explicit deny in an identity-based", kms("denied").encrypt, KeyId=named, Plaintext=b"x")
        denying = new_key(statement("kms:Encrypt", "Deny", principal="*"))
        denied("with an explicit deny in a resource-based policy", kms("root").encrypt, KeyId=denying, Plaintext=b"x")
    with check("a boundary bounds"):
        kms("bounded").describe_key(KeyId=key)
        denied("no permissions boundary", kms("bounded").encrypt, KeyId=key, Plaintext=b"x")
    with check("operations on no key are up to identity policies"):
        assert len(kms("tagged").generate_random(NumberOfBytes=8)["Plaintext"]) == 8
        denied("on resource: *", kms("worker").generate_random, NumberOfBytes=8)
        denied("kms:CreateKey", kms("worker").create_key)
    with check("tags on a new key need their own permission"):
        kms("maker").create_key()
        denied("kms:TagResource", kms("maker").create_key, Tags=[{"TagKey": "a", "TagValue": "b"}])


def test_sessions():
    key = new_key(statement(USE, principal=ROLE + "app"))
    with check("a role's session does what the role may"):
        blob = kms("wide").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms("wide").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    with check("a session policy narrows it"):
        kms("narrow").encrypt(KeyId=key, Plaintext=b"x")
        said = denied("no session policy allows", kms("narrow").decrypt, CiphertextBlob=blob)
        assert f"arn:aws:sts::{HOME}:assumed-role/app/narrow" in said, said


def test_conditions():
    worker = USER + "worker"
    key = new_key(statement(USE, principal=worker, condition=context_is("IT")))
    with check("an encryption context condition"):
        blob = kms("worker").encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"department": "IT", "n": "1"})["CiphertextBlob"]
        for context in ({}, {"department": "HR"}, {"dept": "IT"}):
            denied("kms:Encrypt", kms("worker").encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)
        denied("kms:Decrypt", kms("worker").decrypt, CiphertextBlob=blob, EncryptionContext={"department": "HR"})
        kms("worker").decrypt(CiphertextBlob=blob, EncryptionContext={"department": "IT", "n": "1"})
    with check("ReEncrypt asks both keys, each with its own context"):
        target = new_key(statement("kms:ReEncryptTo", principal=worker, condition=context_is("HR")))
        kms("worker").re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"department": "IT", "n": "1"},
                                 DestinationKeyId=target, DestinationEncryptionContext={"department": "HR"})
        denied("kms:ReEncryptTo", kms("worker").re_encrypt, CiphertextBlob=blob, DestinationKeyId=target,
               SourceEncryptionContext={"department": "IT", "n": "1"}, DestinationEncryptionContext={"department": "IT"})
        denied("kms:ReEncryptFrom", kms("worker").re_encrypt, CiphertextBlob=blob, DestinationKeyId=target,
               SourceEncryptionContext={"department": "HR"}, DestinationEncryptionContext={"department": "HR"})
    with check("conditions on the request"):
        cases = [
            ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True), ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
            ({"Bool": {"aws:SecureTransport": "false"}}, True), ({"Bool": {"aws:SecureTransport": "true"}}, False),
            ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
            ({"StringEquals": {"aws:RequestedRegion": REGION}}, True),
            ({"StringEquals": {"kms:CallerAccount": HOME}}, True), ({"StringEquals": {"kms:CallerAccount": OTHER}}, False),
            ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, True),
            ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, False),
            ({"StringEquals": {"aws:username": "tagged", "aws:userid": "AIDATAGGED"}}, True),
            ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
            ({"NumericLessThan": {"aws:EpochTime": "1000000000"}}, False),
            ({"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}}, True),
            ({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT", "kms:KeyOrigin": "AWS_KMS"}},
             True),
            ({"Bool": {"kms:MultiRegion": "true"}}, False),
            ({"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}, False),
            ({"StringEquals": {"kms:RequestAlias": "alias/conditions"}}, False),
        ]
        for condition, allowed in cases:
            key = new_key(statement("kms:Encrypt", "Deny", principal=USER + "tagged", condition=condition))
            try:
                kms("tagged").encrypt(KeyId=key, Plaintext=b"x")
                met = False
            except ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDeniedException", error
                met = True
            assert met == allowed, (condition, met)
    with check("the alias in the request is seen"):
        key = new_key(statement("kms:Encrypt", principal=USER + "nobody",
                                condition={"StringEquals": {"kms:RequestAlias": "alias/conditions"}}))
        kms("root").create_alias(AliasName="alias/conditions", TargetKeyId=key)
        kms("nobody").encrypt(KeyId="alias/conditions", Plaintext=b"x")
        denied("kms:Encrypt", kms("nobody").encrypt, KeyId=key, Plaintext=b"x")
    with check("the window of a deletion"):
        key = new_key(statement("kms:ScheduleKeyDeletion", principal=worker, condition={
            "NumericGreaterThanEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": "20"}}))
        denied("kms:ScheduleKeyDeletion", kms("worker").schedule_key_deletion, KeyId=key, PendingWindowInDays=10)
        kms("worker").schedule_key_deletion(KeyId=key)


def test_other_accounts():
    ours = new_key()
    to_account = new_key(statement(USE, principal=OTHER))
    to_nobody_there = new_key(statement(USE, principal=FOREIGN_USER + "idle"))
    absent = f"arn:aws:kms:{REGION}:{HOME}:key/12345678-1234-1234-1234-123456789abc"
    with check("both sides together open a key"):
        blob = kms("foreign").encrypt(KeyId=to_account, Plaintext=b"x")["CiphertextBlob"]
        assert kms("foreign").decrypt(CiphertextBlob=blob, KeyId=to_account)["Plaintext"] == b"x"
        assert kms("foreign").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    with check("one side alone does not: the caller's"):
        denied("no resource-based policy", kms("foreign").encrypt, KeyId=ours, Plaintext=b"x")
    with check("one side alone does not: the key's"):
        denied("no identity-based policy", kms("idle").encrypt, KeyId=to_nobody_there, Plaintext=b"x")
    with check("operations that are for the account alone stay so"):
        open_key = new_key(statement("kms:*", principal=OTHER))
        denied("kms:DisableKey", kms("foreign").disable_key, KeyId=open_key)
        denied("kms:PutKeyPolicy", kms("foreign").put_key_policy, KeyId=open_key, PolicyName="default", Policy=json.dumps(EVERYTHING))
        kms("foreign").describe_key(KeyId=open_key)
    with check("nothing tells whether a key is there"):
        words = {denied("", kms(name).describe_key, KeyId=key).replace(key, "KEY")
                 for name in ("foreign",) for key in (ours, absent)}
        assert len(words) == 1, words
        words = {denied("", kms("idle").encrypt, KeyId=key, Plaintext=b"x").replace(key, "KEY")
                 for key in (ours, to_nobody_there, to_account, absent)}
        assert len(words) == 1, words
        own = kms("root").encrypt(KeyId=ours, Plaintext=b"x")["CiphertextBlob"]
        denied("The ciphertext refers to a customer master key that does not exist", kms("foreign").decrypt, CiphertextBlob=own)
    with check("a key of another account is not found by its id"):
        refused("NotFoundException", "", kms("foreign").describe_key, KeyId=to_account.split("/")[1])


def test_aliases():
    name = f"arn:aws:kms:{REGION}:{HOME}:alias/names/a"
    may_name = statement("kms:*Alias", principal=USER + "namer")
    first, second, closed = new_key(may_name), new_key(may_name), new_key()
    create, update, delete = kms("namer").create_alias, kms("namer").update_alias, kms("namer").delete_alias
    with check("making an alias takes permission on the alias and on the key"):
        denied(f"kms:CreateAlias on resource: {closed}", create, AliasName="alias/names/a", TargetKeyId=closed)
        denied("alias/other", create, AliasName="alias/other", TargetKeyId=first)
        create(AliasName="alias/names/a", TargetKeyId=first)
    with check("moving it, on the alias and on both keys"):
        denied(f"kms:UpdateAlias on resource: {closed}", update, AliasName="alias/names/a", TargetKeyId=closed)
        update(AliasName="alias/names/a", TargetKeyId=second)
        kms("root").update_alias(AliasName="alias/names/a", TargetKeyId=closed)
        denied(f"kms:UpdateAlias on resource: {closed}", update, AliasName="alias/names/a", TargetKeyId=first)
    with check("deleting it, on the alias and on its key"):
        denied(f"kms:DeleteAlias on resource: {closed}", delete, AliasName="alias/names/a")
        kms("root").create_alias(AliasName="alias/other", TargetKeyId=first)
        denied("alias/other", delete, AliasName="alias/other")
        kms("root").update_alias(AliasName="alias/names/a", TargetKeyId=first)
        delete(AliasName="alias/names/a")
    with check("it stays with keys of its kind"):
        rsa, larger = (new_key(KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT") for spec in ("RSA_2048", "RSA_3072"))
        move = kms("root").update_alias
        kms("root").create_alias(AliasName="alias/kind", TargetKeyId=first)
        refused("ValidationException", "from a CMK with key spec SYMMETRIC_DEFAULT to a CMK with key spec RSA_2048", move,
                AliasName="alias/kind", TargetKeyId=rsa)
        assert kms("root").describe_key(KeyId="alias/kind")["KeyMetadata"]["Arn"] == first
        kms("root").create_alias(AliasName="alias/rsa", TargetKeyId=rsa)
        refused("ValidationException", "must be both symmetric or both asymmetric", move, AliasName="alias/rsa", TargetKeyId=first)
        move(AliasName="alias/rsa", TargetKeyId=larger)
    with check("a key's aliases are listed by permission on the account, and no other"):
        listed = kms("lister").list_aliases(KeyId=first)["Aliases"]
        assert {entry["AliasName"] for entry in listed} == {"alias/kind", "alias/other"}, listed
        denied("kms:ListAliases on resource: *", kms("keylister").list_aliases, KeyId=first)
        denied("kms:ListAliases on resource: *", kms("nobody").list_aliases, KeyId=first)
        denied("", kms("foreign").list_aliases, KeyId=first)
        refused("NotFoundException", "", kms("lister").list_aliases, KeyId=first[:-1] + ("0" if first[-1] != "0" else "1"))
    with check("another account gives no names to a key, whatever its policy says"):
        theirs = new_key(statement("kms:*", principal=OTHER))
        denied(f"kms:CreateAlias on resource: {theirs}", kms("foreign").create_alias, AliasName="alias/names/a", TargetKeyId=theirs)
    with check("who may use an alias alone may not use the key"):
        denied(f"kms:Encrypt on resource: {first}", kms("namer").encrypt, KeyId=name.replace("names/a", "other"), Plaintext=b"x")


def test_documents():
    key = new_key()
    malformed = "MalformedPolicyDocumentException"

    def put(**arguments):
        return kms("root").put_key_policy(PolicyName="default", **arguments)  # Debian 12's boto3 wants the name

    with check("the lockout safety check"):
        locked = json.dumps(policy(statement("kms:*", principal=USER + "worker")))
        text = "The new key policy will not allow you to update the key policy in the future."
        refused(malformed, text, put, KeyId=key, Policy=locked)
        refused(malformed, text, kms("root").create_key, Policy=locked)
        put(KeyId=key, Policy=locked, BypassPolicyLockoutSafetyCheck=True)
        denied("", kms("root").describe_key, KeyId=key)
        kms("worker").describe_key(KeyId=key)
    with check("of a replica it asks about the replica"):
        shared = policy(statement("kms:*", principal=HOME))
        primary = kms("root").create_key(Policy=json.dumps(shared), MultiRegion=True)["KeyMetadata"]["Arn"]
        to_there = {"KeyId": primary, "ReplicaRegion": "eu-west-1", "Policy": json.dumps(shared)}
        refused(malformed, text, kms("herewriter").replicate_key, **to_there)
        kms("mrkwriter").replicate_key(**to_there)
        there = client(daemon.url, access_key("mrkwriter"), "eu-west-1")
        there.put_key_policy(KeyId=primary.split("/")[1], PolicyName="default", Policy=json.dumps(shared))
        second = kms("root").create_key(Policy=json.dumps(shared), MultiRegion=True)["KeyMetadata"]["Arn"]
        kms("therewriter").replicate_key(**{**to_there, "KeyId": second})
    key = new_key()
    with check("documents that are none"):
        refused(malformed, "", put, KeyId=key, Policy="nonsense")
        refused(malformed, "principal", put, KeyId=key, Policy=json.dumps(policy(statement("kms:*"))))
        refused(malformed, "Effect", put, KeyId=key, Policy=json.dumps(policy(statement("kms:*", "Maybe", principal=HOME))))
    with check("conditions that a missing key would meet are refused"):
        trap = statement("kms:*", principal=HOME, condition={"ForAllValues:StringEquals": {"kms:EncryptionContext:a": ["b"]}})
        refused(malformed, "", put, KeyId=key, Policy=json.dumps(policy(trap)))
    with check("a policy of more than 32 KiB"):
        long = policy(statement("kms:*", principal=HOME), *[statement("kms:Encrypt", principal=HOME) for _ in range(400)])
        assert len(json.dumps(long)) > 32768
        refused("ValidationException", "length less than or equal to 32768", put, KeyId=key, Policy=json.dumps(long))


def test_grants():
    key = new_key()
    own = {"EncryptionContextSubset": {"department": "IT"}}
    context = {"department": "IT"}
    with check("a grant gives what it says, at once, and no more"):
        denied("", kms("nobody").encrypt, KeyId=key, Plaintext=b"x")
        made = kms("root").create_grant(KeyId=key, GranteePrincipal=USER + "nobody", Operations=["Encrypt"], Constraints=own)
        blob = kms("nobody").encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context, GrantTokens=[made["GrantToken"]])
        kms("nobody").encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={**context, "more": "1"})
        denied("kms:Encrypt", kms("nobody").encrypt, KeyId=key, Plaintext=b"x")
        denied("kms:Decrypt", kms("nobody").decrypt, CiphertextBlob=blob["CiphertextBlob"], EncryptionContext=context)
        denied("kms:Encrypt", kms("worker").encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)
    with check("an explicit deny wins over a grant"):
        kms("root").create_grant(KeyId=key, GranteePrincipal=USER + "denied", Operations=["Encrypt"])
        denied("explicit deny in an identity-based policy", kms("denied").encrypt, KeyId=key, Plaintext=b"x")
    with check("a revoked grant gives nothing"):
        kms("root").revoke_grant(KeyId=key, GrantId=made["GrantId"])
        denied("kms:Encrypt", kms("nobody").encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)
    with check("a grant handed to another account"):
        denied("", kms("foreign").encrypt, KeyId=key, Plaintext=b"x")
        kms("root").create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{OTHER}:root", Operations=["Encrypt", "DescribeKey"])
        kms("foreign").encrypt(KeyId=key, Plaintext=b"x")
        kms("foreign").describe_key(KeyId=key)
        denied("", kms("idle").encrypt, KeyId=key, Plaintext=b"x")  # its own account does not let it
        denied("kms:ListGrants", kms("foreign").list_grants, KeyId=key)
    with check("a retiring principal finds its grants and retires them"):
        made = kms("root").create_grant(KeyId=key, GranteePrincipal=ROLE + "app", RetiringPrincipal=USER + "tagged", Name="job",
                                        Operations=["DescribeKey", "Encrypt"])
        listed = kms("tagged").list_retirable_grants(RetiringPrincipal=USER + "tagged")["Grants"]
        assert [grant["GrantId"] for grant in listed] == [made["GrantId"]], listed
        denied("kms:RetireGrant", kms("worker").retire_grant, GrantToken=made["GrantToken"])
        kms("tagged").retire_grant(GrantToken=made["GrantToken"])
        assert kms("tagged").list_retirable_grants(RetiringPrincipal=USER + "tagged")["Grants"] == []
    with check("a grant to a role is for its sessions"):
        closed = kms("root").create_key(BypassPolicyLockoutSafetyCheck=True, Policy=json.dumps(
            policy(statement(["kms:CreateGrant", "kms:DescribeKey"], principal=HOME))))["KeyMetadata"]["Arn"]
        denied("", kms("wide").encrypt, KeyId=closed, Plaintext=b"x")
        kms("root").create_grant(KeyId=closed, GranteePrincipal=ROLE + "app", Operations=["Encrypt", "Decrypt"])
        blob = kms("wide").encrypt(KeyId=closed, Plaintext=b"x")["CiphertextBlob"]
        kms("wide").decrypt(CiphertextBlob=blob)
        denied("no session policy", kms("narrow").decrypt, CiphertextBlob=blob)
    with check("conditions on making grants"):
        key = new_key(statement("kms:CreateGrant", principal=USER + "worker", condition={
            "ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]},
            "StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"},
            "StringLike": {"kms:GranteePrincipal": ROLE + "*"}}))
        grant = kms("worker").create_grant
        grant(KeyId=key, GranteePrincipal=ROLE + "app", Operations=["Encrypt"], Constraints=own)
        denied("", grant, KeyId=key, GranteePrincipal=ROLE + "app", Operations=["Encrypt"])
        denied("", grant, KeyId=key, GranteePrincipal=ROLE + "app", Operations=["DescribeKey"], Constraints=own)
        denied("", grant, KeyId=key, GranteePrincipal=USER + "nobody", Operations=["Encrypt"], Constraints=own)


def raw(name, operation, members, extra=None):
    """One call without an SDK, for members that older ones do not know and headers that none sends: (status, answer)."""
    key = access_key(name)
    body = json.dumps(members).encode()
    headers = {"Content-Type": JSON, "X-Amz-Target": "TrentService." + operation, **(extra or {})}
    signed = sign("/", headers, body, credentials=Credentials(key["AccessKeyId"], key["SecretAccessKey"]), region=REGION,
                  endpoint=daemon.url)
    answer = send("POST", "/", signed, body, endpoint=daemon.url)
    return answer.status, answer.json if answer.body else None


def test_services():
    ledger, source = "ledger.example.internal", "arn:aws:ledger:eu-central-1:111122223333:book/1"
    on_behalf = {"X-Amz-Source-Arn": source, "X-Amz-Source-Account": HOME}
    trusting = statement(["kms:Encrypt", "kms:DescribeKey"], principal="*", condition={
        "StringEquals": {"aws:SourceAccount": HOME}, "ArnLike": {"aws:SourceArn": "arn:aws:ledger:*:*:book/*"}})
    trusting["Principal"] = {"Service": ledger}
    with check("a key policy names a service, and on whose behalf it asks"):
        key = new_key(trusting)
        request = {"KeyId": key, "Plaintext": "eA=="}
        assert raw("ledger", "Encrypt", request, on_behalf)[0] == 200
        for extra in ({}, {**on_behalf, "X-Amz-Source-Account": OTHER}, {"X-Amz-Source-Account": HOME}):
            status, answer = raw("ledger", "Encrypt", request, extra)
            assert status == 400 and answer["__type"] == "AccessDeniedException", answer
        assert raw("backup", "Encrypt", request, on_behalf)[0] == 400
    with check("nobody but a service is believed about that"):
        key = new_key(statement("kms:Encrypt", principal=USER + "nobody", condition={"StringEquals": {"aws:SourceAccount": HOME}}))
        status, answer = raw("nobody", "Encrypt", {"KeyId": key, "Plaintext": "eA=="}, on_behalf)
        assert status == 400 and answer["__type"] == "AccessDeniedException", answer
    with check("a grant to a service, bound to a source"):
        key = new_key()
        request = {"KeyId": key, "Plaintext": "eA=="}
        status, made = raw("root", "CreateGrant", {
            "KeyId": key, "GranteeServicePrincipal": ledger, "RetiringServicePrincipal": "backup.example.internal",
            "Operations": ["Encrypt", "DescribeKey"], "Constraints": {"SourceArn": source}})
        assert status == 200, made
        listed = raw("root", "ListGrants", {"KeyId": key, "GranteeServicePrincipal": ledger})[1]["Grants"]
        assert [grant["GranteeServicePrincipal"] for grant in listed] == [ledger], listed
        assert listed[0]["RetiringServicePrincipal"] == "backup.example.internal" and "GranteePrincipal" not in listed[0], listed
        assert raw("ledger", "Encrypt", request, on_behalf)[0] == 200
        assert raw("ledger", "DescribeKey", {"KeyId": key})[0] == 200
        assert raw("ledger", "Encrypt", request)[0] == 400
        assert raw("ledger", "Encrypt", request, {"X-Amz-Source-Arn": source + "2"})[0] == 400
        assert raw("ledger", "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}, on_behalf)[0] == 400
        assert raw("backup", "Encrypt", request, on_behalf)[0] == 400
    with check("the service that may retire it does"):
        assert raw("ledger", "RetireGrant", {"GrantToken": made["GrantToken"]})[0] == 400
        assert raw("backup", "RetireGrant", {"GrantToken": made["GrantToken"]})[0] == 200
        assert raw("ledger", "Encrypt", request, on_behalf)[0] == 400
    with check("a service finds keys by their ARN, and nothing on its own"):
        status, answer = raw("ledger", "DescribeKey", {"KeyId": key.split("/")[1]})
        assert status == 400 and answer["__type"] == "NotFoundException", answer
        assert raw("ledger", "ListKeys", {})[0] == 400
        assert raw("ledger", "CreateKey", {})[0] == 400
        assert raw("ledger", "GenerateRandom", {"NumberOfBytes": 8})[0] == 400
    with check("what retires a grant may depend on what the grant demands"):
        key = new_key(statement("kms:RetireGrant", principal=USER + "nobody"))
        for context, allowed in (("HR", False), ("IT", True)):
            made = kms("root").create_grant(KeyId=key, GranteePrincipal=ROLE + "app", Operations=["Encrypt"],
                                            Constraints={"EncryptionContextEquals": {"department": context}})
            if allowed:
                kms("retirer").retire_grant(KeyId=key, GrantId=made["GrantId"])
            else:
                denied("kms:RetireGrant", kms("retirer").retire_grant, KeyId=key, GrantId=made["GrantId"])
    with check("a key policy lets nobody retire grants, identity policies do"):
        made = kms("root").create_grant(KeyId=key, GranteePrincipal=ROLE + "app", Operations=["Encrypt"])
        denied("no identity-based policy allows the kms:RetireGrant action", kms("nobody").retire_grant, GrantToken=made["GrantToken"])
        kms("tagged").retire_grant(GrantToken=made["GrantToken"])
    with check("the account that made a grant on another's key may retire it, and leave it to its users"):
        key = new_key(statement("kms:CreateGrant", principal=OTHER))
        made = kms("foreign").create_grant(KeyId=key, GranteePrincipal=ROLE + "app", Operations=["Encrypt"])
        denied("kms:RetireGrant", kms("idle").retire_grant, GrantToken=made["GrantToken"])
        kms("foreign").retire_grant(GrantToken=made["GrantToken"])
        made = kms("otherroot").create_grant(KeyId=key, GranteePrincipal=ROLE + "app", Operations=["Encrypt"])
        kms("otherroot").retire_grant(KeyId=key, GrantId=made["GrantId"])


TESTS = [test_separation_of_duties, test_account_and_identity_policies, test_sessions, test_conditions, test_other_accounts,
         test_aliases, test_documents, test_grants, test_services]

with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(IDENTITIES, file)
    file.flush()
    daemon = Daemon(["dev", "--identities", file.name, "--account-id", HOME])
    try:
        for test in TESTS:
            test()
    finally:
        with check("the daemon ends cleanly"):
            assert daemon.stop() == 0
finish()

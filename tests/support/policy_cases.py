#!/usr/bin/env python3
"""Writes the tables of whole decisions that are products of a few choices: tests/vectors/policy/decisions-*-table.json.

    policy_cases.py DIRECTORY

What is expected follows from the rule that each function states in its own words and tables, about who is named how and what a
document says; no policy is evaluated here. The tables are kept, so that a change of this file shows as a change of theirs.
"""

import itertools
import json
import os
import sys

OWN, OTHER = "111122223333", "444455556666"
KEY = f"arn:aws:kms:us-west-2:{OWN}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALICE, BOB = f"arn:aws:iam::{OWN}:user/alice", f"arn:aws:iam::{OWN}:user/team/bob"
WORKER, WORKER_SESSION = f"arn:aws:iam::{OWN}:role/worker", f"arn:aws:sts::{OWN}:assumed-role/worker/s"
CAROL = f"arn:aws:iam::{OTHER}:user/carol"
REMOTE, REMOTE_SESSION = f"arn:aws:iam::{OTHER}:role/remote", f"arn:aws:sts::{OTHER}:assumed-role/remote/s"
FEDERATED = f"arn:aws:sts::{OWN}:federated-user/fred"
SERVICE = "ledger.us-west-2.amazonaws.com"

SUBJECTS = {
    "root": {"arn": f"arn:aws:iam::{OWN}:root"},
    "alice": {"arn": ALICE, "user_id": "AIDAALICE", "tags": {"team": "red"}},
    "bob": {"arn": BOB},
    "worker": {"arn": WORKER_SESSION, "issuer": WORKER},
    "federated": {"arn": FEDERATED, "issuer": ALICE},
    "other root": {"arn": f"arn:aws:iam::{OTHER}:root"},
    "carol": {"arn": CAROL},
    "remote": {"arn": REMOTE_SESSION, "issuer": REMOTE},
    "service": {"arn": SERVICE},
}

NO_KEY, NO_IDENTITY, NO_BOUNDARY, NO_SESSION = (f"no {kind} policy allows" if kind in ("key", "identity", "session") else f"no {kind} allows"
                                                for kind in ("key", "identity", "boundary", "session"))


def statement(sid, action, effect="Allow", principal=None, resource="*", condition=None):
    made = {"Sid": sid, "Effect": effect}
    if principal is not None:
        made["Principal"] = principal if principal == "*" or isinstance(principal, dict) else {"AWS": principal}
    made.update({"Action": action, "Resource": resource})
    if condition is not None:
        made["Condition"] = condition
    return made


def row(rule, who, expect, by=None, **more):
    made = {"rule": rule, "as": who, **{name: value for name, value in more.items() if value not in (None, [], {})}, "expect": expect}
    if by is not None:
        made["by"] = by
    return made


ALL = [statement("All", "*")]
IDENTITY = {"allow": ALL, "silent": [statement("Other", "s3:*")], "deny": [statement("No", "kms:*", "Deny")],
            "elsewhere": [statement("Elsewhere", "kms:*", resource=f"arn:aws:kms:*:{OTHER}:key/*")]}


def write(directory, name, policies, cases):
    used = {case["as"] for case in cases}
    lines = ["{", '"subjects": {', ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in SUBJECTS.items() if key in used),
             "},", '"policies": {', ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in policies.items()),
             "},", '"cases": [', ",\n".join(json.dumps(case) for case in cases), "]}"]
    with open(os.path.join(directory, f"decisions-{name}-table.json"), "w") as file:
        file.write("\n".join(lines) + "\n")
    return len(cases)


# --- duties ------------------------------------------------------------------------------------------------------------------

ADMINISTER = ["CancelKeyDeletion", "CreateAlias", "CreateGrant", "DeleteAlias", "DeleteImportedKeyMaterial", "DescribeKey", "DisableKey",
              "DisableKeyRotation", "EnableKey", "EnableKeyRotation", "GetKeyLastUsage", "GetKeyPolicy", "GetKeyRotationStatus",
              "GetParametersForImport", "GetPublicKey", "ListGrants", "ListKeyPolicies", "ListKeyRotations", "ListResourceTags",
              "PutKeyPolicy", "RevokeGrant", "RotateKeyOnDemand", "ScheduleKeyDeletion", "TagResource", "UntagResource", "UpdateAlias",
              "UpdateKeyDescription", "UpdatePrimaryRegion"]
USE = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
       "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"]
NEITHER = ["Decapsulate", "DeriveSharedSecret", "Encapsulate", "GenerateMac", "ImportKeyMaterial", "ReplicateKey", "RetireGrant", "Sign",
           "Verify", "VerifyMac"]


def duties():
    """The developer guide's console policy: who administers does not use, who uses does not administer."""
    policies = {"console": [
        statement("account", "kms:*", principal=OWN),
        statement("administrators", ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
                                     "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource",
                                     "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:RotateKeyOnDemand"], principal=ALICE),
        statement("users", ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], principal=WORKER),
        statement("attachment", ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"], principal=WORKER,
                  condition={"Bool": {"kms:GrantIsForAWSResource": "true"}})]}
    for action in sorted({*ADMINISTER, *USE, *NEITHER}):
        may = action in ADMINISTER
        yield policies, row(f"an administrator {'may' if may else 'may not'} {action}", "alice", "key policy" if may else NO_IDENTITY,
                            "administrators" if may else None, do="kms:" + action, key="console")
        may = action in USE
        yield policies, row(f"a user {'may' if may else 'may not'} {action}", "worker", "key policy" if may else NO_IDENTITY,
                            "users" if may else None, do="kms:" + action, key="console")
    for action in ("CreateGrant", "ListGrants", "RevokeGrant"):
        yield policies, row(f"a user may {action} for an integrated service", "worker", "key policy", "attachment", do="kms:" + action,
                            key="console", **{"with": {"kms:GrantIsForAWSResource": True}})
        yield policies, row(f"a user may not {action} on its own", "worker", NO_IDENTITY, do="kms:" + action, key="console",
                            **{"with": {"kms:GrantIsForAWSResource": False}})


# --- who is named how --------------------------------------------------------------------------------------------------------

# caller -> naming -> how it is named: everyone, itself, what it was made from, its account
NAMINGS = {
    "everyone": "*", "everyone of AWS": {"AWS": "*"}, "the account": {"AWS": OWN}, "the account's root": {"AWS": f"arn:aws:iam::{OWN}:root"},
    "alice": {"AWS": ALICE}, "the role": {"AWS": WORKER}, "the session": {"AWS": WORKER_SESSION}, "the federated user": {"AWS": FEDERATED},
    "the other account": {"AWS": OTHER}, "carol": {"AWS": CAROL}, "the other role": {"AWS": REMOTE}, "the service": {"Service": SERVICE},
}
EVERYONE = {"everyone": "everyone", "everyone of AWS": "everyone"}
HERE = {**EVERYONE, "the account": "account", "the account's root": "account"}
THERE = {**EVERYONE, "the other account": "account"}
NAMED = {
    "root": HERE, "alice": {**HERE, "alice": "itself"}, "bob": HERE,
    "worker": {**HERE, "the role": "maker", "the session": "itself"},
    "federated": {**HERE, "alice": "maker", "the federated user": "itself"},
    "other root": THERE, "carol": {**THERE, "carol": "itself"}, "remote": {**THERE, "the other role": "maker"},
    "service": {**EVERYONE, "the service": "itself"},
}


def own_side(who, says):
    """What the caller's own account says: its root needs nobody's leave."""
    if who in ("root", "other root"):
        return "account root", None
    return ("identity policy", "All") if says == "allow" else (NO_IDENTITY, None)


def principals():
    """Named here is enough, but for the account, which leaves it to identity policies; from elsewhere both sides are needed."""
    policies = {name: [statement("named", "kms:*", principal=principal)] for name, principal in NAMINGS.items()}
    policies.update(IDENTITY)
    for who, naming, says in itertools.product(NAMED, NAMINGS, ("silent", "allow")):
        if who == "service" and says == "allow":
            continue  # it has no identity policies
        how = NAMED[who].get(naming)
        is_here = who in ("root", "alice", "bob", "worker", "federated")
        if how is None:
            expect, by = NO_KEY, None
        elif who == "service" or (is_here and how != "account"):
            expect, by = "key policy", "named"
        else:
            expect, by = own_side(who, says)
        yield policies, row(f"the key policy names {naming}; {who}, whose identity policy is {'silent' if says == 'silent' else 'wide'}", who,
                            expect, by, key=naming, identity=[] if who == "service" else [says],
                            session=["allow"] if who == "federated" else [])


# --- boundaries and session policies -----------------------------------------------------------------------------------------

def bounds():
    """A deny anywhere wins; silence of boundary or session binds what comes by role or account, not what names the session."""
    policies = {"to account": [statement("key", "kms:*", principal=OWN)], "to role": [statement("key", "kms:*", principal=WORKER)],
                "to session": [statement("key", "kms:*", principal=WORKER_SESSION)], "to nobody": [statement("key", "kms:*", principal=OTHER)],
                **{name: IDENTITY[name] for name in ("allow", "silent", "deny")}}
    for key, identity, boundary, session in itertools.product(("to account", "to role", "to session", "to nobody"), ("silent", "allow"),
                                                              (None, "silent", "allow", "deny"), (None, "silent", "allow", "deny")):
        by_key = {"to role": ("key policy", "key"), "to session": ("key policy", "key"), "to nobody": (NO_KEY, None)}
        if boundary == "deny":
            expect, by = "deny in boundary", "No"
        elif session == "deny":
            expect, by = "deny in session policy", "No"
        elif key in ("to session", "to nobody"):
            expect, by = by_key[key]
        elif key == "to account" and identity == "silent":
            expect, by = NO_IDENTITY, None
        elif boundary == "silent":
            expect, by = NO_BOUNDARY, None
        elif session == "silent":
            expect, by = NO_SESSION, None
        else:
            expect, by = by_key.get(key, ("identity policy", "All"))
        words = "; ".join([f"the key policy speaks {key}", f"identity: {identity}", f"boundary: {boundary or 'none'}",
                           f"session: {session or 'none'}"])
        yield policies, row(words, "worker", expect, by, key=key, identity=[identity], boundary=boundary, session=[session] if session else [])


# --- other accounts ----------------------------------------------------------------------------------------------------------

def accounts():
    """Across accounts both sides have to allow, and only what may be called so; a deny on either side wins."""
    policies = {"to its own account": [statement("own", "kms:*", principal=OWN)],
                "to the account": [statement("key", "kms:*", principal=OTHER)],
                "to carol": [statement("key", "kms:*", principal=CAROL)], "to the role": [statement("key", "kms:*", principal=REMOTE)],
                "to everyone": [statement("key", "kms:*", principal="*")],
                "to the account, not to these": [statement("key", "kms:*", principal=OTHER),
                                                 statement("but", "kms:*", "Deny", principal=[CAROL, REMOTE])],
                **IDENTITY}
    keys = {"carol": ("to its own account", "to the account", "to carol", "to everyone", "to the account, not to these"),
            "remote": ("to its own account", "to the account", "to the role", "to everyone", "to the account, not to these")}
    for who in keys:
        for key, identity, is_own_only in itertools.product(keys[who], ("silent", "allow", "elsewhere", "deny"), (False, True)):
            if key == "to the account, not to these":
                expect, by = "deny in key policy", "but"
            elif identity == "deny":
                expect, by = "deny in identity policy", "No"
            elif is_own_only or key == "to its own account":
                expect, by = NO_KEY, None
            else:
                expect, by = ("identity policy", "All") if identity == "allow" else (NO_IDENTITY, None)
            yield policies, row(f"{who} of another account; the key policy speaks {key}; identity: {identity}"
                                + ("; not for other accounts" if is_own_only else ""), who, expect, by,
                                do="kms:DisableKey" if is_own_only else "kms:Encrypt", key=key, identity=[identity],
                                own_account_only=is_own_only or None)


# --- grants ------------------------------------------------------------------------------------------------------------------

CONTEXTS = [{}, {"a": "1"}, {"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}, {"A": "1"}, {"a": "2"}, {"b": "2"}]
# which of them meet the constraint
MEETING = [
    ("no constraint", {}, {0, 1, 2, 3, 4, 5, 6}),
    ("equals a=1", {"equals": {"a": "1"}}, {1}),
    ("equals a=1 b=2", {"equals": {"b": "2", "a": "1"}}, {2}),
    ("subset a=1", {"subset": {"a": "1"}}, {1, 2, 3}),
    ("subset a=1 b=2", {"subset": {"a": "1", "b": "2"}}, {2, 3}),
    ("equals a=1 b=2 and subset b=2", {"equals": {"a": "1", "b": "2"}, "subset": {"b": "2"}}, {2}),
    ("equals a=1 and subset b=2, which nothing meets", {"equals": {"a": "1"}, "subset": {"b": "2"}}, set()),
]
WITH_CONTEXT = ["Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
                "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"]
UNCONCERNED = ["CreateGrant", "DescribeKey", "RetireGrant"]
WITHOUT_CONTEXT = ["DeriveSharedSecret", "GenerateMac", "GetPublicKey", "Sign", "Verify", "VerifyMac"]


def grants():
    """A constraint on the context binds what has a context, is passed over by what concerns the key, and rules out all else."""
    policies = {"nobody": [statement("nobody", "kms:*", principal="777788889999")], "deny": IDENTITY["deny"], "silent": IDENTITY["silent"],
                "allow": ALL}

    def grant(operations, constraint=None, grantee=ALICE, **more):
        return [{"id": "g", "grantee": grantee, "operations": operations, **(constraint or {}), **more}]

    def case(rule, allowed, who="alice", **more):
        return policies, row(rule, who, "grant" if allowed else NO_KEY, "g" if allowed else None, key="nobody", **more)

    for (name, constraint, meeting), (i, context) in itertools.product(MEETING, enumerate(CONTEXTS)):
        text = " ".join(f"{key}={value}" for key, value in context.items()) or "none"
        yield case(f"{name}; the context is {text}", i in meeting, grants=grant(["Decrypt"], constraint), encryption_context=context)
    for operation in (*WITH_CONTEXT, *UNCONCERNED, *WITHOUT_CONTEXT):
        yield case(f"{operation} by a grant without constraints", True, do="kms:" + operation, grants=grant([operation]))
        yield case(f"{operation} by a grant with a constraint, without a context", operation in UNCONCERNED, do="kms:" + operation,
                   grants=grant([operation], {"subset": {"a": "1"}}))
        yield case(f"{operation} is not what the grant says", False, do="kms:" + operation,
                   grants=grant(["Encrypt" if operation != "Encrypt" else "Decrypt"]))
    source = "arn:aws:ledger:us-west-2:111122223333:book/1"
    for operation, given, allowed in (("Encrypt", source, True), ("Encrypt", source + "0", False), ("Encrypt", None, False),
                                      ("DescribeKey", None, True), ("DescribeKey", source + "0", False), ("RetireGrant", None, True)):
        yield policies, row(f"{operation} for a source; asked for {'it' if given == source else 'another' if given else 'none'}", "service",
                            "grant" if allowed else NO_KEY, "g" if allowed else None, do="kms:" + operation, key="nobody", source_arn=given,
                            grants=[{"id": "g", "grantee_service": SERVICE, "operations": [operation], "source_arn": source}])
    # to whom, and what binds it
    for who, grantee, how in (("alice", ALICE, "itself"), ("worker", WORKER, "maker"), ("worker", WORKER_SESSION, "itself"),
                              ("worker", OWN, "account"), ("bob", ALICE, None), ("carol", CAROL, "itself"), ("remote", REMOTE, "maker"),
                              ("remote", OTHER, "account"), ("remote", CAROL, None)):
        for identity, session in itertools.product(("silent", "allow", "deny"), (None, "silent", "allow")):
            is_bound = how in ("maker", "account") or who in ("carol", "remote")
            if identity == "deny":
                expect, by = "deny in identity policy", "No"
            elif how is None:
                expect, by = NO_KEY, None
            elif how == "account" and identity == "silent":
                expect, by = NO_IDENTITY, None
            elif is_bound and session == "silent":
                expect, by = NO_SESSION, None
            else:
                expect, by = "grant", "g"
            yield policies, row(f"a grant to {grantee.split(':')[-1]}, asked by {who}; identity: {identity}; session: {session or 'none'}",
                                who, expect, by, key="nobody", identity=[identity], session=[session] if session else [],
                                grants=grant(["Decrypt"], grantee=grantee))


# --- conditions --------------------------------------------------------------------------------------------------------------

# rule, condition, what the request has, whether it is met
CONDITIONS = [
    ("StringEquals", {"StringEquals": {"kms:EncryptionContext:app": "x"}}, {"kms:EncryptionContext:app": "x"}, True),
    ("StringEquals: letter case counts", {"StringEquals": {"kms:EncryptionContext:app": "x"}}, {"kms:EncryptionContext:app": "X"}, False),
    ("StringEquals: not of the key's name", {"StringEquals": {"kms:EncryptionContext:App": "x"}}, {"kms:encryptioncontext:app": "x"}, True),
    ("StringEquals: a missing key", {"StringEquals": {"kms:EncryptionContext:app": "x"}}, {}, False),
    ("StringEquals: one of several", {"StringEquals": {"kms:KeySpec": ["RSA_2048", "RSA_4096"]}}, {"kms:KeySpec": "RSA_4096"}, True),
    ("StringEquals knows no wildcards", {"StringEquals": {"kms:KeySpec": "RSA_*"}}, {"kms:KeySpec": "RSA_4096"}, False),
    ("StringNotEquals", {"StringNotEquals": {"kms:KeySpec": "RSA_2048"}}, {"kms:KeySpec": "RSA_4096"}, True),
    ("StringNotEquals: none of several may match", {"StringNotEquals": {"kms:KeySpec": ["RSA_2048", "RSA_4096"]}}, {"kms:KeySpec": "RSA_4096"},
     False),
    ("StringNotEquals: a missing key", {"StringNotEquals": {"kms:KeySpec": "RSA_2048"}}, {}, True),
    ("StringEqualsIgnoreCase", {"StringEqualsIgnoreCase": {"kms:RequestAlias": "ALIAS/A"}}, {"kms:RequestAlias": "alias/a"}, True),
    ("StringNotEqualsIgnoreCase", {"StringNotEqualsIgnoreCase": {"kms:RequestAlias": "ALIAS/A"}}, {"kms:RequestAlias": "alias/a"}, False),
    ("StringLike: a star", {"StringLike": {"kms:RequestAlias": "alias/prod-*"}}, {"kms:RequestAlias": "alias/prod-7"}, True),
    ("StringLike: a question mark is one letter", {"StringLike": {"kms:RequestAlias": "alias/?"}}, {"kms:RequestAlias": "alias/ab"}, False),
    ("StringNotLike", {"StringNotLike": {"kms:RequestAlias": "alias/prod-*"}}, {"kms:RequestAlias": "alias/test"}, True),
    ("StringLikeIfExists: a missing key", {"StringLikeIfExists": {"kms:RequestAlias": "alias/prod-*"}}, {}, True),
    ("StringLikeIfExists: a key that is there", {"StringLikeIfExists": {"kms:RequestAlias": "alias/prod-*"}}, {"kms:RequestAlias": "alias/a"},
     False),
    ("NumericEquals", {"NumericEquals": {"kms:RotationPeriodInDays": "365"}}, {"kms:RotationPeriodInDays": 365}, True),
    ("NumericEquals: a fraction", {"NumericEquals": {"kms:RotationPeriodInDays": "365.5"}}, {"kms:RotationPeriodInDays": 365}, False),
    ("NumericNotEquals", {"NumericNotEquals": {"kms:RotationPeriodInDays": "90"}}, {"kms:RotationPeriodInDays": 365}, True),
    ("NumericLessThan: the same", {"NumericLessThan": {"kms:RotationPeriodInDays": "365"}}, {"kms:RotationPeriodInDays": 365}, False),
    ("NumericLessThanEquals: the same", {"NumericLessThanEquals": {"kms:RotationPeriodInDays": "365"}}, {"kms:RotationPeriodInDays": 365}, True),
    ("NumericGreaterThan: digits are no letters", {"NumericGreaterThan": {"kms:RotationPeriodInDays": "90"}}, {"kms:RotationPeriodInDays": 365},
     True),
    ("NumericGreaterThanEquals: less", {"NumericGreaterThanEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": "20"}},
     {"kms:ScheduleKeyDeletionPendingWindowInDays": 7}, False),
    ("DateLessThan", {"DateLessThan": {"aws:CurrentTime": "2026-11-24T00:00:00Z"}}, {"aws:CurrentTime": {"time": "2026-11-23T12:00:00Z"}}, True),
    ("DateLessThanEquals: at that moment", {"DateLessThanEquals": {"aws:CurrentTime": "2026-11-23T12:00:00Z"}},
     {"aws:CurrentTime": {"time": "2026-11-23T12:00:00Z"}}, True),
    ("DateGreaterThan: at that moment", {"DateGreaterThan": {"aws:CurrentTime": "2026-11-23T12:00:00Z"}},
     {"aws:CurrentTime": {"time": "2026-11-23T12:00:00Z"}}, False),
    ("DateEquals: another zone", {"DateEquals": {"kms:ValidTo": "2026-11-23T13:00:00+01:00"}}, {"kms:ValidTo": {"time": "2026-11-23T12:00:00Z"}},
     True),
    ("DateNotEquals", {"DateNotEquals": {"kms:ValidTo": "2026-11-23T12:00:01Z"}}, {"kms:ValidTo": {"time": "2026-11-23T12:00:00Z"}}, True),
    ("DateGreaterThanEquals: seconds since 1970", {"DateGreaterThanEquals": {"aws:EpochTime": "1700000000"}}, {"aws:EpochTime": 1700000000}, True),
    ("Bool", {"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": True}, True),
    ("Bool: letter case does not count", {"Bool": {"aws:SecureTransport": "FALSE"}}, {"aws:SecureTransport": True}, False),
    ("Bool: a missing key", {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}, {}, False),
    ("BoolIfExists: a missing key", {"BoolIfExists": {"kms:BypassPolicyLockoutSafetyCheck": "false"}}, {}, True),
    ("IpAddress", {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": {"ip": "203.0.113.77"}}, True),
    ("IpAddress: outside", {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}}, {"aws:SourceIp": {"ip": "203.0.114.1"}}, False),
    ("IpAddress: version 6", {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}}, {"aws:SourceIp": {"ip": "2001:db8::1"}}, True),
    ("NotIpAddress", {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {"aws:SourceIp": {"ip": "203.0.113.77"}}, False),
    ("NotIpAddress: a missing key", {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {}, True),
    ("ArnEquals takes wildcards", {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::led*"}}, {"aws:SourceArn": "arn:aws:s3:::ledger"}, True),
    ("ArnLike: a star stays within its field", {"ArnLike": {"aws:SourceArn": "arn:aws:*:role/a"}}, {"aws:SourceArn": "arn:aws:iam::1:role/a"},
     False),
    ("ArnLike: each field its star", {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:role/*"}}, {"aws:SourceArn": "arn:aws:iam::1:role/a"}, True),
    ("ArnNotLike", {"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:::other*"}}, {"aws:SourceArn": "arn:aws:s3:::ledger"}, True),
    ("Null true: a missing key", {"Null": {"kms:EncryptionContextKeys": "true"}}, {}, True),
    ("Null true: a key that is there", {"Null": {"kms:EncryptionContextKeys": "true"}}, {"kms:EncryptionContextKeys": ["a"]}, False),
    ("Null false: an empty list is a missing key", {"Null": {"kms:EncryptionContextKeys": "false"}}, {"kms:EncryptionContextKeys": []}, False),
    ("ForAnyValue: one is enough", {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": ["a", "b"]}},
     {"kms:EncryptionContextKeys": ["x", "b"]}, True),
    ("ForAnyValue: none of them", {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": ["a", "b"]}}, {"kms:EncryptionContextKeys": ["x"]},
     False),
    ("ForAnyValue: a missing key", {"ForAnyValue:StringEquals": {"kms:EncryptionContextKeys": ["a"]}}, {}, False),
    ("ForAllValues: all of them", {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}},
     {"kms:GrantOperations": ["Decrypt"]}, True),
    ("ForAllValues: one is another", {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}},
     {"kms:GrantOperations": ["Decrypt", "Sign"]}, False),
    ("ForAllValues: a missing key", {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt"]}}, {}, True),
    ("ForAllValues, and Null against a missing key", {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt"]},
                                                     "Null": {"kms:GrantOperations": "false"}}, {}, False),
    ("two keys: both", {"StringEquals": {"kms:KeySpec": "RSA_2048", "kms:KeyUsage": "SIGN_VERIFY"}},
     {"kms:KeySpec": "RSA_2048", "kms:KeyUsage": "SIGN_VERIFY"}, True),
    ("two keys: one of them", {"StringEquals": {"kms:KeySpec": "RSA_2048", "kms:KeyUsage": "SIGN_VERIFY"}},
     {"kms:KeySpec": "RSA_2048", "kms:KeyUsage": "ENCRYPT_DECRYPT"}, False),
    ("two operators: one of them", {"StringEquals": {"kms:KeySpec": "RSA_2048"}, "Bool": {"aws:SecureTransport": "true"}},
     {"kms:KeySpec": "RSA_2048", "aws:SecureTransport": False}, False),
    ("a variable of the caller", {"StringEquals": {"kms:EncryptionContext:owner": "${aws:username}"}}, {"kms:EncryptionContext:owner": "alice"},
     True),
    ("a variable with another value", {"StringEquals": {"kms:EncryptionContext:owner": "${aws:username}"}},
     {"kms:EncryptionContext:owner": "bob"}, False),
    ("a tag of the caller", {"StringEquals": {"kms:EncryptionContext:team": "${aws:PrincipalTag/team}"}}, {"kms:EncryptionContext:team": "red"},
     True),
    ("a variable without a value, with a default", {"StringEquals": {"kms:EncryptionContext:shift": "${aws:PrincipalTag/shift, 'day'}"}},
     {"kms:EncryptionContext:shift": "day"}, True),
    ("the caller's ARN", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OWN}:user/*"}}, {}, True),
    ("the caller's account", {"StringEquals": {"aws:PrincipalAccount": OTHER}}, {}, False),
    ("what the caller is", {"StringEquals": {"aws:PrincipalType": "User"}}, {}, True),
    ("the resource's account", {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}, {}, True),
]


def conditions():
    """A statement applies when its condition is met: in an Allow that names the caller, in a Deny, and in an identity policy."""
    policies = {"account": [statement("account", "kms:*", principal=OWN)], "allow": ALL}
    for rule, condition, request, met in CONDITIONS:
        yield policies, row(rule + " (allow)", "alice", "key policy" if met else NO_KEY, "if" if met else None,
                            key=[statement("if", "kms:Decrypt", principal=ALICE, condition=condition)], **{"with": request})
        yield policies, row(rule + " (deny)", "alice", "deny in key policy" if met else "identity policy", "if" if met else "All",
                            key=[statement("account", "kms:*", principal=OWN),
                                 statement("if", "kms:Decrypt", "Deny", principal="*", condition=condition)],
                            identity=["allow"], **{"with": request})
        yield policies, row(rule + " (identity)", "alice", "identity policy" if met else NO_IDENTITY, "If" if met else None, key="account",
                            identity=[[statement("If", "kms:*", condition=condition)]], **{"with": request})


# --- actions and resources ---------------------------------------------------------------------------------------------------

ACTIONS = [("kms:Decrypt", True), ("KMS:DECRYPT", True), ("kms:*", True), ("*", True), ("kms:De*", True), ("kms:?ecrypt", True),
           ("kms:*crypt", True), ("k?s:decrypt", True), ("kms:Encrypt", False), ("kms:Decryp", False), ("kms:Decrypt?", False), ("s3:*", False),
           ("kms:ReEncrypt*", False), ("*:Decrypt", True)]
ALIAS = f"arn:aws:kms:us-west-2:{OWN}:alias/app"
RESOURCES = [(KEY, KEY, True), ("*", KEY, True), (f"arn:aws:kms:us-west-2:{OWN}:key/*", KEY, True), (f"arn:aws:kms:*:{OWN}:key/*", KEY, True),
             ("arn:aws:kms:*:*:key/*", KEY, True), ("arn:*:kms:*:*:key/1234abcd-????-*", KEY, True), ("arn:aws:kms:*", KEY, True),
             (f"arn:aws:kms:eu-*:{OWN}:key/*", KEY, False), (f"arn:aws:kms:us-west-2:{OTHER}:key/*", KEY, False),
             (f"arn:aws:kms:us-west-2:{OWN}:alias/*", KEY, False), (KEY.replace("1234abcd", "1234ABCD"), KEY, False), (KEY[:-1], KEY, False),
             (f"arn:aws:kms:us-west-2:{OWN}:alias/*", ALIAS, True), (ALIAS, ALIAS, True), (KEY, ALIAS, False),
             (f"arn:aws:kms:us-west-2:{OWN}:alias/a?p", ALIAS, True), (f"arn:aws:kms:us-west-2:{OWN}:alias/${{aws:username}}", ALIAS, False)]


def matching():
    """Actions match without regard to letter case, resources with it; Not... is everything else."""
    policies = {"account": [statement("account", "kms:*", principal=OWN)]}
    for pattern, matches in ACTIONS:
        if not pattern.replace("*", "").split(":")[0].isalnum() and pattern != "*":
            continue  # wildcards in the service are no action
        yield policies, row(f"Action {pattern}", "alice", "identity policy" if matches else NO_IDENTITY, "A" if matches else None,
                            key="account", identity=[[statement("A", pattern)]])
        other = {"Sid": "A", "Effect": "Allow", "NotAction": pattern, "Resource": "*"}
        yield policies, row(f"NotAction {pattern}", "alice", NO_IDENTITY if matches else "identity policy", None if matches else "A",
                            key="account", identity=[[other]])
        yield policies, row(f"Action {pattern} denied", "bob", "deny in identity policy" if matches else "identity policy",
                            "D" if matches else "A", key="account",
                            identity=[[statement("A", "kms:*"), statement("D", pattern, "Deny")]])
    for pattern, resource, matches in RESOURCES:
        key = {"key": "account"} if resource == KEY else {"on": resource}
        what = "the key" if resource == KEY else "an alias"
        action = "kms:Decrypt" if resource == KEY else "kms:CreateAlias"
        yield policies, row(f"Resource {pattern}, {what}", "alice", "identity policy" if matches else NO_IDENTITY, "A" if matches else None,
                            do=action, identity=[[statement("A", "kms:*", resource=pattern)]], **key)
        other = {"Sid": "A", "Effect": "Allow", "Action": "kms:*", "NotResource": pattern}
        yield policies, row(f"NotResource {pattern}, {what}", "alice", NO_IDENTITY if matches else "identity policy",
                            None if matches else "A", do=action, identity=[[other]], **key)


def main(directory):
    total = 0
    for name, make in (("duties", duties), ("principals", principals), ("bounds", bounds), ("accounts", accounts), ("grants", grants),
                       ("conditions", conditions), ("matching", matching)):
        made = list(make())
        rules = [case["rule"] for _, case in made]
        assert len(set(rules)) == len(rules), [rule for rule in rules if rules.count(rule) > 1]
        count = write(directory, name, made[0][0], [case for _, case in made])
        print(f"{name}: {count}")
        total += count
    print(f"all: {total}")


main(sys.argv[1])

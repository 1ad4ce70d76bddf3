"""SimulatePrincipalPolicy and SimulateCustomPolicy through boto3: what they say is what happens."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import boto3  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from daemon import ACCOUNT, REGION, Daemon  # noqa: E402
from tap import check, finish  # noqa: E402

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
OTHER_KEY = KEY[:-1] + "3"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def ensure(name, holds):
    with check(name):
        assert holds


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "OK"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Resource": "*", **statement} for statement in statements]})


def entry(name, kind, *values):
    return {"ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": list(values)}


def custom(iam, documents, actions, **more):
    return iam.simulate_custom_policy(PolicyInputList=documents, ActionNames=actions, **more)["EvaluationResults"]


def decisions(results):
    return [result["EvalDecision"] for result in results]


def custom_policies(iam):
    documents = [policy({"Action": "kms:Encrypt", "Resource": KEY}),
                 policy({"Action": "kms:*"}, {"Effect": "Deny", "Action": "kms:Decrypt"})]
    got = custom(iam, documents, ["kms:Encrypt", "kms:Decrypt", "iam:GetUser"], ResourceArns=[KEY, OTHER_KEY])
    ensure("each action on each resource", [(r["EvalActionName"], r["EvalResourceName"]) for r in got] == [
        (action, arn) for action in ("kms:Encrypt", "kms:Decrypt", "iam:GetUser") for arn in (KEY, OTHER_KEY)])
    ensure("allowed, denied, not allowed", decisions(got) == [
        "allowed", "allowed", "explicitDeny", "explicitDeny", "implicitDeny", "implicitDeny"])
    sources = [[match["SourcePolicyId"] for match in r["MatchedStatements"]] for r in got]
    ensure(f"by which documents: {sources}", sources == [
        ["PolicyInputList.1", "PolicyInputList.2"], ["PolicyInputList.2"], ["PolicyInputList.2"],
        ["PolicyInputList.2"], [], []])
    ensure("no resource is any", custom(iam, documents[:1], ["kms:Encrypt"])[0]["EvalResourceName"] == "*")

    conditional = [policy({"Action": "kms:Encrypt", "Condition": {
        "StringEquals": {"aws:RequestedRegion": REGION, "aws:PrincipalTag/team": "blue"},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "NumericLessThan": {"kms:Some": "5"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "Bool": {"aws:SecureTransport": "true"}}})]
    context = [entry("aws:RequestedRegion", "string", REGION), entry("aws:principaltag/team", "string", "blue"),
               entry("aws:SourceIp", "ip", "10.1.2.3"), entry("kms:Some", "numeric", "4"),
               entry("aws:TagKeys", "stringList", "a", "b"), entry("aws:SecureTransport", "boolean", "true")]
    ensure("the context is seen", decisions(custom(iam, conditional, ["kms:Encrypt"], ContextEntries=context))
           == ["allowed"])
    for number, changed in enumerate([entry("aws:RequestedRegion", "string", "x"),
                                      entry("aws:PrincipalTag/team", "string", "red"),
                                      entry("aws:SourceIp", "ip", "11.1.2.3"), entry("kms:Some", "numeric", "5"),
                                      entry("aws:TagKeys", "stringList", "a", "c"),
                                      entry("aws:SecureTransport", "boolean", "false")]):
        other = context[:number] + [changed] + context[number + 1:]
        ensure(f"and counts: {changed['ContextKeyName']}", decisions(
            custom(iam, conditional, ["kms:Encrypt"], ContextEntries=other)) == ["implicitDeny"])
    ensure("what is missing is named", custom(iam, conditional, ["kms:Encrypt"], ContextEntries=context[1:])[0]
           ["MissingContextValues"] == ["aws:RequestedRegion"])
    named = [policy({"Action": "kms:Encrypt", "Resource": f"arn:aws:kms:*:*:key/${{aws:username}}"})]
    ensure("variables", decisions(custom(
        iam, named, ["kms:Encrypt"], ResourceArns=[KEY.split("/")[0] + "/ann"],
        ContextEntries=[entry("aws:username", "string", "ann")])) == ["allowed"])

    bounded = custom(iam, [policy({"Action": "*"})], ["kms:Encrypt", "kms:Decrypt"],
                     PermissionsBoundaryPolicyInputList=[policy({"Action": "kms:Decrypt"})])
    ensure("a boundary bounds", decisions(bounded) == ["implicitDeny", "allowed"] and [
        r["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] for r in bounded] == [False, True])

    caller = f"arn:aws:iam::{ACCOUNT}:user/ann"
    resource = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "kms:Decrypt", "Resource": "*"}]})
    got = custom(iam, [policy({"Action": "iam:GetUser"})], ["kms:Decrypt", "kms:Encrypt"], ResourceArns=[KEY],
                 ResourcePolicy=resource, CallerArn=caller)
    ensure("a resource's policy", decisions(got) == ["allowed", "implicitDeny"]
           and got[0]["MatchedStatements"][0]["SourcePolicyType"] == "Resource Policy")
    ensure("across accounts both have to allow", decisions(custom(
        iam, [policy({"Action": "iam:GetUser"})], ["kms:Decrypt"], ResourceArns=[KEY], ResourcePolicy=resource,
        CallerArn=caller, ResourceOwner="arn:aws:iam::999988887777:root")) == ["implicitDeny"])

    seen = []
    for page in iam.get_paginator("simulate_custom_policy").paginate(
            PolicyInputList=documents, ActionNames=["kms:Encrypt", "kms:Decrypt", "kms:Sign"],
            ResourceArns=[KEY, OTHER_KEY], PaginationConfig={"PageSize": 4}):
        seen.append(decisions(page["EvaluationResults"]))
    ensure("pages", seen == [["allowed", "allowed", "explicitDeny", "explicitDeny"], ["allowed", "allowed"]])

    for name, more in [("no policy", {"PolicyInputList": ["{"]}),
                       ("a policy with a principal", {"PolicyInputList": [resource]}),
                       ("no action", {"ActionNames": ["Encrypt"]}),
                       ("a pattern", {"ActionNames": ["kms:*"]}),
                       ("a resource policy without caller", {"ResourcePolicy": resource}),
                       ("a caller that is a role", {"CallerArn": f"arn:aws:iam::{ACCOUNT}:role/r"}),
                       ("an owner that is nobody", {"ResourceOwner": "me"}),
                       ("a type that is none", {"ContextEntries": [entry("aws:x", "number", "1")]}),
                       ("two values of one", {"ContextEntries": [entry("aws:x", "string", "1", "2")]}),
                       ("a key without service", {"ContextEntries": [entry("abcde", "string", "1")]}),
                       ("no base64", {"ContextEntries": [entry("aws:x", "binary", "?")]})]:
        got = code_of(iam.simulate_custom_policy, **{"PolicyInputList": documents, "ActionNames": ["kms:Encrypt"], **more})
        ensure(f"refused: {name}: {got}", got == "InvalidInput")


def principals(iam, connect):
    user = iam.create_user(UserName="sam", Tags=[{"Key": "team", "Value": "blue"}])["User"]["Arn"]
    iam.create_group(GroupName="staff")
    iam.add_user_to_group(GroupName="staff", UserName="sam")
    iam.put_group_policy(GroupName="staff", PolicyName="g", PolicyDocument=policy({"Action": "kms:ListKeys"}))
    iam.put_user_policy(UserName="sam", PolicyName="own", PolicyDocument=policy(
        {"Action": "kms:CreateKey", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}},
        {"Effect": "Deny", "Action": "kms:ListAliases"}))
    iam.attach_user_policy(UserName="sam", PolicyArn=READ_ONLY)
    key = iam.create_access_key(UserName="sam")["AccessKey"]
    kms = connect("kms", key)
    calls = {"kms:ListKeys": kms.list_keys, "kms:ListAliases": kms.list_aliases, "kms:CreateKey": kms.create_key,
             "kms:GenerateRandom": lambda: kms.generate_random(NumberOfBytes=1)}

    def compare(name, expected):
        results = iam.simulate_principal_policy(PolicySourceArn=user, ActionNames=list(calls))["EvaluationResults"]
        told = {r["EvalActionName"]: r["EvalDecision"] for r in results}
        done = {action: code_of(call) for action, call in calls.items()}
        ensure(f"{name}: {told}", told == expected)
        ensure(f"{name}: and so it is", all((told[action] == "allowed") == (done[action] == "OK") for action in calls))
        return results

    results = compare("a user", {"kms:ListKeys": "allowed", "kms:ListAliases": "explicitDeny",
                                 "kms:CreateKey": "allowed", "kms:GenerateRandom": "implicitDeny"})
    sources = [sorted(match["SourcePolicyId"] for match in r["MatchedStatements"]) for r in results]
    ensure(f"where it comes from: {sources}", sources == [
        ["ReadOnlyAccess", "group_staff_g"], ["user_sam_own"], ["user_sam_own"], []])
    iam.put_user_permissions_boundary(UserName="sam", PermissionsBoundary=READ_ONLY)
    results = compare("a bounded user", {"kms:ListKeys": "allowed", "kms:ListAliases": "explicitDeny",
                                         "kms:CreateKey": "implicitDeny", "kms:GenerateRandom": "implicitDeny"})
    ensure("with the boundary's word", [r["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"]
                                        for r in results] == [True, True, False, False])
    more = iam.simulate_principal_policy(
        PolicySourceArn=user, ActionNames=["kms:ListKeys"], PolicyInputList=[policy(
            {"Effect": "Deny", "Action": "kms:ListKeys"})])["EvaluationResults"]
    ensure("with a policy that it does not have yet", decisions(more) == ["explicitDeny"])
    group = f"arn:aws:iam::{ACCOUNT}:group/staff"
    ensure("a group", decisions(iam.simulate_principal_policy(
        PolicySourceArn=group, ActionNames=["kms:ListKeys", "kms:CreateKey"])["EvaluationResults"])
        == ["allowed", "implicitDeny"])
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": user},
                                                "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="p", PolicyDocument=policy(
        {"Action": "kms:ListKeys", "Condition": {"ArnEquals": {"aws:PrincipalArn": role}}}))
    ensure("a role", decisions(iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["kms:ListKeys"])["EvaluationResults"]) == ["allowed"])
    ensure("nobody", code_of(iam.simulate_principal_policy, PolicySourceArn=user + "x",
                             ActionNames=["kms:ListKeys"]) == "NoSuchEntity")
    who = connect("iam", key)
    iam.delete_user_permissions_boundary(UserName="sam")
    iam.detach_user_policy(UserName="sam", PolicyArn=READ_ONLY)
    ensure("not for everybody", code_of(who.simulate_principal_policy, PolicySourceArn=role,
                                        ActionNames=["kms:ListKeys"]) == "AccessDenied")
    iam.put_user_policy(UserName="sam", PolicyName="own", PolicyDocument=policy(
        {"Action": "iam:SimulatePrincipalPolicy", "Resource": user}))
    ensure("by the principal that is asked about", code_of(
        who.simulate_principal_policy, PolicySourceArn=user, ActionNames=["kms:ListKeys"]) == "OK" and code_of(
        who.simulate_principal_policy, PolicySourceArn=role, ActionNames=["kms:ListKeys"]) == "AccessDenied")


daemon = Daemon(["dev", "--account-id", ACCOUNT])
root = {"AccessKeyId": "test", "SecretAccessKey": "test"}


def connect(service, given):
    return boto3.client(service, endpoint_url=daemon.url, region_name=REGION,
                        aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"])


custom_policies(connect("iam", root))
principals(connect("iam", root), connect)
ensure("the daemon stops", daemon.stop() == 0)
finish()

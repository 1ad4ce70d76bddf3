"""Several principals with the AWS CLI, each by a profile of its own; and why they were let in or not, by kmsctl policy explain."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from daemon import Daemon  # noqa: E402
from tap import check, finish  # noqa: E402

HOME, OTHER, REGION = "111122223333", "444455556666", "eu-central-1"
USER, FOREIGN = f"arn:aws:iam::{HOME}:user/", f"arn:aws:iam::{OTHER}:user/"


def statement(action, principal=None, effect="Allow", condition=None, sid=None):
    made = {"Effect": effect, "Action": action, "Resource": "*"}
    if sid:
        made["Sid"] = sid
    if principal:
        made["Principal"] = {"AWS": principal}
    if condition:
        made["Condition"] = condition
    return made


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def keys(name):
    return [{"AccessKeyId": "AKIA" + name.upper(), "SecretAccessKey": "secret-of-" + name}]


def user(name, *policies, account=HOME, **more):
    return {"Arn": f"arn:aws:iam::{account}:user/{name}", "UserId": "AIDA" + name.upper(), "Policies": list(policies),
            "AccessKeys": keys(name), **more}


ALL = policy(statement("kms:*"))
IDENTITIES = {
    "Roots": [{"Account": HOME, "AccessKeys": keys("root")}],
    "Users": [user("admin"), user("worker"), user("bounded", ALL, PermissionsBoundary=policy(statement("kms:DescribeKey"))),
              user("denied", ALL, policy(statement("kms:Encrypt", effect="Deny", sid="NoEncrypt"))),
              user("foreign", ALL, account=OTHER), user("idle", account=OTHER)],
    "Roles": [{"Arn": f"arn:aws:iam::{HOME}:role/app", "RoleId": "AROAAPP", "Policies": [ALL], "Sessions": [
        {"Name": "narrow", "AccessKeys": keys("narrow"), "SessionPolicies": [policy(statement("kms:Encrypt"))]}]}],
}
NAMES = ["root", "admin", "worker", "bounded", "denied", "foreign", "idle", "narrow"]


def aws(profile, *arguments):
    """(status, what it printed, as JSON if it can be, what it complained)"""
    done = subprocess.run(["/usr/bin/aws", "--endpoint-url", daemon.url, "--profile", profile, "kms", *arguments],
                          capture_output=True, text=True, env=environment)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


def allowed(profile, *arguments):
    status, answer, complaint = aws(profile, *arguments)
    assert status == 0, complaint
    return answer


def denied(profile, text, *arguments):
    status, _, complaint = aws(profile, *arguments)
    assert status != 0, "it was allowed"
    assert "(AccessDeniedException)" in complaint and text in complaint, complaint


def new_key(*statements):
    return allowed("root", "create-key", "--policy", json.dumps(policy(statement("kms:*", HOME), *statements)))["KeyMetadata"]["Arn"]


def encrypt(key, *more):
    return ("encrypt", "--key-id", key, "--plaintext", "fileb://" + plain, *more)


def test_duties():
    key = new_key(statement(["kms:Describe*", "kms:Enable*", "kms:Disable*", "kms:Put*"], USER + "admin"),
                  statement(["kms:Encrypt", "kms:Decrypt"], USER + "worker"))
    with check("an administrator administers, and does not use the key"):
        allowed("admin", "disable-key", "--key-id", key)
        allowed("admin", "enable-key", "--key-id", key)
        denied("admin", "is not authorized to perform: kms:Encrypt", *encrypt(key))
    with check("a user uses the key, and does not administer it"):
        allowed("worker", *encrypt(key))
        denied("worker", "kms:DisableKey", "disable-key", "--key-id", key)
    with check("a boundary, a session policy and an explicit deny bind"):
        denied("bounded", "no permissions boundary", *encrypt(key))
        allowed("bounded", "describe-key", "--key-id", key)
        allowed("narrow", *encrypt(key))
        denied("narrow", "no session policy", "describe-key", "--key-id", key)
        denied("denied", "with an explicit deny in an identity-based policy", *encrypt(key))
    return key


def test_contexts_and_accounts():
    with check("an encryption context condition"):
        key = new_key(statement("kms:Encrypt", USER + "worker",
                                condition={"StringEquals": {"kms:EncryptionContext:department": "IT"}}))
        allowed("worker", *encrypt(key, "--encryption-context", "department=IT"))
        denied("worker", "kms:Encrypt", *encrypt(key, "--encryption-context", "department=HR"))
    with check("another account: one side alone does not open"):
        key = new_key(statement("kms:Encrypt", FOREIGN + "idle"))
        denied("idle", "kms:Encrypt", *encrypt(key))
        denied("foreign", "kms:Encrypt", *encrypt(key))
    with check("both sides do"):
        allowed("foreign", *encrypt(new_key(statement("kms:Encrypt", OTHER))))
    with check("a grant handed to another account, and taken back"):
        key = new_key()
        denied("foreign", "kms:Encrypt", *encrypt(key))
        made = allowed("root", "create-grant", "--key-id", key, "--grantee-principal", FOREIGN + "foreign", "--operations", "Encrypt")
        allowed("foreign", *encrypt(key, "--grant-tokens", made["GrantToken"]))
        allowed("root", "revoke-grant", "--key-id", key, "--grant-id", made["GrantId"])
        denied("foreign", "kms:Encrypt", *encrypt(key))


def explain(principal, action, key, *more):
    done = subprocess.run([os.environ["KMSCTL"], "policy", "explain", "--admin-socket", socket, "--principal", principal, "--action", action,
                           "--key", key, *more], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_explanations(key):
    with check("each statement is told of, and the decision"):
        lines = explain(USER + "worker", "kms:Encrypt", key)
        assert lines == [
            "  key policy, statement 1 (Allow): applies: it names the caller's account".replace("  ", "* ", 1),
            "  key policy, statement 2 (Allow): its actions do not cover kms:Encrypt",
            "* key policy, statement 3 (Allow): applies: it names the caller",
            "allowed: the key policy allows it: key policy, statement 3"], lines
    with check("a refusal is told with what denies"):
        lines = explain(USER + "denied", "Encrypt", key)
        assert lines[-2] == '* identity policy 2, statement 1 "NoEncrypt" (Deny): applies', lines
        assert lines[-1] == "denied: an identity policy denies it: identity policy 2, statement 1", lines
    with check("or with what is silent"):
        assert explain(USER + "admin", "kms:Decrypt", key)[-1] == "denied: no identity policy allows it"
        assert explain(USER + "bounded", "kms:Decrypt", key)[-1] == "denied: the permissions boundary does not allow it"
        assert explain(f"arn:aws:sts::{HOME}:assumed-role/app/narrow", "kms:Decrypt", key)[-1] == "denied: no session policy allows it"
        assert explain(FOREIGN + "foreign", "kms:Encrypt", key)[-1] == "denied: neither the key policy nor a grant allows it"
        assert explain(HOME, "kms:Encrypt", key)[-1].startswith("allowed: the caller is the account")
    with check("conditions are told with what the request has"):
        key = new_key(statement("kms:Encrypt", USER + "worker", condition={"StringEquals": {"kms:EncryptionContext:a": "b"}}),
                      statement("kms:Sign", USER + "worker", condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
        assert explain(USER + "worker", "kms:Encrypt", key)[1] == (
            "  key policy, statement 2 (Allow): the condition StringEquals of kms:EncryptionContext:a is not met: the request has none")
        assert explain(USER + "worker", "kms:Encrypt", key, "-c", "a=c")[1].endswith('is not met: the request has "c"')
        assert explain(USER + "worker", "kms:Encrypt", key, "-c", "a=b")[-1].startswith("allowed: the key policy allows it")
        assert explain(USER + "worker", "kms:Sign", key)[-1].startswith("denied")
        assert explain(USER + "worker", "kms:Sign", key, "-c", "aws:SourceIp=203.0.113.9")[-1].startswith("allowed")
    with check("who may retire grants is not up to the key policy"):
        assert explain(HOME, "RetireGrant", key) == [
            "* key policy, statement 1 (Allow): applies, but counts for nothing: key policies allow nobody to retire",
            "  key policy, statement 2 (Allow): its actions do not cover kms:RetireGrant",
            "  key policy, statement 3 (Allow): its actions do not cover kms:RetireGrant",
            "allowed: the caller is the account"]
    with check("a grant is told by its id"):
        made = allowed("root", "create-grant", "--key-id", key, "--grantee-principal", USER + "admin", "--operations", "Decrypt")
        assert explain(USER + "admin", "kms:Decrypt", key)[-1] == "allowed: a grant allows it: " + made["GrantId"]
    with check("it agrees with what the daemon does"):
        assert explain(USER + "worker", "kms:Decrypt", key)[-1].startswith("denied")
        denied("worker", "kms:DescribeKey", "describe-key", "--key-id", key)
    with check("who and what there is not"):
        for principal, action, arn, text in ((USER + "none", "kms:Encrypt", key, "is nobody that this daemon knows"),
                                             (USER + "worker", "kms:Enrypt", key, "there is no action 'kms:Enrypt'"),
                                             (USER + "worker", "kms:Encrypt", key[:-12] + "000000000000", "there is no key"),
                                             (USER + "worker", "kms:Encrypt", None, "'kms:Encrypt' is about a key"),
                                             (USER + "worker", "ListKeys", key, "'ListKeys' is not about a key")):
            done = subprocess.run([os.environ["KMSCTL"], "policy", "explain", "--admin-socket", socket, "--principal", principal,
                                   "--action", action, *(["--key", arn] if arn else [])], capture_output=True, text=True, env=environment)
            assert done.returncode == 1 and text in done.stderr, done.stderr


with tempfile.TemporaryDirectory() as folder:
    plain, socket = os.path.join(folder, "plain"), os.path.join(folder, "admin.sock")
    environment = {**os.environ, "AWS_CONFIG_FILE": os.path.join(folder, "config"), "AWS_SHARED_CREDENTIALS_FILE": os.path.join(folder, "keys")}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        environment.pop(name, None)
    with open(plain, "w") as file:
        file.write("x")
    with open(os.path.join(folder, "identities.json"), "w") as file:
        json.dump(IDENTITIES, file)
    with open(environment["AWS_CONFIG_FILE"], "w") as file:
        file.writelines(f"[profile {name}]\nregion = {REGION}\noutput = json\n" for name in NAMES)
    with open(environment["AWS_SHARED_CREDENTIALS_FILE"], "w") as file:
        file.writelines(f"[{name}]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
                        for name in NAMES for key in keys(name))
    daemon = Daemon(["dev", "--identities", os.path.join(folder, "identities.json"), "--account-id", HOME, "--admin-socket", socket])
    try:
        shared = test_duties()
        test_contexts_and_accounts()
        test_explanations(shared)
    finally:
        with check("the daemon ends cleanly"):
            assert daemon.stop() == 0
finish()

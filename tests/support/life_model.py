"""A reference model of the life of keys, for tests/faults/life.py: what operations answer, and what keys look like after.

Keys live in two regions of one account. What related multi-Region keys share is a Group; a key that is not multi-Region has
a group of its own. Operations are generators: they yield each Question to be asked, with the fault that it must meet (None:
success), are sent the answer, and then change the model. After a question that changes something nothing else is asked, so
that its effect on the model can be had without its answer ({}).
"""

import base64
import os

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from kms import b64

ACCOUNT, REGIONS, DAY = "000000000000", ("us-east-1", "eu-west-1"), 86400
ON_DEMAND_MAX = 25
PLAY = 120  # seconds by which a date may be off: the model's clock stands while questions are asked
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
WAITING = ("PENDING_ROTATION", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")


class Question:
    def __init__(self, key, operation, fault=None, changes=False, region=None, **request):
        self.region = region or key.region
        self.operation, self.fault, self.changes, self.request = operation, fault, changes, request

    def __repr__(self):
        return f"{self.operation} in {self.region} {self.request}"


class Material:
    def __init__(self, secret, state):
        self.secret, self.state, self.rotation = secret, state, None  # the secret of what kmsd made is None
        self.id = None  # once it was seen


class Group:
    """What related keys share."""

    def __init__(self, key_id, spec, external, multi, region):
        self.id, self.spec, self.external, self.multi, self.primary = key_id, spec, external, multi, region
        self.rotation = None  # (period in days, next date)
        self.materials = [] if external else [Material(None, "CURRENT")]
        self.members = {}  # region -> Key
        self.blobs = []  # (ciphertext, plaintext, material)

    @property
    def rotates(self):
        return self.spec == "SYMMETRIC_DEFAULT"

    @property
    def waiting(self):
        return next((material for material in self.materials if material.state in WAITING), None)

    def settle(self):
        """What waits for its rotation waits for its import into every region first."""
        waiting = self.waiting
        if waiting is not None and self.multi:
            everywhere = all(waiting in key.present for key in self.members.values())
            waiting.state = WAITING[0] if everywhere else WAITING[1]

    def make_current(self, material, kind):
        for other in self.materials:
            if other.state == "CURRENT":
                other.state = "NON_CURRENT"
        material.state, material.rotation = "CURRENT", kind
        for key in self.members.values():
            key.miss()


class Key:
    def __init__(self, group, region, description=""):
        self.group, self.region = group, region
        self.arn = f"arn:aws:kms:{region}:{ACCOUNT}:key/{group.id}"
        self.state = "PendingImport" if group.external else "Enabled"
        self.description, self.tags, self.grants = description, {}, set()
        self.deletion, self.window = None, None
        self.present = {}  # imported material that is here -> when it expires, or None
        self.parameters = None  # (when they were made, token, public key)
        group.members[region] = self

    @property
    def id(self):
        return self.group.id

    @property
    def is_primary(self):
        return self.group.multi and self.group.primary == self.region

    @property
    def is_replica(self):
        return self.group.multi and self.group.primary != self.region

    @property
    def is_complete(self):
        """Whether nothing that encrypts or has encrypted is missing."""
        if not self.group.external:
            return True
        permanent = [material for material in self.group.materials if material.state not in WAITING]
        return bool(permanent) and all(material in self.present for material in permanent)

    def miss(self):
        if self.state in ("Enabled", "Disabled") and not self.is_complete:
            self.state = "PendingImport"


class Model:
    """What must be so at self.now, in seconds."""

    def __init__(self, now):
        self.now = now
        self.keys = {}  # (region, id) -> Key
        self.aliases = {}  # (region, name) -> Key
        self.gone = []  # (region, ARN, id, some ciphertext or None)
        self.wants_time = None  # seconds by which an operation wants the clock moved
        self.count = 0

    def set_time(self, now):
        self.now = now
        for key in list(self.keys.values()):
            for material, expires in list(key.present.items()):
                if expires is not None and expires <= now:
                    del key.present[material]
            key.group.settle()
            key.miss()
        for key in list(self.keys.values()):
            if key.deletion is not None and key.deletion <= now:
                self.erase(key)
        for key in self.keys.values():
            self.rotate_if_due(key)

    def rotate_if_due(self, key):
        group = key.group
        if group.rotation and key.state == "Enabled" and not key.is_replica and group.rotation[1] <= self.now:
            period, due = group.rotation
            group.materials.append(Material(None, None))
            group.make_current(group.materials[-1], "AUTOMATIC")
            group.rotation = (period, due + ((self.now - due) // (period * DAY) + 1) * period * DAY)

    def erase(self, key):
        del self.keys[key.region, key.id]
        del key.group.members[key.region]
        self.gone.append((key.region, key.arn, key.id, key.group.blobs[-1][0] if key.group.blobs else None))
        self.aliases = {name: owner for name, owner in self.aliases.items() if owner is not key}
        key.group.settle()
        left = list(key.group.members.values())
        if len(left) == 1 and left[0].state == "PendingReplicaDeletion":
            left[0].state, left[0].deletion = "PendingDeletion", self.now + left[0].window * DAY

    def relatives(self, key):
        return [other for other in key.group.members.values() if other is not key]


# --- faults ------------------------------------------------------------------------------------------------------------

WORDS = {"Disabled": "disabled", "PendingDeletion": "pending deletion", "PendingReplicaDeletion": "pending replica deletion",
         "PendingImport": "pending import"}


def state_fault(key, allowed):
    if key.state in allowed:
        return None
    code = "DisabledException" if key.state == "Disabled" else "KMSInvalidStateException"
    return code, f"{key.arn} is {WORDS[key.state]}."


def origin_fault(key):
    return "UnsupportedOperationException", \
        f"{key.arn} origin is {'EXTERNAL' if key.group.external else 'AWS_KMS'} which is not valid for this operation."


def replica_fault(key):
    return "UnsupportedOperationException", f"{key.arn} is not a multi-region primary key."


def first(*faults):
    return next((fault for fault in faults if fault), None)


USABLE, CHANGEABLE = ("Enabled",), ("Enabled", "Disabled", "PendingImport")


# --- operations --------------------------------------------------------------------------------------------------------

OPERATIONS = []


def often(times):
    def add(function):
        OPERATIONS.extend([function] * times)
        return function
    return add


def on_key(function):
    """An operation on some key; without any, one is made."""
    def run(model, rng):
        if model.keys:
            return function(model, rng, rng.choice(list(model.keys.values())))
        return create(model, rng)
    run.__name__ = function.__name__
    return run


@often(3)
def create(model, rng):
    region = rng.choice(REGIONS)
    spec, usage, external = rng.choice(
        [("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", False)] * 4 + [("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", True)] * 4 +
        [("HMAC_256", "GENERATE_VERIFY_MAC", False), ("ECC_NIST_P256", "SIGN_VERIFY", False)])
    multi = rng.random() < 0.5
    answer = yield Question(None, "CreateKey", region=region, KeySpec=spec, KeyUsage=usage, MultiRegion=multi,
                            Origin="EXTERNAL" if external else "AWS_KMS")
    key_id = answer["KeyMetadata"]["KeyId"]
    model.keys[region, key_id] = Key(Group(key_id, spec, external, multi, region), region)


@often(4)
@on_key
def enable(model, rng, key):
    yield Question(key, "EnableKey", state_fault(key, ("Enabled", "Disabled")), changes=True, KeyId=key.id)
    key.state = "Enabled"
    model.wants_time = 0  # what became due meanwhile is done before anybody looks


@often(2)
@on_key
def disable(model, rng, key):
    yield Question(key, "DisableKey", state_fault(key, ("Enabled", "Disabled")), changes=True, KeyId=key.id)
    key.state = "Disabled"


@often(1)
@on_key
def describe(model, rng, key):
    text = "".join(rng.choice("abc é") for _ in range(rng.randrange(20)))
    yield Question(key, "UpdateKeyDescription", state_fault(key, CHANGEABLE), changes=True, KeyId=key.id, Description=text)
    key.description = text


@often(2)
@on_key
def schedule_deletion(model, rng, key):
    days = rng.randrange(7, 31)
    waits = key.is_primary and bool(model.relatives(key))
    answer = yield Question(key, "ScheduleKeyDeletion", state_fault(key, CHANGEABLE), changes=True, KeyId=key.id,
                            PendingWindowInDays=days)
    key.state, key.window = "PendingReplicaDeletion" if waits else "PendingDeletion", days
    if answer:
        assert answer["KeyState"] == key.state and answer["PendingWindowInDays"] == days, answer
        assert ("DeletionDate" in answer) is not waits, answer
    if not waits:
        key.deletion = answer.get("DeletionDate", model.now + days * DAY)


@often(3)
@on_key
def cancel_deletion(model, rng, key):
    fault = None if key.state in ("PendingDeletion", "PendingReplicaDeletion") else (
        "KMSInvalidStateException", f"{key.arn} is not pending deletion.")
    yield Question(key, "CancelKeyDeletion", fault, changes=True, KeyId=key.id)
    key.state, key.deletion, key.window = "Disabled", None, None
    key.miss()


@often(2)
@on_key
def rotation_on(model, rng, key):
    days = rng.choice([90, 100, 365, 2560])
    fault = first(key.group.external and origin_fault(key), state_fault(key, USABLE),
                  not key.group.rotates and ("UnsupportedOperationException", ""), key.is_replica and replica_fault(key))
    yield Question(key, "EnableKeyRotation", fault, changes=True, KeyId=key.id, RotationPeriodInDays=days)
    if key.group.rotation is None or key.group.rotation[0] != days:
        key.group.rotation = (days, model.now + days * DAY)


@often(1)
@on_key
def rotation_off(model, rng, key):
    fault = first(key.group.external and origin_fault(key), state_fault(key, USABLE), key.is_replica and replica_fault(key))
    yield Question(key, "DisableKeyRotation", fault, changes=True, KeyId=key.id)
    key.group.rotation = None


@often(3)
@on_key
def rotate(model, rng, key):
    group = key.group
    waiting = group.waiting
    ready = waiting is not None and waiting.state == WAITING[0] and waiting in key.present
    on_demand = sum(material.rotation == "ON_DEMAND" for material in group.materials)
    fault = first(
        state_fault(key, USABLE), not group.rotates and ("UnsupportedOperationException", ""),
        key.is_replica and replica_fault(key),
        group.external and not ready and (
            "KMSInvalidStateException", f"No available key material pending rotation for the key: {key.arn}."),
        on_demand >= ON_DEMAND_MAX and ("LimitExceededException", None))
    yield Question(key, "RotateKeyOnDemand", fault, changes=True, KeyId=key.id)
    if not group.external:
        group.materials.append(Material(None, None))
    group.make_current(waiting if group.external else group.materials[-1], "ON_DEMAND")


@often(1)
@on_key
def tag(model, rng, key):
    name, value = rng.choice("abcdef"), str(rng.randrange(100))
    yield Question(key, "TagResource", state_fault(key, CHANGEABLE), changes=True, KeyId=key.id,
                   Tags=[{"TagKey": name, "TagValue": value}])
    key.tags[name] = value


@often(1)
@on_key
def untag(model, rng, key):
    name = rng.choice("abcdef")
    yield Question(key, "UntagResource", state_fault(key, CHANGEABLE), changes=True, KeyId=key.id, TagKeys=[name])
    key.tags.pop(name, None)


@often(2)
@on_key
def alias(model, rng, key):
    name = f"alias/{rng.randrange(30)}"
    former = model.aliases.get((key.region, name))
    if former is None:
        yield Question(key, "CreateAlias", state_fault(key, CHANGEABLE), changes=True, AliasName=name, TargetKeyId=key.id)
    else:
        fault = first(state_fault(key, CHANGEABLE), former.group.spec != key.group.spec and ("ValidationException", None))
        yield Question(key, "UpdateAlias", fault, changes=True, AliasName=name, TargetKeyId=key.id)
    model.aliases[key.region, name] = key


@often(1)
def unalias(model, rng):
    region, name = rng.choice(REGIONS), f"alias/{rng.randrange(30)}"
    fault = None if (region, name) in model.aliases else (
        "NotFoundException", f"Alias arn:aws:kms:{region}:{ACCOUNT}:{name} is not found.")
    yield Question(None, "DeleteAlias", fault, changes=True, region=region, AliasName=name)
    del model.aliases[region, name]


@often(2)
@on_key
def grant(model, rng, key):
    answer = yield Question(key, "CreateGrant", state_fault(key, USABLE), KeyId=key.id, GranteePrincipal=ROOT,
                            Operations=["DescribeKey"])
    key.grants.add(answer["GrantId"])


@often(1)
@on_key
def revoke(model, rng, key):
    grant_id = rng.choice(sorted(key.grants) + ["0" * 64])
    fault = None if grant_id in key.grants else ("NotFoundException", f"Grant ID {grant_id} not found")
    yield Question(key, "RevokeGrant", fault, changes=True, KeyId=key.id, GrantId=grant_id)
    key.grants.remove(grant_id)


@often(4)
@on_key
def encrypt(model, rng, key):
    if not key.group.rotates:
        return
    plaintext = b64(os.urandom(8))
    names = [key.id, key.arn] + [name for (region, name), owner in model.aliases.items() if owner is key]
    answer = yield Question(key, "Encrypt", state_fault(key, USABLE), KeyId=rng.choice(names), Plaintext=plaintext)
    assert answer["KeyId"] == key.arn, answer
    current = next(material for material in key.group.materials if material.state == "CURRENT")
    key.group.blobs.append((answer["CiphertextBlob"], plaintext, current))


@often(4)
@on_key
def decrypt(model, rng, key):
    if not key.group.blobs:
        return
    blob, plaintext, material = rng.choice(key.group.blobs)
    answer = yield Question(key, "Decrypt", state_fault(key, USABLE), CiphertextBlob=blob)
    assert answer["Plaintext"] == plaintext and answer["KeyId"] == key.arn, answer
    assert material.id in (None, answer["KeyMaterialId"]), "opened with another version's material"


@often(1)
def ask_for_the_dead(model, rng):
    """A deleted key is gone for good, and what it encrypted with it, unless a related key is left."""
    dead = [entry for entry in model.gone if (entry[0], entry[2]) not in model.keys]
    if not dead:
        return
    region, arn, key_id, blob = rng.choice(dead)
    operation = rng.choice(["DescribeKey", "EnableKey", "CancelKeyDeletion", "RotateKeyOnDemand"])
    if blob is not None and rng.random() < 0.5:
        yield Question(None, "Decrypt", ("AccessDeniedException", None), region=region, CiphertextBlob=blob)
    else:
        yield Question(None, operation, ("NotFoundException", f"Key '{arn}' does not exist"), region=region, KeyId=key_id)


@often(1)
def advance(model, rng):
    model.wants_time = rng.choice([60, DAY, 8 * DAY, 30 * DAY, 100 * DAY, 400 * DAY])
    return
    yield  # a generator, as all of them


# --- several regions ---------------------------------------------------------------------------------------------------

def other_region(region):
    return REGIONS[1 - REGIONS.index(region)]


@often(3)
@on_key
def replicate(model, rng, key):
    region = rng.choice([other_region(key.region)] * 4 + [key.region])
    taken = region in key.group.members
    arn = f"arn:aws:kms:{region}:{ACCOUNT}:key/{key.id}"
    fault = first(state_fault(key, USABLE), not key.is_primary and replica_fault(key),
                  taken and ("AlreadyExistsException", f"Key {arn} already exists"))
    yield Question(key, "ReplicateKey", fault, changes=True, KeyId=key.id, ReplicaRegion=region, Description="a replica")
    model.keys[region, key.id] = Key(key.group, region, "a replica")
    key.group.settle()


@often(2)
@on_key
def move_primary(model, rng, key):
    region = rng.choice([other_region(key.region)] * 4 + [key.region])
    there = key.group.members.get(region) if key.is_primary and region != key.region else None
    arn = f"arn:aws:kms:{region}:{ACCOUNT}:key/{key.id}"
    fault = first(
        state_fault(key, USABLE), there is not None and state_fault(there, USABLE), not key.is_primary and replica_fault(key),
        region == key.region and ("UnsupportedOperationException", f"{key.arn} is the multi-region primary key already."),
        there is None and ("NotFoundException", f"Key '{arn}' does not exist"))
    yield Question(key, "UpdatePrimaryRegion", fault, changes=True, KeyId=key.id, PrimaryRegion=region)
    key.group.primary = region


# --- material that is brought ------------------------------------------------------------------------------------------

def on_external_key(function):
    def run(model, rng):
        keys = [key for key in model.keys.values() if key.group.external]
        return function(model, rng, rng.choice(keys)) if keys else create(model, rng)
    run.__name__ = function.__name__
    return run


def wrap(public_key, secret):
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return b64(serialization.load_der_public_key(public_key).encrypt(secret, oaep))


def import_fault(key, material, kind):
    """Whether that material (None: none of the key's) may be brought as that kind."""
    group = key.group
    is_new = kind == "NEW_KEY_MATERIAL" or (kind is None and not group.materials)
    if (material is not None) == is_new:
        return "IncorrectKeyMaterialException", ""
    if is_new and key.is_replica:
        return replica_fault(key)
    return is_new and group.waiting is not None and ("KMSInvalidStateException", None)


@often(8)
@on_external_key
def bring(model, rng, key):
    group = key.group
    if key.state not in CHANGEABLE:
        yield Question(key, "GetParametersForImport", state_fault(key, CHANGEABLE), KeyId=key.id,
                       WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    age = model.now - key.parameters[0] if key.parameters else None
    if age is None or age > DAY + PLAY and rng.random() < 0.7 or abs(age - DAY) <= PLAY:
        given = yield Question(key, "GetParametersForImport", KeyId=key.id, WrappingAlgorithm="RSAES_OAEP_SHA_256",
                               WrappingKeySpec="RSA_2048")
        key.parameters = (model.now, given["ImportToken"], base64.b64decode(given["PublicKey"]))
        age = 0
    missing = [material for material in group.materials if material not in key.present]
    material = rng.choice([rng.choice(missing or [None])] * 3 + [rng.choice(group.materials or [None])] + [None])
    kind = rng.choice([None, None, "EXISTING_KEY_MATERIAL", "NEW_KEY_MATERIAL"] if material else
                      [None if not group.materials else "NEW_KEY_MATERIAL"] * 3 + [None])
    secret = material.secret if material else os.urandom(32)
    expires = rng.choice([None, None, round(model.now) + rng.choice([2, 20, 300]) * DAY])
    fault = first(age > DAY and ("ExpiredImportTokenException", ""), import_fault(key, material, kind))
    request = {"ImportType": kind} if kind else {}
    request.update({"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"} if expires is None else {"ValidTo": expires})
    answer = yield Question(key, "ImportKeyMaterial", fault, changes=True, KeyId=key.id, ImportToken=key.parameters[1],
                            EncryptedKeyMaterial=wrap(key.parameters[2], secret), **request)
    if material is None:
        material = Material(secret, WAITING[0] if group.materials else "CURRENT")
        group.materials.append(material)
    if answer:
        assert material.id in (None, answer["KeyMaterialId"]), "the same material has another id"
    key.present[material] = expires
    group.settle()
    if key.state == "PendingImport" and key.is_complete:
        key.state = "Enabled"


@often(3)
@on_external_key
def take_away(model, rng, key):
    material = next((material for material in key.group.materials if material.state == "CURRENT"), None)
    named = rng.choice([None] + [other for other in key.group.materials if other.id])
    material, request = (named, {"KeyMaterialId": named.id}) if named else (material, {})
    yield Question(key, "DeleteImportedKeyMaterial", changes=True, KeyId=key.id, **request)
    key.present.pop(material, None)
    if material is not None and material.state in WAITING and not key.is_replica:
        key.group.materials.remove(material)
        for member in key.group.members.values():
            member.present.pop(material, None)
    key.group.settle()
    key.miss()


@often(1)
@on_key
def import_into_any(model, rng, key):
    """Only keys of imported material take any."""
    if not key.group.external:
        operation = rng.choice(["GetParametersForImport", "DeleteImportedKeyMaterial"])
        more = {} if operation.startswith("Delete") else {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        yield Question(key, operation, origin_fault(key), KeyId=key.id, **more)


# --- comparing the whole -----------------------------------------------------------------------------------------------

def pages(kms, operation, member, limit, **request):
    items, marker = [], {}
    while True:
        answer = kms.call(operation, Limit=limit, **request, **marker)
        items += answer[member]
        if not answer["Truncated"]:
            return items
        marker = {"Marker": answer["NextMarker"]}


def compare_metadata(key, seen):
    group = key.group
    assert seen["KeyState"] == key.state and seen["Enabled"] == (key.state == "Enabled"), (seen, key.state)
    assert seen["Description"] == key.description and seen["Arn"] == key.arn, seen
    assert ("DeletionDate" in seen) == (key.deletion is not None), (seen, key.deletion)
    if key.deletion is not None:
        assert abs(seen["DeletionDate"] - key.deletion) < PLAY, (seen, key.deletion)
        key.deletion = seen["DeletionDate"]
    if group.multi:
        regions = seen["MultiRegionConfiguration"]
        assert regions["PrimaryKey"]["Region"] == group.primary, regions
        assert {entry["Region"] for entry in regions["ReplicaKeys"]} == set(group.members) - {group.primary}, regions
        assert regions["MultiRegionKeyType"] == ("PRIMARY" if key.is_primary else "REPLICA"), regions
    here = [key.present[material] for material in group.materials if material in key.present and material.state not in WAITING]
    dates = [date for date in here if date is not None]
    assert seen.get("ExpirationModel") == (None if not here else f"KEY_MATERIAL_{'EXPIRES' if dates else 'DOES_NOT_EXPIRE'}"), seen
    assert seen.get("ValidTo") == (min(dates) if dates else None), (seen, dates)


def compare_rotation(key, status):
    enabled = key.group.rotation is not None and key.deletion is None
    assert status["KeyRotationEnabled"] == enabled, (status, key.group.rotation)
    if enabled:
        assert status["RotationPeriodInDays"] == key.group.rotation[0], status
        assert abs(status["NextRotationDate"] - key.group.rotation[1]) < PLAY, (status, key.group.rotation)


def compare_materials(key, seen, listed):
    group = key.group
    states = [material.state for material in group.materials]
    assert [entry["KeyMaterialState"] for entry in listed] == states, (key.arn, listed, states)
    for entry, material in zip(listed, group.materials):
        assert entry.get("RotationType") == material.rotation, (entry, vars(material))
        assert material.id in (None, entry["KeyMaterialId"]), "material changed its id"
        material.id = entry["KeyMaterialId"]
        if group.external:
            assert entry["ImportState"] == ("IMPORTED" if material in key.present else "PENDING_IMPORT"), (entry, vars(key))
            assert entry.get("ValidTo") == key.present.get(material), (entry, key.present)
    current = [material.id for material in group.materials if material.state == "CURRENT"]
    assert seen.get("CurrentKeyMaterialId") == (current[0] if current else None), (seen, current)
    assert len({material.id for material in group.materials}) == len(group.materials)


def compare_key(model, key, kms):
    seen = kms.call("DescribeKey", KeyId=key.id)["KeyMetadata"]
    compare_metadata(key, seen)
    tags = {entry["TagKey"]: entry["TagValue"] for entry in pages(kms, "ListResourceTags", "Tags", 3, KeyId=key.id)}
    assert tags == key.tags, (tags, key.tags)
    aliases = {entry["AliasName"] for entry in pages(kms, "ListAliases", "Aliases", 2, KeyId=key.id)}
    assert aliases == {name for (_, name), owner in model.aliases.items() if owner is key}, aliases
    grants = {entry["GrantId"] for entry in pages(kms, "ListGrants", "Grants", 2, KeyId=key.id)}
    assert grants == key.grants, (grants, key.grants)
    compare_rotation(key, kms.call("GetKeyRotationStatus", KeyId=key.id))
    if key.group.rotates:
        compare_materials(key, seen, pages(kms, "ListKeyRotations", "Rotations", 5, KeyId=key.id,
                                           IncludeKeyMaterial="ALL_KEY_MATERIAL"))
    if key.state == "Enabled":
        for blob, plaintext, _ in key.group.blobs[-2:] + key.group.blobs[:1]:
            assert kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == plaintext


def compare(model, callers):
    for region, kms in callers.items():
        ids = [entry["KeyId"] for entry in pages(kms, "ListKeys", "Keys", 7)]
        assert ids == sorted(key_id for where, key_id in model.keys if where == region), (ids, list(model.keys))
        names = [entry["AliasName"] for entry in pages(kms, "ListAliases", "Aliases", 7)]
        assert names == sorted(name for where, name in model.aliases if where == region), names
    for key in model.keys.values():
        compare_key(model, key, callers[key.region])

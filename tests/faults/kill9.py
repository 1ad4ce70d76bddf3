"""kill -9 in a stream of mutations: what was acknowledged is there after restart, nothing is half-done.

Each round starts `kmsd run` on the same data directory, lets several clients create keys and aliases
and schedule deletions, kills the daemon at a random moment, restarts it, and compares: every
acknowledged change must be there; a change that was under way may be there whole or not at all.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from daemon import Daemon, client, init_data_dir  # noqa: E402
from tap import check, finish  # noqa: E402

import botocore.exceptions  # noqa: E402

ROUNDS = 200 if os.environ.get("KMS_TEST_LONG") == "1" else 12
CLIENTS = 3
SEED = int(os.environ.get("KMS_TEST_SEED", "0")) or random.SystemRandom().randrange(1 << 32)


class Journal:
    """What was asked for and what was acknowledged, across all rounds."""

    def __init__(self):
        self.lock = threading.Lock()
        self.keys = {}  # key id -> expected state; a set when the last change was not acknowledged
        self.aliases = {}  # alias name -> key id, or None when its creation was not acknowledged
        self.unacknowledged_keys = 0


def mutate(kms, journal, rng, worker, round_number, stop):
    """Creates keys and aliases, schedules and cancels deletions, until the daemon dies."""
    number = 0
    while not stop.is_set():
        number += 1
        with journal.lock:
            journal.unacknowledged_keys += 1
        key_id = kms.create_key(Description=f"{round_number}/{worker}/{number}",
                                Tags=[{"TagKey": "round", "TagValue": str(round_number)}])["KeyMetadata"]["KeyId"]
        with journal.lock:
            journal.unacknowledged_keys -= 1
            journal.keys[key_id] = {"Enabled"}
        name = f"alias/r{round_number}w{worker}n{number}"
        with journal.lock:
            journal.aliases[name] = (key_id, False)
        kms.create_alias(AliasName=name, TargetKeyId=key_id)
        with journal.lock:
            journal.aliases[name] = (key_id, True)
        if rng.random() < 0.5:
            with journal.lock:
                journal.keys[key_id] = {"Enabled", "PendingDeletion"}
            kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
            with journal.lock:
                journal.keys[key_id] = {"PendingDeletion"}


def run_mutator(*args):
    try:
        mutate(*args)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        pass  # the daemon was killed under this request


def verify(kms, journal):
    """Compares the daemon's state with the journal; returns a list of differences."""
    problems = []
    listed = {entry["KeyId"] for page in kms.get_paginator("list_keys").paginate() for entry in page["Keys"]}
    aliases = {entry["AliasName"]: entry.get("TargetKeyId")
               for page in kms.get_paginator("list_aliases").paginate() for entry in page["Aliases"]}
    for key_id, states in journal.keys.items():
        if key_id not in listed:
            problems.append(f"acknowledged key {key_id} is gone")
            continue
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        if metadata["KeyState"] not in states:
            problems.append(f"key {key_id} is {metadata['KeyState']}, expected one of {states}")
        if (metadata["KeyState"] == "PendingDeletion") != ("DeletionDate" in metadata):
            problems.append(f"key {key_id} has half a deletion")
        journal.keys[key_id] = {metadata["KeyState"]}
    for name, (key_id, acknowledged) in list(journal.aliases.items()):
        if name not in aliases:
            if acknowledged:
                problems.append(f"acknowledged alias {name} is gone")
            del journal.aliases[name]
        elif aliases[name] != key_id:
            problems.append(f"alias {name} points to {aliases[name]}")
        else:
            journal.aliases[name] = (key_id, True)
    unknown = listed - set(journal.keys)
    if len(unknown) > journal.unacknowledged_keys:
        problems.append(f"{len(unknown)} keys that nobody asked for")
    for key_id in unknown:  # whole or not at all: an unacknowledged key that is there must work
        metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"whole")["CiphertextBlob"]
        tags = kms.list_resource_tags(KeyId=key_id)["Tags"]
        if kms.decrypt(CiphertextBlob=blob)["Plaintext"] != b"whole" or len(tags) != 1:
            problems.append(f"unacknowledged key {key_id} is there by half")
        journal.keys[key_id] = {metadata["KeyState"]}
    journal.unacknowledged_keys = 0
    return problems


def main():
    print(f"# seed {SEED}, {ROUNDS} rounds")
    rng = random.Random(SEED)
    journal = Journal()
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        credentials = init_data_dir(data)
        sealed = None
        for round_number in range(ROUNDS):
            daemon = Daemon(["run", "--data-dir", data])
            stop = threading.Event()
            workers = [threading.Thread(target=run_mutator, daemon=True,
                                        args=(client(daemon.url, credentials, retries=0), journal,
                                              random.Random(rng.random()), worker, round_number, stop))
                       for worker in range(CLIENTS)]
            for worker in workers:
                worker.start()
            time.sleep(0.05 + rng.random() * 0.6)
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait()
            stop.set()
            for worker in workers:
                worker.join(30)
            daemon = Daemon(["run", "--data-dir", data])
            kms = client(daemon.url, credentials)
            with check(f"round {round_number}: after kill -9, {len(journal.keys)} keys"):
                problems = verify(kms, journal)
                assert not problems, "; ".join(problems[:5])
            if sealed is None and journal.keys:
                key_id = next(k for k, states in journal.keys.items() if states == {"Enabled"})
                sealed = kms.encrypt(KeyId=key_id, Plaintext=b"from the first round")["CiphertextBlob"]
            daemon.stop()
        with check("enough happened to mean something"):
            assert len(journal.keys) >= ROUNDS, f"only {len(journal.keys)} keys"
        with check("what the first round encrypted still opens"):
            daemon = Daemon(["run", "--data-dir", data])
            kms = client(daemon.url, credentials)
            assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"from the first round"
            daemon.stop()
    finish()


main()

"""The life of keys against a model: random operations, time that moves, restarts and kill -9 in between.

A reference model of a few hundred lines (tests/support/life_model.py) says what every operation must answer and what every
key must look like, in two regions; kmsd must agree, also after a restart, also after kill -9. An operation that was under
way when the daemon was killed may have happened or not, but not in part: the model splits in two, one of which must hold.
Wrapped material that is gone from the store must be gone from its files. KMS_TEST_SEED repeats a run.
"""

import copy
import glob
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from daemon import Daemon, kmsd  # noqa: E402
from kms import Fault, Kms, b64  # noqa: E402
from life_model import OPERATIONS, REGIONS, Model, compare  # noqa: E402
from tap import check, finish  # noqa: E402

LONG = os.environ.get("KMS_TEST_LONG") == "1"
SEQUENCES = int(os.environ.get("KMS_TEST_SEQUENCES", "0")) or (2000 if LONG else 14)
# a change is judged by the same sequences each time; others are looked for with --long
SEED = int(os.environ.get("KMS_TEST_SEED", "0")) or (random.SystemRandom().randrange(1 << 32) if LONG else 7)
MOST_KEYS = 24

rng = random.Random(SEED)


class World:
    """The daemon on its data directory, and the model of what it must hold."""

    def __init__(self, directory):
        self.directory, self.daemon, self.callers = directory, None, None
        self.data = os.path.join(directory, "data")
        self.wrapped = {}  # bytes of material that was seen in the store -> whose
        self.destroyed = 0  # pieces of material that were looked for in vain
        self.start()
        self.model = Model(self.time())

    def start(self):
        self.daemon = Daemon(["dev", "--data-dir", self.data, "--virtual-clock", "--admin-socket",
                              os.path.join(self.directory, "socket")])
        self.callers = {region: Kms(self.daemon.url, region=region) for region in REGIONS}

    def admin(self, *words):
        out = subprocess.run([kmsd(), "admin", "--socket", os.path.join(self.directory, "socket"), *words],
                             check=True, capture_output=True, text=True).stdout
        return json.loads(out)

    def time(self):
        return self.admin("time", "show")["NowMs"] / 1000

    def advance(self, seconds):
        """The model's clock stands in between, which is why dates are compared with some play."""
        self.model.set_time(self.admin("time", "advance", f"seconds:={seconds}")["NowMs"] / 1000)

    def restart(self, kill):
        before = self.time()
        if kill:
            self.daemon.process.kill()
            self.daemon.process.wait()
        else:
            assert self.daemon.stop() == 0, self.daemon.output()
            self.look_for_destroyed_material()
        self.start_at(before)

    def start_at(self, moment):
        """A virtual clock begins at the real time: put it back to where it was."""
        self.start()
        self.admin("time", "advance", f"seconds:={round(moment - self.time())}")

    def look_for_destroyed_material(self):
        """What is in no row any more is in no file. The daemon does not run."""
        with sqlite3.connect(os.path.join(self.data, "kmsd.db")) as store:
            rows = store.execute("SELECT region, key_id, hex(material_id), wrapped FROM materials WHERE wrapped <> x''")
            here = {bytes(wrapped): owner for *owner, wrapped in rows}
        store.close()
        owners = list(here.values())
        destroyed = [wrapped for wrapped, owner in self.wrapped.items() if owner not in owners]
        for name in glob.glob(os.path.join(self.data, "kmsd.db*")):
            with open(name, "rb") as file:
                content = file.read()
            for wrapped in destroyed:
                assert content.find(wrapped) < 0, f"destroyed material of {self.wrapped[wrapped]} is in {name}"
        self.wrapped = here
        self.destroyed += len(destroyed)

    # --- asking ---

    def ask(self, question):
        """Asks what an operation of the model yields; what it foretells must come."""
        try:
            answer = self.callers[question.region].call(question.operation, **question.request)
        except Fault as fault:
            assert question.fault is not None, f"unforeseen {fault} to {question}"
            code, text = question.fault
            assert fault.code == code and (text is None or fault.message == text), f"{fault}, foretold {question.fault}"
            return None
        assert question.fault is None, f"{question} succeeded"
        return answer if answer is not None else {}

    def step(self, operation):
        """One operation, with all that it asks."""
        talk = operation(self.model, rng)
        try:
            question = next(talk)
            while True:
                answer = self.ask(question)
                if answer is None:
                    return
                question = talk.send(answer)
        except StopIteration:
            pass
        if self.model.wants_time is not None:
            self.advance(self.model.wants_time)
            self.model.wants_time = None

    def killed_step(self, operation):
        """An operation under which the daemon is killed. Its last question is the one that changes something."""
        without = copy.deepcopy(self.model)
        talk = operation(self.model, rng)
        try:
            question = next(talk)
            while not question.changes:
                answer = self.ask(question)
                if answer is None:
                    return
                question = talk.send(answer)
        except StopIteration:
            return
        before = self.time()
        killer = threading.Timer(rng.random() * 0.004, self.daemon.process.send_signal, [signal.SIGKILL])
        killer.start()
        answer = None
        try:
            answer = self.callers[question.region].call(question.operation, **question.request)
        except Fault as fault:
            assert question.fault is not None, f"unforeseen {fault} to {question}"
        except Exception:  # noqa: BLE001 - the connection breaks in many ways
            pass
        killer.join()
        self.daemon.process.wait()
        try:
            if question.fault is None:
                talk.send(answer if answer is not None else {})
        except StopIteration:
            pass
        self.model.wants_time = None
        self.start_at(before)
        if question.fault is not None:
            self.model = without
        elif answer is None:
            self.take_what_holds(without)
        self.advance(0)

    def take_what_holds(self, without):
        now = self.time()
        self.model.set_time(now)
        try:
            compare(self.model, self.callers)
        except (AssertionError, Fault):
            self.model = without
            self.model.set_time(now)
            compare(self.model, self.callers)


def run(world):
    counts = {"operations": 0, "restarts": 0, "kills": 0}
    for _ in range(SEQUENCES):
        for _ in range(rng.randrange(10, 60)):
            operation = rng.choice(OPERATIONS)
            if len(world.model.keys) < MOST_KEYS or operation.__name__ != "create":
                world.step(operation)
                counts["operations"] += 1
        compare(world.model, world.callers)
        moment = rng.random()
        if moment < 0.25:
            world.restart(kill=False)
            counts["restarts"] += 1
        elif moment < 0.45:
            world.restart(kill=True)
            counts["kills"] += 1
        elif moment < 0.95:
            world.killed_step(rng.choice(OPERATIONS))
            counts["kills"] += 1
        compare(world.model, world.callers)
    assert world.daemon.stop() == 0
    world.look_for_destroyed_material()
    return dict(counts, destroyed=world.destroyed)


directory = tempfile.mkdtemp(prefix="life-")
try:
    with check(f"keys live as the model says (seed {SEED})"):
        world = World(directory)
        try:
            counts = run(world)
            print(f"# {SEQUENCES} sequences, {counts}, {len(world.model.keys)} keys, {len(world.model.gone)} deleted", flush=True)
        finally:
            if world.daemon.process.poll() is None:
                world.daemon.process.kill()
finally:
    shutil.rmtree(directory, ignore_errors=True)
finish()

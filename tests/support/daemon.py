"""Starts kmsd for test programs and makes boto3 clients for it."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config

ACCOUNT = "111122223333"
REGION = "eu-central-1"


def kmsd():
    return os.path.abspath(os.environ["KMSD"])


def init_data_dir(path, account=ACCOUNT, region=REGION):
    """Runs `kmsd init` and returns the account root's credentials."""
    out = subprocess.run([kmsd(), "init", "--data-dir", path, "--account-id", account, "--region", region,
                          "--output", "json"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


class Leavings:
    """What tests/support/trail_secrets.py wants of a daemon with a data directory: its trail and log, and what went
    over the wire, in a folder of its own beside $KMS_TEST_LEFT."""

    numbers = itertools.count()

    def __init__(self, url, data_dir):
        self.folder = f"{os.environ['KMS_TEST_LEFT']}.{next(self.numbers)}"
        self.trail = os.path.join(data_dir, "audit")
        os.makedirs(os.path.join(self.folder, "wire"))
        self.tap = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "wiretap.py"), url,
                                     os.path.join(self.folder, "wire")], stdout=subprocess.PIPE, text=True)
        self.url = self.tap.stdout.readline().split()[-1]

    def keep(self, log):
        self.tap.terminate()
        self.tap.wait()
        self.tap.stdout.close()
        shutil.copy(log, os.path.join(self.folder, "log"))
        shutil.copytree(self.trail, os.path.join(self.folder, "trail"))


class Daemon:
    """A running kmsd. url is where it listens; stop() drains it and returns its exit status."""

    def __init__(self, arguments, ready_within_s=60):
        self.log = tempfile.NamedTemporaryFile("w+", prefix="kmsd-", suffix=".log")
        self.process = subprocess.Popen([kmsd(), *arguments, "--listen", "127.0.0.1:0"],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + ready_within_s
        self.url = None
        while self.url is None:
            found = re.search(r"listening on (https?://\S+)", self.output())
            if found:
                self.url = found.group(1)
            elif self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError("kmsd did not start: " + self.output())
            else:
                time.sleep(0.005)
        self.leavings = None
        if "KMS_TEST_LEFT" in os.environ and "--data-dir" in arguments and self.url.startswith("http:"):
            self.leavings = Leavings(self.url, arguments[arguments.index("--data-dir") + 1])
            self.url = self.leavings.url

    def output(self):
        with open(self.log.name) as log:
            return log.read()

    def stop(self):
        self.process.terminate()
        try:
            status = self.process.wait(30)
            if self.leavings is not None:
                self.leavings.keep(self.log.name)
            return status
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def client(url, credentials, region=REGION, retries=2):
    """A boto3 KMS client; retries = 0 sees every failure."""
    return boto3.client("kms", endpoint_url=url, region_name=region,
                        aws_access_key_id=credentials["AccessKeyId"],
                        aws_secret_access_key=credentials["SecretAccessKey"],
                        config=Config(retries={"total_max_attempts": retries + 1}, connect_timeout=5,
                                      read_timeout=30, max_pool_connections=16))

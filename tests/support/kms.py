"""KMS calls as raw JSON, signed: the answers are seen as they are, whatever the age of boto3."""

import base64
import http.client
import json
import os
import time
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")


def b64(data):
    return base64.b64encode(data).decode()


class Fault(Exception):
    """An error answer: code, message ("" where there is none), HTTP status, whether a message was there."""

    def __init__(self, operation, status, body):
        self.code = body.get("__type", "")
        self.message = body.get("message", body.get("Message", ""))
        self.has_message = "message" in body or "Message" in body
        self.status = status
        super().__init__(f"{operation}: {status} {self.code}: {self.message}")


class Kms:
    """One caller over one connection. call() returns the decoded answer (None when it is empty) or raises Fault."""

    def __init__(self, endpoint=ENDPOINT, region="us-east-1", access_key="test", secret="test", timeout=60):
        self.endpoint, self.region = endpoint, region
        self.signer = SigV4Auth(Credentials(access_key, secret), "kms", region)
        parts = urllib.parse.urlsplit(endpoint)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self.last_used = time.monotonic()

    def call(self, operation, **request):
        return self.call_body(operation, json.dumps(request).encode())

    def call_body(self, operation, body):
        request = AWSRequest("POST", self.endpoint + "/", data=body, headers={
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService." + operation})
        self.signer.add_auth(request)
        if time.monotonic() - self.last_used > 20:
            self.connection.close()  # the daemon closes silent ones after a minute; it opens again by itself
        self.last_used = time.monotonic()
        try:
            self.connection.request("POST", "/", body=body, headers=dict(request.headers.items()))
            answer = self.connection.getresponse()
            data = answer.read()
        except (http.client.HTTPException, OSError):
            self.connection.close()
            raise
        decoded = json.loads(data) if data else None
        if answer.status != 200:
            raise Fault(operation, answer.status, decoded or {})
        return decoded

    def fault(self, operation, **request):
        """The Fault of a call that must fail."""
        try:
            answer = self.call(operation, **request)
        except Fault as fault:
            return fault
        raise AssertionError(f"{operation} succeeded: {answer}")

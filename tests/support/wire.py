"""Raw requests, signed by botocore's own SigV4 implementation: for what an SDK would never send."""

import http.client
import json
import os
import urllib.parse

import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
REGION = os.environ.get("AWS_REGION", "us-east-1")
ROOT = Credentials("test", "test")
JSON = "application/x-amz-json-1.1"


class Answer:
    """status, headers (case-insensitive), body (bytes), and the body decoded."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cbor(self):
        return cbor2.loads(self.body)


def send(method, path, headers, body, endpoint=ENDPOINT, timeout=30):
    """Sends exactly these headers (and Content-Length) over a connection of its own."""
    parts = urllib.parse.urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def sign(path, headers, body, credentials=ROOT, region=REGION, service="kms", endpoint=ENDPOINT):
    """The headers of a signed POST, as a plain dictionary."""
    request = AWSRequest("POST", endpoint + path, data=body, headers=dict(headers))
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


def call_json(operation, request, content_type=JSON, **signing):
    """One AWS JSON 1.1 call; request is a dictionary or raw bytes."""
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    headers = {"Content-Type": content_type, "X-Amz-Target": "TrentService." + operation}
    return send("POST", "/", sign("/", headers, body, **signing), body)


def call_cbor(operation, request, extra=None, path=None, **signing):
    """One Smithy RPC v2 CBOR call; request is a dictionary or raw bytes."""
    body = request if isinstance(request, bytes) else cbor2.dumps(request)
    headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor", "Accept": "application/cbor"}
    headers.update(extra or {})
    path = path or "/service/TrentService/operation/" + operation
    return send("POST", path, sign(path, headers, body, **signing), body)

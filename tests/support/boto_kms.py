"""KMS calls through boto3 with the published model of today (tests/vectors/api/kms-api.json), whatever boto3's age.

boto3's own checks of parameters are off, so that requests which the model refuses reach the service. BotoKms has the
face of kms.Kms: requests and answers with blobs in base64 and times as numbers. An answer is what stood on the wire, and
boto3 must have read it: as success, or as the error of that code and text.
"""

import base64
import json
import os
import tempfile

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from kms import ENDPOINT, Fault

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "api", "kms-api.json")
PRIMITIVES = ("string", "integer", "boolean", "blob", "timestamp")


def service_model(api):
    """The model in the form that botocore reads."""
    def members(structure):
        return {name: {"shape": entry["type"]} for name, entry in structure.items()}

    shapes = {kind: {"type": kind} for kind in PRIMITIVES}
    for name, structure in api["structures"].items():
        shapes[name] = {"type": "structure", "members": members(structure),
                        "required": [member for member, entry in structure.items() if entry.get("required")]}
    for name, entry in api["types"].items():
        shape = {"type": entry["type"]}
        for part in ("member", "key", "value"):
            if part in entry:
                shape[part] = {"shape": entry[part]}
        shapes[name] = shape
    for name, error in api["errors"].items():
        shapes[name] = {"type": "structure", "exception": True, "members": {"message": {"shape": "string"}},
                        "error": {"httpStatusCode": error["http"]}}
    operations = {}
    for name, entry in api["operations"].items():
        operation = {"name": name, "http": {"method": "POST", "requestUri": "/"}}
        for side in ("input", "output"):
            if entry.get(side):
                operation[side] = {"shape": entry[side]}
        operation["errors"] = [{"shape": error} for error in entry["errors"]]
        operations[name] = operation
    return {"version": "2.0", "operations": operations, "shapes": shapes, "metadata": {
        "apiVersion": api["apiVersion"], "endpointPrefix": "kms", "jsonVersion": "1.1", "protocol": "json",
        "protocols": ["json"], "serviceFullName": api["service"], "serviceId": "KMS", "signatureVersion": "v4",
        "signingName": api["signingName"], "targetPrefix": api["targetPrefix"]}}


class BotoKms:
    """One caller; see above."""

    def __init__(self, endpoint=ENDPOINT, region="us-east-1", access_key="test", secret="test"):
        with open(MODEL) as file:
            self.api = json.load(file)
        self.answer = None
        with tempfile.TemporaryDirectory(prefix="model-") as folder:
            place = os.path.join(folder, "kms", self.api["apiVersion"])
            os.makedirs(place)
            with open(os.path.join(place, "service-2.json"), "w") as file:
                json.dump(service_model(self.api), file)
            session = Session()
            session.get_component("data_loader").search_paths.insert(0, folder)
            self.client = boto3.Session(botocore_session=session).client(
                "kms", endpoint_url=endpoint, region_name=region, aws_access_key_id=access_key,
                aws_secret_access_key=secret, config=Config(parameter_validation=False, retries={"total_max_attempts": 1},
                                                            read_timeout=120))
        self.client.meta.events.register("after-call.kms", self.keep)

    def keep(self, http_response, **_):
        self.answer = http_response

    def native(self, type_name, value):
        """A value with its blobs as bytes."""
        entry = self.api["types"].get(type_name, {"type": type_name})
        if type_name in self.api["structures"]:
            members = self.api["structures"][type_name]
            return {name: self.native(members[name]["type"], member) for name, member in value.items()}
        if entry["type"] == "list":
            return [self.native(entry["member"], item) for item in value]
        return base64.b64decode(value) if entry["type"] == "blob" else value

    def call(self, operation, **request):
        shape = self.api["operations"][operation]["input"]
        parameters = self.native(shape, request) if shape else request
        try:
            getattr(self.client, xform_name(operation))(**parameters)
        except ClientError as error:
            fault = Fault(operation, self.answer.status_code, json.loads(self.answer.content))
            seen = error.response["Error"]
            assert (seen["Code"], seen.get("Message", "")) == (fault.code, fault.message), f"{seen}, not {fault}"
            assert error.response["ResponseMetadata"]["RequestId"], error
            if fault.code in self.api["errors"]:
                assert isinstance(error, getattr(self.client.exceptions, fault.code)), type(error)
            raise fault from None
        assert self.answer.status_code == 200, self.answer.status_code
        return json.loads(self.answer.content) if self.answer.content else None

    def fault(self, operation, **request):
        """The Fault of a call that must fail."""
        try:
            answer = self.call(operation, **request)
        except Fault as fault:
            return fault
        raise AssertionError(f"{operation} succeeded: {answer}")

"""Every error of KMS, IAM and STS that a client can provoke is provoked, and has AWS's code, status and shape.

The errors are those of the service models of botocore. An error of an implemented operation that is neither
provoked nor listed with a reason fails the suite.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fnmatch import fnmatch

import boto3
import iam_errors
import kms_errors
import pytest
import sts_errors
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from gateway import REGION, ROOT_USER, Gateway
from iam_world import World as IamWorld
from kms_world import World as KmsWorld

NAMESPACES = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
Pair = tuple[str, str]


class Service:
    """A client that checks nothing before it sends, and shows the bytes of what it got."""

    def __init__(self, gateway: Gateway, name: str, user: object = ROOT_USER) -> None:
        self.name = name
        keys = user if isinstance(user, dict) else {"AccessKeyId": user.access_key, "SecretAccessKey": user.secret_key}
        self.client = boto3.session.Session().client(
            name,
            endpoint_url=gateway.https,
            verify=gateway.ca,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        self.client.meta.events.register("before-parse", self.seen)
        self.raw: dict = {}

    def seen(self, response_dict: dict, **_: object) -> None:
        self.raw = response_dict

    @property
    def model(self):
        return self.client.meta.service_model

    def errors(self, operation: str) -> dict[str, int]:
        """The codes that the model gives an operation, and their statuses."""
        found = {}
        for shape in self.model.operation_model(operation).error_shapes:
            error = shape.metadata.get("error", {})
            # KMS gives none: 500 for its own faults, else 400.
            fault = 500 if shape.metadata.get("fault") or shape.name in FAULTS else 400
            found[error.get("code", shape.name)] = error.get("httpStatusCode", fault)
        return found

    def call(self, operation: str, asked: dict) -> tuple[int, str]:
        """The status and the error code, if there is one."""
        try:
            answer = getattr(self.client, xform_name(operation))(**asked)
            return answer["ResponseMetadata"]["HTTPStatusCode"], ""
        except ClientError as error:
            self.check_shape(error.response)
            return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]

    def implemented(self) -> list[str]:
        return [name for name in self.model.operation_names if self.call(name, {})[0] != 501]

    def check_shape(self, parsed: dict) -> None:
        status, headers, body = (self.raw[part] for part in ("status_code", "headers", "body"))
        error, number = parsed["Error"], headers["x-amzn-requestid"]
        assert number
        if self.name == "kms":
            assert headers["content-type"] == "application/x-amz-json-1.1"
            document = json.loads(body)
            assert document["__type"] == error["Code"]
            assert set(document) <= {"__type", "message"} and document.get("message", "x")
            # AWS says nothing where a word would tell too much.
            if error["Code"] not in SILENT:
                assert document.get("message"), document
            return
        assert headers["content-type"] == "text/xml"
        root, names = ET.fromstring(body), {"n": NAMESPACES[self.name]}
        assert root.tag == f"{{{NAMESPACES[self.name]}}}ErrorResponse"
        assert [child.tag.split("}")[1] for child in root] == ["Error", "RequestId"]
        assert [child.tag.split("}")[1] for child in root[0]] == ["Type", "Code", "Message"]
        assert root.findtext("n:Error/n:Type", namespaces=names) == ("Sender" if status < 500 else "Receiver")
        assert root.findtext("n:Error/n:Message", namespaces=names)
        assert root.findtext("n:RequestId", namespaces=names) == number


FAULTS = ("KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException")
SILENT = (
    "InvalidCiphertextException",
    "KMSInvalidSignatureException",
    "KMSInvalidMacException",
    "UnsupportedOperationException",
)


@pytest.fixture(scope="module")
def gateway(new_gateway) -> Gateway:
    return new_gateway()


@pytest.fixture(scope="module")
def kms(gateway: Gateway) -> Service:
    return Service(gateway, "kms")


@pytest.fixture(scope="module")
def iam(gateway: Gateway) -> Service:
    return Service(gateway, "iam")


@pytest.fixture(scope="module")
def kms_world(gateway: Gateway) -> KmsWorld:
    return KmsWorld(gateway)


@pytest.fixture(scope="module")
def iam_world(gateway: Gateway) -> IamWorld:
    return IamWorld(gateway)


@pytest.fixture(scope="module")
def sessions(iam_world: IamWorld) -> sts_errors.Sessions:
    return sts_errors.Sessions(iam_world)


@pytest.fixture(scope="module")
def sts(gateway: Gateway, sessions: sts_errors.Sessions) -> Service:
    return Service(gateway, "sts", sessions.someone.credentials)


def by_operation(provoked: dict[Pair, list[Callable]]) -> dict[str, list[tuple[str, Callable]]]:
    found: dict[str, list[tuple[str, Callable]]] = {}
    for (operation, error), calls in sorted(provoked.items()):
        found.setdefault(operation, []).extend((error, call) for call in calls)
    return found


def provoke(service: Service, operation: str, cases: list[tuple[str, Callable]], *world: object) -> None:
    statuses, wrong = service.errors(operation), []
    for number, (error, asked) in enumerate(cases):
        found = service.call(operation, asked(*world))
        if found != (statuses.get(error, 400), error):
            wrong.append(
                f"call {number}: {found} instead of {(statuses.get(error, 400), error)}: {service.raw['body']!r}"
            )
    assert not wrong, "\n".join(wrong)


KMS_CASES = by_operation(kms_errors.PROVOKED)
IAM_CASES = by_operation(iam_errors.PROVOKED)
STS_CASES = by_operation(sts_errors.PROVOKED)


@pytest.mark.parametrize("operation", KMS_CASES)
def test_errors_of_kms(kms: Service, kms_world, operation: str) -> None:
    provoke(kms, operation, KMS_CASES[operation], kms_world)


@pytest.mark.parametrize("operation", IAM_CASES)
def test_errors_of_iam(iam: Service, iam_world, operation: str) -> None:
    provoke(iam, operation, IAM_CASES[operation], iam_world)


@pytest.mark.parametrize("operation", STS_CASES)
def test_errors_of_sts(sts: Service, iam_world, sessions, operation: str) -> None:
    provoke(sts, operation, STS_CASES[operation], iam_world, sessions)


@pytest.mark.parametrize("number", range(len(kms_errors.COMMON)))
def test_errors_that_every_operation_of_kms_has(kms: Service, kms_world, number: int) -> None:
    operation, error, asked = kms_errors.COMMON[number]
    assert kms.call(operation, asked(kms_world)) == (400, error), kms.raw["body"]


def check_coverage(service: Service, provoked: set[Pair], reasons: list) -> None:
    implemented = service.implemented()
    pairs = {(operation, error) for operation in implemented for error in service.errors(operation)}
    used: set[int] = set()

    def reason(pair: Pair) -> bool:
        fitting = {
            number
            for number, (operations, errors, _) in enumerate(reasons)
            if any(fnmatch(pair[0], name) for name in operations) and any(fnmatch(pair[1], name) for name in errors)
        }
        used.update(fitting)
        return bool(fitting)

    neither = sorted(pair for pair in pairs - provoked if not reason(pair))
    assert not neither, f"neither provoked nor with a reason: {neither}"
    both = sorted(pair for pair in pairs & provoked if reason(pair))
    assert not both, f"provoked in spite of a reason: {both}"
    of_no_model = sorted(pair for pair in provoked - pairs if pair[0] in implemented)
    assert not of_no_model, f"not in the model: {of_no_model}"
    known = set(service.model.operation_names)
    for number, (operations, _, why) in enumerate(reasons):
        assert why
        # What is not implemented needs none, and may have one.
        absent = set(operations) <= known - set(implemented)
        assert number in used or absent or "test_key_stores.py" in why, f"a reason for nothing: {reasons[number]}"


def test_every_error_of_kms_is_provoked_or_has_a_reason(kms: Service) -> None:
    check_coverage(kms, set(kms_errors.PROVOKED), kms_errors.REASONS)


def test_every_error_of_iam_is_provoked_or_has_a_reason(iam: Service) -> None:
    check_coverage(iam, set(iam_errors.PROVOKED), iam_errors.REASONS)


def test_every_error_of_sts_is_provoked_or_has_a_reason(sts: Service) -> None:
    check_coverage(sts, set(sts_errors.PROVOKED), sts_errors.REASONS)

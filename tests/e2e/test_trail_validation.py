"""`aws cloudtrail validate-logs`, unmodified, on what a trail delivered into a bucket of the gateway: it finds
everything valid, and what was changed or taken away."""

from __future__ import annotations

import datetime
import gzip
import json
import re
import time

import pytest
from conftest import Failed, Shell
from gateway import ACCOUNT, Gateway

FOLDER = f"some/prefix/AWSLogs/{ACCOUNT}/"
LOGS, DIGESTS = FOLDER + "CloudTrail/us-east-1/", FOLDER + "CloudTrail-Digest/us-east-1/"


class Delivered:
    """A trail that delivered log files and two digests, and logs no more."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.s3 = gateway, gateway.client()
        trails, kms = gateway.client("cloudtrail"), gateway.client("kms", scheme="https")
        self.begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
        self.s3.create_bucket(Bucket="logs")
        self.arn = trails.create_trail(
            Name="watched", S3BucketName="logs", S3KeyPrefix="some/prefix", EnableLogFileValidation=True
        )["TrailARN"]
        # A digest is made when logging stops, too. The second continues the chain.
        for round_ in (1, 2):
            trails.start_logging(Name="watched")
            kms.create_key(Description=f"round {round_}")
            trails.stop_logging(Name="watched")
            self.wait_for(round_)
        self.originals = {name: self.s3.get_object(Bucket="logs", Key=name) for name in self.names(FOLDER)}
        self.bodies = {name: answer["Body"].read() for name, answer in self.originals.items()}

    def names(self, prefix: str) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket="logs", Prefix=prefix).get("Contents", [])]

    def wait_for(self, digests: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.names(DIGESTS)) < digests:
            assert time.monotonic() < deadline, self.names("")
            time.sleep(0.2)

    def restore(self) -> None:
        for name, body in self.bodies.items():
            self.s3.put_object(Bucket="logs", Key=name, Body=body, Metadata=self.originals[name]["Metadata"])


@pytest.fixture(scope="module")
def trail(new_gateway) -> Delivered:
    return Delivered(new_gateway(config='trail_delivery = "1s"\n'))


@pytest.fixture(autouse=True)
def whole(trail: Delivered):
    yield
    trail.restore()


def validate(trail: Delivered, aws) -> tuple[bool, str]:
    """Whether the CLI ended well, and what it said."""
    shell: Shell = aws(trail.gateway)
    begin = trail.begin.strftime("%Y-%m-%dT%H:%M:%SZ")
    command = ["aws", "cloudtrail", "validate-logs", "--trail-arn", trail.arn, "--start-time", begin, "--verbose"]
    try:
        return True, shell.run(*command)
    except Failed as failure:
        return False, str(failure)


def counted(said: str, kind: str) -> list[tuple[str, ...]]:
    return re.findall(rf"(\d+)/(\d+) {kind} files (valid|INVALID)", said)


def test_what_was_delivered_is_valid(trail: Delivered, aws) -> None:
    well, said = validate(trail, aws)
    logs = str(len(trail.names(LOGS)))
    assert well and "INVALID" not in said, said
    assert counted(said, "digest") == [("2", "2", "valid")], said
    assert counted(said, "log") == [(logs, logs, "valid")] and int(logs) >= 2, said


def test_a_record_that_was_changed_is_found(trail: Delivered, aws) -> None:
    name = trail.names(LOGS)[0]
    document = json.loads(gzip.decompress(trail.bodies[name]))
    document["Records"][0]["sourceIPAddress"] = "192.0.2.1"
    trail.s3.put_object(Bucket="logs", Key=name, Body=gzip.compress(json.dumps(document).encode()))
    well, said = validate(trail, aws)
    assert not well
    assert re.search(rf"Log file\ts3://logs/{re.escape(name)}\tINVALID: hash value doesn't match", said), said
    assert ("1", str(len(trail.names(LOGS))), "INVALID") in counted(said, "log"), said


def test_a_log_file_that_was_deleted_is_missed(trail: Delivered, aws) -> None:
    name = trail.names(LOGS)[-1]
    trail.s3.delete_object(Bucket="logs", Key=name)
    well, said = validate(trail, aws)
    assert not well
    assert re.search(rf"Log file\ts3://logs/{re.escape(name)}\tINVALID: not found", said), said


def test_a_digest_that_was_changed_is_found(trail: Delivered, aws) -> None:
    name = trail.names(DIGESTS)[-1]
    document = json.loads(gzip.decompress(trail.bodies[name]))
    document["logFiles"] = []
    body = gzip.compress(json.dumps(document).encode())
    trail.s3.put_object(Bucket="logs", Key=name, Body=body, Metadata=trail.originals[name]["Metadata"])
    well, said = validate(trail, aws)
    assert not well
    assert re.search(rf"Digest file\ts3://logs/{re.escape(name)}\tINVALID: signature verification failed", said), said


def test_a_digest_that_was_deleted_is_missed(trail: Delivered, aws) -> None:
    name = trail.names(DIGESTS)[0]
    trail.s3.delete_object(Bucket="logs", Key=name)
    well, said = validate(trail, aws)
    assert not well
    assert re.search(rf"Digest file\ts3://logs/{re.escape(name)}\tINVALID: not found", said), said

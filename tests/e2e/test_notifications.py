"""Events of objects get to their targets: each event, only what was asked for, at least once, also through a crash."""

from __future__ import annotations

import json
import queue
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError
from conftest import unique
from gateway import ACCOUNT, CANONICAL_ID, CAROL, OTHER_ACCOUNT, REGION, ROOT_USER, Gateway, StartRefused, binary, clean_environment

TOKEN = "hook-token-hook-token-0001"
PATIENCE = 30


class Hook:
    """A webhook: keeps what it gets, and answers what `answer` says."""

    def __init__(self, port: int = 0) -> None:
        self.got: queue.Queue[dict] = queue.Queue()
        self.answer: Callable[[dict], int] = lambda _: 200
        self.authorization: set[str | None] = set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                hook.authorization.add(self.headers["authorization"])
                status = hook.answer(body)
                if 200 <= status < 300:
                    hook.got.put(body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def next(self) -> dict:
        return self.got.get(timeout=PATIENCE)

    def record(self) -> dict:
        """The next message, which is one of S3's."""
        message = self.next()
        assert list(message) == ["Records"] and len(message["Records"]) == 1
        return message["Records"][0]

    def test_event(self, bucket: str) -> None:
        message = self.next()
        assert message["Event"] == "s3:TestEvent" and message["Bucket"] == bucket
        assert message["Service"] == "Amazon S3" and message["RequestId"] and message["HostId"]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


def config(hook: Hook, more: str = "") -> str:
    return f"""
[notifications.hook]
kind = "webhook"
url = "http://127.0.0.1:{hook.port}/events"
token = "{TOKEN}"
timeout = "5s"

[notifications.file]
kind = "queue"
{more}
"""


BRIDGE = """
[notifications.eventbridge]
kind = "queue"
"""


def arn(name: str, service: str = "sqs", account: str = ACCOUNT, region: str = REGION) -> str:
    prefix = "function:" if service == "lambda" else ""
    return f"arn:aws:{service}:{region}:{account}:{prefix}{name}"


def queue_to(name: str, *events: str, **rules: str) -> dict:
    configuration = {"Id": unique("id"), "QueueArn": arn(name), "Events": list(events)}
    if rules:
        found = [{"Name": name, "Value": value} for name, value in rules.items()]
        configuration["Filter"] = {"Key": {"FilterRules": found}}
    return configuration


def subscribe(s3, bucket: str, *queues: dict, **more: object) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": list(queues)} | more
    )


def lines(path: Path, count: int) -> list[dict]:
    """The first lines of a queue file, when there are so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = path.read_text().splitlines() if path.exists() else []
        if len(found) >= count:
            return [json.loads(line) for line in found]
        assert time.monotonic() < deadline, f"{len(found)} lines of {count}"
        time.sleep(0.05)


def new_bucket(gateway: Gateway, user=ROOT_USER) -> str:
    bucket = unique("events")
    gateway.client(user=user).create_bucket(Bucket=bucket)
    return bucket


def refused(call: Callable[[], object]) -> dict:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error


def test_each_event_is_told_in_the_form_of_s3(new_gateway, hook: Hook) -> None:
    gateway = new_gateway(config=config(hook))
    s3, bucket = gateway.client(), new_bucket(gateway)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )
    wanted = queue_to(
        "hook", "s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put", "s3:ObjectRestore:*"
    )
    subscribe(s3, bucket, wanted)
    hook.test_event(bucket)
    assert hook.authorization == {f"Bearer {TOKEN}"}

    key = "a dir/ü+1.txt"
    answer = s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
    put = hook.record()
    assert put["eventVersion"] == "2.1" and put["eventSource"] == "aws:s3" and put["awsRegion"] == REGION
    assert put["eventName"] == "ObjectCreated:Put"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", put["eventTime"])
    assert put["userIdentity"]["principalId"].startswith("AWS:")
    assert put["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    metadata = answer["ResponseMetadata"]
    assert put["responseElements"] == {
        "x-amz-request-id": metadata["RequestId"],
        "x-amz-id-2": metadata["HostId"],
    }
    assert put["s3"]["s3SchemaVersion"] == "1.0" and put["s3"]["configurationId"] == wanted["Id"]
    assert put["s3"]["bucket"] == {
        "name": bucket,
        "ownerIdentity": {"principalId": CANONICAL_ID},
        "arn": f"arn:aws:s3:::{bucket}",
    }
    thing = put["s3"]["object"]
    assert thing["key"] == "a+dir/%C3%BC%2B1.txt" and urllib.parse.unquote_plus(thing["key"]) == key
    assert thing["size"] == 5 and f'"{thing["eTag"]}"' == answer["ETag"] and "versionId" not in thing

    def told(name: str) -> dict:
        record = hook.record()
        assert record["eventName"] == name
        return record["s3"]["object"]

    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert told("ObjectCreated:Copy")["size"] == 5
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    assert told("ObjectCreated:CompleteMultipartUpload")["key"] == "parts"
    form = s3.generate_presigned_post(Bucket=bucket, Key="form")
    assert requests.post(form["url"], data=form["fields"], files={"file": b"x"}, timeout=30).status_code == 204
    assert told("ObjectCreated:Post")["size"] == 1

    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    told("ObjectTagging:Put")
    s3.delete_object_tagging(Bucket=bucket, Key=key)
    told("ObjectTagging:Delete")
    s3.put_object_acl(Bucket=bucket, Key=key, ACL="bucket-owner-full-control")
    told("ObjectAcl:Put")

    s3.delete_object(Bucket=bucket, Key="nothing there")
    s3.delete_object(Bucket=bucket, Key=key)
    removed = told("ObjectRemoved:Delete")
    assert removed["key"] == thing["key"] and "size" not in removed
    assert removed["sequencer"] > thing["sequencer"] and len(removed["sequencer"]) == len(thing["sequencer"])

    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="copy", Body=b"2")["VersionId"]
    assert told("ObjectCreated:Put")["versionId"] == version
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}]})["Deleted"][0]
    assert told("ObjectRemoved:DeleteMarkerCreated")["versionId"] == deleted["DeleteMarkerVersionId"]
    s3.delete_object(Bucket=bucket, Key="copy", VersionId=version)
    assert told("ObjectRemoved:Delete")["versionId"] == version
    assert hook.got.empty()
    assert TOKEN not in gateway.log()


def test_filters_choose_keys_and_the_file_keeps_the_order(new_gateway, hook: Hook) -> None:
    gateway = new_gateway(config=config(hook))
    s3, bucket = gateway.client(), new_bucket(gateway)
    subscribe(
        s3,
        bucket,
        queue_to("file", "s3:ObjectCreated:Put", Prefix="in/", suffix=".jpg"),
        queue_to("hook", "s3:ObjectCreated:Put", prefix="other/"),
    )
    hook.test_event(bucket)
    for key in ("in/1.png", "in/1.jpg", "out/1.jpg", "in/2.jpg", "in/1.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="in/1.jpg")
    s3.put_object(Bucket=bucket, Key="other/last", Body=b"x")
    assert hook.record()["s3"]["object"]["key"] == "other/last"
    path = gateway.data / "queues" / "file.jsonl"
    test, *records = lines(path, 4)
    assert test["Event"] == "s3:TestEvent"
    objects = [message["Records"][0]["s3"]["object"] for message in records]
    assert [thing["key"] for thing in objects] == ["in/1.jpg", "in/2.jpg", "in/1.jpg"]
    assert [thing["sequencer"] for thing in objects] == sorted(thing["sequencer"] for thing in objects)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_configuration_is_returned_as_it_was_put_and_can_be_taken_away(new_gateway, hook: Hook) -> None:
    gateway = new_gateway(config=config(hook))
    s3, bucket = gateway.client(), new_bucket(gateway)

    def get() -> dict:
        found = s3.get_bucket_notification_configuration(Bucket=bucket)
        return {name: value for name, value in found.items() if name != "ResponseMetadata"}

    assert get() == {}
    events = ["s3:ObjectCreated:*", "s3:ReducedRedundancyLostObject"]
    rules = {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a&b/"}]}}
    put = {
        "QueueConfigurations": [{"Id": "q", "QueueArn": arn("hook"), "Events": events, "Filter": rules}],
        "TopicConfigurations": [{"Id": "t", "TopicArn": arn("hook", "sns"), "Events": ["s3:ObjectRemoved:Delete"]}],
        "LambdaFunctionConfigurations": [
            {"Id": "f", "LambdaFunctionArn": arn("file", "lambda"), "Events": ["s3:ObjectTagging:Put"]}
        ],
    }
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=put)
    assert get() == put
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert get() == {}
    s3.put_object(Bucket=bucket, Key="a&b/c", Body=b"untold")
    assert gateway.metric("sealgate_notifications_total", outcome="delivered") == 0


def test_what_cannot_be_told_is_refused_and_changes_nothing(new_gateway, hook: Hook) -> None:
    more = f'[notifications.theirs]\nkind = "queue"\naccounts = ["{OTHER_ACCOUNT}"]\n'
    gateway = new_gateway(config=config(hook, more))
    s3, bucket = gateway.client(), new_bucket(gateway)
    put = "s3:ObjectCreated:Put"
    subscribe(s3, bucket, queue_to("file", put))
    before = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    unable = "Unable to validate the following destination configurations"

    for queues, message in (
        ([queue_to("nowhere", put)], unable),
        ([queue_to("theirs", put)], unable),
        ([queue_to("file", put) | {"QueueArn": arn("file", account=OTHER_ACCOUNT)}], unable),
        ([queue_to("file", put) | {"QueueArn": arn("file", region="eu-west-1")}], "region is not valid"),
        ([queue_to("file", put) | {"QueueArn": arn("file", "sns")}], "The ARN is not well formed"),
        ([queue_to("file", "s3:ObjectCreated:Move")], "event is not supported"),
        ([queue_to("file", put), queue_to("hook", "s3:ObjectCreated:*")], "Configurations overlap"),
        ([queue_to("file", put, prefix="a"), queue_to("hook", put, prefix="ab")], "ambiguously defined"),
        ([queue_to("file", put, infix="a")], "prefix or suffix"),
        ([queue_to("file", put, prefix="a", Prefix="b")], "more than one prefix"),
    ):
        error = refused(lambda queues=queues: subscribe(s3, bucket, *queues))
        assert error["Code"] == "InvalidArgument" and message in error["Message"], error
    error = refused(lambda: subscribe(s3, bucket, EventBridgeConfiguration={}))
    assert error["Code"] == "InvalidArgument" and error["Message"] == unable

    hook.answer = lambda _: 503
    error = refused(lambda: subscribe(s3, bucket, queue_to("hook", put)))
    assert error["Message"] == unable
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"] == before
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [queue_to("hook", put)]},
        SkipDestinationValidation=True,
    )

    theirs, carol = new_bucket(gateway, CAROL), gateway.client(user=CAROL)
    subscribe(carol, theirs, queue_to("theirs", put) | {"QueueArn": arn("theirs", account=OTHER_ACCOUNT)})


def test_eventbridge_gets_everything_in_its_envelope(new_gateway, hook: Hook) -> None:
    gateway = new_gateway(config=config(hook, BRIDGE))
    s3, bucket = gateway.client(), new_bucket(gateway)
    subscribe(s3, bucket, EventBridgeConfiguration={})
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["EventBridgeConfiguration"] == {}
    s3.put_object(Bucket=bucket, Key="a b", Body=b"123")
    s3.delete_object(Bucket=bucket, Key="a b")
    created, deleted = lines(gateway.data / "queues" / "eventbridge.jsonl", 2)
    assert created["source"] == "aws.s3" and created["account"] == ACCOUNT and created["region"] == REGION
    assert created["detail-type"] == "Object Created" and created["detail"]["reason"] == "PutObject"
    assert created["resources"] == [f"arn:aws:s3:::{bucket}"]
    thing = created["detail"]["object"]
    assert thing["key"] == "a b" and thing["size"] == 3 and thing["etag"]
    assert deleted["detail-type"] == "Object Deleted"
    assert deleted["detail"]["deletion-type"] == "Permanently Deleted"


def test_an_event_survives_a_crash_before_its_delivery(new_gateway, hook: Hook) -> None:
    gateway = new_gateway(config=config(hook))
    s3, bucket = gateway.client(), new_bucket(gateway)
    subscribe(s3, bucket, queue_to("hook", "s3:ObjectCreated:*"))
    hook.test_event(bucket)
    tried = threading.Event()

    def away(_: dict) -> int:
        tried.set()
        return 503

    hook.answer = away
    keys = [f"{number:02}" for number in range(30)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.put_object(Bucket=bucket, Key="00", Body=b"again")
    assert tried.wait(PATIENCE)
    gateway.kill()
    assert hook.got.empty()
    hook.answer = lambda _: 200
    gateway.start()
    # At least once: what was on its way when the gateway was killed comes twice.
    sizes: dict[tuple[str, str], int] = {}
    while len(sizes) < 31:
        told = hook.record()["s3"]["object"]
        sizes[told["key"], told["sequencer"]] = told["size"]
    assert sorted({key for key, _ in sizes}) == keys
    assert [sizes[told] for told in sorted(sizes) if told[0] == "00"] == [1, 5]
    assert gateway.client().get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]


def test_a_message_that_is_refused_keeps_no_other_waiting_and_comes_again(new_gateway, hook: Hook) -> None:
    gateway = new_gateway(config=config(hook))
    s3, bucket = gateway.client(), new_bucket(gateway)
    subscribe(s3, bucket, queue_to("hook", "s3:ObjectCreated:*"))
    hook.test_event(bucket)
    refused, seen = threading.Event(), threading.Event()

    def choosy(message: dict) -> int:
        if message["Records"][0]["s3"]["object"]["key"] == "bad" and not seen.is_set():
            refused.set()
            return 400
        return 200

    hook.answer = choosy
    s3.put_object(Bucket=bucket, Key="bad", Body=b"x")
    s3.put_object(Bucket=bucket, Key="good", Body=b"x")
    assert hook.record()["s3"]["object"]["key"] == "good"
    # The two are delivered side by side.
    assert refused.wait(PATIENCE)
    seen.set()
    assert hook.record()["s3"]["object"]["key"] == "bad"
    assert gateway.metric("sealgate_notifications_total", target="hook", outcome="refused") >= 1


def test_a_target_that_is_away_keeps_no_other_waiting(new_gateway, hook: Hook) -> None:
    gateway = new_gateway(config=config(hook))
    s3, bucket = gateway.client(), new_bucket(gateway)
    subscribe(
        s3,
        bucket,
        queue_to("hook", "s3:ObjectCreated:*", prefix="h"),
        queue_to("file", "s3:ObjectCreated:*", prefix="f"),
    )
    hook.test_event(bucket)
    hook.answer = lambda _: 500
    s3.put_object(Bucket=bucket, Key="h", Body=b"x")
    s3.put_object(Bucket=bucket, Key="f", Body=b"x")
    assert lines(gateway.data / "queues" / "file.jsonl", 2)[1]["Records"][0]["s3"]["object"]["key"] == "f"
    hook.answer = lambda _: 200
    assert hook.record()["s3"]["object"]["key"] == "h"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """Mosquitto, which lets in one user."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    if not program:
        pytest.fail("mosquitto is missing: apt-get install mosquitto mosquitto-clients")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "seal", TOKEN], check=True)
    users.chmod(0o644)
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {users}\nuser root\n")
    process = subprocess.Popen([program, "-c", str(settings)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None and time.monotonic() < deadline, "mosquitto does not start"
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait()


def mqtt_config(hook: Hook, port: int) -> str:
    return config(
        hook,
        f'[notifications.broker]\nkind = "mqtt"\nurl = "mqtt://127.0.0.1:{port}"\ntopic = "s3/events"\n'
        f'user = "seal"\npassword = "{TOKEN}"\n',
    )


def test_a_broker_gets_what_happens(new_gateway, hook: Hook, broker: int) -> None:
    try:
        gateway = new_gateway(config=mqtt_config(hook, broker))
    except StartRefused as refusal:
        assert "built without the feature mqtt" in refusal.sentence
        pytest.skip(f"{binary()} has not the feature mqtt")
    command = ["mosquitto_sub", "-p", str(broker), "-u", "seal", "-P", TOKEN, "-t", "s3/#", "-q", "1"]
    # A session that stays: nothing is missed before the subscription stands.
    session = ["-i", "reader", "-c"]
    subprocess.run([*command, *session, "-E"], check=True, timeout=PATIENCE)
    s3, bucket = gateway.client(), new_bucket(gateway)
    subscribe(s3, bucket, queue_to("broker", "s3:ObjectCreated:*"))
    keys = [f"{number:03}" for number in range(150)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    read = [*command, *session, "-C", str(1 + len(keys)), "-W", str(PATIENCE)]
    said = subprocess.run(read, check=True, capture_output=True, text=True, timeout=2 * PATIENCE).stdout
    test, *records = map(json.loads, said.splitlines())
    assert test["Event"] == "s3:TestEvent"
    assert [record["Records"][0]["s3"]["object"]["key"] for record in records] == keys
    assert TOKEN not in gateway.log()


def test_what_a_lifecycle_removes_is_told_in_the_order_of_its_deletes(new_gateway) -> None:
    gateway = new_gateway(config="[notifications.file]\nkind = \"queue\"\n")
    s3, bucket = gateway.client(), new_bucket(gateway)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    subscribe(s3, bucket, queue_to("file", "s3:LifecycleExpiration:*", "s3:ObjectRemoved:*", prefix="told/"))
    first = s3.put_object(Bucket=bucket, Key="told/a", Body=b"first")["VersionId"]
    s3.put_object(Bucket=bucket, Key="told/a", Body=b"second")
    s3.put_object(Bucket=bucket, Key="untold", Body=b"x")
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 1},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    later = datetime.now(timezone.utc) + timedelta(days=3)
    command = [binary(), "lifecycle", "run", "--data", str(gateway.data), "--now", later.strftime("%Y-%m-%d")]
    def run() -> None:
        subprocess.run(command, check=True, capture_output=True, env=clean_environment(gateway.folder, **gateway.env))

    run()
    told = [line["Records"][0] for line in lines(gateway.data / "queues" / "file.jsonl", 3)[1:]]
    names = [record["eventName"] for record in told]
    assert names == ["LifecycleExpiration:DeleteMarkerCreated", "LifecycleExpiration:Delete"]
    assert told[1]["eventVersion"] == "2.3" and told[1]["s3"]["object"]["versionId"] == first
    assert told[1]["userIdentity"] == {"principalId": "s3.amazonaws.com"}

    # Without a gateway, what is left in the outbox goes out at the next start.
    s3.put_object(Bucket=bucket, Key="told/b", Body=b"1")
    gateway.stop()
    run()
    gateway.start()
    told = [line["Records"][0] for line in lines(gateway.data / "queues" / "file.jsonl", 5)[3:]]
    found = [(record["eventName"], record["s3"]["object"]["key"]) for record in told]
    assert found == [
        ("LifecycleExpiration:Delete", "told/a"),
        ("LifecycleExpiration:DeleteMarkerCreated", "told/b"),
    ]


def test_a_transition_is_told_with_the_class_that_the_object_went_into(new_gateway, workshop: Path) -> None:
    targets = "".join(f"[notifications.{name}]\nkind = \"queue\"\n" for name in ("file", "eventbridge"))
    store = f'[storage_classes.STANDARD_IA]\nurl = "file:{workshop / unique("cold")}"\n'
    gateway = new_gateway(config=targets + store)
    s3, bucket = gateway.client(), new_bucket(gateway)
    asked = queue_to("file", "s3:LifecycleTransition", prefix="told/")
    subscribe(s3, bucket, asked, EventBridgeConfiguration={})
    body = b"x" * 200_000
    etag = s3.put_object(Bucket=bucket, Key="told/a", Body=body)["ETag"].strip('"')
    s3.put_object(Bucket=bucket, Key="untold", Body=body)
    rule = {
        "ID": "down",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}],
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    later = (datetime.now(timezone.utc) + timedelta(days=32)).strftime("%Y-%m-%d")
    command = [binary(), "lifecycle", "run", "--data", str(gateway.data), "--now", later]
    environment = clean_environment(gateway.folder, **gateway.env)
    for moved in ("moved 2,", "moved 0,"):
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        assert moved in done.stdout
    (told,) = lines(gateway.data / "queues" / "file.jsonl", 2)[1]["Records"]
    assert (told["eventName"], told["eventVersion"]) == ("LifecycleTransition", "2.3")
    assert told["userIdentity"] == {"principalId": "s3.amazonaws.com"}
    assert told["lifecycleEventData"] == {"transitionEventData": {"destinationStorageClass": "STANDARD_IA"}}
    assert {name: told["s3"]["object"][name] for name in ("key", "size", "eTag")} == {"key": "told/a", "size": len(body), "eTag": etag}

    # Two puts, two moves; what is moved a second time is told a second time, and nothing was.
    bridged = lines(gateway.data / "queues" / "eventbridge.jsonl", 4)[2:]
    assert {event["detail-type"] for event in bridged} == {"Object Storage Class Changed"}
    assert {event["detail"]["object"]["key"] for event in bridged} == {"told/a", "untold"}
    assert {event["detail"]["destination-storage-class"] for event in bridged} == {"STANDARD_IA"}
    assert {event["detail"]["requester"] for event in bridged} == {"s3.amazonaws.com"}

"""The gateway as its operator meets it: health, metrics, shutdown, restart, and refusals to start."""

from __future__ import annotations

import json
import re
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request

import pytest
from conftest import noise
from gateway import Gateway, StartRefused
from raw import Connection, request, sign

MIB = 1024 * 1024


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health(gateway: Gateway) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        assert fetch(gateway.http + path)[0] == 200


def test_metrics_count_requests_bytes_and_keys(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    s3.create_bucket(Bucket="counted")
    s3.put_object(
        Bucket="counted", Key="k", Body=bytes(100_000), ServerSideEncryption="aws:kms", SSEKMSKeyId=gateway.key()
    )
    for _ in range(3):
        s3.get_object(Bucket="counted", Key="k")["Body"].read()
    request(gateway, "GET", "/counted/none")
    time.sleep(0.2)
    assert gateway.metric("sealgate_requests_total", operation="GetObject", status="200") == 3
    assert gateway.metric("sealgate_requests_total", operation="GetObject", status="404") == 1
    assert gateway.metric("sealgate_requests_total", operation="PutObject", status="200") == 1
    assert gateway.metric("sealgate_received_bytes_total", service="s3") >= 100_000
    assert gateway.metric("sealgate_sent_bytes_total", service="s3") >= 300_000
    assert gateway.metric("sealgate_kms_calls_total", operation="GenerateDataKey") >= 1
    assert gateway.metric("sealgate_data_key_uses_total", direction="unwrap") >= 3
    assert gateway.metric("sealgate_request_duration_seconds_count", operation="GetObject") == 4
    assert gateway.metric("sealgate_requests_in_flight") <= 1
    assert gateway.metric("sealgate_integrity_failures_total") == 0
    assert "counted" not in gateway.metrics()


def test_the_log_has_the_request_ids_of_the_answers(new_gateway) -> None:
    gateway = new_gateway()
    answer = request(gateway, "GET", "/no-such-bucket-here")
    number = answer.headers["x-amz-request-id"]
    assert re.fullmatch("[A-Z0-9]{16}", number) and answer.headers["x-amz-id-2"]
    time.sleep(0.2)
    lines = [json.loads(line) for line in gateway.log().splitlines() if line.startswith("{")]
    assert any(number in json.dumps(line) for line in lines)


def test_shutdown_lets_a_slow_download_finish(new_gateway) -> None:
    gateway = new_gateway()
    s3, data = gateway.client(), noise(24 * MIB)
    s3.create_bucket(Bucket="drain")
    s3.put_object(Bucket="drain", Key="k", Body=data)
    with Connection(gateway) as connection:
        connection.send_head(sign(gateway, "GET", "/drain/k"))
        status, headers = connection.read_head()
        got = bytearray(connection.buffer)
        gateway.signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(OSError):
            Connection(gateway)
        while len(got) < len(data):
            chunk = connection.socket.recv(MIB)
            assert chunk, f"cut off after {len(got)} bytes"
            got += chunk
            if len(got) < 4 * MIB:
                time.sleep(0.05)
    assert status == 200 and bytes(got) == data
    assert gateway.wait() == 0


def test_shutdown_lets_a_slow_upload_finish(new_gateway) -> None:
    gateway = new_gateway()
    gateway.client().create_bucket(Bucket="drain")
    data = noise(2 * MIB)
    with Connection(gateway) as connection:
        connection.send_head(sign(gateway, "PUT", "/drain/k", body=data), len(data))
        connection.send(data[:MIB])
        time.sleep(0.2)
        gateway.signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.send(data[MIB:])
        assert connection.answer("PUT").status == 200
    assert gateway.wait() == 0
    assert gateway.start().client().get_object(Bucket="drain", Key="k")["Body"].read() == data


def test_an_upload_that_hangs_is_cut_off_in_time(new_gateway) -> None:
    gateway = new_gateway(config='[limits]\ndrain_timeout = "1s"\n')
    gateway.client().create_bucket(Bucket="drain")
    with Connection(gateway) as connection:
        connection.send_head(sign(gateway, "PUT", "/drain/k", payload="UNSIGNED-PAYLOAD"), MIB)
        connection.send(bytes(1000))
        time.sleep(0.2)
        begin = time.monotonic()
        gateway.stop(patience=15)
        assert time.monotonic() - begin < 10
    gateway.start()
    assert request(gateway, "HEAD", "/drain/k").status == 404


@pytest.mark.every_store
def test_a_restart_keeps_everything(new_gateway, backend, store: str) -> None:
    behind = backend(store)
    gateway = new_gateway(**(behind.options() if behind else {}))
    s3, kms = gateway.client(), gateway.client("kms", scheme="https")
    s3.create_bucket(Bucket="keeps")
    from modes import MODES

    for mode in MODES:
        for size in (100, 100_000):
            s3.put_object(
                Bucket="keeps", Key=f"{mode.name}/{size}", Body=noise(size), Metadata={"a": "b"}, **mode.write(gateway)
            )
    upload = s3.create_multipart_upload(Bucket="keeps", Key="parts")["UploadId"]
    etag = s3.upload_part(Bucket="keeps", Key="parts", UploadId=upload, PartNumber=1, Body=noise(50_000))["ETag"]
    kms.create_alias(AliasName="alias/kept", TargetKeyId=gateway.key())
    sealed = kms.encrypt(KeyId="alias/kept", Plaintext=b"sealed", EncryptionContext={"a": "b"})["CiphertextBlob"]
    gateway.client("iam", scheme="https").create_user(UserName="kept")
    listing = [
        (entry["Key"], entry["ETag"], entry["LastModified"]) for entry in s3.list_objects_v2(Bucket="keeps")["Contents"]
    ]
    ca = (gateway.data / "tls" / "ca.pem").read_bytes()

    gateway.restart()
    assert gateway.greeting == []
    s3, kms = gateway.client(), gateway.client("kms", scheme="https")
    assert [
        (entry["Key"], entry["ETag"], entry["LastModified"]) for entry in s3.list_objects_v2(Bucket="keeps")["Contents"]
    ] == listing
    for mode in MODES:
        for size in (100, 100_000):
            got = s3.get_object(Bucket="keeps", Key=f"{mode.name}/{size}", **mode.read())
            assert got["Body"].read() == noise(size) and got["Metadata"] == {"a": "b"}
            mode.check(gateway, got)
    s3.complete_multipart_upload(
        Bucket="keeps", Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )
    assert s3.get_object(Bucket="keeps", Key="parts")["Body"].read() == noise(50_000)
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"})["Plaintext"] == b"sealed"
    assert gateway.client("iam", scheme="https").get_user(UserName="kept")["User"]["UserName"] == "kept"
    names = [event["EventName"] for event in gateway.client("cloudtrail", scheme="https").lookup_events()["Events"]]
    assert "CreateKey" in names and "CreateUser" in names
    assert (gateway.data / "tls" / "ca.pem").read_bytes() == ca


def refusal(gateway: Gateway) -> str:
    with pytest.raises(StartRefused) as refused:
        gateway.start()
    assert refused.value.status > 0
    assert "panic" not in refused.value.output
    assert refused.value.sentence, refused.value.output
    return refused.value.sentence


def test_a_folder_in_use_is_refused(new_gateway) -> None:
    gateway = new_gateway()
    second = Gateway(gateway.folder)
    second.log_path = gateway.folder / "second.log"
    assert "in use" in refusal(second)
    assert request(gateway, "GET", "/").status == 200


@pytest.mark.key_file
def test_a_folder_that_is_foreign_newer_or_damaged_is_refused(new_gateway) -> None:
    gateway = new_gateway()
    gateway.stop()
    version = gateway.data / "VERSION"
    kept = version.read_text()
    version.write_text("sealgate data 99\n")
    assert "version 99" in refusal(gateway)
    version.write_text("nonsense\n")
    assert "damaged" in refusal(gateway)
    version.write_text(kept)
    for name in ("root.key", "index.db", "blobs"):
        (gateway.data / name).rename(gateway.folder / "aside")
        assert "missing" in refusal(gateway)
        assert not (gateway.data / name).exists(), f"{name} was made anew"
        (gateway.folder / "aside").rename(gateway.data / name)
    key = (gateway.data / "root.key").read_text()
    for content in ("", key[:-10], key.replace(key.split()[-1], "0" * 64)):
        (gateway.data / "root.key").write_text(content)
        assert refusal(gateway)
    (gateway.data / "root.key").write_text(key)
    gateway.start()
    gateway.stop()
    foreign = new_gateway(start=False)
    foreign.data.mkdir()
    (foreign.data / "thesis.tex").write_text("x")
    assert "not a data folder" in refusal(foreign)
    assert [path.name for path in foreign.data.iterdir()] == ["thesis.tex"]


def test_bad_configuration_is_refused_with_a_sentence(new_gateway) -> None:
    for config in (
        "nonsense",
        "unknown_key = 1\n",
        'region = "not a region"\n',
        'cleartext_secrets = "perhaps"\n',
        'garbage_grace = "soon"\n',
        "[store]\nurl = 5\n",
    ):
        assert refusal(new_gateway(start=False, config=config))
    gateway = new_gateway(start=False)
    gateway.listen = "nowhere"
    assert refusal(gateway)
    gateway = new_gateway(start=False, store="s3://bucket/prefix", env={"SEALGATE_STORE_ENDPOINT": "http://127.0.0.1:1", "SEALGATE_STORE_ALLOW_HTTP": "true", "SEALGATE_STORE_ACCESS_KEY_ID": "a", "SEALGATE_STORE_SECRET_ACCESS_KEY": "b", "SEALGATE_STORE_REGION": "us-east-1"})  # fmt: skip
    begin = time.monotonic()
    assert "store" in refusal(gateway)
    assert time.monotonic() - begin < 60


def test_an_unwritable_folder_is_refused(new_gateway) -> None:
    gateway = new_gateway(start=False)
    gateway.data.write_text("a file")
    assert "not a folder" in refusal(gateway)


def test_a_store_that_goes_away_is_an_error_and_comes_back(new_gateway) -> None:
    behind = new_gateway()
    from conftest import Backend
    from gateway import ALICE

    behind.listen = behind.http.removeprefix("http://")
    store = Backend("s3://goes-away/x", behind.http, ALICE, None)
    store.s3.create_bucket(Bucket="goes-away")
    gateway = new_gateway(**store.options())
    s3 = gateway.client()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=noise(100_000))
    before = len(store.objects())
    port = behind.http
    behind.stop()

    outcome: list[int] = []
    for method, body in (("GET", b""), ("PUT", noise(50_000))):
        thread = threading.Thread(
            target=lambda m=method, b=body: outcome.append(request(gateway, m, "/bucket/k", body=b).status)
        )
        thread.start()
        thread.join(60)
    assert outcome and all(status in (500, 503) for status in outcome), outcome
    assert request(gateway, "HEAD", "/bucket/k").status == 200
    assert fetch(gateway.http + "/health/live")[0] == 200
    assert fetch(gateway.http + "/health/ready")[0] == 503
    behind.arguments = ("--listen", port.removeprefix("http://"), "--listen-tls", "none")
    behind.listen = "none"
    _start_on(behind, port)
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == noise(100_000)
    assert len(store.objects()) == before


def _start_on(gateway: Gateway, url: str) -> None:
    """Starts it again on the port that it had."""
    command = gateway.command

    def on_port() -> list[str]:
        made = command()
        address = url.removeprefix("http://")
        at = made.index("--listen")
        made[at + 1] = address
        at = made.index("--listen-tls")
        made[at + 1] = "127.0.0.1:0"
        return made

    gateway.command, gateway.arguments = on_port, ()  # type: ignore[method-assign]
    gateway.start()


def test_a_full_disk_is_said_and_recovered_from(new_gateway, workshop) -> None:
    """On a small file system of its own, where this machine lets us mount one."""
    import subprocess

    gateway = new_gateway(start=False)
    gateway.data.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(gateway.data)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a file system")
    try:
        gateway.start()
        s3 = gateway.client()
        s3.create_bucket(Bucket="full")
        s3.put_object(Bucket="full", Key="kept", Body=noise(100_000))
        codes = []
        for number in range(8):
            answer = request(gateway, "PUT", f"/full/{number}", body=noise(5 * MIB, number))
            codes.append((answer.status, answer.code))
        assert (507, "InsufficientStorage") in codes, codes
        assert set(codes) <= {(200, None), (507, "InsufficientStorage")}, codes
        assert s3.get_object(Bucket="full", Key="kept")["Body"].read() == noise(100_000)
        for number, (status, _) in enumerate(codes):
            answer = request(gateway, "GET", f"/full/{number}")
            assert answer.status == (200 if status == 200 else 404)
            if status == 200:
                assert answer.body == noise(5 * MIB, number)
        assert len(gateway.blobs()) == 1 + sum(status == 200 for status, _ in codes)
    finally:
        gateway.kill()
        subprocess.run(["umount", str(gateway.data)], check=False)
        shutil.rmtree(gateway.data, ignore_errors=True)

"""The audit trail: delivered into buckets, whole after a crash, and without secrets."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError
from gateway import ACCOUNT
from test_operator import sealgate


def lookup(gateway, name: str) -> list[dict]:
    pages = gateway.client("cloudtrail").get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}]
    )
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def test_a_trail_delivers_management_and_data_events_into_a_bucket(new_gateway) -> None:
    gateway = new_gateway(config='trail_delivery = "1s"\n')
    s3, trails = gateway.client(), gateway.client("cloudtrail")
    for bucket in ("logs", "watched", "other"):
        s3.create_bucket(Bucket=bucket)
    trail = trails.create_trail(Name="main-trail", S3BucketName="logs", EnableLogFileValidation=True)["TrailARN"]
    selector = {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::watched/"]}],
    }
    trails.put_event_selectors(TrailName="main-trail", EventSelectors=[selector])
    trails.start_logging(Name="main-trail")
    assert trails.get_trail_status(Name=trail)["IsLogging"]
    assert [t["TrailARN"] for t in trails.describe_trails()["trailList"]] == [trail]
    s3.put_object(Bucket="watched", Key="seen", Body=b"x")
    s3.put_object(Bucket="other", Key="unseen", Body=b"x")
    s3.get_object(Bucket="watched", Key="seen")
    key = gateway.key("delivered")

    deadline = time.monotonic() + 30
    while True:
        names = [entry["Key"] for entry in s3.list_objects_v2(Bucket="logs").get("Contents", [])]
        files = [name for name in names if f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/" in name]
        records = [
            record
            for name in files
            for record in json.loads(gzip.decompress(s3.get_object(Bucket="logs", Key=name)["Body"].read()))["Records"]
        ]
        data = [record for record in records if record["eventCategory"] == "Data"]
        made = [record for record in records if record["eventName"] == "CreateKey" and key in json.dumps(record)]
        if {record["eventName"] for record in data} == {"PutObject", "GetObject"} and made:
            break
        assert time.monotonic() < deadline, (names, records)
        time.sleep(0.3)
    assert {record["requestParameters"]["key"] for record in data} == {"seen"}
    put = next(record for record in data if record["eventName"] == "PutObject")
    assert put["additionalEventData"]["SSEApplied"] == "Default_SSE_S3"
    assert put["managementEvent"] is False
    # Data events are delivered, and not looked up.
    assert not lookup(gateway, "PutObject")
    trails.stop_logging(Name="main-trail")
    assert not trails.get_trail_status(Name=trail)["IsLogging"]
    trails.delete_trail(Name=trail)
    assert not trails.describe_trails()["trailList"]


def test_no_acknowledged_management_call_is_missing_after_a_crash(new_gateway) -> None:
    gateway = new_gateway()
    made: list[str] = []
    refused: list[str] = []
    ended = threading.Event()

    def work(number: int) -> None:
        kms = gateway.client("kms", scheme="https")
        while not ended.is_set():
            try:
                made.append(kms.create_key(Description=f"{number}")["KeyMetadata"]["Arn"])
                name = f"alias/missing-{number}-{len(refused)}"
                try:
                    kms.encrypt(KeyId=name, Plaintext=b"x")
                except ClientError as error:
                    refused.append(error.response["ResponseMetadata"]["RequestId"])
            except (ClientError, BotoCoreError):
                return

    gateway.client("kms", scheme="https")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    gateway.kill()
    ended.set()
    for thread in threads:
        thread.join()
    gateway.start()
    assert len(made) > 5
    recorded = {record["responseElements"]["keyMetadata"]["arn"] for record in lookup(gateway, "CreateKey")}
    assert set(made) <= recorded
    assert set(refused) <= {record["requestID"] for record in lookup(gateway, "Encrypt")}
    assert "the trail is whole" in sealgate(gateway, "audit", "verify")


def test_no_secret_is_in_any_record(new_gateway) -> None:
    gateway = new_gateway()
    kms, iam, sts = (gateway.client(name, scheme="https") for name in ("kms", "iam", "sts"))
    secret = b"a plaintext that nobody may find again"
    key = gateway.key()
    sealed = kms.encrypt(KeyId=key, Plaintext=secret)["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=sealed)
    data = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    mac_key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    mac = kms.generate_mac(KeyId=mac_key, Message=secret, MacAlgorithm="HMAC_SHA_256")["Mac"]
    iam.create_user(UserName="secretive")
    made = iam.create_access_key(UserName="secretive")["AccessKey"]
    session = sts.get_session_token()["Credentials"]
    hidden = [made["SecretAccessKey"], session["SecretAccessKey"], session["SessionToken"]]
    for blob in (secret, sealed, data["Plaintext"], data["CiphertextBlob"], mac):
        hidden += [base64.b64encode(blob).decode(), blob.hex()]
    hidden.append(secret.decode())
    time.sleep(1.2)
    pages = gateway.client("cloudtrail").get_paginator("lookup_events").paginate()
    text = json.dumps([event["CloudTrailEvent"] for page in pages for event in page["Events"]])
    assert made["AccessKeyId"] in text and session["AccessKeyId"] in text
    for word in hidden:
        assert word not in text
        assert word not in gateway.log()

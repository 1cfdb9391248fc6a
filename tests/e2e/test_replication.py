"""Replication: what a bucket's rules have carried elsewhere arrives there, as it was, by the role's permissions and nobody
else's, once, also through a crash; what cannot be carried says so."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
import raw
from botocore.exceptions import ClientError
from conftest import noise, unique
from gateway import ACCOUNT, ALICE, BOB, CANONICAL_ID, CAROL, OTHER_ACCOUNT, Gateway, binary, clean_environment
from modes import customer

PATIENCE = 30


@pytest.fixture(scope="module")
def far(new_gateway) -> Gateway:
    """Another endpoint."""
    return new_gateway()


@pytest.fixture(scope="module")
def gateway(new_gateway, far: Gateway) -> Gateway:
    return new_gateway(
        config=f"""
[replication.far]
buckets = ["far-*"]
accounts = ["{ACCOUNT}"]
endpoint = "{far.https}"
ca_file = "{far.ca}"
access_key_id = "{ALICE.access_key}"
secret_access_key = "{ALICE.secret_key}"
timeout = "5s"

[notifications.file]
kind = "queue"
"""
    )


@pytest.fixture
def s3(gateway: Gateway):
    return gateway.client()


def statement(*actions: str, resource: str | list[str] = "*", effect: str = "Allow") -> dict:
    return {"Effect": effect, "Action": list(actions), "Resource": resource}


# What AWS's documentation gives a role, and no more.
READS = (
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
    "s3:GetObjectRetention",
    "s3:GetObjectLegalHold",
)
WRITES = ("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner")


def role(gateway: Gateway, *statements: dict, service: str = "s3.amazonaws.com") -> str:
    """A role with these statements, or with everything that replication needs but keys."""
    iam, name = gateway.client("iam", scheme="https"), unique("role")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"} | trust))
    document = {"Version": "2012-10-17", "Statement": list(statements) or [statement(*READS, *WRITES)]}
    iam.put_role_policy(RoleName=name, PolicyName="replication", PolicyDocument=json.dumps(document))
    return made["Role"]["Arn"]


def bucket(client, name: str = "replicated", **how: object) -> str:
    made = unique(name)
    client.create_bucket(Bucket=made, **how)
    client.put_bucket_versioning(Bucket=made, VersioningConfiguration={"Status": "Enabled"})
    return made


def rule(destination: str, **how: object) -> dict:
    to = {"Bucket": f"arn:aws:s3:::{destination}"} | how.pop("Destination", {})
    plain = {"ID": "rule", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""}}
    return plain | {"DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": to} | how


def put_rules(client, source: str, role: str, *rules: dict) -> None:
    client.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": list(rules)})


def until(what: Callable[[], object]) -> object:
    """What comes to hold."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.05)
    return found


def status(client, name: str, key: str, version: str, **how: object) -> str:
    """The status when it is decided."""

    def decided() -> str | None:
        found = client.head_object(Bucket=name, Key=key, VersionId=version, **how).get("ReplicationStatus")
        return None if found == "PENDING" else found or "NONE"

    return str(until(decided))


def refused(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call()
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def kms_rule(destination: str, key: str) -> dict:
    return rule(
        destination,
        SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        Destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": key}},
    )


# --- the configuration


def test_a_configuration_comes_back_until_it_is_deleted(gateway: Gateway, s3) -> None:
    source, destination, arn = bucket(s3), bucket(s3), role(gateway)
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=source)
    rules = [
        rule(destination, ID="one", Filter={"Prefix": "a/"}),
        rule(
            destination,
            ID="two",
            Priority=2,
            Filter={"And": {"Prefix": "b", "Tags": [{"Key": "k", "Value": "v"}]}},
            SourceSelectionCriteria={
                "SseKmsEncryptedObjects": {"Status": "Enabled"},
                "ReplicaModifications": {"Status": "Enabled"},
            },
            ExistingObjectReplication={"Status": "Enabled"},
            Destination={
                "Account": ACCOUNT,
                "StorageClass": "STANDARD",
                "AccessControlTranslation": {"Owner": "Destination"},
                "EncryptionConfiguration": {"ReplicaKmsKeyID": gateway.key()},
                "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
            },
        ),
    ]
    put_rules(s3, source, arn, *rules)
    got = s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]
    assert got == {"Role": arn, "Rules": rules}
    # Versions may not end while something relies on them.
    suspend = {"Status": "Suspended"}
    assert refused(lambda: s3.put_bucket_versioning(Bucket=source, VersioningConfiguration=suspend)) == (
        409,
        "InvalidBucketState",
    )
    s3.delete_bucket_replication(Bucket=source)
    s3.delete_bucket_replication(Bucket=source)
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=source)
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration=suspend)


def test_what_s3_does_not_take_is_refused(gateway: Gateway, far: Gateway, s3) -> None:
    source, destination, arn = bucket(s3), bucket(s3), role(gateway)
    plain, locked = unique("plain"), bucket(s3, "locked", ObjectLockEnabledForBucket=True)
    s3.create_bucket(Bucket=plain)

    def put(to: str = destination, of: str = source, client=s3, by: str = arn, **how: object) -> tuple[int, str]:
        return refused(lambda: put_rules(client, of, by, rule(to, **how)))

    assert put(of=plain) == (400, "InvalidRequest")
    assert put(to=plain) == (400, "InvalidRequest")
    assert put(to=source) == (400, "InvalidRequest")
    assert put(to=unique("nothing")) == (400, "InvalidRequest")
    assert put(to=unique("far-nothing")) == (400, "InvalidRequest")
    # What is behind another endpoint is so for those whom the operator names.
    carol = gateway.client(user=CAROL)
    theirs, owned = bucket(carol), role(gateway).replace(ACCOUNT, OTHER_ACCOUNT)
    assert put(to=bucket(far.client(), "far-away"), of=theirs, client=carol, by=owned) == (400, "InvalidRequest")
    put_rules(s3, source, arn, rule(bucket(far.client(), "far-away")))
    s3.delete_bucket_replication(Bucket=source)
    assert put(of=locked) == (400, "InvalidRequest")
    assert put(Destination={"Account": OTHER_ACCOUNT}) == (400, "InvalidRequest")
    assert put(Destination={"StorageClass": "GLACIER"}) == (501, "NotImplemented")
    assert put(Status="Perhaps") == (400, "MalformedXML")
    assert put(by="arn:aws:iam::1:role/r") == (400, "InvalidArgument")
    # Whose role it is counts, and who may pass it: bob may do everything in S3.
    assert put(by=f"arn:aws:iam::{OTHER_ACCOUNT}:role/r") == (403, "AccessDenied")
    assert put(client=gateway.client(user=BOB)) == (403, "AccessDenied")
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=source)


# --- within the gateway


def test_a_replica_is_its_original_elsewhere(gateway: Gateway, s3) -> None:
    source, destination = bucket(s3), bucket(s3)
    before = s3.put_object(Bucket=source, Key="before", Body=b"x")["VersionId"]
    put_rules(s3, source, role(gateway), rule(destination, Filter={"Prefix": "a"}))
    # In a row of the index, in a blob, in parts, and as a copy.
    bodies = {"a small": b"small", "a/large ü+": noise(200_000), "a parts": noise(5 << 20) + b"tail", "a copy": b"small"}
    versions = {}
    for key in ("a small", "a/large ü+"):
        versions[key] = s3.put_object(
            Bucket=source, Key=key, Body=bodies[key], Metadata={"colour": "blue"}, Tagging="k=v", ContentType="text/plain"
        )["VersionId"]
    upload = s3.create_multipart_upload(Bucket=source, Key="a parts")["UploadId"]
    body = bodies["a parts"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(Bucket=source, Key="a parts", UploadId=upload, PartNumber=number, Body=part)["ETag"],
        }
        for number, part in enumerate((body[: 5 << 20], body[5 << 20 :]), 1)
    ]
    versions["a parts"] = s3.complete_multipart_upload(
        Bucket=source, Key="a parts", UploadId=upload, MultipartUpload={"Parts": parts}
    )["VersionId"]
    versions["a copy"] = s3.copy_object(Bucket=source, Key="a copy", CopySource=f"{source}/a small")["VersionId"]
    blobs = len(gateway.blobs())
    for key, version in versions.items():
        assert status(s3, source, key, version) == "COMPLETED", key
        original = s3.get_object(Bucket=source, Key=key, ChecksumMode="ENABLED")
        replica = s3.get_object(Bucket=destination, Key=key, ChecksumMode="ENABLED")
        assert replica["ReplicationStatus"] == "REPLICA"
        assert replica["Body"].read() == original["Body"].read() == bodies[key]
        for found in (original, replica):
            for name in ("Body", "ResponseMetadata", "ReplicationStatus"):
                found.pop(name)
        # Version, time, ETag, checksum, metadata, number of tags, encryption.
        assert replica == original, key
        assert s3.get_object(Bucket=destination, Key=key, VersionId=version)["Body"].read() == bodies[key]
    assert len(gateway.blobs()) == blobs, "a replica shares its body"
    tags = s3.get_object_tagging(Bucket=destination, Key="a small")["TagSet"]
    assert tags == [{"Key": "k", "Value": "v"}]
    part = s3.get_object(Bucket=destination, Key="a parts", PartNumber=2)
    assert (part["PartsCount"], part["Body"].read()) == (2, b"tail")
    # What was there before, and what no rule is about, has no status.
    other = s3.put_object(Bucket=source, Key="b", Body=b"x")["VersionId"]
    assert status(s3, source, "before", before) == status(s3, source, "b", other) == "NONE"
    # A replica goes by itself, also after its original.
    s3.delete_object(Bucket=source, Key="a small", VersionId=versions["a small"])
    assert s3.get_object(Bucket=destination, Key="a small")["Body"].read() == b"small"
    s3.delete_object(Bucket=destination, Key="a small", VersionId=versions["a small"])
    assert "a small" not in [entry["Key"] for entry in s3.list_objects_v2(Bucket=destination)["Contents"]]


def test_versions_keep_their_order_and_replicas_are_not_replicated_again(gateway: Gateway, s3) -> None:
    one, two, three = bucket(s3), bucket(s3), bucket(s3)
    arn = role(gateway)
    put_rules(s3, one, arn, rule(two))
    put_rules(s3, two, arn, rule(three), rule(one, ID="back", Priority=2))
    versions = [s3.put_object(Bucket=one, Key="k", Body=bytes([n]))["VersionId"] for n in range(5)]
    for version in versions:
        assert status(s3, one, "k", version) == "COMPLETED"
    own = s3.put_object(Bucket=two, Key="k", Body=b"own")["VersionId"]
    assert status(s3, two, "k", own) == "COMPLETED"
    listed = [entry["VersionId"] for entry in s3.list_object_versions(Bucket=two)["Versions"]]
    assert listed == [own, *reversed(versions)]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=two, PaginationConfig={"PageSize": 1})
    assert [entry["VersionId"] for page in pages for entry in page.get("Versions", [])] == listed
    assert [entry["VersionId"] for entry in s3.list_object_versions(Bucket=three)["Versions"]] == [own]
    assert [entry["VersionId"] for entry in s3.list_object_versions(Bucket=one)["Versions"]] == listed


def test_delete_markers_go_where_the_rule_says_so_and_deletions_of_versions_nowhere(gateway: Gateway, s3) -> None:
    source, marked, unmarked, old = (bucket(s3) for _ in range(4))
    arn = role(gateway)
    put_rules(
        s3,
        source,
        arn,
        rule(marked, ID="marked", DeleteMarkerReplication={"Status": "Enabled"}),
        rule(unmarked, ID="unmarked", Priority=2),
    )
    version = s3.put_object(Bucket=source, Key="k", Body=b"x")["VersionId"]
    assert status(s3, source, "k", version) == "COMPLETED"
    marker = s3.delete_object(Bucket=source, Key="k")["VersionId"]

    def markers(name: str) -> list[str]:
        return [entry["VersionId"] for entry in s3.list_object_versions(Bucket=name).get("DeleteMarkers", [])]

    assert until(lambda: markers(marked)) == [marker]
    assert refused(lambda: s3.get_object(Bucket=marked, Key="k")) == (404, "NoSuchKey")
    s3.delete_object(Bucket=source, Key="k", VersionId=marker)
    s3.delete_object(Bucket=source, Key="k", VersionId=version)
    # What comes later is there, and neither deletion is.
    later = s3.put_object(Bucket=source, Key="k", Body=b"y")["VersionId"]
    assert status(s3, source, "k", later) == "COMPLETED"
    assert markers(marked) == [marker] and markers(unmarked) == []
    for name in (marked, unmarked):
        assert s3.get_object(Bucket=name, Key="k", VersionId=version)["Body"].read() == b"x"
        assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"y"
    # Rules of the first version replicate markers without being asked.
    first = {"ID": "v1", "Prefix": "", "Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{old}"}}
    put_rules(s3, source, arn, first)
    assert s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"] == [first]
    marker = s3.delete_object(Bucket=source, Key="k")["VersionId"]
    assert until(lambda: markers(old)) == [marker]


def test_changes_of_tags_and_lists_and_locks_follow(gateway: Gateway, s3) -> None:
    locks = {"ObjectLockEnabledForBucket": True}
    source, destination = bucket(s3, **locks), bucket(s3, **locks)
    for name in (source, destination):
        s3.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        )
    put_rules(s3, source, role(gateway), rule(destination))
    end = (datetime.now(timezone.utc) + timedelta(days=2)).replace(microsecond=0)
    version = s3.put_object(
        Bucket=source,
        Key="k",
        Body=b"x",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=end,
        ChecksumAlgorithm="SHA256",
    )["VersionId"]
    assert status(s3, source, "k", version) == "COMPLETED"

    def tags(name: str, value: str) -> None:
        tagging = {"TagSet": [{"Key": "k", "Value": value}]}
        s3.put_object_tagging(Bucket=name, Key="k", VersionId=version, Tagging=tagging)

    tags(source, "v")
    s3.put_object_acl(Bucket=source, Key="k", ACL="bucket-owner-full-control")
    s3.put_object_acl(
        Bucket=source,
        Key="k",
        AccessControlPolicy={
            "Owner": {"ID": CANONICAL_ID},
            "Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": CANONICAL_ID}, "Permission": "READ"}],
        },
    )
    longer = end + timedelta(days=1)
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": longer}
    s3.put_object_retention(Bucket=source, Key="k", VersionId=version, Retention=retention)
    s3.put_object_legal_hold(Bucket=source, Key="k", VersionId=version, LegalHold={"Status": "ON"})
    assert status(s3, source, "k", version) == "COMPLETED"
    assert s3.get_object_tagging(Bucket=destination, Key="k")["TagSet"] == [{"Key": "k", "Value": "v"}]
    grants = s3.get_object_acl(Bucket=destination, Key="k")["Grants"]
    assert [grant["Permission"] for grant in grants] == ["READ"]
    replica = s3.head_object(Bucket=destination, Key="k")
    assert replica["ObjectLockRetainUntilDate"] == longer and replica["ObjectLockLegalHoldStatus"] == "ON"
    # The replica is locked as its original is.
    assert refused(lambda: s3.delete_object(Bucket=destination, Key="k", VersionId=version)) == (403, "AccessDenied")

    # Changes of replicas go back only where that is asked for, and go round only once.
    plain = rule(source, SourceSelectionCriteria={"ReplicaModifications": {"Status": "Enabled"}})
    put_rules(s3, destination, role(gateway), plain)
    tags(destination, "w")
    until(lambda: s3.get_object_tagging(Bucket=source, Key="k")["TagSet"] == [{"Key": "k", "Value": "w"}])
    assert s3.head_object(Bucket=destination, Key="k")["ReplicationStatus"] == "REPLICA"
    assert s3.head_object(Bucket=source, Key="k")["ReplicationStatus"] == "COMPLETED"


def test_objects_under_a_kms_key_are_encrypted_under_the_key_of_the_destination(gateway: Gateway, s3) -> None:
    source, destination = bucket(s3), bucket(s3)
    own, theirs = gateway.key("source"), gateway.key("destination")
    via = {"StringLike": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    arn = role(
        gateway,
        statement(*READS, *WRITES),
        statement("kms:Decrypt", resource=own) | {"Condition": via},
        statement("kms:Encrypt", resource=theirs)
        | {"Condition": via | {"StringLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{destination}/*"}}},
    )
    put_rules(s3, source, arn, kms_rule(destination, theirs))
    for mode in ("aws:kms", "aws:kms:dsse"):
        version = s3.put_object(
            Bucket=source, Key=mode, Body=noise(100_000), ServerSideEncryption=mode, SSEKMSKeyId=own
        )["VersionId"]
        assert status(s3, source, mode, version) == "COMPLETED"
        replica = s3.get_object(Bucket=destination, Key=mode)
        assert (replica["ServerSideEncryption"], replica["SSEKMSKeyId"]) == (mode, theirs)
        assert replica["Body"].read() == noise(100_000)
    # Each side asks for its own key: the replica outlives the key of its original.
    kms = gateway.client("kms", scheme="https")
    kms.disable_key(KeyId=own)
    assert refused(lambda: s3.get_object(Bucket=source, Key="aws:kms")) == (400, "KMS.DisabledException")
    assert s3.get_object(Bucket=destination, Key="aws:kms")["Body"].read() == noise(100_000)
    kms.enable_key(KeyId=own)
    used = gateway.client("cloudtrail", scheme="https").lookup_events(
        LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": theirs}]
    )
    records = [json.loads(event["CloudTrailEvent"]) for event in used["Events"]]
    [encrypt, *_] = [record for record in records if record["eventName"] == "Encrypt"]
    assert encrypt["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == arn
    # Where it is not asked for, objects under KMS keys stay where they are, and others do not.
    put_rules(s3, source, arn, rule(destination))
    for key, how, expected in (
        ("kms", {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": own}, "NONE"),
        ("s3", {"ServerSideEncryption": "AES256"}, "COMPLETED"),
    ):
        version = s3.put_object(Bucket=source, Key=key, Body=b"x", **how)["VersionId"]
        assert status(s3, source, key, version) == expected
    # A disabled key of the destination is a failure, not a replica under another key.
    put_rules(s3, source, arn, kms_rule(destination, theirs))
    kms.disable_key(KeyId=theirs)
    version = s3.put_object(Bucket=source, Key="late", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=own)
    assert status(s3, source, "late", version["VersionId"]) == "FAILED"
    assert refused(lambda: s3.get_object(Bucket=destination, Key="late")) == (404, "NoSuchKey")
    kms.enable_key(KeyId=theirs)


def test_a_customers_key_opens_the_replica_and_nothing_else_does(gateway: Gateway) -> None:
    s3 = gateway.client(scheme="https")
    source, destination = bucket(s3), bucket(s3)
    put_rules(s3, source, role(gateway), rule(destination))
    version = s3.put_object(Bucket=source, Key="k", Body=noise(100_000), **customer())["VersionId"]
    assert status(s3, source, "k", version, **customer()) == "COMPLETED"
    replica = s3.get_object(Bucket=destination, Key="k", **customer())
    assert replica["Body"].read() == noise(100_000) and replica["ReplicationStatus"] == "REPLICA"
    assert refused(lambda: s3.get_object(Bucket=destination, Key="k"))[0] == 400
    wrong = customer(bytes(32))
    assert refused(lambda: s3.get_object(Bucket=destination, Key="k", **wrong)) == (403, "AccessDenied")
    # Where the destination blocks such objects it gets none.
    blocked = {"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]}
    s3.put_bucket_encryption(Bucket=destination, ServerSideEncryptionConfiguration=blocked)
    version = s3.put_object(Bucket=source, Key="k", Body=b"2", **customer())["VersionId"]
    assert status(s3, source, "k", version, **customer()) == "FAILED"
    assert s3.get_object(Bucket=destination, Key="k", **customer())["Body"].read() == noise(100_000)


def test_another_account_gets_replicas_that_are_its_own(gateway: Gateway, s3) -> None:
    carol = gateway.client(user=CAROL)
    source, destination = bucket(s3), bucket(carol)
    arn = role(gateway)
    to = {"Account": OTHER_ACCOUNT, "AccessControlTranslation": {"Owner": "Destination"}}
    put_rules(s3, source, arn, rule(destination, Destination=to))

    def put(key: str) -> str:
        return status(s3, source, key, s3.put_object(Bucket=source, Key=key, Body=b"x")["VersionId"])

    # The role's own policies are not enough in somebody else's bucket.
    assert put("refused") == "FAILED"
    lets = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": arn},
                "Action": ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ObjectOwnerOverrideToBucketOwner"],
                "Resource": f"arn:aws:s3:::{destination}/*",
            }
        ],
    }
    carol.put_bucket_policy(Bucket=destination, Policy=json.dumps(lets))
    assert put("taken") == "COMPLETED"
    assert carol.get_object(Bucket=destination, Key="taken")["Body"].read() == b"x"
    assert refused(lambda: s3.get_object(Bucket=destination, Key="taken")) == (403, "AccessDenied")
    # Without the translation the replica is its original's owner's, where that counts.
    carol.put_bucket_ownership_controls(
        Bucket=destination, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    put_rules(s3, source, arn, rule(destination, Destination={"Account": OTHER_ACCOUNT}))
    assert put("theirs") == "COMPLETED"
    assert s3.get_object(Bucket=destination, Key="theirs")["Body"].read() == b"x"
    assert refused(lambda: carol.get_object(Bucket=destination, Key="theirs")) == (403, "AccessDenied")


def test_a_role_that_may_not_is_a_failure_that_is_told_and_made_good(gateway: Gateway, s3) -> None:
    destination, source, reach = bucket(s3), bucket(s3), [statement(*READS, *WRITES)]
    notify = {
        "QueueConfigurations": [
            {
                "Id": "failures",
                "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:file",
                "Events": ["s3:Replication:OperationFailedReplication"],
            }
        ]
    }
    s3.put_bucket_notification_configuration(Bucket=source, NotificationConfiguration=notify)
    lock = {"Key": "lock", "Tagging": "k=v"}
    denied = {"Version": "2012-10-17", "Statement": [
        statement("s3:ReplicateObject", effect="Deny", resource=f"arn:aws:s3:::{destination}/*")
        | {"Principal": "*", "Condition": {"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}}
    ]}
    own = gateway.key("source")
    cases = [
        (f"arn:aws:iam::{ACCOUNT}:role/nothing", {}, "AssumeRoleNotPermitted"),
        (role(gateway, *reach, service="ec2.amazonaws.com"), {}, "AssumeRoleNotPermitted"),
        (role(gateway, statement(*WRITES)), {}, "SrcGetObjectNotPermitted"),
        (role(gateway, statement("s3:GetObjectVersionForReplication", *WRITES)), lock, "SrcGetTaggingNotPermitted"),
        (role(gateway, statement(*READS)), {}, "DstPutObjectNotPermitted"),
        (role(gateway, statement(*READS, "s3:ReplicateObject")), lock, "DstPutTaggingNotPermitted"),
        (
            role(gateway, *reach, statement("kms:Encrypt")),
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": own},
            "SrcGetObjectNotPermitted",
        ),
        (
            role(gateway, *reach, statement("kms:Decrypt")),
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": own},
            "DstPutObjectNotPermitted",
        ),
    ]
    failed = []
    for arn, how, _ in cases:
        put_rules(s3, source, arn, kms_rule(destination, own))
        key = how.get("Key") or unique("key")
        version = s3.put_object(**({"Bucket": source, "Key": key, "Body": b"x"} | how))["VersionId"]
        assert status(s3, source, key, version) == "FAILED", arn
        failed.append((key, version))
    # The destination's policy counts, with the encryption that the replica has.
    s3.put_bucket_policy(Bucket=destination, Policy=json.dumps(denied))
    put_rules(s3, source, role(gateway), rule(destination))
    version = s3.put_object(Bucket=source, Key="denied", Body=b"x")["VersionId"]
    assert status(s3, source, "denied", version) == "FAILED"
    failed.append(("denied", version))
    assert "Versions" not in s3.list_object_versions(Bucket=destination)

    path = gateway.data / "queues" / "file.jsonl"
    lines = until(lambda: (found := path.read_text().splitlines())[len(cases) + 1 :] and found)
    records = [json.loads(line)["Records"][0] for line in lines if "Records" in line]
    assert {record["eventName"] for record in records} == {"Replication:OperationFailedReplication"}
    told = [record["replicationEventData"] for record in records]
    assert [data["failureReason"] for data in told] == [reason for *_, reason in cases] + ["DstPutObjectNotPermitted"]
    assert told[0]["destinationBucket"] == f"arn:aws:s3:::{destination}" and told[0]["s3Operation"] == "OBJECT_PUT"

    # Once the role may, the operator has all of it carried.
    s3.delete_bucket_policy(Bucket=destination)
    put_rules(s3, source, role(gateway, *reach, statement("kms:Encrypt", "kms:Decrypt")), kms_rule(destination, own))
    assert f"queued for replication {len(failed)}" in replicate(gateway, source)
    for key, version in failed:
        assert status(s3, source, key, version) == "COMPLETED"


def test_replicas_are_told_where_they_arrive(gateway: Gateway, s3) -> None:
    source, destination = bucket(s3), bucket(s3)
    queue = {
        "Id": destination,
        "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:file",
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    }
    s3.put_bucket_notification_configuration(
        Bucket=destination, NotificationConfiguration={"QueueConfigurations": [queue]}
    )
    markers = {"DeleteMarkerReplication": {"Status": "Enabled"}}
    put_rules(s3, source, role(gateway), rule(destination, **markers))
    version = s3.put_object(Bucket=source, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=source, Key="k")["VersionId"]
    path = gateway.data / "queues" / "file.jsonl"

    def told() -> list[dict]:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        records = [record for line in lines for record in line.get("Records", [])]
        return [record for record in records if record["s3"]["configurationId"] == destination]

    put, marked = until(lambda: (found := told())[1:] and found)
    assert (put["eventName"], put["s3"]["object"]["versionId"]) == ("ObjectCreated:Put", version)
    assert (marked["eventName"], marked["s3"]["object"]["versionId"]) == ("ObjectRemoved:DeleteMarkerCreated", marker)
    assert put["userIdentity"]["principalId"].endswith(":s3-replication")


def test_a_lifecycle_waits_for_what_is_not_replicated(gateway: Gateway, s3) -> None:
    source, destination = bucket(s3), bucket(s3)
    expire = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=source, LifecycleConfiguration={"Rules": [expire]})
    put_rules(s3, source, role(gateway, statement(*READS)), rule(destination, Filter={"Prefix": "a"}))
    versions = {key: s3.put_object(Bucket=source, Key=key, Body=b"x")["VersionId"] for key in ("a", "b")}
    assert status(s3, source, "a", versions["a"]) == "FAILED"

    def run() -> str:
        later = (datetime.now(timezone.utc) + timedelta(days=3)).strftime("%Y-%m-%d")
        command = [binary(), "lifecycle", "run", "--data", str(gateway.data), "--bucket", source, "--now", later]
        environment = clean_environment(gateway.folder, **gateway.env)
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    assert "expired 1," in (said := run()) and "as not replicated 1," in said
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=source)["Contents"]] == ["a"]
    put_rules(s3, source, role(gateway), rule(destination, Filter={"Prefix": "a"}))
    replicate(gateway, source)
    assert status(s3, source, "a", versions["a"]) == "COMPLETED"
    assert "expired 1," in run()
    # What a lifecycle does is not replicated.
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=destination)["Contents"]] == ["a"]


def replicate(gateway: Gateway, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [binary(), "replicate", "--data", str(gateway.data), "--bucket", name, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(gateway.folder, **gateway.env),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_there_before_the_rules_is_carried_on_command(gateway: Gateway, s3) -> None:
    source, destination = bucket(s3), bucket(s3)
    versions = [s3.put_object(Bucket=source, Key="a/k", Body=bytes([n]))["VersionId"] for n in range(3)]
    s3.delete_object(Bucket=source, Key="a/gone")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=source, Key=f"b/{n:03}", Body=b"x"), range(300)))
    put_rules(s3, source, role(gateway), rule(destination))
    newest = s3.put_object(Bucket=source, Key="a/k", Body=b"newest")["VersionId"]
    assert status(s3, source, "a/k", newest) == "COMPLETED"
    assert "queued for replication 3" in replicate(gateway, source, "--prefix", "a/")
    for version in versions:
        assert status(s3, source, "a/k", version) == "COMPLETED"
    # Older versions that come later do not come on top.
    listed = s3.list_object_versions(Bucket=destination)["Versions"]
    assert [entry["VersionId"] for entry in listed] == [newest, *reversed(versions)]
    assert [entry["IsLatest"] for entry in listed] == [True, False, False, False]
    assert s3.get_object(Bucket=destination, Key="a/k")["Body"].read() == b"newest"
    assert "queued for replication 300" in replicate(gateway, source)
    assert "queued for replication 0" in replicate(gateway, source)
    with pytest.raises(AssertionError, match="has no replication configuration"):
        replicate(gateway, destination)
    until(lambda: len(s3.list_objects_v2(Bucket=destination).get("Contents", [])) == 301)
    # A destination that is added gets what another has already.
    added = bucket(s3)
    put_rules(s3, source, role(gateway), rule(destination), rule(added, ID="added", Priority=2))
    until(lambda: "queued for replication 4" in replicate(gateway, source, "--prefix", "a/", "--again"))
    for name in (added, destination):
        until(lambda name=name: len(s3.list_object_versions(Bucket=name, Prefix="a/").get("Versions", [])) == 4)
    for version in (newest, *versions):
        assert status(s3, source, "a/k", version) == "COMPLETED"


# --- another endpoint


def test_another_endpoint_gets_versions_and_markers(gateway: Gateway, far: Gateway, s3) -> None:
    there = far.client()
    source, destination = bucket(s3), bucket(there, "far-away")
    own = gateway.key("source")
    arn = role(gateway, statement(*READS, *WRITES), statement("kms:Decrypt"))
    put_rules(
        s3,
        source,
        arn,
        kms_rule(destination, far.key()) | {"DeleteMarkerReplication": {"Status": "Enabled"}},
    )
    key = "a dir/ü+*'.txt"
    version = s3.put_object(
        Bucket=source, Key=key, Body=noise(3 << 20), Metadata={"a": "b"}, Tagging="k=v&l=w%20x", CacheControl="no-store"
    )["VersionId"]
    assert status(s3, source, key, version) == "COMPLETED"
    replica = there.get_object(Bucket=destination, Key=key, ChecksumMode="ENABLED")
    original = s3.head_object(Bucket=source, Key=key, ChecksumMode="ENABLED")
    assert replica["Body"].read() == noise(3 << 20)
    for name in ("ETag", "Metadata", "CacheControl", "ContentType", "ChecksumCRC64NVME", "ContentLength"):
        assert replica.get(name) == original.get(name), name
    assert there.get_object_tagging(Bucket=destination, Key=key)["TagSet"] == [
        {"Key": "k", "Value": "v"},
        {"Key": "l", "Value": "w x"},
    ]
    version = s3.put_object(Bucket=source, Key="kms", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=own)
    assert status(s3, source, "kms", version["VersionId"]) == "COMPLETED"
    assert there.head_object(Bucket=destination, Key="kms")["SSEKMSKeyId"] == far.key()
    s3.delete_object(Bucket=source, Key=key)
    until(lambda: there.list_object_versions(Bucket=destination).get("DeleteMarkers"))
    # Metadata as it is, though no SDK would send it so.
    assert raw.request(gateway, "PUT", f"/{source}/utf8", headers={"x-amz-meta-colour": "grün"}, body=b"x").status == 200
    until(lambda: raw.request(far, "HEAD", f"/{destination}/utf8").status == 200)
    shown = [raw.request(of, "HEAD", f"/{name}/utf8").headers for of, name in ((gateway, source), (far, destination))]
    assert shown[0]["x-amz-meta-colour"] == shown[1]["x-amz-meta-colour"]
    # Not without the customer's key, and not to where the URL would not name the key.
    dotted = f"/{source}/a/../b"
    assert raw.request(gateway, "PUT", dotted, body=b"x").status == 200
    until(lambda: raw.request(gateway, "HEAD", dotted).headers["x-amz-replication-status"] == "FAILED")
    tls = gateway.client(scheme="https")
    version = tls.put_object(Bucket=source, Key="c", Body=b"x", **customer())["VersionId"]
    assert status(tls, source, "c", version, **customer()) == "FAILED"
    # The endpoint's answer decides: its bucket is gone.
    for entry in ("Versions", "DeleteMarkers"):
        for one in there.list_object_versions(Bucket=destination).get(entry, []):
            there.delete_object(Bucket=destination, Key=one["Key"], VersionId=one["VersionId"])
    there.delete_bucket(Bucket=destination)
    version = s3.put_object(Bucket=source, Key="late", Body=b"x")["VersionId"]
    assert status(s3, source, "late", version) == "FAILED"


def test_what_waits_for_an_endpoint_goes_when_it_is_back(new_gateway) -> None:
    def config() -> str:
        return f"""
[replication.far]
buckets = ["far-*"]
endpoint = "{far.http}"
allow_http = true
access_key_id = "{ALICE.access_key}"
secret_access_key = "{ALICE.secret_key}"
timeout = "5s"
"""

    far = new_gateway()
    gateway = new_gateway(config=config())
    s3 = gateway.client()
    source, destination, near = bucket(s3), bucket(far.client(), "far-away"), bucket(s3)
    put_rules(s3, source, role(gateway), rule(destination), rule(near, ID="near", Priority=2))
    far.kill()
    versions = [s3.put_object(Bucket=source, Key="k", Body=bytes([n]))["VersionId"] for n in range(3)]
    # It keeps no other waiting.
    until(lambda: len(s3.list_object_versions(Bucket=near).get("Versions", [])) == 3)
    until(lambda: gateway.metric("sealgate_replications_total", target="far", outcome="unreachable") > 0)
    assert gateway.metric("sealgate_replications_total", target="local", outcome="completed") == 3
    heads = [s3.head_object(Bucket=source, Key="k", VersionId=version) for version in versions]
    assert {head["ReplicationStatus"] for head in heads} == {"PENDING"}
    # It comes back under another port.
    far.start()
    gateway.config = config()
    gateway.restart()
    s3 = gateway.client()
    for version in versions:
        assert status(s3, source, "k", version) == "COMPLETED"
    there = far.client()
    assert there.get_object(Bucket=destination, Key="k")["Body"].read() == bytes([2])
    assert len(there.list_object_versions(Bucket=destination)["Versions"]) == 3


# --- crashes


def test_a_crash_between_a_write_and_its_delivery_loses_nothing(new_gateway) -> None:
    gateway = new_gateway()
    s3 = gateway.client()
    source, destination = bucket(s3), bucket(s3)
    put_rules(s3, source, role(gateway), rule(destination))
    written: dict[str, list[str]] = {}
    for turn in range(3):
        with ThreadPoolExecutor(8) as pool:
            s3 = gateway.client()
            keys = [f"{turn}/{n % 20}" for n in range(60)]
            puts = pool.map(lambda key: (key, s3.put_object(Bucket=source, Key=key, Body=key.encode())), keys)
            for key, put in puts:
                written.setdefault(key, []).append(put["VersionId"])
        gateway.kill()
        gateway.start()
    s3 = gateway.client()
    for key, versions in written.items():
        for version in versions:
            assert status(s3, source, key, version) == "COMPLETED"

    def all_of(name: str) -> list[tuple[str, str, bool]]:
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=name)
        return [(e["Key"], e["VersionId"], e["IsLatest"]) for page in pages for e in page["Versions"]]

    # Each version is there once, in the same order.
    assert all_of(destination) == all_of(source) and len(all_of(source)) == 180

"""Who may do what in a bucket: its policy, its lists, who owns what is in it, and what is blocked."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import unique
from gateway import ACCOUNT, ALICE, BOB, CANONICAL_ID, CAROL, OTHER_ACCOUNT, REGION, ROOT_USER, Gateway
from test_identities import Someone, allow
from test_objects import code_of

EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
DENIED = (403, "AccessDenied")
FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def statement(bucket: str, action, principal="*", effect: str = "Allow", path: str | None = "/*", **more) -> dict:
    """One about the objects of a bucket, or with `path=""` about the bucket."""
    resource = f"arn:aws:s3:::{bucket}{path}"
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource} | more


def put_policy(gateway: Gateway, bucket: str, *statements: dict, user=ROOT_USER) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    gateway.client(user=user).put_bucket_policy(Bucket=bucket, Policy=document)


def block(gateway: Gateway, bucket: str, **flags: bool) -> None:
    """Blocks what is named and nothing else."""
    configuration = {flag: flags.get(flag, False) for flag in FLAGS}
    gateway.client().put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=configuration)


def own(gateway: Gateway, bucket: str, ownership: str) -> None:
    rules = {"Rules": [{"ObjectOwnership": ownership}]}
    gateway.client().put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)


def anonymously(gateway: Gateway, path: str, method: str = "GET", body: bytes | None = None) -> int:
    request = urllib.request.Request(gateway.http + path, method=method, data=body)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def refusal(call, **arguments) -> tuple[int, str]:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return code_of(refused)


@pytest.fixture
def thing(gateway: Gateway, bucket: str) -> str:
    gateway.client().put_object(Bucket=bucket, Key="thing", Body=b"thing")
    return bucket


def reads(gateway: Gateway, user, bucket: str, key: str = "thing", **more) -> bool:
    """Whether somebody may read; any other refusal than that is an error."""
    try:
        gateway.client(user=user).get_object(Bucket=bucket, Key=key, **more)
    except ClientError as error:
        response = error.response
        assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == DENIED
        return False
    return True


class Anybody:
    """A user of the first account without a policy, as `Gateway.client` wants one."""

    def __init__(self, gateway: Gateway, *policies: dict) -> None:
        someone = Someone(gateway)
        self.name, self.arn, self.iam = someone.name, someone.arn, someone.iam
        self.access_key = someone.credentials["AccessKeyId"]
        self.secret_key = someone.credentials["SecretAccessKey"]
        if policies:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(policies)})
            self.iam.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=document)


# --- the policy as a document


def test_a_policy_is_read_back_to_the_byte_until_it_is_deleted(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")
    assert refusal(s3.get_bucket_policy_status, Bucket=bucket) == (404, "NoSuchBucketPolicy")
    text = json.dumps({"Statement": statement(bucket, "s3:GetObject", {"AWS": OTHER_ACCOUNT})}, indent=3)
    put = s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    assert s3.delete_bucket_policy(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")
    s3.delete_bucket_policy(Bucket=bucket)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"Resource": "arn:aws:s3:::somebody-elses/*"}, "Policy has invalid resource"),
        ({"Resource": "arn:aws:sns:::topic"}, "Policy has invalid resource"),
        ({"Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
        ({"Action": "s3:GetThing"}, "Policy has invalid action"),
        ({"Action": "kms:Decrypt"}, "Policy has invalid action"),
        ({"Principal": {"AWS": "alice"}}, "Invalid principal in policy"),
        ({"Principal": {"CanonicalUser": "0" * 64}}, "Invalid principal in policy"),
        ({"Effect": "Maybe"}, "Invalid effect: Maybe"),
        ({"Condition": {"StringEquals": {"s3:Prefiks": "a"}}}, "Policy has an invalid condition key"),
        ({"Condition": {"StringSame": {"s3:prefix": "a"}}}, "Invalid Condition type : StringSame."),
        ({"Wrong": 1}, "Unknown field Wrong"),
    ],
)
def test_what_is_no_policy_of_this_bucket_is_malformed(gateway: Gateway, bucket: str, change, message) -> None:
    with pytest.raises(ClientError) as refused:
        put_policy(gateway, bucket, statement(bucket, "s3:GetObject", {"AWS": ACCOUNT}) | change)
    assert code_of(refused) == (400, "MalformedPolicy")
    assert refused.value.response["Error"]["Message"] == message
    assert refusal(gateway.client().get_bucket_policy, Bucket=bucket) == (404, "NoSuchBucketPolicy")


@pytest.mark.parametrize("text", ["", "{", "[]", "text", '{"Statement": []}', '{"Statement": 1}'])
def test_what_is_no_document_is_malformed(gateway: Gateway, bucket: str, text: str) -> None:
    refused = refusal(gateway.client().put_bucket_policy, Bucket=bucket, Policy=text)
    assert refused == (400, "MalformedPolicy")


def test_a_policy_has_at_most_twenty_kilobytes(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    text = json.dumps({"Statement": statement(bucket, "s3:GetObject", {"AWS": ACCOUNT})})
    s3.put_bucket_policy(Bucket=bucket, Policy=text.ljust(20 * 1024))
    assert refusal(s3.put_bucket_policy, Bucket=bucket, Policy=text.ljust(20 * 1024 + 1)) == (400, "MalformedPolicy")
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text.ljust(20 * 1024)


def test_a_canonical_id_becomes_the_account_that_it_is(gateway: Gateway, thing: str) -> None:
    # Only ids of the usual form can stand in a policy; the other account has one.
    owner = gateway.client(user=CAROL).list_buckets()["Owner"]["ID"]
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"CanonicalUser": owner}))
    stored = json.loads(gateway.client().get_bucket_policy(Bucket=thing)["Policy"])
    assert stored["Statement"][0]["Principal"] == {"AWS": [f"arn:aws:iam::{OTHER_ACCOUNT}:root"]}
    assert reads(gateway, CAROL, thing)


# --- what it decides


def test_a_policy_lets_in_the_other_account_and_only_to_what_it_names(gateway: Gateway, thing: str) -> None:
    gateway.client().put_object(Bucket=thing, Key="open/a", Body=b"a")
    assert not reads(gateway, CAROL, thing)
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": OTHER_ACCOUNT}, path="/open/*"))
    carol = gateway.client(user=CAROL)
    assert reads(gateway, CAROL, thing, "open/a")
    assert not reads(gateway, CAROL, thing)
    assert refusal(carol.put_object, Bucket=thing, Key="open/b", Body=b"") == DENIED
    assert refusal(carol.delete_object, Bucket=thing, Key="open/a") == DENIED
    assert refusal(carol.list_objects_v2, Bucket=thing) == DENIED
    # Without the right to list, what is not there looks like what is not allowed.
    assert not reads(gateway, CAROL, thing, "open/none")
    gateway.client().delete_bucket_policy(Bucket=thing)
    assert not reads(gateway, CAROL, thing, "open/a")


def test_across_accounts_the_identity_has_to_be_allowed_too(gateway: Gateway, thing: str) -> None:
    carols = gateway.client("iam", user=CAROL)
    name = unique("user")
    user = carols.create_user(UserName=name)["User"]
    made = carols.create_access_key(UserName=name)["AccessKey"]
    dave = type(CAROL)(name, made["AccessKeyId"], made["SecretAccessKey"], user["Arn"])
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": user["Arn"]}))
    assert not reads(gateway, dave, thing)
    document = json.dumps({"Version": "2012-10-17", "Statement": allow("s3:GetObject")})
    carols.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=document)
    assert reads(gateway, dave, thing)
    gateway.client().delete_bucket_policy(Bucket=thing)
    assert not reads(gateway, dave, thing)


def test_within_the_account_a_policy_that_names_a_user_is_enough(gateway: Gateway, thing: str) -> None:
    user = Anybody(gateway)
    assert not reads(gateway, user, thing)
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    assert not reads(gateway, user, thing)
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": user.arn}))
    assert reads(gateway, user, thing)


def test_a_denial_outweighs_everything_and_says_where_it_stands(gateway: Gateway, thing: str) -> None:
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": [ALICE.arn, CAROL.arn]}, "Deny"))
    assert reads(gateway, ROOT_USER, thing) and reads(gateway, BOB, thing)
    with pytest.raises(ClientError) as refused:
        gateway.client(user=ALICE).get_object(Bucket=thing, Key="thing")
    assert refused.value.response["Error"]["Message"] == (
        f"User: {ALICE.arn} is not authorized to perform: s3:GetObject on resource: "
        f'"arn:aws:s3:::{thing}/thing" with an explicit deny in a resource-based policy'
    )


def test_the_root_user_of_the_owner_cannot_be_locked_out(gateway: Gateway, bucket: str) -> None:
    everything = statement(bucket, "s3:*", "*", "Deny") | {
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    }
    put_policy(gateway, bucket, everything)
    root, alice = gateway.client(), gateway.client(user=ALICE)
    assert refusal(root.list_objects_v2, Bucket=bucket) == DENIED
    assert refusal(root.put_object, Bucket=bucket, Key="k", Body=b"") == DENIED
    for call in (alice.get_bucket_policy, alice.delete_bucket_policy):
        assert refusal(call, Bucket=bucket) == DENIED
    assert json.loads(root.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [everything]
    put_policy(gateway, bucket, everything)
    root.delete_bucket_policy(Bucket=bucket)
    root.put_object(Bucket=bucket, Key="k", Body=b"")


def test_the_policy_itself_is_for_the_owners_account_only(gateway: Gateway, bucket: str) -> None:
    put_policy(gateway, bucket, statement(bucket, "s3:*", {"AWS": OTHER_ACCOUNT}, path=""))
    carol = gateway.client(user=CAROL)
    carol.list_objects_v2(Bucket=bucket)
    assert refusal(carol.get_bucket_policy, Bucket=bucket) == (405, "MethodNotAllowed")
    assert refusal(carol.delete_bucket_policy, Bucket=bucket) == (405, "MethodNotAllowed")
    assert refusal(carol.put_bucket_policy, Bucket=bucket, Policy="{}") == (405, "MethodNotAllowed")


def test_unencrypted_uploads_and_other_keys_can_be_denied(gateway: Gateway, bucket: str) -> None:
    sse, key_id = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
    right, wrong = gateway.key("own"), gateway.key("another")
    put_policy(
        gateway,
        bucket,
        statement(bucket, "s3:PutObject", "*", "Deny", Condition={"StringNotEquals": {sse: "aws:kms"}}),
        statement(bucket, "s3:PutObject", "*", "Deny", Condition={"ArnNotEquals": {key_id: right}}),
    )
    s3 = gateway.client()
    kms = {"ServerSideEncryption": "aws:kms"}
    for headers in ({}, {"ServerSideEncryption": "AES256"}, kms, kms | {"SSEKMSKeyId": wrong}):
        assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", **headers) == DENIED, headers
        assert refusal(s3.create_multipart_upload, Bucket=bucket, Key="k", **headers) == DENIED, headers
    for name in (right, right.rsplit("/", 1)[1]):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", SSEKMSKeyId=name, **kms)


def test_conditions_see_address_transport_prefix_and_tags(gateway: Gateway, thing: str) -> None:
    put_policy(
        gateway,
        thing,
        statement(thing, "s3:*", "*", "Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
    )
    root = {"Bucket": thing, "Key": "thing"}
    assert refusal(gateway.client().get_object, **root) == DENIED
    gateway.client(scheme="https").get_object(**root)
    put_policy(
        gateway,
        thing,
        statement(thing, "s3:GetObject", "*", "Deny", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}),
    )
    assert refusal(gateway.client().get_object, **root) == DENIED
    for version, allowed in (("1.3", True), ("1.4", False)):
        # Where there is no TLS there is no version of it.
        newer = {"NumericGreaterThanEquals": {"s3:TlsVersion": version}}
        put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": OTHER_ACCOUNT}, Condition=newer))
        secure = gateway.client(user=CAROL, scheme="https")
        if allowed:
            secure.get_object(**root)
        else:
            assert refusal(secure.get_object, **root) == DENIED
        assert refusal(gateway.client(user=CAROL).get_object, **root) == DENIED
    alices = {"AWS": OTHER_ACCOUNT}
    put_policy(
        gateway,
        thing,
        statement(thing, "s3:ListBucket", alices, path="", Condition={"StringLike": {"s3:prefix": "home/*"}}),
    )
    carol = gateway.client(user=CAROL)
    carol.list_objects_v2(Bucket=thing, Prefix="home/carol/")
    assert refusal(carol.list_objects_v2, Bucket=thing) == DENIED
    assert refusal(carol.list_objects_v2, Bucket=thing, Prefix="ho") == DENIED


def test_a_copy_needs_the_policies_of_both_buckets(gateway: Gateway, thing: str) -> None:
    carol, target = gateway.client(user=CAROL), unique("target")
    carol.create_bucket(Bucket=target)
    copy = {"Bucket": target, "Key": "copy", "CopySource": f"{thing}/thing"}
    assert refusal(carol.copy_object, **copy) == DENIED
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": OTHER_ACCOUNT}))
    carol.copy_object(**copy)
    # The owner of the source has nothing in the target.
    assert refusal(gateway.client().copy_object, **copy) == DENIED


def test_deleting_many_is_decided_key_by_key(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    for key in ("kept/a", "free/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    put_policy(gateway, bucket, statement(bucket, "s3:DeleteObject", "*", "Deny", path="/kept/*"))
    objects = [{"Key": "kept/a"}, {"Key": "free/a"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["free/a"]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("kept/a", "AccessDenied")]


def test_a_named_version_is_an_action_of_its_own(gateway: Gateway, thing: str) -> None:
    user = Anybody(gateway, allow("s3:GetObject"))
    assert reads(gateway, user, thing)
    assert not reads(gateway, user, thing, VersionId="null")
    put_policy(gateway, thing, statement(thing, "s3:GetObjectVersion", {"AWS": user.arn}))
    assert reads(gateway, user, thing, VersionId="null")


# --- the public


def test_a_new_bucket_is_closed_to_the_public_and_says_so(gateway: Gateway, thing: str) -> None:
    s3 = gateway.client()
    assert s3.get_public_access_block(Bucket=thing)["PublicAccessBlockConfiguration"] == dict.fromkeys(FLAGS, True)
    with pytest.raises(ClientError) as refused:
        put_policy(gateway, thing, statement(thing, "s3:GetObject"))
    assert code_of(refused) == DENIED
    assert "BlockPublicPolicy" in refused.value.response["Error"]["Message"]
    assert refusal(s3.get_bucket_policy, Bucket=thing) == (404, "NoSuchBucketPolicy")
    s3.delete_public_access_block(Bucket=thing)
    missing = (404, "NoSuchPublicAccessBlockConfiguration")
    assert refusal(s3.get_public_access_block, Bucket=thing) == missing
    put_policy(gateway, thing, statement(thing, "s3:GetObject"))
    assert anonymously(gateway, f"/{thing}/thing") == 200


def test_what_is_blocked_is_stored_as_it_is_put(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    for flag in FLAGS:
        block(gateway, bucket, **{flag: True})
        shown = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert shown == {name: name == flag for name in FLAGS}


def test_a_public_policy_lets_anybody_in_and_a_restriction_takes_that_back(gateway: Gateway, thing: str) -> None:
    block(gateway, thing)
    put_policy(
        gateway,
        thing,
        statement(thing, ["s3:GetObject", "s3:PutObject"], path="/open/*"),
        statement(thing, "s3:GetObject", {"AWS": OTHER_ACCOUNT}),
    )
    s3 = gateway.client()
    assert s3.get_bucket_policy_status(Bucket=thing)["PolicyStatus"] == {"IsPublic": True}
    assert anonymously(gateway, f"/{thing}/open/a", "PUT", b"a") == 200
    assert anonymously(gateway, f"/{thing}/open/a") == 200
    assert anonymously(gateway, f"/{thing}/open/a", "HEAD") == 200
    assert anonymously(gateway, f"/{thing}/open/a", "DELETE") == 403
    assert anonymously(gateway, f"/{thing}/thing") == 403
    assert anonymously(gateway, f"/{thing}") == 403
    assert reads(gateway, CAROL, thing)
    block(gateway, thing, RestrictPublicBuckets=True)
    assert anonymously(gateway, f"/{thing}/open/a") == 403
    assert not reads(gateway, CAROL, thing)
    assert reads(gateway, BOB, thing)
    # A policy that is not public is not restricted.
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": OTHER_ACCOUNT}))
    assert reads(gateway, CAROL, thing)


@pytest.fixture
def control(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    """Makes clients of S3 Control, which put the account before the host's name."""
    resolve = socket.getaddrinfo

    def local(host, *arguments, **more):
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)

    def make(user=ROOT_USER):
        return boto3.session.Session().client(
            "s3control",
            endpoint_url=gateway.http.replace("127.0.0.1", "localhost"),
            region_name=REGION,
            aws_access_key_id=user.access_key,
            aws_secret_access_key=user.secret_key,
            config=Config(retries={"total_max_attempts": 1}),
        )

    yield make
    mine = {"AccountId": ACCOUNT}
    make().delete_public_access_block(**mine)


def test_what_an_account_blocks_is_blocked_in_all_its_buckets(gateway: Gateway, thing: str, control) -> None:
    s3, account, mine = gateway.client(), control(), {"AccountId": ACCOUNT}
    block(gateway, thing)
    put_policy(gateway, thing, statement(thing, "s3:GetObject"))
    assert anonymously(gateway, f"/{thing}/thing") == 200
    assert refusal(account.get_public_access_block, **mine) == (404, "NoSuchPublicAccessBlockConfiguration")
    flags = dict.fromkeys(FLAGS, False) | {"BlockPublicAcls": True, "BlockPublicPolicy": True}

    def set_flags(**changed: bool) -> None:
        account.put_public_access_block(**mine, PublicAccessBlockConfiguration=flags | changed)

    set_flags()
    assert account.get_public_access_block(**mine)["PublicAccessBlockConfiguration"] == flags
    # The bucket still says what it says itself.
    assert not any(s3.get_public_access_block(Bucket=thing)["PublicAccessBlockConfiguration"].values())
    assert anonymously(gateway, f"/{thing}/thing") == 200
    with pytest.raises(ClientError, match="AccessDenied.*BlockPublicPolicy"):
        put_policy(gateway, thing, statement(thing, "s3:GetObject"))
    own(gateway, thing, "ObjectWriter")
    with pytest.raises(ClientError, match="AccessDenied.*BlockPublicAcls"):
        s3.put_object_acl(Bucket=thing, Key="thing", ACL="public-read")
    set_flags(RestrictPublicBuckets=True)
    assert anonymously(gateway, f"/{thing}/thing") == 403
    set_flags(BlockPublicAcls=False, BlockPublicPolicy=False)
    s3.delete_bucket_policy(Bucket=thing)
    s3.put_object_acl(Bucket=thing, Key="thing", ACL="public-read")
    assert anonymously(gateway, f"/{thing}/thing") == 200
    set_flags(IgnorePublicAcls=True)
    assert anonymously(gateway, f"/{thing}/thing") == 403
    account.delete_public_access_block(**mine)
    assert anonymously(gateway, f"/{thing}/thing") == 200
    # What the bucket blocks itself stays blocked.
    set_flags(BlockPublicAcls=False, BlockPublicPolicy=False)
    block(gateway, thing, IgnorePublicAcls=True)
    assert anonymously(gateway, f"/{thing}/thing") == 403


def test_what_an_account_blocks_is_for_itself_and_for_who_may(gateway: Gateway, control) -> None:
    mine = {"AccountId": ACCOUNT}
    everything = dict.fromkeys(FLAGS, True)
    carol = control(CAROL)
    for call, more in (
        (carol.get_public_access_block, {}),
        (carol.put_public_access_block, {"PublicAccessBlockConfiguration": everything}),
        (carol.delete_public_access_block, {}),
    ):
        assert refusal(call, **mine, **more) == DENIED
    assert refusal(carol.get_public_access_block, AccountId=OTHER_ACCOUNT) == (404, "NoSuchPublicAccessBlockConfiguration")
    control(BOB).put_public_access_block(**mine, PublicAccessBlockConfiguration=everything)
    # A policy about buckets says nothing about the account.
    only_buckets = {"Effect": "Deny", "Action": "s3:*AccountPublicAccessBlock", "Resource": "*"}
    iam = gateway.client("iam")
    iam.put_user_policy(UserName="bob", PolicyName="no", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": only_buckets}))
    try:
        assert refusal(control(BOB).get_public_access_block, **mine) == DENIED
    finally:
        iam.delete_user_policy(UserName="bob", PolicyName="no")
    events = gateway.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutAccountPublicAccessBlock"}]
    )["Events"]
    assert {"bob"} <= {event.get("Username") for event in events}
    assert refusal(control().list_jobs, **mine)[0] == 501


def test_the_public_can_list_and_delete_where_a_policy_says_so(gateway: Gateway, thing: str) -> None:
    block(gateway, thing)
    put_policy(
        gateway, thing, statement(thing, "s3:ListBucket", path=""), statement(thing, ["s3:DeleteObject", "s3:GetObject"])
    )
    assert anonymously(gateway, f"/{thing}?list-type=2") == 200
    assert anonymously(gateway, f"/{thing}/none") == 404
    assert anonymously(gateway, f"/{thing}/thing", "DELETE") == 204
    assert anonymously(gateway, f"/{thing}/thing") == 404
    assert anonymously(gateway, "/") == 403
    assert anonymously(gateway, f"/{unique('none')}/k") == 404


def test_no_policy_gives_the_public_the_use_of_a_kms_key(gateway: Gateway, bucket: str) -> None:
    gateway.client().put_object(Bucket=bucket, Key="sealed", Body=b"s", ServerSideEncryption="aws:kms")
    block(gateway, bucket)
    put_policy(gateway, bucket, statement(bucket, "s3:GetObject"))
    assert anonymously(gateway, f"/{bucket}/sealed") in (400, 403)


# --- ownership


def test_ownership_is_enforced_in_new_buckets_and_can_be_changed(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()

    def shown() -> list:
        return s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]

    assert shown() == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    for ownership in ("ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"):
        own(gateway, bucket, ownership)
        assert shown() == [{"ObjectOwnership": ownership}]
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert refusal(s3.get_bucket_ownership_controls, Bucket=bucket) == (404, "OwnershipControlsNotFoundError")
    # Then lists count, as in the buckets of old.
    s3.put_bucket_acl(Bucket=bucket, ACL="private")


def test_a_bucket_can_be_made_with_its_ownership_and_its_list(gateway: Gateway) -> None:
    s3 = gateway.client()
    other = gateway.client(user=CAROL).list_buckets()["Owner"]["ID"]
    name = unique("lists")
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter", GrantRead=f"id={other}")
    shown = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert shown == [{"ObjectOwnership": "ObjectWriter"}]
    assert gateway.client(user=CAROL).list_objects_v2(Bucket=name)["KeyCount"] == 0
    for arguments, refused in (
        ({"ACL": "public-read"}, "InvalidBucketAclWithObjectOwnership"),
        ({"GrantRead": f"id={other}"}, "InvalidBucketAclWithObjectOwnership"),
        ({"ACL": "private", "GrantRead": f"id={other}"}, "InvalidBucketAclWithObjectOwnership"),
        (
            {"ACL": "public-read", "ObjectOwnership": "ObjectWriter"},
            "InvalidBucketAclWithBlockPublicAccessError",
        ),
        ({"GrantRead": "id=nobody", "ObjectOwnership": "ObjectWriter"}, "InvalidArgument"),
        ({"ObjectOwnership": "Nobody"}, "InvalidArgument"),
    ):
        name = unique("refused")
        assert refusal(s3.create_bucket, Bucket=name, **arguments) == (400, refused), arguments
        assert refusal(s3.get_bucket_location, Bucket=name) == (404, "NoSuchBucket")


def test_lists_are_refused_where_ownership_is_enforced(gateway: Gateway, thing: str) -> None:
    s3 = gateway.client()
    unsupported = (400, "AccessControlListNotSupported")
    assert refusal(s3.put_bucket_acl, Bucket=thing, ACL="private") == unsupported
    assert refusal(s3.put_object_acl, Bucket=thing, Key="thing", ACL="public-read") == unsupported
    assert refusal(s3.put_object, Bucket=thing, Key="k", Body=b"", ACL="public-read") == unsupported
    assert refusal(s3.put_object, Bucket=thing, Key="k", Body=b"", GrantRead="id=x") == unsupported
    both = {"ACL": "private", "GrantRead": "id=x"}
    assert refusal(s3.put_object, Bucket=thing, Key="k", Body=b"", **both) == unsupported
    assert refusal(s3.create_multipart_upload, Bucket=thing, Key="k", ACL="authenticated-read") == unsupported
    source = f"{thing}/thing"
    assert refusal(s3.copy_object, Bucket=thing, Key="k", CopySource=source, ACL="public-read") == unsupported
    s3.put_object(Bucket=thing, Key="k", Body=b"", ACL="bucket-owner-full-control")
    everything = [{"Grantee": {"ID": CANONICAL_ID, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]
    for shown in (s3.get_bucket_acl(Bucket=thing), s3.get_object_acl(Bucket=thing, Key="thing")):
        assert shown["Owner"]["ID"] == CANONICAL_ID
        assert shown["Grants"] == everything
    assert refusal(s3.get_object_acl, Bucket=thing, Key="none") == (404, "NoSuchKey")


def test_ownership_cannot_be_enforced_over_a_list_that_shares(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    block(gateway, bucket)
    own(gateway, bucket, "ObjectWriter")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    enforce = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    refused = refusal(s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=enforce)
    assert refused == (400, "InvalidBucketAclWithObjectOwnership")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    own(gateway, bucket, "BucketOwnerEnforced")


# --- lists of buckets


@pytest.fixture
def listed(gateway: Gateway, thing: str) -> str:
    """A bucket in which lists count and nothing is blocked."""
    own(gateway, thing, "ObjectWriter")
    block(gateway, thing)
    return thing


def test_the_list_of_a_bucket_shares_it(gateway: Gateway, listed: str) -> None:
    s3, carol = gateway.client(), gateway.client(user=CAROL)
    assert refusal(carol.list_objects_v2, Bucket=listed) == DENIED
    s3.put_bucket_acl(Bucket=listed, ACL="authenticated-read")
    carol.list_objects_v2(Bucket=listed)
    assert anonymously(gateway, f"/{listed}") == 403
    s3.put_bucket_acl(Bucket=listed, ACL="public-read")
    assert anonymously(gateway, f"/{listed}") == 200
    # To list is not to read.
    assert anonymously(gateway, f"/{listed}/thing") == 403
    assert anonymously(gateway, f"/{listed}/none") == 404
    assert refusal(carol.get_bucket_acl, Bucket=listed) == DENIED
    # What is blocked afterwards is without effect, and stays.
    block(gateway, listed, IgnorePublicAcls=True)
    assert anonymously(gateway, f"/{listed}") == 403
    assert refusal(carol.list_objects_v2, Bucket=listed) == DENIED
    assert any(grant["Grantee"].get("URI") == EVERYBODY for grant in s3.get_bucket_acl(Bucket=listed)["Grants"])
    # A denial outweighs a list.
    block(gateway, listed)
    put_policy(gateway, listed, statement(listed, "s3:ListBucket", "*", "Deny", path=""))
    assert anonymously(gateway, f"/{listed}") == 403


def test_no_public_list_can_be_set_where_that_is_blocked(gateway: Gateway, listed: str) -> None:
    block(gateway, listed, BlockPublicAcls=True)
    s3 = gateway.client()
    other = gateway.client(user=CAROL).list_buckets()["Owner"]["ID"]
    for arguments in ({"ACL": "public-read"}, {"ACL": "authenticated-read"}, {"GrantWrite": f'uri="{SIGNED}"'}):
        assert refusal(s3.put_bucket_acl, Bucket=listed, **arguments) == DENIED
    assert refusal(s3.put_object, Bucket=listed, Key="k", Body=b"", ACL="public-read") == DENIED
    s3.put_bucket_acl(Bucket=listed, GrantRead=f"id={other}")
    gateway.client(user=CAROL).list_objects_v2(Bucket=listed)


def test_grants_are_read_back_and_reach_whom_they_name(gateway: Gateway, listed: str) -> None:
    s3, carol = gateway.client(), gateway.client(user=CAROL)
    other = carol.list_buckets()["Owner"]["ID"]

    def grant(permission: str, **grantee: str) -> dict:
        return {"Grantee": grantee, "Permission": permission}

    grants = [
        grant("FULL_CONTROL", Type="CanonicalUser", ID=CANONICAL_ID),
        grant("READ_ACP", Type="CanonicalUser", ID=other),
        grant("WRITE", Type="Group", URI="http://acs.amazonaws.com/groups/s3/LogDelivery"),
    ]
    owner = {"ID": CANONICAL_ID}
    s3.put_bucket_acl(Bucket=listed, AccessControlPolicy={"Owner": owner, "Grants": grants})
    shown = carol.get_bucket_acl(Bucket=listed)
    assert (shown["Owner"], shown["Grants"]) == (owner, grants)
    assert refusal(carol.put_bucket_acl, Bucket=listed, ACL="private") == DENIED
    assert refusal(carol.list_objects_v2, Bucket=listed) == DENIED
    for policy, refused in (
        ({"Owner": {"ID": other}, "Grants": grants}, DENIED),
        ({"Owner": owner, "Grants": grants * 34}, (400, "MalformedACLError")),
        ({"Owner": owner, "Grants": [grant("READ", Type="Group", URI="http://x")]}, (400, "InvalidArgument")),
        ({"Owner": owner, "Grants": [grant("READ", Type="CanonicalUser", ID="x")]}, (400, "InvalidArgument")),
        (
            {"Owner": owner, "Grants": [grant("READ", Type="AmazonCustomerByEmail", EmailAddress="a@b.c")]},
            (405, "MethodNotAllowed"),
        ),
    ):
        assert refusal(s3.put_bucket_acl, Bucket=listed, AccessControlPolicy=policy) == refused, policy
    assert refusal(s3.put_bucket_acl, Bucket=listed) == (400, "MissingSecurityHeader")
    assert refusal(s3.put_bucket_acl, Bucket=listed, ACL="private", GrantRead=f"id={other}") == (400, "InvalidRequest")
    assert s3.get_bucket_acl(Bucket=listed)["Grants"] == grants


# --- around all of it


def test_the_expected_owner_is_checked_before_anything_is_done(gateway: Gateway, thing: str) -> None:
    s3 = gateway.client()
    wrong = {"Bucket": thing, "ExpectedBucketOwner": OTHER_ACCOUNT}
    for call in (
        s3.get_bucket_policy,
        s3.get_public_access_block,
        s3.get_bucket_ownership_controls,
        s3.get_bucket_acl,
        s3.delete_bucket_policy,
        s3.delete_public_access_block,
        s3.delete_bucket_ownership_controls,
    ):
        assert refusal(call, **wrong) == DENIED
    right = {"Bucket": thing, "ExpectedBucketOwner": ACCOUNT}
    assert s3.get_public_access_block(**right)["PublicAccessBlockConfiguration"] == dict.fromkeys(FLAGS, True)


def test_settings_survive_a_restart(new_gateway) -> None:
    gateway = new_gateway()
    name = unique("kept")
    gateway.client().create_bucket(Bucket=name)
    gateway.client().put_object(Bucket=name, Key="thing", Body=b"")
    block(gateway, name)
    put_policy(gateway, name, statement(name, "s3:GetObject"))
    gateway.restart()
    assert anonymously(gateway, f"/{name}/thing") == 200
    gateway.client().delete_bucket_policy(Bucket=name)
    assert anonymously(gateway, f"/{name}/thing") == 403


def test_users_without_the_permission_change_nothing(gateway: Gateway, bucket: str) -> None:
    user = Anybody(gateway, allow(["s3:GetObject", "s3:PutObject", "s3:ListBucket"]))
    mine = gateway.client(user=user)
    for call, arguments in (
        (mine.put_bucket_policy, {"Policy": "{}"}),
        (mine.get_bucket_policy, {}),
        (mine.get_bucket_policy_status, {}),
        (mine.put_public_access_block, {"PublicAccessBlockConfiguration": {}}),
        (mine.get_public_access_block, {}),
        (mine.delete_public_access_block, {}),
        (mine.put_bucket_ownership_controls, {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}}),
        (mine.get_bucket_ownership_controls, {}),
        (mine.get_bucket_acl, {}),
        (mine.put_bucket_acl, {"ACL": "private"}),
    ):
        assert refusal(call, Bucket=bucket, **arguments) == DENIED


# --- lists of objects


def grants_of(answer: dict) -> set[tuple[str, str]]:
    return {(g["Grantee"].get("ID") or g["Grantee"]["URI"], g["Permission"]) for g in answer["Grants"]}


def test_the_list_of_an_object_shares_it(gateway: Gateway, listed: str) -> None:
    s3 = gateway.client()
    other = gateway.client(user=CAROL).list_buckets()["Owner"]["ID"]
    mine = (CANONICAL_ID, "FULL_CONTROL")
    for arguments, granted, carol, nobody in (
        ({}, set(), False, 403),
        ({"ACL": "private"}, set(), False, 403),
        ({"ACL": "public-read"}, {(EVERYBODY, "READ")}, True, 200),
        ({"ACL": "authenticated-read"}, {(SIGNED, "READ")}, True, 403),
        ({"ACL": "bucket-owner-full-control"}, set(), False, 403),
        ({"GrantFullControl": f"id={CANONICAL_ID}", "GrantRead": f'id="{other}"'}, {(other, "READ")}, True, 403),
    ):
        s3.put_object(Bucket=listed, Key="k", Body=b"k", **arguments)
        assert grants_of(s3.get_object_acl(Bucket=listed, Key="k")) == granted | {mine}, arguments
        assert reads(gateway, CAROL, listed, "k") is carol, arguments
        assert anonymously(gateway, f"/{listed}/k") == nobody, arguments
        # The same afterwards, on an object that was there.
        if arguments:
            s3.put_object_acl(Bucket=listed, Key="thing", **arguments)
            assert grants_of(s3.get_object_acl(Bucket=listed, Key="thing")) == granted | {mine}
            assert reads(gateway, CAROL, listed) is carol
            assert anonymously(gateway, f"/{listed}/thing") == nobody
    carol = gateway.client(user=CAROL)
    assert refusal(carol.put_object_acl, Bucket=listed, Key="k", ACL="public-read") == DENIED
    assert refusal(carol.get_object_acl, Bucket=listed, Key="k") == DENIED
    assert refusal(s3.put_object_acl, Bucket=listed, Key="none", ACL="private") == (404, "NoSuchKey")


def test_public_lists_of_objects_can_be_ignored(gateway: Gateway, listed: str) -> None:
    gateway.client().put_object_acl(Bucket=listed, Key="thing", ACL="public-read")
    assert anonymously(gateway, f"/{listed}/thing") == 200
    block(gateway, listed, IgnorePublicAcls=True)
    assert anonymously(gateway, f"/{listed}/thing") == 403
    block(gateway, listed)
    own(gateway, listed, "BucketOwnerEnforced")
    assert anonymously(gateway, f"/{listed}/thing") == 403


def test_lists_are_those_of_multipart_uploads_and_copies_too(gateway: Gateway, listed: str) -> None:
    s3 = gateway.client()
    upload = s3.create_multipart_upload(Bucket=listed, Key="parts", ACL="public-read")["UploadId"]
    part = s3.upload_part(Bucket=listed, Key="parts", UploadId=upload, PartNumber=1, Body=b"p")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=listed, Key="parts", UploadId=upload, MultipartUpload=parts)
    assert anonymously(gateway, f"/{listed}/parts") == 200
    # A copy does not take the list of its source along.
    s3.copy_object(Bucket=listed, Key="copy", CopySource=f"{listed}/parts")
    assert anonymously(gateway, f"/{listed}/copy") == 403
    s3.copy_object(Bucket=listed, Key="copy", CopySource=f"{listed}/parts", ACL="public-read")
    assert anonymously(gateway, f"/{listed}/copy") == 200


def test_who_writes_an_object_owns_it_unless_the_owner_is_preferred(gateway: Gateway, listed: str) -> None:
    s3, carol = gateway.client(), gateway.client(user=CAROL)
    other = carol.list_buckets()["Owner"]["ID"]
    put_policy(gateway, listed, statement(listed, "s3:PutObject", {"AWS": OTHER_ACCOUNT}))
    carol.put_object(Bucket=listed, Key="hers", Body=b"h")
    assert carol.get_object_acl(Bucket=listed, Key="hers")["Owner"]["ID"] == other
    assert reads(gateway, CAROL, listed, "hers")
    assert not reads(gateway, ROOT_USER, listed, "hers")
    # A policy of the bucket's owner does not open what is hers; she does.
    put_policy(gateway, listed, statement(listed, ["s3:PutObject", "s3:GetObject"]))
    assert anonymously(gateway, f"/{listed}/hers") == 403
    carol.put_object_acl(Bucket=listed, Key="hers", ACL="bucket-owner-read")
    assert reads(gateway, ROOT_USER, listed, "hers")
    carol.put_object(Bucket=listed, Key="shared", Body=b"s", ACL="bucket-owner-full-control")
    assert reads(gateway, ROOT_USER, listed, "shared")
    assert s3.get_object_acl(Bucket=listed, Key="shared")["Owner"]["ID"] == other
    # Listings tell whose each is.
    def owners() -> tuple[dict, dict, dict]:
        pages = (
            s3.list_objects(Bucket=listed)["Contents"],
            s3.list_objects_v2(Bucket=listed, FetchOwner=True)["Contents"],
            s3.list_object_versions(Bucket=listed)["Versions"],
        )
        return tuple({entry["Key"]: entry["Owner"]["ID"] for entry in page} for page in pages)

    s3.put_object(Bucket=listed, Key="own", Body=b"o")
    assert all(each["hers"] == other and each["own"] == CANONICAL_ID for each in owners())
    own(gateway, listed, "BucketOwnerPreferred")
    carol.put_object(Bucket=listed, Key="given", Body=b"g", ACL="bucket-owner-full-control")
    assert s3.get_object_acl(Bucket=listed, Key="given")["Owner"]["ID"] == CANONICAL_ID
    carol.put_object(Bucket=listed, Key="kept", Body=b"k")
    assert refusal(s3.get_object_acl, Bucket=listed, Key="kept") == DENIED
    # The bucket's owner can always delete, and take over by enforcing ownership.
    s3.delete_object(Bucket=listed, Key="hers")
    own(gateway, listed, "BucketOwnerEnforced")
    assert reads(gateway, ROOT_USER, listed, "kept")
    assert all(set(each.values()) == {CANONICAL_ID} for each in owners())


def test_a_bucket_that_the_public_may_write_takes_its_objects(gateway: Gateway, listed: str) -> None:
    gateway.client().put_bucket_acl(Bucket=listed, ACL="public-read-write")
    assert anonymously(gateway, f"/{listed}/theirs", "PUT", b"t") == 200
    assert anonymously(gateway, f"/{listed}/theirs", "DELETE") == 403
    assert not reads(gateway, ROOT_USER, listed, "theirs")
    gateway.client().delete_object(Bucket=listed, Key="theirs")


def set_abac(gateway: Gateway, bucket: str, status: str) -> None:
    gateway.client().put_bucket_abac(Bucket=bucket, AbacStatus={"Status": status})


@pytest.mark.parametrize("family", ("aws:ResourceTag", "s3:BucketTag"))
def test_tags_of_the_bucket_decide_where_that_is_enabled(gateway: Gateway, thing: str, family: str) -> None:
    s3, carol = gateway.client(), gateway.client(user=CAROL)
    assert s3.get_bucket_abac(Bucket=thing)["AbacStatus"] == {"Status": "Disabled"}
    tags = {"TagSet": [{"Key": "team", "Value": "blue"}]}
    s3.put_bucket_tagging(Bucket=thing, Tagging=tags)
    blue = {"StringEquals": {f"{family}/team": "blue"}}
    more = (statement(thing, "s3:ListBucket", {"AWS": OTHER_ACCOUNT}, path="", Condition=blue),)
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": OTHER_ACCOUNT}, Condition=blue), *more)

    def lets_in() -> bool:
        listed = refusal(carol.list_objects_v2, Bucket=thing) if not reads(gateway, CAROL, thing) else None
        if listed is None:
            carol.list_objects_v2(Bucket=thing)
        return listed is None

    assert not lets_in()
    set_abac(gateway, thing, "Enabled")
    assert s3.get_bucket_abac(Bucket=thing)["AbacStatus"] == {"Status": "Enabled"}
    assert lets_in()
    # Now tags are more than labels, and not set by who may label.
    other = {"TagSet": [{"Key": "team", "Value": "red"}]}
    assert refusal(s3.put_bucket_tagging, Bucket=thing, Tagging=other) == (400, "InvalidRequest")
    assert refusal(s3.delete_bucket_tagging, Bucket=thing) == (400, "InvalidRequest")
    assert s3.get_bucket_tagging(Bucket=thing)["TagSet"] == tags["TagSet"]
    # A copy asks for the tags of its source's bucket.
    own_bucket = unique("own")
    carol.create_bucket(Bucket=own_bucket)
    copy = {"Bucket": own_bucket, "Key": "copy", "CopySource": f"{thing}/thing"}
    carol.copy_object(**copy)
    set_abac(gateway, thing, "Disabled")
    assert not lets_in()
    assert refusal(carol.copy_object, **copy) == DENIED
    s3.put_bucket_tagging(Bucket=thing, Tagging=other)
    set_abac(gateway, thing, "Enabled")
    assert not lets_in()
    assert refusal(carol.put_bucket_abac, Bucket=thing, AbacStatus={"Status": "Disabled"}) == DENIED


def test_a_denial_may_ask_for_the_tags_of_the_bucket(gateway: Gateway, thing: str) -> None:
    untagged = {"StringNotEquals": {"aws:ResourceTag/stage": "open"}}
    put_policy(gateway, thing, statement(thing, "s3:GetObject", "*", "Deny", Condition=untagged))
    # What is missing is not equal to anything.
    assert not reads(gateway, ROOT_USER, thing)
    gateway.client().put_bucket_tagging(Bucket=thing, Tagging={"TagSet": [{"Key": "stage", "Value": "open"}]})
    assert not reads(gateway, ROOT_USER, thing)
    set_abac(gateway, thing, "Enabled")
    assert reads(gateway, ROOT_USER, thing)


def test_tags_of_the_object_decide(gateway: Gateway, thing: str) -> None:
    s3 = gateway.client()
    s3.put_object(Bucket=thing, Key="open", Body=b"o", Tagging="class=open")
    tagged = {"StringEquals": {"s3:ExistingObjectTag/class": "open"}}
    put_policy(gateway, thing, statement(thing, "s3:GetObject", {"AWS": OTHER_ACCOUNT}, Condition=tagged))
    assert reads(gateway, CAROL, thing, "open") and not reads(gateway, CAROL, thing)
    secret = {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}
    put_policy(gateway, thing, statement(thing, "s3:GetObject", "*", "Deny", Condition=secret))
    s3.put_object_tagging(Bucket=thing, Key="thing", Tagging={"TagSet": [{"Key": "class", "Value": "secret"}]})
    assert not reads(gateway, ROOT_USER, thing) and reads(gateway, ROOT_USER, thing, "open")
    # Not by way of a copy, either.
    assert refusal(s3.copy_object, Bucket=thing, Key="copy", CopySource=f"{thing}/thing") == DENIED
    put_policy(
        gateway,
        thing,
        statement(
            thing, "s3:PutObject", "*", "Deny", Condition={"StringNotEquals": {"s3:RequestObjectTag/class": "open"}}
        ),
    )
    assert refusal(s3.put_object, Bucket=thing, Key="k", Body=b"") == DENIED
    s3.put_object(Bucket=thing, Key="k", Body=b"", Tagging="class=open")

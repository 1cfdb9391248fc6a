"""Documents of a bucket: CORS and what a browser is told by it, tags, and configurations that only describe."""

from __future__ import annotations

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from conftest import unique
from gateway import BOB, CAROL, Gateway
from raw import request
from test_access import DENIED, anonymously, block, put_policy, refusal, statement

PAGE = "https://app.example.com"
RULE = {
    "ID": "app",
    "AllowedMethods": ["GET", "PUT"],
    "AllowedOrigins": ["https://*.example.com"],
    "AllowedHeaders": ["x-amz-*"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 60,
}


# --- CORS


def put_cors(gateway: Gateway, bucket: str, *rules: dict) -> None:
    gateway.client().put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})


def ask(gateway: Gateway, path: str, method: str = "OPTIONS", **headers: str) -> tuple[int, dict[str, str]]:
    """An unsigned request as a browser sends it, and the headers of the answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(gateway.http + path, method=method, headers=names), timeout=10
        ) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}


def test_cors_rules_come_back_and_go(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    assert refusal(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")
    second = {"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]}
    put_cors(gateway, bucket, RULE, second)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [RULE, second]
    s3.delete_bucket_cors(Bucket=bucket)
    s3.delete_bucket_cors(Bucket=bucket)
    assert refusal(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")


@pytest.mark.parametrize(
    "change,code",
    [
        ({"AllowedMethods": ["PATCH"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*.*"]}, "InvalidRequest"),
        ({"ExposeHeaders": ["x-*"]}, "InvalidRequest"),
        ({"AllowedMethods": []}, "MalformedXML"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(gateway: Gateway, bucket: str, change: dict, code: str) -> None:
    rules = {"CORSRules": [RULE | change]}
    assert refusal(gateway.client().put_bucket_cors, Bucket=bucket, CORSConfiguration=rules) == (400, code)
    assert refusal(gateway.client().get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")


def test_a_preflight_is_answered_by_the_rules(gateway: Gateway, bucket: str) -> None:
    path = f"/{bucket}/any/key"
    asked = {"Origin": PAGE, "Access_Control_Request_Method": "PUT"}
    assert ask(gateway, path, **asked)[0] == 403
    put_cors(gateway, bucket, RULE)
    status, headers = ask(gateway, path, **asked, Access_Control_Request_Headers="X-Amz-Date, x-amz-acl")
    assert status == 200
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["access-control-allow-methods"] == "GET, PUT"
    assert headers["access-control-allow-headers"] == "x-amz-date, x-amz-acl"
    assert headers["access-control-max-age"] == "60"
    assert headers["access-control-expose-headers"] == "ETag"
    assert headers["access-control-allow-credentials"] == "true"
    assert "Origin" in headers["vary"]
    for refused in (
        {"Origin": "https://example.org"},
        {"Access_Control_Request_Method": "DELETE"},
        {"Access_Control_Request_Headers": "authorization"},
    ):
        status, headers = ask(gateway, path, **(asked | refused))
        assert status == 403 and "access-control-allow-origin" not in headers, refused
    assert ask(gateway, path, Access_Control_Request_Method="PUT")[0] == 400
    assert ask(gateway, path, Origin=PAGE)[0] == 400
    assert ask(gateway, "/no-such-bucket-at-all/k", **asked)[0] == 404


def test_an_answer_tells_the_browser_whether_the_page_may_read_it(gateway: Gateway, bucket: str) -> None:
    gateway.client().put_object(Bucket=bucket, Key="k", Body=b"k")
    path = f"/{bucket}/k"
    put_cors(gateway, bucket, RULE | {"AllowedMethods": ["GET"]})
    answer = request(gateway, "GET", path, headers={"Origin": PAGE})
    assert answer.status == 200 and answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-expose-headers"] == "ETag"
    for headers in ({"Origin": "https://example.org"}, {}):
        assert "access-control-allow-origin" not in request(gateway, "GET", path, headers=headers).headers
    # Another method than the rule's, and a refusal, which the page may read too.
    other = request(gateway, "HEAD", path, headers={"Origin": PAGE})
    assert other.status == 200 and "access-control-allow-origin" not in other.headers
    status, headers = ask(gateway, path, "GET", Origin=PAGE)
    assert (status, headers["access-control-allow-origin"]) == (403, PAGE)
    put_cors(gateway, bucket, {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]})
    headers = request(gateway, "GET", path, headers={"Origin": PAGE}).headers
    assert headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in headers


# --- tags


def test_tags_of_a_bucket_come_back_and_go(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")
    tags = [{"Key": "cost centre", "Value": "a/b=c"}, {"Key": "empty", "Value": ""}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags[:1]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags[:1]
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
        [{"Key": "aws:own", "Value": ""}],
        [{"Key": "k" * 129, "Value": ""}],
        [{"Key": str(number), "Value": ""} for number in range(51)],
    ],
    ids=("twice", "reserved", "long", "many"),
)
def test_tags_that_cannot_be_are_refused(gateway: Gateway, bucket: str, tags: list[dict]) -> None:
    s3 = gateway.client()
    assert refusal(s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": tags}) == (400, "InvalidTag")
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")


# --- configurations by id

AND = {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]}}
EXPORT = {
    "DataExport": {
        "OutputSchemaVersion": "V_1",
        "Destination": {"S3BucketDestination": {"Format": "CSV", "Bucket": "arn:aws:s3:::reports", "Prefix": "p"}},
    }
}
TIERS = [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}, {"Days": 180, "AccessTier": "DEEP_ARCHIVE_ACCESS"}]
INVENTORY = {
    "IsEnabled": True,
    "IncludedObjectVersions": "Current",
    "Schedule": {"Frequency": "Daily"},
    "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::reports", "Format": "CSV"}},
}
EVERY_FIELD = {
    "IsEnabled": False,
    "IncludedObjectVersions": "All",
    "Schedule": {"Frequency": "Weekly"},
    "Filter": {"Prefix": "a/"},
    "OptionalFields": ["ETag", "Size"],
    "Destination": {
        "S3BucketDestination": {
            "AccountId": "111111111111",
            "Bucket": "arn:aws:s3:::reports",
            "Format": "Parquet",
            "Prefix": "p",
            "Encryption": {"SSEKMS": {"KeyId": "arn:aws:kms:us-east-1:111111111111:key/k"}},
        }
    },
}
DESCRIBED = {
    "analytics": [
        {"StorageClassAnalysis": {}},
        {"Filter": AND, "StorageClassAnalysis": EXPORT},
    ],
    "inventory": [INVENTORY, EVERY_FIELD],
    "metrics": [{}, {"Filter": {"Tag": {"Key": "k", "Value": "v"}}}],
    "intelligent_tiering": [
        {"Status": "Disabled", "Tierings": TIERS[:1]},
        {"Filter": {"Prefix": "p"}, "Status": "Enabled", "Tierings": TIERS},
    ],
}


class Described:
    """The four calls of a kind of configuration."""

    def __init__(self, s3, bucket: str, kind: str) -> None:
        self.s3, self.bucket, self.kind = s3, bucket, kind
        self.member = "".join(word.capitalize() for word in kind.split("_")) + "Configuration"

    def call(self, verb: str, plural: str = "", **arguments: object) -> dict:
        return getattr(self.s3, f"{verb}_bucket_{self.kind}_configuration{plural}")(Bucket=self.bucket, **arguments)

    def put(self, name: str, content: dict, own: str | None = None) -> None:
        self.call("put", Id=name, **{self.member: content | {"Id": own or name}})

    def get(self, name: str) -> dict:
        return self.call("get", Id=name)[self.member]

    def delete(self, name: str) -> None:
        self.call("delete", Id=name)

    def page(self, **arguments: str) -> dict:
        return self.call("list", "s", **arguments)

    def all(self) -> list[dict]:
        found, more = [], {}
        while True:
            page = self.page(**more)
            found += page.get(self.member + "List", [])
            assert page["IsTruncated"] is ("NextContinuationToken" in page)
            if not page["IsTruncated"]:
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}


@pytest.fixture(params=DESCRIBED)
def described(request: pytest.FixtureRequest, gateway: Gateway, bucket: str) -> Described:
    return Described(gateway.client(), bucket, request.param)


def test_configurations_come_back_and_go(described: Described) -> None:
    assert described.all() == []
    assert refusal(described.get, name="none") == (404, "NoSuchConfiguration")
    wanted = []
    for number, content in enumerate(DESCRIBED[described.kind]):
        described.put(f"c-{number}", content)
        wanted.append(content | {"Id": f"c-{number}"})
    assert [described.get(each["Id"]) for each in wanted] == wanted
    assert described.all() == wanted
    described.put("c-0", DESCRIBED[described.kind][1])
    assert described.get("c-0") == DESCRIBED[described.kind][1] | {"Id": "c-0"}
    described.delete("c-0")
    assert described.all() == wanted[1:]
    assert refusal(described.delete, name="c-0") == (404, "NoSuchConfiguration")


def test_an_id_is_the_documents_and_has_its_form(described: Described) -> None:
    content = DESCRIBED[described.kind][0]
    for name in ("a b", "a/b", "ä", "a" * 65):
        assert refusal(described.put, name=name, content=content) == (400, "InvalidConfigurationId")
        assert refusal(described.get, name=name) == (400, "InvalidConfigurationId")
    assert refusal(described.put, name="a", content=content, own="b") == (400, "IdMismatch")
    assert described.all() == []


def test_there_may_be_a_thousand_which_are_listed_in_pages(gateway: Gateway, bucket: str) -> None:
    described = Described(gateway.client(), bucket, "metrics")
    names = [f"m{number:04}" for number in range(1000)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: described.put(name, {}), names))
    assert refusal(described.put, name="m1000", content={}) == (400, "TooManyConfigurations")
    described.put("m0999", {"Filter": {"Prefix": "p"}})
    first = described.page()
    assert [each["Id"] for each in first["MetricsConfigurationList"]] == names[:100]
    assert [each["Id"] for each in described.all()] == names
    wrong = refusal(described.page, ContinuationToken="nonsense!")
    assert wrong == (400, "InvalidArgument")
    # A kind has a limit of its own.
    Described(gateway.client(), bucket, "analytics").put("a", {"StorageClassAnalysis": {}})


@pytest.mark.parametrize(
    "sub,root,content",
    [
        ("metrics", "MetricsConfiguration", "<Id>a</Id><Other/>"),
        ("metrics", "MetricsConfiguration", "<Id>a</Id><Filter><Prefix>a</Prefix><Prefix>b</Prefix></Filter>"),
        ("analytics", "AnalyticsConfiguration", "<Id>a</Id>"),
        ("inventory", "InventoryConfiguration", "<Id>a</Id><IsEnabled>true</IsEnabled>"),
        ("intelligent-tiering", "IntelligentTieringConfiguration", "<Id>a</Id><Status>Enabled</Status>"),
        ("metrics", "AnalyticsConfiguration", "<Id>a</Id><StorageClassAnalysis/>"),
        ("requestPayment", "RequestPaymentConfiguration", "<Payer>Nobody</Payer>"),
        ("accelerate", "AccelerateConfiguration", "<Status>Enabled</Status><Status>Enabled</Status>"),
    ],
)
def test_what_the_schema_does_not_have_is_malformed(
    gateway: Gateway, bucket: str, sub: str, root: str, content: str
) -> None:
    body = f"<{root}>{content}</{root}>".encode()
    query = [(sub, ""), ("id", "a")] if root not in ("RequestPaymentConfiguration", "AccelerateConfiguration") else [(sub, "")]
    request(gateway, "PUT", f"/{bucket}", query=query, body=body).refused(400, "MalformedXML")


def test_configurations_need_their_own_permission(gateway: Gateway, bucket: str) -> None:
    described = Described(gateway.client(), bucket, "metrics")
    described.put("a", {})
    stranger = Described(gateway.client(user=CAROL), bucket, "metrics")
    assert refusal(stranger.get, name="a") == DENIED
    assert refusal(stranger.put, name="a", content={}) == DENIED
    put_policy(gateway, bucket, statement(bucket, "s3:GetMetricsConfiguration", {"AWS": CAROL.arn}, path=""))
    assert stranger.get("a") == {"Id": "a"}
    assert refusal(stranger.put, name="a", content={}) == DENIED
    assert refusal(stranger.delete, name="a") == DENIED
    # A user of the account with the right of `s3:*`.
    Described(gateway.client(user=BOB), bucket, "metrics").delete("a")


# --- settings of one word


def test_acceleration_is_kept(gateway: Gateway, bucket: str) -> None:
    s3 = gateway.client()
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": status})
        assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == status
    dotted = unique("dotted") + ".name"
    s3.create_bucket(Bucket=dotted)
    configuration = {"Status": "Enabled"}
    refused = refusal(s3.put_bucket_accelerate_configuration, Bucket=dotted, AccelerateConfiguration=configuration)
    assert refused == (400, "InvalidRequest")


def test_where_the_requester_pays_others_have_to_agree_to_that(gateway: Gateway, bucket: str) -> None:
    s3, stranger = gateway.client(), gateway.client(user=CAROL)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    s3.put_object(Bucket=bucket, Key="k", Body=b"k")
    block(gateway, bucket)
    put_policy(gateway, bucket, statement(bucket, "s3:GetObject"))
    assert stranger.get_object(Bucket=bucket, Key="k")["Body"].read() == b"k"
    assert anonymously(gateway, f"/{bucket}/k") == 200

    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "Requester"
    assert "RequestCharged" not in s3.get_object(Bucket=bucket, Key="k")
    assert anonymously(gateway, f"/{bucket}/k") == 403
    assert refusal(stranger.get_object, Bucket=bucket, Key="k") == DENIED
    got = stranger.get_object(Bucket=bucket, Key="k", RequestPayer="requester")
    assert (got["Body"].read(), got["RequestCharged"]) == (b"k", "requester")
    own = unique("own")
    stranger.create_bucket(Bucket=own)
    copy = {"Bucket": own, "Key": "k", "CopySource": {"Bucket": bucket, "Key": "k"}}
    assert refusal(stranger.copy_object, **copy) == DENIED
    stranger.copy_object(**copy, RequestPayer="requester")

    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert anonymously(gateway, f"/{bucket}/k") == 200
    with pytest.raises(ClientError):
        s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Somebody"})

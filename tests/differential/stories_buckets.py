"""Buckets, their documents, and who may use them."""

from __future__ import annotations

import datetime as dt

from answers import Peer
from corpus import document, story, versioned
from gateway import User


@story
def buckets(c: Peer, b: str) -> None:
    c("head", "HEAD", f"/{b}")
    c("location", "GET", f"/{b}", query={"location": ""})
    c("made again by its owner", "PUT", f"/{b}")
    for name, what in (
        ("Upper-Case", "upper case"),
        ("ab", "two letters"),
        ("a" * 64, "64 letters"),
        ("under_score", "underscore"),
        ("192.168.1.1", "an address"),
        ("xn--name", "reserved prefix"),
        ("name-s3alias", "reserved suffix"),
        ("dot..dot", "two dots"),
        ("-dash", "leading dash"),
    ):
        c(f"a name of {what}", "PUT", f"/{name}")
    c("head of none", "HEAD", "/differential-none")
    c("list of none", "GET", "/differential-none")
    c("delete of none", "DELETE", "/differential-none")
    c("versioning never set", "GET", f"/{b}", query={"versioning": ""})
    for parameter in ("policy", "cors", "lifecycle", "tagging", "website", "replication", "encryption", "object-lock"):
        c(f"{parameter} never set", "GET", f"/{b}", query={parameter: ""})
    for parameter in (
        "ownershipControls",
        "publicAccessBlock",
        "logging",
        "notification",
        "requestPayment",
        "accelerate",
    ):
        c(f"{parameter} of a new bucket", "GET", f"/{b}", query={parameter: ""})
    c("malformed body", "PUT", f"/{b}-new", body="<CreateBucketConfiguration>")
    c("an object keeps it", "PUT", f"/{b}/key", body=b"x")
    c("delete while not empty", "DELETE", f"/{b}")
    c("the object goes", "DELETE", f"/{b}/key")
    c("delete", "DELETE", f"/{b}")
    c("delete again", "DELETE", f"/{b}")


@story
def bucket_documents(c: Peer, b: str) -> None:
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    document(c, "tags", f"/{b}", "tagging", tags)
    c("tags read", "GET", f"/{b}", query={"tagging": ""})
    twice = tags.replace("</TagSet>", "<Tag><Key>a</Key><Value>2</Value></Tag></TagSet>")
    document(c, "a tag twice", f"/{b}", "tagging", twice)
    c("tags deleted", "DELETE", f"/{b}", query={"tagging": ""})
    versioned(c, b, "Paused", "versioning of no such status")
    document(c, "versioning of no document", f"/{b}", "versioning", "<Versioning")
    cors = (
        "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>http://a.example</AllowedOrigin>"
        "<MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>"
    )
    document(c, "cors", f"/{b}", "cors", cors)
    c("cors read", "GET", f"/{b}", query={"cors": ""})
    document(c, "cors of no such method", f"/{b}", "cors", cors.replace("GET", "LOOK"))
    c("cors deleted", "DELETE", f"/{b}", query={"cors": ""})
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Deny","Principal":"*","Action":"s3:DeleteBucketPolicy",'
        f'"Resource":"arn:aws:s3:::{b}","Condition":{{"StringEquals":{{"aws:UserAgent":"nobody"}}}}}}]}}'
    )
    c("policy", "PUT", f"/{b}", query={"policy": ""}, body=policy)
    c("policy read", "GET", f"/{b}", query={"policy": ""})
    c("policy of no JSON", "PUT", f"/{b}", query={"policy": ""}, body="{")
    c("policy of another bucket", "PUT", f"/{b}", query={"policy": ""}, body=policy.replace(b, "other-bucket"))
    c("policy deleted", "DELETE", f"/{b}", query={"policy": ""})
    c("policy deleted again", "DELETE", f"/{b}", query={"policy": ""})
    document(
        c,
        "encryption",
        f"/{b}",
        "encryption",
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
    )
    document(c, "encryption of no rule", f"/{b}", "encryption", "<ServerSideEncryptionConfiguration/>")


@story
def access_control_lists(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    c("put", "PUT", k, body=b"body")
    c("of a bucket", "GET", f"/{b}", query={"acl": ""})
    c("of an object", "GET", k, query={"acl": ""})
    c("of none", "GET", f"/{b}/none", query={"acl": ""})
    c("canned for a bucket", "PUT", f"/{b}", query={"acl": ""}, headers={"x-amz-acl": "public-read"})
    c("canned for an object", "PUT", k, query={"acl": ""}, headers={"x-amz-acl": "public-read"})
    c("put with a canned one", "PUT", k, headers={"x-amz-acl": "public-read"}, body=b"x")
    c("put for the owner", "PUT", k, headers={"x-amz-acl": "bucket-owner-full-control"}, body=b"body")
    c("put with none such", "PUT", k, headers={"x-amz-acl": "everybody"}, body=b"x")
    rule = "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>"
    document(c, "lists are allowed", f"/{b}", "ownershipControls", rule)
    c("ownership", "GET", f"/{b}", query={"ownershipControls": ""})
    c("private for an object", "PUT", k, query={"acl": ""}, headers={"x-amz-acl": "private"})
    c("canned and granted", "PUT", k, query={"acl": ""}, headers={"x-amz-acl": "private", "x-amz-grant-read": 'id="a"'})
    document(c, "malformed", k, "acl", "<AccessControlPolicy>")
    c("nobody reads", "GET", k, anonymous=True)


@story
def signatures(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    now = dt.datetime.now(dt.timezone.utc)
    c("put", "PUT", k, body=b"body")
    c("no such access key", "GET", k, user=User("x", "AKIANOSUCHKEYNOSUCH1", c.user.secret_key, ""))
    c("another secret", "GET", k, user=User("x", c.user.access_key, "x" * 40, ""))
    c("another region", "GET", k, region="eu-west-1")
    c("another service", "GET", k, service="ec2")
    c("an hour ago", "GET", k, now=now - dt.timedelta(hours=1))
    c("nobody reads", "GET", k, anonymous=True)
    c("nobody writes", "PUT", f"/{b}/other", body=b"x", anonymous=True)
    c("nobody lists", "GET", f"/{b}", anonymous=True)
    c("nobody reads none", "GET", f"/{b}/none", anonymous=True)
    c("presigned", "GET", k, presign=60)
    c("presigned put", "PUT", f"/{b}/by-url", presign=60, body=b"by URL")
    c("presigned for eight days", "GET", k, presign=8 * 86_400)
    c("presigned for no time", "GET", k, presign=-1)
    c("presigned and over", "GET", k, presign=60, now=now - dt.timedelta(minutes=2))
    c("presigned by another secret", "GET", k, presign=60, user=User("x", c.user.access_key, "x" * 40, ""))
    c("both ways", "GET", k, query={"X-Amz-Algorithm": "AWS4-HMAC-SHA256"})
    c("a header of no scheme", "GET", k, anonymous=True, headers={"authorization": "Basic eDp5"})
    c("another owner expected", "GET", k, headers={"x-amz-expected-bucket-owner": "999999999999"})
    c("an owner that is none", "GET", k, headers={"x-amz-expected-bucket-owner": "me"})

"""Versions, and their locks."""

from __future__ import annotations

from answers import Peer
from corpus import document, story, versioned


@story
def versions(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    c("put before", "PUT", k, body=b"zero")
    versioned(c, b)
    c("status", "GET", f"/{b}", query={"versioning": ""})
    c("head before", "HEAD", k)
    first = c("put first", "PUT", k, body=b"first").headers.get("x-amz-version-id", "")
    second = c("put second", "PUT", k, body=b"second").headers.get("x-amz-version-id", "")
    c("get", "GET", k)
    c("get first", "GET", k, query={"versionId": first})
    c("get null", "GET", k, query={"versionId": "null"})
    c("get no version", "GET", k, query={"versionId": ""})
    c("get malformed version", "GET", k, query={"versionId": "no-such-version"})
    c("head malformed version", "HEAD", k, query={"versionId": "no-such-version"})
    c("tags of first", "PUT", k, query={"tagging": "", "versionId": first}, body="<Tagging><TagSet/></Tagging>")
    c("list", "GET", f"/{b}", query={"versions": ""})
    c("list two", "GET", f"/{b}", query={"versions": "", "max-keys": "2"})
    c("list after second", "GET", f"/{b}", query={"versions": "", "key-marker": "key", "version-id-marker": second})
    c("list with a marker of version alone", "GET", f"/{b}", query={"versions": "", "version-id-marker": second})
    marker = c("delete", "DELETE", k).headers.get("x-amz-version-id", "")
    c("get deleted", "GET", k)
    c("head deleted", "HEAD", k)
    c("get the marker", "GET", k, query={"versionId": marker})
    c("head the marker", "HEAD", k, query={"versionId": marker})
    c("list deleted", "GET", f"/{b}", query={"list-type": "2"})
    c("list versions with a marker", "GET", f"/{b}", query={"versions": ""})
    c("copy of first", "PUT", f"/{b}/copy", headers={"x-amz-copy-source": f"{b}/key?versionId={first}"})
    c("copy of deleted", "PUT", f"/{b}/copy", headers={"x-amz-copy-source": f"{b}/key"})
    c("copy of the marker", "PUT", f"/{b}/copy", headers={"x-amz-copy-source": f"{b}/key?versionId={marker}"})
    c("put if absent over a marker", "PUT", f"/{b}/key", headers={"if-none-match": "*"}, body=b"third")
    c("delete first", "DELETE", k, query={"versionId": first})
    c("get first deleted", "GET", k, query={"versionId": first})
    c("delete first again", "DELETE", k, query={"versionId": first})
    c("delete the marker", "DELETE", k, query={"versionId": marker})
    c("delete malformed version", "DELETE", k, query={"versionId": "no-such-version"})
    xml = f"<Delete><Object><Key>key</Key><VersionId>{second}</VersionId></Object><Object><Key>copy</Key></Object></Delete>"
    document(c, "delete many", f"/{b}", "delete", xml, "POST")
    c("bucket with versions", "DELETE", f"/{b}")
    versioned(c, b, "Suspended", "versioning is suspended")
    c("put suspended", "PUT", k, body=b"null again")
    c("head suspended", "HEAD", k)
    c("delete suspended", "DELETE", k)
    c("list at the end", "GET", f"/{b}", query={"versions": ""})
    c("acceptable to delete null", "DELETE", k, query={"versionId": "null"})


@story
def locks(c: Peer, b: str) -> None:
    k = f"/{b}/key"
    c("put", "PUT", k, body=b"x")
    c("retention without a lock", "GET", k, query={"retention": ""})
    c("hold without a lock", "GET", k, query={"legal-hold": ""})
    lock = {"x-amz-bucket-object-lock-enabled": "true"}
    c("a bucket with locks", "PUT", f"/{b}-locked", headers=lock)
    b, k = f"{b}-locked", f"/{b}-locked/key"
    c("its configuration", "GET", f"/{b}", query={"object-lock": ""})
    c("its versioning", "GET", f"/{b}", query={"versioning": ""})
    versioned(c, b, "Suspended", "its versioning suspended")
    version = c("put locked", "PUT", k, body=b"x").headers.get("x-amz-version-id", "")
    c("retention never set", "GET", k, query={"retention": ""})
    c("hold never set", "GET", k, query={"legal-hold": ""})
    document(c, "hold", k, "legal-hold", "<LegalHold><Status>ON</Status></LegalHold>")
    c("hold read", "GET", k, query={"legal-hold": ""})
    c("delete held", "DELETE", k, query={"versionId": version})
    document(c, "hold off", k, "legal-hold", "<LegalHold><Status>OFF</Status></LegalHold>")
    document(c, "hold of no such status", k, "legal-hold", "<LegalHold><Status>MAYBE</Status></LegalHold>")
    until = "<RetainUntilDate>2100-01-01T00:00:00Z</RetainUntilDate>"
    document(c, "retention", k, "retention", f"<Retention><Mode>GOVERNANCE</Mode>{until}</Retention>")
    c("retention read", "GET", k, query={"retention": ""})
    c("head", "HEAD", k)
    c("delete retained", "DELETE", k, query={"versionId": version})
    document(
        c,
        "retention shorter",
        k,
        "retention",
        f"<Retention><Mode>GOVERNANCE</Mode>{until.replace('2100', '2099')}</Retention>",
    )
    document(
        c,
        "retention in the past",
        k,
        "retention",
        f"<Retention><Mode>GOVERNANCE</Mode>{until.replace('2100', '2001')}</Retention>",
    )
    document(c, "retention of no such mode", k, "retention", f"<Retention><Mode>FOREVER</Mode>{until}</Retention>")
    bypass = {"x-amz-bypass-governance-retention": "true"}
    c("delete retained with bypass", "DELETE", k, query={"versionId": version}, headers=bypass)
    rule = "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>"
    whole = f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
    document(c, "default retention", f"/{b}", "object-lock", whole)
    c("default retention read", "GET", f"/{b}", query={"object-lock": ""})
    document(c, "days and years", f"/{b}", "object-lock", whole.replace("<Days>", "<Years>1</Years><Days>"))

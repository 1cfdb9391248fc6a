"""A bucket as a website: what a browser is shown, and where it is sent."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest
from gateway import Gateway
from modes import MODES
from test_access import block, own, put_policy, refusal, statement

DOMAIN = "s3-website.localhost"
INDEX = {"IndexDocument": {"Suffix": "index.html"}}


class Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.body = answer.status, answer.read().decode()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        self.location = self.headers.get("location")

    def says(self, status: int, code: str) -> bool:
        """Whether it is a page that tells of this error."""
        html = self.headers["content-type"].startswith("text/html")
        return html and self.status == status and f"<li>Code: {code}</li>" in self.body


class Site:
    """A website on a bucket that everybody may read."""

    def __init__(self, gateway: Gateway, bucket: str) -> None:
        self.gateway, self.bucket, self.s3 = gateway, bucket, gateway.client()
        self.s3.create_bucket(Bucket=bucket)
        block(gateway, bucket)

    def open(self, *more: dict) -> Site:
        put_policy(self.gateway, self.bucket, statement(self.bucket, "s3:GetObject"), *more)
        return self

    def listed(self) -> Site:
        return self.open(statement(self.bucket, "s3:ListBucket", path=""))

    def configure(self, **configuration: object) -> Site:
        self.s3.put_bucket_website(Bucket=self.bucket, WebsiteConfiguration=INDEX | configuration)
        return self

    def put(self, **bodies: str) -> Site:
        for key, body in bodies.items():
            self.page(key.replace("__", "/").replace("_html", ".html"), body)
        return self

    def page(self, key: str, body: str, **more: object) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode(), ContentType="text/html", **more)

    def visit(self, path: str, method: str = "GET", headers: dict | None = None, host: str | None = None) -> Answer:
        url = urlsplit(self.gateway.http)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
        names = {"Host": host or f"{self.bucket}.{DOMAIN}:{url.port}"} | (headers or {})
        connection.request(method, path, headers=names)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer


@pytest.fixture(scope="module")
def sites(new_gateway) -> Gateway:
    return new_gateway(config=f'website_domains = ["{DOMAIN}"]\n')


@pytest.fixture
def site(sites: Gateway, request: pytest.FixtureRequest) -> Site:
    return Site(sites, "site-" + str(abs(hash(request.node.name)) % 10**12))


def test_a_configuration_comes_back_and_goes(site: Site) -> None:
    s3, bucket = site.s3, site.bucket
    assert refusal(s3.get_bucket_website, Bucket=bucket) == (404, "NoSuchWebsiteConfiguration")
    rule = {
        "Condition": {"KeyPrefixEquals": "a/", "HttpErrorCodeReturnedEquals": "404"},
        "Redirect": {"HostName": "example.com", "HttpRedirectCode": "302", "Protocol": "https", "ReplaceKeyWith": "x"},
    }
    for configuration in (
        INDEX | {"ErrorDocument": {"Key": "error.html"}, "RoutingRules": [rule]},
        {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}},
    ):
        s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=configuration)
        got = s3.get_bucket_website(Bucket=bucket)
        assert {name: got[name] for name in got if name != "ResponseMetadata"} == configuration
    for configuration, code in (
        ({"ErrorDocument": {"Key": "error.html"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "a/b"}}, "InvalidArgument"),
        (INDEX | {"RedirectAllRequestsTo": {"HostName": "example.com"}}, "InvalidRequest"),
        (INDEX | {"RoutingRules": [{"Redirect": {"HttpRedirectCode": "200"}}]}, "InvalidRequest"),
    ):
        assert refusal(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=configuration) == (400, code)
    s3.delete_bucket_website(Bucket=bucket)
    s3.delete_bucket_website(Bucket=bucket)
    assert refusal(s3.get_bucket_website, Bucket=bucket) == (404, "NoSuchWebsiteConfiguration")
    assert site.visit("/").says(404, "NoSuchWebsiteConfiguration")


def test_pages_and_the_indexes_of_folders_are_shown(site: Site) -> None:
    site.open().configure().put(index_html="root", docs__index_html="docs", page_html="page")
    for path, body in (("/", "root"), ("/docs/", "docs"), ("/page.html", "page"), ("/page.html?x=1", "page")):
        answer = site.visit(path)
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, body, "text/html"), path
    head = site.visit("/page.html", "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, "", "4")
    part = site.visit("/page.html", headers={"Range": "bytes=1-2"})
    assert (part.status, part.body) == (206, "ag")
    assert site.visit("/page.html", headers={"If-None-Match": head.headers["etag"]}).status == 304
    # A folder without its slash.
    for path in ("/docs", "/docs?x=1"):
        answer = site.visit(path)
        assert (answer.status, answer.location) == (302, "/docs/")
    assert head.headers["x-amz-request-id"]


def test_only_reading_and_only_what_everybody_may_read(site: Site) -> None:
    site.configure().put(index_html="root")
    assert site.visit("/").says(403, "AccessDenied")
    site.open()
    assert site.visit("/").body == "root"
    # Without the right to list, what is absent is not told.
    assert site.visit("/none").says(403, "AccessDenied")
    site.listed()
    assert site.visit("/none").says(404, "NoSuchKey")
    for method in ("PUT", "POST", "DELETE", "OPTIONS"):
        assert site.visit("/index.html", method).says(405, "MethodNotAllowed")
    # Signatures are of no use there, be they right or wrong.
    assert site.visit("/", headers={"Authorization": "AWS4-HMAC-SHA256 nonsense"}).body == "root"
    assert site.visit("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0").body == "root"
    block(site.gateway, site.bucket, RestrictPublicBuckets=True)
    assert site.visit("/").says(403, "AccessDenied")
    block(site.gateway, site.bucket)
    site.s3.put_bucket_request_payment(Bucket=site.bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    assert site.visit("/").says(403, "AccessDenied")
    assert site.visit("/", host=f"no-such-bucket-at-all.{DOMAIN}").says(404, "NoSuchBucket")
    # The same name of the API is no website.
    assert site.visit("/", host=f"{site.bucket}.localhost").headers["content-type"] == "application/xml"


def test_a_list_may_open_a_page(site: Site) -> None:
    own(site.gateway, site.bucket, "ObjectWriter")
    site.configure()
    site.page("index.html", "root", ACL="public-read")
    site.page("other.html", "other")
    assert site.visit("/").body == "root"
    assert site.visit("/other.html").says(403, "AccessDenied")


def test_an_error_has_the_sites_own_page(site: Site) -> None:
    site.listed().configure(ErrorDocument={"Key": "error.html"})
    answer = site.visit("/%3Cb%3E")
    assert answer.says(404, "NoSuchKey")
    assert "Attempting to Retrieve a Custom Error Document" in answer.body
    assert "<li>Key: &lt;b&gt;</li>" in answer.body and "<li>Key: error.html</li>" in answer.body
    site.put(error_html="own page")
    answer = site.visit("/none", headers={"Range": "bytes=0-1"})
    assert (answer.status, answer.body) == (404, "own page")
    head = site.visit("/none", "HEAD")
    assert (head.status, head.body) == (404, "")


def test_redirects_of_the_site_of_its_rules_and_of_its_objects(site: Site) -> None:
    rules = [
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}},
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "404"},
            "Redirect": {
                "HostName": "example.com",
                "Protocol": "https",
                "HttpRedirectCode": "307",
                "ReplaceKeyPrefixWith": "#!/",
            },
        },
    ]
    site.listed().configure(RoutingRules=rules, ErrorDocument={"Key": "error.html"}).put(old__a="a", page_html="page")
    site.page("moved", "", WebsiteRedirectLocation="/page.html")
    port = urlsplit(site.gateway.http).port
    for path, status, location in (
        ("/old/a", 301, f"http://{site.bucket}.{DOMAIN}:{port}/new/a"),
        ("/none", 307, "https://example.com/#!/none"),
        ("/moved", 301, "/page.html"),
    ):
        for method in ("GET", "HEAD"):
            answer = site.visit(path, method)
            assert (answer.status, answer.location, answer.body) == (status, location, ""), path
    assert site.visit("/page.html").body == "page"
    elsewhere = {"RedirectAllRequestsTo": {"HostName": "example.com"}}
    site.s3.put_bucket_website(Bucket=site.bucket, WebsiteConfiguration=elsewhere)
    answer = site.visit("/any/key%20x")
    assert (answer.status, answer.location) == (301, "http://example.com/any/key%20x")


def test_what_needs_a_key_of_somebodys_is_not_shown(site: Site) -> None:
    site.open().configure()
    for number, mode in enumerate(MODES):
        site.page(f"page-{number}.html", "sealed", **mode.write(site.gateway))
        answer = site.visit(f"/page-{number}.html")
        if mode.md5_etag and not mode.read():
            assert (answer.status, answer.body) == (200, "sealed"), mode.name
        else:
            assert answer.status in (400, 403) and "sealed" not in answer.body, mode.name


def test_a_visit_has_a_line_in_the_access_log(site: Site) -> None:
    from test_access_logs import let_in, objects, parse, turn_on

    site.open().configure().put(index_html="root")
    target = site.bucket + "-log"
    site.s3.create_bucket(Bucket=target)
    let_in(site.gateway, target)
    turn_on(site.gateway, site.bucket, target)
    assert site.visit("/").status == 200
    site.gateway.restart()
    [line] = [parse(line) for text in objects(site.gateway, target).values() for line in text.splitlines()]
    assert (line["operation"], line["key"], line["status"], line["sent"]) == ("WEBSITE.GET.OBJECT", "-", "200", "4")
    assert json.dumps(line["host"]).startswith(f'"{site.bucket}.{DOMAIN}')

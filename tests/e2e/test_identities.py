"""Groups, roles, boundaries and sessions, as the clients of IAM and STS use them; and what keys make of them."""

from __future__ import annotations

import base64
import http.server
import json
import threading
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import unique
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gateway import ACCOUNT, OTHER_ACCOUNT, CAROL, REGION, Gateway
from test_objects import code_of


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def trust(principal: dict, action="sts:AssumeRole", **more) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": action} | more)


@pytest.fixture
def iam(gateway: Gateway):
    return gateway.client("iam")


def client(gateway: Gateway, service: str, credentials: dict | None, scheme: str = "https"):
    keys = credentials or {"AccessKeyId": "", "SecretAccessKey": "", "SessionToken": ""}
    return boto3.session.Session().client(
        service,
        endpoint_url=gateway.url(scheme),
        verify=gateway.ca if scheme == "https" else None,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys.get("SessionToken"),
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


class Someone:
    """A new user."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.iam, self.name = gateway, gateway.client("iam"), unique("user")
        self.arn = self.iam.create_user(UserName=self.name)["User"]["Arn"]
        self.credentials = self.iam.create_access_key(UserName=self.name)["AccessKey"]

    def may(self, *statements: dict) -> None:
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=policy(*statements))

    def client(self, service: str):
        return client(self.gateway, service, self.credentials)


@pytest.fixture
def someone(gateway: Gateway) -> Someone:
    return Someone(gateway)


def denied(call, **arguments) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert error.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"), error.value
    return error.value.response["Error"]["Message"]


def test_a_group_gives_and_takes_at_once(iam, someone: Someone) -> None:
    group, s3 = unique("group"), someone.client("s3")
    denied(s3.list_buckets)
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=policy(allow("s3:*")))
    iam.add_user_to_group(GroupName=group, UserName=someone.name)
    s3.list_buckets()
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=someone.name)["Groups"]] == [group]
    iam.remove_user_from_group(GroupName=group, UserName=someone.name)
    denied(s3.list_buckets)


def test_managed_policies_have_versions(iam, someone: Someone) -> None:
    arn = iam.create_policy(PolicyName=unique("policy"), PolicyDocument=policy(allow("s3:ListAllMyBuckets")))
    arn = arn["Policy"]["Arn"]
    iam.attach_user_policy(UserName=someone.name, PolicyArn=arn)
    s3 = someone.client("s3")
    s3.list_buckets()
    narrower = policy(allow("s3:GetObject"))
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=narrower, SetAsDefault=True)
    assert "ListAllMyBuckets" in denied(s3.list_buckets)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    s3.list_buckets()
    with pytest.raises(ClientError) as error:
        iam.delete_policy(PolicyArn=arn)
    assert code_of(error) == (409, "DeleteConflict")
    iam.detach_user_policy(UserName=someone.name, PolicyArn=arn)
    denied(s3.list_buckets)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)


def test_a_policy_of_aws_by_its_arn(iam, someone: Someone) -> None:
    iam.attach_user_policy(UserName=someone.name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    s3 = someone.client("s3")
    s3.list_buckets()
    denied(s3.create_bucket, Bucket=unique("bucket"))


def test_a_boundary_limits_what_policies_allow(iam, someone: Someone) -> None:
    someone.may(allow("*"))
    boundary = iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=policy(allow("s3:*")))
    someone.client("kms").list_keys()
    iam.put_user_permissions_boundary(UserName=someone.name, PermissionsBoundary=boundary["Policy"]["Arn"])
    assert "boundary" in denied(someone.client("kms").list_keys)
    someone.client("s3").list_buckets()
    iam.delete_user_permissions_boundary(UserName=someone.name)
    someone.client("kms").list_keys()


def test_a_role_is_assumed_by_whom_it_trusts(gateway: Gateway, iam, someone: Someone) -> None:
    name = unique("role")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": someone.arn}))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow(["s3:*", "kms:ListKeys"])))
    sts = someone.client("sts")
    assumed = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session-1")
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session-1"
    assert assumed["AssumedRoleUser"]["Arn"] == arn
    credentials = assumed["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    identity = client(gateway, "sts", credentials).get_caller_identity()
    assert (identity["Arn"], identity["Account"]) == (arn, ACCOUNT)
    assert identity["UserId"] == f"{role['RoleId']}:session-1"
    s3 = client(gateway, "s3", credentials)
    s3.list_buckets()
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    # Also by a presigned URL, whose token is in the query.
    import urllib.request

    url = client(gateway, "s3", credentials, "http").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "k"}
    )
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"x"
    denied(client(gateway, "kms", credentials).create_key)
    # A session policy narrows, and never widens.
    narrow = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="narrow", Policy=policy(allow("kms:*")))
    narrow = narrow["Credentials"]
    client(gateway, "kms", narrow).list_keys()
    denied(client(gateway, "kms", narrow).create_key)
    assert "session policy" in denied(client(gateway, "s3", narrow).list_buckets)
    # Tokens are not to be mixed up, and sessions end with their role.
    for broken in ({"SessionToken": narrow["SessionToken"]}, {"SessionToken": credentials["SessionToken"][:-4] + "AAAA"}):
        with pytest.raises(ClientError) as error:
            client(gateway, "s3", credentials | broken).list_buckets()
        assert error.value.response["Error"]["Code"] in ("InvalidToken", "InvalidAccessKeyId")
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    denied(s3.list_buckets)
    iam.delete_role(RoleName=name)
    with pytest.raises(ClientError):
        s3.list_buckets()


def test_a_role_is_refused_to_others_and_to_wrong_external_ids(gateway: Gateway, iam, someone: Someone) -> None:
    name = unique("role")
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": "secret-word"}}}
    document = trust({"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}, **condition)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    # A root user may not assume roles, so Carol makes herself a user.
    others, friend = gateway.client("iam", user=CAROL), unique("friend")
    others.create_user(UserName=friend)
    others.put_user_policy(UserName=friend, PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole")))
    carol = client(gateway, "sts", others.create_access_key(UserName=friend)["AccessKey"])
    denied(carol.assume_role, RoleArn=role, RoleSessionName="some")
    denied(carol.assume_role, RoleArn=role, RoleSessionName="some", ExternalId="other")
    carol.assume_role(RoleArn=role, RoleSessionName="some", ExternalId="secret-word")
    someone.may(allow("sts:AssumeRole"))
    denied(someone.client("sts").assume_role, RoleArn=role, RoleSessionName="some", ExternalId="secret-word")


def test_session_tags_decide_about_keys(gateway: Gateway, iam, someone: Someone) -> None:
    kms = gateway.client("kms", scheme="https")
    arn = kms.create_key(Tags=[{"TagKey": "project", "TagValue": "moon"}])["KeyMetadata"]["Arn"]
    name = unique("role")
    document = trust({"AWS": someone.arn}, ["sts:AssumeRole", "sts:TagSession"])
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    same = {"Condition": {"StringEquals": {"aws:ResourceTag/project": "${aws:PrincipalTag/project}"}}}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("kms:Encrypt", **same)))
    sts = someone.client("sts")

    def session(value: str):
        tags = [{"Key": "project", "Value": value}]
        made = sts.assume_role(RoleArn=role, RoleSessionName="some", Tags=tags)["Credentials"]
        return client(gateway, "kms", made)

    session("moon").encrypt(KeyId=arn, Plaintext=b"x")
    denied(session("mars").encrypt, KeyId=arn, Plaintext=b"x")


def test_get_session_token_and_get_federation_token(gateway: Gateway, someone: Someone) -> None:
    someone.may(allow(["s3:*", "sts:GetFederationToken", "sts:GetSessionToken"]))
    sts = someone.client("sts")
    session = sts.get_session_token(DurationSeconds=900)["Credentials"]
    client(gateway, "s3", session).list_buckets()
    assert client(gateway, "sts", session).get_caller_identity()["Arn"] == someone.arn
    with pytest.raises(ClientError):
        client(gateway, "iam", session).list_users()
    nothing = sts.get_federation_token(Name="fred")["Credentials"]
    denied(client(gateway, "s3", nothing).list_buckets)
    some = sts.get_federation_token(Name="fred", Policy=policy(allow("s3:ListAllMyBuckets")))
    assert some["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/fred"
    client(gateway, "s3", some["Credentials"]).list_buckets()
    denied(client(gateway, "s3", some["Credentials"]).create_bucket, Bucket=unique("bucket"))


# --- web identities


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """A provider of OpenID Connect on a port of its own."""

    def __init__(self) -> None:
        self.key, self.kid = rsa.generate_private_key(65537, 2048), "key-1"
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.documents().get(self.path, {})).encode()
                self.send_response(200 if self.path in issuer.documents() else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def documents(self) -> dict[str, dict]:
        numbers = self.key.public_key().public_numbers()
        n, e = (encode(x.to_bytes((x.bit_length() + 7) // 8, "big")) for x in (numbers.n, numbers.e))
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": self.url + "/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            },
            "/keys": {"keys": [{"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256", "n": n, "e": e}]},
        }

    def token(self, key=None, **claims: object) -> str:
        now = int(time.time())
        body = {"iss": self.url, "sub": "alice@example.com", "aud": "app", "iat": now, "exp": now + 300} | claims
        signed = encode(json.dumps({"alg": "RS256", "kid": self.kid, "typ": "JWT"}).encode())
        signed += "." + encode(json.dumps(body).encode())
        signature = (key or self.key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return signed + "." + encode(signature)


def test_a_web_identity_assumes_a_role(gateway: Gateway, iam) -> None:
    issuer = Issuer()
    provider = iam.create_open_id_connect_provider(
        Url=issuer.url.replace("http:", "https:"), ClientIDList=["app"], ThumbprintList=["0" * 40]
    )["OpenIDConnectProviderArn"]
    host = issuer.url.removeprefix("http://")
    name = unique("role")
    document = trust(
        {"Federated": provider},
        "sts:AssumeRoleWithWebIdentity",
        Condition={"StringEquals": {f"{host}:aud": "app", f"{host}:sub": "alice@example.com"}},
    )
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("s3:ListAllMyBuckets")))
    from botocore import UNSIGNED

    sts = boto3.session.Session().client(
        "sts",
        endpoint_url=gateway.https,
        verify=gateway.ca,
        region_name=REGION,
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )

    def assume(token: str) -> dict:
        return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="web", WebIdentityToken=token)

    made = assume(issuer.token())
    assert made["SubjectFromWebIdentityToken"] == "alice@example.com" and made["Audience"] == "app"
    client(gateway, "s3", made["Credentials"]).list_buckets()

    def refused(code: str, token: str) -> None:
        with pytest.raises(ClientError) as error:
            assume(token)
        assert error.value.response["Error"]["Code"] == code, error.value

    stranger = rsa.generate_private_key(65537, 2048)
    refused("InvalidIdentityToken", issuer.token(key=stranger))
    refused("InvalidIdentityToken", issuer.token(aud="other"))
    refused("ExpiredTokenException", issuer.token(exp=int(time.time()) - 600, iat=int(time.time()) - 900))
    refused("AccessDenied", issuer.token(sub="mallory@example.com"))
    head = encode(json.dumps({"alg": "none", "kid": issuer.kid}).encode())
    refused("InvalidIdentityToken", head + "." + issuer.token().split(".")[1] + ".")
    # A new key of the provider is found by itself; it is asked every ten seconds at most.
    issuer.key, issuer.kid = stranger, "key-2"
    deadline = time.monotonic() + 30
    while True:
        try:
            assume(issuer.token())
            break
        except ClientError:
            assert time.monotonic() < deadline
            time.sleep(1)


# --- the simulator


def test_the_simulator_says_what_would_happen_and_why(iam, someone: Someone) -> None:
    someone.may(
        allow("s3:GetObject", Sid="Read"),
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret/*", "Sid": "NoSecrets"},
    )

    def simulate(action: str, resource: str) -> dict:
        results = iam.simulate_principal_policy(
            PolicySourceArn=someone.arn, ActionNames=[action], ResourceArns=[resource]
        )["EvaluationResults"]
        return results[0]

    assert simulate("s3:GetObject", "arn:aws:s3:::open/key")["EvalDecision"] == "allowed"
    assert simulate("s3:PutObject", "arn:aws:s3:::open/key")["EvalDecision"] == "implicitDeny"
    found = simulate("s3:GetObject", "arn:aws:s3:::secret/key")
    assert found["EvalDecision"] == "explicitDeny" and found["MatchedStatements"]
    custom = iam.simulate_custom_policy(PolicyInputList=[policy(allow("kms:Decrypt"))], ActionNames=["kms:Decrypt"])
    assert custom["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_the_credential_report_and_the_summary(iam, someone: Someone) -> None:
    for _ in range(20):
        if iam.generate_credential_report()["State"] == "COMPLETE":
            break
        time.sleep(0.2)
    report = iam.get_credential_report()["Content"].decode()
    assert report.splitlines()[0].startswith("user,arn,user_creation_time,")
    assert someone.name in report
    assert iam.get_account_summary()["SummaryMap"]["Users"] >= 1

"""The errors of STS in the model, and how a client provokes them: a table for test_errors.py."""

from __future__ import annotations

from collections.abc import Callable

from conftest import unique
from iam_world import BAD_DOCUMENT, World
from provocations import Reason
from test_identities import Issuer, Someone, allow, client, trust


class Sessions:
    """Who asks STS: a user who may assume a role, and a web identity."""

    def __init__(self, world: World) -> None:
        gateway, iam = world.gateway, world.iam
        self.someone, self.issuer = Someone(gateway), Issuer()
        self.someone.may(allow("sts:*"))
        url = self.issuer.url.replace("http:", "https:")
        self.provider = iam.create_open_id_connect_provider(Url=url, ClientIDList=["app"], ThumbprintList=["0" * 40])[
            "OpenIDConnectProviderArn"
        ]
        self.role = world.make_role(
            unique("role"), trust({"AWS": self.someone.arn}, ["sts:AssumeRole", "sts:TagSession"])
        )
        self.web_role = world.make_role(
            unique("role"), trust({"Federated": self.provider}, "sts:AssumeRoleWithWebIdentity")
        )
        self.sts = client(gateway, "sts", self.someone.credentials)
        # Long ARNs, for tokens that are too large.
        self.policies = [{"arn": world.make_policy(Path=f"/{'x' * 500}/")} for _ in range(8)]

    def lonely_provider(self, world: World) -> str:
        """A token of a provider that answers nobody."""
        issuer = Issuer()
        world.iam.create_open_id_connect_provider(
            Url=issuer.url.replace("http:", "https:"), ClientIDList=["app"], ThumbprintList=["0" * 40]
        )
        issuer.server.shutdown()
        issuer.server.server_close()
        return issuer.token()

    def assume(self, **more: object) -> dict:
        return {"RoleArn": self.role, "RoleSessionName": "session"} | more

    def web(self, **more: object) -> dict:
        asked = {"RoleArn": self.web_role, "RoleSessionName": "session", "WebIdentityToken": self.issuer.token()}
        return asked | more


PROVOKED: dict[tuple[str, str], list[Callable]] = {
    ("AssumeRole", "MalformedPolicyDocument"): [
        lambda w, s: s.assume(Policy="{"),
        lambda w, s: s.assume(Policy=BAD_DOCUMENT),
    ],
    ("AssumeRole", "PackedPolicyTooLarge"): [
        lambda w, s: s.assume(PolicyArns=s.policies),
        lambda w, s: s.assume(Tags=[{"Key": f"{n}", "Value": "v" * 256} for n in range(20)]),
    ],
    ("AssumeRoleWithWebIdentity", "MalformedPolicyDocument"): [lambda w, s: s.web(Policy=BAD_DOCUMENT)],
    ("AssumeRoleWithWebIdentity", "PackedPolicyTooLarge"): [lambda w, s: s.web(PolicyArns=s.policies)],
    ("AssumeRoleWithWebIdentity", "InvalidIdentityToken"): [
        lambda w, s: s.web(WebIdentityToken="no.token.here"),
        lambda w, s: s.web(WebIdentityToken=s.issuer.token(aud="other")),
        lambda w, s: s.web(WebIdentityToken=s.issuer.token(iss="https://unknown.example.com")),
        lambda w, s: s.web(WebIdentityToken=s.issuer.token()[:-8] + "AAAAAAAA"),
    ],
    ("AssumeRoleWithWebIdentity", "ExpiredTokenException"): [
        lambda w, s: s.web(WebIdentityToken=s.issuer.token(iat=1_600_000_000, exp=1_600_000_300))
    ],
    ("AssumeRoleWithWebIdentity", "IDPRejectedClaim"): [
        lambda w, s: s.web(WebIdentityToken=s.issuer.token(azp="other")),
        lambda w, s: s.web(WebIdentityToken=s.issuer.token(**{"https://aws.amazon.com/tags": "x"})),
    ],
    ("AssumeRoleWithWebIdentity", "IDPCommunicationError"): [lambda w, s: s.web(WebIdentityToken=s.lonely_provider(w))],
    ("GetFederationToken", "MalformedPolicyDocument"): [lambda w, s: {"Name": "fred", "Policy": BAD_DOCUMENT}],
    ("GetFederationToken", "PackedPolicyTooLarge"): [lambda w, s: {"Name": "fred", "PolicyArns": s.policies}],
}
REASONS: list[Reason] = [
    (("*",), ("RegionDisabledException",), "there is one region, and it is never disabled"),
    (("AssumeRole",), ("ExpiredTokenException",), "is about context assertions of IAM Identity Center, which are refused as not supported"),
]  # fmt: skip

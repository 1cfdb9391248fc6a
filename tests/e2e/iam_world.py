"""What the provocations of IAM use: one of each kind of entity, and arguments that name what does not exist."""

from __future__ import annotations

from botocore import xform_name
from conftest import unique
from gateway import ACCOUNT, Gateway
from test_identities import allow, policy, trust

OF_AWS = "arn:aws:iam::aws:policy/AdministratorAccess"
SERVICE_ROLE = "arn:aws:iam::aws:policy/aws-service-role/AWSSupportServiceRolePolicy"
BAD_ARN = "arn:aws:iam::aws:nothing/of-this-kind"
BAD_DOCUMENT = '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"s3:*","Resource":"*"}]}'
DOCUMENT = policy(allow("s3:*"))
METADATA = (
    '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/saml">'
    + ("<!-- " + "x" * 1000 + " -->")
    + '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/></EntityDescriptor>'
)
TAG = {"Key": "a", "Value": "b"}
RESERVED = [{"Key": "aws:a", "Value": "b"}]

# What a parameter is where nothing of that name exists.
NOTHING: dict[str, object] = {
    "UserName": "nobody",
    "GroupName": "nothing",
    "RoleName": "nothing",
    "PolicyName": "nothing",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/nothing",
    "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/nobody",
    "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/nothing.example.com",
    "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/nothing",
    "PermissionsBoundary": OF_AWS,
    "PolicyDocument": DOCUMENT,
    "AssumeRolePolicyDocument": trust({"AWS": ACCOUNT}),
    "AccountAlias": "nothing-of-the-kind",
    "AccessKeyId": "AKIA0000000000000000",
    "VersionId": "v1",
    "Status": "Inactive",
    "Tags": [TAG],
    "TagKeys": ["a"],
    "ClientID": "app",
    "ThumbprintList": ["0" * 40],
    "ActionNames": ["s3:GetObject"],
    "Description": "x",
    "PolicyInputList": [DOCUMENT],
    "Url": "https://nothing.example.com",
    "Name": "nothing",
    "SAMLMetadataDocument": METADATA,
    "Password": "Correct-horse-1",
    "SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/nothing",
    "AuthenticationCode1": "123456",
    "AuthenticationCode2": "654321",
}


class World:
    """One of each kind of entity, and entities that are full."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.iam = gateway, gateway.client("iam", scheme="https")
        self.model = self.iam.meta.service_model
        self.user, self.group, self.role = (unique(kind) for kind in ("user", "group", "role"))
        self.iam.create_user(UserName=self.user)
        self.iam.create_group(GroupName=self.group)
        self.make_role(self.role)
        self.policy = self.make_policy()
        self.oidc = self.iam.create_open_id_connect_provider(
            Url=f"https://{unique('idp')}.example.com", ClientIDList=["app"], ThumbprintList=["0" * 40]
        )["OpenIDConnectProviderArn"]
        self.saml = self.iam.create_saml_provider(Name=unique("saml"), SAMLMetadataDocument=METADATA)["SAMLProviderArn"]
        self.tagged = {
            "User": {"UserName": self.user},
            "Role": {"RoleName": self.role},
            "Policy": {"PolicyArn": self.policy},
            "OpenIDConnectProvider": {"OpenIDConnectProviderArn": self.oidc},
            "SAMLProvider": {"SAMLProviderArn": self.saml},
        }
        self.held = {
            "User": {"UserName": self.user},
            "Group": {"GroupName": self.group},
            "Role": {"RoleName": self.role},
        }

    def make_role(self, name: str, document: str = trust({"AWS": ACCOUNT}), **more: object) -> str:
        return self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]

    def make_policy(self, **more: object) -> str:
        return self.iam.create_policy(PolicyName=unique("policy"), PolicyDocument=DOCUMENT, **more)["Policy"]["Arn"]

    def call(self, operation: str, **asked: object):
        """Calls an operation by its name in the model."""
        return getattr(self.iam, xform_name(operation))(**asked)


def nothing(w: World, operation: str, **more: object) -> dict:
    """What the operation requires, naming what does not exist; and whose it is, if that can be said."""
    shape = w.model.operation_model(operation).input_shape
    if shape is None:
        return {}
    names = set(shape.required_members) | (
        {"UserName", "GroupName", "RoleName", "SAMLMetadataDocument"} & set(shape.members)
    )
    asked = {name: NOTHING[name] for name in names if name in NOTHING}
    if operation == "UpdateAssumeRolePolicy":
        asked["PolicyDocument"] = NOTHING["AssumeRolePolicyDocument"]
    return asked | more


def kind_of(operation: str) -> str:
    return next(
        kind
        for kind in ("OpenIDConnectProvider", "SAMLProvider", "User", "Group", "Role", "Policy")
        if kind
        in operation.replace("AssumeRolePolicy", "Role")
        .replace("RolePolicy", "Role")
        .replace("UserPolicy", "User")
        .replace("GroupPolicy", "Group")
    )


def held(w: World, operation: str, **more: object) -> dict:
    """On the user, group or role that exists."""
    return nothing(w, operation) | w.held[kind_of(operation)] | more


def tagged(w: World, operation: str, **more: object) -> dict:
    return nothing(w, operation) | w.tagged[kind_of(operation)] | more


def entries(count: int) -> list[dict]:
    return [{"Key": f"tag-{number}", "Value": "x"} for number in range(count)]


def full_of_keys(w: World) -> dict:
    name = unique("keys")
    w.iam.create_user(UserName=name)
    for _ in range(2):
        w.iam.create_access_key(UserName=name)
    return {"UserName": name}


def full_of_policies(w: World, operation: str) -> dict:
    """A user, group or role with as many policies as it may have."""
    kind = kind_of(operation)
    name = {"User": "UserName", "Group": "GroupName", "Role": "RoleName"}[kind]
    holder = {name: unique("full")}
    w.make_role(holder[name]) if kind == "Role" else w.call(f"Create{kind}", **holder)
    for _ in range(10):
        w.call(f"Attach{kind}Policy", **holder, PolicyArn=w.make_policy())
    return holder | {"PolicyArn": w.policy}


def in_ten_groups(w: World) -> dict:
    name = unique("sociable")
    w.iam.create_user(UserName=name)
    for _ in range(10):
        group = unique("group")
        w.iam.create_group(GroupName=group)
        w.iam.add_user_to_group(GroupName=group, UserName=name)
    return {"GroupName": w.group, "UserName": name}


def full_of_versions(w: World) -> dict:
    arn = w.make_policy()
    for _ in range(4):
        w.iam.create_policy_version(PolicyArn=arn, PolicyDocument=DOCUMENT)
    return {"PolicyArn": arn, "PolicyDocument": DOCUMENT}


def full_of_clients(w: World) -> dict:
    made = w.iam.create_open_id_connect_provider(
        Url=f"https://{unique('idp')}.example.com",
        ThumbprintList=["0" * 40],
        ClientIDList=[f"app-{n}" for n in range(100)],
    )
    return {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"], "ClientID": "one-more"}


def long_document(length: int) -> str:
    return policy(allow([f"s3:Get{'x' * 90}{n}*" for n in range(length // 100)]))


def full_of_tags(w: World, operation: str) -> dict:
    w.call(operation, **tagged(w, operation))
    return tagged(w, operation, Tags=entries(50))


def user_with_a_key(w: World) -> dict:
    name = unique("keys")
    w.iam.create_user(UserName=name)
    w.iam.create_access_key(UserName=name)
    return {"UserName": name}


def group_with_a_member(w: World) -> dict:
    group = unique("group")
    w.iam.create_group(GroupName=group)
    w.iam.add_user_to_group(GroupName=group, UserName=w.user)
    return {"GroupName": group}


def role_with_a_policy(w: World) -> dict:
    name = unique("role")
    w.make_role(name)
    w.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=DOCUMENT)
    return {"RoleName": name}


def attached_policy(w: World) -> dict:
    arn = w.make_policy()
    w.iam.attach_group_policy(GroupName=w.group, PolicyArn=arn)
    return {"PolicyArn": arn}

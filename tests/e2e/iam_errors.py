"""The errors of IAM in the model, and how a client provokes them: a table for test_errors.py."""

from __future__ import annotations

from collections.abc import Callable

from conftest import unique
from gateway import ACCOUNT, CAROL
from iam_world import (
    BAD_ARN,
    BAD_DOCUMENT,
    DOCUMENT,
    NOTHING,
    RESERVED,
    SERVICE_ROLE,
    TAG,
    World,
    attached_policy,
    full_of_clients,
    full_of_keys,
    full_of_policies,
    full_of_tags,
    full_of_versions,
    group_with_a_member,
    held,
    in_ten_groups,
    long_document,
    nothing,
    role_with_a_policy,
    tagged,
    user_with_a_key,
)
from one_time_codes import two_codes
from provocations import Provocations, Reason
from test_identities import allow, policy, trust

PROVOKED = Provocations()
provoke = PROVOKED.add

HOLDERS = ("User", "Group", "Role")
TAGGABLE = ("User", "Role", "Policy", "OpenIDConnectProvider", "SAMLProvider")
PER_HOLDER = (
    "Put{}Policy",
    "Get{}Policy",
    "Delete{}Policy",
    "List{}Policies",
    "Attach{}Policy",
    "Detach{}Policy",
    "ListAttached{}Policies",
)
OIDC = (
    "AddClientIDToOpenIDConnectProvider",
    "RemoveClientIDFromOpenIDConnectProvider",
    "UpdateOpenIDConnectProviderThumbprint",
    "GetOpenIDConnectProvider",
    "DeleteOpenIDConnectProvider",
)
SAML = ("GetSAMLProvider", "UpdateSAMLProvider", "DeleteSAMLProvider")
ON_POLICIES = (
    "GetPolicy",
    "DeletePolicy",
    "CreatePolicyVersion",
    "GetPolicyVersion",
    "ListPolicyVersions",
    "SetDefaultPolicyVersion",
    "DeletePolicyVersion",
    "ListEntitiesForPolicy",
)
OF_USERS = (
    "ListMFADevices",
    "ListSSHPublicKeys",
    "ListSigningCertificates",
    "ListServiceSpecificCredentials",
    "ListAccessKeys",
    "CreateAccessKey",
    "UpdateAccessKey",
    "DeleteAccessKey",
    "GetLoginProfile",
    "UpdateLoginProfile",
    "DeleteLoginProfile",
    "EnableMFADevice",
    "ResyncMFADevice",
    "DeactivateMFADevice",
    "DeleteVirtualMFADevice",
    "GetMFADevice",
    "ListGroupsForUser",
)

provoke(
    (
        *(name.format(holder) for name in PER_HOLDER for holder in HOLDERS),
        *(f"{verb}{kind}" for verb in ("Tag", "Untag") for kind in TAGGABLE),
        *(f"List{kind}Tags" for kind in TAGGABLE),
        *(f"{verb}{kind}" for verb in ("Get", "Update", "Delete") for kind in HOLDERS),
        *(f"{verb}{kind}PermissionsBoundary" for verb in ("Put", "Delete") for kind in ("User", "Role")),
        *OIDC,
        *SAML,
        *ON_POLICIES,
        *OF_USERS,
        "AddUserToGroup",
        "RemoveUserFromGroup",
        "UpdateRoleDescription",
        "UpdateAssumeRolePolicy",
        "DeleteAccountAlias",
        "GetAccountPasswordPolicy",
        "DeleteAccountPasswordPolicy",
        "SimulatePrincipalPolicy",
        "GetContextKeysForPrincipalPolicy",
    ),
    "NoSuchEntity",
    nothing,
)
provoke(
    ("AddUserToGroup", "RemoveUserFromGroup"),
    "NoSuchEntity",
    lambda w, operation: nothing(w, operation, UserName=w.user),
    lambda w, operation: nothing(w, operation, GroupName=w.group),
)
# What exists has not this.
provoke(
    tuple(f"{verb}{kind}Policy" for verb in ("Get", "Delete", "Detach", "Attach") for kind in HOLDERS),
    "NoSuchEntity",
    held,
)
provoke(
    ("GetPolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"),
    "NoSuchEntity",
    lambda w, operation: nothing(w, operation, PolicyArn=w.policy, VersionId="v9"),
)
provoke(
    ("UpdateAccessKey", "DeleteAccessKey"), "NoSuchEntity", lambda w, operation: nothing(w, operation, UserName=w.user)
)
provoke(
    "CreateUser", "NoSuchEntity", lambda w: {"UserName": unique("user"), "PermissionsBoundary": NOTHING["PolicyArn"]}
)

# --- names that are taken

provoke("CreateUser", "EntityAlreadyExists", lambda w: {"UserName": w.user})
provoke("CreateUser", "EntityAlreadyExists", lambda w: {"UserName": w.user.upper()})
provoke("CreateGroup", "EntityAlreadyExists", lambda w: {"GroupName": w.group})
provoke("CreateRole", "EntityAlreadyExists", lambda w: nothing(w, "CreateRole", RoleName=w.role))
provoke("CreatePolicy", "EntityAlreadyExists", lambda w: nothing(w, "CreatePolicy", PolicyName=w.policy.split("/")[1]))
provoke(
    "CreateOpenIDConnectProvider",
    "EntityAlreadyExists",
    lambda w: {"Url": "https://" + w.oidc.split("/", 1)[1], "ThumbprintList": ["0" * 40]},
)
provoke(
    "CreateSAMLProvider", "EntityAlreadyExists", lambda w: nothing(w, "CreateSAMLProvider", Name=w.saml.split("/")[1])
)


def taken_by_another(w: World, create: Callable, name: str) -> str:
    other = unique("taken")
    create(**{name: other})
    return other


provoke(
    "UpdateUser",
    "EntityAlreadyExists",
    lambda w: {"UserName": w.user, "NewUserName": taken_by_another(w, w.iam.create_user, "UserName")},
)
provoke(
    "UpdateGroup",
    "EntityAlreadyExists",
    lambda w: {"GroupName": w.group, "NewGroupName": taken_by_another(w, w.iam.create_group, "GroupName")},
)


def alias_of_another(w: World) -> dict:
    alias = unique("alias")
    w.gateway.client("iam", user=CAROL).create_account_alias(AccountAlias=alias)
    return {"AccountAlias": alias}


provoke("CreateAccountAlias", "EntityAlreadyExists", alias_of_another)

# --- documents

for document in (
    "{",
    "[]",
    '{"Version":"2012-10-17"}',
    BAD_DOCUMENT,
    policy({"Effect": "Allow", "Action": "s3:*"}),
    policy(allow("s3:*") | {"Principal": "*"}),
):
    provoke(
        tuple(f"Put{kind}Policy" for kind in HOLDERS),
        "MalformedPolicyDocument",
        lambda w, operation, document=document: held(w, operation, PolicyDocument=document),
    )
    provoke(
        "CreatePolicy",
        "MalformedPolicyDocument",
        lambda w, document=document: nothing(w, "CreatePolicy", PolicyName=unique("policy"), PolicyDocument=document),
    )
    provoke(
        "CreatePolicyVersion",
        "MalformedPolicyDocument",
        lambda w, document=document: nothing(w, "CreatePolicyVersion", PolicyArn=w.policy, PolicyDocument=document),
    )
for document in ("{", policy(allow("sts:AssumeRole")), trust({"AWS": "nobody at all"})):
    provoke(
        "CreateRole",
        "MalformedPolicyDocument",
        lambda w, document=document: nothing(
            w, "CreateRole", RoleName=unique("role"), AssumeRolePolicyDocument=document
        ),
    )
    provoke(
        "UpdateAssumeRolePolicy",
        "MalformedPolicyDocument",
        lambda w, document=document: {"RoleName": w.role, "PolicyDocument": document},
    )

# --- input that is well formed and makes no sense

provoke(
    (
        *ON_POLICIES,
        *OIDC,
        *SAML,
        *(f"{verb}{kind}Policy" for verb in ("Attach", "Detach") for kind in HOLDERS),
        *(f"{verb}{kind}" for verb in ("Tag", "Untag") for kind in TAGGABLE[2:]),
        *(f"List{kind}Tags" for kind in TAGGABLE[2:]),
    ),
    "InvalidInput",
    lambda w, operation: (
        nothing(w, operation) | {name: BAD_ARN for name in nothing(w, operation) if name.endswith("Arn")}
    ),
)
provoke(
    ("PutUserPermissionsBoundary", "PutRolePermissionsBoundary"),
    "InvalidInput",
    lambda w, operation: held(w, operation, PermissionsBoundary=BAD_ARN),
)
provoke(
    tuple(f"Tag{kind}" for kind in TAGGABLE),
    "InvalidInput",
    lambda w, operation: tagged(w, operation, Tags=[TAG, TAG | {"Key": "A"}]),
    lambda w, operation: tagged(w, operation, Tags=RESERVED),
)
provoke("CreateUser", "InvalidInput", lambda w: {"UserName": unique("user"), "Tags": [TAG, TAG]})
provoke("CreateRole", "InvalidInput", lambda w: nothing(w, "CreateRole", RoleName=unique("role"), Tags=RESERVED))
provoke(
    "CreatePolicy", "InvalidInput", lambda w: nothing(w, "CreatePolicy", PolicyName=unique("policy"), Tags=RESERVED)
)
provoke(
    "CreateOpenIDConnectProvider",
    "InvalidInput",
    lambda w: {"Url": f"https://{unique('idp')}.example.com", "ThumbprintList": ["0" * 40] * 6},
)
provoke("CreateSAMLProvider", "InvalidInput", lambda w: {"Name": unique("saml"), "SAMLMetadataDocument": "x" * 1000})
provoke("UpdateSAMLProvider", "InvalidInput", lambda w: {"SAMLProviderArn": w.saml, "SAMLMetadataDocument": "x" * 1000})
provoke("UpdateAccessKey", "InvalidInput", lambda w: nothing(w, "UpdateAccessKey", UserName=w.user, Status="Expired"))
provoke("GetContextKeysForCustomPolicy", "InvalidInput", lambda w: {"PolicyInputList": [BAD_DOCUMENT]})
provoke(
    "GetContextKeysForPrincipalPolicy",
    "InvalidInput",
    lambda w: {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/{w.user}", "PolicyInputList": [BAD_DOCUMENT]},
)
for bad in ({"PolicyInputList": [BAD_DOCUMENT]}, {"ActionNames": ["everything"]}):
    provoke(
        "SimulateCustomPolicy",
        "InvalidInput",
        lambda w, bad=bad: {"PolicyInputList": [DOCUMENT], "ActionNames": ["s3:GetObject"]} | bad,
    )
    provoke(
        "SimulatePrincipalPolicy",
        "InvalidInput",
        lambda w, bad=bad: (
            {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/{w.user}", "ActionNames": ["s3:GetObject"]} | bad
        ),
    )
provoke(
    tuple(f"Attach{kind}Policy" for kind in HOLDERS),
    "PolicyNotAttachable",
    lambda w, operation: held(w, operation, PolicyArn=SERVICE_ROLE),
)
provoke(
    ("PutUserPermissionsBoundary", "PutRolePermissionsBoundary"),
    "PolicyNotAttachable",
    lambda w, operation: held(w, operation, PermissionsBoundary=SERVICE_ROLE),
)
provoke("GetCredentialReport", "ReportNotPresent", lambda w: {})

# --- quotas


provoke("CreateAccessKey", "LimitExceeded", full_of_keys)
provoke(tuple(f"Attach{kind}Policy" for kind in HOLDERS), "LimitExceeded", full_of_policies)
provoke("AddUserToGroup", "LimitExceeded", in_ten_groups)
provoke("CreatePolicyVersion", "LimitExceeded", full_of_versions)
provoke("AddClientIDToOpenIDConnectProvider", "LimitExceeded", full_of_clients)
provoke(
    "CreateOpenIDConnectProvider",
    "LimitExceeded",
    lambda w: {
        "Url": f"https://{unique('idp')}.example.com",
        "ThumbprintList": ["0" * 40],
        "ClientIDList": [f"app-{n}" for n in range(101)],
    },
)
provoke(
    "CreatePolicy", "LimitExceeded", lambda w: {"PolicyName": unique("policy"), "PolicyDocument": long_document(8000)}
)
provoke(
    tuple(f"Put{kind}Policy" for kind in HOLDERS),
    "LimitExceeded",
    lambda w, operation: held(w, operation, PolicyDocument=long_document(12_000)),
)
LONG_TRUST = policy(
    *(
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole", "Sid": f"{'x' * 100}{n}"}
        for n in range(20)
    )
)
provoke("CreateRole", "LimitExceeded", lambda w: {"RoleName": unique("role"), "AssumeRolePolicyDocument": LONG_TRUST})
provoke("UpdateAssumeRolePolicy", "LimitExceeded", lambda w: {"RoleName": w.role, "PolicyDocument": LONG_TRUST})
provoke(tuple(f"Tag{kind}" for kind in TAGGABLE), "LimitExceeded", full_of_tags)

# --- what something else depends on


provoke("DeleteUser", "DeleteConflict", user_with_a_key)
provoke("DeleteGroup", "DeleteConflict", group_with_a_member)
provoke("DeleteRole", "DeleteConflict", role_with_a_policy)
provoke("DeletePolicy", "DeleteConflict", attached_policy)
provoke("DeletePolicyVersion", "DeleteConflict", lambda w: {"PolicyArn": w.policy, "VersionId": "v1"})

# --- passwords and second factors


def with_a_password(w: World) -> dict:
    name = unique("password")
    w.iam.create_user(UserName=name)
    w.iam.create_login_profile(UserName=name, Password="Correct-horse-1")
    return {"UserName": name, "Password": "Battery-staple-2"}


def device_in_use(w: World) -> tuple[str, str]:
    name = unique("device")
    w.iam.create_user(UserName=name)
    made = w.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    first, second = two_codes(made["Base32StringSeed"])
    w.iam.enable_mfa_device(UserName=name, SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second)
    return name, made["SerialNumber"]


def codes_of_another(user: str, serial: str) -> dict:
    return {"UserName": user, "SerialNumber": serial, "AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}


def spare_device(w: World) -> str:
    return w.iam.create_virtual_mfa_device(VirtualMFADeviceName=unique("device"))["VirtualMFADevice"]["SerialNumber"]


def full_of_devices(w: World) -> dict:
    name = unique("devices")
    w.iam.create_user(UserName=name)
    for _ in range(8):
        made = w.iam.create_virtual_mfa_device(VirtualMFADeviceName=unique("device"))["VirtualMFADevice"]
        first, second = two_codes(made["Base32StringSeed"])
        w.iam.enable_mfa_device(UserName=name, SerialNumber=made["SerialNumber"], AuthenticationCode1=first, AuthenticationCode2=second)
    return codes_of_another(name, spare_device(w))


provoke("CreateLoginProfile", "NoSuchEntity", lambda w: {"UserName": "nobody", "Password": "Correct-horse-1"})
provoke("CreateLoginProfile", "EntityAlreadyExists", with_a_password)
provoke("CreateLoginProfile", "PasswordPolicyViolation", lambda w: {"UserName": w.user, "Password": "weak"})
provoke("UpdateLoginProfile", "PasswordPolicyViolation", lambda w: with_a_password(w) | {"Password": "weak"})
provoke("CreateVirtualMFADevice", "EntityAlreadyExists", lambda w: {"VirtualMFADeviceName": spare_device(w).split("/")[1]})
provoke("EnableMFADevice", "EntityAlreadyExists", lambda w: codes_of_another(*device_in_use(w)))
provoke("EnableMFADevice", "InvalidAuthenticationCode", lambda w: codes_of_another(w.user, spare_device(w)))
provoke("EnableMFADevice", "LimitExceeded", full_of_devices)
provoke("ResyncMFADevice", "InvalidAuthenticationCode", lambda w: codes_of_another(*device_in_use(w)))
provoke("DeleteVirtualMFADevice", "DeleteConflict", lambda w: {"SerialNumber": device_in_use(w)[1]})

REASONS: list[Reason] = [
    (("*LoginProfile", "ChangePassword", "*MFADevice"), ("EntityTemporarilyUnmodifiable",), "a user that was just changed is as it is at once"),
    (("ChangePassword",), ("NoSuchEntity", "PasswordPolicyViolation", "InvalidUserType"), "by whoever asks: test_passwords.py"),
    (("CreateLoginProfile", "UpdateLoginProfile", "ChangePassword", "UpdateAccountPasswordPolicy", "CreateVirtualMFADevice", "ResyncMFADevice", "DeactivateMFADevice"), ("LimitExceeded",), "there is no quota on their number, nor on the rate of changes"),
    (("UpdateAccountPasswordPolicy",), ("NoSuchEntity", "MalformedPolicyDocument"), "it names nothing that could be missing, and has no document"),
    (("CreateVirtualMFADevice",), ("InvalidInput",), "tags of devices are refused as not implemented"),
    (("*",), ("ServiceFailure",), "a failure of the store, which no client can bring about"),
    (("*",), ("ConcurrentModification",), "changes to an account wait for each other: crates/sealgate-iam/src/change.rs"),
    (("*",), ("UnmodifiableEntity",), "only roles of services cannot be changed, and there are none"),
    (("UpdateUser",), ("EntityTemporarilyUnmodifiable",), "a user that was just deleted is gone at once"),
    (("SimulateCustomPolicy", "SimulatePrincipalPolicy"), ("PolicyEvaluation",), "a failure of the evaluator; what it cannot read is InvalidInput"),
    (("ListServiceSpecificCredentials",), ("NotSupportedService",), "there are no such credentials of any service"),
    (("CreateOpenIDConnectProvider",), ("OpenIdIdpCommunicationError",), "the provider is not asked when it is made, but when a token comes"),
    (("GetCredentialReport",), ("ReportExpired",), "needs the clock moved: test_moved_clock"),
    (("GetCredentialReport",), ("ReportInProgress",), "the report is made while the client waits"),
    (("CreateGroup",), ("NoSuchEntity",), "it names nothing that could be missing; AWS's model lists it without saying when"),
    (("CreateGroup", "CreateUser", "CreateSAMLProvider", "UpdateGroup", "UpdateUser", "UpdateSAMLProvider", "SetDefaultPolicyVersion", "UpdateAccessKey", "GenerateCredentialReport", "CreateAccountAlias"), ("LimitExceeded",), "there is no quota on their number, nor on the rate of changes"),
    (("Delete*", "Detach*", "RemoveUserFromGroup"), ("LimitExceeded",), "AWS's brake on changes; what takes away reaches no quota here"),
    (("ListAttached*",), ("InvalidInput",), "what breaks the rules of a name or a path is a ValidationError"),
]  # fmt: skip

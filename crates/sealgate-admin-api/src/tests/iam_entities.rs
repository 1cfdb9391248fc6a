//! Groups, roles, tags, providers and the account, through their XML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The texts of all elements that this path ends with.
pub fn all(answer: &Answer, path: &str) -> Vec<String> {
    let end = format!("/{path}");
    leaves(&answer.body)
        .into_iter()
        .filter(|(at, _)| at.ends_with(&end))
        .map(|(_, text)| text)
        .collect()
}

#[tokio::test]
async fn the_life_of_a_group() {
    let world = World::new().await;
    let root = world.root();
    world.user("alice", &[]).await;
    let answer = world
        .iam(&root, "CreateGroup&GroupName=devs&Path=%2Fx%2F")
        .await;
    assert_eq!(
        answer.xml("Group/Arn").unwrap(),
        "arn:aws:iam::111111111111:group/x/devs"
    );
    let record = world.records().await.remove(0);
    assert_eq!(record["responseElements"]["group"]["groupName"], "devs");
    for form in [
        "AddUserToGroup&GroupName=devs&UserName=alice".to_owned(),
        format!(
            "PutGroupPolicy&GroupName=devs&PolicyName=p&PolicyDocument={}",
            encoded(&allow("\"s3:*\"", "*"))
        ),
        "AttachGroupPolicy&GroupName=devs&PolicyArn=arn:aws:iam::aws:policy/IAMReadOnlyAccess"
            .into(),
    ] {
        assert_eq!(world.iam(&root, &form).await.status, 200, "{form}");
    }
    let answer = world.iam(&root, "GetGroup&GroupName=devs").await;
    assert_eq!(all(&answer, "Users/member/UserName"), ["alice"]);
    assert_eq!(answer.xml("IsTruncated").unwrap(), "false");
    let answer = world.iam(&root, "ListGroupsForUser&UserName=alice").await;
    assert_eq!(all(&answer, "Groups/member/GroupName"), ["devs"]);
    let answer = world
        .iam(&root, "ListAttachedGroupPolicies&GroupName=devs")
        .await;
    assert_eq!(
        all(&answer, "AttachedPolicies/member/PolicyName"),
        ["IAMReadOnlyAccess"]
    );
    let answer = world.iam(&root, "ListGroups&PathPrefix=%2Fx").await;
    assert_eq!(all(&answer, "member/GroupName"), ["devs"]);
    assert_eq!(
        world.iam(&root, "DeleteGroup&GroupName=devs").await.code(),
        (409, "DeleteConflict".into())
    );
    for form in [
        "UpdateGroup&GroupName=devs&NewGroupName=ops",
        "RemoveUserFromGroup&GroupName=ops&UserName=alice",
        "DeleteGroupPolicy&GroupName=ops&PolicyName=p",
        "DetachGroupPolicy&GroupName=ops&PolicyArn=arn:aws:iam::aws:policy/IAMReadOnlyAccess",
        "DeleteGroup&GroupName=ops",
    ] {
        assert_eq!(world.iam(&root, form).await.status, 200, "{form}");
    }
    assert_eq!(
        world.iam(&root, "GetGroup&GroupName=ops").await.code(),
        (404, "NoSuchEntity".into())
    );
}

#[tokio::test]
async fn the_life_of_a_role() {
    let world = World::new().await;
    let root = world.root();
    let create = format!(
        "CreateRole&RoleName=app&AssumeRolePolicyDocument={}&Description=d&MaxSessionDuration=7200&Tags.member.1.Key=team&Tags.member.1.Value=a",
        encoded(TRUST)
    );
    let answer = world.iam(&root, &create).await;
    assert_eq!(
        answer.xml("Role/Arn").unwrap(),
        "arn:aws:iam::111111111111:role/app"
    );
    assert!(answer.xml("RoleId").unwrap().starts_with("AROA"));
    let record = world.records().await.remove(0);
    assert_eq!(
        record["requestParameters"]["tags"],
        json!([{ "key": "team", "value": "a" }])
    );
    assert_eq!(
        record["responseElements"]["role"]["maxSessionDuration"],
        7200
    );
    let answer = world.iam(&root, "GetRole&RoleName=app").await;
    let document = answer.xml("AssumeRolePolicyDocument").unwrap();
    assert_eq!(
        percent_encoding::percent_decode_str(&document)
            .decode_utf8()
            .unwrap(),
        TRUST
    );
    assert_eq!(answer.xml("MaxSessionDuration").unwrap(), "7200");
    assert_eq!(all(&answer, "Tags/member/Key"), ["team"]);
    let listed = world.iam(&root, "ListRoles").await;
    assert_eq!(all(&listed, "member/RoleName"), ["app"]);
    assert!(!listed.body.contains("<Tags>"));
    for (form, status, code) in [
        ("CreateRole&RoleName=b", 400, "ValidationError"),
        (
            "CreateRole&RoleName=b&AssumeRolePolicyDocument=%7B%7D",
            400,
            "MalformedPolicyDocument",
        ),
        (create.as_str(), 409, "EntityAlreadyExists"),
        (
            "UpdateRole&RoleName=app&MaxSessionDuration=60",
            400,
            "ValidationError",
        ),
        (
            "UpdateRole&RoleName=app&MaxSessionDuration=x",
            400,
            "ValidationError",
        ),
        ("UpdateRole&RoleName=b", 404, "NoSuchEntity"),
        (
            "UpdateAssumeRolePolicy&RoleName=app&PolicyDocument=x",
            400,
            "MalformedPolicyDocument",
        ),
        (
            "CreateServiceLinkedRole&AWSServiceName=x",
            501,
            "NotImplemented",
        ),
    ] {
        assert_eq!(
            world.iam(&root, form).await.code(),
            (status, code.to_owned()),
            "{form}"
        );
    }
    let answer = world
        .iam(&root, "UpdateRoleDescription&RoleName=app&Description=new")
        .await;
    assert_eq!(answer.xml("Description").unwrap(), "new");
    let answer = world.iam(&root, "UpdateRole&RoleName=app").await;
    assert!(
        answer
            .body
            .contains("<UpdateRoleResult></UpdateRoleResult>"),
        "{}",
        answer.body
    );
    assert_eq!(
        world.iam(&root, "DeleteRole&RoleName=app").await.status,
        200
    );
}

#[tokio::test]
async fn tags_are_set_listed_and_decide() {
    let world = World::new().await;
    let root = world.root();
    world.user("alice", &[]).await;
    let tag = "TagUser&UserName=alice&Tags.member.1.Key=team&Tags.member.1.Value=a&Tags.member.2.Key=x&Tags.member.2.Value=";
    assert_eq!(world.iam(&root, tag).await.status, 200);
    let answer = world
        .iam(&root, "ListUserTags&UserName=alice&MaxItems=1")
        .await;
    assert_eq!(all(&answer, "Tags/member/Key"), ["team"]);
    assert_eq!(answer.xml("IsTruncated").unwrap(), "true");
    assert_eq!(
        world
            .iam(&root, "UntagUser&UserName=alice&TagKeys.member.1=x")
            .await
            .status,
        200
    );
    assert_eq!(
        all(
            &world.iam(&root, "GetUser&UserName=alice").await,
            "Tags/member/Key"
        ),
        ["team"]
    );

    let own_team = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iam:GetUser","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}},
        {"Effect":"Allow","Action":["iam:CreateUser","iam:TagUser"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"b"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}}]}"#;
    let bob = world.user("bob", &[own_team]).await;
    for (form, status) in [
        ("GetUser&UserName=alice", 200),
        ("GetUser&UserName=bob", 403),
        ("CreateUser&UserName=c1", 403),
        (
            "CreateUser&UserName=c2&Tags.member.1.Key=team&Tags.member.1.Value=b",
            200,
        ),
        (
            "CreateUser&UserName=c3&Tags.member.1.Key=team&Tags.member.1.Value=c",
            403,
        ),
        (
            "TagUser&UserName=c2&Tags.member.1.Key=other&Tags.member.1.Value=b",
            403,
        ),
    ] {
        assert_eq!(world.iam(&bob, form).await.status, status, "{form}");
    }
}

#[tokio::test]
async fn providers_are_kept_and_listed() {
    let world = World::new().await;
    let root = world.root();
    let answer = world
        .iam(&root, "CreateOpenIDConnectProvider&Url=https%3A%2F%2Fidp.example.com&ClientIDList.member.1=app")
        .await;
    let arn = answer.xml("OpenIDConnectProviderArn").unwrap();
    assert_eq!(
        arn,
        "arn:aws:iam::111111111111:oidc-provider/idp.example.com"
    );
    let on = |operation: &str, rest: &str| {
        format!(
            "{operation}&OpenIDConnectProviderArn={}{rest}",
            encoded(&arn)
        )
    };
    for (operation, rest) in [
        ("AddClientIDToOpenIDConnectProvider", "&ClientID=b"),
        ("RemoveClientIDFromOpenIDConnectProvider", "&ClientID=app"),
        (
            "TagOpenIDConnectProvider",
            "&Tags.member.1.Key=k&Tags.member.1.Value=v",
        ),
        ("UntagOpenIDConnectProvider", "&TagKeys.member.1=k"),
        ("ListOpenIDConnectProviderTags", ""),
        (
            "UpdateOpenIDConnectProviderThumbprint",
            "&ThumbprintList.member.1=0123456789012345678901234567890123456789",
        ),
    ] {
        assert_eq!(
            world.iam(&root, &on(operation, rest)).await.status,
            200,
            "{operation}"
        );
    }
    let answer = world.iam(&root, &on("GetOpenIDConnectProvider", "")).await;
    assert_eq!(answer.xml("Url").unwrap(), "idp.example.com");
    assert_eq!(all(&answer, "ClientIDList/member"), ["b"]);
    let listed = world.iam(&root, "ListOpenIDConnectProviders").await;
    assert_eq!(all(&listed, "member/Arn"), [arn.as_str()]);
    assert_eq!(
        world
            .iam(&root, &on("DeleteOpenIDConnectProvider", ""))
            .await
            .status,
        200
    );
    assert_eq!(
        world
            .iam(&root, &on("GetOpenIDConnectProvider", ""))
            .await
            .code(),
        (404, "NoSuchEntity".into())
    );

    let metadata = format!(
        "<EntityDescriptor>{}</EntityDescriptor>",
        "<x/>".repeat(300)
    );
    let create = |text: &str| {
        format!(
            "CreateSAMLProvider&Name=idp&SAMLMetadataDocument={}",
            encoded(text)
        )
    };
    for bad in [
        metadata.replace("EntityDescriptor", "Other"),
        format!("{metadata}<"),
    ] {
        let answer = world.iam(&root, &create(&bad)).await;
        assert_eq!(answer.code(), (400, "InvalidInput".into()));
    }
    assert_eq!(
        world
            .iam(&root, &create("<EntityDescriptor/>"))
            .await
            .code(),
        (400, "ValidationError".into())
    );
    let answer = world.iam(&root, &create(&metadata)).await;
    let arn = answer.xml("SAMLProviderArn").unwrap();
    assert_eq!(arn, "arn:aws:iam::111111111111:saml-provider/idp");
    assert_eq!(
        all(&world.iam(&root, "ListSAMLProviders").await, "member/Arn"),
        [arn.as_str()]
    );
    let get = format!("GetSAMLProvider&SAMLProviderArn={}", encoded(&arn));
    assert_eq!(
        world
            .iam(&root, &get)
            .await
            .xml("SAMLMetadataDocument")
            .unwrap(),
        metadata
    );
    let delete = format!("DeleteSAMLProvider&SAMLProviderArn={}", encoded(&arn));
    assert_eq!(world.iam(&root, &delete).await.status, 200);
}

#[tokio::test]
async fn the_account_as_a_whole() {
    let world = World::new().await;
    let root = world.root();
    world.user("alice", &[]).await;
    assert_eq!(
        world
            .iam(&root, "CreateAccountAlias&AccountAlias=mine")
            .await
            .status,
        200
    );
    let answer = world.iam(&root, "ListAccountAliases").await;
    assert_eq!(all(&answer, "AccountAliases/member"), ["mine"]);
    assert_eq!(
        world
            .iam(&root, "DeleteAccountAlias&AccountAlias=mine")
            .await
            .status,
        200
    );
    assert_eq!(
        world.iam(&root, "GetCredentialReport").await.code(),
        (410, "ReportNotPresent".into())
    );
    let answer = world.iam(&root, "GenerateCredentialReport").await;
    assert_eq!(answer.xml("State").unwrap(), "COMPLETE");
    let content = world
        .iam(&root, "GetCredentialReport")
        .await
        .xml("Content")
        .unwrap();
    let csv = String::from_utf8(STANDARD.decode(content).unwrap()).unwrap();
    assert!(
        csv.contains("\nalice,arn:aws:iam::111111111111:user/alice,"),
        "{csv}"
    );
    let answer = world.iam(&root, "GetAccountSummary").await;
    assert!(
        answer
            .body
            .contains("<entry><key>Users</key><value>1</value></entry>")
    );
    let answer = world
        .iam(&root, "GetAccountAuthorizationDetails&Filter.member.1=User")
        .await;
    assert_eq!(all(&answer, "UserDetailList/member/UserName"), ["alice"]);
    assert_eq!(
        world
            .iam(
                &root,
                "GetAccountAuthorizationDetails&Filter.member.1=Users"
            )
            .await
            .code(),
        (400, "ValidationError".into())
    );
    for (form, code) in [
        ("GetAccountPasswordPolicy", "NoSuchEntity"),
        ("GetLoginProfile&UserName=alice", "NoSuchEntity"),
    ] {
        assert_eq!(
            world.iam(&root, form).await.code(),
            (404, code.to_owned()),
            "{form}"
        );
    }
    for form in [
        "ListMFADevices&UserName=alice",
        "ListVirtualMFADevices",
        "ListServerCertificates",
    ] {
        assert_eq!(
            world.iam(&root, form).await.xml("IsTruncated").unwrap(),
            "false",
            "{form}"
        );
    }
}

#[tokio::test]
async fn every_operation_asks_for_its_permission() {
    let world = World::new().await;
    let nobody = world.user("nobody", &[]).await;
    let parameters = [
        "UserName=x",
        "GroupName=x",
        "RoleName=x",
        "PolicyName=x",
        "PolicyArn=arn:aws:iam::111111111111:policy/x",
        "PolicyDocument=x",
        "AssumeRolePolicyDocument=x",
        "PermissionsBoundary=arn:aws:iam::aws:policy/AdministratorAccess",
        "VersionId=v1",
        "AccessKeyId=AKIAIOSFODNN7EXAMPLE",
        "Status=Active",
        "AccountAlias=abc",
        "Description=d",
        "Url=https://idp.example.com",
        "ClientID=x",
        "OpenIDConnectProviderArn=arn:aws:iam::111111111111:oidc-provider/x",
        "SAMLProviderArn=arn:aws:iam::111111111111:saml-provider/x",
        "SAMLMetadataDocument=x",
        "Name=x",
        "PolicySourceArn=arn:aws:iam::111111111111:user/nobody",
        "Password=Passw0rd-1",
        "OldPassword=Passw0rd-1",
        "NewPassword=Passw0rd-2",
        "VirtualMFADeviceName=x",
        "SerialNumber=arn:aws:iam::111111111111:mfa/x",
        "AuthenticationCode1=123456",
        "AuthenticationCode2=654321",
    ]
    .join("&");
    for operation in crate::operations::IAM.implemented {
        let answer = world
            .iam(&nobody, &format!("{operation}&{parameters}"))
            .await;
        assert_eq!(
            answer.code(),
            (403, "AccessDenied".into()),
            "{operation}: {}",
            answer.body
        );
    }
}

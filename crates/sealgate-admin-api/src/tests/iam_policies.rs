//! Managed policies, boundaries and the simulator, through their XML.

use super::iam_entities::{all, encoded};
use super::*;

const ARN: &str = "arn:aws:iam::111111111111:policy/p";

async fn create(world: &World) {
    let form = format!(
        "CreatePolicy&PolicyName=p&Description=d&PolicyDocument={}",
        encoded(&allow("\"s3:GetObject\"", "*"))
    );
    let answer = world.iam(&world.root(), &form).await;
    assert_eq!(answer.xml("Policy/Arn").unwrap(), ARN);
    assert_eq!(answer.xml("DefaultVersionId").unwrap(), "v1");
}

#[tokio::test]
async fn the_life_of_a_managed_policy() {
    let world = World::new().await;
    let root = world.root();
    world.user("alice", &[]).await;
    create(&world).await;
    let answer = world
        .iam(
            &root,
            &format!(
                "CreatePolicyVersion&PolicyArn={ARN}&SetAsDefault=true&PolicyDocument={}",
                encoded(&allow("\"s3:*\"", "*"))
            ),
        )
        .await;
    assert_eq!(answer.xml("PolicyVersion/VersionId").unwrap(), "v2");
    let answer = world
        .iam(&root, &format!("GetPolicy&PolicyArn={ARN}"))
        .await;
    assert_eq!(answer.xml("DefaultVersionId").unwrap(), "v2");
    assert_eq!(answer.xml("Description").unwrap(), "d");
    let answer = world
        .iam(
            &root,
            &format!("GetPolicyVersion&PolicyArn={ARN}&VersionId=v1"),
        )
        .await;
    assert!(
        answer
            .xml("Document")
            .unwrap()
            .starts_with("%7B%22Version%22")
    );
    let answer = world
        .iam(&root, &format!("ListPolicyVersions&PolicyArn={ARN}"))
        .await;
    assert_eq!(all(&answer, "Versions/member/VersionId"), ["v2", "v1"]);
    let attach = format!("AttachUserPolicy&UserName=alice&PolicyArn={ARN}");
    assert_eq!(world.iam(&root, &attach).await.status, 200);
    let answer = world
        .iam(&root, &format!("ListEntitiesForPolicy&PolicyArn={ARN}"))
        .await;
    assert_eq!(all(&answer, "PolicyUsers/member/UserName"), ["alice"]);
    let answer = world
        .iam(&root, "ListPolicies&Scope=Local&OnlyAttached=true")
        .await;
    assert_eq!(all(&answer, "Policies/member/AttachmentCount"), ["1"]);
    for (form, status, code) in [
        (
            format!("DeletePolicy&PolicyArn={ARN}"),
            409,
            "DeleteConflict",
        ),
        (
            format!("DeletePolicyVersion&PolicyArn={ARN}&VersionId=v2"),
            409,
            "DeleteConflict",
        ),
        (
            format!("GetPolicyVersion&PolicyArn={ARN}&VersionId=v9"),
            404,
            "NoSuchEntity",
        ),
        (
            format!("GetPolicyVersion&PolicyArn={ARN}&VersionId=9"),
            400,
            "ValidationError",
        ),
        (format!("GetPolicy&PolicyArn={ARN}x"), 404, "NoSuchEntity"),
        ("GetPolicy&PolicyArn=short".into(), 400, "ValidationError"),
        (
            "GetPolicy&PolicyArn=arn:aws:s3:::some-bucket".into(),
            400,
            "InvalidInput",
        ),
        ("ListPolicies&Scope=Mine".into(), 400, "ValidationError"),
        (
            "AttachUserPolicy&UserName=alice&PolicyArn=arn:aws:iam::aws:policy/None".into(),
            404,
            "NoSuchEntity",
        ),
        (
            "DeletePolicy&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess".into(),
            403,
            "AccessDenied",
        ),
        (
            "GetPolicy&PolicyArn=arn:aws:iam::222222222222:policy/p".into(),
            403,
            "AccessDenied",
        ),
    ] {
        assert_eq!(
            world.iam(&root, &form).await.code(),
            (status, code.to_owned()),
            "{form}"
        );
    }
    for form in [
        format!("DetachUserPolicy&UserName=alice&PolicyArn={ARN}"),
        format!("SetDefaultPolicyVersion&PolicyArn={ARN}&VersionId=v1"),
        format!("DeletePolicyVersion&PolicyArn={ARN}&VersionId=v2"),
        format!("DeletePolicy&PolicyArn={ARN}"),
    ] {
        assert_eq!(world.iam(&root, &form).await.status, 200, "{form}");
    }
}

#[tokio::test]
async fn only_with_the_boundary_and_the_policies_that_a_condition_names() {
    let world = World::new().await;
    create(&world).await;
    let delegated = format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":["iam:CreateUser","iam:PutUserPermissionsBoundary","iam:AttachUserPolicy"],"Resource":"*","Condition":{{"StringEquals":{{"iam:PermissionsBoundary":"{ARN}"}}}}}},
        {{"Effect":"Deny","Action":"iam:AttachUserPolicy","Resource":"*","Condition":{{"ArnLike":{{"iam:PolicyARN":"arn:aws:iam::aws:policy/AdministratorAccess"}}}}}}]}}"#
    );
    let manager = world.user("manager", &[&delegated]).await;
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let reader = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    for (form, status) in [
        ("CreateUser&UserName=a".to_owned(), 403),
        (
            format!("CreateUser&UserName=a&PermissionsBoundary={admin}"),
            403,
        ),
        (
            format!("CreateUser&UserName=a&PermissionsBoundary={ARN}"),
            200,
        ),
        (
            format!("PutUserPermissionsBoundary&UserName=a&PermissionsBoundary={admin}"),
            403,
        ),
        (
            format!("AttachUserPolicy&UserName=a&PolicyArn={reader}"),
            200,
        ),
        (
            format!("AttachUserPolicy&UserName=a&PolicyArn={admin}"),
            403,
        ),
        ("DeleteUserPermissionsBoundary&UserName=a".into(), 403),
    ] {
        assert_eq!(world.iam(&manager, &form).await.status, status, "{form}");
    }
    let answer = world.iam(&world.root(), "GetUser&UserName=a").await;
    assert_eq!(
        answer
            .xml("PermissionsBoundary/PermissionsBoundaryArn")
            .unwrap(),
        ARN
    );
}

#[tokio::test]
async fn the_simulator_answers_as_the_evaluator_decides() {
    let world = World::new().await;
    let root = world.root();
    world.user("alice", &[]).await;
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:*","Resource":"*"},
        {"Sid":"No","Effect":"Deny","Action":"s3:DeleteObject","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"a"}}}]}"#;
    let put = format!(
        "PutUserPolicy&UserName=alice&PolicyName=p&PolicyDocument={}",
        encoded(policy)
    );
    assert_eq!(world.iam(&root, &put).await.status, 200);
    let source = "PolicySourceArn=arn:aws:iam::111111111111:user/alice";
    let simulate = format!(
        "SimulatePrincipalPolicy&{source}&ActionNames.member.1=s3:GetObject&ActionNames.member.2=s3:DeleteObject&ActionNames.member.3=kms:Decrypt&ResourceArns.member.1=arn:aws:s3:::b/k"
    );
    let answer = world.iam(&root, &simulate).await;
    assert_eq!(
        all(&answer, "EvaluationResults/member/EvalDecision"),
        ["allowed", "explicitDeny", "implicitDeny"]
    );
    assert_eq!(all(&answer, "member/SourcePolicyId")[0], "user_alice_p");
    assert_eq!(all(&answer, "member/SourcePolicyType")[0], "user");
    assert_eq!(all(&answer, "StartPosition/Line")[0], "1");
    let with_tag = format!(
        "{simulate}&ContextEntries.member.1.ContextKeyName=aws:PrincipalTag/team&ContextEntries.member.1.ContextKeyValues.member.1=a&ContextEntries.member.1.ContextKeyType=string"
    );
    let answer = world.iam(&root, &with_tag).await;
    assert_eq!(all(&answer, "member/EvalDecision")[1], "allowed");
    let bounded = format!(
        "{simulate}&PermissionsBoundaryPolicyInputList.member.1={}",
        encoded(&allow("\"kms:*\"", "*"))
    );
    let answer = world.iam(&root, &bounded).await;
    assert_eq!(all(&answer, "member/EvalDecision")[0], "implicitDeny");
    assert_eq!(all(&answer, "AllowedByPermissionsBoundary")[0], "false");

    let custom = format!(
        "SimulateCustomPolicy&PolicyInputList.member.1={}&ActionNames.member.1=s3:GetObject&ActionNames.member.2=s3:PutObject",
        encoded(&allow("\"s3:GetObject\"", "*"))
    );
    let answer = world.iam(&root, &format!("{custom}&MaxItems=1")).await;
    assert_eq!(all(&answer, "member/EvalDecision"), ["allowed"]);
    let marker = answer.xml("Marker").unwrap();
    let answer = world.iam(&root, &format!("{custom}&Marker={marker}")).await;
    assert_eq!(all(&answer, "member/EvalActionName"), ["s3:PutObject"]);
    let keys = world
        .iam(&root, &format!("GetContextKeysForPrincipalPolicy&{source}"))
        .await;
    assert_eq!(
        all(&keys, "ContextKeyNames/member"),
        ["aws:PrincipalTag/team"]
    );
    for (form, status, code) in [
        (
            "SimulatePrincipalPolicy&PolicySourceArn=arn:aws:iam::111111111111:user/bob&ActionNames.member.1=s3:GetObject",
            404,
            "NoSuchEntity",
        ),
        (
            "SimulateCustomPolicy&PolicyInputList.member.1=x&ActionNames.member.1=s3:GetObject",
            400,
            "InvalidInput",
        ),
        (
            "SimulateCustomPolicy&ActionNames.member.1=s3:GetObject",
            400,
            "ValidationError",
        ),
        ("GetContextKeysForCustomPolicy", 400, "ValidationError"),
    ] {
        assert_eq!(
            world.iam(&root, form).await.code(),
            (status, code.to_owned()),
            "{form}"
        );
    }
}

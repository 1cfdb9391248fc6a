//! IAM and STS, through their XML.

use percent_encoding::percent_decode_str;
use serde_json::json;

use super::*;

const DOCUMENT: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn the_life_of_a_user() {
    let world = World::new().await;
    let root = world.root();
    let answer = world
        .iam(&root, "CreateUser&UserName=alice&Path=%2Fteam%2F")
        .await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "text/xml")
    );
    assert!(answer.body.starts_with(
        "<CreateUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateUserResult><User>"
    ));
    assert_eq!(
        answer.xml("Arn").unwrap(),
        "arn:aws:iam::111111111111:user/team/alice"
    );
    assert_eq!(answer.xml("RequestId").unwrap(), REQUEST_ID);
    let created = answer.xml("CreateDate").unwrap();
    assert!(created.len() == 20 && created.ends_with('Z'), "{created}");

    let answer = world.iam(&root, "CreateAccessKey&UserName=alice").await;
    let (id, secret) = (
        answer.xml("AccessKeyId").unwrap(),
        answer.xml("SecretAccessKey").unwrap(),
    );
    assert_eq!(
        (
            id.len(),
            secret.len(),
            answer.xml("UserName").unwrap().as_str()
        ),
        (20, 40, "alice")
    );
    let record = world.records().await.remove(0);
    assert_eq!(record["responseElements"]["accessKey"]["accessKeyId"], id);
    assert!(!record.to_string().contains(&secret));

    let answer = world.iam(&root, "ListAccessKeys&UserName=alice").await;
    assert_eq!(answer.xml("member/AccessKeyId").unwrap(), id);
    assert_eq!(answer.xml("IsTruncated").unwrap(), "false");
    assert!(!answer.body.contains("Secret"));
    let answer = world
        .iam(
            &root,
            &format!("UpdateAccessKey&UserName=alice&AccessKeyId={id}&Status=Inactive"),
        )
        .await;
    assert_eq!(
        leaves(&answer.body),
        [(
            "UpdateAccessKeyResponse/ResponseMetadata/RequestId".to_owned(),
            REQUEST_ID.to_owned()
        )]
    );
    let answer = world
        .iam(&root, &format!("GetAccessKeyLastUsed&AccessKeyId={id}"))
        .await;
    assert_eq!(answer.xml("AccessKeyLastUsed/ServiceName").unwrap(), "N/A");
    assert_eq!(answer.xml("LastUsedDate"), None);

    let put = format!(
        "PutUserPolicy&UserName=alice&PolicyName=p&PolicyDocument={}",
        encoded(DOCUMENT)
    );
    assert_eq!(world.iam(&root, &put).await.status, 200);
    let record = world.records().await.remove(0);
    assert_eq!(record["requestParameters"]["policyDocument"], DOCUMENT);
    let answer = world
        .iam(&root, "GetUserPolicy&UserName=alice&PolicyName=p")
        .await;
    let document = answer.xml("PolicyDocument").unwrap();
    assert!(document.starts_with("%7B%22Version%22%3A"));
    assert_eq!(
        percent_decode_str(&document).decode_utf8().unwrap(),
        DOCUMENT
    );
    let answer = world.iam(&root, "ListUserPolicies&UserName=alice").await;
    assert_eq!(answer.xml("PolicyNames/member").unwrap(), "p");

    assert_eq!(
        world.iam(&root, "DeleteUser&UserName=alice").await.code(),
        (409, "DeleteConflict".into())
    );
    assert_eq!(
        world
            .iam(&root, "UpdateUser&UserName=alice&NewUserName=carol")
            .await
            .status,
        200
    );
    for form in [
        format!("DeleteAccessKey&UserName=carol&AccessKeyId={id}"),
        "DeleteUserPolicy&UserName=carol&PolicyName=p".into(),
        "DeleteUser&UserName=carol".into(),
    ] {
        assert_eq!(world.iam(&root, &form).await.status, 200, "{form}");
    }
    let answer = world.iam(&root, "GetUser&UserName=carol").await;
    assert_eq!(answer.code(), (404, "NoSuchEntity".into()));
    assert_eq!(
        answer.xml("Message").unwrap(),
        "The user with name carol cannot be found."
    );
    assert_eq!(answer.xml("Type").unwrap(), "Sender");
    let record = world.records().await.remove(0);
    assert_eq!(record["errorCode"], "NoSuchEntityException");
    assert_eq!(record["requestParameters"], json!({ "userName": "carol" }));
    assert_eq!(
        (&record["readOnly"], &record["requestID"]),
        (&json!(true), &json!(REQUEST_ID))
    );
}

#[tokio::test]
async fn faults_have_their_codes() {
    let world = World::new().await;
    let root = world.root();
    world.user("alice", &[]).await;
    for (form, status, code) in [
        ("CreateUser", 400, "ValidationError"),
        ("CreateUser&UserName=a%20b", 400, "ValidationError"),
        ("CreateUser&UserName=b&Path=x", 400, "ValidationError"),
        ("CreateUser&UserName=ALICE", 409, "EntityAlreadyExists"),
        (
            "CreateUser&UserName=b&PermissionsBoundary=arn:aws:iam::aws:policy/X",
            404,
            "NoSuchEntity",
        ),
        (
            "CreateUser&UserName=b&Tags.member.1.Key=k*&Tags.member.1.Value=v",
            400,
            "ValidationError",
        ),
        ("ListUsers&MaxItems=0", 400, "ValidationError"),
        ("ListUsers&PathPrefix=x", 400, "ValidationError"),
        ("ListUsers&Marker=%25", 400, "ValidationError"),
        (
            "UpdateUser&UserName=alice&NewUserName=a%2Fb",
            400,
            "ValidationError",
        ),
        ("UpdateUser&UserName=nobody", 404, "NoSuchEntity"),
        ("CreateAccessKey&UserName=nobody", 404, "NoSuchEntity"),
        (
            "UpdateAccessKey&UserName=alice&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=On",
            400,
            "ValidationError",
        ),
        (
            "UpdateAccessKey&UserName=alice&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Active",
            404,
            "NoSuchEntity",
        ),
        (
            "DeleteAccessKey&UserName=alice&AccessKeyId=short",
            400,
            "ValidationError",
        ),
        (
            "GetAccessKeyLastUsed&AccessKeyId=AKIAIOSFODNN7EXAMPLE",
            403,
            "AccessDenied",
        ),
        (
            "PutUserPolicy&UserName=alice&PolicyName=p&PolicyDocument=%7B",
            400,
            "MalformedPolicyDocument",
        ),
        (
            "PutUserPolicy&UserName=alice&PolicyName=p%2F&PolicyDocument=%7B",
            400,
            "ValidationError",
        ),
        (
            "GetUserPolicy&UserName=alice&PolicyName=p",
            404,
            "NoSuchEntity",
        ),
        (
            "DeleteUserPolicy&UserName=alice&PolicyName=p",
            404,
            "NoSuchEntity",
        ),
    ] {
        assert_eq!(
            world.iam(&root, form).await.code(),
            (status, code.to_owned()),
            "{form}"
        );
    }
    for _ in 0..2 {
        assert_eq!(
            world
                .iam(&root, "CreateAccessKey&UserName=alice")
                .await
                .status,
            200
        );
    }
    let answer = world.iam(&root, "CreateAccessKey&UserName=alice").await;
    assert_eq!(answer.code(), (409, "LimitExceeded".into()));
}

#[tokio::test]
async fn listing_is_paged() {
    let world = World::new().await;
    for user in ["a", "b", "c"] {
        world.user(user, &[]).await;
    }
    let root = world.root();
    let first = world.iam(&root, "ListUsers&MaxItems=2").await;
    assert_eq!(first.xml("IsTruncated").unwrap(), "true");
    let marker = first.xml("Marker").unwrap();
    let second = world
        .iam(&root, &format!("ListUsers&MaxItems=2&Marker={marker}"))
        .await;
    assert_eq!(second.xml("member/UserName").unwrap(), "c");
    assert_eq!(
        (
            second.xml("IsTruncated").unwrap().as_str(),
            second.xml("Marker")
        ),
        ("false", None)
    );
}

#[tokio::test]
async fn only_what_a_policy_allows() {
    let world = World::new().await;
    world.user("bob", &[]).await;
    let nobody = world.user("nobody", &[]).await;
    for form in [
        "CreateUser&UserName=x",
        "GetUser",
        "GetUser&UserName=bob",
        "ListUsers",
        "UpdateUser&UserName=bob",
        "DeleteUser&UserName=bob",
        "CreateAccessKey",
        "CreateAccessKey&UserName=bob",
        "ListAccessKeys",
        "UpdateAccessKey&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Active",
        "DeleteAccessKey&AccessKeyId=AKIAIOSFODNN7EXAMPLE",
        "GetAccessKeyLastUsed&AccessKeyId=AKIAROOTROOTROOTROOT",
        "PutUserPolicy&UserName=nobody&PolicyName=p&PolicyDocument=%7B%7D",
        "GetUserPolicy&UserName=bob&PolicyName=p",
        "ListUserPolicies&UserName=bob",
        "DeleteUserPolicy&UserName=bob&PolicyName=p",
        // Whether a user exists is not told to those who may not ask.
        "GetUser&UserName=missing",
    ] {
        let answer = world.iam(&nobody, form).await;
        assert_eq!(answer.code(), (403, "AccessDenied".into()), "{form}");
        let record = world.records().await.remove(0);
        assert_eq!(record["errorCode"], "AccessDenied", "{form}");
        assert_eq!(record["userIdentity"]["userName"], "nobody");
    }
    let message = world
        .iam(&nobody, "GetUser&UserName=bob")
        .await
        .xml("Message")
        .unwrap();
    assert!(
        message.starts_with(
            "User: arn:aws:iam::111111111111:user/nobody is not authorized to perform: iam:GetUser on resource: arn:aws:iam::111111111111:user/bob"
        ),
        "{message}"
    );

    let own = allow(
        "\"iam:*AccessKey*\", \"iam:GetUser\"",
        "arn:aws:iam::*:user/${aws:username}",
    );
    let carol = world.user("carol", &[&own]).await;
    assert_eq!(
        world.iam(&carol, "GetUser").await.xml("UserName").unwrap(),
        "carol"
    );
    let id = world
        .iam(&carol, "CreateAccessKey")
        .await
        .xml("AccessKeyId")
        .unwrap();
    assert_eq!(
        world
            .iam(&carol, &format!("GetAccessKeyLastUsed&AccessKeyId={id}"))
            .await
            .status,
        200
    );
    assert_eq!(
        world
            .iam(&carol, "CreateAccessKey&UserName=bob")
            .await
            .status,
        403
    );

    // Renaming needs the right to both names.
    let source = allow("\"iam:UpdateUser\"", "arn:aws:iam::111111111111:user/bob");
    let dave = world.user("dave", &[&source]).await;
    let answer = world
        .iam(&dave, "UpdateUser&UserName=bob&NewUserName=admin")
        .await;
    assert_eq!(answer.code(), (403, "AccessDenied".into()));
}

#[tokio::test]
async fn the_root_is_a_user_without_a_name() {
    let world = World::new().await;
    let root = world.root();
    let answer = world.iam(&root, "GetUser").await;
    assert_eq!(answer.xml("Arn").unwrap(), "arn:aws:iam::111111111111:root");
    assert_eq!(
        (
            answer.xml("UserId").unwrap().as_str(),
            answer.xml("UserName")
        ),
        (ACCOUNT, None)
    );
    let answer = world.iam(&root, "ListAccessKeys").await;
    assert_eq!(answer.xml("AccessKeyId").unwrap(), ROOT_KEY);
    assert_eq!(world.iam(&root, "CreateAccessKey").await.status, 200);
    assert_eq!(
        world.iam(&root, "CreateAccessKey").await.code(),
        (409, "LimitExceeded".into())
    );
}

#[tokio::test]
async fn everybody_may_ask_who_they_are() {
    let world = World::new().await;
    let nobody = world.user("nobody", &[]).await;
    let answer = world
        .form(
            Service::Sts,
            &nobody,
            "Action=GetCallerIdentity&Version=2011-06-15",
        )
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
    ));
    assert_eq!(
        answer.xml("Arn").unwrap(),
        "arn:aws:iam::111111111111:user/nobody"
    );
    assert_eq!(answer.xml("UserId").unwrap(), nobody.principal.id);
    assert_eq!(answer.xml("Account").unwrap(), ACCOUNT);
    let record = world.records().await.remove(0);
    assert_eq!(
        (&record["eventSource"], &record["eventName"]),
        (&json!("sts.amazonaws.com"), &json!("GetCallerIdentity"))
    );
}

#[tokio::test]
async fn requests_that_are_no_forms_are_refused() {
    let world = World::new().await;
    let root = world.root();
    // A GET has its parameters in the URL.
    let get = Request::get("/?Action=GetUser&Version=2010-05-08")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(
        world.send(Service::Iam, &root, &local(), get).await.status,
        200
    );
    let put = Request::put("/?Action=GetUser").body(Bytes::new()).unwrap();
    assert_eq!(
        world.send(Service::Iam, &root, &local(), put).await.status,
        405
    );
    let json = Request::post("/")
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    assert_eq!(
        world.send(Service::Iam, &root, &local(), json).await.code(),
        (400, "MalformedInput".into())
    );
    let bytes = Request::post("/")
        .body(Bytes::from_static(b"Action=\xff"))
        .unwrap();
    assert_eq!(
        world
            .send(Service::Iam, &root, &local(), bytes)
            .await
            .code(),
        (400, "MalformedInput".into())
    );
}

#[tokio::test]
async fn a_new_secret_does_not_travel_in_the_clear() {
    let world = World::new().await;
    world.user("alice", &[]).await;
    let root = world.root();
    let request = || {
        Request::get("/?Action=CreateAccessKey&UserName=alice&Version=2010-05-08")
            .body(Bytes::new())
            .unwrap()
    };
    let answer = world
        .send(Service::Iam, &root, &remote(false), request())
        .await;
    assert_eq!(answer.code(), (400, "InvalidRequest".into()));
    assert_eq!(
        world
            .send(Service::Iam, &root, &remote(true), request())
            .await
            .status,
        200
    );
    let answer = world.iam(&root, "ListAccessKeys&UserName=alice").await;
    assert_eq!(answer.body.matches("<AccessKeyId>").count(), 1);
}

#[tokio::test]
async fn a_change_is_recorded_also_when_the_client_hangs_up() {
    let world = World::new().await;
    let root = world.root();
    // Polled once and dropped; a timeout would give a fast call a moment to end after all.
    tokio::select! {
        biased;
        _ = world.iam(&root, "CreateUser&UserName=alice") => panic!("answered at once"),
        () = std::future::ready(()) => {}
    }
    for _ in 0..500 {
        let records = world.records().await;
        if let Some(record) = records.first() {
            assert_eq!(record["responseElements"]["user"]["userName"], "alice");
            assert!(world.iam.get_user(ACCOUNT, &name("alice")).await.is_ok());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no record");
}

//! STS over its front: answers, refusals, and what the trail keeps.

use sealgate_iam::{Holder, NewRole, PolicyName, RoleName};
use serde_json::json;

use super::*;

const ROLE: &str = "arn:aws:iam::111111111111:role/reader";

async fn role(world: &World) {
    let name = RoleName::parse("reader").unwrap();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}"#;
    let new = NewRole::named(name.clone(), trust);
    world.iam.create_role(ACCOUNT, &new).await.unwrap();
    let policy = PolicyName::parse("p").unwrap();
    world
        .iam
        .put_inline_policy(
            ACCOUNT,
            &Holder::Role(name),
            &policy,
            &allow(r#""s3:*""#, "*"),
        )
        .await
        .unwrap();
}

async fn sts(world: &World, caller: &Caller, form: &str) -> Answer {
    let form = format!("Version=2011-06-15&Action={form}");
    world.form(Service::Sts, caller, &form).await
}

fn assume(further: &str) -> String {
    format!("AssumeRole&RoleArn={ROLE}&RoleSessionName=s1{further}")
}

#[tokio::test]
async fn assume_role_answers_credentials_and_the_trail_keeps_no_secret() {
    let world = World::new().await;
    role(&world).await;
    let admin = world.user("admin", &[&allow(r#""*""#, "*")]).await;
    let further = "&ExternalId=x-1&SourceIdentity=alice&DurationSeconds=900&Tags.member.1.Key=team&Tags.member.1.Value=blue&TransitiveTagKeys.member.1=team&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess";
    let answer = sts(&world, &admin, &assume(further)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.starts_with(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
    ));
    let text = |name: &str| answer.xml(name).unwrap();
    assert!(text("Credentials/AccessKeyId").starts_with("ASIA"));
    assert_eq!(text("Credentials/SecretAccessKey").len(), 40);
    assert_eq!(
        text("AssumedRoleUser/Arn"),
        "arn:aws:sts::111111111111:assumed-role/reader/s1"
    );
    assert!(text("AssumedRoleUser/AssumedRoleId").ends_with(":s1"));
    assert_eq!(text("AssumeRoleResult/SourceIdentity"), "alice");
    assert!(text("PackedPolicySize").parse::<u32>().unwrap() > 0);

    let record = world.records().await.remove(0);
    assert_eq!(record["eventName"], "AssumeRole");
    assert_eq!(record["eventSource"], "sts.amazonaws.com");
    let asked = &record["requestParameters"];
    assert_eq!(
        (&asked["roleArn"], &asked["externalId"]),
        (&json!(ROLE), &json!("x-1"))
    );
    assert_eq!(asked["tags"], json!([{ "key": "team", "value": "blue" }]));
    assert_eq!(asked["transitiveTagKeys"], json!(["team"]));
    let made = &record["responseElements"];
    assert_eq!(
        made["credentials"]["accessKeyId"],
        text("Credentials/AccessKeyId")
    );
    assert_eq!(
        made["credentials"]["expiration"],
        text("Credentials/Expiration")
    );
    assert_eq!(record["resources"][0]["ARN"], ROLE);
    let all = record.to_string();
    assert!(!all.contains(&text("SecretAccessKey")) && !all.contains(&text("SessionToken")));
}

#[tokio::test]
async fn every_kind_of_caller_is_told_who_it_is() {
    let world = World::new().await;
    role(&world).await;
    let admin = world.user("admin", &[&allow(r#""*""#, "*")]).await;
    for (caller, arn) in [
        (world.root(), "arn:aws:iam::111111111111:root"),
        (admin.clone(), "arn:aws:iam::111111111111:user/admin"),
    ] {
        let answer = sts(&world, &caller, "GetCallerIdentity").await;
        assert_eq!(answer.xml("Arn").unwrap(), arn);
        assert_eq!(answer.xml("UserId").unwrap(), caller.principal.id);
        assert_eq!(answer.xml("Account").unwrap(), ACCOUNT);
    }
    let answer = sts(&world, &admin, "GetFederationToken&Name=bob").await;
    assert_eq!(
        answer.xml("FederatedUser/FederatedUserId").unwrap(),
        "111111111111:bob"
    );
    assert_eq!(
        answer.xml("FederatedUser/Arn").unwrap(),
        "arn:aws:sts::111111111111:federated-user/bob"
    );
    let answer = sts(&world, &admin, "GetSessionToken&DurationSeconds=900").await;
    let id = answer.xml("Credentials/AccessKeyId").unwrap();
    let record = world.records().await.remove(0);
    assert_eq!(record["responseElements"]["credentials"]["accessKeyId"], id);
    assert!(
        !record
            .to_string()
            .contains(&answer.xml("SessionToken").unwrap())
    );
    let answer = sts(
        &world,
        &admin,
        &format!("GetAccessKeyInfo&AccessKeyId={id}"),
    )
    .await;
    assert_eq!(
        answer.xml("GetAccessKeyInfoResult/Account").unwrap(),
        ACCOUNT
    );
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_its_name_and_recorded() {
    let world = World::new().await;
    role(&world).await;
    let admin = world.user("admin", &[&allow(r#""*""#, "*")]).await;
    let nobody = world.user("nobody", &[]).await;
    let bad = |text: &str| (admin.clone(), text.to_owned());
    for ((caller, form), status, code) in [
        ((nobody, assume("")), 403, "AccessDenied"),
        ((world.root(), assume("")), 403, "AccessDenied"),
        (bad("AssumeRole"), 400, "ValidationError"),
        (
            bad(&format!("AssumeRole&RoleArn={ROLE}")),
            400,
            "ValidationError",
        ),
        (
            bad("AssumeRole&RoleArn=x&RoleSessionName=s1"),
            400,
            "ValidationError",
        ),
        (bad(&assume("&DurationSeconds=899")), 400, "ValidationError"),
        (
            bad(&assume("&DurationSeconds=3601")),
            400,
            "ValidationError",
        ),
        (
            bad(&assume("&DurationSeconds=43201")),
            400,
            "ValidationError",
        ),
        (bad(&assume("&Policy=%7B")), 400, "MalformedPolicyDocument"),
        (bad(&assume("&ExternalId=%20%20")), 400, "ValidationError"),
        (
            bad(&assume("&TransitiveTagKeys.member.1=x")),
            400,
            "ValidationError",
        ),
        (
            bad(&assume(
                "&SerialNumber=arn:aws:iam::1:mfa/x&TokenCode=123456",
            )),
            501,
            "NotImplemented",
        ),
        (
            bad(&assume("&ProvidedContexts.member.1.ProviderArn=x")),
            501,
            "NotImplemented",
        ),
        (
            bad("GetSessionToken&SerialNumber=GAHT12345678"),
            501,
            "NotImplemented",
        ),
        (
            bad("GetSessionToken&DurationSeconds=129601"),
            400,
            "ValidationError",
        ),
        (bad("GetFederationToken"), 400, "ValidationError"),
        (
            bad("GetAccessKeyInfo&AccessKeyId=short"),
            400,
            "ValidationError",
        ),
        (bad("AssumeRoleWithSAML"), 501, "NotImplemented"),
        (
            bad("DecodeAuthorizationMessage&EncodedMessage=x"),
            501,
            "NotImplemented",
        ),
    ] {
        // The newest record is that of this call.
        let mut caller = caller;
        caller.environment.now = OffsetDateTime::now_utc();
        let answer = sts(&world, &caller, &form).await;
        assert_eq!(
            answer.code(),
            (status, code.to_owned()),
            "{form}: {}",
            answer.body
        );
        let record = world.records().await.remove(0);
        assert_eq!(record["eventName"], form.split('&').next().unwrap());
        assert!(
            record["errorCode"].as_str().unwrap().starts_with(code),
            "{record}"
        );
        assert!(record["responseElements"].is_null());
    }
}

#[tokio::test]
async fn without_a_signature_only_what_proves_itself_is_answered() {
    let world = World::new().await;
    role(&world).await;
    let send = |form: &str| {
        let request = Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let (api, body) = (world.api.clone(), Full::new(Bytes::from(form.to_owned())));
        async move {
            let now = OffsetDateTime::now_utc();
            read(api.serve(parts, body, &local(), now, REQUEST_ID).await).await
        }
    };
    let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3gifQ.";
    let form = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=s1&WebIdentityToken={token}"
    );
    let answer = send(&form).await;
    assert_eq!(answer.code(), (400, "InvalidIdentityToken".into()));
    // The account that it concerns is told, without the token.
    let record = world.records().await.remove(0);
    assert_eq!(record["eventName"], "AssumeRoleWithWebIdentity");
    assert_eq!(record["errorCode"], "InvalidIdentityTokenException");
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert!(!record.to_string().contains(token));
    let answer = send("Action=AssumeRoleWithSAML&Version=2011-06-15").await;
    assert_eq!(answer.code(), (501, "NotImplemented".into()));
    for action in [
        "AssumeRole",
        "GetCallerIdentity",
        "GetSessionToken",
        "NoSuch",
    ] {
        let answer = send(&format!("Action={action}&Version=2011-06-15")).await;
        assert_eq!(
            answer.code(),
            (403, "MissingAuthenticationToken".into()),
            "{action}"
        );
    }
}

#[tokio::test]
async fn credentials_do_not_travel_in_the_clear() {
    let world = World::new().await;
    role(&world).await;
    let admin = world.user("admin", &[&allow(r#""*""#, "*")]).await;
    for (secure, status) in [(false, 400), (true, 200)] {
        let request = Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(format!(
                "Version=2011-06-15&Action={}",
                assume("")
            )))
            .unwrap();
        let answer = world
            .send(Service::Sts, &admin, &remote(secure), request)
            .await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

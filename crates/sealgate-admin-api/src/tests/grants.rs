//! Grants, through the JSON of the KMS.

use serde_json::json;

use super::*;

#[tokio::test]
async fn grants_are_made_listed_and_ended() {
    let world = World::new().await;
    let root = world.root();
    let created = world.kms(&root, "CreateKey", json!({})).await.json();
    let arn = created["KeyMetadata"]["Arn"].clone();
    let bob = format!("arn:aws:iam::{ACCOUNT}:user/bob");
    let request = json!({
        "KeyId": arn,
        "GranteePrincipal": bob,
        "RetiringPrincipal": bob,
        "Operations": ["Encrypt", "Decrypt"],
        "Constraints": { "EncryptionContextSubset": { "dept": "hr" } },
        "Name": "n",
    });
    let made = world.kms(&root, "CreateGrant", request.clone()).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let made = made.json();
    assert_eq!(made["GrantId"].as_str().unwrap().len(), 64);

    let listed = world
        .kms(&root, "ListGrants", json!({ "KeyId": arn }))
        .await
        .json();
    assert_eq!(listed["Truncated"], false);
    let grant = &listed["Grants"][0];
    assert_eq!(grant["GrantId"], made["GrantId"]);
    assert_eq!((&grant["KeyId"], &grant["Name"]), (&arn, &json!("n")));
    assert_eq!(grant["GranteePrincipal"], bob);
    assert_eq!(grant["RetiringPrincipal"], bob);
    assert_eq!(
        grant["IssuingAccount"],
        format!("arn:aws:iam::{ACCOUNT}:root")
    );
    assert_eq!(grant["Operations"], json!(["Decrypt", "Encrypt"]));
    assert_eq!(grant["Constraints"], request["Constraints"]);
    assert!(grant["CreationDate"].is_number());
    let retirable = world
        .kms(
            &root,
            "ListRetirableGrants",
            json!({ "RetiringPrincipal": bob }),
        )
        .await;
    assert_eq!(retirable.json()["Grants"], listed["Grants"]);

    let retire = json!({ "GrantToken": made["GrantToken"] });
    let retired = world.kms(&root, "RetireGrant", retire.clone()).await;
    assert_eq!((retired.status, retired.body.as_str()), (200, ""));
    assert_eq!(
        world.kms(&root, "RetireGrant", retire).await.error(),
        (400, "InvalidGrantTokenException".to_owned())
    );
    let again = world.kms(&root, "CreateGrant", request).await.json();
    let revoke = json!({ "KeyId": arn, "GrantId": again["GrantId"] });
    assert_eq!(
        world.kms(&root, "RevokeGrant", revoke.clone()).await.status,
        200
    );
    assert_eq!(
        world.kms(&root, "RevokeGrant", revoke).await.error(),
        (400, "NotFoundException".to_owned())
    );
}

#[tokio::test]
async fn what_a_grant_cannot_have_here_is_refused_and_never_ignored() {
    let world = World::new().await;
    let root = world.root();
    let created = world.kms(&root, "CreateKey", json!({})).await.json();
    let grant = |member: &str, value: Value| {
        let mut request = json!({
            "KeyId": created["KeyMetadata"]["Arn"],
            "GranteePrincipal": format!("arn:aws:iam::{ACCOUNT}:user/bob"),
            "Operations": ["Encrypt"],
        });
        request[member] = value;
        request
    };
    for (member, value, expected) in [
        (
            "GranteeServicePrincipal",
            json!("s3.amazonaws.com"),
            "UnsupportedOperationException",
        ),
        (
            "RetiringServicePrincipal",
            json!("s3.amazonaws.com"),
            "UnsupportedOperationException",
        ),
        (
            "Constraints",
            json!({ "SourceArn": "arn:aws:s3:::b" }),
            "UnsupportedOperationException",
        ),
        ("Constraints", json!([]), "SerializationException"),
        (
            "Constraints",
            json!({ "EncryptionContextEquals": { "a": 1 } }),
            "SerializationException",
        ),
        ("Operations", json!(null), "ValidationException"),
        ("GranteePrincipal", json!("bob"), "InvalidArnException"),
        ("DryRun", json!(true), "DryRunOperationException"),
    ] {
        let answer = world.kms(&root, "CreateGrant", grant(member, value)).await;
        assert_eq!(answer.error(), (400, expected.to_owned()), "{member}");
    }
}

//! KMS, through its JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;

async fn key(world: &World) -> String {
    let answer = world
        .kms(&world.root(), "CreateKey", json!({ "Description": "d" }))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["KeyMetadata"]["Arn"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn the_life_of_a_key() {
    let world = World::new().await;
    let root = world.root();
    let answer = world
        .kms(
            &root,
            "CreateKey",
            json!({ "Description": "d", "Tags": [{ "TagKey": "k", "TagValue": "v" }] }),
        )
        .await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "application/x-amz-json-1.1")
    );
    let metadata = answer.json()["KeyMetadata"].clone();
    assert_eq!(metadata["AWSAccountId"], ACCOUNT);
    assert_eq!(metadata["KeySpec"], "SYMMETRIC_DEFAULT");
    assert_eq!(metadata["CustomerMasterKeySpec"], "SYMMETRIC_DEFAULT");
    assert_eq!(
        metadata["EncryptionAlgorithms"],
        json!(["SYMMETRIC_DEFAULT"])
    );
    assert_eq!(
        (&metadata["Enabled"], &metadata["KeyState"]),
        (&json!(true), &json!("Enabled"))
    );
    assert!(metadata["CreationDate"].is_f64() || metadata["CreationDate"].is_i64());
    assert_eq!(metadata.get("DeletionDate"), None);
    let id = metadata["KeyId"].clone();
    let id = || id.clone();

    for (operation, body) in [
        (
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": id() }),
        ),
        (
            "UpdateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": id() }),
        ),
        (
            "UpdateKeyDescription",
            json!({ "KeyId": id(), "Description": "e" }),
        ),
        (
            "TagResource",
            json!({ "KeyId": id(), "Tags": [{ "TagKey": "l", "TagValue": "" }] }),
        ),
        ("UntagResource", json!({ "KeyId": id(), "TagKeys": ["k"] })),
        ("DisableKey", json!({ "KeyId": id() })),
        ("EnableKey", json!({ "KeyId": id() })),
    ] {
        let answer = world.kms(&root, operation, body).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, ""),
            "{operation}"
        );
    }
    let described = world
        .kms(&root, "DescribeKey", json!({ "KeyId": "alias/a" }))
        .await
        .json();
    assert_eq!(described["KeyMetadata"]["Description"], "e");
    let keys = world
        .kms(&root, "ListKeys", json!({ "Limit": 10 }))
        .await
        .json();
    assert_eq!(keys["Keys"][0]["KeyArn"], metadata["Arn"]);
    assert_eq!(keys["Truncated"], false);
    let aliases = world
        .kms(&root, "ListAliases", json!({ "KeyId": id() }))
        .await
        .json();
    assert_eq!(aliases["Aliases"][0]["AliasName"], "alias/a");
    let tags = world
        .kms(&root, "ListResourceTags", json!({ "KeyId": id() }))
        .await
        .json();
    assert_eq!(tags["Tags"], json!([{ "TagKey": "l", "TagValue": "" }]));
    let names = world
        .kms(&root, "ListKeyPolicies", json!({ "KeyId": id() }))
        .await
        .json();
    assert_eq!(names["PolicyNames"], json!(["default"]));
    let policy = world
        .kms(&root, "GetKeyPolicy", json!({ "KeyId": id() }))
        .await
        .json();
    let put = json!({ "KeyId": id(), "PolicyName": "default", "Policy": policy["Policy"] });
    assert_eq!(world.kms(&root, "PutKeyPolicy", put).await.body, "");
    let rotation = world
        .kms(&root, "GetKeyRotationStatus", json!({ "KeyId": id() }))
        .await
        .json();
    assert_eq!(rotation["KeyRotationEnabled"], false);

    assert_eq!(
        world
            .kms(&root, "DeleteAlias", json!({ "AliasName": "alias/a" }))
            .await
            .status,
        200
    );
    let scheduled = world
        .kms(
            &root,
            "ScheduleKeyDeletion",
            json!({ "KeyId": id(), "PendingWindowInDays": 7 }),
        )
        .await
        .json();
    assert_eq!(scheduled["KeyState"], "PendingDeletion");
    assert_eq!(scheduled["PendingWindowInDays"], 7);
    let described = world
        .kms(&root, "DescribeKey", json!({ "KeyId": id() }))
        .await
        .json();
    assert_eq!(
        described["KeyMetadata"]["DeletionDate"],
        scheduled["DeletionDate"]
    );
    let cancelled = world
        .kms(&root, "CancelKeyDeletion", json!({ "KeyId": id() }))
        .await
        .json();
    assert_eq!(cancelled["KeyId"], metadata["Arn"]);
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted() {
    let world = World::new().await;
    let root = world.root();
    let (one, two) = (key(&world).await, key(&world).await);
    let plaintext = STANDARD.encode(b"attack at dawn");
    let context = json!({ "purpose": "test" });
    let encrypted = world
        .kms(
            &root,
            "Encrypt",
            json!({ "KeyId": one, "Plaintext": plaintext, "EncryptionContext": context }),
        )
        .await
        .json();
    assert_eq!(
        (&encrypted["KeyId"], &encrypted["EncryptionAlgorithm"]),
        (&json!(one), &json!("SYMMETRIC_DEFAULT"))
    );
    let moved = world
        .kms(
            &root,
            "ReEncrypt",
            json!({ "CiphertextBlob": encrypted["CiphertextBlob"], "SourceEncryptionContext": context, "DestinationKeyId": two }),
        )
        .await
        .json();
    assert_eq!(
        (&moved["SourceKeyId"], &moved["KeyId"]),
        (&json!(one), &json!(two))
    );
    let decrypted = world
        .kms(
            &root,
            "Decrypt",
            json!({ "CiphertextBlob": moved["CiphertextBlob"] }),
        )
        .await
        .json();
    assert_eq!(
        (&decrypted["Plaintext"], &decrypted["KeyId"]),
        (&json!(plaintext), &json!(two))
    );

    let wrong = world
        .kms(
            &root,
            "Decrypt",
            json!({ "CiphertextBlob": encrypted["CiphertextBlob"] }),
        )
        .await;
    assert_eq!(wrong.error(), (400, "InvalidCiphertextException".into()));
    assert_eq!(wrong.json().get("message"), None);

    let body = json!({ "KeyId": one, "KeySpec": "AES_256" });
    let data = world
        .kms(&root, "GenerateDataKey", body.clone())
        .await
        .json();
    let opened = world
        .kms(
            &root,
            "Decrypt",
            json!({ "CiphertextBlob": data["CiphertextBlob"] }),
        )
        .await
        .json();
    assert_eq!(opened["Plaintext"], data["Plaintext"]);
    let sealed = world
        .kms(&root, "GenerateDataKeyWithoutPlaintext", body)
        .await
        .json();
    assert_eq!(sealed.get("Plaintext"), None);
    assert!(sealed["CiphertextBlob"].is_string());
    let random = world
        .kms(&root, "GenerateRandom", json!({ "NumberOfBytes": 33 }))
        .await
        .json();
    assert_eq!(
        STANDARD
            .decode(random["Plaintext"].as_str().unwrap())
            .unwrap()
            .len(),
        33
    );
}

#[tokio::test]
async fn faults_have_their_codes() {
    let world = World::new().await;
    let root = world.root();
    let id = key(&world).await;
    let missing = "00000000-0000-4000-8000-000000000000";
    for (operation, body, code) in [
        (
            "DescribeKey",
            json!({ "KeyId": missing }),
            "NotFoundException",
        ),
        ("DescribeKey", json!({}), "ValidationException"),
        (
            "DescribeKey",
            json!({ "KeyId": 1 }),
            "SerializationException",
        ),
        (
            "Encrypt",
            json!({ "KeyId": id, "Plaintext": "%%" }),
            "SerializationException",
        ),
        ("Encrypt", json!({ "KeyId": id }), "ValidationException"),
        (
            "Encrypt",
            json!({ "KeyId": id, "Plaintext": "" }),
            "ValidationException",
        ),
        (
            "Encrypt",
            json!({ "KeyId": id, "Plaintext": "YQ==", "EncryptionContext": { "a": 1 } }),
            "SerializationException",
        ),
        (
            "Encrypt",
            json!({ "KeyId": id, "Plaintext": "YQ==", "DryRun": true }),
            "DryRunOperationException",
        ),
        (
            "Decrypt",
            json!({ "CiphertextBlob": "YQ==" }),
            "InvalidCiphertextException",
        ),
        (
            "Decrypt",
            json!({ "CiphertextBlob": "YQ==", "Recipient": { "AttestationDocument": "YQ==" } }),
            "UnsupportedOperationException",
        ),
        (
            "Decrypt",
            json!({ "CiphertextBlob": "YQ==", "DryRun": true, "DryRunModifiers": ["X"] }),
            "ValidationException",
        ),
        (
            "Decrypt",
            json!({ "CiphertextBlob": "YQ==", "DryRunModifiers": ["IGNORE_CIPHERTEXT"] }),
            "ValidationException",
        ),
        (
            "Decrypt",
            json!({ "KeyId": id, "DryRun": true, "DryRunModifiers": ["IGNORE_CIPHERTEXT"] }),
            "DryRunOperationException",
        ),
        (
            "DeriveSharedSecret",
            json!({ "KeyId": id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": "YQ==", "Recipient": {} }),
            "UnsupportedOperationException",
        ),
        (
            "Sign",
            json!({ "KeyId": id, "Message": "YQ==", "SigningAlgorithm": "RSASSA_PSS_SHA_256" }),
            "InvalidKeyUsageException",
        ),
        (
            "VerifyMac",
            json!({ "KeyId": id, "Message": "YQ==", "MacAlgorithm": "HMAC_SHA_256" }),
            "ValidationException",
        ),
        (
            "GenerateDataKey",
            json!({ "KeyId": id, "KeySpec": "AES_256", "Recipient": {} }),
            "UnsupportedOperationException",
        ),
        (
            "GenerateDataKey",
            json!({ "KeyId": id }),
            "ValidationException",
        ),
        (
            "GenerateRandom",
            json!({ "NumberOfBytes": 1, "Recipient": {} }),
            "UnsupportedOperationException",
        ),
        (
            "GenerateRandom",
            json!({ "NumberOfBytes": 1, "CustomKeyStoreId": "cks-1" }),
            "CustomKeyStoreNotFoundException",
        ),
        (
            "PutKeyPolicy",
            json!({ "KeyId": id, "Policy": "{" }),
            "MalformedPolicyDocumentException",
        ),
        (
            "CreateAlias",
            json!({ "AliasName": "a", "TargetKeyId": id }),
            "ValidationException",
        ),
        (
            "ListKeys",
            json!({ "Limit": "1" }),
            "SerializationException",
        ),
        (
            "TagResource",
            json!({ "KeyId": id, "Tags": [{ "TagKey": "k" }] }),
            "ValidationException",
        ),
    ] {
        let answer = world.kms(&root, operation, body.clone()).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{operation} {body}");
    }
    for body in ["[]", "{", "nonsense"] {
        let answer = world
            .json(Service::Kms, &root, "TrentService.ListKeys", body)
            .await;
        assert_eq!(
            answer.error(),
            (400, "SerializationException".into()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn refusals_are_in_the_trail_whoever_refuses() {
    let world = World::new().await;
    let id = key(&world).await;
    let nobody = world.user("nobody", &[]).await;
    let body = json!({ "KeyId": id, "Plaintext": "c2VjcmV0LXBsYWludGV4dA==" });
    let answer = world.kms(&nobody, "Encrypt", body).await;
    assert_eq!(answer.error(), (400, "AccessDeniedException".into()));
    let record = world.records().await.remove(0);
    assert_eq!(record["eventName"], "Encrypt");
    assert!(
        record["errorCode"]
            .as_str()
            .unwrap()
            .starts_with("AccessDenied")
    );
    assert!(!record.to_string().contains("c2VjcmV0LXBsYWludGV4dA"));

    world
        .kms(
            &world.root(),
            "Decrypt",
            json!({ "CiphertextBlob": "YQ==", "Recipient": {} }),
        )
        .await;
    let record = world.records().await.remove(0);
    assert_eq!(
        (
            &record["eventName"],
            &record["errorCode"],
            &record["readOnly"]
        ),
        (
            &json!("Decrypt"),
            &json!("UnsupportedOperationException"),
            &json!(true)
        )
    );
}

#[tokio::test]
async fn over_plain_http_only_from_this_machine() {
    let world = World::new().await;
    let root = world.root();
    let request = || {
        Request::post("/")
            .header("x-amz-target", "TrentService.GenerateRandom")
            .body(Bytes::from_static(b"{\"NumberOfBytes\":1}"))
            .unwrap()
    };
    let refused = world
        .send(Service::Kms, &root, &remote(false), request())
        .await;
    assert_eq!(refused.error(), (400, "InvalidRequestException".into()));
    assert!(refused.json()["message"].as_str().unwrap().contains("TLS"));
    for conn in [local(), remote(true)] {
        assert_eq!(
            world
                .send(Service::Kms, &root, &conn, request())
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn signatures_codes_and_secrets_have_the_members_of_aws() {
    let world = World::new().await;
    let root = world.root();
    let key = |spec: &'static str, usage: &'static str| {
        let (world, root) = (&world, &root);
        async move {
            let body = json!({ "KeySpec": spec, "KeyUsage": usage });
            let answer = world.kms(root, "CreateKey", body).await.json();
            let metadata = answer["KeyMetadata"].clone();
            assert_eq!(metadata["CustomerMasterKeySpec"], spec);
            assert_eq!(metadata.get("CurrentKeyMaterialId"), None);
            metadata["Arn"].clone()
        }
    };
    let message = STANDARD.encode("message");

    let arn = key("ECC_NIST_P256", "SIGN_VERIFY").await;
    let mut body = json!({ "KeyId": arn, "Message": message, "SigningAlgorithm": "ECDSA_SHA_256" });
    let signed = world.kms(&root, "Sign", body.clone()).await.json();
    assert_eq!(
        (&signed["KeyId"], &signed["SigningAlgorithm"]),
        (&arn, &json!("ECDSA_SHA_256"))
    );
    body["Signature"] = signed["Signature"].clone();
    let verified = world.kms(&root, "Verify", body.clone()).await.json();
    assert_eq!(
        verified,
        json!({ "KeyId": arn, "SignatureValid": true, "SigningAlgorithm": "ECDSA_SHA_256" })
    );
    body["Message"] = json!("YQ==");
    let refused = world.kms(&root, "Verify", body).await;
    assert_eq!(
        refused.error(),
        (400, "KMSInvalidSignatureException".into())
    );
    let public = world
        .kms(&root, "GetPublicKey", json!({ "KeyId": arn }))
        .await
        .json();
    assert_eq!(public["SigningAlgorithms"], json!(["ECDSA_SHA_256"]));
    assert_eq!(
        (
            &public["KeySpec"],
            &public["CustomerMasterKeySpec"],
            &public["KeyUsage"]
        ),
        (
            &json!("ECC_NIST_P256"),
            &json!("ECC_NIST_P256"),
            &json!("SIGN_VERIFY")
        )
    );
    assert_eq!(
        STANDARD
            .decode(public["PublicKey"].as_str().unwrap())
            .unwrap()
            .len(),
        91
    );

    let arn = key("HMAC_256", "GENERATE_VERIFY_MAC").await;
    let mut body = json!({ "KeyId": arn, "Message": message, "MacAlgorithm": "HMAC_SHA_256" });
    let made = world.kms(&root, "GenerateMac", body.clone()).await.json();
    assert_eq!(
        (&made["KeyId"], &made["MacAlgorithm"]),
        (&arn, &json!("HMAC_SHA_256"))
    );
    body["Mac"] = made["Mac"].clone();
    let verified = world.kms(&root, "VerifyMac", body.clone()).await.json();
    assert_eq!(verified["MacValid"], true);
    body["Mac"] = json!("YQ==");
    let refused = world.kms(&root, "VerifyMac", body).await;
    assert_eq!(refused.error(), (400, "KMSInvalidMacException".into()));

    let arn = key("ECC_NIST_P256", "KEY_AGREEMENT").await;
    let public = world
        .kms(&root, "GetPublicKey", json!({ "KeyId": arn }))
        .await
        .json();
    assert_eq!(public["KeyAgreementAlgorithms"], json!(["ECDH"]));
    let body =
        json!({ "KeyId": arn, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public["PublicKey"] });
    let shared = world.kms(&root, "DeriveSharedSecret", body).await.json();
    assert_eq!(
        (
            &shared["KeyId"],
            &shared["KeyAgreementAlgorithm"],
            &shared["KeyOrigin"]
        ),
        (&arn, &json!("ECDH"), &json!("AWS_KMS"))
    );
    assert_eq!(
        STANDARD
            .decode(shared["SharedSecret"].as_str().unwrap())
            .unwrap()
            .len(),
        32
    );
}

#[tokio::test]
async fn rsa_keys_and_data_key_pairs_have_the_members_of_aws() {
    let world = World::new().await;
    let root = world.root();
    let symmetric = key(&world).await;
    let body = json!({ "KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT" });
    let rsa = world.kms(&root, "CreateKey", body).await.json();
    let rsa = rsa["KeyMetadata"]["Arn"].clone();
    let oaep = "RSAES_OAEP_SHA_256";
    let body = json!({ "KeyId": rsa, "Plaintext": "YQ==", "EncryptionAlgorithm": oaep });
    let sealed = world.kms(&root, "Encrypt", body).await.json();
    assert_eq!(sealed["EncryptionAlgorithm"], oaep);
    let body = json!({
        "KeyId": rsa, "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionAlgorithm": oaep
    });
    let opened = world.kms(&root, "Decrypt", body).await.json();
    assert_eq!(
        opened,
        json!({ "KeyId": rsa, "Plaintext": "YQ==", "EncryptionAlgorithm": oaep })
    );
    let body = json!({
        "SourceKeyId": rsa, "CiphertextBlob": sealed["CiphertextBlob"],
        "SourceEncryptionAlgorithm": oaep, "DestinationKeyId": symmetric
    });
    let moved = world.kms(&root, "ReEncrypt", body).await.json();
    assert_eq!(
        (
            &moved["SourceEncryptionAlgorithm"],
            &moved["DestinationEncryptionAlgorithm"]
        ),
        (&json!(oaep), &json!("SYMMETRIC_DEFAULT"))
    );
    assert_eq!(moved.get("SourceKeyMaterialId"), None);
    assert!(moved["DestinationKeyMaterialId"].is_string());

    let body = json!({ "KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P384" });
    let pair = world
        .kms(&root, "GenerateDataKeyPair", body.clone())
        .await
        .json();
    assert_eq!(
        (&pair["KeyId"], &pair["KeyPairSpec"]),
        (&json!(symmetric), &json!("ECC_NIST_P384"))
    );
    let blob = json!({ "CiphertextBlob": pair["PrivateKeyCiphertextBlob"] });
    let opened = world.kms(&root, "Decrypt", blob).await.json();
    assert_eq!(opened["Plaintext"], pair["PrivateKeyPlaintext"]);
    assert!(pair["PublicKey"].is_string() && pair["KeyMaterialId"].is_string());
    let sealed = world
        .kms(&root, "GenerateDataKeyPairWithoutPlaintext", body)
        .await
        .json();
    assert_eq!(sealed.get("PrivateKeyPlaintext"), None);
    assert!(sealed["PrivateKeyCiphertextBlob"].is_string());
}

//! Files: what trails deliver, and exports.

use std::io::Read as _;
use std::path::Path;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use flate2::read::GzDecoder;
use sealgate_audit::{
    AuditFile, Category, DataResource, EventSelector, ExportRequest, ReadWriteType, Resource,
    Trail, TrailChange, TrailFault, TrailSettings,
};
use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::Index;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{ACCOUNT, NOW, event, signing};

fn settings(name: &str) -> TrailSettings {
    TrailSettings {
        name: name.to_owned(),
        account_id: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        bucket: "logs".to_owned(),
        prefix: Some("audit".to_owned()),
        kms_key: None,
        global_events: true,
        multi_region: false,
        validation: true,
        selectors: None,
        tags: Default::default(),
    }
}

async fn world(folder: &Path) -> (Index, Trail) {
    let (index, trail) = signing(folder).await;
    index
        .create_bucket("logs", ACCOUNT, "us-east-1")
        .await
        .unwrap();
    index
        .create_bucket("other", "999999999999", "us-east-1")
        .await
        .unwrap();
    (index, trail)
}

/// Delivers what is due, as the service over buckets does.
async fn deliver(trail: &Trail, now: OffsetDateTime) -> Vec<AuditFile> {
    let mut files = Vec::new();
    for due in trail.due_trails(now).await.unwrap() {
        while let Some(delivery) = trail.next_delivery(&due).await.unwrap() {
            files.extend(delivery.file.clone());
            trail.delivered(&due, delivery).await.unwrap();
        }
        trail.delivery_done(&due).await.unwrap();
    }
    files
}

fn inflate(file: &AuditFile) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(file.body.as_slice())
        .read_to_end(&mut text)
        .unwrap();
    text
}

fn names(file: &AuditFile) -> Vec<String> {
    let value: Value = serde_json::from_slice(&inflate(file)).unwrap();
    let records = value["Records"].as_array().unwrap();
    records
        .iter()
        .map(|record| record["eventName"].as_str().unwrap().to_owned())
        .collect()
}

/// Validates a digest as AWS documents it: signature first, then each file by its hash.
async fn validate(trail: &Trail, digest: &AuditFile, files: &[&AuditFile]) -> Value {
    let text = inflate(digest);
    let value: Value = serde_json::from_slice(&text).unwrap();
    let key = trail.digest_public_key().await.unwrap().unwrap();
    assert_eq!(value["digestPublicKeyFingerprint"], key.fingerprint);
    assert_eq!(value["digestS3Object"], digest.key);
    let signed = format!(
        "{}\n{}/{}\n{}\n{}",
        value["digestEndTime"].as_str().unwrap(),
        value["digestS3Bucket"].as_str().unwrap(),
        digest.key,
        hex::encode(Sha256::digest(&text)),
        value["previousDigestSignature"].as_str().unwrap_or("null"),
    );
    let metadata = |name| {
        digest
            .metadata
            .iter()
            .find(|(n, _)| *n == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(metadata("signature-algorithm"), "SHA256withRSA");
    let signature = hex::decode(metadata("signature")).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key.der)
        .verify(signed.as_bytes(), &signature)
        .unwrap();
    let listed = value["logFiles"].as_array().unwrap();
    assert_eq!(listed.len(), files.len());
    for (entry, file) in listed.iter().zip(files) {
        assert_eq!(entry["s3Object"], file.key);
        assert_eq!(
            entry["hashValue"],
            hex::encode(Sha256::digest(inflate(file)))
        );
    }
    value
}

#[tokio::test]
async fn a_trail_delivers_what_is_recorded_while_it_logs_and_digests_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_index, trail) = world(folder.path()).await;
    trail.create_trail(settings("main")).await.unwrap();
    trail.record(event("Before", NOW)).await.unwrap();
    assert!(deliver(&trail, NOW).await.is_empty());
    trail.set_logging(ACCOUNT, "main", true, NOW).await.unwrap();
    trail.record(event("One", NOW)).await.unwrap();
    assert!(deliver(&trail, NOW + Duration::minutes(4)).await.is_empty());
    let later = NOW + Duration::minutes(5);
    let first = deliver(&trail, later).await;
    assert_eq!(first.len(), 1);
    assert_eq!(names(&first[0]), ["One"]);
    let start = "audit/AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/24/111122223333_CloudTrail_us-east-1_20261124T1205Z_";
    assert!(
        first[0].key.starts_with(start) && first[0].key.ends_with(".json.gz"),
        "{}",
        first[0].key
    );
    assert!(
        deliver(&trail, later + Duration::minutes(5))
            .await
            .is_empty()
    );

    // Stopped and started again: what comes between is not delivered, what came before is.
    trail.record(event("Two", NOW)).await.unwrap();
    trail
        .set_logging(ACCOUNT, "main", false, NOW)
        .await
        .unwrap();
    trail.record(event("Unseen", NOW)).await.unwrap();
    trail.set_logging(ACCOUNT, "main", true, NOW).await.unwrap();
    trail.record(event("Three", NOW)).await.unwrap();
    let hour = NOW + Duration::minutes(61);
    let files = deliver(&trail, hour).await;
    assert_eq!(files.len(), 3);
    assert_eq!(
        (names(&files[0]), names(&files[1])),
        (vec!["Two".to_owned()], vec!["Three".to_owned()])
    );
    let digest = validate(&trail, &files[2], &[&first[0], &files[0], &files[1]]).await;
    assert_eq!(digest["previousDigestSignature"], Value::Null);
    assert_eq!(
        files[2].key,
        "audit/AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/24/111122223333_CloudTrail-Digest_us-east-1_main_us-east-1_20261124T130100Z.json.gz"
    );

    let files = deliver(&trail, hour + Duration::minutes(61)).await;
    let next = validate(&trail, &files[0], &[]).await;
    assert_eq!(next["previousDigestS3Object"], digest["digestS3Object"]);

    let status = trail.trail_status(ACCOUNT, "main").await.unwrap();
    assert!(status.is_logging() && status.delivered == Some(hour.replace_nanosecond(0).unwrap()));
}

#[tokio::test]
async fn what_was_put_but_not_noted_is_delivered_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_index, trail) = world(folder.path()).await;
    trail.create_trail(settings("main")).await.unwrap();
    trail.set_logging(ACCOUNT, "main", true, NOW).await.unwrap();
    trail.record(event("One", NOW)).await.unwrap();
    let later = NOW + Duration::minutes(5);
    let due = trail.due_trails(later).await.unwrap().remove(0);
    let lost = trail.next_delivery(&due).await.unwrap().unwrap();
    trail
        .delivery_failed(&due, &lost, "NoSuchBucket")
        .await
        .unwrap();
    let status = trail.trail_status(ACCOUNT, "main").await.unwrap();
    assert_eq!(status.error.as_deref(), Some("NoSuchBucket"));
    assert!(trail.due_trails(later).await.unwrap().is_empty());
    let files = deliver(&trail, later + Duration::minutes(5)).await;
    assert_eq!(names(&files[0]), ["One"]);
    assert_eq!(
        trail.trail_status(ACCOUNT, "main").await.unwrap().error,
        None
    );
}

#[tokio::test]
async fn selectors_decide_what_is_recorded_and_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let (_index, trail) = world(folder.path()).await;
    trail.create_trail(settings("main")).await.unwrap();
    let selectors = vec![EventSelector {
        read_write: ReadWriteType::WriteOnly,
        management: false,
        data: vec![DataResource {
            kind: "AWS::S3::Object".to_owned(),
            values: vec!["arn:aws:s3:::photos/".to_owned()],
        }],
        excluded: Vec::new(),
    }];
    trail
        .put_event_selectors(ACCOUNT, "main", selectors)
        .await
        .unwrap();
    // A trail that does not log selects nothing.
    assert!(!trail.selects_data());
    trail.set_logging(ACCOUNT, "main", true, NOW).await.unwrap();
    assert!(trail.selects_data());
    let accounts = [ACCOUNT, "999999999999", ACCOUNT];
    assert_eq!(
        trail.data_recipients(&accounts, "photos/a", false),
        [ACCOUNT]
    );
    assert!(
        trail
            .data_recipients(&accounts, "photos/a", true)
            .is_empty()
    );
    assert!(
        trail
            .data_recipients(&accounts, "photos2/a", false)
            .is_empty()
    );

    trail.record(event("CreateKey", NOW)).await.unwrap();
    for (key, read_only) in [("a", false), ("b", true)] {
        let mut data = event("PutObject", NOW);
        data.category = Category::Data;
        data.read_only = read_only;
        data.resources.push(Resource {
            account_id: ACCOUNT.to_owned(),
            kind: "AWS::S3::Object".to_owned(),
            arn: format!("arn:aws:s3:::photos/{key}"),
        });
        trail.record_batched(data).await.unwrap();
    }
    trail.flush().await.unwrap();
    let files = deliver(&trail, NOW + Duration::minutes(5)).await;
    assert_eq!(names(&files[0]), ["PutObject"]);
    // Data events are not looked up.
    let found = trail
        .lookup(sealgate_audit::LookupRequest {
            account_id: ACCOUNT.to_owned(),
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(found.events.len(), 1);

    // Over a new start, too.
    drop(trail);
    let (_index, trail) = signing(folder.path()).await;
    assert!(trail.selects_data());
    trail.delete_trail(ACCOUNT, "main").await.unwrap();
    assert!(!trail.selects_data());
}

#[tokio::test]
async fn trails_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_index, trail) = world(folder.path()).await;
    trail.create_trail(settings("main")).await.unwrap();
    let with = |change: fn(&mut TrailSettings)| {
        let mut settings = settings("second");
        change(&mut settings);
        settings
    };
    for (settings, code) in [
        (settings("main"), "TrailAlreadyExistsException"),
        (settings("a"), "InvalidTrailNameException"),
        (
            with(|s| s.bucket = "none".into()),
            "S3BucketDoesNotExistException",
        ),
        (
            with(|s| s.bucket = "other".into()),
            "InsufficientS3BucketPolicyException",
        ),
        (
            with(|s| s.prefix = Some("/x".into())),
            "InvalidS3PrefixException",
        ),
        (
            with(|s| {
                s.tags.insert("aws:x".into(), String::new());
            }),
            "InvalidTagParameterException",
        ),
    ] {
        assert_eq!(trail.create_trail(settings).await.unwrap_err().code(), code);
    }
    for name in [
        "nosuch",
        "arn:aws:cloudtrail:us-east-1:999999999999:trail/main",
    ] {
        let error = trail.trail_status(ACCOUNT, name).await.unwrap_err();
        assert_eq!(error.code(), "TrailNotFoundException");
    }
    let wrong = trail
        .trail_status(ACCOUNT, "arn:aws:s3:::x")
        .await
        .unwrap_err();
    assert!(matches!(
        wrong,
        sealgate_audit::AuditError::Trail(TrailFault::InvalidArn(_))
    ));
    for number in 2..=5 {
        trail
            .create_trail(settings(&format!("trail{number}")))
            .await
            .unwrap();
    }
    let error = trail.create_trail(settings("sixth")).await.unwrap_err();
    assert_eq!(error.code(), "MaximumNumberOfTrailsExceededException");
    let change = TrailChange {
        prefix: Some(String::new()),
        validation: Some(false),
        ..TrailChange::default()
    };
    let arn = settings("main").arn();
    let changed = trail.update_trail(ACCOUNT, &arn, change).await.unwrap();
    assert_eq!(
        (changed.prefix, changed.validation, changed.bucket.as_str()),
        (None, false, "logs")
    );
}

#[tokio::test]
async fn an_export_is_read_back_and_validated() {
    let folder = tempfile::tempdir().unwrap();
    let (_index, trail) = world(folder.path()).await;
    for number in 0..30 {
        let time = NOW + Duration::seconds(number);
        trail
            .record(event(&format!("Call{number}"), time))
            .await
            .unwrap();
    }
    let out = folder.path().join("out");
    let request = ExportRequest {
        account_id: ACCOUNT.to_owned(),
        start: Some(NOW + Duration::seconds(10)),
        end: Some(NOW + Duration::seconds(19)),
        prefix: None,
        bucket: "export".to_owned(),
    };
    let exported = trail.export_to_folder(request, &out, |_| ()).await.unwrap();
    assert_eq!((exported.records, exported.files), (10, 1));
    let mut files = Vec::new();
    collect(&out, &out, &mut files);
    assert_eq!(files.len(), 3, "{files:?}");
    let read = |part: &str, end: &str| {
        let path = files
            .iter()
            .find(|f| f.contains(part) && f.ends_with(end))
            .unwrap();
        (path.clone(), std::fs::read(out.join(path)).unwrap())
    };
    let (key, body) = read("/CloudTrail/", ".json.gz");
    let log = AuditFile {
        key,
        body,
        metadata: Vec::new(),
    };
    assert_eq!(names(&log).len(), 10);
    let (key, body) = read("/CloudTrail-Digest/", ".json.gz");
    let metadata: Value = serde_json::from_slice(&read("Digest", ".metadata.json").1).unwrap();
    let text = |name: &str| metadata[name].as_str().unwrap().to_owned();
    let metadata = vec![
        ("signature", text("signature")),
        ("signature-algorithm", text("signature-algorithm")),
    ];
    validate(
        &trail,
        &AuditFile {
            key,
            body,
            metadata,
        },
        &[&log],
    )
    .await;
}

fn collect(base: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(base, &path, found);
        } else {
            found.push(
                path.strip_prefix(base)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    }
}

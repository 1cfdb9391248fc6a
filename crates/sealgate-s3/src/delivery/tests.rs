//! Delivery into a real bucket, under a real key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use sealgate_audit::{Event, LookupRequest, Trail, TrailConfig, TrailSettings, TrailStatus};
use sealgate_blobs::{BlobStore, LocalOptions};
use sealgate_iam::{CleartextSecrets, Iam};
use sealgate_index::{Index, IndexConfig, ListQuery};
use sealgate_kms::{CreateKeyRequest, Kms, Root, RootKey};
use sealgate_seal::Key256;
use sealgate_sse::{Envelope, Sse};
use tempfile::TempDir;
use time::Duration;
use time::macros::datetime;

use super::*;
use crate::{Config, S3Deps};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const NOW: OffsetDateTime = datetime!(2026-11-24 12:00 UTC);

struct World {
    s3: S3,
    kms: Kms,
    index: Index,
    trail: Trail,
    root: Caller,
    _folder: TempDir,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
        let config = TrailConfig::new(REGION, Key256::generate());
        let trail = Trail::open(index.clone(), config).await.unwrap();
        let root = Root::fixed(RootKey::from_bytes([7; 32]));
        let kms = Kms::open(index.clone(), trail.clone(), &root, REGION.to_owned())
            .await
            .unwrap();
        let iam = Iam::open(index.clone(), Key256::generate(), REGION.to_owned())
            .await
            .unwrap();
        let s3 = S3::new(S3Deps {
            index: index.clone(),
            blobs: BlobStore::local(&folder.path().join("blobs"), LocalOptions::default()).unwrap(),
            iam,
            sse: Arc::new(Sse::new(kms.clone())),
            trail: trail.clone(),
            targets: Default::default(),
            remotes: Default::default(),
            config: Config {
                region: REGION.to_owned(),
                domains: Vec::new(),
                cleartext: CleartextSecrets::Loopback,
                inline_limit: 16 << 10,
                block_sse_c_on_new_buckets: true,
                idle_timeout: StdDuration::from_secs(1),
            },
        });
        index.create_bucket("logs", ACCOUNT, REGION).await.unwrap();
        let mut root = service(CLOUDTRAIL, ACCOUNT, REGION, NOW);
        root.principal.kind = PrincipalKind::Root;
        root.principal.arn = format!("arn:aws:iam::{ACCOUNT}:root");
        World {
            s3,
            kms,
            index,
            trail,
            root,
            _folder: folder,
        }
    }

    /// A trail that logs, with an event to deliver.
    async fn trail(&self, kms_key: Option<String>) {
        let settings = TrailSettings {
            name: "main".to_owned(),
            account_id: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            bucket: "logs".to_owned(),
            prefix: None,
            kms_key,
            global_events: true,
            multi_region: false,
            validation: true,
            selectors: None,
            tags: BTreeMap::new(),
        };
        self.trail.create_trail(settings).await.unwrap();
        self.trail
            .set_logging(ACCOUNT, "main", true, NOW)
            .await
            .unwrap();
        let event = Event::new("iam.amazonaws.com", "CreateUser", &self.root, "R");
        self.trail.record(event).await.unwrap();
    }

    /// A key with this policy.
    async fn key(&self, policy: Option<&str>) -> String {
        let call = Call {
            caller: &self.root,
            request_id: "R",
            via: None,
        };
        let request = CreateKeyRequest {
            policy: policy.map(str::to_owned),
            ..CreateKeyRequest::default()
        };
        self.kms.create_key(&call, request).await.unwrap().arn
    }

    async fn deliver(&self, minutes: i64) -> (Vec<String>, TrailStatus) {
        self.s3
            .deliver_due(NOW + Duration::minutes(minutes))
            .await
            .unwrap();
        let bucket = self.index.bucket("logs").await.unwrap();
        let query = ListQuery {
            limit: 100,
            ..ListQuery::default()
        };
        let page = self.index.list_objects(bucket.id, query).await.unwrap();
        let keys = page
            .entries
            .into_iter()
            .map(|entry| match entry {
                sealgate_index::Entry::Object(object) => object.key,
                other => panic!("{other:?}"),
            })
            .collect();
        (
            keys,
            self.trail.trail_status(ACCOUNT, "main").await.unwrap(),
        )
    }
}

#[tokio::test]
async fn files_and_digests_are_objects_like_others() {
    let world = World::new().await;
    world.trail(None).await;
    let (keys, status) = world.deliver(5).await;
    assert_eq!((keys.len(), status.error), (1, None));
    assert!(keys[0].starts_with("AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/24/"));
    let bucket = world.index.bucket("logs").await.unwrap();
    let version = world
        .index
        .get_version(bucket.id, &keys[0])
        .await
        .unwrap()
        .unwrap();
    let envelope = Envelope::from_bytes(&version.envelope).unwrap();
    assert_eq!(envelope.mode(), Mode::S3);
    let (keys, status) = world.deliver(65).await;
    assert_eq!((keys.len(), status.digest_error), (2, None));
    assert!(status.digested.is_some());
}

#[tokio::test]
async fn a_key_must_let_the_service_use_it_for_this_trail() {
    let allow = format!(
        r#"{{ "Version": "2012-10-17", "Statement": [
            {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:root" }}, "Action": "kms:*", "Resource": "*" }},
            {{ "Effect": "Allow", "Principal": {{ "Service": "cloudtrail.amazonaws.com" }}, "Action": "kms:GenerateDataKey*",
               "Resource": "*", "Condition": {{ "StringEquals": {{
                 "kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main" }} }} }} ] }}"#
    );
    let world = World::new().await;
    let key = world.key(Some(&allow)).await;
    world.trail(Some(key.clone())).await;
    let (keys, status) = world.deliver(5).await;
    assert_eq!((keys.len(), status.error), (1, None));
    let request = LookupRequest {
        account_id: ACCOUNT.to_owned(),
        ..LookupRequest::default()
    };
    world.trail.flush().await.unwrap();
    let events = world.trail.lookup(request).await.unwrap().events;
    let used = events
        .iter()
        .find(|event| event.event_name == "GenerateDataKey")
        .unwrap();
    let record: serde_json::Value = serde_json::from_slice(&used.event).unwrap();
    assert_eq!(record["userIdentity"]["type"], "AWSService");

    let world = World::new().await;
    let key = world.key(None).await;
    world.trail(Some(key)).await;
    let (keys, status) = world.deliver(5).await;
    assert_eq!(
        (keys.len(), status.error.as_deref()),
        (0, Some("AccessDenied"))
    );
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_told_and_nothing_is_lost() {
    let world = World::new().await;
    world.trail(None).await;
    let bucket = world.index.bucket("logs").await.unwrap();
    world.index.delete_bucket(bucket.id).await.unwrap();
    world
        .s3
        .deliver_due(NOW + Duration::minutes(5))
        .await
        .unwrap();
    let status = world.trail.trail_status(ACCOUNT, "main").await.unwrap();
    assert_eq!(status.error.as_deref(), Some("NoSuchBucket"));
    world
        .index
        .create_bucket("logs", ACCOUNT, REGION)
        .await
        .unwrap();
    assert_eq!(world.deliver(10).await.0.len(), 1);
}

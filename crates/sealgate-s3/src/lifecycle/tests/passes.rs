//! Passes over a real index whose clock the test turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use sealgate_blobs::BlobStore;
use sealgate_iam::Iam;
use sealgate_index::{
    Attributes, Body, Bucket, Clock, Delete, Index, IndexConfig, Lock, NewUpload, NewVersion,
    Retention, RetentionMode, VersionEntry, VersionListQuery, Versioning, WriteCondition,
};
use sealgate_seal::Key256;
use tempfile::TempDir;
use time::macros::datetime;
use time::{Date, Duration, OffsetDateTime};

use crate::document::Document as _;
use crate::lifecycle::rules::Rules;
use crate::lifecycle::{Lifecycle, Origin, Pass, Tally};
use crate::xml::Element;

/// Noon of the first day.
const BEGIN: OffsetDateTime = datetime!(2030-01-01 12:00 UTC);

struct World {
    index: Index,
    lifecycle: Lifecycle,
    bucket: Arc<Bucket>,
    days: Arc<AtomicI64>,
    _folder: TempDir,
}

impl World {
    async fn new(versioning: Versioning) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
        let days = Arc::new(AtomicI64::new(0));
        let shown = days.clone();
        index.set_clock(Clock::from_fn(move || {
            BEGIN + Duration::days(shown.load(Ordering::Relaxed))
        }));
        let bucket = index
            .create_bucket("bucket", "111122223333", "us-east-1")
            .await
            .unwrap();
        if versioning != Versioning::Off {
            index.set_versioning(bucket.id, versioning).await.unwrap();
        }
        let key = Key256::from_slice(&[7; 32]).unwrap();
        let iam = Iam::open(index.clone(), key, "us-east-1".to_owned())
            .await
            .unwrap();
        Self {
            lifecycle: Lifecycle::new(
                index.clone(),
                BlobStore::in_memory(5 << 20, 1),
                iam,
                "us-east-1".to_owned(),
            ),
            bucket: index.bucket("bucket").await.unwrap(),
            index,
            days,
            _folder: folder,
        }
    }

    /// Noon of that day, counted from 0.
    fn it_is_day(&self, day: i64) {
        self.days.store(day, Ordering::Relaxed);
    }

    fn today(&self) -> Date {
        self.index.now().date()
    }

    async fn rules(&self, actions: &str) {
        self.rules_for("<Filter/>", actions).await;
    }

    async fn rules_for(&self, filter: &str, actions: &str) {
        let xml = format!(
            "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status>{filter}{actions}</Rule></LifecycleConfiguration>"
        );
        let root = Element::parse(xml.as_bytes(), Rules::ROOT).unwrap();
        let body = Rules::parse(&root).unwrap().to_bytes().unwrap();
        self.index
            .put_bucket_config(self.bucket.id, Rules::KIND, Some(body))
            .await
            .unwrap();
    }

    async fn put(&self, key: &str) -> Option<String> {
        self.put_locked(key, Lock::default()).await
    }

    async fn put_locked(&self, key: &str, lock: Lock) -> Option<String> {
        let version = NewVersion {
            key: key.to_owned(),
            size: 4,
            etag: "e".into(),
            checksum_algorithm: None,
            checksum_type: None,
            body: Body::Inline(Bytes::from_static(b"body")),
            meta: Bytes::new(),
            envelope: Bytes::new(),
            attributes: Attributes {
                lock,
                ..Attributes::default()
            },
        };
        let (bucket, none) = (self.bucket.id, WriteCondition::None);
        let put = self.index.put_version(bucket, version, none, None, vec![]);
        put.await.unwrap().version.version_id
    }

    async fn delete(&self, key: &str) {
        let delete = Delete::current(key);
        self.index
            .delete_version(self.bucket.id, delete)
            .await
            .unwrap();
    }

    async fn pass(&self, origin: Origin) -> Option<Pass> {
        Pass::begin(&self.lifecycle, self.bucket.id, self.today(), origin, None)
            .await
            .unwrap()
    }

    async fn run(&self, origin: Origin) -> Tally {
        let mut pass = self.pass(origin).await.unwrap();
        while pass.step().await.unwrap() {}
        pass.tally()
    }

    /// Keys of versions, newest first, with `*` for current ones and `-` for delete markers.
    async fn there(&self) -> Vec<String> {
        let query = VersionListQuery {
            limit: 10_000,
            ..VersionListQuery::default()
        };
        let page = self.index.list_versions(self.bucket.id, query).await;
        let show = |entry: VersionEntry| match entry {
            VersionEntry::Version(version) => format!(
                "{}{}{}",
                version.object.key,
                if version.delete_marker { "-" } else { "" },
                if version.is_latest { "*" } else { "" }
            ),
            VersionEntry::Prefix(prefix) => prefix,
        };
        page.unwrap().entries.into_iter().map(show).collect()
    }
}

const DAYS: &str = "<Expiration><Days>1</Days></Expiration>";
const MARKERS: &str =
    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
const NONCURRENT: &str =
    "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";

#[tokio::test]
async fn objects_go_at_the_midnight_after_their_days() {
    let world = World::new(Versioning::Off).await;
    world.rules(DAYS).await;
    world.put("old").await;
    world.it_is_day(1);
    world.put("young").await;
    assert_eq!(world.run(Origin::Operator).await.acted(), 0);
    world.it_is_day(2);
    let tally = world.run(Origin::Operator).await;
    assert_eq!((tally.scanned, tally.expired, tally.bytes), (2, 1, 4));
    assert_eq!(world.there().await, ["young*"]);
}

#[tokio::test]
async fn where_versions_are_kept_an_object_is_marked_and_later_all_of_it_goes() {
    let world = World::new(Versioning::Enabled).await;
    world.rules(&format!("{DAYS}{NONCURRENT}")).await;
    world.put("k").await;
    world.it_is_day(2);
    let tally = world.run(Origin::Operator).await;
    assert_eq!((tally.expired, tally.bytes), (1, 0));
    assert_eq!(world.there().await, ["k-*", "k"]);
    assert_eq!(world.run(Origin::Operator).await.acted(), 0, "a mark stays");
    world.it_is_day(4);
    let tally = world.run(Origin::Operator).await;
    assert_eq!((tally.noncurrent, tally.bytes), (1, 4));
    assert_eq!(world.there().await, ["k-*"]);
    let tally = world.run(Origin::Operator).await;
    assert_eq!(
        tally.markers, 1,
        "a mark of nothing goes when it is old enough"
    );
    assert_eq!(world.there().await, [""; 0]);
}

#[tokio::test]
async fn where_versions_are_suspended_the_null_version_gives_way_to_a_mark() {
    let world = World::new(Versioning::Enabled).await;
    world.put("k").await;
    let suspended = Versioning::Suspended;
    world
        .index
        .set_versioning(world.bucket.id, suspended)
        .await
        .unwrap();
    world.put("k").await;
    world.rules(DAYS).await;
    world.it_is_day(2);
    assert_eq!(world.run(Origin::Operator).await.expired, 1);
    assert_eq!(world.there().await, ["k-*", "k"]);
}

#[tokio::test]
async fn the_newest_of_the_old_versions_stay() {
    let world = World::new(Versioning::Enabled).await;
    for _ in 0..6 {
        world.put("k").await;
    }
    let keep = NONCURRENT.replace(
        "</NoncurrentDays>",
        "</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions>",
    );
    world.rules(&keep).await;
    world.it_is_day(2);
    assert_eq!(world.run(Origin::Operator).await.noncurrent, 3);
    assert_eq!(world.there().await, ["k*", "k", "k"]);
}

#[tokio::test]
async fn marks_of_nothing_go_and_others_stay() {
    let world = World::new(Versioning::Enabled).await;
    world.rules(MARKERS).await;
    world.delete("nothing").await;
    world.put("something").await;
    world.delete("something").await;
    let tally = world.run(Origin::Operator).await;
    assert_eq!((tally.markers, tally.acted()), (1, 1));
    assert_eq!(world.there().await, ["something-*", "something"]);
}

#[tokio::test]
async fn no_lock_is_broken_whatever_day_is_asked_for() {
    let world = World::new(Versioning::Enabled).await;
    world
        .index
        .enable_object_lock(world.bucket.id)
        .await
        .unwrap();
    let until = |mode| Lock {
        retention: Some(Retention {
            mode,
            until: BEGIN + Duration::days(50),
        }),
        legal_hold: None,
    };
    let hold = Lock {
        retention: None,
        legal_hold: Some(true),
    };
    for (key, lock) in [
        ("compliance", until(RetentionMode::Compliance)),
        ("free", Lock::default()),
        ("governance", until(RetentionMode::Governance)),
        ("hold", hold),
    ] {
        world.put_locked(key, lock).await;
        world.delete(key).await;
    }
    world.rules(NONCURRENT).await;
    // Far behind the end of every retention, but by the word of the operator only.
    let day = world.today() + Duration::days(1000);
    let (lifecycle, bucket) = (&world.lifecycle, world.bucket.id);
    let pass = Pass::begin(lifecycle, bucket, day, Origin::Operator, None).await;
    let mut pass = pass.unwrap().unwrap();
    while pass.step().await.unwrap() {}
    assert_eq!((pass.tally().noncurrent, pass.tally().locked), (1, 3));
    // When the retentions are over, only the hold is left.
    world.it_is_day(51);
    let tally = world.run(Origin::Operator).await;
    assert_eq!((tally.noncurrent, tally.locked), (2, 1));
    let kept = ["compliance-*", "free-*", "governance-*", "hold-*", "hold"];
    assert_eq!(world.there().await, kept);
}

#[tokio::test]
async fn a_dry_run_counts_and_does_nothing() {
    let world = World::new(Versioning::Off).await;
    world.rules(DAYS).await;
    world.put("k").await;
    world.it_is_day(2);
    let would = world.run(Origin::DryRun).await;
    assert_eq!((would.expired, would.bytes), (1, 4));
    assert_eq!(world.there().await, ["k*"]);
    assert_eq!(world.lifecycle.scanned(), 0);
    assert_eq!(world.run(Origin::Operator).await, would);
}

#[tokio::test]
async fn a_pass_that_was_cut_off_goes_on_where_it_was() {
    let world = World::new(Versioning::Off).await;
    world.rules(DAYS).await;
    for n in 0..600 {
        world.put(&format!("{n:03}")).await;
    }
    world.it_is_day(2);
    for origin in [Origin::Clock, Origin::Operator] {
        let mut first = world.pass(origin).await.unwrap();
        assert!(first.step().await.unwrap());
        let scanned = first.tally().scanned;
        drop(first);
        let second = world.pass(origin).await.unwrap();
        assert_eq!(second.tally().scanned, scanned);
    }
    let tally = world.run(Origin::Clock).await;
    assert_eq!(
        tally.expired,
        600 - 256,
        "the operator's pass did the second batch"
    );
    assert_eq!(world.there().await, [""; 0]);
}

#[tokio::test]
async fn the_clock_has_one_pass_a_day_for_the_same_rules() {
    let world = World::new(Versioning::Off).await;
    world.rules(DAYS).await;
    world.put("k").await;
    world.lifecycle.keep(world.today()).await.unwrap();
    assert!(world.pass(Origin::Clock).await.is_none());
    world
        .rules_for("<Filter><Prefix>k</Prefix></Filter>", DAYS)
        .await;
    assert!(world.pass(Origin::Clock).await.is_some());
    world.it_is_day(2);
    world.lifecycle.keep(world.today()).await.unwrap();
    assert_eq!(world.there().await, [""; 0]);
    assert_eq!(world.lifecycle.actions()[0], ("expire", 1));
    assert_eq!(world.lifecycle.bytes(), 4);
}

#[tokio::test]
async fn a_pass_ends_when_its_rules_are_taken_away() {
    let world = World::new(Versioning::Off).await;
    world.rules(DAYS).await;
    for n in 0..600 {
        world.put(&format!("{n:03}")).await;
    }
    world.it_is_day(2);
    let mut pass = world.pass(Origin::Clock).await.unwrap();
    assert!(pass.step().await.unwrap());
    let (index, bucket) = (&world.index, world.bucket.id);
    index
        .put_bucket_config(bucket, Rules::KIND, None)
        .await
        .unwrap();
    assert!(!pass.step().await.unwrap());
    assert_eq!(world.there().await.len(), 600 - 256);
    assert!(world.pass(Origin::Clock).await.is_none());
}

#[tokio::test]
async fn old_uploads_are_aborted() {
    let world = World::new(Versioning::Off).await;
    world
        .rules_for(
            "<Filter><Prefix>a/</Prefix></Filter>",
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
        )
        .await;
    let begin = |key: &str| {
        world.index.create_upload(NewUpload {
            bucket_id: world.bucket.id,
            key: key.to_owned(),
            initiator: "i".into(),
            owner: "o".into(),
            meta: Bytes::new(),
            envelope: Bytes::new(),
            checksum_algorithm: None,
            checksum_type: None,
            attributes: Attributes::default(),
        })
    };
    for _ in 0..300 {
        begin("a/old").await.unwrap();
    }
    begin("b/old").await.unwrap();
    world.it_is_day(1);
    begin("a/young").await.unwrap();
    world.it_is_day(2);
    assert_eq!(world.run(Origin::Operator).await.uploads, 300);
    let left = world
        .index
        .list_uploads(world.bucket.id, "", None, None, None, 10);
    assert_eq!(left.await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn beside_requests_a_pass_goes_in_small_steps_and_comes_as_far() {
    let world = World::new(Versioning::Enabled).await;
    for _ in 0..40 {
        world.put("k").await;
    }
    world.rules(NONCURRENT).await;
    world.it_is_day(2);
    world.index.traffic().request();
    let mut pass = world.pass(Origin::Operator).await.unwrap();
    assert!(pass.step().await.unwrap());
    let first = pass.tally().scanned;
    assert!(first < 40, "{first}");
    // Who comes after a crash begins where the last note says, and finds done what was done.
    drop(pass);
    world.index.traffic().request();
    let tally = world.run(Origin::Operator).await;
    assert_eq!(tally.noncurrent + first - 1, 39);
    assert_eq!(world.there().await, ["k*"]);
}

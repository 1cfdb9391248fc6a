//! Random writes, deletes and locks in a bucket that may keep versions, against lists of versions by key. After them,
//! listings, scans, counts and lookups are those of the lists.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use proptest::prelude::*;
use sealgate_index::{
    Attributes, Bucket, Clock, Delete, DeleteOutcome, Entry, Index, IndexError, ListQuery, Lock,
    LockChange, NewVersion, Retention, RetentionMode, ScanPlace, ScannedVersion, Usage,
    VersionEntry, VersionListQuery, VersionRef, Versioning, WriteCondition,
};
use time::{Duration, OffsetDateTime};

use crate::support::{bucket, fresh, inline, list};

#[derive(Debug, Clone)]
enum Step {
    Put(String, Option<Retention>),
    PutIfAbsent(String),
    Delete(String),
    /// Of the version at this place of a key, counted from the oldest; the null version if there is none.
    DeleteVersion(String, usize, bool),
    SetVersioning(Versioning),
    Lock(String, usize, LockChange, bool),
    Hours(i64),
    List(VersionListQuery),
    /// Lists with this version of a key as the marker.
    ListBehind(VersionListQuery, String, usize),
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "/", "ÿ", "\0"]), 1..4)
        .prop_map(|pieces| pieces.concat())
}

/// Keys that are met again.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec!["a", "a/1", "a/2", "b", "b/"]).prop_map(Into::into),
        1 => name(),
    ]
}

fn retention() -> impl Strategy<Value = Retention> {
    (any::<bool>(), 0..6_i64).prop_map(|(governance, hours)| Retention {
        mode: if governance {
            RetentionMode::Governance
        } else {
            RetentionMode::Compliance
        },
        until: OffsetDateTime::UNIX_EPOCH + Duration::hours(hours),
    })
}

fn query() -> impl Strategy<Value = VersionListQuery> {
    let delimiter = prop::option::of(prop::sample::select(vec!["/", "a/", "ÿ"]));
    (
        prop::sample::select(vec!["", "", "a", "a/", "b"]),
        delimiter,
        prop::option::of(key()),
        0..6_usize,
    )
        .prop_map(|(prefix, delimiter, key_marker, limit)| VersionListQuery {
            prefix: prefix.into(),
            delimiter: delimiter.map(Into::into),
            key_marker,
            version_id_marker: None,
            limit,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let change = prop_oneof![
        prop::option::of(retention()).prop_map(LockChange::Retention),
        any::<bool>().prop_map(LockChange::LegalHold),
    ];
    let state = prop::sample::select(vec![
        Versioning::Off,
        Versioning::Enabled,
        Versioning::Enabled,
        Versioning::Suspended,
    ]);
    prop_oneof![
        6 => (key(), prop::option::weighted(0.2, retention())).prop_map(|(key, until)| Step::Put(key, until)),
        1 => key().prop_map(Step::PutIfAbsent),
        3 => key().prop_map(Step::Delete),
        3 => (key(), 0..4_usize, any::<bool>()).prop_map(|(key, place, bypass)| Step::DeleteVersion(key, place, bypass)),
        1 => state.prop_map(Step::SetVersioning),
        2 => (key(), 0..4_usize, change, any::<bool>())
            .prop_map(|(key, place, change, bypass)| Step::Lock(key, place, change, bypass)),
        1 => (1..3_i64).prop_map(Step::Hours),
        2 => query().prop_map(Step::List),
        2 => (query(), key(), 0..4_usize).prop_map(|(query, key, place)| Step::ListBehind(query, key, place)),
    ]
}

#[derive(Debug, Clone, PartialEq)]
struct Kept {
    /// Grows with every version.
    order: u32,
    id: Option<String>,
    marker: bool,
    etag: String,
    modified: OffsetDateTime,
    lock: Lock,
}

#[derive(Debug, Clone, PartialEq)]
enum Line {
    Version {
        key: String,
        id: Option<String>,
        is_latest: bool,
        marker: bool,
        etag: String,
    },
    Prefix(String),
}

#[derive(Default)]
struct Model {
    versioning: Versioning,
    object_lock: bool,
    now: i64,
    next: u32,
    /// Of each key the oldest first.
    keys: BTreeMap<String, Vec<Kept>>,
}

impl Model {
    fn time(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(self.now)
    }

    fn current(&self, key: &str) -> Option<&Kept> {
        self.keys
            .get(key)
            .and_then(|versions| versions.last())
            .filter(|version| !version.marker)
    }

    fn push(&mut self, key: &str, id: Option<String>, marker: bool, etag: &str, lock: Lock) {
        let kept = Kept {
            order: self.next,
            id,
            marker,
            etag: etag.into(),
            modified: self.time(),
            lock,
        };
        self.next += 1;
        let versions = self.keys.entry(key.into()).or_default();
        if self.versioning != Versioning::Enabled {
            versions.retain(|version| version.id.is_some());
        }
        versions.push(kept);
    }

    /// The version at a place, or a name that nothing has.
    fn named(&self, key: &str, place: usize) -> (VersionRef, Option<Kept>) {
        let found = self
            .keys
            .get(key)
            .and_then(|versions| versions.get(place).cloned());
        match found {
            Some(kept) => (VersionRef::to(kept.id.as_deref()), Some(kept)),
            None => {
                let null = self
                    .keys
                    .get(key)
                    .and_then(|versions| versions.iter().find(|version| version.id.is_none()));
                (VersionRef::Null, null.cloned())
            }
        }
    }

    fn remove(&mut self, key: &str, order: u32) {
        if let Some(versions) = self.keys.get_mut(key) {
            versions.retain(|version| version.order != order);
            if versions.is_empty() {
                self.keys.remove(key);
            }
        }
    }

    fn usage(&self) -> Usage {
        let all = || self.keys.values().flatten();
        Usage {
            objects: self
                .keys
                .keys()
                .filter(|key| self.current(key).is_some())
                .count() as u64,
            versions: all().filter(|version| !version.marker).count() as u64,
            markers: all().filter(|version| version.marker).count() as u64,
            bytes: all().filter(|version| !version.marker).count() as u64 * 5,
        }
    }

    /// Every line of a listing that has no limit. `behind` is the order of the marker's version.
    fn lines(&self, query: &VersionListQuery, behind: Option<u32>) -> Vec<Line> {
        let roll = |key: &str| -> Option<String> {
            let delimiter = query.delimiter.as_deref()?;
            let (inside, _) = key.strip_prefix(&query.prefix)?.split_once(delimiter)?;
            Some(format!("{}{inside}{delimiter}", query.prefix))
        };
        let mut lines = Vec::new();
        for (key, versions) in &self.keys {
            if !key.starts_with(&query.prefix) {
                continue;
            }
            let rolled = roll(key);
            let shown = rolled.clone().unwrap_or_else(|| key.clone());
            let mut below = u32::MAX;
            if let Some(marker) = &query.key_marker {
                let same = *key == *marker && rolled.is_none();
                match behind.filter(|_| same) {
                    Some(order) => below = order,
                    None if shown <= *marker || roll(marker).as_ref() == Some(&shown) => continue,
                    None => {}
                }
            }
            if let Some(prefix) = rolled {
                if lines.last() != Some(&Line::Prefix(prefix.clone())) {
                    lines.push(Line::Prefix(prefix));
                }
                continue;
            }
            for version in versions
                .iter()
                .rev()
                .filter(|version| version.order < below)
            {
                lines.push(Line::Version {
                    key: key.clone(),
                    id: version.id.clone(),
                    is_latest: versions.last() == Some(version),
                    marker: version.marker,
                    etag: version.etag.clone(),
                });
            }
        }
        lines
    }
}

fn lines_of(entries: &[VersionEntry]) -> Vec<Line> {
    entries
        .iter()
        .map(|entry| match entry {
            VersionEntry::Prefix(prefix) => Line::Prefix(prefix.clone()),
            VersionEntry::Version(version) => Line::Version {
                key: version.object.key.clone(),
                id: version.version_id.clone(),
                is_latest: version.is_latest,
                marker: version.delete_marker,
                etag: version.object.etag.clone(),
            },
        })
        .collect()
}

type Outcome = Result<(), TestCaseError>;

async fn check_pages(
    index: &Index,
    bucket: &Bucket,
    model: &Model,
    query: &VersionListQuery,
    behind: Option<u32>,
) -> Outcome {
    let expected = model.lines(query, behind);
    let page = index.list_versions(bucket.id, query.clone()).await.unwrap();
    let first = query.limit.min(expected.len());
    prop_assert_eq!(
        lines_of(&page.entries),
        &expected[..first],
        "{:?} {:?}",
        query,
        behind
    );
    let truncated = query.limit > 0 && expected.len() > query.limit;
    prop_assert_eq!(page.truncated, truncated);
    prop_assert_eq!(page.next_key.is_some(), truncated);
    let (mut paged, mut page) = (lines_of(&page.entries), page);
    while page.truncated {
        let next = VersionListQuery {
            key_marker: page.next_key,
            version_id_marker: page.next_version_id,
            ..query.clone()
        };
        page = index.list_versions(bucket.id, next).await.unwrap();
        paged.extend(lines_of(&page.entries));
    }
    if query.limit > 0 {
        prop_assert_eq!(paged, expected);
    }
    Ok(())
}

async fn check_scan(index: &Index, bucket: &Bucket, model: &Model) -> Outcome {
    let mut scanned: Vec<ScannedVersion> = Vec::new();
    loop {
        let place: Option<ScanPlace> = scanned.last().map(ScannedVersion::place);
        let batch = index
            .scan_versions(bucket.id, place.as_ref(), 2)
            .await
            .unwrap();
        if batch.is_empty() {
            break;
        }
        scanned.extend(batch);
    }
    let mut scanned = scanned.iter();
    for (key, versions) in &model.keys {
        let (mut since, mut newer) = (None, 0);
        for version in versions.iter().rev() {
            let found = scanned.next().unwrap();
            let is_latest = since.is_none();
            prop_assert_eq!(
                (&found.listed.object.key, &found.listed.version_id),
                (key, &version.id)
            );
            prop_assert_eq!(found.listed.delete_marker, version.marker);
            prop_assert_eq!(found.listed.is_latest, is_latest);
            prop_assert_eq!(found.listed.object.modified, version.modified);
            prop_assert_eq!(found.lock, version.lock);
            prop_assert_eq!(found.noncurrent_since, since);
            prop_assert_eq!(found.newer_noncurrent, newer);
            prop_assert_eq!(found.lone_marker, version.marker && versions.len() == 1);
            since = Some(version.modified);
            newer += u32::from(!is_latest && !version.marker);
        }
    }
    prop_assert_eq!(scanned.next(), None);
    Ok(())
}

async fn check_state(index: &Index, bucket: &Bucket, model: &Model) -> Outcome {
    let everything = ListQuery {
        limit: 1000,
        ..ListQuery::default()
    };
    let page = list(index, bucket, &everything).await;
    let shown: Vec<_> = page
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Object(object) => Some((object.key.clone(), object.etag.clone())),
            Entry::Prefix(_) => None,
        })
        .collect();
    let current: Vec<_> = model
        .keys
        .keys()
        .filter_map(|key| Some((key.clone(), model.current(key)?.etag.clone())))
        .collect();
    prop_assert_eq!(shown, current);
    prop_assert_eq!(index.usage(bucket.id).await.unwrap(), model.usage());
    for (key, versions) in &model.keys {
        let got = index.get_version(bucket.id, key).await.unwrap();
        let etag = model.current(key).map(|version| version.etag.clone());
        prop_assert_eq!(got.map(|version| version.etag), etag);
        let newest = index
            .version(bucket.id, key, &VersionRef::Current)
            .await
            .unwrap();
        prop_assert!(newest.is_latest);
        for version in versions {
            let named = VersionRef::to(version.id.as_deref());
            let found = index.version(bucket.id, key, &named).await.unwrap();
            prop_assert_eq!(found.is_latest, versions.last() == Some(version));
            prop_assert_eq!(found.version.delete_marker, version.marker);
            prop_assert_eq!(&found.version.etag, &version.etag);
            prop_assert_eq!(found.version.attributes.lock, version.lock);
        }
        if versions.iter().all(|version| version.id.is_some()) {
            prop_assert_eq!(
                index.version(bucket.id, key, &VersionRef::Null).await.err(),
                Some(IndexError::NoSuchVersion)
            );
        }
    }
    Ok(())
}

async fn put(
    index: &Index,
    bucket: &Bucket,
    model: &mut Model,
    new: NewVersion,
    condition: WriteCondition,
) -> Outcome {
    let (key, etag, lock) = (new.key.clone(), new.etag.clone(), new.attributes.lock);
    let refused = condition == WriteCondition::IfNoneMatchAny && model.current(&key).is_some();
    let written = index
        .put_version(bucket.id, new, condition, None, Vec::new())
        .await;
    let expected = if !lock.is_empty() && !model.object_lock {
        Some(IndexError::InvalidBucketState)
    } else {
        refused.then_some(IndexError::PreconditionFailed)
    };
    prop_assert_eq!(written.as_ref().err(), expected.as_ref());
    if let Ok(written) = written {
        prop_assert_eq!(written.versioning, model.versioning);
        let id = written.version.version_id;
        prop_assert_eq!(id.is_some(), model.versioning == Versioning::Enabled);
        model.push(&key, id, false, &etag, lock);
    }
    Ok(())
}

async fn delete_current(index: &Index, bucket: &Bucket, model: &mut Model, key: &str) -> Outcome {
    let deleted = index
        .delete_version(bucket.id, Delete::current(key))
        .await
        .unwrap();
    match (model.versioning, deleted.outcome) {
        (Versioning::Off, DeleteOutcome::Nothing) => prop_assert!(model.current(key).is_none()),
        (Versioning::Off, DeleteOutcome::Removed { .. }) => {
            let order = model.current(key).unwrap().order;
            model.remove(key, order);
        }
        (versioning, DeleteOutcome::Marked { version_id }) => {
            prop_assert_ne!(versioning, Versioning::Off);
            prop_assert_eq!(version_id.is_some(), versioning == Versioning::Enabled);
            model.push(key, version_id, true, "", Lock::default());
        }
        (_, outcome) => prop_assert!(false, "{:?}", outcome),
    }
    Ok(())
}

async fn perform(
    index: &Index,
    bucket: &Bucket,
    model: &mut Model,
    number: usize,
    step: Step,
) -> Outcome {
    let now = model.time();
    match step {
        Step::Put(key, retention) => {
            let lock = Lock {
                retention,
                legal_hold: None,
            };
            let attributes = Attributes {
                lock,
                ..Attributes::default()
            };
            let new = NewVersion {
                attributes,
                ..inline(&key, &number.to_string())
            };
            put(index, bucket, model, new, WriteCondition::None).await
        }
        Step::PutIfAbsent(key) => {
            let new = inline(&key, &number.to_string());
            put(index, bucket, model, new, WriteCondition::IfNoneMatchAny).await
        }
        Step::Delete(key) => delete_current(index, bucket, model, &key).await,
        Step::DeleteVersion(key, place, bypass) => {
            let (named, kept) = model.named(&key, place);
            let mut delete = Delete::of(&key, named);
            delete.bypass_governance = bypass;
            let deleted = index.delete_version(bucket.id, delete).await;
            match kept {
                None => prop_assert_eq!(deleted.unwrap().outcome, DeleteOutcome::Nothing),
                Some(kept) if kept.lock.forbids_delete(now, bypass) => {
                    prop_assert_eq!(deleted, Err(IndexError::Locked));
                }
                Some(kept) => {
                    model.remove(&key, kept.order);
                    let removed = DeleteOutcome::Removed {
                        version_id: kept.id,
                        delete_marker: kept.marker,
                    };
                    prop_assert_eq!(deleted.unwrap().outcome, removed);
                }
            }
            Ok(())
        }
        Step::SetVersioning(versioning) => {
            let set = index.set_versioning(bucket.id, versioning).await;
            let back = versioning == Versioning::Off && model.versioning != Versioning::Off;
            if back || (model.object_lock && versioning != Versioning::Enabled) {
                prop_assert_eq!(set, Err(IndexError::InvalidBucketState));
            } else {
                set.unwrap();
                model.versioning = versioning;
            }
            Ok(())
        }
        Step::Lock(key, place, change, bypass) => {
            let (named, kept) = model.named(&key, place);
            let set = index
                .set_lock(bucket.id, &key, named, change, bypass, Vec::new())
                .await
                .map(|touched| touched.version_id);
            let expected = match &kept {
                None if model.keys.contains_key(&key) => Err(IndexError::NoSuchVersion),
                None => Err(IndexError::NoSuchKey),
                Some(kept) if kept.marker => Err(IndexError::DeleteMarker),
                Some(_) if !model.object_lock => Err(IndexError::InvalidBucketState),
                Some(kept) => kept
                    .lock
                    .changed(change, now, bypass)
                    .map(|lock| (kept.order, lock)),
            };
            if let Ok((order, lock)) = expected {
                let versions = model.keys.get_mut(&key).unwrap();
                let version = versions
                    .iter_mut()
                    .find(|version| version.order == order)
                    .unwrap();
                version.lock = lock;
                prop_assert_eq!(set, Ok(version.id.clone()));
            } else {
                prop_assert_eq!(set.err(), expected.err());
            }
            Ok(())
        }
        Step::Hours(hours) => {
            model.now += hours * 3_600_000;
            Ok(())
        }
        Step::List(query) => check_pages(index, bucket, model, &query, None).await,
        Step::ListBehind(query, key, place) => {
            let (named, kept) = model.named(&key, place);
            let query = VersionListQuery {
                key_marker: Some(key),
                version_id_marker: Some(match named {
                    VersionRef::Id(id) => id,
                    VersionRef::Null | VersionRef::Current => "null".into(),
                }),
                ..query
            };
            // A null version that is not there begins the key anew.
            let behind = kept.map_or(u32::MAX, |kept| kept.order);
            check_pages(index, bucket, model, &query, Some(behind)).await
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn versions_are_those_of_lists(
        steps in prop::collection::vec(step(), 1..80),
        begin in prop::sample::select(vec![Versioning::Off, Versioning::Enabled]),
        object_lock in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let index = fresh().await;
            let now = Arc::new(AtomicI64::new(0));
            let clock = now.clone();
            index.set_clock(Clock::from_fn(move || {
                OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(clock.load(Ordering::SeqCst))
            }));
            let bucket = bucket(&index).await;
            let mut model = Model::default();
            index.set_versioning(bucket.id, begin).await.unwrap();
            model.versioning = begin;
            if object_lock && begin == Versioning::Enabled {
                index.enable_object_lock(bucket.id).await.unwrap();
                model.object_lock = true;
            }
            for (number, step) in steps.into_iter().enumerate() {
                model.now += 1000;
                now.store(model.now, Ordering::SeqCst);
                perform(&index, &bucket, &mut model, number, step).await?;
            }
            check_state(&index, &bucket, &model).await?;
            check_scan(&index, &bucket, &model).await?;
            let everything = VersionListQuery { limit: 3, ..VersionListQuery::default() };
            check_pages(&index, &bucket, &model, &everything, None).await?;
            // What is left goes, and nothing stays behind. Locks end some time.
            now.store(i64::from(u32::MAX), Ordering::SeqCst);
            for (key, versions) in &model.keys {
                for version in versions {
                    let named = VersionRef::to(version.id.as_deref());
                    if version.lock.legal_hold == Some(true) {
                        let released = LockChange::LegalHold(false);
                        index.set_lock(bucket.id, key, named.clone(), released, false, Vec::new()).await.unwrap();
                    }
                    prop_assert_eq!(index.delete_bucket(bucket.id).await, Err(IndexError::BucketNotEmpty));
                    index.delete_version(bucket.id, Delete::of(key, named)).await.unwrap();
                }
            }
            prop_assert_eq!(index.usage(bucket.id).await.unwrap(), Usage::default());
            index.delete_bucket(bucket.id).await.unwrap();
            Ok(())
        })?;
    }
}

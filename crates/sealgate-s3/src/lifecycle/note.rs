//! How far a pass has come, kept in the index so that one that was cut off goes on where it was.

use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::{Expect, Index, IndexError, RecordWrite, ScanPlace};
use serde::{Deserialize, Serialize};
use time::Date;

use super::{LifecycleError, Origin, Tally};

const NAMESPACE: &str = "lifecycle";
/// Records read at a time.
const PAGE: usize = 1000;

/// What is next in a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Versions behind this place.
    Versions(Option<(String, i64)>),
    /// Uploads behind this key and id.
    Uploads(Option<(String, String)>),
    Done,
}

impl Stage {
    /// The place behind a version.
    pub(super) fn behind(place: ScanPlace) -> Self {
        Self::Versions(Some((place.key, place.seq)))
    }
}

/// A pass, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) day: Date,
    /// Hash of the rules: by others, everything is to be looked at again.
    pub(super) rules: String,
    pub(super) stage: Stage,
    pub(super) tally: Tally,
}

impl Note {
    /// Of a pass that begins.
    pub(super) fn new(day: Date, rules: &[u8]) -> Self {
        Self {
            day,
            rules: hex::encode(Sha256::digest(rules)),
            stage: Stage::Versions(None),
            tally: Tally::default(),
        }
    }

    /// What is left to do of an earlier pass, or of this one. `None`: it was done.
    pub(super) fn resume(self, earlier: Option<Note>, origin: Origin) -> Option<Note> {
        let Some(earlier) = earlier.filter(|earlier| earlier.rules == self.rules) else {
            return Some(self);
        };
        let done = earlier.stage == Stage::Done;
        match origin {
            Origin::Clock if done && earlier.day == self.day => None,
            // The clock never goes on with a day that has not come.
            Origin::Clock if !done && earlier.day <= self.day => Some(earlier),
            Origin::Operator if earlier.day == self.day => Some(earlier),
            _ => Some(self),
        }
    }
}

/// Where the note of a pass is; a dry run leaves none.
pub(super) fn id(bucket: i64, origin: Origin) -> Option<String> {
    match origin {
        Origin::Clock => Some(format!("clock/{bucket}")),
        Origin::Operator => Some(format!("operator/{bucket}")),
        Origin::DryRun => None,
    }
}

/// The note of that id.
pub(super) async fn read(index: &Index, id: &str) -> Result<Option<Note>, LifecycleError> {
    let Some(record) = index.record(NAMESPACE, id).await? else {
        return Ok(None);
    };
    // What cannot be read is done again.
    Ok(serde_json::from_slice(&record.body)
        .inspect_err(|error| tracing::warn!(%error, "a lifecycle pass begins anew"))
        .ok())
}

/// Keep a note, or take it away.
pub(super) async fn write(
    index: &Index,
    id: &str,
    note: Option<&Note>,
) -> Result<(), LifecycleError> {
    let body = note
        .map(serde_json::to_vec)
        .transpose()
        .map_err(|_| LifecycleError::Damaged)?;
    index
        .write_records(vec![removal(id, body.map(Into::into))])
        .await?;
    Ok(())
}

fn removal(id: &str, body: Option<bytes::Bytes>) -> RecordWrite {
    RecordWrite {
        ns: NAMESPACE.to_owned(),
        id: id.to_owned(),
        expect: Expect::Any,
        body,
    }
}

/// Takes away the notes of buckets that have no rules any more.
pub(super) async fn forget_all_but(index: &Index, buckets: &[i64]) -> Result<(), IndexError> {
    let mut after: Option<String> = None;
    loop {
        let page = index.records(NAMESPACE, "", after.as_deref(), PAGE).await?;
        let gone: Vec<_> = page
            .iter()
            .filter(|record| {
                let bucket = record
                    .id
                    .rsplit('/')
                    .next()
                    .and_then(|id| id.parse::<i64>().ok());
                bucket.is_none_or(|bucket| !buckets.contains(&bucket))
            })
            .map(|record| removal(&record.id, None))
            .collect();
        if !gone.is_empty() {
            index.write_records(gone).await?;
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
            _ => return Ok(()),
        }
    }
}

//! Verification: proves the trail whole, or names the first thing that is wrong with it.
//!
//! The walk reads batches, so that a trail of any length is verified in little memory, beside a gateway
//! that goes on writing: it ends at the record that was the newest when it began.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::{Index, TrailEntry, TrailRow, TrailState};
use serde::Deserialize as _;
use serde_json::Value;

use crate::error::AuditError;
use crate::heads::{self, Head};
use crate::identity::Identity;
use crate::keys::HeadPublicKey;
use crate::record::timestamp;

const BATCH: usize = 1000;
const BATCH_BYTES: usize = 8 << 20;
/// Sequences that a report lists at most.
const LISTED: usize = 100;

/// What to verify.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// The key that heads must be signed with.
    pub public_key: HeadPublicKey,
    /// The file of heads beside the index.
    pub heads_file: Option<PathBuf>,
    /// The first record; the first of the trail if not given.
    pub first: Option<i64>,
    /// The last record; the newest if not given.
    pub last: Option<i64>,
}

/// What is wrong with the trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// The event of this record is not the one that was recorded.
    #[error("record {sequence} was changed")]
    Changed {
        /// Its sequence.
        sequence: i64,
    },
    /// Records are not there any more.
    #[error("records {first} to {last} were deleted")]
    Deleted {
        /// Sequence of the first of them.
        first: i64,
        /// Sequence of the last of them.
        last: i64,
    },
    /// Another record belongs here.
    #[error("record {sequence} is out of order: the one that belongs there stands at {found_at}")]
    Reordered {
        /// The place that does not have its record.
        sequence: i64,
        /// Where that record is.
        found_at: i64,
    },
    /// A signed head knows of records behind the last one.
    #[error("the trail ends at record {last}, but head {head} was signed at record {sequence}")]
    MissingTail {
        /// Sequence of the last record.
        last: i64,
        /// Number of the head.
        head: u64,
        /// Sequence that the head was signed at.
        sequence: i64,
    },
    /// The chain is whole, but not the one that was signed: it was made anew.
    #[error(
        "records {first} to {last} were rewritten: the chain is not the one that head {head} signed"
    )]
    Rewritten {
        /// Sequence of the first record that may have been.
        first: i64,
        /// Sequence that the head was signed at.
        last: i64,
        /// Number of the head.
        head: u64,
    },
    /// A head is not signed with the key.
    #[error("head {head} is not signed with the given key")]
    BadSignature {
        /// Its number.
        head: u64,
    },
    /// A head is not there any more.
    #[error("head {head} is missing")]
    MissingHead {
        /// Its number.
        head: u64,
    },
    /// The index and the file have different heads of one number.
    #[error("head {head} is one in the index and another in the file of heads")]
    TwoHeads {
        /// Its number.
        head: u64,
    },
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Records that were read.
    pub records: u64,
    /// Sequence of the first one.
    pub first: i64,
    /// Sequence of the last one.
    pub last: i64,
    /// Heads that the chain was compared with.
    pub heads: u64,
    /// The newest head, if there is one: what comes behind it is chained, but not yet signed.
    pub newest_head: Option<Head>,
    /// The first break, if there is one.
    pub broken: Option<Break>,
    /// Records whose columns say something else than their event, or that lookups do not find: the
    /// first hundred. The events themselves are not touched by this.
    pub disagreeing: Vec<i64>,
}

impl Report {
    /// Whether all is as it should be.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.broken.is_none() && self.disagreeing.is_empty()
    }
}

/// Verifies the trail of an index. `progress` is told how many records of how many were read.
///
/// # Errors
/// If the index or the file of heads cannot be read. What is wrong with the trail is in the report.
pub async fn verify(
    index: &Index,
    request: &VerifyRequest,
    mut progress: impl FnMut(u64, u64),
) -> Result<Report, AuditError> {
    let mut report = Report::default();
    // Heads first: one that is signed meanwhile must not look as if it knew of too much.
    let heads = match collect_heads(index, request).await? {
        Ok(heads) => heads,
        Err(found) => {
            report.broken = Some(found);
            return Ok(report);
        }
    };
    report.newest_head = heads.values().last().cloned();
    let state = index.trail_state().await?;
    let mut walk = Walk::begin(index, request, &state).await?;
    report.first = walk.at + 1;
    let total = u64::try_from(walk.end - walk.at).unwrap_or(0);
    let mut signed: BTreeMap<i64, &Head> =
        heads.values().map(|head| (head.sequence, head)).collect();
    // What lies before the range is taken as it is.
    signed.retain(|sequence, _| *sequence >= walk.at);
    report.broken = walk.compare(&mut signed, &mut report.heads);
    while report.broken.is_none() && walk.at < walk.end {
        let mut rows = index.trail_rows(walk.at, BATCH, BATCH_BYTES).await?;
        rows.retain(|row| row.sequence <= walk.end);
        if rows.is_empty() {
            let (first, last) = (walk.at + 1, walk.end);
            report.broken = Some(Break::Deleted { first, last });
            break;
        }
        let unfindable = index.trail_unfindable(&rows).await?;
        for (at, row) in rows.iter().enumerate() {
            report.broken = walk.step(row, rows.get(at..).unwrap_or_default());
            if report.broken.is_none() {
                report.records += 1;
                report.last = row.sequence;
                report.broken = walk.compare(&mut signed, &mut report.heads);
            }
            if report.broken.is_some() {
                break;
            }
            let agrees = agrees(row) && !unfindable.contains(&row.sequence);
            if !agrees && report.disagreeing.len() < LISTED {
                report.disagreeing.push(row.sequence);
            }
        }
        progress(report.records, total);
        tokio::task::yield_now().await;
    }
    if report.broken.is_none() && walk.end == state.last {
        report.broken = missing_end(&state, heads.values().last());
    }
    Ok(report)
}

/// What the end of the trail lacks.
fn missing_end(state: &TrailState, newest: Option<&Head>) -> Option<Break> {
    if let Some(head) = newest.filter(|head| head.sequence > state.last) {
        return Some(Break::MissingTail {
            last: state.last,
            head: head.number,
            sequence: head.sequence,
        });
    }
    (state.issued > state.last).then_some(Break::Deleted {
        first: state.last + 1,
        last: state.issued,
    })
}

/// The heads of index and file by number, if all are there and signed.
async fn collect_heads(
    index: &Index,
    request: &VerifyRequest,
) -> Result<Result<BTreeMap<u64, Head>, Break>, AuditError> {
    let mut heads = BTreeMap::new();
    let mut all = heads::load(index).await?;
    if let Some(path) = &request.heads_file {
        all.extend(heads::read_file(path)?);
    }
    for head in all {
        let number = head.number;
        if !head.is_signed_by(&request.public_key) {
            return Ok(Err(Break::BadSignature { head: number }));
        }
        match heads.get(&number) {
            Some(other) if *other != head => {
                return Ok(Err(Break::TwoHeads { head: number }));
            }
            _ => heads.insert(number, head),
        };
    }
    let missing = (1..)
        .zip(heads.keys())
        .find(|(wanted, found)| wanted != *found);
    Ok(match missing {
        Some((head, _)) => Err(Break::MissingHead { head }),
        None => Ok(heads),
    })
}

/// A walk along the chain.
struct Walk {
    /// The last record that was found right, or the one before the range.
    at: i64,
    chain: [u8; 32],
    end: i64,
    /// The last place that a head was compared at.
    compared: i64,
}

impl Walk {
    async fn begin(
        index: &Index,
        request: &VerifyRequest,
        state: &TrailState,
    ) -> Result<Walk, AuditError> {
        let end = request.last.map_or(state.last, |last| last.min(state.last));
        let before = request.first.map_or(0, |first| (first - 1).clamp(0, end));
        // The link before the range is where the walk starts from.
        let link = index.trail_rows(before - 1, 1, usize::MAX).await?;
        let link = link.first().filter(|row| row.sequence == before);
        Ok(Walk {
            at: link.map_or(0, |row| row.sequence),
            chain: link.map_or([0; 32], |row| row.chain),
            end,
            compared: before,
        })
    }

    /// Takes the next row; `window` begins with it.
    fn step(&mut self, row: &TrailRow, window: &[TrailRow]) -> Option<Break> {
        let expected = self.at + 1;
        if row.sequence != expected {
            let moved = window.iter().position(|other| other.sequence == expected);
            if let Some(by) = moved.and_then(|by| i64::try_from(by).ok()) {
                return Some(Break::Reordered {
                    sequence: expected,
                    found_at: expected + by,
                });
            }
            return Some(Break::Deleted {
                first: expected,
                last: row.sequence - 1,
            });
        }
        if self.link(row) != row.chain {
            // Whether what belongs here stands somewhere near, with its own hash or under this one.
            let stray = window.iter().skip(1).find(|other| {
                let link = self.link(other);
                link == other.chain || link == row.chain
            });
            return Some(match stray {
                Some(other) => Break::Reordered {
                    sequence: row.sequence,
                    found_at: other.sequence,
                },
                None => Break::Changed {
                    sequence: row.sequence,
                },
            });
        }
        self.at = row.sequence;
        self.chain = row.chain;
        None
    }

    /// The hash that the chain has if this row comes next.
    fn link(&self, row: &TrailRow) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.chain)
            .chain_update(&row.entry.event)
            .finalize()
            .into()
    }

    /// Compares the chain with the head that was signed here, if one was.
    fn compare(&mut self, signed: &mut BTreeMap<i64, &Head>, count: &mut u64) -> Option<Break> {
        let head = signed.remove(&self.at)?;
        if head.chain != hex::encode(self.chain) {
            return Some(Break::Rewritten {
                first: self.compared + 1,
                last: self.at,
                head: head.number,
            });
        }
        self.compared = self.at;
        *count += 1;
        None
    }
}

/// Whether the columns of a row say what its event says.
fn agrees(row: &TrailRow) -> bool {
    let entry = &row.entry;
    let Ok(event) = serde_json::from_slice::<Value>(&entry.event) else {
        return false;
    };
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let identity = event.get("userIdentity").unwrap_or(&Value::Null);
    let Ok(identity) = Identity::deserialize(identity) else {
        return false;
    };
    let resources: Vec<(&str, &str)> = event
        .get("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|resource| {
            let text = |name: &str| resource.get(name)?.as_str();
            Some((text("type")?, text("ARN")?))
        })
        .collect();
    let columns = entry
        .resources
        .iter()
        .map(|(kind, arn)| (kind.as_str(), arn.as_str()));
    text("eventID") == Some(&entry.event_id)
        && text("eventTime") == Some(&timestamp(entry.time))
        && text("eventName") == Some(&entry.event_name)
        && text("eventSource") == Some(&entry.event_source)
        && text("recipientAccountId") == Some(&entry.account_id)
        && event.get("readOnly") == Some(&Value::Bool(entry.read_only))
        && event.get("managementEvent") == Some(&Value::Bool(entry.listed))
        && (identity.username() == entry.username.as_deref()
            || is_earlier_service(&identity, entry))
        && identity.access_key_id.as_deref() == entry.access_key_id.as_deref()
        && columns.eq(resources)
}

/// Events that a service made by itself were at first looked up by the service's name, and not by
/// `invokedBy`. Those records stay as they are.
fn is_earlier_service(identity: &Identity<'_>, entry: &TrailEntry) -> bool {
    identity.is_service() && entry.username.as_deref() == Some(&entry.event_source)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use sealgate_policy::{Caller, Environment, Principal, PrincipalKind};

    use super::*;
    use crate::event::Event;
    use crate::record::render;

    fn row(username: Option<&str>) -> TrailRow {
        let principal = Principal {
            account_id: "111111111111".to_owned(),
            kind: PrincipalKind::Service {
                name: "kms.amazonaws.com".to_owned(),
            },
            arn: String::new(),
            id: String::new(),
            access_key_id: None,
        };
        let environment = Environment {
            source_ip: None,
            secure_transport: true,
            user_agent: None,
            now: time::OffsetDateTime::UNIX_EPOCH,
            region: "us-east-1".to_owned(),
        };
        let caller = Caller::new(principal, environment);
        let mut event = Event::new("kms.amazonaws.com", "CreateKey", &caller, "id");
        event.set_invoked_by("AWS Internal");
        let mut entry = render(&event).remove(0);
        if let Some(name) = username {
            entry.username = Some(name.to_owned());
        }
        TrailRow {
            sequence: 1,
            chain: [0; 32],
            entry,
        }
    }

    #[test]
    fn events_of_services_agree_also_as_the_first_version_filed_them() {
        assert!(agrees(&row(None)));
        assert!(agrees(&row(Some("kms.amazonaws.com"))));
        assert!(!agrees(&row(Some("mallory"))));
    }
}

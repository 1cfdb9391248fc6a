//! LookupEvents: the newest events of an account, by one attribute.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::{TrailAttribute, TrailEntry, TrailQuery};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::error::AuditError;
use crate::trail::Trail;

/// The most events of one page, and how many there are when the caller does not say.
pub const MAX_RESULTS: usize = 50;

const TOKEN_VERSION: u8 = 1;
/// Bytes of the digest that ties a token to its query.
const TOKEN_TIE: usize = 8;

/// What to look up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookupRequest {
    /// The account whose events are looked up: always that of the caller.
    pub account_id: String,
    /// Only events with this attribute.
    pub attribute: Option<(TrailAttribute, String)>,
    /// Only events of this time or later.
    pub start: Option<OffsetDateTime>,
    /// Only events of this time or earlier.
    pub end: Option<OffsetDateTime>,
    /// Events per page, 1 to [`MAX_RESULTS`].
    pub max_results: Option<i64>,
    /// The token of the page before.
    pub next_token: Option<String>,
}

/// A page of events, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupPage {
    /// The events; `event` of each is the CloudTrail record.
    pub events: Vec<TrailEntry>,
    /// The token of the next page, if there is one.
    pub next_token: Option<String>,
}

/// The attribute of that name.
///
/// # Errors
/// [`AuditError::InvalidLookupAttribute`] if there is none.
pub fn parse_attribute(name: &str) -> Result<TrailAttribute, AuditError> {
    Ok(match name {
        "EventId" => TrailAttribute::EventId,
        "EventName" => TrailAttribute::EventName,
        "ReadOnly" => TrailAttribute::ReadOnly,
        "Username" => TrailAttribute::Username,
        "ResourceType" => TrailAttribute::ResourceType,
        "ResourceName" => TrailAttribute::ResourceName,
        "EventSource" => TrailAttribute::EventSource,
        "AccessKeyId" => TrailAttribute::AccessKeyId,
        other => return Err(AuditError::InvalidLookupAttribute(other.to_owned())),
    })
}

/// One event as a member of `Events` in the answer of LookupEvents.
#[must_use]
pub fn lookup_json(entry: &TrailEntry) -> Value {
    let mut event = json!({
        "EventId": entry.event_id,
        "EventName": entry.event_name,
        // A string in this answer, unlike in the record.
        "ReadOnly": if entry.read_only { "true" } else { "false" },
        "EventTime": entry.time.unix_timestamp(),
        "EventSource": entry.event_source,
        "Resources": entry.resources.iter().map(|(kind, name)| json!({
            "ResourceType": kind,
            "ResourceName": name,
        })).collect::<Vec<_>>(),
        "CloudTrailEvent": String::from_utf8_lossy(&entry.event),
    });
    if let Some(fields) = event.as_object_mut() {
        if let Some(name) = &entry.username {
            fields.insert("Username".to_owned(), name.as_str().into());
        }
        if let Some(key) = &entry.access_key_id {
            fields.insert("AccessKeyId".to_owned(), key.as_str().into());
        }
    }
    event
}

impl Trail {
    /// Looks events up. What was recorded before is there, batched or not.
    ///
    /// # Errors
    /// If the request is not valid, or the index fails.
    pub async fn lookup(&self, request: LookupRequest) -> Result<LookupPage, AuditError> {
        let limit = match request.max_results {
            None => MAX_RESULTS,
            Some(wanted) => usize::try_from(wanted)
                .ok()
                .filter(|wanted| (1..=MAX_RESULTS).contains(wanted))
                .ok_or(AuditError::InvalidMaxResults)?,
        };
        if let (Some(start), Some(end)) = (request.start, request.end)
            && start > end
        {
            return Err(AuditError::InvalidTimeRange);
        }
        if request.next_token.is_none() {
            self.flush().await?;
        }
        let tie = tie(&request);
        let before = request
            .next_token
            .as_deref()
            .map(|token| open_token(token, tie))
            .transpose()?;
        let (rows, next) = self
            .index()
            .trail_lookup(TrailQuery {
                account_id: request.account_id,
                attribute: request.attribute,
                start: request.start,
                end: request.end,
                before,
                limit,
            })
            .await?;
        Ok(LookupPage {
            events: rows.into_iter().map(|(_, entry)| entry).collect(),
            next_token: next.map(|sequence| token(sequence, tie)),
        })
    }
}

/// A short digest of the query: a token continues the query it was given for and no other.
fn tie(request: &LookupRequest) -> [u8; TOKEN_TIE] {
    let mut digest = Sha256::new();
    digest.update(format!(
        "{:?}",
        (
            &request.account_id,
            &request.attribute,
            request.start,
            request.end
        )
    ));
    let mut tie = [0; TOKEN_TIE];
    tie.iter_mut()
        .zip(digest.finalize())
        .for_each(|(to, from)| *to = from);
    tie
}

fn token(sequence: i64, tie: [u8; TOKEN_TIE]) -> String {
    let mut bytes = vec![TOKEN_VERSION];
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&tie);
    hex::encode(bytes)
}

fn open_token(token: &str, tie: [u8; TOKEN_TIE]) -> Result<i64, AuditError> {
    let bytes = hex::decode(token).map_err(|_| AuditError::InvalidNextToken)?;
    if let Some((&TOKEN_VERSION, rest)) = bytes.split_first()
        && let Some((sequence, found)) = rest.split_first_chunk()
        && found == tie
    {
        Ok(i64::from_be_bytes(*sequence))
    } else {
        Err(AuditError::InvalidNextToken)
    }
}

//! The use of a key over time, by operation and by principal, allowed and denied: counted in the newest records that
//! the trail has of it.

use std::collections::BTreeMap;

use sealgate_audit::{LookupRequest, TrailAttribute, TrailEntry};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::actor::Actor;
use crate::fault::Fault;
use crate::pages::words;
use crate::views::short_name;
use crate::visit::Visit;

/// Records that are counted, in pages of fifty.
const PAGES: usize = 20;
const DAYS: i64 = 30;
/// Operations with a colour of their own; the others are one.
const NAMED: usize = 4;
const BARS: i64 = 30;

/// A line of a table.
pub(crate) struct Count {
    pub(crate) name: String,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
}

/// What was counted.
pub(crate) struct UseOverTime {
    pub(crate) operations: Vec<Count>,
    pub(crate) principals: Vec<Count>,
    /// Of the chart.
    pub(crate) lines: String,
    pub(crate) names: String,
    /// How much that is, in words.
    pub(crate) about: String,
}

impl UseOverTime {
    pub(crate) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

struct Use {
    time: OffsetDateTime,
    operation: String,
    principal: String,
    denied: bool,
}

/// Counts. That the caller may look events up has been asked, and is on record, by the list on the same page.
pub(crate) async fn count(
    visit: &Visit,
    actor: &Actor<'_>,
    arn: &str,
) -> Result<UseOverTime, Fault> {
    let now = OffsetDateTime::now_utc();
    let trail = &visit.console.deps.trail;
    let mut request = LookupRequest {
        account_id: actor.session.account.clone(),
        attribute: Some((TrailAttribute::ResourceName, arn.to_owned())),
        start: Some(now - Duration::days(DAYS)),
        ..LookupRequest::default()
    };
    let (mut uses, mut read, mut more) = (Vec::new(), 0, false);
    for _ in 0..PAGES {
        let page = trail
            .lookup(request.clone())
            .await
            .map_err(|_| Fault::Internal)?;
        read += page.events.len();
        uses.extend(page.events.iter().filter_map(used));
        more = page.next_token.is_some();
        request.next_token = page.next_token;
        if !more {
            break;
        }
    }
    let about = match (more, uses.last()) {
        (true, Some(first)) => format!(
            "The newest {read} records of this key, which reach back to {}.",
            words::time(first.time)
        ),
        _ => format!("All {read} records of this key in the last {DAYS} days."),
    };
    Ok(laid_out(&uses, now, about))
}

/// A use, if the record is one: those who look at a key or manage it do not use it.
fn used(entry: &TrailEntry) -> Option<Use> {
    let manages = [
        "Describe", "Get", "List", "Create", "Put", "Update", "Tag", "Untag", "Enable", "Disable",
        "Schedule", "Cancel", "Rotate", "Import", "Delete", "Revoke", "Retire",
    ];
    let name = entry.event_name.as_str();
    if name != "GetPublicKey" && manages.iter().any(|verb| name.starts_with(verb)) {
        return None;
    }
    let record: Value = serde_json::from_slice(&entry.event).ok()?;
    let identity = &record["userIdentity"];
    let principal = match identity["arn"].as_str() {
        Some(arn) => short_name(arn),
        None => identity["invokedBy"]
            .as_str()
            .or(identity["type"].as_str())
            .unwrap_or("?")
            .to_owned(),
    };
    Some(Use {
        time: entry.time,
        operation: entry.event_name.clone(),
        principal,
        denied: record["errorCode"].is_string(),
    })
}

fn counts<'a>(uses: &'a [Use], name: impl Fn(&'a Use) -> &'a str) -> Vec<Count> {
    let mut counted: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for one in uses {
        let (allowed, denied) = counted.entry(name(one)).or_default();
        *(if one.denied { denied } else { allowed }) += 1;
    }
    let mut counts: Vec<Count> = counted
        .into_iter()
        .map(|(name, (allowed, denied))| Count {
            name: name.to_owned(),
            allowed,
            denied,
        })
        .collect();
    counts.sort_by_key(|it| std::cmp::Reverse(it.allowed + it.denied));
    counts
}

/// Stacked bars, the highest first: allowed uses by operation, then those that were refused.
fn laid_out(uses: &[Use], now: OffsetDateTime, about: String) -> UseOverTime {
    let operations = counts(uses, |one| &one.operation);
    let mut principals = counts(uses, |one| &one.principal);
    principals.truncate(10);
    let named: Vec<&str> = operations
        .iter()
        .take(NAMED)
        .map(|it| it.name.as_str())
        .collect();
    let first = uses.iter().map(|one| one.time).min().unwrap_or(now);
    let seconds = (now - first).whole_seconds().max(BARS * 60);
    // Whole minutes, hours or days, so that bars have ends that people know.
    let step = [60, 300, 900, 3600, 4 * 3600, 86_400]
        .into_iter()
        .find(|step| seconds / step <= BARS)
        .unwrap_or(86_400);
    let bar_of =
        |time: OffsetDateTime| time.unix_timestamp() - time.unix_timestamp().rem_euclid(step);
    let (start, end) = (bar_of(now) - seconds / step * step, bar_of(now));
    let times: Vec<i64> = (0..)
        .map(|at| start + at * step)
        .take_while(|time| *time <= end)
        .collect();
    let kinds = named.len() + 2;
    let mut bars = vec![vec![0u64; times.len()]; kinds];
    for one in uses {
        let kind = match named.iter().position(|name| *name == one.operation) {
            _ if one.denied => kinds - 1,
            Some(kind) => kind,
            None => kinds - 2,
        };
        let at = usize::try_from((bar_of(one.time) - start) / step).ok();
        if let Some(bar) = at.and_then(|at| bars.get_mut(kind)?.get_mut(at)) {
            *bar += 1;
        }
    }
    // A bar stands on those behind it, which are drawn after it and cover its foot.
    for kind in (0..kinds.saturating_sub(1)).rev() {
        let below = bars.get(kind + 1).cloned().unwrap_or_default();
        if let Some(bar) = bars.get_mut(kind) {
            bar.iter_mut()
                .zip(below)
                .for_each(|(bar, below)| *bar += below);
        }
    }
    let mut names: Vec<&str> = named;
    names.extend(["Others", "Refused"]);
    UseOverTime {
        lines: json!({ "times": times, "charts": { "use": bars } }).to_string(),
        names: json!(names).to_string(),
        operations,
        principals,
        about,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn one(now: OffsetDateTime, minutes: i64, operation: &str, denied: bool) -> Use {
        Use {
            time: now - Duration::minutes(minutes),
            operation: operation.to_owned(),
            principal: "alice".to_owned(),
            denied,
        }
    }

    #[test]
    fn every_use_is_in_one_bar_and_one_line_of_each_table() {
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let uses = [
            one(now, 0, "Decrypt", false),
            one(now, 1, "Decrypt", true),
            one(now, 600, "Encrypt", false),
            one(now, 600, "Sign", false),
        ];
        let laid = laid_out(&uses, now, String::new());
        let lines: Value = serde_json::from_str(&laid.lines).unwrap();
        let bars = lines["charts"]["use"].as_array().unwrap();
        let names: Vec<String> = serde_json::from_str(&laid.names).unwrap();
        assert_eq!(bars.len(), names.len());
        // The first is as high as all together.
        let sum: u64 = bars[0]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_u64().unwrap())
            .sum();
        assert_eq!(sum, 4);
        let refused: u64 = bars
            .last()
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_u64().unwrap())
            .sum();
        assert_eq!(refused, 1);
        assert_eq!(
            (
                laid.operations[0].name.as_str(),
                laid.operations[0].allowed,
                laid.operations[0].denied
            ),
            ("Decrypt", 1, 1)
        );
        assert_eq!(laid.principals.len(), 1);
        assert!(laid_out(&[], now, String::new()).is_empty());
    }
}

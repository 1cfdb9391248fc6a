//! The audit trail: searched as `LookupEvents` searches it, record by record.

mod chain;
mod export;
mod search;
mod why;

use askama::Template;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::words;
use crate::fault::{Fault, Refusal};
use crate::response::Page;
use crate::views::{Shell, page, short_name};
use crate::visit::Visit;

use chain::Chain;
pub(crate) use chain::verify;
pub(crate) use export::send as export;
use search::{Found, Outcome, Search};

/// The attributes that the trail is searched by, with the words for them.
const ATTRIBUTES: [(&str, &str); 8] = [
    ("EventName", "Operation"),
    ("Username", "Principal"),
    ("ResourceName", "Resource"),
    ("EventSource", "Service"),
    ("AccessKeyId", "Access key"),
    ("ResourceType", "Type of resource"),
    ("ReadOnly", "Reads only"),
    ("EventId", "Event ID"),
];
const ON_A_PAGE: usize = 50;
/// Answers of fifty events that are looked through for a page of those with one outcome.
const ANSWERS: usize = 20;

/// An event, as lists show it.
pub(crate) struct EventRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) time: String,
    pub(crate) who: String,
    pub(crate) resource: String,
    pub(crate) error: String,
}

/// The events of an answer of LookupEvents.
pub(crate) fn rows(answer: &Value) -> Vec<EventRow> {
    let events = answer["Events"].as_array();
    events.into_iter().flatten().map(row).collect()
}

fn row(event: &Value) -> EventRow {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let record = record(event);
    let identity = &record["userIdentity"];
    let who = match text(&event["Username"]) {
        name if !name.is_empty() => name,
        _ => match identity["arn"].as_str() {
            Some(arn) => short_name(arn),
            None => text(&identity["type"]),
        },
    };
    let source = text(&event["EventSource"]);
    EventRow {
        id: text(&event["EventId"]),
        name: text(&event["EventName"]),
        source: source.replace(".amazonaws.com", ""),
        time: words::json_time(&event["EventTime"]),
        who: if who == "root" {
            "Root user".into()
        } else {
            who
        },
        resource: resource(event),
        error: text(&record["errorCode"]),
    }
}

fn resource(event: &Value) -> String {
    let name = event["Resources"][0]["ResourceName"]
        .as_str()
        .unwrap_or_default();
    name.rsplit(":").next().unwrap_or(name).to_owned()
}

fn record(event: &Value) -> Value {
    event["CloudTrailEvent"]
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    shell: Shell,
    attributes: [(&'static str, &'static str); 8],
    attribute: &'a str,
    value: &'a str,
    from: &'a str,
    to: &'a str,
    outcomes: [(&'static str, &'static str); 4],
    outcome: &'a str,
    events: Vec<EventRow>,
    looked_at: usize,
    next: Option<String>,
    as_json: String,
    as_gzip: String,
    most: usize,
    walked: i64,
    chain: Option<Chain>,
    problem: Option<String>,
}

/// The list.
pub(crate) async fn list(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let (attribute, value) = (
        visit.parameter("attribute"),
        visit.parameter("value").trim(),
    );
    let (from, to) = (visit.parameter("from"), visit.parameter("to"));
    let outcome = visit.parameter("outcome");
    let asked = [
        ("attribute", if value.is_empty() { "" } else { attribute }),
        ("value", value),
        ("from", from),
        ("to", to),
        ("outcome", outcome),
    ];
    let and = |name, value| {
        let mut asked = asked.to_vec();
        asked.push((name, value));
        asked
    };
    let found = match Search::of(visit) {
        Ok(search) => search.run(visit, ON_A_PAGE, ANSWERS).await,
        Err(problem) => Err(Refusal {
            status: 400,
            code: String::new(),
            message: problem,
        }
        .into()),
    };
    let (found, problem) = match found {
        Ok(found) => (found, None),
        Err(Fault::Refused(refusal)) => {
            let nothing = Found {
                events: Vec::new(),
                looked_at: 0,
                next: None,
            };
            (nothing, Some(refusal.words().to_owned()))
        }
        Err(fault) => return Err(fault),
    };
    let caller = actor.caller().await?;
    let chain = match actor.why_not(&caller, "cloudtrail:LookupEvents") {
        None => Some(chain::state(visit).await?),
        Some(_) => None,
    };
    let next = found.next.as_deref();
    page(&AuditPage {
        attributes: ATTRIBUTES,
        attribute,
        value,
        from,
        to,
        outcomes: Outcome::ALL,
        outcome,
        events: found.events.iter().map(row).collect(),
        looked_at: found.looked_at,
        next: next.map(|token| super::link("/console/audit", &and("token", token))),
        as_json: super::link("/console/audit/export", &and("as", "json")),
        as_gzip: super::link("/console/audit/export", &and("as", "gzip")),
        most: export::MOST,
        walked: chain::WALKED,
        chain,
        problem,
        shell: Shell::new(visit, "audit", "Audit"),
    })
}

/// What the field of a browser for a time gives, taken as UTC.
pub(crate) fn local_time(text: &str) -> Option<OffsetDateTime> {
    const MINUTES: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]");
    const SECONDS: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    time::PrimitiveDateTime::parse(text, MINUTES)
        .or_else(|_| time::PrimitiveDateTime::parse(text, SECONDS))
        .map(time::PrimitiveDateTime::assume_utc)
        .ok()
}

/// Where it is asked what policies say of the same call now.
fn again(record: &Value) -> Option<String> {
    record["errorCode"].as_str()?;
    let principal = record["userIdentity"]["arn"].as_str()?;
    let service = record["eventSource"]
        .as_str()?
        .strip_suffix(".amazonaws.com")?;
    let action = format!("{service}:{}", record["eventName"].as_str()?);
    let resource = record["resources"][0]["ARN"].as_str().unwrap_or_default();
    let query = [
        ("principal", principal),
        ("action", &action),
        ("resource", resource),
    ];
    Some(super::link("/console/people/simulate", &query))
}

#[derive(Template)]
#[template(path = "audit_event.html")]
struct EventPage {
    shell: Shell,
    event: EventRow,
    facts: Vec<(&'static str, String)>,
    message: String,
    why: Vec<String>,
    again: Option<String>,
    resources: Vec<(String, String)>,
    json: String,
}

/// One record.
pub(crate) async fn show(visit: &Visit, id: &str) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let input =
        json!({ "LookupAttributes": [{ "AttributeKey": "EventId", "AttributeValue": id }] });
    let answer = actor.cloudtrail("LookupEvents", &input).await?;
    let event = &answer["Events"][0];
    if event.is_null() {
        return Err(Fault::NotFound);
    }
    let record = record(event);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = OffsetDateTime::parse(&text(&record["eventTime"]), &Rfc3339);
    let facts = [
        ("When", time.map_or_else(|_| String::new(), words::time)),
        ("Principal", text(&record["userIdentity"]["arn"])),
        ("Access key", text(&record["userIdentity"]["accessKeyId"])),
        ("From", text(&record["sourceIPAddress"])),
        ("With", text(&record["userAgent"])),
        ("Service", text(&record["eventSource"])),
        ("Region", text(&record["awsRegion"])),
        ("Request", text(&record["requestID"])),
        ("Event", text(&record["eventID"])),
    ];
    let resources = record["resources"].as_array();
    let row = row(event);
    page(&EventPage {
        shell: Shell::new(visit, "audit", row.name.clone()),
        facts: facts
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .collect(),
        message: text(&record["errorMessage"]),
        why: why::sentences(&record),
        again: again(&record),
        resources: resources
            .into_iter()
            .flatten()
            .map(|it| (text(&it["type"]), text(&it["ARN"])))
            .collect(),
        json: serde_json::to_string_pretty(&record).unwrap_or_default(),
        event: row,
    })
}

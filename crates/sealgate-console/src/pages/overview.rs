//! The front page: what there is, whether it is well, and what happened last.

use askama::Template;
use http::Method;
use serde_json::json;

use super::audit::{EventRow, rows};
use super::words;
use crate::actor::S3Request;
use crate::fault::Fault;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

/// Keys that are counted; of more it says so.
const COUNTED: usize = 1000;
const LATEST: usize = 8;

/// A number, or why it is not known.
struct Figure {
    value: String,
    about: String,
    refused: Option<String>,
}

impl Figure {
    fn of(outcome: Result<(String, String), Fault>) -> Result<Figure, Fault> {
        match outcome {
            Ok((value, about)) => Ok(Figure {
                value,
                about,
                refused: None,
            }),
            Err(Fault::Refused(refusal)) => Ok(Figure {
                value: "–".into(),
                about: String::new(),
                refused: Some(refusal.words().to_owned()),
            }),
            Err(fault) => Err(fault),
        }
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    shell: Shell,
    keys: Figure,
    buckets: Figure,
    people: Figure,
    events: Vec<EventRow>,
    events_refused: Option<String>,
    facts: Vec<(&'static str, String)>,
}

pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let keys = async {
        let answer = actor.kms("ListKeys", &json!({ "Limit": COUNTED })).await?;
        let count = answer["Keys"].as_array().map_or(0, Vec::len);
        let more = if answer["Truncated"] == true { "+" } else { "" };
        Ok((format!("{count}{more}"), "KMS keys".into()))
    };
    let buckets = async {
        let answer = actor.s3(S3Request::new(Method::GET, "")).await?;
        let count = answer.at(&["Buckets"]).all("Bucket").count();
        Ok((count.to_string(), "buckets".into()))
    };
    let people = async {
        let answer = actor.iam("GetAccountSummary", &[]).await?;
        let count = |name: &str| {
            answer
                .at(&["SummaryMap"])
                .all("entry")
                .find(|entry| entry.text("key") == name)
                .and_then(|entry| entry.text("value").parse::<u64>().ok())
                .unwrap_or_default()
        };
        let about = format!(
            "users, {}, {}",
            words::plural(count("Groups"), "group"),
            words::plural(count("Roles"), "role")
        );
        Ok((count("Users").to_string(), about))
    };
    let latest = json!({
        "MaxResults": LATEST,
        "LookupAttributes": [{ "AttributeKey": "ReadOnly", "AttributeValue": "false" }],
    });
    let events = actor.cloudtrail("LookupEvents", &latest);
    let (keys, buckets, people, events) = tokio::join!(keys, buckets, people, events);
    let (events, events_refused) = match events {
        Ok(answer) => (rows(&answer), None),
        Err(Fault::Refused(refusal)) => (Vec::new(), Some(refusal.words().to_owned())),
        Err(fault) => return Err(fault),
    };
    page(&Overview {
        keys: Figure::of(keys)?,
        buckets: Figure::of(buckets)?,
        people: Figure::of(people)?,
        events,
        events_refused,
        facts: (visit.console.deps.facts)(),
        shell: Shell::new(visit, "overview", "Overview"),
    })
}

//! The front page: what there is, whether it is well, and what happened last.

use askama::Template;
use http::Method;
use sealgate_kms::{KeyQuery, KeySummaries};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::audit::{EventRow, rows};
use super::series;
use super::words;
use crate::Fact;
use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

/// Keys that are looked at; of more it says so.
const COUNTED: usize = 1000;
const LATEST: usize = 8;
/// Buckets whose contents are summed up, and those that are shown.
const MEASURED: usize = 500;
const LARGEST: usize = 8;
/// A rotation is near when it is due within this time.
const NEAR: Duration = Duration::days(14);
/// NIST SP 800-38D allows a key 2^32 messages with random nonces. Keys here derive one for each message, so that
/// this is no limit of theirs; it is a limit of many rules that people have to keep.
const MANY_USES: u64 = 1 << 31;

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
    facts: Vec<Fact>,
    why_no_figures: Option<String>,
    window: &'static str,
    windows: [(&'static str, &'static str, u64); 4],
    lines: String,
    latest: Vec<(&'static str, String)>,
    storage: Vec<Stored>,
    storage_about: String,
    attention: Vec<Attention>,
    keys_about: String,
}

/// What is in a bucket.
struct Stored {
    bucket: String,
    objects: u64,
    versions: u64,
    bytes: u64,
    size: String,
    /// Of the largest, in percent.
    part: u64,
}

/// A key that somebody should look at.
struct Attention {
    id: String,
    name: String,
    words: String,
    colour: &'static str,
}

pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let keys = KeyQuery {
        limit: COUNTED,
        look_at: COUNTED,
        ..KeyQuery::default()
    };
    let keys = actor.key_summaries(&keys);
    let buckets = async {
        let answer = actor.s3(S3Request::new(Method::GET, "")).await?;
        let buckets = answer.at(&["Buckets"]);
        let names = buckets.all("Bucket");
        Ok::<Vec<String>, Fault>(names.map(|it| it.text("Name").to_owned()).collect())
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
    let facts = (visit.console.deps.facts)();
    let (keys, buckets, people, events, facts) =
        tokio::join!(Box::pin(keys), buckets, people, events, facts);
    let why_no_figures = series::why_not(&actor).await?;
    let (window, seconds) = series::window(visit);
    let shown = match why_no_figures {
        None => series::samples(visit, seconds),
        Some(_) => (15, Vec::new()),
    };
    let (storage, storage_about) = match (&buckets, &why_no_figures) {
        (Ok(names), None) => storage(&actor, names).await,
        _ => (Vec::new(), String::new()),
    };
    let (attention, keys_about) = match &keys {
        Ok(keys) => (attention(keys), keys_about(keys)),
        Err(_) => (Vec::new(), String::new()),
    };
    let keys = keys.map(|keys| {
        let more = if keys.next_marker.is_some() { "+" } else { "" };
        (format!("{}{more}", keys.keys.len()), "KMS keys".to_owned())
    });
    let buckets = buckets.map(|names| (names.len().to_string(), "buckets".to_owned()));
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
        facts,
        window,
        windows: series::WINDOWS,
        lines: series::lines(&shown).to_string(),
        latest: series::latest(&shown),
        storage,
        storage_about,
        attention,
        keys_about,
        shell: match why_no_figures {
            None => Shell::new(visit, "overview", "Overview").with_charts(),
            Some(_) => Shell::new(visit, "overview", "Overview"),
        },
        why_no_figures,
    })
}

/// The largest buckets, by what the index counts as it writes.
async fn storage(actor: &Actor<'_>, names: &[String]) -> (Vec<Stored>, String) {
    let mut stored = Vec::new();
    for name in names.iter().take(MEASURED) {
        if let Some(usage) = actor.bucket_usage(name).await {
            stored.push(Stored {
                bucket: name.clone(),
                objects: usage.objects,
                versions: usage.versions,
                bytes: usage.bytes,
                size: words::bytes(usage.bytes),
                part: 0,
            });
        }
    }
    let bytes = stored
        .iter()
        .map(|it| it.bytes)
        .fold(0, u64::saturating_add);
    let objects = stored
        .iter()
        .map(|it| it.objects)
        .fold(0, u64::saturating_add);
    let about = format!(
        "{} of all versions, {} in {}{}.",
        words::bytes(bytes),
        words::plural(objects, "object"),
        words::plural(stored.len() as u64, "bucket"),
        if names.len() > MEASURED {
            "; more were not added up"
        } else {
            ""
        },
    );
    stored.sort_by_key(|it| std::cmp::Reverse(it.bytes));
    stored.truncate(LARGEST);
    let largest = stored.first().map_or(0, |it| it.bytes).max(1);
    for it in &mut stored {
        let part = u128::from(it.bytes) * 100 / u128::from(largest);
        it.part = u64::try_from(part).unwrap_or(100);
    }
    (stored, about)
}

fn attention(keys: &KeySummaries) -> Vec<Attention> {
    let now = OffsetDateTime::now_utc();
    let mut attention = Vec::new();
    for key in &keys.keys {
        let Some(metadata) = &key.metadata else {
            continue;
        };
        let managed = metadata.manager == sealgate_kms::KeyManager::Aws;
        let rotation = key.next_rotation.filter(|next| *next <= now + NEAR);
        let state = metadata.state.as_str();
        let (words, colour) = if let Some(end) = metadata.deletion_date {
            (format!("is deleted on {}", words::time(end)), "bad")
        } else if let Some(end) = metadata.valid_to.filter(|end| *end <= now + NEAR) {
            (
                format!("its material expires on {}", words::time(end)),
                "bad",
            )
        } else if matches!(state, "Unavailable" | "PendingImport") {
            (super::keys::state(state).words.to_lowercase(), "warn")
        } else if key.uses >= MANY_USES {
            (
                format!("its material was used {} times: rotate it", key.uses),
                "warn",
            )
        } else if let Some(next) = rotation.filter(|_| !managed) {
            (format!("is rotated on {}", words::time(next)), "")
        } else {
            continue;
        };
        let name = key.aliases.first();
        attention.push(Attention {
            name: name
                .map_or(key.key_id.as_str(), |name| {
                    name.trim_start_matches("alias/")
                })
                .to_owned(),
            id: key.key_id.clone(),
            words,
            colour,
        });
    }
    // What is lost first comes first.
    attention.sort_by_key(|it| match it.colour {
        "bad" => 0,
        "warn" => 1,
        _ => 2,
    });
    attention.truncate(LARGEST);
    attention
}

fn keys_about(keys: &KeySummaries) -> String {
    match &keys.next_marker {
        Some(_) => format!("Of the first {COUNTED} keys."),
        None => String::new(),
    }
}

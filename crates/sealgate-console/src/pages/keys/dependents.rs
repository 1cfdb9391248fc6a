//! What depends on a key: buckets that seal with it unless told otherwise, what is under it, who holds grants, and
//! when it was last used. Beside it, its deletion, which is asked for by typing its name.

use std::collections::BTreeMap;

use askama::Template;
use futures_util::{StreamExt as _, stream};
use http::Method;
use serde_json::json;

use super::detail;
use super::text;
use super::view::{self, Doing, View};
use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::buckets::default_encryption;
use crate::pages::{finished, words};
use crate::response::Page;
use crate::views::{Shell, short_name};
use crate::visit::Visit;

/// Buckets that are asked for their default encryption.
const ASKED: usize = 200;
/// Buckets that are shown with what is under the key in them.
const SHOWN: usize = 50;
const AT_A_TIME: usize = 8;
const DAYS: std::ops::RangeInclusive<u32> = 7..=30;

/// What was typed to delete the key, and what is wrong with it.
pub(crate) struct Typed {
    name: String,
    days: String,
    name_problem: Option<String>,
    days_problem: Option<String>,
}

impl Typed {
    pub(crate) fn is_wrong(&self) -> bool {
        self.name_problem.is_some() || self.days_problem.is_some()
    }
}

struct Row {
    bucket: String,
    material: u32,
    versions: u64,
    bytes: String,
}

struct Sum {
    material: u32,
    versions: u64,
    bytes: String,
}

#[derive(Default)]
struct Defaults {
    buckets: Vec<String>,
    unseen: usize,
    unasked: usize,
    refused: Option<String>,
}

struct LastUse {
    operation: String,
    at: String,
    event: String,
}

#[derive(Template)]
#[template(path = "key_dependents.html")]
struct Dependents<'a> {
    shell: &'a Shell,
    id: &'a str,
    title: &'a str,
    deletable: bool,
    defaults: Defaults,
    rows: Vec<Row>,
    sums: Vec<Sum>,
    versions: u64,
    counted: String,
    bytes: String,
    unseen: usize,
    unshown: usize,
    complete: bool,
    looked_at: u64,
    at: String,
    grants: usize,
    more_grants: bool,
    last: Option<LastUse>,
    never_since: String,
    why_delete: Option<String>,
    typed: Typed,
    cli: String,
}

impl Dependents<'_> {
    fn count(&self, count: impl std::borrow::Borrow<usize>, thing: &str) -> String {
        words::plural(u64::try_from(*count.borrow()).unwrap_or(u64::MAX), thing)
    }
}

/// The tab.
pub(super) async fn tab(view: &View<'_>, typed: Option<Typed>) -> Result<String, Fault> {
    let actor = view.actor;
    let defaults = defaults(view).await?;
    let holdings = actor.holdings(&view.arn).await?;
    let mut by_bucket: BTreeMap<&str, (u64, Vec<&sealgate_s3::Holding>)> = BTreeMap::new();
    for holding in &holdings.all {
        let (bytes, all) = by_bucket.entry(&holding.bucket).or_default();
        *bytes = bytes.saturating_add(holding.bytes);
        all.push(holding);
    }
    let mut buckets: Vec<_> = by_bucket.into_iter().collect();
    buckets.sort_by(|(_, (one, _)), (_, (other, _))| other.cmp(one));
    let unshown = buckets.len().saturating_sub(SHOWN);
    let (mut rows, mut sums, mut unseen) = (Vec::new(), BTreeMap::<u32, (u64, u64)>::new(), 0);
    for (bucket, (_, held)) in buckets.into_iter().take(SHOWN) {
        // Who may not list a bucket is not told what is in it, but that there is something.
        let list = S3Request::new(Method::GET, bucket).query("versions", "");
        if actor.why_not_s3(&list).await?.is_some() {
            unseen += 1;
            continue;
        }
        for holding in held {
            let (versions, bytes) = sums.entry(holding.material).or_default();
            *versions += holding.versions;
            *bytes = bytes.saturating_add(holding.bytes);
            rows.push(Row {
                bucket: bucket.to_owned(),
                material: holding.material,
                versions: holding.versions,
                bytes: words::bytes(holding.bytes),
            });
        }
    }
    let (grants, more_grants) = grants(actor, &view.id).await?;
    let (last, never_since) = last_use(actor, &view.id).await?.unwrap_or_default();
    let id = &view.id;
    let versions = sums.values().map(|(versions, _)| versions).sum();
    let page = Dependents {
        shell: view.shell,
        id: &view.id,
        title: &view.title,
        deletable: !view.managed && view.state_name != "PendingDeletion",
        defaults,
        rows,
        versions,
        counted: words::plural(versions, "version"),
        bytes: words::bytes(sums.values().map(|(_, bytes)| bytes).sum()),
        sums: sums
            .into_iter()
            .map(|(material, (versions, bytes))| Sum {
                material,
                versions,
                bytes: words::bytes(bytes),
            })
            .collect(),
        unseen,
        unshown,
        complete: holdings.complete,
        looked_at: holdings.looked_at,
        at: words::time(holdings.at),
        grants,
        more_grants,
        last,
        never_since,
        why_delete: actor
            .why_not_key(&actor.caller().await?, "kms:ScheduleKeyDeletion", &view.arn)
            .await,
        cli: format!("aws kms schedule-key-deletion --key-id {id} --pending-window-in-days 30"),
        typed: typed.unwrap_or(Typed {
            name: String::new(),
            days: "30".to_owned(),
            name_problem: None,
            days_problem: None,
        }),
    };
    super::render(&page)
}

/// Buckets of the account whose default encryption names the key, by whatever of its names.
async fn defaults(view: &View<'_>) -> Result<Defaults, Fault> {
    let actor = view.actor;
    let all = match actor.s3(S3Request::new(Method::GET, "")).await {
        Ok(answer) => answer,
        Err(Fault::Refused(refusal)) => {
            return Ok(Defaults {
                refused: Some(refusal.words().to_owned()),
                ..Defaults::default()
            });
        }
        Err(fault) => return Err(fault),
    };
    let names: Vec<String> = all
        .at(&["Buckets"])
        .all("Bucket")
        .map(|bucket| bucket.text("Name").to_owned())
        .collect();
    let mut found = Defaults {
        unasked: names.len().saturating_sub(ASKED),
        ..Defaults::default()
    };
    let asked: Vec<(String, Result<_, Fault>)> = stream::iter(names.into_iter().take(ASKED))
        .map(|name| async {
            let default = default_encryption(actor, &name).await;
            (name, default)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    for (name, default) in asked {
        match default {
            Ok(default) => {
                let named = match default.key.as_str() {
                    // The account's own key for S3.
                    "" => {
                        default.algorithm.starts_with("aws:kms")
                            && view.aliases.iter().any(|alias| alias.name == "aws/s3")
                    }
                    key => view.is_called(key),
                };
                if named {
                    found.buckets.push(name);
                }
            }
            Err(Fault::Refused(refusal)) if refusal.is_denial() => found.unseen += 1,
            Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

async fn grants(actor: &Actor<'_>, id: &str) -> Result<(usize, bool), Fault> {
    match actor
        .kms("ListGrants", &json!({ "KeyId": id, "Limit": 100 }))
        .await
    {
        Ok(answer) => Ok((
            answer["Grants"].as_array().map_or(0, Vec::len),
            answer["Truncated"] == true,
        )),
        Err(Fault::Refused(_)) => Ok((0, false)),
        Err(fault) => Err(fault),
    }
}

/// The last use, or since when there was none; nothing for who may not ask.
async fn last_use(actor: &Actor<'_>, id: &str) -> Result<Option<(Option<LastUse>, String)>, Fault> {
    let answer = match actor.kms("GetKeyLastUsage", &json!({ "KeyId": id })).await {
        Ok(answer) => answer,
        Err(Fault::Refused(_)) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let last = &answer["KeyLastUsage"];
    let since = words::json_time(&answer["TrackingStartDate"]);
    let used = last["Operation"].is_string().then(|| LastUse {
        operation: text(&last["Operation"]),
        at: words::json_time(&last["Timestamp"]),
        event: text(&last["CloudTrailEventId"]),
    });
    Ok(Some((used, since)))
}

/// The last use in a few words, for the list of facts.
pub(super) async fn last_use_in_words(actor: &Actor<'_>, id: &str) -> Result<String, Fault> {
    Ok(match last_use(actor, id).await? {
        Some((Some(last), _)) => format!("{}, by {}", last.at, last.operation),
        Some((None, since)) => format!("not since {since}"),
        None => String::new(),
    })
}

/// Schedules the deletion, if who asks for it typed which key it is.
pub(super) async fn delete(visit: &Visit, id: &str, form: &Form) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let typed = form.get("name");
    let plain = typed.strip_prefix("alias/").unwrap_or(typed);
    let is_it = typed == id
        || short_name(typed) == id && typed.starts_with("arn:")
        || view::aliases(&actor, id)
            .await?
            .iter()
            .any(|alias| alias.name == plain);
    let days: Option<u32> = form
        .get("days")
        .parse()
        .ok()
        .filter(|days| DAYS.contains(days));
    let typed = Typed {
        name: form.raw("name").to_owned(),
        days: form.get("days").to_owned(),
        name_problem: (!is_it)
            .then(|| "This is neither an alias of this key nor its id.".to_owned()),
        days_problem: days.is_none().then(|| "It takes 7 to 30 days.".to_owned()),
    };
    let Some(days) = days.filter(|_| is_it) else {
        return detail::show(visit, id, Some(Doing::Delete(typed))).await;
    };
    let input = json!({ "KeyId": id, "PendingWindowInDays": days });
    let outcome = async { actor.kms("ScheduleKeyDeletion", &input).await.map(drop) };
    let done = format!("The key will be deleted in {days} days. Until then it can be kept.");
    let place = format!("/console/keys/{id}");
    finished(visit, form, &place, done, outcome).await
}

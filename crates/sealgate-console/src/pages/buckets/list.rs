//! The list of buckets.

use askama::Template;
use futures_util::{StreamExt as _, stream};
use http::Method;

use super::{default_encryption, mode_words};
use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::pages::link;
use crate::pages::words;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

const ON_A_PAGE: usize = 50;
const AT_A_TIME: usize = 8;

struct Row {
    name: String,
    created: String,
    mode: &'static str,
}

#[derive(Template)]
#[template(path = "buckets.html")]
struct BucketsPage<'a> {
    shell: Shell,
    q: &'a str,
    rows: Vec<Row>,
    count: usize,
    next: Option<String>,
}

pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let q = visit.parameter("q").trim();
    let from: usize = visit.parameter("from").parse().unwrap_or(0);
    let answer = actor.s3(S3Request::new(Method::GET, "")).await?;
    let all: Vec<(String, String)> = answer
        .at(&["Buckets"])
        .all("Bucket")
        .map(|bucket| {
            let created = words::xml_time(bucket.text("CreationDate"));
            (bucket.text("Name").to_owned(), created)
        })
        .filter(|(name, _)| name.contains(&q.to_lowercase()))
        .collect();
    let count = all.len();
    let shown = all.into_iter().skip(from).take(ON_A_PAGE);
    let rows: Vec<Result<Row, Fault>> = stream::iter(shown)
        .map(|(name, created)| row(&actor, name, created))
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let next = from + ON_A_PAGE;
    page(&BucketsPage {
        q,
        rows: rows.into_iter().collect::<Result<_, _>>()?,
        count,
        next: (next < count).then(|| {
            let from = next.to_string();
            link("/console/buckets", &[("q", q), ("from", &from)])
        }),
        shell: Shell::new(visit, "buckets", "Buckets"),
    })
}

async fn row(actor: &Actor<'_>, name: String, created: String) -> Result<Row, Fault> {
    let mode = match default_encryption(actor, &name).await {
        Ok(default) => mode_words(&default.algorithm, false),
        Err(Fault::Refused(_)) => "–",
        Err(fault) => return Err(fault),
    };
    Ok(Row {
        name,
        created,
        mode,
    })
}

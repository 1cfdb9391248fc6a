//! The records that a search finds, as a file: JSON, or compressed as CloudTrail delivers it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Response};
use time::OffsetDateTime;
use time::macros::format_description;

use super::search::Search;
use crate::fault::{Fault, Refusal};
use crate::response::{Page, whole};
use crate::visit::Visit;

/// Records of a file, in answers of fifty: some megabytes.
pub(super) const MOST: usize = 5000;

/// Sends the file.
pub(crate) async fn send(visit: &Visit) -> Result<Page, Fault> {
    let search = Search::of(visit).map_err(|message| Refusal {
        status: 400,
        code: "ValidationException".to_owned(),
        message,
    })?;
    // One file is in memory at a time.
    let _turn = visit
        .console
        .walks
        .acquire()
        .await
        .map_err(|_| Fault::Internal)?;
    let found = search.run(visit, MOST, MOST / 50).await?;
    let mut body = b"{\"Records\":[".to_vec();
    let texts = found
        .events
        .iter()
        .filter_map(|event| event["CloudTrailEvent"].as_str());
    for (at, text) in texts.take(MOST).enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(text.as_bytes());
    }
    body.extend_from_slice(b"]}\n");
    let stamp = OffsetDateTime::now_utc()
        .format(format_description!("[year][month][day]T[hour][minute]Z"))
        .unwrap_or_default();
    let actor = visit.actor()?;
    let mut name = format!(
        "{}_CloudTrail_{}_{stamp}.json",
        actor.session.account,
        actor.region()
    );
    let compressed = visit.parameter("as") == "gzip";
    if compressed {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        body = encoder
            .write_all(&body)
            .and_then(|()| encoder.finish())
            .map_err(|_| Fault::Internal)?;
        name.push_str(".gz");
    }
    let mut response = Response::new(whole(body));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(match compressed {
            true => "application/gzip",
            false => "application/json",
        }),
    );
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    // A file that is not all says so in its head, and the page says it before.
    let more = HeaderValue::from_static(if found.next.is_some() { "yes" } else { "no" });
    headers.insert("x-more-records", more);
    Ok(response)
}

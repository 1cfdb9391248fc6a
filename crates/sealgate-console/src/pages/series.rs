//! Figures of the gateway over time, for its charts: as JSON, and the latest of them as a table. They are those of all
//! accounts, without any name; who may ask for metrics may see them.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use sealgate_series::{Column, Sample};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::words;
use crate::actor::Actor;
use crate::fault::{Fault, Refusal};
use crate::response::{Page, html};
use crate::visit::Visit;

/// The action that policies allow or deny these figures by.
pub(crate) const ACTION: &str = "cloudwatch:GetMetricData";
/// Points of a line.
const POINTS: u64 = 240;
/// What can be chosen: name, words, seconds.
pub(crate) const WINDOWS: [(&str, &str, u64); 4] = [
    ("15m", "15 minutes", 900),
    ("1h", "1 hour", 3600),
    ("1d", "1 day", 86_400),
    ("7d", "7 days", 604_800),
];

/// The window that is asked for.
pub(crate) fn window(visit: &Visit) -> (&'static str, u64) {
    let asked = visit.parameter("window");
    let known = WINDOWS.iter().find(|(name, ..)| *name == asked);
    known.map_or(("1h", 3600), |(name, _, seconds)| (name, *seconds))
}

/// Why the figures may not be seen by whoever is signed in.
pub(crate) async fn why_not(actor: &Actor<'_>) -> Result<Option<String>, Fault> {
    let caller = actor.caller().await?;
    Ok(actor.why_not(&caller, ACTION))
}

/// The samples of a window, and the seconds of each.
pub(crate) fn samples(visit: &Visit, seconds: u64) -> (u64, Vec<Sample>) {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let now = u64::try_from(now).unwrap_or_default();
    let series = &visit.console.deps.series;
    series.window(now, seconds, POINTS)
}

/// The lines of all charts.
pub(crate) fn lines(window: &(u64, Vec<Sample>)) -> Value {
    let (step, samples) = window;
    // Where the gateway did not run there is a gap.
    let mut times: Vec<u64> = Vec::new();
    let mut shown: Vec<Option<&Sample>> = Vec::new();
    for sample in samples {
        if let Some(last) = times.last().copied()
            && sample.time > last + 2 * step
        {
            times.push(last + step);
            shown.push(None);
        }
        times.push(sample.time);
        shown.push(Some(sample));
    }
    let rates = |column: Column| -> Value {
        let rate = |sample: &Option<&Sample>| sample.map(|sample| rounded(sample.rate(column)));
        shown.iter().map(rate).collect()
    };
    let milliseconds = |part: f64| -> Value {
        let latency = |sample: &Option<&Sample>| {
            sample.and_then(|sample| Some(rounded(sample.latency(part)? * 1000.0)))
        };
        shown.iter().map(latency).collect()
    };
    json!({
        "step": step,
        "times": times,
        "latest": latest(window),
        "charts": {
            "requests": [
                rates(Column::Done), rates(Column::Redirected), rates(Column::Refused), rates(Column::Failed),
            ],
            "latency": [milliseconds(0.5), milliseconds(0.95), milliseconds(0.99)],
            "bytes": [rates(Column::Received), rates(Column::Sent)],
            "kms": [rates(Column::KmsDone), rates(Column::KmsFailed)],
        },
    })
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The latest figures in words, for who sees no charts.
pub(crate) fn latest((step, samples): &(u64, Vec<Sample>)) -> Vec<(&'static str, String)> {
    let Some(last) = samples.last() else {
        return Vec::new();
    };
    let rate = |column: Column| format!("{:.1}/s", last.rate(column));
    let bytes = |column: Column| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate, and never negative"
        )]
        let rate = last.rate(column) as u64;
        format!("{}/s", words::bytes(rate))
    };
    let latency = |part: f64| match last.latency(part) {
        Some(seconds) => format!("{:.1} ms", seconds * 1000.0),
        None => "no requests".to_owned(),
    };
    let time = i64::try_from(last.time).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(time).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    vec![
        ("From", format!("{}, for {step} seconds", words::time(time))),
        ("Requests done", rate(Column::Done)),
        ("Redirected or not modified", rate(Column::Redirected)),
        ("Refused", rate(Column::Refused)),
        ("Failed here", rate(Column::Failed)),
        ("Latency, half of the requests", latency(0.5)),
        ("Latency, 95 of 100", latency(0.95)),
        ("Latency, 99 of 100", latency(0.99)),
        ("Received", bytes(Column::Received)),
        ("Sent", bytes(Column::Sent)),
        ("Calls of keys", rate(Column::KmsDone)),
        ("Calls of keys refused", rate(Column::KmsFailed)),
    ]
}

/// The lines as JSON.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    if let Some(message) = why_not(&actor).await? {
        return Err(Refusal {
            status: 403,
            code: "AccessDenied".to_owned(),
            message,
        }
        .into());
    }
    let (_, seconds) = window(visit);
    let lines = lines(&samples(visit, seconds));
    let mut page = html(StatusCode::OK, lines.to_string());
    let json = HeaderValue::from_static("application/json");
    page.headers_mut().insert(CONTENT_TYPE, json);
    Ok(page)
}

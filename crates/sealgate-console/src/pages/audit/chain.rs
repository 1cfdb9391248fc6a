//! The state of the chain: what is signed, what is not yet, and a walk over the newest records.

use hyper::body::Incoming;
use time::OffsetDateTime;

use crate::actor::Actor;
use crate::fault::{Fault, Refusal};
use crate::forms::Form;
use crate::pages::words;
use crate::response::{Page, see_other};
use crate::visit::Visit;

/// Records that a walk from here reads; all of them are for the command on the gateway.
pub(super) const WALKED: i64 = 20_000;
/// A head is due each hour; one that is later than this is late.
const LATE: time::Duration = time::Duration::hours(2);

/// What is shown of the chain.
pub(super) struct Chain {
    pub(super) words: String,
    pub(super) colour: &'static str,
    pub(super) state: &'static str,
    pub(super) chain: String,
}

/// The state, for whom the trail may be looked up.
pub(super) async fn state(visit: &Visit) -> Result<Chain, Fault> {
    let trail = &visit.console.deps.trail;
    let last = trail.newest_record().await.map_err(|_| Fault::Internal)?;
    let Some(head) = trail.newest_head().await else {
        return Ok(Chain {
            words: format!(
                "{} are chained; the first head is signed within the hour.",
                counted(last)
            ),
            colour: "warn",
            state: "not signed yet",
            chain: String::new(),
        });
    };
    let behind = last - head.sequence;
    let late = OffsetDateTime::now_utc() - head.time > LATE && behind > 0;
    Ok(Chain {
        words: format!(
            "Head {} signs {} on {}; {} since then are chained to it.",
            head.number,
            counted(head.sequence),
            words::time(head.time),
            counted(behind),
        ),
        colour: if late { "warn" } else { "good" },
        state: if late { "a head is late" } else { "signed" },
        chain: head.chain,
    })
}

fn counted(records: i64) -> String {
    words::plural(u64::try_from(records).unwrap_or_default(), "record")
}

/// Walks over the newest records, one walk at a time.
pub(crate) async fn verify(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    const PLACE: &str = "/console/audit";
    let form = Form::of_session(visit, body).await?;
    let actor: Actor<'_> = visit.actor()?;
    let caller = actor.caller().await?;
    if let Some(message) = actor.why_not(&caller, "cloudtrail:LookupEvents") {
        return Err(Refusal {
            status: 403,
            code: "AccessDeniedException".to_owned(),
            message,
        }
        .into());
    }
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(led_to.as_deref().unwrap_or(PLACE)));
    }
    let Ok(_turn) = visit.console.walks.try_acquire() else {
        form.end(visit, None);
        visit.tell(
            false,
            "Somebody else has it verified right now: try again in a moment.",
        );
        return Ok(see_other(PLACE));
    };
    let walked = visit.console.deps.trail.verify_newest(WALKED).await;
    form.end(visit, Some(PLACE));
    match walked {
        Ok(report) => {
            let words = match &report.broken {
                Some(broken) => format!("The trail is broken: {broken}."),
                None if !report.is_whole() => {
                    format!(
                        "{} records say something else than their columns, the first of them {:?}.",
                        report.disagreeing.len(),
                        report.disagreeing.first()
                    )
                }
                None => format!(
                    "Whole: records {} to {} are chained, and {} among them fit.",
                    report.first,
                    report.last,
                    words::plural(report.heads, "signed head"),
                ),
            };
            visit.tell(report.is_whole(), words);
        }
        Err(error) => {
            tracing::error!(%error, "the trail could not be verified");
            visit.tell(false, "The trail could not be read; the log says why.");
        }
    }
    Ok(see_other(PLACE))
}

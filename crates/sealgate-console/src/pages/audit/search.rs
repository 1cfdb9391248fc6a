//! A search in the trail: what the form asks for, as LookupEvents has it, and which outcomes are wanted besides.

use sealgate_audit::{LookupRequest, lookup_json, parse_attribute};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::local_time;
use crate::actor::Actor;
use crate::fault::{Fault, Refusal};
use crate::visit::Visit;

/// Events of one answer of LookupEvents, at most.
const ANSWER: i64 = 50;

/// How calls ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Any,
    Done,
    Denied,
    Failed,
}

impl Outcome {
    /// With the words that choose them.
    pub(super) const ALL: [(&'static str, &'static str); 4] = [
        ("", "Any"),
        ("done", "Done"),
        ("denied", "Denied"),
        ("failed", "Failed otherwise"),
    ];

    fn parse(word: &str) -> Outcome {
        match word {
            "done" => Outcome::Done,
            "denied" => Outcome::Denied,
            "failed" => Outcome::Failed,
            _ => Outcome::Any,
        }
    }

    fn fits(self, event: &Value) -> bool {
        if self == Outcome::Any {
            return true;
        }
        let record = super::record(event);
        let code = record["errorCode"].as_str();
        let denied = code
            .map(|code| code.contains("AccessDenied") || code == "Client.UnauthorizedOperation");
        matches!(
            (self, denied),
            (Outcome::Done, None) | (Outcome::Denied, Some(true)) | (Outcome::Failed, Some(false))
        )
    }
}

/// A search.
pub(super) struct Search {
    attribute: Option<(String, String)>,
    start: Option<OffsetDateTime>,
    end: Option<OffsetDateTime>,
    outcome: Outcome,
    token: Option<String>,
}

/// What was found.
pub(super) struct Found {
    pub(super) events: Vec<Value>,
    pub(super) looked_at: usize,
    pub(super) next: Option<String>,
}

impl Search {
    /// What the address asks for; a sentence where that is no search.
    pub(super) fn of(visit: &Visit) -> Result<Search, String> {
        let time = |name: &str| match visit.parameter(name) {
            "" => Ok(None),
            text => local_time(text)
                .map(Some)
                .ok_or(format!("{text} is not a time.")),
        };
        let value = visit.parameter("value").trim();
        let token = visit.parameter("token");
        Ok(Search {
            attribute: (!value.is_empty())
                .then(|| (visit.parameter("attribute").to_owned(), value.to_owned())),
            start: time("from")?,
            end: time("to")?,
            outcome: Outcome::parse(visit.parameter("outcome")),
            token: (!token.is_empty()).then(|| token.to_owned()),
        })
    }

    /// The first answer: the operation itself, which asks for permission and is on record.
    async fn first(&self, actor: &Actor<'_>) -> Result<(Vec<Value>, Option<String>), Fault> {
        let mut input = json!({ "MaxResults": ANSWER });
        if let Some((attribute, value)) = &self.attribute {
            input["LookupAttributes"] =
                json!([{ "AttributeKey": attribute, "AttributeValue": value }]);
        }
        for (name, time) in [("StartTime", self.start), ("EndTime", self.end)] {
            if let Some(time) = time {
                input[name] = json!(time.unix_timestamp());
            }
        }
        if let Some(token) = &self.token {
            input["NextToken"] = token.as_str().into();
        }
        let answer = actor.cloudtrail("LookupEvents", &input).await?;
        let events = answer["Events"].as_array().cloned().unwrap_or_default();
        Ok((events, answer["NextToken"].as_str().map(str::to_owned)))
    }

    /// Looks up, at most `answers` times, until there are enough; one record is left by all of them.
    pub(super) async fn run(
        self,
        visit: &Visit,
        enough: usize,
        answers: usize,
    ) -> Result<Found, Fault> {
        let actor = visit.actor()?;
        let (mut events, mut next) = self.first(&actor).await?;
        let mut looked_at = events.len();
        events.retain(|event| self.outcome.fits(event));
        for _ in 1..answers {
            if events.len() >= enough || next.is_none() {
                break;
            }
            let attribute = match &self.attribute {
                Some((name, value)) => {
                    let name = parse_attribute(name).map_err(|_| Fault::Internal)?;
                    Some((name, value.clone()))
                }
                None => None,
            };
            let request = LookupRequest {
                account_id: actor.session.account.clone(),
                attribute,
                start: self.start,
                end: self.end,
                max_results: Some(ANSWER),
                next_token: next.take(),
            };
            let trail = &visit.console.deps.trail;
            let page = trail
                .lookup(request)
                .await
                .map_err(|error| match error.status() {
                    500.. => Fault::Internal,
                    status => Fault::from(Refusal {
                        status,
                        code: error.code().to_owned(),
                        message: error.message(),
                    }),
                })?;
            looked_at += page.events.len();
            let more = page.events.iter().map(lookup_json);
            events.extend(more.filter(|event| self.outcome.fits(event)));
            next = page.next_token;
        }
        Ok(Found {
            events,
            looked_at,
            next,
        })
    }
}

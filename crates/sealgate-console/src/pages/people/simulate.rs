//! Who may do what, answered by what decides.

use askama::Template;
use sealgate_policy::{DecidedBy, Environment, Explanation};
use serde_json::json;
use time::OffsetDateTime;

use super::{MOST, principals};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

/// What the question is answered with.
struct Verdict {
    allowed: bool,
    text: String,
    decided_by: String,
    matched: Vec<(bool, String)>,
    missing: Vec<String>,
    /// Whether the key's own policy had a say.
    with_key_policy: bool,
}

#[derive(Template)]
#[template(path = "simulate.html")]
struct SimulatePage<'a> {
    shell: Shell,
    principal: &'a str,
    action: &'a str,
    resource: &'a str,
    principals: Vec<String>,
    verdict: Option<Verdict>,
    problem: Option<String>,
}

/// Whether somebody may do something, and why.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let principal = visit.parameter("principal").trim();
    let action = visit.parameter("action").trim();
    let resource = match visit.parameter("resource").trim() {
        "" => "*",
        resource => resource,
    };
    let principals = principals(&actor, MOST).await?;
    let (verdict, problem) = if principal.is_empty() || action.is_empty() {
        (None, None)
    } else {
        match decide(&actor, principal, action, resource).await {
            Ok(verdict) => (Some(verdict), None),
            Err(Fault::Refused(refusal)) => (None, Some(refusal.words().to_owned())),
            Err(fault) => return Err(fault),
        }
    };
    page(&SimulatePage {
        principal,
        action,
        resource,
        principals,
        verdict,
        problem,
        shell: Shell::new(visit, "people", "Who may what"),
    })
}

async fn decide(
    actor: &Actor<'_>,
    principal: &str,
    action: &str,
    resource: &str,
) -> Result<Verdict, Fault> {
    // Whoever asks must be allowed to ask this of the principal; the API decides that, and records it.
    let parameters = [
        ("PolicySourceArn", principal),
        ("ActionNames.member.1", action),
        ("ResourceArns.member.1", resource),
    ];
    let answer = actor.iam("SimulatePrincipalPolicy", &parameters).await?;
    if resource.starts_with("arn:aws:kms:") {
        // A key's own policy decides, too. Its statements are for those who may read it.
        let input = json!({ "KeyId": resource, "PolicyName": "default" });
        if actor.kms("GetKeyPolicy", &input).await.is_ok() {
            let environment = Environment {
                source_ip: None,
                secure_transport: true,
                user_agent: None,
                now: OffsetDateTime::now_utc(),
                region: actor.region().to_owned(),
            };
            if let Some(caller) = actor.caller_of(principal, environment).await? {
                let explanation = actor.explain_key(&caller, action, resource, None).await?;
                return Ok(of_explanation(&explanation));
            }
        }
    }
    let result = answer.at(&["EvaluationResults", "member"]);
    let allowed = result.text("EvalDecision") == "allowed";
    let statements = result.at(&["MatchedStatements"]);
    Ok(Verdict {
        allowed,
        text: match result.text("EvalDecision") {
            "allowed" => "The policies of the principal allow it.".to_owned(),
            "explicitDeny" => "A statement denies it.".to_owned(),
            _ => "No policy of the principal allows it.".to_owned(),
        },
        decided_by: String::new(),
        matched: statements
            .all("member")
            .map(|statement| (allowed, statement.text("SourcePolicyId").to_owned()))
            .collect(),
        missing: result
            .at(&["MissingContextValues"])
            .all("member")
            .map(|key| key.own_text().to_owned())
            .collect(),
        with_key_policy: false,
    })
}

fn of_explanation(explanation: &Explanation) -> Verdict {
    let refusal = crate::actor::reason(&explanation.decision);
    Verdict {
        allowed: refusal.is_none(),
        text: refusal.unwrap_or_else(|| {
            "It is allowed, by the key’s policy and the principal’s.".to_owned()
        }),
        decided_by: match &explanation.decided_by {
            DecidedBy::Statement(statement) => statement.to_string(),
            DecidedBy::Grant(id) => format!("grant {id}"),
            DecidedBy::RootUser => "the root user has every permission".to_owned(),
            DecidedBy::NoAllow(kind) => format!("no {kind} allows it"),
        },
        matched: explanation
            .matched
            .iter()
            .map(|matched| {
                let allows = matched.effect == sealgate_policy::Effect::Allow;
                (allows, matched.to_string())
            })
            .collect(),
        missing: explanation.missing_context.clone(),
        with_key_policy: true,
    }
}

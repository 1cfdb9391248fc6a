//! A key: its facts, its policy, and what may be done with it by whoever looks.

use askama::Template;
use http::StatusCode;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::{State, origin, spec, state, text, usage};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::pages::audit::{EventRow, rows};
use crate::pages::words;
use crate::policy_words::{Sentence, sentences};
use crate::response::Page;
use crate::views::{Shell, page_with, short_name};
use crate::visit::Visit;

/// What is being done on the page, in more than one step.
pub(crate) enum Doing {
    Policy(Draft),
    Import(Import),
}

/// Material that is being imported: what it is to be wrapped under, and what was typed.
pub(crate) struct Import {
    pub(crate) public_key: String,
    pub(crate) token: String,
    pub(crate) wrapped: String,
    pub(crate) problem: Option<String>,
}

/// What is asked of a policy that is about to be saved.
pub(crate) struct Draft {
    pub(crate) policy: String,
    pub(crate) problem: Option<String>,
}

struct Line {
    kind: &'static str,
    text: String,
}

struct Alias {
    name: String,
}

struct Grant {
    id: String,
    grantee: String,
    operations: String,
    constraints: String,
}

struct Tag {
    key: String,
    value: String,
}

struct Rotation {
    enabled: bool,
    days: i64,
    next: String,
    history: Vec<(String, String)>,
}

/// What the key's tabs show; one of them is filled.
enum Tab {
    Facts,
    Policy {
        document: String,
        sentences: Vec<Sentence>,
        draft: Option<DraftView>,
    },
    Grants(Vec<Grant>),
    Tags(Vec<Tag>),
    Rotation(Option<Rotation>),
    Use(Vec<EventRow>),
    Import(Option<Import>),
}

struct DraftView {
    policy: String,
    problem: Option<String>,
    lines: Vec<Line>,
    sentences: Vec<Sentence>,
}

/// Why things may not be done; `None` where they may.
struct WhyNot {
    policy: Option<String>,
    describe: Option<String>,
    state: Option<String>,
    delete: Option<String>,
    tag: Option<String>,
    rotate: Option<String>,
    revoke: Option<String>,
    import: Option<String>,
}

#[derive(Template)]
#[template(path = "key.html")]
struct KeyPage {
    shell: Shell,
    tab: Tab,
    tab_name: &'static str,
    tabs: Vec<(&'static str, &'static str)>,
    id: String,
    title: String,
    arn: String,
    description: String,
    state_name: String,
    state: State,
    managed: bool,
    deletion: String,
    facts: Vec<(&'static str, String)>,
    aliases: Vec<Alias>,
    refused: Option<String>,
    why: WhyNot,
}

/// The page of a key.
pub(crate) async fn show(visit: &Visit, id: &str, doing: Option<Doing>) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let answer = actor.kms("DescribeKey", &json!({ "KeyId": id })).await?;
    let key = &answer["KeyMetadata"];
    let (id, arn) = (text(&key["KeyId"]), text(&key["Arn"]));
    let aliases = aliases(&actor, &id).await?;
    let state_name = text(&key["KeyState"]);
    let symmetric = key["KeySpec"] == "SYMMETRIC_DEFAULT";
    let rotates = symmetric && key["Origin"] == "AWS_KMS";
    let mut tabs = vec![
        ("facts", "Key"),
        ("policy", "Policy"),
        ("grants", "Grants"),
        ("tags", "Tags"),
    ];
    if rotates {
        tabs.push(("rotation", "Rotation"));
    }
    tabs.push(("use", "Use"));
    let imports = symmetric && key["Origin"] == "EXTERNAL" && key["KeyManager"] == "CUSTOMER";
    if imports {
        tabs.push(("import", "Material"));
    }
    let asked = match &doing {
        Some(Doing::Policy(_)) => "policy",
        Some(Doing::Import(_)) => "import",
        None => visit.parameter("tab"),
    };
    let tab_name = tabs
        .iter()
        .find(|(name, _)| *name == asked)
        .map_or("facts", |(name, _)| name);
    let problem = match &doing {
        Some(Doing::Policy(draft)) => draft.problem.is_some(),
        Some(Doing::Import(import)) => import.problem.is_some(),
        None => false,
    };
    let status = match problem {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let (tab, refused) = match tab(&actor, tab_name, &id, &arn, doing).await {
        Ok(tab) => (tab, None),
        Err(Fault::Refused(refusal)) => (Tab::Facts, Some(refusal.words().to_owned())),
        Err(fault) => return Err(fault),
    };
    let caller = actor.caller().await?;
    let [
        policy,
        describe,
        enable,
        disable,
        delete,
        tag,
        rotate,
        revoke,
        import,
    ] = actor
        .why_not_key_each(
            &caller,
            [
                "kms:PutKeyPolicy",
                "kms:UpdateKeyDescription",
                "kms:EnableKey",
                "kms:DisableKey",
                "kms:ScheduleKeyDeletion",
                "kms:TagResource",
                "kms:EnableKeyRotation",
                "kms:RevokeGrant",
                "kms:ImportKeyMaterial",
            ],
            &arn,
        )
        .await;
    let title = aliases
        .first()
        .map_or_else(|| id.clone(), |alias| alias.name.clone());
    let facts = [
        ("Usage", usage(&text(&key["KeyUsage"])).to_owned()),
        ("Spec", spec(&text(&key["KeySpec"]))),
        ("Material", origin(&text(&key["Origin"])).to_owned()),
        (
            "Managed by",
            match key["KeyManager"].as_str() {
                Some("AWS") => "the gateway".to_owned(),
                _ => "the account".to_owned(),
            },
        ),
        (
            "Regions",
            match key["MultiRegion"] == true {
                true => "may be replicated".to_owned(),
                false => "this one".to_owned(),
            },
        ),
        ("Created", words::json_time(&key["CreationDate"])),
        ("Material expires", words::json_time(&key["ValidTo"])),
        ("Is deleted on", words::json_time(&key["DeletionDate"])),
    ];
    let page = KeyPage {
        tab,
        tab_name,
        tabs,
        title: title.clone(),
        description: text(&key["Description"]),
        state: state(&state_name),
        managed: key["KeyManager"] == "AWS",
        deletion: words::json_time(&key["DeletionDate"]),
        facts: facts
            .into_iter()
            .filter(|(_, words)| !words.is_empty())
            .collect(),
        aliases,
        refused,
        why: WhyNot {
            policy,
            describe,
            state: match state_name.as_str() {
                "Disabled" => enable,
                _ => disable,
            },
            delete,
            tag,
            rotate,
            revoke,
            import,
        },
        state_name,
        id,
        arn,
        shell: Shell::new(visit, "keys", title),
    };
    page_with(status, &page)
}

async fn aliases(actor: &Actor<'_>, id: &str) -> Result<Vec<Alias>, Fault> {
    let input = json!({ "KeyId": id, "Limit": 100 });
    let answer = match actor.kms("ListAliases", &input).await {
        Ok(answer) => answer,
        Err(Fault::Refused(_)) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let aliases = answer["Aliases"].as_array();
    Ok(aliases
        .into_iter()
        .flatten()
        .map(|alias| text(&alias["AliasName"]))
        .map(|name| Alias {
            name: name.strip_prefix("alias/").unwrap_or(&name).to_owned(),
        })
        .collect())
}

/// The policy as it stands, laid out.
pub(crate) async fn policy(actor: &Actor<'_>, id: &str) -> Result<String, Fault> {
    let input = json!({ "KeyId": id, "PolicyName": "default" });
    let answer = actor.kms("GetKeyPolicy", &input).await?;
    Ok(laid_out(&text(&answer["Policy"])))
}

/// JSON on lines; what is none, as it is.
fn laid_out(document: &str) -> String {
    serde_json::from_str::<Value>(document)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| document.to_owned())
}

async fn tab(
    actor: &Actor<'_>,
    name: &str,
    id: &str,
    arn: &str,
    doing: Option<Doing>,
) -> Result<Tab, Fault> {
    let (draft, import) = match doing {
        Some(Doing::Policy(draft)) => (Some(draft), None),
        Some(Doing::Import(import)) => (None, Some(import)),
        None => (None, None),
    };
    let by_id = json!({ "KeyId": id });
    Ok(match name {
        "policy" => {
            let document = policy(actor, id).await?;
            let draft = draft.map(|draft| {
                let after = laid_out(&draft.policy);
                DraftView {
                    lines: difference(&document, &after),
                    sentences: sentences(&after).unwrap_or_default(),
                    policy: draft.policy,
                    problem: draft.problem,
                }
            });
            Tab::Policy {
                sentences: sentences(&document).unwrap_or_default(),
                document,
                draft,
            }
        }
        "grants" => {
            let answer = actor.kms("ListGrants", &by_id).await?;
            let grants = answer["Grants"].as_array().into_iter().flatten();
            Tab::Grants(grants.map(grant).collect())
        }
        "tags" => {
            let answer = actor.kms("ListResourceTags", &by_id).await?;
            let tags = answer["Tags"].as_array().into_iter().flatten();
            let tag = |tag: &Value| Tag {
                key: text(&tag["TagKey"]),
                value: text(&tag["TagValue"]),
            };
            Tab::Tags(tags.map(tag).collect())
        }
        "rotation" => {
            let status = actor.kms("GetKeyRotationStatus", &by_id).await?;
            let history = match actor.kms("ListKeyRotations", &by_id).await {
                Ok(answer) => answer["Rotations"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|rotation| {
                        let kind = match rotation["RotationType"].as_str() {
                            Some("ON_DEMAND") => "asked for",
                            _ => "by schedule",
                        };
                        (words::json_time(&rotation["RotationDate"]), kind.to_owned())
                    })
                    .collect(),
                Err(Fault::Refused(_)) => Vec::new(),
                Err(fault) => return Err(fault),
            };
            Tab::Rotation(Some(Rotation {
                enabled: status["KeyRotationEnabled"] == true,
                days: status["RotationPeriodInDays"].as_i64().unwrap_or(365),
                next: words::json_time(&status["NextRotationDate"]),
                history,
            }))
        }
        "use" => {
            let input = json!({
                "LookupAttributes": [{ "AttributeKey": "ResourceName", "AttributeValue": arn }],
                "MaxResults": 50,
            });
            let mut events = rows(&actor.cloudtrail("LookupEvents", &input).await?);
            // Those who look at a key, as this page does, are no news, unless they were refused.
            let looks = |name: &str| {
                ["Describe", "Get", "List"]
                    .iter()
                    .any(|verb| name.starts_with(verb))
            };
            events.retain(|event| !event.error.is_empty() || !looks(&event.name));
            Tab::Use(events)
        }
        "import" => Tab::Import(import),
        _ => Tab::Facts,
    })
}

fn grant(grant: &Value) -> Grant {
    let operations = grant["Operations"].as_array().into_iter().flatten();
    let constraints = &grant["Constraints"];
    Grant {
        id: text(&grant["GrantId"]),
        grantee: short_name(&text(&grant["GranteePrincipal"])),
        operations: operations
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        constraints: match constraints.as_object() {
            Some(set) if !set.is_empty() => constraints.to_string(),
            _ => String::new(),
        },
    }
}

fn difference(before: &str, after: &str) -> Vec<Line> {
    TextDiff::from_lines(before, after)
        .iter_all_changes()
        .map(|change| Line {
            kind: match change.tag() {
                ChangeTag::Delete => "minus",
                ChangeTag::Insert => "plus",
                ChangeTag::Equal => "",
            },
            text: format!(
                "{} {}",
                match change.tag() {
                    ChangeTag::Delete => "−",
                    ChangeTag::Insert => "+",
                    ChangeTag::Equal => " ",
                },
                change.value().trim_end()
            ),
        })
        .collect()
}

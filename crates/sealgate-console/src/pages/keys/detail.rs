//! A key: its facts, its policy, and what may be done with it by whoever looks.

use askama::Template;
use http::StatusCode;
use serde_json::{Value, json};

use super::use_over_time::{self, UseOverTime};
use super::view::{Alias, Doing, View, aliases};
use super::{
    State, dependents, grants, material, origin, public_key, regions, spec, state, text, usage,
};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::pages::audit::{EventRow, rows};
use crate::pages::documents::{Line, difference, laid_out};
use crate::pages::{link, words};
use crate::policy_words::{Sentence, sentences};
use crate::response::Page;
use crate::views::{Shell, page_with};
use crate::visit::Visit;

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
    /// Nothing: it was refused.
    Refused,
    Policy {
        document: String,
        sentences: Vec<Sentence>,
        draft: Option<DraftView>,
    },
    Tags(Vec<Tag>),
    Rotation(Option<Rotation>),
    Use {
        events: Vec<EventRow>,
        more: bool,
        audit: String,
        counted: Box<UseOverTime>,
    },
    /// HTML of a template of its own.
    Own(String),
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
    alias: Option<String>,
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
    let managed = key["KeyManager"] == "AWS";
    let pair = ["RSA_", "ECC_", "ML_DSA_"].iter().any(|family| {
        key["KeySpec"]
            .as_str()
            .is_some_and(|spec| spec.starts_with(family))
    });
    let mut tabs = vec![("facts", "Key"), ("policy", "Policy"), ("use", "Use")];
    tabs.push(("dependents", "Dependents"));
    tabs.push(("grants", "Grants"));
    if rotates {
        tabs.push(("rotation", "Rotation"));
    }
    if key["Origin"] == "EXTERNAL" && !managed {
        tabs.push(("material", "Material"));
    }
    if pair {
        tabs.push(("public", "Public key"));
    }
    tabs.push(("tags", "Tags"));
    let asked = match &doing {
        Some(doing) => doing.tab(),
        None => visit.parameter("tab"),
    };
    let tab_name = tabs
        .iter()
        .find(|(name, _)| *name == asked)
        .map_or("facts", |(name, _)| name);
    let status = match doing.as_ref().is_some_and(Doing::is_wrong) {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let title = aliases
        .first()
        .map_or_else(|| id.clone(), |alias| alias.name.clone());
    let shell = match tab_name {
        "use" => Shell::new(visit, "keys", title.clone()).with_charts(),
        _ => Shell::new(visit, "keys", title.clone()),
    };
    let view = View {
        visit,
        actor: &actor,
        shell: &shell,
        key,
        aliases: &aliases,
        id: id.clone(),
        arn: arn.clone(),
        title: title.clone(),
        state_name: state_name.clone(),
        managed,
    };
    let (tab, refused) = match tab(&view, tab_name, doing).await {
        Ok(tab) => (tab, None),
        Err(Fault::Refused(refusal)) => (Tab::Refused, Some(refusal.words().to_owned())),
        Err(fault) => return Err(fault),
    };
    let last_used = match tab_name {
        "facts" => dependents::last_use_in_words(&actor, &id).await?,
        _ => String::new(),
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
        alias,
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
                "kms:CreateAlias",
            ],
            &arn,
        )
        .await;
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
        ("Multi-Region", regions(key)),
        ("Key store", text(&key["CustomKeyStoreId"])),
        ("External key", text(&key["XksKeyConfiguration"]["Id"])),
        ("Last used", last_used),
        ("Created", words::json_time(&key["CreationDate"])),
        ("Material expires", words::json_time(&key["ValidTo"])),
        ("Is deleted on", words::json_time(&key["DeletionDate"])),
    ];
    let page = KeyPage {
        tab,
        tab_name,
        tabs,
        title,
        description: text(&key["Description"]),
        state: state(&state_name),
        managed,
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
            alias,
        },
        state_name,
        id,
        arn,
        shell,
    };
    page_with(status, &page)
}

/// The policy as it stands, laid out.
pub(crate) async fn policy(actor: &Actor<'_>, id: &str) -> Result<String, Fault> {
    let input = json!({ "KeyId": id, "PolicyName": "default" });
    let answer = actor.kms("GetKeyPolicy", &input).await?;
    Ok(laid_out(&text(&answer["Policy"])))
}

async fn tab(view: &View<'_>, name: &str, doing: Option<Doing>) -> Result<Tab, Fault> {
    let (actor, id) = (view.actor, view.id.as_str());
    let by_id = json!({ "KeyId": id });
    let draft = match doing {
        Some(Doing::Grant(typed)) => return Ok(Tab::Own(grants::tab(view, Some(typed)).await?)),
        Some(Doing::Material(typed)) => {
            return Ok(Tab::Own(material::tab(view, Some(typed)).await?));
        }
        Some(Doing::Delete(typed)) => {
            return Ok(Tab::Own(dependents::tab(view, Some(typed)).await?));
        }
        Some(Doing::Policy(draft)) => Some(draft),
        None => None,
    };
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
        "grants" => Tab::Own(grants::tab(view, None).await?),
        "material" => Tab::Own(material::tab(view, None).await?),
        "dependents" => Tab::Own(dependents::tab(view, None).await?),
        "public" => Tab::Own(public_key::tab(view).await?),
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
        "use" => uses(view).await?,
        _ => Tab::Facts,
    })
}

/// Who used or changed the key of late, and who was refused: so many records of the trail are looked at and no more.
async fn uses(view: &View<'_>) -> Result<Tab, Fault> {
    const LOOKUPS: usize = 4;
    const SHOWN: usize = 50;
    let mut input = json!({
        "LookupAttributes": [{ "AttributeKey": "ResourceName", "AttributeValue": view.arn }],
        "MaxResults": 50,
    });
    // Those who look at a key, as this page does, are no news, unless they were refused.
    let looks = |name: &str| {
        ["Describe", "Get", "List"]
            .iter()
            .any(|verb| name.starts_with(verb))
    };
    let (mut events, mut more) = (Vec::new(), false);
    for _ in 0..LOOKUPS {
        let answer = view.actor.cloudtrail("LookupEvents", &input).await?;
        let found = rows(&answer).into_iter();
        events.extend(found.filter(|event| !event.error.is_empty() || !looks(&event.name)));
        more = answer["NextToken"].is_string();
        if !more || events.len() >= SHOWN {
            break;
        }
        input["NextToken"] = answer["NextToken"].clone();
    }
    more |= events.len() > SHOWN;
    events.truncate(SHOWN);
    let audit = [("attribute", "ResourceName"), ("value", view.arn.as_str())];
    let counted = use_over_time::count(view.visit, view.actor, &view.arn).await?;
    Ok(Tab::Use {
        events,
        more,
        audit: link("/console/audit", &audit),
        counted: Box::new(counted),
    })
}

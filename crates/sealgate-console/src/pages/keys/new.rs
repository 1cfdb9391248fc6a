//! The wizard for a new key: five steps in one form. What was chosen in other steps travels with the form, so nothing
//! is kept here until the key is made.

use askama::Template;
use http::StatusCode;
use hyper::body::Incoming;
use sealgate_crypto::hash::{Digest as _, Sha256};
use serde_json::json;

use super::new_choices::{Choices, FIELDS, PURPOSES, Purpose, SHOWN, STEPS};
use super::{spec, text, usage};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::forms::Form;
use crate::policy_words::{Sentence, sentences};
use crate::response::{Page, see_other};
use crate::views::{Shell, page_with};
use crate::visit::Visit;

struct Person {
    arn: String,
    name: String,
    kind: &'static str,
    administers: bool,
    uses: bool,
}

struct SpecChoice {
    id: &'static str,
    words: String,
}

struct PurposeChoice {
    purpose: &'static Purpose,
    specs: Vec<SpecChoice>,
}

#[derive(Template)]
#[template(path = "key_new.html")]
struct Wizard {
    shell: Shell,
    step: usize,
    steps: [&'static str; 5],
    carried: Vec<(&'static str, String)>,
    purposes: Vec<PurposeChoice>,
    purpose: String,
    spec: String,
    origin: &'static str,
    stores: Vec<Store>,
    store: String,
    xks_key: String,
    multi_region: bool,
    alias: String,
    description: String,
    tags: String,
    people: Vec<Person>,
    people_refused: Option<String>,
    may_delete: bool,
    others: String,
    policy: String,
    /// The hash of what was proposed when the policy was last shown.
    proposed: String,
    /// Whether the policy is somebody's own, and the choices have changed since.
    outdated: bool,
    sentences: Vec<Sentence>,
    summary: Vec<(&'static str, String)>,
    problem: Option<String>,
    spec_problem: Option<&'static str>,
    origin_problem: Option<&'static str>,
    store_problem: Option<&'static str>,
    alias_problem: Option<String>,
    tags_problem: Option<String>,
    others_problem: Option<String>,
    why_not: Option<String>,
}

/// The first step, before anything is chosen.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let empty = Form::empty();
    step(visit, &Choices::of(&empty), 0, None).await
}

/// A step was sent.
pub(crate) async fn submit(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let choices = Choices::of(&form);
    let here: usize = form.get("step").parse().unwrap_or(0).min(STEPS.len() - 1);
    match form.get("go") {
        "back" => step(visit, &choices, here.saturating_sub(1), None).await,
        // Made anew from what was chosen.
        "reset" => step(visit, &choices, STEPS.len() - 1, Some(String::new())).await,
        "create" => create(visit, &choices).await,
        _ => {
            let wrong = match here {
                0 => choices.kind_problem().is_some(),
                1 => choices.alias_problem().is_some() || choices.tags().is_err(),
                3 => choices.others_problem().is_some(),
                _ => false,
            };
            let next = if wrong { here } else { here + 1 };
            step(visit, &choices, next.min(STEPS.len() - 1), None).await
        }
    }
}

async fn step(
    visit: &Visit,
    choices: &Choices<'_>,
    at: usize,
    problem: Option<String>,
) -> Result<Page, Fault> {
    let (form, actor) = (choices.form, visit.actor()?);
    let sent_here = form.get("step").parse() == Ok(at) && form.has("step");
    let reset = problem.as_ref().is_some_and(String::is_empty);
    let problem = problem.filter(|text| !text.is_empty());
    let proposal = choices.proposed_policy(&actor.session.account);
    let now = hash(&proposal);
    // A policy that somebody edited stays, wherever they go in between.
    let edited = form.raw("policy");
    let own = !reset && !edited.trim().is_empty() && hash(edited) != form.get("proposed");
    let (policy, outdated) = match own {
        true => {
            let outdated = form.get("proposed") != now;
            (edited.to_owned(), outdated)
        }
        false => (proposal, false),
    };
    // Of an own policy, what it was made from is remembered.
    let proposed = match own && !form.get("proposed").is_empty() {
        true => form.get("proposed").to_owned(),
        false => now,
    };
    let shown = SHOWN.get(at).copied().unwrap_or_default();
    let carried = FIELDS
        .into_iter()
        .filter(|name| !shown.contains(name) && (own || !["policy", "proposed"].contains(name)))
        .flat_map(|name| {
            let values = match name {
                "tags" | "others" | "policy" => vec![form.raw(name).to_owned()],
                _ => form.all(name),
            };
            values.into_iter().map(move |value| (name, value))
        })
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let (people, people_refused) = match at {
        2 | 3 => people(&actor, form).await?,
        _ => (Vec::new(), None),
    };
    let stores = match at {
        0 => stores(&actor).await?,
        _ => Vec::new(),
    };
    let told = |problem: Option<String>| problem.filter(|_| sent_here);
    let caller = actor.caller().await?;
    let wizard = Wizard {
        step: at,
        steps: STEPS,
        carried,
        purposes: PURPOSES
            .iter()
            .map(|purpose| PurposeChoice {
                purpose,
                specs: purpose
                    .specs
                    .iter()
                    .map(|id| SpecChoice {
                        id,
                        words: spec(id),
                    })
                    .collect(),
            })
            .collect(),
        purpose: choices.purpose.id.to_owned(),
        spec: form.get("spec").to_owned(),
        origin: choices.origin(),
        stores,
        store: form.get("store").to_owned(),
        xks_key: form.get("xks_key").to_owned(),
        multi_region: form.has("multi_region"),
        alias: form.get("alias").to_owned(),
        description: form.get("description").to_owned(),
        tags: form.raw("tags").to_owned(),
        people,
        people_refused,
        may_delete: choices.may_delete(),
        others: form.raw("others").to_owned(),
        sentences: sentences(&policy).unwrap_or_default(),
        policy,
        proposed,
        outdated,
        summary: vec![
            ("Alias", form.get("alias").to_owned()),
            ("Usage", usage(choices.purpose.usage).to_owned()),
            ("Spec", spec(choices.spec)),
            ("Material", super::origin(choices.origin()).to_owned()),
            (
                "External key",
                match choices.origin() {
                    "EXTERNAL_KEY_STORE" => form.get("xks_key").to_owned(),
                    _ => String::new(),
                },
            ),
            (
                "Multi-Region",
                match form.has("multi_region") {
                    true => "may be replicated".to_owned(),
                    false => String::new(),
                },
            ),
            ("Description", form.get("description").to_owned()),
            ("Tags", form.raw("tags").trim().replace('\n', ", ")),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect(),
        spec_problem: choices.spec_problem().filter(|_| sent_here),
        origin_problem: choices.origin_problem().filter(|_| sent_here),
        store_problem: choices.store_problem().filter(|_| sent_here),
        alias_problem: told(choices.alias_problem()),
        tags_problem: told(choices.tags().err()),
        others_problem: told(choices.others_problem()),
        why_not: actor.why_not(&caller, "kms:CreateKey"),
        shell: Shell::new(visit, "keys", "New key"),
        problem,
    };
    let refused = sent_here && at != 4 || wizard.problem.is_some();
    let status = match refused {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    page_with(status, &wizard)
}

/// A policy's fingerprint. Browsers send line ends of their own.
fn hash(policy: &str) -> String {
    hex::encode(Sha256::digest(policy.replace("\r\n", "\n").as_bytes()))
}

/// An external key store to choose.
struct Store {
    id: String,
    name: String,
    connected: bool,
}

/// External key stores. Who may not list them sees none.
async fn stores(actor: &Actor<'_>) -> Result<Vec<Store>, Fault> {
    let answer = match actor.kms("DescribeCustomKeyStores", &json!({})).await {
        Ok(answer) => answer,
        Err(Fault::Refused(_)) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let stores = answer["CustomKeyStores"].as_array().into_iter().flatten();
    Ok(stores
        .map(|store| Store {
            id: text(&store["CustomKeyStoreId"]),
            name: text(&store["CustomKeyStoreName"]),
            connected: store["ConnectionState"] == "CONNECTED",
        })
        .collect())
}

/// Users and roles of the account, for choosing. Who may not list them types ARNs into the policy.
async fn people(actor: &Actor<'_>, form: &Form) -> Result<(Vec<Person>, Option<String>), Fault> {
    let (administrators, users) = (form.all("administrator"), form.all("user"));
    let mut people = Vec::new();
    let mut refused = None;
    for (operation, list, name, kind) in [
        ("ListUsers", "Users", "UserName", "User"),
        ("ListRoles", "Roles", "RoleName", "Role"),
    ] {
        match actor.iam(operation, &[("MaxItems", "500")]).await {
            Ok(answer) => {
                for entry in answer.at(&[list]).all("member") {
                    let arn = entry.text("Arn").to_owned();
                    people.push(Person {
                        name: entry.text(name).to_owned(),
                        kind,
                        administers: administrators.contains(&arn),
                        uses: users.contains(&arn),
                        arn,
                    });
                }
            }
            Err(Fault::Refused(refusal)) => refused = Some(refusal.words().to_owned()),
            Err(fault) => return Err(fault),
        }
    }
    Ok((people, refused))
}

async fn create(visit: &Visit, choices: &Choices<'_>) -> Result<Page, Fault> {
    let form = choices.form;
    let first_wrong = [
        (0, choices.kind_problem().map(str::to_owned)),
        (1, choices.alias_problem().or(choices.tags().err())),
        (3, choices.others_problem()),
    ]
    .into_iter()
    .find_map(|(step, problem)| Some((step, problem?)));
    if let Some((at, problem)) = first_wrong {
        return step(visit, choices, at, Some(problem)).await;
    }
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(&led_to.unwrap_or("/console/keys".to_owned())));
    }
    let actor = visit.actor()?;
    let mut input = json!({
        "Policy": form.raw("policy"),
        "KeyUsage": choices.purpose.usage,
        "KeySpec": choices.spec,
        "Origin": choices.origin(),
        "Description": form.get("description"),
        "MultiRegion": form.has("multi_region"),
    });
    if choices.origin() == "EXTERNAL_KEY_STORE" {
        input["CustomKeyStoreId"] = form.get("store").into();
        input["XksKeyId"] = form.get("xks_key").into();
    }
    let tags = choices.tags().unwrap_or_default();
    if !tags.is_empty() {
        input["Tags"] = tags.into();
    }
    let made = match actor.kms("CreateKey", &input).await {
        Ok(made) => made,
        Err(fault) => {
            form.end(visit, None);
            return match fault {
                Fault::Refused(refusal) => {
                    step(visit, choices, 4, Some(refusal.words().to_owned())).await
                }
                fault => Err(fault),
            };
        }
    };
    let id = text(&made["KeyMetadata"]["KeyId"]);
    let alias = format!("alias/{}", form.get("alias"));
    let place = format!("/console/keys/{id}");
    form.end(visit, Some(&place));
    let named = json!({ "AliasName": alias, "TargetKeyId": id });
    match actor.kms("CreateAlias", &named).await {
        Ok(_) => visit.tell(true, format!("{} is there.", form.get("alias"))),
        Err(Fault::Refused(refusal)) => visit.tell(
            false,
            format!(
                "The key was made, but without its alias: {}",
                refusal.words()
            ),
        ),
        Err(fault) => return Err(fault),
    }
    Ok(see_other(&place))
}

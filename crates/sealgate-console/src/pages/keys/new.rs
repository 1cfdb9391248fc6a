//! The wizard for a new key: five steps in one form. What was chosen in other steps travels with the form, so nothing
//! is kept here until the key is made.

use askama::Template;
use http::StatusCode;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::new_policy::{self, Plan};
use super::{spec, text, usage};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::forms::Form;
use crate::policy_words::{Sentence, sentences};
use crate::response::{Page, see_other};
use crate::views::{Shell, page_with};
use crate::visit::Visit;

pub(super) struct Purpose {
    id: &'static str,
    title: &'static str,
    about: &'static str,
    usage: &'static str,
    /// The first one is what is taken if nothing is chosen.
    specs: &'static [&'static str],
}

const PURPOSES: [Purpose; 5] = [
    Purpose {
        id: "encrypt",
        title: "Encrypt and decrypt",
        about: "One secret key that never leaves. For objects in buckets, and for data keys.",
        usage: "ENCRYPT_DECRYPT",
        specs: &["SYMMETRIC_DEFAULT"],
    },
    Purpose {
        id: "sign",
        title: "Sign and verify",
        about: "A key pair. Anybody with the public key can check a signature.",
        usage: "SIGN_VERIFY",
        specs: &[
            "ECC_NIST_P256",
            "ECC_NIST_P384",
            "ECC_NIST_P521",
            "ECC_NIST_EDWARDS25519",
            "ECC_SECG_P256K1",
            "RSA_2048",
            "RSA_3072",
            "RSA_4096",
            "ML_DSA_44",
            "ML_DSA_65",
            "ML_DSA_87",
        ],
    },
    Purpose {
        id: "encrypt-public",
        title: "Encrypt with a public key",
        about: "A key pair. Anybody with the public key can encrypt, outside of here as well.",
        usage: "ENCRYPT_DECRYPT",
        specs: &["RSA_3072", "RSA_2048", "RSA_4096"],
    },
    Purpose {
        id: "mac",
        title: "Make and verify MACs",
        about: "One secret key for tokens and checks that only its users can make.",
        usage: "GENERATE_VERIFY_MAC",
        specs: &["HMAC_256", "HMAC_224", "HMAC_384", "HMAC_512"],
    },
    Purpose {
        id: "agree",
        title: "Agree on secrets",
        about: "A key pair for deriving a secret that two sides share.",
        usage: "KEY_AGREEMENT",
        specs: &["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"],
    },
];
pub(super) const STEPS: [&str; 5] = ["Purpose", "Name", "Administrators", "Users", "Review"];
/// Every field, so that each step can carry those of the others.
const FIELDS: [&str; 13] = [
    "purpose",
    "spec",
    "origin",
    "multi_region",
    "alias",
    "description",
    "tags",
    "administrator",
    "may_delete",
    "chose_administrators",
    "user",
    "others",
    "policy",
];
/// Those that a step shows.
const SHOWN: [&[&str]; 5] = [
    &["purpose", "spec", "origin", "multi_region"],
    &["alias", "description", "tags"],
    &["administrator", "may_delete", "chose_administrators"],
    &["user", "others"],
    &["policy"],
];

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
    origin: String,
    multi_region: bool,
    alias: String,
    description: String,
    tags: String,
    people: Vec<Person>,
    people_refused: Option<String>,
    may_delete: bool,
    others: String,
    policy: String,
    sentences: Vec<Sentence>,
    summary: Vec<(&'static str, String)>,
    problem: Option<String>,
    spec_problem: Option<&'static str>,
    alias_problem: Option<String>,
    tags_problem: Option<String>,
    others_problem: Option<String>,
    why_not: Option<String>,
}

/// What was chosen so far.
struct Choices<'a> {
    form: &'a Form,
    purpose: &'static Purpose,
    spec: &'a str,
}

impl<'a> Choices<'a> {
    fn of(form: &'a Form) -> Choices<'a> {
        let id = form.get("purpose");
        let purpose = PURPOSES
            .iter()
            .find(|purpose| purpose.id == id)
            .unwrap_or(&PURPOSES[0]);
        let spec = match form.get("spec") {
            "" => purpose.specs.first().copied().unwrap_or_default(),
            spec => spec,
        };
        Choices {
            form,
            purpose,
            spec,
        }
    }

    fn spec_problem(&self) -> Option<&'static str> {
        let fits = self.purpose.specs.contains(&self.spec);
        (!fits).then_some("This kind of key cannot serve the purpose above.")
    }

    fn alias_problem(&self) -> Option<String> {
        let alias = self.form.get("alias");
        let good = alias
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte));
        if alias.is_empty() {
            Some("A key without a name is hard to find again.".into())
        } else if alias.starts_with("aws/") {
            Some("Names that begin with aws/ are for keys of the gateway.".into())
        } else if !good || alias.len() > 250 {
            Some("Letters, digits, and the signs / _ and - only, at most 250.".into())
        } else {
            None
        }
    }

    fn tags(&self) -> Result<Vec<Value>, String> {
        let mut tags = Vec::new();
        for line in self.form.raw("tags").lines().map(str::trim) {
            if line.is_empty() {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(format!("“{line}” is not of the form name=value."));
            };
            tags.push(json!({ "TagKey": key.trim(), "TagValue": value.trim() }));
        }
        if tags.len() > 50 {
            return Err("A key has at most 50 tags.".into());
        }
        Ok(tags)
    }

    fn others(&self) -> Vec<String> {
        self.form
            .raw("others")
            .split([',', '\n', ' '])
            .map(str::trim)
            .filter(|other| !other.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn others_problem(&self) -> Option<String> {
        let wrong = self.others().into_iter().find(|other| {
            let number = other.len() == 12 && other.bytes().all(|byte| byte.is_ascii_digit());
            !(number || other.starts_with("arn:aws:iam::"))
        })?;
        Some(format!(
            "“{wrong}” is neither the twelve digits of an account nor an ARN of somebody there."
        ))
    }

    fn proposed_policy(&self, account: &str) -> String {
        new_policy::document(&Plan {
            account,
            usage: self.purpose.usage,
            symmetric: self.spec == "SYMMETRIC_DEFAULT",
            administrators: &self.form.all("administrator"),
            administrators_may_delete: self.may_delete(),
            users: &self.form.all("user"),
            others: &self.others(),
        })
    }

    /// Ticked until somebody unticks it.
    fn may_delete(&self) -> bool {
        self.form.has("may_delete") || !self.form.has("chose_administrators")
    }
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
                0 => choices.spec_problem().is_some(),
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
    let policy = match form.raw("policy") {
        // A policy that was edited stays, as long as the steps before are not gone through again.
        edited if !edited.trim().is_empty() && form.get("step") == "4" && !reset => {
            edited.to_owned()
        }
        _ => choices.proposed_policy(&actor.session.account),
    };
    let shown = SHOWN.get(at).copied().unwrap_or_default();
    let carried = FIELDS
        .into_iter()
        .filter(|name| !shown.contains(name) && *name != "policy")
        .flat_map(|name| {
            let values = match name {
                "tags" | "others" => vec![form.raw(name).to_owned()],
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
        origin: match form.get("origin") {
            "EXTERNAL" => "EXTERNAL".to_owned(),
            _ => "AWS_KMS".to_owned(),
        },
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
        summary: vec![
            ("Alias", form.get("alias").to_owned()),
            ("Usage", usage(choices.purpose.usage).to_owned()),
            ("Spec", spec(choices.spec)),
            (
                "Material",
                super::origin(match form.get("origin") {
                    "" => "AWS_KMS",
                    origin => origin,
                })
                .to_owned(),
            ),
            ("Description", form.get("description").to_owned()),
            ("Tags", form.raw("tags").trim().replace('\n', ", ")),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect(),
        spec_problem: choices.spec_problem().filter(|_| sent_here),
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
        (0, choices.spec_problem().map(str::to_owned)),
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
        "Origin": match form.get("origin") { "EXTERNAL" => "EXTERNAL", _ => "AWS_KMS" },
        "Description": form.get("description"),
        "MultiRegion": form.has("multi_region"),
    });
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

//! A document being edited: an inline policy, the trust policy of a role, or a new version of a managed policy. It is
//! first shown as what it changes, and then saved.

use askama::Template;
use http::StatusCode;
use sealgate_policy::Policy;

use super::{Asker, Kind, document_text, place, policy_place, quoted};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::documents::{Line, difference, laid_out};
use crate::pages::link;
use crate::policy_words::{Sentence, sentences};
use crate::response::{Page, see_other};
use crate::views::{Shell, page_with};
use crate::visit::Visit;

/// What an empty policy begins with.
pub(super) const EMPTY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [],
      "Resource": "*"
    }
  ]
}"#;

/// Which document it is.
enum Document<'a> {
    /// The name is empty while there is none yet.
    Inline(Kind, &'a str, &'a str),
    Trust(&'a str),
    Managed(&'a str),
}

/// What was typed.
struct Typed<'a> {
    name: &'a str,
    text: &'a str,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "document.html")]
struct DocumentPage {
    shell: Shell,
    title: String,
    hint: &'static str,
    crumb: (String, String),
    action: String,
    /// The ARN of a managed policy.
    arn: String,
    /// Whether the name is to be typed.
    asks_name: bool,
    name: String,
    name_problem: Option<String>,
    problem: Option<String>,
    text: String,
    sentences: Vec<Sentence>,
    /// What changes, once it was asked for.
    lines: Option<Vec<Line>>,
    back: String,
    command: String,
    why_not: Option<String>,
}

impl Document<'_> {
    /// The document as it stands; empty if there is none.
    async fn now(&self, actor: &Actor<'_>) -> Result<String, Fault> {
        match self {
            Document::Inline(_, _, "") => Ok(String::new()),
            Document::Inline(kind, name, policy) => {
                let operation = format!("Get{}Policy", kind.word());
                let of = [(kind.parameter(), *name), ("PolicyName", policy)];
                let answer = actor.iam(&operation, &of).await?;
                Ok(document_text(answer.text("PolicyDocument")))
            }
            Document::Trust(role) => {
                let answer = actor.iam("GetRole", &[("RoleName", role)]).await?;
                let role = answer.at(&["Role"]);
                Ok(document_text(role.text("AssumeRolePolicyDocument")))
            }
            Document::Managed(arn) => {
                let answer = actor.iam("GetPolicy", &[("PolicyArn", arn)]).await?;
                let policy = answer.at(&["Policy"]);
                let version = policy.text("DefaultVersionId");
                let of = [("PolicyArn", *arn), ("VersionId", version)];
                let answer = actor.iam("GetPolicyVersion", &of).await?;
                let version = answer.at(&["PolicyVersion"]);
                Ok(document_text(version.text("Document")))
            }
        }
    }

    /// What is wrong with a text, before the API is asked.
    fn problem(&self, text: &str) -> Option<String> {
        let parsed = match self {
            Document::Trust(_) => Policy::parse_trust(text),
            _ => Policy::parse_identity(text),
        };
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            return Some(format!("This is not JSON: {error}."));
        }
        parsed
            .err()
            .map(|error| format!("This is not a policy: {error}."))
    }

    async fn save(&self, actor: &Actor<'_>, name: &str, text: &str) -> Result<(), Fault> {
        match self {
            Document::Inline(kind, holder, _) => {
                let operation = format!("Put{}Policy", kind.word());
                let parameters = [
                    (kind.parameter(), *holder),
                    ("PolicyName", name),
                    ("PolicyDocument", text),
                ];
                actor.iam(&operation, &parameters).await.map(drop)
            }
            Document::Trust(role) => {
                let parameters = [("RoleName", *role), ("PolicyDocument", text)];
                let answer = actor.iam("UpdateAssumeRolePolicy", &parameters).await;
                answer.map(drop)
            }
            Document::Managed(arn) => {
                let parameters = [
                    ("PolicyArn", *arn),
                    ("PolicyDocument", text),
                    ("SetAsDefault", "true"),
                ];
                actor
                    .iam("CreatePolicyVersion", &parameters)
                    .await
                    .map(drop)
            }
        }
    }

    /// Where one comes from and goes back to.
    fn back(&self) -> String {
        match self {
            Document::Inline(kind, name, _) => format!("{}?tab=policies", place(*kind, name)),
            Document::Trust(role) => place(Kind::Role, role),
            Document::Managed(arn) => policy_place(arn),
        }
    }

    fn command(&self) -> String {
        match self {
            Document::Inline(kind, name, policy) => {
                let (noun, name) = (kind.noun(), quoted(name));
                let policy = match *policy {
                    "" => "NAME".to_owned(),
                    policy => quoted(policy),
                };
                format!(
                    "aws iam put-{noun}-policy --{noun}-name {name} --policy-name {policy} --policy-document file://policy.json"
                )
            }
            Document::Trust(role) => format!(
                "aws iam update-assume-role-policy --role-name {} --policy-document file://trust.json",
                quoted(role)
            ),
            Document::Managed(arn) => format!(
                "aws iam create-policy-version --policy-arn {} --policy-document file://policy.json --set-as-default",
                quoted(arn)
            ),
        }
    }

    /// Why it may not be saved.
    async fn why_not(&self, actor: &Actor<'_>) -> Result<Option<String>, Fault> {
        let (operation, arn, element) = match self {
            Document::Inline(kind, name, _) => {
                let operation = format!("Get{}", kind.word());
                let answer = actor.iam(&operation, &[(kind.parameter(), name)]).await?;
                let element = answer.at(&[kind.word()]);
                let arn = element.text("Arn").to_owned();
                (format!("Put{}Policy", kind.word()), arn, element)
            }
            Document::Trust(role) => {
                let answer = actor.iam("GetRole", &[("RoleName", role)]).await?;
                let element = answer.at(&["Role"]);
                let arn = element.text("Arn").to_owned();
                ("UpdateAssumeRolePolicy".to_owned(), arn, element)
            }
            Document::Managed(arn) => {
                let answer = actor.iam("GetPolicy", &[("PolicyArn", arn)]).await?;
                let element = answer.at(&["Policy"]);
                ("CreatePolicyVersion".to_owned(), (*arn).to_owned(), element)
            }
        };
        let caller = actor.caller().await?;
        let asker = Asker {
            actor,
            caller: &caller,
            arn: &arn,
            tags: &super::tags(&element),
        };
        Ok(asker.why_not(&operation))
    }
}

/// The page to edit an inline policy, or to begin one.
pub(crate) async fn show_inline(visit: &Visit, kind: Kind, name: &str) -> Result<Page, Fault> {
    let document = Document::Inline(kind, name, visit.parameter("policy"));
    show(visit, &document, None).await
}

/// The page to edit the trust policy of a role.
pub(crate) async fn show_trust(visit: &Visit, role: &str) -> Result<Page, Fault> {
    show(visit, &Document::Trust(role), None).await
}

/// The page to edit a managed policy.
pub(crate) async fn show_managed(visit: &Visit) -> Result<Page, Fault> {
    show(visit, &Document::Managed(visit.parameter("arn")), None).await
}

pub(super) async fn submit_inline(
    visit: &Visit,
    kind: Kind,
    name: &str,
    form: &Form,
) -> Result<Page, Fault> {
    let document = Document::Inline(kind, name, form.get("known"));
    submit(visit, &document, form).await
}

pub(super) async fn submit_trust(visit: &Visit, role: &str, form: &Form) -> Result<Page, Fault> {
    submit(visit, &Document::Trust(role), form).await
}

pub(super) async fn submit_managed(visit: &Visit, arn: &str, form: &Form) -> Result<Page, Fault> {
    submit(visit, &Document::Managed(arn), form).await
}

async fn submit(visit: &Visit, document: &Document<'_>, form: &Form) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let text = form.raw("document");
    let name = match document {
        Document::Inline(_, _, known) if !known.is_empty() => known,
        _ => form.get("name"),
    };
    let mut typed = Typed {
        name,
        text,
        problem: document.problem(text),
    };
    let unnamed = matches!(document, Document::Inline(..)) && name.is_empty();
    if typed.problem.is_some() || unnamed || form.get("go") != "save" {
        return show(visit, document, Some(typed)).await;
    }
    let back = document.back();
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(led_to.as_deref().unwrap_or(&back)));
    }
    match document.save(&actor, name, text).await {
        Ok(()) => {
            form.end(visit, Some(&back));
            visit.tell(true, "The policy is in force.");
            Ok(see_other(&back))
        }
        Err(Fault::Refused(refusal)) => {
            form.end(visit, None);
            typed.problem = Some(refusal.words().to_owned());
            show(visit, document, Some(typed)).await
        }
        Err(fault) => {
            form.end(visit, None);
            Err(fault)
        }
    }
}

async fn show(
    visit: &Visit,
    document: &Document<'_>,
    typed: Option<Typed<'_>>,
) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let now = document.now(&actor).await?;
    let (title, hint, crumb, action, arn) = match document {
        Document::Inline(kind, holder, policy) => (
            match *policy {
                "" => "New inline policy".to_owned(),
                policy => policy.to_owned(),
            },
            "It belongs to this one alone and goes with it.",
            (place(*kind, holder), (*holder).to_owned()),
            link(
                &format!("{}/inline", place(*kind, holder)),
                &[("policy", policy)],
            ),
            String::new(),
        ),
        Document::Trust(role) => (
            "Trust policy".to_owned(),
            "Whom it names, and whose own policies allow it, can take on the role.",
            (place(Kind::Role, role), (*role).to_owned()),
            format!("{}/trust", place(Kind::Role, role)),
            String::new(),
        ),
        Document::Managed(arn) => (
            "New version".to_owned(),
            "It comes into force at once, wherever the policy is attached. Five versions are kept; delete one if there \
             are as many.",
            (
                policy_place(arn),
                arn.rsplit('/').next().unwrap_or_default().to_owned(),
            ),
            link("/console/people/policy/edit", &[("arn", arn)]),
            (*arn).to_owned(),
        ),
    };
    let asks_name = matches!(document, Document::Inline(_, _, ""));
    let refused = typed
        .as_ref()
        .is_some_and(|typed| typed.problem.is_some() || asks_name && typed.name.is_empty());
    let text = match &typed {
        Some(typed) => typed.text.to_owned(),
        None if now.is_empty() => EMPTY.to_owned(),
        None => now.clone(),
    };
    let shown = laid_out(&text);
    let lines = typed.as_ref().map(|_| difference(&now, &shown));
    let page = DocumentPage {
        title: title.clone(),
        hint,
        crumb,
        action,
        arn,
        asks_name,
        name: match (&typed, document) {
            (Some(typed), _) => typed.name.to_owned(),
            (None, Document::Inline(_, _, policy)) => (*policy).to_owned(),
            _ => String::new(),
        },
        name_problem: typed
            .as_ref()
            .filter(|typed| asks_name && typed.name.is_empty())
            .map(|_| "It needs a name.".to_owned()),
        problem: typed.and_then(|typed| typed.problem),
        sentences: sentences(&shown).unwrap_or_default(),
        text,
        lines,
        back: document.back(),
        command: document.command(),
        why_not: document.why_not(&actor).await?,
        shell: Shell::new(visit, "people", title),
    };
    let status = match refused {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    page_with(status, &page)
}

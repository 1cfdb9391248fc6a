//! A new user, group, role or policy.

use askama::Template;
use http::StatusCode;
use hyper::body::Incoming;
use sealgate_policy::Policy;
use serde_json::json;

use super::{Kind, document, place, policy_place, tag_parameters, typed_tags};
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::documents::laid_out;
use crate::policy_words::{Sentence, sentences};
use crate::response::{Page, see_other};
use crate::views::{Shell, page_with};
use crate::visit::Visit;

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Holder(Kind),
    Policy,
}

impl What {
    fn of(noun: &str) -> Option<What> {
        match noun {
            "user" => Some(What::Holder(Kind::User)),
            "group" => Some(What::Holder(Kind::Group)),
            "role" => Some(What::Holder(Kind::Role)),
            "policy" => Some(What::Policy),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            What::Holder(kind) => kind.word(),
            What::Policy => "Policy",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            What::Holder(kind) => kind.noun(),
            What::Policy => "policy",
        }
    }

    fn has_tags(self) -> bool {
        self != What::Holder(Kind::Group)
    }

    fn has_description(self) -> bool {
        matches!(self, What::Policy | What::Holder(Kind::Role))
    }

    /// The parameter of its document, if it is made with one.
    fn document(self) -> Option<&'static str> {
        match self {
            What::Policy => Some("PolicyDocument"),
            What::Holder(Kind::Role) => Some("AssumeRolePolicyDocument"),
            What::Holder(_) => None,
        }
    }

    fn document_problem(self, text: &str) -> Option<String> {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            return Some(format!("This is not JSON: {error}."));
        }
        let parsed = match self {
            What::Policy => Policy::parse_identity(text),
            What::Holder(_) => Policy::parse_trust(text),
        };
        parsed
            .err()
            .map(|error| format!("This is not a policy: {error}."))
    }

    fn command(self) -> String {
        let noun = self.noun();
        let rest = match self {
            What::Policy => " --policy-document file://policy.json",
            What::Holder(Kind::Role) => " --assume-role-policy-document file://trust.json",
            What::Holder(_) => "",
        };
        format!("aws iam create-{noun} --{noun}-name NAME{rest}")
    }
}

#[derive(Template)]
#[template(path = "person_new.html")]
struct NewPage<'a> {
    shell: Shell,
    noun: &'static str,
    lists: String,
    lists_title: &'static str,
    has_tags: bool,
    has_description: bool,
    has_document: bool,
    is_role: bool,
    name: &'a str,
    path: &'a str,
    description: &'a str,
    tags: &'a str,
    document: String,
    sentences: Vec<Sentence>,
    name_problem: Option<String>,
    tags_problem: Option<String>,
    document_problem: Option<String>,
    problem: Option<String>,
    command: String,
    why_not: Option<String>,
}

/// The empty form.
pub(crate) async fn show(visit: &Visit, noun: &str) -> Result<Page, Fault> {
    let what = What::of(noun).ok_or(Fault::NotFound)?;
    form_page(visit, what, &Form::empty(), false, None).await
}

/// The form was sent.
pub(crate) async fn submit(visit: &Visit, noun: &str, body: Incoming) -> Result<Page, Fault> {
    let what = What::of(noun).ok_or(Fault::NotFound)?;
    let form = Form::of_session(visit, body).await?;
    let document = form.raw("document");
    let tags = typed_tags(form.raw("tags"));
    let wrong = form.get("name").is_empty()
        || tags.is_err()
        || what.document().is_some() && what.document_problem(document).is_some();
    if wrong || form.get("go") == "review" {
        return form_page(visit, what, &form, true, None).await;
    }
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(led_to.as_deref().unwrap_or("/console/people")));
    }
    let named = format!("{}Name", what.word());
    let mut parameters = vec![(named, form.get("name").to_owned())];
    if !form.get("path").is_empty() {
        parameters.push(("Path".to_owned(), form.get("path").to_owned()));
    }
    if what.has_description() && !form.get("description").is_empty() {
        let description = form.get("description").to_owned();
        parameters.push(("Description".to_owned(), description));
    }
    if let Some(name) = what.document() {
        parameters.push((name.to_owned(), document.to_owned()));
    }
    if what.has_tags() {
        parameters.extend(tag_parameters(&tags.unwrap_or_default()));
    }
    let parameters: Vec<(&str, &str)> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let actor = visit.actor()?;
    let operation = format!("Create{}", what.word());
    match actor.iam(&operation, &parameters).await {
        Ok(answer) => {
            let place = match what {
                What::Holder(kind) => place(kind, form.get("name")),
                What::Policy => policy_place(answer.at(&["Policy"]).text("Arn")),
            };
            form.end(visit, Some(&place));
            visit.tell(
                true,
                format!("The {} {} is there.", what.noun(), form.get("name")),
            );
            Ok(see_other(&place))
        }
        Err(Fault::Refused(refusal)) => {
            form.end(visit, None);
            let words = refusal.words().to_owned();
            form_page(visit, what, &form, true, Some(words)).await
        }
        Err(fault) => {
            form.end(visit, None);
            Err(fault)
        }
    }
}

/// Who may take on a new role until somebody says otherwise: whoever in the account is allowed to.
fn own_trust(account: &str) -> String {
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
            "Action": "sts:AssumeRole",
        }],
    });
    laid_out(&document.to_string())
}

async fn form_page(
    visit: &Visit,
    what: What,
    form: &Form,
    sent: bool,
    problem: Option<String>,
) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let caller = actor.caller().await?;
    let text = match (form.has("document"), what) {
        (true, _) => form.raw("document").to_owned(),
        (false, What::Policy) => document::EMPTY.to_owned(),
        (false, _) => own_trust(&actor.session.account),
    };
    let told = |problem: Option<String>| problem.filter(|_| sent);
    let name_problem = told(
        form.get("name")
            .is_empty()
            .then(|| "It needs a name.".to_owned()),
    );
    let tags_problem = told(typed_tags(form.raw("tags")).err());
    let has_document = what.document().is_some();
    let document_problem = match has_document {
        true => told(what.document_problem(&text)),
        false => None,
    };
    let refused = name_problem.is_some()
        || tags_problem.is_some()
        || document_problem.is_some()
        || problem.is_some();
    let page = NewPage {
        noun: what.noun(),
        lists: format!(
            "/console/people?tab={}",
            match what {
                What::Holder(kind) => kind.folder(),
                What::Policy => "policies",
            }
        ),
        lists_title: match what {
            What::Holder(Kind::User) => "Users",
            What::Holder(Kind::Group) => "Groups",
            What::Holder(Kind::Role) => "Roles",
            What::Policy => "Policies",
        },
        has_tags: what.has_tags(),
        has_description: what.has_description(),
        has_document,
        is_role: what == What::Holder(Kind::Role),
        name: form.get("name"),
        path: form.get("path"),
        description: form.get("description"),
        tags: form.raw("tags"),
        sentences: sentences(&text).unwrap_or_default(),
        document: text,
        name_problem,
        tags_problem,
        document_problem,
        problem,
        command: what.command(),
        why_not: actor.why_not(&caller, &format!("iam:Create{}", what.word())),
        shell: Shell::new(visit, "people", format!("New {}", what.noun())),
    };
    let status = match refused {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    page_with(status, &page)
}

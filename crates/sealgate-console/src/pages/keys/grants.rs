//! Grants of a key: in sentences, made, revoked and retired.

use askama::Template;
use serde_json::{Map, Value, json};

use super::detail;
use super::text;
use super::view::{Doing, View};
use crate::fault::{Fault, Refusal};
use crate::forms::Form;
use crate::pages::people;
use crate::response::{Page, see_other};
use crate::views::Shell;
use crate::visit::Visit;

/// Grants on one page.
const SHOWN: usize = 100;

const SYMMETRIC: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
];
const PUBLIC: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "ReEncryptFrom",
    "ReEncryptTo",
    "GetPublicKey",
];
const SIGN: &[&str] = &["Sign", "Verify", "GetPublicKey"];
const MAC: &[&str] = &["GenerateMac", "VerifyMac"];
const AGREE: &[&str] = &["DeriveSharedSecret", "GetPublicKey"];
const EVERY: &[&str] = &["DescribeKey", "CreateGrant", "RetireGrant"];

/// What a grant on such a key can permit.
fn operations(key: &Value) -> Vec<&'static str> {
    let own = match key["KeyUsage"].as_str() {
        Some("SIGN_VERIFY") => SIGN,
        Some("GENERATE_VERIFY_MAC") => MAC,
        Some("KEY_AGREEMENT") => AGREE,
        _ if key["KeySpec"] == "SYMMETRIC_DEFAULT" => SYMMETRIC,
        _ => PUBLIC,
    };
    [own, EVERY].concat()
}

/// A grant as it was typed, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Typed {
    grantee: String,
    retiring: String,
    name: String,
    operations: Vec<String>,
    constraint: String,
    context: String,
    problems: Problems,
}

#[derive(Default)]
struct Problems {
    grantee: Option<String>,
    retiring: Option<String>,
    name: Option<String>,
    operations: Option<String>,
    context: Option<String>,
    other: Option<String>,
}

impl Typed {
    fn of(form: &Form) -> Typed {
        Typed {
            grantee: form.get("grantee").to_owned(),
            retiring: form.get("retiring").to_owned(),
            name: form.get("grant_name").to_owned(),
            operations: form.all("operation"),
            constraint: form.get("constraint").to_owned(),
            context: form.raw("context").to_owned(),
            problems: Problems::default(),
        }
    }

    pub(crate) fn is_wrong(&self) -> bool {
        let it = &self.problems;
        [
            &it.grantee,
            &it.retiring,
            &it.name,
            &it.operations,
            &it.context,
            &it.other,
        ]
        .iter()
        .any(|problem| problem.is_some())
    }

    /// The constraint, by its name in the API.
    fn constraint(&self) -> Option<&'static str> {
        match self.constraint.as_str() {
            "equals" => Some("EncryptionContextEquals"),
            "subset" => Some("EncryptionContextSubset"),
            _ => None,
        }
    }

    fn pairs(&self) -> Result<Map<String, Value>, String> {
        let mut pairs = Map::new();
        for line in self.context.lines().map(str::trim) {
            if line.is_empty() {
                continue;
            }
            match line.split_once('=') {
                Some((name, value)) if !name.trim().is_empty() => {
                    pairs.insert(name.trim().to_owned(), value.trim().into());
                }
                _ => return Err(format!("“{line}” is not name=value.")),
            }
        }
        Ok(pairs)
    }

    /// What can be seen to be wrong from here.
    fn check(&mut self) {
        let problems = &mut self.problems;
        if self.grantee.is_empty() {
            problems.grantee = Some("A grant is for somebody.".to_owned());
        }
        if self.operations.is_empty() {
            problems.operations = Some("A grant permits something.".to_owned());
        }
        if self.constraint().is_some() {
            self.problems.context = match self.pairs() {
                Ok(pairs) if pairs.is_empty() => {
                    Some("Such a grant needs a context, line by line.".to_owned())
                }
                Ok(_) => None,
                Err(problem) => Some(problem),
            };
        }
    }

    fn input(&self, id: &str) -> Value {
        let mut input = json!({
            "KeyId": id,
            "GranteePrincipal": self.grantee,
            "Operations": self.operations,
        });
        for (name, value) in [("RetiringPrincipal", &self.retiring), ("Name", &self.name)] {
            if !value.is_empty() {
                input[name] = value.as_str().into();
            }
        }
        if let Some(constraint) = self.constraint() {
            input["Constraints"] = json!({ constraint: self.pairs().unwrap_or_default() });
        }
        input
    }

    /// Puts a refusal beside the field that it is about.
    fn refused(&mut self, refusal: &Refusal) {
        let words = refusal.words();
        let about = |names: &[&str]| names.iter().any(|name| words.contains(name));
        let problems = &mut self.problems;
        let field = if about(&["retiringPrincipal", "RetiringPrincipal"])
            || !self.retiring.is_empty()
                && self.retiring != self.grantee
                && about(&[&self.retiring])
        {
            &mut problems.retiring
        } else if refusal.is_denial() {
            &mut problems.other
        } else if about(&["granteePrincipal", "GranteePrincipal", &self.grantee]) {
            &mut problems.grantee
        } else if about(&["'name'", "Name "]) {
            &mut problems.name
        } else if about(&["onstraint", "ncryption context", "ncryptionContext"]) {
            &mut problems.context
        } else if about(&["peration"]) {
            &mut problems.operations
        } else {
            &mut problems.other
        };
        *field = Some(words.to_owned());
    }
}

struct Row {
    id: String,
    name: String,
    sentence: String,
    created: String,
}

#[derive(Template)]
#[template(path = "key_grants.html")]
struct Grants<'a> {
    shell: &'a Shell,
    id: &'a str,
    arn: &'a str,
    managed: bool,
    symmetric: bool,
    rows: Vec<Row>,
    next: Option<String>,
    operations: Vec<(&'static str, bool)>,
    people: Vec<String>,
    typed: Typed,
    cli: String,
    why_create: Option<String>,
    why_revoke: Option<String>,
}

/// The tab.
pub(super) async fn tab(view: &View<'_>, typed: Option<Typed>) -> Result<String, Fault> {
    let actor = view.actor;
    let mut input = json!({ "KeyId": view.id, "Limit": SHOWN });
    let marker = view.visit.parameter("marker");
    if !marker.is_empty() {
        input["Marker"] = marker.into();
    }
    let answer = actor.kms("ListGrants", &input).await?;
    let rows = answer["Grants"].as_array().into_iter().flatten().map(row);
    let next = answer["NextMarker"].as_str().map(|marker| {
        let place = format!("/console/keys/{}", view.id);
        crate::pages::link(&place, &[("tab", "grants"), ("marker", marker)])
    });
    let caller = actor.caller().await?;
    let [why_create, why_revoke] = actor
        .why_not_key_each(&caller, ["kms:CreateGrant", "kms:RevokeGrant"], &view.arn)
        .await;
    let typed = typed.unwrap_or_default();
    super::render(&Grants {
        shell: view.shell,
        id: &view.id,
        arn: &view.arn,
        managed: view.managed,
        symmetric: view.key["KeySpec"] == "SYMMETRIC_DEFAULT",
        rows: rows.collect(),
        next,
        operations: operations(view.key)
            .into_iter()
            .map(|name| (name, typed.operations.iter().any(|it| it == name)))
            .collect(),
        people: people::principals(actor, "100").await?,
        why_create,
        why_revoke,
        cli: format!(
            "aws kms create-grant --key-id {} --grantee-principal ARN --operations Decrypt DescribeKey",
            view.id
        ),
        typed,
    })
}

fn row(grant: &Value) -> Row {
    Row {
        id: text(&grant["GrantId"]),
        name: text(&grant["Name"]),
        sentence: sentence(grant),
        created: crate::pages::words::json_time(&grant["CreationDate"]),
    }
}

/// Who may what, with which context, and who may give it back.
fn sentence(grant: &Value) -> String {
    let who = |arn: &str| match arn.rsplit_once(':') {
        Some((_, "root")) => format!("Account {}", arn.split(':').nth(4).unwrap_or_default()),
        Some((_, name)) => match name.split_once('/') {
            Some(("user", path)) => format!("User {}", crate::views::short_name(path)),
            Some(("role" | "assumed-role", path)) => format!("Role {path}"),
            _ => name.to_owned(),
        },
        None => arn.to_owned(),
    };
    let operations: Vec<&str> = grant["Operations"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let may = match operations.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let mut said = format!("{} may {may}", who(&text(&grant["GranteePrincipal"])));
    for (name, words) in [
        ("EncryptionContextEquals", "is exactly"),
        ("EncryptionContextSubset", "has"),
    ] {
        if let Some(pairs) = grant["Constraints"][name].as_object() {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
                .collect();
            said.push_str(&format!(
                ", but only where the encryption context {words} {}",
                pairs.join(", ")
            ));
        }
    }
    said.push('.');
    if let Some(retiring) = grant["RetiringPrincipal"].as_str() {
        said.push_str(&format!(" {} may retire it.", who(retiring)));
    }
    said
}

/// Makes the grant of a form.
pub(super) async fn create(visit: &Visit, id: &str, form: &Form) -> Result<Page, Fault> {
    let mut typed = Typed::of(form);
    typed.check();
    if typed.is_wrong() {
        return detail::show(visit, id, Some(Doing::Grant(typed))).await;
    }
    let place = format!("/console/keys/{id}?tab=grants");
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(led_to.as_deref().unwrap_or(&place)));
    }
    match visit.actor()?.kms("CreateGrant", &typed.input(id)).await {
        Ok(_) => {
            form.end(visit, Some(&place));
            visit.tell(true, "The grant is there, and counts at once.");
            Ok(see_other(&place))
        }
        Err(Fault::Refused(refusal)) => {
            form.end(visit, None);
            typed.refused(&refusal);
            detail::show(visit, id, Some(Doing::Grant(typed))).await
        }
        Err(fault) => {
            form.end(visit, None);
            Err(fault)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_grant_reads_as_a_sentence() {
        let grant = json!({
            "GranteePrincipal": "arn:aws:iam::111122223333:user/team/bob",
            "RetiringPrincipal": "arn:aws:iam::111122223333:root",
            "Operations": ["Decrypt", "DescribeKey"],
            "Constraints": { "EncryptionContextSubset": { "team": "red" } },
        });
        assert_eq!(
            sentence(&grant),
            "User bob may Decrypt and DescribeKey, but only where the encryption context has team=red. \
             Account 111122223333 may retire it."
        );
    }

    #[test]
    fn what_lacks_is_said_beside_its_field() {
        let mut typed = Typed {
            constraint: "equals".to_owned(),
            context: "nonsense".to_owned(),
            ..Typed::default()
        };
        typed.check();
        let problems = &typed.problems;
        assert!(problems.grantee.is_some() && problems.operations.is_some());
        assert_eq!(
            problems.context.as_deref(),
            Some("“nonsense” is not name=value.")
        );
    }
}

//! A key as its tabs see it, and what is being done on one of them in more than one step.

use serde_json::{Value, json};

use super::{dependents, grants, material, text};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::views::Shell;
use crate::visit::Visit;

/// What is being done on the page, in more than one step.
pub(crate) enum Doing {
    Policy(Draft),
    Grant(grants::Typed),
    Material(material::Typed),
    Delete(dependents::Typed),
}

impl Doing {
    pub(super) fn is_wrong(&self) -> bool {
        match self {
            Doing::Policy(draft) => draft.problem.is_some(),
            Doing::Grant(typed) => typed.is_wrong(),
            Doing::Material(typed) => typed.is_wrong(),
            Doing::Delete(typed) => typed.is_wrong(),
        }
    }

    /// The tab that it is on.
    pub(super) fn tab(&self) -> &'static str {
        match self {
            Doing::Policy(_) => "policy",
            Doing::Grant(_) => "grants",
            Doing::Material(_) => "material",
            Doing::Delete(_) => "dependents",
        }
    }
}

/// The key, for the tabs that are pages of their own.
pub(super) struct View<'a> {
    pub(super) visit: &'a Visit,
    pub(super) actor: &'a Actor<'a>,
    pub(super) shell: &'a Shell,
    pub(super) key: &'a Value,
    pub(super) aliases: &'a [Alias],
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) title: String,
    pub(super) state_name: String,
    pub(super) managed: bool,
}

impl View<'_> {
    /// Whether somebody means this key by a name: its id, its ARN, an alias or the ARN of one.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let alias = |name: &str| {
            name.strip_prefix("alias/")
                .is_some_and(|name| self.aliases.iter().any(|alias| alias.name == name))
        };
        name == self.id
            || name == self.arn
            || alias(name)
            || name.splitn(6, ':').nth(5).is_some_and(alias)
    }
}

/// What is asked of a policy that is about to be saved.
pub(crate) struct Draft {
    pub(crate) policy: String,
    pub(crate) problem: Option<String>,
}

/// An alias, without `alias/`.
pub(super) struct Alias {
    pub(super) name: String,
}

/// The aliases of a key. Who may not list them sees none.
pub(super) async fn aliases(actor: &Actor<'_>, id: &str) -> Result<Vec<Alias>, Fault> {
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

//! The account of whoever is signed in: its names, and what it has.

use askama::Template;

use super::{asked, texts};
use crate::fault::Fault;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

/// What of the summary people ask for, in their words.
const SHOWN: [(&str, &str); 8] = [
    ("Users", "Users"),
    ("Groups", "Groups"),
    ("Roles", "Roles"),
    ("Policies", "Policies"),
    ("PolicyVersionsInUse", "Versions of policies"),
    ("Providers", "Identity providers"),
    ("AccountAccessKeysPresent", "Root user has access keys"),
    ("AccountMFAEnabled", "Root user has a second factor"),
];

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    account: String,
    alias: String,
    summary: Vec<(&'static str, String)>,
    refused: Vec<String>,
    why_not_alias: Option<String>,
    why_not_alias_remove: Option<String>,
}

/// The page of the account.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let mut refused = Vec::new();
    let aliases = asked(&actor, "ListAccountAliases", &[], &mut refused).await?;
    let summary = asked(&actor, "GetAccountSummary", &[], &mut refused).await?;
    let map = summary.at(&["SummaryMap"]);
    let value = |name: &str| {
        let entry = map.all("entry").find(|entry| entry.text("key") == name)?;
        let value = entry.text("value");
        Some(match (name.starts_with("Account"), value) {
            (true, "0") => "no".to_owned(),
            (true, _) => "yes".to_owned(),
            (false, count) => count.to_owned(),
        })
    };
    let caller = actor.caller().await?;
    page(&AccountPage {
        account: caller.principal.account_id.clone(),
        alias: texts(&aliases, "AccountAliases")
            .into_iter()
            .next()
            .unwrap_or_default(),
        summary: SHOWN
            .into_iter()
            .filter_map(|(name, words)| Some((words, value(name)?)))
            .collect(),
        refused,
        why_not_alias: actor.why_not(&caller, "iam:CreateAccountAlias"),
        why_not_alias_remove: actor.why_not(&caller, "iam:DeleteAccountAlias"),
        shell: Shell::new(visit, "people", "Account"),
    })
}

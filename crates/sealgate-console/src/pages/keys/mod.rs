//! KMS keys: the list, a key, and what can be done with it.

pub(crate) mod actions;
mod dependents;
pub(crate) mod detail;
mod grants;
pub(crate) mod list;
mod material;
pub(crate) mod new;
mod new_choices;
mod new_policy;
pub(crate) mod public_key;
mod use_over_time;
mod view;
mod wrapping;

use askama::Template;
use serde_json::Value;

use crate::fault::Fault;
use crate::response::{Page, see_other};

/// The words and the colour for a key's state.
pub(crate) struct State {
    pub(crate) words: &'static str,
    pub(crate) colour: &'static str,
}

pub(crate) fn state(name: &str) -> State {
    let (words, colour) = match name {
        "Enabled" => ("Enabled", "good"),
        "Disabled" => ("Disabled", "warn"),
        "PendingDeletion" => ("Pending deletion", "bad"),
        "PendingReplicaDeletion" => ("Pending replica deletion", "bad"),
        "PendingImport" => ("Pending import", "warn"),
        "Unavailable" => ("Unavailable", "bad"),
        "Creating" => ("Creating", "warn"),
        "Updating" => ("Updating", "warn"),
        _ => ("Unknown", ""),
    };
    State { words, colour }
}

pub(crate) fn usage(name: &str) -> &'static str {
    match name {
        "ENCRYPT_DECRYPT" => "Encrypt and decrypt",
        "SIGN_VERIFY" => "Sign and verify",
        "GENERATE_VERIFY_MAC" => "Make and verify MACs",
        "KEY_AGREEMENT" => "Agree on secrets",
        _ => "Other",
    }
}

pub(crate) fn spec(name: &str) -> String {
    match name {
        "SYMMETRIC_DEFAULT" => "AES-256-GCM".to_owned(),
        name => name.replace('_', " "),
    }
}

pub(crate) fn origin(name: &str) -> &'static str {
    match name {
        "AWS_KMS" => "Made here",
        "EXTERNAL" => "Imported",
        "AWS_CLOUDHSM" => "CloudHSM key store",
        "EXTERNAL_KEY_STORE" => "External key store",
        _ => "Other",
    }
}

/// A part of a page.
fn render(part: &impl Template) -> Result<String, Fault> {
    part.render().map_err(|error| {
        tracing::error!(%error, "a part of a page cannot be written");
        Fault::Internal
    })
}

/// Where the page of an action is fetched, as after a sign-in in between: on the tab that the action is on.
pub(crate) fn of_action(id: &str, action: &str) -> Result<Page, Fault> {
    let tab = match action {
        "policy" => "policy",
        "import" | "material-delete" | "material-rotate" => "material",
        "grant-create" | "grant-revoke" | "grant-retire" => "grants",
        "delete" => "dependents",
        _ => return Err(Fault::NotFound),
    };
    Ok(see_other(&format!("/console/keys/{id}?tab={tab}")))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a key that may be in several Regions is there.
pub(crate) fn regions(key: &Value) -> String {
    let configuration = &key["MultiRegionConfiguration"];
    if key["MultiRegion"] != true {
        return "no, only in this Region".to_owned();
    }
    let region = |it: &Value| text(&it["Region"]);
    let replicas: Vec<String> = configuration["ReplicaKeys"]
        .as_array()
        .into_iter()
        .flatten()
        .map(region)
        .collect();
    let replicas = match replicas.is_empty() {
        true => "no replicas".to_owned(),
        false => format!("replicas in {}", replicas.join(", ")),
    };
    let primary = region(&configuration["PrimaryKey"]);
    match configuration["MultiRegionKeyType"].as_str() {
        Some("REPLICA") => format!("replica; the primary key is in {primary}, {replicas}"),
        _ => format!("primary key in {primary}, {replicas}"),
    }
}

//! KMS keys: the list, a key, and what can be done with it.

pub(crate) mod actions;
pub(crate) mod detail;
pub(crate) mod list;
pub(crate) mod new;
mod new_policy;

use serde_json::Value;

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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

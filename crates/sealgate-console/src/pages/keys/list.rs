//! The list of keys, searched and filtered.

use askama::Template;
use sealgate_kms::{KeyManager, KeyQuery, KeySummary};

use super::{State, spec, state, usage};
use crate::fault::Fault;
use crate::pages::link;
use crate::pages::words;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

const ON_A_PAGE: usize = 50;
/// Keys that are looked at for one page; then there is a link to go on.
const LOOKED_AT: usize = 2000;

struct Row {
    id: String,
    alias: String,
    description: String,
    state: State,
    usage: &'static str,
    spec: String,
    created: String,
    managed: bool,
    refused: bool,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage<'a> {
    shell: Shell,
    q: &'a str,
    state: &'a str,
    usage: &'a str,
    states: [(&'static str, &'static str); 4],
    usages: [(&'static str, &'static str); 4],
    rows: Vec<Row>,
    looked_at: usize,
    next: Option<String>,
    filtered: bool,
    why_not_new: Option<String>,
}

pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let q = visit.parameter("q").trim();
    let (wanted_state, wanted_usage) = (visit.parameter("state"), visit.parameter("usage"));
    let marker = visit.parameter("marker");
    let found = actor
        .key_summaries(&KeyQuery {
            text: q.to_owned(),
            state: wanted_state.to_owned(),
            usage: wanted_usage.to_owned(),
            limit: ON_A_PAGE,
            look_at: LOOKED_AT,
            marker: (!marker.is_empty()).then(|| marker.to_owned()),
        })
        .await?;
    let next = found.next_marker.as_deref().map(|marker| {
        let query = [
            ("q", q),
            ("state", wanted_state),
            ("usage", wanted_usage),
            ("marker", marker),
        ];
        link("/console/keys", &query)
    });
    let caller = actor.caller().await?;
    page(&KeysPage {
        q,
        state: wanted_state,
        usage: wanted_usage,
        states: [
            ("Enabled", "Enabled"),
            ("Disabled", "Disabled"),
            ("PendingDeletion", "Pending deletion"),
            ("PendingImport", "Pending import"),
        ],
        usages: [
            ("ENCRYPT_DECRYPT", "Encrypt and decrypt"),
            ("SIGN_VERIFY", "Sign and verify"),
            ("GENERATE_VERIFY_MAC", "Make and verify MACs"),
            ("KEY_AGREEMENT", "Agree on secrets"),
        ],
        rows: found.keys.into_iter().map(row).collect(),
        looked_at: found.looked_at,
        next,
        filtered: !(q.is_empty() && wanted_state.is_empty() && wanted_usage.is_empty()),
        why_not_new: actor.why_not(&caller, "kms:CreateKey"),
        shell: Shell::new(visit, "keys", "Keys"),
    })
}

fn row(key: KeySummary) -> Row {
    let names = key.aliases.iter();
    let names: Vec<&str> = names
        .map(|name| name.strip_prefix("alias/").unwrap_or(name))
        .collect();
    let alias = names.join(", ");
    match key.metadata {
        Some(metadata) => Row {
            id: key.key_id,
            alias,
            description: metadata.description,
            state: state(metadata.state.as_str()),
            usage: usage(metadata.key_usage.as_str()),
            spec: spec(metadata.key_spec.as_str()),
            created: words::time(metadata.created),
            managed: metadata.manager == KeyManager::Aws,
            refused: false,
        },
        None => Row {
            id: key.key_id,
            alias,
            description: String::new(),
            state: state(""),
            usage: "",
            spec: String::new(),
            created: String::new(),
            managed: false,
            refused: true,
        },
    }
}

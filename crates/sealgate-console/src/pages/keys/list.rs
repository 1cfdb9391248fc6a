//! The list of keys, searched and filtered.

use std::collections::HashMap;

use askama::Template;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{State, spec, state, text, usage};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::pages::link;
use crate::pages::words;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

const ON_A_PAGE: usize = 25;
/// Keys that are looked at for one page; then there is a link to go on.
const LOOKED_AT: usize = 300;
/// Pages of aliases, of a hundred each, that are read for their names.
const ALIAS_PAGES: usize = 20;
const AT_A_TIME: usize = 8;

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
    let aliases = aliases(&actor).await?;
    let mut marker = visit.parameter("marker").to_owned();
    let (mut rows, mut looked_at, mut more) = (Vec::new(), 0, true);
    let needle = q.to_lowercase();
    while more && rows.len() < ON_A_PAGE && looked_at < LOOKED_AT {
        let mut input = json!({ "Limit": ON_A_PAGE });
        if !marker.is_empty() {
            input["Marker"] = marker.as_str().into();
        }
        let answer = actor.kms("ListKeys", &input).await?;
        more = answer["Truncated"] == true;
        marker = text(&answer["NextMarker"]);
        let keys = answer["Keys"].as_array().cloned().unwrap_or_default();
        looked_at += keys.len();
        let described: Vec<Result<Row, Fault>> = stream::iter(keys)
            .map(|key| describe(&actor, text(&key["KeyId"]), &aliases))
            .buffered(AT_A_TIME)
            .collect()
            .await;
        for row in described {
            let row = row?;
            let found = needle.is_empty()
                || [&row.id, &row.alias, &row.description]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&needle));
            let of_state = wanted_state.is_empty() || state(wanted_state).words == row.state.words;
            let of_usage = wanted_usage.is_empty() || usage(wanted_usage) == row.usage;
            if found && of_state && of_usage {
                rows.push(row);
            }
        }
    }
    let query = [
        ("q", q),
        ("state", wanted_state),
        ("usage", wanted_usage),
        ("marker", marker.as_str()),
    ];
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
        rows,
        looked_at,
        next: more.then(|| link("/console/keys", &query)),
        filtered: !(q.is_empty() && wanted_state.is_empty() && wanted_usage.is_empty()),
        why_not_new: actor.why_not(&caller, "kms:CreateKey"),
        shell: Shell::new(visit, "keys", "Keys"),
    })
}

/// Key ids with the names of their aliases. Who may not list them sees none.
async fn aliases(actor: &Actor<'_>) -> Result<HashMap<String, Vec<String>>, Fault> {
    let mut aliases: HashMap<String, Vec<String>> = HashMap::new();
    let mut input = json!({ "Limit": 100 });
    for _ in 0..ALIAS_PAGES {
        let answer = match actor.kms("ListAliases", &input).await {
            Ok(answer) => answer,
            Err(Fault::Refused(_)) => break,
            Err(fault) => return Err(fault),
        };
        for alias in answer["Aliases"].as_array().into_iter().flatten() {
            let name = text(&alias["AliasName"]);
            let name = name.strip_prefix("alias/").unwrap_or(&name).to_owned();
            aliases
                .entry(text(&alias["TargetKeyId"]))
                .or_default()
                .push(name);
        }
        match &answer["NextMarker"] {
            Value::String(marker) => input["Marker"] = marker.as_str().into(),
            _ => break,
        }
    }
    Ok(aliases)
}

async fn describe(
    actor: &Actor<'_>,
    id: String,
    aliases: &HashMap<String, Vec<String>>,
) -> Result<Row, Fault> {
    let alias = aliases
        .get(&id)
        .map_or(String::new(), |names| names.join(", "));
    match actor.kms("DescribeKey", &json!({ "KeyId": id })).await {
        Ok(answer) => {
            let key = &answer["KeyMetadata"];
            Ok(Row {
                id,
                alias,
                description: text(&key["Description"]),
                state: state(key["KeyState"].as_str().unwrap_or_default()),
                usage: usage(key["KeyUsage"].as_str().unwrap_or_default()),
                spec: spec(key["KeySpec"].as_str().unwrap_or_default()),
                created: words::json_time(&key["CreationDate"]),
                managed: key["KeyManager"] == "AWS",
                refused: false,
            })
        }
        Err(Fault::Refused(_)) => Ok(Row {
            id,
            alias,
            description: String::new(),
            state: state(""),
            usage: "",
            spec: String::new(),
            created: String::new(),
            managed: false,
            refused: true,
        }),
        Err(fault) => Err(fault),
    }
}

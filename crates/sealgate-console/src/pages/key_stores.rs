//! External key stores: how each is connected, and what is wrong if it is not; made, connected, disconnected, deleted.

use askama::Template;
use http::StatusCode;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::fault::{Fault, Refusal};
use crate::forms::Form;
use crate::pages::finished;
use crate::response::{Page, see_other};
use crate::views::{Shell, page, page_with};
use crate::visit::Visit;

const LIST: &str = "/console/key-stores";

struct Row {
    id: String,
    name: String,
    state: &'static str,
    colour: &'static str,
    connected: bool,
    error: String,
    proxy: String,
    created: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn row(store: &Value) -> Row {
    let (state, colour) = match store["ConnectionState"].as_str() {
        Some("CONNECTED") => ("Connected", "good"),
        Some("CONNECTING") => ("Connecting", "warn"),
        Some("DISCONNECTING") => ("Disconnecting", "warn"),
        Some("FAILED") => ("Failed", "bad"),
        _ => ("Disconnected", ""),
    };
    let proxy = &store["XksProxyConfiguration"];
    Row {
        id: text(&store["CustomKeyStoreId"]),
        name: text(&store["CustomKeyStoreName"]),
        state,
        colour,
        connected: store["ConnectionState"] == "CONNECTED",
        error: error(&text(&store["ConnectionErrorCode"])),
        proxy: format!("{}{}", text(&proxy["UriEndpoint"]), text(&proxy["UriPath"])),
        created: crate::pages::words::json_time(&store["CreationDate"]),
    }
}

/// What a code of an error means, with the code.
fn error(code: &str) -> String {
    let words = match code {
        "" => return String::new(),
        "XKS_PROXY_ACCESS_DENIED" => "The proxy does not accept the credential.",
        "XKS_PROXY_NOT_REACHABLE" => "The proxy does not answer.",
        "XKS_PROXY_TIMED_OUT" => "The proxy did not answer in time.",
        "XKS_PROXY_INVALID_TLS_CONFIGURATION" => {
            "No TLS connection could be made that the gateway trusts."
        }
        "XKS_PROXY_INVALID_CONFIGURATION" => "The proxy is not configured as it should be.",
        "XKS_PROXY_INVALID_RESPONSE" => "The proxy answers what it should not.",
        _ => "The key store could not be connected.",
    };
    format!("{words} ({code})")
}

#[derive(Template)]
#[template(path = "key_stores.html")]
struct KeyStores {
    shell: Shell,
    rows: Vec<Row>,
    next: Option<String>,
    refused: Option<String>,
    why_create: Option<String>,
    may_connect: bool,
    may_disconnect: bool,
    may_delete: bool,
    /// Why what may not be done may not.
    reasons: Vec<String>,
}

/// The list.
pub(crate) async fn list(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let mut input = json!({ "Limit": 50 });
    let marker = visit.parameter("marker");
    if !marker.is_empty() {
        input["Marker"] = marker.into();
    }
    let (answer, refused) = match actor.kms("DescribeCustomKeyStores", &input).await {
        Ok(answer) => (answer, None),
        Err(Fault::Refused(refusal)) => (Value::Null, Some(refusal.words().to_owned())),
        Err(fault) => return Err(fault),
    };
    let stores = answer["CustomKeyStores"].as_array().into_iter().flatten();
    let caller = actor.caller().await?;
    let why_not = |action: &str| actor.why_not(&caller, action);
    let [connect, disconnect, delete] = [
        "kms:ConnectCustomKeyStore",
        "kms:DisconnectCustomKeyStore",
        "kms:DeleteCustomKeyStore",
    ]
    .map(why_not);
    page(&KeyStores {
        rows: stores.map(row).collect(),
        next: answer["NextMarker"]
            .as_str()
            .map(|marker| crate::pages::link(LIST, &[("marker", marker)])),
        refused,
        why_create: why_not("kms:CreateCustomKeyStore"),
        may_connect: connect.is_none(),
        may_disconnect: disconnect.is_none(),
        may_delete: delete.is_none(),
        reasons: [connect, disconnect, delete]
            .into_iter()
            .flatten()
            .collect(),
        shell: Shell::new(visit, "keys", "Key stores"),
    })
}

/// A store as it was typed, but for its secret, and what is wrong with it.
#[derive(Default)]
struct Typed {
    name: String,
    endpoint: String,
    path: String,
    access_key: String,
    name_problem: Option<String>,
    endpoint_problem: Option<String>,
    path_problem: Option<String>,
    access_key_problem: Option<String>,
    secret_problem: Option<String>,
    problem: Option<String>,
}

impl Typed {
    fn of(form: &Form) -> Typed {
        Typed {
            name: form.get("store_name").to_owned(),
            endpoint: form.get("endpoint").to_owned(),
            path: form.get("path").to_owned(),
            access_key: form.get("access_key").to_owned(),
            ..Typed::default()
        }
    }

    /// Says what is missing; whether nothing is.
    fn check(&mut self, has_secret: bool) -> bool {
        let missing = |text: &str, words: &str| text.is_empty().then(|| words.to_owned());
        self.name_problem = missing(&self.name, "A key store has a name.");
        self.endpoint_problem = missing(&self.endpoint, "Where is the proxy?");
        self.path_problem = missing(&self.path, "The path ends with /kms/xks/v1.");
        self.access_key_problem = missing(&self.access_key, "The proxy gives it.");
        self.secret_problem =
            (!has_secret).then(|| "Type it, also if you have typed it before.".to_owned());
        [
            &self.name_problem,
            &self.endpoint_problem,
            &self.path_problem,
            &self.access_key_problem,
            &self.secret_problem,
        ]
        .iter()
        .all(|problem| problem.is_none())
    }

    /// Puts a refusal beside the field that it is about.
    fn refused(&mut self, refusal: &Refusal) {
        let words = refusal.words().to_owned();
        let about = |name: &str| words.contains(name);
        let field =
            if refusal.code.starts_with("CustomKeyStoreNameInUse") || about("customKeyStoreName") {
                &mut self.name_problem
            } else if about("rawSecretAccessKey") {
                &mut self.secret_problem
            } else if about("accessKeyId") {
                &mut self.access_key_problem
            } else if about("xksProxyUriPath") {
                &mut self.path_problem
            } else if refusal.code.starts_with("XksProxyUri") || about("xksProxyUriEndpoint") {
                &mut self.endpoint_problem
            } else {
                &mut self.problem
            };
        *field = Some(words);
        self.secret_problem
            .get_or_insert_with(|| "Type it again; it is kept nowhere.".to_owned());
    }
}

#[derive(Template)]
#[template(path = "key_store_new.html")]
struct NewKeyStore {
    shell: Shell,
    typed: Typed,
    why_not: Option<String>,
}

async fn form_page(visit: &Visit, typed: Typed, status: StatusCode) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let caller = actor.caller().await?;
    let why_not = actor.why_not(&caller, "kms:CreateCustomKeyStore");
    page_with(
        status,
        &NewKeyStore {
            typed,
            why_not,
            shell: Shell::new(visit, "keys", "New key store"),
        },
    )
}

/// The form for a new one.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    form_page(visit, Typed::default(), StatusCode::OK).await
}

/// The form was sent.
pub(crate) async fn create(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    let form = Form::of_session(visit, body).await?;
    let mut typed = Typed::of(&form);
    if !typed.check(!form.get("secret").is_empty()) {
        return form_page(visit, typed, WRONG).await;
    }
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(led_to.as_deref().unwrap_or(LIST)));
    }
    let input = json!({
        "CustomKeyStoreName": typed.name,
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyUriEndpoint": typed.endpoint,
        "XksProxyUriPath": typed.path,
        "XksProxyConnectivity": "PUBLIC_ENDPOINT",
        "XksProxyAuthenticationCredential": {
            "AccessKeyId": typed.access_key,
            "RawSecretAccessKey": form.get("secret"),
        },
    });
    match visit.actor()?.kms("CreateCustomKeyStore", &input).await {
        Ok(_) => {
            form.end(visit, Some(LIST));
            visit.tell(true, "The key store is there. Connect it to use it.");
            Ok(see_other(LIST))
        }
        Err(Fault::Refused(refusal)) => {
            form.end(visit, None);
            typed.refused(&refusal);
            form_page(visit, typed, WRONG).await
        }
        Err(fault) => {
            form.end(visit, None);
            Err(fault)
        }
    }
}

/// A store is connected, disconnected or deleted.
pub(crate) async fn act(
    visit: &Visit,
    id: &str,
    action: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let (operation, done) = match action {
        "connect" => ("ConnectCustomKeyStore", "The key store is being connected."),
        "disconnect" => (
            "DisconnectCustomKeyStore",
            "The key store is disconnected: its keys are refused until it is connected again.",
        ),
        "delete" => ("DeleteCustomKeyStore", "The key store is gone."),
        _ => return Err(Fault::NotFound),
    };
    let actor = visit.actor()?;
    let input = json!({ "CustomKeyStoreId": id });
    let outcome = async { actor.kms(operation, &input).await.map(drop) };
    finished(visit, &form, LIST, done.to_owned(), outcome).await
}

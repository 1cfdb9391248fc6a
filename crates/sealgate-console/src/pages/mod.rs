//! The pages, and which address is which.

mod audit;
mod buckets;
mod documents;
mod key_stores;
mod keys;
mod overview;
mod people;
mod security;
mod series;
pub(crate) mod words;

use http::Method;
use hyper::body::Incoming;

use crate::fault::Fault;
use crate::forms::Form;
use crate::response::{Page, see_other};
use crate::sign_in;
use crate::visit::Visit;

/// The page of a request, with its name for logs and metrics.
pub(crate) async fn route(visit: &Visit, body: Incoming) -> (&'static str, Result<Page, Fault>) {
    let path: Vec<&str> = visit.path.iter().map(String::as_str).collect();
    let read = matches!(visit.method, Method::GET | Method::HEAD);
    // Names become parts of other addresses: what cannot be one does not get that far.
    let plausible = match path.as_slice() {
        ["buckets", bucket, ..] => is_plain(bucket, b"-."),
        ["keys", id, ..] => is_plain(id, b"-"),
        _ => true,
    };
    if visit.session.is_some() && !plausible {
        return ("Unknown", Err(Fault::NotFound));
    }
    match (read, path.as_slice()) {
        (true, ["sign-in"]) => ("SignIn", sign_in::show(visit)),
        (false, ["sign-in"]) => ("SignIn", Box::pin(sign_in::submit(visit, body)).await),
        (false, ["sign-out"]) => ("SignOut", Box::pin(sign_in::sign_out(visit, body)).await),
        (false, ["theme"]) => ("Theme", Box::pin(sign_in::set_theme(visit, body)).await),
        // Nobody who is not signed in learns which pages there are.
        _ if visit.session.is_none() => ("Stranger", Err(Fault::SignIn)),
        (true, ["security", "password"]) => ("Password", security::show_password(visit)),
        (false, ["security", "password"]) => (
            "Password",
            Box::pin(security::change_password(visit, body)).await,
        ),
        // What comes before anything else.
        _ if visit.session.as_ref().is_some_and(|it| it.must_change) => {
            ("Password", Ok(see_other("/console/security/password")))
        }
        (true, ["security"]) => ("Security", Box::pin(security::show(visit)).await),
        (false, ["security", action]) => (
            "SecurityAction",
            Box::pin(security::act(visit, action, body)).await,
        ),
        (true, []) => ("Overview", Box::pin(overview::show(visit)).await),
        (true, ["series"]) => ("Series", series::show(visit).await),
        (true, ["audit"]) => ("Audit", Box::pin(audit::list(visit)).await),
        (true, ["audit", "export"]) => ("AuditExport", Box::pin(audit::export(visit)).await),
        (false, ["audit", "verify"]) => ("AuditVerify", Box::pin(audit::verify(visit, body)).await),
        (true, ["audit", id]) => ("AuditEvent", Box::pin(audit::show(visit, id)).await),
        (true, ["keys"]) => ("Keys", Box::pin(keys::list::show(visit)).await),
        (true, ["keys", "new"]) => ("NewKey", Box::pin(keys::new::show(visit)).await),
        (false, ["keys", "new"]) => ("NewKey", Box::pin(keys::new::submit(visit, body)).await),
        (true, ["keys", id]) => ("Key", Box::pin(keys::detail::show(visit, id, None)).await),
        (true, ["keys", id, name @ ("public-key.pem" | "public-key.der")]) => {
            let file = Box::pin(keys::public_key::send(visit, id, name)).await;
            ("PublicKey", file)
        }
        (true, ["keys", id, action]) => ("Key", keys::of_action(id, action)),
        (false, ["keys", id, action]) => {
            let page = Box::pin(keys::actions::act(visit, id, action, body)).await;
            ("KeyAction", page)
        }
        (true, ["key-stores"]) => ("KeyStores", Box::pin(key_stores::list(visit)).await),
        (true, ["key-stores", "new"]) => ("NewKeyStore", Box::pin(key_stores::show(visit)).await),
        (false, ["key-stores", "new"]) => {
            let page = Box::pin(key_stores::create(visit, body)).await;
            ("NewKeyStore", page)
        }
        (false, ["key-stores", id, action]) => {
            let page = Box::pin(key_stores::act(visit, id, action, body)).await;
            ("KeyStoreAction", page)
        }
        (true, ["buckets"]) => ("Buckets", Box::pin(buckets::list::show(visit)).await),
        (true, ["buckets", "new"]) => ("NewBucket", Box::pin(buckets::new::show(visit)).await),
        (false, ["buckets", "new"]) => (
            "NewBucket",
            Box::pin(buckets::new::submit(visit, body)).await,
        ),
        (true, ["buckets", bucket]) => (
            "Bucket",
            Box::pin(buckets::browse::show(visit, bucket)).await,
        ),
        (true, ["buckets", bucket, "object"]) => (
            "Object",
            Box::pin(buckets::object::show(visit, bucket)).await,
        ),
        (true, ["buckets", bucket, "download"]) => (
            "Download",
            Box::pin(buckets::download::send(visit, bucket)).await,
        ),
        (false, ["buckets", bucket, "upload"]) => {
            let page = Box::pin(buckets::upload::receive(visit, bucket, body)).await;
            ("Upload", page)
        }
        (true, ["buckets", bucket, "archive"]) => (
            "Archive",
            Box::pin(buckets::archive::send(visit, bucket)).await,
        ),
        (true, ["buckets", bucket, "documents", name]) => {
            let page = Box::pin(buckets::documents::show(visit, bucket, name)).await;
            ("BucketDocument", page)
        }
        (false, ["buckets", bucket, "documents", name]) => {
            let page = Box::pin(buckets::documents::change(visit, bucket, name, body)).await;
            ("BucketDocument", page)
        }
        (true, ["buckets", bucket, "link"]) => {
            ("Link", Box::pin(buckets::link::show(visit, bucket)).await)
        }
        (false, ["buckets", bucket, "link"]) => (
            "Link",
            Box::pin(buckets::link::make(visit, bucket, body)).await,
        ),
        (true, ["buckets", bucket, "upload"]) => (
            "UploadParts",
            Box::pin(buckets::parts::there(visit, bucket)).await,
        ),
        (false, ["buckets", bucket, "upload", step]) => {
            let page = Box::pin(buckets::parts::step(visit, bucket, step, body)).await;
            ("UploadParts", page)
        }
        (false, ["buckets", bucket, "download"]) => {
            let page = Box::pin(buckets::download::send_opened(visit, bucket, body)).await;
            ("Download", page)
        }
        (false, ["buckets", bucket, "object"]) => {
            let page = Box::pin(buckets::object::show_opened(visit, bucket, body)).await;
            ("Object", page)
        }
        (false, ["buckets", bucket, action]) => {
            let page = Box::pin(buckets::actions::act(visit, bucket, action, body)).await;
            ("BucketAction", page)
        }
        (_, ["people", rest @ ..]) => people(visit, read, rest, body).await,
        _ => ("Unknown", Err(Fault::NotFound)),
    }
}

/// The pages below `people`.
async fn people(
    visit: &Visit,
    read: bool,
    path: &[&str],
    body: Incoming,
) -> (&'static str, Result<Page, Fault>) {
    match (read, path) {
        (true, []) => ("People", Box::pin(people::list::show(visit)).await),
        (true, ["simulate"]) => ("Simulate", Box::pin(people::simulate::show(visit)).await),
        (true, ["account"]) => ("Account", Box::pin(people::account::show(visit)).await),
        (false, ["account", action]) => {
            let page = Box::pin(people::actions::act_on_account(visit, action, body)).await;
            ("AccountAction", page)
        }
        (true, ["new", noun]) => ("NewPerson", Box::pin(people::new::show(visit, noun)).await),
        (false, ["new", noun]) => (
            "NewPerson",
            Box::pin(people::new::submit(visit, noun, body)).await,
        ),
        (true, ["policy"]) => ("Policy", Box::pin(people::policy(visit)).await),
        (true, ["policy", "edit"]) => (
            "PolicyEdit",
            Box::pin(people::document::show_managed(visit)).await,
        ),
        (false, ["policy", action]) => {
            let page = Box::pin(people::actions::act_on_policy(visit, action, body)).await;
            ("PolicyAction", page)
        }
        (read, [folder, name, rest @ ..]) => {
            let Some(kind) = people::Kind::of(folder) else {
                return ("Unknown", Err(Fault::NotFound));
            };
            match (read, rest) {
                (true, []) => ("Person", Box::pin(people::holder(visit, kind, name)).await),
                (true, ["inline"]) => (
                    "InlinePolicy",
                    Box::pin(people::document::show_inline(visit, kind, name)).await,
                ),
                (true, ["trust"]) if kind == people::Kind::Role => (
                    "Trust",
                    Box::pin(people::document::show_trust(visit, name)).await,
                ),
                (false, [action]) => {
                    let page = people::actions::act(visit, kind, name, action, body);
                    ("PersonAction", Box::pin(page).await)
                }
                _ => ("Unknown", Err(Fault::NotFound)),
            }
        }
        _ => ("Unknown", Err(Fault::NotFound)),
    }
}

fn is_plain(name: &str, also: &[u8]) -> bool {
    let within = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte));
    within && !name.starts_with('.') && name.len() <= 63
}

/// A link with a query; what is empty is left out.
pub(crate) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut link = path.to_owned();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        link.push(if link.contains('?') { '&' } else { '?' });
        link.push_str(name);
        link.push('=');
        link.push_str(&sealgate_wire::encode(value));
    }
    link
}

/// Does what a form asks for, once, and goes on to `place` with a word on how it went.
pub(crate) async fn finished(
    visit: &Visit,
    form: &Form,
    place: &str,
    done: String,
    act: impl Future<Output = Result<(), Fault>>,
) -> Result<Page, Fault> {
    if let Err(led_to) = form.begin(visit) {
        return Ok(see_other(led_to.as_deref().unwrap_or(place)));
    }
    match act.await {
        Ok(()) => {
            form.end(visit, Some(place));
            visit.tell(true, done);
        }
        Err(Fault::Refused(refusal)) => {
            form.end(visit, None);
            visit.tell(false, refusal.words());
        }
        Err(fault) => {
            form.end(visit, None);
            return Err(fault);
        }
    }
    Ok(see_other(place))
}

//! The pages, and which address is which.

mod audit;
mod buckets;
mod keys;
mod overview;
mod people;
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
        (true, []) => ("Overview", Box::pin(overview::show(visit)).await),
        (true, ["audit"]) => ("Audit", Box::pin(audit::list(visit)).await),
        (true, ["audit", id]) => ("AuditEvent", Box::pin(audit::show(visit, id)).await),
        (true, ["keys"]) => ("Keys", Box::pin(keys::list::show(visit)).await),
        (true, ["keys", "new"]) => ("NewKey", Box::pin(keys::new::show(visit)).await),
        (false, ["keys", "new"]) => ("NewKey", Box::pin(keys::new::submit(visit, body)).await),
        (true, ["keys", id]) => ("Key", Box::pin(keys::detail::show(visit, id, None)).await),
        (false, ["keys", id, action]) => {
            let page = Box::pin(keys::actions::act(visit, id, action, body)).await;
            ("KeyAction", page)
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
        (false, ["buckets", bucket, action]) => {
            let page = Box::pin(buckets::actions::act(visit, bucket, action, body)).await;
            ("BucketAction", page)
        }
        (true, ["people"]) => ("People", Box::pin(people::list(visit)).await),
        (true, ["people", "simulate"]) => ("Simulate", Box::pin(people::simulate(visit)).await),
        (true, ["people", "users", name]) => ("User", Box::pin(people::user(visit, name)).await),
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

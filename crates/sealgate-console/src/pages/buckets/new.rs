//! A new bucket, with how it seals what asks for nothing.

use askama::Template;
use http::{Method, StatusCode};
use hyper::body::Incoming;

use super::{bucket_place, encryption_document, key_arn, key_names};
use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::forms::Form;
use crate::response::{Page, see_other};
use crate::views::{Shell, page_with};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "bucket_new.html")]
struct NewBucket<'a> {
    shell: Shell,
    name: &'a str,
    mode: &'a str,
    key: &'a str,
    bucket_key: bool,
    versioning: bool,
    keys: Vec<String>,
    problem: Option<String>,
    name_problem: Option<String>,
}

pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    form(visit, &Form::empty(), None, None).await
}

async fn form(
    visit: &Visit,
    sent: &Form,
    problem: Option<String>,
    name_problem: Option<String>,
) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let status = match problem.is_some() || name_problem.is_some() {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let first = !sent.has("name");
    let page = NewBucket {
        name: sent.get("name"),
        mode: match sent.get("mode") {
            "" => "AES256",
            mode => mode,
        },
        key: sent.get("key"),
        bucket_key: first || sent.has("bucket_key"),
        versioning: sent.has("versioning"),
        keys: key_names(&actor).await?,
        problem,
        name_problem,
        shell: Shell::new(visit, "buckets", "New bucket"),
    };
    page_with(status, &page)
}

pub(crate) async fn submit(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    let sent = Form::of_session(visit, body).await?;
    let (actor, name) = (visit.actor()?, sent.get("name").to_owned());
    if name.is_empty() {
        let problem = "A bucket needs a name.".to_owned();
        return form(visit, &sent, None, Some(problem)).await;
    }
    // The name becomes a part of an address before S3 gets to judge it.
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !plain {
        let problem = "Small letters, digits, dots and hyphens only.".to_owned();
        return form(visit, &sent, None, Some(problem)).await;
    }
    // What would fail later is found out before there is a bucket.
    let key = match (sent.get("mode"), sent.get("key")) {
        ("AES256", _) | (_, "") => String::new(),
        (_, key) => match key_arn(&actor, key).await {
            Ok(arn) => arn,
            Err(Fault::Refused(refusal)) => {
                return form(visit, &sent, Some(refusal.words().to_owned()), None).await;
            }
            Err(fault) => return Err(fault),
        },
    };
    if let Err(led_to) = sent.begin(visit) {
        return Ok(see_other(&led_to.unwrap_or("/console/buckets".to_owned())));
    }
    // Making one's own bucket again succeeds, and would change the settings of the one that is there.
    let there = S3Request::new(Method::HEAD, &name);
    if actor.s3_head(there).await.is_ok() {
        sent.end(visit, None);
        let problem = "There is a bucket of this name already.".to_owned();
        return form(visit, &sent, None, Some(problem)).await;
    }
    let made = actor.s3(S3Request::new(Method::PUT, &name)).await;
    if let Err(fault) = made {
        sent.end(visit, None);
        return match fault {
            Fault::Refused(refusal) if refusal.is_denial() => {
                form(visit, &sent, Some(refusal.words().to_owned()), None).await
            }
            Fault::Refused(refusal) => {
                form(visit, &sent, None, Some(refusal.words().to_owned())).await
            }
            fault => Err(fault),
        };
    }
    let place = bucket_place(&name, "");
    sent.end(visit, Some(&place));
    match settings(&actor, &sent, &name, &key).await {
        Ok(()) => visit.tell(true, format!("The bucket {name} is there.")),
        Err(Fault::Refused(refusal)) => visit.tell(
            false,
            format!(
                "The bucket {name} was made, but not all of its settings: {}",
                refusal.words()
            ),
        ),
        Err(fault) => return Err(fault),
    }
    Ok(see_other(&place))
}

async fn settings(actor: &Actor<'_>, sent: &Form, name: &str, key: &str) -> Result<(), Fault> {
    let mode = sent.get("mode");
    if mode != "AES256" {
        let bucket_key = sent.has("bucket_key") && mode == "aws:kms";
        let request = S3Request::new(Method::PUT, name)
            .query("encryption", "")
            .body(encryption_document(mode, key, bucket_key, None));
        actor.s3(request).await?;
    }
    if sent.has("versioning") {
        let request = S3Request::new(Method::PUT, name)
            .query("versioning", "")
            .body("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
        actor.s3(request).await?;
    }
    Ok(())
}

//! The documents of a bucket: read, changed after a look at what changes, and taken away.

use askama::Template;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use super::kinds::{self, KINDS, Kind, Removal, Spelling};
use super::shape::{to_json, to_xml};
use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::documents::{Line, difference, laid_out};
use crate::pages::finished;
use crate::policy_words::{Sentence, sentences};
use crate::response::{Page, see_other};
use crate::views::{Shell, page_with};
use crate::visit::Visit;
use crate::xml::Element;

/// A document in the list of a bucket's settings.
pub(crate) struct Listed {
    pub(crate) title: &'static str,
    pub(crate) place: String,
    pub(crate) about: &'static str,
    pub(crate) state: State,
}

/// Whether there is one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    There,
    None,
    Refused,
}

#[derive(Template)]
#[template(path = "bucket_document.html")]
struct DocumentPage<'a> {
    shell: Shell,
    bucket: &'a str,
    kind: &'static Kind,
    example: String,
    /// As it is now; empty if there is none.
    stored: String,
    typed: String,
    lines: Vec<Line>,
    /// Whether what changes is shown, before it is saved.
    reviewed: bool,
    sentences: Vec<Sentence>,
    problem: Option<String>,
    refused: Option<String>,
    why_not: Option<String>,
    command: String,
    removable: bool,
}

fn place(bucket: &str, kind: &Kind) -> String {
    format!("/console/buckets/{bucket}/documents/{}", kind.name)
}

/// The document as it is, in JSON; `None` if there is none.
async fn stored(actor: &Actor<'_>, bucket: &str, kind: &Kind) -> Result<Option<String>, Fault> {
    let request = S3Request::new(Method::GET, bucket).query(kind.resource, "");
    let body = match actor.s3_stream(request).await {
        Ok(response) => response
            .into_body()
            .collect()
            .await
            .map_err(|_| Fault::Internal)?
            .to_bytes(),
        Err(Fault::Refused(refusal)) if refusal.status == 404 && refusal.code != "NoSuchBucket" => {
            return Ok(None);
        }
        Err(fault) => return Err(fault),
    };
    let document = match kind.spelling {
        Spelling::Json => std::str::from_utf8(&body)
            .map(laid_out)
            .map_err(|_| Fault::Internal)?,
        Spelling::Xml { shape, .. } => {
            let element = Element::parse(&body).ok_or(Fault::Internal)?;
            let document = to_json(&element, shape);
            if document.as_object().is_some_and(serde_json::Map::is_empty) {
                return Ok(None);
            }
            serde_json::to_string_pretty(&document).map_err(|_| Fault::Internal)?
        }
    };
    Ok(Some(document))
}

/// All kinds, and which of them the bucket has.
pub(crate) async fn list(actor: &Actor<'_>, bucket: &str) -> Result<Vec<Listed>, Fault> {
    let mut listed = Vec::with_capacity(KINDS.len());
    for kind in &KINDS {
        let state = match stored(actor, bucket, kind).await {
            Ok(Some(_)) => State::There,
            Ok(None) => State::None,
            Err(Fault::Refused(_)) => State::Refused,
            Err(fault) => return Err(fault),
        };
        listed.push(Listed {
            title: kind.title,
            place: place(bucket, kind),
            about: kind.about,
            state,
        });
    }
    Ok(listed)
}

/// What the API takes, or what is wrong with what was typed.
fn wire(kind: &Kind, typed: &str) -> Result<Bytes, String> {
    let value: Value =
        serde_json::from_str(typed).map_err(|error| format!("This is not JSON: {error}."))?;
    match kind.spelling {
        Spelling::Json => Ok(typed.to_owned().into()),
        Spelling::Xml { root, shape } => to_xml(root, &value, shape).map(Bytes::from),
    }
}

/// The command that does the same, for a shell.
fn command(kind: &Kind, bucket: &str, document: &str) -> String {
    let (name, option) = kind.command;
    let compact = serde_json::from_str::<Value>(document)
        .map_or_else(|_| document.to_owned(), |value| value.to_string());
    let quoted = compact.replace('\'', r"'\''");
    format!("aws s3api {name} --bucket {bucket} {option} '{quoted}'")
}

pub(crate) async fn show(visit: &Visit, bucket: &str, name: &str) -> Result<Page, Fault> {
    let kind = kinds::of(name).ok_or(Fault::NotFound)?;
    page(visit, bucket, kind, None, None).await
}

async fn page(
    visit: &Visit,
    bucket: &str,
    kind: &'static Kind,
    typed: Option<&str>,
    problem: Option<String>,
) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let (stored, refused) = match stored(&actor, bucket, kind).await {
        Ok(stored) => (stored.unwrap_or_default(), None),
        Err(Fault::Refused(refusal)) if refusal.is_denial() => {
            (String::new(), Some(refusal.words().to_owned()))
        }
        Err(fault) => return Err(fault),
    };
    let put = S3Request::new(Method::PUT, bucket).query(kind.resource, "");
    let why_not = actor.why_not_s3(&put).await?;
    let after = typed.map_or_else(|| stored.clone(), laid_out);
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let page = DocumentPage {
        bucket,
        kind,
        example: kind.example.replace("BUCKET", bucket),
        lines: difference(&stored, &after),
        reviewed: typed.is_some(),
        sentences: match kind.spelling {
            Spelling::Json => sentences(&after).unwrap_or_default(),
            Spelling::Xml { .. } => Vec::new(),
        },
        command: command(kind, bucket, &after),
        removable: kind.removal != Removal::Never && !stored.is_empty(),
        typed: typed.map_or_else(|| stored.clone(), str::to_owned),
        stored,
        problem,
        refused,
        why_not,
        shell: Shell::new(visit, "buckets", kind.title),
    };
    page_with(status, &page)
}

/// A document is first shown as what it changes, and then saved.
pub(crate) async fn change(
    visit: &Visit,
    bucket: &str,
    name: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let kind = kinds::of(name).ok_or(Fault::NotFound)?;
    let form = Form::of_session(visit, body).await?;
    let (typed, actor) = (form.raw("document"), visit.actor()?);
    let request = |method| S3Request::new(method, bucket).query(kind.resource, "");
    if form.get("go") == "remove" {
        let request = match kind.removal {
            Removal::Delete => request(Method::DELETE),
            Removal::Replace(nothing) => request(Method::PUT).body(nothing),
            Removal::Never => return Err(Fault::NotFound),
        };
        let act = async { actor.s3(request).await.map(drop) };
        let done = format!("{}: taken away.", kind.title);
        return finished(visit, &form, &place(bucket, kind), done, act).await;
    }
    let document = match wire(kind, typed) {
        Ok(document) => document,
        Err(problem) => return page(visit, bucket, kind, Some(typed), Some(problem)).await,
    };
    if form.get("go") != "save" {
        return page(visit, bucket, kind, Some(typed), None).await;
    }
    match actor.s3(request(Method::PUT).body(document)).await {
        Ok(_) => {
            visit.tell(true, format!("{}: in force.", kind.title));
            Ok(see_other(&place(bucket, kind)))
        }
        Err(Fault::Refused(refusal)) => {
            let problem = Some(refusal.words().to_owned());
            page(visit, bucket, kind, Some(typed), problem).await
        }
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_document_cannot_break_out_of_its_command() {
        let kind = kinds::of("tags").unwrap();
        let document = r#"{ "TagSet": [{ "Key": "it's; rm -rf /", "Value": "$(x)" }] }"#;
        assert_eq!(
            command(kind, "b", document),
            r#"aws s3api put-bucket-tagging --bucket b --tagging '{"TagSet":[{"Key":"it'\''s; rm -rf /","Value":"$(x)"}]}'"#
        );
    }
}

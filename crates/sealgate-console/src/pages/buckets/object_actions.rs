//! What is done to one version of an object from its page: brought back, tagged, described, locked.

use http::Method;
use sealgate_wire::{encode, encode_path};

use super::{object_place, xml_text};
use crate::actor::{Actor, S3Request, header};
use crate::fault::{Fault, Refusal};
use crate::forms::Form;
use crate::pages::finished;
use crate::response::Page;
use crate::visit::Visit;

/// The version that a form is about.
struct Target<'a> {
    bucket: &'a str,
    key: &'a str,
    version: &'a str,
}

impl<'a> Target<'a> {
    fn request(&self, method: Method, resource: &'a str) -> S3Request<'a> {
        let request = S3Request::new(method, self.bucket)
            .key(self.key)
            .query(resource, "");
        match self.version {
            "" => request,
            version => request.query("versionId", version),
        }
    }

    /// A copy of this version to the head of its key, sealed as it is.
    async fn copy(&self, actor: &Actor<'_>) -> Result<S3Request<'a>, Fault> {
        let mut head = S3Request::new(Method::HEAD, self.bucket).key(self.key);
        let mut source = format!("/{}/{}", encode(self.bucket), encode_path(self.key));
        if !self.version.is_empty() {
            head = head.query("versionId", self.version);
            source.push_str(&format!("?versionId={}", encode(self.version)));
        }
        let head = actor.s3_head(head).await?;
        let mut request = S3Request::new(Method::PUT, self.bucket)
            .key(self.key)
            .header("x-amz-copy-source", source);
        for name in [
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
            "x-amz-server-side-encryption-bucket-key-enabled",
            "x-amz-storage-class",
        ] {
            let value = header(&head, name);
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        Ok(request)
    }
}

pub(crate) async fn act(
    visit: &Visit,
    bucket: &str,
    action: &str,
    form: &Form,
) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let target = Target {
        bucket,
        key: form.raw("key"),
        version: form.get("version"),
    };
    let here = object_place(bucket, target.key, target.version);
    let newest = object_place(bucket, target.key, "");
    match action {
        "bring-back" => {
            let act = async { copied(&actor, target.copy(&actor).await?).await };
            let done = "That version was copied over the others: it is the current one.";
            finished(visit, form, &newest, done.to_owned(), act).await
        }
        "tags" => {
            let act = async {
                let mut document = String::from("<Tagging><TagSet>");
                for (name, value) in pairs(form.raw("tags"))? {
                    document.push_str(&format!(
                        "<Tag><Key>{}</Key><Value>{}</Value></Tag>",
                        xml_text(&name),
                        xml_text(&value)
                    ));
                }
                document.push_str("</TagSet></Tagging>");
                let request = target.request(Method::PUT, "tagging").body(document);
                actor.s3(request).await.map(drop)
            };
            finished(visit, form, &here, "The tags are set.".to_owned(), act).await
        }
        "metadata" => {
            let act = async {
                let mut request = target
                    .copy(&actor)
                    .await?
                    .header("x-amz-metadata-directive", "REPLACE");
                for (name, field) in [
                    ("content-type", "content_type"),
                    ("cache-control", "cache_control"),
                    ("content-disposition", "content_disposition"),
                ] {
                    if !form.get(field).is_empty() {
                        request = request.header(name, form.get(field));
                    }
                }
                request.metadata = pairs(form.raw("metadata"))?;
                copied(&actor, request).await
            };
            let done = "The object was copied over itself with these.";
            finished(visit, form, &newest, done.to_owned(), act).await
        }
        "legal-hold" => {
            let status = match form.get("status") {
                "ON" => "ON",
                _ => "OFF",
            };
            let document = format!("<LegalHold><Status>{status}</Status></LegalHold>");
            let request = target.request(Method::PUT, "legal-hold").body(document);
            let act = async { actor.s3(request).await.map(drop) };
            let done = match status {
                "ON" => "It cannot be deleted until the hold is taken off.",
                _ => "The hold is off.",
            };
            finished(visit, form, &here, done.to_owned(), act).await
        }
        "retention" => {
            let document = match form.get("mode") {
                "" => "<Retention></Retention>".to_owned(),
                mode => format!(
                    "<Retention><Mode>{}</Mode><RetainUntilDate>{}:00Z</RetainUntilDate></Retention>",
                    xml_text(mode),
                    xml_text(form.get("until"))
                ),
            };
            let mut request = target.request(Method::PUT, "retention").body(document);
            if form.has("bypass") {
                request = request.header("x-amz-bypass-governance-retention", "true");
            }
            let act = async { actor.s3(request).await.map(drop) };
            finished(visit, form, &here, "The retention is set.".to_owned(), act).await
        }
        _ => Err(Fault::NotFound),
    }
}

/// A copy may say that it failed after it said 200.
async fn copied(actor: &Actor<'_>, request: S3Request<'_>) -> Result<(), Fault> {
    super::upload::completed(&actor.s3(request).await?)
}

/// `name=value` on each line.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Fault> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| match line.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(Refusal {
                status: 400,
                code: "InvalidArgument".to_owned(),
                message: format!("“{}” is not of the form name=value.", line.trim()),
            }
            .into()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn pairs_are_lines_with_a_sign_between() {
        let read = pairs("a = b=c \r\n\n x=\n").unwrap();
        let expected = [("a", "b=c"), ("x", "")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(read, expected);
        assert!(pairs("a").is_err() && pairs("=b").is_err());
    }
}

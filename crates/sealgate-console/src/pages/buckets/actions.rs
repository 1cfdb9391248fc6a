//! What is done to a bucket or an object by a small form.

use http::Method;
use hyper::body::Incoming;

use super::{bucket_place, encryption_document, key_arn, object_place, xml_text};
use crate::actor::S3Request;
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::finished;
use crate::response::Page;
use crate::visit::Visit;

pub(crate) async fn act(
    visit: &Visit,
    bucket: &str,
    action: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let actor = visit.actor()?;
    let (key, version) = (form.raw("key"), form.get("version"));
    let settings = format!("/console/buckets/{bucket}?tab=settings");
    match action {
        "delete" => {
            if form.get("confirm") != bucket {
                visit.tell(false, "The name that was typed is not that of the bucket.");
                return Ok(crate::response::see_other(&settings));
            }
            let request = S3Request::new(Method::DELETE, bucket);
            let outcome = actor.s3(request).await.map(drop);
            let place = match outcome {
                Ok(()) => "/console/buckets",
                Err(_) => &settings,
            };
            let done = format!("The bucket {bucket} is gone.");
            finished(visit, &form, place, done, async { outcome }).await
        }
        "encryption" => {
            let act = async {
                let mode = form.get("mode");
                let key = match (mode, form.get("kms_key")) {
                    ("AES256", _) | (_, "") => String::new(),
                    (_, name) => key_arn(&actor, name).await?,
                };
                let bucket_key = form.has("bucket_key") && mode == "aws:kms";
                let request = S3Request::new(Method::PUT, bucket)
                    .query("encryption", "")
                    .body(encryption_document(
                        mode,
                        &key,
                        bucket_key,
                        Some(form.has("blocks_customer")),
                    ));
                actor.s3(request).await.map(drop)
            };
            let done = "What comes from now on is sealed this way. What is there stays as it is.";
            finished(visit, &form, &settings, done.to_owned(), act).await
        }
        "versioning" => {
            let status = match form.get("status") {
                "Enabled" => "Enabled",
                _ => "Suspended",
            };
            let act = async {
                let request = S3Request::new(Method::PUT, bucket)
                    .query("versioning", "")
                    .body(format!(
                        "<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
                    ));
                actor.s3(request).await.map(drop)
            };
            let done = match status {
                "Enabled" => "Older versions are kept from now on.",
                _ => "New versions replace each other again.",
            };
            finished(visit, &form, &settings, done.to_owned(), act).await
        }
        "delete-object" => {
            let folder = key.rfind('/').map_or("", |at| key.split_at(at + 1).0);
            let place = bucket_place(bucket, folder);
            let act = async {
                let mut request = S3Request::new(Method::DELETE, bucket).key(key);
                if !version.is_empty() {
                    request = request.query("versionId", version);
                }
                actor.s3(request).await.map(drop)
            };
            finished(visit, &form, &place, format!("{key} is deleted."), act).await
        }
        "reseal" => {
            let place = object_place(bucket, key, version);
            let act = async {
                let arn = key_arn(&actor, form.get("kms_key")).await?;
                let document = format!(
                    "<ObjectEncryption><SSE-KMS><KMSKeyArn>{}</KMSKeyArn></SSE-KMS></ObjectEncryption>",
                    xml_text(&arn)
                );
                let mut request = S3Request::new(Method::PUT, bucket)
                    .key(key)
                    .query("encryption", "")
                    .body(document);
                if !version.is_empty() {
                    request = request.query("versionId", version);
                }
                actor.s3(request).await.map(drop)
            };
            let done = "The object is under that key now. Its content was not moved.";
            finished(visit, &form, &place, done.to_owned(), act).await
        }
        _ => super::object_actions::act(visit, bucket, action, &form).await,
    }
}

//! A bucket: its objects folder by folder, and its settings.

use askama::Template;
use http::Method;
use sealgate_wire::encoding::decode_query;

use super::documents::{self, Listed, State};
use super::{bucket_place, default_encryption, key_names, mode_words, object_place};
use crate::actor::S3Request;
use crate::fault::Fault;
use crate::pages::link;
use crate::pages::words;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

const ON_A_PAGE: &str = "100";

struct Folder {
    name: String,
    place: String,
}

struct Row {
    name: String,
    place: String,
    size: String,
    modified: String,
}

#[derive(Template)]
#[template(path = "bucket.html")]
struct BucketPage<'a> {
    shell: Shell,
    bucket: &'a str,
    tab: &'static str,
    prefix: &'a str,
    crumbs: Vec<Folder>,
    folders: Vec<Folder>,
    objects: Vec<Row>,
    next: Option<String>,
    refused: Option<String>,
    mode: String,
    algorithm: String,
    key: String,
    bucket_key: bool,
    blocks_customer: bool,
    keys: Vec<String>,
    settings_refused: Option<String>,
    documents: Vec<Listed>,
    versioning: String,
    /// Whether a customer's key may be sent.
    secure: bool,
    upload_js: String,
    upload_link: String,
    archive: String,
    why_not_upload: Option<String>,
    why_not_encryption: Option<String>,
    why_not_versioning: Option<String>,
    why_not_delete: Option<String>,
}

/// Text that S3 encoded, because XML cannot hold every name.
fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&decode_query(text)).into_owned()
}

pub(crate) async fn show(visit: &Visit, bucket: &str) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let prefix = visit.parameter("prefix");
    let settings = visit.parameter("tab") == "settings";
    let token = visit.parameter("token");
    let (mut folders, mut objects) = (Vec::new(), Vec::new());
    let (mut next, mut refused) = (None, None);
    if !settings {
        let mut request = S3Request::new(Method::GET, bucket)
            .query("list-type", "2")
            .query("delimiter", "/")
            .query("encoding-type", "url")
            .query("max-keys", ON_A_PAGE)
            .query("prefix", prefix);
        if !token.is_empty() {
            request = request.query("continuation-token", token);
        }
        match actor.s3(request).await {
            Ok(answer) => {
                for folder in answer.all("CommonPrefixes") {
                    let whole = decoded(folder.text("Prefix"));
                    folders.push(Folder {
                        name: whole.strip_prefix(prefix).unwrap_or(&whole).to_owned(),
                        place: bucket_place(bucket, &whole),
                    });
                }
                for object in answer.all("Contents") {
                    let key = decoded(object.text("Key"));
                    let name = key.strip_prefix(prefix).unwrap_or(&key);
                    objects.push(Row {
                        name: match name {
                            "" => key.clone(),
                            name => name.to_owned(),
                        },
                        place: object_place(bucket, &key, ""),
                        size: words::bytes(object.text("Size").parse().unwrap_or_default()),
                        modified: words::xml_time(object.text("LastModified")),
                    });
                }
                let token = answer.text("NextContinuationToken");
                next = (!token.is_empty()).then(|| {
                    link(
                        &format!("/console/buckets/{bucket}"),
                        &[("prefix", prefix), ("token", token)],
                    )
                });
            }
            Err(Fault::Refused(refusal)) if refusal.is_denial() => {
                refused = Some(refusal.words().to_owned());
            }
            Err(fault) => return Err(fault),
        }
    }
    let mut crumbs = Vec::new();
    let mut whole = String::new();
    for part in prefix.split_inclusive('/') {
        whole.push_str(part);
        crumbs.push(Folder {
            name: part.trim_end_matches('/').to_owned(),
            place: bucket_place(bucket, &whole),
        });
    }
    let (mut settings_refused, mut versioning) = (None, String::new());
    let default = match default_encryption(&actor, bucket).await {
        Ok(default) => Some(default),
        Err(Fault::Refused(refusal)) => {
            settings_refused = Some(refusal.words().to_owned());
            None
        }
        Err(fault) => return Err(fault),
    };
    let keys = key_names(&actor).await?;
    if settings {
        let request = S3Request::new(Method::GET, bucket).query("versioning", "");
        match actor.s3(request).await {
            Ok(answer) => versioning = answer.text("Status").to_owned(),
            Err(Fault::Refused(refusal)) => settings_refused = Some(refusal.words().to_owned()),
            Err(fault) => return Err(fault),
        }
    }
    let documents = match settings {
        true => documents::list(&actor, bucket).await?,
        false => Vec::new(),
    };
    let upload_key = format!("{prefix}name");
    let put = S3Request::new(Method::PUT, bucket).key(&upload_key);
    let encryption = S3Request::new(Method::PUT, bucket).query("encryption", "");
    let version = S3Request::new(Method::PUT, bucket).query("versioning", "");
    let delete = S3Request::new(Method::DELETE, bucket);
    let blocks_customer = default.as_ref().is_some_and(|it| it.blocks_customer);
    let (algorithm, key, bucket_key) = default.map_or_else(
        || (String::new(), String::new(), false),
        |default| (default.algorithm, default.key, default.bucket_key),
    );
    page(&BucketPage {
        bucket,
        tab: if settings { "settings" } else { "objects" },
        prefix,
        crumbs,
        folders,
        objects,
        next,
        refused,
        mode: mode_words(&algorithm, false).to_owned(),
        algorithm,
        key,
        bucket_key,
        blocks_customer,
        keys,
        settings_refused,
        documents,
        versioning,
        secure: visit.conn.secure,
        archive: link(
            &format!("/console/buckets/{bucket}/archive"),
            &[("prefix", prefix)],
        ),
        upload_link: link(
            &format!("/console/buckets/{bucket}/link"),
            &[("method", "PUT"), ("key", prefix)],
        ),
        upload_js: crate::assets::url("upload.js"),
        why_not_upload: actor.why_not_s3(&put).await?,
        why_not_encryption: actor.why_not_s3(&encryption).await?,
        why_not_versioning: actor.why_not_s3(&version).await?,
        why_not_delete: actor.why_not_s3(&delete).await?,
        shell: Shell::new(visit, "buckets", bucket),
    })
}

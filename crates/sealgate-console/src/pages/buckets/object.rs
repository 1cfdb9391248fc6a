//! An object: how it is sealed, under which key, and what is known of it.

use askama::Template;
use http::{HeaderMap, Method};
use hyper::body::Incoming;

use super::sealing::{Headers, customer_headers};
use super::{bucket_place, key_names, mode_words, object_place};
use crate::actor::{Actor, S3Request, header};
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::link;
use crate::pages::words;
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

struct Version {
    id: String,
    place: String,
    size: String,
    modified: String,
    current: bool,
    marker: bool,
}

#[derive(Template)]
#[template(path = "object.html")]
struct ObjectPage<'a> {
    shell: Shell,
    bucket: &'a str,
    key: &'a str,
    version: &'a str,
    name: String,
    folder: String,
    folder_name: String,
    download: String,
    link: String,
    mode: &'static str,
    customer: bool,
    /// Whether a customer's key may be sent.
    secure: bool,
    key_problem: Option<&'static str>,
    reseals: bool,
    kms_key: String,
    kms_key_id: String,
    bucket_key: bool,
    facts: Vec<(&'static str, String)>,
    metadata: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    tags_refused: Option<String>,
    versions: Vec<Version>,
    keys: Vec<String>,
    why_not_read: Option<String>,
    why_not_delete: Option<String>,
    why_not_reseal: Option<String>,
    why_not_write: Option<String>,
    why_not_tag: Option<String>,
    tag_lines: String,
    metadata_lines: String,
    /// What else a copy over itself can change.
    content: Vec<(&'static str, &'static str, String)>,
    lock: Option<Lock>,
}

/// How a version is kept from deletion, in a bucket with Object Lock.
struct Lock {
    held: bool,
    mode: String,
    until: String,
    why_not_hold: Option<String>,
    why_not_retain: Option<String>,
}

fn lines(pairs: &[(String, String)]) -> String {
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    lines.join("\n")
}

/// `None` where the bucket has no locks, or they are not to be seen.
async fn lock(
    actor: &Actor<'_>,
    bucket: &str,
    key: &str,
    version: &str,
    head: &HeaderMap,
) -> Result<Option<Lock>, Fault> {
    let request = S3Request::new(Method::GET, bucket).query("object-lock", "");
    match actor.s3(request).await {
        Ok(_) => {}
        Err(Fault::Refused(_)) => return Ok(None),
        Err(fault) => return Err(fault),
    }
    let hold = about(Method::PUT, bucket, key, version).query("legal-hold", "");
    let retain = about(Method::PUT, bucket, key, version).query("retention", "");
    let until = header(head, "x-amz-object-lock-retain-until-date");
    Ok(Some(Lock {
        held: header(head, "x-amz-object-lock-legal-hold") == "ON",
        mode: header(head, "x-amz-object-lock-mode").to_owned(),
        until: until.get(..16).unwrap_or_default().to_owned(),
        why_not_hold: actor.why_not_s3(&hold).await?,
        why_not_retain: actor.why_not_s3(&retain).await?,
    }))
}

fn about<'a>(method: Method, bucket: &'a str, key: &'a str, version: &'a str) -> S3Request<'a> {
    let request = S3Request::new(method, bucket).key(key);
    match version {
        "" => request,
        version => request.query("versionId", version),
    }
}

/// The object's head. Its checksum tells something of the content, so under a KMS key that needs the key: who may
/// not use it sees the rest.
async fn head(
    actor: &Actor<'_>,
    bucket: &str,
    key: &str,
    version: &str,
    opened: &Headers,
) -> Result<HeaderMap, Fault> {
    let mut request = about(Method::HEAD, bucket, key, version);
    request.headers.clone_from(opened);
    let with_checksum = request.header("x-amz-checksum-mode", "ENABLED");
    match actor.s3_head(with_checksum).await {
        Ok(headers) => Ok(headers),
        Err(Fault::Refused(refusal)) if refusal.status != 404 => {
            let mut request = about(Method::HEAD, bucket, key, version);
            request.headers.clone_from(opened);
            actor.s3_head(request).await
        }
        Err(fault) => Err(fault),
    }
}

pub(crate) async fn show(visit: &Visit, bucket: &str) -> Result<Page, Fault> {
    let (key, version) = (visit.parameter("key"), visit.parameter("version"));
    object(visit, bucket, key, version, Headers::new(), None).await
}

/// The same with the customer's key that it is under, for this one page.
pub(crate) async fn show_opened(
    visit: &Visit,
    bucket: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let (opened, problem) = match customer_headers(visit, form.get("customer_key")) {
        Ok(headers) => (headers, None),
        Err(Fault::Form(why)) => (Headers::new(), Some(why)),
        Err(fault) => return Err(fault),
    };
    let (key, version) = (form.raw("key"), form.get("version"));
    object(visit, bucket, key, version, opened, problem).await
}

async fn object(
    visit: &Visit,
    bucket: &str,
    key: &str,
    version: &str,
    opened: Headers,
    mut key_problem: Option<&'static str>,
) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    if key.is_empty() {
        return Err(Fault::NotFound);
    }
    let head = match head(&actor, bucket, key, version, &opened).await {
        Ok(head) => head,
        // Its key is not known here, so neither is most of what there is to show.
        Err(Fault::Refused(refusal)) if refusal.status == 400 => HeaderMap::new(),
        // It was shown, and is not the right one.
        Err(Fault::Refused(refusal)) if refusal.status == 403 && !opened.is_empty() => {
            key_problem = Some("This is not the key that it is under, or you may not read it.");
            HeaderMap::new()
        }
        Err(fault) => return Err(fault),
    };
    let customer = head.is_empty() || !opened.is_empty();
    let algorithm = header(&head, "x-amz-server-side-encryption");
    let kms_key = header(&head, "x-amz-server-side-encryption-aws-kms-key-id").to_owned();
    let checksum = |name: &str| header(&head, name).to_owned();
    let facts = [
        (
            "Size",
            header(&head, "content-length")
                .parse()
                .map_or(String::new(), words::bytes),
        ),
        ("Modified", words::http_time(header(&head, "last-modified"))),
        ("Type", checksum("content-type")),
        ("ETag", checksum("etag").trim_matches('"').to_owned()),
        ("Version", checksum("x-amz-version-id")),
        ("CRC-64/NVME", checksum("x-amz-checksum-crc64nvme")),
        ("CRC-32", checksum("x-amz-checksum-crc32")),
        ("CRC-32C", checksum("x-amz-checksum-crc32c")),
        ("SHA-256", checksum("x-amz-checksum-sha256")),
        ("SHA-1", checksum("x-amz-checksum-sha1")),
        ("Lock", checksum("x-amz-object-lock-mode")),
        (
            "Locked until",
            words::xml_time(header(&head, "x-amz-object-lock-retain-until-date")),
        ),
    ];
    let metadata: Vec<(String, String)> = head
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            Some((name.to_owned(), value))
        })
        .collect();
    let request = about(Method::GET, bucket, key, version).query("tagging", "");
    let (tags, tags_refused): (Vec<(String, String)>, _) = match actor.s3(request).await {
        Ok(answer) => {
            let set = answer.at(&["TagSet"]);
            let tag = |tag: &crate::xml::Element| {
                (tag.text("Key").to_owned(), tag.text("Value").to_owned())
            };
            (set.all("Tag").map(tag).collect(), None)
        }
        Err(Fault::Refused(refusal)) => (Vec::new(), Some(refusal.words().to_owned())),
        Err(fault) => return Err(fault),
    };
    let delete = about(Method::DELETE, bucket, key, version);
    let reseal = about(Method::PUT, bucket, key, version).query("encryption", "");
    let write = S3Request::new(Method::PUT, bucket).key(key);
    let tag = about(Method::PUT, bucket, key, version).query("tagging", "");
    let read = about(Method::GET, bucket, key, version);
    // Whether the key lets them is asked of the key, in S3's name as a download would.
    let caller = actor.caller().await?;
    let mut why_not_read = actor.why_not_s3(&read).await?;
    if why_not_read.is_none() && !kms_key.is_empty() {
        let via = format!("s3.{}.amazonaws.com", caller.environment.region);
        why_not_read = match actor
            .explain_key(&caller, "kms:Decrypt", &kms_key, Some(&via))
            .await
        {
            Ok(explanation) => crate::actor::reason(&explanation.decision),
            Err(refusal) => Some(refusal.words().to_owned()),
        };
    }
    let (folder, name) = match key.rfind('/') {
        Some(at) if at + 1 < key.len() => key.split_at(at + 1),
        _ => ("", key),
    };
    page(&ObjectPage {
        bucket,
        key,
        version,
        name: name.to_owned(),
        folder: bucket_place(bucket, folder),
        folder_name: folder.trim_end_matches('/').to_owned(),
        download: link(
            &format!("/console/buckets/{bucket}/download"),
            &[("key", key), ("version", version)],
        ),
        link: link(
            &format!("/console/buckets/{bucket}/link"),
            &[("key", key), ("version", version)],
        ),
        mode: mode_words(algorithm, customer),
        customer,
        secure: visit.conn.secure,
        key_problem,
        reseals: !customer && matches!(algorithm, "AES256" | "aws:kms"),
        kms_key_id: kms_key.rsplit('/').next().unwrap_or_default().to_owned(),
        kms_key,
        bucket_key: header(&head, "x-amz-server-side-encryption-bucket-key-enabled") == "true",
        facts: facts
            .into_iter()
            .filter(|(_, words)| !words.is_empty())
            .collect(),
        tags_refused,
        versions: versions(&actor, bucket, key).await?,
        keys: key_names(&actor).await?,
        why_not_read,
        why_not_delete: actor.why_not_s3(&delete).await?,
        why_not_reseal: actor.why_not_s3(&reseal).await?,
        why_not_write: actor.why_not_s3(&write).await?,
        why_not_tag: actor.why_not_s3(&tag).await?,
        tag_lines: lines(&tags),
        metadata_lines: lines(&metadata),
        content: [
            ("content_type", "Content-Type", "content-type"),
            ("cache_control", "Cache-Control", "cache-control"),
            (
                "content_disposition",
                "Content-Disposition",
                "content-disposition",
            ),
        ]
        .map(|(field, label, name)| (field, label, header(&head, name).to_owned()))
        .into(),
        metadata,
        tags,
        lock: lock(&actor, bucket, key, version, &head).await?,
        shell: Shell::new(visit, "buckets", name),
    })
}

async fn versions(actor: &Actor<'_>, bucket: &str, key: &str) -> Result<Vec<Version>, Fault> {
    let request = S3Request::new(Method::GET, bucket)
        .query("versions", "")
        .query("max-keys", "50")
        .query("encoding-type", "url")
        .query("prefix", key);
    let answer = match actor.s3(request).await {
        Ok(answer) => answer,
        Err(Fault::Refused(_)) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let encoded = sealgate_wire::encode(key);
    let mut versions = Vec::new();
    for (kind, marker) in [("Version", false), ("DeleteMarker", true)] {
        for entry in answer.all(kind) {
            let same = entry.text("Key");
            if sealgate_wire::encoding::decode_query(same) != key.as_bytes() && same != encoded {
                continue;
            }
            let id = entry.text("VersionId").to_owned();
            versions.push(Version {
                place: object_place(bucket, key, &id),
                size: words::bytes(entry.text("Size").parse().unwrap_or_default()),
                modified: words::xml_time(entry.text("LastModified")),
                current: entry.text("IsLatest") == "true",
                marker,
                id,
            });
        }
    }
    versions.sort_by(|one, other| other.modified.cmp(&one.modified));
    // Without versioning there is one, and it has no name.
    if let [only] = versions.as_slice()
        && only.id == "null"
    {
        versions.clear();
    }
    Ok(versions)
}

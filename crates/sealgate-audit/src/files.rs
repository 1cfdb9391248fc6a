//! The files that CloudTrail delivers: gzipped JSON of records, and signed digests of those files.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::TrailRow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::error::AuditError;
use crate::keys::DigestSigner;
use crate::record::timestamp;

/// Characters of the part of a name that tells files of one minute apart.
const UNIQUE: usize = 16;
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]/[month]/[day]");
const MINUTE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute]Z");
const SECOND: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// Whose files they are.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) account_id: String,
    pub(crate) region: String,
    /// What stands before `AWSLogs/`, without slash.
    pub(crate) prefix: Option<String>,
}

/// A file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFile {
    /// Its key in a bucket, its path in a folder.
    pub key: String,
    /// Gzipped JSON.
    pub body: Vec<u8>,
    /// User metadata, without `x-amz-meta-`.
    pub metadata: Vec<(&'static str, String)>,
}

/// What a digest says of a log file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogFile {
    bucket: String,
    object: String,
    /// SHA-256 of the content before compression.
    hash: String,
    #[serde(with = "time::serde::timestamp")]
    oldest: OffsetDateTime,
    #[serde(with = "time::serde::timestamp")]
    newest: OffsetDateTime,
}

/// What a digest says of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousDigest {
    bucket: String,
    object: String,
    hash: String,
    signature: String,
}

/// A log file of these rows, of which there is at least one.
pub(crate) fn log_file(
    owner: &Owner,
    bucket: &str,
    rows: &[TrailRow],
    now: OffsetDateTime,
) -> Result<(AuditFile, LogFile), AuditError> {
    let mut text = br#"{"Records":["#.to_vec();
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(&row.entry.event);
    }
    text.extend_from_slice(b"]}");
    let unique = Uuid::new_v4().simple().to_string().to_uppercase();
    let Owner {
        account_id, region, ..
    } = owner;
    let key = in_folder(
        owner,
        "CloudTrail",
        now,
        &format!(
            "{account_id}_CloudTrail_{region}_{}_{}.json.gz",
            format(now, MINUTE),
            unique.get(..UNIQUE).unwrap_or_default()
        ),
    );
    let times = rows.iter().map(|row| row.entry.time);
    let summary = LogFile {
        bucket: bucket.to_owned(),
        object: key.clone(),
        hash: hex::encode(Sha256::digest(&text)),
        oldest: times.clone().min().unwrap_or(now),
        newest: times.max().unwrap_or(now),
    };
    let file = AuditFile {
        key,
        body: gzip(&text)?,
        metadata: Vec::new(),
    };
    Ok((file, summary))
}

/// What a digest covers.
pub(crate) struct DigestRange<'a> {
    /// The trail's name, or what takes its place in the name of the file.
    pub(crate) name: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) start: OffsetDateTime,
    pub(crate) end: OffsetDateTime,
    pub(crate) files: &'a [LogFile],
    pub(crate) previous: Option<&'a PreviousDigest>,
}

/// A digest file, signed.
pub(crate) fn digest_file(
    owner: &Owner,
    range: &DigestRange<'_>,
    signer: &DigestSigner,
) -> Result<(AuditFile, PreviousDigest), AuditError> {
    const ALGORITHM: &str = "SHA256withRSA";
    let Owner {
        account_id, region, ..
    } = owner;
    let key = in_folder(
        owner,
        "CloudTrail-Digest",
        range.end,
        &format!(
            "{account_id}_CloudTrail-Digest_{region}_{}_{region}_{}.json.gz",
            range.name,
            format(range.end, SECOND)
        ),
    );
    let previous = range.previous;
    let oldest = range.files.iter().map(|file| file.oldest).min();
    let newest = range.files.iter().map(|file| file.newest).max();
    let files: Vec<Value> = range
        .files
        .iter()
        .map(|file| {
            json!({
                "s3Bucket": file.bucket,
                "s3Object": file.object,
                "hashValue": file.hash,
                "hashAlgorithm": "SHA-256",
                "newestEventTime": timestamp(file.newest),
                "oldestEventTime": timestamp(file.oldest),
            })
        })
        .collect();
    let text = json!({
        "awsAccountId": account_id,
        "digestStartTime": timestamp(range.start),
        "digestEndTime": timestamp(range.end),
        "digestS3Bucket": range.bucket,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": signer.public.fingerprint,
        "digestSignatureAlgorithm": ALGORITHM,
        "newestEventTime": newest.map(timestamp),
        "oldestEventTime": oldest.map(timestamp),
        "previousDigestS3Bucket": previous.map(|digest| &digest.bucket),
        "previousDigestS3Object": previous.map(|digest| &digest.object),
        "previousDigestHashValue": previous.map(|digest| &digest.hash),
        "previousDigestHashAlgorithm": previous.map(|_| "SHA-256"),
        "previousDigestSignature": previous.map(|digest| &digest.signature),
        "logFiles": files,
    })
    .to_string();
    let hash = hex::encode(Sha256::digest(text.as_bytes()));
    // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
    let signed = format!(
        "{}\n{}/{key}\n{hash}\n{}",
        timestamp(range.end),
        range.bucket,
        previous.map_or("null", |digest| &digest.signature)
    );
    let signature = signer.sign(signed.as_bytes())?;
    let file = AuditFile {
        key: key.clone(),
        body: gzip(text.as_bytes())?,
        metadata: vec![
            ("signature", signature.clone()),
            ("signature-algorithm", ALGORITHM.to_owned()),
        ],
    };
    let this = PreviousDigest {
        bucket: range.bucket.to_owned(),
        object: key,
        hash,
        signature,
    };
    Ok((file, this))
}

fn in_folder(owner: &Owner, kind: &str, day: OffsetDateTime, name: &str) -> String {
    let Owner {
        account_id,
        region,
        prefix,
    } = owner;
    let path = format!(
        "AWSLogs/{account_id}/{kind}/{region}/{}/{name}",
        format(day, DAY)
    );
    match prefix {
        Some(prefix) => format!("{prefix}/{path}"),
        None => path,
    }
}

fn format(time: OffsetDateTime, form: &[BorrowedFormatItem<'_>]) -> String {
    // The forms have nothing that a time could lack.
    time.to_offset(UtcOffset::UTC)
        .format(form)
        .unwrap_or_default()
}

fn gzip(text: &[u8]) -> Result<Vec<u8>, AuditError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .map_err(|error| AuditError::Export(error.to_string()))
}

//! A version as a report tells of it.

use std::sync::Arc;

use sealgate_index::{Bucket, ScannedVersion, VersionDetails, Versioning};
use sealgate_sse::{Envelope, Mode};
use serde_json::json;
use time::OffsetDateTime;

use super::columns::Value;
use crate::access::acl::{Acl, Grantee};
use crate::access::ownership::Ownership;
use crate::attributes::mode_name;
use crate::document::Document as _;
use crate::error::{Code, Result};
use crate::lifecycle::Rules;
use crate::meta::ObjectMeta;
use crate::replication::status_name;
use crate::tags::Tags;

/// The form of the list in a report, as AWS numbers it.
const ACL_VERSION: &str = "2022-11-10";

/// A version.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(super) bucket: Arc<str>,
    pub(super) key: String,
    /// Empty where the bucket never kept versions.
    pub(super) version_id: Option<String>,
    pub(super) is_latest: bool,
    pub(super) is_delete_marker: bool,
    pub(super) modified: OffsetDateTime,
    pub(super) replication: Option<String>,
    /// Mode and end.
    pub(super) retention: Option<(&'static str, OffsetDateTime)>,
    pub(super) held: bool,
    /// The canonical id.
    pub(super) owner: String,
    pub(super) expires: Option<OffsetDateTime>,
    object: Option<ObjectRow>,
}

/// What a delete marker has not.
#[derive(Debug, Clone)]
pub(super) struct ObjectRow {
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) storage_class: String,
    pub(super) is_multipart: bool,
    pub(super) encryption: &'static str,
    pub(super) bucket_key: Option<&'static str>,
    pub(super) checksum_algorithm: Option<String>,
    /// JSON.
    pub(super) acl: String,
}

impl Row {
    pub(super) fn of_object(&self, value: impl FnOnce(&ObjectRow) -> Value) -> Value {
        self.object.as_ref().map_or(Value::None, value)
    }

    /// About so many bytes of memory.
    pub(super) fn weight(&self) -> usize {
        let object = self.object.as_ref();
        size_of::<Self>()
            + self.key.len()
            + self.owner.len()
            + object.map_or(0, |object| object.acl.len() + object.etag.len())
    }
}

/// What of a bucket decides about what its rows say.
pub(super) struct Source {
    pub(super) bucket: Arc<Bucket>,
    name: Arc<str>,
    /// The canonical id of the owner.
    owner: String,
    has_acls: bool,
    rules: Option<Rules>,
}

impl Source {
    pub(super) fn new(bucket: Arc<Bucket>, owner: String) -> Result<Self> {
        Ok(Self {
            name: bucket.name.as_str().into(),
            owner,
            has_acls: Ownership::in_force(&bucket)?.has_acls(),
            rules: Rules::of(&bucket)?,
            bucket,
        })
    }

    /// The row of a version. What cannot be read is an error: a report that leaves it out would be believed.
    pub(super) fn row(&self, scanned: ScannedVersion, details: &VersionDetails) -> Result<Row> {
        let listed = scanned.listed;
        let owner = match (&listed.object.owner, self.has_acls) {
            (Some(owner), true) => owner.clone(),
            _ => self.owner.clone(),
        };
        let null = (self.bucket.versioning != Versioning::Off).then(|| "null".to_owned());
        let mut row = Row {
            bucket: self.name.clone(),
            version_id: listed.version_id.or(null),
            is_latest: listed.is_latest,
            is_delete_marker: listed.delete_marker,
            modified: listed.object.modified,
            replication: scanned
                .replication
                .map(|status| status_name(status).to_owned()),
            retention: scanned
                .lock
                .retention
                .map(|retention| (mode_name(retention.mode), retention.until)),
            held: scanned.lock.legal_hold == Some(true),
            expires: None,
            object: None,
            key: listed.object.key,
            owner,
        };
        if listed.delete_marker {
            return Ok(row);
        }
        if listed.is_latest
            && let Some(rules) = &self.rules
        {
            let tags = Tags::from_bytes(scanned.tags.as_ref())?;
            row.expires = rules
                .expiry(&row.key, listed.object.size, &tags, row.modified)
                .map(|(date, _)| date.midnight().assume_utc());
        }
        let envelope = Envelope::from_bytes(&details.envelope)?;
        let bucket_key = envelope.kms().map(|wrap| wrap.bucket_key);
        let acl = match &details.acl {
            Some(stored) if self.has_acls => Acl::from_bytes(stored)?,
            _ => Acl::private(&row.owner),
        };
        let class = listed.object.storage_class;
        row.object = Some(ObjectRow {
            size: listed.object.size,
            etag: listed.object.etag,
            storage_class: class.unwrap_or_else(|| "STANDARD".to_owned()),
            is_multipart: ObjectMeta::from_bytes(&details.meta)?.parts.is_some(),
            encryption: match envelope.mode() {
                Mode::S3 => "SSE-S3",
                Mode::Kms => "SSE-KMS",
                Mode::Dsse => "DSSE-KMS",
                Mode::Customer => "SSE-C",
            },
            bucket_key: bucket_key.map(|is| if is { "ENABLED" } else { "DISABLED" }),
            checksum_algorithm: listed.object.checksum_algorithm,
            acl: shown(&acl)?,
        });
        Ok(row)
    }
}

/// A list as a report tells of it
/// ([the field](https://docs.aws.amazon.com/AmazonS3/latest/userguide/objectacl.html)).
fn shown(acl: &Acl) -> Result<String> {
    let grants: Vec<_> = acl
        .grants
        .iter()
        .map(|grant| {
            let permission = grant.permission.name();
            match &grant.grantee {
                Grantee::Account(id) => json!({
                    "canonicalId": id, "type": "CanonicalUser", "permission": permission,
                }),
                Grantee::Group(group) => json!({
                    "uri": group.uri(), "type": "Group", "permission": permission,
                }),
            }
        })
        .collect();
    let shown = json!({ "version": ACL_VERSION, "status": "AVAILABLE", "grants": grants });
    serde_json::to_string(&shown).map_err(|_| Code::InternalError.into())
}

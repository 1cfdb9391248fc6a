//! What a report tells of a version: its columns, in the order and by the names of
//! [AWS's reports](https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html#storage-inventory-contents).

use time::OffsetDateTime;

use super::row::Row;

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Flag,
    Number,
    Time,
}

/// What a row has in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    None,
    Text(String),
    Flag(bool),
    Number(i64),
    Time(OffsetDateTime),
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::None, Self::Text)
    }
}

/// A column of a report.
#[derive(Debug)]
pub(crate) struct Column {
    /// In the API and in the manifest of CSV.
    pub(crate) name: &'static str,
    /// In Parquet.
    pub(crate) snake: &'static str,
    pub(crate) kind: Kind,
    pub(crate) value: fn(&Row) -> Value,
}

const fn column(
    name: &'static str,
    snake: &'static str,
    kind: Kind,
    value: fn(&Row) -> Value,
) -> Column {
    Column {
        name,
        snake,
        kind,
        value,
    }
}

/// The columns of every report.
pub(super) static ALWAYS: [Column; 2] = [
    column("Bucket", "bucket", Kind::Text, |row| {
        Value::Text(row.bucket.to_string())
    }),
    column("Key", "key", Kind::Text, |row| Value::Text(row.key.clone())),
];

/// The columns of reports of all versions.
pub(super) static OF_VERSIONS: [Column; 3] = [
    column("VersionId", "version_id", Kind::Text, |row| {
        row.version_id.clone().into()
    }),
    column("IsLatest", "is_latest", Kind::Flag, |row| {
        Value::Flag(row.is_latest)
    }),
    column("IsDeleteMarker", "is_delete_marker", Kind::Flag, |row| {
        Value::Flag(row.is_delete_marker)
    }),
];

/// The columns that a configuration may ask for. Delete markers have little of them.
pub(crate) static OPTIONAL: [Column; 16] = [
    column("Size", "size", Kind::Number, |row| {
        row.of_object(|object| Value::Number(i64::try_from(object.size).unwrap_or(i64::MAX)))
    }),
    column(
        "LastModifiedDate",
        "last_modified_date",
        Kind::Time,
        |row| Value::Time(row.modified),
    ),
    column("ETag", "e_tag", Kind::Text, |row| {
        row.of_object(|object| Value::Text(object.etag.clone()))
    }),
    column("StorageClass", "storage_class", Kind::Text, |row| {
        row.of_object(|object| Value::Text(object.storage_class.clone()))
    }),
    column(
        "IsMultipartUploaded",
        "is_multipart_uploaded",
        Kind::Flag,
        |row| row.of_object(|object| Value::Flag(object.is_multipart)),
    ),
    column(
        "ReplicationStatus",
        "replication_status",
        Kind::Text,
        |row| row.replication.clone().into(),
    ),
    column("EncryptionStatus", "encryption_status", Kind::Text, |row| {
        row.of_object(|object| Value::Text(object.encryption.to_owned()))
    }),
    column(
        "ObjectLockRetainUntilDate",
        "object_lock_retain_until_date",
        Kind::Time,
        |row| {
            row.retention
                .map_or(Value::None, |(_, until)| Value::Time(until))
        },
    ),
    column("ObjectLockMode", "object_lock_mode", Kind::Text, |row| {
        row.retention.map(|(mode, _)| mode.to_owned()).into()
    }),
    column(
        "ObjectLockLegalHoldStatus",
        "object_lock_legal_hold_status",
        Kind::Text,
        |row| row.of_object(|_| Value::Text(if row.held { "On" } else { "Off" }.to_owned())),
    ),
    // There are no such tiers here.
    column(
        "IntelligentTieringAccessTier",
        "intelligent_tiering_access_tier",
        Kind::Text,
        |_| Value::None,
    ),
    column("BucketKeyStatus", "bucket_key_status", Kind::Text, |row| {
        row.of_object(|object| object.bucket_key.map(str::to_owned).into())
    }),
    column(
        "ChecksumAlgorithm",
        "checksum_algorithm",
        Kind::Text,
        |row| row.of_object(|object| object.checksum_algorithm.clone().into()),
    ),
    column(
        "ObjectAccessControlList",
        "object_access_control_list",
        Kind::Text,
        |row| row.of_object(|object| Value::Text(object.acl.clone())),
    ),
    column("ObjectOwner", "object_owner", Kind::Text, |row| {
        Value::Text(row.owner.clone())
    }),
    column(
        "LifecycleExpirationDate",
        "lifecycle_expiration_date",
        Kind::Time,
        |row| row.expires.map_or(Value::None, Value::Time),
    ),
];

/// The optional column of a name.
pub(crate) fn optional(name: &str) -> Option<&'static Column> {
    OPTIONAL.iter().find(|column| column.name == name)
}

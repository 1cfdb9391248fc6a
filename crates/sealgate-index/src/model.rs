//! The things the index keeps. Text that only other crates understand (metadata, envelopes, configuration) is opaque
//! bytes here.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::{Lock, Quota, Replication, Versioning};

/// Every part of a multipart upload but the last has at least this many bytes of plaintext.
pub const MINIMUM_PART_SIZE: u64 = 5 * 1024 * 1024;

/// A bucket and its configuration documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Identity of this bucket; a later bucket of the same name has another.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Account that owns it.
    pub account_id: String,
    /// Region it was made in.
    pub region: String,
    /// Time of creation.
    pub created: OffsetDateTime,
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Whether versions in it may be locked.
    pub object_lock: bool,
    /// What may be in it.
    pub quota: Quota,
    /// Configuration documents by kind, e.g. `encryption`.
    pub config: BTreeMap<String, Bytes>,
}

/// What a version has beside its body and metadata. Tags and ACL are opaque here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Account that owns it, if that is not the bucket's owner.
    pub owner: Option<String>,
    /// Storage class, in S3's words; `None` is `STANDARD`.
    pub storage_class: Option<String>,
    /// What protects it.
    pub lock: Lock,
    /// Its tags.
    pub tags: Option<Bytes>,
    /// Its access control list.
    pub acl: Option<Bytes>,
}

/// Where the sealed bytes of a version are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// In the row itself.
    Inline(Bytes),
    /// In blobs, in the order of their part numbers.
    Parts(Vec<Part>),
}

/// One sealed blob of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Part number as the client gave it (1 for a body that was not uploaded in parts).
    pub number: u32,
    /// Bytes of plaintext.
    pub size: u64,
    /// Bytes of the blob.
    pub sealed_size: u64,
    /// Name of the blob.
    pub blob: String,
    /// SHA-256 of the header of the blob, which says which blob this must be: another one that the
    /// same keys open as the same part (an earlier upload of it) is not it.
    pub header_hash: [u8; 32],
    /// ETag of the part, without quotes.
    pub etag: String,
    /// Checksum of the part in the algorithm of its version or upload.
    pub checksum: Option<Vec<u8>>,
}

/// A stored version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Order and identity of versions; never used twice.
    pub seq: i64,
    /// Bucket.
    pub bucket_id: i64,
    /// Object key.
    pub key: String,
    /// Version id; `None` is the null version.
    pub version_id: Option<String>,
    /// Whether this is a delete marker.
    pub delete_marker: bool,
    /// Bytes of plaintext.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
    /// Time of the write, in whole milliseconds.
    pub modified: OffsetDateTime,
    /// Checksum algorithm, in S3's words.
    pub checksum_algorithm: Option<String>,
    /// Checksum type, in S3's words.
    pub checksum_type: Option<String>,
    /// The sealed bytes.
    pub body: Body,
    /// Sealed or plain metadata, opaque here.
    pub meta: Bytes,
    /// How the data key is wrapped, opaque here.
    pub envelope: Bytes,
    /// Owner, storage class, lock, tags and ACL.
    pub attributes: Attributes,
    /// Whether it is replicated, or a replica.
    pub replication: Option<Replication>,
}

/// What a write made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The version.
    pub version: Version,
    /// Whether the bucket kept versions at that moment.
    pub versioning: Versioning,
}

impl Written {
    /// How clients are told which version it is: not at all in a bucket that never kept versions.
    pub fn version_name(&self) -> Option<&str> {
        self.versioning.name_of(self.version.version_id.as_deref())
    }
}

/// A version that was asked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The version, or delete marker.
    pub version: Version,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
}

/// A version as handed to the writer, which adds sequence, id and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// Object key.
    pub key: String,
    /// Bytes of plaintext.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
    /// Checksum algorithm, in S3's words.
    pub checksum_algorithm: Option<String>,
    /// Checksum type, in S3's words.
    pub checksum_type: Option<String>,
    /// The sealed bytes.
    pub body: Body,
    /// Metadata, opaque here.
    pub meta: Bytes,
    /// How the data key is wrapped, opaque here.
    pub envelope: Bytes,
    /// Owner, storage class, lock, tags and ACL.
    pub attributes: Attributes,
}

/// What must hold of the current version for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WriteCondition {
    /// Nothing.
    #[default]
    None,
    /// There is none.
    IfNoneMatchAny,
    /// There is one with this ETag (without quotes), or any for `*`.
    IfMatch(String),
}

/// Which page of a bucket's keys is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// Only keys that start so.
    pub prefix: String,
    /// Keys that hold this after the prefix are rolled up into common prefixes.
    pub delimiter: Option<String>,
    /// Start behind this key or common prefix. A common prefix that this one lies in is not returned again.
    pub after: Option<String>,
    /// Most entries to return.
    pub limit: usize,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An object.
    Object(ListedObject),
    /// A common prefix, with its delimiter.
    Prefix(String),
}

impl Entry {
    /// The key or common prefix, as markers name it.
    pub fn name(&self) -> &str {
        match self {
            Entry::Object(object) => &object.key,
            Entry::Prefix(prefix) => prefix,
        }
    }
}

/// What a listing tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Object key.
    pub key: String,
    /// Bytes of plaintext.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
    /// Time of the write.
    pub modified: OffsetDateTime,
    /// Checksum algorithm, in S3's words.
    pub checksum_algorithm: Option<String>,
    /// Checksum type, in S3's words.
    pub checksum_type: Option<String>,
    /// Account that owns it, if that is not the bucket's owner.
    pub owner: Option<String>,
    /// Storage class; `None` is `STANDARD`.
    pub storage_class: Option<String>,
}

/// A page of a listing, in the order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Whether there are more.
    pub truncated: bool,
    /// If there are more: the last key or common prefix of this page, to continue after.
    pub next: Option<String>,
}

/// A multipart upload in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Upload id; ids of later uploads sort behind.
    pub id: String,
    /// Bucket.
    pub bucket_id: i64,
    /// Object key.
    pub key: String,
    /// Time of creation.
    pub initiated: OffsetDateTime,
    /// Who started it.
    pub initiator: String,
    /// Who will own the object.
    pub owner: String,
    /// Metadata for the object, opaque here.
    pub meta: Bytes,
    /// How the data key is wrapped, opaque here.
    pub envelope: Bytes,
    /// Checksum algorithm, in S3's words.
    pub checksum_algorithm: Option<String>,
    /// Checksum type, in S3's words.
    pub checksum_type: Option<String>,
    /// Of the object: owner, storage class, lock, tags and ACL.
    pub attributes: Attributes,
}

/// An upload as handed to the writer, which adds id and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Bucket.
    pub bucket_id: i64,
    /// Object key.
    pub key: String,
    /// Who starts it.
    pub initiator: String,
    /// Who will own the object.
    pub owner: String,
    /// Metadata for the object, opaque here.
    pub meta: Bytes,
    /// How the data key is wrapped, opaque here.
    pub envelope: Bytes,
    /// Checksum algorithm, in S3's words.
    pub checksum_algorithm: Option<String>,
    /// Checksum type, in S3's words.
    pub checksum_type: Option<String>,
    /// Of the object: owner, storage class, lock, tags and ACL.
    pub attributes: Attributes,
}

/// An uploaded part and when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// The part.
    pub part: Part,
    /// Time of the upload.
    pub modified: OffsetDateTime,
}

/// One line of a listing of uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all entries are uploads")]
pub enum UploadEntry {
    /// An upload.
    Upload(Upload),
    /// A common prefix of keys.
    Prefix(String),
}

/// A page of uploads, ordered by key and then by time of creation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadPage {
    /// The entries.
    pub entries: Vec<UploadEntry>,
    /// Whether there are more.
    pub truncated: bool,
    /// If there are more: key or common prefix of the last entry.
    pub next_key: Option<String>,
    /// If there are more and the last entry is an upload: its id.
    pub next_upload_id: Option<String>,
}

/// A small document of another crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Id within its namespace.
    pub id: String,
    /// Grows with every write of any record, so that a deleted and remade record never looks unchanged.
    pub revision: i64,
    /// The document.
    pub body: Bytes,
}

/// What must hold of a record for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// Nothing.
    #[default]
    Any,
    /// There is none.
    Absent,
    /// It has this revision.
    Revision(i64),
}

/// One write of [`Index::write_records`](crate::Index::write_records).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWrite {
    /// Namespace.
    pub ns: String,
    /// Id.
    pub id: String,
    /// Condition.
    pub expect: Expect,
    /// The document, or `None` to delete.
    pub body: Option<Bytes>,
}

/// One audit record with the attributes it is looked up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailEntry {
    /// Unique id of the event.
    pub event_id: String,
    /// Time of the event.
    pub time: OffsetDateTime,
    /// Name of the call.
    pub event_name: String,
    /// Service, e.g. `kms.amazonaws.com`.
    pub event_source: String,
    /// Name of the caller.
    pub username: Option<String>,
    /// Access key of the caller.
    pub access_key_id: Option<String>,
    /// Whether the call only read.
    pub read_only: bool,
    /// Account whose trail this is in.
    pub account_id: String,
    /// Resources, as type and name.
    pub resources: Vec<(String, String)>,
    /// Whether lookups find it. Every record is in the chain.
    pub listed: bool,
    /// The record itself (JSON).
    pub event: Bytes,
}

/// A row of the trail, as it lies in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailRow {
    /// Its place: 1, 2, 3, …
    pub sequence: i64,
    /// SHA-256 of the hash of the row before and of the event.
    pub chain: [u8; 32],
    /// The record, with the columns beside it.
    pub entry: TrailEntry,
}

/// Where the trail ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailState {
    /// Sequence of the last row; 0 without rows.
    pub last: i64,
    /// Hash of the last row; zeros without rows.
    pub chain: [u8; 32],
    /// The highest sequence that was ever given. More than `last` if rows were deleted from the end.
    pub issued: i64,
}

/// Attributes that the trail is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrailAttribute {
    /// Event id.
    EventId,
    /// Event name.
    EventName,
    /// `true` or `false`.
    ReadOnly,
    /// User name.
    Username,
    /// Resource type.
    ResourceType,
    /// Resource name.
    ResourceName,
    /// Event source.
    EventSource,
    /// Access key id.
    AccessKeyId,
}

/// Which records of the trail are asked for; the newest come first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrailQuery {
    /// Account.
    pub account_id: String,
    /// Only records with this attribute.
    pub attribute: Option<(TrailAttribute, String)>,
    /// Only records of this time or later.
    pub start: Option<OffsetDateTime>,
    /// Only records of this time or earlier.
    pub end: Option<OffsetDateTime>,
    /// Continue behind the record with this sequence (the `next` of the page before).
    pub before: Option<i64>,
    /// Most records to return.
    pub limit: usize,
}

//! Events of objects: what a write leaves in the outbox of the index, and the message that a target gets of it.
//!
//! What is known when the request comes is written down with it; what the write made is added when the message is
//! made, from the entry. So a message is the same however often it is sent.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sealgate_iam::Iam;
use sealgate_index::{Bucket, Effect, NewEvent, OutboxEntry};
use sealgate_notify::EVENT_BRIDGE;
use sealgate_policy::PrincipalKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::document::DocumentCache;
use crate::error::{Code, Result, S3Error};
use crate::notification::Notification;
use crate::notification::names::Happening;
use crate::request::Authorized;
use crate::response::iso;

/// What stays as it is in a key; a space becomes `+`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');
/// Who acts where nobody asked.
const SERVICE: &str = "s3.amazonaws.com";

/// What makes events: the configurations of buckets, and whose the buckets are. Clones share everything.
#[derive(Clone)]
pub(crate) struct Events {
    configurations: DocumentCache<Notification>,
    iam: Iam,
    region: String,
}

/// What is known of an event before it happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Told {
    /// With its `s3:`.
    event: String,
    version: String,
    /// Of the configuration; none for EventBridge.
    configuration: Option<String>,
    region: String,
    principal: String,
    requester: String,
    source_ip: String,
    request_id: String,
    host_id: String,
    bucket: String,
    bucket_account: String,
    bucket_owner: String,
    /// Of an event of EventBridge.
    bridge: Option<Bridge>,
    /// `replicationEventData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replication: Option<Value>,
    /// Of a transition: the storage class from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage_class: Option<String>,
}

/// What only some events tell.
#[derive(Default)]
struct Beside {
    replication: Option<Value>,
    storage_class: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bridge {
    id: String,
    detail_type: String,
    reason: String,
}

/// Who makes things happen.
pub(crate) struct Cause<'a> {
    pub(crate) principal: String,
    pub(crate) requester: &'a str,
    pub(crate) source_ip: String,
    pub(crate) request_id: &'a str,
    pub(crate) host_id: &'a str,
}

impl Cause<'_> {
    /// The gateway itself.
    pub(crate) fn service() -> Self {
        Cause {
            principal: SERVICE.to_owned(),
            requester: SERVICE,
            source_ip: SERVICE.to_owned(),
            request_id: "",
            host_id: "",
        }
    }
}

/// What could not be replicated, and why.
#[derive(Debug, Clone)]
pub(crate) struct Unreplicated<'a> {
    /// Id of the rule.
    pub(crate) rule: &'a str,
    /// Name of the destination.
    pub(crate) destination: &'a str,
    pub(crate) reason: &'static str,
}

/// The outbox's word for what goes to a target.
pub fn outbox_kind(target: &str) -> String {
    format!("notification/{target}")
}

impl Authorized<'_> {
    /// The events that a write of the request leaves, if it does one of these things to this key.
    pub(crate) async fn events(
        &self,
        key: &str,
        happenings: &[Happening],
    ) -> Result<Vec<NewEvent>> {
        let bucket = self.bucket()?;
        let request = self.request;
        let principal = &request.caller.principal;
        let cause = || Cause {
            principal: match principal.kind {
                PrincipalKind::Anonymous => "Anonymous".to_owned(),
                _ => format!("AWS:{}", principal.id),
            },
            requester: &principal.account_id,
            source_ip: request.conn.client_ip.to_string(),
            request_id: &request.request_id,
            host_id: &request.host_id,
        };
        self.s3.events.of(bucket, key, happenings, cause).await
    }
}

impl Events {
    /// For the buckets of these accounts.
    pub(crate) fn new(iam: Iam, region: String) -> Self {
        Self {
            configurations: DocumentCache::default(),
            iam,
            region,
        }
    }

    /// The events that an action of a bucket's lifecycle leaves: of a version that goes, or of a delete marker
    /// that is made.
    pub(crate) async fn of_lifecycle(&self, bucket: &Bucket, key: &str) -> Result<Vec<NewEvent>> {
        let happenings = [Happening::Expire, Happening::ExpireMark];
        self.of(bucket, key, &happenings, Cause::service).await
    }

    /// The events of a version that a bucket's lifecycle moves into another storage class.
    pub(crate) async fn of_transition(
        &self,
        bucket: &Bucket,
        key: &str,
        class: &str,
    ) -> Result<Vec<NewEvent>> {
        let beside = Beside {
            storage_class: Some(class.to_owned()),
            ..Beside::default()
        };
        let happenings = [Happening::Transition];
        self.told(bucket, key, &happenings, Cause::service, beside)
            .await
    }

    /// The events that a file of the gateway's own leaves.
    pub(crate) async fn of_delivery(&self, bucket: &Bucket, key: &str) -> Result<Vec<NewEvent>> {
        self.of(bucket, key, &[Happening::Put], Cause::service)
            .await
    }

    /// The events of a version that cannot be carried to its destination. EventBridge knows none of them.
    pub(crate) async fn of_unreplicated(
        &self,
        bucket: &Bucket,
        entry: &OutboxEntry,
        why: &Unreplicated<'_>,
    ) -> Result<Vec<NewEvent>> {
        let operation = match entry.effect {
            Effect::Marked | Effect::Removed => "OBJECT_DELETE",
            Effect::Put => "OBJECT_PUT",
            Effect::Changed => "OBJECT_PUT_METADATA",
        };
        let detail = json!({
            "replicationRuleId": why.rule,
            "destinationBucket": format!("arn:aws:s3:::{}", why.destination),
            "s3Operation": operation,
            "requestTime": iso(entry.created),
            "failureReason": why.reason,
        });
        let happenings = [Happening::Unreplicated];
        let beside = Beside {
            replication: Some(detail),
            ..Beside::default()
        };
        self.told(bucket, &entry.key, &happenings, Cause::service, beside)
            .await
    }

    /// The events that a write leaves, if it does one of these things to this key.
    pub(crate) async fn of<'c>(
        &self,
        bucket: &Bucket,
        key: &str,
        happenings: &[Happening],
        cause: impl FnOnce() -> Cause<'c>,
    ) -> Result<Vec<NewEvent>> {
        self.told(bucket, key, happenings, cause, Beside::default())
            .await
    }

    async fn told<'c>(
        &self,
        bucket: &Bucket,
        key: &str,
        happenings: &[Happening],
        cause: impl FnOnce() -> Cause<'c>,
        beside: Beside,
    ) -> Result<Vec<NewEvent>> {
        let Some(configured) = self.configurations.get(bucket)? else {
            return Ok(Vec::new());
        };
        let mut wanted = Vec::new();
        for happening in happenings {
            let subscriptions = configured.subscriptions.iter();
            wanted.extend(
                subscriptions
                    .filter(|one| one.wants(*happening, key))
                    .map(|one| (*happening, one.destination.name.as_str(), Some(&one.id))),
            );
            if configured.event_bridge && *happening != Happening::Unreplicated {
                wanted.push((*happening, EVENT_BRIDGE, None));
            }
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let owner = self.iam.account(&bucket.account_id).await.ok().flatten();
        let owner = owner.map(|account| account.canonical_id);
        let cause = cause();
        let event = |(happening, target, configuration): (Happening, &str, Option<&String>)| -> Result<NewEvent> {
            let bridge = configuration.is_none().then(|| {
                let (detail_type, reason) = happening.bridge();
                Bridge {
                    id: uuid::Uuid::new_v4().to_string(),
                    detail_type: detail_type.to_owned(),
                    reason: reason.to_owned(),
                }
            });
            let told = Told {
                event: happening.name().to_owned(),
                version: happening.message_version().to_owned(),
                configuration: configuration.cloned(),
                region: self.region.clone(),
                principal: cause.principal.clone(),
                requester: cause.requester.to_owned(),
                source_ip: cause.source_ip.clone(),
                request_id: cause.request_id.to_owned(),
                host_id: cause.host_id.to_owned(),
                bucket: bucket.name.clone(),
                bucket_account: bucket.account_id.clone(),
                bucket_owner: owner.clone().unwrap_or_default(),
                bridge,
                replication: beside.replication.clone(),
                storage_class: beside.storage_class.clone(),
            };
            let body = serde_json::to_vec(&told).map_err(|_| S3Error::from(Code::InternalError))?;
            Ok(NewEvent {
                on: Some(happening.effect()),
                kind: outbox_kind(target),
                carries: None,
                body: body.into(),
            })
        };
        wanted.into_iter().map(event).collect()
    }
}

/// The message of an entry of the outbox, as JSON; `None` if the entry cannot be read.
pub fn message(entry: &OutboxEntry) -> Option<Bytes> {
    let told: Told = serde_json::from_slice(&entry.body).ok()?;
    let message = match &told.bridge {
        Some(bridge) => bridge_event(&told, bridge, entry),
        None => json!({ "Records": [record(&told, entry)] }),
    };
    serde_json::to_vec(&message).ok().map(Bytes::from)
}

/// Orders the events of a key. The outbox numbers what is in it in the order of the writes; numbers are never used
/// again, and all are of one length.
fn sequencer(entry: &OutboxEntry) -> String {
    format!("{:018X}", entry.seq)
}

/// The version's id where the bucket has, or had, versions.
fn version_id(entry: &OutboxEntry) -> Option<&str> {
    entry.versioning.name_of(entry.version_id.as_deref())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
fn record(told: &Told, entry: &OutboxEntry) -> Value {
    let mut object = Map::new();
    let key = percent_encode(entry.key.as_bytes(), PLAIN).to_string();
    object.insert("key".to_owned(), key.replace("%20", "+").into());
    match entry.effect {
        Effect::Put | Effect::Changed => {
            object.insert("size".to_owned(), entry.size.into());
            object.insert("eTag".to_owned(), entry.etag.as_str().into());
        }
        // As S3 has it: the MD5 of nothing.
        Effect::Marked => {
            let etag = "d41d8cd98f00b204e9800998ecf8427e";
            object.insert("eTag".to_owned(), etag.into());
        }
        Effect::Removed => {}
    }
    if let Some(id) = version_id(entry) {
        object.insert("versionId".to_owned(), id.into());
    }
    object.insert("sequencer".to_owned(), sequencer(entry).into());
    let mut record = json!({
        "eventVersion": told.version,
        "eventSource": "aws:s3",
        "awsRegion": told.region,
        "eventTime": iso(entry.created),
        "eventName": told.event.strip_prefix("s3:").unwrap_or(&told.event),
        "userIdentity": { "principalId": told.principal },
        "requestParameters": { "sourceIPAddress": told.source_ip },
        "responseElements": {
            "x-amz-request-id": told.request_id,
            "x-amz-id-2": told.host_id,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": told.configuration,
            "bucket": {
                "name": told.bucket,
                "ownerIdentity": { "principalId": told.bucket_owner },
                "arn": format!("arn:aws:s3:::{}", told.bucket),
            },
            "object": object,
        },
    });
    if let Some(record) = record.as_object_mut() {
        if let Some(data) = &told.replication {
            record.insert("replicationEventData".to_owned(), data.clone());
        }
        if let Some(class) = &told.storage_class {
            let data = json!({ "transitionEventData": { "destinationStorageClass": class } });
            record.insert("lifecycleEventData".to_owned(), data);
        }
    }
    record
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
fn bridge_event(told: &Told, bridge: &Bridge, entry: &OutboxEntry) -> Value {
    let mut object = Map::new();
    object.insert("key".to_owned(), entry.key.as_str().into());
    if matches!(entry.effect, Effect::Put) || told.storage_class.is_some() {
        object.insert("size".to_owned(), entry.size.into());
    }
    if matches!(entry.effect, Effect::Put | Effect::Changed) {
        object.insert("etag".to_owned(), entry.etag.as_str().into());
    }
    if let Some(id) = version_id(entry) {
        object.insert("version-id".to_owned(), id.into());
    }
    if !matches!(entry.effect, Effect::Changed) {
        object.insert("sequencer".to_owned(), sequencer(entry).into());
    }
    let mut detail = Map::new();
    let mut insert = |name: &str, value: Value| detail.insert(name.to_owned(), value);
    insert("version", "0".into());
    insert("bucket", json!({ "name": told.bucket }));
    insert("object", object.into());
    insert("request-id", told.request_id.as_str().into());
    insert("requester", told.requester.as_str().into());
    if told.source_ip != SERVICE {
        insert("source-ip-address", told.source_ip.as_str().into());
    }
    if !bridge.reason.is_empty() {
        insert("reason", bridge.reason.as_str().into());
    }
    if let Some(class) = &told.storage_class {
        insert("destination-storage-class", class.as_str().into());
    }
    match entry.effect {
        Effect::Removed => drop(insert("deletion-type", "Permanently Deleted".into())),
        Effect::Marked => drop(insert("deletion-type", "Delete Marker Created".into())),
        Effect::Put | Effect::Changed => {}
    }
    json!({
        "version": "0",
        "id": bridge.id,
        "detail-type": bridge.detail_type,
        "source": "aws.s3",
        "account": told.bucket_account,
        "time": whole_seconds(entry),
        "region": told.region,
        "resources": [format!("arn:aws:s3:::{}", told.bucket)],
        "detail": detail,
    })
}

/// EventBridge tells times without fractions of a second.
fn whole_seconds(entry: &OutboxEntry) -> String {
    let time = entry.created;
    iso(time.replace_nanosecond(0).unwrap_or(time)).replace(".000Z", "Z")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use sealgate_index::Versioning;
    use time::macros::datetime;

    use super::*;

    fn entry(effect: Effect, bridge: Option<Bridge>) -> OutboxEntry {
        let told = Told {
            event: "s3:ObjectCreated:Put".into(),
            version: "2.1".into(),
            configuration: Some("mine".into()),
            region: "us-east-1".into(),
            principal: "AWS:AIDA".into(),
            requester: "111122223333".into(),
            source_ip: "127.0.0.1".into(),
            request_id: "R".into(),
            host_id: "H".into(),
            bucket: "b".into(),
            bucket_account: "111122223333".into(),
            bucket_owner: "owner".into(),
            bridge,
            replication: None,
            storage_class: None,
        };
        OutboxEntry {
            seq: 258,
            bucket_id: 1,
            kind: outbox_kind("q"),
            effect,
            key: "a b/ü+*.txt".into(),
            version_seq: 7,
            version_id: None,
            versioning: Versioning::Suspended,
            size: 5,
            etag: "e".into(),
            created: datetime!(2026-01-02 03:04:05.678 UTC),
            due: datetime!(2026-01-02 03:04:05.678 UTC),
            attempts: 0,
            body: serde_json::to_vec(&told).unwrap().into(),
        }
    }

    fn told(entry: &OutboxEntry) -> Value {
        serde_json::from_slice(&message(entry).unwrap()).unwrap()
    }

    #[test]
    fn a_record_is_what_s3_sends() {
        let record = told(&entry(Effect::Put, None));
        let record = &record["Records"][0];
        assert_eq!(record["eventName"], "ObjectCreated:Put");
        assert_eq!(record["eventTime"], "2026-01-02T03:04:05.678Z");
        assert_eq!(record["s3"]["configurationId"], "mine");
        assert_eq!(
            record["s3"]["object"],
            json!({
                "key": "a+b/%C3%BC%2B*.txt",
                "size": 5,
                "eTag": "e",
                "versionId": "null",
                "sequencer": "000000000000000102",
            })
        );
        let removed = told(&entry(Effect::Removed, None));
        assert!(removed["Records"][0]["s3"]["object"].get("size").is_none());
    }

    #[test]
    fn eventbridge_has_its_own_envelope() {
        let bridge = Bridge {
            id: "id".into(),
            detail_type: "Object Deleted".into(),
            reason: "DeleteObject".into(),
        };
        let event = told(&entry(Effect::Marked, Some(bridge)));
        assert_eq!(event["detail-type"], "Object Deleted");
        assert_eq!(event["time"], "2026-01-02T03:04:05Z");
        assert_eq!(event["detail"]["object"]["key"], "a b/ü+*.txt");
        assert_eq!(event["detail"]["deletion-type"], "Delete Marker Created");
        assert_eq!(event["detail"]["reason"], "DeleteObject");
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_no_message() {
        let mut entry = entry(Effect::Put, None);
        entry.body = Bytes::from_static(b"{}");
        assert!(message(&entry).is_none());
    }
}

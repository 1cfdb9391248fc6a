//! To a bucket of this gateway: the replica shares the body of its original, and only the wrapping of the data keys is
//! new. Replica, status and entry change in one transaction.

use std::sync::Arc;

use sealgate_index::{
    Attributes, Body, Bucket, Effect, IndexError, NewEvent, NewReplica, NewVersion, Original,
    Replicated, Version, Versioning,
};
use sealgate_policy::Context;
use sealgate_sse::{Envelope, Place, ReplicaKey};

use super::deliver::{Work, later};
use super::failure::{NOT_ELIGIBLE, Stop};
use super::permit;
use crate::S3;
use crate::access::Sharing;
use crate::access::acl::Acl;
use crate::access::context::KMS_KEY_ID;
use crate::events::Cause;
use crate::notification::names::Happening;
use crate::ops::bucket_encryption;
use crate::ops::object_lock::LockConfiguration;

const NOT_PERMITTED: &str = "DstPutObjectNotPermitted";
const SSE: &str = "s3:x-amz-server-side-encryption";

/// Carry a version, or what was changed of it, or a delete marker.
pub(super) async fn carry(s3: &S3, work: &Work<'_>) -> Result<(), Stop> {
    let destination = &work.rule.destination;
    let bucket = permit::destination(s3, &destination.bucket).await?;
    if bucket.versioning != Versioning::Enabled {
        return Err(Stop::Failed("DstBucketUnversioned"));
    }
    // The name may be somebody else's by now.
    let account = destination.account.as_deref();
    if account.is_some_and(|account| account != bucket.account_id) {
        return Err(Stop::Failed("DstBucketNotFound"));
    }
    let sharing = s3.sharing(&bucket).await?;
    let target = Target {
        bucket: &bucket,
        sharing: &sharing,
    };
    match work.entry.effect {
        Effect::Marked => mark(s3, work, &target).await,
        Effect::Put | Effect::Changed => put(s3, work, &target).await,
        Effect::Removed => Err(Stop::Failed(NOT_ELIGIBLE)),
    }
}

/// Where it goes.
struct Target<'t> {
    bucket: &'t Arc<Bucket>,
    sharing: &'t Sharing,
}

impl Target<'_> {
    fn may(
        &self,
        work: &Work<'_>,
        action: &str,
        context: Context,
        reason: &'static str,
    ) -> Result<(), Stop> {
        let place = place(self.bucket, &work.version.key);
        work.role
            .may(place, Some(self.sharing), action, context, reason)
    }

    /// The events that the replica leaves where it is made.
    async fn events(
        &self,
        s3: &S3,
        work: &Work<'_>,
        happening: Happening,
    ) -> Result<Vec<NewEvent>, Stop> {
        let principal = &work.role.caller.principal;
        let cause = || Cause {
            principal: format!("AWS:{}", principal.id),
            requester: &principal.account_id,
            ..Cause::service()
        };
        let key = &work.version.key;
        Ok(s3.events.of(self.bucket, key, &[happening], cause).await?)
    }
}

async fn mark(s3: &S3, work: &Work<'_>, target: &Target<'_>) -> Result<(), Stop> {
    if !work.version.delete_marker {
        return Err(Stop::Failed(NOT_ELIGIBLE));
    }
    let action = "s3:ReplicateDelete";
    target.may(work, action, Context::new(), "DstDelObjNotPermitted")?;
    let events = target.events(s3, work, Happening::Mark).await?;
    let (bucket, key) = (target.bucket.id, &work.version.key);
    let original = original(work.version);
    let marked = s3
        .index
        .put_replica_marker(bucket, key, original, events, work.entry.seq);
    marked.await.map(|_| ()).map_err(refused)
}

fn original(version: &Version) -> Original {
    Original {
        version_id: version.version_id.clone(),
        modified: version.modified,
    }
}

async fn put(s3: &S3, work: &Work<'_>, target: &Target<'_>) -> Result<(), Stop> {
    let version = work.version;
    if version.delete_marker {
        return Err(Stop::Failed(NOT_ELIGIBLE));
    }
    let create = work.entry.effect == Effect::Put;
    work.role.may_read(s3, work.bucket, version).await?;
    let envelope = Envelope::from_bytes(&version.envelope).map_err(|error| {
        tracing::error!(%error, "an envelope is damaged");
        Stop::Failed(NOT_ELIGIBLE)
    })?;
    may_replicate(s3, work, target, &envelope).await?;
    let attributes = attributes(s3, work, target).await?;
    let envelope = if create {
        wrap(s3, work, target, &envelope).await?
    } else {
        // What is there keeps its own.
        envelope
    };
    let events = target.events(s3, work, Happening::Put).await?;
    let shares = matches!(version.body, Body::Parts(_)).then_some(version.seq);
    let envelope = envelope
        .to_bytes()
        .map_err(|error| Stop::Later(error.to_string()))?;
    let replica = NewReplica {
        version: NewVersion {
            key: version.key.clone(),
            size: version.size,
            etag: version.etag.clone(),
            checksum_algorithm: version.checksum_algorithm.clone(),
            checksum_type: version.checksum_type.clone(),
            body: version.body.clone(),
            meta: version.meta.clone(),
            envelope: envelope.into(),
            attributes,
        },
        original: original(version),
        shares,
        create,
        events,
    };
    let (bucket, seq) = (target.bucket.id, work.entry.seq);
    match s3.index.put_replica(bucket, replica, seq).await {
        Ok(Replicated::Made | Replicated::Changed) => Ok(()),
        Ok(Replicated::Missing) => {
            let (source, key) = (work.bucket.id, &version.key);
            let waits = s3
                .index
                .outbox_has(&work.entry.kind, source, key, seq)
                .await;
            if waits.map_err(later)? {
                return Err(Stop::Later("its version is not there yet".to_owned()));
            }
            Err(Stop::Failed("DstObjectHardDeleted"))
        }
        Err(error) => Err(refused(error)),
    }
}

/// What the index refuses.
fn refused(error: IndexError) -> Stop {
    match error {
        IndexError::NoSuchBucket => Stop::Failed("DstBucketNotFound"),
        IndexError::InvalidBucketState => Stop::Failed("DstBucketUnversioned"),
        IndexError::QuotaExceeded => Stop::Failed(NOT_PERMITTED),
        // Too much lies above its place.
        IndexError::PreconditionFailed => Stop::Failed(NOT_ELIGIBLE),
        error => later(error),
    }
}

/// Whether the role may make the replica, encrypted as it will be.
async fn may_replicate(
    s3: &S3,
    work: &Work<'_>,
    target: &Target<'_>,
    envelope: &Envelope,
) -> Result<(), Stop> {
    let mut context = Context::new();
    match envelope {
        Envelope::S3 { .. } => context.insert(SSE, "AES256"),
        Envelope::Kms(_) => context.insert(SSE, "aws:kms"),
        Envelope::Dsse { .. } => context.insert(SSE, "aws:kms:dsse"),
        Envelope::Customer { .. } => {
            let settings = bucket_encryption::settings(target.bucket)?;
            if settings.blocks_customer_keys {
                return Err(Stop::Failed(NOT_PERMITTED));
            }
            let header = "s3:x-amz-server-side-encryption-customer-algorithm";
            context.insert(header, "AES256");
        }
    }
    if envelope.kms().is_some()
        && let Some(key) = &work.rule.destination.kms_key
    {
        let account = &work.role.caller.principal.account_id;
        let arn = s3.sse.key_arn(account, key).await;
        context.insert(&format!("s3:{KMS_KEY_ID}"), arn.as_deref().unwrap_or(key));
    }
    target.may(work, "s3:ReplicateObject", context, NOT_PERMITTED)?;
    if work.version.attributes.tags.is_some() {
        let (action, reason) = ("s3:ReplicateTags", "DstPutTaggingNotPermitted");
        target.may(work, action, Context::new(), reason)?;
    }
    if work.rule.destination.translate {
        let action = "s3:ObjectOwnerOverrideToBucketOwner";
        target.may(work, action, Context::new(), "DstPutAclNotPermitted")?;
    }
    Ok(())
}

/// Owner, list, tags and lock of the replica.
async fn attributes(s3: &S3, work: &Work<'_>, target: &Target<'_>) -> Result<Attributes, Stop> {
    let from = &work.version.attributes;
    let mut lock = from.lock;
    if !lock.is_empty() && !target.bucket.object_lock {
        return Err(Stop::Failed("DstBucketObjectLockConfigMissing"));
    }
    if lock.retention.is_none()
        && work.entry.effect == Effect::Put
        && let Some(default) = LockConfiguration::default_retention(target.bucket)?
    {
        lock.retention = Some(default.from(s3.index.now())?);
    }
    let mut attributes = Attributes {
        tags: from.tags.clone(),
        storage_class: from.storage_class.clone(),
        lock,
        ..Attributes::default()
    };
    if !target.sharing.ownership.has_acls() || work.rule.destination.translate {
        return Ok(attributes);
    }
    // The replica is whose the original is.
    let owner = from.owner.as_deref().unwrap_or(work.role.canonical_id());
    let of_bucket = s3.iam.account(&target.bucket.account_id).await;
    let of_bucket = of_bucket
        .map_err(|error| Stop::Later(error.to_string()))?
        .map(|account| account.canonical_id);
    attributes.owner = (of_bucket.as_deref() != Some(owner)).then(|| owner.to_owned());
    if let Some(stored) = &from.acl {
        let acl = Acl::from_bytes(stored)?;
        if acl.is_public() && target.sharing.block.block_public_acls {
            return Err(Stop::Failed("DstPutAclNotPermitted"));
        }
        attributes.acl = Some(stored.clone());
    }
    Ok(attributes)
}

pub(super) fn place<'p>(bucket: &'p Bucket, key: &'p str) -> Place<'p> {
    Place {
        account: &bucket.account_id,
        bucket: &bucket.name,
        key,
    }
}

/// The envelope of the replica: the role unwraps the data keys and wraps them for the replica's place.
async fn wrap(
    s3: &S3,
    work: &Work<'_>,
    target: &Target<'_>,
    envelope: &Envelope,
) -> Result<Envelope, Stop> {
    if envelope.kms().is_some() && !work.rule.takes_kms() {
        return Err(Stop::Failed(NOT_ELIGIBLE));
    }
    let call = work.role.kms_call();
    let (from, to) = (
        place(work.bucket, &work.version.key),
        place(target.bucket, &work.version.key),
    );
    if let Envelope::Customer { .. } = envelope {
        return s3
            .sse
            .moved_customer(from, to, envelope)
            .map_err(|_| Stop::Failed(NOT_ELIGIBLE));
    }
    let keys = s3.sse.open(&call, from, envelope, None).await;
    let keys = keys.map_err(Stop::of_source_keys)?;
    let settings = bucket_encryption::settings(target.bucket)?;
    let replica_key = work.rule.destination.kms_key.as_deref();
    let replica_key = replica_key.map(|key_id| ReplicaKey {
        key_id,
        bucket_key: settings.bucket_key_enabled,
    });
    s3.sse
        .wrap_replica(&call, to, envelope, &keys, replica_key)
        .await
        .map_err(Stop::of_destination_keys)
}

//! What the role of a replication configuration may: it is who reads the originals, writes the replicas and uses the
//! keys, and nobody else's permissions count
//! ([permissions](https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html)).

use std::sync::Arc;

use sealgate_iam::RoleArn;
use sealgate_index::{Bucket, Version};
use sealgate_kms::Call;
use sealgate_policy::{Caller, Context};
use sealgate_sse::Place;
use time::OffsetDateTime;

use super::failure::Stop;
use super::local::place;
use crate::S3;
use crate::access::Sharing;
use crate::access::acl::{Acl, Asker, Permission};
use crate::access::decision::Question;
use crate::error::Code;

/// Who S3 is where it assumes the role.
const SERVICE: &str = "s3.amazonaws.com";
const SESSION: &str = "s3-replication";

/// The role at work for one entry.
pub(super) struct Role {
    pub(super) caller: Caller,
    canonical_id: String,
    request_id: String,
    via: String,
}

impl Role {
    /// Assume the role of a bucket's configuration.
    pub(super) async fn assume(s3: &S3, bucket: &Bucket, arn: &str) -> Result<Self, Stop> {
        const REFUSED: Stop = Stop::Failed("AssumeRoleNotPermitted");
        let role = RoleArn::parse(arn).map_err(|_| REFUSED)?;
        // Nobody lends a bucket the role of another account.
        if role.account_id() != bucket.account_id {
            return Err(REFUSED);
        }
        let now = OffsetDateTime::now_utc();
        let service = crate::delivery::service(SERVICE, &bucket.account_id, &s3.config.region, now);
        let mut context = Context::new();
        context.insert("aws:SourceArn", format!("arn:aws:s3:::{}", bucket.name));
        context.insert("aws:SourceAccount", bucket.account_id.as_str());
        let caller = s3
            .iam
            .assumed_by_service(&service, &role, SESSION, context)
            .await
            .map_err(|error| Stop::Later(error.to_string()))?
            .ok_or(REFUSED)?;
        let owner = s3.iam.account(&bucket.account_id).await;
        let owner = owner.map_err(|error| Stop::Later(error.to_string()))?;
        Ok(Self {
            caller,
            canonical_id: owner.ok_or(REFUSED)?.canonical_id,
            request_id: hex::encode_upper(crate::delivery::random::<8>()?),
            via: s3.kms_via.clone(),
        })
    }

    /// The role as the KMS sees it: through S3.
    pub(super) fn kms_call(&self) -> Call<'_> {
        Call {
            caller: &self.caller,
            request_id: &self.request_id,
            via: Some(&self.via),
        }
    }

    /// The canonical id of the source bucket's owner, whose role it is.
    pub(super) fn canonical_id(&self) -> &str {
        &self.canonical_id
    }

    /// Whether it may do this to an object. How a bucket behind another endpoint is shared is not known here.
    pub(super) fn may(
        &self,
        place: Place<'_>,
        sharing: Option<&Sharing>,
        action: &str,
        mut context: Context,
        reason: &'static str,
    ) -> Result<(), Stop> {
        context.insert("s3:ResourceAccount", place.account);
        let resource = place.arn();
        let question = Question {
            caller: &self.caller,
            asker: Asker {
                canonical_id: &self.canonical_id,
                anonymous: false,
            },
            action,
            resource: &resource,
            owner: place.account,
            context: &context,
            sharing,
            object: None,
        };
        question
            .answer()
            .map_err(|error| Stop::unless_allowed(&error, reason))
    }

    /// Whether it may read a version and everything about it. An object of another account in the bucket has to
    /// grant that to the bucket's owner.
    pub(super) async fn may_read(
        &self,
        s3: &S3,
        bucket: &Arc<Bucket>,
        version: &Version,
    ) -> Result<(), Stop> {
        let sharing = s3.sharing(bucket).await?;
        let attributes = &version.attributes;
        let may = |action, reason| {
            let mut context = Context::new();
            let id = version.version_id.as_deref().unwrap_or("null");
            context.insert("s3:VersionId", id);
            let place = place(bucket, &version.key);
            self.may(place, Some(&sharing), action, context, reason)
        };
        may(
            "s3:GetObjectVersionForReplication",
            "SrcGetObjectNotPermitted",
        )?;
        if attributes.tags.is_some() {
            may("s3:GetObjectVersionTagging", "SrcGetTaggingNotPermitted")?;
        }
        if attributes.lock.retention.is_some() {
            may("s3:GetObjectRetention", "SrcGetObjectNotPermitted")?;
        }
        if attributes.lock.legal_hold.is_some() {
            may("s3:GetObjectLegalHold", "SrcGetObjectNotPermitted")?;
        }
        if !sharing.ownership.has_acls() {
            return Ok(());
        }
        if attributes.acl.is_some() || attributes.owner.is_some() {
            may("s3:GetObjectVersionAcl", "SrcGetAclNotPermitted")?;
        }
        if attributes.owner.is_none() {
            return Ok(());
        }
        let acl = attributes.acl.as_deref().map(Acl::from_bytes).transpose()?;
        let asker = Asker {
            canonical_id: &self.canonical_id,
            anonymous: false,
        };
        let granted = [Permission::Read, Permission::ReadAcp]
            .into_iter()
            .all(|wanted| {
                acl.as_ref()
                    .is_some_and(|acl| acl.grants(asker, wanted, true))
            });
        if granted {
            Ok(())
        } else {
            Err(Stop::Failed("SrcGetObjectNotPermitted"))
        }
    }
}

/// Whether the bucket is there.
pub(super) async fn destination(s3: &S3, name: &str) -> Result<Arc<Bucket>, Stop> {
    s3.bucket(name).await.map_err(|error| match error.kind() {
        Code::NoSuchBucket => Stop::Failed("DstBucketNotFound"),
        _ => Stop::Later(error.message),
    })
}

//! Everything that decides about access to one bucket beside the policies of identities.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sealgate_index::Bucket;

use super::acl::Acl;
use super::bucket_policy::BucketPolicy;
use super::ownership::Ownership;
use super::public_access_block::PublicAccessBlock;
use crate::document::Document as _;
use crate::error::Result;
use crate::ops::bucket_settings::Abac;
use crate::ops::bucket_tagging::BucketTags;
use crate::tags::Tags;

/// Buckets whose sharing is kept parsed.
const MAX_CACHED: usize = 4096;

/// How a bucket is shared.
#[derive(Debug)]
pub(crate) struct Sharing {
    pub(crate) policy: Option<BucketPolicy>,
    pub(crate) block: PublicAccessBlock,
    pub(crate) ownership: Ownership,
    /// The list that was put. Without one the bucket is private.
    acl: Option<Acl>,
    /// The bucket's tags, where they decide about access.
    pub(crate) tags: Option<Tags>,
}

impl Sharing {
    fn of(bucket: &Bucket, account: Option<PublicAccessBlock>) -> Result<Self> {
        let block = PublicAccessBlock::in_force(bucket)?;
        Ok(Self {
            policy: BucketPolicy::of(bucket)?,
            block: account.map_or(block, |account| block.or(account)),
            ownership: Ownership::in_force(bucket)?,
            acl: Acl::of(bucket)?,
            tags: match Abac::is_enabled(bucket)? {
                true => BucketTags::of(bucket)?.map(|tags| tags.0),
                false => None,
            },
        })
    }

    /// The bucket's access control list, where lists count and one was put.
    pub(crate) fn acl(&self) -> Option<&Acl> {
        self.acl.as_ref().filter(|_| self.ownership.has_acls())
    }

    /// Whether the policy asks for tags of the object.
    pub(crate) fn asks_for_tags(&self) -> bool {
        self.policy.as_ref().is_some_and(|it| it.asks_for_tags)
    }

    /// Whether anything here could let in somebody who signs nothing. If not, no such request gets a body
    /// read.
    pub(crate) fn may_admit_anonymous(&self) -> bool {
        self.policy.is_some() || self.ownership.has_acls()
    }
}

/// What was parsed, by the bucket's id. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharingCache(Arc<RwLock<HashMap<i64, Known>>>);

/// A bucket as it was read, what its account blocks, and how it is shared.
type Known = (Arc<Bucket>, Option<PublicAccessBlock>, Arc<Sharing>);

impl SharingCache {
    /// How a bucket is shared, whose account blocks this. Parsed anew when one of its documents has changed.
    pub(crate) fn get(
        &self,
        bucket: &Arc<Bucket>,
        account: Option<PublicAccessBlock>,
    ) -> Result<Arc<Sharing>> {
        {
            let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, under, sharing)) = cached.get(&bucket.id)
                && *under == account
                && (Arc::ptr_eq(of, bucket) || of.config == bucket.config)
            {
                return Ok(sharing.clone());
            }
        }
        let sharing = Arc::new(Sharing::of(bucket, account)?);
        let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= MAX_CACHED && !cached.contains_key(&bucket.id) {
            cached.clear();
        }
        cached.insert(bucket.id, (bucket.clone(), account, sharing.clone()));
        Ok(sharing)
    }
}

//! The four settings that block public access to a bucket, or to all buckets of an account.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>

use sealgate_index::Bucket;
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::error::{Code, Result, S3Error};
use crate::xml::{Element, Writer};

/// What is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublicAccessBlock {
    /// No public ACL can be set.
    pub(crate) block_public_acls: bool,
    /// Public grants of ACLs have no effect.
    pub(crate) ignore_public_acls: bool,
    /// No public policy can be put.
    pub(crate) block_public_policy: bool,
    /// Under a public policy the bucket is for its own account.
    pub(crate) restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// The default of new buckets since April 2023.
    const ALL: Self = Self::of_all(true);

    /// What either blocks.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }

    const fn of_all(blocked: bool) -> Self {
        Self {
            block_public_acls: blocked,
            ignore_public_acls: blocked,
            block_public_policy: blocked,
            restrict_public_buckets: blocked,
        }
    }

    /// What is blocked in a bucket.
    pub(crate) fn in_force(bucket: &Bucket) -> Result<Self> {
        Ok(Setting::shown(bucket)?.unwrap_or(Self::of_all(false)))
    }
}

/// The setting as it is stored: `None` once it was deleted. A bucket in which nothing is stored has the
/// default of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Setting(pub(crate) Option<PublicAccessBlock>);

impl Setting {
    /// What a bucket shows as its setting.
    pub(crate) fn shown(bucket: &Bucket) -> Result<Option<PublicAccessBlock>> {
        Ok(Self::of(bucket)?
            .unwrap_or(Self(Some(PublicAccessBlock::ALL)))
            .0)
    }
}

impl Document for Setting {
    const KIND: &'static str = "public-access-block";
    const ROOT: &'static str = "PublicAccessBlockConfiguration";
    const MISSING: Code = Code::NoSuchPublicAccessBlock;

    fn parse(root: &Element) -> Result<Self> {
        const NAMES: [&str; 4] = [
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        ];
        root.only(&NAMES)?;
        let flag = |name: &str| match root.optional_text(name)?.map(str::trim) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(S3Error::from(Code::MalformedXml)),
        };
        Ok(Self(Some(PublicAccessBlock {
            block_public_acls: flag("BlockPublicAcls")?,
            ignore_public_acls: flag("IgnorePublicAcls")?,
            block_public_policy: flag("BlockPublicPolicy")?,
            restrict_public_buckets: flag("RestrictPublicBuckets")?,
        })))
    }

    fn write(&self, w: &mut Writer) {
        let block = self.0.unwrap_or(PublicAccessBlock::of_all(false));
        w.value("BlockPublicAcls", block.block_public_acls);
        w.value("IgnorePublicAcls", block.ignore_public_acls);
        w.value("BlockPublicPolicy", block.block_public_policy);
        w.value("RestrictPublicBuckets", block.restrict_public_buckets);
    }
}

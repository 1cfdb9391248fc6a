//! Who owns the objects of a bucket, and with that whether ACLs count.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html>

use sealgate_index::Bucket;
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::error::{Code, Result};
use crate::xml::{Element, Writer};

/// Who owns objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ownership {
    /// The bucket's owner owns everything and ACLs are off: the default of new buckets since April 2023.
    BucketOwnerEnforced,
    /// Who writes with `bucket-owner-full-control` gives the object to the bucket's owner.
    BucketOwnerPreferred,
    /// Who writes an object owns it. What holds also where the controls were deleted.
    ObjectWriter,
}

impl Ownership {
    /// By its name in the API.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "BucketOwnerEnforced" => Self::BucketOwnerEnforced,
            "BucketOwnerPreferred" => Self::BucketOwnerPreferred,
            "ObjectWriter" => Self::ObjectWriter,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    /// Whether ACLs count.
    pub(crate) fn has_acls(self) -> bool {
        self != Self::BucketOwnerEnforced
    }

    /// What holds in a bucket.
    pub(crate) fn in_force(bucket: &Bucket) -> Result<Self> {
        Ok(Controls::shown(bucket)?.unwrap_or(Self::ObjectWriter))
    }
}

/// The controls as they are stored: `None` once they were deleted. A bucket in which nothing is stored has
/// the default of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Controls(pub(crate) Option<Ownership>);

impl Controls {
    /// What a bucket shows as its controls.
    pub(crate) fn shown(bucket: &Bucket) -> Result<Option<Ownership>> {
        Ok(Self::of(bucket)?
            .unwrap_or(Self(Some(Ownership::BucketOwnerEnforced)))
            .0)
    }
}

impl Document for Controls {
    const KIND: &'static str = "ownership";
    const ROOT: &'static str = "OwnershipControls";
    const MISSING: Code = Code::OwnershipControlsNotFound;

    fn parse(root: &Element) -> Result<Self> {
        root.only(&["Rule"])?;
        let rule = root.optional("Rule")?.ok_or(Code::MalformedXml)?;
        rule.only(&["ObjectOwnership"])?;
        let name = rule.required_text("ObjectOwnership")?.trim();
        let ownership = Ownership::named(name).ok_or(Code::MalformedXml)?;
        Ok(Self(Some(ownership)))
    }

    fn write(&self, w: &mut Writer) {
        if let Some(ownership) = self.0 {
            w.element("Rule", |w| w.text("ObjectOwnership", ownership.name()));
        }
    }
}

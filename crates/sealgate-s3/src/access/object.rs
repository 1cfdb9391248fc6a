//! What a version says about access to itself: who owns it, its access control list, its tags.

use bytes::Bytes;
use sealgate_index::{Bucket, IndexError, Version, VersionRef};

use super::acl::Acl;
use crate::S3;
use crate::error::Result;
use crate::tags::Tags;

/// What decides about access to an object that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObjectAccess {
    /// The canonical id of the owner; `None` if it is the bucket's.
    pub(crate) owner: Option<String>,
    /// The list that was put. Without one the object is its owner's alone.
    pub(crate) acl: Option<Acl>,
    /// Keys and values.
    pub(crate) tags: Vec<(String, String)>,
}

impl ObjectAccess {
    /// What a version says. What cannot be read is an error: it may be why access is denied.
    pub(crate) fn of(version: &Version) -> Result<Self> {
        let attributes = &version.attributes;
        let tags = Tags::from_bytes(attributes.tags.as_ref())?;
        Ok(Self {
            owner: attributes.owner.clone(),
            acl: attributes.acl.as_deref().map(Acl::from_bytes).transpose()?,
            tags: tags
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        })
    }
}

/// Look at a version. `None` where there is none, or nothing but a delete marker.
pub(crate) async fn load(
    s3: &S3,
    bucket: &Bucket,
    key: &str,
    version: &VersionRef,
) -> Result<Option<ObjectAccess>> {
    match s3.index.version(bucket.id, key, version).await {
        Ok(found) if found.version.delete_marker => Ok(None),
        Ok(found) => ObjectAccess::of(&found.version).map(Some),
        Err(IndexError::NoSuchKey | IndexError::NoSuchVersion) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Owner and list of an object that a request makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewObject {
    /// The canonical id of the owner; `None` if it is the bucket's.
    pub(crate) owner: Option<String>,
    /// The list, as it is stored; `None` for a private one.
    pub(crate) acl: Option<Bytes>,
}

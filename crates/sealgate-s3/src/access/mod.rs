//! Who may do what in a bucket, beside the policies of identities: bucket policies, access control lists, who
//! owns objects, and the settings that block public access.
//!
//! `Sharing` is all of that for one bucket, parsed once. `decision` puts it together with the identity's
//! policies; everything else here is one of its parts.

pub(crate) mod account_block;
pub(crate) mod acl;
pub(crate) mod acl_request;
pub(crate) mod bucket_policy;
pub(crate) mod context;
pub(crate) mod decision;
pub(crate) mod object;
pub(crate) mod ownership;
pub(crate) mod payer;
mod public;
pub(crate) mod public_access_block;
mod sharing;

pub(crate) use sharing::{Sharing, SharingCache};

#[cfg(test)]
mod tests {
    use sealgate_index::Bucket;
    use time::OffsetDateTime;

    /// A bucket without documents.
    pub(super) fn bucket(name: &str, account_id: &str) -> Bucket {
        Bucket {
            id: 1,
            name: name.to_owned(),
            account_id: account_id.to_owned(),
            region: "us-east-1".to_owned(),
            created: OffsetDateTime::UNIX_EPOCH,
            versioning: Default::default(),
            object_lock: false,
            quota: Default::default(),
            config: Default::default(),
        }
    }
}

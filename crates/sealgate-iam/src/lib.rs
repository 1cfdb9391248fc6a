//! Identities: accounts, users, access keys, inline policies; and who a request comes from.
//!
//! Everything is kept as small records in the index. Secrets of access keys are wrapped there
//! under a key of the root of trust. [`Iam::authenticate`] turns a signed request into a
//! [`Caller`](sealgate_policy::Caller); whether that caller may do what it asks is decided by the
//! service, with `sealgate-policy`.

mod access_keys;
mod accounts;
mod authenticate;
mod bootstrap;
mod cleartext;
mod error;
mod identity;
mod ids;
mod last_used;
mod model;
mod names;
mod records;
mod service;
mod user_policies;
mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sealgate_index::Index;
use sealgate_seal::Key256;
use sealgate_wire::sigv4::Verifier;

pub use authenticate::{
    ANONYMOUS_CANONICAL_ID, AuthFailure, AuthFault, Authenticated, SignatureVersion,
};
pub use bootstrap::{Bootstrap, BootstrapError, BootstrapReport};
pub use cleartext::CleartextSecrets;
pub use error::IamError;
pub use model::{
    AccessKey, Account, Credential, KeyOwner, KeyStatus, LastUsed, NewAccessKey, NewAccount, Page,
    Paging, User, root_principal, user_arn,
};
pub use names::{
    PolicyName, UserName, UserPath, constraint, parse_access_key_id, parse_path_prefix,
};
pub use service::Service;

use identity::IdentityCache;
use last_used::Uses;

/// The identities of a gateway. Cheap to clone.
#[derive(Clone)]
pub struct Iam {
    inner: Arc<Inner>,
}

struct Inner {
    index: Index,
    sealing_key: Key256,
    region: String,
    verifier: Verifier,
    identities: IdentityCache,
    uses: Uses,
}

impl Iam {
    /// Opens the identities kept in an index. `sealing_key` wraps the secrets of access keys;
    /// `region` is the one that signatures must name.
    ///
    /// Within a tokio runtime, a task notes in the index every minute when keys were last used,
    /// until the last clone is dropped.
    pub async fn open(index: Index, sealing_key: Key256, region: String) -> Result<Iam, IamError> {
        let iam = Iam {
            inner: Arc::new(Inner {
                index,
                sealing_key,
                verifier: Verifier::new(region.clone()),
                region,
                identities: IdentityCache::new(),
                uses: Uses::default(),
            }),
        };
        last_used::spawn_flusher(&iam.inner);
        Ok(iam)
    }

    /// The region that signatures must name.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    pub(crate) fn index(&self) -> &Index {
        &self.inner.index
    }

    pub(crate) fn sealing_key(&self) -> &Key256 {
        &self.inner.sealing_key
    }
}

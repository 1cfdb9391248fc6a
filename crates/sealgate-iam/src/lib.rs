//! Identities: accounts, users, groups, roles, access keys, policies, identity providers; and who a
//! request comes from.
//!
//! Everything is kept as small records in the index. Secrets of access keys are wrapped there
//! under a key of the root of trust. [`Iam::authenticate`] turns a signed request into a
//! [`Caller`](sealgate_policy::Caller); whether that caller may do what it asks is decided by the
//! service, with `sealgate-policy`.

mod access_keys;
mod accounts;
mod attachments;
mod authenticate;
mod aws_policies;
mod bootstrap;
mod change;
mod cleartext;
mod console;
mod error;
mod groups;
mod holder;
mod identity;
mod ids;
mod inline_policies;
mod last_used;
mod managed_policies;
mod model;
mod names;
mod oidc_token;
mod overview;
mod passwords;
mod permissions;
mod presign;
mod providers;
mod records;
mod roles;
mod second_factor;
mod service;
mod service_roles;
mod sessions;
mod sts;
mod tags;
mod usage;
mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sealgate_index::Index;
use sealgate_seal::Key256;
use sealgate_wire::sigv4::Verifier;

pub use attachments::{EntityFilter, PolicyEntity};
pub use authenticate::{
    ANONYMOUS_CANONICAL_ID, AuthFailure, AuthFault, Authenticated, Presentation, SignatureVersion,
};
pub use bootstrap::{Bootstrap, BootstrapError, BootstrapReport};
pub use cleartext::CleartextSecrets;
pub use console::{ConsoleCredential, ConsoleSession, PasswordSignIn, SignIn};
pub use error::IamError;
pub use holder::{Holder, HolderFacts, HolderKind};
pub use managed_policies::{NewPolicy, PolicyFilter, PolicyScope, PolicyUsage, parse_version_id};
pub use model::{
    AccessKey, Account, Credential, Group, KeyOwner, KeyStatus, LastUsed, ManagedPolicy,
    NewAccessKey, NewAccount, OidcProvider, Page, Paging, PolicyVersion, Role, SamlProvider, User,
    group_arn, oidc_arn, policy_arn, role_arn, root_principal, saml_arn, user_arn,
};
pub use names::{
    EntityPath, GroupName, PolicyArn, PolicyName, RoleName, UserName, constraint,
    parse_access_key_id, parse_path_prefix,
};
pub use oidc_token::TokenFault;
pub use overview::{CredentialReport, Detail, DetailKind, PolicyDetails};
pub use passwords::{LoginProfile, Password, PasswordPolicy};
pub use presign::Link;
pub use providers::{OidcArn, OidcUrl, SamlArn};
pub use records::Tags;
pub use roles::NewRole;
pub use second_factor::{MfaDevice, MfaSerial, NewMfaDevice, QrCode, provisioning_uri};
pub use service::Service;
pub use sessions::SessionCredentials;
pub use sts::{
    AssumeRole, AssumeRoleWithWebIdentity, AssumedRole, ExternalId, FederatedName, FederationToken,
    GetFederationToken, RoleArn, RoleSessionName, SessionDuration, SessionPolicyRequest,
    SessionTags, SourceIdentity, StsError, WebIdentity, parse_session_tags,
};
pub use tags::{Taggable, parse_tag_keys, parse_tags};
pub use users::NewUser;

use identity::IdentityCache;
use last_used::Uses;
use oidc_token::ProviderKeys;
use passwords::Hasher;
use permissions::PermissionsCache;
use sessions::SessionCache;

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
    permissions: PermissionsCache,
    sessions: SessionCache,
    provider_keys: ProviderKeys,
    uses: Uses,
    hasher: Hasher,
    /// Whose turn it is to change something.
    turn: tokio::sync::Mutex<()>,
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
                permissions: PermissionsCache::new(),
                sessions: SessionCache::new(),
                provider_keys: ProviderKeys::new(),
                uses: Uses::default(),
                hasher: Hasher::new(),
                turn: tokio::sync::Mutex::new(()),
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

//! A session in use: its token opened once, its user or role looked up for every request.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_policy::{
    AttachedPolicy, Caller, Environment, Policy, Principal, PrincipalKind, Session,
};
use sealgate_wire::sigv4::{AuthError, SecretKey};
use time::OffsetDateTime;

use super::key_id;
use super::token::{self, SessionOf, SessionRecord};
use crate::Iam;
use crate::authenticate::{AuthFault, internal};
use crate::error::IamError;
use crate::model::root_principal;
use crate::permissions::{RolePermissions, UserPermissions};
use crate::records::Tags;

/// Opened tokens kept at most. An evicted one is zeroized.
const CAPACITY: usize = 4096;

/// A session whose token was opened.
pub(crate) struct ActiveSession {
    pub secret: SecretKey,
    record: SessionRecord,
    inline: Option<AttachedPolicy>,
    /// The session policies, and the generation of the account that the managed ones are of.
    policies: Mutex<Option<(i64, Arc<[AttachedPolicy]>)>>,
}

/// A session as the sender of a request.
pub(crate) struct Acting {
    pub session: Arc<ActiveSession>,
    /// The role, where it is a session of one: to note its use.
    pub role: Option<Arc<RolePermissions>>,
    pub caller: Caller,
    pub canonical_id: String,
    /// The tags that sessions begun in this one inherit.
    pub transitive_tags: Tags,
}

pub(crate) struct SessionCache {
    entries: Mutex<LruCache<[u8; 32], Arc<ActiveSession>>>,
}

impl SessionCache {
    pub fn new() -> SessionCache {
        const SIZE: NonZeroUsize = match NonZeroUsize::new(CAPACITY) {
            Some(size) => size,
            None => NonZeroUsize::MIN,
        };
        SessionCache {
            entries: Mutex::new(LruCache::new(SIZE)),
        }
    }
}

/// What an opened token is filed under: both of its halves, so that a hit proves that they belong
/// together.
fn name(access_key_id: &str, token: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((access_key_id.len() as u64).to_be_bytes());
    hash.update(access_key_id);
    hash.update(token);
    hash.finalize().into()
}

impl Iam {
    /// The session of these credentials, if it still is one: not expired, its user or role still
    /// there (and not another one of that name), its policies still to be had.
    pub(crate) async fn session(
        &self,
        access_key_id: &str,
        token: &str,
        environment: Environment,
    ) -> Result<Acting, AuthFault> {
        let session = self
            .opened(access_key_id, token, environment.now)
            .map_err(internal)?
            .ok_or(AuthError::InvalidToken)?;
        if environment.now >= session.record.expires {
            let name = name(access_key_id, token);
            self.inner.sessions.entries.lock().pop(&name);
            return Err(AuthError::ExpiredToken.into());
        }
        self.acting(session, access_key_id, environment)
            .await
            .map_err(internal)?
            .ok_or_else(|| AuthError::InvalidToken.into())
    }

    fn opened(
        &self,
        access_key_id: &str,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Arc<ActiveSession>>, IamError> {
        // Only our own key ids: a token never changes what a permanent key stands for.
        if !key_id::is_temporary(access_key_id) {
            return Ok(None);
        }
        let name = name(access_key_id, token);
        if let Some(found) = self.inner.sessions.entries.lock().get(&name) {
            return Ok(Some(Arc::clone(found)));
        }
        let Some(opened) = token::open(self.sealing_key(), access_key_id, token) else {
            return Ok(None);
        };
        let inline = match opened
            .session
            .policies
            .as_ref()
            .and_then(|given| given.inline.as_ref())
        {
            None => None,
            Some(document) => {
                let policy = Policy::parse_identity(document).map_err(|error| {
                    IamError::Internal(format!("a session policy does not parse: {error}"))
                })?;
                Some(AttachedPolicy::new("inline session policy", policy))
            }
        };
        let session = Arc::new(ActiveSession {
            secret: opened.secret,
            record: opened.session,
            inline,
            policies: Mutex::new(None),
        });
        let mut entries = self.inner.sessions.entries.lock();
        // Secrets of sessions that are over and that nobody shows any more do not stay.
        while let Some((_, oldest)) = entries.peek_lru()
            && now >= oldest.record.expires
        {
            entries.pop_lru();
        }
        entries.put(name, Arc::clone(&session));
        Ok(Some(session))
    }

    async fn acting(
        &self,
        session: Arc<ActiveSession>,
        access_key_id: &str,
        environment: Environment,
    ) -> Result<Option<Acting>, IamError> {
        let record = &session.record;
        let account_id = record.account_id.as_str();
        let mut role_in_use = None;
        let (mut caller, canonical_id) = match &record.of {
            SessionOf::Root => {
                let Some(account) = self.account(account_id).await? else {
                    return Ok(None);
                };
                let caller = Caller::new(root_principal(account_id, None), environment);
                (caller, account.canonical_id)
            }
            SessionOf::User { id, name } => {
                let Some(user) = self.same_user(account_id, id, name).await? else {
                    return Ok(None);
                };
                (user.caller(None, environment), user.canonical_id.clone())
            }
            SessionOf::Role {
                id,
                name,
                session_name,
            } => {
                let Some(role) = self
                    .role_permissions(account_id, name)
                    .await?
                    .filter(|found| found.role.id == *id)
                else {
                    return Ok(None);
                };
                let caller = role.caller(session_name, environment);
                let canonical_id = role.canonical_id.clone();
                role_in_use = Some(role);
                (caller, canonical_id)
            }
            SessionOf::Federated { name, user: None } => {
                let Some(account) = self.account(account_id).await? else {
                    return Ok(None);
                };
                let root = Caller::new(root_principal(account_id, None), environment);
                (federated(root, name), account.canonical_id)
            }
            SessionOf::Federated {
                name,
                user: Some(user),
            } => {
                let Some(user) = self.same_user(account_id, &user.id, &user.name).await? else {
                    return Ok(None);
                };
                let caller = user.caller(None, environment);
                (federated(caller, name), user.canonical_id.clone())
            }
        };
        let Some(policies) = self.session_policies(&session).await? else {
            return Ok(None);
        };
        caller.principal.access_key_id = Some(access_key_id.to_owned());
        if !record.tags.is_empty() {
            let mut tags = Tags::clone(&caller.tags);
            overlay(&mut tags, &record.tags);
            caller.tags = Arc::new(tags);
        }
        caller.session = Some(Arc::new(Session {
            issued: record.issued,
            expires: record.expires,
            mfa_at: None,
            source_identity: record.source_identity.clone(),
            federated_provider: record.federated_provider.clone(),
            policies: record.policies.as_ref().map(|_| policies),
        }));
        let transitive_tags = record
            .tags
            .iter()
            .filter(|(key, _)| record.transitive.contains(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Ok(Some(Acting {
            caller,
            canonical_id,
            transitive_tags,
            role: role_in_use,
            session,
        }))
    }

    async fn same_user(
        &self,
        account_id: &str,
        id: &str,
        name: &str,
    ) -> Result<Option<Arc<UserPermissions>>, IamError> {
        let found = self
            .user_permissions(account_id, &name.to_ascii_lowercase())
            .await?;
        Ok(found.filter(|found| found.user.id == id))
    }

    /// The session policies as they are now. `None` if one is gone: without it, which may deny, the
    /// others could allow too much, so the session is over.
    async fn session_policies(
        &self,
        session: &ActiveSession,
    ) -> Result<Option<Arc<[AttachedPolicy]>>, IamError> {
        let record = &session.record;
        let Some(given) = record.policies.as_ref() else {
            return Ok(Some(Vec::new().into()));
        };
        let generation = self.generation(&record.account_id).await?;
        if let Some((made_in, policies)) = &*session.policies.lock()
            && *made_in == generation
        {
            return Ok(Some(Arc::clone(policies)));
        }
        let mut policies: Vec<AttachedPolicy> = session.inline.iter().cloned().collect();
        for arn in &given.managed {
            let Some(policy) = self.managed_policy(&record.account_id, arn).await? else {
                return Ok(None);
            };
            policies.push(policy);
        }
        let policies: Arc<[AttachedPolicy]> = policies.into();
        *session.policies.lock() = Some((generation, Arc::clone(&policies)));
        Ok(Some(policies))
    }
}

/// Session tags take the place of tags whose keys differ at most in case.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>
fn overlay(tags: &mut Tags, session: &Tags) {
    tags.retain(|key, _| !session.keys().any(|over| over.eq_ignore_ascii_case(key)));
    tags.extend(
        session
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
}

/// A federated user, with what the user (or root user) has who asked for it.
fn federated(caller: Caller, name: &str) -> Caller {
    let account_id = caller.principal.account_id;
    Caller {
        principal: Principal {
            arn: federated_arn(&account_id, name),
            id: format!("{account_id}:{name}"),
            kind: PrincipalKind::FederatedUser {
                name: name.to_owned(),
                user_arn: caller.principal.arn,
            },
            access_key_id: None,
            account_id,
        },
        ..caller
    }
}

/// The ARN of a federated user.
pub(crate) fn federated_arn(account_id: &str, name: &str) -> String {
    format!("arn:aws:sts::{account_id}:federated-user/{name}")
}

//! What users and roles may do, ready to be evaluated: their inline policies, the managed ones
//! attached to them, those of a user's groups, the boundary, the tags.
//!
//! An entry is used as long as the account's generation has the revision that it had before the
//! entry's records were read (see `change.rs`): so one look at one record tells whether any of many
//! changed, and a change counts for the next request.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_policy::{AttachedPolicy, Caller, Environment, Policy, Principal, PrincipalKind};

use crate::Iam;
use crate::aws_policies;
use crate::error::IamError;
use crate::model::{Role, User, root_principal};
use crate::names::{PolicyArn, is_account_id};
use crate::records::{
    self, ACCOUNTS, AccountRecord, GROUPS, GroupRecord, HeldPolicies, POLICIES, PolicyRecord,
    ROLES, RoleRecord, Tags, USERS, UserRecord, id_in,
};

/// Users, and roles, kept at most.
const CAPACITY: usize = 4096;

/// A user with everything that decides what it may do.
pub(crate) struct UserPermissions {
    pub user: User,
    pub policies: Arc<[AttachedPolicy]>,
    pub boundary: Option<AttachedPolicy>,
    pub tags: Arc<Tags>,
    /// The id of its password, if it has one.
    pub password_id: Option<String>,
    /// The S3 owner id of its account.
    pub canonical_id: String,
}

/// A role with everything that decides who may assume it and what its sessions may do.
pub(crate) struct RolePermissions {
    /// Without its last use.
    pub role: Role,
    pub trust: Arc<Policy>,
    pub policies: Arc<[AttachedPolicy]>,
    pub boundary: Option<AttachedPolicy>,
    pub tags: Arc<Tags>,
    /// The S3 owner id of its account.
    pub canonical_id: String,
    /// When its use was noted last.
    pub noted: AtomicI64,
}

/// Entries by record id, each with the generation it was made in.
struct Cache<T>(Mutex<LruCache<String, (i64, Arc<T>)>>);

impl<T> Cache<T> {
    fn new() -> Cache<T> {
        const SIZE: NonZeroUsize = match NonZeroUsize::new(CAPACITY) {
            Some(size) => size,
            None => NonZeroUsize::MIN,
        };
        Cache(Mutex::new(LruCache::new(SIZE)))
    }

    fn get(&self, id: &str, generation: i64) -> Option<Arc<T>> {
        let mut entries = self.0.lock();
        let (made_in, value) = entries.get(id)?;
        (*made_in == generation).then(|| Arc::clone(value))
    }

    fn put(&self, id: String, generation: i64, value: T) -> Arc<T> {
        let value = Arc::new(value);
        self.0.lock().put(id, (generation, Arc::clone(&value)));
        value
    }
}

pub(crate) struct PermissionsCache {
    users: Cache<UserPermissions>,
    roles: Cache<RolePermissions>,
}

impl PermissionsCache {
    pub fn new() -> PermissionsCache {
        PermissionsCache {
            users: Cache::new(),
            roles: Cache::new(),
        }
    }
}

/// A stored policy was parsed before it was stored. One that does not parse now may hold a Deny:
/// leaving it out could allow too much, so whoever has it is stopped.
fn unreadable(name: &str, error: impl std::fmt::Display) -> IamError {
    IamError::Internal(format!("stored policy {name} does not parse: {error}"))
}

impl Iam {
    /// What a user may do; its name is folded.
    pub(crate) async fn user_permissions(
        &self,
        account_id: &str,
        folded_name: &str,
    ) -> Result<Option<Arc<UserPermissions>>, IamError> {
        let id = id_in(account_id, folded_name);
        let generation = self.generation(account_id).await?;
        let cache = &self.inner.permissions.users;
        if let Some(found) = cache.get(&id, generation) {
            return Ok(Some(found));
        }
        let Some(record) = records::load::<UserRecord>(self.index(), USERS, &id).await? else {
            return Ok(None);
        };
        let Some(canonical_id) = self.canonical_id_of(account_id).await? else {
            return Ok(None);
        };
        let mut policies = Vec::new();
        let of = format!("user {}", record.name);
        self.gather(account_id, &of, &record.held, &mut policies)
            .await?;
        for group in &record.groups {
            let group: GroupRecord = records::load(self.index(), GROUPS, &id_in(account_id, group))
                .await?
                .ok_or_else(|| {
                    IamError::Internal(format!("group {group} of user {id} is missing"))
                })?;
            let of = format!("group {}", group.name);
            self.gather(account_id, &of, &group.held, &mut policies)
                .await?;
        }
        let permissions = UserPermissions {
            boundary: self
                .boundary(account_id, record.boundary.as_deref())
                .await?,
            policies: policies.into(),
            tags: Arc::new(record.tags.clone()),
            password_id: record.password.as_ref().map(|password| password.id.clone()),
            user: record.user(),
            canonical_id,
        };
        Ok(Some(cache.put(id, generation, permissions)))
    }

    /// What sessions of a role may do, and who may begin one. The name is taken in the case that the
    /// role has.
    pub(crate) async fn role_permissions(
        &self,
        account_id: &str,
        role_name: &str,
    ) -> Result<Option<Arc<RolePermissions>>, IamError> {
        let id = id_in(account_id, &role_name.to_ascii_lowercase());
        let generation = self.generation(account_id).await?;
        let cache = &self.inner.permissions.roles;
        if let Some(found) = cache.get(&id, generation) {
            return Ok(Some(found).filter(|found| found.role.name == role_name));
        }
        let Some(record) = records::load::<RoleRecord>(self.index(), ROLES, &id)
            .await?
            .filter(|record| record.name == role_name)
        else {
            return Ok(None);
        };
        let Some(canonical_id) = self.canonical_id_of(account_id).await? else {
            return Ok(None);
        };
        let of = format!("role {}", record.name);
        let trust = Policy::parse_trust(&record.trust_policy)
            .map_err(|error| unreadable(&format!("trust policy of {of}"), error))?;
        let mut policies = Vec::new();
        self.gather(account_id, &of, &record.held, &mut policies)
            .await?;
        let permissions = RolePermissions {
            trust: Arc::new(trust),
            boundary: self
                .boundary(account_id, record.boundary.as_deref())
                .await?,
            policies: policies.into(),
            tags: Arc::new(record.tags.clone()),
            role: record.role(),
            canonical_id,
            noted: AtomicI64::new(i64::MIN),
        };
        Ok(Some(cache.put(id, generation, permissions)))
    }

    /// A managed policy by its ARN, ready to be evaluated; `None` if the account has no such policy
    /// and neither has AWS.
    pub async fn managed_policy(
        &self,
        account_id: &str,
        arn: &str,
    ) -> Result<Option<AttachedPolicy>, IamError> {
        let Ok(parsed) = PolicyArn::parse(arn) else {
            return Ok(None);
        };
        if parsed.is_of_aws() {
            return match aws_policies::find(parsed.name()) {
                Some(policy) if policy.arn() == arn => aws_policies::parsed(policy.name),
                _ => Ok(None),
            };
        }
        if parsed.account() != account_id {
            return Ok(None);
        }
        let id = id_in(account_id, &parsed.name().to_ascii_lowercase());
        let Some(record) = records::load::<PolicyRecord>(self.index(), POLICIES, &id)
            .await?
            .filter(|record| record.arn() == arn)
        else {
            return Ok(None);
        };
        let version = record
            .version(record.default_version)
            .ok_or_else(|| unreadable(arn, "its default version is missing"))?;
        let policy =
            Policy::parse_identity(&version.document).map_err(|error| unreadable(arn, error))?;
        Ok(Some(AttachedPolicy::new(arn, policy)))
    }

    /// The caller that the ARN of a principal stands for, with its policies: the root of an account,
    /// a user, a role or a session of one (by the role's ARN, a session of no particular name). The
    /// ARN of a group stands for somebody who has nothing but the group's policies.
    pub async fn caller_of(
        &self,
        principal_arn: &str,
        environment: Environment,
    ) -> Result<Option<Caller>, IamError> {
        let mut parts = principal_arn.splitn(6, ':');
        let (Some("arn"), Some("aws"), Some(service), Some(""), Some(account_id), Some(rest)) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Ok(None);
        };
        if !is_account_id(account_id) || self.account(account_id).await?.is_none() {
            return Ok(None);
        }
        if (service, rest) == ("iam", "root") {
            let principal = root_principal(account_id, None);
            return Ok(Some(Caller::new(principal, environment)));
        }
        let Some((kind, path)) = rest.split_once('/') else {
            return Ok(None);
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        match (service, kind) {
            ("iam", "user") => {
                let found = self
                    .user_permissions(account_id, &name.to_ascii_lowercase())
                    .await?
                    .filter(|found| found.user.arn() == principal_arn);
                Ok(found.map(|found| found.caller(None, environment)))
            }
            ("iam", "role") => {
                let found = self
                    .role_permissions(account_id, name)
                    .await?
                    .filter(|found| found.role.arn() == principal_arn);
                Ok(found.map(|found| found.caller(SIMULATED_SESSION, environment)))
            }
            ("sts", "assumed-role") => {
                let Some((role, session)) = path.split_once('/') else {
                    return Ok(None);
                };
                let found = self.role_permissions(account_id, role).await?;
                Ok(found.map(|found| found.caller(session, environment)))
            }
            ("iam", "group") => {
                let id = id_in(account_id, &name.to_ascii_lowercase());
                let Some(record) = records::load::<GroupRecord>(self.index(), GROUPS, &id)
                    .await?
                    .filter(|record| record.group().arn() == principal_arn)
                else {
                    return Ok(None);
                };
                let mut policies = Vec::new();
                let of = format!("group {}", record.name);
                self.gather(account_id, &of, &record.held, &mut policies)
                    .await?;
                let principal = Principal {
                    account_id: account_id.to_owned(),
                    kind: PrincipalKind::User { name: record.name },
                    arn: principal_arn.to_owned(),
                    id: record.id,
                    access_key_id: None,
                };
                let mut caller = Caller::new(principal, environment);
                caller.identity_policies = policies.into();
                Ok(Some(caller))
            }
            _ => Ok(None),
        }
    }

    async fn canonical_id_of(&self, account_id: &str) -> Result<Option<String>, IamError> {
        let account = records::load::<AccountRecord>(self.index(), ACCOUNTS, account_id).await?;
        Ok(account.map(|account| account.canonical_id))
    }

    async fn gather(
        &self,
        account_id: &str,
        of: &str,
        held: &HeldPolicies,
        policies: &mut Vec<AttachedPolicy>,
    ) -> Result<(), IamError> {
        for inline in &held.policies {
            let name = format!("inline policy {} of {of}", inline.name);
            let policy = Policy::parse_identity(&inline.document)
                .map_err(|error| unreadable(&name, error))?;
            policies.push(AttachedPolicy::new(name, policy));
        }
        for arn in &held.attached {
            policies.push(self.existing_policy(account_id, arn).await?);
        }
        Ok(())
    }

    async fn boundary(
        &self,
        account_id: &str,
        arn: Option<&str>,
    ) -> Result<Option<AttachedPolicy>, IamError> {
        match arn {
            Some(arn) => Ok(Some(self.existing_policy(account_id, arn).await?)),
            None => Ok(None),
        }
    }

    /// A policy that something names: policies in use are not deleted, so it is there.
    async fn existing_policy(
        &self,
        account_id: &str,
        arn: &str,
    ) -> Result<AttachedPolicy, IamError> {
        self.managed_policy(account_id, arn)
            .await?
            .ok_or_else(|| unreadable(arn, "it is missing"))
    }
}

/// The name of a session that nobody began.
const SIMULATED_SESSION: &str = "simulated";

impl UserPermissions {
    /// The user as a caller.
    pub fn caller(&self, access_key_id: Option<String>, environment: Environment) -> Caller {
        Caller {
            principal: self.user.principal(access_key_id),
            identity_policies: Arc::clone(&self.policies),
            boundary: self.boundary.clone(),
            session: None,
            tags: Arc::clone(&self.tags),
            environment,
            source: None,
        }
    }
}

impl RolePermissions {
    /// A session of the role as a caller: without session policies, its tags those of the role.
    pub fn caller(&self, session_name: &str, environment: Environment) -> Caller {
        let role = &self.role;
        Caller {
            principal: Principal {
                account_id: role.account_id.clone(),
                arn: format!(
                    "arn:aws:sts::{}:assumed-role/{}/{session_name}",
                    role.account_id, role.name
                ),
                id: format!("{}:{session_name}", role.id),
                kind: PrincipalKind::AssumedRole {
                    role_name: role.name.clone(),
                    role_arn: role.arn(),
                    session_name: session_name.to_owned(),
                },
                access_key_id: None,
            },
            identity_policies: Arc::clone(&self.policies),
            boundary: self.boundary.clone(),
            session: None,
            tags: Arc::clone(&self.tags),
            environment,
            source: None,
        }
    }
}

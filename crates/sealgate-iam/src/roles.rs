//! Roles: create, read, list, change, delete. Who assumes one, and its sessions, are in `sts`.

use std::sync::atomic::Ordering;

use sealgate_policy::Policy;
use time::OffsetDateTime;

use crate::Iam;
use crate::accounts::now;
use crate::error::IamError;
use crate::holder::{Holder, HolderKind};
use crate::identity::NOTE_EVERY;
use crate::ids;
use crate::inline_policies::{check_length, counted};
use crate::last_used::role_use;
use crate::model::{LastUsed, Page, Paging, Role};
use crate::names::{EntityPath, PolicyArn, RoleName, constraint};
use crate::permissions::RolePermissions;
use crate::records::{self, BOUNDED, HeldPolicies, LAST_USED, ROLES, RoleRecord, Tags, id_in};
use crate::usage::use_id;

/// The size of a trust policy, white space not counted.
pub(crate) const MAX_TRUST_POLICY: usize = 2048;
/// An hour; a role may say up to twelve.
const DEFAULT_SESSION: u32 = 3600;
const MAX_DESCRIPTION: usize = 1000;

/// What a new role is made of.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Its name.
    pub name: RoleName,
    /// Its path.
    pub path: EntityPath,
    /// Who may assume it.
    pub trust_policy: String,
    /// For people.
    pub description: Option<String>,
    /// Seconds; an hour if not given.
    pub max_session_duration: Option<u32>,
    /// The policy that limits what its policies can allow.
    pub boundary: Option<PolicyArn>,
    /// Its tags.
    pub tags: Tags,
}

impl NewRole {
    /// A role with the path `/` and nothing that need not be.
    pub fn named(name: RoleName, trust_policy: &str) -> NewRole {
        NewRole {
            name,
            path: EntityPath::root(),
            trust_policy: trust_policy.to_owned(),
            description: None,
            max_session_duration: None,
            boundary: None,
            tags: Tags::new(),
        }
    }
}

fn check_trust_policy(document: &str) -> Result<(), IamError> {
    check_length(document)?;
    Policy::parse_trust(document)
        .map_err(|error| IamError::MalformedPolicyDocument(error.to_string()))?;
    if counted(document) > MAX_TRUST_POLICY {
        return Err(IamError::LimitExceeded(format!(
            "Cannot exceed quota for ACLSizePerRole: {MAX_TRUST_POLICY}"
        )));
    }
    Ok(())
}

fn check_duration(seconds: u32) -> Result<u32, IamError> {
    let rule = match seconds {
        ..3600 => "Member must have value greater than or equal to 3600",
        43_201.. => "Member must have value less than or equal to 43200",
        _ => return Ok(seconds),
    };
    Err(constraint("maxSessionDuration", &seconds.to_string(), rule))
}

fn check_description(text: &str) -> Result<(), IamError> {
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(constraint(
            "description",
            text,
            "Member must have length less than or equal to 1000",
        ));
    }
    let allowed = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    if !text.chars().all(allowed) {
        return Err(constraint(
            "description",
            text,
            r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*",
        ));
    }
    Ok(())
}

impl Iam {
    /// Makes a role.
    pub async fn create_role(&self, account_id: &str, new: &NewRole) -> Result<Role, IamError> {
        check_trust_policy(&new.trust_policy)?;
        let max_session_duration =
            check_duration(new.max_session_duration.unwrap_or(DEFAULT_SESSION))?;
        if let Some(description) = &new.description {
            check_description(description)?;
        }
        let mut change = self.begin(account_id).await?;
        let folded = new.name.folded();
        let id = id_in(account_id, &folded);
        if self.index().record(ROLES, &id).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(format!(
                "Role with name {} already exists.",
                new.name
            )));
        }
        if let Some(boundary) = &new.boundary {
            self.check_boundary(account_id, boundary).await?;
            let bounded = use_id(account_id, boundary.as_str(), HolderKind::Role, &folded);
            change.put(BOUNDED, &bounded, &())?;
        }
        let record = RoleRecord {
            id: ids::role_id()?,
            account_id: account_id.to_owned(),
            name: new.name.as_str().to_owned(),
            path: new.path.as_str().to_owned(),
            created: now(),
            description: new.description.clone(),
            max_session_duration,
            trust_policy: new.trust_policy.clone(),
            held: HeldPolicies::default(),
            boundary: new.boundary.as_ref().map(|arn| arn.as_str().to_owned()),
            tags: new.tags.clone(),
        };
        change.create(ROLES, &id, &record)?;
        change.commit().await?;
        Ok(record.role())
    }

    /// The role with this name, in the case it has.
    pub async fn role(&self, account_id: &str, name: &str) -> Result<Option<Role>, IamError> {
        let id = id_in(account_id, &name.to_ascii_lowercase());
        let Some(record) = records::load::<RoleRecord>(self.index(), ROLES, &id)
            .await?
            .filter(|record| record.name == name)
        else {
            return Ok(None);
        };
        Ok(Some(Role {
            last_used: self.last_used(&role_use(&id)).await?,
            ..record.role()
        }))
    }

    /// The role with this name, which must exist.
    pub async fn get_role(&self, account_id: &str, name: &RoleName) -> Result<Role, IamError> {
        self.role(account_id, name.as_str())
            .await?
            .ok_or_else(|| Holder::Role(name.clone()).missing())
    }

    /// Roles of an account whose path begins so, by name; without their last use, as at AWS.
    pub async fn list_roles(
        &self,
        account_id: &str,
        path_prefix: &str,
        paging: &Paging,
    ) -> Result<Page<Role>, IamError> {
        let all = id_in(account_id, "");
        records::page(self.index(), ROLES, &all, paging, |stored| {
            let record: RoleRecord = serde_json::from_slice(&stored.body)?;
            Ok(record.path.starts_with(path_prefix).then(|| record.role()))
        })
        .await
    }

    /// Changes what is given of a role's description and maximum session.
    pub async fn update_role(
        &self,
        account_id: &str,
        name: &RoleName,
        description: Option<&str>,
        max_session_duration: Option<u32>,
    ) -> Result<Role, IamError> {
        if let Some(text) = description {
            check_description(text)?;
        }
        let seconds = max_session_duration.map(check_duration).transpose()?;
        self.change_role(account_id, name, |record| {
            if let Some(text) = description {
                record.description = Some(text.to_owned());
            }
            record.max_session_duration = seconds.unwrap_or(record.max_session_duration);
        })
        .await
    }

    /// Changes who may assume a role. Sessions that exist go on.
    pub async fn update_trust_policy(
        &self,
        account_id: &str,
        name: &RoleName,
        document: &str,
    ) -> Result<(), IamError> {
        check_trust_policy(document)?;
        self.change_role(account_id, name, |record| {
            record.trust_policy = document.to_owned();
        })
        .await
        .map(drop)
    }

    /// Deletes a role that has no policies. Its sessions end.
    pub async fn delete_role(&self, account_id: &str, name: &RoleName) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let record = self.load_role(account_id, name).await?;
        if !record.held.policies.is_empty() {
            return Err(IamError::DeleteConflict(
                "Cannot delete entity, must delete policies first.".into(),
            ));
        }
        if !record.held.attached.is_empty() {
            return Err(IamError::DeleteConflict(
                "Cannot delete entity, must detach all policies first.".into(),
            ));
        }
        let folded = name.folded();
        if let Some(arn) = &record.boundary {
            change.delete(BOUNDED, &use_id(account_id, arn, HolderKind::Role, &folded));
        }
        change.delete(ROLES, &id_in(account_id, &folded));
        let use_note = role_use(&id_in(account_id, &folded));
        change.delete(LAST_USED, &use_note);
        change.commit().await?;
        self.forget_use(&use_note);
        Ok(())
    }

    /// Notes that a session of a role was used, at most once a minute. Nothing is written here.
    pub(crate) fn note_role_use(
        &self,
        role: &RolePermissions,
        service: &str,
        region: &str,
        now: OffsetDateTime,
    ) {
        let seconds = now.unix_timestamp();
        let noted = role.noted.load(Ordering::Relaxed);
        if seconds.saturating_sub(noted) < NOTE_EVERY {
            return;
        }
        role.noted.store(seconds, Ordering::Relaxed);
        let folded = role.role.name.to_ascii_lowercase();
        self.inner.uses.note(
            &role_use(&id_in(&role.role.account_id, &folded)),
            LastUsed {
                time: now.replace_nanosecond(0).unwrap_or(now),
                service: service.to_owned(),
                region: region.to_owned(),
            },
        );
    }

    async fn load_role(&self, account_id: &str, name: &RoleName) -> Result<RoleRecord, IamError> {
        let id = id_in(account_id, &name.folded());
        records::load::<RoleRecord>(self.index(), ROLES, &id)
            .await?
            .filter(|record| record.name == name.as_str())
            .ok_or_else(|| Holder::Role(name.clone()).missing())
    }

    async fn change_role(
        &self,
        account_id: &str,
        name: &RoleName,
        alter: impl FnOnce(&mut RoleRecord),
    ) -> Result<Role, IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_role(account_id, name).await?;
        alter(&mut record);
        change.put(ROLES, &id_in(account_id, &name.folded()), &record)?;
        change.commit().await?;
        Ok(record.role())
    }
}

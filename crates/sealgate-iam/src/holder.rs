//! Users, groups and roles as what they have in common: they hold policies.

use std::fmt;

use crate::Iam;
use crate::change::Change;
use crate::error::IamError;
use crate::names::{GroupName, RoleName, UserName};
use crate::records::{
    self, GROUPS, GroupRecord, HeldPolicies, ROLES, RoleRecord, Tags, USERS, UserRecord, id_in,
};

/// The kinds of entities that hold policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
}

impl HolderKind {
    /// The word of IAM's messages, and of records.
    pub fn as_str(self) -> &'static str {
        match self {
            HolderKind::User => "user",
            HolderKind::Group => "group",
            HolderKind::Role => "role",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<HolderKind> {
        [HolderKind::User, HolderKind::Group, HolderKind::Role]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// The word in the name of a quota.
    pub(crate) fn quota_name(self) -> &'static str {
        match self {
            HolderKind::User => "User",
            HolderKind::Group => "Group",
            HolderKind::Role => "Role",
        }
    }
}

/// Whose policies are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A user.
    User(UserName),
    /// A group.
    Group(GroupName),
    /// A role.
    Role(RoleName),
}

impl Holder {
    /// Its kind.
    pub fn kind(&self) -> HolderKind {
        match self {
            Holder::User(_) => HolderKind::User,
            Holder::Group(_) => HolderKind::Group,
            Holder::Role(_) => HolderKind::Role,
        }
    }

    /// Its name as given.
    pub fn name(&self) -> &str {
        match self {
            Holder::User(name) => name.as_str(),
            Holder::Group(name) => name.as_str(),
            Holder::Role(name) => name.as_str(),
        }
    }

    /// Its ARN, if it has this path.
    pub fn arn(&self, account_id: &str, path: &str) -> String {
        format!(
            "arn:aws:iam::{account_id}:{}{path}{}",
            self.kind().as_str(),
            self.name()
        )
    }

    pub(crate) fn record_id(&self, account_id: &str) -> String {
        id_in(account_id, &self.name().to_ascii_lowercase())
    }

    pub(crate) fn missing(&self) -> IamError {
        IamError::NoSuchEntity(format!("The {self} cannot be found."))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with name {}", self.kind().as_str(), self.name())
    }
}

/// What the authorization of a call on a user, group or role looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderFacts {
    /// Its ARN.
    pub arn: String,
    /// Its tags; groups have none.
    pub tags: Tags,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
}

pub(crate) enum HolderRecord {
    User(UserRecord),
    Group(GroupRecord),
    Role(RoleRecord),
}

impl HolderRecord {
    pub fn name(&self) -> &str {
        match self {
            HolderRecord::User(record) => &record.name,
            HolderRecord::Group(record) => &record.name,
            HolderRecord::Role(record) => &record.name,
        }
    }

    pub fn path(&self) -> &str {
        match self {
            HolderRecord::User(record) => &record.path,
            HolderRecord::Group(record) => &record.path,
            HolderRecord::Role(record) => &record.path,
        }
    }

    pub fn held_mut(&mut self) -> &mut HeldPolicies {
        match self {
            HolderRecord::User(record) => &mut record.held,
            HolderRecord::Group(record) => &mut record.held,
            HolderRecord::Role(record) => &mut record.held,
        }
    }

    pub fn boundary(&self) -> Option<&str> {
        match self {
            HolderRecord::User(record) => record.boundary.as_deref(),
            HolderRecord::Group(_) => None,
            HolderRecord::Role(record) => record.boundary.as_deref(),
        }
    }

    /// The boundary, of those that can have one.
    pub fn boundary_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            HolderRecord::User(record) => Some(&mut record.boundary),
            HolderRecord::Group(_) => None,
            HolderRecord::Role(record) => Some(&mut record.boundary),
        }
    }

    /// The tags, of those that can have any.
    pub fn tags_mut(&mut self) -> Option<&mut Tags> {
        match self {
            HolderRecord::User(record) => Some(&mut record.tags),
            HolderRecord::Group(_) => None,
            HolderRecord::Role(record) => Some(&mut record.tags),
        }
    }

    pub fn put(&self, change: &mut Change<'_>, id: &str) -> Result<(), IamError> {
        match self {
            HolderRecord::User(record) => change.put(USERS, id, record),
            HolderRecord::Group(record) => change.put(GROUPS, id, record),
            HolderRecord::Role(record) => change.put(ROLES, id, record),
        }
    }
}

impl Iam {
    /// What is to be known of a user, group or role before a call on it is allowed; `None` if there
    /// is no such one.
    pub async fn holder_facts(
        &self,
        account_id: &str,
        holder: &Holder,
    ) -> Result<Option<HolderFacts>, IamError> {
        match self.load_holder(account_id, holder).await {
            Ok(mut record) => Ok(Some(HolderFacts {
                arn: holder.arn(account_id, record.path()),
                boundary: record.boundary().map(str::to_owned),
                tags: record.tags_mut().map(std::mem::take).unwrap_or_default(),
            })),
            Err(IamError::NoSuchEntity(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The record of a user, group or role. Names are unique without regard to case, but must be
    /// given in the case they have.
    pub(crate) async fn load_holder(
        &self,
        account_id: &str,
        holder: &Holder,
    ) -> Result<HolderRecord, IamError> {
        let id = holder.record_id(account_id);
        let index = self.index();
        let found = match holder {
            Holder::User(_) => records::load(index, USERS, &id)
                .await?
                .map(HolderRecord::User),
            Holder::Group(_) => records::load(index, GROUPS, &id)
                .await?
                .map(HolderRecord::Group),
            Holder::Role(_) => records::load(index, ROLES, &id)
                .await?
                .map(HolderRecord::Role),
        };
        found
            .filter(|record| record.name() == holder.name())
            .ok_or_else(|| holder.missing())
    }

    /// Changes the record of a user, group or role, and what `change` adds to that.
    pub(crate) async fn change_holder(
        &self,
        account_id: &str,
        holder: &Holder,
        change: impl FnOnce(&mut HolderRecord, &mut Change<'_>) -> Result<(), IamError>,
    ) -> Result<(), IamError> {
        let mut writes = self.begin(account_id).await?;
        let mut record = self.load_holder(account_id, holder).await?;
        change(&mut record, &mut writes)?;
        record.put(&mut writes, &holder.record_id(account_id))?;
        writes.commit().await
    }
}

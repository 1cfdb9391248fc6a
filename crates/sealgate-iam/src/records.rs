//! How identities are kept in the index: one JSON document each, in small namespaces.
//!
//! The record of a user, group or role names what belongs to it and holds its inline policies.
//! Fields that came later have defaults, so that older data folders still open.

use std::collections::BTreeMap;

use bytes::Bytes;
use sealgate_index::{Expect, Index, Record, RecordWrite};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::IamError;
use crate::model::{
    AccessKey, Account, Group, KeyStatus, ManagedPolicy, OidcProvider, Page, Paging, PolicyVersion,
    Role, SamlProvider, User, marker, policy_arn,
};
use crate::passwords::PasswordPolicy;

pub(crate) const ACCOUNTS: &str = "iam/account";
pub(crate) const CANONICAL_IDS: &str = "iam/canonical";
/// Aliases of accounts, one world for all accounts; the document is the account's id.
pub(crate) const ALIASES: &str = "iam/alias";
/// One for each account: its revision is new after every change to the account's identities.
pub(crate) const GENERATIONS: &str = "iam/generation";
pub(crate) const USERS: &str = "iam/user";
pub(crate) const GROUPS: &str = "iam/group";
pub(crate) const ROLES: &str = "iam/role";
pub(crate) const POLICIES: &str = "iam/policy";
pub(crate) const OIDC: &str = "iam/oidc";
pub(crate) const SAML: &str = "iam/saml";
/// The other direction of [`HeldPolicies::attached`]: `ACCOUNT/ARN KIND/NAME`.
pub(crate) const ATTACHED: &str = "iam/attached";
/// The other direction of the boundaries: `ACCOUNT/ARN KIND/NAME`.
pub(crate) const BOUNDED: &str = "iam/bounded";
/// The other direction of [`UserRecord::groups`]: `ACCOUNT/GROUP USER`.
pub(crate) const MEMBERS: &str = "iam/member";
/// Second factors: `ACCOUNT/…/NAME`.
pub(crate) const MFA: &str = "iam/mfa";
pub(crate) const KEYS: &str = "iam/key";
pub(crate) const LAST_USED: &str = "iam/used";
/// Credential reports, by account.
pub(crate) const REPORTS: &str = "iam/report";

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct AccountRecord {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub canonical_id: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Access key ids of the root.
    pub keys: Vec<String>,
    #[serde(default)]
    pub alias: Option<String>,
    #[serde(default)]
    pub password_policy: Option<PasswordPolicy>,
}

impl From<AccountRecord> for Account {
    fn from(record: AccountRecord) -> Account {
        Account {
            id: record.id,
            name: record.name,
            email: record.email,
            canonical_id: record.canonical_id,
            created: record.created,
            alias: record.alias,
        }
    }
}

/// The policies of a user, group or role.
#[derive(Serialize, Deserialize, Clone, Default)]
pub(crate) struct HeldPolicies {
    /// Inline, by name.
    pub policies: Vec<InlinePolicy>,
    /// ARNs of managed policies, in the order in which they were attached.
    #[serde(default)]
    pub attached: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct InlinePolicy {
    pub name: String,
    /// As the caller wrote it; `GetUserPolicy` gives it back unchanged.
    pub document: String,
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct UserRecord {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub path: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Access key ids, oldest first.
    pub keys: Vec<String>,
    #[serde(flatten)]
    pub held: HeldPolicies,
    /// Folded names of the groups it is in, in order.
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub boundary: Option<String>,
    #[serde(default)]
    pub tags: Tags,
    #[serde(default)]
    pub password: Option<PasswordRecord>,
    /// Paths and names of its second factors, in the order in which they were enabled.
    #[serde(default)]
    pub mfa: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct PasswordRecord {
    /// Another one with each password.
    pub id: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub changed: OffsetDateTime,
    pub reset_required: bool,
    /// Its hash, wrapped under the sealing key with the id of the user as AAD; base 64.
    pub sealed_hash: String,
    /// Hashes of passwords before, the latest first, as many as may not come again.
    pub earlier: Vec<String>,
}

/// A virtual device: a second factor of a user, or of nobody yet.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct MfaRecord {
    pub account_id: String,
    /// Path and name: `/…/NAME`.
    pub rest: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Its seed, wrapped under the sealing key with its ARN as AAD; base 64.
    pub sealed_seed: String,
    /// The folded name of the user.
    pub user: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub enabled: Option<OffsetDateTime>,
    /// Codes up to this step were shown and are not good any more.
    pub last_step: u64,
    /// Steps that its clock is ahead.
    pub drift: i64,
}

impl UserRecord {
    pub fn user(&self) -> User {
        User {
            id: self.id.clone(),
            account_id: self.account_id.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            created: self.created,
            boundary: self.boundary.clone(),
            tags: self.tags.clone(),
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct GroupRecord {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub path: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    #[serde(flatten)]
    pub held: HeldPolicies,
}

impl GroupRecord {
    pub fn group(&self) -> Group {
        Group {
            id: self.id.clone(),
            account_id: self.account_id.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            created: self.created,
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct RoleRecord {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub path: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    pub description: Option<String>,
    /// Seconds.
    pub max_session_duration: u32,
    /// As the caller wrote it.
    pub trust_policy: String,
    #[serde(flatten)]
    pub held: HeldPolicies,
    pub boundary: Option<String>,
    pub tags: Tags,
}

impl RoleRecord {
    /// The role; when it was last used is kept elsewhere.
    pub fn role(&self) -> Role {
        Role {
            id: self.id.clone(),
            account_id: self.account_id.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            created: self.created,
            description: self.description.clone(),
            max_session_duration: self.max_session_duration,
            trust_policy: self.trust_policy.clone(),
            boundary: self.boundary.clone(),
            tags: self.tags.clone(),
            last_used: None,
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct PolicyRecord {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub path: String,
    pub description: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated: OffsetDateTime,
    pub tags: Tags,
    /// Oldest first.
    pub versions: Vec<VersionRecord>,
    /// The number of the version in force.
    pub default_version: u32,
    /// The number of the next version: numbers of deleted versions do not come again.
    pub next_version: u32,
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct VersionRecord {
    pub number: u32,
    /// As the caller wrote it.
    pub document: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
}

impl PolicyRecord {
    pub fn arn(&self) -> String {
        policy_arn(&self.account_id, &self.path, &self.name)
    }

    pub fn version(&self, number: u32) -> Option<&VersionRecord> {
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    /// The policy; how often it is used is counted elsewhere.
    pub fn policy(&self) -> ManagedPolicy {
        ManagedPolicy {
            id: Some(self.id.clone()),
            arn: self.arn(),
            name: self.name.clone(),
            path: self.path.clone(),
            description: self.description.clone(),
            created: self.created,
            updated: self.updated,
            default_version: self.default_version,
            tags: self.tags.clone(),
            attachments: 0,
            boundaries: 0,
        }
    }

    pub fn policy_version(&self, version: &VersionRecord) -> PolicyVersion {
        PolicyVersion {
            number: version.number,
            document: version.document.clone(),
            created: version.created,
            is_default: version.number == self.default_version,
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct OidcRecord {
    pub account_id: String,
    /// Without `https://`.
    pub url: String,
    pub client_ids: Vec<String>,
    pub thumbprints: Vec<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    pub tags: Tags,
}

impl From<OidcRecord> for OidcProvider {
    fn from(record: OidcRecord) -> OidcProvider {
        OidcProvider {
            account_id: record.account_id,
            url: record.url,
            client_ids: record.client_ids,
            thumbprints: record.thumbprints,
            created: record.created,
            tags: record.tags,
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct SamlRecord {
    pub account_id: String,
    pub name: String,
    pub id: String,
    pub metadata: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub valid_until: OffsetDateTime,
    pub tags: Tags,
}

impl From<SamlRecord> for SamlProvider {
    fn from(record: SamlRecord) -> SamlProvider {
        SamlProvider {
            account_id: record.account_id,
            name: record.name,
            id: record.id,
            metadata: record.metadata,
            created: record.created,
            valid_until: record.valid_until,
            tags: record.tags,
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct KeyRecord {
    pub account_id: String,
    /// The folded name of the user; `None` for the root.
    pub user: Option<String>,
    pub status: KeyStatus,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// The secret, wrapped under the sealing key with the access key id as AAD; base 64.
    pub sealed_secret: String,
}

impl KeyRecord {
    pub fn access_key(&self, id: &str, user_name: Option<String>) -> AccessKey {
        AccessKey {
            id: id.to_owned(),
            account_id: self.account_id.clone(),
            user_name,
            status: self.status,
            created: self.created,
        }
    }
}

/// The document of an account's own name or of one of its parts: `ACCOUNT/NAME`.
pub(crate) fn id_in(account_id: &str, name: &str) -> String {
    format!("{account_id}/{name}")
}

pub(crate) async fn load<T: DeserializeOwned>(
    index: &Index,
    ns: &str,
    id: &str,
) -> Result<Option<T>, IamError> {
    match index.record(ns, id).await? {
        None => Ok(None),
        Some(record) => Ok(Some(serde_json::from_slice(&record.body)?)),
    }
}

pub(crate) fn write<T: Serialize>(
    ns: &str,
    id: &str,
    expect: Expect,
    value: &T,
) -> Result<RecordWrite, IamError> {
    Ok(RecordWrite {
        ns: ns.to_owned(),
        id: id.to_owned(),
        expect,
        body: Some(Bytes::from(serde_json::to_vec(value)?)),
    })
}

pub(crate) fn delete(ns: &str, id: &str, expect: Expect) -> RecordWrite {
    RecordWrite {
        ns: ns.to_owned(),
        id: id.to_owned(),
        expect,
        body: None,
    }
}

/// Rows read at once.
const BATCH: usize = 1000;

/// A page of the records whose ids start with `prefix`: what `show` makes of them, without those
/// that it leaves out. Markers wrap what follows the prefix in the id.
pub(crate) async fn page<T>(
    index: &Index,
    ns: &str,
    prefix: &str,
    paging: &Paging,
    mut show: impl FnMut(&Record) -> Result<Option<T>, IamError>,
) -> Result<Page<T>, IamError> {
    let mut after = paging.after()?.map(|rest| format!("{prefix}{rest}"));
    let mut items = Vec::new();
    let mut last_shown = None;
    loop {
        let batch = index.records(ns, prefix, after.as_deref(), BATCH).await?;
        for record in &batch {
            let Some(item) = show(record)? else { continue };
            if items.len() == paging.limit() {
                return Ok(Page {
                    items,
                    marker: last_shown.as_deref().map(marker),
                });
            }
            items.push(item);
            last_shown = record.id.strip_prefix(prefix).map(str::to_owned);
        }
        match batch.last() {
            Some(last) if batch.len() == BATCH => after = Some(last.id.clone()),
            _ => {
                return Ok(Page {
                    items,
                    marker: None,
                });
            }
        }
    }
}

/// The ids of all records that start with `prefix`, without it.
pub(crate) async fn rests(index: &Index, ns: &str, prefix: &str) -> Result<Vec<String>, IamError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let batch = index.records(ns, prefix, after.as_deref(), BATCH).await?;
        found.extend(
            batch
                .iter()
                .filter_map(|record| record.id.strip_prefix(prefix).map(str::to_owned)),
        );
        match batch.last() {
            Some(last) if batch.len() == BATCH => after = Some(last.id.clone()),
            _ => return Ok(found),
        }
    }
}

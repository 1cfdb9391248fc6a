//! An account as a whole: its alias, counts, credential report, and all its entities in one listing.

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::Iam;
use crate::access_keys::KEYS_PER_OWNER;
use crate::accounts::now;
use crate::attachments::MAX_ATTACHED;
use crate::error::IamError;
use crate::groups::GROUPS_PER_USER;
use crate::holder::HolderKind;
use crate::managed_policies::{MAX_SIZE, MAX_VERSIONS};
use crate::model::{
    AccessKey, Group, KeyOwner, KeyStatus, LastUsed, ManagedPolicy, Page, Paging, PolicyVersion,
    Role, User, root_principal,
};
use crate::names::{PolicyArn, UserName};
use crate::passwords::password_use;
use crate::records::{
    self, ACCOUNTS, ALIASES, AccountRecord, GROUPS, GroupRecord, HeldPolicies, InlinePolicy, MFA,
    MfaRecord, OIDC, POLICIES, PolicyRecord, REPORTS, ROLES, RoleRecord, SAML, USERS, UserRecord,
    id_in,
};
use crate::roles::MAX_TRUST_POLICY;
use crate::{aws_policies, names};

/// How long a credential report is shown.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
const REPORT_VALIDITY: Duration = Duration::hours(4);

/// A credential report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialReport {
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub generated: OffsetDateTime,
    /// The report: comma-separated values.
    pub csv: String,
}

/// The kinds of what [`Iam::account_details`] lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DetailKind {
    /// Users.
    User,
    /// Groups.
    Group,
    /// Roles.
    Role,
    /// Managed policies of the account.
    LocalPolicy,
    /// Managed policies of AWS that the account uses.
    AwsPolicy,
}

impl DetailKind {
    /// All kinds, in the order of the listing.
    pub const ALL: [DetailKind; 5] = [
        DetailKind::User,
        DetailKind::Group,
        DetailKind::Role,
        DetailKind::LocalPolicy,
        DetailKind::AwsPolicy,
    ];
}

/// The policies of a user, group or role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDetails {
    /// Names and documents of the inline policies.
    pub inline: Vec<(String, String)>,
    /// ARNs of the attached policies.
    pub attached: Vec<String>,
}

impl From<HeldPolicies> for PolicyDetails {
    fn from(held: HeldPolicies) -> PolicyDetails {
        let pair = |policy: InlinePolicy| (policy.name, policy.document);
        PolicyDetails {
            inline: held.policies.into_iter().map(pair).collect(),
            attached: held.attached,
        }
    }
}

/// One entity with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// A user, its policies, and the names of its groups.
    User(User, PolicyDetails, Vec<String>),
    /// A group and its policies.
    Group(Group, PolicyDetails),
    /// A role and its policies.
    Role(Box<Role>, PolicyDetails),
    /// A managed policy and its versions, newest first.
    Policy(ManagedPolicy, Vec<PolicyVersion>),
}

fn check_alias(alias: &str) -> Result<(), IamError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let well_formed = (3..=63).contains(&alias.len())
        && alias.bytes().all(allowed)
        && !alias.starts_with('-')
        && !alias.ends_with('-')
        && !alias.contains("--");
    if well_formed {
        return Ok(());
    }
    Err(names::constraint(
        "accountAlias",
        alias,
        "Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$",
    ))
}

impl Iam {
    /// Gives an account an alias, in place of the one it has. Aliases are unique among all accounts.
    pub async fn create_account_alias(
        &self,
        account_id: &str,
        alias: &str,
    ) -> Result<(), IamError> {
        check_alias(alias)?;
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_account(account_id).await?;
        if self.index().record(ALIASES, alias).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(format!(
                "The account alias {alias} already exists."
            )));
        }
        if let Some(old) = record.alias.replace(alias.to_owned()) {
            change.delete(ALIASES, &old);
        }
        change.create(ALIASES, alias, &record.id)?;
        change.put(ACCOUNTS, account_id, &record)?;
        change.commit().await
    }

    /// Takes the alias of an account away.
    pub async fn delete_account_alias(
        &self,
        account_id: &str,
        alias: &str,
    ) -> Result<(), IamError> {
        check_alias(alias)?;
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_account(account_id).await?;
        if record.alias.as_deref() != Some(alias) {
            return Err(IamError::NoSuchEntity(format!(
                "The account alias {alias} cannot be found."
            )));
        }
        record.alias = None;
        change.delete(ALIASES, alias);
        change.put(ACCOUNTS, account_id, &record)?;
        change.commit().await
    }

    pub(crate) async fn load_account(&self, account_id: &str) -> Result<AccountRecord, IamError> {
        records::load::<AccountRecord>(self.index(), ACCOUNTS, account_id)
            .await?
            .ok_or_else(|| {
                IamError::NoSuchEntity(format!("The account {account_id} cannot be found."))
            })
    }

    /// What the account has, and the quotas that hold here, by the names of `GetAccountSummary`.
    pub async fn account_summary(
        &self,
        account_id: &str,
    ) -> Result<Vec<(&'static str, usize)>, IamError> {
        let account = self.load_account(account_id).await?;
        let all = id_in(account_id, "");
        let index = self.index();
        let mut counts = Vec::with_capacity(6);
        for ns in [USERS, GROUPS, ROLES, OIDC, SAML] {
            counts.push(records::rests(index, ns, &all).await?.len());
        }
        let (mut policies, mut versions) = (0, 0);
        for name in records::rests(index, POLICIES, &all).await? {
            let id = id_in(account_id, &name);
            if let Some(record) = records::load::<PolicyRecord>(index, POLICIES, &id).await? {
                policies += 1;
                versions += record.versions.len();
            }
        }
        let (mut devices, mut devices_in_use) = (0, 0);
        for name in records::rests(index, MFA, &all).await? {
            let id = id_in(account_id, &name);
            if let Some(record) = records::load::<MfaRecord>(index, MFA, &id).await? {
                devices += 1;
                devices_in_use += usize::from(record.user.is_some());
            }
        }
        let [users, groups, roles, oidc, saml] = counts[..] else {
            return Err(IamError::Internal("a count is missing".into()));
        };
        Ok(vec![
            ("AccessKeysPerUserQuota", KEYS_PER_OWNER),
            ("AccountAccessKeysPresent", account.keys.len().min(1)),
            ("AccountMFAEnabled", 0),
            ("AccountPasswordPresent", 0),
            ("AccountSigningCertificatesPresent", 0),
            ("AssumeRolePolicySizeQuota", MAX_TRUST_POLICY),
            ("AttachedPoliciesPerGroupQuota", MAX_ATTACHED),
            ("AttachedPoliciesPerRoleQuota", MAX_ATTACHED),
            ("AttachedPoliciesPerUserQuota", MAX_ATTACHED),
            ("GlobalEndpointTokenVersion", 2),
            ("GroupPolicySizeQuota", HolderKind::Group.max_inline_size()),
            ("Groups", groups),
            ("GroupsPerUserQuota", GROUPS_PER_USER),
            ("InstanceProfiles", 0),
            ("MFADevices", devices),
            ("MFADevicesInUse", devices_in_use),
            ("Policies", policies),
            ("PolicySizeQuota", MAX_SIZE),
            ("PolicyVersionsInUse", versions),
            ("Providers", oidc + saml),
            ("RolePolicySizeQuota", HolderKind::Role.max_inline_size()),
            ("Roles", roles),
            ("ServerCertificates", 0),
            ("UserPolicySizeQuota", HolderKind::User.max_inline_size()),
            ("Users", users),
            ("VersionsPerPolicyQuota", MAX_VERSIONS),
        ])
    }

    /// Users, groups, roles and policies of an account, each with all that belongs to it.
    pub async fn account_details(
        &self,
        account_id: &str,
        kinds: &[DetailKind],
        paging: &Paging,
    ) -> Result<Page<Detail>, IamError> {
        let all = id_in(account_id, "");
        let mut keys = Vec::new();
        for (order, kind) in DetailKind::ALL.into_iter().enumerate() {
            if !kinds.contains(&kind) {
                continue;
            }
            let names = match kind {
                DetailKind::User => records::rests(self.index(), USERS, &all).await?,
                DetailKind::Group => records::rests(self.index(), GROUPS, &all).await?,
                DetailKind::Role => records::rests(self.index(), ROLES, &all).await?,
                DetailKind::LocalPolicy => records::rests(self.index(), POLICIES, &all).await?,
                DetailKind::AwsPolicy => self.used_aws_policies(account_id).await?,
            };
            keys.extend(
                names
                    .into_iter()
                    .map(|name| (format!("{order}{name}"), kind, name)),
            );
        }
        let page = paging.take(keys, |(key, _, _)| key)?;
        let mut items = Vec::with_capacity(page.items.len());
        for (_, kind, name) in &page.items {
            items.extend(self.detail(account_id, *kind, name).await?);
        }
        Ok(Page {
            items,
            marker: page.marker,
        })
    }

    async fn used_aws_policies(&self, account_id: &str) -> Result<Vec<String>, IamError> {
        let mut used = Vec::new();
        for policy in &aws_policies::ALL {
            if self.uses(account_id, &policy.arn()).await? != (0, 0) {
                used.push(policy.name.to_owned());
            }
        }
        used.sort();
        Ok(used)
    }

    async fn detail(
        &self,
        account_id: &str,
        kind: DetailKind,
        name: &str,
    ) -> Result<Option<Detail>, IamError> {
        let id = id_in(account_id, name);
        let index = self.index();
        Ok(match kind {
            DetailKind::User => match records::load::<UserRecord>(index, USERS, &id).await? {
                None => None,
                Some(record) => {
                    let mut groups = Vec::with_capacity(record.groups.len());
                    for group in &record.groups {
                        let id = id_in(account_id, group);
                        let group = records::load::<GroupRecord>(index, GROUPS, &id).await?;
                        groups.extend(group.map(|group| group.name));
                    }
                    Some(Detail::User(record.user(), record.held.into(), groups))
                }
            },
            DetailKind::Group => records::load::<GroupRecord>(index, GROUPS, &id)
                .await?
                .map(|record| Detail::Group(record.group(), record.held.into())),
            DetailKind::Role => match records::load::<RoleRecord>(index, ROLES, &id).await? {
                None => None,
                Some(record) => {
                    let role = self.role(account_id, &record.name).await?;
                    role.map(|role| Detail::Role(Box::new(role), record.held.into()))
                }
            },
            DetailKind::LocalPolicy | DetailKind::AwsPolicy => {
                let arn = match kind {
                    DetailKind::AwsPolicy => aws_policies::find(name).map(|policy| policy.arn()),
                    _ => records::load::<PolicyRecord>(index, POLICIES, &id)
                        .await?
                        .map(|record| record.arn()),
                };
                match arn {
                    None => None,
                    Some(arn) => {
                        let arn = PolicyArn::parse(&arn)?;
                        let policy = self.get_policy(account_id, &arn).await?;
                        let versions = self.versions(account_id, &arn).await?;
                        Some(Detail::Policy(policy, versions))
                    }
                }
            }
        })
    }

    /// Makes a credential report.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>
    pub async fn generate_credential_report(&self, account_id: &str) -> Result<(), IamError> {
        let account = self.load_account(account_id).await?;
        let root_arn = root_principal(account_id, None).arn;
        let mut csv = String::from(REPORT_COLUMNS);
        let root = Line {
            user: "<root_account>",
            arn: &root_arn,
            created: account.created,
            password: PasswordColumns::OfRoot,
            mfa: false,
        };
        root.write(
            &mut csv,
            &self.keys_with_use(account_id, &KeyOwner::Root).await?,
        );
        for folded in records::rests(self.index(), USERS, &id_in(account_id, "")).await? {
            let id = id_in(account_id, &folded);
            let Some(record) = records::load::<UserRecord>(self.index(), USERS, &id).await? else {
                continue;
            };
            let owner = KeyOwner::User(UserName::parse_existing(&record.name)?);
            let keys = match self.keys_with_use(account_id, &owner).await {
                Ok(keys) => keys,
                // Deleted while the report is made.
                Err(IamError::NoSuchEntity(_)) => continue,
                Err(error) => return Err(error),
            };
            let user = Line {
                user: &record.name,
                arn: &record.user().arn(),
                created: record.created,
                password: match &record.password {
                    None => PasswordColumns::None,
                    Some(password) => PasswordColumns::Set {
                        used: self
                            .last_used(&password_use(&id))
                            .await?
                            .map(|used| used.time),
                        changed: password.changed,
                        expires: account
                            .password_policy
                            .as_ref()
                            .and_then(|policy| policy.expires(password.changed)),
                    },
                },
                mfa: !record.mfa.is_empty(),
            };
            user.write(&mut csv, &keys);
        }
        let report = CredentialReport {
            generated: now(),
            csv,
        };
        let write = records::write(REPORTS, account_id, sealgate_index::Expect::Any, &report)?;
        Ok(self.index().write_records(vec![write]).await?)
    }

    async fn keys_with_use(
        &self,
        account_id: &str,
        owner: &KeyOwner,
    ) -> Result<Vec<(AccessKey, Option<LastUsed>)>, IamError> {
        let page = self
            .list_access_keys(account_id, owner, &Paging::default())
            .await?;
        let mut keys = Vec::with_capacity(page.items.len());
        for key in page.items {
            let used = self.last_used(&key.id).await?;
            keys.push((key, used));
        }
        Ok(keys)
    }

    /// The credential report that was made last.
    pub async fn credential_report(&self, account_id: &str) -> Result<CredentialReport, IamError> {
        let report = records::load::<CredentialReport>(self.index(), REPORTS, account_id)
            .await?
            .ok_or(IamError::ReportNotPresent)?;
        if now() - report.generated > REPORT_VALIDITY {
            return Err(IamError::ReportExpired);
        }
        Ok(report)
    }
}

const REPORT_COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// One line of a credential report. No value in it can hold a comma or a quote but names, whose
/// commas are quoted.
struct Line<'a> {
    user: &'a str,
    arn: &'a str,
    created: OffsetDateTime,
    password: PasswordColumns,
    mfa: bool,
}

/// What a report says of a password.
enum PasswordColumns {
    /// The root has none here.
    OfRoot,
    None,
    Set {
        used: Option<OffsetDateTime>,
        changed: OffsetDateTime,
        expires: Option<OffsetDateTime>,
    },
}

impl Line<'_> {
    fn write(&self, csv: &mut String, keys: &[(AccessKey, Option<LastUsed>)]) {
        let own = str::to_owned;
        let password: [String; 4] = match &self.password {
            PasswordColumns::OfRoot => [
                "not_supported",
                "no_information",
                "not_supported",
                "not_supported",
            ]
            .map(own),
            PasswordColumns::None => ["false", "N/A", "N/A", "N/A"].map(own),
            PasswordColumns::Set {
                used,
                changed,
                expires,
            } => [
                own("true"),
                used.map_or_else(|| own("no_information"), report_time),
                report_time(*changed),
                expires.map_or_else(|| own("N/A"), report_time),
            ],
        };
        let mut fields = vec![
            quoted(self.user),
            quoted(self.arn),
            report_time(self.created),
        ];
        fields.extend(password);
        fields.push(self.mfa.to_string());
        for slot in 0..KEYS_PER_OWNER {
            let none = || "N/A".to_owned();
            match keys.get(slot) {
                None => fields.extend(["false".to_owned(), none(), none(), none(), none()]),
                Some((key, used)) => fields.extend([
                    (key.status == KeyStatus::Active).to_string(),
                    report_time(key.created),
                    used.as_ref()
                        .map_or_else(none, |used| report_time(used.time)),
                    used.as_ref().map_or_else(none, |used| used.region.clone()),
                    used.as_ref().map_or_else(none, |used| used.service.clone()),
                ]),
            }
        }
        fields.extend(["false", "N/A", "false", "N/A"].map(str::to_owned));
        csv.push('\n');
        csv.push_str(&fields.join(","));
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// `2026-01-02T03:04:05+00:00`.
fn report_time(time: OffsetDateTime) -> String {
    let text = time.format(&Rfc3339).unwrap_or_default();
    text.strip_suffix('Z')
        .map_or_else(|| text.clone(), |whole| format!("{whole}+00:00"))
}

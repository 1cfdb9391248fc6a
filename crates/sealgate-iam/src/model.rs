//! The identities that callers of this crate see.

use sealgate_policy::{Principal, PrincipalKind};
use sealgate_wire::sigv4::SecretKey;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::IamError;
use crate::ids;
use crate::names::UserName;
use crate::records::Tags;

/// An account: the owner of buckets and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// 12 digits.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Its address, for people.
    pub email: Option<String>,
    /// The owner id that S3 answers show.
    pub canonical_id: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// The name that may stand for its id.
    pub alias: Option<String>,
}

/// What a new account is made of. Made before it is stored, so that its secret can be put in a
/// safe place first: an account whose only key was lost in a crash would lock everybody out.
pub struct NewAccount {
    /// 12 digits.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Its address, for people.
    pub email: Option<String>,
    /// The owner id that S3 answers show.
    pub canonical_id: String,
    /// The root's access key.
    pub access_key: Option<Credential>,
}

impl NewAccount {
    /// An account with random ids and a random root access key.
    pub fn generate(name: &str) -> Result<NewAccount, IamError> {
        Ok(NewAccount {
            id: ids::account_id()?,
            name: name.to_owned(),
            email: None,
            canonical_id: ids::canonical_id()?,
            access_key: Some(Credential::generate()?),
        })
    }
}

/// An access key id and its secret.
pub struct Credential {
    /// `AKIA…`.
    pub access_key_id: String,
    /// The secret, never stored in clear.
    pub secret: SecretKey,
}

impl Credential {
    /// A random pair.
    pub fn generate() -> Result<Credential, IamError> {
        Ok(Credential {
            access_key_id: ids::access_key_id()?,
            secret: ids::secret_key()?,
        })
    }
}

/// A user of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `AIDA…`.
    pub id: String,
    /// The account it belongs to.
    pub account_id: String,
    /// Its name, in the case it was given.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// The ARN of the managed policy that limits what its policies can allow.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl User {
    /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`.
    pub fn arn(&self) -> String {
        user_arn(&self.account_id, &self.path, &self.name)
    }

    /// The user as a principal of policies and of the audit trail.
    pub fn principal(&self, access_key_id: Option<String>) -> Principal {
        Principal {
            account_id: self.account_id.clone(),
            kind: PrincipalKind::User {
                name: self.name.clone(),
            },
            arn: self.arn(),
            id: self.id.clone(),
            access_key_id,
        }
    }
}

/// The ARN of a user; the path begins and ends with a slash.
pub fn user_arn(account_id: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account_id}:user{path}{name}")
}

/// A group of users, through which they have policies in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `AGPA…`.
    pub id: String,
    /// The account it belongs to.
    pub account_id: String,
    /// Its name, in the case it was given.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// When it was made.
    pub created: OffsetDateTime,
}

impl Group {
    /// `arn:aws:iam::ACCOUNT:group/PATH/NAME`.
    pub fn arn(&self) -> String {
        group_arn(&self.account_id, &self.path, &self.name)
    }
}

/// The ARN of a group.
pub fn group_arn(account_id: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account_id}:group{path}{name}")
}

/// A role, which trusted principals assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `AROA…`.
    pub id: String,
    /// The account it belongs to.
    pub account_id: String,
    /// Its name, in the case it was given.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// For people.
    pub description: Option<String>,
    /// How long a session may last, in seconds: 3600 to 43200.
    pub max_session_duration: u32,
    /// Who may assume it: the document as it was given.
    pub trust_policy: String,
    /// The ARN of the managed policy that limits what its policies can allow.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// When a session of it was last used, as far as the reader asked for it.
    pub last_used: Option<LastUsed>,
}

impl Role {
    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
    pub fn arn(&self) -> String {
        role_arn(&self.account_id, &self.path, &self.name)
    }
}

/// The ARN of a role.
pub fn role_arn(account_id: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account_id}:role{path}{name}")
}

/// A managed policy, of an account or of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// `ANPA…`; not known of every policy of AWS.
    pub id: Option<String>,
    /// Its ARN.
    pub arn: String,
    /// Its name, in the case it was given.
    pub name: String,
    /// `/` or `/…/`.
    pub path: String,
    /// For people; cannot be changed.
    pub description: Option<String>,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When its newest version was made.
    pub updated: OffsetDateTime,
    /// The number of the version in force.
    pub default_version: u32,
    /// Its tags.
    pub tags: Tags,
    /// How many users, groups and roles of the account it is attached to.
    pub attachments: usize,
    /// How many users and roles of the account it is the boundary of.
    pub boundaries: usize,
}

/// The ARN of a managed policy; those of AWS are of the account `aws`.
pub fn policy_arn(account_id: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account_id}:policy{path}{name}")
}

/// One version of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// `v1` has the number 1.
    pub number: u32,
    /// As it was given.
    pub document: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Is it in force?
    pub is_default: bool,
}

/// An OpenID Connect provider whose tokens roles may trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// The account it belongs to.
    pub account_id: String,
    /// The issuer, without `https://`.
    pub url: String,
    /// The audiences that are accepted.
    pub client_ids: Vec<String>,
    /// SHA-1 of the certificates of the authorities that may vouch for its keys' server.
    pub thumbprints: Vec<String>,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Its tags.
    pub tags: Tags,
}

impl OidcProvider {
    /// `arn:aws:iam::ACCOUNT:oidc-provider/URL`.
    pub fn arn(&self) -> String {
        oidc_arn(&self.account_id, &self.url)
    }
}

/// The ARN of an OpenID Connect provider; the URL without `https://`.
pub fn oidc_arn(account_id: &str, url: &str) -> String {
    format!("arn:aws:iam::{account_id}:oidc-provider/{url}")
}

/// A SAML provider: kept and listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamlProvider {
    /// The account it belongs to.
    pub account_id: String,
    /// Its name.
    pub name: String,
    /// Its unique id.
    pub id: String,
    /// The metadata document as it was given.
    pub metadata: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When it ceases to be of use.
    pub valid_until: OffsetDateTime,
    /// Its tags.
    pub tags: Tags,
}

impl SamlProvider {
    /// `arn:aws:iam::ACCOUNT:saml-provider/NAME`.
    pub fn arn(&self) -> String {
        saml_arn(&self.account_id, &self.name)
    }
}

/// The ARN of a SAML provider.
pub fn saml_arn(account_id: &str, name: &str) -> String {
    format!("arn:aws:iam::{account_id}:saml-provider/{name}")
}

/// The root of an account as a principal.
pub fn root_principal(account_id: &str, access_key_id: Option<String>) -> Principal {
    Principal {
        account_id: account_id.to_owned(),
        kind: PrincipalKind::Root,
        arn: format!("arn:aws:iam::{account_id}:root"),
        id: account_id.to_owned(),
        access_key_id,
    }
}

/// Whose access key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    /// The account's root.
    Root,
    /// A user.
    User(UserName),
}

/// May the key be used?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyStatus {
    /// Requests signed with it are accepted.
    Active,
    /// It is refused as if it did not exist.
    Inactive,
}

impl KeyStatus {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyStatus::Active => "Active",
            KeyStatus::Inactive => "Inactive",
        }
    }

    /// Reads the word of the API.
    pub fn parse(text: &str) -> Result<KeyStatus, IamError> {
        match text {
            "Active" => Ok(KeyStatus::Active),
            "Inactive" => Ok(KeyStatus::Inactive),
            "Expired" => Err(IamError::InvalidInput(
                "An access key cannot be set to Expired.".into(),
            )),
            other => Err(crate::names::constraint(
                "status",
                other,
                "Member must satisfy enum value set: [Active, Inactive, Expired]",
            )),
        }
    }
}

/// An access key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…`.
    pub id: String,
    /// The account it acts for.
    pub account_id: String,
    /// The user's name; `None` for the root.
    pub user_name: Option<String>,
    /// May it be used?
    pub status: KeyStatus,
    /// When it was made.
    pub created: OffsetDateTime,
}

/// A key just made, with the secret that is shown this once.
pub struct NewAccessKey {
    /// The key.
    pub key: AccessKey,
    /// Its secret.
    pub secret: SecretKey,
}

/// When and for what a key or a role was last used (within about a minute).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsed {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// The service of the signature's scope.
    pub service: String,
    /// The region of the signature's scope.
    pub region: String,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What was asked for.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub marker: Option<String>,
}

/// The caller's part of a listing: where to begin, and how many at most.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// The marker of the previous page.
    pub marker: Option<String>,
    /// 1–1000; 100 if not given.
    pub limit: Option<usize>,
}

impl Paging {
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, 1000)
    }

    /// The key after which the page begins. Markers are opaque to callers, and wrap the last name
    /// that was shown.
    pub(crate) fn after(&self) -> Result<Option<String>, IamError> {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let Some(marker) = &self.marker else {
            return Ok(None);
        };
        URL_SAFE_NO_PAD
            .decode(marker)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .map(Some)
            .ok_or_else(|| IamError::Validation("Invalid Marker.".into()))
    }

    /// A page of what is in memory, in ascending order of `key`.
    pub fn take<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> &String,
    ) -> Result<Page<T>, IamError> {
        let after = self.after()?;
        let mut rest = items
            .into_iter()
            .filter(|item| after.as_ref().is_none_or(|after| key(item) > after));
        let items: Vec<T> = rest.by_ref().take(self.limit()).collect();
        let marker = rest
            .next()
            .and_then(|_| items.last().map(|last| marker(key(last))));
        Ok(Page { items, marker })
    }
}

pub(crate) fn marker(last: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(last)
}

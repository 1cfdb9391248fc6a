//! The identities that callers of this crate see.

use sealgate_policy::{Principal, PrincipalKind};
use sealgate_wire::sigv4::SecretKey;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::IamError;
use crate::ids;
use crate::names::UserName;

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

/// When and for what a key was last used (within about a minute).
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
}

pub(crate) fn marker(last: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(last)
}

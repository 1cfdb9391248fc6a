//! Identities declared in a file. Applied at every start: creates what is missing, changes
//! nothing that exists.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use sealgate_wire::sigv4::SecretKey;
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::Iam;
use crate::error::IamError;
use crate::holder::Holder;
use crate::ids;
use crate::inline_policies::check_document;
use crate::model::{Credential, KeyOwner, NewAccount};
use crate::names::{EntityPath, PolicyName, UserName, is_word};
use crate::users::NewUser;

/// Why a bootstrap file was not applied.
#[derive(Debug, Error)]
pub enum BootstrapError {
    /// The file cannot be read.
    #[error("the bootstrap file {path} cannot be read: {error}")]
    Read {
        /// Its path.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is not TOML of the expected shape.
    #[error("the bootstrap file is not understood: {0}")]
    Syntax(String),
    /// A value in it is not acceptable.
    #[error("the bootstrap file is wrong at {at}: {why}")]
    Invalid {
        /// The entry.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// It contradicts what exists.
    #[error("the bootstrap file contradicts what exists at {at}: {why}")]
    Conflict {
        /// The entry.
        at: String,
        /// What exists.
        why: String,
    },
    /// The store failed.
    #[error("the identities cannot be stored: {0}")]
    Store(String),
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    #[serde(default, rename = "account")]
    accounts: Vec<AccountEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    id: String,
    name: String,
    email: Option<String>,
    canonical_id: Option<String>,
    access_key: Option<KeyEntry>,
    #[serde(default, rename = "user")]
    users: Vec<UserEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    name: String,
    path: Option<String>,
    access_key: Option<KeyEntry>,
    #[serde(default)]
    policies: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    secret: Secret,
}

/// A secret in the file: not printed, zeroized.
struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(|text| Secret(Zeroizing::new(text)))
    }
}

impl KeyEntry {
    fn credential(&self) -> Credential {
        Credential {
            access_key_id: self.id.clone(),
            secret: SecretKey::new(self.secret.0.as_str().to_owned()),
        }
    }
}

/// What applying a file did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct BootstrapReport {
    /// What was made, one name each: `account 111111111111`, `user alice of 111111111111`, …
    pub created: Vec<String>,
    /// Where the file says otherwise than what exists, which was left as it is.
    pub left_alone: Vec<String>,
}

impl Bootstrap {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Bootstrap, BootstrapError> {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| BootstrapError::Read {
                path: path.display().to_string(),
                error,
            })?;
        Bootstrap::parse(&text)
    }

    /// Reads and checks the text of a file. Nothing is stored yet.
    pub fn parse(text: &str) -> Result<Bootstrap, BootstrapError> {
        let bootstrap: Bootstrap = toml::from_str(text).map_err(|error| {
            // Not the error's own Display: it quotes the line, and the line may hold a secret.
            let line = error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or(text);
                before.matches('\n').count() + 1
            });
            BootstrapError::Syntax(match line {
                Some(line) => format!("line {line}: {}", error.message()),
                None => error.message().to_owned(),
            })
        })?;
        bootstrap.check()?;
        Ok(bootstrap)
    }

    fn check(&self) -> Result<(), BootstrapError> {
        let mut accounts = HashSet::new();
        let mut canonical_ids = HashSet::new();
        let mut keys = HashSet::new();
        for account in &self.accounts {
            let at = format!("account {:?}", account.id);
            let invalid = |why: String| BootstrapError::Invalid {
                at: at.clone(),
                why,
            };
            if account.id.len() != 12 || !account.id.bytes().all(|b| b.is_ascii_digit()) {
                return Err(invalid("an account id has 12 digits.".into()));
            }
            if !accounts.insert(account.id.as_str()) {
                return Err(invalid("this account id is declared twice.".into()));
            }
            if account.name.is_empty() {
                return Err(invalid("the name is empty.".into()));
            }
            if let Some(canonical_id) = &account.canonical_id {
                if canonical_id.is_empty()
                    || !canonical_id.bytes().all(|b| b.is_ascii_graphic())
                    || canonical_id.len() > 128
                {
                    return Err(invalid(
                        "canonical_id must be 1 to 128 printable characters without spaces.".into(),
                    ));
                }
                if !canonical_ids.insert(canonical_id.as_str()) {
                    return Err(invalid(format!(
                        "the canonical_id {canonical_id:?} is declared twice."
                    )));
                }
            }
            let mut users = HashSet::new();
            check_key(account.access_key.as_ref(), &mut keys).map_err(invalid)?;
            for user in &account.users {
                let at = format!("user {:?} of account {:?}", user.name, account.id);
                let invalid = |why: String| BootstrapError::Invalid {
                    at: at.clone(),
                    why,
                };
                UserName::parse(&user.name).map_err(|error| invalid(error.message()))?;
                if !users.insert(user.name.to_ascii_lowercase()) {
                    return Err(invalid(
                        "this user is declared twice (names that differ only in case are the same).".into(),
                    ));
                }
                if let Some(path) = &user.path {
                    EntityPath::parse(path).map_err(|error| invalid(error.message()))?;
                }
                check_key(user.access_key.as_ref(), &mut keys).map_err(invalid)?;
                for (name, document) in &user.policies {
                    PolicyName::parse(name)
                        .and_then(|_| check_document(document))
                        .map_err(|error| {
                            invalid(format!("policy {name:?}: {}", error.message()))
                        })?;
                }
            }
        }
        Ok(())
    }
}

fn check_key<'a>(entry: Option<&'a KeyEntry>, seen: &mut HashSet<&'a str>) -> Result<(), String> {
    let Some(entry) = entry else { return Ok(()) };
    if !is_word(&entry.id) || !(3..=128).contains(&entry.id.len()) {
        return Err(format!(
            "the access key id {:?} must be 3 to 128 letters, digits or underscores.",
            entry.id
        ));
    }
    let secret = entry.secret.0.as_str();
    if !(8..=256).contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "the secret of access key {:?} must be 8 to 256 printable ASCII characters without spaces.",
            entry.id
        ));
    }
    if !seen.insert(entry.id.as_str()) {
        return Err(format!(
            "the access key id {:?} is declared twice.",
            entry.id
        ));
    }
    Ok(())
}

impl Iam {
    /// Creates what the file declares and does not exist. What exists is left as it is, also where
    /// it differs; only an access key id that belongs to somebody else, or a canonical id in use,
    /// is an error.
    pub async fn apply_bootstrap(
        &self,
        bootstrap: &Bootstrap,
    ) -> Result<BootstrapReport, BootstrapError> {
        let mut report = BootstrapReport::default();
        // Contradictions are looked for first, so that a refused file leaves nothing half done.
        for account in &bootstrap.accounts {
            self.check_account(account).await?;
        }
        for account in &bootstrap.accounts {
            self.apply_account(account, &mut report).await?;
        }
        Ok(report)
    }

    async fn check_account(&self, entry: &AccountEntry) -> Result<(), BootstrapError> {
        let at = format!("account {:?}", entry.id);
        if let Some(canonical_id) = &entry.canonical_id
            && let Some(other) = self
                .account_by_canonical_id(canonical_id)
                .await
                .map_err(store)?
            && other.id != entry.id
        {
            return Err(BootstrapError::Conflict {
                at,
                why: format!(
                    "the canonical_id {canonical_id:?} belongs to account {}.",
                    other.id
                ),
            });
        }
        self.check_key_owner(&at, &entry.id, None, entry.access_key.as_ref())
            .await?;
        for user in &entry.users {
            let at = format!("user {:?} of account {:?}", user.name, entry.id);
            self.check_key_owner(&at, &entry.id, Some(&user.name), user.access_key.as_ref())
                .await?;
        }
        Ok(())
    }

    async fn check_key_owner(
        &self,
        at: &str,
        account_id: &str,
        user: Option<&str>,
        entry: Option<&KeyEntry>,
    ) -> Result<(), BootstrapError> {
        let Some(entry) = entry else { return Ok(()) };
        let Some((key, _)) = self.access_key(&entry.id).await.map_err(store)? else {
            return Ok(());
        };
        if key.account_id == account_id && key.user_name.as_deref() == user {
            return Ok(());
        }
        let owner = match &key.user_name {
            Some(name) => format!("user {name} of account {}", key.account_id),
            None => format!("the root of account {}", key.account_id),
        };
        Err(BootstrapError::Conflict {
            at: at.to_owned(),
            why: format!("the access key {} belongs to {owner}.", entry.id),
        })
    }

    async fn apply_account(
        &self,
        entry: &AccountEntry,
        report: &mut BootstrapReport,
    ) -> Result<(), BootstrapError> {
        match self.account(&entry.id).await.map_err(store)? {
            None => {
                let canonical_id = match &entry.canonical_id {
                    Some(id) => id.clone(),
                    None => ids::canonical_id().map_err(store)?,
                };
                let new = NewAccount {
                    id: entry.id.clone(),
                    name: entry.name.clone(),
                    email: entry.email.clone(),
                    canonical_id,
                    access_key: entry.access_key.as_ref().map(KeyEntry::credential),
                };
                self.create_account(&new).await.map_err(store)?;
                report.created.push(format!("account {}", entry.id));
            }
            Some(existing) => {
                let differs = existing.name != entry.name
                    || (entry.email.is_some() && existing.email != entry.email)
                    || entry
                        .canonical_id
                        .as_ref()
                        .is_some_and(|id| *id != existing.canonical_id);
                if differs {
                    report.left_alone.push(format!(
                        "account {} has another name, email or canonical_id",
                        entry.id
                    ));
                }
                self.apply_key(
                    &entry.id,
                    &KeyOwner::Root,
                    entry.access_key.as_ref(),
                    report,
                )
                .await?;
            }
        }
        for user in &entry.users {
            self.apply_user(&entry.id, user, report).await?;
        }
        Ok(())
    }

    async fn apply_user(
        &self,
        account_id: &str,
        entry: &UserEntry,
        report: &mut BootstrapReport,
    ) -> Result<(), BootstrapError> {
        let what = format!("user {} of {account_id}", entry.name);
        let refused = |error: IamError| match error {
            IamError::Internal(_) | IamError::ConcurrentModification => store(error),
            other => BootstrapError::Conflict {
                at: format!("user {:?} of account {account_id:?}", entry.name),
                why: other.message(),
            },
        };
        let name = UserName::parse(&entry.name).map_err(refused)?;
        match self.get_user(account_id, &name).await {
            Ok(user) => {
                if entry.path.as_ref().is_some_and(|path| *path != user.path) {
                    report.left_alone.push(format!("{what} has another path"));
                }
            }
            Err(IamError::NoSuchEntity(_)) => {
                let mut new = NewUser::named(name.clone());
                if let Some(path) = &entry.path {
                    new.path = EntityPath::parse(path).map_err(refused)?;
                }
                self.create_user(account_id, &new).await.map_err(refused)?;
                report.created.push(what.clone());
            }
            Err(error) => return Err(refused(error)),
        }
        let holder = Holder::User(name.clone());
        for (policy, document) in &entry.policies {
            let policy = PolicyName::parse(policy).map_err(refused)?;
            match self.inline_policy(account_id, &holder, &policy).await {
                Ok(existing) if existing == *document => {}
                Ok(_) => report.left_alone.push(format!(
                    "policy {} of {what} has another text",
                    policy.as_str()
                )),
                Err(IamError::NoSuchEntity(_)) => {
                    self.put_inline_policy(account_id, &holder, &policy, document)
                        .await
                        .map_err(refused)?;
                    report
                        .created
                        .push(format!("policy {} of {what}", policy.as_str()));
                }
                Err(error) => return Err(refused(error)),
            }
        }
        // The key last: it does not work before its user's policies are there.
        self.apply_key(
            account_id,
            &KeyOwner::User(name),
            entry.access_key.as_ref(),
            report,
        )
        .await
    }

    async fn apply_key(
        &self,
        account_id: &str,
        owner: &KeyOwner,
        entry: Option<&KeyEntry>,
        report: &mut BootstrapReport,
    ) -> Result<(), BootstrapError> {
        let Some(entry) = entry else { return Ok(()) };
        if let Some(identity) = self.identity(&entry.id).await.map_err(store)? {
            // Whose it is was checked before.
            if identity.secret.expose() != entry.secret.0.as_str() {
                report
                    .left_alone
                    .push(format!("access key {} has another secret", entry.id));
            }
            return Ok(());
        }
        match self
            .add_access_key(account_id, owner, entry.credential())
            .await
        {
            Ok(_) => {
                report.created.push(format!("access key {}", entry.id));
                Ok(())
            }
            Err(error @ (IamError::Internal(_) | IamError::ConcurrentModification)) => {
                Err(store(error))
            }
            Err(error) => Err(BootstrapError::Conflict {
                at: format!("access key {:?}", entry.id),
                why: error.message(),
            }),
        }
    }
}

fn store(error: IamError) -> BootstrapError {
    BootstrapError::Store(
        error
            .detail()
            .map_or_else(|| error.message(), str::to_owned),
    )
}

//! Passwords of users: the login profiles of IAM. Nothing but a hash of a password is kept, and that sealed.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords.html>

mod hash;
mod policy;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_seal::wrap;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::Iam;
use crate::accounts::now;
use crate::error::IamError;
use crate::ids;
use crate::last_used::PASSWORD;
use crate::model::LastUsed;
use crate::names::UserName;
use crate::records::{ACCOUNTS, LAST_USED, PasswordRecord, USERS, UserRecord, id_in};

use hash::Hashed;
pub(crate) use hash::Hasher;
pub use policy::PasswordPolicy;

/// What the wrapping key is derived for; part of the stored form.
const PURPOSE: &str = "iam password";
const LONGEST: usize = 128;

/// A password, as it was typed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Checks what the model says of passwords. The message does not repeat it.
    pub fn parse(text: &str, field: &str) -> Result<Password, IamError> {
        let length = text.chars().count();
        let good = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
        if length == 0 || length > LONGEST || !text.chars().all(good) {
            return Err(IamError::Validation(format!(
                "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must have length \
                 between 1 and {LONGEST} and satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"
            )));
        }
        Ok(Password(Zeroizing::new(text.to_owned())))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// What is known of a user's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginProfile {
    /// Whose it is.
    pub user_name: String,
    /// When the user first got one.
    pub created: OffsetDateTime,
    /// Whether the next sign-in has to change it.
    pub reset_required: bool,
}

fn missing(user: &UserName) -> IamError {
    IamError::NoSuchEntity(format!("Login Profile for User {user} cannot be found."))
}

fn profile(user: &UserRecord, password: &PasswordRecord) -> LoginProfile {
    LoginProfile {
        user_name: user.name.clone(),
        created: password.created,
        reset_required: password.reset_required,
    }
}

/// The id of the note about the use of a user's password.
pub(crate) fn password_use(record_id: &str) -> String {
    format!("{PASSWORD}{record_id}")
}

impl Iam {
    /// Gives a user a first password.
    pub async fn create_login_profile(
        &self,
        account_id: &str,
        user: &UserName,
        password: &Password,
        reset_required: bool,
    ) -> Result<LoginProfile, IamError> {
        let record = self.load_user(account_id, user).await?;
        let taken = || {
            IamError::EntityAlreadyExists(format!("Login Profile for user {user} already exists."))
        };
        if record.password.is_some() {
            return Err(taken());
        }
        let made = self.made(&record, password, reset_required).await?;
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_user(account_id, user).await?;
        if record.password.is_some() {
            return Err(taken());
        }
        let shown = profile(&record, &made);
        record.password = Some(made);
        change.put(USERS, &id_in(account_id, &user.folded()), &record)?;
        change.commit().await?;
        Ok(shown)
    }

    /// What is known of a user's password.
    pub async fn login_profile(
        &self,
        account_id: &str,
        user: &UserName,
    ) -> Result<LoginProfile, IamError> {
        let record = self.load_user(account_id, user).await?;
        match &record.password {
            Some(password) => Ok(profile(&record, password)),
            None => Err(missing(user)),
        }
    }

    /// Gives a user another password, or changes whether it has to be changed.
    pub async fn update_login_profile(
        &self,
        account_id: &str,
        user: &UserName,
        password: Option<&Password>,
        reset_required: Option<bool>,
    ) -> Result<(), IamError> {
        let record = self.load_user(account_id, user).await?;
        let before = record.password.as_ref().ok_or_else(|| missing(user))?;
        let reset = reset_required.unwrap_or(before.reset_required);
        let after = match password {
            Some(password) => self.made(&record, password, reset).await?,
            None => PasswordRecord {
                reset_required: reset,
                ..before.clone()
            },
        };
        self.replace(account_id, user, &before.id, after).await
    }

    /// Takes a user's password away.
    pub async fn delete_login_profile(
        &self,
        account_id: &str,
        user: &UserName,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_user(account_id, user).await?;
        if record.password.take().is_none() {
            return Err(missing(user));
        }
        let id = id_in(account_id, &user.folded());
        let note = password_use(&id);
        change.put(USERS, &id, &record)?;
        change.delete(LAST_USED, &note);
        change.commit().await?;
        self.forget_use(&note);
        Ok(())
    }

    /// A user changes its own password.
    pub async fn change_password(
        &self,
        account_id: &str,
        user: &UserName,
        old: &Password,
        new: &Password,
    ) -> Result<(), IamError> {
        let record = self.load_user(account_id, user).await?;
        let before = record.password.as_ref().ok_or_else(|| missing(user))?;
        let hashed = self.open_hash(&record.id, &before.sealed_hash)?;
        if !self.inner.hasher.matches(old, hashed).await? {
            return Err(IamError::WrongPassword);
        }
        let after = self.made(&record, new, false).await?;
        self.replace(account_id, user, &before.id, after).await
    }

    /// Puts a password in the place of the one with the id `before`, and of no other.
    async fn replace(
        &self,
        account_id: &str,
        user: &UserName,
        before: &str,
        after: PasswordRecord,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_user(account_id, user).await?;
        match &record.password {
            None => return Err(missing(user)),
            Some(now) if now.id != before => return Err(IamError::ConcurrentModification),
            Some(_) => {}
        }
        record.password = Some(after);
        change.put(USERS, &id_in(account_id, &user.folded()), &record)?;
        change.commit().await
    }

    /// The record of a new password, if the account's policy lets it be one.
    async fn made(
        &self,
        user: &UserRecord,
        password: &Password,
        reset_required: bool,
    ) -> Result<PasswordRecord, IamError> {
        let policy = self.password_policy(&user.account_id).await?;
        policy::check(policy.as_ref(), password.expose(), &user.name)?;
        let kept = policy.as_ref().and_then(|policy| policy.reuse_prevention);
        let kept = usize::from(kept.unwrap_or_default());
        let before = user.password.as_ref();
        let mut earlier: Vec<String> = before
            .into_iter()
            .flat_map(|before| std::iter::once(&before.sealed_hash).chain(&before.earlier))
            .cloned()
            .collect();
        earlier.truncate(kept);
        for sealed in &earlier {
            let hashed = self.open_hash(&user.id, sealed)?;
            if self.inner.hasher.matches(password, hashed).await? {
                return Err(IamError::PasswordPolicyViolation(
                    "Password has been used recently. Choose another one.".into(),
                ));
            }
        }
        let hashed = self.inner.hasher.hash(password).await?;
        let changed = now();
        Ok(PasswordRecord {
            id: ids::password_id()?,
            created: before.map_or(changed, |before| before.created),
            changed,
            reset_required,
            sealed_hash: self.seal_hash(&user.id, &hashed)?,
            earlier,
        })
    }

    /// Whether this is the password of a user. Without one it takes as long, and is wrong.
    pub(crate) async fn is_password(
        &self,
        user: Option<&UserRecord>,
        password: &Password,
    ) -> Result<bool, IamError> {
        let known = user.and_then(|user| Some((user, user.password.as_ref()?)));
        let hashed = match known {
            Some((user, record)) => self.open_hash(&user.id, &record.sealed_hash)?,
            None => Hashed::of_nobody(),
        };
        let matches = self.inner.hasher.matches(password, hashed).await?;
        Ok(matches && known.is_some())
    }

    /// The user is authenticated with the hash, so that nobody who can write records can hang a known password
    /// under another user.
    fn seal_hash(&self, user_id: &str, hashed: &Hashed) -> Result<String, IamError> {
        let document = Zeroizing::new(serde_json::to_vec(hashed)?);
        let key = self.sealing_key();
        let sealed = wrap::wrap(key, PURPOSE, user_id.as_bytes(), &document);
        Ok(STANDARD.encode(sealed))
    }

    fn open_hash(&self, user_id: &str, sealed: &str) -> Result<Hashed, IamError> {
        let damaged = |why: String| {
            IamError::Internal(format!(
                "the password of user {user_id} does not open: {why}"
            ))
        };
        let sealed = STANDARD
            .decode(sealed)
            .map_err(|error| damaged(error.to_string()))?;
        let document = wrap::unwrap(self.sealing_key(), PURPOSE, user_id.as_bytes(), &sealed)
            .map_err(|error| damaged(error.to_string()))?;
        Ok(serde_json::from_slice(&document)?)
    }

    /// When a user last signed in with its password (within about a minute).
    pub async fn password_last_used(
        &self,
        account_id: &str,
        user: &UserName,
    ) -> Result<Option<OffsetDateTime>, IamError> {
        let note = password_use(&id_in(account_id, &user.folded()));
        Ok(self.last_used(&note).await?.map(|used| used.time))
    }

    /// Notes that a password was used.
    pub(crate) fn note_password_use(&self, user: &UserRecord, time: OffsetDateTime) {
        let id = id_in(&user.account_id, &user.name.to_ascii_lowercase());
        let used = LastUsed {
            time: time.replace_nanosecond(0).unwrap_or(time),
            service: "signin".to_owned(),
            region: self.region().to_owned(),
        };
        self.inner.uses.note(&password_use(&id), used);
    }

    /// The account's rules for passwords, if it has any of its own.
    pub async fn password_policy(
        &self,
        account_id: &str,
    ) -> Result<Option<PasswordPolicy>, IamError> {
        Ok(self.load_account(account_id).await?.password_policy)
    }

    /// Gives the account rules for passwords. They hold for passwords that are set from now on, but for their age.
    pub async fn update_password_policy(
        &self,
        account_id: &str,
        policy: PasswordPolicy,
    ) -> Result<(), IamError> {
        policy.validate()?;
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_account(account_id).await?;
        record.password_policy = Some(policy);
        change.put(ACCOUNTS, account_id, &record)?;
        change.commit().await
    }

    /// Takes the account's own rules for passwords away.
    pub async fn delete_password_policy(&self, account_id: &str) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_account(account_id).await?;
        if record.password_policy.take().is_none() {
            return Err(policy::missing(account_id));
        }
        change.put(ACCOUNTS, account_id, &record)?;
        change.commit().await
    }
}

//! People who sign in at the console. They show the secret of an access key once; from then on the console names
//! the key, and each request finds the key, its user and their policies anew, as a signed request would: a key set
//! inactive or a policy changed counts for the next page. A password is shown once in the same way; the console then
//! names the user and which of its passwords it was.

use std::sync::Arc;

use http::request::Parts;
use sealgate_policy::{Caller, Principal, PrincipalKind, Session};
use sealgate_wire::Connection;
use sealgate_wire::sigv4::{AuthError, Payload};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use crate::Iam;
use crate::authenticate::{AuthFault, Authenticated, SignatureVersion, internal};
use crate::error::IamError;
use crate::names::is_account_id;
use crate::passwords::Password;
use crate::records::{self, ALIASES, Tags, USERS, UserRecord, id_in};
use crate::service::Service;
use crate::sessions::is_temporary;

/// What came of an attempt to sign in.
#[derive(Debug)]
pub enum SignIn {
    /// It is who it says it is.
    Accepted(Box<Caller>),
    /// It is not. Whose key was named, if there is such a key: the attempt belongs into its account's trail, and
    /// nobody else may be told.
    Refused(Option<Box<Caller>>),
}

/// What came of an attempt to sign in with a password.
#[derive(Debug)]
pub enum PasswordSignIn {
    /// It is who it says it is.
    Accepted {
        /// Who.
        caller: Box<Caller>,
        /// What the session stands on.
        credential: ConsoleCredential,
        /// Nothing else may be done before the password is changed.
        must_change: bool,
    },
    /// It is not. In which account, if there is such an account.
    Refused(Option<Box<Caller>>),
}

/// What a session of the console stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleCredential {
    /// An access key.
    AccessKey {
        /// Its id.
        id: String,
    },
    /// A password.
    Password {
        /// The account.
        account_id: String,
        /// The user's unique id.
        user_id: String,
        /// The user's name.
        user_name: String,
        /// Which of its passwords.
        password_id: String,
    },
}

/// A session of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSession {
    /// What it stands on.
    pub credential: ConsoleCredential,
    /// When it began.
    pub since: OffsetDateTime,
    /// When it ends at the latest.
    pub expires: OffsetDateTime,
    /// When a second factor was shown.
    pub mfa_at: Option<OffsetDateTime>,
}

impl Iam {
    /// Whether this is the secret of an active, permanent access key.
    pub async fn sign_in(
        &self,
        access_key_id: &str,
        secret: &str,
        parts: &Parts,
        conn: &Connection,
        now: OffsetDateTime,
    ) -> Result<SignIn, AuthFault> {
        // The keys of sessions end by themselves, and need a token besides.
        if is_temporary(access_key_id) {
            return Ok(SignIn::Refused(None));
        }
        let Some(identity) = self.identity(access_key_id).await.map_err(internal)? else {
            return Ok(SignIn::Refused(None));
        };
        let caller = Box::new(identity.caller(self.environment(parts, conn, now)));
        let right = identity.secret.expose().as_bytes().ct_eq(secret.as_bytes());
        Ok(if bool::from(right) && identity.active {
            SignIn::Accepted(caller)
        } else {
            SignIn::Refused(Some(caller))
        })
    }

    /// Whether this is the password of a user of an account, which is named by its id or alias. Who is not there
    /// takes as long to be refused as who is.
    pub async fn sign_in_with_password(
        &self,
        account: &str,
        user_name: &str,
        password: &str,
        parts: &Parts,
        conn: &Connection,
        now: OffsetDateTime,
    ) -> Result<PasswordSignIn, AuthFault> {
        let account_id = self.account_named(account).await.map_err(internal)?;
        let record = match &account_id {
            None => None,
            Some(account_id) => {
                let id = id_in(account_id, &user_name.to_ascii_lowercase());
                records::load::<UserRecord>(self.index(), USERS, &id)
                    .await
                    .map_err(internal)?
                    .filter(|record| record.name == user_name)
            }
        };
        let right = match Password::parse(password, "password") {
            Ok(password) => self.is_password(record.as_ref(), &password).await,
            Err(_) => Ok(false),
        }
        .map_err(internal)?;
        let environment = self.environment(parts, conn, now);
        let Some(account_id) = account_id else {
            return Ok(PasswordSignIn::Refused(None));
        };
        let policy = self.password_policy(&account_id).await.map_err(internal)?;
        let Some(record) = record else {
            // As CloudTrail has it: what was typed as a name may have been a password.
            let caller = Caller::new(nobody(&account_id), environment);
            return Ok(PasswordSignIn::Refused(Some(Box::new(caller))));
        };
        let caller = Box::new(Caller::new(record.user().principal(None), environment));
        let (Some(stored), true) = (record.password.clone(), right) else {
            return Ok(PasswordSignIn::Refused(Some(caller)));
        };
        let expires = policy
            .as_ref()
            .and_then(|policy| policy.expires(stored.changed));
        let expired = expires.is_some_and(|expires| now >= expires);
        if expired && policy.is_some_and(|policy| policy.hard_expiry) {
            return Ok(PasswordSignIn::Refused(Some(caller)));
        }
        self.note_password_use(&record, now);
        Ok(PasswordSignIn::Accepted {
            credential: ConsoleCredential::Password {
                account_id,
                user_id: record.id.clone(),
                user_name: record.name.clone(),
                password_id: stored.id,
            },
            must_change: stored.reset_required || expired,
            caller,
        })
    }

    /// The id of an account that is named by its id or alias.
    async fn account_named(&self, name: &str) -> Result<Option<String>, IamError> {
        if is_account_id(name) {
            return Ok(self.account(name).await?.map(|account| account.id));
        }
        records::load::<String>(self.index(), ALIASES, name).await
    }

    /// A request to `service` by whoever signed in, as the credential stands now.
    pub async fn in_console(
        &self,
        session: &ConsoleSession,
        service: Service,
        parts: &Parts,
        conn: &Connection,
        now: OffsetDateTime,
    ) -> Result<Authenticated, AuthFault> {
        let environment = self.environment(parts, conn, now);
        let temporary = Arc::new(Session {
            issued: session.since,
            expires: session.expires,
            mfa_at: session.mfa_at,
            source_identity: None,
            federated_provider: None,
            policies: None,
        });
        let (mut caller, canonical_id, transitive_tags) = match &session.credential {
            ConsoleCredential::AccessKey { id } => {
                let signer = self.signer(id, None, environment).await?;
                self.note_signer(&signer, service.name(), self.region(), now);
                (signer.caller, signer.canonical_id, signer.transitive_tags)
            }
            ConsoleCredential::Password {
                account_id,
                user_id,
                user_name,
                password_id,
            } => {
                // A user who was renamed signs in again.
                let user = self
                    .user_permissions(account_id, &user_name.to_ascii_lowercase())
                    .await
                    .map_err(internal)?
                    .filter(|user| user.user.id == *user_id)
                    .filter(|user| user.password_id.as_ref() == Some(password_id))
                    .ok_or(AuthError::InvalidToken)?;
                let caller = user.caller(None, environment);
                (caller, user.canonical_id.clone(), Tags::new())
            }
        };
        let by_password = matches!(session.credential, ConsoleCredential::Password { .. });
        if by_password || session.mfa_at.is_some() {
            caller.session = Some(temporary);
        }
        Ok(Authenticated {
            caller,
            service,
            payload: Payload::Unsigned,
            chunks: None,
            presigned: false,
            signature: SignatureVersion::Console,
            signed_at: None,
            anonymous: false,
            canonical_id,
            transitive_tags,
        })
    }
}

/// Somebody of the account who is not named.
fn nobody(account_id: &str) -> Principal {
    Principal {
        account_id: account_id.to_owned(),
        kind: PrincipalKind::User {
            name: "HIDDEN_DUE_TO_SECURITY_REASONS".to_owned(),
        },
        arn: String::new(),
        id: String::new(),
        access_key_id: None,
    }
}

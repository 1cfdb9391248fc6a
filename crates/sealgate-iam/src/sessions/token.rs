//! Session tokens: a session, sealed. Nothing of it is kept here, so there may be any number of them.
//!
//! A token is base 64 of a wrapping (`sealgate_seal::wrap`) under the sealing key, with the access key
//! id as additional data: 40 characters of secret access key, then the session as JSON. So a token
//! opens only beside its own key id, and who can make one can make access keys as well.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_seal::{Key256, wrap};
use sealgate_wire::sigv4::SecretKey;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::key_id;
use crate::error::IamError;
use crate::ids;
use crate::records::Tags;

/// What the wrapping key is derived for; part of the form of a token.
const PURPOSE: &str = "iam session token";
/// Characters of a secret access key.
const SECRET_SIZE: usize = 40;
/// No token of ours is longer; nothing longer is looked at.
const MAX_TOKEN: usize = 64 * 1024;

/// Temporary credentials, with the secrets that are shown this once.
pub struct SessionCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret access key.
    pub secret: SecretKey,
    /// The session token. Worth nothing without the secret, and still nobody else's business.
    pub token: String,
    /// When they end.
    pub expires: OffsetDateTime,
}

/// A session as its token holds it. Permissions are not in it: they are those of the user or role
/// when the session is used.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRecord {
    pub account_id: String,
    pub of: SessionOf,
    #[serde(with = "time::serde::timestamp")]
    pub issued: OffsetDateTime,
    #[serde(with = "time::serde::timestamp")]
    pub expires: OffsetDateTime,
    /// Session policies, where there are any that limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<SessionPolicies>,
    /// Session tags, those among them that were inherited included.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Keys of the tags that sessions begun in this one inherit.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub transitive: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// The provider whose token the role was assumed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federated_provider: Option<String>,
}

/// Whose session it is. Ids are beside names because another user or role may get the name.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionOf {
    /// GetSessionToken of the root user.
    Root,
    /// GetSessionToken of a user.
    User { id: String, name: String },
    /// AssumeRole….
    Role {
        id: String,
        name: String,
        session_name: String,
    },
    /// GetFederationToken of a user, or of the root user.
    Federated {
        name: String,
        user: Option<FederatingUser>,
    },
}

/// The user who asked for a federation token.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub(crate) struct FederatingUser {
    pub id: String,
    pub name: String,
}

/// Session policies as they were given.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionPolicies {
    pub inline: Option<String>,
    /// ARNs of managed policies.
    pub managed: Vec<String>,
}

/// A session out of its token.
pub(crate) struct OpenedToken {
    pub secret: SecretKey,
    pub session: SessionRecord,
}

/// Makes credentials of a session.
pub(crate) fn seal(
    sealing_key: &Key256,
    session: &SessionRecord,
) -> Result<SessionCredentials, IamError> {
    let access_key_id = key_id::generate(&session.account_id)?;
    let secret = ids::secret_key()?;
    let document = serde_json::to_vec(session)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(SECRET_SIZE + document.len()));
    plain.extend_from_slice(secret.expose().as_bytes());
    plain.extend_from_slice(&document);
    let sealed = wrap::wrap(sealing_key, PURPOSE, access_key_id.as_bytes(), &plain);
    Ok(SessionCredentials {
        access_key_id,
        secret,
        token: STANDARD.encode(sealed),
        expires: session.expires,
    })
}

/// The session of a token that was made for this key id; `None` for every other text.
pub(crate) fn open(sealing_key: &Key256, access_key_id: &str, token: &str) -> Option<OpenedToken> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let sealed = STANDARD.decode(token).ok()?;
    let plain = wrap::unwrap(sealing_key, PURPOSE, access_key_id.as_bytes(), &sealed).ok()?;
    let (secret, document) = plain.split_at_checked(SECRET_SIZE)?;
    let secret = SecretKey::new(std::str::from_utf8(secret).ok()?.to_owned());
    let session = serde_json::from_slice(document).ok()?;
    Some(OpenedToken { secret, session })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn key() -> Key256 {
        Key256::from_bytes([5; 32])
    }

    fn session() -> SessionRecord {
        SessionRecord {
            account_id: "111111111111".into(),
            of: SessionOf::Role {
                id: "AROAROLE".into(),
                name: "reader".into(),
                session_name: "s1".into(),
            },
            issued: datetime!(2026-03-01 12:00:00 UTC),
            expires: datetime!(2026-03-01 13:00:00 UTC),
            policies: Some(SessionPolicies {
                inline: Some("{}".into()),
                managed: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".into()],
            }),
            tags: Tags::from([("team".into(), "blue".into())]),
            transitive: BTreeSet::from(["team".into()]),
            source_identity: Some("alice".into()),
            federated_provider: None,
        }
    }

    #[test]
    fn a_token_opens_beside_its_own_key_id_and_under_its_own_key_only() {
        let made = seal(&key(), &session()).unwrap();
        let opened = open(&key(), &made.access_key_id, &made.token).unwrap();
        assert_eq!(opened.session, session());
        assert_eq!(opened.secret.expose(), made.secret.expose());
        let other = seal(&key(), &session()).unwrap();
        assert!(open(&key(), &other.access_key_id, &made.token).is_none());
        let foreign = Key256::from_bytes([6; 32]);
        assert!(open(&foreign, &made.access_key_id, &made.token).is_none());
        assert!(!made.token.contains(made.secret.expose()));
    }

    proptest! {
        #[test]
        fn a_token_with_a_flipped_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let made = seal(&key(), &session()).unwrap();
            let mut bytes = made.token.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(token) = String::from_utf8(bytes) {
                prop_assert!(open(&key(), &made.access_key_id, &token).is_none());
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(token in ".{0,300}", key_id in ".{0,30}") {
            prop_assert!(open(&key(), &key_id, &token).is_none());
        }

        #[test]
        fn no_sealed_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let sealed = wrap::wrap(&key(), PURPOSE, b"ASIA", &bytes);
            prop_assert!(open(&key(), "ASIA", &STANDARD.encode(sealed)).is_none());
        }
    }
}

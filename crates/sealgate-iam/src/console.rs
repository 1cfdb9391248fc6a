//! People who sign in at the console. They show the secret of an access key once; from then on the console names
//! the key, and each request finds the key, its user and their policies anew, as a signed request would: a key set
//! inactive or a policy changed counts for the next page.

use http::request::Parts;
use sealgate_policy::Caller;
use sealgate_wire::Connection;
use sealgate_wire::sigv4::Payload;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use crate::Iam;
use crate::authenticate::{AuthFault, Authenticated, SignatureVersion, internal};
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

    /// A request to `service` by whoever signed in with this key, as the key stands now.
    pub async fn in_console(
        &self,
        access_key_id: &str,
        service: Service,
        parts: &Parts,
        conn: &Connection,
        now: OffsetDateTime,
    ) -> Result<Authenticated, AuthFault> {
        let environment = self.environment(parts, conn, now);
        let signer = self.signer(access_key_id, None, environment).await?;
        self.note_signer(&signer, service.name(), self.region(), now);
        Ok(Authenticated {
            caller: signer.caller,
            service,
            payload: Payload::Unsigned,
            chunks: None,
            presigned: false,
            signature: SignatureVersion::Console,
            signed_at: None,
            anonymous: false,
            canonical_id: signer.canonical_id,
            transitive_tags: signer.transitive_tags,
        })
    }
}

//! From a signed HTML form (POST Object) to a caller. Its signature is in its fields, and covers its
//! policy; whether the fields are what the policy allows is for S3 to judge.

use http::request::Parts;
use sealgate_wire::Connection;
use sealgate_wire::form_signature::FormSignature;
use sealgate_wire::sigv4::Payload;
use time::OffsetDateTime;

use super::{AuthFault, Authenticated, SignatureVersion, nobody};
use crate::Iam;
use crate::service::Service;

impl Iam {
    /// Who signed this form? `None` of a signature is an anonymous form.
    pub async fn authenticate_form(
        &self,
        parts: &Parts,
        conn: &Connection,
        now: OffsetDateTime,
        presented: Option<&FormSignature>,
    ) -> Result<Authenticated, AuthFault> {
        let environment = self.environment(parts, conn, now);
        let Some(presented) = presented else {
            return Ok(nobody(Service::S3, Payload::Unsigned, environment));
        };
        let token = presented.security_token.as_deref();
        let signer = self
            .signer(presented.access_key_id(), token, environment)
            .await?;
        presented.verify(&self.inner.verifier, signer.secret())?;
        self.note_signer(&signer, Service::S3.name(), &self.inner.region, now);
        Ok(Authenticated {
            caller: signer.caller,
            service: Service::S3,
            payload: Payload::Unsigned,
            chunks: None,
            presigned: false,
            signature: match presented.signed_at() {
                Some(_) => SignatureVersion::V4,
                None => SignatureVersion::V2,
            },
            signed_at: presented.signed_at(),
            anonymous: false,
            canonical_id: signer.canonical_id,
            transitive_tags: signer.transitive_tags,
        })
    }
}

//! Checking what a request presents against the secret.

use http::request::Parts;
use subtle::ConstantTimeEq as _;
use time::{Duration, OffsetDateTime};

use super::keys::SigningKeys;
use super::timestamps::{basic, extended};
use super::{AuthError, ChunkVerifier, Payload, Presented, Scope, SecretKey, canonical};

/// How far the clocks of client and server may be apart.
const SKEW: Duration = Duration::minutes(15);
/// The services that are spoken here; their names stand in credential scopes.
const SERVICES: [&str; 5] = ["s3", "kms", "iam", "sts", "cloudtrail"];
/// Global services, for which AWS and its SDKs sign with this region wherever the client is.
const GLOBAL_SERVICES: [&str; 2] = ["iam", "sts"];
const GLOBAL_REGION: &str = "us-east-1";

/// Verifies signatures for one region. It keeps derived signing keys, bounded, and wipes them.
pub struct Verifier {
    region: String,
    keys: SigningKeys,
}

impl Verifier {
    /// A verifier for requests that are signed for `region`.
    pub fn new(region: String) -> Self {
        Verifier {
            region,
            keys: SigningKeys::new(),
        }
    }

    /// Verifies a request's signature, its time, its scope, and that it covers what it must: the host,
    /// and every `x-amz-*` header.
    ///
    /// `body_sha256` is the lower-case hex SHA-256 of the whole body ([`super::body_hash`]); it must be
    /// given where [`Presented::needs_body_hash`] says so, and is not looked at for S3, which signs
    /// `x-amz-content-sha256`.
    ///
    /// Returns the verifier of the chunks for a [`Payload::ChunkedSigned`].
    pub fn verify(
        &self,
        parts: &Parts,
        presented: &Presented,
        secret: &SecretKey,
        now: OffsetDateTime,
        body_sha256: Option<&str>,
    ) -> Result<Option<ChunkVerifier>, AuthError> {
        self.check_scope(presented)?;
        check_time(presented, now)?;
        check_signed_headers(parts, presented)?;
        let payload_hash = match (&presented.payload, body_sha256) {
            (Payload::Whole, Some(hash)) => hash,
            (Payload::Whole, None) => return Err(AuthError::BodyHashRequired),
            _ => &presented.payload_hash,
        };
        let timestamp = basic(presented.signed_at);
        let scope = presented.scope.text();
        let key = self.keys.get(&presented.scope, secret);
        let hash = canonical::hash(parts, presented, payload_hash);
        let string_to_sign = hash.as_ref().map(|hash| {
            let hash = hash.as_str();
            [
                "AWS4-HMAC-SHA256",
                "\n",
                &timestamp,
                "\n",
                scope,
                "\n",
                hash,
            ]
        });
        let matches = string_to_sign.as_ref().is_some_and(|text| {
            let expected = key.sign(text);
            bool::from(
                expected
                    .as_str()
                    .as_bytes()
                    .ct_eq(presented.signature.as_bytes()),
            )
        });
        if !matches {
            return Err(AuthError::SignatureDoesNotMatch {
                access_key_id: presented.scope.access_key_id().to_owned(),
                string_to_sign: string_to_sign.map(|text| text.concat()).unwrap_or_default(),
                provided: presented.signature.clone(),
            });
        }
        Ok(match presented.payload {
            Payload::ChunkedSigned { .. } => Some(ChunkVerifier::new(
                key,
                timestamp,
                scope.to_owned(),
                presented.signature.clone(),
            )),
            _ => None,
        })
    }

    /// Whether this is the signature of a form's policy, as sent. The form must be for S3, here.
    pub(crate) fn verify_policy(
        &self,
        scope: &Scope,
        secret: &SecretKey,
        policy: &str,
        signature: &str,
    ) -> Result<bool, AuthError> {
        let wrong = |message: String, region: Option<String>| AuthError::FormField {
            message,
            name: "X-Amz-Credential",
            value: scope.credential.clone(),
            region,
        };
        if scope.service() != "s3" {
            return Err(wrong(wrong_service(scope.service()), None));
        }
        if scope.region() != self.region {
            let region = Some(self.region.clone());
            return Err(wrong(self.wrong_region(scope.region()), region));
        }
        let key = self.keys.get(scope, secret);
        let expected = key.sign(&[policy]);
        Ok(bool::from(
            expected.as_str().as_bytes().ct_eq(signature.as_bytes()),
        ))
    }

    fn wrong_region(&self, region: &str) -> String {
        format!(
            "the region '{region}' is wrong; expecting '{}'",
            self.region
        )
    }

    fn check_scope(&self, presented: &Presented) -> Result<(), AuthError> {
        let scope = &presented.scope;
        let wrong = |reason: String, region: Option<String>| {
            if presented.presigned {
                AuthError::AuthorizationQueryParametersError {
                    reason: format!("Error parsing the X-Amz-Credential parameter; {reason}"),
                    region,
                }
            } else {
                AuthError::AuthorizationHeaderMalformed { reason, region }
            }
        };
        if !SERVICES.contains(&scope.service()) {
            return Err(wrong(wrong_service(scope.service()), None));
        }
        let global = GLOBAL_SERVICES.contains(&scope.service()) && scope.region() == GLOBAL_REGION;
        if scope.region() != self.region && !global {
            return Err(wrong(
                self.wrong_region(scope.region()),
                Some(self.region.clone()),
            ));
        }
        Ok(())
    }
}

fn wrong_service(service: &str) -> String {
    format!("incorrect service \"{service}\". This endpoint belongs to \"s3\".")
}

fn check_time(presented: &Presented, now: OffsetDateTime) -> Result<(), AuthError> {
    let signed_at = presented.signed_at;
    let age = now - signed_at;
    match presented.expires {
        Some(lifetime) => {
            if age > Duration::seconds(i64::from(lifetime)) {
                let expires = signed_at.saturating_add(Duration::seconds(i64::from(lifetime)));
                return Err(AuthError::Expired {
                    lifetime,
                    expires: extended(expires),
                    server_time: extended(now),
                });
            }
            if age < -SKEW {
                return Err(AuthError::NotYetValid {
                    request_time: basic(signed_at),
                    server_time: extended(now),
                });
            }
        }
        None if age.abs() > SKEW => {
            return Err(AuthError::RequestTimeTooSkewed {
                request_time: basic(signed_at),
                server_time: extended(now),
            });
        }
        None => {}
    }
    Ok(())
}

/// The host must be signed, else a request for one endpoint could be sent to another; and so must every
/// `x-amz-*` header, else whoever carries a presigned URL could add some.
fn check_signed_headers(parts: &Parts, presented: &Presented) -> Result<(), AuthError> {
    let signed = |name: &str| presented.signed_headers.split(';').any(|s| s == name);
    let mut missing: Vec<&str> = Vec::new();
    if !signed("host") {
        missing.push("host");
    }
    missing.extend(
        parts
            .headers
            .keys()
            .map(|name| name.as_str())
            .filter(|name| name.starts_with("x-amz-") && !signed(name)),
    );
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    Err(AuthError::HeadersNotSigned {
        headers: missing.join(", "),
    })
}

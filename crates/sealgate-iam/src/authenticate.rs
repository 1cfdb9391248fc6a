//! From a signed request to a caller.

mod form;

use std::sync::Arc;

use http::header::USER_AGENT;
use http::request::Parts;
use sealgate_policy::{Caller, Environment, Principal, PrincipalKind};
use sealgate_wire::sigv2::{self, VirtualHostBucket};
use sealgate_wire::sigv4::SecretKey;
use sealgate_wire::sigv4::{self, AuthError, ChunkVerifier, HexHash, Payload, Presented};
use sealgate_wire::{Connection, Query};
use thiserror::Error;
use time::OffsetDateTime;

use crate::Iam;
use crate::error::IamError;
use crate::identity::Identity;
use crate::permissions::RolePermissions;
use crate::records::Tags;
use crate::service::{Service, is_unsigned_operation};
use crate::sessions::{ActiveSession, is_temporary};

/// The owner id that S3 shows for anonymous requests, the same at AWS for everybody.
pub const ANONYMOUS_CANONICAL_ID: &str = "65a011a29cdf8ec533ec3d1ccaae921c";

/// How a request was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureVersion {
    /// Signature Version 4.
    V4,
    /// Signature Version 2, of a presigned URL or a form for S3. It does not cover headers in the query, so
    /// [`sigv4::hoisted_headers`] must not be used.
    V2,
    /// By none: the secret was shown once, when a session of the console began.
    Console,
    /// Not at all.
    None,
}

/// A request whose sender is known.
pub struct Authenticated {
    /// Who, and in what environment.
    pub caller: Caller,
    /// Which API it is for.
    pub service: Service,
    /// What the signature says of the body.
    pub payload: Payload,
    /// Checks the signatures of the chunks, where the body has them.
    pub chunks: Option<ChunkVerifier>,
    /// True if the signature came in the query.
    pub presigned: bool,
    /// How it was signed. Headers may come from the query only if it is presigned with
    /// [`SignatureVersion::V4`].
    pub signature: SignatureVersion,
    /// When it was signed, where the signature says so (Version 2 does not).
    pub signed_at: Option<OffsetDateTime>,
    /// True if there was no signature.
    pub anonymous: bool,
    /// The S3 owner id of the caller's account.
    pub canonical_id: String,
    /// The session tags that sessions begun by the caller inherit.
    pub transitive_tags: Tags,
}

/// What the head of a request says of who sends it, and which API it is for. Nothing of it is verified.
pub struct Presentation {
    signature: Result<PresentedSignature, AuthError>,
    service: Service,
}

enum PresentedSignature {
    V2(sigv2::Presented),
    V4(Presented),
    None,
}

impl Presentation {
    /// Reads the head.
    pub fn of(parts: &Parts) -> Presentation {
        let (signature, service) = match (sigv2::parse(parts), sigv4::parse(parts)) {
            (Ok(None), Ok(Some(presented))) => {
                let service = Service::of(parts, Some(&presented));
                (Ok(PresentedSignature::V4(presented)), service)
            }
            (v2, v4) => {
                let service = Service::of(parts, v4.as_ref().ok().and_then(Option::as_ref));
                let signature = match (v2, v4) {
                    (Ok(Some(presented)), _) => Ok(PresentedSignature::V2(presented)),
                    (Err(error), _) | (_, Err(error)) => Err(error),
                    _ => Ok(PresentedSignature::None),
                };
                (signature, service)
            }
        };
        Presentation { signature, service }
    }

    /// Which API the request is for: to be asked before its body is read, because all but S3 need the
    /// whole body for [`Iam::authenticate`].
    pub fn service(&self) -> Service {
        self.service
    }
}

/// Whose credentials a request names. Nothing is verified yet.
pub(crate) struct Signer {
    credentials: Credentials,
    pub(crate) caller: Caller,
    pub(crate) canonical_id: String,
    pub(crate) transitive_tags: Tags,
}

enum Credentials {
    Permanent(Arc<Identity>),
    Temporary {
        session: Arc<ActiveSession>,
        /// Where it is a session of one.
        role: Option<Arc<RolePermissions>>,
    },
}

impl Signer {
    pub(crate) fn secret(&self) -> &SecretKey {
        match &self.credentials {
            Credentials::Permanent(identity) => &identity.secret,
            Credentials::Temporary { session, .. } => &session.secret,
        }
    }
}

/// A request whose sender is not known, and the API in whose form to say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFailure {
    /// Which API it is for, as far as that can be told.
    pub service: Service,
    /// What is wrong.
    pub error: AuthFault,
}

/// Why the sender is not known. Codes, statuses and details are those of S3; the other APIs have
/// their own words for the same faults.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthFault {
    /// The signature, or what it names, is refused.
    #[error(transparent)]
    Refused(#[from] AuthError),
    /// There is no signature, and the API wants one.
    #[error("Request is missing Authentication Token")]
    MissingAuthenticationToken,
    /// Identities could not be read; why is in the log.
    #[error("We encountered an internal error. Please try again.")]
    Internal,
}

impl AuthFault {
    /// The code of S3.
    pub fn code(&self) -> &'static str {
        match self {
            AuthFault::Refused(error) => error.code(),
            AuthFault::MissingAuthenticationToken => "AccessDenied",
            AuthFault::Internal => "InternalError",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            AuthFault::Refused(error) => error.status(),
            AuthFault::MissingAuthenticationToken => 403,
            AuthFault::Internal => 500,
        }
    }

    /// The sentence for the client.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// Further elements of S3's XML error, in order.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            AuthFault::Refused(error) => error.details(),
            _ => Vec::new(),
        }
    }
}

impl Iam {
    /// Who sent this request, whose head presents this? `body` is the whole body for every service but S3 (see
    /// [`Service::signs_body`]), whose bodies are checked while they stream.
    ///
    /// For URLs presigned with Version 2, which does not cover the host, a host that names a bucket
    /// must be announced by a [`VirtualHostBucket`] among the request's extensions; without it the
    /// path is taken to name the bucket.
    ///
    /// A request without a signature is anonymous for S3 and for the operations of STS whose proof is
    /// a token in the form (AssumeRoleWithWebIdentity); elsewhere it is refused.
    pub async fn authenticate(
        &self,
        parts: &Parts,
        presented: Presentation,
        conn: &Connection,
        now: OffsetDateTime,
        body: Option<&[u8]>,
    ) -> Result<Authenticated, AuthFailure> {
        let service = presented.service;
        let environment = self.environment(parts, conn, now);
        // Where there is no signature of Version 4, its scope does not say which API it is for.
        let by_shape = |error: AuthFault| AuthFailure {
            service: Service::of(parts, None),
            error,
        };
        match presented.signature {
            Ok(PresentedSignature::V4(presented)) => {
                self.verify(parts, presented, service, environment, body)
                    .await
            }
            Ok(PresentedSignature::V2(presented)) => {
                return self
                    .verify_v2(parts, presented, environment)
                    .await
                    .map_err(by_shape);
            }
            Err(error) => return Err(by_shape(error.into())),
            Ok(PresentedSignature::None) if service == Service::S3 => anonymous(parts, environment),
            Ok(PresentedSignature::None)
                if service == Service::Sts && names_unsigned_operation(parts, body) =>
            {
                Ok(unsigned_sts(environment))
            }
            Ok(PresentedSignature::None) => Err(AuthFault::MissingAuthenticationToken),
        }
        .map_err(|error| AuthFailure { service, error })
    }

    async fn verify(
        &self,
        parts: &Parts,
        presented: Presented,
        service: Service,
        environment: Environment,
        body: Option<&[u8]>,
    ) -> Result<Authenticated, AuthFault> {
        let scope = &presented.scope;
        let token = presented.security_token.as_deref();
        let now = environment.now;
        let signer = self
            .signer(scope.access_key_id(), token, environment)
            .await?;
        let body_hash = match body {
            Some(body) if presented.needs_body_hash() => Some(sigv4::body_hash(body)),
            _ => None,
        };
        let chunks = self.inner.verifier.verify(
            parts,
            &presented,
            signer.secret(),
            now,
            body_hash.as_ref().map(HexHash::as_str),
        )?;
        refuse_in_session(service, &signer.caller)?;
        self.note_signer(&signer, scope.service(), scope.region(), now);
        Ok(Authenticated {
            caller: signer.caller,
            service,
            payload: presented.payload,
            chunks,
            presigned: presented.presigned,
            signature: SignatureVersion::V4,
            signed_at: Some(presented.signed_at),
            anonymous: false,
            canonical_id: signer.canonical_id,
            transitive_tags: signer.transitive_tags,
        })
    }

    async fn verify_v2(
        &self,
        parts: &Parts,
        presented: sigv2::Presented,
        environment: Environment,
    ) -> Result<Authenticated, AuthFault> {
        // Only S3 ever took this version.
        if Service::of(parts, None) != Service::S3 {
            return Err(AuthError::UnsupportedMechanism.into());
        }
        let payload = unsigned_payload(parts)?;
        let now = environment.now;
        let token = presented.security_token.as_deref();
        let signer = self
            .signer(&presented.access_key_id, token, environment)
            .await?;
        let bucket = parts.extensions.get::<VirtualHostBucket>();
        sigv2::verify(
            parts,
            &presented,
            signer.secret(),
            now,
            bucket.map(|bucket| bucket.0.as_str()),
        )?;
        self.note_signer(&signer, Service::S3.name(), &self.inner.region, now);
        Ok(Authenticated {
            caller: signer.caller,
            service: Service::S3,
            payload,
            chunks: None,
            presigned: true,
            signature: SignatureVersion::V2,
            signed_at: None,
            anonymous: false,
            canonical_id: signer.canonical_id,
            transitive_tags: signer.transitive_tags,
        })
    }

    /// Whose credentials these are. A permanent key comes without a token, a temporary one with its
    /// own: everything else is refused.
    pub(crate) async fn signer(
        &self,
        access_key_id: &str,
        security_token: Option<&str>,
        environment: Environment,
    ) -> Result<Signer, AuthFault> {
        if let Some(token) = security_token {
            let acting = self.session(access_key_id, token, environment).await?;
            return Ok(Signer {
                credentials: Credentials::Temporary {
                    session: acting.session,
                    role: acting.role,
                },
                caller: acting.caller,
                canonical_id: acting.canonical_id,
                transitive_tags: acting.transitive_tags,
            });
        }
        let unknown = || AuthError::InvalidAccessKeyId {
            id: access_key_id.to_owned(),
        };
        if is_temporary(access_key_id) {
            return Err(unknown().into());
        }
        let identity = self
            .identity(access_key_id)
            .await
            .map_err(internal)?
            .filter(|identity| identity.active)
            .ok_or_else(unknown)?;
        Ok(Signer {
            caller: identity.caller(environment),
            canonical_id: identity.canonical_id.clone(),
            transitive_tags: Tags::new(),
            credentials: Credentials::Permanent(identity),
        })
    }

    pub(crate) fn note_signer(
        &self,
        signer: &Signer,
        service: &str,
        region: &str,
        now: OffsetDateTime,
    ) {
        match &signer.credentials {
            Credentials::Permanent(identity) => self.note_use(identity, service, region, now),
            Credentials::Temporary { role, .. } => {
                if let Some(role) = role {
                    self.note_role_use(role, service, region, now);
                }
            }
        }
    }

    pub(crate) fn environment(
        &self,
        parts: &Parts,
        conn: &Connection,
        now: OffsetDateTime,
    ) -> Environment {
        Environment {
            source_ip: Some(conn.client_ip.to_canonical()),
            secure_transport: conn.secure,
            user_agent: parts
                .headers
                .get(USER_AGENT)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            now,
            region: self.inner.region.clone(),
        }
    }
}

/// What a request says of its body whose signature, if any, says nothing of it. Clients without credentials still send trailing
/// checksums in unsigned chunks; signed chunks need a signature to begin with.
fn unsigned_payload(parts: &Parts) -> Result<Payload, AuthError> {
    let Some(value) = parts.headers.get("x-amz-content-sha256") else {
        return Ok(Payload::Unsigned);
    };
    let invalid = || AuthError::InvalidContentSha256 {
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    match value.to_str().map_err(|_| invalid())? {
        "UNSIGNED-PAYLOAD" => Ok(Payload::Unsigned),
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::ChunkedUnsignedTrailer),
        digest => {
            let mut bytes = [0u8; 32];
            hex::decode_to_slice(digest, &mut bytes).map_err(|_| invalid())?;
            Ok(Payload::Sha256(bytes))
        }
    }
}

/// Credentials of GetSessionToken and GetFederationToken cannot call IAM (without a second factor,
/// which does not exist here). AWS has no better word for it than that the token is not one.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html>
fn refuse_in_session(service: Service, caller: &Caller) -> Result<(), AuthError> {
    let of_role = matches!(caller.principal.kind, PrincipalKind::AssumedRole { .. });
    if service == Service::Iam && caller.session.is_some() && !of_role {
        return Err(AuthError::InvalidToken);
    }
    Ok(())
}

/// Does the form, or else the query, name an operation that needs no signature?
fn names_unsigned_operation(parts: &Parts, body: Option<&[u8]>) -> bool {
    let form = body
        .and_then(|body| std::str::from_utf8(body).ok())
        .map(Query::parse)
        .unwrap_or_default();
    match form.get("Action") {
        Some(action) => is_unsigned_operation(action),
        None => Query::of(&parts.uri)
            .get("Action")
            .is_some_and(is_unsigned_operation),
    }
}

fn anonymous(parts: &Parts, environment: Environment) -> Result<Authenticated, AuthFault> {
    Ok(nobody(Service::S3, unsigned_payload(parts)?, environment))
}

/// Who proves itself by a token in the form is nobody until the token is checked.
fn unsigned_sts(environment: Environment) -> Authenticated {
    nobody(Service::Sts, Payload::Whole, environment)
}

fn nobody(service: Service, payload: Payload, environment: Environment) -> Authenticated {
    Authenticated {
        caller: Caller::new(
            Principal {
                account_id: String::new(),
                kind: PrincipalKind::Anonymous,
                arn: "*".into(),
                id: "ANONYMOUS_PRINCIPAL".into(),
                access_key_id: None,
            },
            environment,
        ),
        service,
        payload,
        chunks: None,
        presigned: false,
        signature: SignatureVersion::None,
        signed_at: None,
        anonymous: true,
        canonical_id: ANONYMOUS_CANONICAL_ID.into(),
        transitive_tags: Tags::new(),
    }
}

/// The store failed: say so in the log, and not to a stranger.
pub(crate) fn internal(error: IamError) -> AuthFault {
    tracing::error!(detail = error.detail(), "identity lookup failed");
    AuthFault::Internal
}

//! AWS JSON 1.1 and Query front ends of KMS, IAM, STS and CloudTrail.
//!
//! [`AdminApi::serve`] takes a request of one of these services from its head to its answer:
//! reads the body (its signature covers it), authenticates, runs the operation, and answers in the
//! service's own protocol. The services authorize; every call is in the audit trail before it is
//! answered.

mod audit;
mod collect;
mod finish;
mod json;
pub mod operations;
mod query;
mod reply;
mod words;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body::Body;
use http_body_util::Full;
use sealgate_audit::Trail;
use sealgate_iam::{AuthFailure, AuthFault, Authenticated, Iam, Presentation, Service};
use sealgate_kms::Kms;
use sealgate_seal::wiping_stack;
use sealgate_wire::Connection;
use time::OffsetDateTime;

use finish::{Panicked, ToItsEnd};

pub use collect::{BodyFault, MAX_BODY, collect};
pub use sealgate_iam::CleartextSecrets;

/// The front of KMS, IAM, STS and CloudTrail. Cheap to clone.
#[derive(Clone)]
pub struct AdminApi {
    kms: Kms,
    iam: Iam,
    trail: Trail,
    region: Arc<str>,
    cleartext: CleartextSecrets,
}

impl AdminApi {
    /// A front of these services.
    pub fn new(
        kms: Kms,
        iam: Iam,
        trail: Trail,
        region: String,
        cleartext: CleartextSecrets,
    ) -> AdminApi {
        AdminApi {
            kms,
            iam,
            trail,
            region: region.into(),
            cleartext,
        }
    }

    /// The region it serves.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Answers a request that [`Presentation::service`] says is for one of these services.
    pub async fn serve<B>(
        &self,
        parts: Parts,
        body: B,
        conn: &Connection,
        now: OffsetDateTime,
        request_id: &str,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let presented = Presentation::of(&parts);
        let body = match collect(body).await {
            Ok(body) => body,
            Err(fault) => return self.body_error(presented.service(), fault, request_id),
        };
        let authenticated = self
            .iam
            .authenticate(&parts, presented, conn, now, Some(&body));
        match authenticated.await {
            Ok(auth) => self.handle(parts, body, auth, conn, request_id).await,
            Err(failure) => self.auth_error(&failure, request_id),
        }
    }

    /// Answers a request whose sender is known. The body must be the one that was authenticated.
    pub async fn handle(
        &self,
        parts: Parts,
        body: Bytes,
        auth: Authenticated,
        conn: &Connection,
        request_id: &str,
    ) -> Response<Full<Bytes>> {
        let (service, api, conn, id) = (
            auth.service,
            self.clone(),
            conn.clone(),
            request_id.to_owned(),
        );
        // A client that hangs up ends the future of its request: a change that was begun is also recorded,
        // whether or not anybody waits for the answer.
        let operation = ToItsEnd::new(wiping_stack(async move {
            api.run(&parts, &body, &auth, &conn, &id).await
        }));
        operation.await.unwrap_or_else(|Panicked| {
            tracing::error!(request_id, "an operation did not come to its end");
            let failure = AuthFailure {
                service,
                error: AuthFault::Internal,
            };
            self.auth_error(&failure, request_id)
        })
    }

    async fn run(
        &self,
        parts: &Parts,
        body: &[u8],
        auth: &Authenticated,
        conn: &Connection,
        request_id: &str,
    ) -> Response<Full<Bytes>> {
        match auth.service {
            Service::Kms => json::kms::handle(self, parts, body, auth, conn, request_id).await,
            Service::CloudTrail => {
                json::cloudtrail::handle(self, parts, body, auth, request_id).await
            }
            // S3 never gets here; if it did, an answer in XML would be its form.
            Service::Iam | Service::Sts | Service::S3 => {
                query::handle(self, parts, body, auth, conn, request_id).await
            }
        }
    }

    /// Answers a request whose sender is not known.
    pub fn auth_error(&self, failure: &AuthFailure, request_id: &str) -> Response<Full<Bytes>> {
        match failure.service {
            Service::Kms | Service::CloudTrail => json::auth_error(&failure.error, request_id),
            service => query::auth_error(service, &failure.error, request_id),
        }
    }

    /// Answers a request whose body was not taken.
    pub fn body_error(
        &self,
        service: Service,
        fault: BodyFault,
        request_id: &str,
    ) -> Response<Full<Bytes>> {
        let message = fault.to_string();
        match service {
            Service::Kms | Service::CloudTrail => json::failure(
                fault.status(),
                "SerializationException",
                &message,
                request_id,
            ),
            service => query::body_error(service, fault.status(), &message, request_id),
        }
    }
}

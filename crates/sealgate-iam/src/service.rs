//! Which API a request is for: the one that its signature's credential scope names.

use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use sealgate_wire::Query;
use sealgate_wire::sigv2::VirtualHostBucket;
use sealgate_wire::sigv4::Presented;

/// The operations of STS that a request may ask for without a signature: what it says is proved by a
/// token or an assertion among its parameters.
const UNSIGNED_OPERATIONS: [&str; 2] = ["AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"];

/// True for operations that need no signature.
pub(crate) fn is_unsigned_operation(action: &str) -> bool {
    UNSIGNED_OPERATIONS.contains(&action)
}

/// The APIs behind the one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Objects and buckets.
    S3,
    /// Keys.
    Kms,
    /// Identities.
    Iam,
    /// Who am I, and sessions.
    Sts,
    /// The audit trail.
    CloudTrail,
}

impl Service {
    /// The name in a credential scope.
    pub fn name(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::Kms => "kms",
            Service::Iam => "iam",
            Service::Sts => "sts",
            Service::CloudTrail => "cloudtrail",
        }
    }

    /// Reads the name in a credential scope.
    pub fn from_name(name: &str) -> Option<Service> {
        match name {
            "s3" => Some(Service::S3),
            "kms" => Some(Service::Kms),
            "iam" => Some(Service::Iam),
            "sts" => Some(Service::Sts),
            "cloudtrail" => Some(Service::CloudTrail),
            _ => None,
        }
    }

    /// The service an answer should be shaped for: as the signature says, or, where there is none
    /// (or an unreadable one), as the request looks.
    pub fn of(parts: &Parts, presented: Option<&Presented>) -> Service {
        presented
            .and_then(|presented| Service::from_name(presented.scope.service()))
            .unwrap_or_else(|| Service::by_shape(parts))
    }

    /// What an unsigned request is by its looks: the JSON services name their target in a header;
    /// a form posted to `/` speaks the Query protocol, and so does a query there that names an
    /// operation which needs no signature. Everything else is S3.
    fn by_shape(parts: &Parts) -> Service {
        if let Some(target) = parts
            .headers
            .get("x-amz-target")
            .and_then(|value| value.to_str().ok())
        {
            if target.starts_with("TrentService.") {
                return Service::Kms;
            }
            if target.contains("CloudTrail_") {
                return Service::CloudTrail;
            }
        }
        let form = parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        if form && parts.method == Method::POST && parts.uri.path() == "/" {
            return Service::Sts;
        }
        let in_query = parts.method == Method::GET
            && parts.uri.path() == "/"
            && parts.extensions.get::<VirtualHostBucket>().is_none()
            && Query::of(&parts.uri)
                .get("Action")
                .is_some_and(is_unsigned_operation);
        if in_query {
            return Service::Sts;
        }
        Service::S3
    }

    /// Must the body be in hand before the signature can be checked? (The signatures of these
    /// services cover a hash of the body that no header carries.)
    pub fn signs_body(self) -> bool {
        self != Service::S3
    }
}

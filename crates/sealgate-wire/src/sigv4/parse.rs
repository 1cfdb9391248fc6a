//! What a request presents as its authentication, of the `Authorization` header or of the query.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;
use time::OffsetDateTime;

use super::timestamps::{parse_basic, parse_date_header, parse_day};
use super::{AuthError, Payload, Presented, Scope};
use crate::query::Query;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const CONTENT_SHA256: &str = "x-amz-content-sha256";
/// A week, the longest that a presigned request may be valid.
const MAX_EXPIRES: u32 = 604_800;
/// The parameters of a presigned URL; each may come once.
const PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// Parses what a request presents. `None` is an anonymous request: no `Authorization` header, and none
/// of `X-Amz-Signature`, `X-Amz-Algorithm`, `X-Amz-Credential` in the query.
pub fn parse(parts: &Parts) -> Result<Option<Presented>, AuthError> {
    let query = Query::of(&parts.uri);
    let presigned = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"]
        .iter()
        .any(|name| query.has(name));
    let version_2 = query.has("AWSAccessKeyId") && query.has("Signature");
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    match (headers.next(), headers.next(), presigned || version_2) {
        (None, _, false) => Ok(None),
        (None, _, true) if presigned => from_query(parts, &query).map(Some),
        (None, _, true) => Err(AuthError::UnsupportedMechanism),
        (Some(_), Some(_), _) | (Some(_), _, true) => Err(AuthError::SeveralMechanisms),
        (Some(header), None, false) => {
            let header = header
                .to_str()
                .map_err(|_| malformed("the header has characters that are not allowed."))?;
            from_header(parts, header).map(Some)
        }
    }
}

fn malformed(reason: &str) -> AuthError {
    AuthError::AuthorizationHeaderMalformed {
        reason: reason.to_owned(),
        region: None,
    }
}

fn query_error(reason: impl Into<String>) -> AuthError {
    AuthError::AuthorizationQueryParametersError {
        reason: reason.into(),
        region: None,
    }
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
fn from_header(parts: &Parts, header: &str) -> Result<Presented, AuthError> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    match scheme {
        ALGORITHM => {}
        "AWS" => return Err(AuthError::UnsupportedMechanism),
        // SigV4A and whatever AWS invents next.
        _ if scheme.starts_with("AWS4-") => return Err(AuthError::UnsupportedMechanism),
        _ => {
            return Err(AuthError::UnsupportedAuthorizationType {
                scheme: scheme.to_owned(),
            });
        }
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for item in rest.split(',') {
        let slot = match item.trim().split_once('=') {
            Some(("Credential", value)) => credential.replace(value),
            Some(("SignedHeaders", value)) => signed_headers.replace(value),
            Some(("Signature", value)) => signature.replace(value),
            _ => None,
        };
        if slot.is_some() {
            return Err(malformed("a component is there twice."));
        }
    }
    let (Some(credential), Some(signed_headers), Some(signature)) =
        (credential, signed_headers, signature)
    else {
        return Err(malformed(
            "the authorization header requires three components: Credential, SignedHeaders, and Signature.",
        ));
    };
    let scope = parse_scope(credential).map_err(|reason| malformed(&reason))?;
    let signed_at = header_date(&parts.headers)?;
    check_day(&scope, signed_at).map_err(|reason| malformed(&reason))?;
    check_signed_headers(signed_headers).map_err(malformed)?;
    let (payload, payload_hash) = match (scope.service(), single(&parts.headers, CONTENT_SHA256)?) {
        ("s3", None) => return Err(AuthError::MissingContentSha256),
        ("s3", Some(value)) => (parse_payload(value)?, value.to_owned()),
        (_, _) => (Payload::Whole, String::new()),
    };
    Ok(Presented {
        scope,
        presigned: false,
        security_token: single(&parts.headers, "x-amz-security-token")?.map(str::to_owned),
        payload,
        signed_at,
        expires: None,
        signed_headers: signed_headers.to_owned(),
        payload_hash,
        signature: signature.to_owned(),
    })
}

/// `X-Amz-Algorithm=…&X-Amz-Credential=…&X-Amz-Date=…&X-Amz-Expires=…&X-Amz-SignedHeaders=…&X-Amz-Signature=…`
fn from_query(parts: &Parts, query: &Query) -> Result<Presented, AuthError> {
    for name in PARAMETERS {
        if query.get_all(name).count() > 1 {
            return Err(query_error(format!("{name} was given more than once.")));
        }
    }
    let (
        Some(algorithm),
        Some(credential),
        Some(date),
        Some(expires),
        Some(signed_headers),
        Some(signature),
    ) = (
        query.get("X-Amz-Algorithm"),
        query.get("X-Amz-Credential"),
        query.get("X-Amz-Date"),
        query.get("X-Amz-Expires"),
        query.get("X-Amz-SignedHeaders"),
        query.get("X-Amz-Signature"),
    )
    else {
        return Err(query_error(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ));
    };
    if algorithm != ALGORITHM {
        return Err(query_error(
            "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"",
        ));
    }
    let scope = parse_scope(credential).map_err(|reason| {
        query_error(format!(
            "Error parsing the X-Amz-Credential parameter; {reason}"
        ))
    })?;
    let signed_at = parse_basic(date).ok_or_else(|| {
        query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    check_day(&scope, signed_at).map_err(query_error)?;
    check_signed_headers(signed_headers).map_err(query_error)?;
    let expires = parse_expires(expires)?;
    // The hash may come as a (signed) header or, from some SDKs, as a parameter.
    let sha256 = match single(&parts.headers, CONTENT_SHA256)? {
        Some(value) => value,
        None => query.get("X-Amz-Content-Sha256").unwrap_or(UNSIGNED),
    };
    let (payload, payload_hash) = if scope.service() == "s3" {
        (parse_payload(sha256)?, sha256.to_owned())
    } else {
        (Payload::Whole, String::new())
    };
    Ok(Presented {
        scope,
        presigned: true,
        security_token: query.get("X-Amz-Security-Token").map(str::to_owned),
        payload,
        signed_at,
        expires: Some(expires),
        signed_headers: signed_headers.to_owned(),
        payload_hash,
        signature: signature.to_owned(),
    })
}

/// Each header is named once. The value of a header stands in the canonical request as often as its
/// name does, so a few kilobytes that repeat one name would become hundreds of megabytes to hash, for
/// a sender who need not know any secret.
fn check_signed_headers(names: &str) -> Result<(), &'static str> {
    if names.is_empty() {
        return Err("SignedHeaders is empty.");
    }
    let lowered: Cow<'_, str> = match names.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => names.to_ascii_lowercase().into(),
        false => names.into(),
    };
    let names = &*lowered;
    let mut names: Vec<&str> = names.split(';').collect();
    names.sort_unstable();
    if names.array_windows().any(|[one, next]| one == next) {
        return Err("SignedHeaders names a header more than once.");
    }
    Ok(())
}

fn parse_expires(text: &str) -> Result<u32, AuthError> {
    if text.starts_with('-') || text == "0" {
        return Err(query_error(
            "X-Amz-Expires must be non-negative and not zero",
        ));
    }
    if text.is_empty() || !text.bytes().all(|c| c.is_ascii_digit()) {
        return Err(query_error("X-Amz-Expires should be a number"));
    }
    match text.parse::<u32>() {
        Ok(0) => Err(query_error(
            "X-Amz-Expires must be non-negative and not zero",
        )),
        Ok(seconds) if seconds <= MAX_EXPIRES => Ok(seconds),
        _ => Err(query_error(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
        )),
    }
}

/// `AKID/20130524/us-east-1/s3/aws4_request`
pub(crate) fn parse_scope(credential: &str) -> Result<Scope, String> {
    let mut slashes = memchr::memchr_iter(b'/', credential.as_bytes());
    let (Some(id), Some(day), Some(region), Some(service), None) = (
        slashes.next(),
        slashes.next(),
        slashes.next(),
        slashes.next(),
        slashes.next(),
    ) else {
        return Err("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".".to_owned());
    };
    let scope = Scope {
        credential: credential.to_owned(),
        ends: [id, day, region, service],
    };
    let terminal = scope.part(service, credential.len());
    if terminal != "aws4_request" {
        return Err(format!(
            "incorrect terminal \"{terminal}\". This endpoint uses \"aws4_request\"."
        ));
    }
    if parse_day(scope.date()).is_none() {
        return Err(format!(
            "incorrect date format \"{}\". This date in the credential must be in the format \"yyyyMMdd\".",
            scope.date()
        ));
    }
    if [scope.access_key_id(), scope.region(), scope.service()].contains(&"") {
        return Err("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".".to_owned());
    }
    Ok(scope)
}

fn check_day(scope: &Scope, signed_at: OffsetDateTime) -> Result<(), String> {
    let day = super::timestamps::basic(signed_at);
    match day.get(..8) {
        Some(day) if day == scope.date() => Ok(()),
        day => Err(format!(
            "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
            scope.date(),
            day.unwrap_or_default()
        )),
    }
}

fn header_date(headers: &HeaderMap) -> Result<OffsetDateTime, AuthError> {
    let date = match single(headers, "x-amz-date")? {
        Some(text) => parse_basic(text),
        None => single(headers, DATE.as_str())?.and_then(parse_date_header),
    };
    date.ok_or(AuthError::MissingDate)
}

/// The value of a header of authentication: text, and there once.
fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, AuthError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text.trim())),
            Err(_) => Err(AuthError::MissingSecurityHeader { header: name }),
        },
        (Some(_), Some(_)) => Err(AuthError::MissingSecurityHeader { header: name }),
    }
}

fn parse_payload(value: &str) -> Result<Payload, AuthError> {
    match value {
        UNSIGNED => Ok(Payload::Unsigned),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Payload::ChunkedSigned { trailer: false }),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
            Ok(Payload::ChunkedSigned { trailer: true })
        }
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::ChunkedUnsignedTrailer),
        _ => {
            let mut hash = [0; 32];
            match hex::decode_to_slice(value, &mut hash) {
                Ok(()) => Ok(Payload::Sha256(hash)),
                Err(_) => Err(AuthError::InvalidContentSha256 {
                    value: value.to_owned(),
                }),
            }
        }
    }
}

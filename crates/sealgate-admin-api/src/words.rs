//! The words that the JSON and Query protocols have for a failed authentication, and for what is
//! not implemented. S3's own words are in `sealgate-wire`.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>

use sealgate_iam::AuthFault;
use sealgate_wire::sigv4::AuthError;

/// One fault, in both protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthWords {
    /// `__type` of the JSON protocol.
    pub json_code: &'static str,
    /// Status of the JSON protocol.
    pub json_status: u16,
    /// `Code` of the Query protocol.
    pub query_code: &'static str,
    /// Status of the Query protocol.
    pub query_status: u16,
    /// The sentence for the client.
    pub message: String,
}

const TOKEN_INVALID: &str = "The security token included in the request is invalid.";
const SIGNATURE_WRONG: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

/// The words for a fault.
pub fn auth(fault: &AuthFault) -> AuthWords {
    let error = match fault {
        AuthFault::Refused(error) => error,
        AuthFault::MissingAuthenticationToken => {
            return words(
                ("MissingAuthenticationTokenException", 400),
                ("MissingAuthenticationToken", 403),
                "Request is missing Authentication Token",
            );
        }
        AuthFault::Internal => return internal(),
    };
    match error {
        AuthError::InvalidAccessKeyId { .. } | AuthError::InvalidToken => words(
            ("UnrecognizedClientException", 400),
            ("InvalidClientTokenId", 403),
            TOKEN_INVALID,
        ),
        AuthError::ExpiredToken => words(
            ("ExpiredTokenException", 400),
            ("ExpiredToken", 403),
            "The security token included in the request is expired",
        ),
        AuthError::SignatureDoesNotMatch { .. } => signature(SIGNATURE_WRONG),
        AuthError::RequestTimeTooSkewed {
            request_time,
            server_time,
        } => {
            let server_time = basic(server_time);
            // Both have one form, in which the earlier is the lesser.
            signature(&if *request_time < server_time {
                format!(
                    "Signature expired: {request_time} is now earlier than {server_time} - 15 min."
                )
            } else {
                not_yet_current(request_time, &server_time)
            })
        }
        AuthError::Expired {
            expires,
            server_time,
            ..
        } => signature(&format!(
            "Signature expired: {} is now earlier than {}.",
            basic(expires),
            basic(server_time)
        )),
        AuthError::NotYetValid {
            request_time,
            server_time,
        } => signature(&not_yet_current(request_time, &basic(server_time))),
        AuthError::HeadersNotSigned { headers } => signature(&format!(
            "'{headers}' must be a 'SignedHeader' in the AWS Authorization."
        )),
        AuthError::AuthorizationHeaderMalformed {
            region: Some(region),
            ..
        }
        | AuthError::AuthorizationQueryParametersError {
            region: Some(region),
            ..
        } => signature(&format!(
            "Credential should be scoped to a valid region. This endpoint serves '{region}'."
        )),
        AuthError::BodyHashRequired => internal(),
        other => words(
            ("IncompleteSignatureException", 400),
            ("IncompleteSignature", 400),
            &other.message(),
        ),
    }
}

fn not_yet_current(request_time: &str, server_time: &str) -> String {
    format!("Signature not yet current: {request_time} is still later than {server_time} + 15 min.")
}

/// A time as requests have it, `YYYYMMDDTHHMMSSZ`, from how S3 shows it.
fn basic(time: &str) -> String {
    time.chars().filter(|c| !"-:".contains(*c)).collect()
}

fn signature(message: &str) -> AuthWords {
    words(
        ("InvalidSignatureException", 400),
        ("SignatureDoesNotMatch", 403),
        message,
    )
}

fn internal() -> AuthWords {
    words(
        ("InternalFailure", 500),
        ("InternalFailure", 500),
        "The request processing has failed because of an unknown error, exception or failure.",
    )
}

fn words(json: (&'static str, u16), query: (&'static str, u16), message: &str) -> AuthWords {
    AuthWords {
        json_code: json.0,
        json_status: json.1,
        query_code: query.0,
        query_status: query.1,
        message: message.to_owned(),
    }
}

/// The sentence for an operation of AWS that is not implemented.
pub fn not_implemented(api: &str, operation: &str) -> String {
    format!("{api} operation {operation} is not implemented by Sealgate yet.")
}

/// The sentence for a secret that would travel in the clear.
pub const CLEARTEXT: &str = "This request or its answer carries secrets and must be made over TLS. Over plain HTTP it is accepted only as the setting cleartext_secrets of the gateway says (by default: from this machine).";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_fault_has_words_in_both_protocols() {
        let text = || "x".to_owned();
        let table = [
            (
                AuthFault::MissingAuthenticationToken,
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
            ),
            (AuthFault::Internal, "InternalFailure", "InternalFailure"),
            (
                AuthError::InvalidAccessKeyId { id: text() }.into(),
                "UnrecognizedClientException",
                "InvalidClientTokenId",
            ),
            (
                AuthError::InvalidToken.into(),
                "UnrecognizedClientException",
                "InvalidClientTokenId",
            ),
            (
                AuthError::ExpiredToken.into(),
                "ExpiredTokenException",
                "ExpiredToken",
            ),
            (
                AuthError::SignatureDoesNotMatch {
                    access_key_id: text(),
                    string_to_sign: text(),
                    provided: text(),
                }
                .into(),
                "InvalidSignatureException",
                "SignatureDoesNotMatch",
            ),
            (
                AuthError::RequestTimeTooSkewed {
                    request_time: "20260101T000000Z".into(),
                    server_time: "2026-01-01T01:00:00Z".into(),
                }
                .into(),
                "InvalidSignatureException",
                "SignatureDoesNotMatch",
            ),
            (
                AuthError::AuthorizationHeaderMalformed {
                    reason: text(),
                    region: Some(text()),
                }
                .into(),
                "InvalidSignatureException",
                "SignatureDoesNotMatch",
            ),
            (
                AuthError::AuthorizationHeaderMalformed {
                    reason: text(),
                    region: None,
                }
                .into(),
                "IncompleteSignatureException",
                "IncompleteSignature",
            ),
            (
                AuthError::MissingDate.into(),
                "IncompleteSignatureException",
                "IncompleteSignature",
            ),
            (
                AuthError::SeveralMechanisms.into(),
                "IncompleteSignatureException",
                "IncompleteSignature",
            ),
            (
                AuthError::BodyHashRequired.into(),
                "InternalFailure",
                "InternalFailure",
            ),
        ];
        for (fault, json, query) in table {
            let words = auth(&fault);
            assert_eq!(
                (words.json_code, words.query_code),
                (json, query),
                "{fault:?}"
            );
            assert!(!words.message.is_empty());
        }
    }

    #[test]
    fn a_wrong_clock_is_told_which_way_it_is_wrong() {
        let message = |request_time: &str| {
            let server_time = "2026-11-30T17:00:00Z".into();
            let request_time = request_time.into();
            let error = AuthError::RequestTimeTooSkewed {
                request_time,
                server_time,
            };
            auth(&error.into()).message
        };
        assert_eq!(
            message("20261130T163000Z"),
            "Signature expired: 20261130T163000Z is now earlier than 20261130T170000Z - 15 min."
        );
        assert_eq!(
            message("20261130T173000Z"),
            "Signature not yet current: 20261130T173000Z is still later than 20261130T170000Z + 15 min."
        );
    }

    #[test]
    fn the_answer_to_a_wrong_signature_shows_nothing_of_what_we_signed() {
        let words = auth(
            &AuthError::SignatureDoesNotMatch {
                access_key_id: "AKIA".into(),
                string_to_sign: "canonical".into(),
                provided: "abc".into(),
            }
            .into(),
        );
        assert_eq!(words.message, SIGNATURE_WRONG);
    }
}

//! Why a request's signature was not accepted, in the words of S3.
//!
//! Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>

/// A refused authentication. Services other than S3 have other codes for the same reasons; their front
/// maps the variants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// `x-amz-*` headers that the signature does not cover could have been added by anyone.
    #[error("There were headers present in the request which were not signed")]
    HeadersNotSigned {
        /// The names, comma-separated.
        headers: String,
    },
    /// A presigned request after its time.
    #[error("Request has expired")]
    Expired {
        /// The lifetime asked for, in seconds.
        lifetime: u32,
        /// When it ended.
        expires: String,
        /// The time here.
        server_time: String,
    },
    /// A presigned URL of Version 2 after its time.
    #[error("Request has expired")]
    LinkExpired {
        /// When it ended.
        expires: String,
        /// The time here.
        server_time: String,
    },
    /// A presigned URL of Version 2 whose parameters are not acceptable.
    #[error("{reason}")]
    QueryAuthMalformed {
        /// What is wrong.
        reason: String,
    },
    /// A presigned request from the future.
    #[error("Request is not valid yet")]
    NotYetValid {
        /// When it was signed.
        request_time: String,
        /// The time here.
        server_time: String,
    },
    /// Neither `x-amz-date` nor `Date`, or not a date.
    #[error("AWS authentication requires a valid Date or x-amz-date header")]
    MissingDate,
    /// The signature is another one.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )]
    SignatureDoesNotMatch {
        /// The key that was named.
        access_key_id: String,
        /// What we signed. (Not the canonical request, in which customer keys may stand.)
        string_to_sign: String,
        /// The signature that came.
        provided: String,
    },
    /// The clocks differ by more than 15 minutes.
    #[error("The difference between the request time and the current time is too large.")]
    RequestTimeTooSkewed {
        /// When it was signed.
        request_time: String,
        /// The time here.
        server_time: String,
    },
    /// The `Authorization` header does not parse or names what is not here.
    #[error("The authorization header is malformed; {reason}")]
    AuthorizationHeaderMalformed {
        /// What is wrong.
        reason: String,
        /// The region to sign for, where that was wrong.
        region: Option<String>,
    },
    /// The same for the parameters of a presigned URL.
    #[error("{reason}")]
    AuthorizationQueryParametersError {
        /// What is wrong.
        reason: String,
        /// The region to sign for, where that was wrong.
        region: Option<String>,
    },
    /// A field of a form's signature that is missing, does not parse or names another place.
    #[error("{message}")]
    FormField {
        /// What is wrong.
        message: String,
        /// The field.
        name: &'static str,
        /// Its value.
        value: String,
        /// The region to sign for, where that was wrong.
        region: Option<String>,
    },
    /// No such access key, or it is not active.
    #[error("The AWS Access Key Id you provided does not exist in our records.")]
    InvalidAccessKeyId {
        /// The key that was named.
        id: String,
    },
    /// A session token that is not one.
    #[error("The provided token is malformed or otherwise invalid.")]
    InvalidToken,
    /// A session token after its time.
    #[error("The provided token has expired.")]
    ExpiredToken,
    /// A header that authentication needs.
    #[error("Your request was missing a required header: {header}")]
    MissingSecurityHeader {
        /// Its name.
        header: &'static str,
    },
    /// S3 requests say what their signature covers.
    #[error("Missing required header for this request: x-amz-content-sha256")]
    MissingContentSha256,
    /// `x-amz-content-sha256` is none of the values that AWS defines.
    #[error(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value."
    )]
    InvalidContentSha256 {
        /// What came.
        value: String,
    },
    /// Signature Version 2 (but for presigned URLs, [`crate::sigv2`]) or 4A.
    #[error(
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    )]
    UnsupportedMechanism,
    /// An `Authorization` header of another scheme, such as `Basic`.
    #[error("Unsupported Authorization Type")]
    UnsupportedAuthorizationType {
        /// The header's first word.
        scheme: String,
    },
    /// Both a header and query parameters.
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
    )]
    SeveralMechanisms,
    /// The service signs the hash of its body, and the front did not give it: a fault of ours.
    #[error("We encountered an internal error. Please try again.")]
    BodyHashRequired,
}

impl AuthError {
    /// The code of S3.
    pub fn code(&self) -> &'static str {
        match self {
            AuthError::HeadersNotSigned { .. }
            | AuthError::Expired { .. }
            | AuthError::LinkExpired { .. }
            | AuthError::QueryAuthMalformed { .. }
            | AuthError::NotYetValid { .. }
            | AuthError::MissingDate => "AccessDenied",
            AuthError::SignatureDoesNotMatch { .. } => "SignatureDoesNotMatch",
            AuthError::RequestTimeTooSkewed { .. } => "RequestTimeTooSkewed",
            AuthError::AuthorizationHeaderMalformed { .. } => "AuthorizationHeaderMalformed",
            AuthError::AuthorizationQueryParametersError { .. } => {
                "AuthorizationQueryParametersError"
            }
            AuthError::InvalidAccessKeyId { .. } => "InvalidAccessKeyId",
            AuthError::InvalidToken => "InvalidToken",
            AuthError::ExpiredToken => "ExpiredToken",
            AuthError::MissingSecurityHeader { .. } => "MissingSecurityHeader",
            AuthError::MissingContentSha256 | AuthError::UnsupportedMechanism => "InvalidRequest",
            AuthError::InvalidContentSha256 { .. }
            | AuthError::FormField { .. }
            | AuthError::UnsupportedAuthorizationType { .. }
            | AuthError::SeveralMechanisms => "InvalidArgument",
            AuthError::BodyHashRequired => "InternalError",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            AuthError::HeadersNotSigned { .. }
            | AuthError::Expired { .. }
            | AuthError::LinkExpired { .. }
            | AuthError::QueryAuthMalformed { .. }
            | AuthError::NotYetValid { .. }
            | AuthError::MissingDate
            | AuthError::SignatureDoesNotMatch { .. }
            | AuthError::RequestTimeTooSkewed { .. }
            | AuthError::InvalidAccessKeyId { .. } => 403,
            AuthError::BodyHashRequired => 500,
            _ => 400,
        }
    }

    /// The sentence for the client.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// Further elements of the XML error, in order.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            AuthError::HeadersNotSigned { headers } => {
                vec![("HeadersNotSigned", headers.clone())]
            }
            AuthError::Expired {
                lifetime,
                expires,
                server_time,
            } => vec![
                ("X-Amz-Expires", lifetime.to_string()),
                ("Expires", expires.clone()),
                ("ServerTime", server_time.clone()),
            ],
            AuthError::LinkExpired {
                expires,
                server_time,
            } => vec![
                ("Expires", expires.clone()),
                ("ServerTime", server_time.clone()),
            ],
            AuthError::NotYetValid {
                request_time,
                server_time,
            } => vec![
                ("X-Amz-Date", request_time.clone()),
                ("ServerTime", server_time.clone()),
            ],
            AuthError::SignatureDoesNotMatch {
                access_key_id,
                string_to_sign,
                provided,
            } => vec![
                ("AWSAccessKeyId", access_key_id.clone()),
                ("StringToSign", string_to_sign.clone()),
                ("SignatureProvided", provided.clone()),
            ],
            AuthError::RequestTimeTooSkewed {
                request_time,
                server_time,
            } => vec![
                ("RequestTime", request_time.clone()),
                ("ServerTime", server_time.clone()),
                ("MaxAllowedSkewMilliseconds", "900000".to_owned()),
            ],
            AuthError::AuthorizationHeaderMalformed { region, .. }
            | AuthError::AuthorizationQueryParametersError { region, .. } => region
                .iter()
                .map(|region| ("Region", region.clone()))
                .collect(),
            AuthError::FormField {
                name,
                value,
                region,
                ..
            } => [
                ("ArgumentName", (*name).to_owned()),
                ("ArgumentValue", value.clone()),
            ]
            .into_iter()
            .chain(region.iter().map(|region| ("Region", region.clone())))
            .collect(),
            AuthError::InvalidAccessKeyId { id } => vec![("AWSAccessKeyId", id.clone())],
            AuthError::MissingSecurityHeader { header } => {
                vec![("MissingHeaderName", (*header).to_owned())]
            }
            AuthError::InvalidContentSha256 { value } => vec![
                ("ArgumentName", "x-amz-content-sha256".to_owned()),
                ("ArgumentValue", value.clone()),
            ],
            AuthError::UnsupportedAuthorizationType { scheme } => vec![
                ("ArgumentName", "Authorization".to_owned()),
                ("ArgumentValue", scheme.clone()),
            ],
            _ => Vec::new(),
        }
    }
}

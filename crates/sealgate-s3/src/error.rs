//! The errors of S3: one table of codes, statuses and messages.
//!
//! Codes and statuses are those of AWS's
//! [list of error codes](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).

use http::StatusCode;
use sealgate_blobs::BlobError;
use sealgate_index::IndexError;
use sealgate_kms::KmsError;
use sealgate_sse::SseError;
use sealgate_wire::payload::PayloadError;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $status:literal $message:literal;)*) => {
        /// An error code of S3.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* #[doc = $message] $name,)* }

        impl Code {
            /// As it stands in the answer.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// AWS's words where nothing more precise is known.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported "AccessControlListNotSupported" 400 "The bucket does not allow ACLs";
    AccessDenied "AccessDenied" 403 "Access Denied";
    AccessForbidden "AccessForbidden" 403 "Access forbidden";
    BadDigest "BadDigest" 400 "The Content-MD5 or checksum value that you specified did not match what the server received.";
    BadRequest "BadRequest" 400 "Bad Request";
    BucketAlreadyExists "BucketAlreadyExists" 409 "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.";
    BucketAlreadyOwnedByYou "BucketAlreadyOwnedByYou" 409 "Your previous request to create the named bucket succeeded and you already own it.";
    BucketNotEmpty "BucketNotEmpty" 409 "The bucket you tried to delete is not empty";
    ConditionalRequestConflict "ConditionalRequestConflict" 409 "The conditional request cannot succeed due to a conflicting operation against this resource.";
    EntityTooLarge "EntityTooLarge" 400 "Your proposed upload exceeds the maximum allowed size";
    EntityTooSmall "EntityTooSmall" 400 "Your proposed upload is smaller than the minimum allowed size";
    IdMismatch "IdMismatch" 400 "Document ID does not match the specified configuration ID.";
    IllegalVersioningConfiguration "IllegalVersioningConfigurationException" 400 "The Versioning element must be specified";
    IllegalLocationConstraint "IllegalLocationConstraintException" 400 "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.";
    InsufficientStorage "InsufficientStorage" 507 "The storage behind the gateway is full.";
    InternalError "InternalError" 500 "We encountered an internal error. Please try again.";
    InvalidArgument "InvalidArgument" 400 "Invalid Argument";
    InvalidBucketAcl "InvalidBucketAclWithObjectOwnership" 400 "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
    InvalidBucketAclWithBlock "InvalidBucketAclWithBlockPublicAccessError" 400 "Bucket cannot have public ACLs set with BlockPublicAccess enabled";
    InvalidBucketName "InvalidBucketName" 400 "The specified bucket is not valid.";
    InvalidBucketOwner "InvalidBucketOwnerAWSAccountID" 400 "The value of the expected bucket owner parameter must be an AWS Account ID";
    InvalidBucketState "InvalidBucketState" 409 "The request is not valid with the current state of the bucket.";
    InvalidConfigurationId "InvalidConfigurationId" 400 "The specified configuration id is invalid.";
    InvalidDigest "InvalidDigest" 400 "The Content-MD5 you specified was invalid.";
    InvalidEncryptionAlgorithm "InvalidEncryptionAlgorithmError" 400 "The Encryption request you specified is not valid. Supported value: AES256.";
    InvalidLocationConstraint "InvalidLocationConstraint" 400 "The specified location-constraint is not valid";
    InvalidObjectState "InvalidObjectState" 403 "The operation is not valid for the current state of the object.";
    InvalidPart "InvalidPart" 400 "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    InvalidPartNumber "InvalidPartNumber" 416 "The requested partnumber is not satisfiable";
    InvalidPartOrder "InvalidPartOrder" 400 "The list of parts was not in ascending order. Parts must be ordered by part number.";
    InvalidPolicyDocument "InvalidPolicyDocument" 400 "The content of the form does not meet the conditions specified in the policy document.";
    InvalidRedirectLocation "InvalidRedirectLocation" 400 "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.";
    InvalidRange "InvalidRange" 416 "The requested range is not satisfiable";
    InvalidRequest "InvalidRequest" 400 "Invalid Request";
    InvalidStorageClass "InvalidStorageClass" 400 "The storage class you specified is not valid";
    InvalidTag "InvalidTag" 400 "The tag provided was not a valid tag. This error can occur if the tag did not pass input validation.";
    InvalidUri "InvalidURI" 400 "Couldn't parse the specified URI.";
    KeyTooLong "KeyTooLongError" 400 "Your key is too long";
    InvalidTargetBucketForLogging "InvalidTargetBucketForLogging" 400 "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate grants for the log-delivery group.";
    MalformedAcl "MalformedACLError" 400 "The XML you provided was not well-formed or did not validate against our published schema";
    MalformedPolicy "MalformedPolicy" 400 "This policy contains invalid Json";
    MalformedPostRequest "MalformedPOSTRequest" 400 "The body of your POST request is not well-formed multipart/form-data.";
    MalformedXml "MalformedXML" 400 "The XML you provided was not well-formed or did not validate against our published schema";
    /// As S3 sends it; its list of codes says `MaxPostPreDataLengthExceededError`.
    MaxPostPreDataLengthExceeded "MaxPostPreDataLengthExceeded" 400 "Your POST request fields preceeding the upload file was too large.";
    MetadataTooLarge "MetadataTooLarge" 400 "Your metadata headers exceed the maximum allowed metadata size";
    MethodNotAllowed "MethodNotAllowed" 405 "The specified method is not allowed against this resource.";
    MissingContentLength "MissingContentLength" 411 "You must provide the Content-Length HTTP header.";
    MissingSecurityHeader "MissingSecurityHeader" 400 "Your request was missing a required header";
    NoSuchBucket "NoSuchBucket" 404 "The specified bucket does not exist";
    NoSuchBucketPolicy "NoSuchBucketPolicy" 404 "The bucket policy does not exist";
    NoSuchConfiguration "NoSuchConfiguration" 404 "The specified configuration does not exist.";
    NoSuchCorsConfiguration "NoSuchCORSConfiguration" 404 "The CORS configuration does not exist";
    NoSuchLifecycleConfiguration "NoSuchLifecycleConfiguration" 404 "The lifecycle configuration does not exist";
    NoSuchKey "NoSuchKey" 404 "The specified key does not exist.";
    NoSuchPublicAccessBlock "NoSuchPublicAccessBlockConfiguration" 404 "The public access block configuration was not found";
    NoSuchObjectLockConfiguration "NoSuchObjectLockConfiguration" 404 "The specified object does not have a ObjectLock configuration";
    NoSuchTagSet "NoSuchTagSet" 404 "The TagSet does not exist";
    NoSuchUpload "NoSuchUpload" 404 "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    NoSuchVersion "NoSuchVersion" 404 "The specified version does not exist.";
    NoSuchWebsiteConfiguration "NoSuchWebsiteConfiguration" 404 "The specified bucket does not have a website configuration";
    NotImplemented "NotImplemented" 501 "A header or operation you provided implies functionality that is not implemented";
    NotModified "NotModified" 304 "Not Modified";
    ObjectLockConfigurationNotFound "ObjectLockConfigurationNotFoundError" 404 "Object Lock configuration does not exist for this bucket";
    OperationAborted "OperationAborted" 409 "A conflicting conditional operation is currently in progress against this resource. Try again.";
    OwnershipControlsNotFound "OwnershipControlsNotFoundError" 404 "The bucket ownership controls were not found";
    PreconditionFailed "PreconditionFailed" 412 "At least one of the pre-conditions you specified did not hold";
    QuotaExceeded "QuotaExceeded" 403 "The quota of the bucket or of its account is used up.";
    ReplicationConfigurationNotFound "ReplicationConfigurationNotFoundError" 404 "The replication configuration was not found";
    ServiceUnavailable "ServiceUnavailable" 503 "Service is unable to handle request.";
    SlowDown "SlowDown" 503 "Please reduce your request rate.";
    TooManyConfigurations "TooManyConfigurations" 400 "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.";
    UnexpectedContent "UnexpectedContent" 400 "This request contains unsupported content.";
    KmsNotFound "KMS.NotFoundException" 400 "The KMS key was not found.";
    KmsDisabled "KMS.DisabledException" 400 "The KMS key is disabled.";
    KmsInvalidState "KMS.KMSInvalidStateException" 400 "The KMS key is in a state that does not allow this.";
    KmsInvalidKeyUsage "KMS.InvalidKeyUsageException" 400 "The KMS key cannot be used in this way.";
    /// A code that another layer decided (signature, payload); see [`S3Error::code`].
    Other "InvalidRequest" 400 "Invalid Request";
}

/// A refusal or failure, as the client will read it.
#[derive(Debug, Clone)]
pub struct S3Error {
    kind: Code,
    /// Code and status of [`Code::Other`].
    other: Option<(&'static str, u16)>,
    /// The words.
    pub message: String,
    /// Further elements of the answer, such as `ArgumentName`.
    pub details: Vec<(&'static str, String)>,
    /// Headers of the answer, such as `x-amz-delete-marker`.
    pub headers: Vec<(&'static str, String)>,
}

/// What S3 operations return.
pub type Result<T, E = S3Error> = std::result::Result<T, E>;

impl S3Error {
    /// With a message of its own.
    pub fn new(kind: Code, message: impl Into<String>) -> Self {
        Self {
            kind,
            other: None,
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// `InvalidArgument` that names the argument.
    pub fn argument(name: &str, value: &str, message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
            .with("ArgumentName", name)
            .with("ArgumentValue", value)
    }

    /// `InvalidRequest` with these words.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// `NotImplemented` that says what.
    pub fn not_implemented(what: &str) -> Self {
        Self::new(
            Code::NotImplemented,
            format!("{what} is not implemented by this server."),
        )
    }

    /// What S3 says where a KMS key would have to be used in nobody's name.
    pub fn kms_needs_signature() -> Self {
        Self::argument(
            "Authorization",
            "null",
            "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.",
        )
    }

    /// A code decided by another layer.
    pub fn other(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self {
            kind: Code::Other,
            other: Some((code, status)),
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// With one more element in the answer.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// With one more header in the answer.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Which error of the table this is.
    pub fn kind(&self) -> Code {
        self.kind
    }

    /// Code as it stands in the answer.
    pub fn code(&self) -> &'static str {
        self.other
            .map_or_else(|| self.kind.as_str(), |(code, _)| code)
    }

    /// HTTP status.
    pub fn status(&self) -> StatusCode {
        let status = self
            .other
            .map_or_else(|| self.kind.status(), |(_, status)| status);
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Code> for S3Error {
    fn from(kind: Code) -> Self {
        Self::new(kind, kind.message())
    }
}

impl From<SseError> for S3Error {
    fn from(error: SseError) -> Self {
        match error {
            SseError::InvalidArgument {
                message,
                name,
                value,
            } => Self::argument(name, &value, message),
            SseError::InvalidRequest(message) => Self::invalid_request(message),
            SseError::InvalidEncryptionAlgorithm { value } => {
                Self::from(Code::InvalidEncryptionAlgorithm)
                    .with("ArgumentName", "x-amz-server-side-encryption")
                    .with("ArgumentValue", value)
            }
            error @ (SseError::WrongCustomerKey | SseError::CustomerKeysBlocked) => {
                Self::new(Code::AccessDenied, error.to_string())
            }
            SseError::Kms(error) => error.into(),
            SseError::Damaged => {
                tracing::error!("an object's envelope does not open");
                Code::InternalError.into()
            }
        }
    }
}

impl From<KmsError> for S3Error {
    /// As S3 answers for its KMS: the KMS's code behind `KMS.`, and a missing permission as
    /// its own `AccessDenied`.
    fn from(error: KmsError) -> Self {
        let kind = match error.code() {
            "AccessDeniedException" => Code::AccessDenied,
            "NotFoundException" | "InvalidArnException" | "InvalidAliasNameException" => {
                Code::KmsNotFound
            }
            "DisabledException" => Code::KmsDisabled,
            "KMSInvalidStateException" => Code::KmsInvalidState,
            "InvalidKeyUsageException" | "UnsupportedOperationException" => {
                Code::KmsInvalidKeyUsage
            }
            "ValidationException" => Code::InvalidArgument,
            // The root of trust does not answer: it may again soon.
            "KeyUnavailableException" => Code::ServiceUnavailable,
            code => {
                tracing::error!(code, "the KMS failed");
                return Code::InternalError.into();
            }
        };
        Self::new(kind, error.message())
    }
}

impl From<IndexError> for S3Error {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::NoSuchBucket => Code::NoSuchBucket.into(),
            IndexError::BucketExists { .. } => Code::BucketAlreadyExists.into(),
            IndexError::BucketNotEmpty => Code::BucketNotEmpty.into(),
            IndexError::NoSuchKey => Code::NoSuchKey.into(),
            IndexError::NoSuchVersion => Code::NoSuchVersion.into(),
            IndexError::DeleteMarker => Code::MethodNotAllowed.into(),
            IndexError::Locked => Self::new(
                Code::AccessDenied,
                "Access Denied because object protected by object lock.",
            ),
            IndexError::QuotaExceeded => Code::QuotaExceeded.into(),
            IndexError::InvalidBucketState => Code::InvalidBucketState.into(),
            IndexError::TooManyConfigurations => Code::TooManyConfigurations.into(),
            IndexError::NoSuchUpload => Code::NoSuchUpload.into(),
            IndexError::PreconditionFailed => Code::PreconditionFailed.into(),
            IndexError::Conflict => Code::OperationAborted.into(),
            IndexError::InvalidPart { number } => {
                Self::from(Code::InvalidPart).with("PartNumber", number.to_string())
            }
            IndexError::InvalidPartOrder => Code::InvalidPartOrder.into(),
            IndexError::EntityTooSmall { .. } => Code::EntityTooSmall.into(),
            IndexError::Full => Code::InsufficientStorage.into(),
            error => {
                tracing::error!(%error, "the index failed");
                Code::InternalError.into()
            }
        }
    }
}

impl From<BlobError> for S3Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => Code::InsufficientStorage.into(),
            BlobError::Unavailable(_) | BlobError::Timeout => {
                tracing::error!(%error, "the blob store failed");
                Code::ServiceUnavailable.into()
            }
            error => {
                tracing::error!(%error, "the blob store failed");
                Code::InternalError.into()
            }
        }
    }
}

impl From<PayloadError> for S3Error {
    fn from(error: PayloadError) -> Self {
        let mut refusal = Self::other(error.code(), error.status(), error.message());
        refusal.details = error.details();
        refusal
    }
}

//! What CloudTrail refuses of a trail, with its codes.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html#API_CreateTrail_Errors>

/// Why a request about a trail is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrailFault {
    /// There is no such trail.
    #[error("Unknown trail: {name} for the user: {account}")]
    NotFound {
        /// The name or ARN that was given.
        name: String,
        /// The account that was asked.
        account: String,
    },
    /// There is a trail of that name.
    #[error("Trail {name} already exists for customer: {account}")]
    AlreadyExists {
        /// The name.
        name: String,
        /// The account.
        account: String,
    },
    /// The account has as many trails as it may.
    #[error("User: {0} already has 5 trails in this region.")]
    TooMany(String),
    /// The name breaks a rule.
    #[error("{0}")]
    InvalidName(&'static str),
    /// An ARN that is not one of a trail here.
    #[error("Invalid trail ARN: {0}")]
    InvalidArn(String),
    /// The prefix breaks a rule.
    #[error("S3 prefix is longer than maximum length or has characters that are not allowed.")]
    InvalidPrefix,
    /// There is no such bucket.
    #[error("S3 bucket {0} does not exist!")]
    NoSuchBucket(String),
    /// The bucket is not the account's own, and has no policy that lets the trail in.
    #[error("Incorrect S3 bucket policy is detected for bucket: {0}")]
    BucketNotAllowed(String),
    /// The selectors break a rule.
    #[error("{0}")]
    InvalidSelectors(String),
    /// More tags than there may be.
    #[error("A trail can have at most 50 tags.")]
    TooManyTags,
    /// A tag breaks a rule.
    #[error("{0}")]
    InvalidTag(&'static str),
    /// The trail was changed meanwhile.
    #[error("The trail was changed by another request. Try again.")]
    Conflict,
}

impl TrailFault {
    /// The error code of the CloudTrail API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TrailFault::NotFound { .. } => "TrailNotFoundException",
            TrailFault::AlreadyExists { .. } => "TrailAlreadyExistsException",
            TrailFault::TooMany(_) => "MaximumNumberOfTrailsExceededException",
            TrailFault::InvalidName(_) => "InvalidTrailNameException",
            TrailFault::InvalidArn(_) => "CloudTrailARNInvalidException",
            TrailFault::InvalidPrefix => "InvalidS3PrefixException",
            TrailFault::NoSuchBucket(_) => "S3BucketDoesNotExistException",
            TrailFault::BucketNotAllowed(_) => "InsufficientS3BucketPolicyException",
            TrailFault::InvalidSelectors(_) => "InvalidEventSelectorsException",
            TrailFault::TooManyTags => "TagsLimitExceededException",
            TrailFault::InvalidTag(_) => "InvalidTagParameterException",
            TrailFault::Conflict => "ConflictException",
        }
    }
}

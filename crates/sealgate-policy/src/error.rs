//! Why a policy document is refused, in the words AWS uses where they are known.

use thiserror::Error;

/// A policy document that is not acceptable. The text is what a client is shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// The document is longer than [`Policy::MAX_SIZE`](crate::Policy::MAX_SIZE).
    #[error("Policy document exceeds the maximum size of {limit} bytes.")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not JSON, or an object names a key twice.
    #[error("Syntax errors in policy. {0}")]
    Syntax(String),
    /// A value of the wrong JSON type.
    #[error("Syntax errors in policy. {element} must be {expected}.")]
    WrongType {
        /// The element.
        element: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// An element that the policy language does not have.
    #[error("Syntax errors in policy. Unknown field {0}.")]
    UnknownElement(String),
    /// An element that this kind of policy does not have, such as the `Resource` of a trust policy.
    #[error("Has prohibited field {0}")]
    ProhibitedElement(String),
    /// A trust policy about other actions than those that assume a role.
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    TrustAction(String),
    /// A principal that a trust policy cannot name.
    #[error("Invalid principal in policy: \"{kind}\":\"{principal}\"")]
    InvalidTrustPrincipal {
        /// `AWS`, `Service`, `Federated`, …
        kind: String,
        /// The principal as written.
        principal: String,
    },
    /// A required element is missing.
    #[error("Missing required field {0}.")]
    MissingElement(&'static str),
    /// Two elements that exclude each other.
    #[error("Syntax errors in policy. {0} and {1} cannot both be given in one statement.")]
    Exclusive(&'static str, &'static str),
    /// Neither `2012-10-17` nor `2008-10-17`.
    #[error("The policy must contain a valid version string. {0} is not one.")]
    InvalidVersion(String),
    /// An `Effect` other than `Allow` and `Deny`.
    #[error("Invalid effect: {0}")]
    InvalidEffect(String),
    /// A `Sid` with characters that identity policies do not allow.
    #[error(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )]
    InvalidSid,
    /// A `Sid` that is used twice in an identity policy.
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid,
    /// An identity policy with a `Principal`.
    #[error("Policy document should not specify a principal.")]
    PrincipalNotAllowed,
    /// A principal of a form that is not known.
    #[error("Policy contains a statement with one or more invalid principals.")]
    InvalidPrincipal(String),
    /// `NotPrincipal` with `"Effect": "Allow"`, which AWS does not support.
    #[error("NotPrincipal can only be used with the effect Deny.")]
    NotPrincipalWithAllow,
    /// A statement without actions.
    #[error("Policy statement must contain actions.")]
    NoActions,
    /// An action without a service prefix.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    ActionWithoutVendor(String),
    /// An action that cannot be one, or that is of another service than the resource.
    #[error("Policy has invalid action: {0}")]
    InvalidAction(String),
    /// A statement without resources.
    #[error("Policy statement must contain resources.")]
    NoResources,
    /// A resource that is neither an ARN nor `*`.
    #[error("Resource {0} must be in ARN format or \"*\".")]
    InvalidResource(String),
    /// An ARN whose partition does not exist.
    #[error("Partition \"{partition}\" is not valid for resource \"{resource}\".")]
    InvalidPartition {
        /// The partition as given.
        partition: String,
        /// The whole ARN.
        resource: String,
    },
    /// A policy variable that is not well-formed.
    #[error("Invalid policy variable in {0}")]
    InvalidVariable(String),
    /// A condition operator that is not known.
    #[error("Invalid Condition type : {0}.")]
    UnknownOperator(String),
    /// A condition key that is not known.
    #[error("Policy has an invalid condition key: {0}")]
    UnknownConditionKey(String),
    /// A condition operand that its operator cannot take.
    #[error("Invalid value for condition operator {operator}: {value}")]
    InvalidOperand {
        /// The operator as written.
        operator: String,
        /// The operand.
        value: String,
    },
    /// A condition key without operands.
    #[error("Condition {operator} of {key} must contain values.")]
    NoOperands {
        /// The operator as written.
        operator: String,
        /// The condition key.
        key: String,
    },
}

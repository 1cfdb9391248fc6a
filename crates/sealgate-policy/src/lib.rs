//! AWS policy documents: parse, validate, evaluate.
//!
//! Pure: no I/O, no clock, no global state. A document becomes a [`Policy`] once, at the edge, with
//! every pattern and operand compiled; [`authorize`] then decides an [`Access`] from the caller's
//! identity policies, permissions boundary and session policies, and from the policy of the resource
//! or a grant. [`explain`] is the same decision with its reasons.
//!
//! What is not understood never counts as absent: an unknown element, operator, operand or condition
//! key is refused when the document is parsed.

mod action;
mod arn;
mod caller;
mod condition;
mod context;
mod denial;
mod document;
mod effect;
mod error;
mod evaluate;
mod explain;
mod json;
mod key;
mod key_policy;
mod pattern;
mod principal;
mod request;
mod resource;
mod span;
mod statement;

pub use caller::{AttachedPolicy, Caller, Environment, Principal, PrincipalKind, Session, Source};
pub use context::Context;
pub use denial::{Denial, PolicyType, Reason};
pub use document::Policy;
pub use effect::Effect;
pub use error::PolicyError;
pub use evaluate::{Access, Authority, Decision, authorize};
pub use explain::{DecidedBy, EvalDecision, Explanation, Matched, explain, policy_context_keys};
pub use key::S3_HEADER_KEYS;
pub use key_policy::{aws_s3_key_policy, default_key_policy};
pub use span::{Position, Span};

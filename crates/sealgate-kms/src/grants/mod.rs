//! Grants: permission on one key to one principal, given and taken without touching a policy.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html>
//!
//! - `operation`, `constraint`, `types`: what a grant says, and how clients say it
//! - `principal`: whom it can name, and which names a caller answers to
//! - `grant`: one grant, and whether it covers a use of its key
//! - `store`: where grants are kept and how those of a caller are found
//! - `token`: proof that a grant was given
//!
//! At AWS a grant takes minutes to be known everywhere, and a token bridges that time. Here it counts from
//! the answer on, so that a token is checked and then adds nothing.

mod constraint;
mod grant;
mod operation;
mod principal;
mod store;
mod token;
mod types;

pub(crate) use grant::{Grant, GrantId, GrantRecord};
pub(crate) use principal::{account_of, account_principal, is_of_caller, parse_principal};
pub(crate) use store::{Candidates, GrantStore};
pub(crate) use token::{make_token, open_token};

pub use constraint::GrantConstraint;
pub use operation::GrantOperation;
pub use types::{
    CreateGrantRequest, CreatedGrant, GrantConstraints, GrantListEntry, ListGrantsRequest,
    RetireGrantRequest,
};

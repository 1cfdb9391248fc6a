//! Temporary credentials: what a session token holds, how it is sealed, and what a session may do.

mod active;
mod key_id;
mod token;

pub use token::SessionCredentials;

pub(crate) use active::{ActiveSession, SessionCache, federated_arn};
pub(crate) use key_id::{account_of, is_temporary};
pub(crate) use token::{FederatingUser, SessionOf, SessionPolicies, SessionRecord, seal};

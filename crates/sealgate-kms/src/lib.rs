//! The KMS: keys, policies, aliases, envelope encryption, the root of trust.
//!
//! Every operation takes a [`Call`], asks the policies itself, and leaves exactly one event in the audit
//! trail before it answers, refused or not. Key material is in the index only sealed under the [`RootKey`],
//! and in memory only while it is in use. Nothing here knows HTTP or JSON requests.
//!
//! - `arn`, `key`, `types`: how keys are named, kept and shown
//! - `access`: who may do what
//! - `attempt`: what the trail is told
//! - `ops`: the operations
//! - `material`, `ciphertext`, `platform`, `root`: where secrets are

mod access;
mod arn;
mod attempt;
mod ciphertext;
mod context;
mod error;
mod key;
mod kms;
mod material;
mod operation;
mod ops;
mod outcomes;
mod paging;
mod platform;
mod root;
mod store;
mod types;

pub use context::EncryptionContext;
pub use error::KmsError;
pub use key::{KeyManager, KeyState};
pub use kms::Kms;
pub use ops::cached_use::CachedUse;
pub use root::{RootKey, RootKeyError};
pub use types::*;

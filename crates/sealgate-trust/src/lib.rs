//! The root of trust: one root key from which every other key comes, and who holds or wraps it. And keys that
//! others hold: the external key store protocol.
//!
//! - `key`: the root key and its file
//! - `root`: the root key as long as its holder lets us have it; how it moves from one to another
//! - `source`, `pkcs11_uri`: who holds it, as configured; `sealed`: as the data folder says
//! - `holder`: the holders as one; `passphrase`, `token`, `aws_kms`, `vault`: each of them
//! - `secrets`: where PINs, passphrases and tokens come from
//! - `shares`: the root key in shares, for recovery by a quorum
//! - `xks`: the client of external key stores

mod aws_kms;
mod error;
mod holder;
mod http;
mod key;
mod passphrase;
mod pkcs11_uri;
mod root;
mod sealed;
mod secrets;
pub mod shares;
mod source;
#[cfg(test)]
mod tests;
mod token;
mod vault;
pub mod xks;

pub use error::{RootError, RootUnavailable};
pub use key::{RootKey, RootKeyError};
pub use pkcs11_uri::Pkcs11Uri;
pub use root::{Lease, Root, RootConfig};
pub use secrets::Secrets;
pub use source::{KmsSource, Source, VaultSource};

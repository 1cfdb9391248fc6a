//! The operations, by family. Each begins an attempt, does its work, and concludes the attempt.

pub(crate) mod agree;
mod aliases;
pub(crate) mod cached_use;
mod change;
mod crypto;
pub(crate) mod data_key_pair;
mod deletion;
mod due;
mod explain;
mod grants;
mod import;
pub(crate) mod keys;
pub(crate) mod mac;
pub(crate) mod managed;
mod opener;
mod policies;
pub(crate) mod public_key;
mod random;
mod re_encrypt;
mod retire_grant;
mod rewrap;
mod rotation;
pub(crate) mod sign;
mod tags;
mod usage;

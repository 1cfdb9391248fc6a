//! The operations, by family. Each begins an attempt, does its work, and concludes the attempt.

mod aliases;
pub(crate) mod cached_use;
mod change;
mod crypto;
mod deletion;
mod keys;
pub(crate) mod managed;
mod policies;
mod random;
mod re_encrypt;
mod tags;

//! The KMS over a real index: what each operation does, refuses and records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod aliases;
mod crypto;
mod deletion;
mod keys;
mod managed;
mod platform;
mod policies;
mod states;
mod tags;
mod trail;
mod vectors;
mod world;

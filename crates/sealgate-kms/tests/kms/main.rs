//! The KMS over a real index: what each operation does, refuses and records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod abac;
mod accounts;
mod aliases;
mod crypto;
mod deletion;
mod grants;
mod import;
mod key_stores;
mod keys;
mod kinds;
mod kinds_interop;
mod managed;
mod material_states;
mod multi_region;
mod platform;
mod policies;
mod proxy;
mod rotation;
mod states;
mod summaries;
mod tags;
mod trail;
mod usage;
mod vectors;
mod world;

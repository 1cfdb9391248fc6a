//! What headers ask for and what keys open, over a real KMS in a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod envelopes;
mod headers;
mod keys;
mod replicas;
mod world;

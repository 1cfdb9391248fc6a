//! The rules against a model of them, the configuration against what S3 takes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod configuration;
mod judgement;
mod passes;

//! Runs the story of a key and the S3 conformance checks against the endpoint that the environment names, by the
//! AWS SDK for Rust. It prints one line for each check; see ../README.md.

mod checksums;
mod encryption;
mod environment;
mod keys;
mod objects;
mod presigned;
mod run;
mod story;
mod transfers;
mod versions;

use std::process::ExitCode;

use environment::{Bench, Environment};
use run::Run;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let run = Run::default();
    let env = Environment::load().await?;
    story::tell(&run, &env).await;
    keys::check(&run, &env).await;
    for scheme in ["https", "http"] {
        let bench = Bench::open(&run, &env, scheme).await;
        objects::check(&bench).await;
        objects::names(&bench).await;
        objects::conditions(&bench).await;
        checksums::check(&bench).await;
        transfers::check(&bench).await;
        presigned::check(&bench).await;
        encryption::check(&bench).await;
        versions::check(&bench).await;
    }
    Ok(run.summary())
}

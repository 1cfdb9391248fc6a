//! The measure of the gateway: a *bare pipeline* with the same HTTP stack and the same durable
//! writes but without S3, keys or index, and the driver that loads it, the gateway and its peers
//! alike. `scripts/bench` puts them together.

mod certificate;
mod load;
mod pipeline;
mod rows;
mod tls;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the bare pipeline: PUT, GET and DELETE of bodies, durable, with or without a cipher
    Pipeline(pipeline::Options),
    /// Load an endpoint and print what it did as JSON
    Load(load::Options),
    /// Commit rows of 4 KiB to an index from many tasks at once and print the rate as JSON
    Rows(rows::Options),
    /// Make a certificate for 127.0.0.1 and localhost: cert.pem and key.pem
    Certificate(certificate::Options),
}

fn main() -> Result<()> {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Cli::parse().command {
        Command::Pipeline(options) => pipeline::run(options),
        Command::Load(options) => load::run(&options),
        Command::Rows(options) => rows::run(&options),
        Command::Certificate(options) => certificate::run(&options),
    }
}

/// The result of a command, for the script that called it.
#[expect(
    clippy::print_stdout,
    reason = "standard output is the interface of this program"
)]
fn print(line: &impl std::fmt::Display) {
    println!("{line}");
}

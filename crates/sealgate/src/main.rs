//! The gateway's program: command line, configuration, and the wiring of all parts.

mod background;
mod cli;
mod config;
mod counters;
mod data_dir;
mod first_start;
mod front;
mod logging;
mod metrics;
mod serve;
mod server;
mod tls;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use cli::{Cli, Command, ServeArgs};
use config::Config;

/// A request allocates much and keeps little: the C library's allocator costs an eighth of the time
/// of small requests, and holds on to the large buffers of the others.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For what is still running on other threads when serving has ended.
const LAST_WORK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve(&args),
        Command::Version => {
            writeln!(io::stdout(), "sealgate {}", env!("CARGO_PKG_VERSION")).map_err(Into::into)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence: what failed, and why.
            let _ = writeln!(io::stderr(), "sealgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(args, |name| std::env::var(name).ok())?;
    logging::init(config.log_level, config.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("threads cannot be started")?;
    let outcome = runtime.block_on(serve::run(config));
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

//! The gateway's program: command line, configuration, and the wiring of all parts.

mod background;
mod cli;
mod commands;
mod config;
mod control;
mod counters;
mod data_dir;
mod first_start;
mod front;
mod logging;
mod metrics;
mod serve;
mod server;
mod stores;
mod tls;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;

use cli::{Cli, Command, FolderArgs, ServeArgs};
use commands::RootCommand;
use config::Config;

/// A request allocates much and keeps little: the C library's allocator costs an eighth of the time
/// of small requests, and holds on to the large buffers of the others.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For what is still running on other threads when serving has ended.
const LAST_WORK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let Cli { folder, command } = Cli::parse();
    let outcome = match command {
        Command::Serve(mut args) => {
            args.folder = folder;
            serve(&args)
        }
        Command::Operator(command) => operate(folder, command),
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
    block_on(serve::run(config))
}

fn operate(folder: FolderArgs, mut command: commands::Command) -> anyhow::Result<()> {
    let args = ServeArgs {
        folder,
        // A command speaks for itself; what goes wrong beside it is still told.
        log_level: Some("warn".into()),
        ..ServeArgs::default()
    };
    let config = Config::load(&args, |name| std::env::var(name).ok())?;
    logging::init(config.log_level, config.log_format);
    match command {
        commands::Command::Root(RootCommand::Restore(args)) => {
            block_on(async move { commands::root::restore(&config, args).await })
        }
        _ => {
            command.absolute()?;
            block_on(async move { control::run(&config, command).await })
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        bail!("the cryptography of TLS is already set up otherwise");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("threads cannot be started")?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

//! The gateway's program: command line, configuration, and the wiring of all parts.

// The futures of a request are nested deeper than the compiler looks by default.
#![recursion_limit = "256"]

mod background;
mod cli;
mod commands;
mod config;
mod control;
mod counters;
mod data_dir;
mod figures;
mod first_start;
mod front;
mod logging;
mod metrics;
mod notifications;
mod outbox;
mod replication;
mod serve;
mod server;
mod stores;
mod tls;
mod top;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

use cli::{Cli, Command, FolderArgs, ServeArgs};
use commands::RootCommand;
use config::Config;

/// A request allocates much and keeps little: the C library's allocator costs an eighth of the time
/// of small requests, and holds on to the large buffers of the others.
///
/// What is freed is wiped: customers' keys come in headers and key material leaves in documents, which
/// pass through buffers of many libraries.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

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
        Command::Top(args) => block_on(top::run(args)),
        Command::Version => version().map_err(Into::into),
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

fn version() -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "sealgate {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(
        out,
        "cryptography: {}",
        sealgate_crypto::module::description()
    )
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(args, |name| std::env::var(name).ok())?;
    let _last_lines = logging::init(config.log_level, config.log_format)?;
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
    let _last_lines = logging::init(config.log_level, config.log_format)?;
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
    sealgate_crypto::module::check()?;
    if !sealgate_crypto::tls::install() {
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

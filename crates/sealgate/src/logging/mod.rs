//! Logs: to standard error, as text for people or JSON for machines.
//!
//! What must never be in them: secrets, headers, query strings (a presigned one is a credential)
//! and bodies. Object keys are the customer's data and appear at debug only. Other people's crates
//! do not know these rules, so they are heard from `warn` up only.

mod json;
mod lines;

use std::io::{self, IsTerminal, Stderr};
use std::panic;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogLevel};

pub use lines::LastLines;

use json::JsonLines;
use lines::Lines;

/// Starts logging, for the rest of the process. What it returns is to be kept until its end: then no line waits any
/// more.
///
/// # Errors
/// If no thread can be started.
pub fn init(level: LogLevel, format: LogFormat) -> io::Result<LastLines<Stderr>> {
    let (lines, last_lines) = Lines::to(io::stderr())?;
    let ours = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let others = if level == LogLevel::Error {
        "error"
    } else {
        "warn"
    };
    // A target's prefix: `sealgate` stands for `sealgate_s3` and the others, too.
    let filter = EnvFilter::new(format!("{others},sealgate={ours}"));
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines);
    if json {
        builder.event_format(JsonLines).init();
    } else {
        builder.with_ansi(io::stderr().is_terminal()).init();
    }

    // The message of a panic may quote what it choked on; its place is enough to find it.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic was caught");
    }));
    Ok(last_lines)
}

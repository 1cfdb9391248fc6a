//! The operator's side: a command sent to the gateway, or run here where no gateway runs.

use std::io::Write as _;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sealgate_notify::Targets;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::{Reply, socket, start};
use crate::commands::Command;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::stores::Stores;

/// Runs a command on a data folder and prints what it says.
pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    let reached = socket::connect(&config.data)
        .await
        .with_context(|| format!("the gateway on {} is not reached", config.data.display()))?;
    if let Some(stream) = reached {
        return print(send(stream, &command).await?).await;
    }
    // A command makes no data folder.
    if !config.data.join("VERSION").exists() {
        bail!(
            "there is no data folder at {}: give it with --data",
            config.data.display()
        );
    }
    let data = DataDir::open(&config.data)?;
    let stores = Stores::open(config, &data, Targets::default()).await?;
    let outcome = print(start(stores.clone(), command)).await;
    stores.close().await;
    outcome
}

/// Sends a command; the replies come out of the receiver.
async fn send(stream: UnixStream, command: &Command) -> anyhow::Result<mpsc::Receiver<Reply>> {
    let (read, mut write) = stream.into_split();
    let mut line = Zeroizing::new(serde_json::to_string(command)?);
    line.push('\n');
    write.write_all(line.as_bytes()).await?;
    let (sender, replies) = mpsc::channel(16);
    tokio::spawn(async move {
        // Kept open: closing it would tell the gateway that nobody waits.
        let _write = write;
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let line = Zeroizing::new(line);
            let reply = serde_json::from_str(&line)
                .unwrap_or_else(|error| Reply::Failed(format!("a reply makes no sense: {error}")));
            if sender.send(reply).await.is_err() {
                return;
            }
        }
    });
    Ok(replies)
}

async fn print(mut replies: mpsc::Receiver<Reply>) -> anyhow::Result<()> {
    let mut bar: Option<ProgressBar> = None;
    while let Some(reply) = replies.recv().await {
        match reply {
            Reply::Text(text) => {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{}", text.as_str())
                    .and_then(|()| out.flush())
                    .context("standard output cannot be written")?;
            }
            // Draws on standard error, and only where that is a terminal.
            Reply::Progress { done, total } => {
                let bar = bar.get_or_insert_with(progress_bar);
                bar.set_length(total);
                bar.set_position(done);
            }
            Reply::Done => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                return Ok(());
            }
            Reply::Failed(why) => bail!(why),
        }
    }
    bail!("the gateway stopped before the command came to its end")
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} ({percent} %), {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

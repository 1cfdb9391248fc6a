//! How an operator's command reaches the data folder: through the gateway that runs on it, or, where
//! none does, by opening the folder itself. Either way the same code does the work.
//!
//! The gateway listens on `DATA/control.sock`, which only the folder's owner can reach. One command per
//! connection: a line of JSON there, lines of [`Reply`] back. What a command prints may be secret (an
//! access key); it goes to the terminal of whoever owns the folder, and into no log.

mod client;
mod server;
mod socket;

pub use client::run;
pub use server::serve;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::commands::Command;

/// One line of an answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    /// For standard output.
    Text(Zeroizing<String>),
    /// How far it has come.
    Progress {
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
    /// It came to its end.
    Done,
    /// It did not, and why.
    Failed(String),
}

/// Where a command writes.
#[derive(Clone)]
pub struct Output(mpsc::Sender<Reply>);

/// Nobody reads the output of a command any more: it ends.
#[derive(Debug, thiserror::Error)]
#[error("the command was left alone")]
pub struct Gone;

impl Output {
    /// A line for standard output.
    pub async fn line(&self, line: impl Into<String>) -> Result<(), Gone> {
        let text = Zeroizing::new(line.into());
        self.0.send(Reply::Text(text)).await.map_err(|_| Gone)
    }

    /// How far the command has come.
    pub async fn progress(&self, done: u64, total: u64) -> Result<(), Gone> {
        let progress = Reply::Progress { done, total };
        self.0.send(progress).await.map_err(|_| Gone)
    }
}

/// Runs a command over open stores; the replies come out of the receiver, `Done` or `Failed` last.
fn start(stores: crate::stores::Stores, command: Command) -> mpsc::Receiver<Reply> {
    let (sender, replies) = mpsc::channel(16);
    tokio::spawn(async move {
        let last = match command.run(&stores, &Output(sender.clone())).await {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Failed(format!("{error:#}")),
        };
        // Nobody may be left to hear it.
        let _ = sender.send(last).await;
    });
    replies
}

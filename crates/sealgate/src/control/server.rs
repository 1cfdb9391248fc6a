//! The gateway's side of the control socket.

use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::{Reply, socket, start};
use crate::commands::Command;
use crate::stores::Stores;

/// The longest command.
const MAX_COMMAND: u64 = 256 * 1024;

/// The socket, answered until this is dropped.
pub struct Control {
    data: PathBuf,
    _tasks: JoinSet<()>,
}

impl Drop for Control {
    fn drop(&mut self) {
        socket::remove(&self.data);
    }
}

/// Answers commands on the socket of the data folder, whose lock the caller holds.
pub fn serve(data: PathBuf, stores: Stores) -> io::Result<Control> {
    let listener = socket::listen(&data)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let stores = stores.clone();
                    connections.spawn(async move {
                        if let Err(error) = answer(stream, stores).await {
                            tracing::debug!(%error, "a command was left alone");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket does not accept");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    });
    Ok(Control {
        data,
        _tasks: tasks,
    })
}

async fn answer(stream: UnixStream, stores: Stores) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Zeroizing::new(String::new());
    BufReader::new(read.take(MAX_COMMAND))
        .read_line(&mut line)
        .await?;
    let mut replies = match serde_json::from_str::<Command>(&line) {
        Ok(command) => {
            tracing::info!(command = command.name(), "an operator's command");
            start(stores, command)
        }
        Err(error) => {
            let reply = Reply::Failed(format!(
                "the gateway does not know this command ({error}); it may be of another version"
            ));
            return send(&mut write, &reply).await;
        }
    };
    // A client that goes away makes the send fail, and dropping the receiver ends the command.
    while let Some(reply) = replies.recv().await {
        send(&mut write, &reply).await?;
    }
    Ok(())
}

async fn send(to: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> io::Result<()> {
    let mut line = Zeroizing::new(serde_json::to_string(reply).map_err(io::Error::other)?);
    line.push('\n');
    to.write_all(line.as_bytes()).await
}

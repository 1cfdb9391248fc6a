//! `sealgate replicate`: what was in a bucket before its replication rules, and what failed, queued for replication.

use anyhow::{Context, bail};
use clap::Args;
use sealgate_s3::replication::Pass;
use serde::{Deserialize, Serialize};

use crate::control::Output;
use crate::stores::Stores;

/// Which versions.
#[derive(Args, Serialize, Deserialize)]
pub struct ReplicateArgs {
    /// The bucket that has the rules
    #[arg(long)]
    bucket: String,
    /// Only keys that begin so
    #[arg(long, default_value = "")]
    prefix: String,
    /// Also what was replicated before, for a destination that is new: where it is, it is not made again
    #[arg(long)]
    again: bool,
}

impl ReplicateArgs {
    /// Queues them. The gateway carries them, at once or when it runs again.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        let name = &self.bucket;
        let pass = Pass::begin(
            &stores.index,
            &stores.remotes,
            name,
            &self.prefix,
            self.again,
        )
        .await;
        let Some(mut pass) = pass.with_context(|| format!("the bucket {name}"))? else {
            bail!("the bucket {name} has no replication configuration");
        };
        let bucket = stores.index.bucket(name).await?;
        let usage = stores.index.usage(bucket.id).await?;
        let total = usage.versions + usage.markers;
        loop {
            let more = pass.step().await?;
            let scanned = pass.progress().scanned;
            output.progress(scanned, total.max(scanned)).await?;
            if !more {
                break;
            }
        }
        let done = pass.progress();
        let line = format!(
            "{name}: {} versions looked at; queued for replication {}",
            done.scanned, done.queued
        );
        output.line(line).await?;
        Ok(())
    }
}

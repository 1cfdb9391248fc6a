//! `sealgate inventory`: reports on what is in buckets delivered now instead of when they are due.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::control::Output;
use crate::stores::Stores;

/// What can be done with inventories.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InventoryCommand {
    /// Deliver the reports of inventories now. Those that are due come besides
    Run(RunArgs),
}

/// Which inventories, and as of when.
#[derive(Args, Serialize, Deserialize)]
pub struct RunArgs {
    /// Only those of this bucket
    #[arg(long)]
    bucket: Option<String>,
    /// Only those with this id
    #[arg(long)]
    id: Option<String>,
    /// The time by which the report is named (RFC 3339). It lists what is there now
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
}

impl InventoryCommand {
    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        match self {
            InventoryCommand::Run(args) => args.run(stores, output).await,
        }
    }
}

impl RunArgs {
    async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        let now = match &self.now {
            None => stores.index.now(),
            Some(text) => OffsetDateTime::parse(text, &Rfc3339)
                .with_context(|| format!("{text:?} is no time: write 2030-01-31T12:00:00Z"))?,
        };
        let (bucket, id) = (self.bucket.as_deref(), self.id.as_deref());
        let deliveries = stores.s3.run_inventories(bucket, id, now).await?;
        if deliveries.is_empty() {
            bail!("there is no such inventory");
        }
        let mut failed = 0;
        for delivery in deliveries {
            let name = format!("{} {}", delivery.bucket, delivery.id);
            let line = match delivery.outcome {
                Ok(made) => format!("{name}: {} rows in {} files", made.rows, made.files),
                Err((code, message)) => {
                    failed += 1;
                    format!("{name}: {code}: {message}")
                }
            };
            output.line(line).await?;
        }
        if failed > 0 {
            bail!("{failed} inventories were not delivered");
        }
        Ok(())
    }
}

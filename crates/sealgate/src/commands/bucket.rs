//! `sealgate bucket`: what the operator says of buckets, whoever owns them.

use anyhow::Context;
use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::quota::{self, QuotaArgs};
use crate::control::Output;
use crate::stores::Stores;

/// What can be done with buckets.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BucketCommand {
    /// Show or limit what may be in a bucket. What is there already stays
    Quota {
        /// Its name
        name: String,
        #[command(flatten)]
        #[serde(flatten)]
        limits: QuotaArgs,
    },
}

impl BucketCommand {
    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        let BucketCommand::Quota { name, limits } = self;
        let index = &stores.index;
        let bucket = index.bucket(&name).await;
        let bucket = bucket.with_context(|| format!("the bucket {name}"))?;
        let mut quota = bucket.quota;
        if let Some(new) = limits.applied(quota) {
            index.set_bucket_quota(bucket.id, new).await?;
            quota = new;
        }
        let usage = index.usage(bucket.id).await?;
        output.line(quota::line(&name, usage, quota)).await?;
        Ok(())
    }
}

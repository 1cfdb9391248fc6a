//! `sealgate lifecycle`: the rules of buckets carried out now instead of at the gateway's next turn.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use sealgate_s3::lifecycle::{Origin, Pass};
use serde::{Deserialize, Serialize};
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime, UtcOffset};

use crate::control::Output;
use crate::stores::Stores;

/// What can be done with the lifecycle of objects.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleCommand {
    /// Carry out the lifecycle rules of buckets now
    Run(RunArgs),
}

/// Which rules, and as of when.
#[derive(Args, Serialize, Deserialize)]
pub struct RunArgs {
    /// Only this bucket
    #[arg(long)]
    bucket: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// As if it were this time (RFC 3339, or a day). A later one removes what would be due only then; locks
    /// go by the real time
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
    /// Look at no more than so many versions per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
}

impl LifecycleCommand {
    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        match self {
            LifecycleCommand::Run(args) => args.run(stores, output).await,
        }
    }
}

impl RunArgs {
    async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        let day = match &self.now {
            None => stores.index.now().to_offset(UtcOffset::UTC).date(),
            Some(text) => parse_day(text)?,
        };
        let buckets = match &self.bucket {
            None => stores.lifecycle.buckets().await?,
            Some(name) => {
                let bucket = stores.index.bucket(name).await;
                vec![bucket.with_context(|| format!("the bucket {name}"))?.id]
            }
        };
        let origin = if self.dry_run {
            Origin::DryRun
        } else {
            Origin::Operator
        };
        let mut found = false;
        for bucket in buckets {
            let pass = Pass::begin(&stores.lifecycle, bucket, day, origin, self.rate).await?;
            let Some(pass) = pass else { continue };
            found = true;
            self.go_through(pass, bucket, stores, output).await?;
        }
        if !found {
            match &self.bucket {
                Some(name) => bail!("the bucket {name} has no lifecycle rules"),
                None => output.line("no bucket has lifecycle rules").await?,
            }
        }
        Ok(())
    }

    async fn go_through(
        &self,
        mut pass: Pass,
        bucket: i64,
        stores: &Stores,
        output: &Output,
    ) -> anyhow::Result<()> {
        let name = pass.bucket().to_owned();
        let earlier = pass.tally();
        if earlier.scanned > 0 {
            let line = format!("{name}: going on after {} versions", earlier.scanned);
            output.line(line).await?;
        }
        let usage = stores.index.usage(bucket).await?;
        let total = usage.versions + usage.markers + earlier.scanned;
        loop {
            let more = pass.step().await?;
            let scanned = pass.tally().scanned;
            output.progress(scanned, total.max(scanned)).await?;
            if !more {
                break;
            }
        }
        let tally = pass.tally();
        let would = if self.dry_run { "would be " } else { "" };
        let line = format!(
            "{name}: {} versions looked at; {would}expired {}, noncurrent removed {}, delete markers removed {}, uploads aborted {}, moved {}, bytes {}; left as locked {}, as not replicated {}, as changed {}",
            tally.scanned,
            tally.expired,
            tally.noncurrent,
            tally.markers,
            tally.uploads,
            tally.moved,
            tally.bytes,
            tally.locked,
            tally.unreplicated,
            tally.changed
        );
        output.line(line).await?;
        Ok(())
    }
}

/// The day that has come at this time.
fn parse_day(text: &str) -> anyhow::Result<Date> {
    if let Ok(day) = Date::parse(text, &Iso8601::DATE) {
        return Ok(day);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).ok();
    let time = time.and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    let time = time.with_context(|| {
        format!("{text:?} is no time: write 2030-01-31 or 2030-01-31T12:00:00Z")
    })?;
    Ok(time.date())
}

//! `sealgate audit`: the trail proved whole, and exported.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use sealgate_audit::{ExportRequest, HeadPublicKey, VerifyRequest, verify};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::control::Output;
use crate::data_dir::AUDIT_HEADS_FILE;
use crate::stores::Stores;

/// How often a long walk says how far it has come.
const TELL: Duration = Duration::from_millis(500);

/// What can be done with the trail.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditCommand {
    /// Prove that the trail is whole, or name its first break
    Verify {
        /// The key that heads must be signed with, as noted when the gateway was set up [default: the one in the
        /// index, which whoever can write the index can replace]
        #[arg(long, value_name = "HEX")]
        public_key: Option<String>,
        /// First record to read
        #[arg(long, value_name = "N")]
        from: Option<i64>,
        /// Last record to read
        #[arg(long, value_name = "N")]
        to: Option<i64>,
    },
    /// Print the public key that heads of the trail are signed with: note it where the gateway cannot write
    PublicKey,
    /// Write an account's records as CloudTrail delivers them: gzipped JSON, with a signed digest
    Export {
        /// The account
        #[arg(long, value_name = "ID")]
        account: String,
        /// The folder to write to (of the machine that the gateway runs on)
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only records of this time or later (RFC 3339)
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Only records of this time or earlier (RFC 3339)
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
}

impl AuditCommand {
    /// Relative paths are those of the command, not of the gateway.
    pub fn absolute(&mut self) -> anyhow::Result<()> {
        if let AuditCommand::Export { out, .. } = self {
            *out = std::path::absolute(&*out)?;
        }
        Ok(())
    }

    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        match self {
            AuditCommand::Verify {
                public_key,
                from,
                to,
            } => prove(stores, output, public_key.as_deref(), from, to).await,
            AuditCommand::PublicKey => {
                let key = stores.trail.head_public_key().await?;
                Ok(output.line(key.to_string()).await?)
            }
            AuditCommand::Export {
                account,
                out,
                since,
                until,
            } => {
                let request = ExportRequest {
                    account_id: account,
                    start: since.as_deref().map(parse_time).transpose()?,
                    end: until.as_deref().map(parse_time).transpose()?,
                    prefix: None,
                    bucket: "export".to_owned(),
                };
                export(stores, output, request, out).await
            }
        }
    }
}

fn parse_time(text: &str) -> anyhow::Result<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .with_context(|| format!("{text} is not a time such as 2026-01-31T12:00:00Z"))
}

async fn prove(
    stores: &Stores,
    output: &Output,
    public_key: Option<&str>,
    first: Option<i64>,
    last: Option<i64>,
) -> anyhow::Result<()> {
    stores.trail.flush().await?;
    let public_key = match public_key {
        Some(text) => text.parse::<HeadPublicKey>()?,
        None => stores.trail.head_public_key().await?,
    };
    let request = VerifyRequest {
        public_key,
        heads_file: Some(stores.data.join(AUDIT_HEADS_FILE)),
        first,
        last,
    };
    let (done, total) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let walk = verify(&stores.index, &request, |at, of| {
        done.store(at, Ordering::Relaxed);
        total.store(of, Ordering::Relaxed);
    });
    let tell = async {
        loop {
            tokio::time::sleep(TELL).await;
            let (at, of) = (done.load(Ordering::Relaxed), total.load(Ordering::Relaxed));
            if output.progress(at, of).await.is_err() {
                return;
            }
        }
    };
    let report = tokio::select! {
        report = walk => report?,
        () = tell => bail!("the command was left alone"),
    };
    output
        .line(format!(
            "{} records ({} to {}) and {} signed heads were read",
            report.records, report.first, report.last, report.heads
        ))
        .await?;
    match &report.newest_head {
        Some(head) => {
            let line = format!(
                "the newest head is {} of {}, at record {}; signed with {public_key}",
                head.number,
                head.time.format(&Rfc3339)?,
                head.sequence
            );
            output.line(line).await?;
        }
        None => output.line("no head was signed yet").await?,
    }
    if let Some(found) = &report.broken {
        bail!("the trail is broken: {found}");
    }
    if !report.disagreeing.is_empty() {
        bail!(
            "the events are whole, but lookups of these records would answer something else: {:?}",
            report.disagreeing
        );
    }
    Ok(output.line("the trail is whole").await?)
}

async fn export(
    stores: &Stores,
    output: &Output,
    request: ExportRequest,
    out: PathBuf,
) -> anyhow::Result<()> {
    if stores.iam.account(&request.account_id).await?.is_none() {
        bail!("there is no account {}", request.account_id);
    }
    let exported = stores.trail.export_to_folder(request, &out, |_| ()).await?;
    let line = format!(
        "{} records in {} files are in {}",
        exported.records,
        exported.files,
        out.display()
    );
    Ok(output.line(line).await?)
}

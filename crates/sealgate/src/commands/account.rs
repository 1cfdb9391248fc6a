//! `sealgate account`: accounts, each its own world of buckets, keys and identities.

use anyhow::{Context, bail};
use clap::Subcommand;
use sealgate_iam::{NewAccount, Paging};
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;

use super::quota::{self, QuotaArgs};
use crate::control::Output;
use crate::stores::Stores;

/// What can be done with accounts.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountCommand {
    /// Make an account; prints its id and its root access key, this once
    Create {
        /// Its name, for people
        name: String,
        /// Its address, for people
        #[arg(long)]
        email: Option<String>,
    },
    /// List all accounts: id, name, when they were made
    List,
    /// Show or limit what may be in all buckets of an account. What is there already stays
    Quota {
        /// Its id
        id: String,
        #[command(flatten)]
        #[serde(flatten)]
        limits: QuotaArgs,
    },
}

impl AccountCommand {
    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        match self {
            AccountCommand::Create { name, email } => create(stores, output, &name, email).await,
            AccountCommand::List => list(stores, output).await,
            AccountCommand::Quota { id, limits } => set_quota(stores, output, &id, &limits).await,
        }
    }
}

async fn create(
    stores: &Stores,
    output: &Output,
    name: &str,
    email: Option<String>,
) -> anyhow::Result<()> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        bail!("an account needs a name that can be read");
    }
    let account = NewAccount {
        email,
        ..NewAccount::generate(name)?
    };
    let key = account
        .access_key
        .as_ref()
        .context("a new account came without an access key")?;
    stores.iam.create_account(&account).await?;
    output.line(format!("account {}", account.id)).await?;
    let (id, secret) = (&key.access_key_id, key.secret.expose());
    output
        .line(format!("export AWS_ACCESS_KEY_ID={id}"))
        .await?;
    output
        .line(format!("export AWS_SECRET_ACCESS_KEY='{secret}'"))
        .await?;
    Ok(())
}

async fn list(stores: &Stores, output: &Output) -> anyhow::Result<()> {
    let mut paging = Paging {
        marker: None,
        limit: Some(1000),
    };
    loop {
        let page = stores.iam.list_accounts(&paging).await?;
        for account in page.items {
            let created = account.created.format(&Rfc3339)?;
            let line = format!("{}  {created}  {}", account.id, account.name);
            output.line(line).await?;
        }
        if page.marker.is_none() {
            return Ok(());
        }
        paging.marker = page.marker;
    }
}

async fn set_quota(
    stores: &Stores,
    output: &Output,
    id: &str,
    limits: &QuotaArgs,
) -> anyhow::Result<()> {
    let account = stores.iam.account(id).await?;
    let account = account.with_context(|| format!("there is no account {id}"))?;
    let index = &stores.index;
    let mut quota = index.account_quota(&account.id).await?;
    if let Some(new) = limits.applied(quota) {
        index.set_account_quota(&account.id, new).await?;
        quota = new;
    }
    let usage = index.account_usage(&account.id).await?;
    output.line(quota::line(&account.id, usage, quota)).await?;
    Ok(())
}

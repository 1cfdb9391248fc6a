//! `sealgate root`: where the root key is, how it moves, and how it is recovered by a quorum.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use sealgate_trust::shares::{self, Share};
use sealgate_trust::{Root, RootConfig, Secrets, Source};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::control::Output;
use crate::data_dir::DataDir;
use crate::stores::Stores;

/// Variables with secrets of holders of root keys begin so.
const VARIABLES: &str = "SEALGATE_ROOT_";

/// What can be done with the root key.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootCommand {
    /// Say who holds the root key, and ask it
    Status,
    /// Give the root key into the care of another holder; nothing else is sealed anew
    Rewrap(RewrapRootArgs),
    /// Split the root key into shares for recovery, and print them: one line each, for one person each
    Split {
        /// How many shares shall be needed
        #[arg(long, value_name = "K")]
        needed: u8,
        /// How many shares to make
        #[arg(long, value_name = "N")]
        shares: u8,
    },
    /// Put the root key together from shares, one per line of standard input, and back into the data folder
    Restore(RewrapRootArgs),
}

/// Where the root key is to go. Secrets come from variables SEALGATE_ROOT_… of the command.
#[derive(Args, Serialize, Deserialize)]
pub struct RewrapRootArgs {
    /// file:PATH, env:NAME, credential:NAME, passphrase, pkcs11:…, kms:ARN?…, vault:URL
    #[arg(long, value_name = "HOLDER")]
    to: String,
    /// A file with the passphrase, for `--to passphrase`
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Let a token make the key that it wraps under, if there is none
    #[arg(long)]
    make_wrapping_key: bool,
    /// What the command's environment says, for a gateway that has another one.
    #[arg(skip)]
    variables: BTreeMap<String, Zeroizing<String>>,
}

impl RewrapRootArgs {
    fn absolute(&mut self) -> anyhow::Result<()> {
        if let Some(path) = &mut self.passphrase_file {
            *path = std::path::absolute(&*path)?;
        }
        let own = match self.to.strip_prefix("env:") {
            Some(name) => name.to_owned(),
            None => String::new(),
        };
        self.variables = std::env::vars()
            .filter(|(name, _)| name.starts_with(VARIABLES) || *name == own)
            .map(|(name, value)| (name, Zeroizing::new(value)))
            .collect();
        Ok(())
    }

    fn config(self) -> anyhow::Result<RootConfig> {
        let variables = self.variables;
        let mut secrets = Secrets::new(move |name| {
            variables
                .get(name)
                .map(|value| value.as_str().to_owned())
                .or_else(|| std::env::var(name).ok())
        });
        if let Some(path) = self.passphrase_file {
            secrets = secrets.with_passphrase_file(path);
        }
        let mut config = RootConfig::new(Some(Source::parse(&self.to)?), secrets);
        config.make_wrapping_key = self.make_wrapping_key;
        Ok(config)
    }
}

impl RootCommand {
    /// Takes from the command's process what the gateway's does not have.
    pub fn absolute(&mut self) -> anyhow::Result<()> {
        match self {
            RootCommand::Rewrap(args) | RootCommand::Restore(args) => args.absolute(),
            RootCommand::Status | RootCommand::Split { .. } => Ok(()),
        }
    }

    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        match self {
            RootCommand::Status => {
                let holder = stores.root.describe().await;
                output.line(format!("held by {holder}")).await?;
                stores.root.check().await?;
                let key = stores.root.key()?;
                Ok(output
                    .line(format!("root key {}: available", key.id()))
                    .await?)
            }
            RootCommand::Rewrap(args) => {
                let left = stores.root.rewrap(&args.config()?).await?;
                let holder = stores.root.describe().await;
                let line = format!("the root key is now held by {holder}");
                output.line(line).await?;
                if let Some(file) = left {
                    let line = format!("no longer needed, and still there: {}", file.display());
                    output.line(line).await?;
                }
                Ok(())
            }
            RootCommand::Split {
                needed,
                shares: total,
            } => {
                if sealgate_crypto::APPROVED_ONLY {
                    bail!("this is a FIPS build, and splitting a secret is not approved");
                }
                let key = stores.root.key()?;
                for share in shares::split(&key, needed, total)? {
                    output.line(share.to_text().as_str()).await?;
                }
                Ok(())
            }
            RootCommand::Restore(_) => {
                bail!("a gateway runs on this data folder: its root key is not lost")
            }
        }
    }
}

/// Puts the root key together from the shares on standard input.
pub async fn restore(config: &Config, mut args: RewrapRootArgs) -> anyhow::Result<()> {
    args.absolute()?;
    if !config.data.join("VERSION").exists() {
        bail!("there is no data folder at {}", config.data.display());
    }
    let data = DataDir::open(&config.data)?;
    let mut text = Zeroizing::new(String::with_capacity(64 * 1024));
    io::stdin()
        .read_to_string(&mut text)
        .context("the shares cannot be read from standard input")?;
    let shares = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(Share::parse)
        .collect::<Result<Vec<_>, _>>()?;
    let key = shares::combine(&shares)?;
    let root = Root::restore(key, &args.config()?, data.path()).await?;
    let mut out = io::stdout().lock();
    io::Write::write_all(
        &mut out,
        format!("the root key is held by {}\n", root.describe().await).as_bytes(),
    )?;
    Ok(())
}

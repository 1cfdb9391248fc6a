//! What an operator can tell a data folder to do, besides serving it. The commands are run by the process
//! that holds the folder (see [`crate::control`]); as the owner of the folder and of its root of trust, the
//! operator needs no permission of a policy.

mod account;
mod audit;
mod bucket;
mod explain;
mod inventory;
mod lifecycle;
mod quota;
mod replicate;
mod rewrap;
pub mod root;

pub use account::AccountCommand;
pub use audit::AuditCommand;
pub use bucket::BucketCommand;
pub use explain::ExplainArgs;
pub use inventory::InventoryCommand;
pub use lifecycle::LifecycleCommand;
pub use replicate::ReplicateArgs;
pub use rewrap::RewrapArgs;
pub use root::RootCommand;

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use crate::control::Output;
use crate::stores::Stores;

/// The commands.
#[derive(Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Make and list accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Check and export the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Limit what may be in buckets
    #[command(subcommand)]
    Bucket(BucketCommand),
    /// Say whether a principal may do something, and which policy statement decides
    Explain(ExplainArgs),
    /// Deliver inventories of buckets
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Carry out the lifecycle rules of buckets
    #[command(subcommand)]
    Lifecycle(LifecycleCommand),
    /// Queue what a bucket's replication rules have not replicated: older versions, and those that failed
    Replicate(ReplicateArgs),
    /// Move data keys to the newest version of their key, or to another key, without touching bodies
    Rewrap(RewrapArgs),
    /// Say who holds the root key, move it to another holder, or recover it
    #[command(subcommand)]
    Root(RootCommand),
}

impl Command {
    /// Its name, for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Account(_) => "account",
            Command::Audit(_) => "audit",
            Command::Bucket(_) => "bucket",
            Command::Explain(_) => "explain",
            Command::Inventory(_) => "inventory",
            Command::Lifecycle(_) => "lifecycle",
            Command::Replicate(_) => "replicate",
            Command::Rewrap(_) => "rewrap",
            Command::Root(_) => "root",
        }
    }

    /// Takes from this process what the one that holds the folder may not have: the working folder, and
    /// secrets of the environment.
    pub fn absolute(&mut self) -> anyhow::Result<()> {
        match self {
            Command::Audit(command) => command.absolute(),
            Command::Root(command) => command.absolute(),
            Command::Account(_)
            | Command::Bucket(_)
            | Command::Explain(_)
            | Command::Inventory(_)
            | Command::Lifecycle(_)
            | Command::Replicate(_)
            | Command::Rewrap(_) => Ok(()),
        }
    }

    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        match self {
            Command::Account(command) => command.run(stores, output).await,
            Command::Audit(command) => command.run(stores, output).await,
            Command::Bucket(command) => command.run(stores, output).await,
            Command::Explain(args) => args.run(stores, output).await,
            Command::Inventory(command) => command.run(stores, output).await,
            Command::Lifecycle(command) => command.run(stores, output).await,
            Command::Replicate(args) => args.run(stores, output).await,
            Command::Rewrap(args) => args.run(stores, output).await,
            Command::Root(command) => command.run(stores, output).await,
        }
    }
}

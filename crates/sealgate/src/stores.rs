//! What holds state: the root of trust, the index, the blobs, and the services over them. The gateway and
//! the operator's commands open it the same way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use sealgate_audit::{Trail, TrailConfig};
use sealgate_blobs::{BlobStore, LocalOptions};
use sealgate_iam::Iam;
use sealgate_index::{Index, IndexConfig};
use sealgate_kms::{Kms, KmsOptions, Root};
use sealgate_s3::lifecycle::Lifecycle;
use sealgate_sse::Sse;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::config::{Config, StoreConfig};
use crate::data_dir::DataDir;

/// What keys derived from the root of trust are for; part of the format of a data folder.
const INDEX_KEY: &str = "index";
const IAM_KEY: &str = "iam";
const AUDIT_KEY: &str = "audit";

/// The open parts. Cheap to clone.
#[derive(Clone)]
pub struct Stores {
    /// The data folder.
    pub data: PathBuf,
    /// The root of trust.
    pub root: Root,
    /// The index.
    pub index: Index,
    /// Sealed bodies.
    pub blobs: BlobStore,
    /// The audit trail.
    pub trail: Trail,
    /// Keys.
    pub kms: Kms,
    /// Identities.
    pub iam: Iam,
    /// Data keys of objects.
    pub sse: Arc<Sse>,
    /// What carries out the lifecycle rules of buckets.
    pub lifecycle: Lifecycle,
}

impl Stores {
    /// Opens what is there, and makes it at a first start only.
    pub async fn open(config: &Config, data: &DataDir) -> anyhow::Result<Stores> {
        let index_path = config.index_path(data.path());
        data.require("the index", &index_path)?;
        let root = Root::open(&config.root, data.path(), data.first_start()).await?;
        let holder = root.describe().await;
        let blobs = open_blobs(config, data).await?;

        let key = config
            .index_encryption
            .then(|| root.derive(INDEX_KEY))
            .transpose()?
            .map(|key| Zeroizing::new(*key.expose()));
        // A key file has no check value: a wrong one shows here first.
        let index = open_index(&index_path, key, data.first_start())
            .await
            .with_context(|| {
                format!(
                    "the index {} cannot be opened (its key comes from {})",
                    index_path.display(),
                    holder
                )
            })?;
        let mut trail = TrailConfig::new(config.region.clone(), root.derive(AUDIT_KEY)?);
        trail.heads_file = Some(data.audit_heads());
        trail.delivery_period = config.trail_delivery.try_into()?;
        let trail = Trail::open(index.clone(), trail)
            .await
            .context("the audit trail cannot be opened")?;
        let options = KmsOptions {
            material_lifetime: config.key_cache.time,
            material_capacity: config.key_cache.size,
            external_key_stores: config.external_key_stores.clone(),
            ..KmsOptions::default()
        };
        let region = config.region.clone();
        let kms = Kms::with_options(index.clone(), trail.clone(), &root, region, options)
            .await
            .context("the keys cannot be opened")?;
        let iam = Iam::open(index.clone(), root.derive(IAM_KEY)?, config.region.clone())
            .await
            .context("the identities cannot be opened")?;
        let sse = Arc::new(Sse::new(kms.clone()));
        let lifecycle = Lifecycle::new(index.clone());
        Ok(Stores {
            data: data.path().to_owned(),
            root,
            index,
            blobs,
            trail,
            kms,
            iam,
            sse,
            lifecycle,
        })
    }

    /// Writes down what is only in memory.
    pub async fn close(self) {
        if let Err(error) = self.iam.flush_last_used().await {
            tracing::warn!(%error, "when access keys were last used was not noted");
        }
        if let Err(error) = self.kms.flush_usage().await {
            tracing::warn!(%error, "when keys were last used was not noted");
        }
        if let Err(error) = self.kms.flush_usage().await {
            tracing::warn!(%error, "when KMS keys were last used was not noted");
        }
        if let Err(error) = self.trail.flush().await {
            tracing::error!(%error, "records of the audit trail were not written");
        }
        if let Err(error) = self.trail.sign_head(OffsetDateTime::now_utc()).await {
            tracing::warn!(%error, "the end of the audit trail was not signed");
        }
        self.blobs.settle().await;
        self.index.close().await;
    }
}

async fn open_blobs(config: &Config, data: &DataDir) -> anyhow::Result<BlobStore> {
    match &config.store {
        StoreConfig::Local(path) => {
            let path = path.clone().unwrap_or_else(|| data.blobs());
            data.require("the folder of sealed bodies", &path)?;
            let blobs = BlobStore::local(&path, LocalOptions::default())
                .with_context(|| format!("the store {} cannot be opened", path.display()))?;
            let context = || format!("the store {} cannot be written", path.display());
            blobs.check().await.with_context(context)?;
            Ok(blobs)
        }
        StoreConfig::Remote(remote) => {
            let url = remote.url.clone();
            let blobs = BlobStore::remote((**remote).clone())
                .with_context(|| format!("the store {url} cannot be opened"))?;
            blobs
                .check()
                .await
                .with_context(|| format!("the store {url} does not answer"))?;
            Ok(blobs)
        }
    }
}

async fn open_index(
    path: &Path,
    key: Option<Zeroizing<[u8; 32]>>,
    first_start: bool,
) -> anyhow::Result<Index> {
    let config = IndexConfig {
        path: path.to_owned(),
        key,
    };
    Ok(if first_start {
        Index::open(config).await?
    } else {
        Index::open_existing(config).await?
    })
}

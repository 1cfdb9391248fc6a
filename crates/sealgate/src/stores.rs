//! What holds state: the root of trust, the index, the blobs, and the services over them. The gateway and
//! the operator's commands open it the same way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use sealgate_audit::{Trail, TrailConfig};
use sealgate_blobs::{BlobStore, LocalOptions};
use sealgate_iam::Iam;
use sealgate_index::{Index, IndexConfig};
use sealgate_kms::{Kms, KmsOptions, Root};
use sealgate_notify::Targets;
use sealgate_s3::lifecycle::Lifecycle;
use sealgate_s3::replication::Remotes;
use sealgate_s3::{S3, S3Deps, storage_class};
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
    /// Buckets behind other endpoints.
    pub remotes: Remotes,
    /// The S3 service.
    pub s3: S3,
}

impl Stores {
    /// Opens what is there, and makes it at a first start only. Events go to these targets.
    pub async fn open(config: &Config, data: &DataDir, targets: Targets) -> anyhow::Result<Stores> {
        let index_path = config.index_path(data.path());
        data.require("the index", &index_path)?;
        let remotes = Remotes::open(config.replication.clone()).map_err(|(name, why)| {
            anyhow::anyhow!("the endpoint of replication {name} cannot be used: {why}")
        })?;
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
        check_classes(config, &index).await?;
        let blobs = blobs.with_classes(open_classes(config, data).await?);
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
        let lifecycle = Lifecycle::new(
            index.clone(),
            blobs.clone(),
            iam.clone(),
            config.region.clone(),
        );
        let s3 = S3::new(S3Deps {
            index: index.clone(),
            blobs: blobs.clone(),
            iam: iam.clone(),
            sse: sse.clone(),
            trail: trail.clone(),
            targets,
            remotes: remotes.clone(),
            config: sealgate_s3::Config {
                region: config.region.clone(),
                domains: config.domains.clone(),
                cleartext: config.cleartext_secrets,
                inline_limit: config.inline_limit,
                block_sse_c_on_new_buckets: config.block_sse_c_on_new_buckets,
                idle_timeout: config.limits.idle_timeout,
            },
        });
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
            remotes,
            s3,
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
    if let StoreConfig::Local(path) = &config.store {
        let path = path.clone().unwrap_or_else(|| data.blobs());
        data.require("the folder of sealed bodies", &path)?;
    }
    open_store(&config.store, data).await
}

async fn open_classes(
    config: &Config,
    data: &DataDir,
) -> anyhow::Result<BTreeMap<String, BlobStore>> {
    let mut classes = BTreeMap::new();
    let mut places = vec![place(&config.store, data)?];
    for (class, store) in &config.storage_classes {
        let opened = open_store(store, data).await;
        let opened = opened.with_context(|| format!("the storage class {class}"))?;
        let own = place(store, data)?;
        // Each store is swept for blobs that nobody knows: those of another one would be among them.
        if let Some(other) = places.iter().find(|other| overlap(other, &own)) {
            bail!("the store of the storage class {class}, {own}, and {other} lie in each other");
        }
        places.push(own);
        classes.insert(class.clone(), opened);
    }
    Ok(classes)
}

/// Where a store is that was opened.
fn place(store: &StoreConfig, data: &DataDir) -> anyhow::Result<String> {
    Ok(match store {
        StoreConfig::Local(path) => {
            let path = path.clone().unwrap_or_else(|| data.blobs());
            path.canonicalize()?.display().to_string()
        }
        StoreConfig::Remote(remote) => format!(
            "{} {}",
            remote.endpoint.as_deref().unwrap_or_default(),
            remote.url.trim_end_matches('/')
        ),
    })
}

fn overlap(one: &str, other: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    holds(one, other) || holds(other, one)
}

/// Refuses to go on without a store in which there are bodies: it was forgotten, or is not mounted.
async fn check_classes(config: &Config, index: &Index) -> anyhow::Result<()> {
    for class in storage_class::with_store() {
        if !index.holds_blobs(&format!("{class}/")).await? {
            continue;
        }
        match config.storage_classes.get(class) {
            None => bail!(
                "there are objects of the storage class {class}: storage_classes has to name its store"
            ),
            Some(StoreConfig::Local(Some(path))) if !path.exists() => bail!(
                "the folder of the storage class {class} is missing, and there are objects of it"
            ),
            Some(_) => {}
        }
    }
    Ok(())
}

async fn open_store(store: &StoreConfig, data: &DataDir) -> anyhow::Result<BlobStore> {
    match store {
        StoreConfig::Local(path) => {
            let path = path.clone().unwrap_or_else(|| data.blobs());
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

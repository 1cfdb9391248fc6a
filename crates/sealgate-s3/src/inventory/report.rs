//! A report on its way into its bucket: data files, the list of them for Hive, manifest and checksum. The checksum
//! comes last; where it is, the report is whole.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html>

use std::sync::Arc;

use md5::{Digest as _, Md5};
use sealgate_index::{Bucket, ScanPlace};
use sealgate_policy::Context;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio::time::{Instant, sleep};

use super::configuration::{Format, Inventory};
use super::csv::CsvFile;
use super::parquet::{self, ParquetFile};
use super::row::{Row, Source};
use crate::S3;
use crate::access::Sharing;
use crate::access::acl::Asker;
use crate::access::decision::Question;
use crate::delivery::{self, File, FileWriter, Put, Target};
use crate::error::{Code, Result};

/// The service that delivers.
const SERVICE: &str = "s3.amazonaws.com";
/// Version of the manifest.
const VERSION: &str = "2016-11-30";
/// Versions that are looked at together.
const BATCH: usize = 1000;
/// A data file that has come to so many bytes is followed by another.
const FILE_BYTES: u64 = 256 << 20;

const FOLDER: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]-[minute]Z");
const PARTITION: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]-[hour]-[minute]");

/// What a report was made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reported {
    /// Versions and delete markers that it lists.
    pub rows: u64,
    /// Data files.
    pub files: usize,
}

pub(super) struct Report<'a> {
    s3: &'a S3,
    source: Source,
    inventory: &'a Inventory,
    /// The bucket that it goes into.
    bucket: Arc<Bucket>,
    sharing: Arc<Sharing>,
    /// What the report is of.
    time: OffsetDateTime,
    /// Whether requests come first: then it rests as long as it works.
    gentle: bool,
}

/// A data file that is being written.
enum Encoder {
    Csv(CsvFile),
    Parquet(Box<ParquetFile>),
}

impl Encoder {
    fn new(inventory: &Inventory) -> Result<Self> {
        let columns = inventory.columns.clone();
        Ok(match inventory.format {
            Format::Csv => Self::Csv(CsvFile::new(columns)),
            Format::Parquet => Self::Parquet(Box::new(ParquetFile::new(columns)?)),
        })
    }

    /// Takes rows, and gives what has become of them and others before.
    async fn push(mut self, rows: Vec<Row>) -> Result<(Self, Vec<u8>)> {
        on_a_thread(move || {
            let bytes = match &mut self {
                Self::Csv(file) => {
                    file.push(&rows)?;
                    file.take()
                }
                Self::Parquet(file) => {
                    file.push(rows)?;
                    file.take()
                }
            };
            Ok((self, bytes))
        })
        .await
    }

    async fn finish(self) -> Result<Vec<u8>> {
        on_a_thread(move || {
            Ok(match self {
                Self::Csv(file) => file.finish()?,
                Self::Parquet(file) => file.finish()?,
            })
        })
        .await
    }
}

/// Compressing takes longer than the reactor may be kept.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Code::InternalError)?
}

impl<'a> Report<'a> {
    /// A report on a bucket. A target that does not let it in refuses it here.
    pub(super) async fn new(
        s3: &'a S3,
        source: Arc<Bucket>,
        inventory: &'a Inventory,
        time: OffsetDateTime,
        gentle: bool,
    ) -> Result<Self> {
        let bucket = s3.bucket(&inventory.bucket).await?;
        let account = inventory.account.as_ref();
        if account.is_some_and(|account| *account != bucket.account_id) {
            return Err(Code::AccessDenied.into());
        }
        let owner = s3.iam.account(&source.account_id).await.ok().flatten();
        let owner = owner.ok_or(Code::InternalError)?.canonical_id;
        let report = Self {
            s3,
            source: Source::new(source, owner)?,
            sharing: s3.sharing(&bucket).await?,
            inventory,
            bucket,
            time,
            gentle,
        };
        report.may_put(&report.key("manifest.checksum"))?;
        Ok(report)
    }

    pub(super) async fn deliver(&self) -> Result<Reported> {
        let (files, rows) = self.data().await?;
        let links: String = files
            .iter()
            .map(|file| format!("s3://{}/{}\n", self.bucket.name, file.key))
            .collect();
        let partition = self.time.format(PARTITION).unwrap_or_default();
        let hive = format!("{}hive/dt={partition}/symlink.txt", self.folder());
        self.put(&hive, links.as_bytes(), "text/plain").await?;
        let manifest = self.manifest(&files)?;
        self.put(&self.key("manifest.json"), &manifest, "application/json")
            .await?;
        let checksum = hex::encode(Md5::digest(&manifest));
        let key = self.key("manifest.checksum");
        self.put(&key, checksum.as_bytes(), "text/plain").await?;
        Ok(Reported {
            rows,
            files: files.len(),
        })
    }

    /// Writes the data files.
    async fn data(&self) -> Result<(Vec<Put>, u64)> {
        let (mut files, mut count) = (Vec::new(), 0);
        let mut open: Option<(Encoder, FileWriter<'_>)> = None;
        let mut after = None;
        loop {
            let began = Instant::now();
            let (rows, last) = self.rows(after.as_ref()).await?;
            count += rows.len() as u64;
            if !rows.is_empty() || (last.is_none() && files.is_empty() && open.is_none()) {
                let (encoder, mut writer) = match open.take() {
                    Some(open) => open,
                    None => (Encoder::new(self.inventory)?, self.begin_data().await?),
                };
                let (encoder, bytes) = encoder.push(rows).await?;
                writer.push(&bytes).await?;
                if writer.len() >= FILE_BYTES {
                    files.push(finish(encoder, writer).await?);
                } else {
                    open = Some((encoder, writer));
                }
            }
            let Some(last) = last else { break };
            after = Some(last);
            if self.gentle {
                sleep(began.elapsed()).await;
            }
        }
        if let Some((encoder, writer)) = open {
            files.push(finish(encoder, writer).await?);
        }
        Ok((files, count))
    }

    /// The rows of the next versions, and the place behind them if there are more.
    async fn rows(&self, after: Option<&ScanPlace>) -> Result<(Vec<Row>, Option<ScanPlace>)> {
        let index = &self.s3.index;
        let prefix = &self.inventory.prefix;
        let bucket = self.source.bucket.id;
        let mut found = index
            .scan_versions_below(bucket, prefix, after, BATCH)
            .await?;
        let last = found.last().filter(|_| found.len() == BATCH);
        let last = last.map(|version| version.place());
        if !self.inventory.all_versions {
            found.retain(|version| version.listed.is_latest && !version.listed.delete_marker);
        }
        let seqs: Vec<i64> = found.iter().map(|version| version.listed.seq).collect();
        let details = index.version_details(&seqs).await?;
        let rows = found
            .into_iter()
            .zip(&details)
            // What is gone meanwhile is not told of.
            .filter_map(|(version, details)| Some(self.source.row(version, details.as_ref()?)))
            .collect::<Result<_>>()?;
        Ok((rows, last))
    }

    /// The folder of all reports of the configuration, with its slash.
    fn folder(&self) -> String {
        let prefix = self.inventory.target_prefix.as_deref();
        let prefix = prefix.map_or_else(String::new, |prefix| {
            format!("{}/", prefix.trim_end_matches('/'))
        });
        format!("{prefix}{}/{}/", self.source.bucket.name, self.inventory.id)
    }

    /// The key of a file of this report.
    fn key(&self, name: &str) -> String {
        let time = self.time.format(FOLDER).unwrap_or_default();
        format!("{}{time}/{name}", self.folder())
    }

    async fn begin_data(&self) -> Result<FileWriter<'_>> {
        let name = uuid::Uuid::new_v4();
        let suffix = self.inventory.format.suffix();
        let key = format!("{}data/{name}.{suffix}", self.folder());
        self.may_put(&key)?;
        let now = self.s3.index.now();
        self.s3.begin_file(&self.target(), &key, None, now).await
    }

    async fn put(&self, key: &str, body: &[u8], content_type: &str) -> Result<()> {
        self.may_put(key)?;
        let file = File {
            key,
            body,
            system: &[("content-type", content_type)],
            user: &[],
        };
        let now = self.s3.index.now();
        self.s3.put_file(&self.target(), &file, now).await
    }

    fn target(&self) -> Target<'_> {
        Target {
            account: &self.bucket.account_id,
            bucket: &self.bucket.name,
            service: SERVICE,
            source: Some(sealgate_policy::Source {
                arn: format!("arn:aws:s3:::{}", self.source.bucket.name),
                account_id: self.source.bucket.account_id.clone(),
            }),
            mode: self.inventory.mode(),
        }
    }

    fn manifest(&self, files: &[Put]) -> Result<Vec<u8>> {
        let columns = &self.inventory.columns;
        let schema = match self.inventory.format {
            Format::Parquet => parquet::schema(columns),
            Format::Csv => {
                let names: Vec<_> = columns.iter().map(|column| column.name).collect();
                names.join(", ")
            }
        };
        let files: Vec<_> = files
            .iter()
            .map(|file| json!({ "key": file.key, "size": file.size, "MD5checksum": file.md5 }))
            .collect();
        let millis = self.time.unix_timestamp_nanos() / 1_000_000;
        let manifest = json!({
            "sourceBucket": self.source.bucket.name,
            "destinationBucket": format!("arn:aws:s3:::{}", self.bucket.name),
            "version": VERSION,
            "creationTimestamp": millis.to_string(),
            "fileFormat": self.inventory.format.name(),
            "fileSchema": schema,
            "files": files,
        });
        serde_json::to_vec_pretty(&manifest).map_err(|_| Code::InternalError.into())
    }

    /// Whether the target's policy lets the service put an object
    /// ([the policy](https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html#example-bucket-policies-s3-inventory)).
    fn may_put(&self, key: &str) -> Result<()> {
        let now = self.s3.index.now();
        // The service belongs to no account here: only what the bucket itself says lets it in.
        let caller = delivery::service(SERVICE, "", &self.s3.config.region, now);
        let source = &self.source.bucket;
        let mut context = Context::new();
        context.insert("aws:SourceArn", format!("arn:aws:s3:::{}", source.name));
        context.insert("aws:SourceAccount", source.account_id.as_str());
        context.insert("s3:ResourceAccount", self.bucket.account_id.as_str());
        context.insert("s3:x-amz-acl", "bucket-owner-full-control");
        for (name, value) in self.inventory.headers() {
            context.insert(name, value);
        }
        Question {
            caller: &caller,
            asker: Asker {
                canonical_id: "",
                anonymous: true,
            },
            action: "s3:PutObject",
            resource: &format!("arn:aws:s3:::{}/{key}", self.bucket.name),
            owner: &self.bucket.account_id,
            context: &context,
            sharing: Some(&self.sharing),
            object: None,
        }
        .answer()
    }
}

async fn finish(encoder: Encoder, mut writer: FileWriter<'_>) -> Result<Put> {
    writer.push(&encoder.finish().await?).await?;
    let kind = [("content-type", "application/octet-stream")];
    writer.finish(&kind, &[]).await
}

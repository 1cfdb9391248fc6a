//! Files of the gateway's own (of the audit trail, access logs, inventories) go into buckets as any object does: sealed
//! under the bucket's default, or under the KMS key of the trail, which must let the service use it.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html>

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use md5::{Digest as _, Md5};
use sealgate_audit::{AuditError, AuditFile, DueTrail, Export, ExportRequest, Exported};
use sealgate_index::{Attributes, Bucket, NewVersion, WriteCondition};
use sealgate_kms::{Call, EncryptionContext};
use sealgate_policy::{Caller, Environment, Principal, PrincipalKind, Source};
use sealgate_sse::{Mode, Place, WriteMode};
use time::OffsetDateTime;

use crate::S3;
use crate::attributes;
use crate::error::{Code, Result, S3Error};
use crate::meta::ObjectMeta;
use crate::replication::About;
use crate::tags::Tags;
use crate::writer::{self, BodyWriter};

const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";

/// Why an export into a bucket did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The trail could not be read or signed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A file could not be put.
    #[error("{code}: {message}")]
    Put {
        /// The code of S3.
        code: &'static str,
        /// What it says.
        message: String,
    },
}

/// Where a file goes, and for whom.
pub(crate) struct Target<'a> {
    pub(crate) account: &'a str,
    pub(crate) bucket: &'a str,
    /// The service that delivers, in whose name keys are used.
    pub(crate) service: &'a str,
    /// What it delivers for, if that is a thing that policies can name.
    pub(crate) source: Option<Source>,
    /// What they are sealed under; `None` for the bucket's default.
    pub(crate) mode: Option<WriteMode>,
}

/// A file as an object.
pub(crate) struct File<'a> {
    pub(crate) key: &'a str,
    pub(crate) body: &'a [u8],
    /// Headers that S3 knows.
    pub(crate) system: &'a [(&'a str, &'a str)],
    /// `x-amz-meta-`.
    pub(crate) user: &'a [(&'a str, String)],
}

impl<'a> File<'a> {
    fn of_trail(file: &'a AuditFile) -> Self {
        Self {
            key: &file.key,
            body: &file.body,
            system: &[
                ("content-type", "application/json"),
                ("content-encoding", "gzip"),
            ],
            user: &file.metadata,
        }
    }
}

impl S3 {
    /// Delivers what trails have to deliver, those whose turn it is. A trail that fails does not keep the
    /// others from theirs: its status tells why, and it is tried again a period later.
    ///
    /// # Errors
    /// If the audit trail cannot be read.
    pub async fn deliver_due(&self, now: OffsetDateTime) -> Result<(), AuditError> {
        for due in self.trail.due_trails(now).await? {
            self.deliver(&due, now).await?;
        }
        Ok(())
    }

    async fn deliver(&self, due: &DueTrail, now: OffsetDateTime) -> Result<(), AuditError> {
        let trail = &due.settings;
        let target = Target {
            account: &trail.account_id,
            bucket: &trail.bucket,
            service: CLOUDTRAIL,
            source: Some(Source {
                arn: trail.arn(),
                account_id: trail.account_id.clone(),
            }),
            mode: trail.kms_key.clone().map(|key| WriteMode::Kms {
                key_id: Some(key),
                context: EncryptionContext::from_pairs([(
                    "aws:cloudtrail:arn",
                    trail.arn().as_str(),
                )]),
                bucket_key: false,
            }),
        };
        while let Some(delivery) = self.trail.next_delivery(due).await? {
            if let Some(file) = &delivery.file
                && let Err(error) = self.put_file(&target, &File::of_trail(file), now).await
            {
                let code = error.code();
                tracing::warn!(
                    trail = trail.arn(),
                    code,
                    "the files of a trail could not be delivered"
                );
                return self.trail.delivery_failed(due, &delivery, code).await;
            }
            self.trail.delivered(due, delivery).await?;
        }
        self.trail.delivery_done(due).await
    }

    /// Exports a part of the trail into a bucket of the same account.
    ///
    /// # Errors
    /// If the trail cannot be read, or a file cannot be put.
    pub async fn export_trail(&self, request: ExportRequest) -> Result<Exported, ExportError> {
        let (account, bucket) = (request.account_id.clone(), request.bucket.clone());
        let target = Target {
            account: &account,
            bucket: &bucket,
            service: CLOUDTRAIL,
            source: None,
            mode: None,
        };
        let mut export = Export::begin(&self.trail, request).await?;
        while let Some(file) = export.next().await? {
            self.put_file(&target, &File::of_trail(&file), OffsetDateTime::now_utc())
                .await
                .map_err(|error| ExportError::Put {
                    code: error.code(),
                    message: error.message,
                })?;
        }
        Ok(export.exported())
    }

    /// Puts a file, instead of a client that would ask for it. Whether the bucket lets the service do so is
    /// asked before, where its policy counts.
    pub(crate) async fn put_file(
        &self,
        target: &Target<'_>,
        file: &File<'_>,
        now: OffsetDateTime,
    ) -> Result<()> {
        let length = file.body.len() as u64;
        let mut writer = self.begin_file(target, file.key, Some(length), now).await?;
        writer.push(file.body).await?;
        writer.finish(file.system, file.user).await?;
        Ok(())
    }

    /// Begins a file, of this length if it is known. What refuses it does so here; dropped, it leaves nothing.
    pub(crate) async fn begin_file(
        &self,
        target: &Target<'_>,
        key: &str,
        length: Option<u64>,
        now: OffsetDateTime,
    ) -> Result<FileWriter<'_>> {
        let bucket = self.bucket(target.bucket).await?;
        if bucket.account_id != target.account {
            return Err(Code::AccessDenied.into());
        }
        let of_bucket;
        let mode = match &target.mode {
            Some(mode) => mode,
            None => {
                let settings = crate::ops::bucket_encryption::settings(&bucket)?;
                of_bucket =
                    sealgate_sse::parse_write(&HeaderMap::new(), false)?.effective(&settings)?;
                &of_bucket
            }
        };
        let mut caller = service(target.service, target.account, &self.config.region, now);
        caller.source = target.source.clone();
        let request_id = hex::encode_upper(random::<8>()?);
        let call = Call {
            caller: &caller,
            request_id: &request_id,
            via: Some(&self.kms_via),
        };
        let place = Place {
            account: &bucket.account_id,
            bucket: &bucket.name,
            key,
        };
        let (keys, envelope) = self.sse.seal(&call, place, mode).await?;
        Ok(FileWriter {
            s3: self,
            key: key.to_owned(),
            body: BodyWriter::new(self, &keys, length, None)?,
            md5: Md5::new(),
            length: 0,
            etag_is_md5: mode.mode() == Mode::S3,
            kms: mode.needs_kms(),
            envelope: envelope.to_bytes()?.into(),
            attributes: attributes::of_delivery(&bucket, now)?,
            bucket,
        })
    }
}

/// A file on its way into a bucket. It is there when it is finished.
pub(crate) struct FileWriter<'a> {
    s3: &'a S3,
    bucket: Arc<Bucket>,
    key: String,
    body: BodyWriter,
    md5: Md5,
    length: u64,
    etag_is_md5: bool,
    kms: bool,
    envelope: Bytes,
    attributes: Attributes,
}

/// A file that was put.
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) size: u64,
    /// In hexadecimal.
    pub(crate) md5: String,
}

impl FileWriter<'_> {
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.md5.update(bytes);
        self.length += bytes.len() as u64;
        self.body.push(bytes).await
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Puts it, with these headers that S3 knows and these of `x-amz-meta-`.
    pub(crate) async fn finish(
        self,
        system: &[(&str, &str)],
        user: &[(&str, String)],
    ) -> Result<Put> {
        let stored = self.body.finish().await?;
        let md5 = hex::encode(self.md5.finalize());
        let etag = if self.etag_is_md5 {
            md5.clone()
        } else {
            writer::opaque_etag()?
        };
        let text = |text: &str| text.to_owned();
        let meta = ObjectMeta {
            system: system
                .iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            user: user
                .iter()
                .map(|(name, value)| (text(name), value.clone()))
                .collect(),
            etag_is_md5: self.etag_is_md5,
            ..ObjectMeta::default()
        };
        let mut events = self.s3.events.of_delivery(&self.bucket, &self.key).await?;
        let about = About::Written {
            tags: &Tags::default(),
            kms: self.kms,
        };
        events.extend(
            self.s3
                .replication
                .entries(&self.bucket, &self.key, about)?,
        );
        let size = stored.size;
        let version = NewVersion {
            key: self.key.clone(),
            size,
            body: stored.body(&etag),
            etag,
            checksum_algorithm: None,
            checksum_type: None,
            meta: meta.to_bytes()?,
            envelope: self.envelope,
            attributes: self.attributes,
        };
        let (index, bucket_id) = (self.s3.index.clone(), self.bucket.id);
        writer::to_the_end(async move {
            let outcome = index
                .put_version(bucket_id, version, WriteCondition::None, None, events)
                .await;
            stored.settle(&outcome);
            outcome.map(|_| ()).map_err(S3Error::from)
        })
        .await?;
        Ok(Put {
            key: self.key,
            size,
            md5,
        })
    }
}

/// A service, acting for an account: what policies know as the service.
pub(crate) fn service(name: &str, account: &str, region: &str, now: OffsetDateTime) -> Caller {
    let principal = Principal {
        account_id: account.to_owned(),
        kind: PrincipalKind::Service {
            name: name.to_owned(),
        },
        arn: name.to_owned(),
        id: name.to_owned(),
        access_key_id: None,
    };
    let environment = Environment {
        source_ip: None,
        secure_transport: true,
        user_agent: Some(name.to_owned()),
        now,
        region: region.to_owned(),
    };
    Caller::new(principal, environment)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    sealgate_crypto::random::fill(&mut bytes).map_err(|_| Code::InternalError)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

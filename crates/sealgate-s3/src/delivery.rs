//! Files of the gateway's own (of the audit trail, of access logs) go into buckets as any object does: sealed
//! under the bucket's default, or under the KMS key of the trail, which must let the service use it.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html>

use http::HeaderMap;
use md5::{Digest as _, Md5};
use sealgate_audit::{AuditError, AuditFile, DueTrail, Export, ExportRequest, Exported};
use sealgate_index::{NewVersion, WriteCondition};
use sealgate_kms::{Call, EncryptionContext};
use sealgate_policy::{Caller, Environment, Principal, PrincipalKind};
use sealgate_sse::{Mode, Place, WriteMode};
use time::OffsetDateTime;

use crate::S3;
use crate::attributes;
use crate::error::{Code, Result, S3Error};
use crate::meta::ObjectMeta;
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
    /// ARN of the key, and of the trail that is its encryption context.
    pub(crate) kms: Option<(&'a str, String)>,
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
            kms: trail.kms_key.as_deref().map(|key| (key, trail.arn())),
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
            kms: None,
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
        let bucket = self.bucket(target.bucket).await?;
        if bucket.account_id != target.account {
            return Err(Code::AccessDenied.into());
        }
        let mode = match &target.kms {
            Some((key, trail)) => WriteMode::Kms {
                key_id: Some((*key).to_owned()),
                context: EncryptionContext::from_pairs([("aws:cloudtrail:arn", trail.as_str())]),
                bucket_key: false,
            },
            None => {
                let settings = crate::ops::bucket_encryption::settings(&bucket)?;
                sealgate_sse::parse_write(&HeaderMap::new(), false)?.effective(&settings)?
            }
        };
        let caller = service(target.service, target.account, &self.config.region, now);
        let request_id = hex::encode_upper(random::<8>()?);
        let call = Call {
            caller: &caller,
            request_id: &request_id,
            via: Some(&self.kms_via),
        };
        let place = Place {
            account: &bucket.account_id,
            bucket: &bucket.name,
            key: file.key,
        };
        let (keys, envelope) = self.sse.seal(&call, place, &mode).await?;
        let mut body = BodyWriter::new(self, &keys, 1, Some(file.body.len() as u64));
        body.push(file.body).await?;
        let stored = body.finish().await?;
        let etag_is_md5 = mode.mode() == Mode::S3;
        let etag = if etag_is_md5 {
            hex::encode(Md5::digest(file.body))
        } else {
            writer::opaque_etag()?
        };
        let text = |text: &str| text.to_owned();
        let meta = ObjectMeta {
            system: file
                .system
                .iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            user: file
                .user
                .iter()
                .map(|(name, value)| (text(name), value.clone()))
                .collect(),
            etag_is_md5,
            ..ObjectMeta::default()
        };
        let version = NewVersion {
            key: text(file.key),
            size: stored.size,
            body: stored.body(&etag),
            etag,
            checksum_algorithm: None,
            checksum_type: None,
            meta: meta.to_bytes()?,
            envelope: envelope.to_bytes()?.into(),
            attributes: attributes::of_delivery(&bucket, now)?,
        };
        let (index, bucket_id) = (self.index.clone(), bucket.id);
        writer::to_the_end(async move {
            let outcome = index
                .put_version(bucket_id, version, WriteCondition::None, None, Vec::new())
                .await;
            stored.settle(&outcome);
            outcome.map(|_| ()).map_err(S3Error::from)
        })
        .await
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

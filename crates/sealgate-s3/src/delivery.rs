//! Files of the audit trail go into buckets as any object does: sealed under the bucket's default, or under
//! the KMS key of the trail, which must let the service use it.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html>

use std::collections::BTreeMap;

use http::HeaderMap;
use md5::{Digest as _, Md5};
use sealgate_audit::{AuditError, AuditFile, DueTrail, Export, ExportRequest, Exported};
use sealgate_index::{NewVersion, WriteCondition};
use sealgate_kms::{Call, EncryptionContext};
use sealgate_policy::{Caller, Environment, Principal, PrincipalKind};
use sealgate_sse::{Mode, Place, WriteMode};
use time::OffsetDateTime;

use crate::S3;
use crate::error::{Code, Result, S3Error};
use crate::meta::ObjectMeta;
use crate::writer::{self, BodyWriter};

const SERVICE: &str = "cloudtrail.amazonaws.com";

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
struct Target<'a> {
    account: &'a str,
    bucket: &'a str,
    /// ARN of the key, and of the trail that is its encryption context.
    kms: Option<(&'a str, String)>,
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
            kms: trail.kms_key.as_deref().map(|key| (key, trail.arn())),
        };
        while let Some(delivery) = self.trail.next_delivery(due).await? {
            if let Some(file) = &delivery.file
                && let Err(error) = self.put_file(&target, file, now).await
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
            kms: None,
        };
        let mut export = Export::begin(&self.trail, request).await?;
        while let Some(file) = export.next().await? {
            self.put_file(&target, &file, OffsetDateTime::now_utc())
                .await
                .map_err(|error| ExportError::Put {
                    code: error.code(),
                    message: error.message,
                })?;
        }
        Ok(export.exported())
    }

    async fn put_file(
        &self,
        target: &Target<'_>,
        file: &AuditFile,
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
        let caller = service(target.account, &self.config.region, now);
        let request_id = hex::encode_upper(random::<8>()?);
        let call = Call {
            caller: &caller,
            request_id: &request_id,
            via: Some(&self.kms_via),
        };
        let place = Place {
            account: &bucket.account_id,
            bucket: &bucket.name,
            key: &file.key,
        };
        let (keys, envelope) = self.sse.seal(&call, place, &mode).await?;
        let mut body = BodyWriter::new(self, &keys, 1, Some(file.body.len() as u64));
        body.push(&file.body).await?;
        let stored = body.finish().await?;
        let etag_is_md5 = mode.mode() == Mode::S3;
        let etag = if etag_is_md5 {
            hex::encode(Md5::digest(&file.body))
        } else {
            writer::opaque_etag()?
        };
        let text = |text: &str| text.to_owned();
        let meta = ObjectMeta {
            system: BTreeMap::from([
                (text("content-type"), text("application/json")),
                (text("content-encoding"), text("gzip")),
            ]),
            user: file
                .metadata
                .iter()
                .map(|(name, value)| (text(name), value.clone()))
                .collect(),
            etag_is_md5,
            ..ObjectMeta::default()
        };
        let version = NewVersion {
            key: file.key.clone(),
            size: stored.size,
            body: stored.body(&etag),
            etag,
            checksum_algorithm: None,
            checksum_type: None,
            meta: meta.to_bytes()?,
            envelope: envelope.to_bytes()?.into(),
        };
        let (index, bucket_id) = (self.index.clone(), bucket.id);
        writer::to_the_end(async move {
            let outcome = index
                .put_version(bucket_id, version, WriteCondition::None, None)
                .await;
            stored.settle(&outcome);
            outcome.map(|_| ()).map_err(S3Error::from)
        })
        .await
    }
}

/// CloudTrail, acting for an account: what key policies know as the service.
fn service(account: &str, region: &str, now: OffsetDateTime) -> Caller {
    let principal = Principal {
        account_id: account.to_owned(),
        kind: PrincipalKind::Service {
            name: SERVICE.to_owned(),
        },
        arn: SERVICE.to_owned(),
        id: SERVICE.to_owned(),
        access_key_id: None,
    };
    let environment = Environment {
        source_ip: None,
        secure_transport: true,
        user_agent: Some(SERVICE.to_owned()),
        now,
        region: region.to_owned(),
    };
    Caller::new(principal, environment)
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Code::InternalError)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

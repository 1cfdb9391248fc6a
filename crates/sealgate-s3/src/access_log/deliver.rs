//! From lines that wait to objects in the target bucket, if its owner still lets the log in.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealgate_index::Bucket;
use sealgate_policy::{Context, Source as PolicySource};
use time::{Date, OffsetDateTime};

use super::configuration::Source;
use super::{LOG_DELIVERY_ID, Line, Logging, Target};
use crate::S3;
use crate::access::acl::Asker;
use crate::access::decision::Question;
use crate::delivery::{self, File};
use crate::document::Document as _;
use crate::error::{Code, Result};

/// The service that access logs come from.
const SERVICE: &str = "logging.s3.amazonaws.com";

impl S3 {
    /// Delivers the lines of access logs that wait. Those that cannot be are lost, which the log tells.
    pub async fn deliver_access_logs(&self, now: OffsetDateTime) {
        let (waiting, dropped) = self.access_log.take();
        if dropped > 0 {
            tracing::warn!(dropped, "lines of access logs did not fit into memory");
        }
        for (bucket, lines) in waiting {
            let count = lines.len();
            if let Err(error) = self.deliver_access_log(&bucket, lines, now).await {
                let code = error.code();
                tracing::warn!(bucket, code, count, "an access log could not be delivered");
            }
        }
    }

    /// Waits until so many lines wait that they should be delivered before their time.
    pub async fn access_logs_are_many(&self) {
        self.access_log.many_wait().await;
    }

    async fn deliver_access_log(
        &self,
        bucket: &str,
        lines: Vec<Line>,
        now: OffsetDateTime,
    ) -> Result<()> {
        let source = self.bucket(bucket).await?;
        let Some(target) = Logging::of(&source)?.and_then(|logging| logging.target) else {
            return Ok(());
        };
        let owner = self.iam.account(&source.account_id).await.ok().flatten();
        let owner = owner.map_or_else(|| "-".to_owned(), |account| account.canonical_id);
        let mut days: BTreeMap<Option<Date>, Vec<Line>> = BTreeMap::new();
        for line in lines {
            let day = target.splits_days().then(|| line.time.date());
            days.entry(day).or_default().push(line);
        }
        for lines in days.into_values() {
            let event = lines.first().map_or(now, |line| line.time);
            let mut body = String::new();
            for line in &lines {
                for part in [owner.as_str(), " ", bucket, " ", &line.text, "\n"] {
                    body.push_str(part);
                }
            }
            let key = self.access_log_key(&source, &target, event, now)?;
            self.may_deliver_access_log(&source, &target, &key).await?;
            let file = File {
                key: &key,
                body: body.as_bytes(),
                system: &[("content-type", "text/plain")],
                user: &[],
            };
            let to = delivery::Target {
                account: &source.account_id,
                bucket: &target.bucket,
                service: SERVICE,
                source: Some(PolicySource {
                    arn: format!("arn:aws:s3:::{}", source.name),
                    account_id: source.account_id.clone(),
                }),
                mode: None,
            };
            self.put_file(&to, &file, now).await?;
        }
        Ok(())
    }

    /// A key for an object of the log.
    pub(crate) fn access_log_key(
        &self,
        source: &Bucket,
        target: &Target,
        event: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<String> {
        let unique = hex::encode_upper(delivery::random::<8>()?);
        let from = Source {
            account: &source.account_id,
            region: &source.region,
            bucket: &source.name,
        };
        Ok(target.key(from, event, now, &unique))
    }

    /// Whether the target's policy lets the service put this object, or its list lets in the group of log
    /// delivery.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>
    pub(crate) async fn may_deliver_access_log(
        &self,
        source: &Bucket,
        target: &Target,
        key: &str,
    ) -> Result<()> {
        let bucket: Arc<Bucket> = self.bucket(&target.bucket).await?;
        if bucket.account_id != source.account_id || bucket.region != source.region {
            return Err(Code::AccessDenied.into());
        }
        let sharing = self.sharing(&bucket).await?;
        // The service belongs to no account here: only what the bucket itself says lets it in.
        let caller = delivery::service(SERVICE, "", &self.config.region, OffsetDateTime::now_utc());
        let mut context = Context::new();
        context.insert("aws:SourceArn", format!("arn:aws:s3:::{}", source.name));
        context.insert("aws:SourceAccount", source.account_id.as_str());
        context.insert("s3:ResourceAccount", bucket.account_id.as_str());
        Question {
            caller: &caller,
            asker: Asker {
                canonical_id: LOG_DELIVERY_ID,
                anonymous: false,
            },
            action: "s3:PutObject",
            resource: &format!("arn:aws:s3:::{}/{key}", bucket.name),
            owner: &bucket.account_id,
            context: &context,
            sharing: Some(&sharing),
            object: None,
        }
        .answer()
    }
}

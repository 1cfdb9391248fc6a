//! Object Lock: the bucket's configuration, and retention and legal hold of versions. What a lock
//! forbids is decided by the index, in the transaction of the change.

use http::StatusCode;
use sealgate_index::{Bucket, IndexError, LockChange, Retention, RetentionMode, Touched};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::attributes::{
    check_future, hold_name, mode_name, no_configuration, parse_date, parse_hold, parse_mode,
};
use crate::body::RequestBody;
use crate::document::{self, Document};
use crate::error::{Code, Result, S3Error};
use crate::replication::About;
use crate::request::Authorized;
use crate::response::{self, Response, iso};
use crate::version;
use crate::xml::{Element, Writer};

/// The longest default retention
/// ([Object Lock](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html)).
const MAX_DAYS: u32 = 36_500;
const MAX_YEARS: u32 = 100;

/// `ObjectLockConfiguration`. That the bucket has locks at all is the index's to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockConfiguration {
    default: Option<DefaultRetention>,
}

/// `DefaultRetention`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultRetention {
    compliance: bool,
    period: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Period {
    Days(u32),
    Years(u32),
}

impl DefaultRetention {
    /// The retention of a version that is made now.
    pub(crate) fn from(self, now: OffsetDateTime) -> Result<Retention> {
        let days = match self.period {
            Period::Days(days) => days,
            Period::Years(years) => years.saturating_mul(365),
        };
        let until = now.checked_add(Duration::days(days.into()));
        Ok(Retention {
            mode: if self.compliance {
                RetentionMode::Compliance
            } else {
                RetentionMode::Governance
            },
            until: until.ok_or(Code::InternalError)?,
        })
    }
}

impl LockConfiguration {
    /// The retention that new versions of a bucket get.
    pub(crate) fn default_retention(bucket: &Bucket) -> Result<Option<DefaultRetention>> {
        if !bucket.object_lock {
            return Ok(None);
        }
        Ok(Self::of(bucket)?.and_then(|configuration| configuration.default))
    }
}

impl Document for LockConfiguration {
    const KIND: &'static str = "object-lock";
    const ROOT: &'static str = "ObjectLockConfiguration";
    const MISSING: Code = Code::ObjectLockConfigurationNotFound;

    fn parse(root: &Element) -> Result<Self> {
        let malformed = || S3Error::from(Code::MalformedXml);
        root.only(&["ObjectLockEnabled", "Rule"])?;
        if root.required_text("ObjectLockEnabled")?.trim() != "Enabled" {
            return Err(malformed());
        }
        let Some(rule) = root.optional("Rule")? else {
            return Ok(Self { default: None });
        };
        rule.only(&["DefaultRetention"])?;
        let Some(default) = rule.optional("DefaultRetention")? else {
            return Ok(Self { default: None });
        };
        default.only(&["Mode", "Days", "Years"])?;
        let mode = parse_mode(default.required_text("Mode")?.trim()).ok_or_else(malformed)?;
        let number = |name| -> Result<Option<u32>> {
            let text = default.optional_text(name)?;
            text.map(|text| text.trim().parse().map_err(|_| malformed()))
                .transpose()
        };
        let invalid = |message| Err(S3Error::new(Code::InvalidArgument, message));
        let period = match (number("Days")?, number("Years")?) {
            (Some(0), None) | (None, Some(0)) => {
                return invalid("Default retention period must be a positive integer value.");
            }
            (Some(days), None) if days <= MAX_DAYS => Period::Days(days),
            (None, Some(years)) if years <= MAX_YEARS => Period::Years(years),
            (Some(_), None) | (None, Some(_)) => {
                return invalid("Default retention period too large.");
            }
            _ => return Err(malformed()),
        };
        Ok(Self {
            default: Some(DefaultRetention {
                compliance: mode == RetentionMode::Compliance,
                period,
            }),
        })
    }

    fn write(&self, w: &mut Writer) {
        w.text("ObjectLockEnabled", "Enabled");
        let Some(default) = self.default else {
            return;
        };
        w.element("Rule", |w| {
            w.element("DefaultRetention", |w| {
                let mode = if default.compliance {
                    RetentionMode::Compliance
                } else {
                    RetentionMode::Governance
                };
                w.text("Mode", mode_name(mode));
                match default.period {
                    Period::Days(days) => w.value("Days", days),
                    Period::Years(years) => w.value("Years", years),
                }
            });
        });
    }
}

/// [PutObjectLockConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html).
/// The first one gives the bucket locks for good.
pub(crate) async fn put_configuration(
    cx: &Authorized<'_>,
    body: &mut RequestBody,
) -> Result<Response> {
    let configuration: LockConfiguration = document::receive(cx, body).await?;
    let json = configuration.to_bytes()?;
    let (index, bucket) = (cx.s3.index.clone(), cx.bucket()?.clone());
    cx.recorded(async move {
        if !bucket.object_lock {
            let enabled = index.enable_object_lock(bucket.id).await;
            enabled.map_err(|error| match error {
                IndexError::InvalidBucketState => S3Error::new(
                    Code::InvalidBucketState,
                    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
                ),
                error => error.into(),
            })?;
        }
        let kind = LockConfiguration::KIND;
        Ok(index.put_bucket_config(bucket.id, kind, Some(json)).await?)
    })
    .await?;
    Ok(response::empty(StatusCode::OK))
}

/// [GetObjectLockConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html).
pub(crate) fn get_configuration(cx: &Authorized<'_>) -> Result<Response> {
    let bucket = cx.bucket()?;
    if !bucket.object_lock {
        let name = bucket.name.as_str();
        return Err(S3Error::from(Code::ObjectLockConfigurationNotFound).with("BucketName", name));
    }
    let configuration = LockConfiguration::of(bucket)?.unwrap_or_default();
    Ok(document::answer(&configuration))
}

/// Whether the request may pass over governance mode, and asks to.
pub(crate) fn bypasses_governance(cx: &Authorized<'_>, arn: &str) -> Result<bool> {
    const HEADER: &str = "x-amz-bypass-governance-retention";
    let asked = match cx.request.header(HEADER)? {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) if text.eq_ignore_ascii_case("false") => false,
        Some(text) => {
            return Err(S3Error::argument(
                HEADER,
                text,
                "The header value is not valid.",
            ));
        }
    };
    Ok(asked && cx.may("s3:BypassGovernanceRetention", arn).is_ok())
}

/// [PutObjectRetention](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html).
pub(crate) async fn put_retention(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    require_locks(cx)?;
    let document = body.document(cx.request, cx.s3, 64 * 1024).await?;
    let root = Element::parse(&document, "Retention")?;
    root.only(&["Mode", "RetainUntilDate"])?;
    let malformed = || S3Error::from(Code::MalformedXml);
    let mode = root.optional_text("Mode")?.map(str::trim);
    let until = root.optional_text("RetainUntilDate")?.map(str::trim);
    let retention = match (mode, until) {
        (None, None) => None,
        (Some(mode), Some(until)) => {
            let until = parse_date(until).ok_or_else(malformed)?;
            check_future(until, cx.s3.index.now())?;
            Some(Retention {
                mode: parse_mode(mode).ok_or_else(malformed)?,
                until,
            })
        }
        _ => return Err(malformed()),
    };
    change(cx, LockChange::Retention(retention)).await
}

/// [GetObjectRetention](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectRetention.html).
pub(crate) async fn get_retention(cx: &Authorized<'_>) -> Result<Response> {
    require_locks(cx)?;
    let version = version::find(cx).await?;
    let retention = version.attributes.lock.retention;
    let retention = retention.ok_or(Code::NoSuchObjectLockConfiguration)?;
    Ok(response::xml(Writer::document("Retention", |w| {
        w.text("Mode", mode_name(retention.mode));
        w.text("RetainUntilDate", iso(retention.until));
    })))
}

/// [PutObjectLegalHold](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html).
pub(crate) async fn put_legal_hold(
    cx: &Authorized<'_>,
    body: &mut RequestBody,
) -> Result<Response> {
    require_locks(cx)?;
    let document = body.document(cx.request, cx.s3, 64 * 1024).await?;
    let root = Element::parse(&document, "LegalHold")?;
    root.only(&["Status"])?;
    let hold = parse_hold(root.required_text("Status")?.trim()).ok_or(Code::MalformedXml)?;
    change(cx, LockChange::LegalHold(hold)).await
}

/// [GetObjectLegalHold](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLegalHold.html).
pub(crate) async fn get_legal_hold(cx: &Authorized<'_>) -> Result<Response> {
    require_locks(cx)?;
    let version = version::find(cx).await?;
    let hold = version.attributes.lock.legal_hold;
    let hold = hold.ok_or(Code::NoSuchObjectLockConfiguration)?;
    Ok(response::xml(Writer::document("LegalHold", |w| {
        w.text("Status", hold_name(hold));
    })))
}

fn require_locks(cx: &Authorized<'_>) -> Result<()> {
    if cx.bucket()?.object_lock {
        Ok(())
    } else {
        Err(no_configuration())
    }
}

async fn change(cx: &Authorized<'_>, change: LockChange) -> Result<Response> {
    let (bucket, key) = (cx.bucket()?.id, cx.key()?);
    let bypass = bypasses_governance(cx, &cx.place()?.arn())?;
    let named = cx.request.version.clone();
    let events = cx.replicates(key, About::Changed)?;
    let changed = cx
        .s3
        .index
        .set_lock(bucket, key, named, change, bypass, events);
    let _: Touched = changed.await.map_err(|error| version::missing(cx, error))?;
    Ok(response::empty(StatusCode::OK))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parse(content: &str) -> Result<LockConfiguration> {
        let xml = format!("<ObjectLockConfiguration>{content}</ObjectLockConfiguration>");
        LockConfiguration::parse(&Element::parse(xml.as_bytes(), LockConfiguration::ROOT)?)
    }

    fn rule(content: &str) -> String {
        format!(
            "<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>{content}</DefaultRetention></Rule>"
        )
    }

    #[test]
    fn a_default_is_a_mode_and_one_period() {
        for content in [
            "<Mode>GOVERNANCE</Mode><Days>1</Days>",
            "<Mode>COMPLIANCE</Mode><Days>36500</Days>",
            "<Mode>COMPLIANCE</Mode><Years>100</Years>",
        ] {
            let parsed = parse(&rule(content)).unwrap();
            let xml = Writer::document(LockConfiguration::ROOT, |w| parsed.write(w));
            assert!(xml.contains(content), "{xml}");
        }
        for (content, code) in [
            ("<Mode>GOVERNANCE</Mode>", Code::MalformedXml),
            ("<Days>1</Days>", Code::MalformedXml),
            ("<Mode>X</Mode><Days>1</Days>", Code::MalformedXml),
            (
                "<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>",
                Code::MalformedXml,
            ),
            (
                "<Mode>GOVERNANCE</Mode><Days>0</Days>",
                Code::InvalidArgument,
            ),
            (
                "<Mode>GOVERNANCE</Mode><Days>36501</Days>",
                Code::InvalidArgument,
            ),
            (
                "<Mode>GOVERNANCE</Mode><Years>101</Years>",
                Code::InvalidArgument,
            ),
        ] {
            assert_eq!(parse(&rule(content)).unwrap_err().kind(), code, "{content}");
        }
        assert!(parse("").is_err());
        assert_eq!(
            parse("<ObjectLockEnabled>Enabled</ObjectLockEnabled>").unwrap(),
            LockConfiguration::default()
        );
    }

    #[test]
    fn a_year_has_365_days() {
        let default = DefaultRetention {
            compliance: true,
            period: Period::Years(2),
        };
        let retention = default.from(OffsetDateTime::UNIX_EPOCH).unwrap();
        assert_eq!(retention.mode, RetentionMode::Compliance);
        assert_eq!(retention.until.unix_timestamp(), 2 * 365 * 86_400);
    }
}

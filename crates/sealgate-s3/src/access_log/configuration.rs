//! `BucketLoggingStatus`: into which bucket a bucket's log goes, and what its objects are called there.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::document::Document;
use crate::error::{Code, Result, S3Error};
use crate::names::BucketName;
use crate::xml::{Element, Writer};

/// Longest prefix, so that with what follows it is no longer than a key may be.
const MAX_PREFIX: usize = 800;
const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]-[hour]-[minute]-[second]");
const FOLDERS: &[BorrowedFormatItem<'_>] = format_description!("[year]/[month]/[day]");

/// `BucketLoggingStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Logging {
    pub(crate) target: Option<Target>,
}

/// `LoggingEnabled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    format: Option<KeyFormat>,
    /// Whether grants on the log's objects were asked for.
    #[serde(skip)]
    pub(crate) has_grants: bool,
}

/// `TargetObjectKeyFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum KeyFormat {
    Simple,
    Partitioned(Option<DateSource>),
}

/// `PartitionDateSource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum DateSource {
    EventTime,
    DeliveryTime,
}

/// The bucket that a log is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) bucket: &'a str,
}

impl Target {
    /// Whether what happened on different days goes into different objects.
    pub(super) fn splits_days(&self) -> bool {
        matches!(
            self.format,
            Some(KeyFormat::Partitioned(Some(DateSource::EventTime)))
        )
    }

    /// The key of an object with lines of this time.
    pub(super) fn key(
        &self,
        source: Source<'_>,
        event: OffsetDateTime,
        now: OffsetDateTime,
        unique: &str,
    ) -> String {
        let prefix = &self.prefix;
        let stamp = |time: OffsetDateTime| time.format(STAMP).unwrap_or_default();
        if !matches!(self.format, Some(KeyFormat::Partitioned(_))) {
            return format!("{prefix}{}-{unique}", stamp(now));
        }
        // Of an event the day counts, and its hour is shown as midnight.
        let time = if self.splits_days() {
            event.replace_time(time::Time::MIDNIGHT)
        } else {
            now
        };
        let Source {
            account,
            region,
            bucket,
        } = source;
        let folders = time.format(FOLDERS).unwrap_or_default();
        format!(
            "{prefix}{account}/{region}/{bucket}/{folders}/{}-{unique}",
            stamp(time)
        )
    }

    fn parse(element: &Element) -> Result<Self> {
        element.only(&[
            "TargetBucket",
            "TargetGrants",
            "TargetPrefix",
            "TargetObjectKeyFormat",
        ])?;
        let bucket = element.required_text("TargetBucket")?;
        BucketName::parse(bucket).map_err(|_| invalid(bucket))?;
        let prefix = element.required_text("TargetPrefix")?;
        if prefix.len() > MAX_PREFIX {
            return Err(S3Error::argument(
                "TargetPrefix",
                prefix,
                format!("The prefix can not be longer than {MAX_PREFIX} bytes."),
            ));
        }
        let grants = element.optional("TargetGrants")?;
        let format = element.optional("TargetObjectKeyFormat")?;
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            format: format.map(KeyFormat::parse).transpose()?,
            has_grants: grants.is_some_and(|grants| !grants.children.is_empty()),
        })
    }

    fn write(&self, w: &mut Writer) {
        w.text("TargetBucket", &self.bucket);
        w.text("TargetPrefix", &self.prefix);
        let Some(format) = self.format else { return };
        w.element("TargetObjectKeyFormat", |w| match format {
            KeyFormat::Simple => w.element("SimplePrefix", |_| ()),
            KeyFormat::Partitioned(source) => w.element("PartitionedPrefix", |w| {
                let source = source.map(|source| match source {
                    DateSource::EventTime => "EventTime",
                    DateSource::DeliveryTime => "DeliveryTime",
                });
                w.optional("PartitionDateSource", source);
            }),
        });
    }
}

impl KeyFormat {
    fn parse(element: &Element) -> Result<Self> {
        element.only(&["SimplePrefix", "PartitionedPrefix"])?;
        let (simple, partitioned) = (
            element.optional("SimplePrefix")?,
            element.optional("PartitionedPrefix")?,
        );
        match (simple, partitioned) {
            (Some(simple), None) => {
                simple.only(&[])?;
                Ok(Self::Simple)
            }
            (None, Some(partitioned)) => {
                partitioned.only(&["PartitionDateSource"])?;
                match partitioned.optional_text("PartitionDateSource")? {
                    None => Ok(Self::Partitioned(None)),
                    Some("EventTime") => Ok(Self::Partitioned(Some(DateSource::EventTime))),
                    Some("DeliveryTime") => Ok(Self::Partitioned(Some(DateSource::DeliveryTime))),
                    Some(_) => Err(Code::MalformedXml.into()),
                }
            }
            _ => Err(Code::MalformedXml.into()),
        }
    }
}

/// The refusal of a target.
pub(crate) fn invalid(bucket: &str) -> S3Error {
    S3Error::from(Code::InvalidTargetBucketForLogging).with("TargetBucket", bucket)
}

impl Document for Logging {
    const KIND: &'static str = "logging";
    const ROOT: &'static str = "BucketLoggingStatus";
    // Not answered: a bucket without a document says nothing.
    const MISSING: Code = Code::NoSuchConfiguration;

    fn parse(root: &Element) -> Result<Self> {
        root.only(&["LoggingEnabled"])?;
        let enabled = root.optional("LoggingEnabled")?;
        Ok(Self {
            target: enabled.map(Target::parse).transpose()?,
        })
    }

    fn write(&self, w: &mut Writer) {
        if let Some(target) = &self.target {
            w.element("LoggingEnabled", |w| target.write(w));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use time::macros::datetime;

    use super::*;

    fn parse(content: &str) -> Result<Logging> {
        let xml = format!("<BucketLoggingStatus>{content}</BucketLoggingStatus>");
        Logging::parse(&Element::parse(xml.as_bytes(), Logging::ROOT)?)
    }

    fn enabled(more: &str) -> String {
        format!(
            "<LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>p/</TargetPrefix>{more}</LoggingEnabled>"
        )
    }

    fn format(content: &str) -> String {
        enabled(&format!(
            "<TargetObjectKeyFormat>{content}</TargetObjectKeyFormat>"
        ))
    }

    const BY_EVENT: &str = "<PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix>";
    const BY_DELIVERY: &str = "<PartitionedPrefix><PartitionDateSource>DeliveryTime</PartitionDateSource></PartitionedPrefix>";

    #[test]
    fn a_configuration_comes_back_as_it_was_put() {
        for content in [
            String::new(),
            enabled(""),
            format("<SimplePrefix></SimplePrefix>"),
            format("<PartitionedPrefix></PartitionedPrefix>"),
            format(BY_EVENT),
        ] {
            let put = parse(&content).unwrap();
            let stored: Logging = serde_json::from_slice(&put.to_bytes().unwrap()).unwrap();
            let xml = Writer::document(Logging::ROOT, |w| stored.write(w));
            assert!(
                xml.contains(&format!(">{content}</BucketLoggingStatus>")),
                "{xml}"
            );
        }
    }

    #[test]
    fn what_the_model_does_not_have_is_malformed() {
        for content in [
            "<Other/>".to_owned(),
            "<LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled>".to_owned(),
            enabled("<Other/>"),
            format(""),
            format("<SimplePrefix/><PartitionedPrefix/>"),
            format(
                "<PartitionedPrefix><PartitionDateSource>Now</PartitionDateSource></PartitionedPrefix>",
            ),
        ] {
            let refused = parse(&content).unwrap_err();
            assert_eq!(refused.kind(), Code::MalformedXml, "{content}");
        }
        let name = enabled("").replace(">logs<", ">No Bucket<");
        let refused = parse(&name).unwrap_err();
        assert_eq!(refused.kind(), Code::InvalidTargetBucketForLogging);
        let long = enabled("").replace("p/", &"p".repeat(MAX_PREFIX + 1));
        assert_eq!(parse(&long).unwrap_err().kind(), Code::InvalidArgument);
    }

    #[test]
    fn keys_are_those_of_the_format() {
        let source = Source {
            account: "111122223333",
            region: "us-east-1",
            bucket: "photos",
        };
        let event = datetime!(2026-11-29 23:59:58 UTC);
        let now = datetime!(2026-11-30 00:10:11 UTC);
        for (content, key) in [
            (enabled(""), "p/2026-11-30-00-10-11-U"),
            (format("<SimplePrefix/>"), "p/2026-11-30-00-10-11-U"),
            (
                format(BY_DELIVERY),
                "p/111122223333/us-east-1/photos/2026/11/30/2026-11-30-00-10-11-U",
            ),
            (
                format(BY_EVENT),
                "p/111122223333/us-east-1/photos/2026/11/29/2026-11-29-00-00-00-U",
            ),
        ] {
            let target = parse(&content).unwrap().target.unwrap();
            assert_eq!(target.key(source, event, now, "U"), key);
        }
    }
}

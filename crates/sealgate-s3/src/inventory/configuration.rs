//! What of an `InventoryConfiguration` is carried out.

use sealgate_kms::EncryptionContext;
use sealgate_sse::WriteMode;
use time::{Date, Duration};

use super::columns::{ALWAYS, Column, OF_VERSIONS, OPTIONAL, optional};
use crate::error::{Code, Result};
use crate::xml::Element;

/// The format of the data files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// As in the manifest.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
        }
    }

    /// The end of a file's name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Csv => "csv.gz",
            Self::Parquet => "parquet",
        }
    }
}

/// How often there is a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
}

impl Frequency {
    /// Whether a report is due on a day, after one that was of an earlier day. Weekly ones are of Sundays, but for
    /// the first.
    pub(super) fn is_due(self, last: Option<Date>, today: Date) -> bool {
        let Some(last) = last else { return true };
        let from = match self {
            Self::Daily => today,
            Self::Weekly => sunday(today),
        };
        last < from
    }
}

/// The Sunday that a day is, or that was last.
fn sunday(day: Date) -> Date {
    let since = i64::from(day.weekday().number_days_from_sunday());
    day.checked_sub(Duration::days(since)).unwrap_or(day)
}

/// An inventory of a bucket.
#[derive(Debug, Clone)]
pub(super) struct Inventory {
    pub(super) id: String,
    pub(super) enabled: bool,
    /// Of the keys that are told of.
    pub(super) prefix: String,
    pub(super) all_versions: bool,
    pub(super) format: Format,
    pub(super) frequency: Frequency,
    pub(super) columns: Vec<&'static Column>,
    /// The bucket that reports go into.
    pub(super) bucket: String,
    /// Of the account that the bucket has to be of.
    pub(super) account: Option<String>,
    /// Of the reports.
    pub(super) target_prefix: Option<String>,
    encryption: Option<Encryption>,
}

#[derive(Debug, Clone)]
enum Encryption {
    S3,
    Kms(String),
}

impl Inventory {
    /// From a configuration that was checked when it was put.
    pub(super) fn of(root: &Element) -> Result<Self> {
        let destination = root
            .required("Destination")?
            .required("S3BucketDestination")?;
        let arn = destination.required_text("Bucket")?;
        let all_versions = root.required_text("IncludedObjectVersions")? == "All";
        let mut columns: Vec<&Column> = ALWAYS.iter().collect();
        if all_versions {
            columns.extend(&OF_VERSIONS);
        }
        // In the order of AWS's schema, whatever that of the configuration.
        if let Some(fields) = root.optional("OptionalFields")? {
            for field in fields.all("Field") {
                columns.push(optional(&field.text).ok_or(Code::MalformedXml)?);
            }
            let place =
                |column: &&Column| OPTIONAL.iter().position(|other| other.name == column.name);
            columns.sort_by_key(place);
        }
        let encryption = match destination.optional("Encryption")? {
            None => None,
            Some(element) => Some(match element.optional("SSE-KMS")? {
                Some(kms) => Encryption::Kms(kms.required_text("KeyId")?.to_owned()),
                None => Encryption::S3,
            }),
        };
        let filter = root.optional("Filter")?;
        Ok(Self {
            id: root.required_text("Id")?.to_owned(),
            enabled: root.required_text("IsEnabled")? == "true",
            prefix: match filter {
                Some(filter) => filter.required_text("Prefix")?.to_owned(),
                None => String::new(),
            },
            all_versions,
            format: match destination.required_text("Format")? {
                "CSV" => Format::Csv,
                "Parquet" => Format::Parquet,
                _ => return Err(Code::MalformedXml.into()),
            },
            frequency: match root.required("Schedule")?.required_text("Frequency")? {
                "Daily" => Frequency::Daily,
                "Weekly" => Frequency::Weekly,
                _ => return Err(Code::MalformedXml.into()),
            },
            columns,
            bucket: arn
                .strip_prefix("arn:aws:s3:::")
                .ok_or(Code::MalformedXml)?
                .to_owned(),
            account: destination.optional_text("AccountId")?.map(str::to_owned),
            target_prefix: destination
                .optional_text("Prefix")?
                .filter(|prefix| !prefix.is_empty())
                .map(str::to_owned),
            encryption,
        })
    }

    /// The encryption of a file that is delivered; `None` for the bucket's default.
    pub(super) fn mode(&self) -> Option<WriteMode> {
        Some(match self.encryption.as_ref()? {
            Encryption::S3 => WriteMode::S3,
            Encryption::Kms(key) => WriteMode::Kms {
                key_id: Some(key.clone()),
                context: EncryptionContext::new(),
                bucket_key: false,
            },
        })
    }

    /// The headers by which a client would ask for that encryption, as conditions of policies see them.
    pub(super) fn headers(&self) -> Vec<(&'static str, &str)> {
        const MODE: &str = "s3:x-amz-server-side-encryption";
        match &self.encryption {
            None => Vec::new(),
            Some(Encryption::S3) => vec![(MODE, "AES256")],
            Some(Encryption::Kms(key)) => vec![
                (MODE, "aws:kms"),
                ("s3:x-amz-server-side-encryption-aws-kms-key-id", key),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use time::macros::date;

    use super::*;
    use crate::described::INVENTORY;

    fn configuration(content: &str) -> String {
        format!(
            "<InventoryConfiguration><Id>i</Id><IsEnabled>true</IsEnabled><IncludedObjectVersions>All</IncludedObjectVersions><Schedule><Frequency>Daily</Frequency></Schedule>{content}</InventoryConfiguration>"
        )
    }

    fn destination(format: &str, more: &str) -> String {
        format!(
            "<Destination><S3BucketDestination><Bucket>arn:aws:s3:::target</Bucket><Format>{format}</Format>{more}</S3BucketDestination></Destination>"
        )
    }

    fn parse(content: &str) -> Result<Inventory> {
        Inventory::of(&INVENTORY.parse(configuration(content).as_bytes())?)
    }

    #[test]
    fn reports_are_due_once_a_day_or_on_sundays() {
        let monday = date!(2026 - 11 - 30);
        for (frequency, last, today, is) in [
            (Frequency::Daily, None, monday, true),
            (Frequency::Daily, Some(monday), monday, false),
            (Frequency::Daily, Some(date!(2026 - 11 - 29)), monday, true),
            // The clock went back.
            (Frequency::Daily, Some(date!(2026 - 12 - 1)), monday, false),
            (Frequency::Weekly, None, monday, true),
            (Frequency::Weekly, Some(monday), date!(2026 - 12 - 5), false),
            (Frequency::Weekly, Some(monday), date!(2026 - 12 - 6), true),
            // The gateway was not there on Sunday.
            (Frequency::Weekly, Some(date!(2026 - 11 - 28)), monday, true),
            (
                Frequency::Weekly,
                Some(date!(2026 - 11 - 29)),
                monday,
                false,
            ),
        ] {
            assert_eq!(frequency.is_due(last, today), is, "{frequency:?} {last:?}");
        }
    }

    #[test]
    fn columns_stand_in_the_order_of_the_schema() {
        let fields = "<OptionalFields><Field>ETag</Field><Field>ObjectOwner</Field><Field>Size</Field></OptionalFields>";
        let inventory = parse(&format!("{}{fields}", destination("CSV", ""))).unwrap();
        let names: Vec<_> = inventory.columns.iter().map(|c| c.name).collect();
        assert_eq!(
            names,
            [
                "Bucket",
                "Key",
                "VersionId",
                "IsLatest",
                "IsDeleteMarker",
                "Size",
                "ETag",
                "ObjectOwner"
            ]
        );
        assert!(inventory.mode().is_none());
    }

    #[test]
    fn what_the_model_does_not_have_is_refused() {
        use Code::{MalformedXml, NotImplemented};
        let twice = "<OptionalFields><Field>Size</Field><Field>Size</Field></OptionalFields>";
        let unknown = "<OptionalFields><Field>Colour</Field></OptionalFields>";
        for (content, code) in [
            (String::new(), MalformedXml),
            (destination("JSON", ""), MalformedXml),
            (destination("ORC", ""), NotImplemented),
            (destination("CSV", "<Encryption/>"), MalformedXml),
            (
                destination(
                    "CSV",
                    "<Encryption><SSE-S3/><SSE-KMS><KeyId>k</KeyId></SSE-KMS></Encryption>",
                ),
                MalformedXml,
            ),
            (
                destination("CSV", "<Encryption><SSE-KMS/></Encryption>"),
                MalformedXml,
            ),
            (
                destination("CSV", "<AccountId>me</AccountId>"),
                MalformedXml,
            ),
            (destination("CSV", "") + "<Filter/>", MalformedXml),
            (destination("CSV", "") + twice, MalformedXml),
            (destination("CSV", "") + unknown, MalformedXml),
        ] {
            let refused = parse(&content).unwrap_err();
            assert_eq!(refused.kind(), code, "{content}");
        }
    }

    #[test]
    fn a_configuration_is_told_again_as_it_was_put() {
        let content = destination("Parquet", "<Encryption><SSE-S3></SSE-S3></Encryption>");
        let xml = configuration(&format!("{content}<Filter><Prefix>p/</Prefix></Filter>"));
        let stored = INVENTORY.to_stored(&INVENTORY.parse(xml.as_bytes()).unwrap());
        assert!(stored.ends_with(&xml), "{stored}");
        let inventory = Inventory::of(&INVENTORY.of_stored(stored.as_bytes()).unwrap()).unwrap();
        assert_eq!(inventory.prefix, "p/");
        assert!(matches!(inventory.mode(), Some(WriteMode::S3)));
    }
}

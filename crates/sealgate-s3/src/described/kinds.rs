//! What the kinds are made of, as the
//! [API](https://docs.aws.amazon.com/AmazonS3/latest/API/API_Types_Amazon_Simple_Storage_Service.html) has it.

use super::Kind;
use super::schema::Field;
use crate::error::{Code, Result, S3Error};
use crate::inventory::columns;
use crate::names::BucketName;
use crate::tags::MAX_OBJECT_TAGS;
use crate::xml::Element;

/// Longest id.
const MAX_ID: usize = 64;
/// Longest prefix: that of a key.
const MAX_PREFIX: usize = 1024;
/// Days after which a tier may be entered.
const ARCHIVE_DAYS: std::ops::RangeInclusive<u32> = 90..=730;
const DEEP_ARCHIVE_DAYS: std::ops::RangeInclusive<u32> = 180..=730;

/// `AnalyticsConfiguration`.
pub(crate) static ANALYTICS: Kind = Kind {
    name: "analytics",
    root: "AnalyticsConfiguration",
    listing: "ListBucketAnalyticsConfigurationResult",
    fields: &[
        ID,
        Field::holds("Filter", FILTER).optional(),
        Field::holds("StorageClassAnalysis", ANALYSIS),
    ],
    check: filter,
};

/// `MetricsConfiguration`.
pub(crate) static METRICS: Kind = Kind {
    name: "metrics",
    root: "MetricsConfiguration",
    listing: "ListMetricsConfigurationsResult",
    fields: &[ID, Field::holds("Filter", METRICS_FILTER).optional()],
    check: metrics,
};

/// `IntelligentTieringConfiguration`.
pub(crate) static INTELLIGENT_TIERING: Kind = Kind {
    name: "intelligent-tiering",
    root: "IntelligentTieringConfiguration",
    listing: "ListBucketIntelligentTieringConfigurationsOutput",
    fields: &[
        ID,
        Field::holds("Filter", FILTER).optional(),
        Field::text("Status", |text| matches!(text, "Enabled" | "Disabled")),
        Field::holds("Tiering", TIERING).up_to(2),
    ],
    check: tiers,
};

/// `InventoryConfiguration`.
pub(crate) static INVENTORY: Kind = Kind {
    name: "inventory",
    root: "InventoryConfiguration",
    listing: "ListInventoryConfigurationsResult",
    fields: &[
        Field::holds("Destination", INVENTORY_DESTINATION),
        Field::text("IsEnabled", |text| matches!(text, "true" | "false")),
        Field::holds("Filter", &[PREFIX.required()]).optional(),
        ID,
        Field::text("IncludedObjectVersions", |text| {
            matches!(text, "All" | "Current")
        }),
        Field::holds("OptionalFields", OPTIONAL_FIELDS).optional(),
        Field::holds("Schedule", SCHEDULE),
    ],
    check: inventory,
};

const ID: Field = Field::text("Id", |_| true);
const PREFIX: Field = Field::text("Prefix", |text| text.len() <= MAX_PREFIX).optional();
const PAIR: &[Field] = &[
    Field::text("Key", |text| (1..=128).contains(&text.chars().count())),
    Field::text("Value", |text| text.chars().count() <= 256),
];
const TAG: Field = Field::holds("Tag", PAIR).optional();
/// More than an object can have would never match.
const TAGS: Field = Field::holds("Tag", PAIR).optional().up_to(MAX_OBJECT_TAGS);
const ACCESS_POINT: Field = Field::text("AccessPointArn", |_| true).optional();

const FILTER: &[Field] = &[PREFIX, TAG, Field::holds("And", JOINED).optional()];
const JOINED: &[Field] = &[PREFIX, TAGS];
const METRICS_FILTER: &[Field] = &[
    PREFIX,
    TAG,
    ACCESS_POINT,
    Field::holds("And", METRICS_JOINED).optional(),
];
const METRICS_JOINED: &[Field] = &[PREFIX, TAGS, ACCESS_POINT];

const ANALYSIS: &[Field] = &[Field::holds("DataExport", EXPORT).optional()];
const EXPORT: &[Field] = &[
    Field::text("OutputSchemaVersion", |text| text == "V_1"),
    Field::holds("Destination", DESTINATION),
];
const DESTINATION: &[Field] = &[Field::holds("S3BucketDestination", BUCKET_DESTINATION)];
const BUCKET_DESTINATION: &[Field] = &[
    Field::text("Format", |text| text == "CSV"),
    Field::text("BucketAccountId", is_account).optional(),
    Field::text("Bucket", is_bucket_arn),
    PREFIX,
];
const INVENTORY_DESTINATION: &[Field] = &[Field::holds("S3BucketDestination", INVENTORY_BUCKET)];
const INVENTORY_BUCKET: &[Field] = &[
    Field::text("AccountId", is_account).optional(),
    Field::text("Bucket", is_bucket_arn),
    Field::text("Format", |text| matches!(text, "CSV" | "ORC" | "Parquet")),
    PREFIX,
    Field::holds("Encryption", INVENTORY_ENCRYPTION).optional(),
];
const INVENTORY_ENCRYPTION: &[Field] = &[
    Field::holds("SSE-S3", &[]).optional(),
    Field::holds("SSE-KMS", &[Field::text("KeyId", |text| !text.is_empty())]).optional(),
];
const OPTIONAL_FIELDS: &[Field] = &[
    Field::text("Field", |text| columns::optional(text).is_some())
        .optional()
        .up_to(columns::OPTIONAL.len()),
];
const SCHEDULE: &[Field] = &[Field::text("Frequency", |text| {
    matches!(text, "Daily" | "Weekly")
})];
const TIERING: &[Field] = &[
    Field::text("AccessTier", |text| {
        matches!(text, "ARCHIVE_ACCESS" | "DEEP_ARCHIVE_ACCESS")
    }),
    Field::text("Days", |text| text.parse::<u32>().is_ok()),
];

fn is_bucket_arn(text: &str) -> bool {
    text.strip_prefix("arn:aws:s3:::")
        .is_some_and(|name| BucketName::parse(name).is_ok())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether an id is one: letters, digits, `.`, `-`, `_`.
pub(crate) fn is_id(id: &str) -> bool {
    let character = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(character)
}

/// A filter says one thing, or joins two or more.
fn filter(root: &Element) -> Result<()> {
    let Some(filter) = root.optional("Filter")? else {
        return Ok(());
    };
    let joined = filter.optional("And")?;
    if filter.children.len() == 1 && joined.is_none_or(|and| and.children.len() >= 2) {
        Ok(())
    } else {
        Err(Code::MalformedXml.into())
    }
}

fn metrics(root: &Element) -> Result<()> {
    filter(root)?;
    let names_access_point = |element: &Element| element.all("AccessPointArn").next().is_some();
    let filter = root.optional("Filter")?;
    if filter.is_some_and(|f| names_access_point(f) || f.all("And").any(names_access_point)) {
        return Err(S3Error::not_implemented("An access point"));
    }
    Ok(())
}

/// Each field once, one encryption, and a format that can be written.
fn inventory(root: &Element) -> Result<()> {
    if let Some(fields) = root.optional("OptionalFields")? {
        let mut seen = Vec::new();
        for field in &fields.children {
            if seen.contains(&&field.text) {
                return Err(Code::MalformedXml.into());
            }
            seen.push(&field.text);
        }
    }
    let destination = root
        .required("Destination")?
        .required("S3BucketDestination")?;
    if let Some(encryption) = destination.optional("Encryption")?
        && encryption.children.len() != 1
    {
        return Err(Code::MalformedXml.into());
    }
    if destination.required_text("Format")? == "ORC" {
        return Err(S3Error::not_implemented(
            "An inventory in the format ORC (CSV and Parquet are)",
        ));
    }
    Ok(())
}

/// Each tier once, after as many days as it takes at least.
fn tiers(root: &Element) -> Result<()> {
    filter(root)?;
    let mut seen = Vec::new();
    for tiering in root.all("Tiering") {
        let tier = tiering.required_text("AccessTier")?;
        let days: u32 = tiering
            .required_text("Days")?
            .parse()
            .map_err(|_| Code::MalformedXml)?;
        let range = if tier == "ARCHIVE_ACCESS" {
            ARCHIVE_DAYS
        } else {
            DEEP_ARCHIVE_DAYS
        };
        if !range.contains(&days) || seen.contains(&tier) {
            return Err(Code::MalformedXml.into());
        }
        seen.push(tier);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::xml::Writer;

    const TIER: &str = "<Tiering><Days>90</Days><AccessTier>ARCHIVE_ACCESS</AccessTier></Tiering>";
    const REPORT: &str = "<DataExport><OutputSchemaVersion>V_1</OutputSchemaVersion><Destination><S3BucketDestination><Format>CSV</Format><BucketAccountId>111122223333</BucketAccountId><Bucket>arn:aws:s3:::reports</Bucket><Prefix>p</Prefix></S3BucketDestination></Destination></DataExport>";

    fn xml(kind: &Kind, content: &str) -> String {
        format!("<{0}><Id>a</Id>{content}</{0}>", kind.root)
    }

    #[test]
    fn a_configuration_comes_back_as_it_was_put() {
        let and = "<And><Prefix> p&amp;</Prefix><Tag><Key>k</Key><Value></Value></Tag><Tag><Key>l</Key><Value>v</Value></Tag></And>";
        for (kind, content) in [
            (
                &ANALYTICS,
                "<StorageClassAnalysis></StorageClassAnalysis>".to_owned(),
            ),
            (
                &ANALYTICS,
                format!(
                    "<Filter>{and}</Filter><StorageClassAnalysis>{REPORT}</StorageClassAnalysis>"
                ),
            ),
            (&METRICS, String::new()),
            (
                &METRICS,
                "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>".to_owned(),
            ),
            (
                &INTELLIGENT_TIERING,
                format!("<Filter><Prefix>p</Prefix></Filter><Status>Enabled</Status>{TIER}"),
            ),
        ] {
            let xml = xml(kind, &content);
            let stored = kind.to_stored(&kind.parse(xml.as_bytes()).unwrap());
            let shown = kind.of_stored(stored.as_bytes()).unwrap();
            let shown = Writer::bare_document(kind.root, |w| crate::described::write(&shown, w));
            assert!(shown.ends_with(&xml), "{shown}");
        }
    }

    #[test]
    fn what_the_model_does_not_have_is_refused() {
        use Code::{MalformedXml, NotImplemented};
        let tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
        let analysis = "<StorageClassAnalysis/>";
        let filtered = |filter: &str| format!("<Filter>{filter}</Filter>{analysis}");
        let tiered = |tiers: &str| format!("<Status>Enabled</Status>{tiers}");
        let tier = |tier: &str, days: &str| {
            tiered(&format!(
                "<Tiering><Days>{days}</Days><AccessTier>{tier}</AccessTier></Tiering>"
            ))
        };
        for (kind, content, code) in [
            (&ANALYTICS, String::new(), MalformedXml),
            (&ANALYTICS, format!("{analysis}{analysis}"), MalformedXml),
            (&ANALYTICS, format!("{analysis}<Other/>"), MalformedXml),
            (&ANALYTICS, format!("{analysis}text"), MalformedXml),
            (&ANALYTICS, filtered(""), MalformedXml),
            (&ANALYTICS, filtered(&format!("<Prefix>p</Prefix>{tag}")), MalformedXml),
            (&ANALYTICS, filtered(&format!("{tag}{tag}")), MalformedXml),
            (&ANALYTICS, filtered(&format!("<And>{tag}</And>")), MalformedXml),
            (&ANALYTICS, filtered("<Prefix><A/></Prefix>"), MalformedXml),
            (
                &ANALYTICS,
                format!("<StorageClassAnalysis>{}</StorageClassAnalysis>", REPORT.replace("CSV", "ORC")),
                MalformedXml,
            ),
            (
                &ANALYTICS,
                format!("<StorageClassAnalysis>{}</StorageClassAnalysis>", REPORT.replace("arn:aws:s3:::", "")),
                MalformedXml,
            ),
            (&METRICS, "<Filter/>".to_owned(), MalformedXml),
            (
                &METRICS,
                "<Filter><AccessPointArn>arn:aws:s3:us-east-1:111122223333:accesspoint/a</AccessPointArn></Filter>".to_owned(),
                NotImplemented,
            ),
            (&INTELLIGENT_TIERING, TIER.to_owned(), MalformedXml),
            (&INTELLIGENT_TIERING, tiered(""), MalformedXml),
            (&INTELLIGENT_TIERING, tiered(&TIER.repeat(2)), MalformedXml),
            (&INTELLIGENT_TIERING, tier("ARCHIVE_ACCESS", "89"), MalformedXml),
            (&INTELLIGENT_TIERING, tier("DEEP_ARCHIVE_ACCESS", "179"), MalformedXml),
            (&INTELLIGENT_TIERING, tier("DEEP_ARCHIVE_ACCESS", "731"), MalformedXml),
            (&INTELLIGENT_TIERING, tier("GLACIER", "200"), MalformedXml),
        ] {
            let outcome = kind.parse(xml(kind, &content).as_bytes());
            assert_eq!(outcome.unwrap_err().kind(), code, "{content}");
        }
    }

    #[test]
    fn an_id_has_no_other_characters() {
        for (id, is) in [
            ("a.B-9_", true),
            ("", false),
            ("a b", false),
            ("a/b", false),
            ("é", false),
            (&"a".repeat(64), true),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(is_id(id), is, "{id}");
        }
    }

    proptest! {
        #[test]
        fn any_prefix_is_told_again(prefix in "[^\u{0}\u{fffe}\u{ffff}\r]{0,200}") {
            let w = Writer::bare_document("MetricsConfiguration", |w| {
                w.text("Id", "a");
                w.element("Filter", |w| w.text("Prefix", &prefix));
            });
            let stored = METRICS.to_stored(&METRICS.parse(w.as_bytes()).unwrap());
            let back = METRICS.of_stored(stored.as_bytes()).unwrap();
            let filter = back.optional("Filter").unwrap().unwrap();
            prop_assert_eq!(filter.required_text("Prefix").unwrap(), prefix.as_str());
        }
    }
}

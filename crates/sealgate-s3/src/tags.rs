//! Tags of objects and buckets: from a header or from XML, checked, and kept as JSON in the index.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Result, S3Error};
use crate::xml::{Element, Writer};

/// Most tags of an object
/// ([object tags](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html)).
pub(crate) const MAX_OBJECT_TAGS: usize = 10;
/// Most tags of a bucket.
pub(crate) const MAX_BUCKET_TAGS: usize = 50;
/// Most characters of a key and of a value, as AWS counts them: in UTF-16.
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;

/// A set of tags, each key once, in the order of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Tags(std::collections::BTreeMap<String, String>);

impl Tags {
    /// From `x-amz-tagging`: pairs encoded as in a query. A name twice is a fault of the header here, as at AWS
    /// ([seen](https://github.com/open-io/swift3/pull/92)); in a document it is one of the tags.
    pub(crate) fn from_header(header: &str) -> Result<Self> {
        let mut names = std::collections::BTreeSet::new();
        let mut pairs = Vec::new();
        for (key, value) in url::form_urlencoded::parse(header.as_bytes()) {
            if !names.insert(key.clone()) {
                let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query \
                               parameters without tag name duplicates.";
                return Err(S3Error::new(Code::InvalidArgument, message)
                    .with("ArgumentName", "x-amz-tagging")
                    .with("ArgumentValue", header));
            }
            pairs.push((key.into_owned(), value.into_owned()));
        }
        Self::from_pairs(pairs, MAX_OBJECT_TAGS)
    }

    /// As `x-amz-tagging` has them.
    pub(crate) fn to_header(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.iter())
            .finish()
    }

    /// From a `Tagging` document.
    pub(crate) fn from_xml(root: &Element, limit: usize) -> Result<Self> {
        root.only(&["TagSet"])?;
        let set = root.optional("TagSet")?.ok_or(Code::MalformedXml)?;
        Self::from_elements(set, limit)
    }

    /// From an element that holds `Tag` elements.
    pub(crate) fn from_elements(set: &Element, limit: usize) -> Result<Self> {
        set.only(&["Tag"])?;
        let mut pairs = Vec::new();
        for tag in &set.children {
            tag.only(&["Key", "Value"])?;
            let key = tag.required_text("Key")?.to_owned();
            let value = tag.required_text("Value")?.to_owned();
            pairs.push((key, value));
        }
        Self::from_pairs(pairs, limit)
    }

    fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>, limit: usize) -> Result<Self> {
        let mut tags = Self::default();
        for (key, value) in pairs {
            check(&key, MAX_KEY, "The TagKey you have provided is invalid")?;
            check(
                &value,
                MAX_VALUE,
                "The TagValue you have provided is invalid",
            )?;
            if key.is_empty() {
                let message = "The TagKey you have provided is invalid";
                return Err(S3Error::new(Code::InvalidTag, message));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(S3Error::new(
                    Code::InvalidTag,
                    "System tags cannot be added/updated by requester",
                )
                .with("TagKey", key));
            }
            if tags.0.insert(key.clone(), value).is_some() {
                return Err(S3Error::new(
                    Code::InvalidTag,
                    "Cannot provide multiple Tags with the same key",
                )
                .with("TagKey", key));
            }
        }
        if tags.0.len() > limit {
            let what = if limit == MAX_OBJECT_TAGS {
                "Object"
            } else {
                "Bucket"
            };
            return Err(S3Error::new(
                if limit == MAX_OBJECT_TAGS {
                    Code::BadRequest
                } else {
                    Code::InvalidTag
                },
                format!("{what} tags cannot be greater than {limit}"),
            ));
        }
        Ok(tags)
    }

    /// As read from the index. Tags decide on permissions, so that damaged ones are an error.
    pub(crate) fn from_bytes(bytes: Option<&Bytes>) -> Result<Self> {
        let Some(bytes) = bytes else {
            return Ok(Self::default());
        };
        serde_json::from_slice(bytes).map_err(|error| {
            tracing::error!(%error, "the tags of an object are damaged");
            Code::InternalError.into()
        })
    }

    /// As stored in the index; no tags are stored as nothing.
    pub(crate) fn to_bytes(&self) -> Result<Option<Bytes>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let json = serde_json::to_vec(self).map_err(|_| Code::InternalError)?;
        Ok(Some(json.into()))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The pairs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The content of a `Tagging` document.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.element("TagSet", |w| {
            for (key, value) in self.iter() {
                w.element("Tag", |w| {
                    w.text("Key", key);
                    w.text("Value", value);
                });
            }
        });
    }
}

/// Letters, digits and spaces of any script, and `+ - = . _ : / @`, no longer than allowed.
fn check(text: &str, max: usize, message: &str) -> Result<()> {
    let valid = |c: char| c.is_alphanumeric() || c.is_whitespace() || "+-=._:/@".contains(c);
    if text.encode_utf16().count() <= max && text.chars().all(valid) {
        Ok(())
    } else {
        Err(S3Error::new(Code::InvalidTag, message))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_have_limits() {
        let tag = |key: &str, value: &str| {
            Tags::from_pairs([(key.to_owned(), value.to_owned())], MAX_OBJECT_TAGS)
        };
        let (key, value) = ("k".repeat(MAX_KEY), "ü".repeat(MAX_VALUE));
        for (key, value) in [("a", ""), (&key, &value), ("a b+-=._:/@", "ж 1")] {
            assert!(tag(key, value).is_ok(), "{key}");
        }
        for (key, value) in [
            ("", "v"),
            (&*format!("{key}k"), "v"),
            ("k", &*format!("{value}v")),
            ("aws:x", "v"),
            ("AWS:x", "v"),
            ("k", "a;b"),
        ] {
            assert_eq!(
                tag(key, value).unwrap_err().kind(),
                Code::InvalidTag,
                "{key}"
            );
        }
        let header = |n: usize| {
            let pairs: Vec<String> = (0..n).map(|n| format!("k{n}=v")).collect();
            Tags::from_header(&pairs.join("&"))
        };
        assert_eq!(header(MAX_OBJECT_TAGS).unwrap().len(), MAX_OBJECT_TAGS);
        assert_eq!(
            header(MAX_OBJECT_TAGS + 1).unwrap_err().kind(),
            Code::BadRequest
        );
        let twice = Tags::from_header("a=1&a=2").unwrap_err();
        assert_eq!(twice.kind(), Code::InvalidArgument);
        let twice = ["1", "2"].map(|value| ("a".to_owned(), value.to_owned()));
        let twice = Tags::from_pairs(twice, MAX_OBJECT_TAGS).unwrap_err();
        assert_eq!(twice.kind(), Code::InvalidTag);
    }

    proptest! {
        #[test]
        fn a_header_never_panics_and_survives_the_index(header in ".{0,60}") {
            if let Ok(tags) = Tags::from_header(&header) {
                prop_assert_eq!(Tags::from_header(&tags.to_header()).unwrap(), tags.clone());
                let bytes = tags.to_bytes().unwrap();
                prop_assert_eq!(Tags::from_bytes(bytes.as_ref()).unwrap(), tags);
            }
        }

        #[test]
        fn xml_gives_the_tags_back(pairs in proptest::collection::btree_map("[a-z]{1,9}", "[a-zA-Z0-9 ]{0,9}", 0..9)) {
            let tags = Tags::from_pairs(pairs, MAX_OBJECT_TAGS).unwrap();
            let xml = Writer::document("Tagging", |w| tags.write(w));
            let root = Element::parse(xml.as_bytes(), "Tagging").unwrap();
            prop_assert_eq!(Tags::from_xml(&root, MAX_OBJECT_TAGS).unwrap(), tags);
        }
    }
}

//! Which keys a notification is about, and whether two notifications could be about one key.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Result, S3Error};
use crate::xml::{Element, Writer};

/// Longest value of a rule, in bytes.
const MAX_VALUE: usize = 1024;

/// `S3KeyFilter`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    prefix: Option<String>,
    suffix: Option<String>,
}

impl Filter {
    /// From the `Filter` of a configuration.
    pub(crate) fn parse(element: &Element) -> Result<Self> {
        element.only(&["S3Key"])?;
        let mut filter = Self::default();
        let Some(key) = element.optional("S3Key")? else {
            return Ok(filter);
        };
        key.only(&["FilterRule"])?;
        for rule in key.all("FilterRule") {
            rule.only(&["Name", "Value"])?;
            let (name, value) = (rule.required_text("Name")?, rule.required_text("Value")?);
            let (word, place) = match name.trim().to_ascii_lowercase().as_str() {
                "prefix" => ("prefix", &mut filter.prefix),
                "suffix" => ("suffix", &mut filter.suffix),
                _ => {
                    let message = "filter rule name must be either prefix or suffix";
                    return Err(S3Error::argument("FilterRule.Name", name, message));
                }
            };
            if value.len() > MAX_VALUE {
                let message =
                    "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation";
                return Err(S3Error::argument("FilterRule.Value", value, message));
            }
            if place.replace(value.to_owned()).is_some() {
                let message = format!("Cannot specify more than one {word} rule in a filter.");
                return Err(S3Error::argument("FilterRule.Name", name, message));
            }
        }
        Ok(filter)
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        let rules = [("Prefix", &self.prefix), ("Suffix", &self.suffix)];
        if rules.iter().all(|(_, value)| value.is_none()) {
            return;
        }
        w.element("Filter", |w| {
            w.element("S3Key", |w| {
                for (name, value) in rules {
                    let Some(value) = value else { continue };
                    w.element("FilterRule", |w| {
                        w.text("Name", name);
                        w.text("Value", value);
                    });
                }
            });
        });
    }

    /// Whether it is about a key.
    pub(crate) fn matches(&self, key: &str) -> bool {
        key.starts_with(self.prefix()) && key.ends_with(self.suffix())
    }

    /// Whether some key could match both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let starts = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
        let ends = |a: &str, b: &str| a.ends_with(b) || b.ends_with(a);
        starts(self.prefix(), other.prefix()) && ends(self.suffix(), other.suffix())
    }

    fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    fn suffix(&self) -> &str {
        self.suffix.as_deref().unwrap_or_default()
    }

    /// Whether it lets every key through.
    pub(crate) fn is_empty(&self) -> bool {
        self.prefix().is_empty() && self.suffix().is_empty()
    }
}

/// What S3 says of two configurations that could both be about one event.
pub(crate) fn overlap(one: &Filter, other: &Filter) -> S3Error {
    let message = if one.is_empty() && other.is_empty() {
        "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    } else {
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type."
    };
    S3Error::new(Code::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn parse(rules: &[(&str, &str)]) -> Result<Filter> {
        let rules: String = rules
            .iter()
            .map(|(name, value)| {
                format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>")
            })
            .collect();
        let xml = format!("<Filter><S3Key>{rules}</S3Key></Filter>");
        Filter::parse(&Element::parse(xml.as_bytes(), "Filter")?)
    }

    #[test]
    fn names_of_rules_are_words_in_any_case_and_stand_once() {
        let filter = parse(&[("Prefix", "a/"), ("SUFFIX", ".jpg")]).unwrap();
        assert!(filter.matches("a/b.jpg"));
        assert!(!filter.matches("b/a/b.jpg") && !filter.matches("a/b.png"));
        let long = "x".repeat(MAX_VALUE + 1);
        for refused in [
            parse(&[("infix", "a")]),
            parse(&[("prefix", "a"), ("Prefix", "b")]),
            parse(&[("prefix", &long)]),
        ] {
            assert_eq!(refused.unwrap_err().kind(), Code::InvalidArgument);
        }
        parse(&[("prefix", &long[1..])]).unwrap();
    }

    prop_compose! {
        fn a_filter()(prefix in "[ab]{0,2}", suffix in "[ab]{0,2}", given in any::<(bool, bool)>()) -> Filter {
            Filter { prefix: given.0.then_some(prefix), suffix: given.1.then_some(suffix) }
        }
    }

    proptest! {
        #[test]
        fn what_two_filters_let_through_they_overlap_in(one in a_filter(), other in a_filter(), key in "[ab]{0,5}") {
            if one.matches(&key) && other.matches(&key) {
                prop_assert!(one.overlaps(&other) && other.overlaps(&one));
            }
        }

        #[test]
        fn filters_that_overlap_have_a_key_in_common(one in a_filter(), other in a_filter()) {
            let longer = |a: &str, b: &str| if a.len() > b.len() { a.to_owned() } else { b.to_owned() };
            let key = longer(one.prefix(), other.prefix()) + &longer(one.suffix(), other.suffix());
            prop_assert_eq!(one.overlaps(&other), one.matches(&key) && other.matches(&key));
        }

        #[test]
        fn a_filter_is_read_back_as_it_was_written(one in a_filter()) {
            let xml = Writer::bare_document("Q", |w| one.write(w));
            let root = Element::parse(xml.as_bytes(), "Q").unwrap();
            let back = root.optional("Filter").unwrap().map(Filter::parse);
            prop_assert_eq!(back.transpose().unwrap().unwrap_or_default(), one);
        }
    }
}

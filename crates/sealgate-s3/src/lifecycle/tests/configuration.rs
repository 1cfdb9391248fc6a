//! What of a configuration is taken, with which answer it is refused, and that it comes back as it was said.

use proptest::prelude::*;
use time::macros::date;

use crate::document::Document as _;
use crate::error::{Code, Result};
use crate::lifecycle::rules::{
    Expiration, Filter, MinimumSize, Noncurrent, Predicate, Rule, Rules,
};
use crate::xml::{Element, Writer};

fn parse(rules: &str) -> Result<Rules> {
    let xml = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
    Rules::parse(&Element::parse(xml.as_bytes(), Rules::ROOT).unwrap())
}

/// One rule with this content, and what every rule needs.
fn rule(content: &str) -> Result<Rules> {
    parse(&format!(
        "<Rule><ID>r</ID><Status>Enabled</Status>{content}</Rule>"
    ))
}

const DAYS: &str = "<Expiration><Days>1</Days></Expiration>";
const TAG: &str = "<Tag><Key>k</Key><Value>v</Value></Tag>";

#[test]
fn every_filter_and_action_of_s3_is_taken() {
    for content in [
        format!("<Prefix/>{DAYS}"),
        format!("<Prefix>a/</Prefix>{DAYS}"),
        format!("<Filter/>{DAYS}"),
        format!("<Filter><Prefix>a/</Prefix></Filter>{DAYS}"),
        format!("<Filter>{TAG}</Filter>{DAYS}"),
        format!("<Filter><ObjectSizeGreaterThan>0</ObjectSizeGreaterThan></Filter>{DAYS}"),
        format!("<Filter><ObjectSizeLessThan>1</ObjectSizeLessThan></Filter>{DAYS}"),
        format!(
            "<Filter><And><Prefix>a</Prefix>{TAG}<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>3</ObjectSizeLessThan></And></Filter>{DAYS}"
        ),
        "<Filter/><Expiration><Date>2030-01-01</Date></Expiration>".into(),
        "<Filter/><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration>".into(),
        "<Filter/><Expiration><Date>2030-01-01T02:00:00+02:00</Date></Expiration>".into(),
        "<Filter/><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>".into(),
        "<Filter/><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>100</NewerNoncurrentVersions></NoncurrentVersionExpiration>".into(),
        "<Filter/><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>".into(),
    ] {
        assert!(rule(&content).is_ok(), "{content}: {:?}", rule(&content));
    }
}

#[test]
fn what_s3_refuses_is_refused_with_its_code() {
    use Code::{InvalidArgument, InvalidRequest, MalformedXml};
    let long = "x".repeat(1025);
    let twice = format!("<Filter><And>{TAG}{TAG}</And></Filter>{DAYS}");
    let noncurrent = |content: &str| {
        format!("<Filter/><NoncurrentVersionExpiration>{content}</NoncurrentVersionExpiration>")
    };
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>";
    let markers =
        "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    let size = "<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>";
    for (content, code) in [
        ("<Filter/>".to_owned(), InvalidRequest),
        (DAYS.to_owned(), MalformedXml),
        (format!("<Prefix/><Filter/>{DAYS}"), MalformedXml),
        (format!("<Filter/>{DAYS}{DAYS}"), MalformedXml),
        (format!("<Filter/>{DAYS}<Other/>"), MalformedXml),
        (format!("<Prefix>{long}</Prefix>{DAYS}"), InvalidRequest),
        (format!("<Filter><Prefix/>{TAG}</Filter>{DAYS}"), MalformedXml),
        (format!("<Filter><And>{TAG}</And></Filter>{DAYS}"), MalformedXml),
        (format!("<Filter><And/></Filter>{DAYS}"), MalformedXml),
        (format!("<Filter><Or/></Filter>{DAYS}"), MalformedXml),
        (format!("<Filter><And><Prefix/><Prefix/></And></Filter>{DAYS}"), MalformedXml),
        (twice, InvalidRequest),
        (format!("<Filter><Tag><Key/><Value/></Tag></Filter>{DAYS}"), InvalidRequest),
        (format!("<Filter><Tag><Key>k</Key></Tag></Filter>{DAYS}"), MalformedXml),
        (
            format!("<Filter><And>{size}<ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>{DAYS}"),
            InvalidRequest,
        ),
        (
            format!("<Filter><ObjectSizeGreaterThan>-1</ObjectSizeGreaterThan></Filter>{DAYS}"),
            InvalidArgument,
        ),
        (format!("<Filter><ObjectSizeLessThan>0</ObjectSizeLessThan></Filter>{DAYS}"), InvalidArgument),
        (format!("<Filter><ObjectSizeLessThan>x</ObjectSizeLessThan></Filter>{DAYS}"), MalformedXml),
        ("<Filter/><Expiration/>".to_owned(), MalformedXml),
        ("<Filter/><Expiration><Days>0</Days></Expiration>".to_owned(), InvalidArgument),
        ("<Filter/><Expiration><Days>-1</Days></Expiration>".to_owned(), InvalidArgument),
        ("<Filter/><Expiration><Days>1.5</Days></Expiration>".to_owned(), MalformedXml),
        ("<Filter/><Expiration><Days>2147483648</Days></Expiration>".to_owned(), MalformedXml),
        (
            "<Filter/><Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>".to_owned(),
            MalformedXml,
        ),
        ("<Filter/><Expiration><Date>2030-01-01T12:00:00Z</Date></Expiration>".to_owned(), InvalidArgument),
        ("<Filter/><Expiration><Date>tomorrow</Date></Expiration>".to_owned(), MalformedXml),
        ("<Filter/><Expiration><Date>1969-12-31</Date></Expiration>".to_owned(), MalformedXml),
        (
            "<Filter/><Expiration><ExpiredObjectDeleteMarker>yes</ExpiredObjectDeleteMarker></Expiration>".to_owned(),
            MalformedXml,
        ),
        (format!("<Filter>{TAG}</Filter>{markers}"), InvalidRequest),
        (format!("<Filter>{size}</Filter>{markers}"), InvalidRequest),
        (format!("<Filter>{TAG}</Filter>{abort}"), InvalidRequest),
        (format!("<Filter>{size}</Filter>{abort}"), InvalidRequest),
        (noncurrent(""), InvalidArgument),
        (noncurrent("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"), InvalidArgument),
        (noncurrent("<NoncurrentDays>0</NoncurrentDays>"), InvalidArgument),
        (
            noncurrent("<NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>0</NewerNoncurrentVersions>"),
            InvalidArgument,
        ),
        (
            noncurrent("<NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>101</NewerNoncurrentVersions>"),
            InvalidArgument,
        ),
        (
            "<Filter/><AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>".to_owned(),
            InvalidArgument,
        ),
        ("<Filter/><AbortIncompleteMultipartUpload/>".to_owned(), MalformedXml),
        (
            "<Filter/><Transition><Days>1</Days><StorageClass>STANDARD</StorageClass></Transition>".to_owned(),
            MalformedXml,
        ),
        (
            "<Filter/><Transition><StorageClass>GLACIER_IR</StorageClass></Transition>".to_owned(),
            MalformedXml,
        ),
        (
            "<Filter/><Transition><Days>29</Days><StorageClass>STANDARD_IA</StorageClass></Transition>".to_owned(),
            InvalidArgument,
        ),
        (
            "<Filter/><Transition><Days>-1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>".to_owned(),
            InvalidArgument,
        ),
        (
            format!("<Filter/>{0}{0}", "<Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>"),
            InvalidRequest,
        ),
        (
            "<Filter/><Expiration><Days>1</Days></Expiration><Transition><Days>1</Days><StorageClass>GLACIER_IR</StorageClass></Transition>".to_owned(),
            InvalidArgument,
        ),
        (
            "<Filter/><Expiration><Days>1</Days></Expiration><Transition><Date>2030-01-01</Date><StorageClass>GLACIER_IR</StorageClass></Transition>".to_owned(),
            InvalidRequest,
        ),
        (
            "<Filter/><NoncurrentVersionTransition><NoncurrentDays>29</NoncurrentDays><StorageClass>ONEZONE_IA</StorageClass></NoncurrentVersionTransition>".to_owned(),
            InvalidArgument,
        ),
        (
            "<Filter/><NoncurrentVersionTransition><NoncurrentDays>0</NoncurrentDays><StorageClass>GLACIER_IR</StorageClass></NoncurrentVersionTransition>".to_owned(),
            InvalidArgument,
        ),
    ] {
        let refused = rule(&content).map_err(|error| error.kind());
        assert_eq!(refused, Err(code), "{content}");
    }
}

#[test]
fn rules_stand_together_or_not() {
    use Code::{InvalidArgument, InvalidRequest, MalformedXml};
    let rule = |id: &str, selection: &str| {
        format!("<Rule><ID>{id}</ID><Status>Disabled</Status>{selection}{DAYS}</Rule>")
    };
    let many = |n: usize| -> String {
        (0..n)
            .map(|n| {
                rule(
                    &n.to_string(),
                    &format!("<Filter><Prefix>{n}/</Prefix></Filter>"),
                )
            })
            .collect()
    };
    assert!(parse(&many(1000)).is_ok());
    let code = |rules: &str| parse(rules).map_err(|error| error.kind());
    assert_eq!(code(""), Err(MalformedXml));
    assert_eq!(code(&many(1001)), Err(MalformedXml));
    let legacy = |prefix: &str| format!("<Prefix>{prefix}</Prefix>");
    for (first, second, outcome) in [
        (
            rule("a", "<Filter/>"),
            rule("a", "<Filter/>"),
            Some(InvalidArgument),
        ),
        (rule("a", "<Filter/>"), rule("b", "<Filter/>"), None),
        (rule("a", &legacy("x/")), rule("b", &legacy("y/")), None),
        (
            rule("a", &legacy("x/")),
            rule("b", &legacy("x/y")),
            Some(InvalidRequest),
        ),
        (
            rule("a", &legacy("x/")),
            rule("b", "<Filter/>"),
            Some(InvalidRequest),
        ),
        (
            rule(&"a".repeat(256), "<Filter/>"),
            String::new(),
            Some(InvalidArgument),
        ),
        (rule(&"ü".repeat(255), "<Filter/>"), String::new(), None),
    ] {
        let both = format!("{first}{second}");
        assert_eq!(code(&both).err(), outcome, "{both}");
    }
}

#[test]
fn a_rule_without_an_id_gets_one() {
    let content = format!("<Rule><Status>Enabled</Status><Filter/>{DAYS}</Rule>");
    let rules = parse(&content.repeat(2)).unwrap();
    let ids: Vec<_> = rules.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert!(ids.iter().all(|id| id.len() == 48));
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn the_minimum_size_has_two_words() {
    for word in ["all_storage_classes_128K", "varies_by_storage_class"] {
        assert_eq!(MinimumSize::parse(word).unwrap().as_str(), word);
    }
    assert_eq!(MinimumSize::parse("none"), None);
}

fn predicates() -> impl Strategy<Value = Vec<Predicate>> {
    let tags = proptest::collection::btree_map("[a-zA-Z<&]{1,5}", ".{0,5}", 0..3);
    (
        proptest::option::of("[a-z/&<]{0,5}"),
        tags,
        0u64..9,
        0u64..3,
    )
        .prop_map(|(prefix, tags, size, which)| {
            let tags = tags.into_iter().map(|(key, value)| Predicate::Tag {
                key,
                // XML has no control characters, and readers make line ends one.
                value: value.replace(char::is_control, " "),
            });
            let sizes = [
                Predicate::LargerThan(size),
                Predicate::SmallerThan(size + 2),
            ];
            let sizes = sizes.into_iter().take(usize::try_from(which).unwrap());
            prefix
                .map(Predicate::Prefix)
                .into_iter()
                .chain(tags)
                .chain(sizes)
                .collect::<Vec<_>>()
        })
}

pub(super) fn any_rule() -> impl Strategy<Value = Rule> {
    let expiration = prop_oneof![
        (1u32..4).prop_map(Expiration::Days),
        (0i64..6)
            .prop_map(|day| Expiration::Date(date!(2030 - 01 - 01) + time::Duration::days(day))),
        any::<bool>().prop_map(Expiration::Markers),
    ];
    let noncurrent = (1u32..4, proptest::option::of(1u32..3))
        .prop_map(|(days, newer)| Noncurrent { days, newer });
    (
        any::<bool>(),
        predicates(),
        proptest::option::of(expiration),
        proptest::option::of(noncurrent),
    )
        .prop_map(|(enabled, mut predicates, expiration, noncurrent)| {
            let by_prefix = |p: &Predicate| matches!(p, Predicate::Prefix(_));
            let untagged = match expiration {
                Some(expiration) => matches!(expiration, Expiration::Markers(_)),
                None => noncurrent.is_none(),
            };
            if untagged {
                predicates.retain(by_prefix);
            }
            let filter = match predicates.len() {
                0 => Filter::All,
                1 => Filter::One(predicates.remove(0)),
                _ => Filter::And(predicates),
            };
            Rule {
                id: "r".into(),
                enabled,
                filter,
                abort: (expiration.is_none() && noncurrent.is_none()).then_some(1),
                expiration,
                noncurrent,
                transitions: Vec::new(),
                noncurrent_transitions: Vec::new(),
            }
        })
}

proptest! {
    #[test]
    fn a_configuration_comes_back_as_it_was_put(rule in any_rule()) {
        let rules = Rules { rules: vec![rule], minimum_size: MinimumSize::default() };
        let xml = Writer::document(Rules::ROOT, |w| rules.write(w));
        let again = Rules::parse(&Element::parse(xml.as_bytes(), Rules::ROOT).unwrap()).unwrap();
        prop_assert_eq!(&again, &rules);
        let kept: Rules = serde_json::from_slice(&rules.to_bytes().unwrap()).unwrap();
        prop_assert_eq!(kept, rules);
    }
}

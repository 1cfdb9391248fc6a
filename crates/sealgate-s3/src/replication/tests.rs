//! What is taken of a configuration, and which rules are about what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::rules::{About, Destination, Filter, Rule, Rules};
use crate::document::Document as _;
use crate::error::{Code, Result};
use crate::tags::Tags;
use crate::xml::{Element, Writer};

const ROLE: &str = "<Role>arn:aws:iam::111122223333:role/r</Role>";

fn parse(rules: &str) -> Result<Rules> {
    let xml = format!("<ReplicationConfiguration>{ROLE}{rules}</ReplicationConfiguration>");
    Rules::parse(&Element::parse(xml.as_bytes(), Rules::ROOT)?)
}

/// A rule of the second version.
fn rule(id: &str, priority: i32, filter: &str, bucket: &str, more: &str) -> String {
    format!(
        "<Rule><ID>{id}</ID><Priority>{priority}</Priority><Filter>{filter}</Filter><Status>Enabled</Status>{more}\
         <Destination><Bucket>arn:aws:s3:::{bucket}</Bucket></Destination></Rule>"
    )
}

const NO_MARKERS: &str =
    "<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>";
const MARKERS: &str = "<DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication>";

fn legacy(id: &str, prefix: &str, bucket: &str) -> String {
    format!(
        "<Rule><ID>{id}</ID><Prefix>{prefix}</Prefix><Status>Enabled</Status>\
         <Destination><Bucket>arn:aws:s3:::{bucket}</Bucket></Destination></Rule>"
    )
}

#[test]
fn a_configuration_comes_back_as_it_was_put() {
    let all = format!(
        "<Rule><ID>all</ID><Priority>7</Priority>\
         <Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Disabled</Status>\
         <SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>\
         <ReplicaModifications><Status>Enabled</Status></ReplicaModifications></SourceSelectionCriteria>\
         <ExistingObjectReplication><Status>Disabled</Status></ExistingObjectReplication>\
         <Destination><Bucket>arn:aws:s3:::there</Bucket><Account>444455556666</Account>\
         <StorageClass>STANDARD</StorageClass>\
         <AccessControlTranslation><Owner>Destination</Owner></AccessControlTranslation>\
         <EncryptionConfiguration><ReplicaKmsKeyID>key</ReplicaKmsKeyID></EncryptionConfiguration>\
         <ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime>\
         <Metrics><Status>Enabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics>\
         </Destination>{NO_MARKERS}</Rule>"
    );
    let parsed = parse(&all).unwrap();
    let xml = Writer::document(Rules::ROOT, |w| parsed.write(w));
    assert!(xml.contains(&all), "{xml}");
    let stored = serde_json::to_vec(&parsed).unwrap();
    assert_eq!(serde_json::from_slice::<Rules>(&stored).unwrap(), parsed);
    for filter in ["", "<Prefix>p</Prefix>", "<Tag><Key>k</Key><Value/></Tag>"] {
        parse(&rule("r", 1, filter, "there", NO_MARKERS)).unwrap();
    }
    parse(&(legacy("1", "a", "there") + &legacy("2", "b", "there"))).unwrap();
}

#[test]
fn what_s3_would_not_take_is_refused() {
    let simple = || rule("r", 1, "", "there", NO_MARKERS);
    let with = |from: &str, to: &str| {
        let changed = simple().replace(from, to);
        assert_ne!(changed, simple(), "{from}");
        changed
    };
    let end = "</Destination>";
    let add = |more: &str| with(end, &format!("{more}{end}"));
    let tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
    let many: String = (0..=1000)
        .map(|n| rule(&n.to_string(), n, "", "there", NO_MARKERS))
        .collect();
    let encryption =
        "<EncryptionConfiguration><ReplicaKmsKeyID>k</ReplicaKmsKeyID></EncryptionConfiguration>";
    let kms = "<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status>\
               </SseKmsEncryptedObjects></SourceSelectionCriteria>";
    for (rules, code) in [
        (String::new(), Code::MalformedXml),
        (many, Code::InvalidRequest),
        (
            simple() + &rule("r", 2, "", "bucket", NO_MARKERS),
            Code::InvalidRequest,
        ),
        (
            simple() + &rule("s", 1, "", "bucket", NO_MARKERS),
            Code::InvalidRequest,
        ),
        (simple() + &legacy("l", "p", "there"), Code::InvalidRequest),
        (
            legacy("1", "a", "x-y") + &legacy("2", "ab", "x-y"),
            Code::InvalidRequest,
        ),
        (
            legacy("1", "a", "x-y") + &legacy("2", "b", "x-z"),
            Code::InvalidRequest,
        ),
        (with("<Priority>1</Priority>", ""), Code::InvalidRequest),
        (with("<Priority>1", "<Priority>-1"), Code::InvalidArgument),
        (with("<Priority>1", "<Priority>x"), Code::MalformedXml),
        (with(NO_MARKERS, ""), Code::InvalidRequest),
        (rule("r", 1, tag, "there", MARKERS), Code::InvalidRequest),
        (
            rule(
                "r",
                1,
                &format!("<And>{tag}{tag}</And>"),
                "there",
                NO_MARKERS,
            ),
            Code::InvalidRequest,
        ),
        (
            rule("r", 1, "<And/>", "there", NO_MARKERS),
            Code::MalformedXml,
        ),
        (
            rule(&"x".repeat(256), 1, "", "there", NO_MARKERS),
            Code::InvalidArgument,
        ),
        (with("Enabled", "On"), Code::MalformedXml),
        (with("arn:aws:s3:::there", "there"), Code::InvalidArgument),
        (
            with("arn:aws:s3:::there", "arn:aws:s3:::There_"),
            Code::InvalidArgument,
        ),
        (
            add("<StorageClass>GLACIER</StorageClass>"),
            Code::NotImplemented,
        ),
        (add("<StorageClass>COLD</StorageClass>"), Code::MalformedXml),
        (add("<Account>1</Account>"), Code::InvalidArgument),
        (add(encryption), Code::InvalidRequest),
        (
            rule("r", 1, "", "there", &format!("{NO_MARKERS}{kms}")),
            Code::InvalidRequest,
        ),
        (
            add("<AccessControlTranslation><Owner>Destination</Owner></AccessControlTranslation>"),
            Code::InvalidRequest,
        ),
        (
            add(
                "<ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime>",
            ),
            Code::InvalidRequest,
        ),
        (
            add(
                "<Metrics><Status>Enabled</Status><EventThreshold><Minutes>5</Minutes></EventThreshold></Metrics>",
            ),
            Code::InvalidArgument,
        ),
        (add("<Owner/>"), Code::MalformedXml),
    ] {
        let refused = parse(&rules).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), code, "{rules:.300}: {}", refused.message);
    }
    let role = format!(
        "<ReplicationConfiguration><Role>r</Role>{}</ReplicationConfiguration>",
        simple()
    );
    let root = Element::parse(role.as_bytes(), Rules::ROOT).unwrap();
    assert_eq!(
        Rules::parse(&root).unwrap_err().kind(),
        Code::InvalidArgument
    );
}

fn filter() -> impl Strategy<Value = Filter> {
    let text = || "[a-zA-Z0-9/ &<>\"'ü-]{1,20}";
    let tags = move || prop::collection::btree_map(text(), text(), 1..4);
    prop_oneof![
        Just(Filter::All),
        text().prop_map(Filter::Prefix),
        (text(), text()).prop_map(|(key, value)| Filter::Tag(key, value)),
        (prop::option::of(text()), tags()).prop_map(|(prefix, tags)| Filter::And {
            prefix,
            tags: tags.into_iter().collect(),
        }),
    ]
}

prop_compose! {
    fn any_rule()(
        filter in filter(),
        (enabled, kms, replicas, existing, markers) in any::<(bool, bool, Option<bool>, Option<bool>, bool)>(),
        (account, translate, time, metrics) in any::<(bool, bool, bool, bool)>(),
    ) -> Rule {
        Rule {
            id: String::new(),
            priority: None,
            enabled,
            markers: Some(markers && filter.tags().is_empty()),
            filter,
            kms: Some(kms),
            replicas,
            existing,
            destination: Destination {
                bucket: "there".to_owned(),
                account: account.then(|| "444455556666".to_owned()),
                storage_class: None,
                translate: account && translate,
                kms_key: kms.then(|| "alias/key".to_owned()),
                time: (time && metrics).then_some((true, 15)),
                metrics: metrics.then_some((true, time.then_some(15))),
            },
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_taken_comes_back(rules in prop::collection::vec(any_rule(), 1..20)) {
        let rules = Rules {
            role: "arn:aws:iam::111122223333:role/a/r".to_owned(),
            rules: (0..).zip(rules).map(|(n, rule)| Rule {
                id: format!("rule {n}"),
                priority: Some(n),
                ..rule
            }).collect(),
        };
        let xml = Writer::document(Rules::ROOT, |w| rules.write(w));
        let parsed = Element::parse(xml.as_bytes(), Rules::ROOT).and_then(|root| Rules::parse(&root));
        prop_assert_eq!(parsed.ok(), Some(rules));
    }
}

#[test]
fn of_the_rules_for_a_destination_the_highest_priority_counts() {
    let tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
    let rules = parse(
        &[
            rule("low", 1, "", "one", MARKERS),
            rule("high", 9, "<Prefix>a/</Prefix>", "one", NO_MARKERS),
            rule("tagged", 3, tag, "two", NO_MARKERS),
        ]
        .concat(),
    )
    .unwrap();
    let tagged = Tags::from_header("k=v&l=w").unwrap();
    let ids = |key: &str, about: About<'_>| -> Vec<String> {
        let chosen = rules.about(key, about).into_iter();
        chosen.map(|rule| rule.id.clone()).collect()
    };
    let written = |tags, kms| About::Written { tags, kms };
    let none = Tags::default();
    assert_eq!(ids("b", written(&none, false)), ["low"]);
    assert_eq!(ids("a/b", written(&none, false)), ["high"]);
    assert_eq!(ids("a/b", written(&tagged, false)), ["high", "tagged"]);
    // Objects under KMS keys are replicated only where that is asked for.
    assert_eq!(ids("b", written(&none, true)), Vec::<String>::new());
    assert_eq!(ids("a/b", About::Marked), Vec::<String>::new());
    assert_eq!(ids("b", About::Marked), ["low"]);
    assert_eq!(ids("b", About::Changed), ["low", "tagged"]);
    let old = parse(&legacy("old", "a", "there")).unwrap();
    assert_eq!(old.about("ab", About::Marked).len(), 1);
    assert!(old.about("b", About::Marked).is_empty());
    assert!(old.rule("old", "there").is_some() && old.rule("old", "elsewhere").is_none());
}

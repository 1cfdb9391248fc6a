//! What rules say of versions, against a model that counts hours.

use std::collections::BTreeMap;

use proptest::prelude::*;
use time::macros::{date, datetime};
use time::{Duration, OffsetDateTime};

use super::configuration::any_rule;
use crate::lifecycle::judge::{Candidate, Verdict, due};
use crate::lifecycle::rules::{
    Expiration, Filter, MinimumSize, Noncurrent, NoncurrentTransition, Predicate, Rule, Rules,
    Transition, When,
};
use crate::tags::Tags;

const BEGIN: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);

#[test]
fn days_end_at_the_midnight_that_follows() {
    for (since, days, expected) in [
        (datetime!(2014-01-15 10:30 UTC), 3, date!(2014 - 01 - 19)),
        (datetime!(2014-01-01 00:00 UTC), 1, date!(2014 - 01 - 03)),
        (datetime!(2014-01-01 23:59:59 UTC), 1, date!(2014 - 01 - 03)),
        (datetime!(2014-01-01 23:30 -2), 1, date!(2014 - 01 - 04)),
        (datetime!(2024-02-28 12:00 UTC), 1, date!(2024 - 03 - 01)),
    ] {
        assert_eq!(due(since, days), Some(expected), "{since} {days}");
    }
    assert_eq!(
        due(BEGIN, u32::MAX),
        None,
        "what is out of every calendar never comes"
    );
}

/// A version as the model sees it.
#[derive(Debug, Clone)]
struct Thing {
    key: String,
    /// `None`: a delete marker.
    size: Option<u64>,
    tags: BTreeMap<String, String>,
    /// Hours after the beginning.
    made: u32,
    /// Hours after the beginning at which it ceased to be the newest.
    replaced: Option<u32>,
    newer: u32,
    alone: bool,
}

fn thing() -> impl Strategy<Value = Thing> {
    (
        "[a-z/]{0,3}",
        proptest::option::of(0u64..12),
        proptest::collection::btree_map("[a-z]", "[a-z]{0,1}", 0..3),
        0u32..72,
        proptest::option::of(0u32..72),
        0u32..4,
        any::<bool>(),
    )
        .prop_map(|(key, size, tags, made, replaced, newer, alone)| Thing {
            key,
            size,
            tags,
            made,
            replaced,
            newer,
            alone,
        })
}

/// S3's documentation, read slowly: a rule is about a thing if all it says of it is so, and its time is the first
/// midnight after so many times 24 hours.
fn model(rules: &[Rule], thing: &Thing, today: u32) -> Verdict {
    let over = |since: u32, days: u32| (1..=today).any(|day| day * 24 > since + days * 24);
    for rule in rules {
        let about = match &rule.filter {
            Filter::Legacy(prefix) => thing.key.starts_with(prefix),
            Filter::All => true,
            Filter::One(one) => holds(one, thing),
            Filter::And(all) => !all.iter().any(|one| !holds(one, thing)),
        };
        if !rule.enabled || !about {
            continue;
        }
        if let Some(since) = thing.replaced {
            if let Some(action) = rule.noncurrent
                && over(since, action.days)
                && action.newer.unwrap_or(0) <= thing.newer
            {
                return Verdict::RemoveNoncurrent;
            }
            continue;
        }
        let time = match rule.expiration {
            Some(Expiration::Days(days)) => over(thing.made, days),
            Some(Expiration::Date(date)) => (BEGIN + Duration::days(today.into())).date() >= date,
            Some(Expiration::Markers(markers)) => markers && thing.size.is_none(),
            None => false,
        };
        match thing.size {
            Some(_) if time => return Verdict::Expire,
            None if time && thing.alone => return Verdict::RemoveMarker,
            _ => {}
        }
    }
    Verdict::Keep
}

fn holds(predicate: &Predicate, thing: &Thing) -> bool {
    match predicate {
        Predicate::Prefix(prefix) => thing.key.find(prefix.as_str()) == Some(0),
        Predicate::Tag { key, value } => thing.tags.get(key) == Some(value),
        Predicate::LargerThan(bound) => matches!(thing.size, Some(size) if size > *bound),
        Predicate::SmallerThan(bound) => matches!(thing.size, Some(size) if size < *bound),
    }
}

fn at(hours: u32) -> OffsetDateTime {
    BEGIN + Duration::hours(hours.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_rules_decide_as_the_model_does(
        rules in proptest::collection::vec(any_rule(), 1..4),
        thing in thing(),
        today in 0u32..8,
    ) {
        let expected = model(&rules, &thing, today);
        let rules = Rules { rules, minimum_size: MinimumSize::default() };
        let pairs: Vec<_> = thing.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let tags = Tags::from_header(&pairs.join("&")).unwrap();
        let candidate = Candidate {
            key: &thing.key,
            size: thing.size,
            tags: &tags,
            modified: at(thing.made),
            is_latest: thing.replaced.is_none(),
            lone_marker: thing.replaced.is_none() && thing.size.is_none() && thing.alone,
            noncurrent_since: thing.replaced.map(at),
            newer_noncurrent: thing.newer,
        };
        let day = at(today * 24).date();
        prop_assert_eq!(rules.judge(&candidate, day), expected);
        // What the header tells is the first day on which the object goes.
        if let (Some(size), None) = (thing.size, thing.replaced) {
            let told = rules.expiry(&thing.key, size, &tags, at(thing.made));
            let goes = expected == Verdict::Expire;
            prop_assert_eq!(told.is_some_and(|(date, _)| date <= day), goes);
        }
    }
}

#[test]
fn objects_go_down_and_never_up() {
    let transition = |days, class: &str| Transition {
        when: When::Days(days),
        class: class.into(),
    };
    let rule = |filter, transitions, noncurrent_transitions| Rule {
        id: "r".into(),
        enabled: true,
        filter,
        expiration: None,
        noncurrent: None,
        transitions,
        noncurrent_transitions,
        abort: None,
    };
    let rules = Rules {
        rules: vec![
            rule(
                Filter::All,
                vec![transition(60, "GLACIER_IR"), transition(30, "STANDARD_IA")],
                vec![NoncurrentTransition {
                    due: Noncurrent {
                        days: 40,
                        newer: Some(1),
                    },
                    class: "ONEZONE_IA".into(),
                }],
            ),
            rule(
                Filter::One(Predicate::LargerThan(10)),
                vec![transition(90, "INTELLIGENT_TIERING")],
                Vec::new(),
            ),
        ],
        minimum_size: MinimumSize::default(),
    };
    let tags = Tags::default();
    let large = 128 * 1024;
    let judged = |size, is_latest, newer, class, days| {
        let candidate = Candidate {
            key: "k",
            size,
            tags: &tags,
            modified: BEGIN,
            is_latest,
            lone_marker: false,
            noncurrent_since: (!is_latest).then_some(BEGIN),
            newer_noncurrent: newer,
        };
        rules.class(&candidate, class, (BEGIN + Duration::days(days)).date())
    };
    for (size, is_latest, newer, class, days, expected) in [
        (Some(large), true, 0, None, 30, None),
        // At the midnight that follows.
        (Some(large), true, 0, None, 31, Some("STANDARD_IA")),
        (Some(large), true, 0, Some("STANDARD_IA"), 31, None),
        (
            Some(large),
            true,
            0,
            Some("STANDARD_IA"),
            61,
            Some("GLACIER_IR"),
        ),
        (Some(large), true, 0, None, 61, Some("GLACIER_IR")),
        (Some(large), true, 0, Some("GLACIER_IR"), 99, None),
        (
            Some(large),
            true,
            0,
            Some("REDUCED_REDUNDANCY"),
            31,
            Some("STANDARD_IA"),
        ),
        // Small ones stay, but where a rule is about size.
        (Some(large - 1), true, 0, None, 31, None),
        (
            Some(large - 1),
            true,
            0,
            None,
            91,
            Some("INTELLIGENT_TIERING"),
        ),
        (Some(10), true, 0, None, 91, None),
        // Versions that are not current have rules of their own, and delete markers none.
        (Some(large), false, 1, None, 41, Some("ONEZONE_IA")),
        (Some(large), false, 0, None, 41, None),
        (Some(large), false, 1, None, 40, None),
        (None, true, 0, None, 99, None),
    ] {
        let to = judged(size, is_latest, newer, class, days);
        assert_eq!(
            to, expected,
            "{size:?} {is_latest} {newer} {class:?} {days}"
        );
    }
}

//! The trail: lookups by attribute and time, newest first, page by page.

use bytes::Bytes;
use sealgate_index::{Index, TrailAttribute, TrailEntry, TrailQuery};
use time::{Duration, OffsetDateTime};

use crate::support::fresh;

fn entry(number: i64, account_id: &str) -> TrailEntry {
    let even = number % 2 == 0;
    TrailEntry {
        event_id: format!("event-{number}"),
        // Pairs share their time; the trail does not have to come in its order.
        time: OffsetDateTime::UNIX_EPOCH + Duration::seconds(1000 + number / 2),
        event_name: if even { "Decrypt" } else { "GenerateDataKey" }.into(),
        event_source: "kms.amazonaws.com".into(),
        username: even.then(|| "alice".into()),
        access_key_id: Some("AKIAEXAMPLE".into()),
        read_only: even,
        account_id: account_id.into(),
        resources: vec![
            ("AWS::KMS::Key".into(), format!("key-{}", number % 3)),
            ("AWS::S3::Object".into(), format!("object-{number}")),
        ],
        listed: true,
        event: Bytes::from(format!("{{\"number\":{number}}}")),
    }
}

async fn filled() -> crate::support::Fresh {
    let index = fresh().await;
    for number in 0..20 {
        index.trail_append(pair(number)).await.unwrap();
    }
    index
}

fn pair(number: i64) -> Vec<TrailEntry> {
    vec![entry(number, "111111111111"), entry(number, "222222222222")]
}

/// The same records, some of them in batches, whose times are among each other.
async fn batched() -> crate::support::Fresh {
    let index = fresh().await;
    index.trail_append(pair(0)).await.unwrap();
    let batch = |numbers: &[i64]| {
        let entries: Vec<TrailEntry> = numbers.iter().copied().flat_map(pair).collect();
        index.trail_append_batch(entries.into())
    };
    batch(&[9, 1, 4, 19]).await.unwrap();
    for number in [3, 2, 17] {
        index.trail_append(pair(number)).await.unwrap();
    }
    batch(&[5, 6, 8, 7, 10, 16]).await.unwrap();
    batch(&[12, 11, 18]).await.unwrap();
    index.trail_append(pair(13)).await.unwrap();
    let alone = pair(14);
    for one in alone {
        index.trail_append_batch(vec![one].into()).await.unwrap();
    }
    batch(&[15]).await.unwrap();
    index
}

/// Of what both indexes hold: the one with batches has to have every event of a time in the order of its places.
async fn both() -> [crate::support::Fresh; 2] {
    [filled().await, batched().await]
}

/// Numbers of the records found, over all pages of `limit`.
async fn numbers(index: &Index, query: &TrailQuery, limit: usize) -> Vec<i64> {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = TrailQuery {
            before,
            limit,
            ..query.clone()
        };
        let (entries, next) = index.trail_lookup(page).await.unwrap();
        for (_, got) in entries {
            let number: i64 = got.event_id.trim_start_matches("event-").parse().unwrap();
            assert_eq!(got, entry(number, &query.account_id));
            found.push(number);
        }
        before = next;
        if next.is_none() {
            return found;
        }
    }
}

/// Two that share their time are in the order of their places, which differs: the higher number first.
fn in_pairs(mut numbers: Vec<i64>) -> Vec<i64> {
    for at in 1..numbers.len() {
        if numbers[at - 1] / 2 == numbers[at] / 2 && numbers[at - 1] < numbers[at] {
            numbers.swap(at - 1, at);
        }
    }
    numbers
}

fn by(attribute: Option<(TrailAttribute, &str)>) -> TrailQuery {
    TrailQuery {
        account_id: "111111111111".into(),
        attribute: attribute.map(|(attribute, value)| (attribute, value.into())),
        ..TrailQuery::default()
    }
}

#[tokio::test]
async fn every_attribute_finds_its_records_newest_first() {
    let where_ = |keep: fn(i64) -> bool| {
        (0..20)
            .rev()
            .filter(|number| keep(*number))
            .collect::<Vec<i64>>()
    };
    let cases = [
        (None, where_(|_| true)),
        (Some((TrailAttribute::EventId, "event-7")), vec![7]),
        (
            Some((TrailAttribute::EventName, "Decrypt")),
            where_(|number| number % 2 == 0),
        ),
        (
            Some((TrailAttribute::ReadOnly, "false")),
            where_(|number| number % 2 == 1),
        ),
        (
            Some((TrailAttribute::Username, "alice")),
            where_(|number| number % 2 == 0),
        ),
        (
            Some((TrailAttribute::ResourceType, "AWS::KMS::Key")),
            where_(|_| true),
        ),
        (
            Some((TrailAttribute::ResourceName, "key-1")),
            where_(|number| number % 3 == 1),
        ),
        (
            Some((TrailAttribute::EventSource, "kms.amazonaws.com")),
            where_(|_| true),
        ),
        (
            Some((TrailAttribute::AccessKeyId, "AKIAEXAMPLE")),
            where_(|_| true),
        ),
        (
            Some((TrailAttribute::EventSource, "s3.amazonaws.com")),
            vec![],
        ),
    ];
    for index in both().await {
        for (attribute, expected) in &cases {
            for limit in [1, 3, 20, 50] {
                assert_eq!(
                    in_pairs(numbers(&index, &by(*attribute), limit).await),
                    *expected,
                    "{attribute:?} by {limit}"
                );
            }
        }
    }
}

#[tokio::test]
async fn times_bound_a_lookup_on_both_sides() {
    let at = |second| Some(OffsetDateTime::UNIX_EPOCH + Duration::seconds(second));
    for attribute in [
        None,
        Some((TrailAttribute::EventSource, "kms.amazonaws.com")),
    ] {
        let query = TrailQuery {
            start: at(1003),
            end: at(1005),
            ..by(attribute)
        };
        for index in both().await {
            for limit in [1, 4, 10] {
                let found = numbers(&index, &query, limit).await;
                assert_eq!(in_pairs(found), [11, 10, 9, 8, 7, 6]);
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_nothing_is_the_last_one() {
    let index = filled().await;
    assert_eq!(
        index
            .trail_lookup(TrailQuery {
                limit: 0,
                ..by(None)
            })
            .await
            .unwrap(),
        (vec![], None)
    );
    let other = TrailQuery {
        account_id: "333333333333".into(),
        limit: 5,
        ..TrailQuery::default()
    };
    assert_eq!(index.trail_lookup(other).await.unwrap(), (vec![], None));
}

#[tokio::test]
async fn the_chain_is_read_in_its_order_and_by_size() {
    for index in both().await {
        chain_in_its_order(&index).await;
    }
}

async fn chain_in_its_order(index: &Index) {
    let state = index.trail_state().await.unwrap();
    assert_eq!((state.last, state.issued), (40, 40));
    let rows = index.trail_rows(0, 100, usize::MAX).await.unwrap();
    assert!(rows.iter().map(|row| row.sequence).eq(1..=40));
    assert_eq!(rows.last().unwrap().chain, state.chain);
    let few = index.trail_rows(38, 100, usize::MAX).await.unwrap();
    assert_eq!(few, rows[38..]);
    assert_eq!(index.trail_rows(0, 100, 1).await.unwrap().len(), 1);
    assert_eq!(index.trail_count(10, 20).await.unwrap(), 10);
    assert_eq!(index.trail_unfindable(&rows).await.unwrap(), [0; 0]);
    let mut other = rows[4].clone();
    other.entry.event_name = "Other".into();
    assert_eq!(index.trail_unfindable(&[other]).await.unwrap(), [5]);
    for after in 0..40 {
        let one = index.trail_rows(after, 1, usize::MAX).await.unwrap();
        assert_eq!(one[..], rows[after as usize..][..1]);
        let count = index.trail_count(after, after + 3).await.unwrap();
        assert_eq!(count, 3.min(40 - after));
    }
}

#[tokio::test]
async fn records_that_are_not_listed_are_in_the_chain_alone() {
    let index = fresh().await;
    let hidden = TrailEntry {
        listed: false,
        ..entry(1, "111111111111")
    };
    index
        .trail_append(vec![hidden.clone(), entry(2, "111111111111")])
        .await
        .unwrap();
    for attribute in [None, Some((TrailAttribute::AccessKeyId, "AKIAEXAMPLE"))] {
        assert_eq!(numbers(&index, &by(attribute), 5).await, [2]);
    }
    let by_id = by(Some((TrailAttribute::EventId, "event-1")));
    assert_eq!(numbers(&index, &by_id, 5).await, [0; 0]);
    let rows = index.trail_rows(0, 5, usize::MAX).await.unwrap();
    assert_eq!(rows[0].entry, hidden);
}

//! Random puts, deletes and pages against a plain ordered map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sealgate_index::{Entry, ListQuery};

use crate::support::{bucket, delete, fresh, inline, list};

#[derive(Debug, Clone)]
enum Step {
    Put(String),
    Delete(String),
    List(ListQuery),
}

/// Names of few characters, so that prefixes, delimiters and markers meet.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "b", "/", "//", "-", "ÿ", "Ā", "\u{10FFFF}", "\0"]),
        1..6,
    )
    .prop_map(|pieces| pieces.concat())
}

fn step() -> impl Strategy<Value = Step> {
    let delimiter = prop::option::of(prop::sample::select(vec!["/", "//", "-", "a/", "ÿ", ""]));
    let query = (
        prop::option::of(name()),
        delimiter,
        prop::option::of(name()),
        0..7_usize,
    )
        .prop_map(|(prefix, delimiter, after, limit)| {
            let prefix = prefix
                .map(|name| name.chars().take(2).collect())
                .unwrap_or_default();
            Step::List(ListQuery {
                prefix,
                delimiter: delimiter.map(Into::into),
                after,
                limit,
            })
        });
    prop_oneof![4 => name().prop_map(Step::Put), 1 => name().prop_map(Step::Delete), 2 => query]
}

/// Every entry of a listing that has no limit.
fn oracle(keys: &BTreeMap<String, String>, query: &ListQuery) -> Vec<String> {
    let roll = |key: &str| -> Option<String> {
        let delimiter = query
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty())?;
        let (inside, _) = key.strip_prefix(&query.prefix)?.split_once(delimiter)?;
        Some(format!("{}{inside}{delimiter}", query.prefix))
    };
    let mut entries: Vec<String> = Vec::new();
    for key in keys.keys().filter(|key| key.starts_with(&query.prefix)) {
        let entry = roll(key).unwrap_or_else(|| key.clone());
        let shown = match &query.after {
            None => true,
            // An entry that is not behind the marker, or that the marker lies in, is not shown.
            Some(after) => entry > *after && roll(after).as_ref() != Some(&entry),
        };
        if shown && entries.last() != Some(&entry) {
            entries.push(entry);
        }
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pages_equal_those_of_an_ordered_map(steps in prop::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let index = fresh().await;
            let bucket = bucket(&index).await;
            let mut model = BTreeMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Put(key) => {
                        let new = inline(&key, &number.to_string());
                        index.put_version(bucket.id, new, Default::default(), None, Vec::new()).await.unwrap();
                        model.insert(key, number.to_string());
                    }
                    Step::Delete(key) => {
                        let existed = delete(&index, &bucket, &key).await;
                        prop_assert_eq!(existed, model.remove(&key).is_some());
                    }
                    Step::List(query) => {
                        let expected = oracle(&model, &query);
                        let page = list(&index, &bucket, &query).await;
                        let shown: Vec<String> = page.entries.iter().map(|entry| entry.name().to_owned()).collect();
                        prop_assert_eq!(&shown[..], &expected[..query.limit.min(expected.len())], "{:?}", query);
                        let truncated = query.limit > 0 && expected.len() > query.limit;
                        prop_assert_eq!(page.truncated, truncated);
                        prop_assert_eq!(page.next, shown.last().filter(|_| truncated).cloned());
                        for entry in &page.entries {
                            if let Entry::Object(object) = entry {
                                prop_assert_eq!(Some(&object.etag), model.get(&object.key));
                            }
                        }
                        // Page by page the same entries come.
                        let mut paged = shown;
                        let mut next = paged.last().filter(|_| truncated).cloned();
                        while next.is_some() {
                            let page = list(&index, &bucket, &ListQuery { after: next, ..query.clone() }).await;
                            paged.extend(page.entries.iter().map(|entry| entry.name().to_owned()));
                            next = page.next;
                        }
                        if query.limit > 0 {
                            prop_assert_eq!(paged, expected);
                        }
                    }
                }
            }
            Ok(())
        })?;
    }
}

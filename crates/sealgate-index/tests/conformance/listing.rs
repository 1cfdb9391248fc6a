//! Pages of objects, case by case.

use sealgate_index::{Bucket, Entry, Index, ListQuery};

use crate::support::{bucket, delete, fresh, inline, list, names, put};

async fn filled(index: &Index, keys: &[&str]) -> Bucket {
    let bucket = bucket(index).await;
    for key in keys {
        put(index, &bucket, inline(key, &format!("etag of {key}"))).await;
    }
    bucket
}

fn query(prefix: &str, delimiter: &str, after: &str, limit: usize) -> ListQuery {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ListQuery {
        prefix: prefix.into(),
        delimiter: some(delimiter),
        after: some(after),
        limit,
    }
}

#[tokio::test]
async fn keys_come_in_the_order_of_their_bytes_with_what_is_told_of_them() {
    let index = fresh().await;
    // In UTF-16 the surrogates of U+1F600 would sort before U+FFFD.
    let bucket = filled(
        &index,
        &["\u{1F600}", "\u{FFFD}", "é", "z", "Z", "a b", "a"],
    )
    .await;
    let page = list(&index, &bucket, &query("", "", "", 1000)).await;
    assert_eq!(
        names(&page),
        ["Z", "a", "a b", "z", "é", "\u{FFFD}", "\u{1F600}"]
    );
    assert!(!page.truncated);
    assert_eq!(page.next, None);
    let stored = index.get_version(bucket.id, "Z").await.unwrap().unwrap();
    let Entry::Object(listed) = &page.entries[0] else {
        panic!("not an object")
    };
    assert_eq!(
        (
            &listed.etag,
            listed.size,
            listed.modified,
            &listed.checksum_algorithm,
            &listed.checksum_type
        ),
        (
            &stored.etag,
            stored.size,
            stored.modified,
            &stored.checksum_algorithm,
            &stored.checksum_type
        ),
    );
}

#[tokio::test]
async fn common_prefixes_are_rolled_up_and_paged_through() {
    let index = fresh().await;
    let mut keys = vec!["a".to_owned(), "c".into(), "d/x".into()];
    keys.extend((0..50).map(|number| format!("b/{number:02}")));
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let bucket = filled(&index, &keys).await;
    let all = list(&index, &bucket, &query("", "/", "", 1000)).await;
    assert_eq!(names(&all), ["a", "b/", "c", "d/"]);
    assert!(!all.truncated);

    let first = list(&index, &bucket, &query("", "/", "", 2)).await;
    assert_eq!(
        (names(&first), first.truncated, first.next.as_deref()),
        (vec!["a", "b/"], true, Some("b/"))
    );
    let second = list(&index, &bucket, &query("", "/", "b/", 2)).await;
    assert_eq!((names(&second), second.truncated), (vec!["c", "d/"], false));
    // The last entry is the only one left, however many keys it stands for.
    let prefix = list(&index, &bucket, &query("b", "/", "", 1)).await;
    assert_eq!(
        (names(&prefix), prefix.truncated, prefix.next.as_deref()),
        (vec!["b/"], false, None)
    );
    let inside = list(&index, &bucket, &query("b/", "/", "b/47", 10)).await;
    assert_eq!(names(&inside), ["b/48", "b/49"]);
}

#[tokio::test]
async fn a_marker_inside_a_common_prefix_stands_for_all_of_it() {
    let index = fresh().await;
    let bucket = filled(&index, &["a/a", "a/c", "a0", "b/a"]).await;
    for marker in ["a/", "a/b", "a/a", "a/zzz"] {
        let page = list(&index, &bucket, &query("", "/", marker, 10)).await;
        assert_eq!(names(&page), ["a0", "b/"], "after {marker}");
    }
    let page = list(&index, &bucket, &query("", "", "a/b", 10)).await;
    assert_eq!(names(&page), ["a/c", "a0", "b/a"]);
}

#[tokio::test]
async fn delimiters_may_be_long_or_odd() {
    let index = fresh().await;
    let bucket = filled(&index, &["a--b--c", "a--d", "a-e", "пёс", "плод"]).await;
    let page = list(&index, &bucket, &query("", "--", "", 10)).await;
    assert_eq!(names(&page), ["a--", "a-e", "плод", "пёс"]);
    assert_eq!(
        names(&list(&index, &bucket, &query("a--", "--", "", 10)).await),
        ["a--b--", "a--d"]
    );
    assert_eq!(
        names(&list(&index, &bucket, &query("п", "ё", "", 10)).await),
        ["плод", "пё"]
    );
}

#[tokio::test]
async fn pages_may_be_empty() {
    let index = fresh().await;
    let bucket = filled(&index, &["a"]).await;
    for empty in [
        query("", "", "", 0),
        query("b", "", "", 5),
        query("", "", "a", 5),
        query("a", "/", "b", 5),
    ] {
        let page = list(&index, &bucket, &empty).await;
        assert_eq!(
            (page.entries.len(), page.truncated, page.next),
            (0, false, None),
            "{empty:?}"
        );
    }
}

#[tokio::test]
async fn deleted_keys_are_not_listed() {
    let index = fresh().await;
    let bucket = filled(&index, &["a", "b/a"]).await;
    delete(&index, &bucket, "b/a").await;
    assert_eq!(
        names(&list(&index, &bucket, &query("", "/", "", 10)).await),
        ["a"]
    );
}

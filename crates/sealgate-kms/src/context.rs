//! The encryption context: pairs that are authenticated with a ciphertext and must be given again to open it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Pairs of strings, in the order of their keys' bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// The empty context.
    #[must_use]
    pub fn new() -> EncryptionContext {
        EncryptionContext::default()
    }

    /// A context of these pairs; of two with one key the later counts.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> EncryptionContext {
        EncryptionContext(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }

    /// Sets a pair and returns the value that was there.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.0.insert(key.into(), value.into())
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The pairs, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// True without pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes that are authenticated: the number of pairs, then of each pair, ordered by key, the length
    /// and the bytes of key and value; numbers are 32 bits, big-endian. No two contexts have the same.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let size = self
            .iter()
            .map(|(key, value)| 8 + key.len() + value.len())
            .sum::<usize>();
        let mut bytes = Vec::with_capacity(4 + size);
        put_length(&mut bytes, self.0.len());
        for (key, value) in self.iter() {
            for text in [key, value] {
                put_length(&mut bytes, text.len());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        bytes
    }

    /// The context as a JSON object, as the audit trail shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect()
    }

    /// The bytes of all keys and values.
    pub(crate) fn size(&self) -> usize {
        self.iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }

    /// A key that another one equals but for case. Policy condition names do not tell the two apart, so a
    /// second pair could pass for the one that a policy means.
    pub(crate) fn ambiguous_key(&self) -> Option<&str> {
        let mut seen = std::collections::HashSet::new();
        self.0
            .keys()
            .map(String::as_str)
            .find(|key| !seen.insert(key.to_lowercase()))
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // A request is far below 4 GiB; saturating keeps the impossible case unambiguous enough to fail closed.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn contexts() -> impl Strategy<Value = EncryptionContext> {
        // Few letters, so that different contexts come close to each other; none of them printable lengths only.
        let text = "[a\u{0}\u{1}:é]{0,3}";
        prop::collection::btree_map(text, text, 0..4).prop_map(EncryptionContext)
    }

    proptest! {
        #[test]
        fn no_two_contexts_have_the_same_bytes(a in contexts(), b in contexts()) {
            prop_assert_eq!(a == b, a.canonical() == b.canonical());
        }

        #[test]
        fn the_order_of_the_pairs_does_not_count(pairs in prop::collection::hash_map(".{0,8}", ".{0,8}", 0..6)) {
            let forward: Vec<_> = pairs.into_iter().collect();
            let backward = forward.iter().rev().cloned();
            prop_assert_eq!(
                EncryptionContext::from_pairs(forward.clone()).canonical(),
                EncryptionContext::from_pairs(backward).canonical()
            );
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let context = EncryptionContext::from_pairs([("b", ""), ("a", "12")]);
        let expected = b"\0\0\0\x02\0\0\0\x01a\0\0\0\x0212\0\0\0\x01b\0\0\0\0";
        assert_eq!(context.canonical(), expected);
        assert_eq!(EncryptionContext::new().canonical(), [0; 4]);
    }

    #[test]
    fn keys_that_differ_only_in_case_are_found() {
        let context = |pairs: &[(&str, &str)]| EncryptionContext::from_pairs(pairs.iter().copied());
        assert_eq!(context(&[("a", "1"), ("b", "1")]).ambiguous_key(), None);
        assert_eq!(
            context(&[("Key", "1"), ("kEY", "1")]).ambiguous_key(),
            Some("kEY")
        );
        assert_eq!(
            context(&[("Ä", "1"), ("ä", "1")]).ambiguous_key(),
            Some("ä")
        );
    }
}

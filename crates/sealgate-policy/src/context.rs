//! The condition keys that an operation supplies for a request.
//!
//! Keys that follow from the [`Caller`](crate::Caller) (`aws:PrincipalArn`, `aws:SourceIp`, …) are not
//! kept here: evaluation takes them from the caller, and an entry of the same name is not consulted.

use std::collections::BTreeMap;

/// Condition keys and their values. Names are case-insensitive, values are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// An empty context.
    pub fn new() -> Context {
        Context::default()
    }

    /// Sets a key that has one value.
    pub fn insert(&mut self, key: &str, value: impl Into<String>) {
        self.insert_all(key, vec![value.into()]);
    }

    /// Sets a key that may have several values (`aws:TagKeys`, `kms:EncryptionContextKeys`, …).
    pub fn insert_all(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(key.to_ascii_lowercase(), values);
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(&key.to_ascii_lowercase());
    }

    /// The values of a key, named in any case.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.lowered(&key.to_ascii_lowercase())
        } else {
            self.lowered(key)
        }
    }

    /// The values of a key whose name is lower-cased already.
    pub(crate) fn lowered(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

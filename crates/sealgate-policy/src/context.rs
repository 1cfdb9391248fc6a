//! The condition keys that an operation supplies for a request.
//!
//! Keys that follow from the [`Caller`](crate::Caller) (`aws:PrincipalArn`, `aws:SourceIp`, …) are not
//! kept here: evaluation takes them from the caller, and an entry of the same name is not consulted.
//! Only a simulation may say otherwise.

use std::collections::BTreeMap;

use smallvec::{SmallVec, smallvec};

/// Condition keys and their values. Names are case-insensitive, values are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Most have one value.
    entries: BTreeMap<String, SmallVec<[String; 1]>>,
    simulated: bool,
}

impl Context {
    /// An empty context.
    pub fn new() -> Context {
        Context::default()
    }

    /// The context of a simulated request. What is inserted stands for everything that a request would
    /// bring along, facts about the caller included; address, transport, user agent, region and second
    /// factor are missing unless inserted.
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
    pub fn simulated() -> Context {
        Context {
            entries: BTreeMap::new(),
            simulated: true,
        }
    }

    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// Sets a key that has one value.
    pub fn insert(&mut self, key: &str, value: impl Into<String>) {
        let values = smallvec![value.into()];
        self.entries.insert(key.to_ascii_lowercase(), values);
    }

    /// Sets a key that may have several values (`aws:TagKeys`, `kms:EncryptionContextKeys`, …).
    pub fn insert_all(&mut self, key: &str, values: Vec<String>) {
        self.entries.insert(key.to_ascii_lowercase(), values.into());
    }

    /// Sets every key that another context has.
    pub fn extend(&mut self, other: Context) {
        self.entries.extend(other.entries);
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) {
        self.entries.remove(&key.to_ascii_lowercase());
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
        self.entries.get(key).map(SmallVec::as_slice)
    }
}

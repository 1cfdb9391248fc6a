//! How often each operation ended how, for metrics.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::operation::Operation;

/// The code of success.
const OK: &str = "OK";

/// Counts by operation and error code.
#[derive(Default)]
pub(crate) struct Outcomes(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

impl Outcomes {
    pub(crate) fn count(&self, operation: Operation, error: Option<&'static str>) {
        let mut counts = self.0.lock();
        *counts
            .entry((operation.name(), error.unwrap_or(OK)))
            .or_default() += 1;
    }

    pub(crate) fn read(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.0
            .lock()
            .iter()
            .map(|(&(operation, code), &count)| (operation, code, count))
            .collect()
    }
}

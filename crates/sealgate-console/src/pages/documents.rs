//! Policy documents on pages: laid out, and what a change changes.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// A line of a comparison.
pub(crate) struct Line {
    /// `plus`, `minus`, or nothing.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// JSON on lines; what is none, as it is.
pub(crate) fn laid_out(document: &str) -> String {
    serde_json::from_str::<Value>(document)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| document.to_owned())
}

/// What differs, line by line.
pub(crate) fn difference(before: &str, after: &str) -> Vec<Line> {
    TextDiff::from_lines(before, after)
        .iter_all_changes()
        .map(|change| Line {
            kind: match change.tag() {
                ChangeTag::Delete => "minus",
                ChangeTag::Insert => "plus",
                ChangeTag::Equal => "",
            },
            text: format!(
                "{} {}",
                match change.tag() {
                    ChangeTag::Delete => "−",
                    ChangeTag::Insert => "+",
                    ChangeTag::Equal => " ",
                },
                change.value().trim_end()
            ),
        })
        .collect()
}

//! Markers of the listing operations.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::error::KmsError;
use crate::types::{Page, PageRequest};

/// A page that is asked for.
pub(crate) struct Paging {
    pub limit: usize,
    /// Continue behind this id.
    pub after: Option<String>,
}

impl Paging {
    /// Checks limit and marker; without a limit a page has `default` items.
    pub(crate) fn parse(
        request: &PageRequest,
        default: usize,
        max: usize,
    ) -> Result<Paging, KmsError> {
        let limit = match request.limit {
            None => default,
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|limit| (1..=max).contains(limit))
                .ok_or_else(|| out_of_range("limit", limit, 1, max))?,
        };
        let after = request.marker.as_deref().map(open_marker).transpose()?;
        Ok(Paging { limit, after })
    }

    /// The page of these items, of which there may be one more than fit.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> &str) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next_marker = items
            .last()
            .filter(|_| more)
            .map(|last| Paging::marker(id(last)));
        Page { items, next_marker }
    }

    /// The marker of a page that begins behind this id.
    pub(crate) fn marker(id: &str) -> String {
        BASE64.encode(format!("1{id}"))
    }
}

fn open_marker(marker: &str) -> Result<String, KmsError> {
    BASE64
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix('1').map(str::to_owned))
        .ok_or_else(|| KmsError::InvalidMarker(marker.chars().take(1024).collect()))
}

/// The refusal of a number out of its range, in AWS's words.
pub(crate) fn out_of_range(parameter: &str, value: i64, min: usize, max: usize) -> KmsError {
    let constraint = if usize::try_from(value).is_ok_and(|value| value >= min) {
        format!("less than or equal to {max}")
    } else {
        format!("greater than or equal to {min}")
    };
    KmsError::Validation(format!(
        "1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: \
         Member must have value {constraint}"
    ))
}

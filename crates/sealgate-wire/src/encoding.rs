//! Percent-encoding as AWS does it: every byte but `A-Z a-z 0-9 - . _ ~` becomes `%XX` in upper case.
//! Decoding is that of a server: broken escapes stay as they are.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// The bytes that AWS encodes everywhere (its `UriEncode`).
pub const STRICT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// As [`STRICT`], but `/` stays: for whole paths and object keys.
pub const PATH: &AsciiSet = &STRICT.remove(b'/');

/// Encodes every byte that is not unreserved; `/` too.
pub fn encode(text: impl AsRef<[u8]>) -> String {
    percent_encode(text.as_ref(), STRICT).to_string()
}

/// Encodes a path or key; its slashes stay.
pub fn encode_path(text: impl AsRef<[u8]>) -> String {
    percent_encode(text.as_ref(), PATH).to_string()
}

/// Decodes percent escapes of a path; `None` if the result is not UTF-8. A `+` is a plus.
pub fn decode_path(text: &str) -> Option<String> {
    percent_decode(text.as_bytes())
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

/// Decodes a query name or value to bytes. A `+` is a space.
pub fn decode_query(text: &str) -> Vec<u8> {
    if text.contains('+') {
        percent_decode(text.replace('+', " ").as_bytes()).collect()
    } else {
        percent_decode(text.as_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn only_unreserved_bytes_stay() {
        assert_eq!(encode("aZ09-._~"), "aZ09-._~");
        assert_eq!(encode("a b/c+d*é"), "a%20b%2Fc%2Bd%2A%C3%A9");
        assert_eq!(encode_path("a b/c"), "a%20b/c");
    }

    #[test]
    fn a_plus_is_a_space_in_a_query_and_a_plus_in_a_path() {
        assert_eq!(decode_query("a+b%2B"), b"a b+");
        assert_eq!(decode_path("a+b%2B").unwrap(), "a+b+");
    }

    #[test]
    fn a_path_that_is_not_utf8_is_refused() {
        assert_eq!(decode_path("%ff"), None);
        assert_eq!(decode_path("100%").unwrap(), "100%");
    }
}

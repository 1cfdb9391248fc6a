//! The canonical request: the request as sent, in the one spelling that both sides sign.
//!
//! AWS: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use http::header::HOST;
use http::request::Parts;
use percent_encoding::percent_decode;
use sealgate_crypto::hash::{Digest as _, Sha256};

use super::{HexHash, Presented};
use crate::encoding::{decode_query, encode, encode_path};

/// SHA-256 of the canonical request, in hex; `None` if a signed header is not there.
pub(super) fn hash(parts: &Parts, presented: &Presented, payload_hash: &str) -> Option<HexHash> {
    let mut request = Vec::with_capacity(1024);
    for line in [
        parts.method.as_str(),
        &path(parts.uri.path(), presented.scope.service() == "s3"),
        &query(parts.uri.query().unwrap_or_default()),
    ] {
        request.extend_from_slice(line.as_bytes());
        request.push(b'\n');
    }
    headers(parts, &presented.signed_headers, &mut request)?;
    request.push(b'\n');
    request.extend_from_slice(presented.signed_headers.as_bytes());
    request.push(b'\n');
    request.extend_from_slice(payload_hash.as_bytes());
    Some(HexHash::of(&Sha256::digest(&request).into()))
}

/// S3 signs the path encoded once, nothing normalised: `//` and `..` are parts of keys. The escapes are
/// rewritten, so that `%7e`, `%7E` and an unescaped `~` or `+` need no agreement. A slash is never
/// escaped there, however it was sent: the SDK for Java signs `a//b` and sends `a/%2Fb`, because its HTTP
/// client would make one slash of two. Both spell the same key, and a slash escaped before the key makes
/// a bucket's name that none can have, so that no request is signed for another resource than it gets.
/// Every other service normalises the path and encodes it once more.
pub(super) fn path(raw: &str, s3: bool) -> String {
    if s3 {
        return if raw.is_empty() {
            "/".to_owned()
        } else {
            encode_path(percent_decode(raw.as_bytes()).collect::<Vec<u8>>())
        };
    }
    if raw == "/" {
        return raw.to_owned();
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let mut path = ["/", &*segments.join("/")].concat();
    if ["/", "/.", "/.."].iter().any(|end| raw.ends_with(end)) && path != "/" {
        path.push('/');
    }
    encode_path(path)
}

/// Names and values encoded, then sorted; without the signature itself.
pub(super) fn query(raw: &str) -> String {
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(decode_query(name)), encode(decode_query(value))))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// `name:value\n` of each signed header in the order sent; repeated headers joined by commas.
fn headers(parts: &Parts, signed: &str, lines: &mut Vec<u8>) -> Option<()> {
    for name in signed.split(';') {
        lines.extend_from_slice(name.as_bytes());
        lines.push(b':');
        let mut values = parts.headers.get_all(name).iter().peekable();
        if values.peek().is_some() {
            for (at, value) in values.enumerate() {
                if at > 0 {
                    lines.push(b',');
                }
                collapse(value.as_bytes(), lines);
            }
        } else {
            match name {
                // HTTP/2 carries the host in the request's target.
                _ if name == HOST => {
                    lines.extend_from_slice(parts.uri.authority()?.as_str().as_bytes());
                }
                // Proxies answer this one themselves and take it out; it has one value.
                "expect" => lines.extend_from_slice(b"100-continue"),
                // Some clients sign the length of no body and do not send it.
                "content-length" => lines.push(b'0'),
                _ => return None,
            }
        }
        lines.push(b'\n');
    }
    Some(())
}

/// Trims a value and makes runs of spaces one space.
fn collapse(value: &[u8], to: &mut Vec<u8>) {
    let mut space = false;
    for byte in value.trim_ascii() {
        if *byte == b' ' {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) {
            to.push(b' ');
        }
        to.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_path_of_s3_is_encoded_once_and_not_normalised() {
        for (raw, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("/b/a//b/../c/./", "/b/a//b/../c/./"),
            ("/b/%7E%41~", "/b/~A~"),
            ("/b/a+b%20c", "/b/a%2Bb%20c"),
            ("/b/a%2fb", "/b/a/b"),
            ("/b/a%252Fb", "/b/a%252Fb"),
            ("/b/a/%2Fb", "/b/a//b"),
            ("/b/%2Fa/%2F/", "/b//a///"),
            ("/b/%e2%82%ac%FF", "/b/%E2%82%AC%FF"),
            ("/b/100%", "/b/100%25"),
        ] {
            assert_eq!(path(raw, true), canonical, "{raw}");
        }
    }

    #[test]
    fn the_path_of_other_services_is_normalised_and_encoded_twice() {
        for (raw, canonical) in [
            ("", "/"),
            ("/", "/"),
            ("/a/./b/../c//d/", "/a/c/d/"),
            ("/../x", "/x"),
            ("/x/..", "/"),
            ("/a%20b", "/a%2520b"),
        ] {
            assert_eq!(path(raw, false), canonical, "{raw}");
        }
    }

    #[test]
    fn the_query_is_sorted_by_its_encoded_form_without_the_signature() {
        assert_eq!(
            query("b=2&a=1&a=0&uploads&X-Amz-Signature=x"),
            "a=0&a=1&b=2&uploads="
        );
        assert_eq!(query("p=a+b&q=%2f%7e&=&e="), "=&e=&p=a%20b&q=%2F~");
        assert_eq!(query(""), "");
    }

    #[test]
    fn values_are_trimmed_their_spaces_collapsed_and_repetitions_joined() {
        let (parts, ()) = http::Request::get("/")
            .header("x-amz-meta-a", "  a   b  ")
            .header("x-amz-meta-a", "c")
            .header("host", "h")
            .body(())
            .unwrap()
            .into_parts();
        let mut lines = Vec::new();
        headers(&parts, "host;x-amz-meta-a", &mut lines).unwrap();
        assert_eq!(lines, b"host:h\nx-amz-meta-a:a b,c\n");
        assert!(headers(&parts, "host;x-amz-meta-b", &mut lines).is_none());
    }
}

//! Conditional requests: `If-Match` and its siblings on reads, copies and writes.

use http::HeaderMap;
use sealgate_index::WriteCondition;
use time::OffsetDateTime;

use crate::error::{Code, Result, S3Error};

/// The four headers, which copies spell differently. Written as S3 names them in an error.
pub struct Names {
    if_match: &'static str,
    if_none_match: &'static str,
    if_modified_since: &'static str,
    if_unmodified_since: &'static str,
}

/// On GET and HEAD.
pub const READ: Names = Names {
    if_match: "If-Match",
    if_none_match: "If-None-Match",
    if_modified_since: "If-Modified-Since",
    if_unmodified_since: "If-Unmodified-Since",
};

/// On the source of a copy.
pub const COPY_SOURCE: Names = Names {
    if_match: "x-amz-copy-source-If-Match",
    if_none_match: "x-amz-copy-source-If-None-Match",
    if_modified_since: "x-amz-copy-source-If-Modified-Since",
    if_unmodified_since: "x-amz-copy-source-If-Unmodified-Since",
};

/// What a condition makes of a read. Where one failed, its header is named.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Proceed,
    /// The client has it already (304; 412 for a copy).
    NotModified(&'static str),
    /// 412.
    Failed(&'static str),
}

/// Judge a read, in the order of [RFC 9110, 13.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2).
/// A date that cannot be read is ignored, as there.
pub fn judge(headers: &HeaderMap, names: &Names, etag: &str, modified: OffsetDateTime) -> Verdict {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
    };
    let date = |name| text(name).and_then(|t| httpdate::parse_http_date(t).ok());
    // HTTP dates have whole seconds.
    let modified = modified.unix_timestamp();
    let seconds = |t: std::time::SystemTime| OffsetDateTime::from(t).unix_timestamp();
    if let Some(tags) = text(names.if_match) {
        if !matches(tags, etag) {
            return Verdict::Failed(names.if_match);
        }
    } else if let Some(date) = date(names.if_unmodified_since)
        && modified > seconds(date)
    {
        return Verdict::Failed(names.if_unmodified_since);
    }
    if let Some(tags) = text(names.if_none_match) {
        if matches(tags, etag) {
            return Verdict::NotModified(names.if_none_match);
        }
    } else if let Some(date) = date(names.if_modified_since)
        && modified <= seconds(date)
    {
        return Verdict::NotModified(names.if_modified_since);
    }
    Verdict::Proceed
}

fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(unquote)
        .any(|tag| tag == "*" || tag == etag)
}

/// An entity tag without its quotes. S3 takes both forms.
pub fn unquote(tag: &str) -> &str {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(tag)
}

/// The condition of a write
/// ([conditional writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html)).
pub fn of_write(headers: &HeaderMap) -> Result<WriteCondition> {
    let text = |name: &'static str| {
        headers
            .get(name)
            .map(|value| {
                value
                    .to_str()
                    .map_err(|_| S3Error::argument(name, "", "The header is not valid."))
            })
            .transpose()
    };
    if ["if-modified-since", "if-unmodified-since"]
        .iter()
        .any(|name| headers.contains_key(*name))
    {
        return Err(S3Error::not_implemented(
            "A date as the condition of a write",
        ));
    }
    match (text("if-match")?, text("if-none-match")?) {
        (None, None) => Ok(WriteCondition::None),
        (Some(tag), None) => Ok(WriteCondition::IfMatch(unquote(tag).to_owned())),
        (None, Some("*")) => Ok(WriteCondition::IfNoneMatchAny),
        _ => Err(S3Error::not_implemented(
            "A write condition other than If-Match: ETAG or If-None-Match: *",
        )),
    }
}

/// Whether a write can be refused before its body is read. What is decided for good is decided by
/// the index, in the transaction of the write.
pub fn precheck(condition: &WriteCondition, etag: Option<&str>) -> Result<()> {
    match (condition, etag) {
        (WriteCondition::IfNoneMatchAny, Some(_)) => Err(failed(header_of(condition))),
        (WriteCondition::IfMatch(_), None) => Err(Code::NoSuchKey.into()),
        (WriteCondition::IfMatch(wanted), Some(etag)) if wanted != "*" && wanted != etag => {
            Err(failed(header_of(condition)))
        }
        _ => Ok(()),
    }
}

/// The header of a write's condition.
pub fn header_of(condition: &WriteCondition) -> &'static str {
    match condition {
        WriteCondition::IfNoneMatchAny => "If-None-Match",
        WriteCondition::None | WriteCondition::IfMatch(_) => "If-Match",
    }
}

/// Whether `Range` counts, by `If-Range`: the client has the start of this very version
/// ([RFC 9110, 13.1.5](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5)). S3 does not
/// document it, but a client that resumes a download would join two versions otherwise.
pub fn range_applies(headers: &HeaderMap, etag: &str, modified: OffsetDateTime) -> bool {
    let Some(value) = headers.get("if-range") else {
        return true;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    match httpdate::parse_http_date(value) {
        Ok(date) => OffsetDateTime::from(date).unix_timestamp() == modified.unix_timestamp(),
        Err(_) => !value.trim().starts_with("W/") && unquote(value) == etag,
    }
}

/// `PreconditionFailed` that names the condition.
pub fn failed(condition: &'static str) -> S3Error {
    S3Error::from(Code::PreconditionFailed).with("Condition", condition)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn judge_with(pairs: &[(&'static str, &str)]) -> Verdict {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        let modified = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        judge(&headers, &READ, "abc", modified)
    }

    #[test]
    fn conditions_are_judged_in_the_order_of_http() {
        let before = "Tue, 14 Nov 2023 22:13:19 GMT";
        let at = "Tue, 14 Nov 2023 22:13:20 GMT";
        assert_eq!(judge_with(&[]), Verdict::Proceed);
        assert_eq!(judge_with(&[("if-match", "\"abc\"")]), Verdict::Proceed);
        assert_eq!(
            judge_with(&[("if-match", "\"x\"")]),
            Verdict::Failed("If-Match")
        );
        assert_eq!(
            judge_with(&[("if-none-match", "abc")]),
            Verdict::NotModified("If-None-Match")
        );
        assert_eq!(
            judge_with(&[("if-none-match", "\"x\", \"abc\"")]),
            Verdict::NotModified("If-None-Match")
        );
        assert_eq!(
            judge_with(&[("if-modified-since", at)]),
            Verdict::NotModified("If-Modified-Since")
        );
        assert_eq!(
            judge_with(&[("if-modified-since", before)]),
            Verdict::Proceed
        );
        assert_eq!(judge_with(&[("if-unmodified-since", at)]), Verdict::Proceed);
        assert_eq!(
            judge_with(&[("if-unmodified-since", before)]),
            Verdict::Failed("If-Unmodified-Since")
        );
        // An entity tag outranks a date.
        assert_eq!(
            judge_with(&[("if-match", "abc"), ("if-unmodified-since", before)]),
            Verdict::Proceed
        );
        assert_eq!(
            judge_with(&[("if-none-match", "x"), ("if-modified-since", at)]),
            Verdict::Proceed
        );
    }

    fn write_condition(pairs: &[(&'static str, &str)]) -> Result<WriteCondition> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        of_write(&headers)
    }

    #[test]
    fn a_write_has_one_condition_that_can_be_kept() {
        use WriteCondition::*;
        for (pairs, expected) in [
            (&[][..], None),
            (&[("if-none-match", "*")], IfNoneMatchAny),
            (&[("if-match", "\"abc\"")], IfMatch("abc".to_owned())),
            (&[("if-match", "*")], IfMatch("*".to_owned())),
        ] {
            assert_eq!(write_condition(pairs).unwrap(), expected, "{pairs:?}");
        }
        for pairs in [
            &[("if-none-match", "\"abc\"")][..],
            &[("if-none-match", "*"), ("if-match", "abc")],
            &[("if-unmodified-since", "Tue, 14 Nov 2023 22:13:20 GMT")],
            &[("if-modified-since", "whenever")],
        ] {
            let refused = write_condition(pairs).unwrap_err();
            assert_eq!(refused.kind(), Code::NotImplemented, "{pairs:?}");
        }
    }

    #[test]
    fn a_write_is_refused_early_in_the_words_of_its_condition() {
        let absent = WriteCondition::IfNoneMatchAny;
        let same = WriteCondition::IfMatch("abc".to_owned());
        let condition = |error: S3Error| error.details.first().cloned();
        let named = |name: &str| Some(("Condition", name.to_owned()));
        let refused = precheck(&absent, Some("abc")).unwrap_err();
        assert_eq!(condition(refused), named("If-None-Match"));
        let refused = precheck(&same, Some("x")).unwrap_err();
        assert_eq!(condition(refused), named("If-Match"));
        assert_eq!(precheck(&same, None).unwrap_err().kind(), Code::NoSuchKey);
        assert!(precheck(&absent, None).is_ok());
        assert!(precheck(&same, Some("abc")).is_ok());
    }

    #[test]
    fn the_conditions_of_a_copy_are_those_of_its_source() {
        let mut headers = HeaderMap::new();
        headers.insert("if-match", "\"x\"".parse().unwrap());
        let modified = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let judged = |headers: &HeaderMap| judge(headers, &COPY_SOURCE, "abc", modified);
        assert_eq!(judged(&headers), Verdict::Proceed);
        headers.insert("x-amz-copy-source-if-none-match", "abc".parse().unwrap());
        assert_eq!(
            judged(&headers),
            Verdict::NotModified("x-amz-copy-source-If-None-Match")
        );
        headers.insert("x-amz-copy-source-if-match", "y".parse().unwrap());
        assert_eq!(
            judged(&headers),
            Verdict::Failed("x-amz-copy-source-If-Match")
        );
    }

    #[test]
    fn a_range_counts_for_the_version_that_the_client_has() {
        let modified = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        for (value, applies) in [
            (None, true),
            (Some("\"abc\""), true),
            (Some("\"x\""), false),
            (Some("W/\"abc\""), false),
            (Some("Tue, 14 Nov 2023 22:13:20 GMT"), true),
            (Some("Tue, 14 Nov 2023 22:13:21 GMT"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert("if-range", value.parse().unwrap());
            }
            assert_eq!(
                range_applies(&headers, "abc", modified),
                applies,
                "{value:?}"
            );
        }
    }
}

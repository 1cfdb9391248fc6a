//! `Range` of a read and of a part copy.

use std::ops::Range;

use crate::error::{Code, Result, S3Error};

/// The bytes that a `Range` header asks for, `None` for the whole body.
///
/// As [RFC 9110, 14.2](https://www.rfc-editor.org/rfc/rfc9110#section-14.2) has it, a header that
/// is not understood is ignored, and so is one with several ranges, which S3 does not serve.
pub fn of_read(header: &str, size: u64) -> Result<Option<Range<u64>>> {
    let Some(spec) = header.trim().strip_prefix("bytes=") else {
        return Ok(None);
    };
    let Some((first, last)) = spec.split_once('-') else {
        return Ok(None);
    };
    let (first, last) = (first.trim(), last.trim());
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let range = match (first, last) {
        ("", "") => return Ok(None),
        ("", suffix) => size.saturating_sub(number(suffix))..size,
        (first, "") => number(first)..size,
        (first, last) => {
            if number(last) < number(first) {
                return Ok(None);
            }
            number(first)..number(last).saturating_add(1).min(size)
        }
    };
    if range.start >= range.end {
        return Err(S3Error::from(Code::InvalidRange)
            .with("RangeRequested", header)
            .with("ActualObjectSize", size.to_string()));
    }
    Ok(Some(range))
}

/// `x-amz-copy-source-range`: both ends, inside the source.
pub fn of_copy(header: &str, size: u64) -> Result<Range<u64>> {
    let malformed = || {
        S3Error::argument(
            "x-amz-copy-source-range",
            header,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
        )
    };
    let (first, last) = header
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
        .ok_or_else(malformed)?;
    let (first, last): (u64, u64) = (
        first.parse().map_err(|_| malformed())?,
        last.parse().map_err(|_| malformed())?,
    );
    if last < first {
        return Err(malformed());
    }
    if last >= size {
        return Err(S3Error::argument(
            "x-amz-copy-source-range",
            header,
            format!("Range specified is not valid for source object of size: {size}"),
        ));
    }
    Ok(first..last + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        let whole = |h: &str| of_read(h, 10).unwrap();
        assert_eq!(whole("bytes=0-0"), Some(0..1));
        assert_eq!(whole("bytes=2-"), Some(2..10));
        assert_eq!(whole("bytes=-3"), Some(7..10));
        assert_eq!(whole("bytes=-30"), Some(0..10));
        assert_eq!(whole("bytes=5-99999999999999999999"), Some(5..10));
        for ignored in [
            "bytes=3-2",
            "bytes=-",
            "bytes=a-b",
            "items=0-1",
            "bytes=0-1,3-4",
            "",
        ] {
            assert_eq!(whole(ignored), None, "{ignored}");
        }
        for unsatisfiable in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(
                of_read(unsatisfiable, 10).unwrap_err().kind(),
                Code::InvalidRange,
                "{unsatisfiable}"
            );
        }
        assert!(of_read("bytes=0-", 0).is_err());
    }

    #[test]
    fn copy_ranges_lie_inside_the_source() {
        assert_eq!(of_copy("bytes=0-9", 10).unwrap(), 0..10);
        for bad in ["bytes=0-10", "bytes=5-4", "0-1", "bytes=0-", "bytes=-1"] {
            assert_eq!(
                of_copy(bad, 10).unwrap_err().kind(),
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }
}

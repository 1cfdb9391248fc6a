//! The times of SigV4: `YYYYMMDDTHHMMSSZ`, and what error answers show.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

const BASIC: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");
const EXTENDED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Parses `YYYYMMDDTHHMMSSZ`.
pub(crate) fn parse_basic(text: &str) -> Option<OffsetDateTime> {
    // The parser takes signs and years of other lengths; AWS does not.
    if text.len() != 16 || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    PrimitiveDateTime::parse(text, BASIC)
        .ok()
        .map(PrimitiveDateTime::assume_utc)
}

/// Parses the `Date` header: as HTTP has it, or in the basic form.
pub(super) fn parse_date_header(text: &str) -> Option<OffsetDateTime> {
    // In UTC from here on: a date that has no form there (the last hours of the year 9999 west of
    // Greenwich) is none.
    parse_basic(text).or_else(|| {
        OffsetDateTime::parse(text, &Rfc2822)
            .ok()?
            .checked_to_offset(time::UtcOffset::UTC)
    })
}

/// Parses the day of a credential scope, to its first second.
pub(super) fn parse_day(text: &str) -> Option<OffsetDateTime> {
    if text.len() != 8 || !text.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Date::parse(text, DAY)
        .ok()
        .map(|day| day.midnight().assume_utc())
}

/// `YYYYMMDDTHHMMSSZ`.
pub(super) fn basic(time: OffsetDateTime) -> String {
    // Formatting into a string fails only for years that need a sign; a parsed time has none.
    time.checked_to_offset(time::UtcOffset::UTC)
        .and_then(|time| time.format(BASIC).ok())
        .unwrap_or_default()
}

/// `YYYY-MM-DDTHH:MM:SSZ`.
pub(crate) fn extended(time: OffsetDateTime) -> String {
    time.checked_to_offset(time::UtcOffset::UTC)
        .and_then(|time| time.format(EXTENDED).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn both_forms_of_the_date_header_name_the_same_second() {
        let basic_form = parse_date_header("20130524T000000Z").unwrap();
        let http_form = parse_date_header("Fri, 24 May 2013 00:00:00 GMT").unwrap();
        assert_eq!(basic_form, http_form);
        assert_eq!(basic(http_form), "20130524T000000Z");
        assert_eq!(extended(http_form), "2013-05-24T00:00:00Z");
        assert_eq!(parse_day("20130524").unwrap(), http_form);
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "20130524",
            "2013-05-24T00:00:00Z",
            "20130524T000000",
            "20131324T000000Z",
            "+2013524T000000Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        for text in ["Fri, 31 Dec 9999 23:59:59 -0100", "yesterday"] {
            assert_eq!(parse_date_header(text), None, "{text}");
        }
        for text in ["2013052", "20130532", "2013052x"] {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}

//! The times of SigV4: `YYYYMMDDTHHMMSSZ`, and what error answers show.

use std::ops::Range;

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, Time};

const EXTENDED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Parses `YYYYMMDDTHHMMSSZ`.
pub(crate) fn parse_basic(text: &str) -> Option<OffsetDateTime> {
    let (day, time) = text.split_at_checked(8)?;
    let time = time.strip_prefix('T')?.strip_suffix('Z')?;
    if time.len() != 6 {
        return None;
    }
    let part = |range| u8::try_from(number(time, range)?).ok();
    let time = Time::from_hms(part(0..2)?, part(2..4)?, part(4..6)?).ok()?;
    Some(parse_day(day)?.replace_time(time))
}

/// The number that these digits spell.
fn number(text: &str, range: Range<usize>) -> Option<u16> {
    let digits = text.get(range)?.as_bytes();
    digits.iter().try_fold(0_u16, |number, digit| {
        let value = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    })
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
    if text.len() != 8 {
        return None;
    }
    let part = |range| u8::try_from(number(text, range)?).ok();
    let year = i32::from(number(text, 0..4)?);
    let month = Month::try_from(part(4..6)?).ok()?;
    let day = Date::from_calendar_date(year, month, part(6..8)?).ok()?;
    Some(day.midnight().assume_utc())
}

/// `YYYYMMDDTHHMMSSZ`.
pub(super) fn basic(time: OffsetDateTime) -> String {
    let Some(time) = time.checked_to_offset(time::UtcOffset::UTC) else {
        return String::new();
    };
    let mut text = String::with_capacity(16);
    let year = u16::try_from(time.year()).unwrap_or_default();
    push(&mut text, (year / 100 % 100) as u8);
    push(&mut text, (year % 100) as u8);
    push(&mut text, time.month().into());
    push(&mut text, time.day());
    text.push('T');
    push(&mut text, time.hour());
    push(&mut text, time.minute());
    push(&mut text, time.second());
    text.push('Z');
    text
}

/// Two digits.
fn push(text: &mut String, number: u8) {
    text.push(char::from(b'0' + number / 10 % 10));
    text.push(char::from(b'0' + number % 10));
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

//! Times, sizes and counts, as people read them.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;

const SHOWN: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");

/// A time.
pub(crate) fn time(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(SHOWN)
        .unwrap_or_default()
}

/// A time as the JSON protocol has it: seconds since 1970.
pub(crate) fn json_time(value: &Value) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float becomes the nearest integer, and what is no time has no name below"
    )]
    let seconds = value.as_f64().map(|seconds| seconds as i64);
    seconds
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .map_or(String::new(), time)
}

/// A time as XML has it.
pub(crate) fn xml_time(text: &str) -> String {
    OffsetDateTime::parse(text, &Rfc3339).map_or_else(|_| text.to_owned(), time)
}

/// A time as headers have it.
pub(crate) fn http_time(text: &str) -> String {
    let text = text.replace("GMT", "+0000");
    OffsetDateTime::parse(&text, &Rfc2822).map_or(text, time)
}

/// A length in bytes.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// A duration.
pub(crate) fn duration(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        _ => (seconds.div_ceil(60), "minute"),
    };
    plural(count, unit)
}

/// A count of things.
pub(crate) fn plural(count: u64, thing: &str) -> String {
    if count == 1 {
        format!("1 {thing}")
    } else {
        format!("{count} {thing}s")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn people_read_sizes_and_times() {
        let read: Vec<String> = [0, 1023, 1024, 10 * 1024, 5_500_000, u64::MAX]
            .map(bytes)
            .to_vec();
        assert_eq!(
            read,
            ["0 B", "1023 B", "1.0 KiB", "10 KiB", "5.2 MiB", "16 EiB"]
        );
        assert_eq!(duration(1), "1 second");
        assert_eq!(duration(900), "15 minutes");
        assert_eq!(
            http_time("Mon, 30 Nov 2026 20:19:50 GMT"),
            "2026-11-30 20:19:50 UTC"
        );
        assert_eq!(
            xml_time("2026-11-30T20:19:50.000Z"),
            "2026-11-30 20:19:50 UTC"
        );
        assert_eq!(xml_time("?"), "?");
        assert_eq!(
            json_time(&serde_json::json!(0.5)),
            "1970-01-01 00:00:00 UTC"
        );
        assert_eq!(json_time(&Value::Null), "");
    }
}

//! Values that conditions compare: numbers, dates, addresses, booleans.

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, UtcOffset};

/// A decimal number. Integers stay exact: sizes and times go beyond what a float can tell apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Integer(i64),
    Decimal(f64),
}

impl Number {
    pub(crate) fn parse(text: &str) -> Option<Number> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !fraction.is_none_or(all_digits) {
            return None;
        }
        match text.parse::<i64>() {
            Ok(integer) => Some(Number::Integer(integer)),
            Err(_) => text
                .parse()
                .ok()
                .filter(|decimal: &f64| decimal.is_finite())
                .map(Number::Decimal),
        }
    }

    pub(crate) fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_float().partial_cmp(&b.as_float()),
        }
    }

    fn as_float(self) -> f64 {
        match self {
            Number::Integer(integer) => integer as f64,
            Number::Decimal(decimal) => decimal,
        }
    }
}

/// A date of the W3C profile of ISO 8601 (`2026`, `2026-07`, `2026-07-01`, `2026-07-01T12:00Z`,
/// `…:30Z`, `…:30.5+02:00`), or seconds since 1970.
pub(crate) fn parse_date(text: &str) -> Option<OffsetDateTime> {
    if !text.is_ascii() {
        return None;
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if unsigned.bytes().all(|b| b.is_ascii_digit()) && text.len() != 4 {
        return OffsetDateTime::from_unix_timestamp(text.parse().ok()?).ok();
    }
    if let Some((date, clock)) = text.split_once('T') {
        // Seconds may be left out: `12:00Z`, `12:00+02:00`.
        let without_seconds = matches!(clock.as_bytes().get(5), Some(b'Z' | b'+' | b'-'));
        let whole = match (without_seconds, clock.split_at_checked(5)) {
            (true, Some((minutes, offset))) => format!("{date}T{minutes}:00{offset}"),
            _ => text.to_owned(),
        };
        // The last hours of the year 9999 west of Greenwich are in no year that there is.
        return OffsetDateTime::parse(&whole, &Rfc3339)
            .ok()?
            .checked_to_offset(UtcOffset::UTC);
    }
    let mut fields = text.split('-');
    let mut field = |width: usize| -> Option<Option<u16>> {
        match fields.next() {
            None => Some(None),
            Some(part) if part.len() == width && part.bytes().all(|b| b.is_ascii_digit()) => {
                Some(Some(part.parse().ok()?))
            }
            Some(_) => None,
        }
    };
    let (year, month, day) = (field(4)??, field(2)?, field(2)?);
    if fields.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month.unwrap_or(1)).ok()?).ok()?;
    let day = u8::try_from(day.unwrap_or(1)).ok()?;
    Some(
        Date::from_calendar_date(i32::from(year), month, day)
            .ok()?
            .midnight()
            .assume_utc(),
    )
}

/// `true` or `false`, in any case.
pub(crate) fn parse_flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// A range in CIDR notation, or one address. IPv4 written in IPv6 form is IPv4, as it is in requests.
pub(super) fn parse_network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    if let IpNet::V6(wide) = network
        && let Some(address) = wide.addr().to_ipv4_mapped()
        && let Some(prefix) = wide.prefix_len().checked_sub(96)
    {
        return Ipv4Net::new(address, prefix).ok().map(IpNet::V4);
    }
    Some(network)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_of_the_w3c_profile_and_epoch_seconds_are_read() {
        for (text, seconds) in [
            ("1970", 0),
            ("1970-02", 31 * 86_400),
            ("1970-01-02", 86_400),
            ("1970-01-01T00:01Z", 60),
            ("1970-01-01T02:01+02:00", 60),
            ("1970-01-01T00:01:30Z", 90),
            ("1970-01-01T00:01:30.25Z", 90),
            ("1970-01-01T00:00:00-01:00", 3600),
            ("86400", 86_400),
            ("-60", -60),
            ("0", 0),
        ] {
            assert_eq!(
                parse_date(text).map(OffsetDateTime::unix_timestamp),
                Some(seconds),
                "{text}"
            );
        }
    }

    #[test]
    fn other_dates_are_not() {
        for text in [
            "",
            "-",
            "T",
            "soon",
            "1970-13",
            "1970-02-30",
            "1970-1-1",
            "70-01-01",
            "1970-01-01T",
            "1970-01-01T00:00",
            "1970-01-01T25:00Z",
            "1970-01-01-01",
            "99999999999999999999",
            "１９７０",
            "1970-01-01T00:0éZ",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_decimal_and_integers_exact() {
        for text in [
            "", "-", "+1", "1e3", "0x10", "1.", ".5", "1 ", "NaN", "inf", "1,5",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
        let compare =
            |a: &str, b: &str| Number::parse(a).unwrap().compare(Number::parse(b).unwrap());
        assert_eq!(
            compare("9007199254740993", "9007199254740992"),
            Some(Ordering::Greater)
        );
        assert_eq!(compare("1.50", "1.5"), Some(Ordering::Equal));
        assert_eq!(compare("-2", "1.5"), Some(Ordering::Less));
        assert_eq!(
            compare("99999999999999999999", "5"),
            Some(Ordering::Greater)
        );
    }

    #[test]
    fn networks_are_ranges_or_single_addresses() {
        for text in [
            "10.0.0.0/8",
            "10.1.2.3",
            "2001:db8::/32",
            "::1",
            "::ffff:10.0.0.0/104",
        ] {
            assert!(parse_network(text).is_some(), "{text}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "10.0.0.0/",
            "host",
            "10.0.0.0-10.0.0.9",
        ] {
            assert!(parse_network(text).is_none(), "{text}");
        }
        assert_eq!(
            parse_network("::ffff:10.0.0.0/104"),
            parse_network("10.0.0.0/8")
        );
    }
}

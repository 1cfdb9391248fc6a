//! Limits of what may be in a bucket, or in all buckets of an account.

use clap::Args;
use sealgate_index::{Quota, Usage};
use serde::{Deserialize, Serialize};

/// The limits to set; those that are not named stay.
#[derive(Args, Serialize, Deserialize)]
pub struct QuotaArgs {
    /// Most bytes of all versions, as in `500GiB`; `none` for no limit
    #[arg(long, value_name = "SIZE", value_parser = size)]
    bytes: Option<Limit>,
    /// Most versions, without delete markers; `none` for no limit
    #[arg(long, value_name = "N", value_parser = number)]
    objects: Option<Limit>,
}

/// A limit, or none: told apart from no word about it also on the way to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// No limit.
    Lifted,
    /// So much.
    At(u64),
}

impl Limit {
    fn get(self) -> Option<u64> {
        match self {
            Self::Lifted => None,
            Self::At(limit) => Some(limit),
        }
    }
}

impl QuotaArgs {
    /// The quota from now on; `None` where nothing is to be set.
    pub fn applied(&self, quota: Quota) -> Option<Quota> {
        if self.bytes.is_none() && self.objects.is_none() {
            return None;
        }
        Some(Quota {
            bytes: self.bytes.map_or(quota.bytes, Limit::get),
            objects: self.objects.map_or(quota.objects, Limit::get),
        })
    }
}

/// What is there, and what may be.
pub fn line(name: &str, usage: Usage, quota: Quota) -> String {
    let of = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
    format!(
        "{name}: {} of {} bytes, {} of {} objects",
        usage.bytes,
        of(quota.bytes),
        usage.versions,
        of(quota.objects)
    )
}

fn number(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::Lifted);
    }
    let number = text.parse();
    number
        .map(Limit::At)
        .map_err(|_| "write a number, or none".to_owned())
}

fn size(text: &str) -> Result<Limit, String> {
    let units = [
        ("KiB", 10),
        ("MiB", 20),
        ("GiB", 30),
        ("TiB", 40),
        ("PiB", 50),
    ];
    let (digits, shift) = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    let wrong =
        || "write a number of bytes, one with KiB, MiB, GiB, TiB or PiB, or none".to_owned();
    match number(digits.trim_end()) {
        Ok(Limit::At(number)) => {
            let bytes = number.checked_mul(1 << shift).ok_or_else(wrong)?;
            Ok(Limit::At(bytes))
        }
        Ok(limit) if shift == 0 => Ok(limit),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, limit) in [
            ("0", Some(0)),
            ("1000", Some(1000)),
            ("2KiB", Some(2048)),
            ("3 GiB", Some(3 << 30)),
            ("none", None),
        ] {
            assert_eq!(size(text).map(Limit::get), Ok(limit), "{text}");
        }
        for text in ["", "GiB", "1GB", "-1", "1.5GiB", "noneKiB", "99999999PiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let old = Quota {
            bytes: Some(1),
            objects: Some(2),
        };
        let args = |bytes, objects| QuotaArgs { bytes, objects };
        assert_eq!(args(None, None).applied(old), None);
        let new = args(Some(Limit::Lifted), None).applied(old).unwrap();
        assert_eq!((new.bytes, new.objects), (None, Some(2)));
        let new = args(None, Some(Limit::At(9))).applied(old).unwrap();
        assert_eq!((new.bytes, new.objects), (Some(1), Some(9)));
    }
}

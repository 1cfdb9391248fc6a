//! Quorum recovery: the root key in shares, of which some together give it back, and fewer tell nothing.
//! Shamir's scheme over GF(2⁸), byte by byte (A. Shamir, How to Share a Secret, CACM 22(11), 1979).
//!
//! A share is one line of text, to be printed and to be typed in again:
//! `sealgate-share-v1:SET:ROOT:K:N:INDEX:SHARE:CHECK`, where SET (8 hex digits) is drawn for each splitting, ROOT
//! is the id of the root key, SHARE are 64 hex digits, and CHECK the first 8 hex digits of the SHA-256 of
//! everything before its colon.

use getrandom::SysRng;
use rand_core::UnwrapErr;
use sealgate_crypto::hash::{Digest, Sha256};
use vsss_rs::Gf256;
use zeroize::{Zeroize, Zeroizing};

use crate::key::RootKey;

const VERSION: &str = "sealgate-share-v1";
/// More people than this are not brought together; and the search for a wrong share stays short.
const MAX_SHARES: u8 = 16;

/// Why shares cannot be made, read or put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Such a quorum makes no sense.
    #[error("at least 2 shares must be needed, and of at most {MAX_SHARES}: {0} of {1} cannot be")]
    Quorum(u8, u8),
    /// The text is not a share.
    #[error("the text is not a share: {0}")]
    Malformed(&'static str),
    /// The text has a typing error.
    #[error("share {0} has a typing error: its check digits do not fit")]
    Typo(u8),
    /// There are not enough.
    #[error("{needed} shares are needed, and there are {there}")]
    TooFew {
        /// How many are needed.
        needed: u8,
        /// How many different ones there are.
        there: usize,
    },
    /// A share of another splitting.
    #[error("share {index} is of the set {found}, and the others are of the set {expected}")]
    OtherSet {
        /// The share.
        index: u8,
        /// Its set.
        found: String,
        /// The set of the first share.
        expected: String,
    },
    /// Two shares of one number that differ.
    #[error("share {0} is there twice, with different contents")]
    Contradiction(u8),
    /// The shares give another key.
    #[error(
        "these shares do not give the root key {0}: at least one of them is wrong, and with one more share it can be \
         said which"
    )]
    WrongKey(String),
    /// These shares are not of this root key.
    #[error("these shares are wrong, the others give the root key: {0:?}")]
    Wrong(Vec<u8>),
    /// The library failed.
    #[error("the shares cannot be computed")]
    Failed,
}

/// One share; as secret as its fellow holders are few.
pub struct Share {
    set: [u8; 4],
    root_key_id: String,
    needed: u8,
    total: u8,
    index: u8,
    value: Zeroizing<[u8; 32]>,
}

impl Share {
    /// Its number, from 1.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.index
    }

    /// How many are needed, and how many there are.
    #[must_use]
    pub fn quorum(&self) -> (u8, u8) {
        (self.needed, self.total)
    }

    /// The line to print.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        // Enough from the start: a string that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(256));
        let digits = Zeroizing::new(hex::encode(self.value.as_slice()));
        text.push_str(&format!(
            "{VERSION}:{}:{}:{}:{}:{}:",
            hex::encode(self.set),
            self.root_key_id,
            self.needed,
            self.total,
            self.index,
        ));
        text.push_str(&digits);
        let check = check(&text);
        text.push(':');
        text.push_str(&check);
        text
    }

    /// Reads a line. Spaces, line breaks and capitals do not matter.
    ///
    /// # Errors
    /// If it is not a share, or one with a typing error.
    pub fn parse(text: &str) -> Result<Share, ShareError> {
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            plain.push(c.to_ascii_lowercase());
        }
        let (body, digits) = plain
            .rsplit_once(':')
            .ok_or(ShareError::Malformed("it has no colons"))?;
        let mut fields = body.split(':');
        let mut next = || {
            fields
                .next()
                .ok_or(ShareError::Malformed("it is too short"))
        };
        if next()? != VERSION {
            return Err(ShareError::Malformed(
                "it must begin with sealgate-share-v1",
            ));
        }
        let (set, root_key_id) = (next()?, next()?);
        let number = |text: &str| -> Result<u8, ShareError> {
            text.parse()
                .map_err(|_| ShareError::Malformed("a number is not one"))
        };
        let (needed, total, index) = (number(next()?)?, number(next()?)?, number(next()?)?);
        let value_digits = next()?;
        if fields.next().is_some() {
            return Err(ShareError::Malformed("it is too long"));
        }
        if check(body) != digits {
            return Err(ShareError::Typo(index));
        }
        let wrong_digits = ShareError::Malformed("its digits are not as many as they must be");
        let mut share = Share {
            set: [0; 4],
            root_key_id: root_key_id.to_owned(),
            needed,
            total,
            index,
            value: Zeroizing::new([0; 32]),
        };
        let read = hex::decode_to_slice(set, &mut share.set).is_ok()
            && hex::decode_to_slice(root_key_id, &mut [0; 8]).is_ok()
            && hex::decode_to_slice(value_digits, share.value.as_mut_slice()).is_ok();
        if !read {
            return Err(wrong_digits);
        }
        quorum(needed, total)?;
        if !(1..=total).contains(&index) {
            return Err(ShareError::Malformed("its number is not one of the set"));
        }
        Ok(share)
    }
}

/// Splits the root key into `total` shares, of which `needed` give it back.
///
/// # Errors
/// If the numbers make no sense.
pub fn split(root: &RootKey, needed: u8, total: u8) -> Result<Vec<Share>, ShareError> {
    quorum(needed, total)?;
    let mut set = [0; 4];
    sealgate_crypto::random::fill(&mut set).map_err(|_| ShareError::Failed)?;
    let values = Gf256::split_bytes(
        needed.into(),
        total.into(),
        root.expose(),
        UnwrapErr(SysRng),
    );
    let mut values = values.map_err(|_| ShareError::Failed)?;
    let shares = values.iter().map(|value| {
        let (&index, value) = value.split_first().ok_or(ShareError::Failed)?;
        let value: &[u8; 32] = value.try_into().map_err(|_| ShareError::Failed)?;
        Ok(Share {
            set,
            root_key_id: root.id(),
            needed,
            total,
            index,
            value: Zeroizing::new(*value),
        })
    });
    let shares = shares.collect();
    values.zeroize();
    shares
}

/// Puts shares together. More than are needed let it find out which are wrong.
///
/// # Errors
/// If they do not give the root key that they were made of; wrong ones are named if that can be found out.
pub fn combine(shares: &[Share]) -> Result<RootKey, ShareError> {
    let first = shares
        .first()
        .ok_or(ShareError::Malformed("there is none"))?;
    let mut there: Vec<&Share> = Vec::new();
    for share in shares {
        if share.set != first.set
            || share.root_key_id != first.root_key_id
            || share.quorum() != first.quorum()
        {
            return Err(ShareError::OtherSet {
                index: share.index,
                found: hex::encode(share.set),
                expected: hex::encode(first.set),
            });
        }
        match there.iter().find(|known| known.index == share.index) {
            Some(known) if *known.value == *share.value => {}
            Some(_) => return Err(ShareError::Contradiction(share.index)),
            None => there.push(share),
        }
    }
    let needed = usize::from(first.needed);
    if there.len() < needed {
        return Err(ShareError::TooFew {
            needed: first.needed,
            there: there.len(),
        });
    }
    let fits = |chosen: &[&Share]| -> Result<Option<RootKey>, ShareError> {
        let key = interpolate(chosen)?;
        Ok((key.id() == first.root_key_id).then_some(key))
    };
    // At most 16 shares: no more than 12870 choices.
    let choices = (0..1u32 << there.len()).filter(|bits| bits.count_ones() as usize == needed);
    for bits in choices {
        let is_chosen = |at: &usize| bits >> at & 1 == 1;
        let chosen: Vec<&Share> = (0..there.len())
            .filter(is_chosen)
            .filter_map(|at| there.get(at).copied())
            .collect();
        let Some(key) = fits(&chosen)? else { continue };
        let mut wrong = Vec::new();
        for share in (0..there.len())
            .filter(|at| !is_chosen(at))
            .filter_map(|at| there.get(at).copied())
        {
            let mut exchanged = chosen.clone();
            if let Some(place) = exchanged.first_mut() {
                *place = share;
            }
            if fits(&exchanged)?.is_none() {
                wrong.push(share.index);
            }
        }
        // Whoever gave a wrong share is to be asked why, even if the key is there.
        return match wrong.is_empty() {
            true => Ok(key),
            false => Err(ShareError::Wrong(wrong)),
        };
    }
    Err(ShareError::WrongKey(first.root_key_id.clone()))
}

fn interpolate(shares: &[&Share]) -> Result<RootKey, ShareError> {
    let mut points: Vec<Vec<u8>> = shares
        .iter()
        .map(|share| [&[share.index], share.value.as_slice()].concat())
        .collect();
    let combined = Gf256::combine_bytes(&points).map(Zeroizing::new);
    points.zeroize();
    combined
        .ok()
        .and_then(|bytes| RootKey::from_slice(&bytes))
        .ok_or(ShareError::Failed)
}

fn quorum(needed: u8, total: u8) -> Result<(), ShareError> {
    match needed >= 2 && needed <= total && total <= MAX_SHARES {
        true => Ok(()),
        false => Err(ShareError::Quorum(needed, total)),
    }
}

fn check(text: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(text));
    digits.truncate(8);
    digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> RootKey {
        RootKey::from_bytes([byte; 32])
    }

    fn copy(share: &Share) -> Share {
        Share::parse(&share.to_text()).unwrap()
    }

    #[test]
    fn any_quorum_gives_the_key_back_and_fewer_do_not() {
        let shares = split(&key(7), 3, 5).unwrap();
        for (a, b, c) in [(0, 1, 2), (4, 2, 0), (1, 3, 4)] {
            let some = [copy(&shares[a]), copy(&shares[b]), copy(&shares[c])];
            assert_eq!(combine(&some).unwrap().id(), key(7).id());
            assert!(matches!(
                combine(&some[..2]),
                Err(ShareError::TooFew {
                    needed: 3,
                    there: 2
                })
            ));
        }
        assert_eq!(combine(&shares).unwrap().expose(), key(7).expose());
        // The same one twice is still one.
        let twice = [copy(&shares[0]), copy(&shares[0]), copy(&shares[1])];
        assert!(matches!(combine(&twice), Err(ShareError::TooFew { .. })));
    }

    #[test]
    fn a_wrong_share_is_named_where_one_more_is_there() {
        let mut shares = split(&key(7), 2, 4).unwrap();
        shares[1].value[5] ^= 1;
        let mixed = [copy(&shares[0]), copy(&shares[1])];
        assert_eq!(
            combine(&mixed).err(),
            Some(ShareError::WrongKey(key(7).id()))
        );
        assert_eq!(combine(&shares).err(), Some(ShareError::Wrong(vec![2])));
    }

    #[test]
    fn shares_of_different_splittings_are_told_apart() {
        let (one, two) = (split(&key(7), 2, 3).unwrap(), split(&key(7), 2, 3).unwrap());
        let mixed = [copy(&one[0]), copy(&two[1])];
        assert!(matches!(
            combine(&mixed),
            Err(ShareError::OtherSet { index: 2, .. })
        ));
        let mut other = copy(&one[0]);
        other.value[0] ^= 1;
        assert_eq!(
            combine(&[copy(&one[0]), other]).err(),
            Some(ShareError::Contradiction(1))
        );
    }

    #[test]
    fn senseless_quorums_are_refused() {
        for (needed, total) in [(0, 0), (1, 1), (1, 3), (4, 3), (2, 17)] {
            assert!(split(&key(1), needed, total).is_err());
        }
        assert_eq!(split(&key(1), 16, 16).unwrap().len(), 16);
    }

    #[test]
    fn a_share_survives_how_people_write() {
        let shares = split(&key(7), 2, 2).unwrap();
        let text = shares[0].to_text();
        let written = format!("  {}\n{} ", text[..60].to_uppercase(), &text[60..]);
        assert_eq!(*Share::parse(&written).unwrap().to_text(), *text);
    }

    proptest! {
        #[test]
        fn a_typing_error_is_found(at in 0usize..200, c in "[0-9a-f:x]") {
            let share = &split(&key(7), 2, 3).unwrap()[1];
            let mut text = share.to_text().to_string();
            let at = at % text.len();
            prop_assume!(text[at..=at] != c);
            text.replace_range(at..=at, &c);
            prop_assert!(Share::parse(&text).is_err());
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(sealgate-share-v1)?[:0-9a-f ]{0,160}") {
            prop_assert!(Share::parse(&text).is_err());
        }

        #[test]
        fn every_key_comes_back(bytes: [u8; 32], needed in 2u8..6, more in 0u8..4) {
            let shares = split(&RootKey::from_bytes(bytes), needed, needed + more).unwrap();
            let back = combine(&shares[usize::from(more)..]).unwrap();
            prop_assert_eq!(back.expose(), &bytes);
        }
    }
}

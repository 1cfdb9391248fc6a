//! Checksums of multipart objects, made from those of their parts without reading a byte again.

use super::hasher::{crc, crc_bytes};
use super::{Checksum, ChecksumAlgorithm, Hasher};

/// The CRC of the concatenation of parts, each given by its CRC and its length. `None` if the algorithm
/// is not a CRC, a value has the wrong length, or there are no parts.
pub fn combine_crc(algorithm: ChecksumAlgorithm, parts: &[(Vec<u8>, u64)]) -> Option<Vec<u8>> {
    let crc = crc(algorithm)?;
    let mut combined: Option<u64> = None;
    for (value, len) in parts {
        if value.len() != algorithm.digest_len() {
            return None;
        }
        let value = value
            .iter()
            .fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        combined = Some(match combined {
            None => value,
            Some(before) => crc_fast::checksum_combine(crc, before, value, *len),
        });
    }
    combined.map(|value| crc_bytes(algorithm, value))
}

/// The composite checksum: that of the parts' values, one after the other.
pub fn composite(algorithm: ChecksumAlgorithm, parts: &[Vec<u8>]) -> Checksum {
    let mut hasher = Hasher::new(algorithm);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// A composite checksum as AWS writes it: base64, a dash, the number of parts.
pub fn composite_text(checksum: &Checksum, parts: usize) -> String {
    format!("{}-{parts}", checksum.to_base64())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn combined_crcs_equal_the_crc_of_the_whole(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..6),
        ) {
            for algorithm in ChecksumAlgorithm::ALL.into_iter().filter(|a| a.is_crc()) {
                let sums: Vec<_> = parts
                    .iter()
                    .map(|p| (Hasher::checksum(algorithm, p).value, p.len() as u64))
                    .collect();
                let whole = Hasher::checksum(algorithm, &parts.concat()).value;
                prop_assert_eq!(combine_crc(algorithm, &sums), Some(whole));
            }
        }
    }

    #[test]
    fn hashes_do_not_combine_and_bad_values_are_refused() {
        for algorithm in ChecksumAlgorithm::ALL.into_iter().filter(|a| !a.is_crc()) {
            let value = vec![0; algorithm.digest_len()];
            assert_eq!(combine_crc(algorithm, &[(value, 1)]), None, "{algorithm}");
        }
        assert_eq!(
            combine_crc(ChecksumAlgorithm::Crc32, &[(vec![0; 3], 1)]),
            None
        );
        assert_eq!(combine_crc(ChecksumAlgorithm::Crc32, &[]), None);
    }

    #[test]
    fn a_composite_is_the_checksum_of_the_checksums_with_the_number_of_parts() {
        let algorithm = ChecksumAlgorithm::Sha256;
        let parts: Vec<_> = [b"a", b"b"]
            .map(|p| Hasher::checksum(algorithm, p).value)
            .to_vec();
        let sum = composite(algorithm, &parts);
        assert_eq!(sum, Hasher::checksum(algorithm, &parts.concat()));
        assert!(composite_text(&sum, 2).ends_with("=-2"));
    }
}

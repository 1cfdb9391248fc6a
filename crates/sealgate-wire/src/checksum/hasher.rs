//! Computing a checksum over a stream of bytes.

use std::hash::Hasher as _;

use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Md5;
use sealgate_crypto::hash::{Digest as _, Sha256, Sha512};
use sha1::Sha1;
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use super::{Checksum, ChecksumAlgorithm};

/// A checksum being computed.
#[derive(Clone)]
pub struct Hasher {
    algorithm: ChecksumAlgorithm,
    state: State,
}

/// In boxes where the state is large: hashers are moved to other threads and back.
#[derive(Clone)]
enum State {
    Crc(Box<Crc>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
    Md5(Box<Md5>),
    Xxhash64(Box<XxHash64>),
    Xxhash3(Box<XxHash3_64>),
    Xxhash128(Box<XxHash3_128>),
}

/// The library's name of a CRC.
pub(super) fn crc(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        _ => None,
    }
}

/// The low bytes of a CRC register, big-endian, as AWS writes them.
pub(super) fn crc_bytes(algorithm: ChecksumAlgorithm, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes[bytes.len() - algorithm.digest_len()..].to_vec()
}

impl Hasher {
    /// Starts a checksum.
    pub fn new(algorithm: ChecksumAlgorithm) -> Hasher {
        let crc = |algorithm| State::Crc(Box::new(Crc::new(algorithm)));
        let state = match algorithm {
            ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::Sha1 => State::Sha1(Box::default()),
            ChecksumAlgorithm::Sha256 => State::Sha256(Box::default()),
            ChecksumAlgorithm::Sha512 => State::Sha512(Box::default()),
            ChecksumAlgorithm::Md5 => State::Md5(Box::default()),
            ChecksumAlgorithm::Xxhash64 => State::Xxhash64(Box::new(XxHash64::with_seed(0))),
            ChecksumAlgorithm::Xxhash3 => State::Xxhash3(Box::new(XxHash3_64::new())),
            ChecksumAlgorithm::Xxhash128 => State::Xxhash128(Box::new(XxHash3_128::new())),
        };
        Hasher { algorithm, state }
    }

    /// The checksum of one piece.
    pub fn checksum(algorithm: ChecksumAlgorithm, data: &[u8]) -> Checksum {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(data);
        hasher.finish()
    }

    /// What it computes.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Adds bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Crc(crc) => crc.update(data),
            State::Sha1(sha) => sha.update(data),
            State::Sha256(sha) => sha.update(data),
            State::Sha512(sha) => sha.update(data),
            State::Md5(md5) => md5.update(data),
            State::Xxhash64(xxh) => xxh.write(data),
            State::Xxhash3(xxh) => xxh.write(data),
            State::Xxhash128(xxh) => xxh.write(data),
        }
    }

    /// The checksum of all bytes added.
    pub fn finish(self) -> Checksum {
        let value = match self.state {
            State::Crc(crc) => crc_bytes(self.algorithm, crc.finalize()),
            State::Sha1(sha) => sha.finalize().to_vec(),
            State::Sha256(sha) => sha.finalize().to_vec(),
            State::Sha512(sha) => sha.finalize().to_vec(),
            State::Md5(md5) => md5.finalize().to_vec(),
            // The canonical form of XXH is big-endian, and so AWS's clients send it.
            State::Xxhash64(xxh) => xxh.finish().to_be_bytes().to_vec(),
            State::Xxhash3(xxh) => xxh.finish().to_be_bytes().to_vec(),
            State::Xxhash128(xxh) => xxh.finish_128().to_be_bytes().to_vec(),
        };
        Checksum {
            algorithm: self.algorithm,
            value,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..8),
        ) {
            for algorithm in ChecksumAlgorithm::ALL {
                let mut hasher = Hasher::new(algorithm);
                for piece in &pieces {
                    hasher.update(piece);
                }
                prop_assert_eq!(hasher.finish(), Hasher::checksum(algorithm, &pieces.concat()));
            }
        }
    }

    /// Vectors of `aws-checksums`, the library below AWS's clients (`tests/xxhash_test.c`), and of
    /// the empty message.
    #[test]
    fn xxh_values_are_those_of_the_clients_of_aws() {
        for (algorithm, hello, empty) in [
            (
                ChecksumAlgorithm::Xxhash64,
                "c500b0c912b376d8",
                "ef46db3751d8e999",
            ),
            (
                ChecksumAlgorithm::Xxhash3,
                "b6acb9d84a38ff74",
                "2d06800538d394c2",
            ),
            (
                ChecksumAlgorithm::Xxhash128,
                "7351f89812f97382b91d05b31e04dd7f",
                "99aa06d3014798d86001c324468d497f",
            ),
        ] {
            for (data, expected) in [("Hello world", hello), ("", empty)] {
                let value = Hasher::checksum(algorithm, data.as_bytes()).value;
                assert_eq!(hex::encode(value), expected, "{algorithm} of {data:?}");
            }
        }
    }

    #[test]
    fn the_check_values_of_the_standards_come_out() {
        for (algorithm, expected) in [
            (ChecksumAlgorithm::Crc32, "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "e3069283"),
            (ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888"),
            (
                ChecksumAlgorithm::Sha1,
                "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
            ),
            (
                ChecksumAlgorithm::Sha256,
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
            ),
            (
                ChecksumAlgorithm::Sha512,
                "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
            ),
            (ChecksumAlgorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            (ChecksumAlgorithm::Xxhash64, "8cb841db40e6ae83"),
            (ChecksumAlgorithm::Xxhash3, "72dcb18b67a17dff"),
            (
                ChecksumAlgorithm::Xxhash128,
                "33119477ede5dcd5e9716427681d5860",
            ),
        ] {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"1234");
            hasher.update(b"56789");
            let checksum = hasher.finish();
            assert_eq!(hex::encode(&checksum.value), expected, "{algorithm}");
            assert_eq!(checksum.value.len(), algorithm.digest_len());
        }
    }
}

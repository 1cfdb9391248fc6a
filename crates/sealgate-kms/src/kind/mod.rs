//! What kinds of keys there are: specs, usages, origins, and the algorithms that go with them.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html>

mod names;

pub(crate) use names::not_in_enum;
pub use names::{
    EncryptionAlgorithm, ExpirationModel, ImportState, ImportType, IncludeKeyMaterial,
    KeyAgreementAlgorithm, KeyMaterialState, KeySpec, KeyUsage, MacAlgorithm, MessageType, Origin,
    RotationType, SigningAlgorithm, WrappingAlgorithm, WrappingKeySpec,
};

use crate::error::KmsError;

/// The algorithms of a key, by the member of `KeyMetadata` that lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithms {
    /// `EncryptionAlgorithms`.
    Encryption(&'static [&'static str]),
    /// `SigningAlgorithms`.
    Signing(&'static [&'static str]),
    /// `MacAlgorithms`.
    Mac(&'static [&'static str]),
    /// `KeyAgreementAlgorithms`.
    KeyAgreement(&'static [&'static str]),
}

impl Algorithms {
    /// The member of `KeyMetadata`.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Algorithms::Encryption(_) => "EncryptionAlgorithms",
            Algorithms::Signing(_) => "SigningAlgorithms",
            Algorithms::Mac(_) => "MacAlgorithms",
            Algorithms::KeyAgreement(_) => "KeyAgreementAlgorithms",
        }
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Algorithms::Encryption(names)
            | Algorithms::Signing(names)
            | Algorithms::Mac(names)
            | Algorithms::KeyAgreement(names) => names,
        }
    }
}

const RSA_SIGNING: &[&str] = &[
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
];

impl KeySpec {
    /// The usages that a key of this spec can have; the first is the one of keys that have no other.
    #[must_use]
    pub fn usages(self) -> &'static [KeyUsage] {
        match self {
            KeySpec::SymmetricDefault => &[KeyUsage::EncryptDecrypt],
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => {
                &[KeyUsage::EncryptDecrypt, KeyUsage::SignVerify]
            }
            KeySpec::EccNistP256 | KeySpec::EccNistP384 | KeySpec::EccNistP521 => {
                &[KeyUsage::SignVerify, KeyUsage::KeyAgreement]
            }
            KeySpec::EccSecgP256K1
            | KeySpec::EccNistEdwards25519
            | KeySpec::MlDsa44
            | KeySpec::MlDsa65
            | KeySpec::MlDsa87 => &[KeyUsage::SignVerify],
            KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => {
                &[KeyUsage::GenerateVerifyMac]
            }
            KeySpec::Sm2 => &[
                KeyUsage::EncryptDecrypt,
                KeyUsage::SignVerify,
                KeyUsage::KeyAgreement,
            ],
        }
    }

    /// The algorithms of a key of this spec and usage; `None` where the two do not go together.
    #[must_use]
    pub fn algorithms(self, usage: KeyUsage) -> Option<Algorithms> {
        if !self.usages().contains(&usage) {
            return None;
        }
        Some(match usage {
            KeyUsage::EncryptDecrypt => Algorithms::Encryption(match self {
                KeySpec::SymmetricDefault => &["SYMMETRIC_DEFAULT"],
                KeySpec::Sm2 => &["SM2PKE"],
                _ => &["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
            }),
            KeyUsage::SignVerify => Algorithms::Signing(match self {
                KeySpec::EccNistP256 | KeySpec::EccSecgP256K1 => &["ECDSA_SHA_256"],
                KeySpec::EccNistP384 => &["ECDSA_SHA_384"],
                KeySpec::EccNistP521 => &["ECDSA_SHA_512"],
                KeySpec::EccNistEdwards25519 => &["ED25519_SHA_512", "ED25519_PH_SHA_512"],
                KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => &["ML_DSA_SHAKE_256"],
                KeySpec::Sm2 => &["SM2DSA"],
                _ => RSA_SIGNING,
            }),
            KeyUsage::GenerateVerifyMac => Algorithms::Mac(match self {
                KeySpec::Hmac224 => &["HMAC_SHA_224"],
                KeySpec::Hmac256 => &["HMAC_SHA_256"],
                KeySpec::Hmac384 => &["HMAC_SHA_384"],
                _ => &["HMAC_SHA_512"],
            }),
            KeyUsage::KeyAgreement => Algorithms::KeyAgreement(&["ECDH"]),
        })
    }

    /// Refuses an algorithm that a key of this spec and usage does not have.
    pub(crate) fn check_algorithm(self, usage: KeyUsage, name: &str) -> Result<(), KmsError> {
        match self.algorithms(usage) {
            Some(algorithms) if algorithms.names().contains(&name) => Ok(()),
            _ => Err(KmsError::InvalidKeyUsage(format!(
                "Algorithm {name} is incompatible with key spec {self}."
            ))),
        }
    }

    /// The specs that GenerateDataKeyPair makes: `DataKeyPairSpec`.
    pub(crate) const DATA_KEY_PAIRS: &[KeySpec] = &[
        KeySpec::Rsa2048,
        KeySpec::Rsa3072,
        KeySpec::Rsa4096,
        KeySpec::EccNistP256,
        KeySpec::EccNistP384,
        KeySpec::EccNistP521,
        KeySpec::EccSecgP256K1,
        KeySpec::Sm2,
        KeySpec::EccNistEdwards25519,
    ];

    /// The length of an HMAC key in bytes; `None` for other specs.
    pub(crate) fn mac_key_size(self) -> Option<usize> {
        match self {
            KeySpec::Hmac224 => Some(28),
            KeySpec::Hmac256 => Some(32),
            KeySpec::Hmac384 => Some(48),
            KeySpec::Hmac512 => Some(64),
            _ => None,
        }
    }

    /// True for ML-DSA.
    pub(crate) fn is_ml_dsa(self) -> bool {
        matches!(self, KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87)
    }

    /// True for the specs of key pairs.
    #[must_use]
    pub fn is_asymmetric(self) -> bool {
        !matches!(
            self,
            KeySpec::SymmetricDefault
                | KeySpec::Hmac224
                | KeySpec::Hmac256
                | KeySpec::Hmac384
                | KeySpec::Hmac512
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn every_spec_has_algorithms_for_each_of_its_usages_and_for_no_other() {
        for spec in KeySpec::ALL.iter().copied() {
            for usage in KeyUsage::ALL.iter().copied() {
                assert_eq!(
                    spec.algorithms(usage).is_some(),
                    spec.usages().contains(&usage),
                    "{spec} {usage}"
                );
            }
        }
    }

    #[test]
    fn names_are_read_back() {
        for spec in KeySpec::ALL {
            assert_eq!(KeySpec::parse(spec.as_str()), Some(*spec));
        }
        assert_eq!(KeySpec::parse("AES_256"), None);
        assert_eq!(
            serde_json::to_string(&KeyUsage::EncryptDecrypt).unwrap(),
            "\"ENCRYPT_DECRYPT\""
        );
    }
}

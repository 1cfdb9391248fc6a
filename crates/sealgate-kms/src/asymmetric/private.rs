//! A private key in use. It is parsed once, because to parse an RSA key costs as much as to use it, and lives
//! as long as the plaintext material that it stands for. The libraries wipe what they hold.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::digest::Digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, PqdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
    RsaSignatureEncoding,
};
use zeroize::Zeroizing;

use super::public::{digest_of, oaep};
use super::{Family, ed25519, family, prehashed, rsa};
use crate::kind::{EncryptionAlgorithm, KeySpec, KeyUsage, MessageType, SigningAlgorithm};

/// The private key of a key pair, for its one usage.
pub(crate) enum PrivateKey {
    RsaSigning(RsaKeyPair),
    RsaDecrypting(OaepPrivateDecryptingKey),
    Ecdsa(EcdsaKeyPair),
    Ecdh(agreement::PrivateKey),
    Ed25519(Ed25519KeyPair),
    MlDsa(KeySpec, PqdsaKeyPair),
}

impl PrivateKey {
    /// Parses a PKCS #8 document; `None` if it is no key of this spec, or has no such usage.
    pub(crate) fn parse(spec: KeySpec, usage: KeyUsage, pkcs8: &[u8]) -> Option<PrivateKey> {
        match (family(spec)?, usage) {
            (Family::Rsa(size), KeyUsage::SignVerify) => {
                rsa(size, pkcs8).map(PrivateKey::RsaSigning)
            }
            (Family::Rsa(size), KeyUsage::EncryptDecrypt) => {
                PrivateDecryptingKey::from_pkcs8(pkcs8)
                    .ok()
                    .filter(|key| key.key_size_bytes() == size.len())
                    .and_then(|key| OaepPrivateDecryptingKey::new(key).ok())
                    .map(PrivateKey::RsaDecrypting)
            }
            (Family::Ec(curve), KeyUsage::SignVerify) => EcdsaKeyPair::from_pkcs8(curve, pkcs8)
                .ok()
                .map(PrivateKey::Ecdsa),
            (Family::Ec(_), KeyUsage::KeyAgreement) => {
                agreement::PrivateKey::from_private_key_der(agreement_curve(spec)?, pkcs8)
                    .ok()
                    .map(PrivateKey::Ecdh)
            }
            (Family::Ed25519, KeyUsage::SignVerify) => ed25519(pkcs8).map(PrivateKey::Ed25519),
            (Family::MlDsa(kind), KeyUsage::SignVerify) => PqdsaKeyPair::from_pkcs8(kind, pkcs8)
                .ok()
                .map(|pair| PrivateKey::MlDsa(spec, pair)),
            _ => None,
        }
    }

    /// Signs; `None` if the key does not do so.
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match (self, message_type) {
            (PrivateKey::RsaSigning(pair), MessageType::Raw) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(algorithm)?, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
            (PrivateKey::RsaSigning(pair), MessageType::Digest) => {
                let digest = Digest::import_less_safe(message, digest_of(algorithm)?).ok()?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(rsa_encoding(algorithm)?, &digest, &mut signature)
                    .ok()?;
                Some(signature)
            }
            (PrivateKey::Ecdsa(pair), MessageType::Raw) => {
                Some(pair.sign(&random, message).ok()?.as_ref().to_vec())
            }
            (PrivateKey::Ecdsa(pair), MessageType::Digest) => {
                let digest = Digest::import_less_safe(message, digest_of(algorithm)?).ok()?;
                Some(pair.sign_digest(&digest).ok()?.as_ref().to_vec())
            }
            (PrivateKey::Ed25519(pair), MessageType::Raw) => {
                Some(pair.try_sign(message).ok()?.as_ref().to_vec())
            }
            (PrivateKey::Ed25519(pair), MessageType::Digest) => {
                prehashed::ed25519ph_sign(pair, message)
            }
            (PrivateKey::MlDsa(_, pair), MessageType::Raw) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                let length = pair.sign(message, &mut signature).ok()?;
                signature.truncate(length);
                Some(signature)
            }
            (PrivateKey::MlDsa(spec, pair), MessageType::ExternalMu) => {
                prehashed::ml_dsa_sign(*spec, pair, message)
            }
            _ => None,
        }
    }

    /// Opens an RSAES-OAEP ciphertext; `None` if it is none of this key.
    pub(crate) fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let PrivateKey::RsaDecrypting(key) = self else {
            return None;
        };
        let mut plaintext = Zeroizing::new(vec![0; key.min_output_size()]);
        let length = key
            .decrypt(oaep(algorithm)?, ciphertext, &mut plaintext, None)
            .ok()?
            .len();
        plaintext.truncate(length);
        Some(plaintext)
    }

    /// The secret shared with the owner of a public key that [`agreement_peer`](super::agreement_peer) has
    /// checked: the x-coordinate, as long as the field of the curve.
    pub(crate) fn agree(&self, peer: agreement::ParsedPublicKey) -> Option<Zeroizing<Vec<u8>>> {
        let PrivateKey::Ecdh(key) = self else {
            return None;
        };
        agreement::agree(key, peer, (), |secret| Ok(Zeroizing::new(secret.to_vec()))).ok()
    }
}

pub(super) fn agreement_curve(spec: KeySpec) -> Option<&'static agreement::Algorithm> {
    match spec {
        KeySpec::EccNistP256 => Some(&ECDH_P256),
        KeySpec::EccNistP384 => Some(&ECDH_P384),
        KeySpec::EccNistP521 => Some(&ECDH_P521),
        _ => None,
    }
}

fn rsa_encoding(algorithm: SigningAlgorithm) -> Option<&'static RsaSignatureEncoding> {
    Some(match algorithm {
        SigningAlgorithm::RsassaPssSha256 => &RSA_PSS_SHA256,
        SigningAlgorithm::RsassaPssSha384 => &RSA_PSS_SHA384,
        SigningAlgorithm::RsassaPssSha512 => &RSA_PSS_SHA512,
        SigningAlgorithm::RsassaPkcs1V15Sha256 => &RSA_PKCS1_SHA256,
        SigningAlgorithm::RsassaPkcs1V15Sha384 => &RSA_PKCS1_SHA384,
        SigningAlgorithm::RsassaPkcs1V15Sha512 => &RSA_PKCS1_SHA512,
        _ => return None,
    })
}

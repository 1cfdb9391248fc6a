//! What a public key does: it needs no secret, and so no key material in memory.

use aws_lc_rs::agreement::ParsedPublicKey as AgreementKey;
use aws_lc_rs::agreement::{ParsedPublicKeyFormat, UnparsedPublicKey as UnparsedAgreementKey};
use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256K1_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, ML_DSA_44, ML_DSA_65, ML_DSA_87, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};

use super::prehashed;
use super::private::agreement_curve;
use crate::kind::{EncryptionAlgorithm, KeySpec, MessageType, SigningAlgorithm};

/// True if the signature is that of the message under this public key.
pub(crate) fn verify(
    spec: KeySpec,
    public_key: &[u8],
    algorithm: SigningAlgorithm,
    message_type: MessageType,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some(verification) = verification(spec, algorithm) else {
        return false;
    };
    match (message_type, algorithm) {
        (MessageType::Raw, _) => UnparsedPublicKey::new(verification, public_key)
            .verify(message, signature)
            .is_ok(),
        (MessageType::Digest, SigningAlgorithm::Ed25519PhSha512) => {
            prehashed::ed25519ph_verify(public_key, message, signature)
        }
        (MessageType::Digest, _) => digest_of(algorithm)
            .and_then(|kind| Digest::import_less_safe(message, kind).ok())
            .is_some_and(|digest| {
                UnparsedPublicKey::new(verification, public_key)
                    .verify_digest(&digest, signature)
                    .is_ok()
            }),
        (MessageType::ExternalMu, _) => {
            prehashed::ml_dsa_verify(spec, public_key, message, signature)
        }
    }
}

/// The most plaintext that an RSA key takes: the modulus less twice the digest and two bytes.
/// <https://www.rfc-editor.org/rfc/rfc8017#section-7.1.1>
pub(crate) fn max_plaintext(spec: KeySpec, algorithm: EncryptionAlgorithm) -> Option<usize> {
    let modulus: usize = match spec {
        KeySpec::Rsa2048 => 256,
        KeySpec::Rsa3072 => 384,
        KeySpec::Rsa4096 => 512,
        _ => return None,
    };
    match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => Some(modulus - 2 * 20 - 2),
        EncryptionAlgorithm::RsaesOaepSha256 => Some(modulus - 2 * 32 - 2),
        _ => None,
    }
}

/// Makes an RSAES-OAEP ciphertext; `None` if the key does not do so.
pub(crate) fn encrypt(
    public_key: &[u8],
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    let key = PublicEncryptingKey::from_der(public_key).ok()?;
    let key = OaepPublicEncryptingKey::new(key).ok()?;
    let mut ciphertext = vec![0; key.ciphertext_size()];
    let length = key
        .encrypt(oaep(algorithm)?, plaintext, &mut ciphertext, None)
        .ok()?
        .len();
    ciphertext.truncate(length);
    Some(ciphertext)
}

/// The public key of a peer, if it is a SubjectPublicKeyInfo of the curve of this spec and its point is on the
/// curve and not at infinity (NIST SP 800-56A, 5.6.2.3).
pub(crate) fn agreement_peer(spec: KeySpec, public_key: &[u8]) -> Option<AgreementKey> {
    if !is_whole(public_key) {
        return None;
    }
    let unparsed = UnparsedAgreementKey::new(agreement_curve(spec)?, public_key);
    AgreementKey::try_from(unparsed)
        .ok()
        .filter(|key| key.format() == ParsedPublicKeyFormat::X509)
}

/// True if one DER value is all there is: the library does not look behind it. The keys of no curve are longer
/// than 255 bytes.
fn is_whole(der: &[u8]) -> bool {
    match der {
        [_, 0x81, length, value @ ..] => value.len() == usize::from(*length),
        [_, length, value @ ..] if *length < 0x80 => value.len() == usize::from(*length),
        _ => false,
    }
}

pub(super) fn oaep(algorithm: EncryptionAlgorithm) -> Option<&'static OaepAlgorithm> {
    match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => Some(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::RsaesOaepSha256 => Some(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::SymmetricDefault | EncryptionAlgorithm::Sm2Pke => None,
    }
}

/// The digest that the algorithm signs.
pub(super) fn digest_of(algorithm: SigningAlgorithm) -> Option<&'static digest::Algorithm> {
    use SigningAlgorithm as A;
    match algorithm {
        A::RsassaPssSha256 | A::RsassaPkcs1V15Sha256 | A::EcdsaSha256 => Some(&digest::SHA256),
        A::RsassaPssSha384 | A::RsassaPkcs1V15Sha384 | A::EcdsaSha384 => Some(&digest::SHA384),
        A::RsassaPssSha512 | A::RsassaPkcs1V15Sha512 | A::EcdsaSha512 => Some(&digest::SHA512),
        A::Ed25519Sha512 | A::Ed25519PhSha512 | A::Sm2Dsa | A::MlDsaShake256 => None,
    }
}

fn verification(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    use SigningAlgorithm as A;
    Some(match (spec, algorithm) {
        (_, A::RsassaPssSha256) => &RSA_PSS_2048_8192_SHA256,
        (_, A::RsassaPssSha384) => &RSA_PSS_2048_8192_SHA384,
        (_, A::RsassaPssSha512) => &RSA_PSS_2048_8192_SHA512,
        (_, A::RsassaPkcs1V15Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        (_, A::RsassaPkcs1V15Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        (_, A::RsassaPkcs1V15Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        (KeySpec::EccNistP256, A::EcdsaSha256) => &ECDSA_P256_SHA256_ASN1,
        (KeySpec::EccSecgP256K1, A::EcdsaSha256) => &ECDSA_P256K1_SHA256_ASN1,
        (KeySpec::EccNistP384, A::EcdsaSha384) => &ECDSA_P384_SHA384_ASN1,
        (KeySpec::EccNistP521, A::EcdsaSha512) => &ECDSA_P521_SHA512_ASN1,
        (KeySpec::EccNistEdwards25519, A::Ed25519Sha512 | A::Ed25519PhSha512) => &ED25519,
        (KeySpec::MlDsa44, A::MlDsaShake256) => &ML_DSA_44,
        (KeySpec::MlDsa65, A::MlDsaShake256) => &ML_DSA_65,
        (KeySpec::MlDsa87, A::MlDsaShake256) => &ML_DSA_87,
        _ => return None,
    })
}

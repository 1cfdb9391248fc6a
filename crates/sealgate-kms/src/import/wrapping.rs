//! Wrapping keys, and the unwrapping of imported material.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-get-public-key-and-token.html>

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    PrivateDecryptingKey,
};
use zeroize::Zeroizing;

use crate::asymmetric;
use crate::kind::{KeySpec, WrappingAlgorithm, WrappingKeySpec};

/// A new wrapping key.
pub(crate) struct WrappingKey {
    /// PKCS #8.
    pub private: Zeroizing<Vec<u8>>,
    /// SubjectPublicKeyInfo.
    pub public: Vec<u8>,
}

/// Makes a wrapping key, which takes its time; `None` if there are none of that spec.
pub(crate) fn make(spec: WrappingKeySpec) -> Option<WrappingKey> {
    let size = match spec {
        WrappingKeySpec::Rsa2048 => KeySize::Rsa2048,
        WrappingKeySpec::Rsa3072 => KeySize::Rsa3072,
        WrappingKeySpec::Rsa4096 => KeySize::Rsa4096,
        WrappingKeySpec::Sm2 => return None,
    };
    let key = PrivateDecryptingKey::generate(size).ok()?;
    Some(WrappingKey {
        private: Zeroizing::new(key.as_der().ok()?.as_ref().to_vec()),
        public: key.public_key().as_der().ok()?.as_ref().to_vec(),
    })
}

/// Unwraps material; `None` if it is not wrapped so, or not to this key.
pub(crate) fn unwrap(
    algorithm: WrappingAlgorithm,
    private_key: &[u8],
    wrapped: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let key = PrivateDecryptingKey::from_pkcs8(private_key).ok()?;
    let key = OaepPrivateDecryptingKey::new(key).ok()?;
    match algorithm {
        WrappingAlgorithm::RsaesOaepSha1 => decrypt(&key, &OAEP_SHA1_MGF1SHA1, wrapped),
        WrappingAlgorithm::RsaesOaepSha256 => decrypt(&key, &OAEP_SHA256_MGF1SHA256, wrapped),
        WrappingAlgorithm::RsaAesKeyWrapSha1 => key_wrap(&key, &OAEP_SHA1_MGF1SHA1, wrapped),
        WrappingAlgorithm::RsaAesKeyWrapSha256 => key_wrap(&key, &OAEP_SHA256_MGF1SHA256, wrapped),
        WrappingAlgorithm::RsaesPkcs1V15 | WrappingAlgorithm::Sm2Pke => None,
    }
}

fn decrypt(
    key: &OaepPrivateDecryptingKey,
    oaep: &'static OaepAlgorithm,
    ciphertext: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut plaintext = Zeroizing::new(vec![0; key.min_output_size()]);
    let size = key
        .decrypt(oaep, ciphertext, &mut plaintext, None)
        .ok()?
        .len();
    plaintext.truncate(size);
    Some(plaintext)
}

/// CKM_RSA_AES_KEY_WRAP of PKCS #11: an AES-256 key under RSA-OAEP, then the material under that key
/// (RFC 5649).
fn key_wrap(
    key: &OaepPrivateDecryptingKey,
    oaep: &'static OaepAlgorithm,
    wrapped: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (wrapped_key, wrapped) = wrapped.split_at_checked(key.key_size_bytes())?;
    let kek = AesKek::new(&AES_256, &decrypt(key, oaep, wrapped_key)?).ok()?;
    let mut material = Zeroizing::new(vec![0; wrapped.len()]);
    let size = kek.unwrap_with_padding(wrapped, &mut material).ok()?.len();
    material.truncate(size);
    Some(material)
}

/// Whether material of that kind can be wrapped so. RSA encrypts no more than fits its modulus.
pub(crate) fn suits(spec: KeySpec, algorithm: WrappingAlgorithm, key: WrappingKeySpec) -> bool {
    use WrappingAlgorithm as Algorithm;
    match algorithm {
        Algorithm::RsaesPkcs1V15 | Algorithm::Sm2Pke => false,
        _ if key == WrappingKeySpec::Sm2 => false,
        Algorithm::RsaAesKeyWrapSha1 | Algorithm::RsaAesKeyWrapSha256 => true,
        Algorithm::RsaesOaepSha1 | Algorithm::RsaesOaepSha256 => match spec {
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => false,
            KeySpec::EccNistP521 => key != WrappingKeySpec::Rsa2048,
            _ => true,
        },
    }
}

/// Whether these bytes are the material of a key of that spec: so many bytes, or the PKCS #8 document of such
/// a private key.
pub(crate) fn is_material(spec: KeySpec, material: &[u8]) -> bool {
    match spec {
        KeySpec::SymmetricDefault | KeySpec::Hmac256 => material.len() == 32,
        KeySpec::Hmac224 => material.len() == 28,
        KeySpec::Hmac384 => material.len() == 48,
        KeySpec::Hmac512 => material.len() == 64,
        _ => asymmetric::public_key(spec, material).is_some(),
    }
}

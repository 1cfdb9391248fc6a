//! The two signatures that aws-lc-rs has no API for: Ed25519ph, and ML-DSA over the representative μ that the
//! caller has computed. The private key comes from the parsed one and is wiped right after. A FIPS build has neither
//! (`approved.rs`), and none of these libraries.

use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use aws_lc_rs::signature::{Ed25519KeyPair, PqdsaKeyPair};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use getrandom::SysRng;
use ml_dsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use sealgate_crypto::APPROVED_ONLY;
use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use crate::kind::KeySpec;

/// The bytes before the point in the SubjectPublicKeyInfo of an Ed25519 key.
/// <https://www.rfc-editor.org/rfc/rfc8410#section-10.1>
const ED25519_SPKI_PREFIX: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// Signs with Ed25519ph and an empty context. As AWS does, it hashes the message (a digest already) once
/// more: <https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html>, `MessageType`.
pub(super) fn ed25519ph_sign(pair: &Ed25519KeyPair, message: &[u8]) -> Option<Vec<u8>> {
    if APPROVED_ONLY {
        return None;
    }
    let seed: Curve25519SeedBin<'_> = pair.seed().ok()?.as_be_bytes().ok()?;
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(seed.as_ref().try_into().ok()?);
    let signature = SigningKey::from_bytes(&seed)
        .sign_prehashed(Sha512::new_with_prefix(message), None)
        .ok()?;
    Some(signature.to_bytes().to_vec())
}

/// Verifies a signature of [`ed25519ph_sign`].
pub(super) fn ed25519ph_verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    if APPROVED_ONLY {
        return false;
    }
    let point = public_key
        .strip_prefix(&ED25519_SPKI_PREFIX)
        .and_then(|point| point.try_into().ok());
    let key = point.and_then(|point| VerifyingKey::from_bytes(point).ok());
    let (Some(key), Ok(signature)) = (key, Signature::from_slice(signature)) else {
        return false;
    };
    key.verify_prehashed_strict(Sha512::new_with_prefix(message), None, &signature)
        .is_ok()
}

/// Signs a representative μ (FIPS 204, algorithm 7 from line 7 on), hedged.
pub(super) fn ml_dsa_sign(spec: KeySpec, pair: &PqdsaKeyPair, mu: &[u8]) -> Option<Vec<u8>> {
    if APPROVED_ONLY {
        return None;
    }
    let (pkcs8, mu) = (pair.to_pkcs8v1().ok()?, mu.try_into().ok()?);
    match spec {
        KeySpec::MlDsa44 => sign_mu::<MlDsa44>(pkcs8.as_ref(), mu),
        KeySpec::MlDsa65 => sign_mu::<MlDsa65>(pkcs8.as_ref(), mu),
        KeySpec::MlDsa87 => sign_mu::<MlDsa87>(pkcs8.as_ref(), mu),
        _ => None,
    }
}

/// Verifies the signature of a representative μ.
pub(super) fn ml_dsa_verify(spec: KeySpec, public_key: &[u8], mu: &[u8], signature: &[u8]) -> bool {
    let Ok(mu) = mu.try_into() else {
        return false;
    };
    if APPROVED_ONLY {
        return false;
    }
    match spec {
        KeySpec::MlDsa44 => verify_mu::<MlDsa44>(public_key, mu, signature),
        KeySpec::MlDsa65 => verify_mu::<MlDsa65>(public_key, mu, signature),
        KeySpec::MlDsa87 => verify_mu::<MlDsa87>(public_key, mu, signature),
        _ => false,
    }
}

fn sign_mu<P: MlDsaParams>(pkcs8: &[u8], mu: [u8; 64]) -> Option<Vec<u8>>
where
    ml_dsa::SigningKey<P>: DecodePrivateKey,
{
    let key = ml_dsa::SigningKey::<P>::from_pkcs8_der(pkcs8).ok()?;
    let signature = key
        .expanded_key()
        .sign_mu_randomized(&mu.into(), &mut SysRng)
        .ok()?;
    Some(signature.encode().to_vec())
}

fn verify_mu<P: MlDsaParams>(public_key: &[u8], mu: [u8; 64], signature: &[u8]) -> bool
where
    ml_dsa::VerifyingKey<P>: DecodePublicKey,
{
    let (Ok(key), Ok(signature)) = (
        ml_dsa::VerifyingKey::<P>::from_public_key_der(public_key),
        ml_dsa::Signature::<P>::try_from(signature),
    ) else {
        return false;
    };
    key.verify_mu(&mu.into(), &signature)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::signature::KeyPair as _;

    use super::*;

    /// <https://www.rfc-editor.org/rfc/rfc8032#section-7.3>
    #[test]
    fn ed25519ph_signs_as_the_rfc_shows() {
        let seed = "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42";
        let signature = "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
                         31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406";
        let pair = Ed25519KeyPair::from_seed_unchecked(&hex::decode(seed).unwrap()).unwrap();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        if APPROVED_ONLY {
            assert_eq!(ed25519ph_sign(&pair, b"abc"), None);
            return;
        }
        let mut signed = ed25519ph_sign(&pair, b"abc").unwrap();
        assert_eq!(hex::encode(&signed), signature);
        assert!(ed25519ph_verify(spki.as_ref(), b"abc", &signed));
        assert!(!ed25519ph_verify(spki.as_ref(), b"abd", &signed));
        assert!(!ed25519ph_verify(&spki.as_ref()[1..], b"abc", &signed));
        signed[0] ^= 1;
        assert!(!ed25519ph_verify(spki.as_ref(), b"abc", &signed));
    }
}

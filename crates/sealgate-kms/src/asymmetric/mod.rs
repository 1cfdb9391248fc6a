//! Key pairs: made, parsed, used. A private key is kept as its PKCS #8 document, a public key as its
//! SubjectPublicKeyInfo (RFC 5280), both in DER. The cryptography is that of aws-lc-rs, and of RustCrypto and
//! dalek where that one has no API for it ([`prehashed`]).

mod prehashed;
mod private;
mod public;

pub(crate) use private::PrivateKey;
pub(crate) use public::{agreement_peer, encrypt, max_plaintext, verify};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
    ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, RsaKeyPair,
};
use sealgate_seal::wipe_stack;
use zeroize::Zeroizing;

use crate::error::KmsError;
use crate::kind::KeySpec;

/// A new key pair.
pub(crate) struct NewKeyPair {
    /// PKCS #8.
    pub private: Zeroizing<Vec<u8>>,
    /// SubjectPublicKeyInfo.
    pub public: Vec<u8>,
}

/// Makes a key pair. RSA takes its time, and does not take it from the async workers.
pub(crate) async fn generate(spec: KeySpec) -> Result<NewKeyPair, KmsError> {
    let made = match family(spec) {
        Some(Family::Rsa(_)) => off_the_workers(move || make(spec)).await?,
        _ => make(spec),
    };
    made.ok_or_else(|| KmsError::Internal(format!("no key pair {spec} could be made")))
}

/// The public key of a private key of this spec; `None` if it is none.
pub(crate) fn public_key(spec: KeySpec, pkcs8: &[u8]) -> Option<Vec<u8>> {
    let der: Result<PublicKeyX509Der<'_>, _> = match family(spec)? {
        Family::Rsa(size) => rsa(size, pkcs8)?.public_key().as_der(),
        Family::Ec(curve) => EcdsaKeyPair::from_pkcs8(curve, pkcs8)
            .ok()?
            .public_key()
            .as_der(),
        Family::Ed25519 => ed25519(pkcs8)?.public_key().as_der(),
        Family::MlDsa(kind) => PqdsaKeyPair::from_pkcs8(kind, pkcs8)
            .ok()?
            .public_key()
            .as_der(),
    };
    Some(der.ok()?.as_ref().to_vec())
}

/// Runs what keeps a processor busy for milliseconds on a thread for that.
pub(crate) async fn off_the_workers<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, KmsError> {
    let work = move || {
        let outcome = work();
        wipe_stack();
        outcome
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| KmsError::Internal("a computation did not come to its end".to_owned()))
}

enum Family {
    Rsa(KeySize),
    Ec(&'static EcdsaSigningAlgorithm),
    Ed25519,
    MlDsa(&'static PqdsaSigningAlgorithm),
}

fn family(spec: KeySpec) -> Option<Family> {
    Some(match spec {
        KeySpec::Rsa2048 => Family::Rsa(KeySize::Rsa2048),
        KeySpec::Rsa3072 => Family::Rsa(KeySize::Rsa3072),
        KeySpec::Rsa4096 => Family::Rsa(KeySize::Rsa4096),
        KeySpec::EccNistP256 => Family::Ec(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeySpec::EccNistP384 => Family::Ec(&ECDSA_P384_SHA384_ASN1_SIGNING),
        KeySpec::EccNistP521 => Family::Ec(&ECDSA_P521_SHA512_ASN1_SIGNING),
        KeySpec::EccSecgP256K1 => Family::Ec(&ECDSA_P256K1_SHA256_ASN1_SIGNING),
        KeySpec::EccNistEdwards25519 => Family::Ed25519,
        KeySpec::MlDsa44 => Family::MlDsa(&ML_DSA_44_SIGNING),
        KeySpec::MlDsa65 => Family::MlDsa(&ML_DSA_65_SIGNING),
        KeySpec::MlDsa87 => Family::MlDsa(&ML_DSA_87_SIGNING),
        _ => return None,
    })
}

fn make(spec: KeySpec) -> Option<NewKeyPair> {
    let private = match family(spec)? {
        Family::Rsa(size) => {
            let document: Pkcs8V1Der<'_> = RsaKeyPair::generate(size).ok()?.as_der().ok()?;
            copy(document.as_ref())
        }
        Family::Ec(curve) => copy(EcdsaKeyPair::generate(curve).ok()?.to_pkcs8v1().ok()?),
        // Version 1: the form that other libraries read, too.
        Family::Ed25519 => copy(Ed25519KeyPair::generate().ok()?.to_pkcs8v1().ok()?),
        Family::MlDsa(kind) => copy(PqdsaKeyPair::generate(kind).ok()?.to_pkcs8v1().ok()?),
    };
    let public = public_key(spec, &private)?;
    Some(NewKeyPair { private, public })
}

/// The library wipes its own copy.
fn copy(document: impl AsRef<[u8]>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(document.as_ref().to_vec())
}

fn rsa(size: KeySize, pkcs8: &[u8]) -> Option<RsaKeyPair> {
    RsaKeyPair::from_pkcs8(pkcs8)
        .ok()
        .filter(|pair| pair.public_modulus_len() == size.len())
}

fn ed25519(pkcs8: &[u8]) -> Option<Ed25519KeyPair> {
    // "Maybe unchecked": version 1 of PKCS #8 has no public key that could be checked.
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()
}

//! The signature of a token, by a key of its provider.
//!
//! Asymmetric algorithms only: a public key must never be taken for the secret of an HMAC
//! (RFC 8725 §2.1), and `none` is no algorithm here.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous, decode};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) type Claims = Map<String, Value>;

/// What counts of a token's header.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that a reader has to understand (RFC 7515 §4.1.11); none is understood.
    crit: Option<Value>,
}

/// Reads the header of a token: of three parts, and signed by an algorithm that is taken.
pub(super) fn head(token: &str) -> Option<Head> {
    let mut parts = token.split('.');
    let header = parts.next()?;
    if parts.count() != 2 {
        return None;
    }
    let head: Head = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    (head.crit.is_none() && Scheme::of(&head.alg).is_some()).then_some(head)
}

/// The algorithms that are taken, and the kind of key that each goes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Library(Algorithm),
    /// ECDSA over P-521, which `jsonwebtoken` does not have.
    Es512,
}

impl Scheme {
    fn of(alg: &str) -> Option<Scheme> {
        Some(match alg {
            "RS256" => Scheme::Library(Algorithm::RS256),
            "RS384" => Scheme::Library(Algorithm::RS384),
            "RS512" => Scheme::Library(Algorithm::RS512),
            "PS256" => Scheme::Library(Algorithm::PS256),
            "PS384" => Scheme::Library(Algorithm::PS384),
            "PS512" => Scheme::Library(Algorithm::PS512),
            "ES256" => Scheme::Library(Algorithm::ES256),
            "ES384" => Scheme::Library(Algorithm::ES384),
            "ES512" => Scheme::Es512,
            "EdDSA" => Scheme::Library(Algorithm::EdDSA),
            _ => return None,
        })
    }

    /// Is it a key of this algorithm, and for signatures?
    fn takes(self, key: &Jwk) -> bool {
        let kind = match (self, &key.algorithm) {
            (Scheme::Es512, AlgorithmParameters::EllipticCurve(key)) => {
                key.curve == EllipticCurve::P521
            }
            (Scheme::Library(Algorithm::ES256), AlgorithmParameters::EllipticCurve(key)) => {
                key.curve == EllipticCurve::P256
            }
            (Scheme::Library(Algorithm::ES384), AlgorithmParameters::EllipticCurve(key)) => {
                key.curve == EllipticCurve::P384
            }
            (Scheme::Library(Algorithm::EdDSA), AlgorithmParameters::OctetKeyPair(key)) => {
                key.curve == EllipticCurve::Ed25519
            }
            (
                Scheme::Library(
                    Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512,
                ),
                AlgorithmParameters::RSA(_),
            ) => true,
            _ => false,
        };
        let named = match (self, key.common.key_algorithm) {
            (_, None) => true,
            (Scheme::Library(algorithm), Some(named)) => KeyAlgorithm::from(algorithm) == named,
            // Where the library does not know the name, the curve decides.
            (Scheme::Es512, Some(named)) => named == KeyAlgorithm::UNKNOWN_ALGORITHM,
        };
        let signs = matches!(
            key.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        );
        kind && named && signs
    }
}

/// What the provider's keys say of a token.
pub(super) enum Verdict {
    /// The key is not among them.
    NoKey,
    /// The token is not signed by the key that it names.
    Forged,
    /// It is, and these are its claims.
    Signed(Claims),
}

/// Checks a token against the keys of its provider: the one it names, or, where it names none, each
/// that goes with its algorithm.
pub(super) fn verify(token: &str, head: &Head, keys: &[Jwk]) -> Verdict {
    let Some(scheme) = Scheme::of(&head.alg) else {
        return Verdict::Forged;
    };
    let mut candidates = keys
        .iter()
        .filter(|key| head.kid.is_none() || key.common.key_id == head.kid)
        .filter(|key| scheme.takes(key))
        .peekable();
    if candidates.peek().is_none() {
        return Verdict::NoKey;
    }
    match candidates.find_map(|key| claims_under(token, scheme, key)) {
        Some(claims) => Verdict::Signed(claims),
        None => Verdict::Forged,
    }
}

fn claims_under(token: &str, scheme: Scheme, key: &Jwk) -> Option<Claims> {
    match scheme {
        Scheme::Library(algorithm) => {
            // Only the signature: the claims are checked by our own clock and rules.
            let mut validation = Validation::new(algorithm);
            validation.required_spec_claims.clear();
            validation.validate_exp = false;
            validation.validate_aud = false;
            let key = DecodingKey::from_jwk(key).ok()?;
            Some(decode::<Claims>(token, &key, &validation).ok()?.claims)
        }
        Scheme::Es512 => {
            let AlgorithmParameters::EllipticCurve(key) = &key.algorithm else {
                return None;
            };
            let (message, signature) = token.rsplit_once('.')?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            let mut point = vec![4];
            point.extend(URL_SAFE_NO_PAD.decode(&key.x).ok()?);
            point.extend(URL_SAFE_NO_PAD.decode(&key.y).ok()?);
            UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, &point)
                .verify(message.as_bytes(), &signature)
                .ok()?;
            dangerous::insecure_decode_claims(token).ok()
        }
    }
}

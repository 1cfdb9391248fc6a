//! What a FIPS build does not do: it is not of the FIPS module, or not approved for it.

use sealgate_crypto::APPROVED_ONLY;

use crate::error::KmsError;
use crate::kind::{KeySpec, MessageType, SigningAlgorithm};

/// Refuses the specs of key that are not approved.
///
/// secp256k1 is no curve of NIST SP 800-186.
pub(crate) fn key_spec(spec: KeySpec) -> Result<(), KmsError> {
    if APPROVED_ONLY && spec == KeySpec::EccSecgP256K1 {
        return Err(refused(&format!("Key spec {spec}")));
    }
    Ok(())
}

/// Refuses signatures, and their verification, that the module does not make.
pub(crate) fn signature(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
    message_type: MessageType,
) -> Result<(), KmsError> {
    key_spec(spec)?;
    if APPROVED_ONLY && algorithm == SigningAlgorithm::Ed25519PhSha512 {
        return Err(refused(&format!("Signing algorithm {algorithm}")));
    }
    if APPROVED_ONLY && message_type == MessageType::ExternalMu {
        return Err(refused(&format!("Message type {message_type}")));
    }
    Ok(())
}

fn refused(what: &str) -> KmsError {
    KmsError::Unsupported(format!(
        "{what} is not supported: this is a FIPS build, and its module has no approved service for it."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fips_build_refuses_what_its_module_does_not_do() {
        use SigningAlgorithm as A;
        for (spec, algorithm, message_type, approved) in [
            (
                KeySpec::EccNistP256,
                A::EcdsaSha256,
                MessageType::Digest,
                true,
            ),
            (
                KeySpec::EccSecgP256K1,
                A::EcdsaSha256,
                MessageType::Raw,
                false,
            ),
            (
                KeySpec::EccNistEdwards25519,
                A::Ed25519Sha512,
                MessageType::Raw,
                true,
            ),
            (
                KeySpec::EccNistEdwards25519,
                A::Ed25519PhSha512,
                MessageType::Digest,
                false,
            ),
            (KeySpec::MlDsa65, A::MlDsaShake256, MessageType::Raw, true),
            (
                KeySpec::MlDsa65,
                A::MlDsaShake256,
                MessageType::ExternalMu,
                false,
            ),
        ] {
            assert_eq!(
                signature(spec, algorithm, message_type).is_ok(),
                approved || !APPROVED_ONLY,
                "{spec} {algorithm} {message_type}"
            );
        }
    }
}

//! The enumerations of the API, each value with the one name that AWS gives it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::KmsError;

/// The refusal of a value that is none of an enumeration's.
pub(crate) fn not_in_enum(text: &str, parameter: &str, names: &[&str]) -> KmsError {
    KmsError::Validation(format!(
        "1 validation error detected: Value '{}' at '{parameter}' failed to satisfy constraint: Member must \
         satisfy enum value set: [{}]",
        text.chars().take(64).collect::<String>(),
        names.join(", ")
    ))
}

macro_rules! names {
    ($(#[$meta:meta])* $enum:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $enum {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl $enum {
            /// Every value, in the order in which AWS's errors list them.
            pub const ALL: &[$enum] = &[$($enum::$variant,)+];

            /// The name of the value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($enum::$variant => $name,)+
                }
            }

            /// The value of that name.
            #[must_use]
            pub fn parse(name: &str) -> Option<$enum> {
                $enum::ALL.iter().copied().find(|value| value.as_str() == name)
            }

            /// The value of a parameter of a request.
            #[allow(dead_code, reason = "not every enumeration is a parameter of its own")]
            pub(crate) fn of_parameter(text: &str, parameter: &str) -> Result<$enum, KmsError> {
                $enum::parse(text).ok_or_else(|| {
                    let names: Vec<&str> = $enum::ALL.iter().map(|value| value.as_str()).collect();
                    not_in_enum(text, parameter, &names)
                })
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// `KeySpec`: the type and size of a key.
    #[derive(Default)]
    KeySpec {
        /// RSA, 2048 bits.
        Rsa2048 = "RSA_2048",
        /// RSA, 3072 bits.
        Rsa3072 = "RSA_3072",
        /// RSA, 4096 bits.
        Rsa4096 = "RSA_4096",
        /// NIST P-256.
        EccNistP256 = "ECC_NIST_P256",
        /// NIST P-384.
        EccNistP384 = "ECC_NIST_P384",
        /// NIST P-521.
        EccNistP521 = "ECC_NIST_P521",
        /// secp256k1.
        EccSecgP256K1 = "ECC_SECG_P256K1",
        /// Ed25519.
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        /// 256 bits for AES-GCM; what keys are unless something else is asked for.
        #[default]
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        /// HMAC, 224 bits.
        Hmac224 = "HMAC_224",
        /// HMAC, 256 bits.
        Hmac256 = "HMAC_256",
        /// HMAC, 384 bits.
        Hmac384 = "HMAC_384",
        /// HMAC, 512 bits.
        Hmac512 = "HMAC_512",
        /// SM2 (regions of China only).
        Sm2 = "SM2",
        /// ML-DSA-44 (FIPS 204).
        MlDsa44 = "ML_DSA_44",
        /// ML-DSA-65.
        MlDsa65 = "ML_DSA_65",
        /// ML-DSA-87.
        MlDsa87 = "ML_DSA_87",
    }
}

names! {
    /// `KeyUsage`: what a key is for.
    #[derive(Default)]
    KeyUsage {
        /// Encryption.
        #[default]
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        /// Signatures.
        SignVerify = "SIGN_VERIFY",
        /// Message authentication codes.
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        /// Shared secrets.
        KeyAgreement = "KEY_AGREEMENT",
    }
}

names! {
    /// `Origin`: where the material of a key comes from.
    #[derive(Default)]
    Origin {
        /// Made here.
        #[default]
        AwsKms = "AWS_KMS",
        /// Imported.
        External = "EXTERNAL",
        /// A CloudHSM cluster, which there is none of here.
        AwsCloudHsm = "AWS_CLOUDHSM",
        /// A key manager outside, behind an external key store proxy.
        ExternalKeyStore = "EXTERNAL_KEY_STORE",
    }
}

names! {
    /// `EncryptionAlgorithm`.
    #[derive(Default)]
    EncryptionAlgorithm {
        /// RSAES-OAEP with SHA-1 (RFC 8017), for compatibility.
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSAES-OAEP with SHA-256.
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        /// SM2 (regions of China only).
        Sm2Pke = "SM2PKE",
        /// AES-256-GCM in the form of symmetric encryption keys.
        #[default]
        SymmetricDefault = "SYMMETRIC_DEFAULT",
    }
}

names! {
    /// `SigningAlgorithm`.
    SigningAlgorithm {
        /// RSASSA-PSS with SHA-256 (RFC 8017); the salt is as long as the digest.
        RsassaPssSha256 = "RSASSA_PSS_SHA_256",
        /// RSASSA-PSS with SHA-384.
        RsassaPssSha384 = "RSASSA_PSS_SHA_384",
        /// RSASSA-PSS with SHA-512.
        RsassaPssSha512 = "RSASSA_PSS_SHA_512",
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        RsassaPkcs1V15Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        /// RSASSA-PKCS1-v1_5 with SHA-384.
        RsassaPkcs1V15Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        /// RSASSA-PKCS1-v1_5 with SHA-512.
        RsassaPkcs1V15Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        /// ECDSA with SHA-256, in DER.
        EcdsaSha256 = "ECDSA_SHA_256",
        /// ECDSA with SHA-384.
        EcdsaSha384 = "ECDSA_SHA_384",
        /// ECDSA with SHA-512.
        EcdsaSha512 = "ECDSA_SHA_512",
        /// Ed25519 (RFC 8032, FIPS 186-5).
        Ed25519Sha512 = "ED25519_SHA_512",
        /// Ed25519ph.
        Ed25519PhSha512 = "ED25519_PH_SHA_512",
        /// SM2 (regions of China only).
        Sm2Dsa = "SM2DSA",
        /// ML-DSA (FIPS 204) with an empty context.
        MlDsaShake256 = "ML_DSA_SHAKE_256",
    }
}

names! {
    /// `MessageType`: what the message of a signature is.
    #[derive(Default)]
    MessageType {
        /// The message itself.
        #[default]
        Raw = "RAW",
        /// Its digest.
        Digest = "DIGEST",
        /// Its representative μ, of ML-DSA.
        ExternalMu = "EXTERNAL_MU",
    }
}

names! {
    /// `MacAlgorithm`.
    MacAlgorithm {
        /// HMAC with SHA-384.
        HmacSha384 = "HMAC_SHA_384",
        /// HMAC with SHA-256.
        HmacSha256 = "HMAC_SHA_256",
        /// HMAC with SHA-224.
        HmacSha224 = "HMAC_SHA_224",
        /// HMAC with SHA-512.
        HmacSha512 = "HMAC_SHA_512",
    }
}

names! {
    /// `KeyAgreementAlgorithm`.
    KeyAgreementAlgorithm {
        /// The cofactor Diffie-Hellman of NIST SP 800-56A.
        Ecdh = "ECDH",
    }
}

names! {
    /// `RotationType`: why material was rotated.
    RotationType {
        /// Its time had come.
        Automatic = "AUTOMATIC",
        /// Somebody asked for it.
        OnDemand = "ON_DEMAND",
    }
}

names! {
    /// `IncludeKeyMaterial` of ListKeyRotations.
    #[derive(Default)]
    IncludeKeyMaterial {
        /// The first material, and material that waits for its rotation, too.
        AllKeyMaterial = "ALL_KEY_MATERIAL",
        /// What came by a rotation.
        #[default]
        RotationsOnly = "ROTATIONS_ONLY",
    }
}

names! {
    /// `KeyMaterialState`.
    KeyMaterialState {
        /// It decrypts only.
        NonCurrent = "NON_CURRENT",
        /// It encrypts and decrypts.
        Current = "CURRENT",
        /// Imported; a rotation on demand makes it current.
        PendingRotation = "PENDING_ROTATION",
    }
}

names! {
    /// `ImportState`: whether imported material is there.
    ImportState {
        /// It is.
        Imported = "IMPORTED",
        /// It was deleted, or has expired.
        PendingImport = "PENDING_IMPORT",
    }
}

names! {
    /// `ExpirationModel` of imported material.
    #[derive(Default)]
    ExpirationModel {
        /// It is deleted at a given time.
        #[default]
        Expires = "KEY_MATERIAL_EXPIRES",
        /// It stays until it is deleted.
        DoesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
}

names! {
    /// `ImportType`: whether the material was this key's before.
    ImportType {
        /// It was not.
        New = "NEW_KEY_MATERIAL",
        /// It was.
        Existing = "EXISTING_KEY_MATERIAL",
    }
}

names! {
    /// `WrappingAlgorithm`: how material is encrypted for its import.
    WrappingAlgorithm {
        /// RSA with the padding of PKCS #1 v1.5, which AWS has given up.
        RsaesPkcs1V15 = "RSAES_PKCS1_V1_5",
        /// RSA-OAEP with SHA-1.
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        /// RSA-OAEP with SHA-256.
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        /// AES key wrap with padding, its key under RSA-OAEP with SHA-1.
        RsaAesKeyWrapSha1 = "RSA_AES_KEY_WRAP_SHA_1",
        /// AES key wrap with padding, its key under RSA-OAEP with SHA-256.
        RsaAesKeyWrapSha256 = "RSA_AES_KEY_WRAP_SHA_256",
        /// SM2 (regions of China only).
        Sm2Pke = "SM2PKE",
    }
}

names! {
    /// `WrappingKeySpec`: the key that material is encrypted to for its import.
    WrappingKeySpec {
        /// RSA, 2048 bits.
        Rsa2048 = "RSA_2048",
        /// RSA, 3072 bits.
        Rsa3072 = "RSA_3072",
        /// RSA, 4096 bits.
        Rsa4096 = "RSA_4096",
        /// SM2 (regions of China only).
        Sm2 = "SM2",
    }
}

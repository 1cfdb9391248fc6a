//! The operations that a grant can permit.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-grant-operations>

use serde::{Deserialize, Serialize};

use crate::error::KmsError;
use crate::kind::{KeySpec, KeyUsage};

macro_rules! grant_operations {
    ($($(#[$doc:meta])* $name:ident)+) => {
        /// An operation that a grant can permit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum GrantOperation {
            $($(#[$doc])* $name,)+
        }

        impl GrantOperation {
            /// All of them, in the order of the API's model.
            pub const ALL: &[GrantOperation] = &[$(GrantOperation::$name,)+];

            /// The name in the API, which is that of the action without `kms:`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(GrantOperation::$name => stringify!($name),)+
                }
            }
        }
    };
}

grant_operations! {
    /// Decrypt.
    Decrypt
    /// Encrypt.
    Encrypt
    /// GenerateDataKey.
    GenerateDataKey
    /// GenerateDataKeyWithoutPlaintext.
    GenerateDataKeyWithoutPlaintext
    /// ReEncrypt away from the key.
    ReEncryptFrom
    /// ReEncrypt to the key.
    ReEncryptTo
    /// Sign.
    Sign
    /// Verify.
    Verify
    /// GetPublicKey.
    GetPublicKey
    /// CreateGrant, of grants that permit no more than this one.
    CreateGrant
    /// RetireGrant, of this grant.
    RetireGrant
    /// DescribeKey.
    DescribeKey
    /// GenerateDataKeyPair.
    GenerateDataKeyPair
    /// GenerateDataKeyPairWithoutPlaintext.
    GenerateDataKeyPairWithoutPlaintext
    /// GenerateMac.
    GenerateMac
    /// VerifyMac.
    VerifyMac
    /// DeriveSharedSecret.
    DeriveSharedSecret
}

impl GrantOperation {
    /// The operation of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<GrantOperation> {
        GrantOperation::ALL
            .iter()
            .copied()
            .find(|operation| operation.as_str() == name)
    }

    /// The operation that an action of policies stands for, if a grant can permit it.
    pub(crate) fn of_action(action: &str) -> Option<GrantOperation> {
        action.strip_prefix("kms:").and_then(GrantOperation::parse)
    }

    /// True for the operations that take an encryption context, to which constraints apply.
    pub(crate) fn takes_encryption_context(self) -> bool {
        use GrantOperation as Op;
        matches!(
            self,
            Op::Decrypt
                | Op::Encrypt
                | Op::GenerateDataKey
                | Op::GenerateDataKeyWithoutPlaintext
                | Op::GenerateDataKeyPair
                | Op::GenerateDataKeyPairWithoutPlaintext
                | Op::ReEncryptFrom
                | Op::ReEncryptTo
        )
    }

    /// True if a key of this kind supports the operation.
    fn fits(self, spec: KeySpec, usage: KeyUsage) -> bool {
        use GrantOperation as Op;
        match self {
            Op::CreateGrant | Op::RetireGrant | Op::DescribeKey => true,
            Op::GetPublicKey => spec.is_asymmetric(),
            Op::Encrypt | Op::Decrypt | Op::ReEncryptFrom | Op::ReEncryptTo => {
                usage == KeyUsage::EncryptDecrypt
            }
            Op::GenerateDataKey
            | Op::GenerateDataKeyWithoutPlaintext
            | Op::GenerateDataKeyPair
            | Op::GenerateDataKeyPairWithoutPlaintext => spec == KeySpec::SymmetricDefault,
            Op::Sign | Op::Verify => usage == KeyUsage::SignVerify,
            Op::GenerateMac | Op::VerifyMac => usage == KeyUsage::GenerateVerifyMac,
            Op::DeriveSharedSecret => usage == KeyUsage::KeyAgreement,
        }
    }

    /// Parses the `Operations` of a request: in the order of the model, none twice.
    pub(crate) fn parse_all(names: &[String]) -> Result<Vec<GrantOperation>, KmsError> {
        let parsed: Option<Vec<_>> = names
            .iter()
            .map(|name| GrantOperation::parse(name))
            .collect();
        match parsed {
            Some(mut operations) if !operations.is_empty() => {
                operations.sort_unstable();
                operations.dedup();
                Ok(operations)
            }
            _ => {
                let known: Vec<_> = GrantOperation::ALL.iter().map(|it| it.as_str()).collect();
                let given: String = names.join(", ").chars().take(256).collect();
                Err(KmsError::Validation(format!(
                    "1 validation error detected: Value '[{given}]' at 'operations' failed to satisfy \
                     constraint: Member must satisfy constraint: [Member must satisfy enum value set: [{}]]",
                    known.join(", ")
                )))
            }
        }
    }

    /// Refuses operations that a key of this kind does not support.
    pub(crate) fn check_fit(
        operations: &[GrantOperation],
        spec: KeySpec,
        usage: KeyUsage,
    ) -> Result<(), KmsError> {
        match operations.iter().find(|it| !it.fits(spec, usage)) {
            None => Ok(()),
            Some(operation) => Err(KmsError::Validation(format!(
                "The grant operation {} is not supported by a KMS key with key usage {usage} and key spec {spec}.",
                operation.as_str()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn fitting(spec: KeySpec, usage: KeyUsage) -> Vec<&'static str> {
        let fitting = GrantOperation::ALL.iter().filter(|it| it.fits(spec, usage));
        fitting.map(|it| it.as_str()).collect()
    }

    #[test]
    fn a_key_supports_the_operations_of_its_usage() {
        assert_eq!(
            fitting(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac),
            [
                "CreateGrant",
                "RetireGrant",
                "DescribeKey",
                "GenerateMac",
                "VerifyMac"
            ]
        );
        assert_eq!(
            fitting(KeySpec::Rsa2048, KeyUsage::SignVerify),
            [
                "Sign",
                "Verify",
                "GetPublicKey",
                "CreateGrant",
                "RetireGrant",
                "DescribeKey"
            ]
        );
        assert_eq!(
            fitting(KeySpec::EccNistP256, KeyUsage::KeyAgreement),
            [
                "GetPublicKey",
                "CreateGrant",
                "RetireGrant",
                "DescribeKey",
                "DeriveSharedSecret"
            ]
        );
        assert!(!fitting(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt).contains(&"GenerateDataKey"));
        let symmetric = fitting(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        assert!(symmetric.contains(&"GenerateDataKeyPair") && !symmetric.contains(&"GetPublicKey"));
        assert_eq!(symmetric.len(), 11);
    }

    #[test]
    fn the_operations_of_a_request_are_a_set_of_known_names() {
        let parse = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            GrantOperation::parse_all(&names)
        };
        assert_eq!(
            parse(&["Encrypt", "Decrypt", "Encrypt"]).unwrap(),
            [GrantOperation::Decrypt, GrantOperation::Encrypt]
        );
        for bad in [
            &[][..],
            &["ScheduleKeyDeletion"],
            &["decrypt"],
            &["Decrypt", ""],
        ] {
            assert_eq!(parse(bad).unwrap_err().code(), "ValidationException");
        }
    }
}

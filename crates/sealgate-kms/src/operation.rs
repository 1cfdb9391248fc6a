//! The operations: their names, what the trail calls them, and in which key states they work.

use crate::error::KmsError;
use crate::key::{KeyRecord, KeyState};
use crate::kind::KeyUsage;

macro_rules! operations {
    ($($name:ident)+) => {
        /// An operation of the KMS.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Operation {
            $($name,)+
        }

        impl Operation {
            /// The action that policies name. ReEncrypt has two of its own, see there.
            pub(crate) fn action(self) -> &'static str {
                match self {
                    $(Operation::$name => concat!("kms:", stringify!($name)),)+
                }
            }

            /// The operation that an action on keys belongs to.
            pub(crate) fn of_action(action: &str) -> Option<Operation> {
                match action {
                    "kms:ReEncryptFrom" | "kms:ReEncryptTo" => Some(Operation::ReEncrypt),
                    $(concat!("kms:", stringify!($name)) => Some(Operation::$name),)+
                    _ => None,
                }
            }

            /// The name of the operation, as in the API and in the trail.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Operation::$name => stringify!($name),)+
                }
            }
        }
    };
}

operations! {
    CreateKey DescribeKey ListKeys EnableKey DisableKey UpdateKeyDescription
    ScheduleKeyDeletion CancelKeyDeletion
    CreateAlias UpdateAlias DeleteAlias ListAliases
    PutKeyPolicy GetKeyPolicy ListKeyPolicies
    TagResource UntagResource ListResourceTags
    Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateRandom
    GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
    Sign Verify GetPublicKey GenerateMac VerifyMac DeriveSharedSecret
    EnableKeyRotation DisableKeyRotation GetKeyRotationStatus RotateKeyOnDemand ListKeyRotations
    GetParametersForImport ImportKeyMaterial DeleteImportedKeyMaterial
    GetKeyLastUsage
    CreateGrant ListGrants RetireGrant RevokeGrant ListRetirableGrants
    CreateCustomKeyStore UpdateCustomKeyStore DeleteCustomKeyStore DescribeCustomKeyStores
    ConnectCustomKeyStore DisconnectCustomKeyStore
    ReplicateKey UpdatePrimaryRegion
}

impl Operation {
    /// True for the operations that use key material.
    pub(crate) fn is_crypto(self) -> bool {
        matches!(
            self,
            Operation::Encrypt
                | Operation::Decrypt
                | Operation::ReEncrypt
                | Operation::GenerateDataKey
                | Operation::GenerateDataKeyWithoutPlaintext
                | Operation::GenerateDataKeyPair
                | Operation::GenerateDataKeyPairWithoutPlaintext
                | Operation::Sign
                | Operation::Verify
                | Operation::GenerateMac
                | Operation::VerifyMac
                | Operation::DeriveSharedSecret
        )
    }

    /// True for the operations on imported material.
    pub(crate) fn is_import(self) -> bool {
        matches!(
            self,
            Operation::GetParametersForImport
                | Operation::ImportKeyMaterial
                | Operation::DeleteImportedKeyMaterial
        )
    }

    /// The usage that a key must have for the operation.
    pub(crate) fn usage(self) -> Option<KeyUsage> {
        match self {
            Operation::Encrypt
            | Operation::Decrypt
            | Operation::ReEncrypt
            | Operation::GenerateDataKey
            | Operation::GenerateDataKeyWithoutPlaintext
            | Operation::GenerateDataKeyPair
            | Operation::GenerateDataKeyPairWithoutPlaintext => Some(KeyUsage::EncryptDecrypt),
            Operation::Sign | Operation::Verify => Some(KeyUsage::SignVerify),
            Operation::GenerateMac | Operation::VerifyMac => Some(KeyUsage::GenerateVerifyMac),
            Operation::DeriveSharedSecret => Some(KeyUsage::KeyAgreement),
            _ => None,
        }
    }

    /// Refuses to use a key for what it is not made for, or in a state that does not permit it; in this
    /// order, as AWS does.
    pub(crate) fn check_use(self, key: &KeyRecord, arn: &str) -> Result<(), KmsError> {
        if self.usage().is_some_and(|usage| usage != key.usage) {
            return Err(KmsError::InvalidKeyUsage(format!(
                "{arn} key usage is {} which is not valid for {}.",
                key.usage,
                self.name()
            )));
        }
        self.check_state(key.state, arn)
    }

    /// `readOnly` of the trail: CloudTrail counts uses of a key as reading.
    pub(crate) fn is_read_only(self) -> bool {
        self.is_crypto()
            || matches!(
                self,
                Operation::DescribeKey
                    | Operation::ListKeys
                    | Operation::GetKeyRotationStatus
                    | Operation::ListKeyRotations
                    | Operation::ListAliases
                    | Operation::GetKeyPolicy
                    | Operation::ListKeyPolicies
                    | Operation::ListResourceTags
                    | Operation::GenerateRandom
                    | Operation::GetPublicKey
                    | Operation::GetParametersForImport
                    | Operation::GetKeyLastUsage
                    | Operation::ListGrants
                    | Operation::ListRetirableGrants
                    | Operation::DescribeCustomKeyStores
            )
    }

    /// True if a key policy can permit the operation to another account.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html>
    pub(crate) fn crosses_accounts(self) -> bool {
        self.is_crypto()
            || matches!(
                self,
                Operation::DescribeKey
                    | Operation::GetKeyRotationStatus
                    | Operation::GetPublicKey
                    | Operation::CreateGrant
                    | Operation::ListGrants
                    | Operation::RetireGrant
                    | Operation::RevokeGrant
            )
    }

    /// True if an alias may name the key.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/alias-about.html>
    pub(crate) fn takes_alias(self) -> bool {
        self.is_crypto() || matches!(self, Operation::DescribeKey | Operation::GetPublicKey)
    }

    /// Refuses the operation where the state of the key does not permit it.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>
    pub(crate) fn check_state(self, state: KeyState, arn: &str) -> Result<(), KmsError> {
        use Operation as Op;
        let invalid = |what: &str| Err(KmsError::InvalidState(format!("{arn} is {what}.")));
        let uses_key = self.is_crypto()
            || matches!(
                self,
                Op::GetPublicKey | Op::CreateGrant | Op::ReplicateKey | Op::UpdatePrimaryRegion
            );
        match state {
            KeyState::PendingDeletion if self == Op::CancelKeyDeletion => Ok(()),
            _ if self == Op::CancelKeyDeletion => invalid("not pending deletion"),
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => match self {
                Op::EnableKeyRotation | Op::DisableKeyRotation | Op::RotateKeyOnDemand => {
                    Err(disabled(arn))
                }
                _ if uses_key => Err(disabled(arn)),
                _ => Ok(()),
            },
            KeyState::PendingDeletion => match self {
                Op::EnableKey
                | Op::DisableKey
                | Op::ScheduleKeyDeletion
                | Op::CreateAlias
                | Op::UpdateAlias
                | Op::TagResource
                | Op::UntagResource
                | Op::UpdateKeyDescription
                | Op::EnableKeyRotation
                | Op::DisableKeyRotation
                | Op::RotateKeyOnDemand
                | Op::GetParametersForImport
                | Op::ImportKeyMaterial => invalid("pending deletion"),
                _ if uses_key => invalid("pending deletion"),
                _ => Ok(()),
            },
            KeyState::PendingImport => match self {
                Op::EnableKey | Op::DisableKey | Op::RotateKeyOnDemand => invalid("pending import"),
                _ if uses_key => invalid("pending import"),
                _ => Ok(()),
            },
            // The store behind the key cannot be reached; what it needs not do still works.
            KeyState::Unavailable => match self {
                Op::CreateGrant => Ok(()),
                _ if uses_key => invalid("unavailable"),
                _ => Ok(()),
            },
        }
    }
}

fn disabled(arn: &str) -> KmsError {
    KmsError::Disabled {
        arn: arn.to_owned(),
    }
}

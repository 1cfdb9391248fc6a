//! The operations: their names, what the trail calls them, and in which key states they work.

use crate::error::KmsError;
use crate::key::KeyState;

/// An operation of the KMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    CreateKey,
    DescribeKey,
    ListKeys,
    EnableKey,
    DisableKey,
    UpdateKeyDescription,
    GetKeyRotationStatus,
    ScheduleKeyDeletion,
    CancelKeyDeletion,
    CreateAlias,
    UpdateAlias,
    DeleteAlias,
    ListAliases,
    PutKeyPolicy,
    GetKeyPolicy,
    ListKeyPolicies,
    TagResource,
    UntagResource,
    ListResourceTags,
    Encrypt,
    Decrypt,
    ReEncrypt,
    GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
    GenerateRandom,
}

impl Operation {
    /// The action that policies name. ReEncrypt has two of its own, see there.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Operation::CreateKey => "kms:CreateKey",
            Operation::DescribeKey => "kms:DescribeKey",
            Operation::ListKeys => "kms:ListKeys",
            Operation::EnableKey => "kms:EnableKey",
            Operation::DisableKey => "kms:DisableKey",
            Operation::UpdateKeyDescription => "kms:UpdateKeyDescription",
            Operation::GetKeyRotationStatus => "kms:GetKeyRotationStatus",
            Operation::ScheduleKeyDeletion => "kms:ScheduleKeyDeletion",
            Operation::CancelKeyDeletion => "kms:CancelKeyDeletion",
            Operation::CreateAlias => "kms:CreateAlias",
            Operation::UpdateAlias => "kms:UpdateAlias",
            Operation::DeleteAlias => "kms:DeleteAlias",
            Operation::ListAliases => "kms:ListAliases",
            Operation::PutKeyPolicy => "kms:PutKeyPolicy",
            Operation::GetKeyPolicy => "kms:GetKeyPolicy",
            Operation::ListKeyPolicies => "kms:ListKeyPolicies",
            Operation::TagResource => "kms:TagResource",
            Operation::UntagResource => "kms:UntagResource",
            Operation::ListResourceTags => "kms:ListResourceTags",
            Operation::Encrypt => "kms:Encrypt",
            Operation::Decrypt => "kms:Decrypt",
            Operation::ReEncrypt => "kms:ReEncrypt",
            Operation::GenerateDataKey => "kms:GenerateDataKey",
            Operation::GenerateDataKeyWithoutPlaintext => "kms:GenerateDataKeyWithoutPlaintext",
            Operation::GenerateRandom => "kms:GenerateRandom",
        }
    }

    /// The name of the operation, as in the API and in the trail.
    pub(crate) fn name(self) -> &'static str {
        self.action().trim_start_matches("kms:")
    }

    /// True for the operations that use key material.
    pub(crate) fn is_crypto(self) -> bool {
        matches!(
            self,
            Operation::Encrypt
                | Operation::Decrypt
                | Operation::ReEncrypt
                | Operation::GenerateDataKey
                | Operation::GenerateDataKeyWithoutPlaintext
        )
    }

    /// `readOnly` of the trail: CloudTrail counts uses of a key as reading.
    pub(crate) fn is_read_only(self) -> bool {
        self.is_crypto()
            || matches!(
                self,
                Operation::DescribeKey
                    | Operation::ListKeys
                    | Operation::GetKeyRotationStatus
                    | Operation::ListAliases
                    | Operation::GetKeyPolicy
                    | Operation::ListKeyPolicies
                    | Operation::ListResourceTags
                    | Operation::GenerateRandom
            )
    }

    /// True if a key policy can permit the operation to another account.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html>
    pub(crate) fn crosses_accounts(self) -> bool {
        self.is_crypto()
            || matches!(
                self,
                Operation::DescribeKey | Operation::GetKeyRotationStatus
            )
    }

    /// True if an alias may name the key.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/alias-about.html>
    pub(crate) fn takes_alias(self) -> bool {
        self.is_crypto() || self == Operation::DescribeKey
    }

    /// Refuses the operation where the state of the key does not permit it.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>
    pub(crate) fn check_state(self, state: KeyState, arn: &str) -> Result<(), KmsError> {
        let pending = || {
            Err(KmsError::InvalidState(format!(
                "{arn} is pending deletion."
            )))
        };
        match (self, state) {
            (Operation::CancelKeyDeletion, KeyState::PendingDeletion) => Ok(()),
            (Operation::CancelKeyDeletion, _) => Err(KmsError::InvalidState(format!(
                "{arn} is not pending deletion."
            ))),
            (_, KeyState::Enabled) => Ok(()),
            (operation, KeyState::Disabled) if operation.is_crypto() => Err(KmsError::Disabled {
                arn: arn.to_owned(),
            }),
            (_, KeyState::Disabled) => Ok(()),
            (operation, KeyState::PendingDeletion) if operation.is_crypto() => pending(),
            (
                Operation::EnableKey
                | Operation::DisableKey
                | Operation::ScheduleKeyDeletion
                | Operation::CreateAlias
                | Operation::UpdateAlias
                | Operation::TagResource
                | Operation::UntagResource
                | Operation::UpdateKeyDescription,
                KeyState::PendingDeletion,
            ) => pending(),
            (_, KeyState::PendingDeletion) => Ok(()),
        }
    }
}

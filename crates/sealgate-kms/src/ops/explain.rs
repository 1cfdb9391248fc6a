//! Why a use of a key is allowed or refused, without using it and without a trace of it in the trail.

use sealgate_policy::{Context, Explanation, explain};

use crate::access::{add_encryption_context, decide, key_context};
use crate::attempt::Attempt;
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::kind::KeySpec;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::types::{Call, SYMMETRIC_DEFAULT};

impl Kms {
    /// What the policies and grants say about an action of this caller on this key: the same finding and
    /// the same judgement as of the operation itself. `action` is an action of policies, such as
    /// `kms:Decrypt` or `kms:ReEncryptFrom`; `complete` adds condition keys that follow from parameters
    /// not named here. The state of the key is not looked at.
    ///
    /// # Errors
    /// [`KmsError::Validation`] for an action that concerns no key; else as the operation itself where the
    /// name stands for no key that the caller may know of.
    pub async fn explain_use(
        &self,
        call: &Call<'_>,
        key_id: &str,
        action: &str,
        encryption_context: &EncryptionContext,
        complete: impl FnOnce(&mut Context),
    ) -> Result<Explanation, KmsError> {
        let operation = Operation::of_action(action).ok_or_else(|| {
            KmsError::Validation(format!("{action} is not an action on KMS keys."))
        })?;
        let mut attempt = Attempt::begin(call, operation);
        let found = self.find(&mut attempt, action, key_id, "keyId").await?;
        let mut context = key_context(&attempt, &found);
        if operation.is_crypto() && found.key.record.spec == KeySpec::SymmetricDefault {
            context.insert("kms:EncryptionAlgorithm", SYMMETRIC_DEFAULT);
        }
        add_encryption_context(&mut context, encryption_context);
        complete(&mut context);
        let account = found.key.record.account.to_string();
        let (access, _) = decide(&attempt.caller, &found, action, &account, &context);
        Ok(explain(&access))
    }
}

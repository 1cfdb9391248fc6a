//! The judgement of a key use without its cryptography, for Bucket Keys that are kept in memory.

use crate::attempt::Attempt;
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::types::{Call, CryptoOptions};

/// A use of a data key that was made or opened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachedUse {
    /// A new object is wrapped under it: asks as GenerateDataKey.
    GenerateDataKey,
    /// An object that is wrapped under it is read: asks as Decrypt.
    Decrypt,
}

impl Kms {
    /// Whether the caller may use this key for this now: state and permission are judged as for the
    /// operation itself. A refusal leaves the record that the operation would leave; an allowed use
    /// leaves none, because the KMS is not called, as with Bucket Keys at AWS.
    ///
    /// # Errors
    /// As the operation itself.
    pub async fn check_cached_use(
        &self,
        call: &Call<'_>,
        key_id: &str,
        cached: CachedUse,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        let operation = match cached {
            CachedUse::GenerateDataKey => Operation::GenerateDataKey,
            CachedUse::Decrypt => Operation::Decrypt,
        };
        let mut attempt = Attempt::begin(call, operation);
        attempt.parameter("keyId", key_id);
        let options = CryptoOptions::default();
        super::crypto::note_use(&mut attempt, context, &options);
        match self
            .find_usable(&mut attempt, key_id, context, &options)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => self.conclude(attempt, Err(error)).await,
        }
    }
}

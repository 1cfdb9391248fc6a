//! GenerateRandom.

use zeroize::Zeroizing;

use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::Kms;
use crate::material::no_random;
use crate::operation::Operation;
use crate::paging::out_of_range;
use crate::types::Call;

/// The most random bytes at once, for GenerateDataKey too.
pub(crate) const MAX_BYTES: usize = 1024;

impl Kms {
    /// GenerateRandom.
    ///
    /// # Errors
    /// As AWS documents for GenerateRandom.
    pub async fn generate_random(
        &self,
        call: &Call<'_>,
        number_of_bytes: Option<i64>,
        custom_key_store_id: Option<&str>,
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GenerateRandom);
        attempt.optional("numberOfBytes", number_of_bytes);
        attempt.optional("customKeyStoreId", custom_key_store_id);
        let result = async {
            let context = attempt.context();
            let account =
                self.permit_in_account(&mut attempt, "kms:GenerateRandom", "*", &context)?;
            if let Some(id) = custom_key_store_id {
                let store = self.key_store(account, id).await?;
                return Err(KmsError::Unsupported(format!(
                    "The custom key store {} is an external key store, which generates no random numbers.",
                    store.record.id
                )));
            }
            let wanted = number_of_bytes
                .ok_or_else(|| KmsError::Validation("NumberOfBytes is required.".to_owned()))?;
            random_bytes(byte_count(wanted)?)
        }
        .await;
        self.conclude(attempt, result).await
    }
}

/// A number of bytes that may be asked for.
pub(crate) fn byte_count(wanted: i64) -> Result<usize, KmsError> {
    usize::try_from(wanted)
        .ok()
        .filter(|wanted| (1..=MAX_BYTES).contains(wanted))
        .ok_or_else(|| out_of_range("numberOfBytes", wanted, 1, MAX_BYTES))
}

pub(crate) fn random_bytes(count: usize) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    sealgate_crypto::random::fill(&mut bytes).map_err(no_random)?;
    Ok(bytes)
}

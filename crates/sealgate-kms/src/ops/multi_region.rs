//! ReplicateKey, UpdatePrimaryRegion. A gateway serves one Region, so a primary key has nowhere to be replicated
//! to: both end, after everything else was judged, with AWS's refusal of a Region that is not there.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html>

use std::convert::Infallible;

use crate::access::{Found, refuse_managed};
use crate::arn::check_length;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::types::Call;

const MAX_REGION: usize = 32;

impl Kms {
    /// ReplicateKey.
    ///
    /// # Errors
    /// As AWS documents for ReplicateKey; a Region other than the gateway's is [`KmsError::Unsupported`].
    pub async fn replicate_key(
        &self,
        call: &Call<'_>,
        key_id: &str,
        replica_region: &str,
    ) -> Result<Infallible, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ReplicateKey);
        attempt.parameter("keyId", key_id);
        attempt.parameter("replicaRegion", replica_region);
        let condition = ("kms:ReplicaRegion", "replicaRegion");
        let found = self
            .find_primary(&mut attempt, key_id, condition, replica_region)
            .await;
        let refusal = match found {
            Err(refusal) => refusal,
            Ok(found) if replica_region == self.inner.region => KmsError::AlreadyExists(format!(
                "{} cannot be replicated to {replica_region}: it exists there already.",
                found.key.arn
            )),
            Ok(_) => KmsError::Unsupported(format!(
                "Region {replica_region} is not available: this endpoint serves {} alone.",
                self.inner.region
            )),
        };
        self.conclude(attempt, Err(refusal)).await
    }

    /// UpdatePrimaryRegion.
    ///
    /// # Errors
    /// As AWS documents for UpdatePrimaryRegion; there is never a replica that could become the primary key.
    pub async fn update_primary_region(
        &self,
        call: &Call<'_>,
        key_id: &str,
        primary_region: &str,
    ) -> Result<Infallible, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::UpdatePrimaryRegion);
        attempt.parameter("keyId", key_id);
        attempt.parameter("primaryRegion", primary_region);
        let condition = ("kms:PrimaryRegion", "primaryRegion");
        let found = self
            .find_primary(&mut attempt, key_id, condition, primary_region)
            .await;
        let refusal = match found {
            Err(refusal) => refusal,
            Ok(found) if primary_region == self.inner.region => {
                KmsError::Unsupported(format!("{} is the primary key already.", found.key.arn))
            }
            Ok(found) => {
                let (here, there) = (&self.inner.region, primary_region);
                let replica = found.key.arn.replacen(here.as_str(), there, 1);
                KmsError::NotFound(format!("Key '{replica}' does not exist"))
            }
        };
        self.conclude(attempt, Err(refusal)).await
    }

    /// The primary key that a request names, together with a Region.
    async fn find_primary(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        (condition, parameter): (&str, &str),
        region: &str,
    ) -> Result<Found, KmsError> {
        check_region(region, parameter)?;
        let found = self
            .find_permitted(attempt, key_id, "keyId", |context| {
                context.insert(condition, region);
            })
            .await?;
        refuse_managed(attempt, &found)?;
        match found.key.record.multi_region {
            true => Ok(found),
            false => Err(KmsError::Unsupported(format!(
                "{} is not a multi-Region primary key.",
                found.key.arn
            ))),
        }
    }
}

/// Refuses what is not the name of a Region: two or three words and a number.
fn check_region(region: &str, parameter: &str) -> Result<(), KmsError> {
    check_length(region, parameter, MAX_REGION)?;
    let mut parts = region.split('-');
    let number = parts.next_back().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    if (2..=3).contains(&words.len()) && words.iter().all(word) && is_number {
        return Ok(());
    }
    Err(KmsError::Validation(format!(
        "1 validation error detected: Value '{region}' at '{parameter}' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: ^([a-z]+-){{2,3}}\\d+$"
    )))
}

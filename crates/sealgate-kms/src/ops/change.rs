//! The way every change of one key is made.

use sealgate_index::RecordWrite;
use sealgate_policy::Context;
use time::OffsetDateTime;

use crate::access::{Found, refuse_managed};
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::key::KeyRecord;
use crate::kms::Kms;
use crate::store::{retime, update_key};

/// How often a change is tried anew when another one came first.
pub(crate) const TRIES: usize = 32;

/// The refusal when others always came first.
pub(crate) fn too_busy() -> KmsError {
    KmsError::Internal("other changes of the same key kept coming first".to_owned())
}

impl Kms {
    /// Changes a key: finds it, asks whether the caller may, lets `change` edit it and name further writes,
    /// and writes all or nothing. If another change came first, everything is asked again, permission too.
    pub(crate) async fn change_key<T>(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        complete: impl Fn(&mut Context),
        change: impl Fn(&mut KeyRecord, OffsetDateTime) -> Result<(T, Vec<RecordWrite>), KmsError>,
    ) -> Result<(T, Found), KmsError> {
        for _ in 0..TRIES {
            let found = self
                .find_permitted(attempt, key_id, "keyId", &complete)
                .await?;
            refuse_managed(attempt, &found)?;
            attempt.responds("keyId", found.key.arn.as_str());
            let mut record = found.key.record.clone();
            let (outcome, mut writes) = change(&mut record, attempt.now())?;
            writes.push(update_key(&found.key, &record)?);
            writes.extend(retime(Some(&found.key.record), Some(&record)));
            if self.inner.store.write(writes).await? {
                return Ok((outcome, found));
            }
        }
        Err(too_busy())
    }
}

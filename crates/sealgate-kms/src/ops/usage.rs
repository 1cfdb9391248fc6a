//! GetKeyLastUsage.

use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::types::{Call, KeyLastUsage, LastUse};

impl Kms {
    /// GetKeyLastUsage.
    ///
    /// # Errors
    /// As AWS documents for GetKeyLastUsage.
    pub async fn get_key_last_usage(
        &self,
        call: &Call<'_>,
        key_id: &str,
    ) -> Result<KeyLastUsage, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GetKeyLastUsage);
        attempt.parameter("keyId", key_id);
        let result = async {
            let found = self
                .find_permitted(&mut attempt, key_id, "keyId", |_| ())
                .await?;
            let (key, usage) = (&found.key.record, &self.inner.usage);
            let last = usage.last(key.account, key.id).await?;
            Ok(KeyLastUsage {
                key_id: key.key_id().to_string(),
                created: key.created,
                tracked_since: usage.since.max(key.created),
                uses: last
                    .as_ref()
                    .map(|last| last.uses.clone())
                    .unwrap_or_default(),
                last: last.map(|last| LastUse {
                    operation: last.operation,
                    at: last.at,
                    event_id: last.event_id.to_string(),
                    request_id: last.request_id,
                }),
            })
        }
        .await;
        self.conclude(attempt, result).await
    }
}

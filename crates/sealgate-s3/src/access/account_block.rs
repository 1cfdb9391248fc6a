//! What an account blocks in all its buckets, beside what each blocks itself: the stricter counts.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/configuring-block-public-access-account.html>

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use sealgate_index::{Bucket, Expect, Index, RecordWrite};
use tokio::sync::Mutex;

use super::Sharing;
use super::public_access_block::PublicAccessBlock;
use crate::S3;
use crate::error::{Code, Result};

const NAMESPACE: &str = "s3-account-public-access-block";

/// The settings of accounts, as they are in the index; nobody else writes there while this process holds the
/// folder. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccountBlocks(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: RwLock<HashMap<String, Option<PublicAccessBlock>>>,
    /// One change at a time, so that what is known is what was written last.
    changing: Mutex<()>,
}

impl AccountBlocks {
    /// What an account blocks; `None` where it never said. What cannot be read is an error: it may forbid what is
    /// about to happen.
    pub(crate) async fn get(
        &self,
        index: &Index,
        account: &str,
    ) -> Result<Option<PublicAccessBlock>> {
        if let Some(known) = self.0.known.read().get(account) {
            return Ok(*known);
        }
        let block = match index.record(NAMESPACE, account).await? {
            None => None,
            Some(record) => Some(serde_json::from_slice(&record.body).map_err(|error| {
                tracing::error!(account, %error, "what an account blocks is damaged");
                Code::InternalError
            })?),
        };
        // A change that was written meanwhile is the newer.
        Ok(*self
            .0
            .known
            .write()
            .entry(account.to_owned())
            .or_insert(block))
    }

    /// Sets what an account blocks from now on.
    pub(crate) async fn set(
        &self,
        index: &Index,
        account: String,
        block: Option<PublicAccessBlock>,
    ) -> Result<()> {
        let body = block.as_ref().map(serde_json::to_vec).transpose();
        let body = body.map_err(|_| Code::InternalError)?;
        let _alone = self.0.changing.lock().await;
        let write = RecordWrite {
            ns: NAMESPACE.to_owned(),
            id: account.clone(),
            expect: Expect::Any,
            body: body.map(Into::into),
        };
        index.write_records(vec![write]).await?;
        self.0.known.write().insert(account, block);
        Ok(())
    }
}

impl S3 {
    /// How a bucket is shared.
    pub(crate) async fn sharing(&self, bucket: &Arc<Bucket>) -> Result<Arc<Sharing>> {
        let account = self.account_blocks.get(&self.index, &bucket.account_id);
        self.sharing.get(bucket, account.await?)
    }
}

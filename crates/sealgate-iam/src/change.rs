//! Changes to the identities of an account: one after the other, each all or nothing.
//!
//! Every change rewrites the account's *generation* record and expects it to be the one it began
//! with. So whatever a change read (quotas, dependants, other records) still holds when it is
//! committed, without a lock in the index; and whatever was computed from records of the account is
//! known to be current as long as the generation has the same revision (see `permissions.rs`).

use sealgate_index::{Expect, IndexError, RecordWrite};
use serde::Serialize;
use tokio::sync::MutexGuard;

use crate::Iam;
use crate::error::IamError;
use crate::records::{self, GENERATIONS};

/// A change that is being put together.
pub(crate) struct Change<'a> {
    iam: &'a Iam,
    account_id: String,
    generation: Expect,
    writes: Vec<RecordWrite>,
    /// Within a process changes wait for each other instead of failing. Another process that was
    /// faster is noticed by the generation.
    _turn: MutexGuard<'a, ()>,
}

impl Iam {
    /// Begins a change. Read only after this, and commit; never begin another one in between.
    pub(crate) async fn begin(&self, account_id: &str) -> Result<Change<'_>, IamError> {
        let turn = self.inner.turn.lock().await;
        let generation = match self.index().record(GENERATIONS, account_id).await? {
            Some(record) => Expect::Revision(record.revision),
            None => Expect::Absent,
        };
        Ok(Change {
            iam: self,
            account_id: account_id.to_owned(),
            generation,
            writes: Vec::new(),
            _turn: turn,
        })
    }

    /// The revision that is new after every change to the account's identities.
    pub(crate) async fn generation(&self, account_id: &str) -> Result<i64, IamError> {
        let record = self.index().record(GENERATIONS, account_id).await?;
        Ok(record.map_or(0, |record| record.revision))
    }
}

impl Change<'_> {
    /// Writes a record, whether or not it exists.
    pub fn put<T: Serialize>(&mut self, ns: &str, id: &str, value: &T) -> Result<(), IamError> {
        self.writes
            .push(records::write(ns, id, Expect::Any, value)?);
        Ok(())
    }

    /// Writes a record that must not exist, also not as one of another account.
    pub fn create<T: Serialize>(&mut self, ns: &str, id: &str, value: &T) -> Result<(), IamError> {
        self.writes
            .push(records::write(ns, id, Expect::Absent, value)?);
        Ok(())
    }

    /// Deletes a record, if it exists.
    pub fn delete(&mut self, ns: &str, id: &str) {
        self.writes.push(records::delete(ns, id, Expect::Any));
    }

    /// Makes the change durable and effective.
    pub async fn commit(mut self) -> Result<(), IamError> {
        self.writes.push(records::write(
            GENERATIONS,
            &self.account_id,
            self.generation,
            &(),
        )?);
        match self.iam.index().write_records(self.writes).await {
            Ok(()) => Ok(()),
            Err(IndexError::Conflict) => Err(IamError::ConcurrentModification),
            Err(error) => Err(error.into()),
        }
    }
}

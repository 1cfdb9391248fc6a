//! Object Lock: what a version is protected by, and which changes and deletes that allows. Decided with the writer's
//! time inside its transaction, so that nothing slips through between a check and an act.

use rusqlite::Row;
use time::OffsetDateTime;

use crate::{
    IndexError,
    sql::{Result, from_millis, to_millis},
};

/// How strict a retention is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetentionMode {
    /// Who has the permission may go past it.
    Governance,
    /// Nobody may.
    Compliance,
}

/// Until when a version must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How strictly.
    pub mode: RetentionMode,
    /// Until when, in whole milliseconds.
    pub until: OffsetDateTime,
}

/// What protects a version from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lock {
    /// A retention; it may be over.
    pub retention: Option<Retention>,
    /// The legal hold; `None` if it was never set.
    pub legal_hold: Option<bool>,
}

/// A change of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockChange {
    /// Another retention, or none.
    Retention(Option<Retention>),
    /// The legal hold on or off.
    LegalHold(bool),
}

impl Lock {
    /// Whether nothing was ever set.
    pub fn is_empty(&self) -> bool {
        *self == Lock::default()
    }

    /// The retention, if it is not over.
    fn active(&self, now: OffsetDateTime) -> Option<Retention> {
        self.retention.filter(|retention| retention.until > now)
    }

    /// Whether the version must not be deleted.
    pub fn forbids_delete(&self, now: OffsetDateTime, bypass_governance: bool) -> bool {
        let retained = match self.active(now).map(|retention| retention.mode) {
            None => false,
            Some(RetentionMode::Governance) => !bypass_governance,
            Some(RetentionMode::Compliance) => true,
        };
        retained || self.legal_hold == Some(true)
    }

    /// The lock after a change, or [`IndexError::Locked`]. A retention that is not over can be made longer. In
    /// governance mode, whoever may go past it may do anything to it.
    pub fn changed(
        self,
        change: LockChange,
        now: OffsetDateTime,
        bypass_governance: bool,
    ) -> Result<Lock> {
        let wanted = match change {
            LockChange::LegalHold(on) => {
                return Ok(Lock {
                    legal_hold: Some(on),
                    ..self
                });
            }
            LockChange::Retention(wanted) => wanted,
        };
        if let Some(active) = self.active(now) {
            let extends =
                wanted.is_some_and(|new| new.mode == active.mode && new.until >= active.until);
            let bypassed = bypass_governance && active.mode == RetentionMode::Governance;
            if !extends && !bypassed {
                return Err(IndexError::Locked);
            }
        }
        Ok(Lock {
            retention: wanted,
            ..self
        })
    }

    /// A lock from three columns: mode, until, legal hold.
    pub(crate) fn from_columns(row: &Row<'_>, start: usize) -> Result<Lock> {
        let retention = match (
            row.get::<_, Option<i64>>(start)?,
            row.get::<_, Option<i64>>(start + 1)?,
        ) {
            (None, None) => None,
            (Some(mode), Some(until)) => Some(Retention {
                mode: match mode {
                    1 => RetentionMode::Governance,
                    2 => RetentionMode::Compliance,
                    _ => return Err(IndexError::damaged("a retention has an unknown mode")),
                },
                until: from_millis(until)?,
            }),
            _ => return Err(IndexError::damaged("half of a retention is missing")),
        };
        Ok(Lock {
            retention,
            legal_hold: row.get(start + 2)?,
        })
    }

    /// The same columns to write.
    pub(crate) fn to_columns(self) -> (Option<i64>, Option<i64>, Option<bool>) {
        let mode = self.retention.map(|retention| match retention.mode {
            RetentionMode::Governance => 1,
            RetentionMode::Compliance => 2,
        });
        let until = self.retention.map(|retention| to_millis(retention.until));
        (mode, until, self.legal_hold)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use time::Duration;

    use RetentionMode::{Compliance, Governance};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn until(mode: RetentionMode, hours: i64) -> Option<Retention> {
        Some(Retention {
            mode,
            until: NOW + Duration::hours(hours),
        })
    }

    fn lock(retention: Option<Retention>) -> Lock {
        Lock {
            retention,
            legal_hold: None,
        }
    }

    #[test]
    fn which_locks_forbid_a_delete() {
        for (retention, plain, bypassing) in [
            (None, false, false),
            (until(Governance, 1), true, false),
            (until(Compliance, 1), true, true),
            (until(Governance, 0), false, false),
            (until(Compliance, -1), false, false),
        ] {
            let free = lock(retention);
            assert_eq!(free.forbids_delete(NOW, false), plain, "{retention:?}");
            assert_eq!(free.forbids_delete(NOW, true), bypassing, "{retention:?}");
            let held = Lock {
                legal_hold: Some(true),
                ..free
            };
            assert!(held.forbids_delete(NOW, true));
            let released = Lock {
                legal_hold: Some(false),
                ..free
            };
            assert_eq!(released.forbids_delete(NOW, false), plain);
        }
    }

    #[test]
    fn which_changes_a_retention_allows() {
        let (yes, no) = (true, false);
        for (from, to, plain, bypassing) in [
            (None, until(Compliance, 1), yes, yes),
            (None, None, yes, yes),
            (until(Governance, 2), until(Governance, 3), yes, yes),
            (until(Governance, 2), until(Governance, 2), yes, yes),
            (until(Governance, 2), until(Governance, 1), no, yes),
            (until(Governance, 2), until(Compliance, 3), no, yes),
            (until(Governance, 2), None, no, yes),
            (until(Governance, -1), None, yes, yes),
            (until(Compliance, 2), until(Compliance, 3), yes, yes),
            (until(Compliance, 2), until(Compliance, 1), no, no),
            (until(Compliance, 2), until(Governance, 3), no, no),
            (until(Compliance, 2), None, no, no),
            (until(Compliance, 0), until(Governance, 1), yes, yes),
        ] {
            for (bypass, allowed) in [(false, plain), (true, bypassing)] {
                let changed = lock(from).changed(LockChange::Retention(to), NOW, bypass);
                let expected = if allowed {
                    Ok(lock(to))
                } else {
                    Err(IndexError::Locked)
                };
                assert_eq!(changed, expected, "{from:?} {to:?} {bypass}");
            }
        }
    }

    #[test]
    fn a_legal_hold_and_a_retention_do_not_touch_each_other() {
        let both = lock(until(Compliance, 1))
            .changed(LockChange::LegalHold(true), NOW, false)
            .unwrap();
        assert_eq!(both.retention, until(Compliance, 1));
        let longer = both
            .changed(LockChange::Retention(until(Compliance, 2)), NOW, false)
            .unwrap();
        assert_eq!(longer.legal_hold, Some(true));
    }
}

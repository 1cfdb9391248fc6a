//! How a key changes with time: rotations that are due, imported material that expires.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html>

use time::{Duration, OffsetDateTime};

use crate::key::{KeyManager, KeyRecord, KeyState, MaterialVersion, Rotated};
use crate::kind::{KeySpec, Origin, RotationType};
use crate::ops::keys::whole_millis;

/// Days between the rotations of AWS-managed keys, and of other keys where nothing else is said.
pub(crate) const YEAR: u16 = 365;

impl MaterialVersion {
    /// True if it was imported to be used until then, and then is now or over. It counts from that very
    /// moment, whether or not it was wiped yet.
    fn has_expired(&self, now: OffsetDateTime) -> bool {
        self.wrapped.is_some() && self.valid_to.is_some_and(|valid_to| valid_to <= now)
    }

    /// Wipes imported material; what is left says which material may take its place again.
    pub(crate) fn wipe(&mut self) {
        self.wrapped = None;
        self.valid_to = None;
    }
}

impl KeyRecord {
    /// True for the keys that can have more than one material.
    pub(crate) fn rotates(&self) -> bool {
        self.spec == KeySpec::SymmetricDefault
            && matches!(self.origin, Origin::AwsKms | Origin::External)
    }

    /// Days between automatic rotations; `None` while there are none.
    pub(crate) fn rotation_period(&self) -> Option<u16> {
        match self.manager {
            KeyManager::Aws => Some(YEAR),
            KeyManager::Customer => self.rotation.period,
        }
    }

    /// When the next automatic rotation is due. AWS-managed keys have no schedule of their own: a year
    /// after the last.
    pub(crate) fn next_rotation(&self) -> Option<OffsetDateTime> {
        match self.manager {
            KeyManager::Aws => {
                let last = self.current()?;
                let last = last.rotated.map_or(last.created, |rotated| rotated.at);
                Some(last + days(YEAR))
            }
            KeyManager::Customer => self.rotation.period.and(self.rotation.next),
        }
    }

    /// Switches automatic rotation on, or to another period, which is counted from now. A period that is in
    /// force already leaves the schedule as it is, so that asking again and again cannot put it off.
    pub(crate) fn schedule_rotation(&mut self, period: u16, now: OffsetDateTime) {
        if self.rotation.period != Some(period) {
            self.rotation.period = Some(period);
            self.rotation.next = Some(whole_millis(now + days(period)));
        }
    }

    /// Switches automatic rotation off.
    pub(crate) fn unschedule_rotation(&mut self) {
        self.rotation.period = None;
        self.rotation.next = None;
    }

    /// True if an automatic rotation is due. A key that is not enabled rests; it is rotated when it is
    /// enabled again.
    pub(crate) fn rotation_due(&self, now: OffsetDateTime) -> bool {
        self.state == KeyState::Enabled && self.next_rotation().is_some_and(|next| next <= now)
    }

    /// The number of the next version.
    pub(crate) fn next_version(&self) -> Option<u32> {
        self.material
            .iter()
            .map(|material| material.version)
            .max()
            .unwrap_or(0)
            .checked_add(1)
    }

    /// Makes the last version current. `new` is that version, or it waits in the record. An automatic
    /// rotation moves the schedule on by whole periods; one on demand leaves it.
    pub(crate) fn rotate(
        &mut self,
        new: Option<MaterialVersion>,
        kind: RotationType,
        now: OffsetDateTime,
    ) {
        self.material.extend(new);
        if let Some(material) = self.material.last_mut() {
            material.pending_rotation = false;
            material.rotated = Some(Rotated {
                at: whole_millis(now),
                kind,
            });
        }
        match (kind, self.rotation.next, self.rotation.period) {
            (RotationType::OnDemand, ..) => self.rotation.on_demand += 1,
            (RotationType::Automatic, Some(due), Some(period)) => {
                let next = due + days(period);
                // Late by more than a period, for the key was disabled: count from now.
                let next = if next > now { next } else { now + days(period) };
                self.rotation.next = Some(whole_millis(next));
            }
            (RotationType::Automatic, ..) => {}
        }
    }

    /// True if every material that ciphertexts may need is there.
    /// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ImportKeyMaterial.html>
    pub(crate) fn is_complete(&self) -> bool {
        self.current().is_some()
            && self
                .material
                .iter()
                .all(|material| material.pending_rotation || material.wrapped.is_some())
    }

    /// The state at a time: without a material that has expired, the key waits for its import.
    pub(crate) fn state_at(&self, now: OffsetDateTime) -> KeyState {
        let expired =
            |material: &MaterialVersion| !material.pending_rotation && material.has_expired(now);
        match self.state {
            KeyState::Enabled | KeyState::Disabled if self.material.iter().any(expired) => {
                KeyState::PendingImport
            }
            state => state,
        }
    }

    /// Wipes the materials that have expired; returns their ids. One that was still waiting for its rotation
    /// was never the key's, and goes altogether.
    pub(crate) fn expire(&mut self, now: OffsetDateTime) -> Vec<String> {
        self.state = self.state_at(now);
        let mut expired = Vec::new();
        for material in &mut self.material {
            if material.has_expired(now) {
                material.wipe();
                expired.push(material.id.clone());
            }
        }
        self.material
            .retain(|material| !material.pending_rotation || material.wrapped.is_some());
        expired
    }

    /// When material of this key expires next, of what is the key's for good.
    pub(crate) fn valid_to(&self) -> Option<OffsetDateTime> {
        self.material
            .iter()
            .filter(|material| !material.pending_rotation)
            .filter_map(|material| material.valid_to)
            .min()
    }

    /// When the key has to be looked at next, for a rotation or for material that expires.
    pub(crate) fn timer(&self) -> Option<OffsetDateTime> {
        let rotation = match self.state {
            KeyState::Enabled => self.next_rotation(),
            _ => None,
        };
        let expiries = self
            .material
            .iter()
            .filter_map(|material| material.valid_to);
        expiries.chain(rotation).min()
    }
}

fn days(days: u16) -> Duration {
    Duration::days(days.into())
}

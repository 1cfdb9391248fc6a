//! Second factors: virtual devices that show a new code every thirty seconds, as authenticator apps do.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_enable_virtual.html>

mod code;
mod picture;

use sealgate_index::Expect;
use sealgate_policy::{Principal, PrincipalKind};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::Iam;
use crate::accounts::now;
use crate::change::Change;
use crate::error::IamError;
use crate::model::{Page, Paging};
use crate::names::{EntityPath, UserName, constraint};
use crate::records::{self, MFA, MfaRecord, USERS, UserRecord, id_in};

use code::Seed;
pub use picture::{QrCode, provisioning_uri};

/// AWS's quota.
const DEVICES_PER_USER: usize = 8;
const LONGEST_NAME: usize = 226;

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MfaDevice {
    /// Its ARN.
    pub serial: String,
    /// The name of the user it is enabled for.
    pub user_name: Option<String>,
    /// Since when.
    pub enabled: Option<OffsetDateTime>,
}

/// A device just made, with what is shown this once.
pub struct NewMfaDevice {
    /// Its ARN.
    pub serial: String,
    /// The seed, as it is typed into an app.
    pub seed: Zeroizing<String>,
    /// What an app reads from the picture.
    pub uri: Zeroizing<String>,
}

/// The serial number of a virtual device: its ARN, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MfaSerial {
    account_id: String,
    /// Path and name: `/…/NAME`.
    rest: String,
}

impl MfaSerial {
    /// Reads a serial number. One that is no ARN of a virtual device is one of hardware, which nobody has here.
    pub fn parse(text: &str) -> Result<MfaSerial, IamError> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_=/:,.@+-".contains(c);
        if !(9..=256).contains(&text.len()) || !text.chars().all(good) {
            return Err(constraint(
                "serialNumber",
                text,
                r"Member must have length between 9 and 256 and satisfy regular expression pattern: [\w+=/:,.@-]+",
            ));
        }
        text.strip_prefix("arn:aws:iam::")
            .and_then(|rest| rest.split_once(":mfa"))
            .filter(|(_, rest)| rest.starts_with('/'))
            .map(|(account_id, rest)| MfaSerial {
                account_id: account_id.to_owned(),
                rest: rest.to_owned(),
            })
            .ok_or_else(|| no_such_device(text))
    }

    /// A device that is to be made.
    pub fn new(account_id: &str, path: &EntityPath, name: &str) -> Result<MfaSerial, IamError> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(good) {
            return Err(constraint(
                "virtualMFADeviceName",
                name,
                r"Member must have length between 1 and 226 and satisfy regular expression pattern: [\w+=,.@-]+",
            ));
        }
        Ok(MfaSerial {
            account_id: account_id.to_owned(),
            rest: format!("{}{name}", path.as_str()),
        })
    }

    /// The ARN.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:mfa{}", self.account_id, self.rest)
    }

    /// The account it is of.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    fn record_id(&self) -> String {
        id_in(&self.account_id, &self.rest)
    }

    fn name(&self) -> &str {
        self.rest.rsplit('/').next().unwrap_or_default()
    }
}

fn no_such_device(serial: &str) -> IamError {
    IamError::NoSuchEntity(format!(
        "VirtualMFADevice with serial number {serial} does not exist."
    ))
}

fn not_of_user(user: &UserName) -> IamError {
    IamError::NoSuchEntity(format!("MFA Device invalid for user {user}."))
}

/// Two codes as a caller gives them.
fn codes<'c>(first: &'c str, second: &'c str) -> Result<[&'c str; 2], IamError> {
    for (field, code) in [
        ("authenticationCode1", first),
        ("authenticationCode2", second),
    ] {
        if !code::is_well_formed(code) {
            return Err(IamError::Validation(format!(
                "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must have length 6 and satisfy regular expression pattern: [\\d]+"
            )));
        }
    }
    Ok([first, second])
}

impl Iam {
    /// Makes a device, which is nobody's yet.
    pub async fn create_mfa_device(&self, serial: &MfaSerial) -> Result<NewMfaDevice, IamError> {
        let (id, arn) = (serial.record_id(), serial.arn());
        let mut change = self.begin(&serial.account_id).await?;
        if self.index().record(MFA, &id).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(
                "MFADevice entity at the same path and name already exists.".into(),
            ));
        }
        let seed = Seed::new()?;
        let record = MfaRecord {
            account_id: serial.account_id.clone(),
            rest: serial.rest.clone(),
            created: now(),
            sealed_seed: seed.seal(self.sealing_key(), &arn),
            user: None,
            enabled: None,
            last_step: 0,
            drift: 0,
        };
        change.create(MFA, &id, &record)?;
        change.commit().await?;
        let text = seed.base32();
        Ok(NewMfaDevice {
            uri: provisioning_uri(serial.name(), &serial.account_id, &text),
            seed: text,
            serial: arn,
        })
    }

    /// Makes a device a user's second factor, once it has shown two codes in a row.
    pub async fn enable_mfa_device(
        &self,
        account_id: &str,
        user: &UserName,
        serial: &MfaSerial,
        (first, second): (&str, &str),
        now: OffsetDateTime,
    ) -> Result<(), IamError> {
        let codes = codes(first, second)?;
        let mut change = self.begin(account_id).await?;
        let mut owner = self.load_user(account_id, user).await?;
        let mut device = self.load_device(account_id, serial).await?;
        if device.user.is_some() {
            return Err(IamError::EntityAlreadyExists(
                "MFA Device is already in use.".into(),
            ));
        }
        if owner.mfa.len() >= DEVICES_PER_USER {
            return Err(IamError::LimitExceeded(format!(
                "Cannot exceed quota for MfaDevicesPerUser: {DEVICES_PER_USER}"
            )));
        }
        let seed = Seed::open(self.sealing_key(), &serial.arn(), &device.sealed_seed)?;
        let last = seed.two_in_a_row(codes, now, code::NEAR)?;
        device.last_step = last.ok_or(IamError::InvalidAuthenticationCode)?;
        device.drift = 0;
        device.user = Some(user.folded());
        device.enabled = Some(now.replace_nanosecond(0).unwrap_or(now));
        owner.mfa.push(serial.rest.clone());
        self.put_both(&mut change, &owner, serial, &device)?;
        change.commit().await
    }

    /// Sets a device whose clock went astray right again.
    pub async fn resync_mfa_device(
        &self,
        account_id: &str,
        user: &UserName,
        serial: &MfaSerial,
        (first, second): (&str, &str),
        now: OffsetDateTime,
    ) -> Result<(), IamError> {
        let codes = codes(first, second)?;
        let mut change = self.begin(account_id).await?;
        let owner = self.load_user(account_id, user).await?;
        let mut device = self.load_device(account_id, serial).await?;
        if !owner.mfa.contains(&serial.rest) {
            return Err(not_of_user(user));
        }
        let seed = Seed::open(self.sealing_key(), &serial.arn(), &device.sealed_seed)?;
        let last = seed
            .two_in_a_row(codes, now, code::FAR)?
            .filter(|last| *last > device.last_step)
            .ok_or(IamError::InvalidAuthenticationCode)?;
        device.drift = code::distance(last, now);
        device.last_step = last;
        change.put(MFA, &serial.record_id(), &device)?;
        change.commit().await
    }

    /// Takes a device away from its user. It can be enabled again.
    pub async fn deactivate_mfa_device(
        &self,
        account_id: &str,
        user: &UserName,
        serial: &MfaSerial,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut owner = self.load_user(account_id, user).await?;
        let mut device = self.load_device(account_id, serial).await?;
        let before = owner.mfa.len();
        owner.mfa.retain(|rest| *rest != serial.rest);
        if owner.mfa.len() == before {
            return Err(not_of_user(user));
        }
        device.user = None;
        device.enabled = None;
        self.put_both(&mut change, &owner, serial, &device)?;
        change.commit().await
    }

    /// Deletes a device that is nobody's.
    pub async fn delete_mfa_device(
        &self,
        account_id: &str,
        serial: &MfaSerial,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let device = self.load_device(account_id, serial).await?;
        if device.user.is_some() {
            return Err(IamError::DeleteConflict(
                "MFA VirtualDevice in use. Must deactivate first.".into(),
            ));
        }
        change.delete(MFA, &serial.record_id());
        change.commit().await
    }

    /// The devices of a user, in the order in which they were enabled.
    pub async fn mfa_devices_of(
        &self,
        account_id: &str,
        user: &UserName,
        paging: &Paging,
    ) -> Result<Page<MfaDevice>, IamError> {
        let owner = self.load_user(account_id, user).await?;
        let mut devices = Vec::new();
        for rest in &owner.mfa {
            let id = id_in(account_id, rest);
            let device = records::load::<MfaRecord>(self.index(), MFA, &id).await?;
            devices.extend(device.map(|device| shown(&device, Some(owner.name.clone()))));
        }
        devices.sort_by(|a, b| a.serial.cmp(&b.serial));
        paging.take(devices, |device| &device.serial)
    }

    /// A device of the account.
    pub async fn mfa_device(
        &self,
        account_id: &str,
        serial: &MfaSerial,
    ) -> Result<MfaDevice, IamError> {
        let device = self.load_device(account_id, serial).await?;
        let owner = self.owner_of(&device).await?;
        Ok(shown(&device, owner))
    }

    /// The devices of an account: those of users, the others, or all.
    pub async fn mfa_devices(
        &self,
        account_id: &str,
        assigned: Option<bool>,
        paging: &Paging,
    ) -> Result<Page<MfaDevice>, IamError> {
        let prefix = id_in(account_id, "");
        let page = records::page(self.index(), MFA, &prefix, paging, |stored| {
            let device: MfaRecord = serde_json::from_slice(&stored.body)?;
            let wanted = assigned.is_none_or(|assigned| assigned == device.user.is_some());
            Ok(wanted.then_some(device))
        })
        .await?;
        let mut items = Vec::with_capacity(page.items.len());
        for device in &page.items {
            let owner = self.owner_of(device).await?;
            items.push(shown(device, owner));
        }
        Ok(Page {
            items,
            marker: page.marker,
        })
    }

    /// Whether somebody has to show a second factor when signing in.
    pub async fn has_second_factor(&self, principal: &Principal) -> Result<bool, IamError> {
        let owner = self.owner(principal).await?;
        Ok(owner.is_some_and(|owner| !owner.mfa.is_empty()))
    }

    /// Whether one of somebody's devices shows this code now. A code is good once.
    pub async fn shows_code(
        &self,
        principal: &Principal,
        code: &str,
        now: OffsetDateTime,
    ) -> Result<bool, IamError> {
        if !code::is_well_formed(code) {
            return Ok(false);
        }
        // One after the other: of two who show the same code at once, one is too late.
        let _turn = self.inner.turn.lock().await;
        let Some(owner) = self.owner(principal).await? else {
            return Ok(false);
        };
        for rest in &owner.mfa {
            let id = id_in(&owner.account_id, rest);
            let Some(stored) = self.index().record(MFA, &id).await? else {
                continue;
            };
            let mut device: MfaRecord = serde_json::from_slice(&stored.body)?;
            let seed = Seed::open(
                self.sealing_key(),
                &device.serial().arn(),
                &device.sealed_seed,
            )?;
            let Some(step) = seed.step_of(code, now, device.drift)? else {
                continue;
            };
            if step <= device.last_step {
                continue;
            }
            device.last_step = step;
            let expect = Expect::Revision(stored.revision);
            let write = records::write(MFA, &id, expect, &device)?;
            self.index().write_records(vec![write]).await?;
            return Ok(true);
        }
        Ok(false)
    }

    async fn owner(&self, principal: &Principal) -> Result<Option<UserRecord>, IamError> {
        let PrincipalKind::User { name } = &principal.kind else {
            return Ok(None);
        };
        let id = id_in(&principal.account_id, &name.to_ascii_lowercase());
        let owner = records::load::<UserRecord>(self.index(), USERS, &id).await?;
        Ok(owner.filter(|owner| owner.id == principal.id))
    }

    async fn owner_of(&self, device: &MfaRecord) -> Result<Option<String>, IamError> {
        let Some(folded) = &device.user else {
            return Ok(None);
        };
        let id = id_in(&device.account_id, folded);
        let owner = records::load::<UserRecord>(self.index(), USERS, &id).await?;
        Ok(owner.map(|owner| owner.name))
    }

    async fn load_device(
        &self,
        account_id: &str,
        serial: &MfaSerial,
    ) -> Result<MfaRecord, IamError> {
        let found = match serial.account_id == account_id {
            true => records::load::<MfaRecord>(self.index(), MFA, &serial.record_id()).await?,
            false => None,
        };
        found.ok_or_else(|| no_such_device(&serial.arn()))
    }

    fn put_both(
        &self,
        change: &mut Change<'_>,
        owner: &UserRecord,
        serial: &MfaSerial,
        device: &MfaRecord,
    ) -> Result<(), IamError> {
        let id = id_in(&owner.account_id, &owner.name.to_ascii_lowercase());
        change.put(USERS, &id, owner)?;
        change.put(MFA, &serial.record_id(), device)
    }
}

impl MfaRecord {
    fn serial(&self) -> MfaSerial {
        MfaSerial {
            account_id: self.account_id.clone(),
            rest: self.rest.clone(),
        }
    }
}

fn shown(device: &MfaRecord, user_name: Option<String>) -> MfaDevice {
    MfaDevice {
        serial: device.serial().arn(),
        user_name,
        enabled: device.enabled,
    }
}

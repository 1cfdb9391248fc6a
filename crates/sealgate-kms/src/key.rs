//! What is kept of a key and of an alias.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::arn::{AccountId, key_arn};
use crate::types::{AWS_KMS, ENCRYPT_DECRYPT, KeyMetadata, SYMMETRIC_DEFAULT};

/// The state of a key.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Not usable until it is enabled.
    Disabled,
    /// Not usable, and gone when its time is up.
    PendingDeletion,
}

impl KeyState {
    /// The name AWS gives the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingDeletion => "PendingDeletion",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who manages a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyManager {
    /// The customer, through the API.
    #[serde(rename = "CUSTOMER")]
    Customer,
    /// The gateway, for a service: not deletable, policy fixed.
    #[serde(rename = "AWS")]
    Aws,
}

impl KeyManager {
    /// The name AWS gives it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeyManager::Customer => "CUSTOMER",
            KeyManager::Aws => "AWS",
        }
    }
}

/// One version of key material, sealed under the root key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MaterialVersion {
    /// 1, 2, …; a ciphertext names the one it was made with.
    pub version: u32,
    /// `KeyMaterialId`: random, so it tells nothing of the material.
    pub id: String,
    #[serde(with = "millis")]
    pub created: OffsetDateTime,
    /// `wrap` of the 32 bytes of material, in base64.
    pub wrapped: String,
}

/// Record `kms/key`, id `ACCOUNT/KEYID`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub account: AccountId,
    pub id: Uuid,
    #[serde(with = "millis")]
    pub created: OffsetDateTime,
    pub description: String,
    pub manager: KeyManager,
    pub state: KeyState,
    /// While deletion is pending: when it is due.
    #[serde(
        with = "millis_option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub deletion: Option<OffsetDateTime>,
    /// The text of the key policy.
    pub policy: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Names of the aliases of this key, kept in step with the alias records.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// At least one; the last is the current one.
    pub material: Vec<MaterialVersion>,
}

impl KeyRecord {
    pub(crate) fn arn(&self, region: &str) -> String {
        key_arn(region, self.account, self.id)
    }

    /// True once the waiting time of a deletion is over: from then on the key does not exist, whether or not
    /// it has been swept yet.
    pub(crate) fn is_due(&self, now: OffsetDateTime) -> bool {
        self.deletion.is_some_and(|due| due <= now)
    }

    pub(crate) fn metadata(&self, region: &str) -> KeyMetadata {
        KeyMetadata {
            account_id: self.account.to_string(),
            key_id: self.id.to_string(),
            arn: self.arn(region),
            created: self.created,
            enabled: self.state == KeyState::Enabled,
            description: self.description.clone(),
            key_usage: ENCRYPT_DECRYPT,
            state: self.state,
            deletion_date: self.deletion,
            origin: AWS_KMS,
            manager: self.manager,
            key_spec: SYMMETRIC_DEFAULT,
            encryption_algorithms: &[SYMMETRIC_DEFAULT],
            multi_region: false,
            current_key_material_id: self
                .material
                .last()
                .map(|material| material.id.clone())
                .unwrap_or_default(),
        }
    }
}

/// Record `kms/alias`, id `ACCOUNT/alias/NAME`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    pub target: Uuid,
    #[serde(with = "millis")]
    pub created: OffsetDateTime,
    #[serde(with = "millis")]
    pub updated: OffsetDateTime,
}

/// Times as whole milliseconds since 1970.
pub(crate) mod millis {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::OffsetDateTime;

    pub(crate) fn serialize<S: Serializer>(
        time: &OffsetDateTime,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_i64(to_millis(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<OffsetDateTime, D::Error> {
        from_millis(i64::deserialize(from)?).map_err(D::Error::custom)
    }

    pub(crate) fn to_millis(time: OffsetDateTime) -> i64 {
        time.unix_timestamp() * 1000 + i64::from(time.millisecond())
    }

    pub(crate) fn from_millis(millis: i64) -> Result<OffsetDateTime, time::error::ComponentRange> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
    }
}

mod millis_option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::OffsetDateTime;

    use super::millis::{from_millis, to_millis};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<OffsetDateTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_some(&to_millis(*time)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<OffsetDateTime>, D::Error> {
        Option::<i64>::deserialize(from)?
            .map(from_millis)
            .transpose()
            .map_err(D::Error::custom)
    }
}

//! What is kept of a key and of an alias.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::arn::{AccountId, KeyId, key_arn};
use crate::key_store::ExternalKey;
use crate::kind::{ExpirationModel, KeySpec, KeyUsage, Origin, RotationType};
use crate::types::{KeyMetadata, MultiRegion};

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
    /// Not usable until material is imported.
    PendingImport,
    /// Not usable: the custom key store that backs it is not connected.
    Unavailable,
}

impl KeyState {
    /// The name AWS gives the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingDeletion => "PendingDeletion",
            KeyState::PendingImport => "PendingImport",
            KeyState::Unavailable => "Unavailable",
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
    /// `KeyMaterialId`: random, or of imported material a code that only the root key can make; so it tells
    /// nothing of the material.
    pub id: String,
    #[serde(with = "millis")]
    pub created: OffsetDateTime,
    /// `wrap` of the material, in base64; `None` while imported material is not there (deleted or expired).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapped: Option<String>,
    /// Imported, but not yet in use: a rotation on demand makes it current.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending_rotation: bool,
    /// When and why it took the place of the one before it; the first one took nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Rotated>,
    /// When it expires, if it was imported so.
    #[serde(
        with = "millis_option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub valid_to: Option<OffsetDateTime>,
    /// `KeyMaterialDescription` of imported material.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The rotation that made a version current.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Rotated {
    #[serde(with = "millis")]
    pub at: OffsetDateTime,
    pub kind: RotationType,
}

/// When the material of a key is rotated.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RotationSchedule {
    /// Days between automatic rotations; `None` while they are off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u16>,
    /// When the next one is due.
    #[serde(
        with = "millis_option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub next: Option<OffsetDateTime>,
    /// Rotations on demand so far, whose number is limited.
    #[serde(default)]
    pub on_demand: u32,
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
    #[serde(default)]
    pub spec: KeySpec,
    #[serde(default)]
    pub usage: KeyUsage,
    #[serde(default)]
    pub origin: Origin,
    /// A multi-Region key: a primary key, whose replicas there can be none of here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_region: bool,
    /// The external key of a key in an external key store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalKey>,
    /// Of a key pair that has material: its SubjectPublicKeyInfo in DER, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
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
    /// How many grants the key has; changes with each of them.
    #[serde(default)]
    pub grants: u32,
    /// In the order of their versions; none before the first import.
    #[serde(default)]
    pub material: Vec<MaterialVersion>,
    #[serde(default)]
    pub rotation: RotationSchedule,
}

impl KeyRecord {
    pub(crate) fn arn(&self, region: &str) -> String {
        key_arn(region, self.account, self.key_id())
    }

    /// The key id as the API shows it.
    pub(crate) fn key_id(&self) -> KeyId {
        match self.multi_region {
            true => KeyId::MultiRegion(self.id),
            false => KeyId::Uuid(self.id),
        }
    }

    /// True once the waiting time of a deletion is over: from then on the key does not exist, whether or not
    /// it has been swept yet.
    pub(crate) fn is_due(&self, now: OffsetDateTime) -> bool {
        self.deletion.is_some_and(|due| due <= now)
    }

    /// The version that new ciphertexts and signatures are made with.
    pub(crate) fn current(&self) -> Option<&MaterialVersion> {
        self.material
            .iter()
            .rev()
            .find(|material| !material.pending_rotation)
    }

    pub(crate) fn metadata(&self, region: &str) -> KeyMetadata {
        KeyMetadata {
            account_id: self.account.to_string(),
            key_id: self.key_id().to_string(),
            arn: self.arn(region),
            created: self.created,
            enabled: self.state == KeyState::Enabled,
            description: self.description.clone(),
            key_usage: self.usage,
            state: self.state,
            deletion_date: self.deletion,
            origin: self.origin,
            manager: self.manager,
            key_spec: self.spec,
            algorithms: self.spec.algorithms(self.usage),
            multi_region: self.multi_region.then(|| MultiRegion {
                primary_arn: self.arn(region),
                primary_region: region.to_owned(),
            }),
            expiration_model: match (self.origin, self.valid_to()) {
                (Origin::External, Some(_)) => Some(ExpirationModel::Expires),
                (Origin::External, None) if self.is_complete() => {
                    Some(ExpirationModel::DoesNotExpire)
                }
                _ => None,
            },
            valid_to: self.valid_to(),
            external_key: self.external.clone(),
            current_key_material_id: match self.spec {
                // That of other keys never changes, so that AWS does not name it.
                KeySpec::SymmetricDefault if self.rotates() => {
                    self.current().map(|material| material.id.clone())
                }
                _ => None,
            },
        }
    }
}

/// Record `kms/alias`, id `ACCOUNT/alias/NAME`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    pub target: KeyId,
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

pub(crate) mod millis_option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use time::OffsetDateTime;

    use super::millis::{from_millis, to_millis};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<OffsetDateTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_some(&to_millis(*time)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<OffsetDateTime>, D::Error> {
        Option::<i64>::deserialize(from)?
            .map(from_millis)
            .transpose()
            .map_err(D::Error::custom)
    }
}

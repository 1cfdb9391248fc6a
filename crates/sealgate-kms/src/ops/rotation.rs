//! EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html>

use time::{Duration, OffsetDateTime};

use crate::access::Found;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::key::{KeyRecord, KeyState, MaterialVersion};
use crate::kind::{
    ExpirationModel, ImportState, IncludeKeyMaterial, KeyMaterialState, KeySpec, Origin,
    RotationType,
};
use crate::kms::{Kms, to_the_end};
use crate::lifecycle::YEAR;
use crate::operation::Operation;
use crate::paging::{Paging, out_of_range};
use crate::types::{Call, KeyRotation, KeyRotationStatus, Page, PageRequest};

const MIN_PERIOD: u16 = 90;
const MAX_PERIOD: u16 = 2560;
/// The most rotations on demand of one key.
const MAX_ON_DEMAND: u32 = 25;
/// An automatic rotation that is so near keeps others from beginning.
const NEAR: Duration = Duration::minutes(20);

impl Kms {
    /// EnableKeyRotation, or another period of a rotation that is enabled already.
    ///
    /// # Errors
    /// As AWS documents for EnableKeyRotation.
    pub async fn enable_key_rotation(
        &self,
        call: &Call<'_>,
        key_id: &str,
        rotation_period_in_days: Option<i64>,
    ) -> Result<(), KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::EnableKeyRotation);
        attempt.parameter("keyId", key_id.as_str());
        attempt.optional("rotationPeriodInDays", rotation_period_in_days);
        to_the_end(async move {
            let result = match period(rotation_period_in_days) {
                Err(error) => Err(error),
                Ok(period) => kms
                    .change_key(
                        &mut attempt,
                        &key_id,
                        |context| context.insert("kms:RotationPeriodInDays", period.to_string()),
                        |key, now| {
                            kms.check_automatic(key)?;
                            key.schedule_rotation(period, now);
                            Ok(((), Vec::new()))
                        },
                    )
                    .await
                    .map(drop),
            };
            kms.conclude(attempt, result).await
        })
        .await
    }

    /// DisableKeyRotation.
    ///
    /// # Errors
    /// As AWS documents for DisableKeyRotation.
    pub async fn disable_key_rotation(
        &self,
        call: &Call<'_>,
        key_id: &str,
    ) -> Result<(), KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::DisableKeyRotation);
        attempt.parameter("keyId", key_id.as_str());
        to_the_end(async move {
            let result = kms
                .change_key(
                    &mut attempt,
                    &key_id,
                    |_| (),
                    |key, _| {
                        kms.check_automatic(key)?;
                        key.unschedule_rotation();
                        Ok(((), Vec::new()))
                    },
                )
                .await
                .map(drop);
            kms.conclude(attempt, result).await
        })
        .await
    }

    /// GetKeyRotationStatus.
    ///
    /// # Errors
    /// As AWS documents for GetKeyRotationStatus.
    pub async fn get_key_rotation_status(
        &self,
        call: &Call<'_>,
        key_id: &str,
    ) -> Result<KeyRotationStatus, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GetKeyRotationStatus);
        attempt.parameter("keyId", key_id);
        let result = self
            .find_permitted(&mut attempt, key_id, "keyId", |_| ())
            .await
            .and_then(|found| {
                let key = &found.key.record;
                self.check_rotates(key)?;
                // While the key waits for its deletion nothing is rotated, and AWS says so.
                let period = match key.state {
                    KeyState::PendingDeletion => None,
                    _ => key.rotation_period(),
                };
                Ok(KeyRotationStatus {
                    key_arn: found.key.arn.clone(),
                    enabled: period.is_some(),
                    rotation_period_in_days: period,
                    next_rotation_date: period.and_then(|_| key.next_rotation()),
                })
            });
        self.conclude(attempt, result).await
    }

    /// RotateKeyOnDemand. New ciphertexts name the new material as soon as this returns; returns the ARN.
    ///
    /// # Errors
    /// As AWS documents for RotateKeyOnDemand.
    pub async fn rotate_key_on_demand(
        &self,
        call: &Call<'_>,
        key_id: &str,
    ) -> Result<String, KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::RotateKeyOnDemand);
        attempt.parameter("keyId", key_id.as_str());
        to_the_end(async move {
            let result = kms.rotate_now(&mut attempt, &key_id).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn rotate_now(&self, attempt: &mut Attempt, key_id: &str) -> Result<String, KmsError> {
        let (current, found): (String, Found) = self
            .change_key(
                attempt,
                key_id,
                |_| (),
                |key, now| {
                    self.check_on_demand(key, now)?;
                    let new = match key.origin {
                        Origin::External => None,
                        _ => Some(self.inner.materials.next(key, now)?),
                    };
                    key.rotate(new, RotationType::OnDemand, now);
                    let current = key.current().map(|material| material.id.clone());
                    Ok((current.unwrap_or_default(), Vec::new()))
                },
            )
            .await?;
        let event =
            self.rotation_event(&found.key, RotationType::OnDemand, &current, attempt.now());
        self.inner.trail.record(event).await?;
        Ok(found.key.arn.clone())
    }

    /// ListKeyRotations.
    ///
    /// # Errors
    /// As AWS documents for ListKeyRotations.
    pub async fn list_key_rotations(
        &self,
        call: &Call<'_>,
        key_id: &str,
        include_key_material: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<KeyRotation>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListKeyRotations);
        attempt.parameter("keyId", key_id);
        attempt.optional("includeKeyMaterial", include_key_material);
        attempt.optional("limit", page.limit);
        attempt.optional("marker", page.marker.as_deref());
        let result = async {
            let include = include_key_material
                .map(|text| IncludeKeyMaterial::of_parameter(text, "includeKeyMaterial"))
                .transpose()?
                .unwrap_or_default();
            let paging = Paging::parse(&page, 100, 1000)?;
            let found = self
                .find_permitted(&mut attempt, key_id, "keyId", |_| ())
                .await?;
            let key = &found.key.record;
            self.check_rotates(key)?;
            let rotations = key
                .material
                .iter()
                .filter(|material| {
                    include == IncludeKeyMaterial::AllKeyMaterial || material.rotated.is_some()
                })
                .map(|material| (format!("{:010}", material.version), rotation(key, material)))
                .filter(|(id, _)| paging.after.as_ref().is_none_or(|after| id > after))
                .take(paging.limit + 1)
                .collect();
            let page = paging.page(rotations, |(id, _)| id);
            Ok(Page {
                items: page.items.into_iter().map(|(_, item)| item).collect(),
                next_marker: page.next_marker,
            })
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// Refuses keys that have one material for ever.
    fn check_rotates(&self, key: &KeyRecord) -> Result<(), KmsError> {
        let arn = key.arn(&self.inner.region);
        match key.rotates() {
            true => Ok(()),
            false if key.spec != KeySpec::SymmetricDefault => Err(KmsError::Unsupported(format!(
                "{arn} key spec is {} which is not valid for this operation.",
                key.spec
            ))),
            false => Err(self.wrong_origin(key)),
        }
    }

    /// Refuses keys that are not rotated by themselves.
    fn check_automatic(&self, key: &KeyRecord) -> Result<(), KmsError> {
        self.check_rotates(key)?;
        match key.origin {
            Origin::AwsKms => Ok(()),
            _ => Err(self.wrong_origin(key)),
        }
    }

    fn check_on_demand(&self, key: &KeyRecord, now: OffsetDateTime) -> Result<(), KmsError> {
        self.check_rotates(key)?;
        let arn = key.arn(&self.inner.region);
        if key.origin == Origin::External
            && !key
                .material
                .last()
                .is_some_and(|last| last.pending_rotation)
        {
            return Err(KmsError::InvalidState(format!(
                "{arn} has no imported key material that is pending rotation."
            )));
        }
        if key.rotation.on_demand >= MAX_ON_DEMAND {
            return Err(KmsError::LimitExceeded(format!(
                "{arn} was rotated on demand {MAX_ON_DEMAND} times, which is the maximum."
            )));
        }
        if key.next_rotation().is_some_and(|next| next <= now + NEAR) {
            return Err(KmsError::Conflict(format!(
                "An automatic rotation of {arn} is in progress or scheduled to begin within the next {} \
                 minutes.",
                NEAR.whole_minutes()
            )));
        }
        Ok(())
    }

    /// The refusal of a key for where its material comes from.
    pub(crate) fn wrong_origin(&self, key: &KeyRecord) -> KmsError {
        KmsError::Unsupported(format!(
            "{} origin is {} which is not valid for this operation.",
            key.arn(&self.inner.region),
            key.origin
        ))
    }
}

fn period(days: Option<i64>) -> Result<u16, KmsError> {
    let Some(days) = days else { return Ok(YEAR) };
    u16::try_from(days)
        .ok()
        .filter(|days| (MIN_PERIOD..=MAX_PERIOD).contains(days))
        .ok_or_else(|| {
            let (min, max) = (MIN_PERIOD.into(), MAX_PERIOD.into());
            out_of_range("rotationPeriodInDays", days, min, max)
        })
}

fn rotation(key: &KeyRecord, material: &MaterialVersion) -> KeyRotation {
    let current = key.current().map(|current| current.version);
    let imported = material.wrapped.is_some();
    let external = key.origin == Origin::External;
    KeyRotation {
        key_id: key.key_id().to_string(),
        key_material_id: material.id.clone(),
        key_material_description: material.description.clone().filter(|_| external),
        import_state: external.then_some(match imported {
            true => ImportState::Imported,
            false => ImportState::PendingImport,
        }),
        key_material_state: match current {
            _ if material.pending_rotation => KeyMaterialState::PendingRotation,
            Some(current) if current == material.version => KeyMaterialState::Current,
            _ => KeyMaterialState::NonCurrent,
        },
        expiration_model: (external && imported).then_some(match material.valid_to {
            Some(_) => ExpirationModel::Expires,
            None => ExpirationModel::DoesNotExpire,
        }),
        valid_to: material.valid_to,
        rotation_date: material.rotated.map(|rotated| rotated.at),
        rotation_type: material.rotated.map(|rotated| rotated.kind),
    }
}

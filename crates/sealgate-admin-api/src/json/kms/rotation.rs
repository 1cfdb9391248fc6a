//! Rotation of key material, and when a key was last used.

use sealgate_kms::KeyRotation;
use serde_json::{Map, Value, json};

use super::{Operation, Output, paged, timestamp};

impl Operation<'_> {
    pub(super) async fn enable_key_rotation(mut self) -> Output {
        let period = self.input.integer("RotationPeriodInDays")?;
        let key_id = self.key_id()?;
        self.kms
            .enable_key_rotation(self.call, &key_id, period)
            .await?;
        Ok(None)
    }

    pub(super) async fn disable_key_rotation(mut self) -> Output {
        let key_id = self.key_id()?;
        self.kms.disable_key_rotation(self.call, &key_id).await?;
        Ok(None)
    }

    pub(super) async fn get_key_rotation_status(mut self) -> Output {
        let key_id = self.key_id()?;
        let status = self.kms.get_key_rotation_status(self.call, &key_id).await?;
        let mut output = Map::new();
        output.insert("KeyId".into(), status.key_arn.into());
        output.insert("KeyRotationEnabled".into(), status.enabled.into());
        if let Some(days) = status.rotation_period_in_days {
            output.insert("RotationPeriodInDays".into(), days.into());
        }
        if let Some(date) = status.next_rotation_date {
            output.insert("NextRotationDate".into(), timestamp(date));
        }
        Ok(Some(Value::Object(output)))
    }

    pub(super) async fn rotate_key_on_demand(mut self) -> Output {
        let key_id = self.key_id()?;
        let arn = self.kms.rotate_key_on_demand(self.call, &key_id).await?;
        Ok(Some(json!({ "KeyId": arn })))
    }

    pub(super) async fn list_key_rotations(mut self) -> Output {
        let include = self.input.string("IncludeKeyMaterial")?;
        let page = self.page()?;
        let key_id = self.key_id()?;
        let page = self
            .kms
            .list_key_rotations(self.call, &key_id, include.as_deref(), page)
            .await?;
        Ok(Some(paged("Rotations", page, rotation)))
    }

    pub(super) async fn get_key_last_usage(mut self) -> Output {
        let key_id = self.key_id()?;
        let usage = self.kms.get_key_last_usage(self.call, &key_id).await?;
        // Present and empty where there was no use.
        let last = usage.last.map_or_else(
            || json!({}),
            |last| {
                json!({
                    "Operation": last.operation,
                    "Timestamp": timestamp(last.at),
                    "CloudTrailEventId": last.event_id,
                    "KmsRequestId": last.request_id,
                })
            },
        );
        Ok(Some(json!({
            "KeyId": usage.key_id,
            "KeyLastUsage": last,
            "TrackingStartDate": timestamp(usage.tracked_since),
            "KeyCreationDate": timestamp(usage.created),
        })))
    }
}

fn rotation(rotation: KeyRotation) -> Value {
    let mut output = Map::new();
    output.insert("KeyId".into(), rotation.key_id.into());
    output.insert("KeyMaterialId".into(), rotation.key_material_id.into());
    output.insert(
        "KeyMaterialState".into(),
        rotation.key_material_state.as_str().into(),
    );
    let texts = [
        ("KeyMaterialDescription", rotation.key_material_description),
        (
            "ImportState",
            rotation.import_state.map(|state| state.to_string()),
        ),
        (
            "ExpirationModel",
            rotation.expiration_model.map(|model| model.to_string()),
        ),
        (
            "RotationType",
            rotation.rotation_type.map(|kind| kind.to_string()),
        ),
    ];
    let texts = texts
        .into_iter()
        .map(|(name, text)| (name, text.map(Value::from)));
    let times = [
        ("ValidTo", rotation.valid_to),
        ("RotationDate", rotation.rotation_date),
    ];
    let times = times
        .into_iter()
        .map(|(name, time)| (name, time.map(timestamp)));
    for (name, value) in texts.chain(times) {
        if let Some(value) = value {
            output.insert(name.into(), value);
        }
    }
    Value::Object(output)
}

//! The operations on key material in every state of the key.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>

use sealgate_kms::{KeyState, KmsError, PageRequest};

use crate::import::{import, parameters, request, symmetric};
use crate::world::{World, call, code};

const OK: &str = "OK";
const DISABLED: &str = "DisabledException";
const INVALID: &str = "KMSInvalidStateException";
const UNSUPPORTED: &str = "UnsupportedOperationException";

/// Operation, then the outcome for a key made here that is enabled, disabled, pending deletion; and then
/// for one with imported material that is enabled, disabled, pending deletion, pending import.
const TABLE: &[(&str, [&str; 3], [&str; 4])] = &[
    (
        "EnableKeyRotation",
        [OK, DISABLED, INVALID],
        [UNSUPPORTED, DISABLED, INVALID, UNSUPPORTED],
    ),
    (
        "DisableKeyRotation",
        [OK, DISABLED, INVALID],
        [UNSUPPORTED, DISABLED, INVALID, UNSUPPORTED],
    ),
    ("GetKeyRotationStatus", [OK, OK, OK], [OK, OK, OK, OK]),
    (
        "RotateKeyOnDemand",
        [OK, DISABLED, INVALID],
        [INVALID, DISABLED, INVALID, INVALID],
    ),
    ("ListKeyRotations", [OK, OK, OK], [OK, OK, OK, OK]),
    ("GetKeyLastUsage", [OK, OK, OK], [OK, OK, OK, OK]),
    (
        "GetParametersForImport",
        [UNSUPPORTED, UNSUPPORTED, UNSUPPORTED],
        [OK, OK, INVALID, OK],
    ),
    (
        "ImportKeyMaterial",
        [UNSUPPORTED, UNSUPPORTED, UNSUPPORTED],
        [OK, OK, INVALID, OK],
    ),
    (
        "DeleteImportedKeyMaterial",
        [UNSUPPORTED, UNSUPPORTED, UNSUPPORTED],
        [OK, OK, OK, OK],
    ),
    (
        "Encrypt",
        [OK, DISABLED, INVALID],
        [OK, DISABLED, INVALID, INVALID],
    ),
    ("EnableKey", [OK, OK, INVALID], [OK, OK, INVALID, INVALID]),
    ("DisableKey", [OK, OK, INVALID], [OK, OK, INVALID, INVALID]),
    (
        "UpdateKeyDescription",
        [OK, OK, INVALID],
        [OK, OK, INVALID, OK],
    ),
    (
        "ScheduleKeyDeletion",
        [OK, OK, INVALID],
        [OK, OK, INVALID, OK],
    ),
];

const STATES: [KeyState; 4] = [
    KeyState::Enabled,
    KeyState::Disabled,
    KeyState::PendingDeletion,
    KeyState::PendingImport,
];

#[tokio::test]
async fn each_operation_on_material_works_in_the_states_that_aws_documents() {
    let world = World::new().await;
    for (operation, own, external) in TABLE {
        for (state, expected) in STATES.iter().zip(own) {
            let key = world.key().await;
            bring(&world, &key, *state).await;
            let found = code(attempt(&world, operation, &key, None).await);
            assert_eq!(
                found, *expected,
                "{operation} on a key made here that is {state}"
            );
        }
        for (state, expected) in STATES.iter().zip(external) {
            let key = symmetric(&world).await;
            let again = request(&world, &key, &[1; 32]).await;
            import(&world, &key, &[1; 32]).await.unwrap();
            bring(&world, &key, *state).await;
            let found = code(attempt(&world, operation, &key, Some(again)).await);
            assert_eq!(
                found, *expected,
                "{operation} on an imported key that is {state}"
            );
        }
    }
}

async fn bring(world: &World, key: &str, state: KeyState) {
    let (kms, root) = (&world.kms, world.root());
    let call = call(&root);
    match state {
        KeyState::Enabled => {}
        KeyState::Disabled => kms.disable_key(&call, key).await.unwrap(),
        KeyState::PendingDeletion => {
            kms.schedule_key_deletion(&call, key, Some(7))
                .await
                .unwrap();
        }
        KeyState::PendingImport => {
            kms.delete_imported_key_material(&call, key, None)
                .await
                .unwrap();
        }
        KeyState::Unavailable => panic!("no key store here"),
    }
    assert_eq!(kms.describe_key(&call, key).await.unwrap().state, state);
}

async fn attempt(
    world: &World,
    operation: &str,
    key: &str,
    again: Option<sealgate_kms::ImportKeyMaterialRequest>,
) -> Result<(), KmsError> {
    let (kms, root) = (&world.kms, world.root());
    let call = call(&root);
    match operation {
        "EnableKeyRotation" => kms.enable_key_rotation(&call, key, None).await,
        "DisableKeyRotation" => kms.disable_key_rotation(&call, key).await,
        "GetKeyRotationStatus" => kms.get_key_rotation_status(&call, key).await.map(drop),
        "RotateKeyOnDemand" => kms.rotate_key_on_demand(&call, key).await.map(drop),
        "ListKeyRotations" => {
            let page = PageRequest::default();
            kms.list_key_rotations(&call, key, None, page)
                .await
                .map(drop)
        }
        "GetKeyLastUsage" => kms.get_key_last_usage(&call, key).await.map(drop),
        "GetParametersForImport" => parameters(world, key, "RSAES_OAEP_SHA_256", "RSA_2048")
            .await
            .map(drop),
        "ImportKeyMaterial" => {
            let request = again.unwrap_or_else(|| sealgate_kms::ImportKeyMaterialRequest {
                import_token: vec![1],
                encrypted_key_material: vec![1],
                expiration_model: Some("KEY_MATERIAL_DOES_NOT_EXPIRE".to_owned()),
                ..Default::default()
            });
            kms.import_key_material(&call, key, request).await.map(drop)
        }
        "DeleteImportedKeyMaterial" => kms
            .delete_imported_key_material(&call, key, None)
            .await
            .map(drop),
        "Encrypt" => world.encrypt(&root, key).await.map(drop),
        "EnableKey" => kms.enable_key(&call, key).await,
        "DisableKey" => kms.disable_key(&call, key).await,
        "UpdateKeyDescription" => kms.update_key_description(&call, key, "new").await,
        "ScheduleKeyDeletion" => kms
            .schedule_key_deletion(&call, key, Some(7))
            .await
            .map(drop),
        other => panic!("the table names an unknown operation {other}"),
    }
}

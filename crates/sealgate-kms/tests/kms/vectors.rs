//! The vectors in `tests/vectors.json`: records and ciphertexts made once, which every reader of the format
//! has to open.

use sealgate_audit::Trail;
use sealgate_index::{Expect, Index, IndexConfig, RecordWrite};
use sealgate_kms::{EncryptionContext, Kms, Root, RootKey};
use serde_json::Value;

use crate::world::{REGION, World, call, code};

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn context(value: &Value) -> EncryptionContext {
    let pairs = value.as_object().unwrap().iter();
    EncryptionContext::from_pairs(pairs.map(|(key, value)| (key, value.as_str().unwrap())))
}

#[tokio::test]
async fn what_was_sealed_once_opens_for_good() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    let world = World::new().await;
    let path = world.folder.path().join("vectors");
    let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
    let records = vectors["records"].as_array().unwrap().iter();
    let writes = records.map(|record| RecordWrite {
        ns: record["ns"].as_str().unwrap().to_owned(),
        id: record["id"].as_str().unwrap().to_owned(),
        expect: Expect::Absent,
        body: Some(record["body"].to_string().into()),
    });
    index.write_records(writes.collect()).await.unwrap();
    let root_key = RootKey::from_bytes(bytes(&vectors["root_key"]).try_into().unwrap());
    let root_key = Root::fixed(root_key);
    let trail = Trail::new(index.clone(), REGION);
    let kms = Kms::open(index, trail, &root_key, REGION.to_owned())
        .await
        .unwrap();
    let root = world.root();
    for vector in vectors["ciphertexts"].as_array().unwrap() {
        let blob = bytes(&vector["ciphertext"]);
        let context = context(&vector["context"]);
        assert_eq!(context.canonical(), bytes(&vector["canonical_context"]));
        let opened = kms
            .decrypt(&call(&root), None, &blob, &context)
            .await
            .unwrap();
        assert_eq!(opened.plaintext.as_slice(), bytes(&vector["plaintext"]));
    }
    for vector in vectors["damaged_ciphertexts"].as_array().unwrap() {
        let blob = bytes(&vector["ciphertext"]);
        let context = context(&vector["context"]);
        let found = kms.decrypt(&call(&root), None, &blob, &context).await;
        assert_eq!(
            code(found),
            "InvalidCiphertextException",
            "{}",
            vector["why"]
        );
    }
    for vector in vectors["platform"].as_array().unwrap() {
        let purpose = vector["purpose"].as_str().unwrap();
        let opened =
            kms.platform_unwrap(purpose, &bytes(&vector["aad"]), &bytes(&vector["wrapped"]));
        assert_eq!(opened.unwrap().as_slice(), bytes(&vector["secret"]));
    }
}

//! A KMS in a folder of its own, callers, and a clock that the test moves.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sealgate_audit::{LookupRequest, Trail};
use sealgate_index::{Index, IndexConfig};
use sealgate_kms::{
    Call, CreateKeyRequest, CryptoOptions, EncryptionContext, ExternalKeyStores, Kms, KmsError,
    KmsOptions, Root, RootKey,
};
use sealgate_policy::{AttachedPolicy, Caller, Environment, Policy, Principal, PrincipalKind};
use serde_json::Value;
use tempfile::TempDir;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::proxy::Proxy;

pub const ACCOUNT: &str = "111122223333";
pub const OTHER: &str = "444455556666";
pub const REGION: &str = "us-east-1";
pub const VIA_S3: &str = "s3.us-east-1.amazonaws.com";
/// A key id of valid form that is no key.
pub const UNKNOWN: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

pub const ALL: &str = r#"{ "Version": "2012-10-17",
    "Statement": [ { "Effect": "Allow", "Action": "kms:*", "Resource": "*" } ] }"#;

pub struct World {
    pub folder: TempDir,
    pub index: Index,
    pub trail: Trail,
    pub kms: Kms,
    now: Mutex<OffsetDateTime>,
}

impl World {
    pub async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let config = IndexConfig {
            path: folder.path().join("index"),
            key: None,
        };
        let index = Index::open(config).await.unwrap();
        let trail = Trail::new(index.clone(), REGION);
        let options = KmsOptions {
            external_key_stores: ExternalKeyStores {
                allow_http: true,
                // Machines that run tests are busy.
                timeout: std::time::Duration::from_secs(10),
                ..Default::default()
            },
            ..Default::default()
        };
        let region = REGION.to_owned();
        let kms = Kms::with_options(index.clone(), trail.clone(), &root_key(), region, options)
            .await
            .unwrap();
        let now = Mutex::new(datetime!(2026-11-24 12:00 UTC));
        World {
            folder,
            index,
            trail,
            kms,
            now,
        }
    }

    /// The same folder after a restart.
    pub async fn restarted(&self) -> Kms {
        Kms::open(
            self.index.clone(),
            self.trail.clone(),
            &root_key(),
            REGION.to_owned(),
        )
        .await
        .unwrap()
    }

    pub fn now(&self) -> OffsetDateTime {
        *self.now.lock()
    }

    pub fn pass(&self, time: Duration) {
        *self.now.lock() += time;
    }

    pub fn root(&self) -> Caller {
        self.root_of(ACCOUNT)
    }

    pub fn root_of(&self, account: &str) -> Caller {
        self.caller(
            account,
            PrincipalKind::Root,
            format!("arn:aws:iam::{account}:root"),
            &[],
        )
    }

    pub fn user(&self, name: &str, policies: &[&str]) -> Caller {
        self.user_of(ACCOUNT, name, policies)
    }

    pub fn user_of(&self, account: &str, name: &str, policies: &[&str]) -> Caller {
        let kind = PrincipalKind::User {
            name: name.to_owned(),
        };
        self.caller(
            account,
            kind,
            format!("arn:aws:iam::{account}:user/{name}"),
            policies,
        )
    }

    fn caller(&self, account: &str, kind: PrincipalKind, arn: String, policies: &[&str]) -> Caller {
        Caller {
            principal: Principal {
                account_id: account.to_owned(),
                kind,
                arn,
                id: "AIDAEXAMPLE".to_owned(),
                access_key_id: Some("AKIAEXAMPLE".to_owned()),
            },
            identity_policies: policies
                .iter()
                .map(|text| {
                    AttachedPolicy::new("inline policy", Policy::parse_identity(text).unwrap())
                })
                .collect(),
            boundary: None,
            session: None,
            source: None,
            tags: Arc::default(),
            environment: Environment {
                source_ip: Some("192.0.2.1".parse().unwrap()),
                secure_transport: true,
                user_agent: Some("test".to_owned()),
                now: self.now(),
                region: REGION.to_owned(),
            },
        }
    }

    /// A key of the account's root, with the default policy; its id.
    pub async fn key(&self) -> String {
        self.key_with(CreateKeyRequest::default()).await
    }

    pub async fn key_with(&self, request: CreateKeyRequest) -> String {
        self.kms
            .create_key(&call(&self.root()), request)
            .await
            .unwrap()
            .key_id
    }

    /// A connected store with this proxy; its id.
    pub async fn external_store(&self, proxy: &Proxy, name: &str) -> String {
        let root = self.root();
        let store = self
            .kms
            .create_custom_key_store(&call(&root), proxy.store(name))
            .await
            .unwrap();
        self.kms
            .connect_custom_key_store(&call(&root), &store)
            .await
            .unwrap();
        store
    }

    /// A key in a store; its id.
    pub async fn external_key(&self, store: &str, key: &str) -> String {
        self.new_external_key(store, key).await.unwrap()
    }

    pub async fn new_external_key(&self, store: &str, key: &str) -> Result<String, KmsError> {
        let request = CreateKeyRequest {
            origin: Some("EXTERNAL_KEY_STORE".to_owned()),
            custom_key_store_id: Some(store.to_owned()),
            xks_key_id: Some(key.to_owned()),
            ..Default::default()
        };
        let made = self.kms.create_key(&call(&self.root()), request).await;
        made.map(|made| made.key_id)
    }

    /// A key with this policy, which may lock the account out.
    pub async fn key_with_policy(&self, policy: &str) -> String {
        self.key_with(CreateKeyRequest {
            policy: Some(policy.to_owned()),
            bypass_policy_lockout_safety_check: true,
            ..Default::default()
        })
        .await
    }

    pub async fn encrypt(&self, caller: &Caller, key: &str) -> Result<Vec<u8>, KmsError> {
        let (context, options) = (EncryptionContext::new(), CryptoOptions::default());
        let made = self
            .kms
            .encrypt(&call(caller), key, b"attack at dawn", &context, &options)
            .await;
        made.map(|made| made.ciphertext)
    }

    /// Every record of the account's trail, the oldest first.
    pub async fn records(&self, account: &str) -> Vec<Value> {
        self.trail.flush().await.unwrap();
        let mut request = LookupRequest {
            account_id: account.to_owned(),
            ..Default::default()
        };
        let mut records: Vec<(OffsetDateTime, Value)> = Vec::new();
        loop {
            let page = self.trail.lookup(request.clone()).await.unwrap();
            records.extend(
                page.events
                    .iter()
                    .map(|entry| (entry.time, serde_json::from_slice(&entry.event).unwrap())),
            );
            match page.next_token {
                Some(token) => request.next_token = Some(token),
                None => break,
            }
        }
        records.reverse();
        records.into_iter().map(|(_, record)| record).collect()
    }

    pub fn index_file(&self) -> PathBuf {
        self.folder.path().join("index")
    }
}

pub fn root_key() -> Root {
    Root::fixed(RootKey::from_bytes([7; 32]))
}

pub fn call(caller: &Caller) -> Call<'_> {
    Call {
        caller,
        request_id: "REQUEST",
        via: None,
    }
}

pub fn through_s3(caller: &Caller) -> Call<'_> {
    Call {
        caller,
        request_id: "REQUEST",
        via: Some(VIA_S3),
    }
}

pub fn arn(key: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}")
}

pub fn alias_arn(name: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:{name}")
}

pub fn pairs(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::from_pairs(pairs.iter().copied())
}

/// The code of a refusal, or `OK`.
pub fn code<T>(result: Result<T, KmsError>) -> &'static str {
    result.err().map_or("OK", |error| error.code())
}

pub fn refusal<T>(result: Result<T, KmsError>) -> (&'static str, String) {
    match result {
        Ok(_) => ("OK", String::new()),
        Err(error) => (error.code(), error.message()),
    }
}

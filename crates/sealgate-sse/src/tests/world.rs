//! A KMS in a folder of its own, and who calls it.

use std::sync::Arc;

use sealgate_audit::Trail;
use sealgate_index::{Index, IndexConfig};
use sealgate_kms::{Call, CreateKeyRequest, Kms, Root, RootKey};
use sealgate_policy::{AttachedPolicy, Caller, Environment, Policy, Principal, PrincipalKind};
use tempfile::TempDir;
use time::macros::datetime;

use crate::{CustomerKey, Place, Sse, SseError};

pub const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
pub const ALL: &str = r#"{ "Version": "2012-10-17",
    "Statement": [ { "Effect": "Allow", "Action": "kms:*", "Resource": "*" } ] }"#;

pub struct World {
    _folder: TempDir,
    pub kms: Kms,
    pub sse: Sse,
}

impl World {
    pub async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
        let trail = Trail::new(index.clone(), REGION);
        let root = Root::fixed(RootKey::from_bytes([7; 32]));
        let kms = Kms::open(index, trail, &root, REGION.to_owned())
            .await
            .unwrap();
        World {
            _folder: folder,
            sse: Sse::new(kms.clone()),
            kms,
        }
    }

    /// A customer-managed key with the default policy; its id.
    pub async fn key(&self) -> String {
        let root = root();
        let request = CreateKeyRequest::default();
        let made = self.kms.create_key(&call(&root), request).await;
        made.unwrap().key_id
    }
}

pub fn root() -> Caller {
    caller(PrincipalKind::Root, "root", &[])
}

pub fn user(name: &str, policies: &[&str]) -> Caller {
    let kind = PrincipalKind::User {
        name: name.to_owned(),
    };
    caller(kind, &format!("user/{name}"), policies)
}

fn caller(kind: PrincipalKind, resource: &str, policies: &[&str]) -> Caller {
    Caller {
        principal: Principal {
            account_id: ACCOUNT.to_owned(),
            kind,
            arn: format!("arn:aws:iam::{ACCOUNT}:{resource}"),
            id: "AIDAEXAMPLE".to_owned(),
            access_key_id: Some("AKIAEXAMPLE".to_owned()),
        },
        identity_policies: policies
            .iter()
            .map(|text| AttachedPolicy::new("inline policy", Policy::parse_identity(text).unwrap()))
            .collect(),
        boundary: None,
        session: None,
        source: None,
        tags: Arc::default(),
        environment: Environment {
            source_ip: Some("192.0.2.1".parse().unwrap()),
            secure_transport: true,
            user_agent: None,
            now: datetime!(2026-11-24 12:00 UTC),
            region: REGION.to_owned(),
        },
    }
}

pub fn call(caller: &Caller) -> Call<'_> {
    Call {
        caller,
        request_id: "REQUEST",
        via: Some("s3.us-east-1.amazonaws.com"),
    }
}

pub const PLACE: Place<'static> = Place {
    account: ACCOUNT,
    bucket: "bucket",
    key: "folder/object",
};

/// Every place that differs from [`PLACE`] in one thing.
pub fn other_places() -> [Place<'static>; 3] {
    [
        Place {
            account: "444455556666",
            ..PLACE
        },
        Place {
            bucket: "other",
            ..PLACE
        },
        Place {
            key: "folder/other",
            ..PLACE
        },
    ]
}

pub fn customer_key(key: &[u8]) -> CustomerKey {
    let pairs = super::headers::customer(key);
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let headers = super::headers::headers(&pairs);
    crate::parse_read(&headers).unwrap().unwrap()
}

/// What refused: the code of the KMS, or our own word.
pub fn refusal<T>(result: Result<T, SseError>) -> &'static str {
    match result.err() {
        None => "OK",
        Some(SseError::Kms(error)) => error.code(),
        Some(SseError::Damaged) => "damaged",
        Some(SseError::WrongCustomerKey) => "wrong customer key",
        Some(SseError::InvalidRequest(_)) => "invalid request",
        Some(_) => "other",
    }
}

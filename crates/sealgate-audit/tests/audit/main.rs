//! The trail over a real index.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod delivery;
mod trail;
mod verify;

use std::path::Path;

use sealgate_audit::{Event, Trail, TrailConfig};
use sealgate_index::{Index, IndexConfig};
use sealgate_policy::{Caller, Environment, Principal, PrincipalKind};
use sealgate_seal::Key256;
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-24 12:00:00.5 UTC);

pub(crate) async fn index(folder: &Path) -> Index {
    let config = IndexConfig {
        path: folder.join("index"),
        key: None,
    };
    Index::open(config).await.unwrap()
}

/// A trail without keys.
pub(crate) async fn trail() -> (TempDir, Trail) {
    let folder = tempfile::tempdir().unwrap();
    let index = index(folder.path()).await;
    (folder, Trail::new(index, "us-east-1"))
}

/// A trail that signs, with its heads in the folder.
pub(crate) async fn signing(folder: &Path) -> (Index, Trail) {
    let index = index(folder).await;
    let mut config = TrailConfig::new("us-east-1", Key256::from_bytes([5; 32]));
    config.heads_file = Some(folder.join("audit-heads"));
    let trail = Trail::open(index.clone(), config).await.unwrap();
    (index, trail)
}

pub(crate) fn alice(now: OffsetDateTime) -> Caller {
    let principal = Principal {
        account_id: ACCOUNT.to_owned(),
        kind: PrincipalKind::User {
            name: "alice".to_owned(),
        },
        arn: format!("arn:aws:iam::{ACCOUNT}:user/alice"),
        id: "AIDAEXAMPLE".to_owned(),
        access_key_id: Some("AKIAEXAMPLE".to_owned()),
    };
    let environment = Environment {
        source_ip: Some("192.0.2.1".parse().unwrap()),
        secure_transport: true,
        user_agent: Some("aws-cli/2".to_owned()),
        now,
        region: "us-east-1".to_owned(),
    };
    Caller::new(principal, environment)
}

pub(crate) fn event(name: &str, now: OffsetDateTime) -> Event {
    Event::new("kms.amazonaws.com", name, &alice(now), "REQUEST")
}

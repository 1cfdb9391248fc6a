//! The whole crate over a real index.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod assume_role;
mod authenticate;
mod bootstrap;
mod console;
mod federation;
mod issuer;
mod keys;
mod presigned_v2;
mod signed_sessions;
mod sts_world;
mod users;
mod web_identity;

use sealgate_index::{Index, IndexConfig};
use sealgate_seal::Key256;
use tempfile::TempDir;

use crate::model::{Credential, NewAccount};
use crate::names::{EntityPath, PolicyName, UserName};
use crate::{Holder, Iam, KeyOwner, NewUser};

pub const ACCOUNT: &str = "111111111111";
pub const OTHER: &str = "222222222222";
pub const ROOT_KEY: &str = "AKIAROOTROOTROOTROOT";
pub const ROOT_SECRET: &str = "rootSecretrootSecretrootSecretrootSecret";
pub const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Identities on a fresh folder.
pub struct World {
    pub iam: Iam,
    pub index: Index,
    _folder: TempDir,
}

pub fn sealing_key(byte: u8) -> Key256 {
    Key256::from_bytes([byte; 32])
}

impl World {
    /// No accounts.
    pub async fn empty() -> World {
        let folder = TempDir::new().unwrap();
        let index = Index::open(IndexConfig {
            path: folder.path().join("index.db"),
            key: None,
        })
        .await
        .unwrap();
        let iam = Iam::open(index.clone(), sealing_key(7), "us-east-1".into())
            .await
            .unwrap();
        World {
            iam,
            index,
            _folder: folder,
        }
    }

    /// Two accounts, the first with a root access key.
    pub async fn new() -> World {
        let world = World::empty().await;
        for (id, key) in [(ACCOUNT, Some(ROOT_KEY)), (OTHER, None)] {
            world
                .iam
                .create_account(&NewAccount {
                    id: id.into(),
                    name: format!("account {id}"),
                    email: None,
                    canonical_id: format!("canonical-{id}"),
                    access_key: key.map(|key| credential(key, ROOT_SECRET)),
                })
                .await
                .unwrap();
        }
        world
    }

    pub async fn user(&self, user: &str) -> UserName {
        self.iam
            .create_user(ACCOUNT, &NewUser::named(name(user)))
            .await
            .unwrap();
        name(user)
    }
}

pub fn credential(id: &str, secret: &str) -> Credential {
    Credential {
        access_key_id: id.into(),
        secret: sealgate_wire::sigv4::SecretKey::new(secret.into()),
    }
}

pub fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

pub fn user(text: &str) -> Holder {
    Holder::User(name(text))
}

pub fn policy(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

pub fn owner(text: &str) -> KeyOwner {
    KeyOwner::User(name(text))
}

//! The fronts over real services.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cloudtrail;
mod coverage;
mod grants;
mod iam;
mod iam_entities;
mod iam_policies;
mod kms;
mod signed;
mod sts;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use quick_xml::Reader;
use quick_xml::events::Event;
use sealgate_audit::{LookupRequest, Trail};
use sealgate_iam::{
    Authenticated, CleartextSecrets, Credential, Iam, NewAccount, Service, UserName, root_principal,
};
use sealgate_index::{Index, IndexConfig};
use sealgate_kms::{Kms, Root, RootKey};
use sealgate_policy::{AttachedPolicy, Caller, Environment, Policy, Principal};
use sealgate_seal::Key256;
use sealgate_wire::Connection;
use sealgate_wire::sigv4::{Payload, SecretKey};
use serde_json::Value;
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::AdminApi;

pub const ACCOUNT: &str = "111111111111";
pub const ROOT_KEY: &str = "AKIAROOTROOTROOTROOT";
pub const ROOT_SECRET: &str = "rootSecretrootSecretrootSecretrootSecret";
pub const REQUEST_ID: &str = "REQUEST0REQUEST0";

pub struct World {
    pub api: AdminApi,
    pub iam: Iam,
    pub trail: Trail,
    pub index: Index,
    _folder: TempDir,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Status and `__type` of a JSON error.
    pub fn error(&self) -> (u16, String) {
        (
            self.status,
            self.json()["__type"].as_str().unwrap().to_owned(),
        )
    }

    /// The first element of this name in an XML answer.
    pub fn xml(&self, name: &str) -> Option<String> {
        let end = format!("/{name}");
        leaves(&self.body)
            .into_iter()
            .find(|(path, _)| path.ends_with(&end))
            .map(|(_, text)| text)
    }

    /// Status and `Code` of an XML error.
    pub fn code(&self) -> (u16, String) {
        let code = self
            .xml("Code")
            .unwrap_or_else(|| panic!("no error: {}", self.body));
        (self.status, code)
    }
}

/// Reads an XML document back: every text with the path that leads to it.
pub fn leaves(xml: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(xml);
    let (mut path, mut found, mut text) = (Vec::<String>::new(), Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(name) => {
                text.push_str(&quick_xml::escape::unescape(&format!("&{};", &*name)).unwrap());
            }
            Event::End(_) => {
                if !text.trim().is_empty() {
                    found.push((path.join("/"), std::mem::take(&mut text)));
                }
                path.pop();
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

pub fn local() -> Connection {
    Connection::direct("127.0.0.1:4711".parse().unwrap(), false)
}

pub fn remote(secure: bool) -> Connection {
    Connection::direct("10.0.0.9:4711".parse().unwrap(), secure)
}

pub fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

impl World {
    pub async fn new() -> World {
        let folder = TempDir::new().unwrap();
        let index = Index::open(IndexConfig {
            path: folder.path().join("index.db"),
            key: None,
        })
        .await
        .unwrap();
        let region = || "us-east-1".to_owned();
        let trail = Trail::new(index.clone(), region());
        let root = Root::fixed(RootKey::from_bytes([9; 32]));
        let kms = Kms::open(index.clone(), trail.clone(), &root, region())
            .await
            .unwrap();
        let iam = Iam::open(index.clone(), Key256::from_bytes([7; 32]), region())
            .await
            .unwrap();
        iam.create_account(&NewAccount {
            id: ACCOUNT.into(),
            name: "main".into(),
            email: None,
            canonical_id: "testid".into(),
            access_key: Some(Credential {
                access_key_id: ROOT_KEY.into(),
                secret: SecretKey::new(ROOT_SECRET.into()),
            }),
        })
        .await
        .unwrap();
        World {
            api: AdminApi::new(
                kms,
                iam.clone(),
                trail.clone(),
                region(),
                CleartextSecrets::Loopback,
            ),
            iam,
            trail,
            index,
            _folder: folder,
        }
    }

    /// A bucket of the account.
    pub async fn bucket(&self, name: &str) {
        let region = "us-east-1";
        self.index
            .create_bucket(name, ACCOUNT, region)
            .await
            .unwrap();
    }

    pub fn root(&self) -> Caller {
        caller(root_principal(ACCOUNT, Some(ROOT_KEY.into())), &[])
    }

    /// A user with these policies (which are not stored).
    pub async fn user(&self, user: &str, policies: &[&str]) -> Caller {
        let user = self
            .iam
            .create_user(ACCOUNT, &sealgate_iam::NewUser::named(name(user)))
            .await
            .unwrap();
        caller(
            user.principal(Some("AKIAUSERUSERUSERUSER".into())),
            policies,
        )
    }

    pub async fn send(
        &self,
        service: Service,
        caller: &Caller,
        conn: &Connection,
        request: Request<Bytes>,
    ) -> Answer {
        let auth = Authenticated {
            caller: caller.clone(),
            service,
            payload: Payload::Whole,
            chunks: None,
            presigned: false,
            signature: sealgate_iam::SignatureVersion::V4,
            signed_at: None,
            anonymous: false,
            canonical_id: "testid".into(),
            transitive_tags: Default::default(),
        };
        let (parts, body) = request.into_parts();
        let reply = self.api.handle(parts, body, auth, conn, REQUEST_ID).await;
        read(reply).await
    }

    /// A request in the JSON protocol.
    pub async fn json(
        &self,
        service: Service,
        caller: &Caller,
        target: &str,
        body: &str,
    ) -> Answer {
        let request = Request::post("/")
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        self.send(service, caller, &local(), request).await
    }

    pub async fn kms(&self, caller: &Caller, operation: &str, body: Value) -> Answer {
        self.json(
            Service::Kms,
            caller,
            &format!("TrentService.{operation}"),
            &body.to_string(),
        )
        .await
    }

    pub async fn cloudtrail(&self, caller: &Caller, operation: &str, body: Value) -> Answer {
        let target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}");
        self.json(Service::CloudTrail, caller, &target, &body.to_string())
            .await
    }

    /// A form in the Query protocol.
    pub async fn form(&self, service: Service, caller: &Caller, form: &str) -> Answer {
        let request = Request::post("/")
            .header(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            )
            .body(Bytes::copy_from_slice(form.as_bytes()))
            .unwrap();
        self.send(service, caller, &local(), request).await
    }

    pub async fn iam(&self, caller: &Caller, form: &str) -> Answer {
        self.form(
            Service::Iam,
            caller,
            &format!("Version=2010-05-08&Action={form}"),
        )
        .await
    }

    /// The newest records of the trail.
    pub async fn records(&self) -> Vec<Value> {
        let page = self
            .trail
            .lookup(LookupRequest {
                account_id: ACCOUNT.into(),
                ..LookupRequest::default()
            })
            .await
            .unwrap();
        page.events
            .iter()
            .map(|entry| serde_json::from_slice(&entry.event).unwrap())
            .collect()
    }
}

pub async fn read(reply: http::Response<Full<Bytes>>) -> Answer {
    let (parts, body) = reply.into_parts();
    assert_eq!(parts.headers["x-amzn-requestid"], REQUEST_ID);
    Answer {
        status: parts.status.as_u16(),
        content_type: parts.headers["content-type"].to_str().unwrap().to_owned(),
        body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
    }
}

fn caller(principal: Principal, policies: &[&str]) -> Caller {
    let policies: Vec<AttachedPolicy> = policies
        .iter()
        .map(|text| AttachedPolicy::new("inline policy", Policy::parse_identity(text).unwrap()))
        .collect();
    Caller {
        principal,
        identity_policies: policies.into(),
        boundary: None,
        session: None,
        source: None,
        tags: Arc::default(),
        environment: Environment {
            source_ip: Some("10.1.2.3".parse().unwrap()),
            secure_transport: false,
            user_agent: Some("test/1".into()),
            now: OffsetDateTime::now_utc(),
            region: "us-east-1".into(),
        },
    }
}

/// A policy that allows these actions on this resource.
pub fn allow(actions: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"{resource}"}}]}}"#
    )
}

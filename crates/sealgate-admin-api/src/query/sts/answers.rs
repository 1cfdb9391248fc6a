//! Answers of STS, and what the trail keeps of them: never a secret, and no session token either.

use sealgate_iam::{AssumedRole, FederationToken, SessionCredentials};
use sealgate_policy::Caller;
use serde_json::{Map, Value, json};

use super::super::xml::{Xml, iso};

/// Who am I? Needs no permission, and no policy can forbid it.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub fn caller_identity(caller: &Caller) -> Xml {
    let mut xml = Xml::new();
    xml.text("Arn", &caller.principal.arn);
    xml.text("UserId", &caller.principal.id);
    xml.text("Account", &caller.principal.account_id);
    xml
}

pub fn credentials(xml: &mut Xml, credentials: &SessionCredentials) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &credentials.access_key_id);
        xml.text("SecretAccessKey", credentials.secret.expose());
        xml.text("SessionToken", &credentials.token);
        xml.time("Expiration", credentials.expires);
    });
}

/// A session of a role; `further` adds what only one operation answers.
pub fn assumed_role(done: &AssumedRole, further: impl FnOnce(&mut Xml)) -> Xml {
    let mut xml = Xml::new();
    credentials(&mut xml, &done.credentials);
    further(&mut xml);
    xml.element("AssumedRoleUser", |xml| {
        xml.text("AssumedRoleId", &done.id);
        xml.text("Arn", &done.arn);
    });
    packed_size(&mut xml, done.packed_policy_size);
    if let Some(identity) = &done.source_identity {
        xml.text("SourceIdentity", identity);
    }
    xml
}

pub fn federation_token(done: &FederationToken) -> Xml {
    let mut xml = Xml::new();
    credentials(&mut xml, &done.credentials);
    xml.element("FederatedUser", |xml| {
        xml.text("FederatedUserId", &done.id);
        xml.text("Arn", &done.arn);
    });
    packed_size(&mut xml, done.packed_policy_size);
    xml
}

fn packed_size(xml: &mut Xml, percent: Option<u32>) {
    if let Some(percent) = percent {
        xml.text("PackedPolicySize", &percent.to_string());
    }
}

pub fn recorded_credentials(credentials: &SessionCredentials) -> Value {
    json!({
        "accessKeyId": credentials.access_key_id,
        "expiration": iso(credentials.expires),
    })
}

pub fn recorded_role(done: &AssumedRole) -> Value {
    let mut fields = Map::from_iter([
        (
            "credentials".to_owned(),
            recorded_credentials(&done.credentials),
        ),
        (
            "assumedRoleUser".to_owned(),
            json!({ "assumedRoleId": done.id, "arn": done.arn }),
        ),
    ]);
    if let Some(percent) = done.packed_policy_size {
        fields.insert("packedPolicySize".to_owned(), percent.into());
    }
    if let Some(identity) = &done.source_identity {
        fields.insert("sourceIdentity".to_owned(), identity.as_str().into());
    }
    Value::Object(fields)
}

pub fn recorded_federation(done: &FederationToken) -> Value {
    let mut fields = Map::from_iter([
        (
            "credentials".to_owned(),
            recorded_credentials(&done.credentials),
        ),
        (
            "federatedUser".to_owned(),
            json!({ "federatedUserId": done.id, "arn": done.arn }),
        ),
    ]);
    if let Some(percent) = done.packed_policy_size {
        fields.insert("packedPolicySize".to_owned(), percent.into());
    }
    Value::Object(fields)
}

//! `userIdentity`: who called, as CloudTrail shows it, and the names that LookupEvents finds it by.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>

use sealgate_policy::{Principal, PrincipalKind, Session};
use serde_json::{Map, Value, json};

use crate::event::Event;
use crate::record::timestamp;

/// The element for the record that `recipient` gets.
pub(crate) fn identity(event: &Event, recipient: &str) -> Value {
    let principal = &event.principal;
    let foreign = !principal.account_id.is_empty() && principal.account_id != recipient;
    let service = matches!(principal.kind, PrincipalKind::Service { .. });
    let mut identity = if foreign && !service {
        // Another account's caller is known by its account and unique id alone.
        json!({
            "type": "AWSAccount",
            "principalId": principal.id,
            "accountId": principal.account_id,
        })
    } else {
        own_identity(principal, event.session.as_deref())
    };
    if let Some(fields) = identity.as_object_mut() {
        if let Some(key) = principal.access_key_id.as_deref().filter(|_| !foreign) {
            fields.insert("accessKeyId".to_owned(), key.into());
        }
        if let Some(service) = &event.invoked_by {
            fields.insert("invokedBy".to_owned(), service.as_str().into());
        }
    }
    identity
}

fn own_identity(principal: &Principal, session: Option<&Session>) -> Value {
    let named = |kind: &str| {
        json!({
            "type": kind,
            "principalId": principal.id,
            "arn": principal.arn,
            "accountId": principal.account_id,
        })
    };
    let (mut identity, issuer) = match &principal.kind {
        PrincipalKind::Root => (named("Root"), None),
        PrincipalKind::User { name } => {
            let mut identity = named("IAMUser");
            put(&mut identity, "userName", name.as_str().into());
            (identity, None)
        }
        PrincipalKind::AssumedRole {
            role_name,
            role_arn,
            ..
        } => {
            let role_id = principal.id.split(':').next().unwrap_or_default();
            let issuer = json!({
                "type": "Role",
                "principalId": role_id,
                "arn": role_arn,
                "accountId": principal.account_id,
                "userName": role_name,
            });
            (named("AssumedRole"), Some(issuer))
        }
        PrincipalKind::FederatedUser { user_arn, .. } => {
            let mut issuer = json!({ "arn": user_arn, "accountId": principal.account_id });
            match user_arn.split_once(":user/") {
                Some((_, path)) => {
                    put(&mut issuer, "type", "IAMUser".into());
                    let name = path.rsplit('/').next().unwrap_or(path);
                    put(&mut issuer, "userName", name.into());
                }
                None => put(&mut issuer, "type", "Root".into()),
            }
            (named("FederatedUser"), Some(issuer))
        }
        PrincipalKind::WebIdentity { provider, subject } => {
            let saml = provider.contains(":saml-provider/");
            let identity = json!({
                "type": if saml { "SAMLUser" } else { "WebIdentityUser" },
                "principalId": format!("{provider}:{subject}"),
                "userName": subject,
                "identityProvider": provider,
            });
            (identity, None)
        }
        PrincipalKind::Anonymous => {
            let identity = json!({
                "type": "AWSAccount",
                "principalId": "",
                "accountId": "ANONYMOUS_PRINCIPAL",
            });
            (identity, None)
        }
        PrincipalKind::Service { name } => {
            (json!({ "type": "AWSService", "invokedBy": name }), None)
        }
    };
    if session.is_some() || issuer.is_some() {
        put(&mut identity, "sessionContext", context(session, issuer));
    }
    identity
}

/// `sessionContext`: whose temporary credentials were used.
fn context(session: Option<&Session>, issuer: Option<Value>) -> Value {
    let mut context = Map::new();
    if let Some(issuer) = issuer {
        context.insert("sessionIssuer".to_owned(), issuer);
    }
    if let Some(session) = session {
        if let Some(provider) = &session.federated_provider {
            let data = json!({ "federatedProvider": provider, "attributes": {} });
            context.insert("webIdFederationData".to_owned(), data);
        }
        let attributes = json!({
            "creationDate": timestamp(session.issued),
            // A string, at AWS as well.
            "mfaAuthenticated": if session.mfa_at.is_some() { "true" } else { "false" },
        });
        context.insert("attributes".to_owned(), attributes);
        if let Some(source) = &session.source_identity {
            context.insert("sourceIdentity".to_owned(), source.as_str().into());
        }
    }
    Value::Object(context)
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// The name that LookupEvents finds the event by: of a session, the session's.
pub(crate) fn username(identity: &Value) -> Option<String> {
    let text = |name: &str| identity.get(name).and_then(Value::as_str);
    let after = |name: &str, sign| text(name).and_then(|value| Some(value.split_once(sign)?.1));
    match text("type")? {
        "Root" => Some("root"),
        "IAMUser" | "WebIdentityUser" | "SAMLUser" => text("userName"),
        // `AROA…:SESSION`, `ACCOUNT:NAME`
        "AssumedRole" | "FederatedUser" => after("principalId", ':'),
        "AWSService" => text("invokedBy"),
        _ => None,
    }
    .map(str::to_owned)
}

/// The access key that LookupEvents finds the event by.
pub(crate) fn access_key_id(identity: &Value) -> Option<String> {
    identity.get("accessKeyId")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use sealgate_policy::{Caller, Environment};
    use time::macros::datetime;

    use super::*;

    fn event(kind: PrincipalKind, arn: &str, id: &str, account: &str) -> Event {
        let principal = Principal {
            account_id: account.to_owned(),
            kind,
            arn: arn.to_owned(),
            id: id.to_owned(),
            access_key_id: Some("ASIAEXAMPLE".to_owned()),
        };
        let environment = Environment {
            source_ip: None,
            secure_transport: true,
            user_agent: None,
            now: datetime!(2026-11-24 12:00:00 UTC),
            region: "us-east-1".to_owned(),
        };
        let mut caller = Caller::new(principal, environment);
        caller.session = Some(Arc::new(Session {
            issued: datetime!(2026-11-24 11:00:00 UTC),
            expires: datetime!(2026-11-24 13:00:00 UTC),
            mfa_at: None,
            source_identity: Some("alice".to_owned()),
            federated_provider: Some("arn:aws:iam::1:oidc-provider/idp".to_owned()),
            policies: None,
        }));
        Event::new("kms.amazonaws.com", "Decrypt", &caller, "R")
    }

    #[test]
    fn a_session_of_a_role_shows_the_role_and_how_the_session_came_about() {
        let event = event(
            PrincipalKind::AssumedRole {
                role_name: "app".into(),
                role_arn: "arn:aws:iam::111122223333:role/team/app".into(),
                session_name: "run-1".into(),
            },
            "arn:aws:sts::111122223333:assumed-role/app/run-1",
            "AROAEXAMPLE:run-1",
            "111122223333",
        );
        let own = identity(&event, "111122223333");
        assert_eq!(
            own,
            json!({
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLE:run-1",
                "arn": "arn:aws:sts::111122223333:assumed-role/app/run-1",
                "accountId": "111122223333",
                "accessKeyId": "ASIAEXAMPLE",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": "AROAEXAMPLE",
                        "arn": "arn:aws:iam::111122223333:role/team/app",
                        "accountId": "111122223333",
                        "userName": "app",
                    },
                    "webIdFederationData": {
                        "federatedProvider": "arn:aws:iam::1:oidc-provider/idp",
                        "attributes": {},
                    },
                    "attributes": {
                        "creationDate": "2026-11-24T11:00:00Z",
                        "mfaAuthenticated": "false",
                    },
                    "sourceIdentity": "alice",
                },
            })
        );
        assert_eq!(username(&own).as_deref(), Some("run-1"));

        let foreign = identity(&event, "444455556666");
        assert_eq!(
            foreign,
            json!({ "type": "AWSAccount", "principalId": "AROAEXAMPLE:run-1", "accountId": "111122223333" })
        );
        assert_eq!((username(&foreign), access_key_id(&foreign)), (None, None));
    }

    #[test]
    fn federated_users_and_web_identities_have_types_of_their_own() {
        let federated = event(
            PrincipalKind::FederatedUser {
                name: "bob".into(),
                user_arn: "arn:aws:iam::111122223333:user/x/proxy".into(),
            },
            "arn:aws:sts::111122223333:federated-user/bob",
            "111122223333:bob",
            "111122223333",
        );
        let found = identity(&federated, "111122223333");
        assert_eq!(found["type"], "FederatedUser");
        assert_eq!(
            found["sessionContext"]["sessionIssuer"]["userName"],
            "proxy"
        );
        assert_eq!(username(&found).as_deref(), Some("bob"));

        let web = event(
            PrincipalKind::WebIdentity {
                provider: "idp.example".into(),
                subject: "sub-1".into(),
            },
            "",
            "",
            "",
        );
        let found = identity(&web, "111122223333");
        assert_eq!(found["type"], "WebIdentityUser");
        assert_eq!(found["identityProvider"], "idp.example");
        assert_eq!(username(&found).as_deref(), Some("sub-1"));
    }
}

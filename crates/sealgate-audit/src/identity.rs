//! `userIdentity`: who called, as CloudTrail shows it, and the names that LookupEvents finds it by.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>

use std::borrow::Cow;

use sealgate_policy::{Principal, PrincipalKind, Session};
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::record::timestamp;

type Text<'e> = Option<Cow<'e, str>>;

/// The element, as records have it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Identity<'e> {
    #[serde(rename = "type")]
    kind: Cow<'e, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    principal_id: Text<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Text<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Text<'e>,
    /// The access key that LookupEvents finds the event by.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) access_key_id: Text<'e>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    user_name: Text<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_provider: Text<'e>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    session_context: Option<SessionContext<'e>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    invoked_by: Text<'e>,
}

/// Whose temporary credentials were used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionContext<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session_issuer: Option<Issuer<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_id_federation_data: Option<Federation<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_identity: Option<&'e str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuer<'e> {
    #[serde(rename = "type")]
    kind: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<&'e str>,
    arn: &'e str,
    account_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'e str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Federation<'e> {
    federated_provider: &'e str,
    attributes: Empty,
}

#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    creation_date: String,
    /// A string, at AWS as well.
    mfa_authenticated: &'static str,
}

impl<'e> Identity<'e> {
    /// The element for the record that `recipient` gets.
    pub(crate) fn of(event: &'e Event, recipient: &str) -> Identity<'e> {
        let principal = &event.principal;
        let foreign = !principal.account_id.is_empty() && principal.account_id != recipient;
        let service = matches!(principal.kind, PrincipalKind::Service { .. });
        let mut identity = if foreign && !service {
            // Another account's caller is known by its account and unique id alone.
            Identity {
                kind: "AWSAccount".into(),
                principal_id: text(&principal.id),
                account_id: text(&principal.account_id),
                ..Identity::default()
            }
        } else {
            own(principal, event.session.as_deref())
        };
        if let Some(key) = principal.access_key_id.as_deref().filter(|_| !foreign) {
            identity.access_key_id = text(key);
        }
        if let Some(service) = &event.invoked_by {
            identity.invoked_by = text(service);
        }
        identity
    }

    /// The name that LookupEvents finds the event by: of a session, the session's.
    pub(crate) fn username(&self) -> Option<&str> {
        match &*self.kind {
            "Root" => Some("root"),
            "IAMUser" | "WebIdentityUser" | "SAMLUser" => self.user_name.as_deref(),
            // `AROA…:SESSION`, `ACCOUNT:NAME`
            "AssumedRole" | "FederatedUser" => {
                Some(self.principal_id.as_deref()?.split_once(':')?.1)
            }
            "AWSService" => self.invoked_by.as_deref(),
            _ => None,
        }
    }

    /// Whether it is a service that acts for itself.
    pub(crate) fn is_service(&self) -> bool {
        self.kind == "AWSService"
    }
}

fn text(text: &str) -> Text<'_> {
    Some(Cow::Borrowed(text))
}

fn own<'e>(principal: &'e Principal, session: Option<&'e Session>) -> Identity<'e> {
    let named = |kind: &'static str| Identity {
        kind: kind.into(),
        principal_id: text(&principal.id),
        arn: text(&principal.arn),
        account_id: text(&principal.account_id),
        ..Identity::default()
    };
    let (mut identity, issuer) = match &principal.kind {
        PrincipalKind::Root => (named("Root"), None),
        PrincipalKind::User { name } => {
            let mut identity = named("IAMUser");
            identity.user_name = text(name);
            (identity, None)
        }
        PrincipalKind::AssumedRole {
            role_name,
            role_arn,
            ..
        } => {
            let issuer = Issuer {
                kind: "Role",
                principal_id: Some(principal.id.split(':').next().unwrap_or_default()),
                arn: role_arn,
                account_id: &principal.account_id,
                user_name: Some(role_name),
            };
            (named("AssumedRole"), Some(issuer))
        }
        PrincipalKind::FederatedUser { user_arn, .. } => {
            let user = user_arn
                .split_once(":user/")
                .map(|(_, path)| path.rsplit('/').next().unwrap_or(path));
            let issuer = Issuer {
                kind: if user.is_some() { "IAMUser" } else { "Root" },
                principal_id: None,
                arn: user_arn,
                account_id: &principal.account_id,
                user_name: user,
            };
            (named("FederatedUser"), Some(issuer))
        }
        PrincipalKind::WebIdentity { provider, subject } => {
            let saml = provider.contains(":saml-provider/");
            let identity = Identity {
                kind: if saml { "SAMLUser" } else { "WebIdentityUser" }.into(),
                principal_id: Some(format!("{provider}:{subject}").into()),
                user_name: text(subject),
                identity_provider: text(provider),
                ..Identity::default()
            };
            (identity, None)
        }
        PrincipalKind::Anonymous => {
            let identity = Identity {
                kind: "AWSAccount".into(),
                principal_id: text(""),
                account_id: text("ANONYMOUS_PRINCIPAL"),
                ..Identity::default()
            };
            (identity, None)
        }
        PrincipalKind::Service { name } => {
            let identity = Identity {
                kind: "AWSService".into(),
                invoked_by: text(name),
                ..Identity::default()
            };
            (identity, None)
        }
    };
    if session.is_some() || issuer.is_some() {
        identity.session_context = Some(context(session, issuer));
    }
    identity
}

fn context<'e>(session: Option<&'e Session>, issuer: Option<Issuer<'e>>) -> SessionContext<'e> {
    let provider = session.and_then(|session| session.federated_provider.as_deref());
    SessionContext {
        session_issuer: issuer,
        web_id_federation_data: provider.map(|provider| Federation {
            federated_provider: provider,
            attributes: Empty {},
        }),
        attributes: session.map(|session| Attributes {
            creation_date: timestamp(session.issued),
            mfa_authenticated: if session.mfa_at.is_some() {
                "true"
            } else {
                "false"
            },
        }),
        source_identity: session.and_then(|session| session.source_identity.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use sealgate_policy::{Caller, Environment};
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    fn json(identity: &Identity<'_>) -> Value {
        serde_json::to_value(identity).unwrap()
    }

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
        let own = Identity::of(&event, "111122223333");
        assert_eq!(
            json(&own),
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
        assert_eq!(own.username(), Some("run-1"));

        let foreign = Identity::of(&event, "444455556666");
        assert_eq!(
            json(&foreign),
            json!({ "type": "AWSAccount", "principalId": "AROAEXAMPLE:run-1", "accountId": "111122223333" })
        );
        assert_eq!(
            (foreign.username(), foreign.access_key_id.as_deref()),
            (None, None)
        );
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
        let found = Identity::of(&federated, "111122223333");
        assert_eq!(json(&found)["type"], "FederatedUser");
        assert_eq!(
            json(&found)["sessionContext"]["sessionIssuer"]["userName"],
            "proxy"
        );
        assert_eq!(found.username(), Some("bob"));

        let web = event(
            PrincipalKind::WebIdentity {
                provider: "idp.example".into(),
                subject: "sub-1".into(),
            },
            "",
            "",
            "",
        );
        let found = Identity::of(&web, "111122223333");
        assert_eq!(json(&found)["type"], "WebIdentityUser");
        assert_eq!(json(&found)["identityProvider"], "idp.example");
        assert_eq!(found.username(), Some("sub-1"));
    }
}

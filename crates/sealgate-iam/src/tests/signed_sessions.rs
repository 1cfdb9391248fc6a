//! Requests signed with temporary credentials, with the signer of the AWS SDK.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::Request;
use http::request::Parts;
use sealgate_policy::PrincipalKind;
use sealgate_wire::Connection;
use time::OffsetDateTime;

use super::sts_world::*;
use super::*;
use crate::sts::{FederatedName, GetFederationToken};
use crate::{AuthFailure, Authenticated, Presentation, Service, SessionCredentials};

#[derive(Clone, Copy)]
struct Keys<'a> {
    id: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
}

impl<'a> Keys<'a> {
    fn of(credentials: &'a SessionCredentials) -> Keys<'a> {
        Keys {
            id: &credentials.access_key_id,
            secret: credentials.secret.expose(),
            token: Some(&credentials.token),
        }
    }
}

fn signed(keys: &Keys<'_>, service: &str, presigned: bool) -> Parts {
    let token = keys.token.map(str::to_owned);
    let identity = Credentials::new(keys.id, keys.secret, token, None, "test").into();
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if presigned {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(std::time::Duration::from_secs(600));
    } else if service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::from(NOW))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = "http://localhost:9000/bucket/key";
    let headers = [("host", "localhost:9000")];
    let body = match presigned {
        true => SignableBody::UnsignedPayload,
        false => SignableBody::Bytes(b""),
    };
    let request = SignableRequest::new("GET", uri, headers.into_iter(), body).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let mut request = Request::get(uri)
        .header("host", "localhost:9000")
        .body(())
        .unwrap();
    instructions.apply_to_request_http1x(&mut request);
    request.into_parts().0
}

async fn at(
    world: &World,
    parts: &Parts,
    now: OffsetDateTime,
) -> Result<Authenticated, AuthFailure> {
    let conn = Connection::direct("10.1.2.3:4711".parse().unwrap(), true);
    world
        .iam
        .authenticate(parts, Presentation::of(parts), &conn, now, Some(b""))
        .await
}

async fn code(world: &World, keys: &Keys<'_>, service: &str) -> &'static str {
    let parts = signed(keys, service, false);
    at(world, &parts, NOW).await.err().unwrap().error.code()
}

#[tokio::test]
async fn a_session_signs_in_header_and_query() {
    let world = World::new().await;
    let admin = world.calling_user("admin", &[ALLOW_ALL]).await;
    let principal = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#);
    let trusting = trust(&principal, r#""sts:AssumeRole""#, "");
    world.role(ACCOUNT, "reader", &trusting, &[ALLOW_ALL]).await;
    let done = world
        .assume(&admin, &request(ACCOUNT, "reader"))
        .await
        .unwrap();
    let keys = Keys::of(&done.credentials);
    for (service, presigned) in [("s3", false), ("s3", true), ("kms", false), ("iam", false)] {
        let found = at(&world, &signed(&keys, service, presigned), NOW)
            .await
            .unwrap();
        assert_eq!(found.caller.principal.arn, done.arn);
        assert_eq!(
            found.caller.principal.access_key_id.as_deref(),
            Some(keys.id)
        );
        assert_eq!(found.canonical_id, "canonical-111111111111");
        assert_eq!((found.presigned, found.anonymous), (presigned, false));
    }
    let role = crate::RoleName::parse("reader").unwrap();
    let used = world
        .iam
        .get_role(ACCOUNT, &role)
        .await
        .unwrap()
        .last_used
        .unwrap();
    assert_eq!((used.time, used.region.as_str()), (NOW, "us-east-1"));

    let presigned = signed(&keys, "s3", true);
    let late = done.credentials.expires;
    let late = at(&world, &presigned, late).await.err().unwrap();
    assert_eq!(
        (late.service, late.error.code()),
        (Service::S3, "ExpiredToken")
    );
}

#[tokio::test]
async fn key_id_secret_and_token_belong_together() {
    let world = World::new().await;
    let alice = world.calling_user("alice", &[]).await;
    let one = world.iam.session_token(&alice, None).await.unwrap();
    let other = world.iam.session_token(&alice, None).await.unwrap();
    let (one, other) = (Keys::of(&one), Keys::of(&other));
    let damaged = one.token.unwrap().replacen(['A', 'B'], "C", 1);
    for (keys, expected) in [
        (Keys { token: None, ..one }, "InvalidAccessKeyId"),
        (
            Keys {
                token: other.token,
                ..one
            },
            "InvalidToken",
        ),
        (
            Keys {
                id: other.id,
                ..one
            },
            "InvalidToken",
        ),
        (
            Keys {
                secret: other.secret,
                ..one
            },
            "SignatureDoesNotMatch",
        ),
        (
            Keys {
                token: Some(&damaged),
                ..one
            },
            "InvalidToken",
        ),
        (
            Keys {
                token: Some("token"),
                ..one
            },
            "InvalidToken",
        ),
        (
            Keys {
                token: Some(""),
                ..one
            },
            "InvalidToken",
        ),
        // A token beside a permanent key.
        (
            Keys {
                id: ROOT_KEY,
                secret: ROOT_SECRET,
                token: one.token,
            },
            "InvalidToken",
        ),
        (
            Keys {
                id: "ASIAAAAAAAAAAAAAAAAA",
                secret: "x",
                token: None,
            },
            "InvalidAccessKeyId",
        ),
    ] {
        for service in ["s3", "kms", "sts"] {
            assert_eq!(code(&world, &keys, service).await, expected, "{}", keys.id);
        }
    }
    assert!(at(&world, &signed(&one, "s3", false), NOW).await.is_ok());
}

#[tokio::test]
async fn credentials_of_users_sessions_do_not_call_iam() {
    let world = World::new().await;
    let admin = world.calling_user("admin", &[ALLOW_ALL]).await;
    let of_user = world.iam.session_token(&admin, None).await.unwrap();
    let asked = GetFederationToken {
        name: FederatedName::parse("bob").unwrap(),
        duration: None,
        policies: Default::default(),
        tags: Default::default(),
    };
    let federated = world
        .iam
        .federation_token(&admin, &asked)
        .await
        .unwrap()
        .credentials;
    for credentials in [&of_user, &federated] {
        let keys = Keys::of(credentials);
        assert_eq!(code(&world, &keys, "iam").await, "InvalidToken");
        assert!(at(&world, &signed(&keys, "s3", false), NOW).await.is_ok());
    }
}

#[tokio::test]
async fn another_sealing_key_knows_no_session() {
    let world = World::new().await;
    let alice = world.calling_user("alice", &[]).await;
    let made = world.iam.session_token(&alice, None).await.unwrap();
    let other = Iam::open(world.index.clone(), sealing_key(8), "us-east-1".into())
        .await
        .unwrap();
    let conn = Connection::direct("10.1.2.3:4711".parse().unwrap(), true);
    let parts = signed(&Keys::of(&made), "s3", false);
    let failure = other
        .authenticate(&parts, Presentation::of(&parts), &conn, NOW, None)
        .await
        .err()
        .unwrap();
    assert_eq!(failure.error.code(), "InvalidToken");
}

#[tokio::test]
async fn a_form_that_carries_its_proof_needs_no_signature() {
    let world = World::new().await;
    let conn = Connection::direct("10.1.2.3:4711".parse().unwrap(), true);
    let form = |action: &str| format!("Action={action}&Version=2011-06-15");
    let send = |request: http::request::Builder, body: String| {
        let (world, conn) = (&world, &conn);
        async move {
            let (parts, ()) = request.body(()).unwrap().into_parts();
            world
                .iam
                .authenticate(
                    &parts,
                    Presentation::of(&parts),
                    conn,
                    NOW,
                    Some(body.as_bytes()),
                )
                .await
        }
    };
    let post = || {
        Request::post("/").header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
    };
    let web = "AssumeRoleWithWebIdentity";
    let get = Request::get(format!("/?{}", form(web)));
    for (request, body) in [(post(), form(web)), (get, String::new())] {
        let found = send(request, body).await.unwrap();
        assert!(found.anonymous && found.service == Service::Sts);
        assert_eq!(found.caller.principal.kind, PrincipalKind::Anonymous);
    }
    for action in [
        "AssumeRole",
        "GetCallerIdentity",
        "assumerolewithwebidentity",
        "",
    ] {
        let failure = send(post(), form(action)).await.err().unwrap();
        assert_eq!(failure.service, Service::Sts);
        assert_eq!(failure.error, crate::AuthFault::MissingAuthenticationToken);
    }
    // The form decides, as for the operation itself.
    let both = Request::post(format!("/?{}", form(web)))
        .header("content-type", "application/x-www-form-urlencoded");
    assert!(send(both, form("AssumeRole")).await.is_err());
    // Other queries are those of S3.
    for uri in [
        "/?Action=ListUsers",
        "/bucket?Action=AssumeRoleWithWebIdentity",
        "/",
    ] {
        let found = send(Request::get(uri), String::new()).await.unwrap();
        assert_eq!(found.service, Service::S3, "{uri}");
    }
}

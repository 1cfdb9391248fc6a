//! Signed requests, with the signer of the AWS SDK.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::Request;
use http::request::Parts;
use sealgate_policy::PrincipalKind;
use sealgate_wire::Connection;
use sealgate_wire::sigv4::Payload;
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::{
    ANONYMOUS_CANONICAL_ID, AuthFailure, AuthFault, Authenticated, KeyStatus, Presentation, Service,
};

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);

struct Signed<'a> {
    key: &'a str,
    secret: &'a str,
    service: &'a str,
    region: &'a str,
    body: &'a [u8],
    token: Option<&'a str>,
}

impl Default for Signed<'_> {
    fn default() -> Self {
        Signed {
            key: ROOT_KEY,
            secret: ROOT_SECRET,
            service: "kms",
            region: "us-east-1",
            body: b"{}",
            token: None,
        }
    }
}

impl Signed<'_> {
    fn parts(&self) -> Parts {
        let identity = Credentials::new(
            self.key,
            self.secret,
            self.token.map(str::to_owned),
            None,
            "test",
        )
        .into();
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::from(NOW))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers = [("host", "localhost:9000"), ("user-agent", "test/1")];
        let uri = "http://localhost:9000/";
        let request = SignableRequest::new(
            "POST",
            uri,
            headers.into_iter(),
            SignableBody::Bytes(self.body),
        )
        .unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut request = Request::builder().method("POST").uri(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }
}

fn conn() -> Connection {
    Connection::direct("[::ffff:10.1.2.3]:4711".parse().unwrap(), true)
}

async fn of_parts(
    world: &World,
    parts: &Parts,
    now: OffsetDateTime,
    body: Option<&[u8]>,
) -> Result<Authenticated, AuthFailure> {
    let presented = Presentation::of(parts);
    world
        .iam
        .authenticate(parts, presented, &conn(), now, body)
        .await
}

async fn authenticate(world: &World, signed: &Signed<'_>) -> Result<Authenticated, AuthFailure> {
    let parts = signed.parts();
    of_parts(world, &parts, NOW, Some(signed.body)).await
}

fn code(result: Result<Authenticated, AuthFailure>) -> (Service, &'static str) {
    let failure = result.err().unwrap();
    (failure.service, failure.error.code())
}

#[tokio::test]
async fn the_scope_names_the_service_and_the_key_names_the_caller() {
    let world = World::new().await;
    for (name, service) in [
        ("s3", Service::S3),
        ("kms", Service::Kms),
        ("iam", Service::Iam),
        ("sts", Service::Sts),
        ("cloudtrail", Service::CloudTrail),
    ] {
        let signed = Signed {
            service: name,
            ..Signed::default()
        };
        assert_eq!(Presentation::of(&signed.parts()).service(), service);
        let found = authenticate(&world, &signed).await.unwrap();
        assert_eq!(found.service, service);
        assert_eq!(found.caller.principal.arn, "arn:aws:iam::111111111111:root");
        assert_eq!(found.caller.principal.kind, PrincipalKind::Root);
        assert_eq!(found.canonical_id, "canonical-111111111111");
        assert!(!found.anonymous && !found.presigned);
        let environment = found.caller.environment;
        assert_eq!(environment.source_ip.unwrap().to_string(), "10.1.2.3");
        assert_eq!(environment.user_agent.as_deref(), Some("test/1"));
        assert_eq!((environment.secure_transport, environment.now), (true, NOW));
    }
}

#[tokio::test]
async fn a_user_comes_with_its_policies() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    world
        .iam
        .put_inline_policy(
            ACCOUNT,
            &Holder::User(alice.clone()),
            &policy("p"),
            ALLOW_ALL,
        )
        .await
        .unwrap();
    let new = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap();
    let signed = Signed {
        key: &new.key.id,
        secret: new.secret.expose(),
        ..Signed::default()
    };
    let found = authenticate(&world, &signed).await.unwrap();
    assert_eq!(found.caller.identity_policies.len(), 1);
    assert_eq!(
        found.caller.principal.access_key_id.as_deref(),
        Some(new.key.id.as_str())
    );
    let used = world
        .iam
        .access_key(&new.key.id)
        .await
        .unwrap()
        .unwrap()
        .1
        .unwrap();
    assert_eq!((used.service.as_str(), used.time), ("kms", NOW));

    world
        .iam
        .update_access_key(ACCOUNT, &owner("alice"), &new.key.id, KeyStatus::Inactive)
        .await
        .unwrap();
    let refused = authenticate(&world, &signed).await;
    assert_eq!(code(refused), (Service::Kms, "InvalidAccessKeyId"));
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_its_name() {
    let world = World::new().await;
    let refused = |signed: Signed<'static>| {
        let world = &world;
        async move { code(authenticate(world, &signed).await) }
    };
    let base = Signed::default;
    assert_eq!(
        refused(Signed {
            key: "AKIAUNKNOWNUNKNOWN00",
            ..base()
        })
        .await,
        (Service::Kms, "InvalidAccessKeyId")
    );
    assert_eq!(
        refused(Signed {
            secret: "wrong",
            ..base()
        })
        .await,
        (Service::Kms, "SignatureDoesNotMatch")
    );
    assert_eq!(
        refused(Signed {
            token: Some("token"),
            ..base()
        })
        .await,
        (Service::Kms, "InvalidToken")
    );
    assert_eq!(
        refused(Signed {
            region: "eu-west-1",
            ..base()
        })
        .await,
        (Service::Kms, "AuthorizationHeaderMalformed")
    );
    assert_eq!(
        refused(Signed {
            service: "ec2",
            ..base()
        })
        .await,
        (Service::S3, "AuthorizationHeaderMalformed")
    );
    // The body is part of what is signed, and without it nothing is accepted.
    let signed = base();
    let other = of_parts(&world, &signed.parts(), NOW, Some(b"{ }")).await;
    assert_eq!(code(other), (Service::Kms, "SignatureDoesNotMatch"));
    let none = of_parts(&world, &signed.parts(), NOW, None).await;
    assert_eq!(none.err().unwrap().error.status(), 500);
    let late = NOW + time::Duration::minutes(16);
    let late = of_parts(&world, &signed.parts(), late, Some(b"{}")).await;
    assert_eq!(code(late), (Service::Kms, "RequestTimeTooSkewed"));
}

#[tokio::test]
async fn unsigned_requests_are_anonymous_for_s3_and_refused_elsewhere() {
    let world = World::new().await;
    let unsigned = |headers: &[(&str, &str)]| {
        let mut request = Request::builder().method("POST").uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    };
    let authenticate = |parts: Parts| {
        let world = &world;
        async move { of_parts(world, &parts, NOW, None).await }
    };
    let found = authenticate(unsigned(&[])).await.unwrap();
    assert!(found.anonymous && found.service == Service::S3);
    assert_eq!(found.canonical_id, ANONYMOUS_CANONICAL_ID);
    assert_eq!(
        (found.caller.principal.kind, found.payload),
        (PrincipalKind::Anonymous, Payload::Unsigned)
    );

    let sha = "x-amz-content-sha256";
    let found = authenticate(unsigned(&[(sha, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")]))
        .await
        .unwrap();
    assert_eq!(found.payload, Payload::ChunkedUnsignedTrailer);
    let found = authenticate(unsigned(&[(sha, &"ab".repeat(32))]))
        .await
        .unwrap();
    assert_eq!(found.payload, Payload::Sha256([0xab; 32]));
    for bad in ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "xyz", ""] {
        assert_eq!(
            code(authenticate(unsigned(&[(sha, bad)])).await),
            (Service::S3, "InvalidArgument")
        );
    }

    for (header, service) in [
        (("x-amz-target", "TrentService.ListKeys"), Service::Kms),
        (
            ("x-amz-target", "CloudTrail_20131101.LookupEvents"),
            Service::CloudTrail,
        ),
        (
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            Service::Sts,
        ),
    ] {
        let failure = authenticate(unsigned(&[header])).await.err().unwrap();
        assert_eq!(
            (failure.service, failure.error),
            (service, AuthFault::MissingAuthenticationToken)
        );
    }
}

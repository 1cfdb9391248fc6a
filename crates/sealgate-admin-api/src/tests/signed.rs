//! From the bytes of a signed request to the answer.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::*;

struct Sent<'a> {
    service: &'a str,
    secret: &'a str,
    headers: &'a [(&'a str, &'a str)],
    signed: &'a [u8],
    sent: &'a [u8],
}

async fn serve(world: &World, sent: Sent<'_>) -> Answer {
    let now = OffsetDateTime::now_utc();
    let identity = Credentials::new(ROOT_KEY, sent.secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(sent.service)
        .time(SystemTime::from(now))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let mut headers = vec![("host", "localhost:9000")];
    headers.extend(sent.headers);
    let uri = "http://localhost:9000/";
    let signable = SignableRequest::new(
        "POST",
        uri,
        headers.iter().copied(),
        SignableBody::Bytes(sent.signed),
    )
    .unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let mut request = Request::post(uri);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Bytes::copy_from_slice(sent.sent)).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    let (parts, body) = request.into_parts();
    let reply = world
        .api
        .serve(parts, Full::new(body), &local(), now, REQUEST_ID)
        .await;
    read(reply).await
}

const LIST_KEYS: Sent<'static> = Sent {
    service: "kms",
    secret: ROOT_SECRET,
    headers: &[("x-amz-target", "TrentService.ListKeys")],
    signed: b"{}",
    sent: b"{}",
};
const WHO: Sent<'static> = Sent {
    service: "sts",
    secret: ROOT_SECRET,
    headers: &[("content-type", "application/x-www-form-urlencoded")],
    signed: b"Action=GetCallerIdentity&Version=2011-06-15",
    sent: b"Action=GetCallerIdentity&Version=2011-06-15",
};

#[tokio::test]
async fn signed_requests_are_answered_in_the_protocol_of_their_service() {
    let world = World::new().await;
    let answer = serve(&world, LIST_KEYS).await;
    assert_eq!(
        (answer.status, answer.json()["Keys"].is_array()),
        (200, true)
    );
    let answer = serve(&world, WHO).await;
    assert_eq!(answer.xml("Account").unwrap(), ACCOUNT);
}

#[tokio::test]
async fn refusals_too() {
    let world = World::new().await;
    let answer = serve(
        &world,
        Sent {
            secret: "wrong",
            ..LIST_KEYS
        },
    )
    .await;
    assert_eq!(answer.error(), (400, "InvalidSignatureException".into()));
    let answer = serve(
        &world,
        Sent {
            sent: b"{ }",
            ..LIST_KEYS
        },
    )
    .await;
    assert_eq!(answer.error(), (400, "InvalidSignatureException".into()));
    let answer = serve(
        &world,
        Sent {
            secret: "wrong",
            ..WHO
        },
    )
    .await;
    assert_eq!(answer.code(), (403, "SignatureDoesNotMatch".into()));
    assert!(!answer.body.contains("AWS4-HMAC-SHA256"));
    let large = vec![b' '; crate::MAX_BODY + 1];
    let answer = serve(
        &world,
        Sent {
            sent: &large,
            ..LIST_KEYS
        },
    )
    .await;
    assert_eq!(answer.error(), (413, "SerializationException".into()));

    let unsigned = |header: (&str, &str)| {
        let request = Request::post("/")
            .header(header.0, header.1)
            .body(())
            .unwrap();
        let (parts, ()) = request.into_parts();
        let api = world.api.clone();
        async move {
            let now = OffsetDateTime::now_utc();
            read(
                api.serve(parts, Full::new(Bytes::new()), &local(), now, REQUEST_ID)
                    .await,
            )
            .await
        }
    };
    let answer = unsigned(("x-amz-target", "TrentService.ListKeys")).await;
    assert_eq!(
        answer.error(),
        (400, "MissingAuthenticationTokenException".into())
    );
    let answer = unsigned(("content-type", "application/x-www-form-urlencoded")).await;
    assert_eq!(answer.code(), (403, "MissingAuthenticationToken".into()));
}

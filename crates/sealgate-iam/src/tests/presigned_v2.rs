//! URLs presigned with Signature Version 2, made with botocore's `HmacV1QueryAuth`.

use http::Request;
use http::request::Parts;
use sealgate_policy::PrincipalKind;
use sealgate_wire::Connection;
use sealgate_wire::sigv2::VirtualHostBucket;
use sealgate_wire::sigv4::Payload;
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::{AuthFailure, Authenticated, Presentation, Service, SignatureVersion};

/// The URLs end an hour later.
const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);
const SIGNATURE: &str = "AWSAccessKeyId=AKIAROOTROOTROOTROOT&Signature=%2FIzDI6XmvevrYSimAXzEoNw5nSQ%3D&Expires=1772370000";

fn head(path: &str) -> Parts {
    let request = Request::get(format!("{path}?{SIGNATURE}"));
    request.body(()).unwrap().into_parts().0
}

async fn at(
    world: &World,
    parts: &Parts,
    now: OffsetDateTime,
) -> Result<Authenticated, AuthFailure> {
    let conn = Connection::direct("10.1.2.3:4711".parse().unwrap(), true);
    world
        .iam
        .authenticate(parts, Presentation::of(parts), &conn, now, None)
        .await
}

async fn code(world: &World, parts: &Parts) -> (Service, &'static str) {
    let failure = at(world, parts, NOW).await.err().unwrap();
    (failure.service, failure.error.code())
}

#[tokio::test]
async fn the_key_names_the_caller() {
    let world = World::new().await;
    let parts = head("/photos/puppy.jpg");
    assert_eq!(Presentation::of(&parts).service(), Service::S3);
    let found = at(&world, &parts, NOW).await.unwrap();
    assert_eq!(found.caller.principal.kind, PrincipalKind::Root);
    assert_eq!(found.caller.principal.arn, "arn:aws:iam::111111111111:root");
    assert_eq!(found.canonical_id, "canonical-111111111111");
    assert_eq!(
        (found.service, found.signature, found.payload),
        (Service::S3, SignatureVersion::V2, Payload::Unsigned)
    );
    assert!(found.presigned && !found.anonymous);
    assert!(found.chunks.is_none() && found.signed_at.is_none());

    let late = NOW + time::Duration::seconds(3601);
    let late = at(&world, &parts, late).await.err().unwrap();
    assert_eq!(late.error.code(), "AccessDenied");
    assert_eq!(late.error.message(), "Request has expired");
}

#[tokio::test]
async fn a_host_that_names_a_bucket_is_part_of_what_is_signed() {
    let world = World::new().await;
    let with_bucket = |path: &str, bucket: &str| {
        let mut parts = head(path);
        parts
            .extensions
            .insert(VirtualHostBucket(bucket.to_owned()));
        parts
    };
    assert!(
        at(&world, &with_bucket("/puppy.jpg", "photos"), NOW)
            .await
            .is_ok()
    );
    for parts in [
        head("/puppy.jpg"),
        with_bucket("/puppy.jpg", "other"),
        with_bucket("/photos/puppy.jpg", "other"),
    ] {
        assert_eq!(
            code(&world, &parts).await,
            (Service::S3, "SignatureDoesNotMatch")
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_its_name() {
    let world = World::new().await;
    let with = |from: &str, to: &str| {
        let uri = format!("/photos/puppy.jpg?{SIGNATURE}").replace(from, to);
        Request::get(uri).body(()).unwrap().into_parts().0
    };
    for (from, to, expected) in [
        ("ROOTROOTROOTROOT", "UNKNOWNUNKNOWN00", "InvalidAccessKeyId"),
        ("puppy", "kitten", "SignatureDoesNotMatch"),
        ("?", "?x-amz-security-token=t&", "InvalidToken"),
        ("?", "?X-Amz-Signature=0&", "InvalidArgument"),
        ("?", "?encryption&", "AccessDenied"),
        ("1772370000", "soon", "AccessDenied"),
    ] {
        assert_eq!(code(&world, &with(from, to)).await, (Service::S3, expected));
    }
    // Other services never took this version.
    let mut parts = head("/photos/puppy.jpg");
    let target = "TrentService.ListKeys".parse().unwrap();
    parts.headers.insert("x-amz-target", target);
    assert_eq!(code(&world, &parts).await, (Service::Kms, "InvalidRequest"));
}

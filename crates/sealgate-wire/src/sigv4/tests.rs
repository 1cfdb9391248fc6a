//! The whole verification: against the signer of the AWS SDK as oracle, against AWS's published
//! examples, and against requests that must be refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration as StdDuration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::Request;
use http::request::Parts;
use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::*;

const AKID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);

fn secret() -> SecretKey {
    SecretKey::new(SECRET.to_owned())
}

/// A request to be signed by the oracle.
struct Oracle<'a> {
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: SignableBody<'a>,
    service: &'a str,
    region: &'a str,
    token: Option<&'a str>,
    presign: Option<u64>,
}

impl Default for Oracle<'_> {
    fn default() -> Self {
        Oracle {
            method: "GET",
            target: "/bucket/key",
            headers: Vec::new(),
            body: SignableBody::UnsignedPayload,
            service: "s3",
            region: "us-east-1",
            token: None,
            presign: None,
        }
    }
}

impl Oracle<'_> {
    /// Signs with the SDK's signer, and gives the head as a server sees it.
    fn sign(self) -> Parts {
        let identity =
            Credentials::new(AKID, SECRET, self.token.map(str::to_owned), None, "test").into();
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if let Some(seconds) = self.presign {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
            settings.expires_in = Some(StdDuration::from_secs(seconds));
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
        let mut headers = vec![("host", "127.0.0.1:9000")];
        headers.extend(self.headers);
        let uri = format!("http://127.0.0.1:9000{}", self.target);
        let mut request = Request::builder().method(self.method).uri(&uri);
        for (name, value) in &headers {
            request = request.header(*name, http::HeaderValue::from_str(value).unwrap());
        }
        let mut request = request.body(()).unwrap();
        let signable =
            SignableRequest::new(self.method, uri, headers.into_iter(), self.body).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let path_and_query = request.uri().path_and_query().unwrap().clone();
        *request.uri_mut() = path_and_query.into();
        request.into_parts().0
    }
}

fn verify_at(
    parts: &Parts,
    now: OffsetDateTime,
    body: Option<&str>,
) -> Result<Option<ChunkVerifier>, AuthError> {
    let presented = parse(parts)?.expect("signed");
    assert_eq!(presented.scope.access_key_id(), AKID);
    Verifier::new("us-east-1".to_owned()).verify(parts, &presented, &secret(), now, body)
}

fn verify(parts: &Parts) -> Result<Option<ChunkVerifier>, AuthError> {
    verify_at(parts, NOW, None)
}

/// Targets that signers and servers have disagreed on.
const TARGETS: [&str; 13] = [
    "/",
    "/bucket/?list-type=2&prefix=a%20b&delimiter=%2F",
    "/bucket/key?uploads",
    "/bucket/key?partNumber=1&uploadId=a%2Bb%3D%3D",
    "/bucket/a//b/./../c/",
    "/bucket/a%20b%2Bc%26d%3De",
    "/bucket/%E2%82%AC/%F0%9F%98%80",
    "/bucket/100%25",
    "/bucket/~tilde-._",
    "/bucket/key?b=2&a=2&a=1&a-b=0&A=9",
    "/bucket/key?prefix=&marker=%E2%82%AC&x=%7E",
    "/bucket/key?a=b%3Dc&d%26e=f",
    "/bucket/key?versionId=null&response-content-type=text%2Fplain%3B%20charset%3Dutf-8",
];

#[test]
fn the_signer_of_the_sdk_and_this_verifier_agree_on_headers() {
    for target in TARGETS {
        for method in ["GET", "PUT", "DELETE"] {
            let parts = Oracle {
                method,
                target,
                headers: vec![
                    ("x-amz-meta-spaces", "  a   b c  "),
                    ("x-amz-meta-utf8", "käse €"),
                    ("content-type", "text/plain"),
                    ("range", "bytes=0-5"),
                ],
                ..Oracle::default()
            }
            .sign();
            verify(&parts).unwrap_or_else(|e| panic!("{method} {target}: {e:?}"));
        }
    }
}

#[test]
fn a_slash_of_a_key_may_be_escaped_on_the_way() {
    for (sent, same_key) in [
        ("/bucket//a//b/", true),
        ("/bucket/%2Fa/%2Fb/", true),
        ("/bucket/%2fa/%2fb%2f", true),
        ("/bucket/a/b/", false),
        ("/bucket/%252Fa/%252Fb/", false),
    ] {
        let mut parts = Oracle {
            target: "/bucket//a//b/",
            ..Oracle::default()
        }
        .sign();
        parts.uri = sent.parse().unwrap();
        assert_eq!(verify(&parts).is_ok(), same_key, "{sent}");
    }
}

#[test]
fn the_signer_of_the_sdk_and_this_verifier_agree_on_presigned_urls() {
    for target in TARGETS {
        let parts = Oracle {
            method: "PUT",
            target,
            headers: vec![("x-amz-meta-a", "b"), ("content-type", "text/plain")],
            token: Some("session/token+with=chars"),
            presign: Some(900),
            ..Oracle::default()
        }
        .sign();
        let presented = parse(&parts).unwrap().unwrap();
        assert!(presented.presigned);
        assert_eq!(presented.payload, Payload::Unsigned);
        assert_eq!(
            presented.security_token.as_deref(),
            Some("session/token+with=chars")
        );
        verify(&parts).unwrap_or_else(|e| panic!("{target}: {e:?}"));
    }
}

#[test]
fn services_other_than_s3_sign_the_hash_of_their_body() {
    let body = br#"{"KeyId":"alias/a"}"#;
    for (service, target) in [
        ("kms", "/"),
        ("iam", "/"),
        ("sts", "/a%20b/../c"),
        ("cloudtrail", "/"),
    ] {
        let parts = Oracle {
            method: "POST",
            target,
            headers: vec![
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "TrentService.DescribeKey"),
            ],
            body: SignableBody::Bytes(body),
            service,
            ..Oracle::default()
        }
        .sign();
        assert!(parse(&parts).unwrap().unwrap().needs_body_hash());
        verify_at(&parts, NOW, Some(body_hash(body).as_str())).unwrap();
        let other = verify_at(&parts, NOW, Some(body_hash(b"{}").as_str())).unwrap_err();
        assert_eq!(other.code(), "SignatureDoesNotMatch");
        assert_eq!(verify(&parts).unwrap_err(), AuthError::BodyHashRequired);
    }
}

#[test]
fn the_payload_of_s3_is_what_the_header_says() {
    for (body, payload) in [
        (
            SignableBody::Bytes(b"x"),
            Payload::Sha256(Sha256::digest(b"x").into()),
        ),
        (SignableBody::UnsignedPayload, Payload::Unsigned),
        (
            SignableBody::Precomputed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned()),
            Payload::ChunkedSigned { trailer: false },
        ),
        (
            SignableBody::Precomputed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned()),
            Payload::ChunkedSigned { trailer: true },
        ),
        (
            SignableBody::StreamingUnsignedPayloadTrailer,
            Payload::ChunkedUnsignedTrailer,
        ),
    ] {
        let parts = Oracle {
            method: "PUT",
            body,
            ..Oracle::default()
        }
        .sign();
        assert_eq!(parse(&parts).unwrap().unwrap().payload, payload);
        let chunks = verify(&parts).unwrap();
        assert_eq!(
            chunks.is_some(),
            matches!(payload, Payload::ChunkedSigned { .. })
        );
    }
}

#[test]
fn any_change_of_what_was_signed_is_refused() {
    let sign = || {
        Oracle {
            method: "PUT",
            target: "/bucket/key?a=1",
            headers: vec![("x-amz-meta-a", "b")],
            ..Oracle::default()
        }
        .sign()
    };
    let mut method = sign();
    method.method = http::Method::GET;
    let mut path = sign();
    path.uri = http::Uri::from_static("/bucket/kez?a=1");
    let mut query = sign();
    query.uri = http::Uri::from_static("/bucket/key?a=1&b=2");
    let mut header = sign();
    header.headers.insert("x-amz-meta-a", "c".parse().unwrap());
    let mut repeated = sign();
    repeated
        .headers
        .append("x-amz-meta-a", "c".parse().unwrap());
    let mut removed = sign();
    removed.headers.remove("x-amz-meta-a");
    let mut host = sign();
    host.headers.insert("host", "evil".parse().unwrap());
    for parts in [method, path, query, header, repeated, removed, host] {
        let error = verify(&parts).unwrap_err();
        assert_eq!(
            (error.code(), error.status()),
            ("SignatureDoesNotMatch", 403)
        );
    }
    let presented = parse(&sign()).unwrap().unwrap();
    let wrong = SecretKey::new("other".to_owned());
    let verifier = Verifier::new("us-east-1".to_owned());
    assert!(
        verifier
            .verify(&sign(), &presented, &wrong, NOW, None)
            .is_err()
    );
    assert!(
        verifier
            .verify(&sign(), &presented, &secret(), NOW, None)
            .is_ok()
    );
}

#[test]
fn headers_of_amazon_that_are_not_signed_are_refused() {
    for presign in [None, Some(60)] {
        let mut parts = Oracle {
            presign,
            ..Oracle::default()
        }
        .sign();
        parts
            .headers
            .insert("x-amz-acl", "public-read".parse().unwrap());
        let error = verify(&parts).unwrap_err();
        assert_eq!((error.code(), error.status()), ("AccessDenied", 403));
        assert_eq!(
            error.message(),
            "There were headers present in the request which were not signed"
        );
        assert_eq!(
            error.details(),
            [("HeadersNotSigned", "x-amz-acl".to_owned())]
        );
    }
}

#[test]
fn the_host_must_be_signed() {
    let mut parts = Oracle::default().sign();
    let header = parts.headers["authorization"]
        .to_str()
        .unwrap()
        .replace("host;", "");
    parts
        .headers
        .insert("authorization", header.parse().unwrap());
    assert_eq!(verify(&parts).unwrap_err().code(), "AccessDenied");
}

#[test]
fn the_host_of_http2_is_in_the_target() {
    let mut parts = Oracle::default().sign();
    parts.headers.remove("host");
    parts.uri = http::Uri::from_static("http://127.0.0.1:9000/bucket/key");
    verify(&parts).unwrap();
}

#[test]
fn a_request_is_good_for_fifteen_minutes_either_way() {
    let parts = Oracle::default().sign();
    for minutes in [-15, 0, 15] {
        verify_at(&parts, NOW + Duration::minutes(minutes), None).unwrap();
    }
    for seconds in [-901, 901] {
        let error = verify_at(&parts, NOW + Duration::seconds(seconds), None).unwrap_err();
        assert_eq!(
            (error.code(), error.status()),
            ("RequestTimeTooSkewed", 403)
        );
    }
}

#[test]
fn a_presigned_url_is_good_for_its_lifetime() {
    let parts = Oracle {
        presign: Some(3600),
        ..Oracle::default()
    }
    .sign();
    verify_at(&parts, NOW + Duration::seconds(3600), None).unwrap();
    let late = verify_at(&parts, NOW + Duration::seconds(3601), None).unwrap_err();
    assert_eq!(
        (late.code(), late.message()),
        ("AccessDenied", "Request has expired".to_owned())
    );
    assert_eq!(
        late.details()[1],
        ("Expires", "2026-03-01T13:00:00Z".to_owned())
    );
    let early = verify_at(&parts, NOW - Duration::minutes(16), None).unwrap_err();
    assert_eq!(early.code(), "AccessDenied");
}

#[test]
fn a_wrong_region_is_named_together_with_the_right_one() {
    let parts = Oracle {
        region: "eu-west-1",
        ..Oracle::default()
    }
    .sign();
    let error = verify(&parts).unwrap_err();
    assert_eq!(
        (error.code(), error.status()),
        ("AuthorizationHeaderMalformed", 400)
    );
    assert_eq!(
        error.message(),
        "The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'us-east-1'"
    );
    assert_eq!(error.details(), [("Region", "us-east-1".to_owned())]);
    let presigned = Oracle {
        region: "eu-west-1",
        presign: Some(60),
        ..Oracle::default()
    }
    .sign();
    let error = verify(&presigned).unwrap_err();
    assert_eq!(
        (error.code(), error.status()),
        ("AuthorizationQueryParametersError", 400)
    );
}

#[test]
fn global_services_are_signed_for_one_region_everywhere() {
    let parts = Oracle {
        service: "iam",
        body: SignableBody::Bytes(b""),
        ..Oracle::default()
    }
    .sign();
    let presented = parse(&parts).unwrap().unwrap();
    Verifier::new("eu-central-1".to_owned())
        .verify(
            &parts,
            &presented,
            &secret(),
            NOW,
            Some(body_hash(b"").as_str()),
        )
        .unwrap();
}

#[test]
fn an_unknown_service_is_refused() {
    let parts = Oracle {
        service: "ec2",
        ..Oracle::default()
    }
    .sign();
    let error = verify_at(&parts, NOW, Some(body_hash(b"").as_str())).unwrap_err();
    assert_eq!(error.code(), "AuthorizationHeaderMalformed");
}

/// A head with an `Authorization` header and the headers that must be there.
fn with_authorization(value: &str) -> Parts {
    Request::get("/")
        .header("host", "h")
        .header("x-amz-date", "20260301T120000Z")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .header("authorization", value)
        .body(())
        .unwrap()
        .into_parts()
        .0
}

#[test]
fn broken_authorization_headers_get_the_codes_of_s3() {
    const REST: &str = "SignedHeaders=host, Signature=0";
    for (value, code) in [
        ("AWS AKID:c2ln", "InvalidRequest"),
        ("AWS4-ECDSA-P256-SHA256 Credential=x", "InvalidRequest"),
        ("Basic dTpw", "InvalidArgument"),
        ("Bearer x", "InvalidArgument"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
        (
            "AWS4-HMAC-SHA256 Credential=a/20260301/us-east-1/s3/aws4_request",
            "AuthorizationHeaderMalformed",
        ),
    ] {
        let error = parse(&with_authorization(value)).unwrap_err();
        assert_eq!((error.code(), error.status()), (code, 400), "{value}");
    }
    for credential in [
        "",
        "a/20260301/us-east-1/s3",
        "a/20260301/us-east-1/s3/aws4_request/x",
        "a/20260301/us-east-1/s3/aws3_request",
        "a/2026-03-01/us-east-1/s3/aws4_request",
        "a/20260302/us-east-1/s3/aws4_request",
        "/20260301/us-east-1/s3/aws4_request",
        "a/20260301//s3/aws4_request",
    ] {
        let value = format!("AWS4-HMAC-SHA256 Credential={credential}, {REST}");
        let error = parse(&with_authorization(&value)).unwrap_err();
        assert_eq!(error.code(), "AuthorizationHeaderMalformed", "{credential}");
    }
}

#[test]
fn a_header_is_signed_once_so_that_little_cannot_become_much_to_hash() {
    const CREDENTIAL: &str = "Credential=a/20260301/us-east-1/s3/aws4_request";
    for names in ["host;host", "a;host;x-amz-date;a", "A;a;host", "host;;", ""] {
        let value = format!("AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders={names}, Signature=0");
        let error = parse(&with_authorization(&value)).unwrap_err();
        assert_eq!(error.code(), "AuthorizationHeaderMalformed", "{names}");
        let (parts, ()) = Request::get(format!(
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20260301%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260301T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders={}&X-Amz-Signature=0",
            names.replace(';', "%3B")
        ))
        .header("host", "h")
        .body(())
        .unwrap()
        .into_parts();
        let error = parse(&parts).unwrap_err();
        assert_eq!(error.code(), "AuthorizationQueryParametersError", "{names}");
    }
}

#[test]
fn a_date_beyond_the_calendar_is_no_date() {
    let mut parts = with_authorization(
        "AWS4-HMAC-SHA256 Credential=a/99991231/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=0",
    );
    parts.headers.remove("x-amz-date");
    parts
        .headers
        .insert("date", "Fri, 31 Dec 9999 23:59:59 -0100".parse().unwrap());
    assert_eq!(parse(&parts).unwrap_err(), AuthError::MissingDate);
}

#[test]
fn headers_that_authentication_needs_are_asked_for() {
    let good = "AWS4-HMAC-SHA256 Credential=a/20260301/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=0";
    let mut parts = with_authorization(good);
    assert!(parse(&parts).unwrap().is_some());
    parts.headers.remove("x-amz-content-sha256");
    let error = parse(&parts).unwrap_err();
    assert_eq!((error.code(), error.status()), ("InvalidRequest", 400));
    parts
        .headers
        .insert("x-amz-content-sha256", "abc".parse().unwrap());
    assert_eq!(parse(&parts).unwrap_err().code(), "InvalidArgument");
    parts.headers.remove("x-amz-date");
    assert_eq!(parse(&parts).unwrap_err(), AuthError::MissingDate);
    parts
        .headers
        .insert("date", "Sun, 01 Mar 2026 12:00:00 GMT".parse().unwrap());
    parts
        .headers
        .insert("x-amz-content-sha256", "UNSIGNED-PAYLOAD".parse().unwrap());
    assert_eq!(parse(&parts).unwrap().unwrap().signed_at, NOW);
}

#[test]
fn broken_presigned_urls_get_the_code_of_s3() {
    const GOOD: [(&str, &str); 6] = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        (
            "X-Amz-Credential",
            "a%2F20260301%2Fus-east-1%2Fs3%2Faws4_request",
        ),
        ("X-Amz-Date", "20260301T120000Z"),
        ("X-Amz-Expires", "60"),
        ("X-Amz-SignedHeaders", "host"),
        ("X-Amz-Signature", "0"),
    ];
    let head = |pairs: &[(&str, &str)]| {
        let query: Vec<_> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let uri = format!("/?{}", query.join("&"));
        Request::get(uri).body(()).unwrap().into_parts().0
    };
    assert!(parse(&head(&GOOD)).unwrap().is_some());
    for missing in GOOD {
        let rest: Vec<_> = GOOD.into_iter().filter(|pair| *pair != missing).collect();
        let error = parse(&head(&rest)).unwrap_err();
        assert_eq!(
            (error.code(), error.status()),
            ("AuthorizationQueryParametersError", 400)
        );
    }
    for (name, value) in [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA512"),
        ("X-Amz-Credential", "a%2F20260301%2Fus-east-1%2Fs3"),
        ("X-Amz-Date", "2026-03-01"),
        ("X-Amz-Date", "20260302T000000Z"),
        ("X-Amz-Expires", "-1"),
        ("X-Amz-Expires", "0"),
        ("X-Amz-Expires", "604801"),
        ("X-Amz-Expires", "99999999999999999999"),
        ("X-Amz-Expires", "%2B60"),
        ("X-Amz-Expires", "soon"),
        ("X-Amz-SignedHeaders", ""),
    ] {
        let changed = GOOD.map(|(n, v)| (n, if n == name { value } else { v }));
        let error = parse(&head(&changed)).unwrap_err();
        assert_eq!(
            error.code(),
            "AuthorizationQueryParametersError",
            "{name}={value}"
        );
    }
    let mut twice = GOOD.to_vec();
    twice.push(("X-Amz-Signature", "1"));
    assert!(parse(&head(&twice)).is_err());
}

#[test]
fn a_request_that_presents_nothing_is_anonymous() {
    let head = |uri: &str| Request::get(uri).body(()).unwrap().into_parts().0;
    assert_eq!(
        parse(&head("/bucket/key?versionId=1&Signature=x")),
        Ok(None)
    );
    let version_2 = parse(&head("/b/k?AWSAccessKeyId=a&Signature=b&Expires=1"));
    assert_eq!(version_2, Err(AuthError::UnsupportedMechanism));
    let mut both = with_authorization("AWS4-HMAC-SHA256 x");
    both.uri = http::Uri::from_static("/?X-Amz-Signature=0");
    assert_eq!(parse(&both), Err(AuthError::SeveralMechanisms));
}

/// The first example of <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
#[test]
fn the_published_example_of_a_get_verifies() {
    let (parts, ()) = Request::get("/test.txt")
        .header("host", "examplebucket.s3.amazonaws.com")
        .header("range", "bytes=0-9")
        .header("x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        .header("x-amz-date", "20130524T000000Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        )
        .body(())
        .unwrap()
        .into_parts();
    verify_at(&parts, datetime!(2013-05-24 00:00:00 UTC), None).unwrap();
}

/// The example of <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
#[test]
fn the_published_example_of_a_presigned_url_verifies() {
    let (parts, ()) = Request::get("/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
        .header("host", "examplebucket.s3.amazonaws.com")
        .body(())
        .unwrap()
        .into_parts();
    verify_at(&parts, datetime!(2013-05-24 23:59:59 UTC), None).unwrap();
}

proptest! {
    #[test]
    fn any_key_and_query_that_the_sdk_signs_verifies(
        key in "\\PC{1,20}",
        name in "[a-zA-Z-]{1,8}",
        value in "\\PC{0,20}",
        meta in "[!-~ ]{0,20}",
    ) {
        let target = format!(
            "/bucket/{}?{name}={}",
            crate::encoding::encode_path(&key),
            crate::encoding::encode(&value)
        );
        for presign in [None, Some(60)] {
            let parts = Oracle {
                target: &target,
                headers: vec![("x-amz-meta-a", &meta)],
                presign,
                ..Oracle::default()
            }
            .sign();
            prop_assert!(verify(&parts).is_ok(), "{}", target);
        }
    }

    #[test]
    fn nothing_that_comes_as_authentication_makes_the_parser_panic(
        header in "(AWS4-HMAC-SHA256 )?[ -~]{0,80}",
        query in "[!-~]{0,80}",
        date in "[0-9TZ+-]{0,17}",
    ) {
        let mut parts = with_authorization(&header);
        if let Ok(date) = date.parse() {
            parts.headers.insert("x-amz-date", date);
        }
        let _ = parse(&parts);
        if let Ok(uri) = format!("/?X-Amz-Signature=0&{query}").parse() {
            parts.uri = uri;
            parts.headers.remove("authorization");
            let _ = parse(&parts);
        }
    }
}

//! Against AWS's published examples, against URLs that botocore 1.43 made (`HmacV1QueryAuth`, and
//! `generate_presigned_url` where it says so), and against what must be refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use http::Request;
use proptest::prelude::*;
use time::macros::datetime;

use super::*;

const AKID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// When botocore's URLs end: 1893456000.
const END: OffsetDateTime = datetime!(2030-01-01 00:00:00 UTC);
const PUPPY: &str = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=hhrV%2BH%2FrOnnijv1LirJWzkzngGM%3D&Expires=1893456000";

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn check(parts: &Parts, now: OffsetDateTime, bucket: Option<&str>) -> Result<(), AuthError> {
    let presented = parse(parts)?.expect("signed");
    let secret = SecretKey::new(SECRET.to_owned());
    verify(parts, &presented, &secret, now, bucket)
}

fn code(parts: &Parts) -> &'static str {
    check(parts, END, None).unwrap_err().code()
}

#[test]
fn the_published_examples_verify() {
    let parts = head(
        "GET",
        "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620",
        &[("host", "johnsmith.s3.amazonaws.com")],
    );
    let now = datetime!(2007-03-29 03:40:20 UTC);
    check(&parts, now, Some("johnsmith")).unwrap();
    assert!(check(&parts, now, Some("other")).is_err());
    assert!(check(&parts, now, None).is_err());

    // Of the first edition of the documentation, with the key that it used.
    let parts = head(
        "GET",
        "/quotes/nelson?AWSAccessKeyId=44CF9590006BF252F707&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D&Expires=1141889120",
        &[],
    );
    let presented = parse(&parts).unwrap().unwrap();
    assert_eq!(presented.access_key_id, "44CF9590006BF252F707");
    let secret = SecretKey::new("OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV".to_owned());
    let now = datetime!(2006-03-09 07:00:00 UTC);
    verify(&parts, &presented, &secret, now, None).unwrap();
}

#[test]
fn urls_of_botocore_verify() {
    let signed = |name: &str, signature: &str| {
        format!(
            "{name}AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature={signature}&Expires=1893456000"
        )
    };
    for (method, target, signature, bucket) in [
        (
            "GET",
            "/photos/puppy.jpg?",
            "hhrV%2BH%2FrOnnijv1LirJWzkzngGM%3D",
            None,
        ),
        (
            "GET",
            "/photos/puppy.jpg?versionId=v%2B1&response-content-type=text%2Fplain%20x&x-id=GetObject&",
            "Ilp6NqF2wqUTW9xs1vJxE%2BkpLzE%3D",
            None,
        ),
        (
            "PUT",
            "/photos/big?uploadId=abc&partNumber=7&",
            "W9EHr5jvOjkbrIyscTIecLKDQSw%3D",
            None,
        ),
        (
            "GET",
            "/puppy.jpg?",
            "hhrV%2BH%2FrOnnijv1LirJWzkzngGM%3D",
            Some("photos"),
        ),
        (
            "GET",
            "/puppy.jpg?tagging&",
            "vg5wmHdDSWOfBhXlp8XmEpe3oTI%3D",
            Some("my.photos"),
        ),
        (
            "GET",
            "/?",
            "x4kKhgpFmNywuPomnJX2nUniEeM%3D",
            Some("photos"),
        ),
    ] {
        let target = signed(target, signature);
        check(&head(method, &target, &[]), END, bucket).expect(&target);
    }
}

/// `generate_presigned_url` of a client for `us-east-1` with no configuration of signatures.
#[test]
fn urls_of_a_client_verify() {
    let now = datetime!(2026-11-25 00:00:00 UTC);
    for (target, bucket) in [
        (
            "/photos/a%20b%2Bc/%C3%A9%3D%26~%27%281%29%2A.jpg?response-content-disposition=attachment%3B%20filename%3D%22x%22&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=A5Ib3pXioRlhIAi4b5M9HHyw3yU%3D&Expires=1795566417",
            None,
        ),
        (
            "/a%20b%2Bc/%C3%A9%3D%26~%27%281%29%2A.jpg?response-content-disposition=attachment%3B%20filename%3D%22x%22&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=A5Ib3pXioRlhIAi4b5M9HHyw3yU%3D&Expires=1795566417",
            Some("photos"),
        ),
        (
            "/?list-type=2&encoding-type=url&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=7TSHjUuGvm%2Fpv7kM2W113bX7%2B3E%3D&Expires=1795566417",
            Some("photos"),
        ),
    ] {
        check(&head("GET", target, &[]), now, bucket).expect(target);
    }
}

#[test]
fn no_parameter_is_both_signed_and_unsigned() {
    assert!(SIGNED.is_sorted() && UNSIGNED.is_sorted());
    assert!(!UNSIGNED.iter().any(|name| SIGNED.contains(name)));
}

#[test]
fn headers_are_signed_whether_the_url_repeats_them_or_not() {
    let target = "/photos/a%20b/%E2%82%AC%2Bx~.txt?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=BomcRqaxiOBpXX10zFdTGTJncZg%3D&content-type=text%2Fplain&x-amz-meta-b=two&x-amz-acl=private&Expires=1893456000";
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-b", " two "),
        ("x-amz-acl", "private"),
    ];
    check(&head("PUT", target, &headers), END, None).unwrap();
    for missing in 0..headers.len() {
        let mut fewer = headers.to_vec();
        fewer.remove(missing);
        assert_eq!(code(&head("PUT", target, &fewer)), "SignatureDoesNotMatch");
    }
    for added in [
        ("x-amz-acl", "public-read"),
        ("x-amz-copy-source", "/other/key"),
        ("content-type", "text/html"),
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    ] {
        let mut more = headers.to_vec();
        more.push(added);
        assert_eq!(code(&head("PUT", target, &more)), "SignatureDoesNotMatch");
    }
}

#[test]
fn what_was_changed_is_refused() {
    check(&head("GET", PUPPY, &[]), END, None).unwrap();
    let change = |from: &str, to: &str| head("GET", &PUPPY.replace(from, to), &[]);
    for parts in [
        head("PUT", PUPPY, &[]),
        head("HEAD", PUPPY, &[]),
        change("puppy", "kitten"),
        change("Expires=1893456000", "Expires=1893456001"),
        change("Expires=1893456000", "Expires=01893456000"),
        change("?", "?acl&"),
        change("?", "?versionId=1&"),
        change("?", "?%75ploads&"),
        change("?", "?response-content-type=text/html&"),
        change("hhrV", "hhrW"),
        change("GM%3D", "GM"),
        change("GM%3D", "GN%3D"),
        change("hhrV%2BH%2FrOnnijv1LirJWzkzngGM%3D", ""),
        change("hhrV%2BH%2FrOnnijv1LirJWzkzngGM%3D", "hhrV"),
    ] {
        assert_eq!(code(&parts), "SignatureDoesNotMatch", "{}", parts.uri);
    }
    // Sub-resources that Version 2 does not sign would choose another operation.
    for name in [
        "encryption",
        "attributes",
        "%65ncryption",
        "retention=",
        "x",
    ] {
        let parts = change("?", &format!("?{name}&"));
        assert_eq!(code(&parts), "AccessDenied", "{name}");
    }
}

/// A URL for one bucket, sent to the host of another with the first one's name in the path.
#[test]
fn a_url_is_for_one_bucket_only() {
    let parts = head("GET", PUPPY, &[("host", "other.example.com")]);
    let error = check(&parts, END, Some("other")).unwrap_err();
    assert_eq!(error.code(), "SignatureDoesNotMatch");
}

#[test]
fn the_time_is_checked() {
    let parts = head("GET", PUPPY, &[]);
    let expired = check(&parts, END + Duration::SECOND, None).unwrap_err();
    assert_eq!((expired.code(), expired.status()), ("AccessDenied", 403));
    assert_eq!(expired.message(), "Request has expired");
    assert_eq!(
        expired.details()[0],
        ("Expires", "2030-01-01T00:00:00Z".to_owned())
    );
    check(&parts, END - Duration::days(7), None).unwrap();
    let far = check(&parts, END - Duration::days(8), None).unwrap_err();
    assert_eq!((far.code(), far.status()), ("AccessDenied", 403));
    for expires in [
        "",
        "-1",
        "+1893456000",
        "soon",
        "1e9",
        "99999999999999999999",
        "999999999999999",
    ] {
        let target = PUPPY.replace("1893456000", &crate::encode(expires));
        assert_eq!(
            code(&head("GET", &target, &[])),
            "AccessDenied",
            "{expires}"
        );
    }
}

#[test]
fn the_three_parameters_come_once_and_alone() {
    for target in [
        "/b/k",
        "/b/k?Signature=a&Expires=1",
        "/b/k?AWSAccessKeyId=a&Expires=1",
    ] {
        assert_eq!(parse(&head("GET", target, &[])), Ok(None));
    }
    for again in ["AWSAccessKeyId=a", "Signature=a", "Expires=1893456000"] {
        assert_eq!(
            code(&head("GET", &format!("{PUPPY}&{again}"), &[])),
            "AccessDenied"
        );
    }
    let without = PUPPY.replace("&Expires=1893456000", "");
    assert_eq!(code(&head("GET", &without, &[])), "AccessDenied");
    for other in [
        "X-Amz-Signature=a",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "x-amz-date=1",
    ] {
        let parts = head("GET", &format!("{PUPPY}&{other}"), &[]);
        assert_eq!(parse(&parts), Err(AuthError::SeveralMechanisms));
    }
    let parts = head("GET", PUPPY, &[("authorization", "AWS a:b")]);
    assert_eq!(parse(&parts), Err(AuthError::SeveralMechanisms));
}

#[test]
fn a_token_is_found_in_both_places() {
    let query = head("GET", &format!("{PUPPY}&x-amz-security-token=t"), &[]);
    let header = head("GET", PUPPY, &[("x-amz-security-token", "t")]);
    for parts in [query, header] {
        let presented = parse(&parts).unwrap().unwrap();
        assert_eq!(presented.access_key_id, AKID);
        assert_eq!(presented.security_token.as_deref(), Some("t"));
    }
}

#[test]
fn an_error_does_not_repeat_the_values_of_headers() {
    let parts = head("GET", PUPPY, &[("x-amz-a", "hidden")]);
    let error = check(&parts, END, None).unwrap_err();
    let (_, text) = error.details().swap_remove(1);
    assert_eq!(text, "GET\n\n\n1893456000\nx-amz-a:\n/photos/puppy.jpg");
}

proptest! {
    #[test]
    fn nothing_that_comes_makes_it_panic(
        query in "[!-~]{0,80}",
        expires in "[0-9]{0,20}|[!-~]{0,20}",
        signature in "[!-~]{0,40}",
        value in "[ -~]{0,20}",
    ) {
        let target = format!("/?AWSAccessKeyId=a&Signature={signature}&Expires={expires}&{query}");
        if target.parse::<http::Uri>().is_ok() {
            let parts = head("GET", &target, &[("x-amz-a", &value)]);
            if let Ok(Some(_)) = parse(&parts) {
                prop_assert!(check(&parts, END, Some("b")).is_err());
                let _ = check(&parts, OffsetDateTime::UNIX_EPOCH, None);
            }
        }
    }
}

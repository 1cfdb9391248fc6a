//! Headers in the query of a presigned URL. Some SDKs move `x-amz-*` headers there (storage class, ACL),
//! so that whoever uses the URL need not send them; S3 takes both places as one, but for checksums.

use http::request::Parts;
use http::{HeaderName, HeaderValue};

use super::AuthError;
use crate::query::Query;

/// The parameters that belong to the signature itself.
const OF_THE_SIGNATURE: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// Whether a parameter tells the checksum of a body. S3 covers it by the signature and does not look at
/// it: who signs a URL seldom has the body. The SDK for JavaScript, by default, signs the checksum of an
/// empty one into every URL for an upload.
fn is_of_a_body(name: &str) -> bool {
    let kind = name.strip_prefix("x-amz-checksum-");
    name == "x-amz-sdk-checksum-algorithm"
        || kind.is_some_and(|kind| !["algorithm", "mode", "type"].contains(&kind))
}

/// Makes headers of the `x-amz-*` parameters of a presigned request, so that nothing behind has to know
/// of the two places. To be called after [`super::Verifier::verify`], which looks at the head as sent.
/// A header that was really sent, and so signed as a header, stays as it is.
///
/// For presigned requests of Version 4 only: in any other the query is not where headers come from, and
/// Version 2 ([`crate::sigv2`]) does not cover these parameters.
pub fn hoisted_headers(parts: &mut Parts) -> Result<(), AuthError> {
    for (name, value) in Query::of(&parts.uri).iter() {
        let name = name.to_ascii_lowercase();
        if !name.starts_with("x-amz-") || OF_THE_SIGNATURE.contains(&&*name) || is_of_a_body(&name)
        {
            continue;
        }
        // A URL is written down in too many places to carry a key.
        if name.ends_with("-server-side-encryption-customer-key") {
            return Err(AuthError::AuthorizationQueryParametersError {
                reason: format!("{name} must be sent as a header."),
                region: None,
            });
        }
        let header = HeaderName::try_from(&name).ok();
        let (Some(header), Ok(value)) = (header, HeaderValue::from_str(value)) else {
            return Err(AuthError::AuthorizationQueryParametersError {
                reason: format!("{name} is not a header."),
                region: None,
            });
        };
        parts.headers.entry(header).or_insert(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn head(extra: &str) -> Parts {
        let uri = format!(
            "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20260301%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260301T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0{extra}"
        );
        let request = http::Request::put(uri).header("x-amz-acl", "private");
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn parameters_of_a_presigned_url_become_headers_and_replace_none() {
        let mut parts = head("&X-Amz-Storage-Class=STANDARD&x-amz-acl=public-read&versionId=1");
        hoisted_headers(&mut parts).unwrap();
        assert_eq!(parts.headers["x-amz-storage-class"], "STANDARD");
        assert_eq!(parts.headers["x-amz-acl"], "private");
        assert_eq!(parts.headers.len(), 2);
    }

    #[test]
    fn the_checksum_of_a_body_is_taken_from_headers_only() {
        let mut parts = head(
            "&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&x-amz-checksum-mode=ENABLED&X-Amz-Checksum-Algorithm=CRC32&x-amz-checksum-type=FULL_OBJECT",
        );
        parts
            .headers
            .insert("x-amz-checksum-sha1", HeaderValue::from_static("sent"));
        hoisted_headers(&mut parts).unwrap();
        let mut names: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "x-amz-acl",
                "x-amz-checksum-algorithm",
                "x-amz-checksum-mode",
                "x-amz-checksum-sha1",
                "x-amz-checksum-type",
            ]
        );
    }

    #[test]
    fn a_parameter_that_cannot_be_a_header_is_refused() {
        for extra in [
            "&x-amz-meta-a=b%0D%0Ac",
            "&x-amz-%20=b",
            "&X-Amz-Server-Side-Encryption-Customer-Key=a",
        ] {
            let mut parts = head(extra);
            assert!(hoisted_headers(&mut parts).is_err());
        }
    }
}

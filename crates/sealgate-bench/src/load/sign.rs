//! SigV4 for a driver that sends thousands of like requests in a second: everything but the path
//! and the time is prepared once. The whole signer of `aws-sigv4` is the oracle in the test.

use std::time::SystemTime;

use anyhow::Result;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use time::OffsetDateTime;
use time::macros::format_description;

/// Signs requests to one endpoint that differ in path and time only.
pub struct Signer {
    access_key: String,
    secret_key: String,
    region: String,
    payload: String,
    /// Canonical headers, with `{date}` where the time belongs.
    canonical: String,
    signed: String,
    /// The signing key of a day.
    key: Mutex<Option<(String, Vec<u8>)>>,
}

const DATE: &str = "{date}";

impl Signer {
    /// `headers` are all signed; `hashed` is the payload whose hash is signed, if it is.
    pub fn new(
        access_key: &str,
        secret_key: &str,
        region: &str,
        host: &str,
        headers: &[(HeaderName, HeaderValue)],
        hashed: Option<&[u8]>,
    ) -> Result<Signer> {
        let payload = match hashed {
            Some(payload) => hex::encode(digest(&SHA256, payload)),
            None => "UNSIGNED-PAYLOAD".to_owned(),
        };
        let mut lines = vec![
            ("host", host),
            ("x-amz-content-sha256", payload.as_str()),
            ("x-amz-date", DATE),
        ];
        for (name, value) in headers {
            lines.push((name.as_str(), value.to_str()?));
        }
        lines.sort_unstable();
        let canonical = lines
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
        let signed = names.join(";");
        Ok(Signer {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            region: region.to_owned(),
            payload: payload.clone(),
            canonical,
            signed,
            key: Mutex::new(None),
        })
    }

    /// Adds the headers of the signature. The path must need no encoding and have no query.
    pub fn sign(&self, method: &Method, path: &str, headers: &mut HeaderMap) -> Result<()> {
        self.sign_at(SystemTime::now(), method, path, headers)
    }

    fn sign_at(
        &self,
        now: SystemTime,
        method: &Method,
        path: &str,
        headers: &mut HeaderMap,
    ) -> Result<()> {
        let date = OffsetDateTime::from(now).format(format_description!(
            "[year][month][day]T[hour][minute][second]Z"
        ))?;
        let day = date.get(..8).unwrap_or_default();
        let canonical = self.canonical.replace(DATE, &date);
        let request = format!(
            "{method}\n{path}\n\n{canonical}\n{}\n{}",
            self.signed, self.payload
        );
        let hash = hex::encode(digest(&SHA256, request.as_bytes()));
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
        let signature = {
            let mut cached = self.key.lock();
            let key = match &mut *cached {
                Some((of, key)) if of == day => key,
                other => {
                    let key = generate_signing_key(&self.secret_key, now, &self.region, "s3");
                    &mut other.insert((day.to_owned(), key.as_ref().to_vec())).1
                }
            };
            calculate_signature(key, text.as_bytes())
        };
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.access_key, self.signed
        );
        headers.insert("x-amz-content-sha256", self.payload.parse()?);
        headers.insert("x-amz-date", date.parse()?);
        headers.insert(http::header::AUTHORIZATION, authorization.parse()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    };
    use aws_sigv4::sign::v4::SigningParams;

    use super::*;

    /// The same request signed by `aws-sigv4`.
    fn oracle(
        now: SystemTime,
        headers: &[(HeaderName, HeaderValue)],
        body: SignableBody<'_>,
    ) -> String {
        let identity = Credentials::new("AKIAEXAMPLE", "secret", None, None, "test").into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(now)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let mut lines = vec![("host", "127.0.0.1:9000")];
        lines.extend(
            headers
                .iter()
                .map(|(n, v)| (n.as_str(), v.to_str().unwrap())),
        );
        let uri = "http://127.0.0.1:9000/bucket/bench-0-1";
        let request = SignableRequest::new("PUT", uri, lines.into_iter(), body).unwrap();
        let signed = sign(request, &params).unwrap();
        let (instructions, _) = signed.into_parts();
        let authorization = instructions
            .headers()
            .find(|(name, _)| *name == "authorization");
        authorization.unwrap().1.to_owned()
    }

    #[test]
    fn signatures_are_those_of_aws_sigv4() {
        let headers = [
            (
                HeaderName::from_static("x-amz-server-side-encryption"),
                HeaderValue::from_static("aws:kms"),
            ),
            (
                HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"),
                HeaderValue::from_static("alias/mine"),
            ),
        ];
        for seconds in [1_700_000_000, 1_700_000_001, 1_800_000_000] {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            for (headers, hashed) in [(&headers[..], None), (&[][..], Some(&b"body"[..]))] {
                let signer = Signer::new(
                    "AKIAEXAMPLE",
                    "secret",
                    "us-east-1",
                    "127.0.0.1:9000",
                    headers,
                    hashed,
                )
                .unwrap();
                let mut made = HeaderMap::new();
                signer
                    .sign_at(now, &Method::PUT, "/bucket/bench-0-1", &mut made)
                    .unwrap();
                let body = hashed.map_or(SignableBody::UnsignedPayload, SignableBody::Bytes);
                assert_eq!(made["authorization"], oracle(now, headers, body));
            }
        }
    }
}

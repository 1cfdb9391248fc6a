//! Presigned links of people who are signed in at the console. It keeps no secret of theirs; the secret is opened here
//! for the moment of signing, and the link can do what the key's owner may when it is used, until it expires or the key
//! is gone.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::request::Parts;
use sealgate_wire::{Connection, encode};
use time::OffsetDateTime;

use crate::Iam;
use crate::authenticate::AuthFault;

/// What a link is for.
pub struct Link<'a> {
    /// The method that it is good for.
    pub method: &'a str,
    /// Where the client will ask: scheme, host, path and query, percent-encoded.
    pub url: &'a str,
    /// For how long from its signing.
    pub lifetime: Duration,
}

impl Iam {
    /// The link, signed for S3 with this access key, which must be active. `parts` and `conn` are those of whoever asks.
    pub async fn presign(
        &self,
        access_key_id: &str,
        link: &Link<'_>,
        parts: &Parts,
        conn: &Connection,
        now: OffsetDateTime,
    ) -> Result<String, AuthFault> {
        let environment = self.environment(parts, conn, now);
        let signer = self.signer(access_key_id, None, environment).await?;
        let identity = Credentials::new(
            access_key_id,
            signer.secret().expose(),
            None,
            None,
            "sealgate",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(link.lifetime);
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a link could not be signed");
            AuthFault::Internal
        };
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region())
            .name("s3")
            .time(SystemTime::from(now))
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let headers = std::iter::empty::<(&str, &str)>();
        let request = SignableRequest::new(
            link.method,
            link.url,
            headers,
            SignableBody::UnsignedPayload,
        )
        .map_err(|error| failed(&error))?;
        let signed = sign(request, &parameters).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut url = link.url.to_owned();
        for (name, value) in instructions.params() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&encode(name));
            url.push('=');
            url.push_str(&encode(&**value));
        }
        Ok(url)
    }
}

//! To a bucket behind another endpoint that speaks S3's protocol: the original is read, unsealed and sent over TLS, and
//! sealed there anew. Whose access key that is, and which buckets are there, is the operator's to say.
//!
//! An answer that is lost leaves a version there that is sent again: at least once, not exactly once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use futures_util::stream;
use reqwest::header::HeaderValue;
use reqwest::{Body, Certificate, Client, Method, redirect};
use sealgate_index::Effect;
use sealgate_policy::Context;
use sealgate_sse::{Envelope, Place};
use sealgate_wire::checksum::ChecksumType;
use sealgate_wire::encode_path;
use time::format_description::well_known::Rfc3339;
use url::Url;
use zeroize::Zeroizing;

use super::deliver::Work;
use super::failure::{NOT_ELIGIBLE, Stop};
use super::local::place;
use crate::S3;
use crate::attributes::mode_name;
use crate::meta::ObjectMeta;
use crate::reader::ObjectReader;
use crate::tags::Tags;
use crate::writer::MAX_BODY;
use crate::xml::Element;

const NOT_PERMITTED: &str = "DstPutObjectNotPermitted";
/// A body gets a second more for so many bytes.
const SLOWEST: u64 = 256 * 1024;
/// Larger than any answer that is expected.
const MAX_ANSWER: usize = 64 * 1024;

/// An endpoint, as the operator names it.
#[derive(Clone)]
pub struct RemoteConfig {
    /// Names of buckets that are behind it; one that ends with `*` stands for all that begin so.
    pub buckets: Vec<String>,
    /// Accounts whose buckets may be replicated there; all if `None`.
    pub accounts: Option<Vec<String>>,
    /// `https://host[:port]`.
    pub endpoint: Url,
    /// Region that signatures name.
    pub region: String,
    /// Whose key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Zeroizing<String>,
    /// Certificates of the only authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// For what an answer takes beside the body.
    pub timeout: Duration,
}

/// An endpoint at work.
pub struct Remote {
    name: String,
    config: RemoteConfig,
    client: Client,
}

/// All endpoints. Clones share them.
#[derive(Clone, Default)]
pub struct Remotes(Arc<BTreeMap<String, Remote>>);

impl Remotes {
    /// Sets the endpoints up.
    ///
    /// # Errors
    /// The name of the one that cannot be, and why.
    pub fn open(configs: BTreeMap<String, RemoteConfig>) -> Result<Self, (String, String)> {
        let open = |(name, config): (String, RemoteConfig)| {
            let client = client(&config).map_err(|why| (name.clone(), why))?;
            let remote = Remote {
                name: name.clone(),
                config,
                client,
            };
            Ok((name, remote))
        };
        let remotes: Result<_, (String, String)> = configs.into_iter().map(open).collect();
        Ok(Self(Arc::new(remotes?)))
    }

    /// The endpoint that a bucket is behind, if it is behind one for the buckets of an account.
    pub(super) fn of(&self, bucket: &str, account: &str) -> Option<&Remote> {
        let serves = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => bucket.starts_with(prefix),
            None => pattern == bucket,
        };
        let lets = |accounts: &Vec<String>| accounts.iter().any(|one| one == account);
        self.0.values().find(|remote| {
            let RemoteConfig {
                buckets, accounts, ..
            } = &remote.config;
            buckets.iter().any(serves) && accounts.as_ref().is_none_or(lets)
        })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn client(config: &RemoteConfig) -> Result<Client, String> {
    // reqwest would panic without one.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err("the cryptography of TLS is not set up".to_owned());
    }
    let mut builder = Client::builder()
        .connect_timeout(config.timeout)
        .redirect(redirect::Policy::none())
        .no_proxy();
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string())?;
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|error| error.to_string())
}

/// A request to an endpoint.
struct Call<'c> {
    method: Method,
    bucket: &'c str,
    key: Option<&'c str>,
    query: &'c str,
    headers: Vec<(String, String)>,
    body: Option<(Body, u64)>,
}

impl Remote {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a bucket there keeps versions.
    pub(crate) async fn keeps_versions(&self, bucket: &str) -> Result<bool, String> {
        let call = Call {
            method: Method::GET,
            bucket,
            key: None,
            query: "?versioning",
            headers: Vec::new(),
            body: None,
        };
        let answer = self.send(call).await.map_err(|stop| match stop {
            Stop::Failed(why) => why.to_owned(),
            Stop::Later(why) | Stop::Unreachable(why) => why,
        })?;
        let document = Element::parse(&answer, "VersioningConfiguration");
        let status = document
            .as_ref()
            .ok()
            .and_then(|document| document.optional_text("Status").ok().flatten());
        Ok(status.is_some_and(|status| status.trim() == "Enabled"))
    }

    async fn send(&self, call: Call<'_>) -> Result<Vec<u8>, Stop> {
        let url = self.url(&call).ok_or(Stop::Failed(NOT_ELIGIBLE))?;
        let length = call.body.as_ref().map_or(0, |(_, length)| *length);
        let mut headers = call.headers;
        headers.push(("content-length".to_owned(), length.to_string()));
        let signed = self
            .signed(call.method.as_str(), &url, &headers)
            .map_err(Stop::Later)?;
        let timeout = self.config.timeout + Duration::from_secs(length / SLOWEST);
        let mut request = self.client.request(call.method, url).timeout(timeout);
        for (name, value) in headers.iter().chain(&signed) {
            // Metadata may be any UTF-8.
            let value = HeaderValue::from_bytes(value.as_bytes());
            request = request.header(name, value.map_err(|_| Stop::Failed(NOT_ELIGIBLE))?);
        }
        if let Some((body, _)) = call.body {
            request = request.body(body);
        }
        let lost = |error: reqwest::Error| {
            if error.is_builder() {
                return Stop::Failed(NOT_ELIGIBLE);
            }
            Stop::Unreachable(error.without_url().to_string())
        };
        let mut answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Stop::Later("the answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        let code = Element::parse(&body, "Error")
            .ok()
            .and_then(|error| {
                error
                    .optional_text("Code")
                    .ok()
                    .flatten()
                    .map(str::to_owned)
            })
            .unwrap_or_default();
        tracing::warn!(
            endpoint = self.name,
            status = status.as_u16(),
            code,
            "another endpoint refused"
        );
        Err(match (status.as_u16(), code.as_str()) {
            (408 | 429 | 502..=504, _) => Stop::Unreachable(format!("{status} {code}")),
            (501, _) => Stop::Failed(NOT_ELIGIBLE),
            // It may be this one request that the other side cannot answer.
            (500.., _) => Stop::Later(format!("{status} {code}")),
            (_, "NoSuchBucket") => Stop::Failed("DstBucketNotFound"),
            _ => Stop::Failed(NOT_PERMITTED),
        })
    }

    /// Where a request goes; `None` for keys that a URL does not hold as they are (with dot segments).
    fn url(&self, call: &Call<'_>) -> Option<Url> {
        let base = self.config.endpoint.as_str().trim_end_matches('/');
        let key = call.key.map(encode_path).unwrap_or_default();
        let slash = if call.key.is_some() { "/" } else { "" };
        let text = format!("{base}/{}{slash}{key}{}", call.bucket, call.query);
        Url::parse(&text).ok().filter(|url| url.as_str() == text)
    }

    fn signed(
        &self,
        method: &str,
        url: &Url,
        headers: &[(String, String)],
    ) -> Result<Vec<(String, String)>, String> {
        let config = &self.config;
        let identity = Credentials::new(
            config.access_key_id.as_str(),
            config.secret_access_key.as_str(),
            None,
            None,
            "replication",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&config.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let host = url.host_str().unwrap_or_default();
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let signed = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("host", host.as_str())]);
        let body = SignableBody::UnsignedPayload;
        let signable = SignableRequest::new(method, url.as_str(), signed, body)
            .map_err(|error| error.to_string())?;
        let (instructions, _) = sign(signable, &params)
            .map_err(|error| error.to_string())?
            .into_parts();
        Ok(instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

/// Carry a version or a delete marker.
pub(super) async fn carry(s3: &S3, remote: &Remote, work: &Work<'_>) -> Result<(), Stop> {
    let bucket = &work.rule.destination.bucket;
    match work.entry.effect {
        Effect::Marked => {
            may(work, "s3:ReplicateDelete", "DstDelObjNotPermitted")?;
            let call = Call {
                method: Method::DELETE,
                bucket,
                key: Some(&work.version.key),
                query: "",
                headers: Vec::new(),
                body: None,
            };
            remote.send(call).await.map(|_| ())
        }
        Effect::Put => put(s3, remote, work).await,
        Effect::Changed | Effect::Removed => Err(Stop::Failed(NOT_ELIGIBLE)),
    }
}

/// Whether the role's own policies let it write there; what the bucket there says is said there.
fn may(work: &Work<'_>, action: &str, reason: &'static str) -> Result<(), Stop> {
    let there = Place {
        bucket: &work.rule.destination.bucket,
        ..place(work.bucket, &work.version.key)
    };
    work.role.may(there, None, action, Context::new(), reason)
}

async fn put(s3: &S3, remote: &Remote, work: &Work<'_>) -> Result<(), Stop> {
    let version = work.version;
    if version.delete_marker || version.size > MAX_BODY {
        return Err(Stop::Failed(NOT_ELIGIBLE));
    }
    work.role.may_read(s3, work.bucket, version).await?;
    may(work, "s3:ReplicateObject", NOT_PERMITTED)?;
    if version.attributes.tags.is_some() {
        may(work, "s3:ReplicateTags", "DstPutTaggingNotPermitted")?;
    }
    let envelope = Envelope::from_bytes(&version.envelope).map_err(|error| {
        tracing::error!(%error, "an envelope is damaged");
        Stop::Failed(NOT_ELIGIBLE)
    })?;
    // The customer's key, which nobody else has, would have to be sent with the body.
    if matches!(envelope, Envelope::Customer { .. })
        || (envelope.kms().is_some() && !work.rule.takes_kms())
    {
        return Err(Stop::Failed(NOT_ELIGIBLE));
    }
    let headers = headers(work, &envelope)?;
    let call = work.role.kms_call();
    let from = place(work.bucket, &version.key);
    let keys = s3.sse.open(&call, from, &envelope, None).await;
    let keys = keys.map_err(Stop::of_source_keys)?;
    let range = 0..version.size;
    let reader = ObjectReader::new(&s3.blobs, version, keys, range, &s3.failures);
    let broken = Arc::new(AtomicBool::new(false));
    let chunks = stream::try_unfold(
        (reader, broken.clone()),
        |(mut reader, broken)| async move {
            let next = reader.next().await.map_err(|error| {
                broken.store(true, Ordering::Relaxed);
                std::io::Error::other(error)
            })?;
            Ok::<_, std::io::Error>(next.map(|bytes| (bytes, (reader, broken))))
        },
    );
    let call = Call {
        method: Method::PUT,
        bucket: &work.rule.destination.bucket,
        key: Some(&version.key),
        query: "",
        headers,
        body: Some((Body::wrap_stream(chunks), version.size)),
    };
    match remote.send(call).await {
        // Not the endpoint's fault, and nobody else waits for it.
        Err(_) if broken.load(Ordering::Relaxed) => {
            Err(Stop::Later("the original cannot be read".to_owned()))
        }
        outcome => outcome.map(|_| ()),
    }
}

/// Metadata, tags, lock, checksum and encryption of a version, as a PUT says them.
fn headers(work: &Work<'_>, envelope: &Envelope) -> Result<Vec<(String, String)>, Stop> {
    let version = work.version;
    let meta = ObjectMeta::from_bytes(&version.meta)?;
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut insert = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    for (name, value) in &meta.system {
        insert(name, value);
    }
    for (name, value) in &meta.user {
        insert(&format!("x-amz-meta-{name}"), value);
    }
    let tags = Tags::from_bytes(version.attributes.tags.as_ref())?;
    if tags.len() > 0 {
        insert("x-amz-tagging", &tags.to_header());
    }
    let lock = &version.attributes.lock;
    if let Some(retention) = lock.retention {
        insert("x-amz-object-lock-mode", mode_name(retention.mode));
        let until = retention.until.format(&Rfc3339);
        let until = until.map_err(|_| Stop::Failed(NOT_ELIGIBLE))?;
        insert("x-amz-object-lock-retain-until-date", &until);
    }
    if let Some(on) = lock.legal_hold {
        insert(
            "x-amz-object-lock-legal-hold",
            if on { "ON" } else { "OFF" },
        );
    }
    // The other side verifies what arrives by it.
    let full = version.checksum_type.as_deref() == Some(ChecksumType::FullObject.name());
    if full && let Some(checksum) = meta.checksum(version.checksum_algorithm.as_deref()) {
        insert(checksum.algorithm.header(), &checksum.to_base64());
    }
    let mode = match envelope {
        Envelope::Kms(_) => "aws:kms",
        Envelope::Dsse { .. } => "aws:kms:dsse",
        Envelope::S3 { .. } | Envelope::Customer { .. } => return Ok(headers),
    };
    insert("x-amz-server-side-encryption", mode);
    if let Some(key) = &work.rule.destination.kms_key {
        insert("x-amz-server-side-encryption-aws-kms-key-id", key);
    }
    Ok(headers)
}

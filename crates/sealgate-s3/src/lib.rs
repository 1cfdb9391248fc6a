//! The S3 protocol: from an authenticated HTTP request to an answer.
//!
//! The way of a request: `router` names the operation, encryption headers that the operation
//! does not take are refused, `request::Authorized::check` decides, and only then an operation
//! in `ops` runs and may read the body.

mod access;
mod access_log;
mod attributes;
mod body;
mod conditions;
mod cors;
mod delivery;
mod described;
mod document;
mod error;
mod events;
pub mod holdings;
mod inventory;
pub mod lifecycle;
mod meta;
mod names;
mod notification;
mod operation;
mod ops;
mod post;
mod range;
mod reader;
pub mod replication;
mod request;
mod response;
mod router;
pub mod storage_class;
mod tags;
mod trail;
mod version;
mod website;
mod writer;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::request::Parts;
use sealgate_audit::Trail;
use sealgate_blobs::BlobStore;
use sealgate_iam::{Authenticated, CleartextSecrets, Iam};
pub use sealgate_index::Usage;
use sealgate_index::{Bucket, Index, IndexError, VersionRef};
use sealgate_notify::Targets;
use sealgate_sse::Sse;
use sealgate_wire::{Connection, Query};

pub use delivery::ExportError;
pub use error::{Code, S3Error};
pub use events::{message, outbox_kind};
pub use holdings::{Holding, Holdings};
pub use reader::IntegrityFailures;
pub use response::{BrokenBody, Outcome, Response, ResponseBody};
pub use router::virtual_host_bucket;

use access::SharingCache;
use access::account_block::AccountBlocks;
use access_log::AccessLog;
use body::RequestBody;
pub use body::Source;
use error::Result;
use events::Events;
use holdings::Census;
use names::{BucketName, ObjectKey};
use replication::{Queue, Remotes};
use request::{Authorized, Request};

/// Settings of the S3 service.
#[derive(Debug, Clone)]
pub struct Config {
    /// Region of the gateway.
    pub region: String,
    /// Domains under which `bucket.domain` names a bucket.
    pub domains: Vec<String>,
    /// From whom customer keys are taken without TLS.
    pub cleartext: CleartextSecrets,
    /// Bodies whose sealed form is at most so long are kept in the index; 0 for none.
    pub inline_limit: u64,
    /// Whether new buckets refuse SSE-C, as at AWS since April 2026.
    pub block_sse_c_on_new_buckets: bool,
    /// How long a client may leave its body idle.
    pub idle_timeout: Duration,
}

/// What the service works with.
pub struct S3Deps {
    /// Buckets and versions.
    pub index: Index,
    /// Bodies.
    pub blobs: BlobStore,
    /// Accounts.
    pub iam: Iam,
    /// Keys of bodies.
    pub sse: Arc<Sse>,
    /// The audit trail.
    pub trail: Trail,
    /// Where notifications may go.
    pub targets: Targets,
    /// Buckets behind other endpoints.
    pub remotes: Remotes,
    /// Settings.
    pub config: Config,
}

/// The S3 service. Clones share everything.
#[derive(Clone)]
pub struct S3 {
    index: Index,
    blobs: BlobStore,
    iam: Iam,
    sse: Arc<Sse>,
    trail: Trail,
    config: Config,
    kms_via: String,
    failures: IntegrityFailures,
    sharing: SharingCache,
    account_blocks: AccountBlocks,
    targets: Targets,
    events: Events,
    replication: Queue,
    access_log: AccessLog,
    census: Census,
}

/// An authenticated request.
pub struct Incoming {
    /// Head.
    pub parts: Parts,
    /// Body, not yet read.
    pub body: Source,
    /// Who sends it.
    pub auth: Authenticated,
    /// On what connection.
    pub conn: Connection,
    /// `x-amz-request-id`.
    pub request_id: String,
    /// `x-amz-id-2`.
    pub host_id: String,
}

impl S3 {
    /// The service over these stores.
    pub fn new(deps: S3Deps) -> Self {
        let S3Deps {
            index,
            blobs,
            iam,
            sse,
            trail,
            targets,
            remotes,
            config,
        } = deps;
        let kms_via = format!("s3.{}.amazonaws.com", config.region);
        let events = Events::new(iam.clone(), config.region.clone());
        Self {
            index,
            blobs,
            iam,
            sse,
            trail,
            config,
            kms_via,
            failures: Default::default(),
            sharing: SharingCache::default(),
            account_blocks: AccountBlocks::default(),
            targets,
            events,
            replication: Queue::new(remotes),
            access_log: AccessLog::default(),
            census: Census::default(),
        }
    }

    /// The count of bodies that did not verify.
    pub fn integrity_failures(&self) -> IntegrityFailures {
        self.failures.clone()
    }

    /// What is in a bucket of this account, as it is counted; `None` if it has none of that name.
    pub async fn bucket_usage(&self, account: &str, bucket: &str) -> Option<Usage> {
        let bucket = self.index.bucket(bucket).await.ok()?;
        if bucket.account_id != account {
            return None;
        }
        self.index.usage(bucket.id).await.ok()
    }

    /// Answer a request. Never fails: a refusal is an answer, too.
    pub async fn handle(&self, incoming: Incoming) -> Response {
        let Incoming {
            parts,
            body,
            mut auth,
            conn,
            request_id,
            host_id,
        } = incoming;
        let ids = access_log::Ids {
            request: &request_id,
            host: &host_id,
        };
        let entry = access_log::Entry::begin(self, &parts, &conn, Some(&auth), ids, None).await;
        let mut body = RequestBody::new(body, &mut auth);
        let asked = response::Asked::of(&parts);
        if parts.method == Method::OPTIONS {
            let answer = self.preflight(&parts).await;
            let error = answer.as_ref().err().map(S3Error::code);
            let mut response = answer
                .unwrap_or_else(|error| response::error(&error, &asked, &request_id, &host_id));
            response.extensions_mut().insert(Outcome {
                operation: "PreflightRequest",
                error,
                mode: None,
            });
            if !body.is_read() {
                response::close_connection(&mut response);
            }
            return log(entry, None, response);
        }
        let ids = (request_id.clone(), host_id.clone());
        let (operation, drained, result) = match self.parse(parts, auth, conn, ids) {
            Err((error, parts)) => (None, parts, Err(error)),
            Ok(mut request) => {
                let result = match request.op {
                    operation::Operation::PostObject => {
                        ops::post_object::run(self, &mut request, &mut body).await
                    }
                    _ => self.run(&request, &mut body).await,
                };
                let result = trail::data(self, &request, &host_id, result).await;
                (Some(request.op), request.parts, result)
            }
        };
        let name = operation.map_or("Unknown", operation::Operation::name);
        let mut response = match result {
            Ok(mut response) => {
                let mode = response.extensions_mut().remove::<sealgate_sse::Mode>();
                response.extensions_mut().insert(Outcome {
                    operation: name,
                    error: None,
                    mode: mode.map(sealgate_sse::Mode::as_str),
                });
                response
            }
            Err(error) => {
                body.drain(&drained).await;
                let mut response = response::error(&error, &asked, &request_id, &host_id);
                response.extensions_mut().insert(Outcome {
                    operation: name,
                    error: Some(error.code()),
                    mode: None,
                });
                response
            }
        };
        self.tell_browser(&drained, &mut response).await;
        if !body.is_read() {
            response::close_connection(&mut response);
        }
        log(entry, operation, response)
    }

    /// Whether a request would be allowed, for who wants to know before asking. Nothing is done, and nothing is
    /// recorded: what is refused here would be refused there, and for the same reason.
    pub async fn may(
        &self,
        parts: Parts,
        auth: Authenticated,
        conn: &Connection,
    ) -> std::result::Result<(), S3Error> {
        let ids = (String::new(), String::new());
        let request = self
            .parse(parts, auth, conn.clone(), ids)
            .map_err(|(error, _)| error)?;
        Authorized::check(self, &request).await.map(drop)
    }

    /// An answer to a request whose signature was refused.
    pub async fn auth_error(
        &self,
        error: &sealgate_wire::sigv4::AuthError,
        parts: &Parts,
        body: hyper::body::Incoming,
        conn: &Connection,
        request_id: &str,
        host_id: &str,
    ) -> Response {
        let ids = access_log::Ids {
            request: request_id,
            host: host_id,
        };
        let entry = access_log::Entry::begin(self, parts, conn, None, ids, None).await;
        let mut s3_error = S3Error::other(error.code(), error.status(), error.message());
        s3_error.details = error.details();
        let asked = response::Asked::of(parts);
        let mut response = response::error(&s3_error, &asked, request_id, host_id);
        response.extensions_mut().insert(Outcome {
            operation: "Unknown",
            error: Some(error.code()),
            mode: None,
        });
        let mut body = RequestBody::refused(Source::Left(body));
        body.drain(parts).await;
        if !body.is_read() {
            response::close_connection(&mut response);
        }
        log(entry, None, response)
    }

    #[expect(
        clippy::result_large_err,
        reason = "the head goes back to who drains the body"
    )]
    fn parse(
        &self,
        parts: Parts,
        auth: Authenticated,
        conn: Connection,
        (request_id, host_id): (String, String),
    ) -> Result<Request, (S3Error, Parts)> {
        let parsed = (|| {
            let host = parts
                .headers
                .get(http::header::HOST)
                .and_then(|h| h.to_str().ok())
                .or_else(|| parts.uri.authority().map(|a| a.as_str()));
            let query = Query::of(&parts.uri);
            let (op, target) = match router::control(&parts) {
                Some(op) => (op?, router::Target::default()),
                None => {
                    let target = router::target(host, parts.uri.path(), &self.config.domains)?;
                    let copies = parts.headers.contains_key("x-amz-copy-source");
                    (
                        router::route(&parts.method, &target, &query, copies)?,
                        target,
                    )
                }
            };
            if !ops::is_implemented(op) {
                return Err(ops::unimplemented(op));
            }
            sealgate_sse::check_headers(&parts.headers, op.accepts())?;
            self.check_cleartext(&parts, &conn)?;
            ops::refuse_unsupported_headers(&parts.headers, op)?;
            let bucket = target
                .bucket
                .as_deref()
                .map(BucketName::parse)
                .transpose()?;
            let key = target.key.as_deref().map(ObjectKey::parse).transpose()?;
            let version = if op.takes_version() {
                version::parse(query.get("versionId"))?
            } else {
                VersionRef::Current
            };
            Ok((op, bucket, key, version, query))
        })();
        match parsed {
            Err(error) => Err((error, parts)),
            Ok((op, bucket, key, version, query)) => Ok(Request {
                op,
                bucket,
                key,
                version,
                query,
                parts,
                caller: auth.caller,
                canonical_id: auth.canonical_id,
                anonymous: auth.anonymous,
                presigned: auth.presigned,
                signature: auth.signature,
                signed_at: auth.signed_at,
                conn,
                request_id,
                host_id,
            }),
        }
    }

    /// Customer keys travel over TLS
    /// ([SSE-C](https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html)).
    fn check_cleartext(&self, parts: &Parts, conn: &Connection) -> Result<()> {
        let secret = sealgate_sse::SSE_HEADERS
            .iter()
            .any(|name| name.contains("customer") && parts.headers.contains_key(*name));
        if secret && !self.config.cleartext.permits(conn) {
            return Err(S3Error::invalid_request(
                "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.",
            ));
        }
        Ok(())
    }

    async fn run(&self, request: &Request, body: &mut RequestBody) -> Result<Response> {
        let (result, recorded) = match Authorized::check(self, request).await {
            Ok(authorized) => {
                let mut result = ops::run(&authorized, body).await;
                if authorized.requester_pays()
                    && let Ok(response) = &mut result
                {
                    meta::insert(response.headers_mut(), "x-amz-request-charged", "requester");
                }
                (result, authorized.is_recorded())
            }
            Err(error) => (Err(error), false),
        };
        if !recorded && let Some(event) = trail::event(self, request) {
            trail::write(&self.trail, event, result.as_ref().err()).await?;
        }
        result
    }

    /// A bucket by name.
    async fn bucket(&self, name: &str) -> Result<Arc<Bucket>> {
        self.index.bucket(name).await.map_err(|error| match error {
            IndexError::NoSuchBucket => S3Error::from(Code::NoSuchBucket).with("BucketName", name),
            error => error.into(),
        })
    }
}

/// Complete the line of a request that is logged.
fn log(
    entry: Option<access_log::Entry>,
    op: Option<operation::Operation>,
    response: Response,
) -> Response {
    match entry {
        Some(entry) => entry.answered(op, response),
        None => response,
    }
}

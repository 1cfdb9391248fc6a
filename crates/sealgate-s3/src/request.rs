//! A request on its way through the gateway: first it is known who sends it, then it is decided
//! that they may. The two are different types, and only the second reaches an operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::HeaderName;
use http::request::Parts;
use sealgate_iam::SignatureVersion;
use sealgate_index::Bucket;
use sealgate_kms::Call;
use sealgate_policy::{Access, Authority, Caller, Context, Decision, PrincipalKind};
use sealgate_sse::{BucketEncryption, Place};
use sealgate_wire::{Connection, Query};
use time::OffsetDateTime;

use crate::S3;
use crate::error::{Code, Result, S3Error};
use crate::names::{BucketName, ObjectKey};
use crate::router::Operation;

/// A request whose sender is known.
pub(crate) struct Request {
    pub(crate) op: Operation,
    pub(crate) bucket: Option<BucketName>,
    pub(crate) key: Option<ObjectKey>,
    pub(crate) query: Query,
    pub(crate) parts: Parts,
    pub(crate) caller: Caller,
    pub(crate) canonical_id: String,
    pub(crate) anonymous: bool,
    pub(crate) presigned: bool,
    pub(crate) signature: SignatureVersion,
    pub(crate) signed_at: Option<OffsetDateTime>,
    pub(crate) conn: Connection,
    pub(crate) request_id: String,
}

impl Request {
    /// Whether KMS keys may be used for it. They are used in somebody's name, and S3 takes that
    /// name only under Signature Version 4.
    pub(crate) fn may_use_kms(&self) -> bool {
        self.signature == SignatureVersion::V4
    }

    /// A header's text; one that is not visible ASCII counts as malformed.
    pub(crate) fn header(&self, name: impl Into<String>) -> Result<Option<&str>> {
        let name: String = name.into();
        let Ok(header) = HeaderName::try_from(name.as_str()) else {
            return Ok(None);
        };
        match self.parts.headers.get(&header) {
            None => Ok(None),
            Some(value) => value
                .to_str()
                .map(Some)
                .map_err(|_| S3Error::argument(&name, "", "The header value is not valid.")),
        }
    }

    /// A query parameter that is a number.
    pub(crate) fn number(&self, name: &'static str, max: u64) -> Result<Option<u64>> {
        let Some(text) = self.query.get(name) else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(number) if u64::try_from(number).is_ok_and(|n| n <= max) => {
                Ok(Some(number.unsigned_abs()))
            }
            Ok(_) => {
                // A number out of range goes by the name of the API's member.
                let member = if name == "max-keys" { "maxKeys" } else { name };
                Err(S3Error::argument(
                    member,
                    text,
                    format!("Argument {member} must be an integer between 0 and {max}"),
                ))
            }
            Err(_) => Err(S3Error::argument(
                name,
                text,
                format!("Provided {name} not an integer or within integer range"),
            )),
        }
    }

    /// The `max-keys`-like parameter of a listing: any number, of which at most 1000 count.
    pub(crate) fn page_size(&self, name: &'static str) -> Result<usize> {
        let number = self.number(name, i32::MAX as u64)?.unwrap_or(1000);
        Ok(usize::try_from(number).unwrap_or(1000).min(1000))
    }

    /// Condition keys that the request itself gives to policies
    /// ([S3 condition keys](https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html)).
    ///
    /// `kms_key` is the ARN of the KMS key that the request names by whatever name: a policy that
    /// asks for a key must not be evaded by an alias.
    fn context(&self, resource_account: &str, kms_key: Option<&str>) -> Context {
        let mut context = Context::new();
        context.insert("s3:ResourceAccount", resource_account);
        let version = match self.signature {
            SignatureVersion::V4 => Some("AWS4-HMAC-SHA256"),
            SignatureVersion::V2 => Some("AWS"),
            SignatureVersion::None => None,
        };
        if let Some(version) = version {
            context.insert("s3:signatureversion", version);
            let auth = if self.presigned {
                "REST-QUERY-STRING"
            } else {
                "REST-HEADER"
            };
            context.insert("s3:authType", auth);
        }
        if let Some(signed_at) = self.signed_at {
            let age = self.caller.environment.now - signed_at;
            let age = age.whole_milliseconds().max(0);
            context.insert("s3:signatureAge", age.to_string());
        }
        if matches!(
            self.op,
            Operation::ListObjects | Operation::ListObjectsV2 | Operation::ListMultipartUploads
        ) {
            for name in ["prefix", "delimiter", "max-keys"] {
                if let Some(value) = self.query.get(name) {
                    context.insert(&format!("s3:{name}"), value);
                }
            }
        }
        if let Some(version) = self.query.get("versionId") {
            context.insert("s3:VersionId", version);
        }
        for name in CONDITION_HEADERS {
            if let Some(value) = self.parts.headers.get(name).and_then(|v| v.to_str().ok()) {
                context.insert(&format!("s3:{name}"), value);
            }
        }
        if let Some(arn) = kms_key {
            context.insert(&format!("s3:{KMS_KEY_ID}"), arn);
        }
        context
    }
}

/// The header that names a KMS key.
const KMS_KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// Headers that are condition keys behind `s3:`.
const CONDITION_HEADERS: [&str; 12] = [
    "if-match",
    "if-none-match",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    KMS_KEY_ID,
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];

/// A request that may be carried out. Only [`Authorized::check`] makes one.
pub(crate) struct Authorized<'a> {
    pub(crate) s3: &'a S3,
    pub(crate) request: &'a Request,
    bucket: Option<Arc<Bucket>>,
    /// What policies may ask of the request.
    context: Context,
    /// Whether the audit trail has the call already.
    recorded: AtomicBool,
}

impl<'a> Authorized<'a> {
    /// Decide. Nothing of the body has been read.
    pub(crate) async fn check(s3: &'a S3, request: &'a Request) -> Result<Self> {
        let account = &request.caller.principal.account_id;
        let bucket = match (&request.bucket, request.op) {
            (None, _) | (_, Operation::CreateBucket) => None,
            (Some(name), _) => Some(s3.bucket(name.as_str()).await?),
        };
        let owner = bucket
            .as_ref()
            .map_or(account.as_str(), |b| b.account_id.as_str());
        let expected = request.header("x-amz-expected-bucket-owner")?;
        if bucket.is_some() && expected.is_some_and(|expected| expected != owner) {
            return Err(Code::AccessDenied.into());
        }
        let kms_key = match request.header(KMS_KEY_ID)? {
            Some(id) if !request.anonymous => s3.sse.key_arn(account, id).await,
            _ => None,
        };
        let this = Self {
            s3,
            request,
            context: request.context(owner, kms_key.as_deref()),
            bucket,
            recorded: AtomicBool::new(false),
        };
        match request.op {
            // Decided key by key, which needs the body. Without bucket policies nobody unknown may
            // delete anything, so nobody unknown gets a body read.
            Operation::DeleteObjects if request.anonymous => Err(Code::AccessDenied.into()),
            Operation::DeleteObjects => Ok(this),
            op => this.may(op.action(), &this.resource()).map(|()| this),
        }
    }

    fn resource(&self) -> String {
        match (&self.request.bucket, &self.request.key) {
            (None, _) => "arn:aws:s3:::*".to_owned(),
            (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
            (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{}", key.as_str()),
        }
    }

    /// Whether the caller may do this to a resource of the request's bucket.
    pub(crate) fn may(&self, action: &str, resource: &str) -> Result<()> {
        let own = self.request.caller.principal.account_id.as_str();
        let account = self.bucket.as_ref().map_or(own, |b| b.account_id.as_str());
        self.decide(account, action, resource, &self.context)
    }

    /// Whether the caller may do this to the source of the copy that the request asks for.
    pub(crate) fn may_read_source(
        &self,
        account: &str,
        action: &str,
        resource: &str,
    ) -> Result<()> {
        let mut context = self.context.clone();
        context.insert("s3:ResourceAccount", account);
        // The version in the query is the target's; only the null version of a source exists.
        context.remove("s3:VersionId");
        self.decide(account, action, resource, &context)
    }

    fn decide(&self, account: &str, action: &str, resource: &str, context: &Context) -> Result<()> {
        let caller = &self.request.caller;
        let decision = sealgate_policy::authorize(&Access {
            caller,
            action,
            resource,
            resource_account: account,
            context,
            resource_policy: None,
            authority: Authority::Account,
            grant: None,
        });
        match decision {
            Decision::Allowed => Ok(()),
            // AWS explains a refusal only to those of the bucket's own account.
            Decision::Denied(denial)
                if caller.principal.account_id == account
                    && !matches!(caller.principal.kind, PrincipalKind::Anonymous) =>
            {
                Err(S3Error::new(Code::AccessDenied, denial.message()))
            }
            Decision::Denied(_) => Err(Code::AccessDenied.into()),
        }
    }

    /// Whether [`recorded`](Self::recorded) has left the call's record in the audit trail.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Relaxed)
    }

    /// Carry out a management change and record it, both to the end even if the client goes away:
    /// nothing changes without a trace.
    pub(crate) async fn recorded<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let trail = self.s3.trail.clone();
        let event = crate::trail::event(self.s3, self.request);
        self.recorded.store(true, Ordering::Relaxed);
        crate::writer::to_the_end(async move {
            let outcome = change.await;
            if let Some(event) = event {
                crate::trail::write(&trail, event, outcome.as_ref().err()).await?;
            }
            outcome
        })
        .await
    }

    /// The bucket of the request.
    pub(crate) fn bucket(&self) -> Result<&Arc<Bucket>> {
        self.bucket
            .as_ref()
            .ok_or_else(|| Code::NoSuchBucket.into())
    }

    /// The object key of the request.
    pub(crate) fn key(&self) -> Result<&str> {
        self.request
            .key
            .as_ref()
            .map(ObjectKey::as_str)
            .ok_or_else(|| Code::NoSuchKey.into())
    }

    /// Where the object of the request lies.
    pub(crate) fn place(&self) -> Result<Place<'_>> {
        let bucket = self.bucket()?;
        Ok(Place {
            account: &bucket.account_id,
            bucket: &bucket.name,
            key: self.key()?,
        })
    }

    /// The bucket's encryption settings.
    pub(crate) fn encryption(&self) -> Result<BucketEncryption> {
        crate::ops::bucket_encryption::settings(self.bucket()?)
    }

    /// The caller as the KMS sees it: through S3.
    pub(crate) fn kms_call(&self) -> Call<'_> {
        Call {
            caller: &self.request.caller,
            request_id: &self.request.request_id,
            via: Some(&self.s3.kms_via),
        }
    }

    /// `NoSuchKey`, but only to those who may list the bucket; S3 tells others that access is
    /// denied, so that they cannot probe for keys.
    pub(crate) fn no_such_key(&self) -> S3Error {
        let listing = self.request.bucket.as_ref().map_or(Ok(()), |bucket| {
            self.may("s3:ListBucket", &format!("arn:aws:s3:::{bucket}"))
        });
        match listing {
            Ok(()) => {
                let key = self.request.key.as_ref().map_or("", ObjectKey::as_str);
                S3Error::from(Code::NoSuchKey).with("Key", key)
            }
            Err(denied) => denied,
        }
    }

    /// Only the null version exists until versioning does; any other id names nothing.
    pub(crate) fn check_version_id(&self) -> Result<()> {
        match self.request.query.get("versionId") {
            None | Some("null") => Ok(()),
            Some(id) => Err(S3Error::argument(
                "versionId",
                id,
                "Invalid version id specified",
            )),
        }
    }
}

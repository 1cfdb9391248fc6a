//! A request on its way through the gateway: first it is known who sends it, then it is decided
//! that they may. The two are different types, and only the second reaches an operation.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::HeaderName;
use http::request::Parts;
use sealgate_iam::SignatureVersion;
use sealgate_index::{Bucket, VersionRef};
use sealgate_kms::Call;
use sealgate_policy::{Caller, Context};
use sealgate_sse::{BucketEncryption, Place};
use sealgate_wire::checksum::ChecksumAlgorithm;
use sealgate_wire::{Connection, Query};
use time::OffsetDateTime;

use crate::S3;
use crate::access::acl::{ANONYMOUS_ID, Acl, Asker, Permission};
use crate::access::acl_request::{self, CANNED, Subject};
use crate::access::bucket_policy::EXISTING_TAG;
use crate::access::context::{self, KMS_KEY_ID};
use crate::access::decision::{Question, is_about_existing};
use crate::access::object::{NewObject, ObjectAccess};
use crate::access::ownership::Ownership;
use crate::access::{self, Sharing};
use crate::document::Document as _;
use crate::error::{Code, Result, S3Error};
use crate::names::{BucketName, ObjectKey};
use crate::operation::{Level, Operation};
use crate::router::ACCOUNT_ID;
use crate::tags::Tags;

/// A request whose sender is known.
pub(crate) struct Request {
    pub(crate) op: Operation,
    pub(crate) bucket: Option<BucketName>,
    pub(crate) key: Option<ObjectKey>,
    /// The version that it is about.
    pub(crate) version: VersionRef,
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
    pub(crate) host_id: String,
}

impl Request {
    /// Whether KMS keys may be used for it. They are used in somebody's name, and S3 takes that
    /// name only under Signature Version 4, or from the console.
    pub(crate) fn may_use_kms(&self) -> bool {
        matches!(
            self.signature,
            SignatureVersion::V4 | SignatureVersion::Console
        )
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

    /// Whether a digest of the body comes with it, in its head or behind the body.
    pub(crate) fn has_digest(&self) -> bool {
        self.parts.headers.keys().any(|name| {
            let name = name.as_str();
            name == "content-md5"
                || name == "x-amz-trailer"
                || ChecksumAlgorithm::from_header(name).is_some()
        })
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

    /// Who asks, as access control lists see it.
    fn asker(&self) -> Asker<'_> {
        Asker {
            canonical_id: &self.canonical_id,
            anonymous: self.anonymous,
        }
    }

    /// The permission that it needs.
    fn action(&self) -> &'static str {
        match self.version {
            VersionRef::Current => self.op.action(),
            VersionRef::Null | VersionRef::Id(_) => self.op.version_action(),
        }
    }
}

/// A request that may be carried out. Only [`Authorized::check`] makes one.
pub(crate) struct Authorized<'a> {
    pub(crate) s3: &'a S3,
    pub(crate) request: &'a Request,
    bucket: Option<Arc<Bucket>>,
    /// How the bucket is shared.
    sharing: Option<Arc<Sharing>>,
    /// What policies may ask of the request.
    context: Context,
    /// Whether a policy asks for tags of the object.
    asks_for_tags: bool,
    /// The object that the request names, where something asks what it says about access.
    existing: Option<ObjectAccess>,
    /// Owner and list of the object that it makes.
    new_object: NewObject,
    /// Whether the audit trail has the call already.
    recorded: AtomicBool,
    requester_pays: bool,
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
        if request.op.level() == Level::Account {
            let named = request.header(ACCOUNT_ID)?;
            if request.anonymous || named != Some(account.as_str()) {
                return Err(Code::AccessDenied.into());
            }
        }
        let requester_pays = match &bucket {
            Some(bucket) => access::payer::requester_pays(request, bucket)?,
            None => false,
        };
        let kms_key = match request.header(KMS_KEY_ID)? {
            Some(id) if !request.anonymous => s3.sse.key_arn(account, id).await,
            _ => None,
        };
        let sharing = match &bucket {
            Some(bucket) => Some(s3.sharing(bucket).await?),
            None => None,
        };
        let mut this = Self {
            s3,
            request,
            context: context::of_request(request, owner, kms_key.as_deref()),
            asks_for_tags: request.caller.asks_for(EXISTING_TAG)
                || sharing.as_ref().is_some_and(|it| it.asks_for_tags()),
            existing: None,
            bucket,
            sharing,
            new_object: NewObject::default(),
            recorded: AtomicBool::new(false),
            requester_pays,
        };
        match request.op {
            // Decided key by key, which needs the body. Where nobody unknown may delete anything,
            // nobody unknown gets a body read.
            Operation::DeleteObjects => {
                let admits = this.sharing()?.may_admit_anonymous();
                if request.anonymous && !admits {
                    return Err(Code::AccessDenied.into());
                }
            }
            // Policies may ask for the fields, which are in the body: see `may_put_inventory`.
            Operation::PutBucketInventoryConfiguration if !request.anonymous => {}
            // Policies may ask for the tags, which are in the body: see `may_put_tags`.
            Operation::PutObjectTagging if !request.anonymous => {
                this.existing = this.load_existing().await?;
            }
            _ => {
                this.existing = this.load_existing().await?;
                this.may(request.action(), &this.resource())?;
            }
        }
        this.new_object = this.judge_new_object().await?;
        Ok(this)
    }

    fn resource(&self) -> String {
        match (&self.request.bucket, &self.request.key) {
            // Accounts are no resources that policies could name.
            (None, _) if self.request.op.level() == Level::Account => "*".to_owned(),
            (None, _) => "arn:aws:s3:::*".to_owned(),
            (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
            (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{}", key.as_str()),
        }
    }

    /// What the object of the request says about access, if anything asks for that. What is asked for and
    /// cannot be read is an error.
    async fn load_existing(&self) -> Result<Option<ObjectAccess>> {
        let (Some(bucket), Some(sharing), Some(key)) =
            (&self.bucket, &self.sharing, &self.request.key)
        else {
            return Ok(None);
        };
        if !self.asks_for_tags && !sharing.ownership.has_acls() {
            return Ok(None);
        }
        access::object::load(self.s3, bucket, key.as_str(), &self.request.version).await
    }

    /// Whether the caller may do this to a resource of the request's bucket.
    pub(crate) fn may(&self, action: &str, resource: &str) -> Result<()> {
        self.decide(action, resource, Cow::Borrowed(&self.context))
    }

    /// Whether the caller may give the object of the request these tags.
    pub(crate) fn may_put_tags(&self, tags: &Tags) -> Result<()> {
        let mut context = self.context.clone();
        let pairs = tags
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        context::insert_request_tags(&mut context, pairs);
        self.decide(self.request.action(), &self.resource(), Cow::Owned(context))
    }

    /// Whether the caller may have an inventory with these fields.
    pub(crate) fn may_put_inventory(&self, fields: Vec<String>) -> Result<()> {
        let mut context = self.context.clone();
        if !fields.is_empty() {
            context.insert_all("s3:InventoryAccessibleOptionalFields", fields);
        }
        self.decide(self.request.action(), &self.resource(), Cow::Owned(context))
    }

    /// Whether the caller may do this to a version of an object of the request's bucket, where the
    /// request itself names none.
    pub(crate) fn may_version(
        &self,
        action: &str,
        resource: &str,
        version: Option<&str>,
    ) -> Result<()> {
        let Some(version) = version else {
            return self.may(action, resource);
        };
        let mut context = self.context.clone();
        context.insert("s3:VersionId", version);
        self.decide(action, resource, Cow::Owned(context))
    }

    fn decide(&self, action: &str, resource: &str, mut context: Cow<'_, Context>) -> Result<()> {
        let about_existing = is_about_existing(action);
        let own = self.request.key.is_some() && resource == self.resource();
        if about_existing && self.asks_for_tags && !own {
            // The tags of other objects are not known here, and a denial may hang on them.
            return Err(Code::AccessDenied.into());
        }
        let object = self.existing.as_ref().filter(|_| about_existing && own);
        if let Some(object) = object.filter(|object| !object.tags.is_empty()) {
            context::insert_existing_tags(context.to_mut(), &object.tags);
        }
        let question = Question {
            object,
            ..self.question(action, resource, &context)
        };
        let has_acls = self
            .sharing
            .as_ref()
            .is_some_and(|it| it.ownership.has_acls());
        match question.answer() {
            // Who may list the bucket may know that an object does not exist, which no list can tell.
            Err(denied)
                if own
                    && has_acls
                    && object.is_none()
                    && Permission::of_object(action).is_some() =>
            {
                self.may_list().map_err(|_| denied)
            }
            answer => answer,
        }
    }

    /// Whether the caller may do this to the source of the copy that the request asks for.
    pub(crate) async fn may_read_source(
        &self,
        bucket: &Arc<Bucket>,
        action: &str,
        resource: &str,
        version: Option<&str>,
    ) -> Result<()> {
        access::payer::requester_pays(self.request, bucket)?;
        let sharing = self.s3.sharing(bucket).await?;
        let asks = self.request.caller.asks_for(EXISTING_TAG) || sharing.asks_for_tags();
        let object = match object_of(&bucket.name, resource) {
            Some(key) if asks || sharing.ownership.has_acls() => {
                let version = crate::version::parse(version)?;
                access::object::load(self.s3, bucket, key, &version).await?
            }
            _ => None,
        };
        let mut context = self.context.clone();
        context.insert("s3:ResourceAccount", bucket.account_id.as_str());
        // The version in the query is the target's.
        context.remove("s3:VersionId");
        if let Some(version) = version {
            context.insert("s3:VersionId", version);
        }
        if let Some(object) = &object {
            context::insert_existing_tags(&mut context, &object.tags);
        }
        Question {
            owner: &bucket.account_id,
            sharing: Some(&sharing),
            object: object.as_ref(),
            ..self.question(action, resource, &context)
        }
        .answer()
    }

    /// A question about the request's bucket.
    fn question<'q>(
        &'q self,
        action: &'q str,
        resource: &'q str,
        context: &'q Context,
    ) -> Question<'q> {
        let own = self.request.caller.principal.account_id.as_str();
        Question {
            caller: &self.request.caller,
            asker: self.request.asker(),
            action,
            resource,
            owner: self.bucket.as_ref().map_or(own, |b| b.account_id.as_str()),
            context,
            sharing: self.sharing.as_deref(),
            object: None,
        }
    }

    fn may_list(&self) -> Result<()> {
        let bucket = self.request.bucket.as_ref().map_or("", |b| b.as_str());
        let resource = format!("arn:aws:s3:::{bucket}");
        self.question("s3:ListBucket", &resource, &self.context)
            .answer()
    }

    /// How the bucket of the request is shared.
    pub(crate) fn sharing(&self) -> Result<&Sharing> {
        self.sharing
            .as_deref()
            .ok_or_else(|| Code::NoSuchBucket.into())
    }

    /// Owner and list of the object that the request makes.
    pub(crate) fn new_object(&self) -> &NewObject {
        &self.new_object
    }

    /// Whose the object is that the request makes, and its list. Refused where lists do not count, where the
    /// list is blocked, or where the caller may not set one.
    async fn judge_new_object(&self) -> Result<NewObject> {
        let makes = matches!(
            self.request.op,
            Operation::PutObject
                | Operation::PostObject
                | Operation::CopyObject
                | Operation::CreateMultipartUpload
        );
        if !makes {
            return Ok(NewObject::default());
        }
        let headers = &self.request.parts.headers;
        let canned = self.request.header(CANNED)?;
        let ownership = self.sharing()?.ownership;
        if !ownership.has_acls() {
            // AWS takes the second alone; clients that send the first ask for what holds anyway.
            let harmless = matches!(canned, None | Some("private" | "bucket-owner-full-control"));
            return if harmless && !acl_request::has_grants(headers) {
                Ok(NewObject::default())
            } else {
                Err(Code::AccessControlListNotSupported.into())
            };
        }
        let owns = self.request.caller.principal.account_id == self.bucket()?.account_id;
        let bucket_owner = crate::ops::owner_of_bucket(self).await?;
        let writer = match (owns, self.request.anonymous) {
            (true, _) => bucket_owner.as_str(),
            (false, true) => ANONYMOUS_ID,
            (false, false) => self.request.canonical_id.as_str(),
        };
        let subject = Subject {
            owner: writer,
            bucket_owner: Some(&bucket_owner),
        };
        let acl = acl_request::of_headers(headers, subject)?;
        let own = ObjectAccess {
            owner: (!owns).then(|| writer.to_owned()),
            ..ObjectAccess::default()
        };
        if let Some(acl) = &acl {
            let resource = self.resource();
            Question {
                object: Some(&own),
                ..self.question("s3:PutObjectAcl", &resource, &self.context)
            }
            .answer()?;
            self.check_new_acl(acl).await?;
        }
        let given = ownership == Ownership::BucketOwnerPreferred
            && canned == Some("bucket-owner-full-control");
        let new = if given {
            NewObject::default()
        } else {
            NewObject {
                owner: own.owner,
                acl: acl
                    .filter(|acl| *acl != Acl::private(writer))
                    .map(|acl| acl.to_bytes())
                    .transpose()?,
            }
        };
        Ok(new)
    }

    /// Refuse a list that is blocked or names nobody.
    pub(crate) async fn check_new_acl(&self, acl: &Acl) -> Result<()> {
        if acl.is_public() && self.sharing()?.block.block_public_acls {
            return Err(self.blocked("public access control lists (ACLs)", "BlockPublicAcls"));
        }
        acl_request::check_accounts(self.s3, acl).await
    }

    /// What S3 says where public access is blocked.
    pub(crate) fn blocked(&self, what: &str, setting: &str) -> S3Error {
        let principal = &self.request.caller.principal;
        let owner = self.bucket.as_ref().map(|b| b.account_id.as_str());
        if owner != Some(principal.account_id.as_str()) {
            return Code::AccessDenied.into();
        }
        S3Error::new(
            Code::AccessDenied,
            format!(
                "User: {} is not authorized to perform: {} on resource: \"{}\" because {what} are prevented by the {setting} setting in S3 Block Public Access.",
                principal.arn,
                self.request.action(),
                self.resource(),
            ),
        )
    }

    /// Whether the requester would pay for the request at AWS.
    pub(crate) fn requester_pays(&self) -> bool {
        self.requester_pays
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
        match self.may_list() {
            Ok(()) => {
                let key = self.request.key.as_ref().map_or("", ObjectKey::as_str);
                S3Error::from(Code::NoSuchKey).with("Key", key)
            }
            Err(denied) => denied,
        }
    }
}

/// The key in the ARN of an object of a bucket.
fn object_of<'r>(bucket: &str, resource: &'r str) -> Option<&'r str> {
    resource
        .strip_prefix("arn:aws:s3:::")?
        .strip_prefix(bucket)?
        .strip_prefix('/')
}

//! Whoever is signed in, acting: each call is a request to one of our own services, in this process, in the
//! principal's name. What decides, validates and records there is what does for clients of the API.

use bytes::Bytes;
use futures_util::future;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt as _;
use sealgate_iam::{AuthFault, Authenticated, Service};
use sealgate_kms::{Call, EncryptionContext, KeyQuery, KeySummaries};
use sealgate_policy::{
    Access, Authority, Caller, Context, Decision, Environment, Explanation, explain,
};
use sealgate_s3::{Holdings, Incoming, Source, Usage};
use sealgate_wire::{encode, encode_path};
use serde_json::Value;
use time::OffsetDateTime;
use url::form_urlencoded;

use crate::fault::{Fault, Refusal};
use crate::response::whole;
use crate::sessions::Session;
use crate::visit::Visit;
use crate::xml::Element;
use crate::{AnswerBody, BoxError};

/// Answers that are documents have at most so many bytes.
const LARGEST_DOCUMENT: usize = 16 << 20;

/// A request to S3.
pub(crate) struct S3Request<'a> {
    pub(crate) method: Method,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) query: Vec<(&'a str, &'a str)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Metadata of the object: names without `x-amz-meta-`.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl<'a> S3Request<'a> {
    pub(crate) fn new(method: Method, bucket: &'a str) -> S3Request<'a> {
        S3Request {
            method,
            bucket,
            key: "",
            query: Vec::new(),
            headers: Vec::new(),
            metadata: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn key(mut self, key: &'a str) -> Self {
        self.key = key;
        self
    }

    pub(crate) fn query(mut self, name: &'a str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    fn uri(&self) -> String {
        let mut uri = String::from("/");
        uri.push_str(&encode(self.bucket));
        if !self.key.is_empty() {
            uri.push('/');
            uri.push_str(&encode_path(self.key));
        }
        for (at, (name, value)) in self.query.iter().enumerate() {
            uri.push(if at == 0 { '?' } else { '&' });
            uri.push_str(&encode(name));
            uri.push('=');
            uri.push_str(&encode(value));
        }
        uri
    }
}

/// Somebody who is signed in.
pub(crate) struct Actor<'a> {
    visit: &'a Visit,
    pub(crate) session: &'a Session,
}

impl<'a> Actor<'a> {
    pub(crate) fn new(visit: &'a Visit, session: &'a Session) -> Actor<'a> {
        Actor { visit, session }
    }

    fn parts(
        &self,
        method: &Method,
        uri: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Parts, Fault> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            // Names of objects and metadata may be more than ASCII, and go out as UTF-8.
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| Fault::Form("A value has a character that it cannot have."))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        let request = request
            .header(USER_AGENT, self.visit.agent())
            .body(())
            .map_err(|_| Fault::Form("A name has a character that it cannot have."))?;
        Ok(request.into_parts().0)
    }

    /// The principal as it stands now. A key that was deleted or set inactive ends the session.
    async fn authenticated(&self, service: Service, parts: &Parts) -> Result<Authenticated, Fault> {
        let (console, now) = (&self.visit.console, OffsetDateTime::now_utc());
        let session = &self.session.standing;
        let iam = &console.deps.iam;
        Box::pin(iam.in_console(session, service, parts, &self.visit.conn, now))
            .await
            .map_err(|fault| match fault {
                AuthFault::Internal => Fault::Internal,
                AuthFault::Refused(_) | AuthFault::MissingAuthenticationToken => {
                    console.sessions.end(self.session);
                    Fault::SignIn
                }
            })
    }

    pub(crate) async fn caller(&self) -> Result<Caller, Fault> {
        let parts = self.parts(&Method::GET, "/", &[])?;
        let auth = self.authenticated(Service::Sts, &parts).await?;
        Ok(auth.caller)
    }

    /// Somebody else, as policies see them; `None` if there is nobody of this ARN.
    pub(crate) async fn caller_of(
        &self,
        arn: &str,
        environment: Environment,
    ) -> Result<Option<Caller>, Fault> {
        let iam = &self.visit.console.deps.iam;
        iam.caller_of(arn, environment)
            .await
            .map_err(|_| Fault::Internal)
    }

    pub(crate) fn region(&self) -> &str {
        self.visit.console.deps.admin.region()
    }

    async fn admin(
        &self,
        service: Service,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<(u16, Bytes), Fault> {
        let parts = self.parts(&Method::POST, "/", headers)?;
        let auth = self.authenticated(service, &parts).await?;
        let id = sealgate_wire::request_id();
        let admin = &self.visit.console.deps.admin;
        // In boxes, as all calls of services here: their futures are large, and pages nest them.
        let response = Box::pin(admin.handle(parts, body, auth, &self.visit.conn, &id)).await;
        let status = response.status().as_u16();
        let body = match response.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        Ok((status, body))
    }

    async fn json(&self, service: Service, target: &str, input: &Value) -> Result<Value, Fault> {
        let headers = [
            ("x-amz-target", target),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        let (status, body) = self
            .admin(service, &headers, input.to_string().into())
            .await?;
        let output: Value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).map_err(|_| Fault::Internal)?
        };
        if status == 200 {
            return Ok(output);
        }
        let text = |name: &str| output[name].as_str().unwrap_or_default().to_owned();
        Err(Refusal {
            status,
            code: text("__type"),
            message: text("message"),
        }
        .into())
    }

    /// An operation of KMS.
    pub(crate) async fn kms(&self, operation: &str, input: &Value) -> Result<Value, Fault> {
        let target = format!("TrentService.{operation}");
        self.json(Service::Kms, &target, input).await
    }

    /// An operation of CloudTrail.
    pub(crate) async fn cloudtrail(&self, operation: &str, input: &Value) -> Result<Value, Fault> {
        let target = format!("CloudTrail_20131101.{operation}");
        self.json(Service::CloudTrail, &target, input).await
    }

    /// An operation of IAM: the element of its result.
    pub(crate) async fn iam(
        &self,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Element, Fault> {
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", operation)
            .append_pair("Version", "2010-05-08")
            .extend_pairs(parameters)
            .finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let (status, body) = self.admin(Service::Iam, &headers, form.into()).await?;
        let document = Element::parse(&body).ok_or(Fault::Internal)?;
        if status == 200 {
            return Ok(document.at(&[&format!("{operation}Result")]));
        }
        let error = document.at(&["Error"]);
        Err(Refusal {
            status,
            code: error.text("Code").to_owned(),
            message: error.text("Message").to_owned(),
        }
        .into())
    }

    async fn send(
        &self,
        request: S3Request<'_>,
        streamed: Option<(u64, AnswerBody)>,
    ) -> Result<Response<AnswerBody>, Fault> {
        let length = match &streamed {
            Some((length, _)) => length.to_string(),
            None => request.body.len().to_string(),
        };
        let mut headers: Vec<(&'static str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        if matches!(request.method, Method::PUT | Method::POST) {
            headers.push(("content-length", &length));
        }
        let mut parts = self.parts(&request.method, &request.uri(), &headers)?;
        for (name, value) in &request.metadata {
            let wrong = Fault::Form("Metadata has a character that it cannot have.");
            let name = HeaderName::try_from(format!("x-amz-meta-{name}"));
            let value = HeaderValue::from_bytes(value.as_bytes());
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(wrong);
            };
            parts.headers.append(name, value);
        }
        let auth = self.authenticated(Service::S3, &parts).await?;
        let incoming = Incoming {
            parts,
            body: Source::Right(streamed.map_or_else(|| whole(request.body), |(_, body)| body)),
            auth,
            conn: self.visit.conn.clone(),
            request_id: sealgate_wire::request_id(),
            host_id: sealgate_wire::host_id(),
        };
        let response = Box::pin(self.visit.console.deps.s3.handle(incoming)).await;
        Ok(response.map(|body| {
            body.map_err(|broken| -> BoxError { Box::new(broken) })
                .boxed_unsync()
        }))
    }

    /// A request to S3 whose answer streams. A refusal is an error.
    pub(crate) async fn s3_stream(
        &self,
        request: S3Request<'_>,
    ) -> Result<Response<AnswerBody>, Fault> {
        self.accepted(request, None).await
    }

    /// The head of the answer to a request to S3 whose body streams: `length` bytes.
    pub(crate) async fn s3_send(
        &self,
        request: S3Request<'_>,
        length: u64,
        body: AnswerBody,
    ) -> Result<HeaderMap, Fault> {
        let response = self.accepted(request, Some((length, body))).await?;
        Ok(response.headers().clone())
    }

    async fn accepted(
        &self,
        request: S3Request<'_>,
        streamed: Option<(u64, AnswerBody)>,
    ) -> Result<Response<AnswerBody>, Fault> {
        let head = request.method == Method::HEAD;
        let response = self.send(request, streamed).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let error = document(response)
            .await
            .ok()
            .and_then(|body| Element::parse(&body))
            .unwrap_or_default();
        let text = |name: &str| error.text(name).to_owned();
        // The answer to a HEAD has a status and no words.
        let (code, message) = match (head, status) {
            (true, 403) => ("AccessDenied".into(), "Access Denied".into()),
            (true, 404) => ("NoSuchKey".into(), "There is no such object.".into()),
            _ => (text("Code"), text("Message")),
        };
        Err(Refusal {
            status,
            code,
            message,
        }
        .into())
    }

    /// A request to S3 whose answer is a document, or nothing.
    pub(crate) async fn s3(&self, request: S3Request<'_>) -> Result<Element, Fault> {
        let body = document(self.s3_stream(request).await?).await?;
        if body.is_empty() {
            return Ok(Element::default());
        }
        Element::parse(&body).ok_or(Fault::Internal)
    }

    /// The head of an answer of S3.
    pub(crate) async fn s3_head(&self, request: S3Request<'_>) -> Result<HeaderMap, Fault> {
        Ok(self.s3_stream(request).await?.headers().clone())
    }

    /// Why a request to S3 would not be allowed; `None` if it would.
    pub(crate) async fn why_not_s3(
        &self,
        request: &S3Request<'_>,
    ) -> Result<Option<String>, Fault> {
        let headers: Vec<(&'static str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let parts = self.parts(&request.method, &request.uri(), &headers)?;
        let auth = self.authenticated(Service::S3, &parts).await?;
        let s3 = &self.visit.console.deps.s3;
        Ok(
            match Box::pin(s3.may(parts, auth, &self.visit.conn)).await {
                Err(error) if error.code() == "AccessDenied" => Some(error.message),
                // What else is wrong is said when it is done.
                Ok(()) | Err(_) => None,
            },
        )
    }

    /// What is sealed under a KMS key, in whosever buckets: how much of it is shown, the page decides by what the
    /// principal may list.
    pub(crate) async fn holdings(&self, key: &str) -> Result<Holdings, Fault> {
        let s3 = &self.visit.console.deps.s3;
        s3.holdings(key).await.map_err(|error| {
            tracing::error!(%error, "what is under a key cannot be read");
            Fault::Internal
        })
    }

    /// Why an action on a KMS key would not be allowed.
    pub(crate) async fn why_not_key(
        &self,
        caller: &Caller,
        action: &str,
        key: &str,
    ) -> Option<String> {
        match self.explain_key(caller, action, key, None).await {
            Ok(explanation) => reason(&explanation.decision),
            Err(refusal) if refusal.is_denial() => Some(refusal.message),
            Err(_) => None,
        }
    }

    /// The same of several actions.
    pub(crate) async fn why_not_key_each<const N: usize>(
        &self,
        caller: &Caller,
        actions: [&str; N],
        key: &str,
    ) -> [Option<String>; N] {
        let reasons = future::join_all(
            actions
                .iter()
                .map(|action| self.why_not_key(caller, action, key)),
        )
        .await;
        let mut reasons = reasons.into_iter();
        actions.map(|_| reasons.next().flatten())
    }

    /// Whether somebody may do something with a key, and what decides.
    pub(crate) async fn explain_key(
        &self,
        caller: &Caller,
        action: &str,
        key: &str,
        via: Option<&str>,
    ) -> Result<Explanation, Refusal> {
        let call = Call {
            caller,
            request_id: "explain",
            via,
        };
        let pairs = EncryptionContext::from_pairs(Vec::<(String, String)>::new());
        let kms = &self.visit.console.deps.kms;
        Box::pin(kms.explain_use(&call, key, action, &pairs, |_| ()))
            .await
            .map_err(|error| Refusal {
                status: error.status(),
                code: error.code().to_owned(),
                message: error.message(),
            })
    }

    /// What is counted of a bucket of the account. Who may ask is asked before.
    pub(crate) async fn bucket_usage(&self, bucket: &str) -> Option<Usage> {
        let s3 = &self.visit.console.deps.s3;
        s3.bucket_usage(&self.session.account, bucket).await
    }

    /// Keys of the account at a glance: one call, and one record, for a whole page of them.
    pub(crate) async fn key_summaries(&self, query: &KeyQuery) -> Result<KeySummaries, Fault> {
        let parts = self.parts(&Method::POST, "/", &[])?;
        let auth = self.authenticated(Service::Kms, &parts).await?;
        let id = sealgate_wire::request_id();
        let call = Call {
            caller: &auth.caller,
            request_id: &id,
            via: None,
        };
        let kms = &self.visit.console.deps.kms;
        Box::pin(kms.key_summaries(&call, query))
            .await
            .map_err(|error| match error.status() {
                500.. => Fault::Internal,
                status => Refusal {
                    status,
                    code: error.code().to_owned(),
                    message: error.message(),
                }
                .into(),
            })
    }

    /// Why an action that has no resource of its own would not be allowed.
    pub(crate) fn why_not(&self, caller: &Caller, action: &str) -> Option<String> {
        self.why_not_iam(caller, action, "*", &[])
    }

    /// Why an action on something of the caller's account would not be allowed.
    pub(crate) fn why_not_iam(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
        tags: &[(String, String)],
    ) -> Option<String> {
        let mut context = Context::new();
        for (key, value) in tags {
            context.insert(&format!("aws:ResourceTag/{key}"), value.as_str());
            context.insert(&format!("iam:ResourceTag/{key}"), value.as_str());
        }
        let explanation = explain(&Access {
            caller,
            action,
            resource,
            resource_account: &caller.principal.account_id,
            context: &context,
            resource_policy: None,
            authority: Authority::Account,
            grant: None,
        });
        reason(&explanation.decision)
    }
}

/// The sentence of a refusal.
pub(crate) fn reason(decision: &Decision) -> Option<String> {
    match decision {
        Decision::Allowed => None,
        Decision::Denied(denial) => Some(denial.message()),
    }
}

/// The whole body of an answer that is a document.
async fn document(response: Response<AnswerBody>) -> Result<Bytes, Fault> {
    let mut body = response.into_body();
    let mut document = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::Internal)?;
        if let Some(data) = frame.data_ref() {
            if document.len() + data.len() > LARGEST_DOCUMENT {
                return Err(Fault::Internal);
            }
            document.extend_from_slice(data);
        }
    }
    Ok(document.into())
}

/// A header's text; empty if it is not there.
pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
        .unwrap_or_default()
}

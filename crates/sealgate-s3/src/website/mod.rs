//! A bucket as a website: pages for browsers, which sign nothing. Whether a page may be seen is decided as for any
//! request of nobody known, by the bucket's policy and lists.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html>

mod configuration;
mod page;

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{Method, StatusCode, Uri};
use sealgate_iam::Authenticated;
use sealgate_index::VersionRef;
use sealgate_wire::{Connection, Query, encode_path};

pub(crate) use configuration::Website;

use crate::access_log::{Entry, Ids};
use crate::body::RequestBody;
use crate::document::Document as _;
use crate::error::{Code, Result, S3Error};
use crate::names::{BucketName, ObjectKey, percent_decode};
use crate::operation::Operation;
use crate::request::{Authorized, Request};
use crate::response::{self, Outcome, Response};
use crate::{Incoming, S3, ops, trail};
use configuration::{Destination, Pages, Protocol, Visit};

const REDIRECT: &str = "x-amz-website-redirect-location";
/// What of a visitor's request counts for any object that is read for it.
static COMMON: [HeaderName; 3] = [header::HOST, header::REFERER, header::USER_AGENT];
/// What counts for the page that was asked for.
static ABOUT_PAGE: [HeaderName; 6] = [
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
];

/// Somebody who looks at a website.
struct Visitor<'a> {
    s3: &'a S3,
    bucket: &'a str,
    parts: &'a Parts,
    auth: &'a Authenticated,
    conn: &'a Connection,
    request_id: &'a str,
    host_id: &'a str,
}

/// Why there is no page.
struct Failure {
    error: S3Error,
    /// Why the site's own page for errors is not shown.
    own_page: Option<S3Error>,
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self {
            error,
            own_page: None,
        }
    }
}

impl S3 {
    /// Answer a visitor of the website of a bucket. `incoming` is of nobody known: on a website nothing is signed.
    pub async fn visit(&self, incoming: Incoming, bucket: &str) -> Response {
        let Incoming {
            parts,
            body,
            auth,
            conn,
            request_id,
            host_id,
        } = incoming;
        let ids = Ids {
            request: &request_id,
            host: &host_id,
        };
        let entry = Entry::begin(self, &parts, &conn, Some(&auth), ids, Some(bucket)).await;
        let mut body = RequestBody::refused(body);
        let visitor = Visitor {
            s3: self,
            bucket,
            parts: &parts,
            auth: &auth,
            conn: &conn,
            request_id: &request_id,
            host_id: &host_id,
        };
        let (mut response, error) = match visitor.answer(&mut body).await {
            Ok(response) => (response, None),
            Err(Failure { error, own_page }) => {
                let own_page = own_page.as_ref();
                let page = page::error(&error, own_page, &parts.method, &request_id, &host_id);
                (page, Some(error.code()))
            }
        };
        let mode = response.extensions_mut().remove::<sealgate_sse::Mode>();
        response.extensions_mut().insert(Outcome {
            operation: "WebsiteVisit",
            error,
            mode: mode.map(sealgate_sse::Mode::as_str),
        });
        if !body.is_read() {
            response::close_connection(&mut response);
        }
        crate::log(entry, None, response)
    }
}

impl Visitor<'_> {
    async fn answer(&self, body: &mut RequestBody) -> Result<Response, Failure> {
        let method = &self.parts.method;
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(S3Error::from(Code::MethodNotAllowed)
                .with("Method", method.as_str())
                .with("ResourceType", "OBJECT")
                .into());
        }
        let name = BucketName::parse(self.bucket)?;
        let bucket = self.s3.bucket(name.as_str()).await?;
        let website = Website::of(&bucket)?.ok_or_else(|| {
            S3Error::from(Code::NoSuchWebsiteConfiguration).with("BucketName", self.bucket)
        })?;
        let path = self.parts.uri.path();
        let key = percent_decode(path.strip_prefix('/').unwrap_or(path))?;
        let host = self.parts.headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let visit = Visit {
            protocol: match self.conn.secure {
                true => Protocol::Https,
                false => Protocol::Http,
            },
            host: host.unwrap_or(self.bucket),
            key: &key,
        };
        match website {
            Website::Elsewhere(elsewhere) => Ok(page::redirect(&elsewhere.destination(visit))),
            Website::Here(pages) => self.page(&pages, visit, body).await,
        }
    }

    async fn page(
        &self,
        pages: &Pages,
        visit: Visit<'_>,
        body: &mut RequestBody,
    ) -> Result<Response, Failure> {
        if let Some(to) = pages.destination(visit, None) {
            return Ok(page::redirect(&to));
        }
        let method = &self.parts.method;
        let is_folder = visit.key.is_empty() || visit.key.ends_with('/');
        let key = match is_folder {
            true => format!("{}{}", visit.key, pages.index),
            false => visit.key.to_owned(),
        };
        let error = match self.read(&key, method, true, body).await {
            Ok(response) => return Ok(redirected(response)),
            Err(error) => error,
        };
        let status = error.status();
        let is_absent = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        if is_absent && !is_folder {
            let index = format!("{}/{}", visit.key, pages.index);
            let index = self.read(&index, &Method::HEAD, false, body).await;
            if index.is_ok() {
                return Ok(page::redirect(&Destination {
                    status: StatusCode::FOUND,
                    location: format!("/{}/", encode_path(visit.key)),
                }));
            }
        }
        if let Some(to) = pages.destination(visit, Some(status)) {
            return Ok(page::redirect(&to));
        }
        let own_page = match &pages.error {
            Some(key) if status.is_client_error() => {
                match self.read(key, method, false, body).await {
                    Ok(mut response) => {
                        *response.status_mut() = status;
                        return Ok(response);
                    }
                    Err(error) => Some(error),
                }
            }
            _ => None,
        };
        Err(Failure { error, own_page })
    }

    /// Read an object as nobody known; the page that was asked for, or another in its place.
    async fn read(
        &self,
        key: &str,
        method: &Method,
        is_page: bool,
        body: &mut RequestBody,
    ) -> Result<Response> {
        let mut parts = self.parts.clone();
        parts.method = method.clone();
        parts.uri = Uri::from_static("/");
        parts.headers.clear();
        let about_page = ABOUT_PAGE.iter().filter(|_| is_page);
        for name in COMMON.iter().chain(about_page) {
            if let Some(value) = self.parts.headers.get(name) {
                parts.headers.insert(name, value.clone());
            }
        }
        let request = Request {
            op: match *method {
                Method::HEAD => Operation::HeadObject,
                _ => Operation::GetObject,
            },
            bucket: Some(BucketName::parse(self.bucket)?),
            key: Some(ObjectKey::parse(key)?),
            version: VersionRef::Current,
            query: Query::default(),
            parts,
            caller: self.auth.caller.clone(),
            canonical_id: self.auth.canonical_id.clone(),
            anonymous: true,
            presigned: false,
            signature: self.auth.signature,
            signed_at: None,
            conn: self.conn.clone(),
            request_id: self.request_id.to_owned(),
            host_id: self.host_id.to_owned(),
        };
        let result = match Authorized::check(self.s3, &request).await {
            Ok(authorized) => ops::run(&authorized, body).await,
            Err(error) => Err(error),
        };
        trail::data(self.s3, &request, self.host_id, result).await
    }
}

/// An object that sends its visitors elsewhere is not shown.
fn redirected(response: Response) -> Response {
    let location = response.headers().get(REDIRECT);
    match location.and_then(|location| location.to_str().ok()) {
        Some(location) => page::redirect(&Destination {
            status: StatusCode::MOVED_PERMANENTLY,
            location: location.to_owned(),
        }),
        None => response,
    }
}

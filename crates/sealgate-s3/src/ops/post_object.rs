//! PostObject: an upload by an HTML form.
//!
//! Who sends it, and what they may, is told by the fields of the form, which are the beginning of the
//! body. So they are read first, a few kilobytes; then the form is judged as a PutObject with these
//! fields as its headers; and only then its file is read.

use std::ops::RangeInclusive;

use http::header::{CONTENT_LENGTH, HeaderName, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use sealgate_iam::AuthFault;
use sealgate_wire::form_signature::FormSignature;
use sealgate_wire::payload::{PayloadReader, PayloadSpec};
use sealgate_wire::sigv4::Payload;
use url::Url;

use super::complete_upload::location;
use super::put_object;
use crate::S3;
use crate::body::RequestBody;
use crate::error::{Result, S3Error};
use crate::meta::insert;
use crate::names::ObjectKey;
use crate::operation::Operation as Op;
use crate::post::{self, Form, Policy};
use crate::request::{Authorized, Request};
use crate::response::{self, Response};
use crate::tags::{MAX_OBJECT_TAGS, Tags};
use crate::writer::{self, MAX_BODY};
use crate::xml::{Element, Writer};

/// Headers of the request itself that stay when the fields of the form take the place of headers.
const KEPT: [&str; 4] = [
    "expect",
    "host",
    "user-agent",
    "x-amz-expected-bucket-owner",
];
/// Fields that are headers of the same name.
const HEADERS: [&str; 12] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "x-amz-acl",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];
/// The same by how they begin.
const HEADER_PREFIXES: [&str; 5] = [
    "x-amz-checksum-",
    "x-amz-grant-",
    "x-amz-meta-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
];
/// Fields of the signature, which are no headers.
const SIGNATURE: [&str; 5] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

/// [PostObject](https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html). The request
/// becomes the one that the form stands for, as far as it is known.
pub(crate) async fn run(
    s3: &S3,
    request: &mut Request,
    body: &mut RequestBody,
) -> Result<Response> {
    let framing = framing(s3, request, body)?;
    let length = writer::declared_length(&framing)?;
    let content_type = request.header("content-type")?.map(str::to_owned);
    let mut reader = body.reader(framing);
    let (form, file) = post::open(content_type.as_deref(), &mut reader).await?;
    let sizes = adopt(s3, request, &form).await?;

    let cx = Authorized::check(s3, request).await?;
    let mut spec = PayloadSpec::from_headers(&request.parts, Payload::Unsigned, None)?;
    spec.limit = Some(*sizes.end());
    spec.idle_timeout = s3.config.idle_timeout;
    // Its length is not told, but it is shorter than the form.
    let sizes = *sizes.start()..=length.min(*sizes.end());
    let stored = put_object::store(&cx, spec, sizes, |spec| PayloadReader::new(file.body, spec))
        .await
        // Why the form broke off says more than that the file did.
        .map_err(|error| file.fault.lock().take().unwrap_or(error))?;
    let response = answer(&cx, &form, stored)?;
    // For the audit trail.
    let headers = &mut request.parts.headers;
    headers.insert(CONTENT_LENGTH, length.into());
    Ok(response)
}

/// How the form as a whole is read. What a request promises of it would have to be known before the
/// object becomes visible, which it does when its file has been read.
fn framing(s3: &S3, request: &Request, body: &mut RequestBody) -> Result<PayloadSpec> {
    if !request.anonymous {
        return Err(S3Error::not_implemented(
            "A form in a request that is signed itself",
        ));
    }
    let spec = body.spec(request, s3)?;
    let plain = spec.payload == Payload::Unsigned
        && spec.content_md5.is_none()
        && spec.expected.is_none()
        && spec.trailer.is_none();
    if plain {
        Ok(spec)
    } else {
        Err(S3Error::not_implemented("A digest of a whole form"))
    }
}

/// Make the request the one that the form stands for: its signer, its key, its headers. Gives how
/// long the file may be.
async fn adopt(s3: &S3, request: &mut Request, form: &Form) -> Result<RangeInclusive<u64>> {
    let key = form.get("key").ok_or_else(|| {
        S3Error::argument(
            "key",
            "",
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
        )
    })?;
    let now = request.caller.environment.now;
    let presented = FormSignature::parse(|name| form.get(name))
        .map_err(|error| refused(&AuthFault::Refused(error)))?;
    let auth = s3
        .iam
        .authenticate_form(&request.parts, &request.conn, now, presented.as_ref())
        .await
        .map_err(|fault| refused(&fault))?;
    request.caller = auth.caller;
    request.canonical_id = auth.canonical_id;
    request.anonymous = auth.anonymous;
    request.signature = auth.signature;
    request.signed_at = auth.signed_at;
    let bucket = request.bucket.as_ref().map_or("", |bucket| bucket.as_str());
    let sizes = match &presented {
        Some(_) => {
            let policy = form.get("policy").unwrap_or_default();
            Policy::parse(policy)?.check(bucket, form, now)?
        }
        // Nobody has signed anything: what nobody may do is for the bucket to say.
        None => 0..=MAX_BODY,
    };
    if key.is_empty() {
        let message = "User key must have a length greater than 0.";
        return Err(S3Error::argument("key", "", message));
    }
    request.key = Some(ObjectKey::parse(key)?);
    request.parts.headers = headers(&request.parts.headers, form)?;
    let headers = &request.parts.headers;
    sealgate_sse::check_headers(headers, Op::PutObject.accepts())?;
    s3.check_cleartext(&request.parts, &request.conn)?;
    super::refuse_unsupported_headers(headers, Op::PutObject)?;
    Ok(sizes)
}

fn refused(fault: &AuthFault) -> S3Error {
    let mut error = S3Error::other(fault.code(), fault.status(), fault.message());
    error.details = fault.details();
    error
}

/// The headers of the PutObject that the form stands for.
fn headers(request: &HeaderMap, form: &Form) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for name in KEPT {
        for value in request.get_all(name) {
            headers.append(HeaderName::from_static(name), value.clone());
        }
    }
    for (field, value) in form.iter() {
        let Some(name) = header_of(field)? else {
            continue;
        };
        let unfit =
            || S3Error::argument(field, value, "The value of the field cannot be a header's.");
        // The field is a document; the header has the same in pairs.
        let pairs = if field.eq_ignore_ascii_case("tagging") {
            let root = Element::parse(value.as_bytes(), "Tagging")?;
            Some(Tags::from_xml(&root, MAX_OBJECT_TAGS)?.to_header())
        } else {
            None
        };
        let value = pairs.as_deref().unwrap_or(value);
        let name = HeaderName::try_from(name).map_err(|_| unfit())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unfit())?;
        if headers.insert(name, value).is_some() {
            return Err(unfit());
        }
    }
    Ok(headers)
}

/// The header that a field stands for. A field of S3's that is not known is refused; fields of
/// others are the page's own.
fn header_of(field: &str) -> Result<Option<String>> {
    let name = field.to_ascii_lowercase();
    match name.as_str() {
        "acl" => Ok(Some("x-amz-acl".to_owned())),
        "tagging" => Ok(Some("x-amz-tagging".to_owned())),
        known if HEADERS.contains(&known) => Ok(Some(name)),
        known if HEADER_PREFIXES.iter().any(|p| known.starts_with(p)) => Ok(Some(name)),
        known if SIGNATURE.contains(&known) => Ok(None),
        other if other.starts_with("x-amz-") => {
            Err(S3Error::not_implemented(&format!("The form field {field}")))
        }
        _ => Ok(None),
    }
}

/// The answer to a PutObject, as the form asks for it.
fn answer(cx: &Authorized<'_>, form: &Form, mut response: Response) -> Result<Response> {
    let etag = response.headers().get("etag");
    let etag = etag
        .and_then(|etag| etag.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let (bucket, key) = (&cx.bucket()?.name, cx.key()?);
    if let Some(url) = redirect(form, bucket, key, &etag) {
        *response.status_mut() = StatusCode::SEE_OTHER;
        insert(response.headers_mut(), LOCATION.as_str(), url.as_str());
        return Ok(response);
    }
    // The slashes of the key, too, are encoded.
    let place = location(cx, &sealgate_wire::encode(key));
    insert(response.headers_mut(), LOCATION.as_str(), &place);
    *response.status_mut() = match form.get("success_action_status") {
        Some("200") => StatusCode::OK,
        Some("201") => {
            insert(response.headers_mut(), "content-type", "application/xml");
            *response.body_mut() = response::full(Writer::bare_document("PostResponse", |w| {
                w.text("Location", &place);
                w.text("Bucket", bucket);
                w.text("Key", key);
                w.text("ETag", &etag);
            }));
            StatusCode::CREATED
        }
        _ => StatusCode::NO_CONTENT,
    };
    Ok(response)
}

/// Where the form wants the browser to go, with what was stored. What is no URL of the web counts
/// as not given.
fn redirect(form: &Form, bucket: &str, key: &str, etag: &str) -> Option<Url> {
    let asked = form
        .get("success_action_redirect")
        .or_else(|| form.get("redirect"))?;
    let mut url = Url::parse(asked)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.query_pairs_mut()
        .append_pair("bucket", bucket)
        .append_pair("key", key)
        .append_pair("etag", etag);
    Some(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_field_is_a_header_or_refused_or_the_pages_own() {
        for (field, header) in [
            ("acl", Some("x-amz-acl")),
            ("tagging", Some("x-amz-tagging")),
            ("Content-Type", Some("content-type")),
            ("X-Amz-Meta-Colour", Some("x-amz-meta-colour")),
            ("x-amz-checksum-xxhash3", Some("x-amz-checksum-xxhash3")),
            (
                "x-amz-server-side-encryption-context",
                Some("x-amz-server-side-encryption-context"),
            ),
            ("x-amz-signature", None),
            ("key", None),
            ("submit", None),
            ("x-ignore-me", None),
        ] {
            assert_eq!(header_of(field).unwrap().as_deref(), header, "{field}");
        }
        for field in ["x-amz-copy-source", "x-amz-write-offset-bytes"] {
            let error = header_of(field).unwrap_err();
            assert_eq!(error.kind(), Code::NotImplemented, "{field}");
        }
    }

    #[test]
    fn a_redirect_tells_what_was_stored() {
        let of = |field: &str, value: &str| {
            let form = Form::of(&[(field, value)]);
            redirect(&form, "b", "a/ü b", "\"e\"").map(String::from)
        };
        let told = "bucket=b&key=a%2F%C3%BC+b&etag=%22e%22";
        assert_eq!(
            of("success_action_redirect", "https://example.com/done"),
            Some(format!("https://example.com/done?{told}"))
        );
        assert_eq!(
            of("redirect", "http://example.com/?x=1#there"),
            Some(format!("http://example.com/?x=1&{told}#there"))
        );
        for other in ["", "/relative", "ftp://example.com/", "javascript:alert(1)"] {
            assert_eq!(of("success_action_redirect", other), None, "{other}");
        }
    }
}

//! What operations are called in access logs: `REST.`, a verb, and what it is about.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>

use http::Method;

use crate::operation::{Level, Operation as Op};

/// The name of an operation.
pub(super) fn of_operation(op: Op) -> String {
    let own = match op {
        Op::CopyObject => Some("REST.COPY.OBJECT"),
        Op::UploadPart => Some("REST.PUT.PART"),
        Op::UploadPartCopy => Some("REST.COPY.PART"),
        Op::CreateMultipartUpload => Some("REST.POST.UPLOADS"),
        Op::CompleteMultipartUpload => Some("REST.POST.UPLOAD"),
        Op::AbortMultipartUpload => Some("REST.DELETE.UPLOAD"),
        Op::ListParts => Some("REST.GET.UPLOAD"),
        Op::DeleteObjects => Some("REST.POST.MULTI_OBJECT_DELETE"),
        Op::PostObject => Some("REST.POST.OBJECT"),
        _ => None,
    };
    if let Some(name) = own {
        return name.to_owned();
    }
    let what = match (op.level(), op.subresource()) {
        (Level::Service, _) => "SERVICE".to_owned(),
        (Level::Account, _) => "ACCOUNT".to_owned(),
        (Level::Bucket, "") => "BUCKET".to_owned(),
        (Level::Object, "") => "OBJECT".to_owned(),
        (Level::Bucket, "logging") => "LOGGING_STATUS".to_owned(),
        (Level::Bucket, "policy") => "BUCKETPOLICY".to_owned(),
        (Level::Bucket, "versions") => "BUCKETVERSIONS".to_owned(),
        (Level::Object, "tagging") => "OBJECT_TAGGING".to_owned(),
        (_, sub) => upper_snake(sub),
    };
    format!("REST.{}.{what}", op.method())
}

/// The name of a request that is no operation.
pub(super) fn of_request(method: &Method, has_key: bool) -> String {
    if *method == Method::OPTIONS {
        return "REST.OPTIONS.PREFLIGHT".to_owned();
    }
    let what = if has_key { "OBJECT" } else { "BUCKET" };
    format!("REST.{method}.{what}")
}

/// `publicAccessBlock` and `object-lock` as `PUBLIC_ACCESS_BLOCK` and `OBJECT_LOCK`.
fn upper_snake(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        match character {
            '-' => out.push('_'),
            c if c.is_ascii_uppercase() => {
                out.push('_');
                out.push(c);
            }
            c => out.push(c.to_ascii_uppercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_the_names_that_aws_documents() {
        for (op, name) in [
            (Op::GetObject, "REST.GET.OBJECT"),
            (Op::HeadObject, "REST.HEAD.OBJECT"),
            (Op::CopyObject, "REST.COPY.OBJECT"),
            (Op::ListObjectsV2, "REST.GET.BUCKET"),
            (Op::GetBucketVersioning, "REST.GET.VERSIONING"),
            (Op::GetBucketLogging, "REST.GET.LOGGING_STATUS"),
            (Op::GetBucketPolicy, "REST.GET.BUCKETPOLICY"),
            (Op::ListMultipartUploads, "REST.GET.UPLOADS"),
            (Op::GetPublicAccessBlock, "REST.GET.PUBLIC_ACCESS_BLOCK"),
            (Op::PutBucketRequestPayment, "REST.PUT.REQUEST_PAYMENT"),
            (Op::PutObjectTagging, "REST.PUT.OBJECT_TAGGING"),
        ] {
            assert_eq!(of_operation(op), name);
        }
        assert_eq!(of_request(&Method::OPTIONS, true), "REST.OPTIONS.PREFLIGHT");
    }
}

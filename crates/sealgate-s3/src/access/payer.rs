//! Whether a request may be served where the requester pays. Nobody is charged here, but the owner of such a
//! bucket means to serve only who has agreed to pay, and never somebody unknown
//! ([Requester Pays](https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html)).

use sealgate_index::Bucket;

use crate::document::Document as _;
use crate::error::{Code, Result};
use crate::operation::Class;
use crate::ops::bucket_settings::Payer;
use crate::request::Request;

const AGREES: &str = "x-amz-request-payer";

/// Whether the requester would pay at AWS for a request about objects of the bucket. Refused if they must and have
/// not agreed to it.
pub(crate) fn requester_pays(request: &Request, bucket: &Bucket) -> Result<bool> {
    let about_objects = matches!(request.op.class(), Class::DataRead | Class::DataWrite);
    let owns = request.caller.principal.account_id == bucket.account_id;
    if !about_objects || owns || Payer::of(bucket)? != Some(Payer::Requester) {
        return Ok(false);
    }
    let agrees = request.header(AGREES)? == Some("requester")
        || request.query.get(AGREES) == Some("requester");
    if request.anonymous || !agrees {
        return Err(Code::AccessDenied.into());
    }
    Ok(true)
}

//! What answers tell of the end that lifecycle rules set to an object or an upload.

use http::HeaderMap;
use sealgate_index::{Bucket, Upload, Version};
use time::Date;

use super::rules::Rules;
use crate::document::Document;
use crate::meta::insert;
use crate::response::http_date;
use crate::tags::Tags;

/// `x-amz-expiration` for an object that is the current version of its key. Rules or tags that cannot be read
/// are in the log, and keep nobody from the object.
pub(crate) fn write_expiration(headers: &mut HeaderMap, bucket: &Bucket, version: &Version) {
    let (Ok(Some(rules)), Ok(tags)) = (
        Rules::of(bucket),
        Tags::from_bytes(version.attributes.tags.as_ref()),
    ) else {
        return;
    };
    if let Some((date, rule)) = rules.expiry(&version.key, version.size, &tags, version.modified) {
        let value = format!(
            "expiry-date=\"{}\", rule-id=\"{}\"",
            midnight(date),
            sealgate_wire::encode(rule)
        );
        insert(headers, "x-amz-expiration", &value);
    }
}

/// `x-amz-abort-date` and `x-amz-abort-rule-id` of an upload.
pub(crate) fn write_abort(headers: &mut HeaderMap, bucket: &Bucket, upload: &Upload) {
    if let Ok(Some(rules)) = Rules::of(bucket)
        && let Some((date, rule)) = rules.abort(&upload.key, upload.initiated)
    {
        insert(headers, "x-amz-abort-date", &midnight(date));
        insert(headers, "x-amz-abort-rule-id", &sealgate_wire::encode(rule));
    }
}

fn midnight(date: Date) -> String {
    http_date(date.midnight().assume_utc())
}

//! PutBucketNotificationConfiguration, GetBucketNotificationConfiguration.

use http::StatusCode;
use sealgate_notify::{EVENT_BRIDGE, Message, Outcome};
use serde_json::json;
use time::OffsetDateTime;

use crate::body::RequestBody;
use crate::document::{self, Document as _};
use crate::error::{Code, Result, S3Error};
use crate::notification::{Destination, Notification};
use crate::request::Authorized;
use crate::response::{self, Response, iso};

const SKIP: &str = "x-amz-skip-destination-validation";

/// [PutBucketNotificationConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html).
/// Each target gets a test event, and must take it.
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let document: Notification = document::receive(cx, body).await?;
    let skip = match cx.request.header(SKIP)? {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("true") => true,
        Some(word) if word.eq_ignore_ascii_case("false") => false,
        Some(word) => {
            return Err(S3Error::argument(
                SKIP,
                word,
                "The value must be true or false.",
            ));
        }
    };
    if document.event_bridge && cx.s3.targets.get(EVENT_BRIDGE).is_none() {
        let why = format!("The gateway has no target of the name {EVENT_BRIDGE}");
        return Err(unusable("EventBridgeConfiguration", &why));
    }
    for (position, one) in document.subscriptions.iter().enumerate() {
        let destination = &one.destination;
        let mut earlier = document.subscriptions.iter().take(position);
        if !earlier.any(|other| other.destination == *destination) {
            check(cx, destination, skip).await?;
        }
    }
    let stored = (!document.is_empty()).then_some(&document);
    document::store(cx, stored).await?;
    Ok(response::empty(StatusCode::OK))
}

/// A target must be there, for this account, also where nothing is sent to it: what it does not get would
/// wait for ever.
async fn check(cx: &Authorized<'_>, destination: &Destination, skip: bool) -> Result<()> {
    let bucket = cx.bucket()?;
    if destination.region != cx.s3.config.region {
        return Err(S3Error::argument(
            destination.service.argument(),
            &destination.arn,
            "The notification destination service region is not valid for the bucket location constraint",
        ));
    }
    let noun = destination.service.noun();
    let target = cx.s3.targets.get(&destination.name).ok_or_else(|| {
        unusable(
            &destination.arn,
            &format!("The destination {noun} does not exist"),
        )
    })?;
    if destination.account != bucket.account_id || !target.serves(&bucket.account_id) {
        return Err(unusable(
            &destination.arn,
            &format!(
                "Permissions on the destination {noun} do not allow S3 to publish notifications from this bucket"
            ),
        ));
    }
    if skip {
        return Ok(());
    }
    let test = json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso(OffsetDateTime::now_utc()),
        "Bucket": bucket.name,
        "RequestId": cx.request.request_id,
        "HostId": cx.request.host_id,
    });
    let test = Message {
        group: String::new(),
        body: test.to_string().into(),
    };
    match target.deliver(&[test]).await.first() {
        Some(Outcome::Delivered) => Ok(()),
        Some(Outcome::Refused(why) | Outcome::Unavailable(why)) => {
            let target = &destination.name;
            tracing::warn!(
                target_name = target,
                why,
                "a target did not take its test event"
            );
            let why = format!("The destination {noun} did not take the test event");
            Err(unusable(&destination.arn, &why))
        }
        None => Err(Code::InternalError.into()),
    }
}

fn unusable(name: &str, why: &str) -> S3Error {
    let message = "Unable to validate the following destination configurations";
    S3Error::argument(name, why, message)
}

/// [GetBucketNotificationConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html):
/// an empty one where none was put.
pub(crate) fn get(cx: &Authorized<'_>) -> Result<Response> {
    let document = Notification::of(cx.bucket()?)?.unwrap_or_default();
    Ok(document::answer(&document))
}

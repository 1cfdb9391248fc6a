//! The operation that a request to one of the document services names, for log and metrics.
//!
//! Only names that the service knows come out: a label of a metric must not be a client's choice.

use http::HeaderMap;
use sealgate_admin_api::operations::{CLOUDTRAIL, IAM, KMS, Known, STS};
use sealgate_iam::Service;

/// The operation's name, or `Unknown`.
pub fn name(service: Service, headers: &HeaderMap, document: &[u8]) -> &'static str {
    let operations = match service {
        Service::Kms => &KMS,
        Service::CloudTrail => &CLOUDTRAIL,
        Service::Iam => &IAM,
        Service::Sts => &STS,
        Service::S3 => return "Unknown",
    };
    let named = match service {
        Service::Kms | Service::CloudTrail => headers
            .get("x-amz-target")
            .and_then(|value| value.to_str().ok())
            .and_then(|target| Some(target.rsplit_once('.')?.1)),
        _ => std::str::from_utf8(document).ok().and_then(|form| {
            form.split('&')
                .find_map(|pair| pair.strip_prefix("Action="))
        }),
    };
    match named.map(|name| operations.find(name)) {
        Some(Known::Implemented(name) | Known::NotImplemented(name)) => name,
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_operation_is_named_where_the_protocol_names_it() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-amz-target",
            HeaderValue::from_static("TrentService.Encrypt"),
        );
        assert_eq!(name(Service::Kms, &headers, b"{}"), "Encrypt");
        assert_eq!(
            name(
                Service::Iam,
                &headers,
                b"Version=2010-05-08&Action=CreateUser"
            ),
            "CreateUser"
        );
        assert_eq!(
            name(Service::Sts, &headers, b"Action=GetCallerIdentity"),
            "GetCallerIdentity"
        );
    }

    #[test]
    fn a_name_that_no_service_knows_is_not_repeated() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-amz-target",
            HeaderValue::from_static("TrentService.Hunter2"),
        );
        assert_eq!(name(Service::Kms, &headers, b""), "Unknown");
        assert_eq!(name(Service::Iam, &headers, b"\xff"), "Unknown");
        assert_eq!(name(Service::S3, &headers, b"Action=CreateUser"), "Unknown");
    }
}

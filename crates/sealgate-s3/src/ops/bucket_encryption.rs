//! PutBucketEncryption, GetBucketEncryption, DeleteBucketEncryption.

use bytes::Bytes;
use http::StatusCode;
use sealgate_index::Bucket;
use sealgate_sse::{BucketEncryption, DefaultAlgorithm};

use crate::body::RequestBody;
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::xml::{Element, Writer};

/// Kind of the bucket's configuration document in the index.
const KIND: &str = "encryption";

/// The settings in force, also where none were put.
pub(crate) fn settings(bucket: &Bucket) -> Result<BucketEncryption> {
    match bucket.config.get(KIND) {
        None => Ok(BucketEncryption::unset(false)),
        Some(json) => serde_json::from_slice(json).map_err(|error| {
            tracing::error!(bucket = bucket.name, %error, "encryption settings are damaged");
            Code::InternalError.into()
        }),
    }
}

/// Store the settings, or none, and record that in the audit trail.
async fn store(cx: &Authorized<'_>, settings: Option<&BucketEncryption>) -> Result<()> {
    let body = settings.map(to_bytes).transpose()?;
    let (index, bucket_id) = (cx.s3.index.clone(), cx.bucket()?.id);
    cx.recorded(async move { Ok(index.put_bucket_config(bucket_id, KIND, body).await?) })
        .await
}

fn to_bytes(settings: &BucketEncryption) -> Result<Bytes> {
    let json = serde_json::to_vec(settings).map_err(|_| Code::InternalError)?;
    Ok(json.into())
}

/// AWS's default for new buckets since April 2026, as a configuration document: no SSE-C.
pub(crate) fn blocking_customer_keys() -> Result<(String, Bytes)> {
    Ok((KIND.to_owned(), to_bytes(&BucketEncryption::unset(true))?))
}

/// [PutBucketEncryption](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html).
/// The key is not looked up here, as at AWS; the first object that needs it tells.
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let bucket = cx.bucket()?;
    let document = body.document(cx.request, cx.s3, 64 * 1024).await?;
    let root = Element::parse(&document, "ServerSideEncryptionConfiguration")?;
    let settings = parse(&root, settings(bucket)?.blocks_customer_keys)?;
    store(cx, Some(&settings)).await?;
    Ok(response::empty(StatusCode::OK))
}

fn parse(root: &Element, blocked_before: bool) -> Result<BucketEncryption> {
    let malformed = || S3Error::from(Code::MalformedXml);
    root.only(&["Rule"])?;
    let rule = root.optional("Rule")?.ok_or_else(malformed)?;
    rule.only(&[
        "ApplyServerSideEncryptionByDefault",
        "BucketKeyEnabled",
        "BlockedEncryptionTypes",
    ])?;
    let bucket_key_enabled = match rule.optional_text("BucketKeyEnabled")?.map(str::trim) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(malformed()),
    };
    // Leaving the element out keeps what was blocked.
    let blocks_customer_keys = match rule.optional("BlockedEncryptionTypes")? {
        None => blocked_before,
        Some(types) => {
            types.only(&["EncryptionType"])?;
            let types: Vec<_> = types.all("EncryptionType").map(|t| t.text.trim()).collect();
            match types.as_slice() {
                ["NONE"] => false,
                ["SSE-C"] => true,
                _ => return Err(malformed()),
            }
        }
    };
    let mut settings = BucketEncryption {
        bucket_key_enabled,
        ..BucketEncryption::unset(blocks_customer_keys)
    };
    if let Some(default) = rule.optional("ApplyServerSideEncryptionByDefault")? {
        default.only(&["SSEAlgorithm", "KMSMasterKeyID"])?;
        let algorithm = default.required_text("SSEAlgorithm")?.trim();
        settings.algorithm = DefaultAlgorithm::parse(algorithm).ok_or_else(malformed)?;
        settings.kms_key_id = default
            .optional_text("KMSMasterKeyID")?
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(str::to_owned);
        if settings.algorithm == DefaultAlgorithm::S3 && settings.kms_key_id.is_some() {
            return Err(S3Error::new(
                Code::InvalidArgument,
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
            )
            .with("ArgumentName", "ApplyServerSideEncryptionByDefault"));
        }
    } else if !rule
        .children
        .iter()
        .any(|c| c.name != "ApplyServerSideEncryptionByDefault")
    {
        return Err(malformed());
    }
    if bucket_key_enabled && settings.algorithm == DefaultAlgorithm::Dsse {
        return Err(S3Error::argument(
            "BucketKeyEnabled",
            "true",
            "Bucket Keys are not supported for dual-layer server-side encryption with AWS KMS keys.",
        ));
    }
    Ok(settings)
}

/// [GetBucketEncryption](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html):
/// an unset bucket encrypts with SSE-S3 and says so.
pub(crate) fn get(cx: &Authorized<'_>) -> Result<Response> {
    let settings = settings(cx.bucket()?)?;
    Ok(response::xml(Writer::document(
        "ServerSideEncryptionConfiguration",
        |w| {
            w.element("Rule", |w| {
                w.element("ApplyServerSideEncryptionByDefault", |w| {
                    w.text("SSEAlgorithm", settings.algorithm.as_str());
                    w.optional("KMSMasterKeyID", settings.kms_key_id.as_deref());
                });
                w.value("BucketKeyEnabled", settings.bucket_key_enabled);
                // S3 says also that nothing is blocked.
                let blocked = if settings.blocks_customer_keys {
                    "SSE-C"
                } else {
                    "NONE"
                };
                w.element("BlockedEncryptionTypes", |w| {
                    w.text("EncryptionType", blocked)
                });
            });
        },
    )))
}

/// [DeleteBucketEncryption](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html):
/// back to SSE-S3. What is blocked stays blocked.
pub(crate) async fn delete(cx: &Authorized<'_>) -> Result<Response> {
    let blocking = settings(cx.bucket()?)?.blocks_customer_keys;
    let rest = blocking.then(|| BucketEncryption::unset(true));
    store(cx, rest.as_ref()).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parsed(rules: &str) -> Result<BucketEncryption> {
        let xml = format!(
            "<ServerSideEncryptionConfiguration>{rules}</ServerSideEncryptionConfiguration>"
        );
        parse(
            &Element::parse(xml.as_bytes(), "ServerSideEncryptionConfiguration")?,
            false,
        )
    }

    #[test]
    fn exactly_one_rule_is_a_configuration() {
        let rule = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>";
        assert_eq!(parsed(rule).unwrap(), BucketEncryption::unset(false));
        for rules in [
            "",
            &format!("{rule}{rule}"),
            "<Rule/>",
            "<Rule><Other/></Rule>",
        ] {
            assert_eq!(
                parsed(rules).unwrap_err().kind(),
                Code::MalformedXml,
                "{rules}"
            );
        }
    }

    #[test]
    fn a_kms_key_needs_a_kms_algorithm() {
        let rule = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule>";
        assert_eq!(parsed(rule).unwrap_err().kind(), Code::InvalidArgument);
    }

    #[test]
    fn blocking_customer_keys_is_kept_where_it_is_not_named() {
        let rule = "<Rule><BucketKeyEnabled>true</BucketKeyEnabled></Rule>";
        let xml = format!(
            "<ServerSideEncryptionConfiguration>{rule}</ServerSideEncryptionConfiguration>"
        );
        let root = Element::parse(xml.as_bytes(), "ServerSideEncryptionConfiguration").unwrap();
        assert!(parse(&root, true).unwrap().blocks_customer_keys);
        assert!(parse(&root, true).unwrap().bucket_key_enabled);
        assert!(
            parsed("<Rule><BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes></Rule>")
                .unwrap()
                .blocks_customer_keys
        );
    }
}

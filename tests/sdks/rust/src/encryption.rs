//! SSE-KMS, the default of a bucket, and SSE-C.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::environment::{Bench, read};
use crate::run::{etag, md5, noise, refused, same, same_bytes};
use crate::transfers::transfer;

const LENGTH: usize = 100_000;

/// A customer's key as the headers of SSE-C have it.
struct Customer {
    key: String,
    md5: String,
}

impl Customer {
    fn new(seed: u64) -> Self {
        let key = noise(32, seed);
        Self {
            md5: BASE64_STANDARD.encode(md5(&key)),
            key: BASE64_STANDARD.encode(key),
        }
    }
}

pub async fn check(b: &Bench<'_>) {
    b.check("sse-kms", async { kms(b, &new_key(b).await?).await })
        .await;
    b.check("sse-kms-transfer-manager", async {
        let key = new_key(b).await?;
        let mode = ServerSideEncryption::AwsKms;
        transfer(
            b,
            "kms-managed",
            |up| up.server_side_encryption(mode).sse_kms_key_id(key),
            |down| down,
        )
        .await
    })
    .await;
    b.check("bucket-default-encryption", async {
        bucket_default(b, &new_key(b).await?).await
    })
    .await;
    // The SDKs do not send a customer's key over plain HTTP.
    if b.scheme == "https" {
        let own = Customer::new(7);
        b.check("sse-c", customer(b, &own)).await;
        let through = transfer(
            b,
            "customer-managed",
            |up| {
                up.sse_customer_algorithm("AES256")
                    .sse_customer_key(&own.key)
                    .sse_customer_key_md5(&own.md5)
            },
            |down| {
                down.sse_customer_algorithm("AES256")
                    .sse_customer_key(&own.key)
                    .sse_customer_key_md5(&own.md5)
            },
        );
        b.check("sse-c-transfer-manager", through).await;
    }
}

async fn new_key(b: &Bench<'_>) -> Result<String> {
    let made = b.env.kms.create_key().send().await?;
    Ok(made
        .key_metadata()
        .and_then(|key| key.arn())
        .context("an ARN")?
        .to_owned())
}

async fn kms(b: &Bench<'_>, key: &str) -> Result<()> {
    let body = noise(LENGTH, 6);
    let put =
        b.s3.put_object()
            .bucket(&b.bucket)
            .key("kms")
            .body(ByteStream::from(body.clone()));
    let put = put
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id(key)
        .ssekms_encryption_context(BASE64_STANDARD.encode(r#"{"tenant":"one"}"#))
        .bucket_key_enabled(true)
        .send()
        .await?;
    let head = b.head("kms").await?;
    same(
        put.server_side_encryption(),
        Some(&ServerSideEncryption::AwsKms),
    )?;
    same(head.ssekms_key_id(), Some(key))?;
    same(head.bucket_key_enabled(), Some(true))?;
    ensure!(
        put.e_tag() != Some(etag(&body).as_str()),
        "the ETag is no MD5"
    );
    b.holds("kms", &body).await
}

async fn bucket_default(b: &Bench<'_>, key: &str) -> Result<()> {
    let other = Bench {
        bucket: format!("{}-default", b.bucket),
        ..b.clone()
    };
    b.s3.create_bucket().bucket(&other.bucket).send().await?;
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id(key)
        .build()?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .build();
    let configuration = ServerSideEncryptionConfiguration::builder()
        .rules(rule)
        .build()?;
    let put = b.s3.put_bucket_encryption().bucket(&other.bucket);
    put.server_side_encryption_configuration(configuration)
        .send()
        .await?;
    same(other.put("x", b"x").await?.ssekms_key_id(), Some(key))
}

async fn customer(b: &Bench<'_>, own: &Customer) -> Result<()> {
    let body = noise(LENGTH, 6);
    let put =
        b.s3.put_object()
            .bucket(&b.bucket)
            .key("customer")
            .body(ByteStream::from(body.clone()));
    let put = put
        .sse_customer_algorithm("AES256")
        .sse_customer_key(&own.key)
        .sse_customer_key_md5(&own.md5);
    same(
        put.send().await?.sse_customer_key_md5(),
        Some(own.md5.as_str()),
    )?;
    let get = |customer: &Customer| {
        let get =
            b.s3.get_object()
                .bucket(&b.bucket)
                .key("customer")
                .sse_customer_algorithm("AES256");
        get.sse_customer_key(&customer.key)
            .sse_customer_key_md5(&customer.md5)
            .send()
    };
    same_bytes(read(get(own).await?).await?, &body)?;
    refused(get(&Customer::new(8)).await, 403, Some("AccessDenied"), &[])?;
    refused(b.get("customer").await, 400, Some("InvalidRequest"), &[])
}

//! Checksums: what the SDK does by default, each algorithm, `when_required`, and bodies that are streams.

use std::io::Write as _;

use anyhow::{Result, ensure};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, Delete, ObjectIdentifier};

use crate::environment::Bench;
use crate::run::{noise, refused, same};

type Sum = fn(&HeadObjectOutput) -> Option<&str>;

/// The check values of the algorithms: their sums of these digits.
const DIGITS: &str = "123456789";
const CRC32: &str = "y/Q5Jg==";
const CRC64_NVME: &str = "rosUhgp5mIg=";
const SUMS: [(ChecksumAlgorithm, &str, Sum); 5] = [
    (ChecksumAlgorithm::Crc32, CRC32, |head| {
        head.checksum_crc32()
    }),
    (ChecksumAlgorithm::Crc32C, "4waSgw==", |head| {
        head.checksum_crc32_c()
    }),
    (ChecksumAlgorithm::Crc64Nvme, CRC64_NVME, |head| {
        head.checksum_crc64_nvme()
    }),
    (
        ChecksumAlgorithm::Sha1,
        "98O8HYCOBHMq32eZZczDTKeuNEE=",
        |head| head.checksum_sha1(),
    ),
    (
        ChecksumAlgorithm::Sha256,
        "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
        |head| head.checksum_sha256(),
    ),
];

pub async fn check(b: &Bench<'_>) {
    b.check("checksum-default", by_default(b)).await;
    for (algorithm, want, sum) in SUMS {
        let name = format!("checksum-{algorithm}");
        b.check(&name, by_name(b, algorithm, want, sum)).await;
    }
    b.check("checksum-wrong-is-refused", wrong(b)).await;
    b.check("checksum-when-required", when_required(b)).await;
    b.check("stream-with-trailing-checksum", stream(b)).await;
}

async fn by_default(b: &Bench<'_>) -> Result<()> {
    b.put("default", DIGITS.as_bytes()).await?;
    let head = b.head("default").await?;
    same(head.checksum_crc32(), Some(CRC32))?;
    same(head.checksum_type(), Some(&ChecksumType::FullObject))?;
    b.holds("default", DIGITS).await
}

async fn by_name(b: &Bench<'_>, algorithm: ChecksumAlgorithm, want: &str, sum: Sum) -> Result<()> {
    let key = format!("sum-{algorithm}");
    let put =
        b.s3.put_object()
            .bucket(&b.bucket)
            .key(&key)
            .checksum_algorithm(algorithm);
    put.body(ByteStream::from_static(DIGITS.as_bytes()))
        .send()
        .await?;
    same(sum(&b.head(&key).await?), Some(want))?;
    b.holds(&key, DIGITS).await
}

async fn wrong(b: &Bench<'_>) -> Result<()> {
    let put =
        b.s3.put_object()
            .bucket(&b.bucket)
            .key("wrong")
            .checksum_crc32("AAAAAA==");
    let put = put
        .body(ByteStream::from_static(DIGITS.as_bytes()))
        .send()
        .await;
    refused(put, 400, Some("BadDigest"), &[])?;
    b.absent("wrong").await
}

async fn when_required(b: &Bench<'_>) -> Result<()> {
    let config = b
        .env
        .s3_config(b.scheme)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    let lean = Bench {
        s3: aws_sdk_s3::Client::from_conf(config.build()),
        ..b.clone()
    };
    lean.put("lean", DIGITS.as_bytes()).await?;
    lean.holds("lean", DIGITS).await?;
    same(
        lean.head("lean").await?.checksum_crc64_nvme(),
        Some(CRC64_NVME),
    )?;
    // An operation that requires a checksum has one all the same.
    let delete = Delete::builder()
        .objects(ObjectIdentifier::builder().key("lean").build()?)
        .build()?;
    lean.s3
        .delete_objects()
        .bucket(&b.bucket)
        .delete(delete)
        .send()
        .await?;
    b.absent("lean").await
}

/// aws-chunked with a trailing checksum.
async fn stream(b: &Bench<'_>) -> Result<()> {
    let body = noise(300_000, 3);
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&body)?;
    let put =
        b.s3.put_object()
            .bucket(&b.bucket)
            .key("stream")
            .checksum_algorithm(ChecksumAlgorithm::Sha256);
    put.body(ByteStream::from_path(file.path()).await?)
        .send()
        .await?;
    let head = b.head("stream").await?;
    ensure!(
        head.checksum_sha256().is_some(),
        "the trailer's sum is kept"
    );
    ensure!(
        head.content_encoding().unwrap_or_default().is_empty(),
        "aws-chunked is not kept"
    );
    b.holds("stream", &body).await
}

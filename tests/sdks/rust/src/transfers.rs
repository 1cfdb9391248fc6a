//! Large objects by the transfer manager, and multipart uploads by hand.

use anyhow::{Result, ensure};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use aws_sdk_s3_transfer_manager::io::InputStream;
use aws_sdk_s3_transfer_manager::operation::download::builders::DownloadFluentBuilder;
use aws_sdk_s3_transfer_manager::operation::upload::ChecksumStrategy;
use aws_sdk_s3_transfer_manager::operation::upload::builders::UploadFluentBuilder;
use aws_sdk_s3_transfer_manager::types::PartSize;
use aws_sdk_s3_transfer_manager::{Client, Config, S3ClientConfig};

use crate::environment::{Bench, read};
use crate::run::{noise, refused, same, same_bytes};

const MIB: usize = 1 << 20;
const PART: u64 = 8 << 20;

fn large() -> Vec<u8> {
    noise(20 * MIB + 1, 4)
}

/// Uploads a large object in parts, and reads it back.
pub async fn transfer(
    b: &Bench<'_>,
    key: &str,
    write: impl FnOnce(UploadFluentBuilder) -> UploadFluentBuilder,
    read: impl FnOnce(DownloadFluentBuilder) -> DownloadFluentBuilder,
) -> Result<()> {
    // Its own HTTP client cannot be told of an authority; ours can.
    let s3 = S3ClientConfig::new(b.env.s3_config(b.scheme)).enable_runtime_http(false);
    let config = Config::builder()
        .s3_config(s3)
        .part_size(PartSize::Target(PART))
        .multipart_threshold(PartSize::Target(PART));
    let manager = Client::new(config.build());
    let upload = manager
        .upload()
        .bucket(&b.bucket)
        .key(key)
        .body(InputStream::from(large()));
    let uploaded = write(upload).initiate()?.join().await?;
    let etag = uploaded.e_tag().unwrap_or_default();
    ensure!(etag.ends_with("-3\""), "three parts: {etag}");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("download");
    let download = read(manager.download().bucket(&b.bucket).key(key));
    download.write_to_path(&path).await?.join().await?;
    same_bytes(std::fs::read(path)?, large())
}

pub async fn check(b: &Bench<'_>) {
    b.check("transfer-manager", async {
        transfer(b, "managed", |up| up, |down| down).await?;
        let part =
            b.s3.get_object()
                .bucket(&b.bucket)
                .key("managed")
                .part_number(3)
                .send()
                .await?;
        same(part.parts_count(), Some(3))?;
        same_bytes(read(part).await?, &large()[16 * MIB..])
    })
    .await;
    b.check("transfer-manager-checksum", async {
        let sha256 = ChecksumStrategy::with_calculated_sha256_composite_if_multipart();
        transfer(
            b,
            "managed-sum",
            |up| up.checksum_strategy(sha256),
            |down| down,
        )
        .await?;
        let head = b.head("managed-sum").await?;
        same(head.checksum_type(), Some(&ChecksumType::Composite))?;
        ensure!(head.checksum_sha256().is_some(), "a composite SHA-256");
        Ok(())
    })
    .await;
    b.check("multipart-by-hand", by_hand(b)).await;
}

async fn by_hand(b: &Bench<'_>) -> Result<()> {
    let (key, body) = ("by-hand", noise(6 * MIB, 5));
    let create = || b.s3.create_multipart_upload().bucket(&b.bucket).key(key);
    let made = create().checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
    let made = made.checksum_type(ChecksumType::FullObject).send().await?;
    let id = made.upload_id().unwrap_or_default();
    let mut parts = Vec::new();
    for (number, piece) in (1..).zip(body.chunks(5 * MIB)) {
        let part =
            b.s3.upload_part()
                .bucket(&b.bucket)
                .key(key)
                .upload_id(id)
                .part_number(number);
        let part = part
            .body(ByteStream::from(piece.to_vec()))
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .send()
            .await?;
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc64_nvme(part.checksum_crc64_nvme)
                .build(),
        );
    }
    let list = |id| {
        b.s3.list_parts()
            .bucket(&b.bucket)
            .key(key)
            .upload_id(id)
            .send()
    };
    same(list(id).await?.parts().len(), 2)?;
    let complete =
        b.s3.complete_multipart_upload()
            .bucket(&b.bucket)
            .key(key)
            .upload_id(id);
    let upload = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    complete
        .multipart_upload(upload)
        .if_none_match("*")
        .send()
        .await?;
    b.holds(key, &body).await?;
    let aborted = create().send().await?;
    let id = aborted.upload_id().unwrap_or_default();
    b.s3.abort_multipart_upload()
        .bucket(&b.bucket)
        .key(key)
        .upload_id(id)
        .send()
        .await?;
    refused(list(id).await, 404, Some("NoSuchUpload"), &[])
}

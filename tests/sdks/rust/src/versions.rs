//! Versions. Where the endpoint answers 501 to PutBucketVersioning they are skipped.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectVersion, VersioningConfiguration};

use crate::environment::{Bench, read};
use crate::run::{NotThere, refused, same, same_bytes};

const KEY: &str = "versioned";

/// The ids of the two versions that the checks go on with.
#[derive(Default)]
struct Ids {
    first: String,
    second: String,
}

pub async fn check(bench: &Bench<'_>) {
    let b = Bench {
        bucket: format!("{}-versions", bench.bucket),
        ..bench.clone()
    };
    let mut ids = Ids::default();
    b.check("versions-enabled", enabled(&b, &mut ids)).await;
    b.check("versions-delete-marker", delete_marker(&b, &ids))
        .await;
    b.check("versions-suspended", suspended(&b, &ids)).await;
}

async fn turn(b: &Bench<'_>, status: BucketVersioningStatus) -> Result<()> {
    let configuration = VersioningConfiguration::builder().status(status).build();
    let put = b.s3.put_bucket_versioning().bucket(&b.bucket);
    let Err(error) = put.versioning_configuration(configuration).send().await else {
        return Ok(());
    };
    match error.raw_response().map(|answer| answer.status().as_u16()) {
        Some(501) => Err(NotThere("PutBucketVersioning answers 501").into()),
        _ => Err(error.into()),
    }
}

async fn holds(b: &Bench<'_>, id: &str, want: &str) -> Result<()> {
    let got =
        b.s3.get_object()
            .bucket(&b.bucket)
            .key(KEY)
            .version_id(id)
            .send()
            .await?;
    same(got.version_id(), Some(id))?;
    same_bytes(read(got).await?, want)
}

async fn listed(b: &Bench<'_>) -> Result<Vec<ObjectVersion>> {
    let listed = b.s3.list_object_versions().bucket(&b.bucket).send().await?;
    Ok(listed.versions.unwrap_or_default())
}

async fn put(b: &Bench<'_>, body: &str) -> Result<String> {
    let put = b.put(KEY, body.as_bytes()).await?;
    Ok(put.version_id().context("a version id")?.to_owned())
}

async fn enabled(b: &Bench<'_>, ids: &mut Ids) -> Result<()> {
    b.s3.create_bucket().bucket(&b.bucket).send().await?;
    turn(b, BucketVersioningStatus::Enabled).await?;
    let status =
        b.s3.get_bucket_versioning()
            .bucket(&b.bucket)
            .send()
            .await?;
    same(status.status(), Some(&BucketVersioningStatus::Enabled))?;
    ids.first = put(b, "one").await?;
    ids.second = put(b, "two").await?;
    ensure!(ids.first != ids.second, "two writes have two version ids");
    let listed = listed(b).await?;
    let listed: Vec<_> = listed
        .iter()
        .map(|version| (version.version_id(), version.is_latest()))
        .collect();
    let newer = (Some(ids.second.as_str()), Some(true));
    same(listed, [newer, (Some(ids.first.as_str()), Some(false))])?;
    holds(b, &ids.first, "one").await?;
    holds(b, &ids.second, "two").await?;
    b.holds(KEY, "two").await
}

async fn delete_marker(b: &Bench<'_>, ids: &Ids) -> Result<()> {
    turn(b, BucketVersioningStatus::Enabled).await?;
    let delete = || b.s3.delete_object().bucket(&b.bucket).key(KEY);
    let get = |id| {
        b.s3.get_object()
            .bucket(&b.bucket)
            .key(KEY)
            .version_id(id)
            .send()
    };
    let marked = delete().send().await?;
    same(marked.delete_marker(), Some(true))?;
    let marker = marked.version_id().context("the marker has a version id")?;
    b.absent(KEY).await?;
    holds(b, &ids.second, "two").await?;
    refused(get(marker).await, 405, Some("MethodNotAllowed"), &[])?;
    delete().version_id(marker).send().await?;
    b.holds(KEY, "two").await?;
    delete().version_id(&ids.second).send().await?;
    refused(get(&ids.second).await, 404, Some("NoSuchVersion"), &[])?;
    b.holds(KEY, "one").await
}

async fn suspended(b: &Bench<'_>, ids: &Ids) -> Result<()> {
    turn(b, BucketVersioningStatus::Suspended).await?;
    b.put(KEY, b"two").await?;
    let third = b.put(KEY, b"three").await?;
    let id = third.version_id().unwrap_or("null");
    ensure!(id == "null", "the id is null: {id}");
    same(listed(b).await?.len(), 2)?;
    holds(b, "null", "three").await?;
    holds(b, &ids.first, "one").await?;
    b.holds(KEY, "three").await
}

//! Objects: put, get, ranges, copies, listings, deletes; conditions; keys that need care in a path.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier, ServerSideEncryption};

use crate::environment::{Bench, read};
use crate::run::{etag, noise, refused, same, same_bytes};

const LENGTH: usize = 200_000;

pub async fn check(b: &Bench<'_>) {
    b.check("put-get-head-delete", put_get_head_delete(b)).await;
    b.check("range", range(b)).await;
    b.check("copy", copy(b)).await;
    b.check("list-and-delete-objects", list_and_delete(b)).await;
}

async fn put_get_head_delete(b: &Bench<'_>) -> Result<()> {
    let body = noise(LENGTH, 2);
    let put =
        b.s3.put_object()
            .bucket(&b.bucket)
            .key("object")
            .body(ByteStream::from(body.clone()));
    let put = put.content_type("text/x-test").cache_control("no-store");
    let put = put.metadata("colour", "blue and  green").send().await?;
    let head = b.head("object").await?;
    same(put.e_tag(), Some(etag(&body).as_str()))?;
    same(head.e_tag(), put.e_tag())?;
    same(head.content_length(), Some(LENGTH as i64))?;
    same(head.content_type(), Some("text/x-test"))?;
    same(head.cache_control(), Some("no-store"))?;
    let colour = head.metadata().and_then(|pairs| pairs.get("colour"));
    same(colour.map(String::as_str), Some("blue and  green"))?;
    same(
        head.server_side_encryption(),
        Some(&ServerSideEncryption::Aes256),
    )?;
    b.holds("object", &body).await?;
    b.delete("object").await?;
    b.absent("object").await?;
    refused(b.head("object").await, 404, Some("NotFound"), &[])?;
    b.put("empty", b"").await?;
    b.holds("empty", b"").await
}

async fn range(b: &Bench<'_>) -> Result<()> {
    let body = noise(LENGTH, 2);
    b.put("ranged", &body).await?;
    let get = |range| {
        b.s3.get_object()
            .bucket(&b.bucket)
            .key("ranged")
            .range(range)
            .send()
    };
    for (range, want) in [
        ("bytes=0-0", 0..1),
        ("bytes=65530-65545", 65530..65546),
        ("bytes=199990-", 199990..LENGTH),
        ("bytes=-7", LENGTH - 7..LENGTH),
    ] {
        let got = get(range).await?;
        let told = got.content_range().unwrap_or_default().to_owned();
        ensure!(told.ends_with("/200000"), "Content-Range: {told}");
        same_bytes(read(got).await?, &body[want])?;
    }
    refused(get("bytes=200000-").await, 416, Some("InvalidRange"), &[])
}

async fn copy(b: &Bench<'_>) -> Result<()> {
    let body = noise(LENGTH, 2);
    b.put("a source+", &body).await?;
    let copy = b.s3.copy_object().bucket(&b.bucket).key("copy");
    let copy = copy.copy_source(format!("{}/a%20source%2B", b.bucket));
    let copied = copy
        .metadata_directive(MetadataDirective::Replace)
        .metadata("made", "by copy")
        .send()
        .await?;
    let told = copied
        .copy_object_result()
        .and_then(|result| result.e_tag());
    same(told, Some(etag(&body).as_str()))?;
    let head = b.head("copy").await?;
    let made = head.metadata().and_then(|pairs| pairs.get("made"));
    same(made.map(String::as_str), Some("by copy"))?;
    b.holds("copy", &body).await
}

async fn list_and_delete(b: &Bench<'_>) -> Result<()> {
    let want: Vec<String> = (0..5).map(|number| format!("list/{number}")).collect();
    let below = "list/below/x".to_owned();
    for key in want.iter().chain([&below]) {
        b.put(key, b"x").await?;
    }
    let (mut got, mut prefixes, mut count) = (Vec::new(), Vec::new(), 0);
    let list = || b.s3.list_objects_v2().bucket(&b.bucket).prefix("list/");
    let mut pages = list().delimiter("/").max_keys(2).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page?;
        count += 1;
        got.extend(
            page.contents()
                .iter()
                .filter_map(|entry| entry.key().map(str::to_owned)),
        );
        prefixes.extend(
            page.common_prefixes()
                .iter()
                .filter_map(|entry| entry.prefix().map(str::to_owned)),
        );
    }
    same(&got, &want)?;
    same(prefixes, ["list/below/"])?;
    same(count, 3)?;
    let identifiers: Result<Vec<_>, _> = want
        .iter()
        .chain([&below])
        .map(|key| ObjectIdentifier::builder().key(key).build())
        .collect();
    let delete = Delete::builder().set_objects(Some(identifiers?)).build()?;
    let deleted =
        b.s3.delete_objects()
            .bucket(&b.bucket)
            .delete(delete)
            .send()
            .await?;
    same((deleted.deleted().len(), deleted.errors().len()), (6, 0))?;
    same(list().send().await?.key_count(), Some(0))
}

/// Keys that a client or a gateway may spell in another way than the other.
pub async fn names(b: &Bench<'_>) {
    for (name, key) in [
        ("double-slash", "names/a//b"),
        ("leading-slash", "/names/a"),
        ("only-slashes", "names///"),
        ("plus", "names/a+b"),
        ("escape", "names/a%2Fb"),
        ("space", "names/a b  c"),
        ("unicode", "names/é日本🦀"),
        ("marks", "names/~!*'();:@&=$,?#[]"),
        ("dots", "names/a/../b/./c"),
        ("backslash", "names/a\\b|c\"<>^{}`"),
    ] {
        let round_trip = async {
            b.put(key, key.as_bytes()).await?;
            b.holds(key, key).await?;
            let listed =
                b.s3.list_objects_v2()
                    .bucket(&b.bucket)
                    .prefix(key)
                    .send()
                    .await?;
            let listed: Vec<_> = listed
                .contents()
                .iter()
                .filter_map(|entry| entry.key())
                .collect();
            same(listed, [key])?;
            b.delete(key).await?;
            b.absent(key).await
        };
        b.check(&format!("key-{name}"), round_trip).await;
    }
}

pub async fn conditions(b: &Bench<'_>) {
    b.check("conditional-writes", conditional_writes(b)).await;
    b.check("conditional-reads", conditional_reads(b)).await;
}

async fn conditional_writes(b: &Bench<'_>) -> Result<()> {
    let put = |body: &'static str,
               condition: fn(PutObjectFluentBuilder, &str) -> PutObjectFluentBuilder,
               value: &str| {
        let put = b.s3.put_object().bucket(&b.bucket).key("condition");
        condition(put.body(ByteStream::from_static(body.as_bytes())), value).send()
    };
    let (one, two) = (etag(b"one"), etag(b"two"));
    refused(
        put("one", |put, value| put.if_match(value), &one).await,
        404,
        Some("NoSuchKey"),
        &[],
    )?;
    put("one", |put, value| put.if_none_match(value), "*").await?;
    let failed = Some("PreconditionFailed");
    refused(
        put("two", |put, value| put.if_none_match(value), "*").await,
        412,
        failed,
        &[],
    )?;
    refused(
        put("two", |put, value| put.if_match(value), &two).await,
        412,
        failed,
        &[],
    )?;
    b.holds("condition", "one").await?;
    put("two", |put, value| put.if_match(value), &one).await?;
    b.holds("condition", "two").await
}

async fn conditional_reads(b: &Bench<'_>) -> Result<()> {
    b.put("read", b"one").await?;
    let get = |condition: fn(GetObjectFluentBuilder, &str) -> GetObjectFluentBuilder,
               value: &str| {
        condition(b.s3.get_object().bucket(&b.bucket).key("read"), value).send()
    };
    let (one, two) = (etag(b"one"), etag(b"two"));
    let got = get(|get, value| get.if_match(value), &one)
        .await
        .context("If-Match")?;
    same_bytes(read(got).await?, "one")?;
    let failed = Some("PreconditionFailed");
    refused(
        get(|get, value| get.if_match(value), &two).await,
        412,
        failed,
        &[],
    )?;
    refused(
        get(|get, value| get.if_none_match(value), &one).await,
        304,
        None,
        &[],
    )?;
    let got = get(|get, value| get.if_none_match(value), &two)
        .await
        .context("If-None-Match")?;
    same_bytes(read(got).await?, "one")
}

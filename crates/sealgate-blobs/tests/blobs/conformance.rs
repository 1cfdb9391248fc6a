//! One suite of statements that every kind of store fulfils: local disk, an object store in
//! memory, and S3 over HTTP as a foreign server (moto) speaks it.

use std::time::Duration;

use crate::common::{Moto, body, names, read, stored, write};
use sealgate_blobs::{BlobError, BlobName, BlobStore, LocalOptions};
use tokio::time::timeout;

/// Runs every statement on an empty store.
async fn suite(store: &BlobStore, part_size: usize) {
    store.check().await.unwrap();
    assert!(names(store).await.is_empty());
    bodies_of_all_sizes_come_back(store, part_size).await;
    ranges_are_exact(store, part_size).await;
    a_range_past_the_end_is_a_short_read(store).await;
    what_is_not_there_is_not_found(store).await;
    deleting_is_idempotent(store).await;
    names_are_pending_until_committed(store).await;
    a_listing_shows_committed_blobs_only(store, part_size).await;
    a_writer_that_is_dropped_leaves_nothing(store, part_size).await;
    a_finished_blob_that_is_dropped_is_deleted(store, part_size).await;
    concurrent_writers_do_not_disturb_each_other(store, part_size).await;
    assert!(names(store).await.is_empty());
    if let Some((in_use, _)) = store.part_buffers() {
        assert_eq!(in_use, 0);
    }
}

async fn bodies_of_all_sizes_come_back(store: &BlobStore, part_size: usize) {
    let sizes = [
        0,
        1,
        100,
        65_535,
        65_536,
        65_537,
        300_000,
        part_size - 1,
        part_size,
        part_size + 1,
    ];
    for size in sizes.into_iter().chain([3 * part_size + 17]) {
        for step in [65_552, 1_000_000] {
            let data = body(size);
            let name = stored(store, &data, step).await;
            assert_eq!(
                read(store, &name, 0..size as u64).await.unwrap(),
                data,
                "{size} {step}"
            );
            store.delete(&name).await.unwrap();
        }
    }
}

async fn ranges_are_exact(store: &BlobStore, part_size: usize) {
    let size = 2 * part_size + 12_345;
    let data = body(size);
    let name = stored(store, &data, 65_552).await;
    let part = part_size as u64;
    let end = size as u64;
    for range in [
        0..1,
        1..2,
        0..262_144,
        1..262_146,
        part - 1..part + 1,
        end - 1..end,
        7..end,
    ] {
        let expected = &data[range.start as usize..range.end as usize];
        assert_eq!(
            read(store, &name, range.clone()).await.unwrap(),
            expected,
            "{range:?}"
        );
    }
    assert!(read(store, &name, 5..5).await.unwrap().is_empty());
    store.delete(&name).await.unwrap();
}

async fn a_range_past_the_end_is_a_short_read(store: &BlobStore) {
    let name = stored(store, &body(1000), 1000).await;
    for range in [0..1001, 999..1001, 1000..1001, 5000..6000] {
        let result = read(store, &name, range.clone()).await;
        assert!(
            matches!(result, Err(BlobError::ShortRead)),
            "{range:?}: {result:?}"
        );
    }
    store.delete(&name).await.unwrap();
}

async fn what_is_not_there_is_not_found(store: &BlobStore) {
    for name in [BlobName::new().as_str(), "", "../../etc/passwd", "tmp"] {
        let result = read(store, name, 0..1).await;
        assert!(
            matches!(result, Err(BlobError::NotFound)),
            "{name}: {result:?}"
        );
        assert!(!store.pending(name));
    }
}

async fn deleting_is_idempotent(store: &BlobStore) {
    let name = stored(store, &body(10), 10).await;
    store.delete(&name).await.unwrap();
    store.delete(&name).await.unwrap();
    store.delete("not a name").await.unwrap();
    assert!(matches!(
        read(store, &name, 0..1).await,
        Err(BlobError::NotFound)
    ));
}

async fn names_are_pending_until_committed(store: &BlobStore) {
    let mut writer = store.create();
    let name = writer.name().to_owned();
    assert!(store.pending(&name));
    writer.write(body(10)).await.unwrap();
    let blob = writer.finish().await.unwrap();
    assert_eq!((blob.name(), blob.size()), (name.as_str(), 10));
    assert!(store.pending(&name));
    blob.commit();
    assert!(!store.pending(&name));
    store.delete(&name).await.unwrap();
}

async fn a_listing_shows_committed_blobs_only(store: &BlobStore, part_size: usize) {
    let mut expected = vec![
        stored(store, &body(10), 10).await,
        stored(store, &body(part_size + 1), 65_536).await,
        stored(store, &body(0), 1).await,
    ];
    expected.sort();
    let mut unfinished = store.create();
    unfinished.write(body(2 * part_size)).await.unwrap();
    assert_eq!(names(store).await, expected);
    drop(unfinished);
    for name in expected {
        store.delete(&name).await.unwrap();
    }
    store.settle().await;
}

async fn a_writer_that_is_dropped_leaves_nothing(store: &BlobStore, part_size: usize) {
    for size in [0, 10, 300_000, 3 * part_size] {
        let mut writer = store.create();
        let name = writer.name().to_owned();
        writer.write(body(size)).await.unwrap();
        drop(writer);
        assert!(!store.pending(&name));
        // In the middle of the last step, too.
        let data = body(size);
        let finishing = write(store, &data, 65_536);
        let _ = timeout(Duration::from_micros(size as u64 % 977), finishing).await;
    }
    store.settle().await;
    // What a dropped finish placed is removed once its blocking step is through.
    for _ in 0..100 {
        if names(store).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        store.settle().await;
    }
    panic!("left: {:?}", names(store).await);
}

async fn a_finished_blob_that_is_dropped_is_deleted(store: &BlobStore, part_size: usize) {
    for size in [10, part_size + 1] {
        let blob = write(store, &body(size), 65_536).await.unwrap();
        let name = blob.name().to_owned();
        drop(blob);
        store.settle().await;
        assert!(matches!(
            read(store, &name, 0..1).await,
            Err(BlobError::NotFound)
        ));
        assert!(!store.pending(&name));
    }
}

async fn concurrent_writers_do_not_disturb_each_other(store: &BlobStore, part_size: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..12 {
        let store = store.clone();
        tasks.spawn(async move {
            let data = body(part_size * (i % 3) + 1000 * i + 1);
            let name = stored(&store, &data, 10_000 + 7000 * i).await;
            assert_eq!(
                read(&store, &name, 0..data.len() as u64).await.unwrap(),
                data
            );
            store.delete(&name).await.unwrap();
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_disk_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions {
        sync_every: 300_000,
    };
    suite(&BlobStore::local(dir.path(), options).unwrap(), 400_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_conforms() {
    suite(&BlobStore::in_memory(400_000, 3), 400_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_conforms_with_one_part_buffer() {
    suite(&BlobStore::in_memory(400_000, 1), 400_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_as_moto_speaks_it_conforms() {
    let Some(moto) = Moto::start() else {
        eprintln!("SKIPPED: moto_server is not installed (pip install 'moto[server]')");
        return;
    };
    let config = moto.config();
    let part_size = config.part_size;
    let store = BlobStore::remote(config).unwrap();
    suite(&store, part_size).await;
    // Aborted uploads are really gone: their parts would cost money for ever.
    let uploads = moto.request("GET", "/blobs?uploads");
    assert!(uploads.contains("ListMultipartUploadsResult"), "{uploads}");
    assert!(!uploads.contains("<Upload>"), "{uploads}");
}

//! What is particular to the local disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::{body, names, read, stored};
use sealgate_blobs::{BlobError, BlobName, BlobStore, LocalOptions};

fn open(dir: &Path) -> BlobStore {
    BlobStore::local(dir, LocalOptions::default()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn files_are_private_and_lie_in_shards() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("deep/blobs");
    let store = open(&root);
    let name = stored(&store, &body(1000), 1000).await;
    let file = root.join(&name[..2]).join(&name[2..4]).join(&name);
    assert_eq!(fs::read(&file).unwrap(), body(1000));
    assert_eq!(mode(&file), 0o600);
    for folder in [root.as_path(), &root.join("tmp"), file.parent().unwrap()] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(fs::read_dir(root.join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_crash_left_is_swept_at_start_and_blobs_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let name = stored(&open(dir.path()), &body(1000), 1000).await;
    let left = dir.path().join("tmp").join(BlobName::new().as_str());
    fs::write(&left, b"half").unwrap();
    let store = open(dir.path());
    assert!(!left.exists());
    assert_eq!(names(&store).await, std::slice::from_ref(&name));
    assert_eq!(read(&store, &name, 0..1000).await.unwrap(), body(1000));
}

#[tokio::test]
async fn a_writer_dropped_in_the_middle_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writer = store.create();
    writer.write(body(20_000_000)).await.unwrap();
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 1);
    drop(writer);
    store.settle().await;
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn foreign_files_are_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fs::create_dir_all(dir.path().join("ab/cd")).unwrap();
    fs::write(dir.path().join("ab/cd/README"), b"hello").unwrap();
    fs::write(dir.path().join("lost"), b"hello").unwrap();
    assert!(names(&store).await.is_empty());
}

#[tokio::test]
async fn a_folder_that_went_away_is_reported_not_recreated_silently() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("blobs");
    let store = open(&root);
    store.check().await.unwrap();
    fs::remove_dir_all(&root).unwrap();
    assert!(matches!(store.check().await, Err(BlobError::Io(_))));
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(BlobStore::local(file.path(), LocalOptions::default()).is_err());
}

#[test]
fn values_dropped_outside_of_a_runtime_still_clean_up() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (store, writer) = runtime.block_on(async {
        let store = open(dir.path());
        let mut writer = store.create();
        writer.write(body(1_000_000)).await.unwrap();
        (store, writer)
    });
    drop(writer);
    runtime.block_on(store.settle());
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_blob_of_another_class_lies_in_its_own_store_and_is_found_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let (warm, cold) = (dir.path().join("warm"), dir.path().join("cold"));
    let classes = [("COLD".to_owned(), open(&cold))].into();
    let store = open(&warm).with_classes(classes);
    assert!(store.has_class("COLD") && !store.has_class("STANDARD"));
    let plain = stored(&store, &body(100), 100).await;
    let mut writer = store.create_in("COLD").unwrap();
    let name = writer.name().to_owned();
    assert!(store.pending(&name) && name.starts_with("COLD/"));
    writer.write(body(1000)).await.unwrap();
    let finished = writer.finish().await.unwrap();
    assert_eq!(finished.name(), name);
    finished.commit();
    assert!(!store.pending(&name));
    assert_eq!(read(&store, &name, 0..1000).await.unwrap(), body(1000));
    // What lies in one store is not in the other.
    assert_eq!(names(&open(&warm)).await, std::slice::from_ref(&plain));
    let mut both = [name.clone(), plain.clone()];
    both.sort_unstable();
    assert_eq!(names(&store).await, both);
    let bare = name.strip_prefix("COLD/").unwrap();
    assert!(matches!(
        read(&store, bare, 0..10).await,
        Err(BlobError::NotFound)
    ));

    // Nobody's store is not an empty one: what cannot be reached is not gone.
    let without = open(&warm);
    for outcome in [
        without.delete(&name).await,
        read(&without, &name, 0..1).await.map(|_| ()),
    ] {
        assert!(matches!(outcome, Err(BlobError::Config(_))), "{outcome:?}");
    }
    assert!(without.create_in("COLD").is_err());
    store.delete(&name).await.unwrap();
    assert_eq!(names(&store).await, [plain]);

    // One that is not committed is removed there.
    drop(store.create_in("COLD").unwrap().finish().await.unwrap());
    store.settle().await;
    assert!(names(&open(&cold)).await.is_empty());
}

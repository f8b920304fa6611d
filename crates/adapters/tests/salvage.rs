//! What is put right in packs after a crash or a failing disk, and what is left alone.

#![expect(clippy::expect_used, reason = "a failed promise panics")]

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tapebase_adapters::fs::Fs;
use tapebase_domain::{
    blob::{self, BlobRef, ByteRange, StoredBlob},
    digest::Sha256,
    ports::{BlobStore as _, Clock as _, Salvage as _, SystemClock, TornWrite},
};
use tempfile::TempDir;

const BLOCK: u64 = 4 << 10;
/// A block of zeros.
const ZEROS: &[u8] = &[0; 4 << 10];
const SIZE: usize = 10_000;
/// How much of a pack an entry of [`SIZE`] takes.
const SPAN: u64 = 3 * BLOCK;
const HEADER: u64 = 96;

fn sample(number: u8) -> Bytes {
    vec![number; SIZE].into()
}

/// Three blobs in one pack that nobody appends to any more.
async fn finished() -> (Fs, [StoredBlob; 3], TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(folder.path()).expect("made");
    let mut stored = Vec::new();
    for number in 1..4 {
        stored.push(store.put(blob::once(sample(number))).await.expect("stored"));
    }
    drop(store);
    let stored = stored.try_into().expect("three");
    (Fs::open(folder.path()).expect("opened"), stored, folder)
}

fn pack(root: &Path) -> (PathBuf, File) {
    let path = fs::read_dir(root.join("packs")).expect("there").next().expect("one").expect("listed").path();
    let file = File::options().read(true).write(true).open(&path).expect("opened");
    (path, file)
}

async fn read(store: &Fs, stored: &StoredBlob) -> Option<Vec<u8>> {
    let body = store.open(&stored.blob, ByteRange::whole(stored.size)).await.expect("opened")?;
    Some(body.try_collect::<Vec<Bytes>>().await.expect("read").concat())
}

async fn remains(store: &Fs) -> Vec<TornWrite> {
    store.remains().await.expect("listed")
}

#[tokio::test]
async fn a_sound_pack_has_no_remains_and_right_labels() {
    let (store, stored, _folder) = finished().await;
    store.delete(&stored[1].blob).await.expect("deleted");
    let large = store.put(blob::once(vec![4; 300_000].into())).await.expect("stored");

    assert_eq!(remains(&store).await, []);
    for stored in [&stored[0], &stored[2], &large] {
        assert!(!store.has_bad_header(stored).await.expect("looked at"));
    }
    assert!(!store.has_bad_header(&stored[1]).await.expect("looked at"), "it is gone");
}

#[tokio::test]
async fn a_header_is_written_anew_where_the_bytes_are_sound() {
    let (store, stored, folder) = finished().await;
    let (_, file) = pack(folder.path());
    let modified = file.metadata().and_then(|metadata| metadata.modified()).expect("a time");
    for damage in [&[0; 96][..], b"X"] {
        file.write_all_at(damage, SPAN).expect("written");
        file.set_modified(modified).expect("set");
        assert_eq!(read(&store, &stored[1]).await, None);
        assert!(store.has_bad_header(&stored[1]).await.expect("looked at"));

        assert!(store.rewrite_header(&stored[1], SystemClock.now()).await.expect("written"));

        assert_eq!(read(&store, &stored[1]).await.as_deref(), Some(&sample(2)[..]));
        assert!(!store.has_bad_header(&stored[1]).await.expect("looked at"));
        assert_eq!(file.metadata().and_then(|metadata| metadata.modified()).expect("a time"), modified);
        assert_eq!(read(&store, &stored[2]).await.as_deref(), Some(&sample(3)[..]));
    }
}

#[tokio::test]
async fn a_header_is_left_alone_where_the_bytes_are_not_what_they_should_be() {
    let (store, stored, folder) = finished().await;
    let (path, file) = pack(folder.path());
    file.write_all_at(b"X", SPAN).expect("written");
    file.write_all_at(b"X", SPAN + HEADER + 5_000).expect("written");
    let before = fs::read(&path).expect("read");

    let elsewhere = BlobRef::new(stored[1].blob.as_str().replace("-00003000", "-00f00000"));
    for wrong in [
        stored[1].clone(),
        StoredBlob { sha256: Sha256::of(b"other"), ..stored[0].clone() },
        StoredBlob { blob: elsewhere, ..stored[0].clone() },
    ] {
        assert!(!store.has_bad_header(&wrong).await.expect("looked at"));
        assert!(!store.rewrite_header(&wrong, SystemClock.now()).await.expect("looked at"));
    }

    assert_eq!(fs::read(&path).expect("read"), before);
}

#[tokio::test]
async fn a_file_with_more_in_it_than_the_blob_is_mislabelled_and_left_alone() {
    let (store, _, folder) = finished().await;
    let stored = store.put(blob::once(vec![4; 300_000].into())).await.expect("stored");
    let path = folder.path().join(&stored.blob.as_str()[..2]).join(stored.blob.as_str());
    File::options().write(true).open(&path).and_then(|file| file.write_all_at(b"more", 300_000)).expect("written");

    assert!(store.has_bad_header(&stored).await.expect("looked at"));
    assert!(!store.rewrite_header(&stored, SystemClock.now()).await.expect("looked at"));

    assert_eq!(fs::metadata(path).expect("there").len(), 300_004);
}

#[tokio::test]
async fn a_torn_tail_is_found_and_cut_off() {
    let (store, stored, folder) = finished().await;
    let (path, file) = pack(folder.path());
    file.set_len(3 * SPAN + 8 * BLOCK).expect("zeros behind it");
    file.write_all_at(&[7; 5_000], 3 * SPAN + BLOCK).expect("written");

    let found = remains(&store).await;
    assert_eq!(found.len(), 1);
    let pack = path.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(found[0].place.as_str(), format!("{pack}-{:08x}", 3 * SPAN + BLOCK));
    assert_eq!(found[0].size, 2 * BLOCK);
    let blobs = [0, 1, 2].map(|block| BlobRef::new(format!("{pack}-{:08x}", 3 * SPAN + block * BLOCK)));
    assert_eq!(found[0].blobs, blobs, "its header may have been in the zeros before it");

    assert!(store.clear(&found[0]).await.expect("cleared"));

    assert_eq!(fs::metadata(&path).expect("there").len(), 3 * SPAN);
    assert_eq!(remains(&store).await, []);
    assert_eq!(read(&store, &stored[2]).await.as_deref(), Some(&sample(3)[..]));
}

#[tokio::test]
async fn what_is_torn_between_two_entries_becomes_a_hole() {
    let (store, stored, folder) = finished().await;
    let (path, file) = pack(folder.path());
    file.write_all_at(ZEROS, SPAN).expect("written");
    let before = fs::metadata(&path).expect("there").blocks();

    let found = remains(&store).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].blobs[0], stored[1].blob, "whose header is lost");
    assert!(store.clear(&found[0]).await.expect("cleared"));

    assert!(fs::metadata(&path).expect("there").blocks() < before);
    assert_eq!(remains(&store).await, []);
    for (stored, number) in [(&stored[0], 1), (&stored[2], 3)] {
        assert_eq!(read(&store, stored).await.as_deref(), Some(&sample(number)[..]));
    }
}

#[tokio::test]
async fn what_was_restored_meanwhile_is_not_cleared() {
    let (store, stored, folder) = finished().await;
    let (_, file) = pack(folder.path());
    file.write_all_at(b"X", SPAN).expect("written");
    let found = remains(&store).await;
    assert!(store.rewrite_header(&stored[1], SystemClock.now()).await.expect("written"));

    assert!(!store.clear(&found[0]).await.expect("looked at"));

    assert_eq!(read(&store, &stored[1]).await.as_deref(), Some(&sample(2)[..]));
}

#[tokio::test]
async fn a_pack_that_is_appended_to_has_no_remains_yet() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(folder.path()).expect("made");
    let stored = store.put(blob::once(sample(1))).await.expect("stored");
    let (name, _) = stored.blob.as_str().split_once('-').expect("packed");
    let file = File::options().write(true).open(folder.path().join("packs").join(name)).expect("opened");
    file.write_all_at(&[7; 100], 20 * BLOCK).expect("written");

    assert_eq!(remains(&Fs::open(folder.path()).expect("opened")).await, []);
}

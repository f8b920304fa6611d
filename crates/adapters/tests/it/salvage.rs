//! What is put right in packs after a crash or a failing disk, and what is left alone.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tapebase_adapters::fs::Fs;
use tapebase_domain::{
    blob::{self, BlobRef, ByteRange, Provenance, StoredBlob},
    digest::Sha256,
    id::{RecordingId, UserId},
    ports::{BlobError, BlobStore as _, Clock as _, Salvage as _, SystemClock, TornWrite},
};
use tempfile::TempDir;

const BLOCK: u64 = 4 << 10;
/// A block of zeros.
const ZEROS: &[u8] = &[0; 4 << 10];
const SIZE: usize = 10_000;
/// How much of a pack an entry of [`SIZE`] takes.
const SPAN: u64 = 3 * BLOCK;
const HEADER: u64 = 128;

/// Whose all audio here is.
fn whose() -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID") }
}

fn sample(number: u8) -> Bytes {
    vec![number; SIZE].into()
}

/// Three blobs in one pack that nobody appends to any more.
async fn finished() -> (Fs, [StoredBlob; 3], TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(folder.path()).expect("made");
    let mut stored = Vec::new();
    for number in 1..4 {
        stored.push(store.put(&whose(), blob::once(sample(number))).await.expect("stored"));
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
    let (store, stored, folder) = finished().await;
    store.delete(&stored[1].blob).await.expect("deleted");
    let (large, _) = large(&store, &folder).await;

    assert_eq!(remains(&store).await, []);
    for stored in [&stored[0], &stored[2], &large] {
        assert!(!store.has_bad_header(stored, &whose()).await.expect("looked at"));
    }
    assert!(!store.has_bad_header(&stored[1], &whose()).await.expect("looked at"), "it is gone");
}

#[tokio::test]
async fn a_header_is_written_anew_where_the_bytes_are_sound() {
    let (store, stored, folder) = finished().await;
    let (_, file) = pack(folder.path());
    let modified = file.metadata().and_then(|metadata| metadata.modified()).expect("a time");
    for damage in [&[0; 128][..], b"X"] {
        file.write_all_at(damage, SPAN).expect("written");
        file.set_modified(modified).expect("set");
        assert_eq!(read(&store, &stored[1]).await, None);
        assert!(store.has_bad_header(&stored[1], &whose()).await.expect("looked at"));

        assert!(store.rewrite_header(&stored[1], &whose(), SystemClock.now()).await.expect("written"));

        assert_eq!(read(&store, &stored[1]).await.as_deref(), Some(&sample(2)[..]));
        assert!(!store.has_bad_header(&stored[1], &whose()).await.expect("looked at"));
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
        assert!(!store.has_bad_header(&wrong, &whose()).await.expect("looked at"));
        assert!(!store.rewrite_header(&wrong, &whose(), SystemClock.now()).await.expect("looked at"));
    }

    assert_eq!(fs::read(&path).expect("read"), before);
}

/// A large blob, and its file.
async fn large(store: &Fs, folder: &TempDir) -> (StoredBlob, PathBuf) {
    let stored = store.put(&whose(), blob::once(vec![4; 300_000].into())).await.expect("stored");
    let path = folder.path().join(&stored.blob.as_str()[..2]).join(stored.blob.as_str());
    (stored, path)
}

#[tokio::test]
async fn a_file_with_more_in_it_than_the_blob_is_mislabelled_and_left_alone() {
    let (store, _, folder) = finished().await;
    let (stored, path) = large(&store, &folder).await;
    let length = fs::metadata(&path).expect("there").len();
    File::options().write(true).open(&path).and_then(|file| file.write_all_at(b"more", length)).expect("written");

    assert!(store.has_bad_header(&stored, &whose()).await.expect("looked at"));
    assert!(!store.rewrite_header(&stored, &whose(), SystemClock.now()).await.expect("looked at"));

    assert_eq!(fs::metadata(path).expect("there").len(), length + 4);
}

#[tokio::test]
async fn a_file_of_the_first_version_with_more_in_it_is_mislabelled_and_left_alone() {
    let (store, _, folder) = finished().await;
    let name = "7f3a".repeat(8);
    let path = folder.path().join("7f").join(&name);
    let stored = StoredBlob { blob: BlobRef::new(name), size: 6, sha256: Sha256::of(b"speech") };
    fs::write(&path, "speech").expect("written");
    assert!(!store.has_bad_header(&stored, &whose()).await.expect("looked at"));

    fs::write(&path, "speech and more").expect("written");

    assert!(store.has_bad_header(&stored, &whose()).await.expect("looked at"));
    assert!(!store.rewrite_header(&stored, &whose(), SystemClock.now()).await.expect("looked at"));
    assert_eq!(fs::read(path).expect("there"), b"speech and more");
}

#[tokio::test]
async fn a_trailer_is_written_anew_where_the_bytes_are_sound() {
    let (store, _, folder) = finished().await;
    let (stored, path) = large(&store, &folder).await;
    let (before, described) = (fs::read(&path).expect("read"), store.describe(&stored.blob).await.expect("read"));
    let written_at = described.expect("it is there").written_at;
    let file = File::options().write(true).open(&path).expect("opened");
    for damage in [300_000, 300_010, before.len() as u64 - 64, before.len() as u64 - 1] {
        file.write_all_at(&[before[usize::try_from(damage).expect("it fits")] ^ 1], damage).expect("written");
        assert!(store.has_bad_header(&stored, &whose()).await.expect("looked at"), "at {damage}");
        let opened = store.open(&stored.blob, ByteRange::whole(stored.size)).await;
        assert!(matches!(opened, Err(BlobError::Damaged(_))), "there is nothing to compare with");
        assert!(matches!(store.describe(&stored.blob).await, Err(BlobError::Damaged(_))));

        assert!(store.rewrite_header(&stored, &whose(), written_at).await.expect("written"));

        assert!(!store.has_bad_header(&stored, &whose()).await.expect("looked at"));
        assert!(fs::read(&path).expect("read") == before, "at {damage}");
    }
    for length in [300_000, before.len() as u64 - 1] {
        file.set_len(length).expect("cut");
        assert!(store.has_bad_header(&stored, &whose()).await.expect("looked at"), "cut to {length}");
        assert!(store.rewrite_header(&stored, &whose(), written_at).await.expect("written"));
        assert!(fs::read(&path).expect("read") == before, "cut to {length}");
    }
}

#[tokio::test]
async fn a_trailer_is_left_alone_where_the_bytes_are_not_what_they_should_be() {
    let (store, _, folder) = finished().await;
    let (stored, path) = large(&store, &folder).await;
    for (length, damage) in [(300_000 + 84, 5), (299_999, 299_998)] {
        let file = File::options().write(true).open(&path).expect("opened");
        file.write_all_at(b"X", damage).and_then(|()| file.set_len(length)).expect("written");
        let before = fs::read(&path).expect("read");

        assert!(!store.has_bad_header(&stored, &whose()).await.expect("looked at"));
        assert!(!store.rewrite_header(&stored, &whose(), SystemClock.now()).await.expect("looked at"));

        assert!(fs::read(&path).expect("read") == before);
    }
}

#[tokio::test]
async fn a_header_that_says_another_owner_than_the_row_is_written_anew() {
    let (store, stored, _folder) = finished().await;
    let other = Provenance { owner: UserId::generate(SystemClock.now()), ..whose() };
    assert!(store.has_bad_header(&stored[1], &other).await.expect("looked at"));

    assert!(store.rewrite_header(&stored[1], &other, SystemClock.now()).await.expect("written"));

    let described = store.describe(&stored[1].blob).await.expect("read").expect("it is there");
    assert_eq!(described.provenance, Some(other));
    assert_eq!(read(&store, &stored[1]).await.as_deref(), Some(&sample(2)[..]), "with its checksums");
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
    assert!(store.rewrite_header(&stored[1], &whose(), SystemClock.now()).await.expect("written"));

    assert!(!store.clear(&found[0]).await.expect("looked at"));

    assert_eq!(read(&store, &stored[1]).await.as_deref(), Some(&sample(2)[..]));
}

#[tokio::test]
async fn a_pack_that_is_appended_to_has_no_remains_yet() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(folder.path()).expect("made");
    let stored = store.put(&whose(), blob::once(sample(1))).await.expect("stored");
    let (name, _) = stored.blob.as_str().split_once('-').expect("packed");
    let file = File::options().write(true).open(folder.path().join("packs").join(name)).expect("opened");
    file.write_all_at(&[7; 100], 20 * BLOCK).expect("written");

    assert_eq!(remains(&Fs::open(folder.path()).expect("opened")).await, []);
}

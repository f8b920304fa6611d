//! What became of bytes on the disk is told before anybody gets them.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::PathBuf,
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tapebase_adapters::fs::Fs;
use tapebase_domain::{
    blob::{self, BlobRef, ByteRange, Provenance, StoredBlob},
    digest::Sha256,
    id::{RecordingId, UserId},
    ports::{BlobError, BlobStore as _},
    recording::DigestOrigin,
};
use tempfile::TempDir;

/// Pieces are read of so many bytes.
const PIECE: usize = 256 << 10;

fn whose(id: &str) -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse(id).expect("an id") }
}

fn sample(size: usize) -> Bytes {
    (0..size).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect()
}

/// A blob of `size` bytes, and where its first byte is on the disk.
async fn stored(size: usize) -> (Fs, StoredBlob, File, u64, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(folder.path()).expect("made");
    let of = whose("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e");
    let stored = store.put(&of, blob::once(sample(size))).await.expect("stored");
    let (path, begins) = match stored.blob.as_str().split_once(".v2-") {
        Some((pack, offset)) => {
            let path = folder.path().join("packs").join(format!("{pack}.v2"));
            (path, u64::from_str_radix(offset, 16).expect("hexadecimal") + 128)
        }
        None => (folder.path().join(&stored.blob.as_str()[..2]).join(stored.blob.as_str()), 0),
    };
    let file = File::options().read(true).write(true).open(path).expect("opened");
    (store, stored, file, begins, folder)
}

fn flip(file: &File, at: u64) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("written");
}

/// What came before it broke off, and whether it did so because of damage.
async fn read(store: &Fs, blob: &BlobRef, range: ByteRange) -> (Vec<u8>, bool) {
    let mut body = match store.open(blob, range).await {
        Ok(opened) => opened.expect("it is there"),
        Err(BlobError::Damaged(_)) => return (Vec::new(), true),
        Err(error) => panic!("{error}"),
    };
    let mut read = Vec::new();
    while let Some(piece) = body.next().await {
        match piece {
            Ok(bytes) => read.extend_from_slice(&bytes),
            Err(BlobError::Damaged(_)) => return (read, true),
            Err(error) => panic!("{error}"),
        }
    }
    (read, false)
}

#[tokio::test]
async fn all_of_a_blob_is_read_up_to_the_piece_that_is_damaged() {
    for size in [1, 65_536, 65_537, 256 << 10, (256 << 10) + 1, 700_000] {
        let (store, stored, file, begins, _folder) = stored(size).await;
        let whole = ByteRange::whole(stored.size);
        assert_eq!(read(&store, &stored.blob, whole).await, (sample(size).into(), false), "{size} bytes");

        for at in [0, size / 2, size - 1] {
            flip(&file, begins + at as u64);
            let (came, is_damaged) = read(&store, &stored.blob, whole).await;
            flip(&file, begins + at as u64);

            assert!(is_damaged, "byte {at} of {size}");
            assert!(came == sample(size)[..at / PIECE * PIECE], "{} bytes before byte {at} of {size}", came.len());
        }
        assert_eq!(read(&store, &stored.blob, whole).await, (sample(size).into(), false), "{size} bytes");
    }
}

#[tokio::test]
async fn a_part_of_a_blob_is_not_compared() {
    for size in [100_000, 700_000] {
        let (store, stored, file, begins, _folder) = stored(size).await;
        flip(&file, begins);

        for range in [ByteRange { start: 1, length: 99_999 }, ByteRange { start: 0, length: 99_999 }] {
            let (came, is_damaged) = read(&store, &stored.blob, range).await;
            assert!(!is_damaged && came.len() == 99_999, "{range:?} of {size} bytes");
        }
    }
}

/// As a program of the second layout wrote them: a pack with one entry, and a file.
fn of_the_first_version(folder: &TempDir, audio: &[u8]) -> [StoredBlob; 2] {
    let (name, pack) = ("7f3a".repeat(8), "000000000000abcd");
    let path: PathBuf = folder.path().join("7f").join(&name);
    fs::write(path, audio).expect("written");
    let mut entry = [0; 96];
    entry[..8].copy_from_slice(b"TAPEBLOB");
    entry[12] = 1;
    entry[16..24].copy_from_slice(&0xabcd_u64.to_le_bytes());
    entry[32..40].copy_from_slice(&(audio.len() as u64).to_le_bytes());
    entry[40..48].copy_from_slice(&1_700_000_000_000_000_i64.to_le_bytes());
    entry[48..80].copy_from_slice(&Sha256::of(audio).0);
    let checksum = crc32fast::hash(&entry[12..]);
    entry[8..12].copy_from_slice(&checksum.to_le_bytes());
    fs::write(folder.path().join("packs").join(pack), [&entry, audio].concat()).expect("written");
    [name, format!("{pack}-00000000")].map(|blob| StoredBlob {
        blob: BlobRef::new(blob),
        size: audio.len() as u64,
        sha256: Sha256::of(audio),
    })
}

#[tokio::test]
async fn audio_of_the_first_version_is_read_listed_and_deleted() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = Fs::open(folder.path()).expect("made");
    let audio = sample(100_000);
    let old = of_the_first_version(&folder, &audio);

    for (stored, digest) in old.iter().zip([None, Some((Sha256::of(&audio), DigestOrigin::Computed))]) {
        assert_eq!(read(&store, &stored.blob, ByteRange::whole(100_000)).await, (audio.to_vec(), false));
        let (some, _) = read(&store, &stored.blob, ByteRange { start: 5, length: 70_000 }).await;
        assert_eq!(some, audio[5..70_005]);
        let described = store.describe(&stored.blob).await.expect("read").expect("it is there");
        assert_eq!((described.provenance, described.size, described.sha256), (None, 100_000, digest));
    }

    let first = store.list(None).await.expect("listed");
    let second = store.list(Some(old[0].blob.clone())).await.expect("listed");
    let listed: Vec<_> = first.iter().chain(&second).map(|entry| &entry.blob).collect();
    assert_eq!(listed, [&old[0].blob, &old[1].blob]);
    for stored in old {
        store.delete(&stored.blob).await.expect("deleted");
        assert!(store.open(&stored.blob, ByteRange::whole(1)).await.expect("an answer").is_none());
    }
}

//! What packs of small blobs do beyond their port: share files, give room back, and come through a crash.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{TryStreamExt as _, future::join_all};
use tapebase_adapters::fs::Fs;
use tapebase_domain::{
    blob::{self, BlobRef, ByteRange, Provenance, StoredBlob},
    id::{RecordingId, UserId},
    ports::{BlobError, BlobStore as _},
};
use tempfile::TempDir;

const BLOCK: u64 = 4 << 10;
/// A page of zeros.
const ZEROS: &[u8] = &[0; 4 << 10];

fn fresh() -> (Fs, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    (Fs::open(folder.path()).expect("made"), folder)
}

/// Bytes that say which blob they are of.
fn sample(number: usize, size: usize) -> Bytes {
    let text = format!("{number} ").into_bytes();
    text.into_iter().cycle().take(size).collect::<Vec<u8>>().into()
}

/// Whose all audio here is.
fn whose() -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID") }
}

async fn put(store: &Fs, bytes: Bytes) -> StoredBlob {
    store.put(&whose(), blob::once(bytes)).await.expect("stored")
}

async fn read(store: &Fs, stored: &StoredBlob) -> Option<Vec<u8>> {
    let body = store.open(&stored.blob, ByteRange::whole(stored.size)).await.expect("opened")?;
    Some(body.try_collect::<Vec<Bytes>>().await.expect("read").concat())
}

/// Every blob a sweep sees.
async fn walk(store: &Fs) -> BTreeSet<BlobRef> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = store.list(after).await.expect("listed");
        let Some(last) = page.last() else { return all };
        after = Some(last.blob.clone());
        all.extend(page.into_iter().map(|entry| entry.blob));
    }
}

fn packs(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("packs")).expect("it is there");
    entries.map(|entry| entry.expect("listed").path()).collect()
}

/// How many bytes of the disk the packs take.
fn allocated(root: &Path) -> u64 {
    packs(root).iter().map(|pack| fs::metadata(pack).expect("it is there").blocks() * 512).sum()
}

/// The pack a blob is in, and where in it its header begins.
fn place(root: &Path, stored: &StoredBlob) -> (File, u64) {
    let (pack, offset) = stored.blob.as_str().split_once('-').expect("it is in a pack");
    let file = File::options().read(true).write(true).open(root.join("packs").join(pack)).expect("opened");
    (file, u64::from_str_radix(offset, 16).expect("an offset"))
}

/// What a disk holds when the power goes: what other processes see, at whichever moment.
fn cut_the_power(root: &Path) -> TempDir {
    let copy = TempDir::new().expect("a temporary folder");
    drop(Fs::open(copy.path()).expect("made"));
    for pack in packs(root) {
        let name = pack.file_name().expect("it has a name");
        // One that is still being made may get its name at this moment.
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        fs::copy(&pack, copy.path().join("packs").join(name)).expect("copied");
    }
    copy
}

#[tokio::test]
async fn small_blobs_share_packs_and_large_ones_do_not() {
    let (store, _folder) = fresh();
    let sizes = [0, 1, 3_967, 3_968, 3_969, 60_000, 256 << 10];
    let mut kept = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        let bytes = sample(number, size);
        kept.push((put(&store, bytes.clone()).await, bytes));
    }
    let large = put(&store, sample(7, (256 << 10) + 1)).await;

    let shared: BTreeSet<_> =
        kept.iter().map(|(stored, _)| stored.blob.as_str().split_once('-').expect("packed").0).collect();
    assert_eq!(shared.len(), 1);
    assert!(!large.blob.as_str().contains(".v2-"), "{}", large.blob);
    for (stored, bytes) in &kept {
        assert_eq!(read(&store, stored).await.as_deref(), Some(&bytes[..]), "{}", stored.blob);
    }
}

/// Silence is zeros, as is what a crash leaves behind the last entry.
#[tokio::test]
async fn silence_at_the_end_of_a_pack_stays() {
    for size in [9_000, 100_000] {
        let (store, folder) = fresh();
        let silence = Bytes::from(vec![0; size]);
        let stored = put(&store, silence.clone()).await;
        drop(store);

        let store = Fs::open(folder.path()).expect("opened");
        assert_eq!(walk(&store).await.len(), 1);

        assert_eq!(read(&store, &stored).await.as_deref(), Some(&silence[..]), "{size}");
    }
}

#[tokio::test]
async fn packs_follow_each_other_and_lose_nothing_between_them() {
    let (store, folder) = fresh();
    let puts = (0..400).map(|number| {
        let store = &store;
        async move {
            let bytes = sample(number, 100_000 + number);
            (put(store, bytes.clone()).await, bytes)
        }
    });

    let kept = join_all(puts).await;

    assert!(packs(folder.path()).len() > 2, "40 MB fit into {:?}", packs(folder.path()));
    for (stored, bytes) in &kept {
        assert!(read(&store, stored).await.as_deref() == Some(&bytes[..]), "{} holds other bytes", stored.blob);
    }
    assert_eq!(walk(&store).await, kept.into_iter().map(|(stored, _)| stored.blob).collect());
}

#[tokio::test]
async fn what_is_deleted_gives_its_room_back_and_the_last_one_the_pack() {
    let (store, folder) = fresh();
    let mut kept = Vec::new();
    for number in 0..10 {
        kept.push(put(&store, sample(number, 200_000)).await);
    }
    // Nobody appends to the pack any more.
    drop(store);
    let store = Fs::open(folder.path()).expect("opened");
    let before = allocated(folder.path());

    for stored in &kept[1..9] {
        store.delete(&stored.blob).await.expect("deleted");
    }

    assert!(allocated(folder.path()) + 8 * 200_000 <= before, "{before} became {}", allocated(folder.path()));
    assert_eq!(read(&store, &kept[0]).await.as_deref(), Some(&sample(0, 200_000)[..]));
    assert_eq!(read(&store, &kept[9]).await.as_deref(), Some(&sample(9, 200_000)[..]));
    assert_eq!(read(&store, &kept[5]).await, None);

    store.delete(&kept[0].blob).await.expect("deleted");
    assert_eq!(packs(folder.path()).len(), 1);
    store.delete(&kept[9].blob).await.expect("deleted");
    assert_eq!(packs(folder.path()), Vec::<PathBuf>::new());
    store.delete(&kept[9].blob).await.expect("it is gone, and that is all right");
}

#[tokio::test]
async fn a_pack_in_use_stays_though_all_in_it_is_deleted() {
    let (store, folder) = fresh();
    let first = put(&store, sample(1, 1_000)).await;
    store.delete(&first.blob).await.expect("deleted");

    // Another process sweeps.
    assert_eq!(walk(&Fs::open(folder.path()).expect("opened")).await, BTreeSet::new());

    let second = put(&store, sample(2, 1_000)).await;
    assert_ne!(first.blob, second.blob);
    assert_eq!(read(&store, &second).await.as_deref(), Some(&sample(2, 1_000)[..]));
}

#[tokio::test]
async fn after_a_power_cut_all_that_was_answered_is_there_and_the_room_behind_it_is_not() {
    let (store, folder) = fresh();
    let kept = join_all((0..20).map(|number| put(&store, sample(number, 10_000)))).await;

    let copy = cut_the_power(folder.path());
    let after = Fs::open(copy.path()).expect("opened");

    assert_eq!(walk(&after).await, kept.iter().map(|stored| stored.blob.clone()).collect());
    for (number, stored) in kept.iter().enumerate() {
        assert_eq!(read(&after, stored).await.as_deref(), Some(&sample(number, 10_000)[..]));
    }
    assert_eq!(allocated(copy.path()), 20 * 3 * BLOCK, "the zeros behind the last one are given back");
    let next = put(&after, sample(20, 10_000)).await;
    let pack = |stored: &StoredBlob| stored.blob.as_str().split_once('-').map(|(pack, _)| pack.to_owned());
    assert_ne!(pack(&next), pack(&kept[0]), "what a crash left is never appended to");
}

#[tokio::test]
async fn sweeps_at_the_same_time_do_not_disturb_each_other() {
    let (store, folder) = fresh();
    let kept = put(&store, sample(1, 10_000)).await;
    drop(store);
    let (pack, offset) = place(folder.path(), &kept);
    pack.write_all_at(&ZEROS.repeat(500), offset + 3 * BLOCK).expect("written");

    let stores: Vec<_> = (0..8).map(|_| Fs::open(folder.path()).expect("opened")).collect();
    for seen in join_all(stores.iter().map(walk)).await {
        assert_eq!(seen, BTreeSet::from([kept.blob.clone()]));
    }

    assert_eq!(allocated(folder.path()), 3 * BLOCK);
}

#[tokio::test]
async fn an_entry_torn_by_a_power_cut_hides_none_behind_it() {
    let (store, folder) = fresh();
    let kept = join_all((0..3).map(|number| put(&store, sample(number, 10_000)))).await;
    drop(store);
    // Of the second, some pages came to the disk, the first not among them.
    let (pack, offset) = place(folder.path(), &kept[1]);
    pack.write_all_at(ZEROS, offset).expect("written");

    let store = Fs::open(folder.path()).expect("opened");

    assert_eq!(walk(&store).await, BTreeSet::from([kept[0].blob.clone(), kept[2].blob.clone()]));
    assert_eq!(read(&store, &kept[1]).await, None);
    assert_eq!(read(&store, &kept[2]).await.as_deref(), Some(&sample(2, 10_000)[..]));
}

#[tokio::test]
async fn nothing_but_zeros_is_ever_cut_off() {
    let (store, folder) = fresh();
    let stored = put(&store, sample(1, 10_000)).await;
    drop(store);
    // A bit of the last header fell over: the audio can still be saved by hand, and must be left.
    let (pack, offset) = place(folder.path(), &stored);
    pack.write_all_at(b"X", offset).expect("written");
    let before = fs::read(&packs(folder.path())[0]).expect("read");

    let store = Fs::open(folder.path()).expect("opened");
    assert_eq!(walk(&store).await, BTreeSet::new());

    assert_eq!(fs::read(&packs(folder.path())[0]).expect("read"), before);
}

#[tokio::test]
async fn a_pack_that_was_cut_short_is_an_error_and_no_short_read() {
    let (store, folder) = fresh();
    let stored = put(&store, sample(1, 10_000)).await;
    let (pack, offset) = place(folder.path(), &stored);
    pack.set_len(offset + 2 * BLOCK).expect("cut");

    let opened = store.open(&stored.blob, ByteRange::whole(stored.size)).await;

    assert!(matches!(opened, Err(BlobError::Damaged(_))));
}

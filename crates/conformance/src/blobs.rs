//! What a [`BlobStore`] promises, apart from surviving a power cut, which no test in a process can show.

mod describe;

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all, stream};
use tapebase_domain::{
    blob::{BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    digest::Sha256,
    id::{RecordingId, StoreId},
    lineage::{Generation, Step},
    ports::{BlobEntry, BlobError, BlobStore, Clock as _, SystemClock},
};
use tokio::task::{JoinSet, yield_now};

pub(crate) use self::describe::describe;
pub use self::describe::{
    describe_answers_none_for_a_blob_that_is_not_there, describe_answers_the_size_and_no_other_digest,
    describe_says_whose_the_blob_is, is_intact_is_false_for_a_blob_that_is_not_there_or_shorter_than_it_was,
    provenance_says_whose_the_blob_is,
};
use crate::samples::{noon, stranger};

/// Larger than any buffer on the way.
pub(crate) const LARGE: usize = 3 << 20;

/// Put MUST return the size and the SHA-256 of exactly the bytes it kept.
pub async fn put_answers_the_size_and_digest_of_exactly_what_it_kept(store: Arc<dyn BlobStore>) {
    for (size, piece) in [(0, 1), (1, 1), (2_000, 1), (65_536, 65_536), (LARGE, 65_521), (LARGE + 1, LARGE + 1)] {
        let bytes = noise(size);

        let stored = store.put(&whose(), body(pieces(&bytes, piece))).await.expect("kept");

        assert_eq!((stored.size, stored.sha256), (size as u64, Sha256::of(&bytes)), "{size} bytes");
        assert!(read(&store, &stored).await == bytes, "{size} bytes in pieces of {piece} were kept otherwise");
    }
}

/// Put keeps everything the body yields, whatever the pieces.
pub async fn put_takes_empty_pieces_for_what_they_are(store: Arc<dyn BlobStore>) {
    let texts = ["", "one", "", "", "two", ""];

    let stored =
        store.put(&whose(), body(texts.map(|text| Ok(Bytes::from_static(text.as_bytes()))))).await.expect("kept");

    assert_eq!(read(&store, &stored).await, "onetwo");
}

/// Put MUST give every blob a reference of its own, even for equal bytes.
pub async fn put_gives_equal_bytes_references_of_their_own(store: Arc<dyn BlobStore>) {
    for size in [0, 1_000] {
        let bytes = noise(size);
        let first = put(&store, &bytes).await;
        let second = put(&store, &bytes).await;
        assert_ne!(first.blob, second.blob);

        store.delete(&first.blob).await.expect("deleted");

        assert_eq!(read(&store, &second).await, bytes);
    }
}

/// A reference is never reused: put MUST give every blob its own, also after others are deleted.
pub async fn put_never_gives_a_reference_twice(store: Arc<dyn BlobStore>) {
    let mut given = HashSet::new();
    for _ in 0..20 {
        let stored = put(&store, b"again").await;
        store.delete(&stored.blob).await.expect("deleted");

        assert!(given.insert(stored.blob), "given before");
    }
}

/// When the body fails, put MUST return that error and keep nothing.
pub async fn put_answers_the_error_of_a_failing_body_and_keeps_nothing(store: Arc<dyn BlobStore>) {
    let errors = [BodyError::Incomplete, BodyError::Stalled, BodyError::TooLarge { limit: 7 }, BodyError::OverQuota];
    for (error, size) in errors.into_iter().zip([0, 1, 1_000, LARGE]) {
        let bytes = noise(size);
        let failing = pieces(&bytes, 65_521).into_iter().chain([Err(error), Ok(Bytes::from_static(b"after"))]);

        let refused = store.put(&whose(), body(failing)).await;

        assert!(matches!(refused, Err(BlobError::Body(answered)) if answered == error), "{refused:?}");
        assert_eq!(walk(&store).await, [], "after {size} bytes");
    }
}

/// Put MUST keep exactly what each body yields, however many are put at once.
pub async fn put_keeps_many_bodies_at_once(store: Arc<dyn BlobStore>) {
    let puts = (0..16).map(|number| {
        let store = store.clone();
        async move {
            let bytes = noise(200_000 + number);
            let stored = store.put(&whose(), body(pieces(&bytes, 1_021))).await.expect("kept");
            assert_eq!((stored.size, stored.sha256), (bytes.len() as u64, Sha256::of(&bytes)));
            (stored, bytes)
        }
    });
    let kept = puts.collect::<JoinSet<_>>().join_all().await;

    for (stored, bytes) in &kept {
        assert!(read(&store, stored).await == *bytes, "{} holds the bytes of another", stored.blob);
    }
    assert_eq!(walk(&store).await.len(), kept.len());
}

/// Open MUST yield exactly the bytes of the range, in order.
pub async fn open_yields_exactly_the_bytes_of_the_range(store: Arc<dyn BlobStore>) {
    for size in [1, 10_000, LARGE] {
        let bytes = noise(size);
        let stored = put(&store, &bytes).await;
        let (start, middle, end) = (0, size / 2, size);

        for (from, to) in [
            (start, end),
            (start, 1),
            (start, middle),
            (middle, end),
            (middle / 2, middle),
            (end - 1, end),
            (start, start),
            (middle, middle),
            (end, end),
        ] {
            let range = ByteRange { start: from as u64, length: (to - from) as u64 };
            let opened = store.open(&stored.blob, range).await.expect("opened").expect("it is there");
            let read = drain(opened).await.expect("read");

            assert!(read == bytes[from..to], "{range:?} of {size} bytes yielded {} others", read.len());
        }
    }
}

/// Open MUST yield exactly the bytes of the range to each of many at once.
pub async fn open_lets_many_read_at_once(store: Arc<dyn BlobStore>) {
    let bytes = noise(LARGE);
    let stored = put(&store, &bytes).await;

    let reads = (0..16).map(|_| {
        let (store, stored) = (store.clone(), stored.clone());
        async move { read(&store, &stored).await }
    });
    let all = reads.collect::<JoinSet<_>>().join_all().await;

    assert!(all.iter().all(|read| *read == bytes), "some read otherwise");
}

/// Open MUST return `None` for a blob that is not there.
pub async fn open_answers_none_for_a_blob_that_is_not_there(store: Arc<dyn BlobStore>) {
    let gone = put(&store, b"gone").await;
    store.delete(&gone.blob).await.expect("deleted");

    for range in [ByteRange::whole(4), ByteRange::whole(0)] {
        let opened = store.open(&gone.blob, range).await.expect("an answer");

        assert!(opened.is_none());
    }
}

/// A blob opened before it is deleted MUST read to its end or fail, never end early.
pub async fn a_blob_deleted_while_it_is_read_never_ends_early(store: Arc<dyn BlobStore>) {
    let bytes = noise(LARGE);
    for pieces_before in [0, 1] {
        let stored = put(&store, &bytes).await;
        let whole = ByteRange::whole(stored.size);
        let mut opened = store.open(&stored.blob, whole).await.expect("opened").expect("it is there");
        let mut head = Vec::new();
        for _ in 0..pieces_before {
            head.extend(opened.next().await.expect("not empty").expect("read"));
        }

        store.delete(&stored.blob).await.expect("deleted");

        if let Ok(rest) = drain(opened).await {
            assert!([&head[..], &rest].concat() == bytes, "ended early or otherwise");
        }
    }
}

/// Delete removes that blob and no other.
pub async fn delete_leaves_the_other_blobs(store: Arc<dyn BlobStore>) {
    let (gone, left) = (put(&store, b"gone").await, put(&store, b"left").await);

    store.delete(&gone.blob).await.expect("deleted");

    assert_eq!(read(&store, &left).await, "left");
    assert_eq!(blobs(&walk(&store).await), [left.blob]);
}

/// Delete MUST succeed when the blob is already gone.
pub async fn delete_succeeds_when_the_blob_is_already_gone(store: Arc<dyn BlobStore>) {
    let gone = put(&store, b"gone").await;

    for _ in 0..2 {
        let deleted = store.delete(&gone.blob).await;

        assert!(deleted.is_ok(), "{deleted:?}");
    }
}

/// Walked from `None` until it is empty, the list MUST have every blob exactly once.
pub async fn a_walk_has_every_blob_exactly_once(store: Arc<dyn BlobStore>) {
    assert_eq!(walk(&store).await, []);
    let clock = SystemClock;
    let (mut expected, began) = (Vec::new(), clock.now());
    for number in 0..300 {
        expected.push(put(&store, format!("number {number}").as_bytes()).await.blob);
    }

    let entries = walk(&store).await;

    let mut walked = blobs(&entries);
    walked.sort_unstable();
    expected.sort_unstable();
    assert_eq!(walked, expected);
    // The store's clock need not be this one.
    let tolerance = TimeDelta::minutes(5);
    let plausible = began - tolerance..=clock.now() + tolerance;
    let odd: Vec<_> = entries.iter().filter(|entry| !plausible.contains(&entry.modified_at)).collect();
    assert!(odd.is_empty(), "{odd:?} were not written in {plausible:?}");
}

/// The list MUST have every blob exactly once even if those walked past are deleted, as the sweeper does.
pub async fn a_walk_goes_on_when_what_it_passed_is_deleted(store: Arc<dyn BlobStore>) {
    let mut expected = Vec::new();
    for number in 0..300 {
        expected.push(put(&store, format!("number {number}").as_bytes()).await.blob);
    }

    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let entries = store.list(after).await.expect("listed");
        let Some(last) = entries.last() else { break };
        after = Some(last.blob.clone());
        for entry in entries {
            assert!(!walked.contains(&entry.blob), "{} is listed twice", entry.blob);
            store.delete(&entry.blob).await.expect("deleted");
            walked.push(entry.blob);
        }
    }

    walked.sort_unstable();
    expected.sort_unstable();
    assert_eq!(walked, expected);
    assert_eq!(walk(&store).await, []);
}

/// Claim MUST return `true` to the first store that asks and to that one ever after, `false` to every other.
pub async fn claim_is_granted_to_one_store_for_ever(store: Arc<dyn BlobStore>) {
    let (first, other) = (StoreId::generate(noon()), StoreId::generate(noon()));
    assert_eq!(store.claimed_by().await.expect("an answer"), None);

    let mut answers = Vec::new();
    for rows in [first, other, first, other] {
        answers.push(store.claim(rows).await.expect("an answer"));
    }

    assert_eq!(answers, [true, false, true, false]);
    assert_eq!(store.claimed_by().await.expect("an answer"), Some(first));
    assert_eq!(walk(&store).await, [], "a claim is no blob");
}

/// A step MUST be taken on condition that the blobs are where it begins, once.
pub async fn a_step_begins_where_the_blobs_are(store: Arc<dyn BlobStore>) {
    let [first, second, third] = [(); 3].map(|()| Generation::generate());
    let (one, two) = (Step { from: None, to: first }, Step { from: Some(first), to: second });
    assert_eq!(store.generation().await.expect("an answer"), None);

    assert!(!store.step(two).await.expect("an answer"));
    assert_eq!(store.generation().await.expect("an answer"), None);
    for _ in 0..2 {
        assert!(store.step(one).await.expect("an answer"), "whoever asks again is told that it is done");
        assert_eq!(store.generation().await.expect("an answer"), Some(first));
    }
    assert!(store.step(two).await.expect("an answer"));
    for late in [one, Step { from: Some(first), to: third }, Step { from: None, to: third }] {
        assert!(!store.step(late).await.expect("an answer"));
    }

    assert_eq!(store.generation().await.expect("an answer"), Some(second));
    assert_eq!(walk(&store).await, [], "a generation is no blob");
}

/// Of several steps at once from where the blobs are, one MUST be taken.
pub async fn of_two_steps_at_once_one_is_taken(store: Arc<dyn BlobStore>) {
    let mut from = None;
    for _ in 0..5 {
        let steps = [(); 4].map(|()| Step { from, to: Generation::generate() });
        let taken = join_all(steps.map(|step| store.step(step))).await;
        let taken: Vec<_> = taken.into_iter().map(|taken| taken.expect("an answer")).collect();

        from = store.generation().await.expect("an answer");
        let expected: Vec<_> = steps.iter().map(|step| Some(step.to) == from).collect();
        assert_eq!(taken, expected);
        assert!(taken.contains(&true));
    }
}

/// A ping fails when the store cannot serve, and only then.
pub async fn a_blob_store_that_serves_answers_pings(store: Arc<dyn BlobStore>) {
    let answer = store.ping().await;

    assert!(answer.is_ok(), "{answer:?}");
}

/// Bytes of which no two stretches are alike, so that a piece out of place shows.
pub(crate) fn noise(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_u32 ^ u32::try_from(size).unwrap_or_default();
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

pub(crate) fn pieces(bytes: &Bytes, size: usize) -> Vec<Result<Bytes, BodyError>> {
    let starts = (0..bytes.len()).step_by(size);
    starts.map(|start| Ok(bytes.slice(start..bytes.len().min(start + size)))).collect()
}

/// A body that lets others go first between its pieces.
pub(crate) fn body<I>(pieces: I) -> ByteStream<BodyError>
where
    I: IntoIterator<Item = Result<Bytes, BodyError>>,
    I::IntoIter: Send + 'static,
{
    Box::pin(stream::iter(pieces).then(|piece| async {
        yield_now().await;
        piece
    }))
}

pub(crate) async fn put(store: &Arc<dyn BlobStore>, bytes: &[u8]) -> StoredBlob {
    store.put(&whose(), body([Ok(Bytes::copy_from_slice(bytes))])).await.expect("kept")
}

/// A recording nobody else has.
pub(crate) fn whose() -> Provenance {
    Provenance { owner: stranger(), recording: RecordingId::generate(noon()) }
}

pub(crate) async fn read(store: &Arc<dyn BlobStore>, stored: &StoredBlob) -> Bytes {
    let opened = store.open(&stored.blob, ByteRange::whole(stored.size)).await.expect("opened");
    drain(opened.expect("it is there")).await.expect("read")
}

async fn drain(opened: ByteStream<BlobError>) -> Result<Bytes, BlobError> {
    Ok(opened.try_collect::<Vec<Bytes>>().await?.concat().into())
}

/// Everything the store lists; fails rather than walk in circles.
///
/// # Panics
/// If it cannot be listed, or something is listed twice.
pub async fn walk(blobs: &Arc<dyn BlobStore>) -> Vec<BlobEntry> {
    let (mut walked, mut seen) = (Vec::new(), HashSet::new());
    loop {
        let after = walked.last().map(|entry: &BlobEntry| entry.blob.clone());
        let entries = blobs.list(after).await.expect("listed");
        if entries.is_empty() {
            return walked;
        }
        for entry in entries {
            assert!(seen.insert(entry.blob.clone()), "{} is listed twice", entry.blob);
            walked.push(entry);
        }
    }
}

pub(crate) fn blobs(entries: &[BlobEntry]) -> Vec<BlobRef> {
    entries.iter().map(|entry| entry.blob.clone()).collect()
}

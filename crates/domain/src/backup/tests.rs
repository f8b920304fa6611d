use bytes::Bytes;
use futures_util::{FutureExt as _, TryStreamExt as _, stream};
use mockall::predicate::{always, eq};

use super::*;
use crate::{
    blob::ByteStream,
    ports::MockInventory,
    testing::{TestPorts, recording, stored_blob, timestamp},
};

const NOW: &str = "2026-11-26T12:00:00Z";

/// Two pairs of stores, and a recording both have a row of.
struct Scene {
    memo: Recording,
    source: TestPorts,
    copy: TestPorts,
    inventory: MockInventory,
}

impl Scene {
    fn set() -> Self {
        let memo = recording(UserId::generate(timestamp(NOW)), b"speech");
        Self { memo, source: TestPorts::at(NOW), copy: TestPorts::at(NOW), inventory: MockInventory::new() }
    }

    fn source_opens(mut self, opened: Result<Option<ByteStream<BlobError>>, BlobError>) -> Self {
        self.source
            .blobs
            .expect_open()
            .with(eq(self.memo.blob.clone()), eq(ByteRange::whole(6)))
            .return_once(|_, _| opened);
        self
    }

    /// What is put into the copy is kept as `audio`, whatever it is.
    fn copy_keeps(mut self, audio: &'static [u8]) -> Self {
        let of = Provenance::from(&self.memo);
        self.copy.blobs.expect_put().with(eq(of), always()).return_once(move |_, body| {
            body.try_collect::<Vec<Bytes>>().now_or_never().expect("all is there")?;
            Ok(stored_blob("copied", audio))
        });
        self
    }

    /// The copy loses its row; the source has this one by now.
    fn copy_forgets(mut self, row: Option<Recording>) -> Self {
        let (owner, id) = (self.memo.owner, self.memo.id.clone());
        self.inventory.expect_forget().with(eq(owner), eq(id)).times(1).returning(|_, _| Ok(true));
        self.source.records.expect_find().returning(move |_, _| Ok(row.clone()));
        self
    }

    async fn outcome(self) -> Outcome {
        let inventory: Arc<dyn Inventory> = Arc::new(self.inventory);
        let copy = Ports { inventory, ..self.copy.build() };
        let backup = Backup::new(&self.source.build(), &copy);
        let copied: Vec<_> = backup.copy(vec![self.memo]).try_collect().await.expect("the stores answer");
        copied.into_iter().next().expect("one").1
    }
}

fn body(pieces: impl IntoIterator<Item = Result<&'static [u8], BlobError>>) -> ByteStream<BlobError> {
    let pieces: Vec<_> = pieces.into_iter().map(|piece| piece.map(Bytes::from_static)).collect();
    Box::pin(stream::iter(pieces))
}

fn broken() -> BlobError {
    BlobError::Unavailable("the disk fails".into())
}

#[tokio::test]
async fn a_recording_is_copied_and_its_row_refers_to_the_copy() {
    let mut scene = Scene::set().source_opens(Ok(Some(body([Ok(&b"speech"[..])])))).copy_keeps(b"speech");
    let Recording { owner, id, blob, .. } = scene.memo.clone();
    let moved = scene.copy.records.expect_move_blob().times(1);
    moved
        .withf(move |o, i, from, to, due_at| (*o, i, from, to.as_str(), due_at) == (owner, &id, &blob, "copied", &None))
        .returning(|_, _, _, _, _| Ok(true));

    assert!(matches!(scene.outcome().await, Outcome::Copied));
}

#[tokio::test]
async fn a_recording_deleted_or_replaced_meanwhile_leaves_the_copy() {
    let replaced = Scene::set().memo;
    for row in [None, Some(Recording { blob: BlobRef::new("elsewhere".into()), ..replaced })] {
        let scene = Scene::set().source_opens(Ok(None)).copy_forgets(row);
        assert!(matches!(scene.outcome().await, Outcome::Deleted));
    }
}

#[tokio::test]
async fn what_is_damaged_leaves_the_copy_row_and_bytes() {
    let scene = Scene::set().source_opens(Ok(Some(body([Ok(&b"sqeech"[..])])))).copy_keeps(b"sqeech");
    let row = scene.memo.clone();
    let mut scene = scene.copy_forgets(Some(row));
    scene.copy.blobs.expect_delete().with(eq(BlobRef::new("copied".into()))).times(1).returning(|_| Ok(()));

    assert!(matches!(scene.outcome().await, Outcome::Damaged));
}

#[tokio::test]
async fn what_is_missing_or_cannot_be_read_leaves_the_copy_and_is_told() {
    let scene = Scene::set();
    let row = scene.memo.clone();
    let missing = scene.source_opens(Ok(None)).copy_forgets(Some(row)).outcome().await;
    assert!(matches!(missing, Outcome::Missing), "{missing:?}");

    let scene = Scene::set().source_opens(Ok(Some(body([Ok(&b"spe"[..]), Err(broken())])))).copy_keeps(b"");
    let row = scene.memo.clone();
    let unreadable = scene.copy_forgets(Some(row)).outcome().await;
    assert!(matches!(unreadable, Outcome::Unreadable(BlobError::Unavailable(_))), "{unreadable:?}");
}

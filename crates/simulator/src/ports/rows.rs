//! Recordings, uploads under way, changes and tombstones.

use async_trait::async_trait;
use tapebase_domain::{
    blob::BlobRef,
    history::{ChangeNumber, Counters, DueAudio, Entry, HistoryId},
    id::{RecordingId, StoreId, UserId},
    lineage::{LastStep, Step},
    page::{Limit, PageRequest},
    pending::PendingUpload,
    playback::LinkEpoch,
    ports::{
        ChangeFeed, Changes, ChangesRequest, DeletedStore, InsertError, Inventory, InventoryPage, Miscount,
        RecordStore, ReserveError, RevisionError, SettleError, StoreError, Terms, UploadStore,
    },
    quota::Quota,
    recording::{Edit, Recording, Revision},
    time::Timestamp,
};

use super::Reached;
use crate::stores::Stores;

#[async_trait]
impl RecordStore for Reached {
    async fn insert(&self, recording: Recording, terms: Terms) -> Result<Recording, InsertError> {
        let insert = || {
            let (records, stores, recording) = (self.stores.inner().records, self.stores.clone(), recording.clone());
            async move {
                let kept = records.insert(recording, terms).await?;
                stores.ledger().record(&kept);
                Ok(kept)
            }
        };
        self.gate.call_repeated("records.insert", insert, !terms.again).await
    }

    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError> {
        self.gate.call("records.find", async { self.stores.inner().records.find(owner, id).await }).await
    }

    async fn find_to_play(
        &self,
        owner: UserId,
        id: &RecordingId,
    ) -> Result<Option<(Recording, LinkEpoch)>, StoreError> {
        let find = async { self.stores.inner().records.find_to_play(owner, id).await };
        self.gate.call("records.find_to_play", find).await
    }

    async fn link_epoch(&self, owner: UserId) -> Result<LinkEpoch, StoreError> {
        self.gate.call("records.link_epoch", async { self.stores.inner().records.link_epoch(owner).await }).await
    }

    async fn look_up(&self, owner: UserId, id: &RecordingId) -> Result<Option<Entry>, StoreError> {
        self.gate.call("records.look_up", async { self.stores.inner().records.look_up(owner, id).await }).await
    }

    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError> {
        self.gate.call("records.list", async { self.stores.inner().records.list(owner, page).await }).await
    }

    async fn edit(
        &self,
        owner: UserId,
        id: &RecordingId,
        edit: Edit,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, RevisionError> {
        let edit = async { self.stores.inner().records.edit(owner, id, edit, expected).await };
        self.gate.call_with_room("records.edit", edit).await
    }

    async fn mark_damaged(
        &self,
        owner: UserId,
        id: &RecordingId,
        blob: &BlobRef,
        since: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mark = async { self.stores.inner().records.mark_damaged(owner, id, blob, since).await };
        self.gate.call("records.mark_damaged", mark).await
    }

    async fn move_blob(
        &self,
        owner: UserId,
        id: &RecordingId,
        from: &BlobRef,
        to: BlobRef,
        due_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let moved = async {
            let is_moved = self.stores.inner().records.move_blob(owner, id, from, to.clone(), due_at).await?;
            if is_moved {
                self.stores.ledger().replace(from, &to, (owner, id.clone()), self.gate.faults.current());
            }
            Ok(is_moved)
        };
        self.gate.call("records.move_blob", moved).await
    }

    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
        at: Timestamp,
        most_tombstones: u64,
    ) -> Result<Option<Recording>, RevisionError> {
        let remove = async {
            let mut unheard = Unheard { stores: &self.stores, owner, id, is_over: false };
            let removed = self.stores.inner().records.remove(owner, id, expected, at, most_tombstones).await?;
            unheard.is_over = true;
            if let Some(removed) = &removed {
                self.stores.ledger().release(&removed.blob, self.gate.faults.current());
            }
            Ok(removed)
        };
        self.gate.call("records.remove", remove).await
    }

    async fn counters(&self, owner: UserId) -> Result<Counters, StoreError> {
        self.gate.call("records.counters", async { self.stores.inner().records.counters(owner).await }).await
    }

    async fn recount(&self, owner: UserId) -> Result<Counters, StoreError> {
        self.gate.call_with_room("records.recount", async { self.stores.inner().records.recount(owner).await }).await
    }

    async fn orphans(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        self.gate.call("records.orphans", async { self.stores.inner().records.orphans(blobs).await }).await
    }

    async fn id(&self) -> Result<StoreId, StoreError> {
        self.gate.call("records.id", async { self.stores.inner().records.id().await }).await
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.gate.call("records.is_empty", async { self.stores.inner().records.is_empty().await }).await
    }

    async fn adopt(&self, id: StoreId) -> Result<(), StoreError> {
        self.gate.call("records.adopt", async { self.stores.inner().records.adopt(id).await }).await
    }

    async fn last_step(&self) -> Result<LastStep, StoreError> {
        self.gate.call("records.last_step", async { self.stores.inner().records.last_step().await }).await
    }

    async fn note_step(&self, last: LastStep, next: Step) -> Result<bool, StoreError> {
        let note = async { self.stores.inner().records.note_step(last, next).await };
        self.gate.call("records.note_step", note).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.gate.call("records.ping", async { self.stores.inner().records.ping().await }).await
    }
}

/// A removal whose outcome the ledger has not heard of. If nobody waits for it any more, it looks for itself.
struct Unheard<'a> {
    stores: &'a Stores,
    owner: UserId,
    id: &'a RecordingId,
    is_over: bool,
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.stores.look_for(self.owner, self.id);
        }
    }
}

#[async_trait]
impl ChangeFeed for Reached {
    async fn changes(&self, owner: UserId, request: ChangesRequest) -> Result<Changes, StoreError> {
        self.gate.call("feed.changes", async { self.stores.inner().feed.changes(owner, request).await }).await
    }

    async fn latest_change(&self, owner: UserId) -> Result<ChangeNumber, StoreError> {
        self.gate.call("feed.latest_change", async { self.stores.inner().feed.latest_change(owner).await }).await
    }

    async fn history(&self) -> Result<HistoryId, StoreError> {
        self.gate.call("feed.history", async { self.stores.inner().feed.history().await }).await
    }

    async fn renew_history(&self) -> Result<HistoryId, StoreError> {
        self.gate.call("feed.renew_history", async { self.stores.inner().feed.renew_history().await }).await
    }
}

#[async_trait]
impl Inventory for Reached {
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<InventoryPage, StoreError> {
        self.gate.call("inventory.recordings", async { self.stores.inner().inventory.recordings(after).await }).await
    }

    async fn damaged(&self, most: usize) -> Result<Vec<(UserId, RecordingId)>, StoreError> {
        self.gate.call("inventory.damaged", async { self.stores.inner().inventory.damaged(most).await }).await
    }

    async fn faults(&self) -> Result<Vec<String>, StoreError> {
        self.gate.call("inventory.faults", async { self.stores.inner().inventory.faults().await }).await
    }

    async fn unreadable(&self) -> Result<Vec<String>, StoreError> {
        self.gate.call("inventory.unreadable", async { self.stores.inner().inventory.unreadable().await }).await
    }

    async fn rebuild_indexes(&self) -> Result<(), StoreError> {
        self.gate
            .call("inventory.rebuild_indexes", async { self.stores.inner().inventory.rebuild_indexes().await })
            .await
    }

    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError> {
        self.gate.call("inventory.miscounted", async { self.stores.inner().inventory.miscounted().await }).await
    }

    async fn forget(&self, owner: UserId, id: &RecordingId) -> Result<bool, StoreError> {
        self.gate.call("inventory.forget", async { self.stores.inner().inventory.forget(owner, id).await }).await
    }
}

#[async_trait]
impl DeletedStore for Reached {
    async fn audio_to_remove(&self, then: Timestamp) -> Result<Vec<DueAudio>, StoreError> {
        let due = async { self.stores.inner().deleted.audio_to_remove(then).await };
        self.gate.call("deleted.audio_to_remove", due).await
    }

    async fn audio_of(&self, owner: UserId) -> Result<Vec<DueAudio>, StoreError> {
        self.gate.call("deleted.audio_of", async { self.stores.inner().deleted.audio_of(owner).await }).await
    }

    async fn note_audio(&self, audio: &DueAudio, due_at: Timestamp) -> Result<(), StoreError> {
        let note = async { self.stores.inner().deleted.note_audio(audio, due_at).await };
        self.gate.call_with_room("deleted.note_audio", note).await
    }

    async fn put_off_audio(&self, audio: &DueAudio, until: Timestamp) -> Result<(), StoreError> {
        let put_off = async { self.stores.inner().deleted.put_off_audio(audio, until).await };
        self.gate.call_with_room("deleted.put_off_audio", put_off).await
    }

    async fn audio_removed(&self, audio: &DueAudio, forget_at: Timestamp) -> Result<(), StoreError> {
        let note = async { self.stores.inner().deleted.audio_removed(audio, forget_at).await };
        self.gate.call_with_room("deleted.audio_removed", note).await
    }

    async fn forget_deleted(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.gate.call("deleted.forget_deleted", async { self.stores.inner().deleted.forget_deleted(now).await }).await
    }
}

#[async_trait]
impl UploadStore for Reached {
    async fn reserve(&self, upload: PendingUpload, quota: Quota) -> Result<(), ReserveError> {
        let reserve = || {
            let (uploads, upload) = (self.stores.inner().uploads, upload.clone());
            async move { uploads.reserve(upload, quota).await }
        };
        self.gate.call_repeated("uploads.reserve", reserve, true).await
    }

    async fn upload(&self, owner: UserId, id: &RecordingId) -> Result<Option<PendingUpload>, StoreError> {
        self.gate.call("uploads.upload", async { self.stores.inner().uploads.upload(owner, id).await }).await
    }

    async fn uploads(
        &self,
        owner: UserId,
        limit: Limit,
        after: Option<RecordingId>,
    ) -> Result<Vec<PendingUpload>, StoreError> {
        let list = async { self.stores.inner().uploads.uploads(owner, limit, after).await };
        self.gate.call("uploads.uploads", list).await
    }

    async fn settle(&self, upload: &PendingUpload, recording: Recording) -> Result<Recording, SettleError> {
        let settle = || {
            let (uploads, stores, faults) =
                (self.stores.inner().uploads, self.stores.clone(), self.gate.faults.clone());
            let (upload, recording) = (upload.clone(), recording.clone());
            async move {
                let kept = uploads.settle(&upload, recording).await?;
                stores.ledger().record(&kept);
                stores.ledger().end_upload(&upload.staged, faults.current());
                Ok(kept)
            }
        };
        self.gate.call_repeated("uploads.settle", settle, !upload.again).await
    }

    async fn release(&self, upload: &PendingUpload, left: Option<(DueAudio, Timestamp)>) -> Result<bool, StoreError> {
        let release = async {
            let is_released = self.stores.inner().uploads.release(upload, left).await?;
            if is_released {
                self.stores.ledger().end_upload(&upload.staged, self.gate.faults.current());
            }
            Ok(is_released)
        };
        self.gate.call("uploads.release", release).await
    }

    async fn expired_uploads(&self, now: Timestamp) -> Result<Vec<PendingUpload>, StoreError> {
        let expired = async { self.stores.inner().uploads.expired_uploads(now).await };
        self.gate.call("uploads.expired_uploads", expired).await
    }
}

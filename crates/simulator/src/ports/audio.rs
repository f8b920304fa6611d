//! Audio, and what is sent for it in parts.

use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::TryStreamExt as _;
use tapebase_domain::{
    blob::{BlobDescription, BlobRef, BodyError, ByteRange, ByteStream, Provenance, StoredBlob},
    digest::Sha256,
    id::StoreId,
    lineage::{Generation, Step},
    pending::{Parts, StagedRef},
    ports::{
        Assembled, BatchRef, Batches, BlobEntry, BlobError, BlobStore, Clock as _, PartAccess, PartStore, PresignParts,
        PresignedRequest, StagedBlobs,
    },
    time::Timestamp,
};

use super::Reached;
use crate::pieces::in_pieces;

#[async_trait]
impl BlobStore for Reached {
    async fn put(&self, of: &Provenance, body: ByteStream<BodyError>) -> Result<StoredBlob, BlobError> {
        let put = async {
            let kept = self.stores.inner().blobs.put(of, body).await?;
            self.stores.ledger().write(&kept.blob, self.gate.faults.current(), self.gate.time.now());
            Ok(kept)
        };
        self.gate.call_with_room("blobs.put", put).await
    }

    fn settle(&self, blob: &BlobRef) {
        self.stores.inner().blobs.settle(blob);
    }

    fn footprint(&self, length: Option<u64>) -> u64 {
        self.stores.inner().blobs.footprint(length)
    }

    async fn open(&self, blob: &BlobRef, range: ByteRange) -> Result<Option<ByteStream<BlobError>>, BlobError> {
        let opened = self.gate.call("blobs.open", async { self.stores.inner().blobs.open(blob, range).await }).await?;
        let Some(bytes) = opened else { return Ok(None) };
        let bytes = self.gate.faults.wait_for_each(bytes);
        let Some(flipped) = self.stores.ledger().rot(blob) else { return Ok(Some(bytes)) };
        // A store that keeps checksums compares whole reads, and no others.
        let mut bytes = BytesMut::from(&bytes.try_collect::<BytesMut>().await?[..]);
        let place = flipped.checked_sub(range.start).and_then(|place| usize::try_from(place).ok());
        if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
            let described = self.stores.inner().blobs.describe(blob).await?;
            if described.is_none_or(|described| ByteRange::whole(described.size) == range) {
                return Err(BlobError::Damaged("a bit has fallen over".into()));
            }
            *byte ^= 1;
        }
        Ok(Some(in_pieces(&bytes.freeze(), None)))
    }

    async fn describe(&self, blob: &BlobRef) -> Result<Option<BlobDescription>, BlobError> {
        self.gate.call("blobs.describe", async { self.stores.inner().blobs.describe(blob).await }).await
    }

    async fn is_intact(&self, stored: &StoredBlob) -> Result<bool, BlobError> {
        let is_rotten = self.stores.ledger().rot(&stored.blob).is_some();
        let is_intact = async { Ok(self.stores.inner().blobs.is_intact(stored).await? && !is_rotten) };
        self.gate.call("blobs.is_intact", is_intact).await
    }

    async fn delete(&self, blob: &BlobRef) -> Result<(), BlobError> {
        let delete = async {
            self.stores.ledger().delete(blob);
            self.stores.inner().blobs.delete(blob).await
        };
        self.gate.call("blobs.delete", delete).await
    }

    async fn list(&self, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        let list = async {
            let (entries, now) = (self.stores.inner().blobs.list(after).await?, self.gate.time.now());
            Ok(entries.into_iter().map(|entry| self.stores.ledger().dated(entry, now)).collect())
        };
        self.gate.call("blobs.list", list).await
    }

    async fn claim(&self, rows: StoreId) -> Result<bool, BlobError> {
        self.gate.call("blobs.claim", async { self.stores.inner().blobs.claim(rows).await }).await
    }

    async fn claimed_by(&self) -> Result<Option<StoreId>, BlobError> {
        self.gate.call("blobs.claimed_by", async { self.stores.inner().blobs.claimed_by().await }).await
    }

    async fn generation(&self) -> Result<Option<Generation>, BlobError> {
        self.gate.call("blobs.generation", async { self.stores.inner().blobs.generation().await }).await
    }

    async fn step(&self, step: Step) -> Result<bool, BlobError> {
        self.gate.call("blobs.step", async { self.stores.inner().blobs.step(step).await }).await
    }

    async fn ping(&self) -> Result<(), BlobError> {
        self.gate.call("blobs.ping", async { self.stores.inner().blobs.ping().await }).await
    }
}

#[async_trait]
impl Batches for Reached {
    /// Real stores have a time of their own, and add to a batch for an hour of it: it is ended first.
    async fn open_batches(&self, _: Timestamp, after: Option<BatchRef>) -> Result<Vec<BatchRef>, BlobError> {
        let open = async {
            let batches = self.stores.inner().batches;
            if self.stores.in_memory().is_none() && after.is_none() {
                batches.end_batches().await?;
            }
            batches.open_batches(Timestamp::MAX_UTC, after).await
        };
        self.gate.call("batches.open_batches", open).await
    }

    async fn blobs_in(&self, batch: &BatchRef, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        let list = async {
            let (entries, now) = (self.stores.inner().batches.blobs_in(batch, after).await?, self.gate.time.now());
            Ok(entries.into_iter().map(|entry| self.stores.ledger().dated(entry, now)).collect())
        };
        self.gate.call("batches.blobs_in", list).await
    }

    async fn close_batch(&self, batch: &BatchRef) -> Result<(), BlobError> {
        self.gate.call("batches.close_batch", async { self.stores.inner().batches.close_batch(batch).await }).await
    }

    async fn end_batches(&self) -> Result<(), BlobError> {
        self.gate.call("batches.end_batches", async { self.stores.inner().batches.end_batches().await }).await
    }
}

#[async_trait]
impl StagedBlobs for Reached {
    async fn begin(&self, parts: Parts, of: &Provenance, sha256: Sha256) -> Result<StagedRef, BlobError> {
        let begin = async { self.stores.inner().staging.blobs.begin(parts, of, sha256).await };
        self.gate.call_with_room("staged.begin", begin).await
    }

    fn destination(&self, staged: &StagedRef) -> Option<BlobRef> {
        self.stores.inner().staging.blobs.destination(staged)
    }

    async fn sent(&self, staged: &StagedRef, parts: Parts) -> Result<Vec<u32>, BlobError> {
        self.gate.call("staged.sent", async { self.stores.inner().staging.blobs.sent(staged, parts).await }).await
    }

    async fn assemble(&self, staged: &StagedRef, parts: Parts, of: &Provenance) -> Result<Assembled, BlobError> {
        let assemble = async {
            let assembled = self.stores.inner().staging.blobs.assemble(staged, parts, of).await?;
            if let Assembled::Whole(whole) = &assembled {
                self.stores.ledger().assemble(&whole.blob, self.gate.faults.current(), self.gate.time.now());
            }
            Ok(assembled)
        };
        self.gate.call_with_room("staged.assemble", assemble).await
    }

    async fn take_apart(&self, staged: &StagedRef, blob: &BlobRef) -> Result<(), BlobError> {
        let take_apart = async {
            self.stores.inner().staging.blobs.take_apart(staged, blob).await?;
            if self.stores.inner().blobs.describe(blob).await?.is_none() {
                self.stores.ledger().delete(blob);
            }
            Ok(())
        };
        self.gate.call("blobs.delete", take_apart).await
    }

    async fn clear(&self, staged: &StagedRef) -> Result<(), BlobError> {
        let clear = async {
            self.stores.inner().staging.blobs.clear(staged).await?;
            self.stores.ledger().clear(staged);
            Ok(())
        };
        self.gate.call("staged.clear", clear).await
    }

    async fn abort(&self, staged: &StagedRef) -> Result<(), BlobError> {
        let abort = async {
            self.stores.inner().staging.blobs.abort(staged).await?;
            self.stores.ledger().clear(staged);
            Ok(())
        };
        self.gate.call("staged.abort", abort).await
    }

    async fn abort_begun_before(&self, then: Timestamp) -> Result<u64, BlobError> {
        let abort = async { self.stores.inner().staging.blobs.abort_begun_before(then).await };
        self.gate.call("staged.abort_begun_before", abort).await
    }
}

#[async_trait]
impl PartStore for Reached {
    async fn put_part(&self, staged: &StagedRef, number: u32, body: ByteStream<BodyError>) -> Result<(), BlobError> {
        let put = async {
            match self.stores.inner().staging.parts {
                PartAccess::Server(parts) => parts.put_part(staged, number, body).await,
                PartAccess::Presigned(_) => Err(BlobError::Unavailable("parts go past the server".into())),
            }
        };
        self.gate.call_with_room("parts.put_part", put).await
    }
}

#[async_trait]
impl PresignParts for Reached {
    async fn presign_part(
        &self,
        staged: &StagedRef,
        parts: Parts,
        number: u32,
        of: &Provenance,
        sha256: Sha256,
        lifetime: Duration,
    ) -> Result<PresignedRequest, BlobError> {
        let presign = async {
            match self.stores.inner().staging.parts {
                PartAccess::Presigned(links) => links.presign_part(staged, parts, number, of, sha256, lifetime).await,
                PartAccess::Server(_) => Err(BlobError::Unavailable("parts go to the server".into())),
            }
        };
        self.gate.call("parts.presign_part", presign).await
    }
}

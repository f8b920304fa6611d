//! A recording that is sent again: compared with what is there, and put in its place where that is damaged.

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::{Allowance, NewRecording, Stored, Upload, UploadError, check_digest, metered};
use crate::{
    blob::{self, BlobRef, BodyError, ByteStream, Provenance},
    digest::Hasher,
    history::Entry,
    ports::BlobError,
    recording::Recording,
};

/// Up to this size what is sent is kept until it was compared, and can take the place of what is damaged.
const KEPT_BYTES: u64 = 256 << 10;

impl Upload {
    /// Answers an upload under an id that is taken: nothing is stored again that is there.
    pub(super) async fn repeat(
        &self,
        existing: Recording,
        new: &NewRecording,
        body: ByteStream<BodyError>,
    ) -> Result<Stored, UploadError> {
        let is_other = new.size.is_some_and(|size| size != existing.size)
            || new.sha256.is_some_and(|sha256| sha256 != existing.sha256);
        if is_other {
            return Err(UploadError::Conflict(existing.id));
        }
        if !self.damage.is_there(&existing).await? {
            let damaged = self.damage.note(existing).await;
            return self.mend(damaged, new, body).await;
        }
        let sent = receive(&existing, new, body).await?;
        if self.damage.is_intact(&existing).await? {
            return self.still_there(&existing, new).await;
        }
        // Or it went while it was compared.
        let damaged = match self.records.look_up(existing.owner, &existing.id).await? {
            Some(Entry::Recording(still)) if still.blob == existing.blob => self.damage.note(*still).await,
            _ => return self.still_there(&existing, new).await,
        };
        match sent {
            Some(audio) => self.mend(damaged, new, blob::once(audio)).await,
            None => Err(UploadError::SendAgain(damaged.id)),
        }
    }

    /// Says that a recording is safe, unless it was deleted while it was compared.
    async fn still_there(&self, existing: &Recording, new: &NewRecording) -> Result<Stored, UploadError> {
        match self.records.look_up(existing.owner, &existing.id).await? {
            Some(Entry::Recording(still)) if still.sha256 == existing.sha256 => Ok(Stored::Existing(*still)),
            gone if !new.condition.admits(gone.as_ref().and_then(Entry::revision)) => Err(UploadError::Unmet),
            Some(Entry::Deleted(deleted)) if !new.again => Err(UploadError::Deleted(deleted)),
            _ => Err(UploadError::Unavailable("the recording went while it was compared".into())),
        }
    }

    /// Stores a recording anew whose audio is damaged.
    async fn mend(
        &self,
        damaged: Recording,
        new: &NewRecording,
        body: ByteStream<BodyError>,
    ) -> Result<Stored, UploadError> {
        let begun_at = self.clock.now();
        let body = metered(body, same_length(&damaged), new.size);
        let blob = match self.blobs.put(&Provenance::from(&damaged), body).await {
            Err(BlobError::Body(BodyError::TooLarge { .. })) => return Err(UploadError::Conflict(damaged.id)),
            put => put?,
        };
        let refusal = self.check(new, &blob, begun_at).err();
        let is_other = blob.sha256 != damaged.sha256;
        if let Some(refusal) = refusal.or_else(|| is_other.then(|| UploadError::Conflict(damaged.id.clone()))) {
            self.discard(&blob.blob).await;
            return Err(refusal);
        }
        self.put_in_place(&damaged, blob.blob, new).await
    }

    /// Has a recording refer to sound audio. If that fails it is unknown, and the audio stays for the sweeper.
    pub(super) async fn put_in_place(
        &self,
        damaged: &Recording,
        blob: BlobRef,
        new: &NewRecording,
    ) -> Result<Stored, UploadError> {
        let is_replaced = self.damage.replace(damaged, blob.clone()).await?;
        match self.records.look_up(damaged.owner, &damaged.id).await? {
            Some(Entry::Recording(now)) if now.blob == blob => return Ok(Stored::Repaired(*now)),
            // Whoever took it out since has its audio, too.
            _ if is_replaced => {}
            _ => self.discard(&blob).await,
        }
        // Somebody else was faster.
        self.still_there(damaged, new).await
    }
}

fn same_length(existing: &Recording) -> Allowance {
    Allowance { recording: existing.size, quota: u64::MAX }
}

/// Receives what must be the audio of `existing`, and keeps it if it is small.
async fn receive(
    existing: &Recording,
    new: &NewRecording,
    body: ByteStream<BodyError>,
) -> Result<Option<Bytes>, UploadError> {
    let (mut hasher, mut kept) = (Hasher::default(), (existing.size <= KEPT_BYTES).then(BytesMut::new));
    let mut body = metered(body, same_length(existing), new.size);
    while let Some(piece) = body.next().await {
        match piece {
            Ok(bytes) => {
                hasher.update(&bytes);
                if let Some(kept) = &mut kept {
                    kept.extend_from_slice(&bytes);
                }
            }
            Err(BodyError::TooLarge { .. }) => return Err(UploadError::Conflict(existing.id.clone())),
            Err(error) => return Err(error.into()),
        }
    }
    let (_, sha256) = hasher.finish();
    check_digest(new.sha256, sha256)?;
    if sha256 == existing.sha256 {
        Ok(kept.map(BytesMut::freeze))
    } else {
        Err(UploadError::Conflict(existing.id.clone()))
    }
}

//! Stores in memory, which can be copied, put back and have their power cut.

use std::sync::Arc;

use tapebase_adapters::memory::Memory;
use tapebase_domain::{
    memory::Budget,
    ports::{PartAccess, Ports, StagedBlobs as _, Staging, UploadStore as _},
    time::Timestamp,
};

use crate::{
    dice::Dice,
    ports::{PlainPasswords, PlainProvider},
    time::{ServerClock, Time},
    unsynced::Unsynced,
};

/// Rows and audio.
#[derive(Clone)]
pub struct InMemory {
    rows: Arc<Memory>,
    audio: Arc<Memory>,
    unsynced: Arc<Unsynced>,
    time: Time,
}

impl InMemory {
    /// Nothing yet.
    #[must_use]
    pub fn new(time: &Time) -> Self {
        let [rows, audio] = [0; 2].map(|_| Memory::with_clock(Arc::new(time.clone())));
        Self::of(rows, audio, time)
    }

    fn of(rows: Memory, audio: Memory, time: &Time) -> Self {
        let audio = Arc::new(audio);
        Self { rows: Arc::new(rows), unsynced: Arc::new(Unsynced::new(audio.clone())), audio, time: time.clone() }
    }

    /// The rows as they are, and no audio.
    #[must_use]
    pub fn copy_rows(&self) -> Self {
        Self::of((*self.rows).clone(), Memory::with_clock(Arc::new(self.time.clone())), &self.time)
    }

    /// All as it is; what is deleted and not synced comes back.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::of((*self.rows).clone(), (*self.audio).clone(), &self.time)
    }

    /// These rows, and the audio of `other`.
    #[must_use]
    pub fn with_audio_of(self, other: &Self) -> Self {
        Self { audio: other.audio.clone(), unsynced: other.unsynced.clone(), ..self }
    }

    /// What is deleted is gone for good.
    pub async fn sync(&self) {
        self.unsynced.sync().await;
    }

    /// What the ports do not promise to survive does not: some of what was deleted is there again, parts are gone.
    pub async fn lose_power(&self, dice: &mut Dice) {
        self.unsynced.lose_power(dice).await;
        let uploads = self.rows.expired_uploads(Timestamp::MAX_UTC).await.unwrap_or_default();
        for upload in uploads.iter().filter(|_| dice.is(50)) {
            let _ = self.audio.clear(&upload.staged).await;
        }
    }

    /// The way to them.
    #[must_use]
    pub fn ports(&self) -> Ports {
        let Self { rows, audio, unsynced, time } = self.clone();
        let clock = Arc::new(ServerClock::new(time));
        Ports {
            records: rows.clone(),
            feed: rows.clone(),
            deleted: rows.clone(),
            inventory: rows.clone(),
            uploads: rows.clone(),
            blobs: unsynced,
            batches: audio.clone(),
            salvage: None,
            staging: Staging { blobs: audio.clone(), parts: PartAccess::Server(audio) },
            downloads: None,
            users: rows.clone(),
            tokens: rows.clone(),
            erasure: rows.clone(),
            attempts: rows.clone(),
            single_use: rows.clone(),
            identity_providers: Arc::new(PlainProvider),
            mailer: None,
            playback_keys: rows,
            clock: clock.clone(),
            timer: clock,
            passwords: Arc::new(PlainPasswords),
            memory: Budget::unlimited(),
        }
    }
}

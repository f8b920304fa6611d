//! What Tapebase needs from the world: one trait per noun, implemented by adapters.
//!
//! Each promise is one sentence with MUST, and one case with the same words in the conformance suite:
//! an adapter that passes the suite can be swapped in. To add a backend, implement the traits it can
//! serve in the adapters crate and run the suite on it; nothing here or in the HTTP API changes.

mod attempts;
mod batches;
mod blobs;
mod changes;
mod clock;
mod deleted;
mod erasure;
mod identity_providers;
mod inventory;
mod links;
mod mailer;
mod passwords;
mod playback_keys;
mod records;
mod relay;
mod salvage;
mod single_use;
mod staging;
mod timer;
mod tokens;
mod uploads;
mod users;

use std::sync::Arc;

use crate::memory::Budget;

pub use self::{
    attempts::AttemptStore,
    batches::{BatchRef, Batches},
    blobs::{BlobEntry, BlobError, BlobStore, digest},
    changes::{ChangeFeed, Changes, ChangesRequest},
    clock::{Clock, SystemClock},
    deleted::DeletedStore,
    erasure::ErasureStore,
    identity_providers::{IdTokenError, IdentityProviders},
    inventory::{Inventory, InventoryPage, Miscount},
    links::{Presentation, PresignDownloads},
    mailer::{MailError, Mailer},
    passwords::{HasherError, PasswordHasher},
    playback_keys::PlaybackKeyStore,
    records::{InsertError, RecordStore, RevisionError, Terms},
    relay::{Cause, relay},
    salvage::{Salvage, TornWrite},
    single_use::SingleUse,
    staging::{Assembled, PartAccess, PartStore, PresignParts, PresignedRequest, StagedBlobs, Staging},
    timer::Timer,
    tokens::TokenStore,
    uploads::{ReserveError, SettleError, UploadStore},
    users::{CreateError, UpdateError, UserStore},
};
#[cfg(test)]
pub use self::{
    attempts::MockAttemptStore,
    batches::MockBatches,
    blobs::MockBlobStore,
    changes::MockChangeFeed,
    clock::MockClock,
    deleted::MockDeletedStore,
    erasure::MockErasureStore,
    identity_providers::MockIdentityProviders,
    inventory::MockInventory,
    links::MockPresignDownloads,
    mailer::MockMailer,
    passwords::MockPasswordHasher,
    playback_keys::MockPlaybackKeyStore,
    records::MockRecordStore,
    salvage::MockSalvage,
    single_use::MockSingleUse,
    staging::{MockPartStore, MockPresignParts, MockStagedBlobs},
    timer::MockTimer,
    tokens::MockTokenStore,
    uploads::MockUploadStore,
    users::MockUserStore,
};

/// The driver's own error, kept for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error and everything that led to it, in one line for the log.
#[must_use]
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// The plug board: one adapter per port.
#[derive(Clone)]
pub struct Ports {
    /// Rows about recordings.
    pub records: Arc<dyn RecordStore>,
    /// The order in which recordings have changed.
    pub feed: Arc<dyn ChangeFeed>,
    /// Audio to be removed, and what is left of deleted recordings.
    pub deleted: Arc<dyn DeletedStore>,
    /// Everybody's rows about recordings.
    pub inventory: Arc<dyn Inventory>,
    /// Uploads under way.
    pub uploads: Arc<dyn UploadStore>,
    /// Bytes of recordings.
    pub blobs: Arc<dyn BlobStore>,
    /// Which of them may have no recording.
    pub batches: Arc<dyn Batches>,
    /// What is left of bytes that went wrong, where the bytes are laid out by this program; other stores guard theirs
    /// themselves.
    pub salvage: Option<Arc<dyn Salvage>>,
    /// Bytes of recordings that come in parts.
    pub staging: Staging,
    /// Downloads past this server, where the blob store offers them and the operator wants them.
    pub downloads: Option<Arc<dyn PresignDownloads>>,
    /// Users and their sessions.
    pub users: Arc<dyn UserStore>,
    /// API tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// Forgetting users.
    pub erasure: Arc<dyn ErasureStore>,
    /// Tries of passwords.
    pub attempts: Arc<dyn AttemptStore>,
    /// What was used, of what counts once.
    pub single_use: Arc<dyn SingleUse>,
    /// OpenID providers.
    pub identity_providers: Arc<dyn IdentityProviders>,
    /// Mail, if the operator has said how it is sent.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// What playback links are signed with.
    pub playback_keys: Arc<dyn PlaybackKeyStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How to wait.
    pub timer: Arc<dyn Timer>,
    /// Password hashes.
    pub passwords: Arc<dyn PasswordHasher>,
    /// How much of bodies may be in memory.
    pub memory: Budget,
}

/// Why two stores do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The audio belongs to the rows of another store.
    #[error(
        "the audio belongs to other rows than these, which would take it for left over: check `records` and `blobs`; \
         if those rows are gone for good, `tapebase rebuild` makes new ones of the audio"
    )]
    Strangers,
    /// The row store failed.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl Ports {
    /// Fails if the blobs belong to other rows than these; unlike [`Self::pair`], it changes nothing.
    ///
    /// # Errors
    /// [`PairError`].
    pub async fn check_pair(&self) -> Result<(), PairError> {
        match self.blobs.claimed_by().await? {
            Some(owner) if owner != self.records.id().await? => Err(PairError::Strangers),
            _ => Ok(()),
        }
    }

    /// Makes sure that the blobs belong to these rows.
    ///
    /// Rows that know nothing of the blobs, through a mistyped path or a lost database, would make every one
    /// of them an orphan to be swept.
    ///
    /// # Errors
    /// [`PairError`].
    pub async fn pair(&self) -> Result<(), PairError> {
        let rows = self.records.id().await?;
        if self.blobs.claim(rows).await? { Ok(()) } else { Err(PairError::Strangers) }
    }
}

/// Why a row could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room left; nothing was written.
    #[error("no space left for rows")]
    Full(#[source] BoxError),
    /// The store cannot answer now, and nothing was written: the write was never begun.
    #[error("row store busy")]
    NotWritten(#[source] BoxError),
    /// The store cannot answer now; whether a write took place is unknown.
    #[error("row store unavailable")]
    Unavailable(#[source] BoxError),
}

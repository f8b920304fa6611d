//! Mocked ports and made-up recordings, for the use cases' unit tests.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, FixedOffset};
use futures_util::stream;

use crate::{
    blob::{BlobRef, BodyError, ByteStream, StoredBlob},
    details::Details,
    digest::Sha256,
    history::{ChangeNumber, Counters},
    id::{RecordingId, SessionId, UserId},
    lineage::LastStep,
    media_type::MediaType,
    memory::Budget,
    ports::{
        MockAttemptStore, MockBatches, MockBlobStore, MockChangeFeed, MockClock, MockDeletedStore, MockErasureStore,
        MockIdentityProviders, MockInventory, MockMailer, MockPartStore, MockPasswordHasher, MockPlaybackKeyStore,
        MockRecordStore, MockSingleUse, MockStagedBlobs, MockTimer, MockTokenStore, MockUploadStore, MockUserStore,
        PartAccess, Ports, Staging,
    },
    quota::Quota,
    recording::{DigestOrigin, Recording, RecordingName, Revision},
    session::Session,
    time::Timestamp,
    upload::Limits,
};

/// One mock per port; a call that was not expected fails the test.
#[derive(Default)]
pub struct TestPorts {
    pub records: MockRecordStore,
    pub feed: MockChangeFeed,
    pub deleted: MockDeletedStore,
    pub uploads: MockUploadStore,
    pub blobs: MockBlobStore,
    pub batches: MockBatches,
    pub staged: MockStagedBlobs,
    pub parts: MockPartStore,
    pub users: MockUserStore,
    pub passwords: MockPasswordHasher,
    pub attempts: MockAttemptStore,
    pub erasure: MockErasureStore,
    pub tokens: MockTokenStore,
    pub single_use: MockSingleUse,
    pub identity_providers: MockIdentityProviders,
    pub mailer: Option<MockMailer>,
    pub playback_keys: MockPlaybackKeyStore,
    pub timer: MockTimer,
    now: Timestamp,
}

impl TestPorts {
    /// Ports in a world where it is `now`, RFC 3339.
    pub fn at(now: &str) -> Self {
        Self { now: timestamp(now), ..Self::default() }
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What is not said to be otherwise is sound.
    pub fn build(mut self) -> Ports {
        self.records.expect_last_step().returning(|| Ok(LastStep::None));
        self.records.expect_note_step().returning(|_, _| Ok(true));
        self.blobs.expect_generation().returning(|| Ok(None));
        self.blobs.expect_step().returning(|_| Ok(true));
        self.staged.expect_destination().returning(|_| None);
        self.deleted.expect_audio_of().returning(|_| Ok(Vec::new()));
        self.blobs.expect_settle().return_const(());
        self.batches.expect_open_batches().returning(|_, _| Ok(Vec::new()));
        self.blobs.expect_ping().returning(|| Ok(()));
        self.identity_providers.expect_of_network().returning(|_| None);
        self.users.expect_session_of().returning(|user, id| Ok(Some(session(user, id))));
        self.attempts.expect_attempts().returning(|_| Ok(None));
        self.attempts.expect_change_attempts().returning(|_, _, _| Ok(true));
        self.attempts.expect_forget_attempts().returning(|_| Ok(0));
        self.tokens.expect_forget_tokens().returning(|_| Ok(0));
        self.tokens.expect_revoke_tokens().returning(|_| Ok(()));
        self.erasure.expect_to_erase().returning(|_| Ok(Vec::new()));
        self.single_use.expect_forget_used().returning(|_| Ok(0));
        self.blobs.expect_is_intact().returning(|_| Ok(true));
        let mut clock = MockClock::new();
        clock.expect_now().return_const(self.now);
        Ports {
            records: Arc::new(self.records),
            feed: Arc::new(self.feed),
            deleted: Arc::new(self.deleted),
            inventory: Arc::new(MockInventory::new()),
            uploads: Arc::new(self.uploads),
            blobs: Arc::new(self.blobs),
            batches: Arc::new(self.batches),
            salvage: None,
            staging: Staging { blobs: Arc::new(self.staged), parts: PartAccess::Server(Arc::new(self.parts)) },
            downloads: None,
            users: Arc::new(self.users),
            passwords: Arc::new(self.passwords),
            attempts: Arc::new(self.attempts),
            erasure: Arc::new(self.erasure),
            tokens: Arc::new(self.tokens),
            single_use: Arc::new(self.single_use),
            identity_providers: Arc::new(self.identity_providers),
            mailer: self.mailer.map(|mailer| Arc::new(mailer) as _),
            playback_keys: Arc::new(self.playback_keys),
            memory: Budget::unlimited(),
            clock: Arc::new(clock),
            timer: Arc::new(self.timer),
        }
    }
}

pub fn timestamp(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc()
}

/// A session that is open.
fn session(user: UserId, id: SessionId) -> Session {
    let at = timestamp("2026-11-23T09:00:00Z");
    Session { id, user, client: String::new(), created_at: at, last_used_at: at, expires_at: at, ends_at: at }
}

/// A recording of `owner` whose bytes are `audio`.
pub fn recording(owner: UserId, audio: &[u8]) -> Recording {
    let received_at = timestamp("2026-11-23T09:00:00Z");
    Recording {
        id: RecordingId::generate(received_at),
        owner,
        details: details(received_at.fixed_offset()),
        media_type: MediaType::parse("audio/mp4").expect("a type"),
        size: audio.len() as u64,
        sha256: Sha256::of(audio),
        digest: DigestOrigin::Computed,
        received_at,
        revision: Revision(1),
        changed: ChangeNumber(0),
        verified_at: None,
        damaged_at: None,
        blob: BlobRef::new("there".into()),
    }
}

/// What a client said of a memo.
pub fn details(recorded_at: DateTime<FixedOffset>) -> Details {
    Details {
        name: RecordingName::parse("memo.m4a".into()).expect("a name"),
        media_type: MediaType::parse("audio/mp4").expect("a type"),
        recorded_at,
        client_duration_ms: None,
    }
}

/// Limits that are soon reached.
pub const LIMITS: Limits =
    Limits { recording_bytes: 100, quota: Quota { bytes: 10_000, recordings: 100, uploads: 10 } };

/// What is counted of somebody who uses this much, half of it for uploads under way.
pub fn using(bytes: u64) -> Counters {
    Counters { bytes: bytes - bytes / 2, reserved_bytes: bytes / 2, ..Counters::default() }
}

/// What a store answers that kept `audio` under `blob`.
pub fn stored_blob(blob: &str, audio: &[u8]) -> StoredBlob {
    StoredBlob { blob: BlobRef::new(blob.into()), size: audio.len() as u64, sha256: Sha256::of(audio) }
}

/// A body that arrives in these pieces.
pub fn body(pieces: Vec<Result<&'static [u8], BodyError>>) -> ByteStream<BodyError> {
    Box::pin(stream::iter(pieces.into_iter().map(|piece| piece.map(Bytes::from_static))))
}

/// A body nobody may read.
pub fn unread_body() -> ByteStream<BodyError> {
    Box::pin(stream::poll_fn(|_| panic!("the body was read")))
}

//! Made-up people and recordings.

use chrono::TimeDelta;
use tapebase_domain::{
    blob::BlobRef,
    details::Details,
    digest::Sha256,
    history::ChangeNumber,
    id::{RecordingId, SessionId, UserId},
    media_type::MediaType,
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{Clock as _, SystemClock, Terms},
    quota::Quota,
    recording::{DigestOrigin, Edit, Recording, RecordingName, Revision},
    session::{Session, SessionToken, TokenForm, TokenHash},
    time::Timestamp,
    user::{Account, Email, Identity, PasswordHash, User},
};

pub fn now() -> Timestamp {
    SystemClock.now()
}

pub fn stranger() -> UserId {
    UserId::generate(now())
}

pub fn name(text: &str) -> RecordingName {
    RecordingName::parse(text.to_owned()).expect("a name")
}

/// A quota that is in nobody's way, for an id that was never deleted.
pub const AMPLE: Terms = Terms { quota: Quota::UNLIMITED, again: false };
/// The same, for an id that may have been.
pub const AGAIN: Terms = Terms { quota: Quota::UNLIMITED, again: true };
/// More tombstones than anybody has.
pub const MANY: u64 = 1_000_000;

/// An edit of the name.
pub fn renaming(text: &str) -> Edit {
    Edit { name: Some(name(text)) }
}

/// A recording of this name.
pub fn named(owner: UserId, text: &str) -> Recording {
    let recording = recording(owner);
    Recording { details: Details { name: name(text), ..recording.details }, ..recording }
}

/// A recording as phones send them.
pub fn recording(owner: UserId) -> Recording {
    let id = RecordingId::generate(now());
    Recording {
        owner,
        details: Details {
            name: name("Interview with Ann.m4a"),
            media_type: MediaType::parse("audio/x-m4a").expect("a type"),
            recorded_at: (now() - TimeDelta::hours(1)).fixed_offset(),
            client_duration_ms: Some(3_120),
        },
        media_type: MediaType::parse("audio/mp4").expect("a type"),
        size: 1_000_000,
        sha256: Sha256::of(id.as_str().as_bytes()),
        digest: DigestOrigin::Computed,
        received_at: now(),
        revision: Revision(1),
        changed: ChangeNumber(0),
        verified_at: None,
        damaged_at: None,
        blob: BlobRef::new(format!("{}/{id}", &Sha256::of(id.as_str().as_bytes()).to_hex()[..2])),
        id,
    }
}

/// A plan of a recording.
pub fn plan(recording: &Recording) -> PendingUpload {
    let Recording { id, owner, details, size, sha256, .. } = recording.clone();
    let staged = StagedRef::new(format!("staged/{id}"));
    let expires_at = now() + TimeDelta::days(1);
    PendingUpload { id, owner, details, size, sha256, again: false, staged, key: LinkKey::generate(), expires_at }
}

pub fn account() -> Account {
    let id = stranger();
    let identity = Identity::Email(Email::parse(&format!("{id}@example.com")).expect("an address"));
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    Account { user: User::new(id, identity, now()), password: Some(PasswordHash::new(hash.to_owned())) }
}

pub fn session(user: UserId) -> (Session, TokenHash) {
    let session = Session {
        id: SessionId::generate(now()),
        user,
        client: "Tapebase/1.0 (Pixel 9; Android 16)".to_owned(),
        created_at: now(),
        last_used_at: now(),
        expires_at: now() + TimeDelta::days(30),
        ends_at: now() + TimeDelta::days(365),
    };
    (session, SessionToken::generate(TokenForm::Prefixed).hash())
}

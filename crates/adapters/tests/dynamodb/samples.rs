//! Made-up people and recordings.

use chrono::TimeDelta;
use tapebase_domain::{
    blob::BlobRef,
    digest::Sha256,
    id::{RecordingId, SessionId, UserId},
    media_type::MediaType,
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{Clock as _, SystemClock, Timestamp},
    recording::{Recording, RecordingName, Revision},
    session::{Session, SessionToken, TokenForm, TokenHash},
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

/// A recording as phones send them.
pub fn recording(owner: UserId) -> Recording {
    let id = RecordingId::generate(now());
    Recording {
        owner,
        name: name("Interview with Ann.m4a"),
        media_type: MediaType::parse("audio/mp4").expect("a type"),
        size: 1_000_000,
        sha256: Sha256::of(id.as_str().as_bytes()),
        recorded_at: (now() - TimeDelta::hours(1)).fixed_offset(),
        received_at: now(),
        revision: Revision(1),
        blob: BlobRef::new(format!("{}/{id}", &Sha256::of(id.as_str().as_bytes()).to_hex()[..2])),
        id,
    }
}

/// A plan of a recording.
pub fn plan(recording: &Recording) -> PendingUpload {
    let Recording { id, owner, name, media_type, size, sha256, recorded_at, .. } = recording.clone();
    let staged = StagedRef::new(format!("staged/{id}"));
    let expires_at = now() + TimeDelta::days(1);
    PendingUpload {
        id,
        owner,
        name,
        media_type,
        size,
        sha256,
        recorded_at,
        staged,
        key: LinkKey::generate(),
        expires_at,
    }
}

pub fn account() -> Account {
    let id = stranger();
    let identity = Identity::Email(Email::parse(&format!("{id}@example.com")).expect("an address"));
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    Account { user: User { id, identity, created_at: now() }, password: Some(PasswordHash::new(hash.to_owned())) }
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

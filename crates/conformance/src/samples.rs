//! Made-up people, recordings and sessions; every call makes fresh ids.

use std::cell::RefCell;

use chrono::{DateTime, FixedOffset};
use tapebase_domain::{
    blob::BlobRef,
    details::Details,
    digest::Sha256,
    history::ChangeNumber,
    id::{IdentityId, RecordingId, SessionId, UserId},
    media_type::MediaType,
    oidc::OidcSubject,
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::Terms,
    quota::Quota,
    recording::{DigestOrigin, Edit, Recording, RecordingName, Revision},
    session::{Session, SessionToken, TokenForm, TokenHash},
    time::Timestamp,
    user::{Account, Email, Identity, LinkedIdentity, PasswordHash, SocialId, User},
};

/// The instant around which everything happens.
pub fn noon() -> Timestamp {
    local("2026-11-23T12:00:00.123456Z").to_utc()
}

/// An RFC 3339 time on somebody's clock.
pub fn local(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).expect("RFC 3339")
}

tokio::task_local! {
    /// Whom the case at hand has made up.
    pub(crate) static STRANGERS: RefCell<Vec<UserId>>;
}

/// The id of a user no store has heard of.
pub fn stranger() -> UserId {
    let stranger = UserId::generate(noon());
    // Tasks of the case's own make up nobody whose counters matter.
    let _ = STRANGERS.try_with(|all| all.borrow_mut().push(stranger));
    stranger
}

/// A quota that is in nobody's way, for an id that was never deleted.
pub const AMPLE: Terms = terms(1 << 50);

/// A quota of bytes, for an id that was never deleted.
pub const fn terms(bytes: u64) -> Terms {
    Terms { quota: quota(bytes), again: false }
}

/// A quota of bytes, and nothing else.
pub const fn quota(bytes: u64) -> Quota {
    Quota { bytes, ..Quota::UNLIMITED }
}

/// What a client says of a memo.
pub fn details() -> Details {
    Details {
        name: name("memo.m4a"),
        media_type: MediaType::parse("audio/x-m4a").expect("a type"),
        recorded_at: local("2026-11-23T20:59:30.5+09:00"),
        client_duration_ms: Some(3_120),
    }
}

/// A recording of `owner`, of 10,000 bytes.
pub fn recording(owner: UserId) -> Recording {
    let id = RecordingId::generate(noon());
    Recording {
        owner,
        details: details(),
        media_type: MediaType::parse("audio/mp4").expect("a type"),
        size: 10_000,
        sha256: Sha256::of(id.as_str().as_bytes()),
        digest: DigestOrigin::Computed,
        received_at: noon(),
        revision: Revision(1),
        changed: ChangeNumber(0),
        verified_at: None,
        damaged_at: None,
        blob: BlobRef::new(format!("ab/{id}")),
        id,
    }
}

/// A recording of `owner` of this name.
pub fn named(owner: UserId, text: &str) -> Recording {
    Recording { details: Details { name: name(text), ..details() }, ..recording(owner) }
}

/// A recording of `owner` that was recorded at this time.
pub fn recorded_at(owner: UserId, recorded_at: DateTime<FixedOffset>) -> Recording {
    Recording { details: Details { recorded_at, ..details() }, ..recording(owner) }
}

/// An edit of the name.
pub fn renaming(text: &str) -> Edit {
    Edit { name: Some(name(text)) }
}

/// A recording's name.
pub fn name(text: &str) -> RecordingName {
    RecordingName::parse(text.to_owned()).expect("a name")
}

/// Fails unless `found` is `expected` in every field: `==` alone takes equal instants of two time zones for equal.
#[track_caller]
pub fn assert_same(found: Option<&Recording>, expected: &Recording) {
    assert_eq!(found, Some(expected));
    assert_eq!(found.map(|found| *found.details.recorded_at.offset()), Some(*expected.details.recorded_at.offset()));
}

/// A plan of `owner`, of 10,000 bytes.
pub fn plan(owner: UserId) -> PendingUpload {
    let id = RecordingId::generate(noon());
    PendingUpload {
        owner,
        details: details(),
        size: 10_000,
        sha256: Sha256::of(id.as_str().as_bytes()),
        again: false,
        staged: StagedRef::new(format!("parts/{id}")),
        key: LinkKey::generate(),
        expires_at: local("2026-11-24T00:00:00.000001Z").to_utc(),
        id,
    }
}

/// What the plan becomes.
pub fn recording_of(plan: &PendingUpload) -> Recording {
    let PendingUpload { id, details, size, sha256, .. } = plan.clone();
    Recording { id, details, size, sha256, ..recording(plan.owner) }
}

/// Fails unless `found` is `expected` in every field: `==` alone takes equal instants of two time zones for equal.
#[track_caller]
pub fn assert_same_plan(found: Option<&PendingUpload>, expected: &PendingUpload) {
    assert_eq!(found, Some(expected));
    assert_eq!(found.map(|found| *found.details.recorded_at.offset()), Some(*expected.details.recorded_at.offset()));
}

/// Somebody with this identity and a password.
pub fn account(identity: Identity) -> Account {
    let user = User::new(stranger(), identity, noon());
    Account { user, password: Some(PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned())) }
}

/// An identity that was linked at noon.
pub fn linked(identity: Identity) -> LinkedIdentity {
    LinkedIdentity::new(IdentityId::generate(noon()), identity, noon())
}

/// An email address as an identity.
pub fn email(text: &str) -> Identity {
    Identity::Email(Email::parse(text).expect("an address"))
}

/// An account at an OpenID provider as an identity.
pub fn oidc(issuer: &str, subject: &str) -> Identity {
    Identity::Oidc(OidcSubject::parse(issuer.to_owned(), subject.to_owned()).expect("a subject"))
}

/// A social id as an identity.
pub fn social(network: &str, id: &str) -> Identity {
    Identity::Social(SocialId::parse(network.to_owned(), id.to_owned()).expect("a social id"))
}

/// A session of `user` that began at noon.
pub fn session(user: UserId) -> Session {
    Session {
        id: SessionId::generate(noon()),
        user,
        client: "Tapebase/1.0 (Pixel 9; Android 16)".to_owned(),
        created_at: noon(),
        last_used_at: local("2026-11-23T13:00:00.000001Z").to_utc(),
        expires_at: local("2026-12-23T13:00:00.000002Z").to_utc(),
        ends_at: local("2027-11-23T12:00:00.000003Z").to_utc(),
    }
}

/// The hash of a token nobody else has.
pub fn token() -> TokenHash {
    SessionToken::generate(TokenForm::Prefixed).hash()
}

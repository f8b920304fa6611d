mod completing;
mod creating;
mod sending;

use super::*;
use crate::{
    blob::StoredBlob,
    details::Details,
    history::{ChangeNumber, Deleted, Entry},
    media_type::MediaType,
    pending::{LinkKey, Parts, StagedRef},
    ports::{Assembled, ReserveError, SettleError},
    recording::{DigestOrigin, RecordingName, Revision},
    testing::{LIMITS, TestPorts, using},
    upload::Stored,
};

const AUDIO: &[u8] = b"OggS some speech";

fn ports() -> TestPorts {
    TestPorts::at("2026-11-23T12:00:00.25Z")
}

fn owner() -> UserId {
    UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID")
}

fn direct(ports: &Ports) -> Direct {
    let damage = Damage::new(ports, Waiters::default());
    Direct::new(ports, Waiters::default(), damage, LIMITS, TimeDelta::hours(12))
}

/// A plan of `AUDIO`, just made.
fn plan() -> PendingUpload {
    PendingUpload {
        id: RecordingId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARF").expect("a ULID"),
        owner: owner(),
        details: Details {
            name: RecordingName::parse("memo.ogg".into()).expect("a name"),
            media_type: MediaType::parse("audio/ogg").expect("a type"),
            recorded_at: ports().now().fixed_offset(),
            client_duration_ms: None,
        },
        size: AUDIO.len() as u64,
        sha256: Sha256::of(AUDIO),
        again: false,
        staged: StagedRef::new("planned".into()),
        key: LinkKey([7; 32]),
        expires_at: ports().now() + TimeDelta::hours(12),
    }
}

/// What is left of a recording under the plan's id that was deleted.
fn tombstone() -> Deleted {
    Deleted { id: plan().id, owner: owner(), changed: ChangeNumber(7), deleted_at: ports().now() }
}

/// A plan store that has this plan.
fn find_plan(ports: &mut TestPorts, plan: &PendingUpload) {
    let plan = plan.clone();
    let (owner, id) = (plan.owner, plan.id.clone());
    ports
        .uploads
        .expect_upload()
        .withf(move |by, of| (*by, of) == (owner, &id))
        .returning(move |_, _| Ok(Some(plan.clone())));
}

/// A plan store the plan is taken out of, and a blob store that removes what was sent for it.
fn expect_given_up(ports: &mut TestPorts, plan: &PendingUpload) {
    expect_released(ports, plan);
    expect_abandoned(ports, plan.staged.clone());
}

/// A plan store the plan is taken out of.
fn expect_released(ports: &mut TestPorts, plan: &PendingUpload) {
    let released = plan.clone();
    ports.uploads.expect_release().withf(move |plan, _| *plan == released).times(1).returning(|_, _| Ok(true));
}

/// The same for one that has expired: what was made of its parts may be a recording's.
fn expect_expired(ports: &mut TestPorts, plan: &PendingUpload) {
    expect_released(ports, plan);
    let (staged, resists) = (plan.staged.clone(), |_: &_| Err(BlobError::Unavailable("it resists".into())));
    ports.staged.expect_clear().withf(move |cleared| *cleared == staged).times(1).returning(resists);
}

/// A blob store that is told to remove what was sent; that it fails is of no consequence.
fn expect_abandoned(ports: &mut TestPorts, staged: StagedRef) {
    let resists = |_: &_| Err(BlobError::Unavailable("it resists".into()));
    ports.staged.expect_abort().withf(move |aborted| *aborted == staged).times(1).returning(resists);
}

//! Rows that are written past any server.

use futures_util::future::join_all;
use tapebase_domain::{
    blob::BlobRef,
    details::NewDetails,
    digest::Sha256,
    history::ChangeNumber,
    id::{RecordingId, UserId},
    media_type::MediaType,
    ports::{Clock as _, RecordStore, SystemClock, Terms},
    quota::Quota,
    recording::{DigestOrigin, Recording, Revision},
};

/// Adds so many recordings of a hundred people, without audio.
pub async fn add_recordings(rows: &dyn RecordStore, count: usize, at_once: usize) {
    let (now, terms) = (SystemClock.now(), Terms { quota: Quota::UNLIMITED, again: false });
    let people: Vec<UserId> = (0..100).map(|_| UserId::generate(now)).collect();
    for some in (0..count).collect::<Vec<_>>().chunks(at_once) {
        let inserts = some.iter().map(|number| rows.insert(recording(people[number % people.len()]), terms));
        join_all(inserts).await.into_iter().for_each(|inserted| drop(inserted.expect("inserted")));
    }
}

/// A recording without audio.
pub fn recording(owner: UserId) -> Recording {
    let (now, media_type) = (SystemClock.now(), MediaType::octet_stream());
    let id = RecordingId::generate(now);
    Recording {
        blob: BlobRef::new(format!("none/{id}")),
        id,
        owner,
        details: NewDetails::of_type(media_type.clone()).complete(now, &media_type),
        media_type,
        size: 1_000,
        sha256: Sha256::of(b""),
        digest: DigestOrigin::Computed,
        received_at: now,
        revision: Revision(1),
        changed: ChangeNumber::default(),
        verified_at: None,
        damaged_at: None,
    }
}

//! What is looked at once nothing goes wrong any more.

use std::collections::BTreeSet;

use tapebase_domain::{
    blob::{BlobRef, Provenance},
    history::{Counters, DueAudio},
    id::RecordingId,
    quota::Quota,
    recording::Recording,
    time::Timestamp,
    verify::{Verdict, Verify, VerifyError},
};

use crate::{
    app,
    client::{Arrival, Client, Sending},
    invariant::Invariant,
    model::Take,
    sessions,
    shared::Shared,
    stores::Stores,
    world::LIMITS,
};

/// Everything somebody ever named is looked at and played, and every token presented.
pub async fn person(client: Client) {
    let ids = client.shared.facts().known.model.ids(client.person);
    for id in ids {
        app::play(client.clone(), id, None).await;
    }
    tokens(client).await;
}

/// Every token somebody ever had is presented.
pub async fn tokens(client: Client) {
    let tokens = client.shared.facts().tokens(client.person);
    for token in tokens {
        sessions::present(client.clone(), token).await;
    }
}

/// Somebody deletes all they have.
pub async fn delete_everything(client: Client) {
    for id in app::everything(&client).await.into_keys() {
        app::delete(client.clone(), id, None).await;
    }
}

/// Somebody announces what fills their quota, tries one more, and sends it all, while the server sweeps.
pub async fn fill_the_quota(client: Client, takes: Vec<(RecordingId, Take)>, one_more: (RecordingId, Take)) {
    for (id, take) in takes.clone() {
        app::announce(client.clone(), id, take, false).await;
    }
    app::upload(client.clone(), one_more.0, one_more.1, Sending::GOOD).await;
    for (id, take) in &takes {
        let announced = client.shared.facts().people[client.person].announced.clone();
        let Some((upload, _)) = announced.into_iter().find(|(upload, _)| upload.id == *id) else { continue };
        // A part that was other audio can be sent again.
        for take in [takes[0].1, *take] {
            app::send_part(client.clone(), upload.clone(), take, Arrival::Whole, false).await;
            if let Err(error) = client.services.sweep.run().await {
                client.excuse_failure(&error);
            }
        }
        app::complete(client.clone(), id.clone()).await;
    }
    let there: BTreeSet<_> = app::everything(&client).await.into_keys().collect();
    if there != takes.into_iter().map(|(id, _)| id).collect() {
        client.shared.wrong(Invariant::Ends, format!("{} cannot fill their quota to its last byte", client.person));
    }
}

/// Long after everything, nothing is remembered of what is over.
///
/// # Errors
/// If a store fails.
pub async fn forgotten(shared: &Shared, stores: &Stores) -> anyhow::Result<()> {
    let inner = stores.inner();
    for user in stores.users() {
        let Counters { uploads, tombstones, .. } = inner.records.counters(user).await?;
        if uploads + tombstones > 0 {
            let what = format!("{uploads} uploads and {tombstones} tombstones of {user} are never forgotten");
            shared.wrong(Invariant::Leftovers, what);
        }
    }
    // Real stores have a time of their own.
    if stores.in_memory().is_some() && inner.staging.blobs.abort_begun_before(Timestamp::MAX_UTC).await? > 0 {
        shared.wrong(Invariant::Leftovers, "parts of uploads that are over stay".into());
    }
    Ok(())
}

/// Compares all rows with their audio, and looks for what was miscounted.
///
/// # Errors
/// If a store fails.
pub async fn verify(shared: &Shared, stores: &Stores, verify: &Verify) -> Result<(), VerifyError> {
    let mut after = None;
    loop {
        let some = verify.recordings(after.take()).await?.recordings;
        let Some(last) = some.last() else { break };
        after = Some((last.owner, last.id.clone()));
        for recording in &some {
            let was_rotten = stores.ledger().rot(&recording.blob).is_some();
            let verdict = verify.check(recording).await?;
            let (is_rotten, is_there) = {
                let ledger = stores.ledger();
                (ledger.rot(&recording.blob).is_some(), ledger.is_recorded(&recording.blob))
            };
            match verdict {
                Verdict::Sound if !was_rotten => {}
                Verdict::Damaged { .. } if is_rotten => {}
                Verdict::Missing if !is_there => {}
                Verdict::Gone | Verdict::Unreadable(_) => {}
                wrong => shared.wrong(Invariant::Bytes, format!("{} is said to be {wrong:?}", recording.id)),
            }
        }
    }
    for miscount in verify.miscounted().await? {
        shared.wrong(Invariant::Counters, format!("{miscount:?}"));
    }
    Ok(())
}

/// What was written down when it might come to be left behind is gone after one sweep, unless a recording might have been
/// missing it then: that is noted, to be looked at a week later.
///
/// # Errors
/// If a store fails.
pub async fn swept(shared: &Shared, stores: &Stores) -> anyhow::Result<()> {
    let (inner, now) = (stores.inner(), shared.facts().now());
    // A row may have come to be though the server that wrote it was killed before it heard so.
    let recordings = stores.recordings().await?;
    let kept: BTreeSet<&BlobRef> = recordings.iter().map(|recording| &recording.blob).collect();
    for blob in stores.audio(now).await? {
        if kept.contains(&blob) || !stores.ledger().is_broken_off(&blob) {
            continue;
        }
        let Some(Provenance { owner, recording: id }) = inner.blobs.provenance(&blob).await? else { continue };
        let noted = inner.deleted.audio_of(owner).await?;
        if !noted.contains(&DueAudio { owner, id, blob: blob.clone() }) {
            shared.wrong(Invariant::Leftovers, format!("{blob} of an upload that was broken off stays"));
        }
    }
    Ok(())
}

/// Rows and audio agree.
///
/// # Errors
/// If a store fails.
pub async fn stores(shared: &Shared, stores: &Stores) -> anyhow::Result<()> {
    let inner = stores.inner();
    let recordings = stores.recordings().await?;
    for user in stores.users() {
        let counted = inner.records.counters(user).await?;
        let recounted = inner.records.recount(user).await?;
        if counted != recounted {
            shared.wrong(Invariant::Counters, format!("{user} is said to have {counted:?}, and has {recounted:?}"));
        }
        let Quota { bytes, recordings, uploads } = LIMITS.quota;
        if counted.used_bytes() > bytes || counted.held_recordings() > recordings || counted.uploads > uploads {
            shared.wrong(Invariant::Counters, format!("{user} has {counted:?}, more than the quota allows"));
        }
    }
    let mut without_audio = Vec::new();
    for recording in &recordings {
        let Recording { id, blob, size, damaged_at, .. } = recording;
        let is_there = inner.blobs.describe(blob).await?.is_some_and(|described| described.size == *size);
        if !is_there || damaged_at.is_some() {
            without_audio.push(Provenance::from(recording));
        }
        if !is_there && !stores.ledger().is_missing(blob) {
            shared.wrong(Invariant::OwnersWord, format!("the audio of {id} is gone"));
        }
    }
    let kept: BTreeSet<&BlobRef> = recordings.iter().map(|recording| &recording.blob).collect();
    let now = shared.facts().now();
    for blob in stores.audio(now).await? {
        // What was newer than rows that were put back is no leftover: its owner has never given it up.
        let is_left = !kept.contains(&blob) && !stores.ledger().is_recorded(&blob);
        // What a recording without audio may be missing stays, until somebody has looked at it.
        let of = inner.blobs.provenance(&blob).await?;
        if is_left && !of.is_some_and(|of| without_audio.contains(&of)) {
            shared.wrong(Invariant::Leftovers, format!("{blob} is nobody's, and stays"));
        }
    }
    Ok(())
}

//! `RecordStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use tapebase_domain::{
    blob::BlobRef,
    history::{Counters, Deleted, DueAudio, Entry},
    id::{RecordingId, StoreId, UserId},
    lineage::{LastStep, Step},
    page::{Order, PageRequest, TimeField},
    playback::LinkEpoch,
    ports::{InsertError, RecordStore, RevisionError, StoreError, Terms},
    quota::Excess,
    recording::{Edit, Recording, Revision},
    time::Timestamp,
};

use super::{
    Outcome, Sqlite,
    commit::{self, Change},
    counting,
    due::{self, Kind},
    generations,
    playback::link_epoch,
    rows,
};

#[async_trait]
impl RecordStore for Sqlite {
    async fn insert(&self, recording: Recording, terms: Terms) -> Result<Recording, InsertError> {
        let inserted = self.writer.write(move |connection| {
            let (owner, id, size) = (recording.owner, recording.id.clone(), recording.size);
            let Terms { quota, again } = terms;
            if let Some(deleted) = refused_tombstone(connection, owner, &id, again)? {
                return Ok(Outcome::Undo(Err(InsertError::Deleted(deleted))));
            }
            Ok(match commit::change(connection, Change::Add { recording, quota, again })? {
                Some(recording) => Outcome::Keep(Ok(recording)),
                // A repetition needs no quota.
                None => Outcome::Undo(Err(match find(connection, owner, &id)? {
                    Some(existing) => InsertError::Taken(existing.into()),
                    None => InsertError::OverQuota(over_quota(
                        quota.admit_recording(&counting::counters(connection, owner)?, size),
                    )),
                })),
            })
        });
        inserted.await?
    }

    async fn find(&self, owner: UserId, id: &RecordingId) -> Result<Option<Recording>, StoreError> {
        self.readers.look_up(|connection| find(connection, owner, id))
    }

    async fn find_to_play(
        &self,
        owner: UserId,
        id: &RecordingId,
    ) -> Result<Option<(Recording, LinkEpoch)>, StoreError> {
        self.readers.look_up(|connection| match find(connection, owner, id)? {
            Some(recording) => Ok(Some((recording, link_epoch(connection, owner)?))),
            None => Ok(None),
        })
    }

    async fn link_epoch(&self, owner: UserId) -> Result<LinkEpoch, StoreError> {
        self.readers.look_up(|connection| link_epoch(connection, owner))
    }

    async fn look_up(&self, owner: UserId, id: &RecordingId) -> Result<Option<Entry>, StoreError> {
        self.readers.look_up(|connection| match find(connection, owner, id)? {
            Some(recording) => Ok(Some(Entry::Recording(recording.into()))),
            None => Ok(find_deleted(connection, owner, id)?.map(Entry::Deleted)),
        })
    }

    async fn list(&self, owner: UserId, page: PageRequest) -> Result<Vec<Recording>, StoreError> {
        self.readers.look_up(|connection| list(connection, owner, &page))
    }

    async fn edit(
        &self,
        owner: UserId,
        id: &RecordingId,
        edit: Edit,
        expected: Option<Revision>,
    ) -> Result<Option<Recording>, RevisionError> {
        let id = id.clone();
        let edited = self.writer.write(move |connection| {
            Ok(match find_expected(connection, owner, &id, expected)? {
                Ok(Some(found)) => Outcome::Keep(Ok(commit::change(connection, Change::Replace(edit.apply(found)))?)),
                refusal => Outcome::Undo(refusal),
            })
        });
        edited.await?
    }

    async fn mark_damaged(
        &self,
        owner: UserId,
        id: &RecordingId,
        blob: &BlobRef,
        since: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let blob = blob.clone();
        self.replace(owner, id, move |found| {
            found.can_be_marked(&blob, since).then_some(Recording { damaged_at: since, ..found })
        })
        .await
    }

    async fn move_blob(
        &self,
        owner: UserId,
        id: &RecordingId,
        from: &BlobRef,
        to: BlobRef,
        due_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let replaced = DueAudio { owner, id: id.clone(), blob: from.clone() };
        let moved = self.writer.write(move |connection| {
            let found = find(connection, owner, &replaced.id)?.filter(|found| found.blob == replaced.blob);
            let Some(found) = found else { return Ok(Outcome::Undo(false)) };
            if let Some(due_at) = due_at {
                let reference = rows::audio_reference(&replaced);
                due::schedule(connection, owner, Kind::Audio, &reference, due_at)?;
            }
            let moved = Recording { blob: to, damaged_at: None, ..found };
            Ok(Outcome::Keep(commit::change(connection, Change::Replace(moved))?.is_some()))
        });
        moved.await
    }

    async fn remove(
        &self,
        owner: UserId,
        id: &RecordingId,
        expected: Option<Revision>,
        at: Timestamp,
        most_tombstones: u64,
    ) -> Result<Option<Recording>, RevisionError> {
        let id = id.clone();
        let removed = self.writer.write(move |connection| {
            Ok(match find_expected(connection, owner, &id, expected)? {
                Ok(Some(recording)) => {
                    let remove = Change::Remove { recording, at, most_tombstones };
                    Outcome::Keep(Ok(commit::change(connection, remove)?))
                }
                refusal => Outcome::Undo(refusal),
            })
        });
        removed.await?
    }

    async fn counters(&self, owner: UserId) -> Result<Counters, StoreError> {
        self.readers.look_up(|connection| counting::counters(connection, owner))
    }

    async fn recount(&self, owner: UserId) -> Result<Counters, StoreError> {
        self.writer.write(move |connection| counting::recount(connection, owner).map(Outcome::Keep)).await
    }

    async fn orphans(&self, blobs: Vec<BlobRef>) -> Result<Vec<BlobRef>, StoreError> {
        self.readers
            .read(move |connection| {
                let mut statement = connection.prepare_cached("SELECT 1 FROM recordings WHERE blob = ?1")?;
                let mut orphans = Vec::new();
                for blob in blobs {
                    if !statement.exists([blob.as_str()])? {
                        orphans.push(blob);
                    }
                }
                Ok(orphans)
            })
            .await
    }

    async fn id(&self) -> Result<StoreId, StoreError> {
        self.readers.look_up(|connection| connection.query_row("SELECT id FROM store", [], rows::store_id))
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        const NOTHING: &str = "SELECT NOT EXISTS (SELECT 1 FROM recordings) AND NOT EXISTS (SELECT 1 FROM uploads) \
                               AND NOT EXISTS (SELECT 1 FROM deleted)";
        self.readers.look_up(|connection| connection.query_row(NOTHING, [], |row| row.get(0)))
    }

    async fn adopt(&self, id: StoreId) -> Result<(), StoreError> {
        let adopted = self.writer.write(move |connection| {
            connection.execute(rows::SET_STORE_ID, [id.to_string()])?;
            Ok(Outcome::Keep(()))
        });
        adopted.await
    }

    async fn last_step(&self) -> Result<LastStep, StoreError> {
        self.readers.look_up(generations::last_step)
    }

    async fn note_step(&self, last: LastStep, next: Step) -> Result<bool, StoreError> {
        self.writer.write(move |connection| generations::note_step(connection, last, next)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}

impl Sqlite {
    /// Puts what `change` makes of a recording in its place; `false` if there is none, or it makes nothing of it.
    async fn replace(
        &self,
        owner: UserId,
        id: &RecordingId,
        change: impl FnOnce(Recording) -> Option<Recording> + Send + 'static,
    ) -> Result<bool, StoreError> {
        let id = id.clone();
        let replaced = self.writer.write(move |connection| {
            Ok(match find(connection, owner, &id)?.and_then(change) {
                Some(changed) => Outcome::Keep(commit::change(connection, Change::Replace(changed))?.is_some()),
                None => Outcome::Undo(false),
            })
        });
        replaced.await
    }
}

/// Of what there would be too much, where the counters say that there would be.
pub const fn over_quota(admission: Result<(), Excess>) -> Excess {
    match admission {
        Err(excess) => excess,
        // Only bytes are counted so high that they cannot be added up.
        Ok(()) => Excess::Bytes,
    }
}

/// The tombstone of an id that may not return.
pub fn refused_tombstone(
    connection: &Connection,
    owner: UserId,
    id: &RecordingId,
    again: bool,
) -> rusqlite::Result<Option<Deleted>> {
    if again { Ok(None) } else { find_deleted(connection, owner, id) }
}

pub fn find(connection: &Connection, owner: UserId, id: &RecordingId) -> rusqlite::Result<Option<Recording>> {
    let mut statement = connection.prepare_cached(&rows::FIND_RECORDING)?;
    statement.query_row(params![owner.to_string(), id.as_str()], rows::recording).optional()
}

fn find_deleted(connection: &Connection, owner: UserId, id: &RecordingId) -> rusqlite::Result<Option<Deleted>> {
    let mut statement = connection.prepare_cached(&rows::FIND_DELETED)?;
    statement.query_row(params![owner.to_string(), id.as_str()], rows::deleted).optional()
}

/// `Stale` if the recording has another revision than expected.
fn find_expected(
    connection: &Connection,
    owner: UserId,
    id: &RecordingId,
    expected: Option<Revision>,
) -> rusqlite::Result<Result<Option<Recording>, RevisionError>> {
    Ok(match find(connection, owner, id)? {
        Some(found) if expected.is_some_and(|expected| expected != found.revision) => Err(RevisionError::Stale),
        found => Ok(found),
    })
}

fn list(connection: &Connection, owner: UserId, page: &PageRequest) -> rusqlite::Result<Vec<Recording>> {
    let time = match page.by {
        TimeField::Received => "received_at",
        TimeField::Recorded => "recorded_at",
    };
    // The cursor and the bound it starts from are one bound on `(time, id)`, which the index can seek:
    // two bounds on the time would have SQLite walk from the one to the other. No id is empty, so that
    // `(from, "")` comes before everything of that time.
    let from = page.from.map_or((i64::MIN, ""), |from| (rows::micros(&from), ""));
    let to = page.to.map_or((i64::MAX, ""), |to| (rows::micros(&to), ""));
    let after = page.after.as_ref().map(|position| (rows::micros(&position.time), position.id.as_str()));
    let (begins, ends, direction, beginning, (end, _)) = match page.order {
        Order::Newest => ("<", ">=", "DESC", after.map_or(to, |after| after.min(to)), from),
        Order::Oldest => (">", "<", "ASC", after.map_or(from, |after| after.max(from)), to),
    };
    let query = format!(
        "SELECT {columns} FROM recordings \
         WHERE owner = ?1 AND ({time}, id) {begins} (?2, ?3) AND {time} {ends} ?4 \
         ORDER BY {time} {direction}, id {direction}",
        columns = *rows::RECORDING_COLUMNS,
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_map(params![owner.to_string(), beginning.0, beginning.1, end], rows::recording)?;
    rows::readable(found, "recordings", page.limit.get() + 1)
}

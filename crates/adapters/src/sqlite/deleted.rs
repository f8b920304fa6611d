//! `DeletedStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use tapebase_domain::{
    history::DueAudio,
    id::UserId,
    ports::{DeletedStore, StoreError},
    time::Timestamp,
};

use super::{Outcome, Sqlite, commit, due, due::Kind, rows};

/// How many are listed, or forgotten, at once.
const PAGE: usize = 100;

#[async_trait]
impl DeletedStore for Sqlite {
    async fn audio_to_remove(&self, then: Timestamp) -> Result<Vec<DueAudio>, StoreError> {
        self.readers.read(move |connection| due_before(connection, Kind::Audio, then)).await
    }

    async fn audio_of(&self, owner: UserId) -> Result<Vec<DueAudio>, StoreError> {
        self.readers.read(move |connection| due_of(connection, owner)).await
    }

    async fn note_audio(&self, audio: &DueAudio, due_at: Timestamp) -> Result<(), StoreError> {
        let audio = audio.clone();
        self.writer.write(move |connection| note(connection, &audio, due_at).map(Outcome::Keep)).await
    }

    async fn put_off_audio(&self, audio: &DueAudio, until: Timestamp) -> Result<(), StoreError> {
        let audio = audio.clone();
        self.writer
            .write(move |connection| {
                let reference = rows::audio_reference(&audio);
                due::put_off(connection, audio.owner, Kind::Audio, &reference, until).map(Outcome::Keep)
            })
            .await
    }

    async fn audio_removed(&self, audio: &DueAudio, forget_at: Timestamp) -> Result<(), StoreError> {
        let audio = audio.clone();
        self.writer.write(move |connection| note_removal(connection, &audio, forget_at).map(Outcome::Keep)).await
    }

    async fn forget_deleted(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .write(move |connection| {
                let due = due_before(connection, Kind::Tombstone, now)?;
                for audio in &due {
                    forget(connection, audio)?;
                }
                Ok(Outcome::Keep(due.len() as u64))
            })
            .await
    }
}

fn due_before(connection: &Connection, kind: Kind, then: Timestamp) -> rusqlite::Result<Vec<DueAudio>> {
    let mut statement = connection
        .prepare_cached("SELECT owner, reference FROM due WHERE kind = ?1 AND due_at < ?2 ORDER BY due_at")?;
    let found = statement.query_map(params![kind.as_str(), rows::micros(&then)], rows::deleted_audio)?;
    rows::readable(found, "audio that is due", PAGE)
}

fn due_of(connection: &Connection, owner: UserId) -> rusqlite::Result<Vec<DueAudio>> {
    let mut statement = connection.prepare_cached("SELECT owner, reference FROM due WHERE owner = ?1 AND kind = ?2")?;
    let found = statement.query_map(params![owner.to_string(), Kind::Audio.as_str()], rows::deleted_audio)?;
    rows::readable(found, "audio that is due", PAGE)
}

/// Unless it is noted already.
fn note(connection: &Connection, audio: &DueAudio, due_at: Timestamp) -> rusqlite::Result<()> {
    let reference = rows::audio_reference(audio);
    let is_known = connection
        .prepare_cached("SELECT 1 FROM due WHERE owner = ?1 AND kind = ?2 AND reference = ?3")?
        .exists(params![audio.owner.to_string(), Kind::Audio.as_str(), reference])?;
    if is_known { Ok(()) } else { due::schedule(connection, audio.owner, Kind::Audio, &reference, due_at) }
}

/// Whoever notes it first says when the tombstone may go.
fn note_removal(connection: &Connection, audio: &DueAudio, forget_at: Timestamp) -> rusqlite::Result<()> {
    let reference = rows::audio_reference(audio);
    if due::cancel(connection, audio.owner, Kind::Audio, &reference)? {
        due::schedule(connection, audio.owner, Kind::Tombstone, &reference, forget_at)?;
        connection
            .prepare_cached(
                "UPDATE deleted SET blob = NULL, checksum = row_checksum(owner, id, changed, deleted_at, NULL) \
                 WHERE owner = ?1 AND id = ?2 AND blob = ?3 \
                 AND checksum = row_checksum(owner, id, changed, deleted_at, blob)",
            )?
            .execute(params![audio.owner.to_string(), audio.id.as_str(), audio.blob.as_str()])?;
    }
    Ok(())
}

/// Forgets a tombstone, unless the id has another by now: that has a time of its own.
fn forget(connection: &Connection, audio: &DueAudio) -> rusqlite::Result<()> {
    let reference = rows::audio_reference(audio);
    due::cancel(connection, audio.owner, Kind::Tombstone, &reference)?;
    match tombstone(connection, audio)? {
        Some(changed) => commit::forget_one(connection, audio.owner, changed),
        None => Ok(()),
    }
}

/// The number of the tombstone that has the audio's id, if its audio is gone and nothing else is due of that id.
fn tombstone(connection: &Connection, audio: &DueAudio) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT changed FROM deleted WHERE owner = ?1 AND id = ?2 AND blob IS NULL \
             AND checksum = row_checksum(owner, id, changed, deleted_at, blob) AND NOT EXISTS \
             (SELECT 1 FROM due WHERE owner = ?1 AND kind IN ('audio', 'tombstone') \
              AND reference >= ?2 || '/' AND reference < ?2 || '0')",
        )?
        .query_row(params![audio.owner.to_string(), audio.id.as_str()], |row| row.get(0))
        .optional()
}

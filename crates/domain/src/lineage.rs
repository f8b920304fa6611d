//! Use case: find out whether rows and audio have come to where they are together, before any audio is removed on the word
//! of these rows.
//!
//! Each side notes a generation, and whoever is about to remove audio begins a new one: first in the rows, which note from
//! which and to which, then in the audio. Rows that were put back to an earlier moment, or are a copy, have no part in what
//! the audio says by then.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use data_encoding::HEXLOWER;

use crate::{
    digest::Sha256,
    id::random_bytes,
    ports::{BlobError, BlobStore, Ports, RecordStore, StoreError},
};

/// How often it is tried again where others do the same.
const MOST_TRIES: usize = 20;

/// How far rows and audio have come, without an order: what counts is whether both say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation([u8; Self::BYTES]);

/// The text is not a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a generation")]
pub struct InvalidGeneration;

impl Generation {
    const BYTES: usize = 8;

    /// Draws a fresh one.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// What a note in a blob store says. One that is damaged says what no other says, and can be replaced by an operator.
    #[must_use]
    pub fn of_note(note: &[u8]) -> Self {
        let whole = std::str::from_utf8(note).ok().and_then(|text| Self::parse(text.trim_end()).ok());
        whole.unwrap_or_else(|| {
            let Sha256(digest) = Sha256::of(note);
            let mut bytes = [0; Self::BYTES];
            bytes.copy_from_slice(&digest[..Self::BYTES]);
            Self(bytes)
        })
    }

    /// Reads 16 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`InvalidGeneration`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidGeneration> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| InvalidGeneration)?;
        bytes.try_into().map(Self).map_err(|_| InvalidGeneration)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// A step from one generation to the next, as rows note it before the audio takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What the audio has said so far; `None` for the first.
    pub from: Option<Generation>,
    /// What it is to say.
    pub to: Generation,
}

/// What rows know of the generation of their audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastStep {
    /// None was ever begun.
    None,
    /// The audio is at one of its ends, if it is theirs.
    Noted(Step),
    /// What was noted does not count here: these rows are a copy of others, or it is damaged.
    Unknown,
}

impl LastStep {
    fn leads_to(self, audio: Option<Generation>) -> bool {
        match self {
            Self::None => audio.is_none(),
            Self::Noted(Step { from, to }) => audio == from || audio == Some(to),
            Self::Unknown => false,
        }
    }
}

/// Why audio is not removed on the word of these rows.
#[derive(Debug, thiserror::Error)]
pub enum LineageError {
    /// One of them was put back to an earlier moment, or is a copy.
    #[error(
        "rows and audio have different histories, so no audio is removed: one of them was put back to an earlier moment, \
         or is a copy; if these rows are the ones that go on, run `tapebase history renew`"
    )]
    Parted,
    /// Others begin generations all the time.
    #[error("others begin generations all the time")]
    Busy,
    /// The row store failed.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Keeps rows and audio together.
#[derive(Clone)]
pub struct Lineage {
    records: Arc<dyn RecordStore>,
    blobs: Arc<dyn BlobStore>,
}

impl Lineage {
    /// Wires the use case.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self { records: ports.records.clone(), blobs: ports.blobs.clone() }
    }

    /// Fails if rows and audio have different histories, and changes nothing.
    ///
    /// # Errors
    /// [`LineageError`].
    pub async fn check(&self) -> Result<(), LineageError> {
        self.look().await.map(|_| ())
    }

    /// Begins the next generation of both, so that copies of either are told from now on.
    ///
    /// # Errors
    /// [`LineageError`]; nothing is changed if they have different histories.
    pub async fn advance(&self) -> Result<(), LineageError> {
        for _ in 0..MOST_TRIES {
            let (last, mut audio) = self.look().await?;
            // What somebody has begun is ended first: their step must not come after the next.
            if let LastStep::Noted(Step { from, to }) = last
                && audio != Some(to)
            {
                if !self.blobs.step(Step { from, to }).await? {
                    continue;
                }
                audio = Some(to);
            }
            if self.step(last, audio).await? {
                return Ok(());
            }
        }
        Err(LineageError::Busy)
    }

    /// Has the audio belong to these rows from now on, whatever came between them: an operator says so.
    ///
    /// # Errors
    /// [`LineageError`].
    pub async fn renew(&self) -> Result<(), LineageError> {
        for _ in 0..MOST_TRIES {
            match self.advance().await {
                Err(LineageError::Parted) => {}
                together => return together,
            }
            let last = self.records.last_step().await?;
            let audio = self.blobs.generation().await?;
            if self.step(last, audio).await? {
                return Ok(());
            }
        }
        Err(LineageError::Busy)
    }

    /// Goes one step from what the audio says; `false` if somebody else has done something meanwhile.
    async fn step(&self, last: LastStep, audio: Option<Generation>) -> Result<bool, LineageError> {
        let step = Step { from: audio, to: Generation::generate() };
        Ok(self.records.note_step(last, step).await? && self.blobs.step(step).await?)
    }

    /// What both say, if they have the same history.
    async fn look(&self) -> Result<(LastStep, Option<Generation>), LineageError> {
        let mut last = self.records.last_step().await?;
        for _ in 0..MOST_TRIES {
            let audio = self.blobs.generation().await?;
            if last.leads_to(audio) {
                return Ok((last, audio));
            }
            // Somebody may have gone on between the two looks.
            let again = self.records.last_step().await?;
            if again == last {
                return Err(LineageError::Parted);
            }
            last = again;
        }
        Err(LineageError::Busy)
    }
}

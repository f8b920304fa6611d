//! Use case: links that play one recording, for a while and for whoever has them.
//!
//! Players, casting devices and `<audio>` send no token. What they are given instead is signed, so that nothing is stored
//! for it, and checked against the rows whenever it is used, so that it ends with what it is of.

#[cfg(test)]
mod tests;
mod ticket;

use std::sync::Arc;

use chrono::TimeDelta;

pub use self::ticket::{Disposition, InvalidTicket, LinkEpoch, PlaybackKey, PlaybackKeys, Ticket};
use crate::{
    id::RecordingId,
    list::ListError,
    ports::{BoxError, Clock, PlaybackKeyStore, Ports, RecordStore, StoreError, UserStore},
    recording::Recording,
    session::Session,
    time::Timestamp,
};

/// Leave to play one recording, to be handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaybackLink {
    /// The ticket and its signature, in letters, digits, `-` and `_`.
    pub ticket: String,
    /// The usual file name extension of what it plays, dot included.
    pub extension: &'static str,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// How long a link counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(TimeDelta);

/// Links do not count for so long, or so shortly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link lasts {} to {} seconds", Lifetime::LEAST_SECONDS, Lifetime::MOST_SECONDS)]
pub struct InvalidLifetime;

/// Why somebody is given no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// They have signed out meanwhile: a link that is made now would outlive that.
    #[error("signed out meanwhile")]
    SignedOut,
    /// There is no such recording, or a store failed.
    #[error(transparent)]
    List(#[from] ListError),
}

/// Why a link plays nothing.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// It is none of this server's, or its recording is gone, or its owner has signed out everywhere since.
    #[error("the link is not valid, or no longer")]
    InvalidLink,
    /// Its time is over.
    #[error("the link has expired")]
    Expired,
    /// A store failed.
    #[error("a store is unavailable")]
    Unavailable(#[source] BoxError),
}

impl Lifetime {
    /// A minute: less is over before it has arrived.
    pub const LEAST_SECONDS: i64 = 60;
    /// A week.
    pub const MOST_SECONDS: i64 = 7 * 24 * 60 * 60;

    /// So many seconds.
    ///
    /// # Errors
    /// [`InvalidLifetime`] if they are too few or too many.
    pub fn of_seconds(seconds: i64) -> Result<Self, InvalidLifetime> {
        if (Self::LEAST_SECONDS..=Self::MOST_SECONDS).contains(&seconds) {
            Ok(Self(TimeDelta::seconds(seconds)))
        } else {
            Err(InvalidLifetime)
        }
    }

    /// When a link ends that is asked for at `now`: this much later, rounded up to the next multiple of a twenty-fourth of
    /// it, so that whoever asks again before that is given the same link, and caches have what it plays.
    fn end(self, now: Timestamp) -> Timestamp {
        let step = (self.0.num_seconds() / 24).max(1);
        let end = now.timestamp().saturating_add(self.0.num_seconds());
        let rounded = end.saturating_add(step).div_euclid(step).saturating_mul(step);
        Timestamp::from_timestamp(rounded, 0).unwrap_or(now)
    }
}

impl Default for Lifetime {
    /// A day: a player may be paused over night.
    fn default() -> Self {
        Self(TimeDelta::days(1))
    }
}

/// Hands out links, and knows what they play.
#[derive(Clone)]
pub struct Playback {
    records: Arc<dyn RecordStore>,
    users: Arc<dyn UserStore>,
    keys: Arc<dyn PlaybackKeyStore>,
    clock: Arc<dyn Clock>,
}

impl Playback {
    /// Wires the use case.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        let Ports { records, users, playback_keys, clock, .. } = ports.clone();
        Self { records, users, keys: playback_keys, clock }
    }

    /// A link to a recording of whoever came by `session`.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn link(
        &self,
        session: &Session,
        id: &RecordingId,
        lifetime: Lifetime,
        disposition: Disposition,
    ) -> Result<PlaybackLink, LinkError> {
        let found = self.records.find_to_play(session.user, id).await.map_err(ListError::from)?;
        let (recording, epoch) = found.ok_or(ListError::NotFound)?;
        self.refuse_signed_out(session).await?;
        let keys = self.keys.playback_keys().await.map_err(ListError::from)?;
        Ok(self.sign(&recording, epoch, &keys, lifetime, disposition))
    }

    /// A link to each of these recordings, which are all of whoever came by `session`.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn links(&self, session: &Session, recordings: &[Recording]) -> Result<Vec<PlaybackLink>, LinkError> {
        let epoch = self.records.link_epoch(session.user).await.map_err(ListError::from)?;
        self.refuse_signed_out(session).await?;
        let keys = self.keys.playback_keys().await.map_err(ListError::from)?;
        let sign = |recording| self.sign(recording, epoch, &keys, Lifetime::default(), Disposition::Inline);
        Ok(recordings.iter().map(sign).collect())
    }

    /// Who signs out everywhere ends every session and every link made before. A request that came before that and is
    /// still under way must not be given the epoch of after it: whoever has that epoch has a session, too.
    async fn refuse_signed_out(&self, session: &Session) -> Result<(), LinkError> {
        let open = self.users.session_of(session.user, session.id).await.map_err(ListError::from)?;
        open.map(|_| ()).ok_or(LinkError::SignedOut)
    }

    fn sign(
        &self,
        recording: &Recording,
        epoch: LinkEpoch,
        keys: &PlaybackKeys,
        lifetime: Lifetime,
        disposition: Disposition,
    ) -> PlaybackLink {
        let expires_at = lifetime.end(self.clock.now());
        let Recording { owner, id, received_at, media_type, .. } = recording;
        let (id, received_at) = (id.clone(), *received_at);
        let ticket = Ticket { owner: *owner, id, received_at, epoch, expires_at, disposition };
        PlaybackLink { ticket: ticket.sign(keys), extension: media_type.extension(), expires_at }
    }

    /// What somebody plays who has this ticket, and how.
    ///
    /// # Errors
    /// [`PlaybackError`].
    pub async fn open(&self, ticket: &str) -> Result<(Recording, Disposition), PlaybackError> {
        let keys = self.keys.playback_keys().await?;
        let ticket = Ticket::open(ticket, &keys).map_err(|_| PlaybackError::InvalidLink)?;
        if ticket.expires_at <= self.clock.now() {
            return Err(PlaybackError::Expired);
        }
        let found = self.records.find_to_play(ticket.owner, &ticket.id).await?;
        let (recording, epoch) = found.ok_or(PlaybackError::InvalidLink)?;
        if ticket.is_of(&recording, epoch) {
            Ok((recording, ticket.disposition))
        } else {
            Err(PlaybackError::InvalidLink)
        }
    }
}

impl From<StoreError> for PlaybackError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(source) | StoreError::NotWritten(source) | StoreError::Unavailable(source) => {
                Self::Unavailable(source)
            }
        }
    }
}

//! What a client says of a recording: one struct, in recordings and in uploads under way.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, FixedOffset};

use crate::{media_type::MediaType, recording::RecordingName, time::Timestamp};

/// What is kept of what a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// What people call it.
    pub name: RecordingName,
    /// The type it was declared to be; see [`crate::recording::Recording::media_type`] for what it is.
    pub media_type: MediaType,
    /// When it was recorded, as the client's clock and time zone had it; never refused for being off.
    pub recorded_at: DateTime<FixedOffset>,
    /// How long it plays, in milliseconds, if the client said so; its own word, which nobody has checked.
    pub client_duration_ms: Option<u32>,
}

/// What a client says, as far as it says anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDetails {
    /// Made from the time of recording otherwise.
    pub name: Option<RecordingName>,
    /// `application/octet-stream` where nothing is declared.
    pub media_type: MediaType,
    /// Now otherwise.
    pub recorded_at: Option<DateTime<FixedOffset>>,
    /// In milliseconds.
    pub client_duration_ms: Option<u32>,
}

impl NewDetails {
    /// Nothing but its type.
    #[must_use]
    pub const fn of_type(media_type: MediaType) -> Self {
        Self { name: None, media_type, recorded_at: None, client_duration_ms: None }
    }

    /// Makes up what was not said, for a recording that came at `now` and is of the type `effective`.
    #[must_use]
    pub fn complete(self, now: Timestamp, effective: &MediaType) -> Details {
        let recorded_at = self.recorded_at.map_or_else(|| now.fixed_offset(), to_microseconds);
        Details {
            name: self.name.unwrap_or_else(|| RecordingName::from_time(recorded_at, effective)),
            media_type: self.media_type,
            recorded_at,
            client_duration_ms: self.client_duration_ms,
        }
    }
}

/// What a client says behind the bytes of a recording: it is known once they have all come.
#[derive(Debug, Clone, Default)]
pub struct LateDetails(Arc<OnceLock<NewDetails>>);

impl LateDetails {
    /// Says it, instead of what was said before the bytes.
    pub fn say(&self, details: NewDetails) {
        let _ = self.0.set(details);
    }

    /// What was said, if anything was.
    #[must_use]
    pub fn said(&self) -> Option<NewDetails> {
        self.0.get().cloned()
    }
}

/// The same instant and offset as every store keeps it; a leap second becomes the one after.
fn to_microseconds(time: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
    let instant = DateTime::from_timestamp_micros(time.timestamp_micros());
    instant.map_or(time, |instant| instant.with_timezone(time.offset()))
}

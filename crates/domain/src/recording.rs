//! A recording: what is known about one piece of audio.

use chrono::{DateTime, FixedOffset};
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    blob::BlobRef,
    details::Details,
    digest::Sha256,
    history::ChangeNumber,
    id::{RecordingId, UserId},
    media_type::MediaType,
    time::Timestamp,
};

/// One recording of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its name among the recordings of its owner.
    pub id: RecordingId,
    /// Whose it is.
    pub owner: UserId,
    /// What its client said of it.
    pub details: Details,
    /// What kind of audio it is: as declared, or as its first bytes show where nothing was.
    pub media_type: MediaType,
    /// How many bytes it has.
    pub size: u64,
    /// The digest of those bytes.
    pub sha256: Sha256,
    /// Where that digest comes from.
    pub digest: DigestOrigin,
    /// When the server took it in.
    pub received_at: Timestamp,
    /// Counts the changes of what is known about it, from 1.
    pub revision: Revision,
    /// The number of its last change among those of its owner; its store counts.
    pub changed: ChangeNumber,
    /// When its audio was last read as a whole and found to be right, if it was.
    pub verified_at: Option<Timestamp>,
    /// Since when its audio is known to be damaged or missing, if it is.
    pub damaged_at: Option<Timestamp>,
    /// Where its bytes are.
    pub blob: BlobRef,
}

impl Recording {
    /// Whether it would change anything to note that its audio, if it is at `blob`, is damaged since then, or is not.
    #[must_use]
    pub fn can_be_marked(&self, blob: &BlobRef, since: Option<Timestamp>) -> bool {
        self.blob == *blob && self.damaged_at.is_some() != since.is_some()
    }
}

/// Who says what the digest of some audio is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestOrigin {
    /// Whoever stored the audio: it was hashed on its way, or read again.
    Computed,
    /// The client alone; the store has compared the audio with another checksum.
    Declared,
}

impl DigestOrigin {
    /// As stores write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Computed => "computed",
            Self::Declared => "declared",
        }
    }

    /// Reads what [`Self::as_str`] wrote.
    ///
    /// # Errors
    /// [`InvalidDigestOrigin`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidDigestOrigin> {
        [Self::Computed, Self::Declared].into_iter().find(|origin| origin.as_str() == text).ok_or(InvalidDigestOrigin)
    }
}

/// The text is not the origin of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the origin of a digest")]
pub struct InvalidDigestOrigin;

/// What an owner changes of a recording; what is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edit {
    /// What people call it.
    pub name: Option<RecordingName>,
}

impl Edit {
    /// The recording as it is afterwards.
    #[must_use]
    pub fn apply(self, mut recording: Recording) -> Recording {
        if let Some(name) = self.name {
            recording.details.name = name;
        }
        recording.revision.0 += 1;
        recording
    }
}

/// Counts the changes that an owner has made to a recording, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision(pub u64);

/// Why a text cannot name a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// There is nothing in it.
    #[error("the name is empty")]
    Empty,
    /// It is longer than anybody types.
    #[error("the name is longer than {} bytes in NFC", RecordingName::MAX_BYTES)]
    TooLong,
    /// It has control characters, which break terminals, headers and logs.
    #[error("the name has control characters")]
    ControlCharacter,
}

/// The name of a recording, kept byte for byte as the client sent it. Never part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingName(String);

impl RecordingName {
    /// The most bytes a name may have.
    /// Counted after NFC normalisation, because one phone sends `한` in 3 bytes and another in 9.
    pub const MAX_BYTES: usize = 1_500;
    /// NFC makes no text in UTF-8 more than three times as long (Unicode FAQ on normalisation, "maximum expansion
    /// factor"): up to here nothing need be counted.
    const SHORT_BYTES: usize = Self::MAX_BYTES / 3;

    /// Accepts a name as it is.
    ///
    /// # Errors
    /// [`InvalidName`] if it is empty, too long or has control characters.
    pub fn parse(text: String) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidName::ControlCharacter);
        }
        if text.len() > Self::SHORT_BYTES && text.nfc().map(char::len_utf8).sum::<usize>() > Self::MAX_BYTES {
            return Err(InvalidName::TooLong);
        }
        Ok(Self(text))
    }

    /// What [`Self::as_str`] gave once, kept with a checksum.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The name of a recording that came without one: when it was recorded, on the client's clock.
    #[must_use]
    pub fn from_time(recorded_at: DateTime<FixedOffset>, media_type: &MediaType) -> Self {
        Self(format!("Recording {}{}", recorded_at.format("%Y-%m-%d %H.%M.%S"), media_type.extension()))
    }

    /// The exact text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, for whoever needs nothing but the text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, InvalidName> {
        RecordingName::parse(text.to_owned()).map(|name| name.0)
    }

    #[test]
    fn names_are_kept_byte_for_byte() {
        let decomposed: String = "회의록 3.m4a".nfd().collect();
        for name in ["회의록 3.m4a", decomposed.as_str(), "../../etc/passwd", "🎙️.m4a", " ", &"가".repeat(300)]
        {
            assert_eq!(parse(name), Ok(name.to_owned()));
        }
    }

    #[test]
    fn length_is_counted_after_composition() {
        let decomposed: String = "각".repeat(500).nfd().collect();
        assert!(decomposed.len() > RecordingName::MAX_BYTES);
        assert_eq!(parse(&decomposed), Ok(decomposed.clone()));
        assert_eq!(parse(&"각".repeat(501)), Err(InvalidName::TooLong));
    }

    #[test]
    fn empty_names_and_control_characters_are_refused() {
        assert_eq!(parse(""), Err(InvalidName::Empty));
        for name in ["a\0b", "a\r\nX: y", "\u{7f}", "\u{85}"] {
            assert_eq!(parse(name), Err(InvalidName::ControlCharacter), "{name:?}");
        }
    }
}

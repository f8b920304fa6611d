//! What a link says, and what proves it.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};

use crate::{
    history::HistoryId,
    id::{RecordingId, RecordingIdBits, UserId, random_bytes},
    recording::Recording,
    time::Timestamp,
};

/// Tells the links of an owner that count from those that do not: another one is drawn when they sign out everywhere.
///
/// By lot, so that no fault that turns a bit brings back the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkEpoch(pub u64);

impl LinkEpoch {
    /// Draws another one.
    #[must_use]
    pub fn generate() -> Self {
        Self(u64::from_be_bytes(random_bytes()))
    }
}

/// Signs links; prints as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PlaybackKey(pub [u8; Self::BYTES]);

impl PlaybackKey {
    /// How many bytes it has.
    pub const BYTES: usize = 32;

    /// Draws a fresh key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// Begins to sign what is for one purpose, in one history of rows.
    pub(crate) fn mac(&self, purpose: &str, history: HistoryId) -> Hmac<sha2::Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0).expect("any length");
        mac.update(purpose.as_bytes());
        mac.update(&history.to_bytes());
        mac
    }
}

impl fmt::Debug for PlaybackKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// What links are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaybackKeys {
    /// Which history of rows they are for: those of a copy sign nothing that counts here.
    pub history: HistoryId,
    /// What signs.
    pub current: PlaybackKey,
    /// What signed before; it still counts.
    pub previous: Option<PlaybackKey>,
}

/// What becomes of the audio in a browser (RFC 6266 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It is played.
    Inline,
    /// It is saved.
    Attachment,
}

/// Leave to play one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Whose recording it is.
    pub owner: UserId,
    /// The recording's id.
    pub id: RecordingId,
    /// When that one was stored: another may come under its id.
    pub received_at: Timestamp,
    /// Which links of its owner counted then.
    pub epoch: LinkEpoch,
    /// Until when, to the second.
    pub expires_at: Timestamp,
    /// How it is played.
    pub disposition: Disposition,
}

/// The text is no ticket that any of the keys has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket")]
pub struct InvalidTicket;

/// Of this layout: version, flags, owner, id, when it was stored, epoch, end; all numbers with the most significant byte
/// first.
type Payload = [u8; 1 + 1 + 16 + 16 + 8 + 8 + 8];

const VERSION: u8 = 1;
const IS_UUID: u8 = 1;
const IS_ATTACHMENT: u8 = 2;
/// How much of the MAC there is: half of it, as RFC 2104 section 5 allows.
const MAC_BYTES: usize = 16;

impl Ticket {
    /// The ticket and its signature as URL-safe text (HMAC-SHA256, RFC 2104).
    #[must_use]
    pub fn sign(&self, keys: &PlaybackKeys) -> String {
        let payload = self.payload();
        let mac = mac(&keys.current, keys.history, &payload).finalize().into_bytes();
        BASE64URL_NOPAD.encode(&[&payload, &mac[..MAC_BYTES]].concat())
    }

    /// Reads what [`Self::sign`] wrote with one of the keys.
    ///
    /// # Errors
    /// [`InvalidTicket`] for anything else.
    pub fn open(text: &str, keys: &PlaybackKeys) -> Result<Self, InvalidTicket> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvalidTicket)?;
        let (payload, signature) = bytes.split_first_chunk().ok_or(InvalidTicket)?;
        let is_signed = |key| {
            signature.len() == MAC_BYTES && mac(key, keys.history, payload).verify_truncated_left(signature).is_ok()
        };
        if is_signed(&keys.current) || keys.previous.as_ref().is_some_and(is_signed) {
            Self::read(payload).ok_or(InvalidTicket)
        } else {
            Err(InvalidTicket)
        }
    }

    /// Whether it is of this recording, now that these links of its owner count.
    #[must_use]
    pub fn is_of(&self, recording: &Recording, epoch: LinkEpoch) -> bool {
        let stored_at = |time: Timestamp| time.timestamp_micros();
        self.owner == recording.owner
            && self.id == recording.id
            && stored_at(self.received_at) == stored_at(recording.received_at)
            && self.epoch == epoch
    }

    fn payload(&self) -> Payload {
        let (id, uuid_flag) = match RecordingIdBits::from(&self.id) {
            RecordingIdBits::Ulid(bits) => (bits, 0),
            RecordingIdBits::Uuid(bits) => (bits, IS_UUID),
        };
        let flags = uuid_flag | if self.disposition == Disposition::Attachment { IS_ATTACHMENT } else { 0 };
        let mut payload = [0; size_of::<Payload>()];
        payload[0] = VERSION;
        payload[1] = flags;
        payload[2..18].copy_from_slice(&self.owner.to_bits().to_be_bytes());
        payload[18..34].copy_from_slice(&id.to_be_bytes());
        payload[34..42].copy_from_slice(&self.received_at.timestamp_micros().to_be_bytes());
        payload[42..50].copy_from_slice(&self.epoch.0.to_be_bytes());
        payload[50..58].copy_from_slice(&self.expires_at.timestamp().to_be_bytes());
        payload
    }

    /// `None` for what a later version has written.
    fn read(payload: &Payload) -> Option<Self> {
        let ([VERSION, flags], rest) = payload.split_first_chunk()? else { return None };
        let (owner, rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (received_at, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let expires_at = rest.first_chunk()?;
        let id = u128::from_be_bytes(*id);
        let id = if flags & IS_UUID == 0 { RecordingIdBits::Ulid(id) } else { RecordingIdBits::Uuid(id) };
        let is_attachment = flags & IS_ATTACHMENT != 0;
        Some(Self {
            owner: UserId::from_bits(u128::from_be_bytes(*owner)),
            id: id.into(),
            received_at: Timestamp::from_timestamp_micros(i64::from_be_bytes(*received_at))?,
            epoch: LinkEpoch(u64::from_be_bytes(*epoch)),
            expires_at: Timestamp::from_timestamp(i64::from_be_bytes(*expires_at), 0)?,
            disposition: if is_attachment { Disposition::Attachment } else { Disposition::Inline },
        })
    }
}

fn mac(key: &PlaybackKey, history: HistoryId, payload: &Payload) -> Hmac<sha2::Sha256> {
    let mut mac = key.mac("tapebase playback link", history);
    mac.update(payload);
    mac
}

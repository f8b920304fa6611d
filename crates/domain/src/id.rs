//! Identifiers, and the one place randomness comes from.

use std::fmt;

use ulid::Ulid;

use crate::time::Timestamp;

/// The text is not an identifier of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID or UUID")]
pub struct InvalidId;

/// Names one recording among those of its owner.
///
/// A [ULID](https://github.com/ulid/spec) or a UUID (RFC 9562), chosen by the client or the server.
/// It keeps the form it came in, in canonical letter case, because clients compare it as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingId(String);

impl RecordingId {
    /// Reads a 26-character ULID or a hyphenated UUID, in any letter case.
    ///
    /// # Errors
    /// [`InvalidId`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match text.len() {
            26 => parse_ulid(text).map(|_| Self(text.to_ascii_uppercase())),
            // The hyphenated form alone has so many characters.
            36 if uuid::Uuid::try_parse(text).is_ok() => Ok(Self(text.to_ascii_lowercase())),
            _ => Err(InvalidId),
        }
    }

    /// Makes a fresh ULID of this instant.
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        Self(generate_ulid(now).to_string())
    }

    /// The canonical text.
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

/// A [`RecordingId`] in 128 bits, and which form they are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingIdBits {
    /// A ULID.
    Ulid(u128),
    /// A hyphenated UUID.
    Uuid(u128),
}

impl From<&RecordingId> for RecordingIdBits {
    #[expect(clippy::expect_used, reason = "an id is one of the two")]
    fn from(id: &RecordingId) -> Self {
        match Ulid::from_string(&id.0) {
            Ok(ulid) => Self::Ulid(ulid.0),
            Err(_) => Self::Uuid(uuid::Uuid::try_parse(&id.0).expect("it was parsed before").as_u128()),
        }
    }
}

impl From<RecordingIdBits> for RecordingId {
    fn from(bits: RecordingIdBits) -> Self {
        Self(match bits {
            RecordingIdBits::Ulid(bits) => Ulid(bits).to_string(),
            RecordingIdBits::Uuid(bits) => uuid::Uuid::from_u128(bits).hyphenated().to_string(),
        })
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Names one user; a ULID the server chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Ulid);

/// Names one session of a user, so that it can be revoked without showing its token; a ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Ulid);

/// Names one of the identities of a user; a ULID. That of a user who was there before identities had names is the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityId(Ulid);

/// Names one API token of a user, so that it can be revoked without showing it; a ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiTokenId(Ulid);

/// Tells one row store from every other, for as long as its rows live; a ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(Ulid);

macro_rules! server_chosen_id {
    ($name:ident) => {
        impl $name {
            /// Makes a fresh identifier of this instant.
            #[must_use]
            pub fn generate(now: Timestamp) -> Self {
                Self(generate_ulid(now))
            }

            /// Reads the canonical text, in any letter case.
            ///
            /// # Errors
            /// [`InvalidId`] if it is not a ULID.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                parse_ulid(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

server_chosen_id!(UserId);
server_chosen_id!(SessionId);
server_chosen_id!(IdentityId);
server_chosen_id!(ApiTokenId);
server_chosen_id!(StoreId);

impl UserId {
    /// Its 128 bits.
    #[must_use]
    pub const fn to_bits(self) -> u128 {
        self.0.0
    }

    /// The name of their first identity, if it was given none.
    #[must_use]
    pub const fn first_identity(self) -> IdentityId {
        IdentityId(self.0)
    }

    /// The user these 128 bits name.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(Ulid(bits))
    }
}

/// Fills an array from the operating system's cryptographic generator.
///
/// # Panics
/// If the system has none: nothing here would be safe without it.
#[must_use]
#[expect(clippy::expect_used, reason = "a system without randomness cannot run this program")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[cfg(feature = "simulation")]
    if simulation::fill(&mut bytes) {
        return bytes;
    }
    getrandom::fill(&mut bytes).expect("the system has a random generator");
    bytes
}

/// Randomness that can be repeated; no program that serves is built with it.
#[cfg(feature = "simulation")]
pub mod simulation {
    use std::cell::RefCell;

    type Source = Box<dyn FnMut(&mut [u8])>;

    thread_local! {
        static SOURCE: RefCell<Option<Source>> = const { RefCell::new(None) };
    }

    /// Has `source` fill whatever is drawn in this thread from now on.
    pub fn draw_from(source: impl FnMut(&mut [u8]) + 'static) {
        SOURCE.set(Some(Box::new(source)));
    }

    /// `false` where nothing was said.
    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        SOURCE.with_borrow_mut(|source| source.as_mut().map(|source| source(bytes))).is_some()
    }
}

fn generate_ulid(now: Timestamp) -> Ulid {
    let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    Ulid::from_parts(milliseconds, u128::from_be_bytes(random_bytes()))
}

/// Only the canonical letters: the `ulid` crate drops the bits of a 26-digit number past 128 bits,
/// and two texts must not become one id.
fn parse_ulid(text: &str) -> Result<Ulid, InvalidId> {
    let mut canonical = [0; ulid::ULID_LEN];
    match Ulid::from_string(text) {
        Ok(ulid) if ulid.array_to_str(&mut canonical).eq_ignore_ascii_case(text) => Ok(ulid),
        _ => Err(InvalidId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_form_in_canonical_case() {
        let ulid = "01JD9Z8Q3NVX4T6M2K7C5B1ARE";
        let hyphenated = "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e";
        assert_eq!(RecordingId::parse(&ulid.to_lowercase()).map(|id| id.to_string()), Ok(ulid.into()));
        assert_eq!(RecordingId::parse(&hyphenated.to_uppercase()).map(|id| id.to_string()), Ok(hyphenated.into()));
    }

    #[test]
    fn an_id_is_the_same_after_it_was_bits() {
        for text in [
            "01JD9Z8Q3NVX4T6M2K7C5B1ARE",
            "00000000000000000000000000",
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ] {
            let id = RecordingId::parse(text).expect("an id");

            let bits = RecordingIdBits::from(&id);

            assert_eq!(RecordingId::from(bits).as_str(), text);
        }
        let user = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
        assert_eq!(UserId::from_bits(user.to_bits()), user);
    }

    #[test]
    fn what_is_neither_ulid_nor_uuid_is_refused() {
        let overflow = "8ZZZZZZZZZZZZZZZZZZZZZZZZZ";
        let braces = "{0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6}";
        for text in ["", "..", "memo", overflow, braces, "0192f0c17c7e7b3a9d553f1c2b4a5d6e", "회의록 회의록 회의록"]
        {
            assert_eq!(RecordingId::parse(text), Err(InvalidId), "{text}");
        }
    }
}

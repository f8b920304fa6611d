//! Pages of a long list, joined by cursors that stay right while recordings come and go.

use data_encoding::BASE64URL_NOPAD;

use crate::{id::RecordingId, recording::Recording, time::Timestamp};

/// Which of its two times a recording is found and ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeField {
    /// When the server took it in.
    #[default]
    Received,
    /// When the client recorded it.
    Recorded,
}

/// Which end of time comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The latest first.
    #[default]
    Newest,
    /// The earliest first.
    Oldest,
}

/// How many items a page may have, 1 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u8);

/// The number is not between 1 and [`Limit::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limit must be between 1 and {}", Limit::MAX.get())]
pub struct InvalidLimit;

impl Limit {
    /// The longest page.
    pub const MAX: Self = Self(200);

    /// Accepts 1 to 200.
    ///
    /// # Errors
    /// [`InvalidLimit`] outside of that.
    pub fn new(items: u64) -> Result<Self, InvalidLimit> {
        match u8::try_from(items) {
            Ok(items @ 1..=200) => Ok(Self(items)),
            _ => Err(InvalidLimit),
        }
    }

    /// The number of items.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    /// Cuts a page out of items, of which there is one more than the limit at least where there is another page; says
    /// whether there is.
    pub fn cut<T>(self, items: &mut Vec<T>) -> bool {
        let has_more = items.len() > self.get();
        items.truncate(self.get());
        has_more
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// Which recordings of a user to show, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageRequest {
    /// The time that counts.
    pub by: TimeField,
    /// Which end of time comes first.
    pub order: Order,
    /// Only recordings of this time or later.
    pub from: Option<Timestamp>,
    /// Only recordings before this time.
    pub to: Option<Timestamp>,
    /// How many at most.
    pub limit: Limit,
    /// Only recordings after this place in the order.
    pub after: Option<Position>,
}

/// Some recordings, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub items: Vec<Recording>,
    /// Present if there was more when this page was read.
    pub next: Option<Cursor>,
}

/// A place between two recordings in a list: just after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The time of the recording.
    pub time: Timestamp,
    /// Its id, which decides between recordings of the same instant.
    pub id: RecordingId,
}

/// The text is not a cursor of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

/// A place in a list of one order, as opaque text.
///
/// It names a position and nothing else: the list it is used on is always the caller's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The time the list is ordered by.
    pub by: TimeField,
    /// The list's order.
    pub order: Order,
    /// Where in it.
    pub position: Position,
}

impl Cursor {
    /// Writes the cursor as URL-safe text.
    #[must_use]
    pub fn encode(&self) -> String {
        let by = u8::from(self.by == TimeField::Recorded);
        let order = u8::from(self.order == Order::Oldest);
        let mut bytes = vec![by << 1 | order];
        bytes.extend(self.position.time.timestamp_micros().to_be_bytes());
        bytes.extend(self.position.id.as_str().as_bytes());
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidCursor> {
        Self::decode(text).ok_or(InvalidCursor)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (&flags, rest) = bytes.split_first().filter(|(flags, _)| **flags < 4)?;
        let (&micros, id) = rest.split_first_chunk::<8>()?;
        Some(Self {
            by: if flags & 2 == 0 { TimeField::Received } else { TimeField::Recorded },
            order: if flags & 1 == 0 { Order::Newest } else { Order::Oldest },
            position: Position {
                time: Timestamp::from_timestamp_micros(i64::from_be_bytes(micros))?,
                id: RecordingId::parse(std::str::from_utf8(id).ok()?).ok()?,
            },
        })
    }
}

impl TimeField {
    /// The time of `recording` that counts.
    #[must_use]
    pub fn of(self, recording: &Recording) -> Timestamp {
        match self {
            Self::Received => recording.received_at,
            Self::Recorded => recording.details.recorded_at.to_utc(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let time = Timestamp::from_timestamp_micros(1_763_859_125_123_456).expect("in range");
        let id = RecordingId::generate(time);
        for by in [TimeField::Received, TimeField::Recorded] {
            for order in [Order::Newest, Order::Oldest] {
                let cursor = Cursor { by, order, position: Position { time, id: id.clone() } };
                assert_eq!(Cursor::parse(&cursor.encode()), Ok(cursor));
            }
        }
    }

    #[test]
    fn other_text_is_no_cursor() {
        for text in ["", "AA", "!!!!", "한글", &"A".repeat(47), &"_".repeat(47)] {
            assert_eq!(Cursor::parse(text), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn a_limit_is_1_to_200() {
        assert_eq!(Limit::new(0), Err(InvalidLimit));
        assert_eq!(Limit::new(200), Ok(Limit::MAX));
        assert_eq!(Limit::new(201), Err(InvalidLimit));
        assert_eq!(Limit::new(u64::MAX), Err(InvalidLimit));
    }
}

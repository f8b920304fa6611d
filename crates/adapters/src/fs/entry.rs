//! How a blob lies in a pack: a header that says what follows, the bytes, and nothing up to the next block.

use std::fmt;

use bytes::Bytes;
use tapebase_domain::{
    blob::BlobRef,
    digest::{Hasher, Sha256},
};

/// Entries begin at multiples of this: no two share a page, and what was one can be given back to the file system.
pub const BLOCK_BYTES: u64 = BLOCK_SIZE as u64;
/// How many bytes stand before those of the blob.
pub const HEADER_BYTES: u64 = HEADER_SIZE as u64;

const BLOCK_SIZE: usize = 4 << 10;
const HEADER_SIZE: usize = 96;

const MAGIC: &[u8; 8] = b"TAPEBLOB";
/// A header as it stands in a pack.
pub type RawHeader = [u8; HEADER_SIZE];
/// The bytes of a block.
pub type Block = [u8; BLOCK_SIZE];

/// A pack, by a random number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId(pub u64);

/// Where an entry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In which pack.
    pub pack: PackId,
    /// How many bytes from its beginning.
    pub offset: u64,
}

/// What stands before the bytes of a blob; all numbers are little-endian.
///
/// | bytes | |
/// |---|---|
/// | 0–7 | `TAPEBLOB` |
/// | 8–11 | CRC-32 of bytes 12–95 |
/// | 12–15 | the version of this layout: 1 |
/// | 16–23 | the pack's number |
/// | 24–31 | where in the pack this header begins |
/// | 32–39 | how many bytes the blob has |
/// | 40–47 | when it was written, microseconds since 1970 in UTC |
/// | 48–79 | SHA-256 of the blob |
/// | 80–95 | zero |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Where it is: one that was copied elsewhere is none.
    pub place: Place,
    /// How many bytes the blob has.
    pub length: u64,
    /// When it was written, in microseconds since 1970 in UTC.
    pub written_at: i64,
    /// The digest of the blob.
    pub sha256: Sha256,
}

impl Header {
    /// As it stands in the pack.
    pub fn encode(&self) -> RawHeader {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[12..16].copy_from_slice(&1_u32.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.place.pack.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.place.offset.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.length.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.written_at.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.sha256.0);
        let checksum = crc32fast::hash(&bytes[12..]);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads what stands at `place`; `None` if that is no header, or one of another place.
    pub fn decode(bytes: &RawHeader, place: Place) -> Option<Self> {
        let number = |from: usize| bytes[from..from + 8].try_into().map(u64::from_le_bytes).ok();
        let header = Self {
            place: Place { pack: PackId(number(16)?), offset: number(24)? },
            length: number(32)?,
            written_at: number(40)?.cast_signed(),
            sha256: Sha256::from_slice(&bytes[48..80])?,
        };
        // No pack is longer than its offsets can say.
        let is_possible = header.place == place && u32::try_from(header.length).is_ok();
        (is_possible && header.encode() == *bytes).then_some(header)
    }

    /// How many bytes of the pack are the entry's, up to the next block.
    pub const fn span(&self) -> u64 {
        span(self.length)
    }
}

/// How many bytes an entry takes for a blob of `length` bytes.
pub const fn span(length: u64) -> u64 {
    length.saturating_add(HEADER_BYTES).next_multiple_of(BLOCK_BYTES)
}

/// A blob that is to be appended to a pack.
pub struct Entry {
    pieces: Vec<Bytes>,
    /// How many bytes it has.
    pub length: u64,
    /// Their digest.
    pub sha256: Sha256,
}

impl Entry {
    /// Hashes the pieces of a blob.
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let mut hasher = Hasher::default();
        for piece in &pieces {
            hasher.update(piece);
        }
        let (length, sha256) = hasher.finish();
        Self { pieces, length, sha256 }
    }

    /// How many bytes of a pack it takes.
    pub const fn span(&self) -> u64 {
        span(self.length)
    }

    /// Fills `room`, which has the bytes of its span, with the header and what follows it.
    pub fn fill(&self, header: &RawHeader, mut room: &mut [u8]) {
        for piece in [&header[..]].into_iter().chain(self.pieces.iter().map(Bytes::as_ref)) {
            let (taken, rest) = room.split_at_mut(piece.len());
            taken.copy_from_slice(piece);
            room = rest;
        }
        room.fill(0);
    }
}

impl Place {
    /// The place a reference stands for: 16 hexadecimal digits for the pack, and 8 for where in it.
    pub fn parse(text: &str) -> Option<Self> {
        let (pack, offset) = text.split_once('-')?;
        let offset = u64::from(u32::from_str_radix(offset, 16).ok()?);
        let place = Self { pack: PackId::parse(pack)?, offset };
        (place.to_string() == text && place.offset.is_multiple_of(BLOCK_BYTES)).then_some(place)
    }

    /// The reference to what is here.
    pub fn to_ref(self) -> BlobRef {
        BlobRef::new(self.to_string())
    }
}

impl PackId {
    /// Reads 16 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(u64::from_str_radix(text, 16).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{:08x}", self.pack, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { pack: PackId(0x7f3a), offset: 3 * BLOCK_BYTES };

    fn header() -> Header {
        Header { place: PLACE, length: 11, written_at: 1_700_000_000_000_000, sha256: Sha256::of(b"half a word") }
    }

    #[test]
    fn a_header_is_read_back_where_it_was_written_and_nowhere_else() {
        let bytes = header().encode();

        assert_eq!(Header::decode(&bytes, PLACE), Some(header()));
        assert_eq!(Header::decode(&bytes, Place { offset: 0, ..PLACE }), None);
        assert_eq!(Header::decode(&bytes, Place { pack: PackId(1), ..PLACE }), None);
        for length in [1 << 32, u64::MAX] {
            assert_eq!(Header::decode(&Header { length, ..header() }.encode(), PLACE), None);
        }
    }

    #[test]
    fn a_header_with_any_bit_wrong_is_none() {
        for bit in 0..HEADER_SIZE * 8 {
            let mut bytes = header().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes, PLACE), None, "bit {bit}");
        }
        assert_eq!(Header::decode(&[0; HEADER_SIZE], PLACE), None);
    }

    #[test]
    fn an_entry_fills_whole_blocks() {
        for length in [0, 1, 3_999, 4_000, 4_001, 70_000] {
            let entry = Entry::new([vec![6; length / 2], vec![7; length - length / 2]].map(Bytes::from).into());
            let mut room = vec![5; usize::try_from(entry.span()).expect("it fits")];
            let raw = header().encode();
            entry.fill(&raw, &mut room);

            let (head, bytes) = room.split_at(HEADER_SIZE);
            assert_eq!(head, raw);
            assert_eq!(Sha256::of(&bytes[..length]), entry.sha256, "{length} bytes");
            assert!(bytes[length..].iter().all(|byte| *byte == 0));
            assert!(span(length as u64).is_multiple_of(BLOCK_BYTES));
        }
    }

    #[test]
    fn a_place_is_read_back_from_its_reference() {
        assert_eq!(PLACE.to_string(), "0000000000007f3a-00003000");
        assert_eq!(Place::parse("0000000000007f3a-00003000"), Some(PLACE));
        for other in [
            "",
            "-",
            "7f3a-00003000",
            "0000000000007F3A-00003000",
            "0000000000007f3a-00003001",
            "0000000000007f3a-3000",
        ] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }
}

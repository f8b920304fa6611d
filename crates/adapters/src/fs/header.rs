//! What stands before a blob in a pack, and says what follows.

use tapebase_domain::{
    blob::Provenance,
    digest::Sha256,
    id::{RecordingIdBits, UserId},
};

use super::{
    checksums::Checked,
    place::{PackId, Place, Version},
};

const MAGIC: &[u8; 8] = b"TAPEBLOB";
/// How many bytes the longer header has.
const SIZE: usize = Version::Second.header_size();
/// How many checksums there is room for.
const CHECKSUMS: usize = 4;

/// A header as it stands in a pack; the first version has fewer bytes, and leaves the rest zero here.
pub type RawHeader = [u8; SIZE];

/// What stands before the bytes of a blob; all numbers are little-endian, ids big-endian as their text is.
///
/// | bytes | version 1 | version 2 |
/// |---|---|---|
/// | 0–7 | `TAPEBLOB` | |
/// | 8–11 | CRC-32 of bytes 12–95 | of bytes 12–127 |
/// | 12 | the version: 1 | 2 |
/// | 13 | zero | the form of the recording's id: 1 is a ULID, 2 a UUID |
/// | 14–15 | zero | |
/// | 16–23 | the pack's number | |
/// | 24–31 | where in the pack this header begins | |
/// | 32–39 | how many bytes the blob has | |
/// | 40–47 | when it was written, microseconds since 1970 in UTC | |
/// | 48–79 | SHA-256 of the blob | |
/// | 80–95 | zero | whose it is: a ULID |
/// | 96–111 | the blob begins | the id of the recording it is of |
/// | 112–127 | | CRC-32C of each 64 KiB of the blob, zero behind the last |
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
    /// What the second version says besides; the first says nothing.
    pub more: Option<More>,
}

/// What the second version of a header says besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct More {
    owner: UserId,
    recording: RecordingIdBits,
    checksums: [u32; CHECKSUMS],
}

impl More {
    /// Whose it is, and the checksums of its bytes, of which there are no more than a pack takes.
    pub fn new(of: &Provenance, checked: &Checked) -> Self {
        let mut checksums = [0; CHECKSUMS];
        for (room, checksum) in checksums.iter_mut().zip(&checked.checksums) {
            *room = *checksum;
        }
        Self { owner: of.owner, recording: (&of.recording).into(), checksums }
    }

    /// The checksums of the blob's bytes.
    pub const fn checksums(&self) -> &[u32] {
        &self.checksums
    }

    /// Whose it is.
    pub fn provenance(&self) -> Provenance {
        Provenance { owner: self.owner, recording: self.recording.into() }
    }

    /// Whether it says this.
    pub fn is_of(&self, of: &Provenance) -> bool {
        self.owner == of.owner && self.recording == RecordingIdBits::from(&of.recording)
    }

    fn encode(&self, bytes: &mut RawHeader) {
        let (form, id) = match self.recording {
            RecordingIdBits::Ulid(bits) => (1, bits),
            RecordingIdBits::Uuid(bits) => (2, bits),
        };
        bytes[13] = form;
        bytes[80..96].copy_from_slice(&self.owner.to_bits().to_be_bytes());
        bytes[96..112].copy_from_slice(&id.to_be_bytes());
        for (room, checksum) in bytes[112..].chunks_exact_mut(4).zip(self.checksums) {
            room.copy_from_slice(&checksum.to_le_bytes());
        }
    }

    fn decode(bytes: &RawHeader) -> Option<Self> {
        let bits = |from: usize| bytes[from..from + 16].try_into().map(u128::from_be_bytes).ok();
        let recording = match bytes[13] {
            1 => RecordingIdBits::Ulid(bits(96)?),
            2 => RecordingIdBits::Uuid(bits(96)?),
            _ => return None,
        };
        let mut checksums = [0; CHECKSUMS];
        for (checksum, bytes) in checksums.iter_mut().zip(bytes[112..].chunks_exact(4)) {
            *checksum = u32::from_le_bytes(bytes.try_into().ok()?);
        }
        Some(Self { owner: UserId::from_bits(bits(80)?), recording, checksums })
    }
}

impl Header {
    /// As it stands in the pack.
    pub fn encode(&self) -> RawHeader {
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[12] = match self.place.pack.version {
            Version::First => 1,
            Version::Second => 2,
        };
        bytes[16..24].copy_from_slice(&self.place.pack.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.place.offset.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.length.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.written_at.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.sha256.0);
        if let Some(more) = &self.more {
            more.encode(&mut bytes);
        }
        let checksum = crc32fast::hash(&bytes[12..self.place.pack.version.header_size()]);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads what stands at `place`; `None` if that is no header, or one of another place.
    pub fn decode(bytes: &RawHeader, place: Place) -> Option<Self> {
        let number = |from: usize| bytes[from..from + 8].try_into().map(u64::from_le_bytes).ok();
        let version = place.pack.version;
        let header = Self {
            place: Place { pack: PackId { number: number(16)?, version }, offset: number(24)? },
            length: number(32)?,
            written_at: number(40)?.cast_signed(),
            sha256: Sha256::from_slice(&bytes[48..80])?,
            more: match version {
                Version::First => None,
                Version::Second => Some(More::decode(bytes)?),
            },
        };
        // No pack is longer than its offsets can say.
        let is_possible = header.place == place && u32::try_from(header.length).is_ok();
        (is_possible && header.encode() == *bytes).then_some(header)
    }

    /// How many bytes of the pack are the entry's, up to the next block.
    pub const fn span(&self) -> u64 {
        super::entry::span(self.place.pack.version, self.length)
    }
}

#[cfg(test)]
mod tests {
    use tapebase_domain::id::RecordingId;

    use super::*;
    use crate::fs::{checksums::Checker, entry::BLOCK_BYTES};

    const IDS: [&str; 2] = ["01JD9Z8Q3NVX4T6M2K7C5B1ARF", "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e"];

    fn place(version: Version) -> Place {
        Place { pack: PackId { number: 0x7f3a, version }, offset: 3 * BLOCK_BYTES }
    }

    fn provenance(id: &str) -> Provenance {
        let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
        Provenance { owner, recording: RecordingId::parse(id).expect("an id") }
    }

    /// One of each kind.
    fn headers() -> Vec<Header> {
        let mut hashing = Checker::default();
        hashing.update(&vec![7; 100_000]);
        let checked = hashing.finish();
        let header = |version, more| Header {
            place: place(version),
            length: checked.length,
            written_at: 1_700_000_000_000_000,
            sha256: checked.sha256,
            more,
        };
        let second = IDS.map(|id| header(Version::Second, Some(More::new(&provenance(id), &checked))));
        second.into_iter().chain([header(Version::First, None)]).collect()
    }

    #[test]
    fn a_header_is_read_back_where_it_was_written_and_nowhere_else() {
        for header in headers() {
            let (bytes, place) = (header.encode(), header.place);

            assert_eq!(Header::decode(&bytes, place), Some(header));
            assert_eq!(Header::decode(&bytes, Place { offset: 0, ..place }), None);
            let elsewhere = PackId { number: 1, ..place.pack };
            assert_eq!(Header::decode(&bytes, Place { pack: elsewhere, ..place }), None);
            for version in [Version::First, Version::Second] {
                let read = Header::decode(&bytes, self::place(version));
                assert_eq!(read.is_some(), version == place.pack.version);
            }
            for length in [1 << 32, u64::MAX] {
                assert_eq!(Header::decode(&Header { length, ..header }.encode(), place), None);
            }
        }
    }

    #[test]
    fn a_header_with_any_bit_wrong_is_none() {
        for header in headers() {
            for bit in 0..header.place.pack.version.header_size() * 8 {
                let mut bytes = header.encode();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Header::decode(&bytes, header.place), None, "bit {bit}");
            }
            assert_eq!(Header::decode(&[0; SIZE], header.place), None);
        }
    }

    #[test]
    fn a_header_of_the_second_version_says_whose_the_blob_is() {
        for (header, id) in headers().iter().zip(IDS) {
            let more = header.more.expect("it is of the second version");

            assert_eq!(more.provenance(), provenance(id));
            assert!(more.is_of(&provenance(id)) && !more.is_of(&provenance("01JD9Z8Q3NVX4T6M2K7C5B1ARG")));
        }
    }
}

//! How a blob lies in a pack: a header that says what follows, the bytes, and nothing up to the next block.

use bytes::Bytes;
use tapebase_domain::blob::Provenance;

use super::{
    checksums::{Checked, Checker},
    header::{Header, More},
    place::{Place, Version},
};

/// Entries begin at multiples of this: no two share a page, and what was one can be given back to the file system.
pub const BLOCK_BYTES: u64 = BLOCK_SIZE as u64;

const BLOCK_SIZE: usize = 4 << 10;

/// The bytes of a block.
pub type Block = [u8; BLOCK_SIZE];

/// How many bytes an entry takes for a blob of `length` bytes.
pub const fn span(version: Version, length: u64) -> u64 {
    length.saturating_add(version.header_size() as u64).next_multiple_of(BLOCK_BYTES)
}

/// A blob that is to be appended to a pack.
pub struct Entry {
    pieces: Vec<Bytes>,
    more: More,
    /// What its bytes hash to.
    pub checked: Checked,
}

impl Entry {
    /// Hashes the pieces of a blob.
    pub fn new(of: &Provenance, pieces: Vec<Bytes>) -> Self {
        let mut hashing = Checker::default();
        for piece in &pieces {
            hashing.update(piece);
        }
        let checked = hashing.finish();
        Self { pieces, more: More::new(of, &checked), checked }
    }

    /// How many bytes of a pack it takes.
    pub const fn span(&self) -> u64 {
        span(Version::Second, self.checked.length)
    }

    /// What stands before it at `place`.
    pub const fn header(&self, place: Place, written_at: i64) -> Header {
        let Checked { length, sha256, .. } = self.checked;
        Header { place, length, written_at, sha256, more: Some(self.more) }
    }

    /// Fills `room`, which has the bytes of its span, with the header and what follows it.
    pub fn fill(&self, header: &Header, mut room: &mut [u8]) {
        let header = header.encode();
        for piece in [&header[..]].into_iter().chain(self.pieces.iter().map(Bytes::as_ref)) {
            let (taken, rest) = room.split_at_mut(piece.len());
            taken.copy_from_slice(piece);
            room = rest;
        }
        room.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use tapebase_domain::{
        digest::Sha256,
        id::{RecordingId, UserId},
    };

    use super::*;
    use crate::fs::place::PackId;

    const HEADER_SIZE: usize = Version::Second.header_size();

    #[test]
    fn an_entry_fills_whole_blocks() {
        let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
        let recording = RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID");
        let of = Provenance { owner, recording };
        let place = Place { pack: PackId { number: 1, version: Version::Second }, offset: BLOCK_BYTES };
        for length in [0, 1, 3_967, 3_968, 3_969, 70_000] {
            let pieces = [vec![6; length / 2], vec![7; length - length / 2]].map(Bytes::from);
            let entry = Entry::new(&of, pieces.into());
            let mut room = vec![5; usize::try_from(entry.span()).expect("it fits")];
            let header = entry.header(place, 1);
            entry.fill(&header, &mut room);

            let (head, bytes) = room.split_at(HEADER_SIZE);
            assert_eq!(head, header.encode());
            assert_eq!(Sha256::of(&bytes[..length]), entry.checked.sha256, "{length} bytes");
            assert!(bytes[length..].iter().all(|byte| *byte == 0));
            assert!(entry.span().is_multiple_of(BLOCK_BYTES) && header.span() == entry.span());
        }
    }
}

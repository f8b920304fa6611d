//! What stands behind a large blob in its file: the checksums of its blocks, and what they are of.

use std::{fs::File, io};

use tapebase_domain::digest::Sha256;

use super::{
    checksums::{self, Checked, Mismatch},
    reading::{Wait, read_exact_at},
};

const MAGIC: &[u8; 8] = b"TAPEFOOT";
const VERSION: u32 = 2;
/// How many bytes the last of it has.
const FOOTER_SIZE: usize = 64;
const FOOTER_BYTES: u64 = FOOTER_SIZE as u64;
/// How many bytes a checksum takes.
const CHECKSUM_BYTES: u64 = 4;

/// What stands behind the bytes of a large blob; all numbers are little-endian.
///
/// First the CRC-32C of each 64 KiB of the blob, of 4 bytes each, and then, at the very end, 64 bytes:
///
/// | bytes of the footer | |
/// |---|---|
/// | 0–7 | `TAPEFOOT` |
/// | 8–11 | CRC-32 of the checksums and of bytes 12–63 |
/// | 12–15 | the version of this layout: 2 |
/// | 16–23 | how many bytes the blob has |
/// | 24–31 | when it was written, microseconds since 1970 in UTC |
/// | 32–63 | SHA-256 of the blob |
#[derive(Debug, PartialEq, Eq)]
pub struct Trailer {
    /// How many bytes the blob has.
    pub length: u64,
    /// When it was written, in microseconds since 1970 in UTC.
    pub written_at: i64,
    /// The digest of the blob.
    pub sha256: Sha256,
    /// The checksums of its blocks.
    pub checksums: Vec<u32>,
}

impl Trailer {
    /// What to write behind what was hashed.
    pub fn new(checked: Checked, written_at: i64) -> Self {
        let Checked { length, sha256, checksums } = checked;
        Self { length, written_at, sha256, checksums }
    }

    /// As it stands behind the blob.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.checksums.iter().flat_map(|checksum| checksum.to_le_bytes()).collect();
        let mut footer = [0; FOOTER_SIZE];
        footer[..8].copy_from_slice(MAGIC);
        footer[12..16].copy_from_slice(&VERSION.to_le_bytes());
        footer[16..24].copy_from_slice(&self.length.to_le_bytes());
        footer[24..32].copy_from_slice(&self.written_at.to_le_bytes());
        footer[32..].copy_from_slice(&self.sha256.0);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes);
        crc.update(&footer[12..]);
        footer[8..12].copy_from_slice(&crc.finalize().to_le_bytes());
        bytes.extend_from_slice(&footer);
        bytes
    }

    /// Reads what stands behind a blob of `length` bytes, to the end of the file; fails with [`Mismatch`] if that is
    /// not its trailer, whole and alone.
    pub fn read(file: &File, length: u64, wait: Wait) -> io::Result<Self> {
        let size = trailer_bytes(length);
        if file.metadata()?.len() != length.saturating_add(size) {
            return Err(Mismatch.into_io());
        }
        let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        read_exact_at(file, &mut bytes, length, wait)?;
        Self::decode(&bytes).filter(|trailer| trailer.length == length).ok_or_else(|| Mismatch.into_io())
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (checksums, footer) = bytes.split_at_checked(bytes.len().checked_sub(FOOTER_SIZE)?)?;
        let checksums = checksums.chunks_exact(4).map(|bytes| bytes.try_into().map(u32::from_le_bytes));
        let trailer = Self {
            length: footer[16..24].try_into().map(u64::from_le_bytes).ok()?,
            written_at: footer[24..32].try_into().map(i64::from_le_bytes).ok()?,
            sha256: Sha256::from_slice(&footer[32..])?,
            checksums: checksums.collect::<Result<_, _>>().ok()?,
        };
        let is_whole = checksums::count(trailer.length) == trailer.checksums.len() as u64;
        (is_whole && trailer.encode() == bytes).then_some(trailer)
    }
}

/// Fails with [`Mismatch`] unless a file of `size` bytes ends with the last of a trailer, and has as much before it as that
/// says. Whether all of it is right shows when it is read.
pub fn check_end(file: &File, size: u64, wait: Wait) -> io::Result<()> {
    let mut footer = [0; FOOTER_SIZE];
    let begins = size.checked_sub(FOOTER_BYTES).ok_or_else(|| Mismatch.into_io())?;
    read_exact_at(file, &mut footer, begins, wait)?;
    let length = audio_bytes(size);
    let is_end = footer[..8] == *MAGIC
        && footer[12..16] == VERSION.to_le_bytes()
        && footer[16..24] == length.to_le_bytes()
        && length + trailer_bytes(length) == size;
    if is_end { Ok(()) } else { Err(Mismatch.into_io()) }
}

/// How many bytes stand behind a blob of `length` bytes.
pub const fn trailer_bytes(length: u64) -> u64 {
    checksums::count(length) * CHECKSUM_BYTES + FOOTER_BYTES
}

/// How many bytes the blob has whose file has `file` bytes: as many as leave room for what stands behind them.
pub const fn audio_bytes(file: u64) -> u64 {
    let rest = file.saturating_sub(FOOTER_BYTES);
    let blocks = rest.div_ceil(checksums::CHECKED_BYTES + CHECKSUM_BYTES);
    rest.saturating_sub(blocks * CHECKSUM_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::checksums::{CHECKED_BYTES, Checker};

    fn trailer(length: usize) -> Trailer {
        let mut hashing = Checker::default();
        hashing.update(&vec![7; length]);
        Trailer::new(hashing.finish(), 1_700_000_000_000_000)
    }

    #[test]
    fn a_trailer_is_read_back_and_says_how_long_the_blob_is() {
        for length in [0, 1, CHECKED_BYTES - 1, CHECKED_BYTES, CHECKED_BYTES + 1, 5 * CHECKED_BYTES + 7] {
            let trailer = trailer(usize::try_from(length).expect("it fits"));

            let bytes = trailer.encode();

            assert_eq!(bytes.len() as u64, trailer_bytes(length));
            assert_eq!(audio_bytes(length + bytes.len() as u64), length, "{length} bytes");
            assert_eq!(Trailer::decode(&bytes), Some(trailer));
        }
    }

    #[test]
    fn a_trailer_with_any_bit_wrong_or_of_another_size_is_none() {
        let bytes = trailer(100_000).encode();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Trailer::decode(&bytes), None, "bit {bit}");
        }
        for other in [&bytes[1..], &bytes[4..], &bytes[..bytes.len() - 1], &[]] {
            assert_eq!(Trailer::decode(other), None);
        }
    }

    #[test]
    fn no_length_of_a_file_is_too_short_for_what_stands_behind() {
        for file in 0..CHECKED_BYTES + 200 {
            let length = audio_bytes(file);
            assert!(length == 0 || length + trailer_bytes(length) <= file, "{file} bytes");
        }
    }
}

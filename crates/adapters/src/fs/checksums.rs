//! The digest of a blob and the checksums of its blocks, made in one pass, and compared when it is read.
//!
//! SHA-256 says what a recording is, but takes as long as everything else a read does; a CRC-32C takes a tenth of that,
//! and finds what a disk or a cable did to some of the bytes.

use std::{fmt, io, mem};

use tapebase_domain::digest::{Hasher, Sha256};

/// How many bytes share a checksum.
pub const CHECKED_BYTES: u64 = CHECKED_SIZE as u64;

const CHECKED_SIZE: usize = 64 << 10;

/// What was hashed.
pub struct Checked {
    /// How many bytes there are.
    pub length: u64,
    /// Their digest.
    pub sha256: Sha256,
    /// The CRC-32C of each [`CHECKED_BYTES`] of them; the last may be of fewer.
    pub checksums: Vec<u32>,
}

/// Hashes what passes, piece by piece.
#[derive(Default)]
pub struct Checker {
    hasher: Hasher,
    checksums: Vec<u32>,
    /// Of the block that is not full.
    checksum: u32,
    /// How many bytes that block has so far.
    filled: usize,
}

impl Checker {
    /// Takes in the next piece, of any size: each stretch is hashed twice while the processor has it at hand.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (stretch, rest) = bytes.split_at(bytes.len().min(CHECKED_SIZE - self.filled));
            self.hasher.update(stretch);
            self.checksum = crc32c::crc32c_append(self.checksum, stretch);
            self.filled += stretch.len();
            if self.filled == CHECKED_SIZE {
                self.end_block();
            }
            bytes = rest;
        }
    }

    /// What all of it hashes to.
    pub fn finish(mut self) -> Checked {
        if self.filled > 0 {
            self.end_block();
        }
        let (length, sha256) = self.hasher.finish();
        Checked { length, sha256, checksums: self.checksums }
    }

    fn end_block(&mut self) {
        self.checksums.push(mem::take(&mut self.checksum));
        self.filled = 0;
    }
}

/// The bytes are not those that were hashed.
#[derive(Debug)]
pub struct Mismatch;

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the bytes do not have their checksum")
    }
}

impl std::error::Error for Mismatch {}

impl Mismatch {
    /// As what reading comes to.
    pub fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

/// Fails unless `bytes`, which begin where a block does, have the first of these checksums.
pub fn compare(bytes: &[u8], checksums: &[u32]) -> io::Result<()> {
    let blocks = bytes.chunks(CHECKED_SIZE);
    let is_sound = blocks.len() <= checksums.len()
        && blocks.zip(checksums).all(|(block, checksum)| crc32c::crc32c(block) == *checksum);
    if is_sound { Ok(()) } else { Err(Mismatch.into_io()) }
}

/// How many checksums `length` bytes have.
pub const fn count(length: u64) -> u64 {
    length.div_ceil(CHECKED_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_make_no_difference() {
        let bytes: Vec<u8> = (0..150_000_u32).map(|number| number.to_le_bytes()[number as usize % 3]).collect();
        for length in [0, 1, CHECKED_SIZE - 1, CHECKED_SIZE, CHECKED_SIZE + 1, bytes.len()] {
            let bytes = &bytes[..length];
            let expected: Vec<u32> = bytes.chunks(CHECKED_SIZE).map(crc32c::crc32c).collect();
            for size in [7, 65_521, CHECKED_SIZE, bytes.len().max(1)] {
                let mut hashing = Checker::default();
                bytes.chunks(size).for_each(|piece| hashing.update(piece));
                let checked = hashing.finish();

                assert_eq!((checked.length, checked.sha256), (length as u64, Sha256::of(bytes)));
                assert_eq!(checked.checksums, expected, "{length} bytes in pieces of {size}");
                assert_eq!(count(checked.length), checked.checksums.len() as u64);
            }
        }
    }

    #[test]
    fn a_bit_that_fell_over_is_found_in_whichever_block() {
        let mut bytes = vec![7; 2 * CHECKED_SIZE + 10];
        let mut hashing = Checker::default();
        hashing.update(&bytes);
        let checksums = hashing.finish().checksums;
        assert!(compare(&bytes, &checksums).is_ok());

        for at in [0, CHECKED_SIZE - 1, CHECKED_SIZE, 2 * CHECKED_SIZE + 9] {
            bytes[at] ^= 1;
            assert!(compare(&bytes, &checksums).is_err(), "at {at}");
            bytes[at] ^= 1;
        }
        assert!(compare(&bytes, &checksums[..2]).is_err(), "bytes without a checksum");
    }

    #[test]
    fn the_checksum_is_crc_32c() {
        // The check value of the catalogue of CRC algorithms.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }
}

//! Uploads under way: recordings whose bytes come in parts, past the server where the store allows it.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};

use crate::{
    blob::ByteRange,
    details::Details,
    digest::Sha256,
    id::{RecordingId, UserId, random_bytes},
    time::Timestamp,
};

/// A recording that is announced, whose bytes are on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// The id the recording will have.
    pub id: RecordingId,
    /// Whose it will be.
    pub owner: UserId,
    /// What its client said of it.
    pub details: Details,
    /// How many bytes it must have.
    pub size: u64,
    /// The digest they must have.
    pub sha256: Sha256,
    /// Whether it may take the id of a recording that was deleted.
    pub again: bool,
    /// Where its parts are.
    pub staged: StagedRef,
    /// What the links to this server are signed with.
    pub key: LinkKey,
    /// From when on it cannot be completed.
    pub expires_at: Timestamp,
}

impl PendingUpload {
    /// Whether it is of content of this size and digest.
    #[must_use]
    pub fn is_of(&self, size: u64, sha256: Sha256) -> bool {
        self.size == size && self.sha256 == sha256
    }

    /// How its bytes are cut.
    #[must_use]
    pub const fn parts(&self) -> Parts {
        Parts::of(self.size)
    }
}

/// Where a blob store collects the parts of one blob: text the store chose and only the store understands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StagedRef(String);

impl StagedRef {
    /// Wraps the text a store chose; only stores and the rows that keep it call this.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The store's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a blob is cut into parts: all of one size, but for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    size: u64,
    part_size: u64,
}

impl Parts {
    /// Up to this size there is one part.
    pub const SINGLE_BYTES: u64 = 16 << 20;
    /// The usual size of a part; S3 takes no smaller one than 5 MiB but for the last.
    pub const PART_BYTES: u64 = 8 << 20;
    /// The most parts: few enough for every list of them to be one answer. S3 takes 10,000.
    pub const MAX: u32 = 1_000;

    /// The parts of a blob of `size` bytes.
    #[must_use]
    pub const fn of(size: u64) -> Self {
        let usual = if size <= Self::SINGLE_BYTES { Self::SINGLE_BYTES } else { Self::PART_BYTES };
        let fewest = size.div_ceil(Self::MAX as u64);
        // Larger ones are whole mebibytes.
        let part_size = if fewest > usual { fewest.next_multiple_of(1 << 20) } else { usual };
        Self { size, part_size }
    }

    /// The size of the whole blob.
    #[must_use]
    pub const fn size(self) -> u64 {
        self.size
    }

    /// The size of every part but the last.
    #[must_use]
    pub const fn part_size(self) -> u64 {
        self.part_size
    }

    /// How many parts there are, at least one.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::try_from(self.size.div_ceil(self.part_size)).unwrap_or(Self::MAX).max(1)
    }

    /// The numbers of the parts, from 1.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        1..=self.count()
    }

    /// The bytes of one part; `None` if there is no part of this number.
    #[must_use]
    pub fn range(self, number: u32) -> Option<ByteRange> {
        if number == 0 || number > self.count() {
            return None;
        }
        let start = u64::from(number - 1) * self.part_size;
        Some(ByteRange { start, length: self.part_size.min(self.size - start) })
    }
}

/// Signs the links of one upload, and lives as long as it; prints as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkKey(pub [u8; 32]);

impl LinkKey {
    /// Draws a fresh key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    fn mac(&self, ticket: &PartTicket) -> Hmac<sha2::Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.0).expect("any length");
        let PartTicket { owner, id, number, expires_at } = ticket;
        mac.update(format!("{owner}\n{id}\n{number}\n{}", expires_at.timestamp()).as_bytes());
        mac
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// Leave to send one part of one upload to this server, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartTicket {
    /// Whose upload it is.
    pub owner: UserId,
    /// The upload's id.
    pub id: RecordingId,
    /// The part, from 1.
    pub number: u32,
    /// Until when, to the second.
    pub expires_at: Timestamp,
}

impl PartTicket {
    /// The signature that goes with it, as URL-safe text (HMAC-SHA256, RFC 2104).
    #[must_use]
    pub fn sign(&self, key: &LinkKey) -> String {
        BASE64URL_NOPAD.encode(&key.mac(self).finalize().into_bytes())
    }

    /// Whether `signature` is the one that goes with it.
    #[must_use]
    pub fn is_signed(&self, signature: &str, key: &LinkKey) -> bool {
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes());
        signature.is_ok_and(|signature| key.mac(self).verify_slice(&signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_byte_once() {
        for size in [0, 1, Parts::SINGLE_BYTES, Parts::SINGLE_BYTES + 1, 1 << 30, 100 << 30, 5 << 40, u64::MAX / 2] {
            let parts = Parts::of(size);
            let mut next = 0;
            for number in parts.numbers() {
                let range = parts.range(number).expect("it is one of them");
                assert_eq!(range.start, next, "{size}");
                assert!(range.length == parts.part_size() || number == parts.count(), "{size}");
                next = range.end();
            }
            assert_eq!(next, size);
            assert!(parts.count() <= Parts::MAX && parts.range(0).is_none());
            assert!(parts.range(parts.count() + 1).is_none());
        }
    }

    #[test]
    fn small_blobs_are_one_part_and_huge_ones_no_more_than_fit_in_an_answer() {
        let mebibyte = 1 << 20;
        for (size, count, part_size) in [
            (0, 1, 16 * mebibyte),
            (1, 1, 16 * mebibyte),
            (16 * mebibyte, 1, 16 * mebibyte),
            (16 * mebibyte + 1, 3, 8 * mebibyte),
            (8_000 * mebibyte, 1_000, 8 * mebibyte),
            (8_000 * mebibyte + 1, 889, 9 * mebibyte),
            (100 << 30, 995, 103 * mebibyte),
        ] {
            let parts = Parts::of(size);
            assert_eq!((parts.size(), parts.count(), parts.part_size()), (size, count, part_size), "{size}");
        }
    }

    #[test]
    fn a_ticket_is_good_for_one_part_of_one_plan_until_it_expires() {
        let at = |seconds: i64| Timestamp::from_timestamp(1_763_859_125 + seconds, 0).expect("in range");
        let ticket = PartTicket {
            owner: UserId::generate(at(0)),
            id: RecordingId::generate(at(0)),
            number: 1,
            expires_at: at(60),
        };
        let key = LinkKey::generate();
        let signature = ticket.sign(&key);

        assert!(ticket.is_signed(&signature, &key));
        let others = [
            PartTicket { owner: UserId::generate(at(1)), ..ticket.clone() },
            PartTicket { id: RecordingId::generate(at(1)), ..ticket.clone() },
            PartTicket { number: 11, ..ticket.clone() },
            PartTicket { expires_at: at(61), ..ticket.clone() },
        ];
        assert!(others.iter().all(|other| !other.is_signed(&signature, &key)));
        assert!(!ticket.is_signed(&signature, &LinkKey::generate()));
        for forged in ["", "!", &signature[1..], &ticket.sign(&LinkKey([0; 32]))] {
            assert!(!ticket.is_signed(forged, &key), "{forged}");
        }
        assert_eq!(format!("{key:?}"), "[redacted]");
    }
}

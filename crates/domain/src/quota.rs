//! How much a user may have, and how much a recording counts as.

use crate::history::Counters;

/// The least that a recording counts as: what a disk gives to its audio and its row.
pub const BLOCK_BYTES: u64 = 4 << 10;

/// What a recording of `size` bytes counts as towards the quota; what is set aside for one counts the same.
#[must_use]
pub const fn weight(size: u64) -> u64 {
    if size < BLOCK_BYTES { BLOCK_BYTES } else { size }
}

/// The most that one user may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// What all recordings weigh together, those under way among them.
    pub bytes: u64,
    /// How many recordings there are, those under way among them.
    pub recordings: u64,
    /// How many uploads are under way.
    pub uploads: u64,
}

/// Of what there would be more than the quota allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// Of bytes.
    #[error("the bytes of the quota are used up")]
    Bytes,
    /// Of recordings.
    #[error("there are as many recordings as there may be")]
    Recordings,
    /// Of uploads under way.
    #[error("there are as many uploads under way as there may be")]
    Uploads,
}

impl Quota {
    /// As much as there is room for.
    pub const UNLIMITED: Self = Self { bytes: u64::MAX, recordings: u64::MAX, uploads: u64::MAX };

    /// Whether somebody who has this much may have another recording of `size` bytes.
    ///
    /// # Errors
    /// [`Excess`].
    pub const fn admit_recording(&self, has: &Counters, size: u64) -> Result<(), Excess> {
        if has.held_recordings() >= self.recordings {
            return Err(Excess::Recordings);
        }
        if has.used_bytes().saturating_add(weight(size)) > self.bytes {
            return Err(Excess::Bytes);
        }
        Ok(())
    }

    /// Whether somebody who has this much may begin another upload of `size` bytes.
    ///
    /// # Errors
    /// [`Excess`].
    pub const fn admit_upload(&self, has: &Counters, size: u64) -> Result<(), Excess> {
        if has.uploads >= self.uploads {
            return Err(Excess::Uploads);
        }
        self.admit_recording(has, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { bytes: 20_000, recordings: 4, uploads: 2 };

    #[test]
    fn what_is_smaller_than_a_block_counts_as_one() {
        for (size, expected) in [(0, 4_096), (1, 4_096), (4_096, 4_096), (4_097, 4_097), (u64::MAX, u64::MAX)] {
            assert_eq!(weight(size), expected);
        }
        let has = Counters { bytes: 20_000 - BLOCK_BYTES, ..Counters::default() };
        assert_eq!(QUOTA.admit_recording(&has, 0), Ok(()));
        assert_eq!(QUOTA.admit_recording(&Counters { bytes: has.bytes + 1, ..has }, 0), Err(Excess::Bytes));
        assert_eq!(QUOTA.admit_upload(&Counters { reserved_bytes: 1, ..has }, 0), Err(Excess::Bytes));
    }

    #[test]
    fn uploads_under_way_are_recordings_to_be() {
        let has = |recordings, uploads| Counters { recordings, uploads, ..Counters::default() };
        assert_eq!(QUOTA.admit_recording(&has(1, 2), 1), Ok(()));
        assert_eq!(QUOTA.admit_recording(&has(2, 2), 1), Err(Excess::Recordings));
        assert_eq!(QUOTA.admit_upload(&has(3, 1), 1), Err(Excess::Recordings));
        assert_eq!(QUOTA.admit_upload(&has(0, 2), 1), Err(Excess::Uploads));
        assert_eq!(QUOTA.admit_upload(&has(2, 1), 1), Ok(()));
    }
}

//! Buffers that pieces of blobs are read into, to be used again.
//!
//! The one that a thread let go last is in its processor's cache, and need not be cleared: a range of 64 KiB is there a
//! tenth sooner.

use std::{cell::RefCell, io};

use bytes::Bytes;

/// What is smaller is as well allocated.
const LEAST_BYTES: usize = 32 << 10;
/// How many buffers a thread keeps for later.
const MOST_SPARE: usize = 2;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The first bytes of a buffer, which goes back to a thread's spare ones.
struct Filled {
    buffer: Vec<u8>,
    length: usize,
}

/// So many bytes as `fill` writes them, all of them; what they were before is anything.
pub fn filled(length: usize, fill: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Bytes> {
    if length < LEAST_BYTES {
        let mut bytes = vec![0; length];
        fill(&mut bytes)?;
        return Ok(bytes.into());
    }
    let mut filled = Filled { buffer: spare(length).unwrap_or_else(|| vec![0; length]), length };
    fill(&mut filled.buffer[..length])?;
    Ok(Bytes::from_owner(filled))
}

/// The buffer that was let go last, of those that are large enough.
fn spare(length: usize) -> Option<Vec<u8>> {
    SPARE.with_borrow_mut(|spare| {
        let place = spare.iter().rposition(|buffer| buffer.len() >= length)?;
        Some(spare.remove(place))
    })
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // A thread that ends has none any more.
        let _ = SPARE.try_with(|spare| keep(&mut spare.borrow_mut(), buffer));
    }
}

/// Keeps a buffer, and no more than so many: the smallest goes.
fn keep(spare: &mut Vec<Vec<u8>>, buffer: Vec<u8>) {
    spare.push(buffer);
    if spare.len() > MOST_SPARE {
        let smallest = spare.iter().enumerate().min_by_key(|(_, buffer)| buffer.len());
        if let Some((place, _)) = smallest {
            spare.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(byte: u8, length: usize) -> Bytes {
        filled(length, |room| {
            assert_eq!(room.len(), length);
            room.fill(byte);
            Ok(())
        })
        .expect("filled")
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_has_any_of_it() {
        let first = of(1, LEAST_BYTES);
        let (place, kept) = (first.as_ptr(), first.slice(10..20));
        drop(first);
        let second = of(2, LEAST_BYTES);
        assert_ne!(second.as_ptr(), place);
        assert_eq!((&kept[..], second.len()), (&[1; 10][..], LEAST_BYTES));

        drop(kept);
        assert_eq!(of(3, LEAST_BYTES).as_ptr(), place);
    }

    #[test]
    fn what_fails_leaves_its_buffer_for_the_next() {
        let place = of(1, LEAST_BYTES).as_ptr();
        filled(LEAST_BYTES, |_| Err(io::ErrorKind::UnexpectedEof.into())).expect_err("it fails");
        assert_eq!(of(2, LEAST_BYTES).as_ptr(), place);
    }

    #[test]
    fn few_buffers_are_kept_and_the_largest_of_them() {
        drop([of(1, LEAST_BYTES), of(1, 4 * LEAST_BYTES), of(1, 2 * LEAST_BYTES), of(1, LEAST_BYTES)]);
        let lengths = SPARE.with_borrow(|spare| spare.iter().map(Vec::len).collect::<Vec<_>>());
        assert_eq!((lengths.len(), lengths.iter().sum::<usize>()), (MOST_SPARE, 6 * LEAST_BYTES));
    }
}

//! Memory that begins where a block of it begins, as direct I/O wants it.

use std::io;

use memmap2::{Advice, MmapMut};

use super::entry::Block;

/// From this size on, memory is asked for in pages as large as this: direct I/O has to look up and hold each page that it
/// writes from, 512 times as many of 4 KiB.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Some bytes, aligned to a page, which no block is larger than; none by default.
#[derive(Default)]
pub struct Buffer(Option<MmapMut>);

impl Buffer {
    /// A buffer of `size` zeros.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn of_zeros(size: usize) -> io::Result<Self> {
        let memory = MmapMut::map_anon(size)?;
        if size >= HUGE_PAGE_BYTES {
            // Where the kernel has none to give, small ones do.
            let _ = memory.advise(Advice::HugePage);
        }
        Ok(Self(Some(memory)))
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The blocks that hold the first `size` bytes.
    pub fn blocks(&self, size: usize) -> &[u8] {
        &self.bytes()[..size.next_multiple_of(size_of::<Block>())]
    }

    /// All of it, to be written to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_has_its_size() {
        for size in [0, 1, 4_096, 1 << 20, HUGE_PAGE_BYTES] {
            let mut buffer = Buffer::of_zeros(size).expect("there is memory");
            assert!(buffer.bytes().iter().all(|byte| *byte == 0));
            buffer.bytes_mut().fill(7);

            assert!(buffer.bytes().len() == size && buffer.bytes().iter().all(|byte| *byte == 7));
            assert!(buffer.bytes().as_ptr().addr().is_multiple_of(size_of::<Block>()));
        }
        assert!(Buffer::default().bytes().is_empty());
    }
}

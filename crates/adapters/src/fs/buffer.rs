//! Memory that begins where a block of it begins, as direct I/O wants it.

use super::entry::Block;

/// Some bytes, aligned to a block.
#[derive(Default)]
pub struct Buffer {
    memory: Vec<u8>,
    begin: usize,
    size: usize,
}

impl Buffer {
    /// A buffer of `size` zeros.
    pub fn of_zeros(size: usize) -> Self {
        let memory = vec![0; size + size_of::<Block>()];
        let begin = memory.as_ptr().align_offset(size_of::<Block>());
        Self { memory, begin, size }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.begin..self.begin + self.size]
    }

    /// The blocks that hold the first `size` bytes.
    pub fn blocks(&self, size: usize) -> &[u8] {
        &self.bytes()[..size.next_multiple_of(size_of::<Block>())]
    }

    /// All of it, to be written to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.begin..self.begin + self.size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_has_its_size() {
        for size in [0, 1, 4_096, 1 << 20] {
            let mut buffer = Buffer::of_zeros(size);
            buffer.bytes_mut().fill(7);

            assert!(buffer.bytes().len() == size && buffer.bytes().iter().all(|byte| *byte == 7));
            assert!(buffer.bytes().as_ptr().addr().is_multiple_of(size_of::<Block>()));
        }
    }
}

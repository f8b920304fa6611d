//! The pieces of a small body, kept as they came. With what else lies in their network buffers, they hold at most about
//! twice their size in memory.

use bytes::{Bytes, BytesMut};

/// Pieces below this size are copied together: each may hold a whole network buffer in memory.
const SHORT_BYTES: usize = 4 << 10;

/// Consecutive pieces of a body, of which none is copied but short ones.
#[derive(Debug, Default)]
pub struct Pieces {
    kept: Vec<Bytes>,
    /// What comes behind those.
    short: BytesMut,
    size: u64,
}

impl Pieces {
    /// Appends what comes next.
    pub fn push(&mut self, piece: Bytes) {
        self.size += piece.len() as u64;
        if piece.len() < SHORT_BYTES {
            self.short.extend_from_slice(&piece);
        } else {
            self.keep_short();
            self.kept.push(piece);
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// All of them, in order; none is empty.
    #[must_use]
    pub fn finish(mut self) -> Vec<Bytes> {
        self.keep_short();
        self.kept
    }

    fn keep_short(&mut self) {
        if !self.short.is_empty() {
            self.kept.push(self.short.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_pieces_are_copied() {
        let long = Bytes::from(vec![1; SHORT_BYTES]);
        let mut pieces = Pieces::default();
        for piece in [&long.slice(..10), &long.slice(..0), &long.slice(10..12), &long, &long.slice(..1)] {
            pieces.push(piece.clone());
        }

        assert_eq!(pieces.size(), SHORT_BYTES as u64 + 13);
        let kept = pieces.finish();
        assert_eq!(kept.iter().map(Bytes::len).collect::<Vec<_>>(), [12, SHORT_BYTES, 1]);
        assert_eq!(kept[1].as_ptr(), long.as_ptr());
        assert!(Pieces::default().finish().is_empty());
    }
}

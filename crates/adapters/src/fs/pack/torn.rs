//! What of a pack has bytes but is no entry, and entries whose header is damaged.

use std::{
    fs::File,
    io::{self, ErrorKind},
    ops::Range,
    os::unix::fs::FileExt as _,
    time::SystemTime,
};

use tapebase_domain::digest::Sha256;

use super::{
    super::{
        checksums::{Checked, Checker},
        entry::{BLOCK_BYTES, Block},
        header::Header,
        place::Place,
    },
    Pack,
};

/// How many bytes are hashed in one piece.
const PIECE_BYTES: usize = 64 << 10;

/// Bytes between two entries, or between one and either end of the pack.
pub struct Torn {
    /// From where to where there are some, in whole blocks.
    pub bytes: Range<u64>,
    /// Where the entry before them ends, if there is one: behind it, any block may have been a header.
    pub gap_begins: u64,
}

impl Torn {
    /// Every place that may have had the header of what they were.
    pub fn places(&self, pack: &Pack) -> impl Iterator<Item = Place> {
        let id = pack.id;
        (self.gap_begins..self.bytes.end).step_by(size_of::<Block>()).map(move |offset| Place { pack: id, offset })
    }
}

impl Pack {
    /// When it was last written to.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// All that is no entry, unless somebody still appends.
    pub fn torn(&self) -> io::Result<Vec<Torn>> {
        let mut torn = Vec::new();
        if !self.is_finished()? {
            return Ok(torn);
        }
        let (mut offset, length) = (0, self.file.metadata()?.len());
        while offset < length {
            let next = self.next(offset)?;
            let gap = offset..next.map_or(length, |header| header.place.offset);
            let bytes = self.written(gap)?;
            torn.extend(bytes.map(|bytes| Torn { bytes, gap_begins: offset }));
            offset = next.map_or(length, |header| header.place.offset + header.span());
        }
        Ok(torn)
    }

    /// Makes a hole of what is torn, unless somebody still appends, or an entry begins there by now.
    pub fn clear(&self, torn: &Torn) -> io::Result<bool> {
        let is_entry = |header: Header| header.place.offset < torn.bytes.end;
        if !self.is_finished()? || self.next(torn.gap_begins)?.is_some_and(is_entry) {
            return Ok(false);
        }
        self.punch(torn.bytes.start, torn.bytes.end - torn.bytes.start)?;
        self.trim()?;
        Ok(true)
    }

    /// What the bytes of an entry at `offset` hash to, if they are these, whatever its header says.
    pub fn holds(&self, offset: u64, length: u64, sha256: Sha256) -> io::Result<Option<Checked>> {
        let place = Place { pack: self.id, offset };
        Ok(hash(&self.file, place.audio(), length)?.filter(|checked| checked.sha256 == sha256))
    }

    /// Writes the header of an entry anew, and flushes it.
    ///
    /// When the pack was last written to stays as it was: that tells how old what is torn in it may be.
    pub fn rewrite_header(&self, header: &Header) -> io::Result<()> {
        let modified = self.modified()?;
        let header_size = header.place.pack.version.header_size();
        self.file.write_all_at(&header.encode()[..header_size], header.place.offset)?;
        self.file.set_modified(modified)?;
        self.file.sync_all()
    }

    /// From the first block in `gap` that is not zero to the last.
    fn written(&self, gap: Range<u64>) -> io::Result<Option<Range<u64>>> {
        let (mut written, mut offset) = (None::<Range<u64>>, gap.start);
        let mut block: Block = [0; size_of::<Block>()];
        while let Some(data) = self.data(offset)?.filter(|data| *data < gap.end) {
            let (begin, end) = (data.max(offset), data.saturating_add(BLOCK_BYTES).min(gap.end));
            let block = &mut block[..usize::try_from(end - begin).unwrap_or_default()];
            self.file.read_exact_at(block, begin)?;
            if block.iter().any(|byte| *byte != 0) {
                written = Some(written.map_or(begin, |written| written.start)..end);
            }
            offset = end;
        }
        Ok(written)
    }
}

/// What the `length` bytes at `begin` hash to; `None` if there are fewer.
pub fn hash(file: &File, mut begin: u64, length: u64) -> io::Result<Option<Checked>> {
    let (mut hashing, mut piece) = (Checker::default(), vec![0; PIECE_BYTES]);
    let end = begin.saturating_add(length);
    while begin < end {
        let piece = &mut piece[..usize::try_from(end - begin).unwrap_or(PIECE_BYTES).min(PIECE_BYTES)];
        match file.read_exact_at(piece, begin) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        hashing.update(piece);
        begin += piece.len() as u64;
    }
    Ok(Some(hashing.finish()))
}

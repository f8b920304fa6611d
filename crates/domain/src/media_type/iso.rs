//! MP4, M4A, 3GP and what came before them: boxes of the ISO base media file format (ISO/IEC 14496-12).

use super::recognise::{Kinds, Recognised, Tracks};

const MP4: Kinds = Kinds { audio: "audio/mp4", video: "video/mp4" };
const MOBILE: Kinds = Kinds { audio: "audio/3gpp", video: "video/3gpp" };
const QUICKTIME: Kinds = Kinds { audio: "audio/mp4", video: "video/quicktime" };

/// Recognises a file by its first box, and looks for its tracks.
pub fn recognise(head: &[u8]) -> Option<Recognised> {
    let kinds = match head.get(4..8)? {
        b"ftyp" => match head.get(8..12)? {
            b"M4A " | b"M4B " | b"M4P " => return Some(Recognised::Recording(MP4.audio)),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" | b"avif" | b"avis" => {
                return Some(Recognised::Foreign("an image"));
            }
            [b'3', b'g', ..] => MOBILE,
            b"qt  " => QUICKTIME,
            _ => MP4,
        },
        b"styp" | b"moof" if is_box(head) => MP4,
        // Before MP4 there was no `ftyp`. Words of text are no sizes of these.
        b"moov" | b"mdat" if is_box(head) => QUICKTIME,
        b"wide" | b"free" | b"skip" if is_box(head) && head.first() == Some(&0) => QUICKTIME,
        _ => return None,
    };
    Some(Walk { kinds, tracks: Tracks::default(), movie_end: None }.go_on(0, head))
}

fn is_box(bytes: &[u8]) -> bool {
    Header::read(bytes).is_some()
}

/// Where in the file the search for its tracks has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    kinds: Kinds,
    tracks: Tracks,
    /// Where the box of all tracks ends, once it has begun.
    movie_end: Option<u64>,
}

impl Walk {
    pub const fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// Goes from box to box in `bytes`, which are at `start` of the file, as far as they go.
    pub fn go_on(mut self, start: u64, bytes: &[u8]) -> Recognised {
        let mut at = start;
        loop {
            if self.tracks.pictures || self.movie_end.is_some_and(|end| at >= end) {
                return self.kinds.of(self.tracks);
            }
            let rest = usize::try_from(at - start).ok().and_then(|skipped| bytes.get(skipped..)).unwrap_or_default();
            let Some(header) = Header::read(rest) else {
                // What stands where a box must begin is none, or the rest of it comes later.
                let is_over = rest.len() >= Header::LONGEST || (at == start && !rest.is_empty());
                return if is_over { self.kinds.of(self.tracks) } else { Recognised::tracks_from(at, self) };
            };
            let end = header.length.map_or(u64::MAX, |length| at.saturating_add(length));
            if &header.kind == b"moov" {
                self.movie_end = Some(end);
                at += header.size as u64;
                continue;
            }
            if &header.kind == b"trak" && self.movie_end.is_some() {
                let track = rest.get(header.size..).unwrap_or_default();
                match handler(&track[..track.len().min(header.content())]) {
                    Some(b"vide") => self.tracks.pictures = true,
                    Some(b"soun") => self.tracks.sound = true,
                    // It begins near the end of these bytes: look again from there.
                    None if at > start && track.len() < header.content() => return Recognised::tracks_from(at, self),
                    _ => {}
                }
            }
            if end == u64::MAX {
                return self.kinds.of(self.tracks);
            }
            at = end;
        }
    }
}

/// The kind of a track: `mdia` has a `hdlr`, which says it behind eight bytes.
fn handler(track: &[u8]) -> Option<&[u8; 4]> {
    find(find(track, *b"mdia")?, *b"hdlr")?.get(8..12)?.try_into().ok()
}

/// The content of the first box of this kind, as far as it is there.
fn find(mut bytes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    loop {
        let header = Header::read(bytes)?;
        if header.kind == kind {
            let content = bytes.get(header.size..)?;
            return Some(&content[..content.len().min(header.content())]);
        }
        bytes = bytes.get(usize::try_from(header.length?).ok()?..)?;
    }
}

struct Header {
    kind: [u8; 4],
    /// How many bytes the header has.
    size: usize,
    /// How many bytes the box has, header included; it goes to the end of the file otherwise.
    length: Option<u64>,
}

impl Header {
    const LONGEST: usize = 16;

    fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        if !kind.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | 0xA9)) {
            return None;
        }
        let (size, length) = match u32::from_be_bytes(*length) {
            0 => (8, None),
            1 => (16, Some(u64::from_be_bytes(*rest.first_chunk::<8>()?))),
            length => (8, Some(length.into())),
        };
        let is_whole = length.is_none_or(|length| length >= size as u64);
        is_whole.then_some(Self { kind: *kind, size, length })
    }

    /// How many bytes come behind the header, as far as memory goes.
    fn content(&self) -> usize {
        self.length.map_or(usize::MAX, |length| usize::try_from(length - self.size as u64).unwrap_or(usize::MAX))
    }
}

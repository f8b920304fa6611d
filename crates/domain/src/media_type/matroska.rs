//! Matroska, and the part of it that browsers record into: elements of EBML (RFC 8794, RFC 9559).

use super::recognise::{Kinds, Recognised, Tracks};

const WEBM: Kinds = Kinds { audio: "audio/webm", video: "video/webm" };
const MATROSKA: Kinds = Kinds { audio: "audio/matroska", video: "video/matroska" };

const EBML: u32 = 0x1A45_DFA3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_TYPE: u32 = 0x83;

/// Recognises a file by the name it gives itself, and looks for its tracks as far as `head` goes.
pub fn recognise(head: &[u8]) -> Option<Recognised> {
    if !head.starts_with(&EBML.to_be_bytes()) {
        return None;
    }
    let (header, rest) = Element::read(head)?;
    // Texts may be filled up with zeros (RFC 8794 section 7.4).
    let name = header.find(DOC_TYPE)?.content.split(|byte| *byte == 0).next()?;
    let kinds = match name {
        b"webm" => WEBM,
        b"matroska" => MATROSKA,
        _ => return None,
    };
    let segment = Element::read(rest).map(|(segment, _)| segment).filter(|segment| segment.id == SEGMENT);
    let tracks = segment.and_then(|segment| segment.find(TRACKS));
    Some(tracks.map_or(Recognised::Container(kinds), |tracks| look(&tracks, kinds)))
}

fn look(element: &Element<'_>, kinds: Kinds) -> Recognised {
    let mut tracks = Tracks::default();
    let entries = element.children().filter(|entry| entry.id == TRACK_ENTRY);
    for kind in entries.filter_map(|entry| entry.find(TRACK_TYPE)) {
        match kind.content {
            [.., 1] => tracks.pictures = true,
            [.., 2] => tracks.sound = true,
            _ => {}
        }
    }
    // What is cut off may be a picture.
    if element.is_whole || tracks.pictures { kinds.of(tracks) } else { Recognised::Container(kinds) }
}

/// An element, its content as far as it is there.
struct Element<'b> {
    id: u32,
    content: &'b [u8],
    is_whole: bool,
}

impl<'b> Element<'b> {
    /// The first element, and what comes behind it. One of unknown length goes to the end.
    fn read(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let id_length = bytes.first()?.leading_zeros() as usize + 1;
        let id = bytes.get(..id_length).filter(|_| id_length <= 4)?;
        let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let bytes = bytes.get(id_length..)?;

        let width = bytes.first()?.leading_zeros() as usize + 1;
        let digits = bytes.get(..width).filter(|_| width <= 8)?;
        let length = digits.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        let most = (1_u64 << (7 * width)) - 1;
        let length = length & most;
        let rest = bytes.get(width..)?;
        let length = if length == most { usize::MAX } else { usize::try_from(length).unwrap_or(usize::MAX) };
        let is_whole = length <= rest.len();
        let (content, rest) = rest.split_at(length.min(rest.len()));
        Some((Self { id, content, is_whole }, rest))
    }

    /// What is in it, up to the first sound.
    fn children(&self) -> impl Iterator<Item = Self> {
        let mut rest = self.content;
        std::iter::from_fn(move || {
            let (child, behind) = Self::read(rest)?;
            rest = behind;
            Some(child).filter(|child| child.id != CLUSTER)
        })
    }

    fn find(&self, id: u32) -> Option<Self> {
        self.children().find(|child| child.id == id)
    }
}

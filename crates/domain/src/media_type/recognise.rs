//! What a recording is by its bytes: the containers that phones, browsers and recorders write, and what is none.

use super::{frames, iso, matroska, ogg, others};

/// What some bytes of a file show it to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// Nothing is known of them.
    Nothing,
    /// A recording of this type.
    Recording(&'static str),
    /// They may be this, and others begin like it.
    Perhaps(&'static str),
    /// Audio or video: the tracks were not to be seen.
    Container(Kinds),
    /// More of the file would show more.
    Unfinished(Search),
    /// Something that is no recording, in words.
    Foreign(&'static str),
}

/// The two types of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// Without pictures.
    pub audio: &'static str,
    /// With them.
    pub video: &'static str,
}

/// Which kinds of tracks a container has, as far as that was to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tracks {
    /// There is sound.
    pub sound: bool,
    /// There are pictures.
    pub pictures: bool,
}

impl Kinds {
    /// What a container is of which every track was seen.
    pub const fn of(self, tracks: Tracks) -> Recognised {
        match tracks {
            Tracks { pictures: true, .. } => Recognised::Recording(self.video),
            Tracks { sound: true, .. } => Recognised::Recording(self.audio),
            _ => Recognised::Container(self),
        }
    }
}

/// Where in the file to look next, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    at: u64,
    wanted: Wanted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Tracks(iso::Walk),
    /// What comes behind an ID3 tag.
    Tagged,
}

/// What files with an ID3 tag are as a rule.
const TAGGED: &str = "audio/mpeg";

impl Recognised {
    /// Recognises a file by its first bytes: as many as there are, or [`super::MediaType::SNIFFED_BYTES`] and more.
    #[must_use]
    pub fn in_head(head: &[u8]) -> Self {
        if let Some(length) = frames::id3_length(head) {
            return tagged(head, length);
        }
        let readers =
            [iso::recognise, matroska::recognise, ogg::recognise, magic, others::recognise, frames::recognise];
        readers.iter().find_map(|reader| reader(head)).unwrap_or(Self::Nothing)
    }

    /// Where in the file to look next, if that would show more.
    #[must_use]
    pub const fn wants(&self) -> Option<u64> {
        match self {
            Self::Unfinished(search) => Some(search.at),
            _ => None,
        }
    }

    /// What the file is after looking at `bytes`, which are those from where [`Self::wants`] says.
    #[must_use]
    pub fn seeing(self, bytes: &[u8]) -> Self {
        match self {
            Self::Unfinished(Search { at, wanted: Wanted::Tracks(walk) }) => walk.go_on(at, bytes),
            Self::Unfinished(Search { at, wanted: Wanted::Tagged }) => match frames::id3_length(bytes) {
                Some(length) => Self::tagged_from(at + length as u64),
                None => behind_tag(bytes),
            },
            decided => decided,
        }
    }

    /// The type, if it does not depend on what was declared but for whether that is a video.
    pub(super) const fn name(&self, declares_video: bool) -> Option<&'static str> {
        let kinds = match self {
            Self::Recording(name) => return Some(name),
            Self::Container(kinds) => *kinds,
            Self::Unfinished(Search { wanted: Wanted::Tracks(walk), .. }) => walk.kinds(),
            Self::Unfinished(_) | Self::Nothing | Self::Perhaps(_) | Self::Foreign(_) => return None,
        };
        Some(if declares_video { kinds.video } else { kinds.audio })
    }

    /// The type of most files that begin like this one.
    pub(super) const fn likely(&self) -> Option<&'static str> {
        match self {
            Self::Perhaps(name) => Some(name),
            Self::Unfinished(Search { wanted: Wanted::Tagged, .. }) => Some(TAGGED),
            _ => None,
        }
    }

    pub(super) const fn tracks_from(at: u64, walk: iso::Walk) -> Self {
        Self::Unfinished(Search { at, wanted: Wanted::Tracks(walk) })
    }

    const fn tagged_from(at: u64) -> Self {
        Self::Unfinished(Search { at, wanted: Wanted::Tagged })
    }
}

/// A file that begins with an ID3 tag of `length` bytes: a picture in it may be larger than all else.
fn tagged(head: &[u8], length: usize) -> Recognised {
    let behind = head.get(length..).filter(|rest| frames::id3_length(rest).is_none()).map(behind_tag);
    match behind {
        Some(recognised @ Recognised::Recording(_)) => recognised,
        _ => Recognised::tagged_from(length as u64),
    }
}

fn behind_tag(bytes: &[u8]) -> Recognised {
    let recognised = magic(bytes).or_else(|| frames::recognise(bytes));
    // Others put such tags in front, too, but hardly anybody does.
    recognised.unwrap_or(Recognised::Perhaps(TAGGED))
}

fn magic(head: &[u8]) -> Option<Recognised> {
    let form = head.get(8..12);
    let name = match head.get(..4)? {
        b"RIFF" | b"RF64" | b"BW64" if form == Some(b"WAVE") => "audio/wav",
        b"FORM" if matches!(form, Some(b"AIFF" | b"AIFC")) => "audio/aiff",
        b"fLaC" => "audio/flac",
        b"caff" => "audio/x-caf",
        _ if head.starts_with(b"#!AMR-WB") => "audio/amr-wb",
        _ if head.starts_with(b"#!AMR") => "audio/amr",
        _ => return None,
    };
    Some(Recognised::Recording(name))
}

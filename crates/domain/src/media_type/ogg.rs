//! Ogg: pages (RFC 3533), the first of each stream before all others.

use super::recognise::{Kinds, Recognised, Tracks};

const OGG: Kinds = Kinds { audio: "audio/ogg", video: "video/ogg" };
/// How streams of pictures begin.
const PICTURES: [&[u8]; 4] = [b"\x80theora", b"BBCD\0", b"\x01video", b"OVP80"];
const FIRST_OF_STREAM: u8 = 2;

/// Recognises a file, and looks for streams of pictures.
pub fn recognise(head: &[u8]) -> Option<Recognised> {
    if !head.starts_with(b"OggS") {
        return None;
    }
    let pictures = first_packets(head).any(|packet| PICTURES.iter().any(|start| packet.starts_with(start)));
    Some(OGG.of(Tracks { sound: true, pictures }))
}

/// What the streams begin with.
fn first_packets(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let page = bytes.strip_prefix(b"OggS")?;
        if page.get(1)? & FIRST_OF_STREAM == 0 {
            return None;
        }
        let (segments, rest) = page.get(22..)?.split_first()?;
        let (sizes, rest) = rest.split_at_checked(usize::from(*segments))?;
        let length: usize = sizes.iter().copied().map(usize::from).sum();
        let (packets, behind) = rest.split_at(length.min(rest.len()));
        bytes = behind;
        Some(packets)
    })
}

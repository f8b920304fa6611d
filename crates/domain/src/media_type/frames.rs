//! MP3 and AAC without a container: frames, one behind the other, with a dozen fixed bits each.

use super::recognise::Recognised;

/// Recognises frames by the second one: one alone is too few bits to go by. Some writers put zeros in front, and
/// streams have tags in between.
pub fn recognise(head: &[u8]) -> Option<Recognised> {
    let start = head.iter().position(|byte| *byte != 0)?;
    let first = Frame::read(&head[start..])?;
    let rest = head[start..].get(first.length..)?;
    let second = Frame::read(rest.get(id3_length(rest).unwrap_or_default()..)?)?;
    first.is_like(&second).then_some(Recognised::Recording(first.name()))
}

/// How long the ID3 tag is that the bytes begin with, if they do.
pub fn id3_length(bytes: &[u8]) -> Option<usize> {
    let header = bytes.strip_prefix(b"ID3")?;
    let flags = header.get(2)?;
    let size: &[u8; 4] = header.get(3..7)?.try_into().ok()?;
    if size.iter().any(|digit| *digit >= 0x80) {
        return None;
    }
    let size = size.iter().fold(0, |size, digit| size << 7 | usize::from(*digit));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + size + footer)
}

struct Frame {
    /// Everything that stays the same from frame to frame.
    kind: (u8, u8),
    is_adts: bool,
    length: usize,
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[0xFF, second, third, fourth, fifth, sixth, ..] = bytes else { return None };
        if second & 0b1111_0110 == 0b1111_0000 {
            let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
            let is_frame = length > 7 && third >> 2 & 0b1111 < 13;
            return is_frame.then_some(Self { kind: (second, third & 0b1111_1100), is_adts: true, length });
        }
        let length = mpeg_length(second, third)?;
        // The last bit says whether there is a checksum, which may change.
        Some(Self { kind: (second & !1, third & 0b1100), is_adts: false, length })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.is_adts == other.is_adts && self.kind == other.kind
    }

    const fn name(&self) -> &'static str {
        if self.is_adts { "audio/aac" } else { "audio/mpeg" }
    }
}

/// In kbit/s, from index 1 to 14: layers I to III of MPEG-1, layer I of MPEG-2, its other layers.
const BIT_RATES: [[usize; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// The length of a frame of MPEG-1, MPEG-2 or "2.5" (ISO/IEC 11172-3 section 2.4.3.1).
fn mpeg_length(second: u8, third: u8) -> Option<usize> {
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    let halvings = match version {
        3 => 0,
        2 => 1,
        0 => 2,
        _ => return None,
    };
    if second & 0b1110_0000 != 0b1110_0000 {
        return None;
    }
    let rates = match (version, layer) {
        (3, 3) => 0,
        (3, 2) => 1,
        (3, 1) => 2,
        (_, 3) => 3,
        (_, 2 | 1) => 4,
        _ => return None,
    };
    let bit_rate = BIT_RATES[rates].get(usize::from(third >> 4).checked_sub(1)?)? * 1_000;
    let sample_rate = [44_100_usize, 48_000, 32_000].get(usize::from(third >> 2 & 3))? >> halvings;
    let padding = usize::from(third >> 1 & 1);
    Some(match layer {
        3 => (12 * bit_rate / sample_rate + padding) * 4,
        1 if version != 3 => 72 * bit_rate / sample_rate + padding,
        _ => 144 * bit_rate / sample_rate + padding,
    })
}

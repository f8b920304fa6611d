//! Files that are no recordings and are sent as such by mistake: pages of errors, documents, pictures, programs.

use super::recognise::Recognised;

/// Recognises what is no recording.
pub fn recognise(head: &[u8]) -> Option<Recognised> {
    binary(head).or_else(|| markup(head)).map(Recognised::Foreign)
}

fn binary(head: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 20] = [
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"PK\x05\x06", "a ZIP archive"),
        (b"PK\x07\x08", "a ZIP archive"),
        (b"\x89PNG\r\n\x1A\n", "an image"),
        (b"\xFF\xD8\xFF", "an image"),
        (b"GIF87a", "an image"),
        (b"GIF89a", "an image"),
        (b"II*\0", "an image"),
        (b"MM\0*", "an image"),
        (b"\0\0\0\x0CJXL \r\n\x87\n", "an image"),
        (b"\0\0\0\x0CjP  \r\n\x87\n", "an image"),
        (b"\x7FELF", "a program"),
        (b"\xFE\xED\xFA\xCE", "a program"),
        (b"\xFE\xED\xFA\xCF", "a program"),
        (b"\xCE\xFA\xED\xFE", "a program"),
        (b"\xCF\xFA\xED\xFE", "a program"),
        (b"\xCA\xFE\xBA\xBE", "a program"),
        (b"\0asm", "a program"),
        (b"#!/", "a program"),
    ];
    match head {
        _ if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") => Some("an image"),
        _ if is_bitmap(head) => Some("an image"),
        _ if is_windows_program(head) => Some("a program"),
        _ => KNOWN.iter().find(|(start, _)| head.starts_with(start)).map(|(_, what)| *what),
    }
}

/// Two letters are too few to go by: the reserved bytes are 0, and the header that follows has one of few lengths.
fn is_bitmap(head: &[u8]) -> bool {
    head.starts_with(b"BM")
        && head.get(6..10) == Some(&[0; 4])
        && matches!(head.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

/// Two letters are too few to go by: the old header says where the new one is.
fn is_windows_program(head: &[u8]) -> bool {
    let place = head.get(0x3C..0x40).and_then(|place| place.try_into().ok()).map(u32::from_le_bytes);
    let header = place.and_then(|place| head.get(usize::try_from(place).ok()?..));
    head.starts_with(b"MZ") && header.is_some_and(|header| header.starts_with(b"PE\0\0"))
}

/// What a page of HTML begins with (WHATWG, "MIME Sniffing", section 7.1).
const TAGS: [&str; 18] = [
    "!doctype html",
    "html",
    "head",
    "script",
    "iframe",
    "h1",
    "div",
    "font",
    "table",
    "a",
    "style",
    "title",
    "b",
    "body",
    "br",
    "p",
    "meta",
    "!--",
];

fn markup(head: &[u8]) -> Option<&'static str> {
    let text = opening(head)?;
    let begins = |tag: &str| {
        let behind = text.strip_prefix(tag.as_bytes()).map(<[u8]>::first);
        matches!(behind, Some(None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'\x0C' | b'>' | b'/')))
            || (tag == "!--" && behind.is_some())
    };
    if text.starts_with(b"?xml") || text.starts_with(b"!doctype ") && !begins("!doctype html") {
        return Some("an XML document");
    }
    if begins("svg") {
        return Some("an SVG image");
    }
    TAGS.iter().any(|tag| begins(tag)).then_some("an HTML page")
}

/// The first characters behind the `<` that a text begins with, in small letters.
fn opening(head: &[u8]) -> Option<Vec<u8>> {
    const MOST: usize = 32;
    let is_wide = head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF");
    let text: Vec<u8> = if is_wide {
        // UTF-16 of what matters here is ASCII with zeros in between.
        head[2..].iter().copied().filter(|byte| *byte != 0).take(MOST).collect()
    } else {
        let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
        if text.first() != Some(&b'<') {
            return None;
        }
        text[..text.len().min(MOST)].to_vec()
    };
    Some(text.trim_ascii_start().strip_prefix(b"<")?.to_ascii_lowercase())
}

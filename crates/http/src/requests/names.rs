//! Names of recordings in headers (RFC 6266, RFC 8187).

use actix_web::http::header::{self, HeaderMap};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tapebase_domain::{playback::Disposition, recording::RecordingName};

use crate::requests::disposition;

/// The name in a `Content-Disposition` header. What cannot be understood, or cannot be a name, is passed over
/// (RFC 6266 section 4.3): the recording is worth more.
pub fn from_headers(headers: &HeaderMap) -> Option<RecordingName> {
    let value = headers.get(header::CONTENT_DISPOSITION)?;
    of_file(&disposition::Disposition::parse(value.as_bytes()))
}

/// The name of a file.
pub fn of_file(disposition: &disposition::Disposition) -> Option<RecordingName> {
    disposition.file_names().find_map(|name| RecordingName::parse(name).ok())
}

/// Everything but `attr-char` of RFC 8187.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `Content-Disposition` of audio: the exact name, and one in ASCII for those who know no better.
pub fn content_disposition(disposition: Disposition, name: &RecordingName) -> String {
    let kind = match disposition {
        Disposition::Inline => "inline",
        Disposition::Attachment => "attachment",
    };
    let is_plain = |char: char| char.is_ascii_graphic() && !matches!(char, '"' | '\\' | '/' | '%') || char == ' ';
    let fallback: String = name.as_str().chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let exact = utf8_percent_encode(name.as_str(), NOT_ATTR_CHAR);
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{exact}")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CONTENT_DISPOSITION, HeaderValue};

    use super::*;

    #[test]
    fn every_name_survives_a_round_trip_through_the_header() {
        for name in ["회의록 3.m4a", "../../etc/passwd", "🎙️\".m4a", "a;b.m4a", "100%.m4a", "'*'", "한.m4a"] {
            let name = RecordingName::parse(name.to_owned()).expect("a name");
            let value =
                HeaderValue::try_from(content_disposition(Disposition::Attachment, &name)).expect("a header value");
            assert!(value.as_bytes().is_ascii());
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]);
            assert_eq!(from_headers(&headers), Some(name));
        }
    }

    #[test]
    fn the_fallback_has_nothing_to_trip_over() {
        let name = RecordingName::parse("../회의\"\\.m4a".to_owned()).expect("a name");
        let value = content_disposition(Disposition::Attachment, &name);
        assert!(value.starts_with("attachment; filename=\".._____.m4a\"; filename*=UTF-8''"), "{value}");
    }
}

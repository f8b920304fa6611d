//! Names of recordings in headers (RFC 6266, RFC 8187).

use actix_web::http::header::{Charset, ContentDisposition, HeaderMap};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tapebase_api::Slug;
use tapebase_domain::recording::RecordingName;

use crate::problem::Problem;

/// The name in a `Content-Disposition` header: `filename*` in UTF-8, or else `filename`.
pub fn from_headers(headers: &HeaderMap) -> Result<Option<RecordingName>, Problem> {
    let Some(value) = headers.get(actix_web::http::header::CONTENT_DISPOSITION) else { return Ok(None) };
    let malformed = || {
        let detail = "Send Content-Disposition: attachment; filename*=UTF-8''PERCENT-ENCODED-NAME.";
        Problem::new(Slug::InvalidParameter, detail)
    };
    let disposition = ContentDisposition::from_raw(value).map_err(|_| malformed())?;
    let name = match (disposition.get_filename_ext(), disposition.get_filename()) {
        (Some(extended), _) => {
            let is_utf8 = matches!(&extended.charset, Charset::Ext(name) if name.eq_ignore_ascii_case("utf-8"));
            let text = String::from_utf8(extended.value.clone()).ok().filter(|_| is_utf8);
            text.ok_or_else(malformed)?
        }
        (None, Some(name)) => name.to_owned(),
        (None, None) => return Ok(None),
    };
    Ok(Some(RecordingName::parse(name)?))
}

/// The name of a file in a form (RFC 7578): raw UTF-8, in which browsers write `"` as `%22`.
pub fn in_form(disposition: &ContentDisposition) -> Result<Option<RecordingName>, Problem> {
    let name = disposition.get_filename().map(|name| name.replace("%22", "\""));
    Ok(name.map(RecordingName::parse).transpose()?)
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

/// `Content-Disposition` for a download: the exact name, and one in ASCII for those who know no better.
pub fn attachment(name: &RecordingName) -> String {
    let is_plain = |char: char| char.is_ascii_graphic() && !matches!(char, '"' | '\\' | '/' | '%') || char == ' ';
    let fallback: String = name.as_str().chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let exact = utf8_percent_encode(name.as_str(), NOT_ATTR_CHAR);
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{exact}")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CONTENT_DISPOSITION, HeaderValue};

    use super::*;

    #[test]
    fn every_name_survives_a_round_trip_through_the_header() {
        for name in ["회의록 3.m4a", "../../etc/passwd", "🎙️\".m4a", "a;b.m4a", "100%.m4a", "'*'", "한.m4a"] {
            let name = RecordingName::parse(name.to_owned()).expect("a name");
            let value = HeaderValue::try_from(attachment(&name)).expect("a header value");
            assert!(value.as_bytes().is_ascii());
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]);
            assert_eq!(from_headers(&headers).expect("well formed"), Some(name));
        }
    }

    #[test]
    fn the_fallback_has_nothing_to_trip_over() {
        let name = RecordingName::parse("../회의\"\\.m4a".to_owned()).expect("a name");
        let value = attachment(&name);
        assert!(value.starts_with("attachment; filename=\".._____.m4a\"; filename*=UTF-8''"), "{value}");
    }
}

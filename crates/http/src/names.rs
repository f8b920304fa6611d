//! Names of recordings in headers (RFC 6266, RFC 8187).

use actix_web::http::header::{
    Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue, HeaderMap, HeaderValue,
};
use tapebase_domain::recording::RecordingName;

use crate::problem::{Problem, ProblemKind};

/// The name in a `Content-Disposition` header: `filename*` in UTF-8, or else `filename`.
pub fn from_headers(headers: &HeaderMap) -> Result<Option<RecordingName>, Problem> {
    let Some(value) = headers.get(actix_web::http::header::CONTENT_DISPOSITION) else { return Ok(None) };
    let malformed = || {
        let detail = "Send Content-Disposition: attachment; filename*=UTF-8''PERCENT-ENCODED-NAME.";
        Problem::new(ProblemKind::InvalidParameter, detail)
    };
    let disposition = ContentDisposition::from_raw(value).map_err(|_| malformed())?;
    from_disposition(&disposition, malformed)
}

/// The name in a parsed `Content-Disposition`.
pub fn from_disposition(
    disposition: &ContentDisposition,
    malformed: impl Fn() -> Problem,
) -> Result<Option<RecordingName>, Problem> {
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

/// `Content-Disposition` for a download: the exact name, and one in ASCII for those who know no better.
pub fn attachment(name: &RecordingName) -> HeaderValue {
    let is_plain = |char: char| char.is_ascii_graphic() && !matches!(char, '"' | '\\' | '/' | '%') || char == ' ';
    let fallback = name.as_str().chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    let disposition = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![
            DispositionParam::Filename(fallback),
            DispositionParam::FilenameExt(ExtendedValue {
                charset: Charset::Ext("UTF-8".to_owned()),
                language_tag: None,
                value: name.as_str().as_bytes().to_vec(),
            }),
        ],
    };
    HeaderValue::try_from(disposition.to_string()).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives_a_round_trip_through_the_header() {
        for name in ["회의록 3.m4a", "../../etc/passwd", "🎙️\".m4a", "a;b.m4a", "100%.m4a", "'*'", "한.m4a"] {
            let name = RecordingName::parse(name.to_owned()).expect("a name");
            let value = attachment(&name);
            assert!(value.as_bytes().is_ascii());
            let disposition = ContentDisposition::from_raw(&value).expect("well formed");
            let read = from_disposition(&disposition, || unreachable!("well formed")).expect("a name");
            assert_eq!(read, Some(name));
        }
    }

    #[test]
    fn the_fallback_has_nothing_to_trip_over() {
        let name = RecordingName::parse("../회의\"\\.m4a".to_owned()).expect("a name");
        let value = attachment(&name);
        let text = value.to_str().expect("ASCII");
        assert!(text.starts_with("attachment; filename=\".._____.m4a\"; filename*=UTF-8''"), "{text}");
    }
}

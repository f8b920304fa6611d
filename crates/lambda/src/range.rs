//! Ranges, cut to what fits into an answer in one piece.

use actix_http::Request;
use actix_web::http::header::{HeaderValue, RANGE};

/// The most bytes of a range: what base64 makes of them fits into 6 MB.
const MOST_BYTES: u64 = 4 << 20;

/// Has a request for the rest of something ask for some of it. Players begin with `bytes=0-`, and ask for more as they
/// go on; fewer bytes than were asked for are an answer to them (RFC 9110, section 15.3.7).
pub fn cut(request: &mut Request) {
    let range = request.head().headers.get(RANGE).and_then(|range| range.to_str().ok()).and_then(shorter);
    if let Some(range) = range.and_then(|range| HeaderValue::try_from(range).ok()) {
        request.head_mut().headers.insert(RANGE, range);
    }
}

/// A range of at most so many bytes; `None` if it is one already, or not a single range with a beginning.
fn shorter(range: &str) -> Option<String> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: u64 = start.parse().ok()?;
    let last = start.checked_add(MOST_BYTES - 1)?;
    let is_long = match end {
        "" => true,
        end => end.parse::<u64>().ok()? > last,
    };
    is_long.then(|| format!("bytes={start}-{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_and_long_ranges_are_cut_and_others_stay() {
        for (range, cut) in [
            ("bytes=0-", Some("bytes=0-4194303")),
            ("bytes=7-", Some("bytes=7-4194310")),
            ("bytes=0-4194304", Some("bytes=0-4194303")),
            ("bytes=0-4194303", None),
            ("bytes=5-9", None),
            ("bytes=-500", None),
            ("bytes=0-1,5-", None),
            ("bytes=18446744073709551615-", None),
            ("bytes=a-", None),
            ("lines=0-", None),
            ("", None),
        ] {
            assert_eq!(shorter(range).as_deref(), cut, "{range}");
        }
    }
}

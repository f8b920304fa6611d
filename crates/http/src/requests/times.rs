//! Times as clients write them: RFC 3339, and what their libraries write instead.

use chrono::{DateTime, FixedOffset};

/// Reads a time with an offset. `java.time` leaves out seconds that are 0, older formatters the colon of the offset, and
/// whoever does not percent-encode a query turns a `+` into a space.
pub fn parse(text: &str) -> Option<DateTime<FixedOffset>> {
    const TO_THE_MINUTE: usize = "2026-11-23T09:30".len();
    let text = text.trim();
    let (minute, rest) = (text.get(..TO_THE_MINUTE)?, text.get(TO_THE_MINUTE..)?);
    let (second, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-', ' '])?);
    let second = if second.is_empty() { ":00" } else { second };
    let mut offset = offset.replace(' ', "+");
    if offset.len() == "+0900".len() && offset.is_ascii() {
        offset.insert("+09".len(), ':');
    }
    DateTime::parse_from_rfc3339(&format!("{minute}{second}{offset}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_libraries_write_them() {
        for (text, expected) in [
            ("2026-11-23T09:30:00+09:00", "2026-11-23T09:30:00+09:00"),
            ("2026-11-23T09:30+09:00", "2026-11-23T09:30:00+09:00"),
            ("2026-11-23T09:30Z", "2026-11-23T09:30:00+00:00"),
            ("2026-11-23T09:30:00+0900", "2026-11-23T09:30:00+09:00"),
            ("2026-11-23T09:30:00.5-0330", "2026-11-23T09:30:00.500-03:30"),
            ("2026-11-23T09:30-0330", "2026-11-23T09:30:00-03:30"),
            ("2026-11-23T09:30:00 09:00", "2026-11-23T09:30:00+09:00"),
            ("2026-11-23T09:30 0900", "2026-11-23T09:30:00+09:00"),
            (" 2026-11-23t09:30:00z ", "2026-11-23T09:30:00+00:00"),
        ] {
            assert_eq!(parse(text).map(|time| time.to_rfc3339()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T09:30",
            "2026-11-23T09:30:00",
            "2026-11-23T09+09:00",
            "2026-11-23T09:30+9",
            "2026-11-23T09:30:+0900",
            "2026-11-23T09:30:00+09:00 ago",
            "2026-11-23T09:30:00+09000",
            "2026-11-31T00:00Z",
            "2026-11-23T09:3\u{ff10}Z",
            "2026-11-23T09:30:00+\u{ff10}9",
            "２０２６-11-23T09:30:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

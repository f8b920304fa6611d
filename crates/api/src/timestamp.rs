//! Times as RFC 3339 has them, as many as a list has: always with microseconds, which stores keep, so that a client can
//! read them with one pattern and compare them as text.

use chrono::{DateTime, Datelike as _, Offset as _, SecondsFormat, TimeZone, Timelike as _};
use serde::Serializer;

/// As long as a time gets: `9999-12-31T23:59:59.999999+23:59`.
const LONGEST: usize = 32;

/// Writes what chrono writes, digit by digit: its formatter takes longer than all else a recording's answer takes.
///
/// # Errors
/// A failing serializer.
pub fn serialize<S: Serializer, Z: TimeZone<Offset: std::fmt::Display>>(
    time: &DateTime<Z>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let local = time.naive_local();
    let offset = time.offset().fix().local_minus_utc();
    let nanoseconds = local.nanosecond();
    let is_usual = (0..=9_999).contains(&local.year()) && offset % 60 == 0 && nanoseconds < 1_000_000_000;
    if !is_usual {
        return serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true));
    }
    let mut text = Text { bytes: [0; LONGEST], length: 0 };
    text.digits::<4>(local.year().unsigned_abs());
    for (mark, number) in [(b'-', local.month()), (b'-', local.day()), (b'T', local.hour()), (b':', local.minute())] {
        text.push(mark);
        text.digits::<2>(number);
    }
    text.push(b':');
    text.digits::<2>(local.second());
    text.push(b'.');
    text.digits::<6>(nanoseconds / 1_000);
    if offset == 0 {
        text.push(b'Z');
    } else {
        text.push(if offset < 0 { b'-' } else { b'+' });
        text.digits::<2>(offset.unsigned_abs() / 3_600);
        text.push(b':');
        text.digits::<2>(offset.unsigned_abs() / 60 % 60);
    }
    serializer.serialize_str(text.as_str())
}

/// The same of a time that may be missing.
pub mod optional {
    use super::{DateTime, Serializer, TimeZone};

    /// Writes it, or `null`.
    ///
    /// # Errors
    /// A failing serializer.
    #[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
    pub fn serialize<S: Serializer, Z: TimeZone<Offset: std::fmt::Display>>(
        time: &Option<DateTime<Z>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }
}

struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Text {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// The last so many decimal digits of a number.
    fn digits<const COUNT: usize>(&mut self, mut number: u32) {
        let mut digits = [b'0'; COUNT];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        for digit in digits {
            self.push(digit);
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, TimeDelta, Utc};

    use super::*;

    #[test]
    fn times_are_written_as_chrono_writes_them_with_microseconds() {
        #[derive(serde::Serialize)]
        struct Written<Z: TimeZone<Offset: std::fmt::Display>>(#[serde(serialize_with = "serialize")] DateTime<Z>);
        fn assert_written<Z: TimeZone<Offset: std::fmt::Display>>(time: DateTime<Z>) {
            let expected = format!("\"{}\"", time.to_rfc3339_opts(SecondsFormat::Micros, true));
            assert_eq!(serde_json::to_string(&Written(time)).expect("JSON"), expected);
        }
        let mut seconds = -70_000_000_000_i64;
        while let Some(time) = DateTime::from_timestamp(seconds, 0).filter(|_| seconds < 260_000_000_000) {
            for nanoseconds in [0, 1, 10, 1_000, 123_456_000, 123_000_000, 500_000_000, 999_999_999] {
                let time = time + TimeDelta::nanoseconds(nanoseconds);
                assert_written::<Utc>(time);
                for offset in [0, 60, -60, 9 * 3_600, -12_600, 86_340, -86_340, 3_601] {
                    assert_written(time.with_timezone(&FixedOffset::east_opt(offset).expect("in range")));
                }
            }
            seconds += 987_654_321;
        }
    }
}

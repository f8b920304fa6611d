//! Sizes and durations in settings: what is none is told how one is written.

use bytesize::ByteSize;
use serde::{Deserialize, Deserializer, de::Error as _};

/// `4 GiB`, or a number of bytes.
pub fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let Text(text) = Text::deserialize(deserializer)?;
    text.trim().parse().map_err(|_| D::Error::custom(format!("{text:?} is no size: write 4 GiB, 500 MB or 1000")))
}

/// `30days`, `24h`, `10s`.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Text;

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        let invalid = |_| D::Error::custom(format!("{text:?} is no duration: write 30days, 24h, 2m or 10s"));
        humantime::parse_duration(text.trim()).map_err(invalid)
    }

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        const DAY: u64 = 24 * 60 * 60;
        let seconds = duration.as_secs();
        if seconds > DAY && seconds.is_multiple_of(DAY) && duration.subsec_nanos() == 0 {
            // Which would be months and a remainder.
            return serializer.collect_str(&format_args!("{}days", seconds / DAY));
        }
        serializer.collect_str(&humantime::format_duration(*duration))
    }
}

/// A text, or a number that is one in a configuration file.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a text, such as \"4 GiB\" or \"10s\"")]
        enum TextOrNumber {
            Text(String),
            Number(i64),
        }
        Ok(Self(match TextOrNumber::deserialize(deserializer)? {
            TextOrNumber::Text(text) => text,
            TextOrNumber::Number(number) => number.to_string(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytesize::ByteSize;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct Settings {
        #[serde(deserialize_with = "super::size")]
        size: ByteSize,
        #[serde(with = "super::duration")]
        duration: Duration,
    }

    fn read(size: &str, duration: &str) -> Result<Settings, String> {
        toml::from_str(&format!("size = {size}\nduration = {duration}\n")).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_and_durations_are_what_was_written() {
        for (size, bytes) in [("'4 GiB'", 4 << 30), ("'500MB'", 500_000_000), ("1000", 1_000), ("' 7 B '", 7)] {
            let read = read(size, "'1h 30m'").expect(size);
            assert_eq!((read.size, read.duration), (ByteSize::b(bytes), Duration::from_mins(90)), "{size}");
            let again: Settings = toml::from_str(&toml::to_string(&read).expect("written down")).expect("read");
            assert_eq!(again.duration, read.duration);
        }
    }

    #[test]
    fn what_is_none_is_told_how_one_is_written() {
        for (size, duration, told) in [
            ("'ten gigs'", "'1h'", "write 4 GiB"),
            ("-1", "'1h'", "write 4 GiB"),
            ("'1 GiB'", "'soon'", "write 30days"),
            ("'1 GiB'", "10", "write 30days"),
            ("true", "'1h'", "such as \"4 GiB\""),
        ] {
            let error = read(size, duration).expect_err(size);
            assert!(error.contains(told), "{error}");
        }
    }
}

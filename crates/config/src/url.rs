//! URLs of stores, which may hold secrets.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A URL; prints without what may be secret in it.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Url(String);

impl Url {
    /// This URL.
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self(url)
    }

    /// All of it, secrets included.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return formatter.write_str(self.0.split('?').next().unwrap_or_default());
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        match place.rsplit_once('@') {
            Some((_, place)) => write!(formatter, "{scheme}://[redacted]@{place}"),
            // Where a password ends that has a question mark in it is anybody's guess.
            None if query.contains('@') => write!(formatter, "{scheme}://[redacted]"),
            None => write!(formatter, "{scheme}://{place}"),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_prints_without_its_secrets() {
        let cases = [
            ("sqlite:data/tapebase.db", "sqlite:data/tapebase.db"),
            ("postgres://ann:s3cret@db/tapebase?password=x", "postgres://[redacted]@db/tapebase"),
            ("https://ann:s3cret@s3.example.com", "https://[redacted]@s3.example.com"),
            ("https://ann:s3/cr@t@s3.example.com", "https://[redacted]@s3.example.com"),
            ("https://ann:s3?cret@s3.example.com", "https://[redacted]"),
            ("s3://bucket/prefix?x=y", "s3://bucket/prefix"),
        ];
        for (url, printed) in cases {
            let url = Url::new(url.to_owned());
            assert_eq!((url.to_string(), format!("{url:?}")), (printed.to_owned(), printed.to_owned()));
        }
    }
}

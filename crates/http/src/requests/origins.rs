//! The origins whose pages may use the API from a browser.

use std::{fmt, str::FromStr};

use actix_web::http::Uri;
use serde::{Deserialize, Serialize};

use super::texts::Texts;

/// Any origin, or those listed (RFC 6454 section 6.2); none at first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Texts", into = "Texts")]
pub enum Origins {
    /// Whatever page a browser shows, without cookies.
    Any,
    /// Pages of these alone.
    Listed(Vec<String>),
}

/// What is no origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOrigin(String);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(
            formatter,
            "http.allowed_origins must be origins as browsers send them, such as https://app.example.com or \
             capacitor://localhost, without a path, or * alone for any; not {text:?}"
        )
    }
}

impl std::error::Error for InvalidOrigin {}

impl Origins {
    /// Whether no page of another origin may.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::Listed(origins) if origins.is_empty())
    }

    /// Those that are listed by name, whose pages may come with a cookie.
    #[must_use]
    pub fn listed(&self) -> &[String] {
        match self {
            Self::Any => &[],
            Self::Listed(origins) => origins,
        }
    }

    /// Each one, as a browser sends it, or `*`.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Any => vec!["*".to_owned()],
            Self::Listed(origins) => origins.clone(),
        }
    }
}

impl Default for Origins {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl TryFrom<Texts> for Origins {
    type Error = InvalidOrigin;

    fn try_from(texts: Texts) -> Result<Self, InvalidOrigin> {
        let texts = texts.into_vec();
        if texts == ["*"] {
            return Ok(Self::Any);
        }
        texts
            .into_iter()
            .map(|text| canonical(&text).ok_or(InvalidOrigin(text)))
            .collect::<Result<_, _>>()
            .map(Self::Listed)
    }
}

impl From<Origins> for Texts {
    fn from(origins: Origins) -> Self {
        Self::from(origins.texts())
    }
}

impl FromStr for Origins {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        Texts::from(text).try_into()
    }
}

/// As browsers write it: in small letters, without the usual port and without a slash at the end.
fn canonical(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains(['#', '*', '@']);
    if !is_bare || authority.host().is_empty() {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    let port_text = authority.as_str().get(host.len()..)?;
    if !port_text.is_empty() && authority.port_u16().is_none() {
        return None;
    }
    let port = authority
        .port_u16()
        .filter(|&port| (scheme.as_str(), port) != ("https", 443) && (scheme.as_str(), port) != ("http", 80));
    Some(port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        let cases = [
            ("", vec![]),
            ("*", vec!["*"]),
            (
                "https://App.Example.com/, http://localhost:5173",
                vec!["https://app.example.com", "http://localhost:5173"],
            ),
            ("https://a.example:443,http://a.example:80", vec!["https://a.example", "http://a.example"]),
            ("capacitor://localhost", vec!["capacitor://localhost"]),
            ("http://[::1]:8080", vec!["http://[::1]:8080"]),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Origins>().expect(text).texts(), expected);
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_what_would_be_right() {
        let cases = [
            "app.example.com",
            "https://*.example.com",
            "https://a.example/path",
            "https://a.example/?q",
            "https://ann@a.example",
            "*, https://a.example",
            "null",
            "https://",
            "https://a.example#b",
            "https://a.example:84430",
            "https://a.example:8o80",
        ];
        for text in cases {
            let refused = text.parse::<Origins>().expect_err(text);
            assert!(refused.to_string().contains("such as https://app.example.com"), "{refused}");
        }
    }
}

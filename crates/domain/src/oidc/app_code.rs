//! What a provider gives an app beside the ID token.

use std::fmt;

/// A code that an app got with an ID token, for the server to show the provider; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct AppCode {
    code: String,
    client: Option<String>,
}

/// The text can be no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an authorization code of 1 to {} printable ASCII characters", AppCode::MOST_CHARACTERS)]
pub struct InvalidAppCode;

impl AppCode {
    /// The longest that is shown to a provider.
    pub const MOST_CHARACTERS: usize = 2_048;

    /// A code that is of `client`, where the operator has more than one app.
    ///
    /// # Errors
    /// [`InvalidAppCode`] for what is empty, too long, or has other characters than RFC 6749 appendix A.11 allows.
    pub fn parse(code: String, client: Option<String>) -> Result<Self, InvalidAppCode> {
        let is_code =
            (1..=Self::MOST_CHARACTERS).contains(&code.len()) && code.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_code { Ok(Self { code, client }) } else { Err(InvalidAppCode) }
    }

    /// The code itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.code
    }

    /// The client id of the app, if it was said.
    #[must_use]
    pub fn client(&self) -> Option<&String> {
        self.client.as_ref()
    }
}

impl fmt::Debug for AppCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

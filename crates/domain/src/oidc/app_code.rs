//! What a provider gives an app beside the ID token.

use std::fmt;

/// A code that an app got with an ID token, for the server to show the provider; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct AppCode {
    code: String,
    client: Option<String>,
}

/// The texts can be no code and no client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAppCode {
    /// Of RFC 6749 appendix A.11.
    #[error("authorization_code: send 1 to {} printable ASCII characters", AppCode::MOST_CHARACTERS)]
    Code,
    /// Of RFC 6749 appendix A.1.
    #[error("client_id: send 1 to {} printable ASCII characters", AppCode::MOST_CLIENT_CHARACTERS)]
    Client,
}

impl AppCode {
    /// The longest code that is shown to a provider.
    pub const MOST_CHARACTERS: usize = 2_048;
    /// The longest client id.
    pub const MOST_CLIENT_CHARACTERS: usize = 512;

    /// A code that is of `client`, where the operator has more than one app.
    ///
    /// # Errors
    /// [`InvalidAppCode`] for what is empty, too long, or has other characters.
    pub fn parse(code: String, client: Option<String>) -> Result<Self, InvalidAppCode> {
        let is_printable =
            |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_printable(&code, Self::MOST_CHARACTERS) {
            return Err(InvalidAppCode::Code);
        }
        if client.as_ref().is_some_and(|client| !is_printable(client, Self::MOST_CLIENT_CHARACTERS)) {
            return Err(InvalidAppCode::Client);
        }
        Ok(Self { code, client })
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

//! Signing in at a provider in a browser: an authorization code with PKCE (RFC 7636), and what keeps it with the browser that
//! asked for it.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

use crate::{digest::Sha256, id::random_bytes};

/// Where the browser goes once somebody has signed in: a path of this server, or a URL that the front end has checked.
pub type ReturnTo = String;

/// A sign-in that was begun: kept by the browser alone, so that any of several servers ends it; prints as `[redacted]`.
///
/// It needs no signature: who puts another one into their own browser signs in as themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingLogin {
    verifier: String,
    nonce: String,
    return_to: ReturnTo,
}

/// The text is none that a browser was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sign-in that was begun")]
pub struct InvalidPendingLogin;

impl PendingLogin {
    /// Begins one; the provider is to repeat `nonce`.
    #[must_use]
    pub fn begin(nonce: String, return_to: ReturnTo) -> Self {
        Self { verifier: BASE64URL_NOPAD.encode(&random_bytes::<32>()), nonce, return_to }
    }

    /// Reads what [`Self::to_text`] has written.
    ///
    /// # Errors
    /// [`InvalidPendingLogin`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidPendingLogin> {
        let mut parts = text.split('.');
        let (Some(verifier), Some(nonce), Some(return_to), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidPendingLogin);
        };
        let return_to = BASE64URL_NOPAD.decode(return_to.as_bytes()).map_err(|_| InvalidPendingLogin)?;
        let return_to = String::from_utf8(return_to).map_err(|_| InvalidPendingLogin)?;
        let is_drawn = BASE64URL_NOPAD.decode(verifier.as_bytes()).is_ok_and(|bytes| bytes.len() == 32);
        if !is_drawn {
            return Err(InvalidPendingLogin);
        }
        Ok(Self { verifier: verifier.to_owned(), nonce: nonce.to_owned(), return_to })
    }

    /// For the browser to keep: letters, digits, `-`, `_` and `.`.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}.{}.{}", self.verifier, self.nonce, BASE64URL_NOPAD.encode(self.return_to.as_bytes()))
    }

    /// What the browser brings back, and no other does (RFC 6749 section 10.12).
    #[must_use]
    pub fn state(&self) -> String {
        BASE64URL_NOPAD.encode(&Sha256::of(format!("state {}", self.verifier).as_bytes()).0)
    }

    /// What the provider is told beforehand of the verifier (S256, RFC 7636 section 4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        BASE64URL_NOPAD.encode(&Sha256::of(self.verifier.as_bytes()).0)
    }

    /// What is shown to the provider with the code.
    #[must_use]
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// What its ID token is to repeat.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Where the browser goes then.
    #[must_use]
    pub fn return_to(&self) -> &str {
        &self.return_to
    }
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// What a provider is asked for (RFC 6749 section 4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Where it sends the browser back to.
    pub redirect_uri: String,
    /// What it sends along.
    pub state: String,
    /// What its ID token is to repeat.
    pub nonce: String,
    /// What the code is bound to.
    pub challenge: String,
    /// Whom the app expects, if it knows (OpenID Connect Core 1.0 section 3.1.2.1).
    pub login_hint: Option<String>,
}

/// A code that a provider has sent the browser back with, and what it is exchanged with (RFC 6749 section 4.1.3); prints as
/// `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The code.
    pub code: String,
    /// Of which the provider has the challenge.
    pub verifier: String,
    /// Where it has sent the browser back to.
    pub redirect_uri: String,
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_is_read_back_as_it_was_begun() {
        let begun = PendingLogin::begin("nonce-1".to_owned(), "/app?tab=1&x=é".to_owned());

        let text = begun.to_text();

        assert_eq!(PendingLogin::parse(&text), Ok(begun.clone()));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{text}");
        assert_eq!(format!("{begun:?}"), "[redacted]");
        for text in ["", "a.b.c", &text[1..], &format!("{text}.x"), "..", &text.replace('.', "")] {
            assert_eq!(PendingLogin::parse(text), Err(InvalidPendingLogin), "{text:?}");
        }
    }

    #[test]
    fn nothing_that_is_in_a_url_leads_to_the_verifier() {
        let [one, other] = [0, 1].map(|_| PendingLogin::begin(String::new(), String::new()));

        assert_ne!(one.verifier(), other.verifier());
        assert!(one.state() != one.challenge() && one.state() != other.state());
        // The example of RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let known = PendingLogin { verifier, ..one };
        assert_eq!(known.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}

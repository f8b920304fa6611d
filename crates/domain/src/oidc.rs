//! What an OpenID provider says of somebody (OpenID Connect Core 1.0), and what keeps it from being said twice.

mod app_code;
mod nonce;
mod web;

use std::fmt;

pub use self::{
    app_code::{AppCode, InvalidAppCode},
    nonce::{InvalidNonce, Nonce},
    web::{AuthorizationCode, AuthorizationRequest, InvalidPendingLogin, PendingLogin, ReturnTo},
};
use crate::digest::Sha256;

/// The text cannot be what a provider is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a provider is 1 to {} characters of a to z, 0 to 9 and -", ProviderName::MAX_BYTES)]
pub struct InvalidProviderName;

/// What the operator calls an OpenID provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(String);

impl ProviderName {
    /// The most bytes.
    pub const MAX_BYTES: usize = 32;

    /// Accepts what can stand in a path as it is.
    ///
    /// # Errors
    /// [`InvalidProviderName`].
    pub fn parse(text: &str) -> Result<Self, InvalidProviderName> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProviderName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An ID token that nobody has looked at yet; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct IdToken(String);

impl IdToken {
    /// The most bytes: providers send one or two thousand.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Accepts any text that is no longer than tokens are.
    ///
    /// # Errors
    /// [`IdTokenFlaw::Malformed`] otherwise.
    pub fn parse(text: String) -> Result<Self, IdTokenFlaw> {
        if text.len() <= Self::MAX_BYTES { Ok(Self(text)) } else { Err(IdTokenFlaw::Malformed) }
    }

    /// The token itself, for whoever checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// The issuer or the subject cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the issuer or the subject is empty or longer than {} bytes", OidcSubject::MAX_BYTES)]
pub struct InvalidSubject;

/// Somebody as their OpenID provider knows them: never another, unlike an email address (section 5.7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OidcSubject {
    issuer: String,
    subject: String,
}

impl OidcSubject {
    /// The most bytes of either (section 2).
    pub const MAX_BYTES: usize = 255;

    /// Accepts both as they are.
    ///
    /// # Errors
    /// [`InvalidSubject`] if one is empty or too long.
    pub fn parse(issuer: String, subject: String) -> Result<Self, InvalidSubject> {
        let is_fine = |text: &str| (1..=Self::MAX_BYTES).contains(&text.len());
        if is_fine(&issuer) && is_fine(&subject) { Ok(Self { issuer, subject }) } else { Err(InvalidSubject) }
    }

    /// The provider's own name: a URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who it is there.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// What an ID token says that is found to be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokenClaims {
    /// Who it is.
    pub subject: OidcSubject,
    /// What the app had asked the provider to repeat.
    pub nonce: Option<String>,
    /// The social network whose ids the provider's subjects are, where there is one.
    pub network: Option<String>,
    /// Tells the token from every other.
    pub digest: Sha256,
}

/// Why an ID token proves nothing. What it says of the token is what whoever holds it can read there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFlaw {
    /// It is no signed JWT of a usual size, or has a header nobody knows.
    #[error("it is not a signed JWT")]
    Malformed,
    /// It is signed in a way that this provider is not expected to sign.
    #[error("its algorithm (alg) is not one that this provider is expected to use")]
    Algorithm,
    /// The provider publishes no such key.
    #[error("its key (kid) is not one of the provider's")]
    Key,
    /// Not by that key.
    #[error("its signature is wrong")]
    Signature,
    /// Somebody else issued it.
    #[error("its issuer (iss) is not this provider")]
    Issuer,
    /// It was issued to another app.
    #[error("its audience (aud) or authorized party (azp) is not one of this server's")]
    Audience,
    /// Its time is over.
    #[error("it has expired (exp), or was issued (iat) more than ten minutes ago")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet (nbf, iat)")]
    NotYet,
    /// Of nobody.
    #[error("its subject (sub) is missing, or is another than the one it is sent for")]
    Subject,
    /// It was not asked for by whoever sends it.
    #[error(
        "its nonce is not the one that was sent with it, or that one was not issued here, was used, or has expired"
    )]
    Nonce,
    /// The provider gives no token for the code that the browser has brought.
    #[error("the provider does not accept the authorization code")]
    Code,
    /// It was accepted already.
    #[error("it has been used")]
    Used,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_called_what_can_stand_in_a_path() {
        for name in ["google", "my-idp-2", "x"] {
            assert_eq!(ProviderName::parse(name).expect("a name").as_str(), name);
        }
        for name in ["", "Google", "a/b", "a_b", "a.b", "é", &"x".repeat(33)] {
            assert_eq!(ProviderName::parse(name), Err(InvalidProviderName), "{name:?}");
        }
    }

    #[test]
    fn a_token_does_not_print_and_a_giant_is_none() {
        let token = IdToken::parse("eyJ.secret".to_owned()).expect("a token");
        assert_eq!(format!("{token:?}"), "[redacted]");
        assert_eq!(IdToken::parse("x".repeat(IdToken::MAX_BYTES + 1)), Err(IdTokenFlaw::Malformed));
    }

    #[test]
    fn nobody_is_nobodys_subject() {
        let parse = |issuer: &str, subject: &str| OidcSubject::parse(issuer.into(), subject.into());
        assert!(parse("https://id.example.com", "1").is_ok());
        for (issuer, subject) in
            [("", "1"), ("https://id.example.com", ""), ("https://id.example.com", &"1".repeat(256))]
        {
            assert_eq!(parse(issuer, subject), Err(InvalidSubject));
        }
    }
}

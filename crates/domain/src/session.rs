//! Sessions and the tokens that open them.

use std::fmt;

use crate::{
    digest::Sha256,
    id::{SessionId, UserId, random_bytes},
    time::Timestamp,
};

/// One signed-in device or app of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its public name.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What called itself so when it signed in, cut to 200 characters; empty if nothing did.
    pub client: String,
    /// When it began.
    pub created_at: Timestamp,
    /// About when it was last used.
    pub last_used_at: Timestamp,
    /// When it ends if it is not used again.
    pub expires_at: Timestamp,
    /// When it ends however much it is used.
    pub ends_at: Timestamp,
}

/// Some sessions of a user, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The last begun first.
    pub items: Vec<Session>,
    /// After which there was more when this page was read.
    pub next: Option<SessionId>,
}

/// What is kept of a token: enough to recognise it, too little to use it. Prints as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub Sha256);

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// The text cannot be a token this server gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token")]
pub struct InvalidToken;

/// An opaque bearer token; prints as `[redacted]`.
///
/// `tb_`, 32 random base 62 digits (190 bits) and 6 digits of CRC-32, so that leaks can be searched
/// for and typing errors cost no look-up; `tba_` where it is an API token. The seed's clients expect 64 letters and
/// digits instead: theirs have 58 random digits and no prefix.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

/// How a token looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenForm {
    /// `tb_` and 38 letters and digits.
    Prefixed,
    /// `tba_` and 38 letters and digits: an API token.
    Api,
    /// 64 letters and digits.
    Seed,
}

const PREFIX: &str = "tb_";
const API_PREFIX: &str = "tba_";
const CHECKSUM_DIGITS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl TokenForm {
    const fn parts(self) -> (&'static str, usize) {
        match self {
            Self::Prefixed => (PREFIX, 32),
            Self::Api => (API_PREFIX, 32),
            Self::Seed => ("", 58),
        }
    }

    const fn length(self) -> usize {
        let (prefix, random) = self.parts();
        prefix.len() + random + CHECKSUM_DIGITS
    }
}

impl SessionToken {
    /// Draws a fresh token.
    #[must_use]
    pub fn generate(form: TokenForm) -> Self {
        let (prefix, random) = form.parts();
        let mut text = prefix.to_owned();
        while text.len() < prefix.len() + random {
            // 248 is the largest multiple of 62 in a byte: beyond it the remainder would favour some digits.
            let byte = random_bytes::<1>()[0];
            if byte < 248 {
                text.push(digit(byte.into()));
            }
        }
        let checksum = checksum(&text);
        Self(text + &checksum)
    }

    /// Which form a text would have.
    fn form(text: &str) -> TokenForm {
        let of_prefix = [TokenForm::Prefixed, TokenForm::Api].into_iter().find(|form| text.starts_with(form.parts().0));
        of_prefix.unwrap_or(TokenForm::Seed)
    }

    /// Whether it is an API token, and opens no session.
    #[must_use]
    pub fn is_of_api(&self) -> bool {
        Self::form(&self.0) == TokenForm::Api
    }

    /// Reads a token somebody presents.
    ///
    /// # Errors
    /// [`InvalidToken`] if it has neither form or its checksum is off.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let form = Self::form(text);
        let (prefix, _) = form.parts();
        let is_formed = text.len() == form.length() && text[prefix.len()..].bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_formed {
            return Err(InvalidToken);
        }
        let (body, sum) = text.split_at(text.len() - CHECKSUM_DIGITS);
        if checksum(body) == sum { Ok(Self(text.to_owned())) } else { Err(InvalidToken) }
    }

    /// What a store keeps of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::of(self.0.as_bytes()))
    }

    /// The secret itself, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [' '; CHECKSUM_DIGITS];
    for place in digits.iter_mut().rev() {
        *place = digit(rest % 62);
        rest /= 62;
    }
    digits.iter().collect()
}

fn digit(value: u32) -> char {
    char::from(DIGITS[(value % 62) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_in_both_forms() {
        for (form, length) in [(TokenForm::Prefixed, 41), (TokenForm::Api, 42), (TokenForm::Seed, 64)] {
            let token = SessionToken::generate(form);
            assert_eq!((token.expose().len(), token.is_of_api()), (length, form == TokenForm::Api));
            assert_eq!(SessionToken::parse(token.expose()), Ok(token.clone()));
            assert_ne!(SessionToken::generate(form), token);
        }
    }

    #[test]
    fn a_typing_error_is_no_token() {
        let token = SessionToken::generate(TokenForm::Prefixed);
        let swapped = token.expose().replacen(|c: char| c.is_ascii_digit(), "_", 1);
        for text in ["", "tb_", &token.expose()[..40], &token.expose().to_lowercase(), &swapped, "가나다라마"] {
            assert_eq!(SessionToken::parse(text), Err(InvalidToken));
        }
    }

    #[test]
    fn a_token_does_not_print() {
        let token = SessionToken::generate(TokenForm::Seed);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "[redacted] [redacted]");
    }
}

//! Email addresses, compared as people and mail servers compare them.

use std::hash::{Hash, Hasher};

use icu_properties::{
    CodePointSetData,
    props::{BidiControl, DefaultIgnorableCodePoint},
};
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization as _;

/// The text is not an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an email address")]
pub struct InvalidEmail;

/// An email address, written so that nothing people take for the same address makes two accounts.
#[derive(Debug, Clone, Eq)]
pub struct Email {
    address: String,
    /// What was made of it before letter case was folded in full, where that was another text.
    former: Option<Box<str>>,
}

impl Email {
    /// The most bytes (RFC 5321 section 4.5.3.1.3, less the angle brackets).
    const MAX_BYTES: usize = 254;

    /// Checks the outer form only: whether mail arrives is not something a syntax can tell.
    ///
    /// White space around it goes; the part before the `@` is folded in full (Unicode 17 section 3.13, D145), the domain is
    /// mapped by UTS 46 and written in Unicode, whichever way it was typed.
    ///
    /// # Errors
    /// [`InvalidEmail`] without exactly one `@` between two parts, with white space, characters that are not seen or
    /// turn the order of others around, with a domain that can be none, or past 254 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let former = only_in_lower_case(text)?;
        let (local, domain) = former.split_once('@').ok_or(InvalidEmail)?;
        let address = format!("{}@{}", fold(local), unicode_domain(domain)?);
        if address.chars().any(is_deceptive) || address.len() > Self::MAX_BYTES {
            return Err(InvalidEmail);
        }
        let former = (former != address).then(|| former.into_boxed_str());
        Ok(Self { address, former })
    }

    /// Reads an address that may be somebody's: also one that could be given to nobody today, and was before.
    ///
    /// # Errors
    /// [`InvalidEmail`] if it was never one.
    pub fn parse_known(text: &str) -> Result<Self, InvalidEmail> {
        Self::parse(text).or_else(|_| Ok(Self { address: only_in_lower_case(text.trim())?, former: None }))
    }

    /// The address as a store has kept it: under the very text it was filed under, whatever would be made of it today.
    ///
    /// # Errors
    /// [`InvalidEmail`] if it was never one.
    pub fn from_stored(text: &str) -> Result<Self, InvalidEmail> {
        only_in_lower_case(text).map(|_| Self { address: text.to_owned(), former: None })
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The address as every mail server takes it, as far as that can be: with the domain in ASCII (RFC 5890, A-labels).
    #[must_use]
    pub fn in_ascii_domain(&self) -> String {
        let ascii = self
            .address
            .rsplit_once('@')
            .and_then(|(local, domain)| idna::domain_to_ascii(domain).ok().map(|domain| format!("{local}@{domain}")));
        ascii.unwrap_or_else(|| self.address.clone())
    }

    /// The address as it was filed before letter case was folded in full, if that was another text.
    #[must_use]
    pub fn former(&self) -> Option<Self> {
        self.former.as_deref().map(|former| Self { address: former.to_owned(), former: None })
    }
}

/// By the address alone.
impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

/// What all addresses were before, and all that are kept still are.
fn only_in_lower_case(text: &str) -> Result<String, InvalidEmail> {
    let has_form = text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
    });
    let is_clean = !text.chars().any(|char| char.is_whitespace() || char.is_control());
    let email = text.nfc().collect::<String>().to_lowercase();
    if has_form && is_clean && email.len() <= Email::MAX_BYTES { Ok(email) } else { Err(InvalidEmail) }
}

/// `Straße` and `STRASSE` are the same.
fn fold(local: &str) -> String {
    UniCase::unicode(local.nfd().collect::<String>()).to_folded_case().nfc().collect()
}

/// `bücher.example`, also of `xn--bcher-kva.example`.
fn unicode_domain(domain: &str) -> Result<String, InvalidEmail> {
    let ascii = idna::domain_to_ascii(domain).map_err(|_| InvalidEmail)?;
    let (unicode, valid) = idna::domain_to_unicode(ascii.strip_suffix('.').unwrap_or(&ascii));
    valid.map_err(|_| InvalidEmail)?;
    if unicode.split('.').any(str::is_empty) { Err(InvalidEmail) } else { Ok(unicode) }
}

/// Whether an address with it looks like another one.
fn is_deceptive(char: char) -> bool {
    let is_unseen = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char);
    is_unseen || CodePointSetData::new::<BidiControl>().contains(char) || char.is_whitespace() || char.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_address_to_people_is_the_same() {
        for (typed, same) in [
            ("Ann@Example.COM", "ann@example.com"),
            ("  ann@example.com\n", "ann@example.com"),
            ("Straße@example.com", "STRASSE@example.com"),
            ("ΟΔΟΣ@example.com", "οδος@example.com"),
            ("οδοσ@example.com", "οδος@example.com"),
            ("ﬁ@example.com", "fi@example.com"),
            ("ann\u{212a}@example.com", "annk@example.com"),
            ("e\u{301}@example.com", "É@example.com"),
            ("ann@Bücher.example", "ann@xn--bcher-kva.example"),
            ("ann@ｅｘａｍｐｌｅ.com", "ann@example.com"),
            ("ann@example。com", "ann@example.com"),
            ("ann@example.com.", "ann@example.com"),
        ] {
            let both = (Email::parse(typed), Email::parse(same));
            assert!(both.0.is_ok() && both.0 == both.1, "{both:?}");
        }
        assert_eq!(
            Email::parse("ann@xn--bcher-kva.example").map(|email| email.address),
            Ok("ann@bücher.example".into())
        );
        assert_ne!(Email::parse("ann+1@example.com"), Email::parse("ann@example.com"));
    }

    #[test]
    fn mail_goes_to_a_domain_in_ascii() {
        for (address, ascii) in
            [("ann@example.com", "ann@example.com"), ("ann@Bücher.example", "ann@xn--bcher-kva.example")]
        {
            assert_eq!(Email::parse(address).expect("an address").in_ascii_domain(), ascii);
        }
    }

    #[test]
    fn what_is_no_address_or_looks_like_another_is_refused() {
        let texts = [
            "",
            "ann",
            "@example.com",
            "ann@",
            "a@b@c",
            "a nn@example.com",
            "ann@exa\nmple.com",
            "a@.com",
            "a@.",
            "a@b..",
            "a@b..com",
        ];
        let unseen =
            ["an\u{200b}n@example.com", "an\u{ad}n@example.com", "an\u{3164}n@example.com", "an\u{feff}n@x.com"];
        let turning = ["\u{202e}nna@example.com", "ann\u{200f}@example.com", "ann\u{2066}@example.com"];
        let domains = ["ann@xn--a.example", "ann@a\u{202e}b.example", "ann@xn--zca\u{301}.example"];
        for text in texts.iter().chain(&unseen).chain(&turning).chain(&domains) {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@example.com", "x".repeat(242))).is_ok());
        assert_eq!(Email::parse(&format!("{}@example.com", "x".repeat(243))), Err(InvalidEmail));
        // Shorter as typed than as it is kept.
        assert_eq!(Email::parse(&format!("{}@x.com", "ŉ".repeat(120))), Err(InvalidEmail));
    }

    #[test]
    fn what_is_kept_is_not_made_another_when_it_is_read() {
        for text in ["J\u{30c}@example.com", "Straße@example.com", "ann@xn--bcher-kva.example"] {
            let typed = Email::parse(text).expect("an address");
            let kept = Email::from_stored(typed.as_str()).expect("an address");
            assert_eq!(kept, typed);
            // Nor when somebody types what they are shown.
            assert_eq!(Email::parse(kept.as_str()), Ok(typed));
        }
        let unseen = Email::parse_known(" An\u{200b}n@Example.com").expect("an address that was taken before");
        assert_eq!(Ok(unseen), Email::from_stored("an\u{200b}n@example.com"));
        assert_eq!(Email::parse_known("Straße@example.com"), Email::parse("Straße@example.com"));
        assert_eq!(Email::parse_known("ann"), Err(InvalidEmail));
        let before = Email::parse("Straße@example.com").expect("an address").former().expect("another");
        assert_eq!((before.as_str(), before.former()), ("straße@example.com", None));
        assert_eq!(Email::parse("Ann@Example.com").expect("an address").former(), None);
    }
}

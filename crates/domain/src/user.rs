//! Users and what proves who they are.

use std::{borrow::Cow, fmt};

use unicode_normalization::UnicodeNormalization as _;

pub use crate::email::{Email, InvalidEmail};
use crate::{
    id::{IdentityId, UserId},
    oidc::{InvalidSubject, OidcSubject},
    page::Limit,
    time::Timestamp,
};

/// Someone who has recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The server's name for them.
    pub id: UserId,
    /// What they sign in with: at least one, in the order in which they were linked; none once they are being erased.
    pub identities: Vec<LinkedIdentity>,
    /// When they signed up.
    pub created_at: Timestamp,
    /// Since when the operator lets them in no more, if so.
    pub disabled_at: Option<Timestamp>,
    /// From when on all that is theirs is removed, if they want that; they are let in no more.
    pub erase_at: Option<Timestamp>,
}

impl User {
    /// The most identities of one user.
    pub const MOST_IDENTITIES: usize = 20;

    /// Somebody who signs up with this identity, and has no other yet.
    #[must_use]
    pub fn new(id: UserId, identity: Identity, created_at: Timestamp) -> Self {
        let linked = LinkedIdentity::new(IdentityId::generate(created_at), identity, created_at);
        Self { id, identities: vec![linked], created_at, disabled_at: None, erase_at: None }
    }

    /// Whether they have an identity.
    #[must_use]
    pub fn has(&self, identity: &Identity) -> bool {
        self.identities.iter().any(|linked| linked.identity == *identity)
    }

    /// The identities that the same user has not got in `other`.
    pub fn identities_beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a LinkedIdentity> {
        self.identities.iter().filter(|linked| !other.has(&linked.identity))
    }

    /// The email address that was linked first.
    #[must_use]
    pub fn email(&self) -> Option<&Email> {
        self.identities.iter().find_map(|linked| match &linked.identity {
            Identity::Email(email) => Some(email),
            Identity::Oidc(_) | Identity::Social(_) => None,
        })
    }

    /// Whether it is known that they read the mail of an address.
    #[must_use]
    pub fn reads(&self, email: &Email) -> bool {
        self.identities.iter().any(|linked| linked.verified_at.is_some() && linked.identity.is_email(email))
    }

    /// Notes that they read the mail of an address, if they have it and that is not known yet.
    pub fn verify(&mut self, email: &Email, now: Timestamp) {
        for linked in self.identities.iter_mut().filter(|linked| linked.identity.is_email(email)) {
            linked.verified_at.get_or_insert(now);
        }
    }

    /// The social id that was linked first.
    #[must_use]
    pub fn social_id(&self) -> Option<&SocialId> {
        self.identities.iter().find_map(|linked| match &linked.identity {
            Identity::Social(social) => Some(social),
            Identity::Email(_) | Identity::Oidc(_) => None,
        })
    }

    /// Since when they have had an identity that they prove when they sign in with it, if so: a social id proves nothing.
    #[must_use]
    pub fn proved_since(&self) -> Option<Timestamp> {
        self.identities.iter().filter(|linked| linked.identity.is_proof()).map(|linked| linked.linked_at).min()
    }

    /// Whether a social id let others in as this user before anything was proved, and what began by it may go on: it has not
    /// been linked anew since.
    #[must_use]
    pub fn has_unproved(&self) -> bool {
        let mut social = self.identities.iter().filter(|linked| !linked.identity.is_proof());
        self.proved_since().is_some_and(|since| social.any(|linked| linked.linked_at < since))
    }

    /// Whether an identity lets somebody in as this user: a social id alone only where nothing else was ever proved.
    #[must_use]
    pub fn lets_in(&self, identity: &Identity) -> bool {
        self.has(identity) && (identity.is_proof() || self.proved_since().is_none())
    }
}

/// Some of all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPage {
    /// The last that signed up first.
    pub items: Vec<User>,
    /// What the next page is after, if there is one.
    pub next: Option<UserId>,
}

impl UserPage {
    /// The first of these, of which there is one more than the limit at least where there is another page.
    #[must_use]
    pub fn first_of(mut items: Vec<User>, limit: Limit) -> Self {
        let has_more = limit.cut(&mut items);
        Self { next: items.last().map(|last| last.id).filter(|_| has_more), items }
    }
}

/// An identity that a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Its public name.
    pub id: IdentityId,
    /// What they sign in with.
    pub identity: Identity,
    /// Since when.
    pub linked_at: Timestamp,
    /// Since when it is known that the user reads the mail of this address, if it is one and that is known.
    pub verified_at: Option<Timestamp>,
}

impl LinkedIdentity {
    /// Of an address of which nobody knows yet who reads its mail.
    #[must_use]
    pub fn new(id: IdentityId, identity: Identity, linked_at: Timestamp) -> Self {
        Self { id, identity, linked_at, verified_at: None }
    }
}

/// What a user signs in with; belongs to one user at most.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// An email address, proved by a password.
    Email(Email),
    /// An account at an OpenID provider, proved by its ID token.
    Oidc(OidcSubject),
    /// An id at a social network, as the seed's clients send it.
    Social(SocialId),
}

/// The two texts are no identity's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// There is no network, and no email address either.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
    /// There is an issuer, and nobody it could know.
    #[error(transparent)]
    Oidc(#[from] InvalidSubject),
    /// There is a network, and nobody it could know.
    #[error(transparent)]
    Social(#[from] InvalidSocialId),
}

/// What an issuer begins with where a network could stand, whose name has no underscore.
const OIDC: &str = "oidc_";

impl Identity {
    /// Whether whoever signs in with it proves who they are: anybody may know a social id.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        match self {
            Self::Email(_) | Self::Oidc(_) => true,
            Self::Social(_) => false,
        }
    }

    /// Whether it is this address.
    #[must_use]
    pub fn is_email(&self, email: &Email) -> bool {
        matches!(self, Self::Email(own) if own == email)
    }

    /// The two texts a store files it under, which no other identity has: a network, which is empty for an email address,
    /// and who it is there.
    #[must_use]
    pub fn network_and_subject(&self) -> (Cow<'_, str>, &str) {
        match self {
            Self::Email(email) => ("".into(), email.as_str()),
            Self::Oidc(subject) => (format!("{OIDC}{}", subject.issuer()).into(), subject.subject()),
            Self::Social(social) => (social.network().into(), social.id()),
        }
    }

    /// Reads what [`Self::network_and_subject`] has told.
    ///
    /// # Errors
    /// [`InvalidIdentity`] for anything else.
    pub fn from_stored(network: &str, subject: &str) -> Result<Self, InvalidIdentity> {
        if network.is_empty() {
            Ok(Self::Email(Email::from_stored(subject)?))
        } else if let Some(issuer) = network.strip_prefix(OIDC) {
            Ok(Self::Oidc(OidcSubject::parse(issuer.to_owned(), subject.to_owned())?))
        } else {
            Ok(Self::Social(SocialId::parse(network.to_owned(), subject.to_owned())?))
        }
    }
}

/// A user together with what their password is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who it is.
    pub user: User,
    /// Absent where there is no password to check.
    pub password: Option<PasswordHash>,
}

/// Why a social id is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSocialId {
    /// The network or the id is missing.
    #[error("the social id or its network is empty")]
    Empty,
    /// An underscore joins network and id on the wire, so a network's name cannot have one.
    #[error("the network's name has an underscore")]
    Underscore,
    /// Longer than any network makes them.
    #[error("the social id or its network is longer than {} bytes", SocialId::MAX_BYTES)]
    TooLong,
}

/// A user's id at a social network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SocialId {
    network: String,
    id: String,
}

impl SocialId {
    /// The most bytes of either part.
    pub const MAX_BYTES: usize = 255;

    /// Accepts both parts as they are.
    ///
    /// # Errors
    /// [`InvalidSocialId`] if a part is empty or too long, or the network has an underscore.
    pub fn parse(network: String, id: String) -> Result<Self, InvalidSocialId> {
        if network.is_empty() || id.is_empty() {
            return Err(InvalidSocialId::Empty);
        }
        if network.contains('_') {
            return Err(InvalidSocialId::Underscore);
        }
        if network.len() > Self::MAX_BYTES || id.len() > Self::MAX_BYTES {
            return Err(InvalidSocialId::TooLong);
        }
        Ok(Self { network, id })
    }

    /// The network's name.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The user's id there.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Too easy to guess.
    #[error("the password is shorter than {} characters", Password::MIN_CHARACTERS)]
    TooShort,
    /// Longer than anybody types.
    #[error("the password is longer than {} bytes", Password::MAX_BYTES)]
    TooLong,
}

/// A password on its way to being hashed; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The fewest characters (OWASP ASVS 5.0, 6.2.1).
    pub const MIN_CHARACTERS: usize = 8;
    /// The most bytes.
    pub const MAX_BYTES: usize = 1_024;

    /// Accepts any characters, composed to NFC so that every keyboard yields the same password.
    ///
    /// # Errors
    /// [`InvalidPassword`] if it is too short or too long.
    pub fn parse(text: &str) -> Result<Self, InvalidPassword> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidPassword::TooLong);
        }
        let password: String = text.nfc().collect();
        if password.chars().count() < Self::MIN_CHARACTERS {
            return Err(InvalidPassword::TooShort);
        }
        Ok(Self(password))
    }

    /// The secret itself, for the hasher.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// A password hash in PHC string format, for the hasher that made it; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string.
    #[must_use]
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_social_accounts_never_share_a_name() {
        let parse = |network: &str, id: &str| SocialId::parse(network.into(), id.into());
        assert!(parse("X", "1_2").is_ok());
        assert_eq!(parse("X_1", "2"), Err(InvalidSocialId::Underscore));
        assert_eq!(parse("", "2"), Err(InvalidSocialId::Empty));
        assert_eq!(parse("X", ""), Err(InvalidSocialId::Empty));
        assert_eq!(parse("X", &"1".repeat(256)), Err(InvalidSocialId::TooLong));
    }

    #[test]
    fn an_identity_is_read_back_from_what_it_is_filed_under() {
        let identities = [
            Identity::Email(Email::parse("ann@example.com").expect("an address")),
            Identity::Oidc(OidcSubject::parse("https://id.example.com".into(), "ann".into()).expect("a subject")),
            Identity::Social(SocialId::parse("oidc".into(), "ann".into()).expect("a social id")),
        ];
        for identity in &identities {
            let (network, subject) = identity.network_and_subject();
            assert_eq!(Identity::from_stored(&network, subject).as_ref(), Ok(identity));
        }
        for (network, subject) in [("", "ann"), ("oidc_", "ann"), ("oidc_https://id.example.com", ""), ("a_b", "ann")] {
            assert!(Identity::from_stored(network, subject).is_err(), "{network:?} {subject:?}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let password = Password::parse("correct horse").expect("long enough");
        assert_eq!(format!("{password:?} {:?}", PasswordHash::new("$argon2id$".into())), "[redacted] [redacted]");
    }

    #[test]
    fn a_password_is_the_same_from_every_keyboard() {
        let decomposed: String = "비밀번호는여덟자".nfd().collect();
        assert_eq!(Password::parse(&decomposed), Password::parse("비밀번호는여덟자"));
        assert_eq!(Password::parse("비밀번호"), Err(InvalidPassword::TooShort));
        assert_eq!(Password::parse(&"x".repeat(1_025)), Err(InvalidPassword::TooLong));
    }
}

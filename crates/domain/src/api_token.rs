//! Tokens for programs, and for uploads that outlive a session: with less than all rights, and an end.

use crate::{
    id::{ApiTokenId, RecordingId, UserId},
    time::Timestamp,
};

/// A right to do something with a user's recordings, or with the accounts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// List, look at and play them, and learn what has changed.
    Read,
    /// Upload.
    Upload,
    /// Rename and delete them, and everything else that those are for.
    Full,
    /// Look after the accounts of all users: an operator's right, which no other includes, and which includes no other.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Upload, Self::Full, Self::Admin];

    /// Its name, in answers, requests and stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Full => "full",
            Self::Admin => "admin",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Upload => 2,
            Self::Full => 4,
            Self::Admin => 8,
        }
    }
}

/// The scopes of a token, of which there is one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

/// There is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token needs a scope")]
pub struct NoScope;

impl Scopes {
    /// These scopes.
    ///
    /// # Errors
    /// [`NoScope`] if there is none.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, NoScope> {
        match scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) {
            0 => Err(NoScope),
            bits => Ok(Self(bits)),
        }
    }

    /// Whether they have this right.
    #[must_use]
    pub const fn allow(self, scope: Scope) -> bool {
        let enough = match scope {
            Scope::Read | Scope::Upload | Scope::Full => scope.bit() | Scope::Full.bit(),
            Scope::Admin => scope.bit(),
        };
        self.0 & enough != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// As text, for stores: their names, joined by spaces (as in RFC 6749 section 3.3).
    #[must_use]
    pub fn to_text(self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Self::to_text`] has written.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::of(text.split(' ').map(Scope::parse).collect::<Option<Vec<_>>>()?).ok()
    }
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its public name.
    pub id: ApiTokenId,
    /// Whose it is.
    pub user: UserId,
    /// What the user calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The one recording that it may upload, if it is for one.
    pub recording: Option<RecordingId>,
    /// Since when there is one.
    pub created_at: Timestamp,
    /// About when it was last used, if it was.
    pub last_used_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl ApiToken {
    /// The most that a user may have.
    pub const MOST: usize = 100;
    /// The longest name, in characters.
    pub const NAME_CHARACTERS: usize = 200;

    /// A token's name as it is kept, if it can be one.
    #[must_use]
    pub fn name_of(text: &str) -> Option<String> {
        let name = text.trim();
        (!name.is_empty() && name.chars().count() <= Self::NAME_CHARACTERS).then(|| name.to_owned())
    }

    /// Whether it gives this right, to this recording if there is one that matters: a token for one recording does not to
    /// any other, nor to one whose id the server would choose.
    #[must_use]
    pub fn allows(&self, scope: Scope, recording: Option<&RecordingId>) -> bool {
        self.scopes.allow(scope) && self.recording.as_ref().is_none_or(|own| recording == Some(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_allows_what_it_says_and_full_all_that_a_user_may() {
        let scopes = |text: &str| Scopes::from_text(text).expect("scopes");
        for (text, allowed) in [
            ("read", [true, false, false, false]),
            ("upload", [false, true, false, false]),
            ("read upload", [true, true, false, false]),
            ("full", [true, true, true, false]),
            ("admin", [false, false, false, true]),
            ("read admin", [true, false, false, true]),
        ] {
            assert_eq!(Scope::ALL.map(|scope| scopes(text).allow(scope)), allowed, "{text}");
            assert_eq!(scopes(text).to_text(), text);
        }
        for text in ["", "root", "read  upload", "read,upload", "Read"] {
            assert_eq!(Scopes::from_text(text), None, "{text:?}");
        }
        assert_eq!(Scopes::of([]), Err(NoScope));
    }

    #[test]
    fn a_token_for_one_recording_is_for_no_other() {
        let now = Timestamp::default();
        let [own, other] = [(); 2].map(|()| RecordingId::generate(now));
        let token = ApiToken {
            id: ApiTokenId::generate(now),
            user: UserId::generate(now),
            name: String::new(),
            scopes: Scopes::of([Scope::Upload]).expect("one"),
            recording: Some(own.clone()),
            created_at: now,
            last_used_at: None,
            expires_at: now,
        };

        assert!(token.allows(Scope::Upload, Some(&own)));
        assert!(!token.allows(Scope::Upload, Some(&other)) && !token.allows(Scope::Upload, None));
        assert!(!token.allows(Scope::Read, Some(&own)));
        assert!(ApiToken { recording: None, ..token }.allows(Scope::Upload, None));
    }
}

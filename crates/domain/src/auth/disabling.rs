//! Letting somebody in no more, and again: the operator's way.

use std::str::FromStr;

use super::{Auth, AuthError};
use crate::{
    id::UserId,
    page::Limit,
    user::{Account, Email, User, UserPage},
};

/// How the operator names a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserName {
    /// By their id.
    Id(UserId),
    /// By one of their email addresses.
    Email(Email),
}

/// The text names no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a user's id nor an email address")]
pub struct InvalidUserName;

impl FromStr for UserName {
    type Err = InvalidUserName;

    fn from_str(text: &str) -> Result<Self, InvalidUserName> {
        match UserId::parse(text) {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => Email::parse_known(text).map(Self::Email).map_err(|_| InvalidUserName),
        }
    }
}

impl Auth {
    /// Looks a user up.
    ///
    /// # Errors
    /// A failing port.
    pub async fn look_up(&self, name: &UserName) -> Result<Option<Account>, AuthError> {
        Ok(match name {
            UserName::Id(id) => self.users.account(*id).await?,
            UserName::Email(email) => self.find_by_email(email.clone()).await?.1,
        })
    }

    /// Some of all users, the last that signed up first, after the last of another page.
    ///
    /// # Errors
    /// A failing port.
    pub async fn users(&self, after: Option<UserId>, limit: Limit) -> Result<UserPage, AuthError> {
        Ok(self.users.users(after, limit).await?)
    }

    /// Lets a user in no more, and ends all their sessions, API tokens and links; `false` if there is no such user. What
    /// they have stays. If it fails half-way, do it again.
    ///
    /// # Errors
    /// A failing port.
    pub async fn disable(&self, name: &UserName) -> Result<bool, AuthError> {
        let now = self.clock.now();
        let disable = |user: &mut User| {
            user.disabled_at.get_or_insert(now);
            Ok(())
        };
        let Some(user) = self.change_user(name, disable).await? else { return Ok(false) };
        self.end_access(user).await?;
        Ok(true)
    }

    /// Lets a disabled user in again; `false` if there is no such user. Who has left stays away.
    ///
    /// # Errors
    /// [`AuthError::BeingErased`] if nothing is left to let in, or a failing port.
    pub async fn enable(&self, name: &UserName) -> Result<bool, AuthError> {
        let enable = |user: &mut User| {
            user.disabled_at = None;
            require_identity(user)
        };
        Ok(self.change_user(name, enable).await?.is_some())
    }

    /// Takes back that a user has left, while they are not erased yet; `false` if there is no such user.
    ///
    /// # Errors
    /// [`AuthError::BeingErased`] if it is too late, or a failing port.
    pub async fn restore(&self, name: &UserName) -> Result<bool, AuthError> {
        let restore = |user: &mut User| {
            user.erase_at = None;
            require_identity(user)
        };
        Ok(self.change_user(name, restore).await?.is_some())
    }

    /// Ends all sessions and links of a user; `false` if there is no such user.
    ///
    /// # Errors
    /// A failing port.
    pub async fn sign_out(&self, name: &UserName) -> Result<bool, AuthError> {
        let Some(account) = self.look_up(name).await? else { return Ok(false) };
        self.users.close_sessions(account.user.id).await?;
        Ok(true)
    }

    /// Who it is, if there is such a user; whoever has the address a moment later is somebody else.
    async fn change_user(
        &self,
        name: &UserName,
        change: impl Fn(&mut User) -> Result<(), AuthError>,
    ) -> Result<Option<UserId>, AuthError> {
        let mut found = self.look_up(name).await?;
        while let Some(from) = found {
            let (user, mut to) = (from.user.id, from.clone());
            change(&mut to.user)?;
            if to == from || self.update(from, to).await? {
                return Ok(Some(user));
            }
            // By whoever uses the account at this moment.
            found = self.users.account(user).await?;
        }
        Ok(None)
    }
}

/// Who has nothing left to sign in with is as good as gone.
pub(super) fn require_identity(user: &User) -> Result<(), AuthError> {
    if user.identities.is_empty() { Err(AuthError::BeingErased) } else { Ok(()) }
}
